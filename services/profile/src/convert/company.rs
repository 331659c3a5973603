//! What is known of companies between wire and disk.

use huan_chassis::check::Faults;
use huan_proto::profile::v1 as pb;

use crate::{industry, social_credit};

/// Reads what is known of a company. Its industry's code is kept without the section's letter.
pub fn company(faults: &mut Faults, field: &str, company: pb::Company, of: pb::CustomerType) -> pb::Company {
    let at = |name: &str| format!("{field}.{name}");
    if of == pb::CustomerType::Retail {
        faults.add(field, "is of companies, not of persons");
    }
    let code = company.social_credit_code;
    if !code.is_empty() && !social_credit::is_valid(&code) {
        faults.add(at("social_credit_code"), "is not 18 characters of which the last checks the others");
    }
    let numbers = [
        ("registered_capital_minor", company.registered_capital_minor),
        ("annual_revenue_minor", company.annual_revenue_minor),
        ("employee_count", company.employee_count.map(i64::from)),
    ];
    for (name, _) in numbers.into_iter().filter(|(_, number)| number.is_some_and(|number| number < 0)) {
        faults.add(at(name), "is below 0");
    }
    pb::Company {
        social_credit_code: code,
        industry_code: industry_code(faults, &at("industry_code"), &company.industry_code),
        declared_main_bank: faults.optional_text(&at("declared_main_bank"), &company.declared_main_bank, 64),
        ..company
    }
}

fn industry_code(faults: &mut Faults, field: &str, code: &str) -> String {
    match industry::find(code) {
        Some(found) => return found.code.to_owned(),
        None if code.is_empty() => {}
        None => faults.add(field, "is not a code of GB/T 4754-2017"),
    }
    String::new()
}
