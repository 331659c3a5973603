//! Reads: parts of profiles, many at once, customers by what they are called, and watches of some.

use huan_proto::profile::v1::{self as pb, search_customers_request::By};
use prost_types::FieldMask;

use crate::{
    bank::*,
    profile::{ALL, read, watch, word},
};

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn search(by: By) -> pb::SearchCustomersRequest {
    pb::SearchCustomersRequest { by: Some(by) }
}

fn person(customer_id: &str, owner_path: &str, name: &str, phone: &str, id_number: &str) -> pb::Customer {
    let (name, phone, id_number) = (name.into(), phone.into(), id_number.into());
    let person = pb::Person { name, phone, id_number, ..Default::default() };
    pb::Customer { person: Some(person), ..customer(customer_id, owner_path) }
}

#[tokio::test]
async fn only_the_parts_asked_for_are_read() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq")]).await;
    let get = |paths| pb::GetProfileRequest { customer_id: "C-1".into(), read_mask: mask(paths) };
    let profile = bank.profiles().get_profile(bank.service(get(&["features"]))).await.unwrap().into_inner();
    assert!(profile.customer.is_none() && !profile.features.is_empty() && !profile.position.is_empty());
    let profile = bank.profiles().get_profile(bank.service(get(&["customer", "tags"]))).await.unwrap().into_inner();
    assert!(profile.customer.is_some() && profile.features.is_empty() && profile.as_of_time.is_none());
    assert_eq!(fields(bank.profiles().get_profile(bank.service(get(&["secrets"]))).await), ["read_mask"]);
}

#[tokio::test]
async fn many_profiles_are_read_at_once_and_the_missing_listed() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west"), customer("C-3", "/hq/east")]).await;
    let batch = |ids: &[&str]| pb::BatchGetProfilesRequest {
        customers: ids.iter().map(|id| (*id).to_owned()).collect(),
        read_mask: mask(&["customer"]),
    };
    let east = bank.manager("/hq/east", batch(&["C-3", "C-2", "C-9", "C-1", "C-3"]));
    let answer = bank.profiles().batch_get_profiles(east).await.unwrap().into_inner();
    assert_eq!(answer.profiles.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["C-3", "C-1"]);
    assert_eq!(answer.missing, ["C-2", "C-9"]);
    let ids: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let many = pb::BatchGetProfilesRequest { customers: ids, ..Default::default() };
    assert_eq!(fields(bank.profiles().batch_get_profiles(bank.service(many)).await), ["customers"]);
    assert_eq!(fields(bank.profiles().batch_get_profiles(bank.service(batch(&[]))).await), ["customers"]);
    assert_eq!(fields(bank.profiles().batch_get_profiles(bank.service(batch(&[""]))).await), ["customers[0]"]);
    let wrong = pb::BatchGetProfilesRequest { read_mask: mask(&["x"]), ..batch(&["C-1"]) };
    assert_eq!(fields(bank.profiles().batch_get_profiles(bank.service(wrong)).await), ["read_mask"]);
}

#[tokio::test]
async fn customers_are_found_by_what_they_are_called_within_scope() {
    let bank = Bank::open().await;
    bank.import(vec![
        person("C-1", "/hq/east", "Li Lei", "13800000001", "11010519491231002X"),
        person("C-2", "/hq/west", "ＬＩ　ＬＥＩ", "13800000002", ""),
    ])
    .await;
    let device = pb::Identity { namespace: "wecom".into(), value: "w-1".into(), ..Default::default() };
    let add = pb::AddIdentityRequest { customer_id: "C-2".into(), identity: Some(device.clone()) };
    bank.identities().add_identity(bank.service(add)).await.unwrap();
    let found = async |org_path: &str, by: By| {
        let answer = bank.customers().search_customers(bank.manager(org_path, search(by))).await.unwrap().into_inner();
        answer.customers.into_iter().map(|customer| customer.customer_id).collect::<Vec<_>>()
    };
    assert_eq!(found("/", By::Name("li lei".into())).await, ["C-1", "C-2"]);
    assert_eq!(found("/hq/west", By::Name("LI LEI".into())).await, ["C-2"]);
    assert_eq!(found("/", By::Phone("+86 138-0000-0001".into())).await, ["C-1"]);
    assert_eq!(found("/", By::IdNumber("110105 19491231 002x".into())).await, ["C-1"]);
    assert_eq!(found("/", By::Identity(device.clone())).await, ["C-2"]);
    assert!(found("/hq/east", By::Identity(device)).await.is_empty());
    assert!(found("/", By::Phone("none".into())).await.is_empty());
    bank.import(vec![person("C-1", "/hq/east", "Han Mei", "", "")]).await;
    assert_eq!(found("/", By::Name("li lei".into())).await, ["C-2"]);
    assert_eq!(found("/", By::Name("han mei".into())).await, ["C-1"]);
    let masked = bank.user("bank", "analyst", "/", search(By::Name("han mei".into())));
    let answer = bank.customers().search_customers(masked).await.unwrap().into_inner();
    assert_ne!(answer.customers[0].person.as_ref().unwrap().name, "Han Mei");
}

