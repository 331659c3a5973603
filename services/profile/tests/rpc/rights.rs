//! RightsService: a person reads, is held, and is erased.

use huan_proto::{error::v1::ErrorReason as Reason, profile::v1 as pb};
use tonic::{Code, Response, Status};

use crate::bank::*;

const ERASED: (Code, Reason) = (Code::FailedPrecondition, Reason::Erased);
const HELD: (Code, Reason) = (Code::FailedPrecondition, Reason::LegalHold);
const NOT_FOUND: (Code, Reason) = (Code::NotFound, Reason::NotFound);

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank.register(&["salary"], &["purchase"]).await;
    bank.ingest((0..5).map(|n| event(&n.to_string(), "salary", NOON - n * DAY, 100)).collect()).await;
    let identity = Some(pb::Identity { namespace: "account".into(), value: "6222".into(), ..Default::default() });
    let request = pb::AddIdentityRequest { customer_id: "C-1".into(), identity };
    bank.identities().add_identity(bank.service(request)).await.unwrap();
    bank
}

async fn erase(bank: &Bank, request_id: &str, customer_id: &str) -> Result<Response<pb::ErasePersonResponse>, Status> {
    let reason = "asked for by letter 2024-117".into();
    let request = pb::ErasePersonRequest { request_id: request_id.into(), customer_id: customer_id.into(), reason };
    bank.rights().erase_person(bank.service(request)).await
}

async fn erased(bank: &Bank, request_id: &str, customer_id: &str) -> pb::PersonErasure {
    erase(bank, request_id, customer_id).await.unwrap().into_inner().erasure.unwrap()
}

async fn place(
    bank: &Bank,
    request_id: &str,
    customer_id: &str,
) -> Result<Response<pb::PlaceLegalHoldResponse>, Status> {
    let reason = "case 12".into();
    let request = pb::PlaceLegalHoldRequest { request_id: request_id.into(), customer_id: customer_id.into(), reason };
    bank.rights().place_legal_hold(bank.service(request)).await
}

async fn lift(bank: &Bank, customer_id: &str, hold_id: &str) -> Result<Response<pb::LiftLegalHoldResponse>, Status> {
    let request = pb::LiftLegalHoldRequest { customer_id: customer_id.into(), hold_id: hold_id.into() };
    bank.rights().lift_legal_hold(bank.service(request)).await
}

fn get(customer_id: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest { customer_id: customer_id.into() }
}

