//! A person about whom something is kept in every place there is, each under a mark of its own.

use std::{collections::HashMap, time::Duration};

use huan::{
    demo::Desk,
    load::{self, Door},
};
use huan_proto::{
    profile::v1::{
        self as pb, bulk_service_client::BulkServiceClient, dead_letter_service_client::DeadLetterServiceClient,
        event_service_client::EventServiceClient, identity_service_client::IdentityServiceClient,
        kyc_service_client::KycServiceClient, merge_service_client::MergeServiceClient,
        relation_service_client::RelationServiceClient, tag_service_client::TagServiceClient,
    },
    strategy::v1::{self as strategy, assignment_service_client::AssignmentServiceClient},
    types::v1::{Value, ValueType, value::Kind},
};
use prost_types::Timestamp;

/// The person's number. It lies amid the others', whose rows come before and after it.
pub const ERASED: &str = "c00000017-ZZ90417733";
/// Another number of the same person: merged.
pub const SECOND: &str = "c00000005-YY55120018";
const NAME: &str = "Erasmus Vanish-Markworth";
const OTHER_NAME: &str = "E. V. Markworth-Gone";
const PHONE: &str = "13977700117";
const ID_NUMBER: &str = "11010119800101889X";
const ADDRESS: &str = "117 Oblivion Street";
const ATTRIBUTE: &str = "attribute-7117";
const ACCOUNT: &str = "6222029000077117";
const DEVICE: &str = "device-7117";
const COUNTERPARTY: &str = "counterparty-7117";
const SURVEY: &str = "survey-7117";
const KYC: &str = "kyc-7117";
const LETTER: &str = "letter-7117";
const NAMED_LETTER: &str = "named-letter-7117";
/// What lies sealed.
const SEALED: [&str; 13] = [
    NAME,
    OTHER_NAME,
    PHONE,
    ID_NUMBER,
    ADDRESS,
    ATTRIBUTE,
    ACCOUNT,
    DEVICE,
    COUNTERPARTY,
    SURVEY,
    KYC,
    LETTER,
    NAMED_LETTER,
];

const EVENT: &str = "salary-7117";
const OTHER_EVENT: &str = "other-salary-7117";
const OUTCOME: &str = "purchase-7117";
const ANSWERS: &str = "answers-7117";
const SLIP: &str = "slip-7117";
const TAGGED: &str = "tagged-7117";
const UNTAGGED: &str = "untagged-7117";
const LOADED: &str = "loaded-7117";
const RELATION: &str = "relation-7117";
/// What lies plain, beside a number in the same row.
const PLAIN: [&str; 11] =
    [ERASED, SECOND, EVENT, OTHER_EVENT, OUTCOME, ANSWERS, SLIP, TAGGED, UNTAGGED, LOADED, RELATION];

/// All that names the person.
pub fn marks() -> Vec<String> {
    SEALED.into_iter().chain(PLAIN).map(str::to_owned).collect()
}

/// What is found in the files until it is erased.
pub fn plain() -> Vec<String> {
    PLAIN.map(str::to_owned).to_vec()
}

/// What never is.
pub fn sealed() -> Vec<String> {
    SEALED.map(str::to_owned).to_vec()
}

/// The person as the bank's load has it.
pub fn row() -> pb::Customer {
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
        attributes: HashMap::from([("note".into(), text(ATTRIBUTE))]),
        risk_level: pb::RiskLevel::C5.into(),
        ..Default::default()
    }
}

/// Keeps something of the person everywhere. `others` stay: related to the person, taken for the same, merged once.
pub async fn plant(desk: &Desk, now: Timestamp, others: &[String]) {
    let admin = desk.door("admin");
    let name = |name: &str| Some(pb::Person { name: name.into(), ..Default::default() });
    let second =
        pb::Customer { customer_id: SECOND.into(), person: name(OTHER_NAME), attributes: HashMap::new(), ..row() };
    // Of the same telephone number: a merge is proposed.
    let neighbour = pb::Person { name: "Neighbour".into(), phone: PHONE.into(), ..Default::default() };
    let neighbour =
        pb::Customer { customer_id: "c00000021-neighbour".into(), person: Some(neighbour), ..second.clone() };
    load::customers(&admin, [row(), second, neighbour].into_iter(), 0).await.unwrap();
    names(&admin, now).await;
    holds_and_says(&admin, now).await;
    events(&admin, now).await;
    letters(&admin, now).await;
    relates(&admin, others).await;
    merges(&admin, &others[2]).await;
    loads(&admin, now).await;
    assigned(&admin, now).await;
}

