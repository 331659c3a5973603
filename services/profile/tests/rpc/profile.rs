//! ProfileService: the whole of a customer, and the feed.

use std::time::Duration;

use futures::StreamExt;
use huan_chassis::error::reason;
use huan_proto::{
    error::v1::ErrorReason,
    profile::v1::{self as pb, profile_change::Change, watch_profiles_response::Item},
};
use tonic::{Code, Streaming};

use crate::bank::*;

pub const ALL: [pb::ChangeKind; 6] = [
    pb::ChangeKind::Tenant,
    pb::ChangeKind::Catalogue,
    pb::ChangeKind::Standing,
    pb::ChangeKind::Vector,
    pb::ChangeKind::Outcome,
    pb::ChangeKind::Merge,
];

pub fn watch(cursor: &str, kinds: &[pb::ChangeKind]) -> pb::WatchProfilesRequest {
    let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
    pb::WatchProfilesRequest { cursor: cursor.into(), kinds, ..Default::default() }
}

/// The changes up to the next heartbeat after at least `least` of them, and that heartbeat's cursor.
pub async fn read(stream: &mut Streaming<pb::WatchProfilesResponse>, least: usize) -> (Vec<pb::ProfileChange>, String) {
    let mut changes = Vec::new();
    let read = async {
        loop {
            match stream.next().await.expect("a feed does not end").unwrap().item.unwrap() {
                Item::Change(change) => changes.push(change),
                Item::Heartbeat(heartbeat) if changes.len() >= least => return heartbeat.cursor,
                Item::Heartbeat(_) => {}
            }
        }
    };
    let cursor = tokio::time::timeout(Duration::from_secs(10), read).await.expect("changes come in time");
    (changes, cursor)
}

pub fn word(change: &pb::ProfileChange) -> String {
    let id = &change.header.as_ref().unwrap().customer_id;
    let kind = match change.change.as_ref().unwrap() {
        Change::Tenant(_) => "tenant",
        Change::Catalogue(_) => "catalogue",
        Change::Standing(_) => "standing",
        Change::Vector(_) => "vector",
        Change::Outcome(_) => "outcome",
        Change::Merge(_) => "merge",
        Change::Erasure(_) => "erasure",
    };
    format!("{kind} {id}").trim().to_owned()
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank.register(&["salary"], &["purchase"]).await;
    bank
}

#[tokio::test]
async fn a_profile_is_all_that_is_known() {
    let bank = open().await;
    let taken = bank.ingest(vec![event("1", "salary", NOON, 500)]).await;
    let profile = bank.profile("C-1").await;
    assert_eq!(profile.customer.unwrap().customer_id, "C-1");
    assert_eq!((profile.position, profile.as_of_time), (taken.position, Some(at(NOON))));
    let names: Vec<_> = profile.features.iter().map(|feature| feature.name.as_str()).collect();
    assert!(names.starts_with(&["customer_type"]) && names.contains(&"last_salary_day"));
    let get = |id: &str| pb::GetProfileRequest { customer_id: id.into(), ..Default::default() };
    assert_eq!(refused(bank.profiles().get_profile(bank.service(get("C-9"))).await), MISSING);
    assert_eq!(refused(bank.profiles().get_profile(bank.manager("/hq/west", get("C-1"))).await), OUT_OF_SCOPE);
}

