//! A person is erased: nothing that names them is left in any file or table of any service, what they were decided cannot
//! be read any more, everybody else is served as before, and what was counted still counts; an erasure that is cut short
//! is finished at the next start. A hold keeps them until it is lifted.

mod person;
mod remains;

use std::{fs, path::Path, time::Duration};

use huan::{
    Suite,
    demo::{
        self, Desk,
        execution::{self, Decided},
    },
    load::{self, Door},
    suite::{Doors, Place},
};
use huan_chassis::error::reason;
use huan_proto::{
    error::v1::ErrorReason as Reason,
    evaluation::v1::{ArmCount, ListArmsRequest, review_service_client::ReviewServiceClient},
    profile::v1::{
        self as pb, profile_service_client::ProfileServiceClient, rights_service_client::RightsServiceClient,
        snapshot_service_client::SnapshotServiceClient, tenant_service_client::TenantServiceClient,
    },
    segment::v1::{EvaluateCustomerRequest, membership_service_client::MembershipServiceClient},
    strategy::v1::{
        ExplainDecisionRequest, ReplayDecisionRequest, Stage, decision_service_client::DecisionServiceClient,
    },
};
use tonic::{Code, Status};

use self::person::{ERASED, SECOND};
use crate::ask;

const TENANT: &str = "forgetful";
const SERVICES: [&str; 3] = ["segment", "strategy", "evaluation"];

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_in_no_file_and_all_else_stands_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    erase_whole(&Place::folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_in_no_table_and_all_else_stands_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    erase_whole(&ask::on_postgres(Place::folder(folder.path())).await).await;
}

async fn erase_whole(place: &Place) {
    let suite = Suite::start(place).await.unwrap();
    let bank = Bank::open(&suite.doors).await;
    bank.snapshot("numbered", true).await;
    bank.snapshot("keyed", false).await;
    let everybody: Vec<&str> = bank.others.iter().map(String::as_str).chain([ERASED]).collect();
    let decided = bank.decide(&everybody).await;
    let exposed = decided.iter().any(|one| one.customer_id == ERASED && one.would_be().next().is_some());
    assert!(exposed, "the person is among those who count");
    execution::deliver(&bank.desk, decided.iter()).await.unwrap();
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();
    let counted = bank.arms().await;
    assert!(!counted.is_empty());
    let key = bank.reads_all().await;
    assert_eq!(remains::absent(place, &person::plain()).await, [""; 0], "this lies in the files");
    assert_eq!(remains::left(place, &person::sealed()).await, [""; 0], "this lies plain in the files");
    let snapshots = Place::folder(place.folder.join("snapshots"));
    assert_eq!(remains::left(&snapshots, std::slice::from_ref(&key)).await.len(), 2, "both snapshots hold the person");

    // The snapshots cannot be reached, then all goes down.
    let away = place.folder.join("away");
    fs::rename(&snapshots.folder, &away).unwrap();
    let erasing = bank.erase().await;
    assert_eq!(erasing.state(), pb::ErasureState::Erasing);
    assert_eq!(bank.profile(ERASED).await.unwrap_err().code(), Code::NotFound);
    suite.stop().await.unwrap();
    bring_back(&away, &snapshots.folder);
    let suite = Suite::start(place).await.unwrap();
    let bank = Bank { desk: Desk::new(&suite.doors, TENANT).unwrap(), ..bank };
    bank.wait_until_erased(&erasing.erasure_id).await;
    for service in SERVICES {
        demo::wait_for_feeds(&suite.doors, service).await.unwrap();
    }
    bank.is_forgotten(&decided).await;
    assert_eq!(bank.arms().await, counted, "what was counted still counts");
    // The last of it leaves a file after the commit that the feeds were waited for.
    settle(async || remains::left(place, &person::marks()).await.is_empty()).await;

    suite.stop().await.unwrap();
    assert_eq!(remains::left(place, &person::marks()).await, [""; 0], "this is left");
    assert_eq!(remains::left(&snapshots, &[key]).await, [""; 0], "this is left");
    assert_eq!(remains::absent(place, &bank.others).await, [""; 0], "the others are there");
}