/// The letters of refused events, as text: they lie sealed under a key that stays.
pub async fn letters_left(desk: &Desk) -> String {
    let door = desk.door("admin");
    let request = pb::ListDeadLettersRequest { page_size: 1000, ..Default::default() };
    let letters = DeadLetterServiceClient::new(door.channel.clone()).list_dead_letters(door.request(request)).await;
    format!("{:?}", letters.unwrap().into_inner().dead_letters)
}

async fn names(door: &Door, now: Timestamp) {
    let identity = |namespace: &str, value: &str| {
        Some(pb::Identity { namespace: namespace.into(), value: value.into(), ..Default::default() })
    };
    let mut identities = IdentityServiceClient::new(door.channel.clone());
    let account = pb::AddIdentityRequest { customer_id: ERASED.into(), identity: identity("account", ACCOUNT) };
    identities.add_identity(door.request(account)).await.unwrap();
    // An anonymous visitor, who turns out to be the person.
    let login = pb::Event {
        customer_id: String::new(),
        identity: identity("app_device", DEVICE),
        ..event("login-7117", "app_login", now)
    };
    take(door, vec![login], 1).await;
    let join = pb::JoinDeviceRequest { customer_id: ERASED.into(), identity: identity("app_device", DEVICE) };
    let joined = identities.join_device(door.request(join)).await.unwrap().into_inner();
    assert!(!joined.merge_id.is_empty());
}

async fn holds_and_says(door: &Door, now: Timestamp) {
    let holding = pb::Holding {
        holding_id: ACCOUNT.into(),
        customer_id: ERASED.into(),
        kind: "account".into(),
        open_day: "2024-01-31".into(),
        balance_minor: 5_000_000,
        ..Default::default()
    };
    load::holdings(door, [holding].into_iter()).await.unwrap();
    let consent = pb::Consent {
        customer_id: ERASED.into(),
        purpose: pb::Purpose::Marketing.into(),
        allowed: true,
        evidence: SLIP.into(),
        decide_time: Some(now),
        ..Default::default()
    };
    load::consents(door, [consent].into_iter()).await.unwrap();
    let answer = pb::KycAnswer {
        question_id: "plans".into(),
        answer: Some(pb::kyc_answer::Answer::Text(KYC.into())),
        answer_time: Some(now),
        ..Default::default()
    };
    let request = pb::RecordKycAnswersRequest { customer_id: ERASED.into(), answers: vec![answer] };
    KycServiceClient::new(door.channel.clone()).record_kyc_answers(door.request(request)).await.unwrap();
    let mut tags = TagServiceClient::new(door.channel.clone());
    for (name, evidence) in [("kept", TAGGED), ("taken_off", UNTAGGED)] {
        let request = pb::AttachTagRequest { customer_id: ERASED.into(), tag: Some(tag(name, evidence, now)) };
        tags.attach_tag(door.request(request)).await.unwrap();
    }
    let off = pb::DetachTagRequest { customer_id: ERASED.into(), name: "taken_off".into() };
    tags.detach_tag(door.request(off)).await.unwrap();
}

fn tag(name: &str, evidence: &str, now: Timestamp) -> pb::Tag {
    let lineage = pb::TagLineage {
        author: pb::TagAuthor::Person.into(),
        author_id: "u-1".into(),
        evidence: evidence.into(),
        decide_time: Some(now),
        ..Default::default()
    };
    pb::Tag { name: name.into(), source: "person:u-1".into(), lineage: Some(lineage), ..Default::default() }
}

async fn events(door: &Door, now: Timestamp) {
    let question = pb::Question {
        question_id: "why".into(),
        text: "Why?".into(),
        r#type: ValueType::Text.into(),
        ..Default::default()
    };
    let version = pb::QuestionnaireVersion { version: "v1".into(), questions: vec![question] };
    let questionnaire = pb::Questionnaire { questionnaire_id: "feedback".into(), versions: vec![version] };
    let survey = pb::EventType { name: "survey".into(), questionnaire: Some(questionnaire), ..Default::default() };
    let register = pb::RegisterEventTypeRequest { event_type: Some(survey) };
    EventServiceClient::new(door.channel.clone()).register_event_type(door.request(register)).await.unwrap();
    let salary = pb::Event {
        amount_minor: 2_000_000,
        attributes: HashMap::from([("counterparty".into(), text(COUNTERPARTY))]),
        ..event(EVENT, "salary", now)
    };
    let other = pb::Event { customer_id: SECOND.into(), ..event(OTHER_EVENT, "salary", now) };
    let answers = [("questionnaire_version".to_owned(), text("v1")), ("why".to_owned(), text(SURVEY))];
    let answers = pb::Event { attributes: HashMap::from(answers), ..event(ANSWERS, "survey", now) };
    take(door, vec![salary, other, answers, event(OUTCOME, "purchase", now)], 4).await;
}

