//! Companies: what CustomerService keeps of them, and IndustryService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn firm(customer_id: &str, company: pb::Company) -> pb::Customer {
    pb::Customer {
        r#type: pb::CustomerType::Corporate.into(),
        company: Some(company),
        ..customer(customer_id, "/hq/east")
    }
}

fn company() -> pb::Company {
    pb::Company {
        social_credit_code: "91110000802100433B".into(),
        industry_code: "C3491".into(),
        registered_capital_minor: Some(100_000_000),
        employee_count: Some(40),
        declared_main_bank: "another bank".into(),
        ..Default::default()
    }
}

fn get(customer_id: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest { customer_id: customer_id.into() }
}

async fn kept(bank: &Bank) -> pb::Company {
    let found = bank.customers().get_customer(bank.service(get("F-1"))).await.unwrap().into_inner();
    found.customer.unwrap().company.unwrap()
}

#[tokio::test]
async fn a_company_is_kept_whole_and_its_code_is_masked() {
    let bank = Bank::open().await;
    assert!(bank.import(vec![firm("F-1", company())]).await.faults.is_empty());
    let industry_code = "3491".to_owned();
    assert_eq!(kept(&bank).await, pb::Company { industry_code, ..company() });
    let auditor = bank.user("bank", "auditor", "/", get("F-1"));
    let masked = bank.customers().get_customer(auditor).await.unwrap().into_inner().customer.unwrap().company.unwrap();
    assert_eq!(masked.social_credit_code, "**************433B");
    let request = pb::UpdateCustomerRequest {
        customer_id: "F-1".into(),
        revision: 1,
        update_mask: Some(prost_types::FieldMask { paths: vec!["company".into()] }),
        customer: Some(firm("F-1", pb::Company { employee_count: Some(41), ..company() })),
    };
    bank.customers().update_customer(bank.service(request)).await.unwrap();
    assert_eq!(kept(&bank).await.employee_count, Some(41));
}

#[tokio::test]
async fn what_no_company_can_be_is_refused() {
    let bank = Bank::open().await;
    let with = |customer_id: &str, change: fn(&mut pb::Company)| {
        let mut company = company();
        change(&mut company);
        firm(customer_id, company)
    };
    let person = pb::Customer { r#type: pb::CustomerType::Retail.into(), ..firm("F-0", company()) };
    let done = bank
        .import(vec![
            person,
            with("F-1", |company| company.social_credit_code = "911100008021004330".into()),
            with("F-2", |company| company.industry_code = "A3491".into()),
            with("F-3", |company| company.employee_count = Some(-1)),
            with("F-4", |company| company.declared_main_bank = "x".repeat(65)),
            with("F-5", |company| *company = pb::Company::default()),
        ])
        .await;
    let named: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    let expected = ["", ".social_credit_code", ".industry_code", ".employee_count", ".declared_main_bank"];
    let expected: Vec<_> =
        expected.iter().enumerate().map(|(index, field)| format!("customers[{index}].company{field}")).collect();
    assert_eq!((named, done.created), (expected.iter().map(String::as_str).collect(), 1));
}

#[tokio::test]
async fn industries_are_a_tree_of_four_levels() {
    let bank = Bank::open().await;
    let get = |code: &str| bank.service(pb::GetIndustryRequest { code: code.into() });
    let found = bank.industries().get_industry(get("3491")).await.unwrap().into_inner();
    assert_eq!(found.industry.unwrap().name, "工业机器人制造");
    let above: Vec<_> = found.ancestors.iter().map(|industry| (industry.code.as_str(), industry.level)).collect();
    assert_eq!(above, [("C", 1), ("34", 2), ("349", 3)]);
    assert_eq!(refused(bank.industries().get_industry(get("9999")).await), MISSING);
    assert_eq!(fields(bank.industries().get_industry(get("")).await), ["code"]);
}

#[tokio::test]
async fn industries_are_listed_in_pages() {
    let bank = Bank::open().await;
    let list = async |parent_code: &str, level, page_size, page_token: String| {
        let request = pb::ListIndustriesRequest { parent_code: parent_code.into(), level, page_size, page_token };
        bank.industries().list_industries(bank.service(request)).await
    };
    let all = async |parent_code: &str, level, page_size| {
        let (mut codes, mut token) = (Vec::new(), String::new());
        loop {
            let page = list(parent_code, level, page_size, token).await.unwrap().into_inner();
            assert!(page.industries.len() <= 1000);
            codes.extend(page.industries.into_iter().map(|industry| industry.code));
            token = page.next_page_token;
            if token.is_empty() {
                return codes;
            }
        }
    };
    assert_eq!(all("", 0, 7).await.len(), 20);
    assert_eq!(all("349", 0, 1).await, ["3491", "3492", "3493", "3499"]);
    assert_eq!(all("C", 2, 10).await.first().map(String::as_str), Some("13"));
    assert_eq!(all("", 4, 1000).await.len(), 1381);
    assert!(all("3491", 0, 0).await.is_empty(), "a class has no parts");
    assert!(all("349", 2, 0).await.is_empty());
    assert_eq!(refused(list("9999", 0, 0, String::new()).await), MISSING);
    assert_eq!(fields(list("", 5, 0, String::new()).await), ["level"]);
    assert_eq!(refused(list("", 0, 0, "x".into()).await), BAD_TOKEN);
}

#[tokio::test]
async fn rules_may_read_the_section_of_a_companys_industry() {
    let bank = Bank::open().await;
    let request = pb::ApplyTemplateRequest { template: "corporate".into() };
    bank.features().apply_template(bank.service(request)).await.unwrap();
    bank.import(vec![firm("F-1", company())]).await;
    let text = async |name: &str| {
        let found = bank.profile("F-1").await.features.into_iter().find(|feature| feature.name == name)?.value?.kind?;
        match found {
            huan_proto::types::v1::value::Kind::Text(text) => Some(text),
            other => panic!("{name} is {other:?}"),
        }
    };
    eventually(|| async { text("industry_section").await.as_deref() == Some("C") }).await;
    assert_eq!(text("industry_division").await.as_deref(), Some("34"));
    assert_eq!(text("industry_code").await.as_deref(), Some("3491"));
    assert_eq!(bank.number("F-1", "employee_count").await, Some(40.0));
    assert_eq!(bank.number("F-1", "annual_revenue").await, None, "what is not said is missing");
}
