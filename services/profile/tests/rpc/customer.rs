//! CustomerService.

use std::collections::HashMap;

use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};
use prost_types::FieldMask;

use crate::bank::*;

fn get(customer_id: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest { customer_id: customer_id.into() }
}

fn create(request_id: &str, customer: pb::Customer) -> pb::CreateCustomerRequest {
    pb::CreateCustomerRequest { request_id: request_id.into(), customer: Some(customer) }
}

fn update(revision: i64, paths: &[&str], customer: pb::Customer) -> pb::UpdateCustomerRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let (customer_id, update_mask) = (customer.customer_id.clone(), Some(FieldMask { paths }));
    pb::UpdateCustomerRequest { customer_id, revision, update_mask, customer: Some(customer) }
}

#[tokio::test]
async fn a_created_customer_is_read_back() {
    let bank = Bank::open().await;
    let mut asked = customer("C-1", "/hq/east");
    asked.gates = vec![pb::Gate::Complaint.into(), pb::Gate::Hardship.into()];
    asked.risk_level = pb::RiskLevel::C3.into();
    asked.open_day = "2020-02-29".into();
    asked.attributes = HashMap::from([("gender".into(), Value { kind: Some(Kind::Text("f".into())) })]);
    let made = bank.customers().create_customer(bank.service(create("r-1", asked.clone()))).await.unwrap();
    let made = made.into_inner().customer.unwrap();
    let read = bank.customers().get_customer(bank.service(get("C-1"))).await.unwrap().into_inner();
    assert_eq!(read.customer.as_ref(), Some(&made));
    assert_eq!((made.customer_key.len(), made.revision), (32, 1));
    assert_eq!(made.root_id, "C-1");
    let given = pb::Customer { customer_key: String::new(), revision: 0, create_time: None, update_time: None, ..made };
    let given = pb::Customer { root_id: String::new(), ..given };
    assert_eq!(given, asked);
}

#[tokio::test]
async fn a_request_creates_one_customer() {
    let bank = Bank::open().await;
    let first = bank.customers().create_customer(bank.service(create("r-1", customer("C-1", "/hq")))).await.unwrap();
    let again = bank.customers().create_customer(bank.service(create("r-1", customer("C-1", "/hq")))).await.unwrap();
    assert_eq!(first.into_inner(), again.into_inner());
    let other = bank.customers().create_customer(bank.service(create("r-2", customer("C-1", "/hq")))).await;
    assert_eq!(refused(other), TAKEN);
}

#[tokio::test]
async fn every_fault_of_a_customer_is_named_and_nothing_is_written() {
    let bank = Bank::open().await;
    let faulty = pb::Customer {
        customer_id: "C".repeat(65),
        r#type: 99,
        owner_path: "hq".into(),
        risk_level: 17,
        gates: vec![0],
        open_day: "2023-02-29".into(),
        person: Some(pb::Person { phone: "1".repeat(33), ..Default::default() }),
        attributes: HashMap::from([("n".into(), Value { kind: Some(Kind::Number(f64::NAN)) })]),
        ..Default::default()
    };
    let answer = bank.customers().create_customer(bank.service(create("", faulty))).await;
    let mut named = fields(answer);
    named.sort();
    let expected =
        ["attributes.n", "customer_id", "gates[0]", "open_day", "owner_path", "person.phone", "risk_level", "type"];
    let expected: Vec<String> =
        expected.iter().map(|name| format!("customer.{name}")).chain(["request_id".into()]).collect();
    assert_eq!(named, expected);
    assert!(list(&bank, pb::ListCustomersRequest::default()).await.customers.is_empty());
    assert_eq!(refused(bank.customers().get_customer(bank.service(get("C-1"))).await), MISSING);
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east")]).await;
    let new = pb::Customer { manager_id: "m-1".into(), risk_level: 4, ..customer("C-1", "/hq/west") };
    let request = update(1, &["risk_level", "owner_path"], new.clone());
    let changed = bank.customers().update_customer(bank.service(request)).await.unwrap().into_inner().customer.unwrap();
    assert_eq!((changed.risk_level, changed.owner_path.as_str(), changed.revision), (4, "/hq/west", 2));
    assert_eq!((changed.manager_id.as_str(), changed.person), ("", new.person.clone()));
    let stale = update(1, &["risk_level"], new.clone());
    assert_eq!(refused(bank.customers().update_customer(bank.service(stale)).await), STALE);
    let no_mask = update(2, &[], new.clone());
    assert_eq!(fields(bank.customers().update_customer(bank.service(no_mask)).await), ["update_mask"]);
    let fixed = update(2, &["customer_key"], new.clone());
    assert_eq!(fields(bank.customers().update_customer(bank.service(fixed)).await), ["update_mask"]);
    let unknown = update(1, &["risk_level"], customer("C-9", "/hq"));
    assert_eq!(refused(bank.customers().update_customer(bank.service(unknown)).await), MISSING);
    assert_eq!(bank.profile("C-1").await.customer.unwrap().revision, 2);
}

