//! A person is erased: nothing that names them is left in any file of any service, what they were decided cannot be read
//! any more, everybody else is served as before, and what was counted still counts. A hold keeps them until it is lifted.

use std::{fs, path::Path};

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
        self as pb, identity_service_client::IdentityServiceClient, profile_service_client::ProfileServiceClient,
        rights_service_client::RightsServiceClient, snapshot_service_client::SnapshotServiceClient,
        tenant_service_client::TenantServiceClient,
    },
    segment::v1::{EvaluateCustomerRequest, membership_service_client::MembershipServiceClient},
    strategy::v1::{
        ExplainDecisionRequest, ReplayDecisionRequest, Stage, decision_service_client::DecisionServiceClient,
    },
};
use tonic::{Code, Status};

const TENANT: &str = "forgetful";
const ERASED: &str = "ZZ90417733";
const NAME: &str = "Erasmus Vanish-Markworth";
const PHONE: &str = "13977700117";
const ID_NUMBER: &str = "11010119800101889X";
const ADDRESS: &str = "117 Oblivion Street";
const ACCOUNT: &str = "6222029000077117";
const EVENT: &str = "txn-ZZ90417733-salary";
/// All that names the erased person.
const MARKERS: [&str; 7] = [ERASED, NAME, PHONE, ID_NUMBER, ADDRESS, ACCOUNT, EVENT];

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_person_is_in_no_file_and_all_else_stands() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let bank = Bank::open(&suite.doors).await;
    bank.snapshot().await;
    let everybody: Vec<&str> = bank.others.iter().map(String::as_str).chain([ERASED]).collect();
    let decided = bank.decide(&everybody).await;
    let exposed = decided.iter().any(|one| one.customer_id == ERASED && one.would_be().next().is_some());
    assert!(exposed, "the person is among those who count");
    execution::deliver(&bank.desk, decided.iter()).await.unwrap();
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();
    let counted = bank.arms().await;
    assert!(!counted.is_empty());
    bank.reads_all(ERASED).await;
    let before = bytes(folder.path());
    assert!(holds(&before, ERASED), "the number itself lies in the files");
    for marker in [NAME, PHONE, ID_NUMBER, ADDRESS, ACCOUNT] {
        assert!(!holds(&before, marker), "{marker} lies plain in the files");
    }

    assert_eq!(bank.erase().await.state(), pb::ErasureState::Done);
    for service in ["segment", "strategy", "evaluation"] {
        demo::wait_for_feeds(&suite.doors, service).await.unwrap();
    }
    assert_eq!(bank.profile(ERASED).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(bank.evaluate(ERASED).await.unwrap_err().code(), Code::NotFound);
    assert!(bank.evaluate(&bank.others[0]).await.is_ok());
    assert!(bank.profile(&bank.others[0]).await.is_ok());
    for one in &decided {
        let is_erased = one.customer_id == ERASED;
        for answer in [bank.replays(one).await.map(|same| assert!(same)), bank.explains(one).await.map(drop)] {
            match answer {
                Err(status) => assert!(is_erased && reason(&status) == Some(Reason::Erased), "{status}"),
                Ok(()) => assert!(!is_erased, "the record of an erased person was read"),
            }
        }
    }
    assert_eq!(bank.arms().await, counted, "what was counted still counts");
    let again = load::customers(&bank.desk.door("admin"), [person()].into_iter(), 0).await.unwrap();
    assert_eq!((again.new, again.refused), (0, 1), "the next load does not bring them back");

    suite.stop().await.unwrap();
    let left = bytes(folder.path());
    for marker in MARKERS {
        assert!(!holds(&left, marker), "{marker} is left in {:?}", files_with(folder.path(), marker));
    }
    assert!(holds(&left, &bank.others[0]), "the files hold the others");
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
        bank.add_person().await;
        for service in ["segment", "strategy", "evaluation"] {
            demo::wait_for_feeds(doors, service).await.unwrap();
        }
        bank
    }

    async fn add_person(&self) {
        let admin = self.desk.door("admin");
        load::customers(&admin, [person()].into_iter(), 0).await.unwrap();
        let identity = Some(pb::Identity { namespace: "account".into(), value: ACCOUNT.into(), ..Default::default() });
        let request = pb::AddIdentityRequest { customer_id: ERASED.into(), identity };
        IdentityServiceClient::new(admin.channel.clone()).add_identity(admin.request(request)).await.unwrap();
        let holding = pb::Holding {
            holding_id: ACCOUNT.into(),
            customer_id: ERASED.into(),
            kind: "account".into(),
            open_day: "2024-01-31".into(),
            balance_minor: 5_000_000,
            ..Default::default()
        };
        load::holdings(&admin, [holding].into_iter()).await.unwrap();
        let now = self.now(&admin).await;
        let consent = pb::Consent {
            customer_id: ERASED.into(),
            purpose: pb::Purpose::Marketing.into(),
            allowed: true,
            evidence: "branch".into(),
            decide_time: Some(now),
            ..Default::default()
        };
        load::consents(&admin, [consent].into_iter()).await.unwrap();
        let event = pb::Event {
            source: "core".into(),
            source_id: EVENT.into(),
            customer_id: ERASED.into(),
            r#type: "salary".into(),
            occur_time: Some(now),
            amount_minor: 2_000_000,
            ..Default::default()
        };
        assert_eq!(load::events(&admin, [event].into_iter()).await.unwrap().new, 1);
    }

    async fn now(&self, door: &Door) -> prost_types::Timestamp {
        let mut client = TenantServiceClient::new(door.channel.clone());
        client.get_tenant(door.request(pb::GetTenantRequest {})).await.unwrap().into_inner().business_time.unwrap()
    }

    /// Writes a snapshot with the bank's numbers in it.
    async fn snapshot(&self) {
        let admin = self.desk.door("admin");
        let mut client = SnapshotServiceClient::new(admin.channel.clone());
        let request = pb::StartSnapshotRequest {
            request_id: "s".into(),
            destination: "all".into(),
            include_bank_numbers: true,
            ..Default::default()
        };
        let started = client.start_snapshot(admin.request(request)).await.unwrap().into_inner().snapshot.unwrap();
        let done = async {
            loop {
                let request = pb::GetSnapshotRequest { snapshot_id: started.snapshot_id.clone() };
                let found = client.get_snapshot(admin.request(request)).await.unwrap().into_inner().snapshot.unwrap();
                if found.state() == pb::SnapshotState::Done {
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), done).await.expect("the snapshot is written in time");
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

    /// The person's own copy holds everything.
    async fn reads_all(&self, customer_id: &str) {
        let door = self.desk.door("privacy_officer");
        let request = |page_token| pb::ExportPersonRequest {
            request_id: "copy".into(),
            customer_id: customer_id.into(),
            page_size: 0,
            page_token,
        };
        let mut client = RightsServiceClient::new(door.channel.clone());
        let first = client.export_person(door.request(request(String::new()))).await.unwrap().into_inner();
        let part = &first.parts[0];
        assert_eq!(part.customer.as_ref().unwrap().person, person().person);
        assert_eq!((part.identities[0].value.as_str(), part.holdings[0].holding_id.as_str()), (ACCOUNT, ACCOUNT));
        assert_eq!(part.consents.len(), 1);
        let second = client.export_person(door.request(request(first.next_page_token))).await.unwrap().into_inner();
        assert_eq!(second.parts[0].events[0].source_id, EVENT);
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

fn person() -> pb::Customer {
    pb::Customer {
        customer_id: ERASED.into(),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq/east".into(),
        person: Some(pb::Person {
            name: NAME.into(),
            phone: PHONE.into(),
            id_number: ID_NUMBER.into(),
            address: ADDRESS.into(),
            birth_day: "1980-01-01".into(),
        }),
        risk_level: pb::RiskLevel::C5.into(),
        ..Default::default()
    }
}

/// All bytes of all files below a folder.
fn bytes(folder: &Path) -> Vec<u8> {
    files(folder).iter().flat_map(|file| read(file)).collect()
}

/// A file's bytes; none if it went while it was listed, as a database's own working files do.
fn read(file: &Path) -> Vec<u8> {
    fs::read(file).unwrap_or_default()
}

fn files_with(folder: &Path, marker: &str) -> Vec<std::path::PathBuf> {
    files(folder).into_iter().filter(|file| holds(&read(file), marker)).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(all: &[u8], part: &str) -> bool {
    all.windows(part.len()).any(|window| window == part.as_bytes())
}