#[tokio::test]
async fn a_watch_begins_with_the_state_and_goes_on_with_changes() {
    let bank = open().await;
    bank.ingest(vec![event("1", "purchase", NOON, 500)]).await;
    let mut stream = bank.profiles().watch_profiles(bank.service(watch("", &ALL))).await.unwrap().into_inner();
    let (state, _) = read(&mut stream, 7).await;
    let words: Vec<_> = state.iter().map(word).collect();
    let expected = ["tenant", "catalogue", "standing C-1", "standing C-2", "vector C-1", "vector C-2", "outcome C-1"];
    assert_eq!(words, expected);
    assert!(state.iter().all(|change| change.header.as_ref().unwrap().cursor.is_empty()));
    let taken = bank.ingest(vec![event("2", "purchase", NOON, 30)]).await;
    let (news, cursor) = read(&mut stream, 2).await;
    assert_eq!(news.iter().map(word).collect::<Vec<_>>(), ["outcome C-1", "vector C-1"]);
    let header = news[1].header.as_ref().unwrap();
    assert_eq!((header.cursor.as_str(), header.owner_path.as_str()), (taken.position.as_str(), "/hq/east"));
    assert_eq!((header.tenant_id.as_str(), header.customer_key.len()), ("bank", 32));
    drop(stream);
    bank.ingest(vec![event("3", "salary", NOON, 30)]).await;
    let mut stream = bank.profiles().watch_profiles(bank.service(watch(&cursor, &ALL))).await.unwrap().into_inner();
    let (rest, _) = read(&mut stream, 1).await;
    assert_eq!(rest.iter().map(word).collect::<Vec<_>>(), ["vector C-1"]);
}

#[tokio::test]
async fn every_change_of_a_customer_comes_down_the_feed() {
    let bank = open().await;
    let mut stream = bank.profiles().watch_profiles(bank.service(watch("", &ALL))).await.unwrap().into_inner();
    let (_, _) = read(&mut stream, 6).await;
    let consent = pb::Consent {
        customer_id: "C-2".into(),
        purpose: pb::Purpose::Marketing.into(),
        allowed: true,
        evidence: "form".into(),
        decide_time: Some(at(NOON)),
        ..Default::default()
    };
    let request = pb::RecordConsentsRequest { consents: vec![consent] };
    bank.consents().record_consents(bank.service(request)).await.unwrap();
    let tag = pb::Tag { name: "vip".into(), source: "rule:1".into(), ..Default::default() };
    let request = pb::AttachTagRequest { customer_id: "C-2".into(), tag: Some(tag) };
    bank.tags().attach_tag(bank.service(request)).await.unwrap();
    let request = pb::UpdateTenantRequest { revision: 1, clock: Some(fixed(NOON + 1)), ..Default::default() };
    bank.tenants().update_tenant(bank.service(request)).await.unwrap();
    let (changes, _) = read(&mut stream, 3).await;
    assert_eq!(changes.iter().map(word).collect::<Vec<_>>(), ["standing C-2", "vector C-2", "tenant"]);
    let Some(Change::Standing(standing)) = &changes[0].change else { panic!("no standing") };
    assert_eq!(standing.consents.len(), 1);
    let Some(Change::Vector(vector)) = &changes[1].change else { panic!("no vector") };
    assert_eq!(vector.tags, ["vip"]);
}

#[tokio::test]
async fn a_watch_is_for_services_and_for_kinds_that_there_are() {
    let bank = open().await;
    let mut profiles = bank.profiles();
    let user = bank.user("bank", "admin", "/", watch("", &ALL));
    assert_eq!(refused(profiles.watch_profiles(user).await), NO_PERMISSION);
    assert_eq!(fields(profiles.watch_profiles(bank.service(watch("", &[]))).await), ["kinds"]);
    let unknown = pb::WatchProfilesRequest { kinds: vec![0, 77], ..Default::default() };
    assert_eq!(fields(profiles.watch_profiles(bank.service(unknown)).await), ["kinds[0]", "kinds[1]"]);
    let answer = profiles.watch_profiles(bank.service(watch("not a cursor", &ALL))).await;
    assert_eq!(answer.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_cursor_that_the_feed_does_not_reach_is_out_of_range() {
    let (busy, young) = (open().await, Bank::open().await);
    let cursor = busy.ingest(vec![event("1", "purchase", NOON, 500)]).await.position;
    let answer = young.profiles().watch_profiles(young.service(watch(&cursor, &ALL))).await;
    let status = answer.unwrap().into_inner().next().await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status)), (Code::OutOfRange, Some(ErrorReason::CursorExpired)));
}