#[tokio::test]
async fn a_person_reads_everything_page_by_page() {
    let bank = open().await;
    let merge = pb::MergeCustomersRequest {
        request_id: "m".into(),
        survivor_customer_id: "C-1".into(),
        absorbed_customer_id: "C-2".into(),
    };
    bank.merges().merge_customers(bank.service(merge)).await.unwrap();
    let mut request = pb::ExportPersonRequest {
        request_id: "e".into(),
        customer_id: "C-2".into(),
        page_size: 2,
        ..Default::default()
    };
    let mut parts = Vec::new();
    loop {
        let page = bank.rights().export_person(bank.service(request.clone())).await.unwrap().into_inner();
        assert!(page.request_id == "e" && page.export_time.is_some());
        parts.extend(page.parts);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(parts.iter().map(|part| part.events.len()).collect::<Vec<_>>(), [0, 0, 2, 2, 1]);
    let whole: Vec<_> = parts.iter().filter(|part| part.customer.is_some()).collect();
    assert_eq!(whole.iter().map(|part| part.customer_id.as_str()).collect::<Vec<_>>(), ["C-1", "C-2"]);
    assert_eq!(whole[0].identities[0].value, "6222");
    assert_eq!((whole[0].merges.len(), whole[1].merges.len()), (1, 1));
    assert!(!whole[0].features.is_empty());
    assert_eq!(whole[1].customer.as_ref().unwrap().person.as_ref().unwrap().name, "Mark Er");

    let foreign = pb::ExportPersonRequest { customer_id: "C-1".into(), page_token: "x".into(), ..request.clone() };
    assert_eq!(
        refused(bank.rights().export_person(bank.service(foreign)).await),
        (Code::InvalidArgument, Reason::InvalidPageToken)
    );
    let nobody = pb::ExportPersonRequest { customer_id: "C-9".into(), ..request };
    assert_eq!(refused(bank.rights().export_person(bank.service(nobody)).await), NOT_FOUND);
    let nothing = pb::ExportPersonRequest::default();
    let named = fields(bank.rights().export_person(bank.service(nothing)).await);
    assert_eq!(named, ["request_id", "customer_id"]);
    bank.close().await;
}

#[tokio::test]
async fn an_erased_person_is_gone_and_does_not_come_back_with_the_next_load() {
    let bank = open().await;
    let key = bank.profile("C-1").await.customer.unwrap().customer_key;
    let done = erased(&bank, "r-1", "C-1").await;
    assert_eq!((done.state(), done.customer_key.as_str()), (pb::ErasureState::Done, key.as_str()));
    assert_eq!((done.requested_by.as_str(), done.erase_time.is_some()), ("test", true));
    assert_eq!(erased(&bank, "r-1", "C-1").await, done);
    assert_eq!(erased(&bank, "r-2", "C-1").await, done, "who was erased is not erased again");
    assert_eq!(refused(bank.customers().get_customer(bank.service(get("C-1"))).await), NOT_FOUND);
    assert_eq!(bank.profile("C-2").await.customer.unwrap().person.unwrap().name, "Mark Er");

    let again = bank.import(vec![customer("C-1", "/hq/east"), customer("C-3", "/hq/east")]).await;
    assert_eq!((again.created, again.faults.len()), (1, 1));
    assert_eq!(
        (again.faults[0].field.as_str(), again.faults[0].description.as_str()),
        ("customers[0].customer_id", "was erased")
    );
    let create = pb::CreateCustomerRequest { request_id: "c".into(), customer: Some(customer("C-1", "/hq")) };
    assert_eq!(refused(bank.customers().create_customer(bank.service(create)).await), ERASED);
    let late = bank.ingest(vec![event("9", "salary", NOON, 1)]).await;
    assert_eq!((late.accepted, late.faults.len()), (0, 1));

    let request = pb::GetErasureRequest { erasure_id: done.erasure_id.clone() };
    assert_eq!(
        bank.rights().get_erasure(bank.service(request)).await.unwrap().into_inner().erasure,
        Some(done.clone())
    );
    let unknown = pb::GetErasureRequest { erasure_id: "none".into() };
    assert_eq!(refused(bank.rights().get_erasure(bank.service(unknown)).await), NOT_FOUND);
    let second = erased(&bank, "r-3", "C-2").await;
    let list = async |page_token: String| {
        let request = pb::ListErasuresRequest { page_size: 1, page_token };
        bank.rights().list_erasures(bank.service(request)).await.unwrap().into_inner()
    };
    let first_page = list(String::new()).await;
    let last_page = list(first_page.next_page_token.clone()).await;
    assert_eq!((first_page.erasures, last_page.erasures), (vec![second], vec![done]));
    assert_eq!(last_page.next_page_token, "");
    bank.close().await;
}

#[tokio::test]
async fn all_customers_of_a_person_are_erased_together() {
    let bank = open().await;
    let merge = pb::MergeCustomersRequest {
        request_id: "m".into(),
        survivor_customer_id: "C-1".into(),
        absorbed_customer_id: "C-2".into(),
    };
    bank.merges().merge_customers(bank.service(merge)).await.unwrap();
    assert_eq!(erased(&bank, "r", "C-2").await.state(), pb::ErasureState::Done);
    for id in ["C-1", "C-2"] {
        assert_eq!(refused(bank.customers().get_customer(bank.service(get(id))).await), NOT_FOUND);
    }
    bank.close().await;
}

#[tokio::test]
async fn bad_erasures_are_refused() {
    let bank = open().await;
    assert_eq!(refused(erase(&bank, "r", "C-9").await), NOT_FOUND);
    let nothing = bank.rights().erase_person(bank.service(pb::ErasePersonRequest::default())).await;
    assert_eq!(fields(nothing), ["request_id", "customer_id", "reason"]);
    let naming =
        pb::ErasePersonRequest { request_id: "r".into(), customer_id: "C-1".into(), reason: "C-1 asks".into() };
    assert_eq!(fields(bank.rights().erase_person(bank.service(naming.clone())).await), ["reason"]);
    let of_admin = bank.rights().erase_person(bank.user("bank", "admin", "/", naming)).await;
    assert_eq!(refused(of_admin), (Code::PermissionDenied, Reason::NoPermission));
    bank.close().await;
}

#[tokio::test]
async fn a_legal_hold_keeps_everything_until_it_is_lifted() {
    let bank = open().await;
    let hold = async |request_id: &str| place(&bank, request_id, "C-1").await.unwrap().into_inner().legal_hold.unwrap();
    let (one, other) = (hold("h-1").await, hold("h-2").await);
    assert_eq!(hold("h-1").await, one);
    assert_eq!(refused(place(&bank, "h-3", "C-9").await), NOT_FOUND);
    assert_eq!(bank.profile("C-1").await.customer.unwrap().gates, [i32::from(pb::Gate::LegalHold)]);
    let forged = pb::Customer { gates: vec![pb::Gate::LegalHold.into()], ..customer("C-2", "/hq/west") };
    assert_eq!(bank.import(vec![forged]).await.faults[0].field, "customers[0].gates[0]");

    let update = pb::UpdateCustomerRequest {
        customer_id: "C-1".into(),
        revision: 3,
        update_mask: Some(prost_types::FieldMask { paths: vec!["person".into()] }),
        customer: Some(customer("C-1", "/hq/east")),
    };
    assert_eq!(refused(bank.customers().update_customer(bank.service(update)).await), HELD);
    let identity = Some(pb::Identity { namespace: "account".into(), value: "6222".into(), ..Default::default() });
    let delete = pb::DeleteIdentityRequest { customer_id: "C-1".into(), identity };
    assert_eq!(refused(bank.identities().delete_identity(bank.service(delete)).await), HELD);
    assert_eq!(bank.import(vec![customer("C-1", "/hq/east")]).await.faults[0].description, "is under a legal hold");
    assert_eq!(bank.ingest(vec![event("8", "salary", NOON, 1)]).await.accepted, 1);

    let waiting = erased(&bank, "r", "C-1").await;
    assert_eq!((waiting.state(), waiting.erase_time), (pb::ErasureState::Waiting, None));
    assert_eq!(erased(&bank, "r-again", "C-1").await, waiting);
    let lifted = lift(&bank, "C-1", &one.hold_id).await.unwrap().into_inner();
    assert!(lifted.erasure.is_none() && lifted.legal_hold.unwrap().lift_time.is_some());
    assert!(lift(&bank, "C-1", &one.hold_id).await.is_ok(), "it stays lifted");
    assert_eq!(refused(lift(&bank, "C-1", "none").await), NOT_FOUND);
    let request = pb::ListLegalHoldsRequest { customer_id: "C-1".into() };
    let listed = bank.rights().list_legal_holds(bank.service(request)).await.unwrap().into_inner().legal_holds;
    assert_eq!(listed.iter().map(|hold| hold.lifted_by.as_str()).collect::<Vec<_>>(), ["", "test"]);
    assert_eq!(bank.profile("C-1").await.identities.len(), 1, "the other hold keeps all");

    let lifted = lift(&bank, "C-1", &other.hold_id).await.unwrap().into_inner();
    let done = lifted.erasure.unwrap();
    assert_eq!((done.state(), done.erasure_id), (pb::ErasureState::Done, waiting.erasure_id));
    assert_eq!(refused(bank.customers().get_customer(bank.service(get("C-1"))).await), NOT_FOUND);
    bank.close().await;
}

#[tokio::test]
async fn who_waited_for_the_hold_of_another_is_erased_once_they_are_parted() {
    let bank = open().await;
    let merge = pb::MergeCustomersRequest {
        request_id: "m".into(),
        survivor_customer_id: "C-1".into(),
        absorbed_customer_id: "C-2".into(),
    };
    let merged = bank.merges().merge_customers(bank.service(merge)).await.unwrap().into_inner().merge.unwrap();
    place(&bank, "h", "C-2").await.unwrap();
    let waiting = erased(&bank, "r", "C-1").await;
    assert_eq!(waiting.state(), pb::ErasureState::Waiting);
    let unmerge = pb::UnmergeCustomersRequest { merge_id: merged.merge_id };
    bank.merges().unmerge_customers(bank.service(unmerge)).await.unwrap();
    let done = erased(&bank, "r-again", "C-1").await;
    assert_eq!((done.state(), done.erasure_id), (pb::ErasureState::Done, waiting.erasure_id));
    assert_eq!(refused(bank.customers().get_customer(bank.service(get("C-1"))).await), NOT_FOUND);
    assert_eq!(bank.profile("C-2").await.customer.unwrap().gates, [i32::from(pb::Gate::LegalHold)]);
    bank.close().await;
}

#[tokio::test]
async fn a_hold_that_is_lifted_lets_the_customer_be_changed_again() {
    let bank = open().await;
    let hold = place(&bank, "h", "C-1").await.unwrap().into_inner().legal_hold.unwrap();
    lift(&bank, "C-1", &hold.hold_id).await.unwrap();
    assert!(bank.profile("C-1").await.customer.unwrap().gates.is_empty());
    assert_eq!(bank.import(vec![customer("C-1", "/hq/east")]).await.updated, 1);
    bank.close().await;
}