#[tokio::test]
async fn what_is_searched_by_is_checked() {
    let bank = Bank::open().await;
    let ask = async |request| fields(bank.customers().search_customers(bank.service(request)).await);
    assert_eq!(ask(pb::SearchCustomersRequest { by: None }).await, ["by"]);
    assert_eq!(ask(search(By::Name(String::new()))).await, ["name"]);
    assert_eq!(ask(search(By::Phone("1".repeat(33)))).await, ["phone"]);
    assert_eq!(ask(search(By::IdNumber("1".repeat(65)))).await, ["id_number"]);
    assert_eq!(ask(search(By::Identity(pb::Identity::default()))).await, ["identity.namespace", "identity.value"]);
}

#[tokio::test]
async fn a_managers_customers_are_listed() {
    let bank = Bank::open().await;
    let of = |id: &str, manager: &str| pb::Customer { manager_id: manager.into(), ..customer(id, "/hq") };
    bank.import(vec![of("C-1", "m-1"), of("C-2", "m-2"), of("C-3", "m-1")]).await;
    let request = pb::ListCustomersRequest { manager_id: "m-1".into(), page_size: 1, ..Default::default() };
    let first = bank.customers().list_customers(bank.service(request.clone())).await.unwrap().into_inner();
    let request = pb::ListCustomersRequest { page_token: first.next_page_token, ..request };
    let second = bank.customers().list_customers(bank.service(request.clone())).await.unwrap().into_inner();
    let ids: Vec<_> = first.customers.iter().chain(&second.customers).map(|row| row.customer_id.as_str()).collect();
    assert_eq!((ids, second.next_page_token.as_str()), (vec!["C-1", "C-3"], ""));
    let foreign = pb::ListCustomersRequest { manager_id: "m-2".into(), ..request };
    assert_eq!(refused(bank.customers().list_customers(bank.service(foreign)).await), BAD_TOKEN);
}

#[tokio::test]
async fn a_watch_may_be_of_some_customers_only() {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/eastern")]).await;
    let narrow = pb::WatchProfilesRequest {
        owner_path: "/hq/east".into(),
        tenant_ids: vec!["bank".into()],
        ..watch("", &ALL[1..])
    };
    let mut stream = bank.profiles().watch_profiles(bank.service(narrow.clone())).await.unwrap().into_inner();
    let (state, _) = read(&mut stream, 3).await;
    assert_eq!(state.iter().map(word).collect::<Vec<_>>(), ["catalogue", "standing C-1", "vector C-1"]);
    bank.import(vec![customer("C-3", "/hq/eastern"), customer("C-4", "/hq/east/b1")]).await;
    let (news, _) = read(&mut stream, 2).await;
    assert_eq!(news.iter().map(word).collect::<Vec<_>>(), ["standing C-4", "vector C-4"]);
    let other = pb::WatchProfilesRequest { tenant_ids: vec!["other".into()], ..watch("", &ALL) };
    let mut stream = bank.profiles().watch_profiles(bank.service(other)).await.unwrap().into_inner();
    assert_eq!(read(&mut stream, 0).await.0, []);
    let wrong =
        pb::WatchProfilesRequest { owner_path: "east".into(), tenant_ids: vec!["t".into(); 1001], ..watch("", &ALL) };
    assert_eq!(fields(bank.profiles().watch_profiles(bank.service(wrong)).await), ["tenant_ids", "owner_path"]);
}