#[tokio::test]
async fn an_import_lands_good_rows_and_names_bad_ones() {
    let bank = Bank::open().await;
    let bad = pb::Customer { r#type: 0, ..customer("C-2", "/hq") };
    let done = bank.import(vec![customer("C-1", "/hq"), bad, customer("C-3", "/hq"), customer("C-1", "/hq")]).await;
    assert_eq!((done.created, done.updated), (2, 0));
    let faults: Vec<_> = done.faults.iter().map(|fault| (fault.index, fault.field.as_str())).collect();
    assert_eq!(faults, [(1, "customers[1].type"), (3, "customers[3].customer_id")]);
    let key = bank.profile("C-1").await.customer.unwrap().customer_key;
    let again = bank.import(vec![customer("C-1", "/hq"), customer("C-4", "/hq")]).await;
    assert_eq!((again.created, again.updated, again.faults.len()), (1, 1, 0));
    let replaced = bank.profile("C-1").await.customer.unwrap();
    assert_eq!((replaced.customer_key, replaced.revision), (key, 2));
    let empty = pb::ImportCustomersRequest::default();
    assert_eq!(fields(bank.customers().import_customers(bank.service(empty)).await), ["customers"]);
}

#[tokio::test]
async fn seeded_keys_come_again_and_random_ones_do_not() {
    let (one, other) = (Bank::open().await, Bank::open().await);
    for bank in [&one, &other] {
        bank.import(vec![customer("C-1", "/hq")]).await;
        let request = pb::ImportCustomersRequest { customers: vec![customer("C-2", "/hq")], key_seed: 0 };
        bank.customers().import_customers(bank.service(request)).await.unwrap();
    }
    let key = async |bank: &Bank, id: &str| bank.profile(id).await.customer.unwrap().customer_key;
    assert_eq!(key(&one, "C-1").await, key(&other, "C-1").await);
    assert_ne!(key(&one, "C-2").await, key(&other, "C-2").await);
}

#[tokio::test]
async fn a_list_goes_on_where_its_page_ended() {
    let bank = Bank::open().await;
    let mut customers: Vec<_> = (0..5).map(|n| customer(&format!("C-{n}"), "/hq/east")).collect();
    customers.push(customer("C-9", "/hq/east_side"));
    customers.push(pb::Customer { r#type: pb::CustomerType::Corporate.into(), ..customer("D-1", "/hq/east/b1") });
    bank.import(customers).await;
    let east = pb::ListCustomersRequest { owner_path: "/hq/east".into(), page_size: 4, ..Default::default() };
    let first = list(&bank, east.clone()).await;
    let rest =
        list(&bank, pb::ListCustomersRequest { page_token: first.next_page_token.clone(), ..east.clone() }).await;
    let ids: Vec<_> = first.customers.iter().chain(&rest.customers).map(|row| row.customer_id.as_str()).collect();
    assert_eq!(ids, ["C-0", "C-1", "C-2", "C-3", "C-4", "D-1"]);
    assert_eq!(rest.next_page_token, "");
    let corporate = pb::ListCustomersRequest { r#type: pb::CustomerType::Corporate.into(), ..Default::default() };
    assert_eq!(list(&bank, corporate).await.customers.len(), 1);
    let foreign = pb::ListCustomersRequest { page_token: first.next_page_token, ..Default::default() };
    assert_eq!(refused(bank.customers().list_customers(bank.service(foreign)).await), BAD_TOKEN);
    let wide = pb::ListCustomersRequest { page_size: 1001, ..Default::default() };
    assert_eq!(fields(bank.customers().list_customers(bank.service(wide)).await), ["page_size"]);
}

#[tokio::test]
async fn another_branchs_customers_are_out_of_reach() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    let east = "/hq/east";
    assert_eq!(refused(bank.customers().get_customer(bank.manager(east, get("C-2"))).await), OUT_OF_SCOPE);
    let own = bank.customers().list_customers(bank.manager(east, pb::ListCustomersRequest::default())).await.unwrap();
    assert_eq!(own.into_inner().customers.len(), 1);
    let all = pb::ListCustomersRequest { owner_path: "/hq".into(), ..Default::default() };
    assert_eq!(refused(bank.customers().list_customers(bank.manager(east, all)).await), OUT_OF_SCOPE);
    let elsewhere = create("r-1", customer("C-3", "/hq/west"));
    assert_eq!(refused(bank.customers().create_customer(bank.manager(east, elsewhere)).await), OUT_OF_SCOPE);
    let away = update(1, &["owner_path"], customer("C-1", "/hq/west"));
    assert_eq!(refused(bank.customers().update_customer(bank.manager(east, away)).await), OUT_OF_SCOPE);
    for stray in [customer("C-2", east), customer("C-4", "/hq/west")] {
        let request = pb::ImportCustomersRequest { customers: vec![customer("C-5", east), stray], key_seed: 7 };
        assert_eq!(refused(bank.customers().import_customers(bank.manager(east, request)).await), OUT_OF_SCOPE);
    }
    let request = pb::ImportCustomersRequest { customers: vec![customer("C-5", east)], key_seed: 7 };
    let done = bank.customers().import_customers(bank.manager(east, request)).await.unwrap().into_inner();
    assert_eq!((done.created, done.updated), (1, 0));
    assert_eq!(bank.profile("C-2").await.customer.unwrap().owner_path, "/hq/west");
}

#[tokio::test]
async fn another_tenants_customers_do_not_exist() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq")]).await;
    let tenant = Some(pb::Tenant { display_name: "Other".into(), ..Default::default() });
    let open = pb::CreateTenantRequest { request_id: "r".into(), tenant };
    bank.tenants().create_tenant(bank.service_of("other", open)).await.unwrap();
    let theirs = bank.user("other", "relationship_manager", "/", get("C-1"));
    assert_eq!(refused(bank.customers().get_customer(theirs).await), MISSING);
    let listed = bank.service_of("other", pb::ListCustomersRequest::default());
    assert!(bank.customers().list_customers(listed).await.unwrap().into_inner().customers.is_empty());
}

#[tokio::test]
async fn personal_fields_are_masked_for_who_may_not_see_them() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq")]).await;
    let seen = bank.customers().get_customer(bank.manager("/", get("C-1"))).await.unwrap().into_inner();
    assert_eq!(seen.customer.unwrap().person.unwrap().name, "Mark Er");
    let masked = bank.user("bank", "analyst", "/", get("C-1"));
    let masked = bank.customers().get_customer(masked).await.unwrap().into_inner();
    assert_ne!(masked.customer.unwrap().person.unwrap().name, "Mark Er");
}

async fn list(bank: &Bank, request: pb::ListCustomersRequest) -> pb::ListCustomersResponse {
    bank.customers().list_customers(bank.service(request)).await.unwrap().into_inner()
}