/// Two that are refused: one names the customer, one an identity of theirs.
async fn letters(door: &Door, now: Timestamp) {
    let mut refused = event(LETTER, "unheard_of", now);
    let identity = pb::Identity { namespace: "account".into(), value: ACCOUNT.into(), ..Default::default() };
    let named = pb::Event {
        identity: Some(identity),
        customer_id: String::new(),
        source_id: NAMED_LETTER.into(),
        ..refused.clone()
    };
    refused.attributes.insert("note".into(), text(ATTRIBUTE));
    take(door, vec![refused, named], 0).await;
}

async fn relates(door: &Door, others: &[String]) {
    let relation = |from: &str, to: &str| pb::Relation {
        from_customer_id: from.into(),
        to_customer_id: to.into(),
        r#type: pb::RelationType::Referred.into(),
        source: RELATION.into(),
        ..Default::default()
    };
    let relations = vec![relation(ERASED, &others[0]), relation(&others[1], ERASED), relation(SECOND, &others[1])];
    let request = pb::PutRelationsRequest { relations };
    let put = RelationServiceClient::new(door.channel.clone()).put_relations(door.request(request)).await;
    assert_eq!(put.unwrap().into_inner().created, 3);
}

/// One stays merged; another is merged, and is taken out again.
async fn merges(door: &Door, former: &str) {
    let mut merges = MergeServiceClient::new(door.channel.clone());
    let mut merged = Vec::new();
    for absorbed in [SECOND, former] {
        let request = pb::MergeCustomersRequest {
            request_id: format!("merge-{absorbed}"),
            survivor_customer_id: ERASED.into(),
            absorbed_customer_id: absorbed.into(),
        };
        let answer = merges.merge_customers(door.request(request)).await.unwrap().into_inner();
        merged.push(answer.merge.unwrap().merge_id);
    }
    let request = pb::UnmergeCustomersRequest { merge_id: merged.remove(1) };
    merges.unmerge_customers(door.request(request)).await.unwrap();
    let request = pb::ListMergeProposalsRequest { page_size: 1000, ..Default::default() };
    let proposals = merges.list_merge_proposals(door.request(request)).await.unwrap().into_inner().proposals;
    let ids = proposals.iter().flat_map(|one| [&one.absorbed_customer_id, &one.survivor_customer_id]);
    assert!(ids.into_iter().any(|id| id == ERASED), "a merge is proposed");
}

/// A row of a load that lands, and one that is refused.
async fn loads(door: &Door, now: Timestamp) {
    let row = |row, name: &str| pb::BulkRow {
        row,
        customer_id: ERASED.into(),
        tags: vec![tag(name, LOADED, now)],
        ..Default::default()
    };
    let request = pb::LoadRowsRequest {
        load_id: "tags".into(),
        source: "tags.csv".into(),
        source_hash: "h".into(),
        first_row: 1,
        next_row: 3,
        rows: vec![row(1, "loaded"), row(2, "No Tag")],
        last: true,
        ..Default::default()
    };
    let loaded = BulkServiceClient::new(door.channel.clone()).load_rows(door.request(request)).await.unwrap();
    assert_eq!(loaded.into_inner().faults.len(), 1);
}

async fn assigned(door: &Door, now: Timestamp) {
    let arm = |arm: &str| strategy::Arm { arm: arm.into(), intended_share: 0.5, is_control: arm == "none" };
    let experiment = strategy::Experiment {
        experiment_id: "letters".into(),
        display_name: "Letters".into(),
        arms: vec![arm("letter"), arm("none")],
    };
    let request = strategy::CreateExperimentRequest { request_id: "letters".into(), experiment: Some(experiment) };
    AssignmentServiceClient::new(door.channel.clone()).create_experiment(door.request(request)).await.unwrap();
    let assignment = strategy::Assignment { customer_id: ERASED.into(), arm: "letter".into(), assign_time: Some(now) };
    // Strategy learns of a customer by profile's feed.
    let assigned = async {
        while load::assignments(door, "letters", [assignment.clone()].into_iter()).await.unwrap().new == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), assigned).await.expect("the customer is known in time");
}

async fn take(door: &Door, events: Vec<pb::Event>, accepted: u64) {
    let taken = load::events(door, events.into_iter()).await.unwrap();
    assert_eq!(taken.new, accepted, "{:?}", taken.faults);
}

fn event(source_id: &str, event_type: &str, now: Timestamp) -> pb::Event {
    pb::Event {
        source: "core".into(),
        source_id: source_id.into(),
        customer_id: ERASED.into(),
        r#type: event_type.into(),
        occur_time: Some(now),
        ..Default::default()
    }
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::Text(text.into())) }
}
