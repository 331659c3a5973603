//! What features may read of a company beside a customer's own attributes.

use huan_proto::{profile::v1 as pb, types::v1::value::Kind};

use crate::industry;

/// The attribute of this name that a company gives its customer; none if it has none. Sections, divisions and groups
/// follow from the industry's code, whether the company or an attribute names it.
pub fn attribute(name: &str, customer: &pb::Customer) -> Option<Kind> {
    let company = customer.company.as_ref();
    match name {
        "industry_code" => industry_code(customer).map(|code| Kind::Text(code.to_owned())),
        "industry_section" => above(customer, 1),
        "industry_division" => above(customer, 2),
        "industry_group" => above(customer, 3),
        "registered_capital_minor" => number(company?.registered_capital_minor? as f64),
        "annual_revenue_minor" => number(company?.annual_revenue_minor? as f64),
        "employee_count" => number(f64::from(company?.employee_count?)),
        "declared_main_bank" => text(&company?.declared_main_bank),
        _ => None,
    }
}

fn industry_code(customer: &pb::Customer) -> Option<&str> {
    let declared = customer.company.as_ref().map(|company| company.industry_code.as_str());
    declared.filter(|code| !code.is_empty()).or_else(|| {
        match customer.attributes.get("industry_code").and_then(|value| value.kind.as_ref()) {
            Some(Kind::Text(code)) => Some(code),
            _ => None,
        }
    })
}

fn above(customer: &pb::Customer, level: u8) -> Option<Kind> {
    let industry = industry::find(industry_code(customer)?)?;
    industry::at_level(industry, level).map(|above| Kind::Text(above.code.to_owned()))
}

fn number(number: f64) -> Option<Kind> {
    Some(Kind::Number(number))
}

fn text(text: &str) -> Option<Kind> {
    (!text.is_empty()).then(|| Kind::Text(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_industrys_section_is_read_from_the_company_or_an_attribute() {
        let code = huan_proto::types::v1::Value { kind: Some(Kind::Text("0111".into())) };
        let mut customer = pb::Customer::default();
        assert_eq!(attribute("industry_section", &customer), None);
        customer.attributes.insert("industry_code".into(), code);
        assert_eq!(attribute("industry_section", &customer), Some(Kind::Text("A".into())));
        let company = pb::Company { industry_code: "3491".into(), employee_count: Some(0), ..Default::default() };
        customer.company = Some(company);
        assert_eq!(attribute("industry_section", &customer), Some(Kind::Text("C".into())));
        assert_eq!(attribute("industry_division", &customer), Some(Kind::Text("34".into())));
        assert_eq!(attribute("industry_group", &customer), Some(Kind::Text("349".into())));
        assert_eq!(attribute("employee_count", &customer), Some(Kind::Number(0.0)));
        assert_eq!(attribute("annual_revenue_minor", &customer), None, "what is not said is missing");
        assert_eq!(attribute("declared_main_bank", &customer), None);
    }
}
