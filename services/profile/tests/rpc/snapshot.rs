//! SnapshotService.

use std::path::Path;

use huan_proto::profile::v1 as pb;
use serde_json::Value;

use crate::bank::*;

async fn bank(customers: usize) -> Bank {
    let bank = Bank::open().await;
    bank.import((0..customers).map(|n| customer(&format!("C-{n}"), "/hq/east")).collect()).await;
    bank
}

fn start(request_id: &str) -> pb::StartSnapshotRequest {
    pb::StartSnapshotRequest { request_id: request_id.into(), ..Default::default() }
}

async fn started(bank: &Bank, request: pb::StartSnapshotRequest) -> pb::Snapshot {
    bank.snapshots().start_snapshot(bank.service(request)).await.unwrap().into_inner().snapshot.unwrap()
}

async fn get(bank: &Bank, snapshot_id: &str) -> pb::Snapshot {
    let request = pb::GetSnapshotRequest { snapshot_id: snapshot_id.into() };
    bank.snapshots().get_snapshot(bank.service(request)).await.unwrap().into_inner().snapshot.unwrap()
}

async fn ended(bank: &Bank, snapshot_id: &str) -> pb::Snapshot {
    eventually(|| async { get(bank, snapshot_id).await.state() != pb::SnapshotState::Running }).await;
    get(bank, snapshot_id).await
}

fn read_manifest(snapshot: &pb::Snapshot) -> Value {
    serde_json::from_slice(&std::fs::read(snapshot.manifest.strip_prefix("file://").unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_snapshot_is_written_with_its_manifest_last() {
    let bank = bank(30).await;
    let asked = pb::StartSnapshotRequest {
        features: vec!["has_card".into(), "customer_type".into()],
        destination: "training".into(),
        ..start("r-1")
    };
    let made = started(&bank, asked.clone()).await;
    assert_eq!(started(&bank, asked).await.snapshot_id, made.snapshot_id, "a request makes one snapshot");
    let done = ended(&bank, &made.snapshot_id).await;
    assert_eq!((done.state(), done.customer_count, done.written_count), (pb::SnapshotState::Done, 30, 30), "{done:?}");
    assert_eq!(done.features, ["customer_type", "has_card"]);
    let manifest = read_manifest(&done);
    assert_eq!((&manifest["row_count"], &manifest["feed_position"]), (&30.into(), &done.position.as_str().into()));
    assert_eq!(manifest["features"][0]["column"], "feature_customer_type", "the files have a column of that name");
    let folder = Path::new(done.manifest.strip_prefix("file://").unwrap()).parent().unwrap();
    let part = std::fs::metadata(folder.join(manifest["parts"][0]["file"].as_str().unwrap())).unwrap();
    assert_eq!(manifest["parts"][0]["byte_count"], part.len());
    assert!(folder.parent().unwrap().ends_with("bank/training"));
}

#[tokio::test]
async fn faults_of_a_snapshot_are_named() {
    let bank = bank(1).await;
    let request = pb::StartSnapshotRequest {
        features: vec!["no_such".into(), "has_card".into(), "has_card".into()],
        destination: "../up".into(),
        ..start("")
    };
    let named = fields(bank.snapshots().start_snapshot(bank.service(request)).await);
    assert_eq!(named, ["features[0]", "features[2]", "destination", "request_id"]);
    let branch = bank.user("bank", "admin", "/hq/east", start("r-1"));
    assert_eq!(refused(bank.snapshots().start_snapshot(branch).await), OUT_OF_SCOPE);
    let reader = bank.user("bank", "analyst", "/", start("r-1"));
    assert_eq!(refused(bank.snapshots().start_snapshot(reader).await), NO_PERMISSION);
    let missing = pb::GetSnapshotRequest { snapshot_id: "s-9".into() };
    assert_eq!(refused(bank.snapshots().get_snapshot(bank.service(missing)).await), MISSING);
    let unnamed = pb::GetSnapshotRequest::default();
    assert_eq!(fields(bank.snapshots().get_snapshot(bank.service(unnamed)).await), ["snapshot_id"]);
}

#[tokio::test]
async fn snapshots_are_listed_newest_first() {
    let bank = bank(1).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.insert(0, started(&bank, start(&format!("r-{n}"))).await.snapshot_id);
    }
    let list = |page_size, page_token: &str| pb::ListSnapshotsRequest { page_size, page_token: page_token.into() };
    let first = bank.snapshots().list_snapshots(bank.service(list(2, ""))).await.unwrap().into_inner();
    let rest = list(2, &first.next_page_token);
    let rest = bank.snapshots().list_snapshots(bank.service(rest)).await.unwrap().into_inner();
    let listed: Vec<_> = first.snapshots.iter().chain(&rest.snapshots).map(|one| one.snapshot_id.clone()).collect();
    assert_eq!((listed, rest.next_page_token.as_str()), (ids, ""));
    assert_eq!(refused(bank.snapshots().list_snapshots(bank.service(list(2, "x"))).await), BAD_TOKEN);
}

#[tokio::test]
async fn what_is_over_is_not_cancelled() {
    let bank = bank(1).await;
    let done = ended(&bank, &started(&bank, start("r-1")).await.snapshot_id).await;
    let cancel = |snapshot_id: &str| pb::CancelSnapshotRequest { snapshot_id: snapshot_id.into() };
    let over = bank.snapshots().cancel_snapshot(bank.service(cancel(&done.snapshot_id))).await;
    assert_eq!(refused(over), WRONG_STATE);
    assert_eq!(refused(bank.snapshots().cancel_snapshot(bank.service(cancel("s-9"))).await), MISSING);
    assert_eq!(fields(bank.snapshots().cancel_snapshot(bank.service(cancel(""))).await), ["snapshot_id"]);
    let branch = bank.user("bank", "admin", "/hq/east", cancel(&done.snapshot_id));
    assert_eq!(refused(bank.snapshots().cancel_snapshot(branch).await), OUT_OF_SCOPE);
}