/// Puts a folder's files back where they were; what was written there meanwhile, if anything, stays.
fn bring_back(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::rename(from, to).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_a_person_from_marketing_and_from_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let bank = Bank::open(&suite.doors).await;
    let request = pb::PlaceLegalHoldRequest {
        request_id: "hold".into(),
        customer_id: ERASED.into(),
        reason: "case 2024-117".into(),
    };
    let officer = bank.desk.door("privacy_officer");
    let mut rights = RightsServiceClient::new(officer.channel.clone());
    let hold = rights.place_legal_hold(officer.request(request)).await.unwrap().into_inner().legal_hold.unwrap();
    demo::wait_for_feeds(&suite.doors, "strategy").await.unwrap();
    let decided = bank.decide(&[ERASED]).await;
    assert!(decided[0].answer.picks.is_empty());
    assert!(decided[0].reasons.iter().any(|reason| reason.stage() == Stage::Gate), "{:?}", decided[0].reasons);

    assert_eq!(bank.erase().await.state(), pb::ErasureState::Waiting);
    assert!(bank.profile(ERASED).await.is_ok());
    let request = pb::LiftLegalHoldRequest { customer_id: ERASED.into(), hold_id: hold.hold_id };
    let lifted = rights.lift_legal_hold(officer.request(request)).await.unwrap().into_inner();
    assert_eq!(lifted.erasure.unwrap().state(), pb::ErasureState::Done);
    assert_eq!(bank.profile(ERASED).await.unwrap_err().code(), Code::NotFound);
    suite.stop().await.unwrap();
}

/// A simulated bank with one customer more.
struct Bank {
    desk: Desk,
    /// The others.
    others: Vec<String>,
}

impl Bank {
    async fn open(doors: &Doors) -> Self {
        let others = demo::prepare(doors, TENANT, 1, 40).await.unwrap();
        let bank = Self { desk: Desk::new(doors, TENANT).unwrap(), others };
        let now = bank.now(&bank.desk.door("admin")).await;
        person::plant(&bank.desk, now, &bank.others).await;
        for service in SERVICES {
            demo::wait_for_feeds(doors, service).await.unwrap();
        }
        bank
    }

    async fn now(&self, door: &Door) -> prost_types::Timestamp {
        let mut client = TenantServiceClient::new(door.channel.clone());
        client.get_tenant(door.request(pb::GetTenantRequest {})).await.unwrap().into_inner().business_time.unwrap()
    }

    /// Writes a snapshot.
    async fn snapshot(&self, destination: &str, include_bank_numbers: bool) {
        let admin = self.desk.door("admin");
        let mut client = SnapshotServiceClient::new(admin.channel.clone());
        let request = pb::StartSnapshotRequest {
            request_id: destination.into(),
            destination: destination.into(),
            include_bank_numbers,
            ..Default::default()
        };
        let started = client.start_snapshot(admin.request(request)).await.unwrap().into_inner().snapshot.unwrap();
        settle(async || {
            let request = pb::GetSnapshotRequest { snapshot_id: started.snapshot_id.clone() };
            let found = client.clone().get_snapshot(admin.request(request)).await.unwrap().into_inner();
            found.snapshot.unwrap().state() == pb::SnapshotState::Done
        })
        .await;
    }

    async fn decide(&self, customers: &[&str]) -> Vec<Decided> {
        let asked = customers.iter().map(|id| ((*id).to_owned(), None)).collect();
        execution::decide_all(&self.desk, "erasure", asked).await.unwrap().1
    }

    async fn erase(&self) -> pb::PersonErasure {
        let door = self.desk.door("privacy_officer");
        let request = pb::ErasePersonRequest {
            request_id: "erase".into(),
            customer_id: ERASED.into(),
            reason: "asked for by letter".into(),
        };
        let answer = RightsServiceClient::new(door.channel.clone()).erase_person(door.request(request)).await;
        answer.unwrap().into_inner().erasure.unwrap()
    }

