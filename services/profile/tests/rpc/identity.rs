//! IdentityService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn phone(value: &str) -> Option<pb::Identity> {
    Some(pb::Identity { namespace: "phone".into(), value: value.into(), ..Default::default() })
}

fn add(customer_id: &str, value: &str) -> pb::AddIdentityRequest {
    pb::AddIdentityRequest { customer_id: customer_id.into(), identity: phone(value) }
}

fn resolve(value: &str) -> pb::ResolveIdentityRequest {
    pb::ResolveIdentityRequest { identity: phone(value) }
}

fn list(customer_id: &str) -> pb::ListIdentitiesRequest {
    pb::ListIdentitiesRequest { customer_id: customer_id.into() }
}

fn delete(customer_id: &str, value: &str) -> pb::DeleteIdentityRequest {
    pb::DeleteIdentityRequest { customer_id: customer_id.into(), identity: phone(value) }
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank
}

#[tokio::test]
async fn an_identity_leads_to_its_one_customer() {
    let bank = open().await;
    for _ in 0..2 {
        bank.identities().add_identity(bank.service(add("C-1", "138"))).await.unwrap();
    }
    let found = bank.identities().resolve_identity(bank.service(resolve("138"))).await.unwrap().into_inner();
    assert_eq!(found.customer_id, "C-1");
    assert_eq!(refused(bank.identities().add_identity(bank.service(add("C-2", "138"))).await), TAKEN);
    let listed = bank.identities().list_identities(bank.service(list("C-1"))).await.unwrap().into_inner();
    assert_eq!(listed.identities, [pb::Identity { origin: "C-1".into(), ..phone("138").unwrap() }]);
    bank.identities().delete_identity(bank.service(delete("C-1", "138"))).await.unwrap();
    assert_eq!(refused(bank.identities().resolve_identity(bank.service(resolve("138"))).await), MISSING);
    assert_eq!(refused(bank.identities().delete_identity(bank.service(delete("C-1", "138"))).await), MISSING);
}

#[tokio::test]
async fn identities_are_listed_in_order() {
    let bank = open().await;
    for (namespace, value) in [("wecom", "a"), ("phone", "9"), ("phone", "1")] {
        let identity = Some(pb::Identity { namespace: namespace.into(), value: value.into(), ..Default::default() });
        let request = pb::AddIdentityRequest { customer_id: "C-1".into(), identity };
        bank.identities().add_identity(bank.service(request)).await.unwrap();
    }
    let listed = bank.identities().list_identities(bank.service(list("C-1"))).await.unwrap().into_inner();
    let values: Vec<_> = listed.identities.iter().map(|identity| identity.value.as_str()).collect();
    assert_eq!(values, ["1", "9", "a"]);
}

#[tokio::test]
async fn faults_and_unknown_customers_are_refused() {
    let bank = open().await;
    let faulty = pb::AddIdentityRequest {
        customer_id: String::new(),
        identity: Some(pb::Identity { namespace: "Phone".into(), value: "1".repeat(129), ..Default::default() }),
    };
    let named = fields(bank.identities().add_identity(bank.service(faulty)).await);
    assert_eq!(named, ["customer_id", "identity.namespace", "identity.value"]);
    assert_eq!(refused(bank.identities().add_identity(bank.service(add("C-9", "138"))).await), MISSING);
    assert_eq!(refused(bank.identities().list_identities(bank.service(list("C-9"))).await), MISSING);
    let nothing = pb::ResolveIdentityRequest { identity: None };
    let named = fields(bank.identities().resolve_identity(bank.service(nothing)).await);
    assert_eq!(named[0], "identity");
}

#[tokio::test]
async fn a_device_joins_the_customer_who_logs_in() {
    let bank = open().await;
    let device =
        |value: &str| Some(pb::Identity { namespace: "app_device".into(), value: value.into(), ..Default::default() });
    let join = |id: &str, value: &str| pb::JoinDeviceRequest { customer_id: id.into(), identity: device(value) };
    for _ in 0..2 {
        let joined = bank.identities().join_device(bank.service(join("C-1", "d-1"))).await.unwrap().into_inner();
        assert_eq!(joined, pb::JoinDeviceResponse::default());
    }
    let resolve = pb::ResolveIdentityRequest { identity: device("d-1") };
    let found = bank.identities().resolve_identity(bank.service(resolve)).await.unwrap().into_inner();
    assert_eq!(found.customer_id, "C-1");
    assert_eq!(refused(bank.identities().join_device(bank.service(join("C-2", "d-1"))).await), TAKEN);
    assert_eq!(refused(bank.identities().join_device(bank.service(join("C-9", "d-2"))).await), MISSING);
    let phone = pb::JoinDeviceRequest { customer_id: "C-1".into(), identity: phone("138") };
    assert_eq!(fields(bank.identities().join_device(bank.service(phone)).await), ["identity.namespace"]);
}

#[tokio::test]
async fn another_branchs_identity_is_not_found() {
    let bank = open().await;
    bank.identities().add_identity(bank.service(add("C-2", "139"))).await.unwrap();
    assert_eq!(refused(bank.identities().resolve_identity(bank.manager("/hq/east", resolve("139"))).await), MISSING);
    assert_eq!(refused(bank.identities().list_identities(bank.manager("/hq/east", list("C-2"))).await), OUT_OF_SCOPE);
    assert!(bank.identities().resolve_identity(bank.manager("/hq/west", resolve("139"))).await.is_ok());
}