    /// Waits until an erasure that was cut short is finished.
    async fn wait_until_erased(&self, erasure_id: &str) {
        let door = self.desk.door("privacy_officer");
        settle(async || {
            let request = pb::GetErasureRequest { erasure_id: erasure_id.into() };
            let found = RightsServiceClient::new(door.channel.clone()).get_erasure(door.request(request)).await;
            found.unwrap().into_inner().erasure.unwrap().state() == pb::ErasureState::Done
        })
        .await;
    }

    /// No service knows the person, nobody can read what they were decided, and everybody else is served.
    async fn is_forgotten(&self, decided: &[Decided]) {
        for id in [ERASED, SECOND] {
            assert_eq!(self.profile(id).await.unwrap_err().code(), Code::NotFound);
            assert_eq!(self.evaluate(id).await.unwrap_err().code(), Code::NotFound);
        }
        for id in &self.others {
            assert!(self.evaluate(id).await.is_ok() && self.profile(id).await.is_ok());
        }
        for one in decided {
            let is_erased = one.customer_id == ERASED;
            for answer in [self.replays(one).await.map(|same| assert!(same)), self.explains(one).await.map(drop)] {
                match answer {
                    Err(status) => assert!(is_erased && reason(&status) == Some(Reason::Erased), "{status}"),
                    Ok(()) => assert!(!is_erased, "the record of an erased person was read"),
                }
            }
        }
        let letters = person::letters_left(&self.desk).await;
        for mark in person::marks() {
            assert!(!letters.contains(&mark), "{mark} is left in a refused event");
        }
        let again = load::customers(&self.desk.door("admin"), [person::row()].into_iter(), 0).await.unwrap();
        assert_eq!((again.new, again.refused), (0, 1), "the next load does not bring them back");
    }

    /// The person's own copy holds everything. Answers with the random key.
    async fn reads_all(&self) -> String {
        let door = self.desk.door("privacy_officer");
        let mut client = RightsServiceClient::new(door.channel.clone());
        let (mut parts, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = pb::ExportPersonRequest {
                request_id: "copy".into(),
                customer_id: SECOND.into(),
                page_size: 2,
                page_token,
            };
            let page = client.export_person(door.request(request)).await.unwrap().into_inner();
            parts.extend(page.parts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        let copy = format!("{parts:?}");
        for mark in person::marks() {
            assert!(copy.contains(&mark), "{mark} is not in the copy");
        }
        let own = parts.iter().find(|part| part.customer_id == ERASED).and_then(|part| part.customer.clone());
        own.unwrap().customer_key
    }

    async fn profile(&self, customer_id: &str) -> Result<pb::GetProfileResponse, Status> {
        let door = self.desk.door("relationship_manager");
        let request = door.request(pb::GetProfileRequest { customer_id: customer_id.into(), ..Default::default() });
        Ok(ProfileServiceClient::new(door.channel.clone()).get_profile(request).await?.into_inner())
    }

    async fn evaluate(&self, customer_id: &str) -> Result<(), Status> {
        let door = self.desk.door("relationship_manager");
        let request = EvaluateCustomerRequest { customer_id: customer_id.into(), ..Default::default() };
        MembershipServiceClient::new(door.channel.clone()).evaluate_customer(door.request(request)).await.map(drop)
    }

    async fn replays(&self, one: &Decided) -> Result<bool, Status> {
        let door = self.desk.door("auditor");
        let request = door.request(ReplayDecisionRequest { decision_id: one.answer.decision_id.clone() });
        Ok(DecisionServiceClient::new(door.channel.clone()).replay_decision(request).await?.into_inner().identical)
    }

    async fn explains(&self, one: &Decided) -> Result<(), Status> {
        let door = self.desk.door("auditor");
        let request = door.request(ExplainDecisionRequest { decision_id: one.answer.decision_id.clone() });
        DecisionServiceClient::new(door.channel.clone()).explain_decision(request).await.map(drop)
    }

    async fn arms(&self) -> Vec<ArmCount> {
        let door = self.desk.door("analyst");
        let request = door.request(ListArmsRequest { page_size: 1000, ..Default::default() });
        ReviewServiceClient::new(door.channel.clone()).list_arms(request).await.unwrap().into_inner().arms
    }
}

/// Polls until it holds, for at most a minute.
async fn settle(holds: impl AsyncFn() -> bool) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), poll).await.expect("it comes true in time");
}
