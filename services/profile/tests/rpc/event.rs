//! EventService and FeatureService.

use std::collections::HashMap;

use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, ValueType, value::Kind},
};

use crate::bank::*;

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank.register(&["salary", "card_payment"], &["purchase"]).await;
    bank
}

#[tokio::test]
async fn types_are_listed_and_keep_what_they_are() {
    let bank = open().await;
    let register = |event_type| bank.service(pb::RegisterEventTypeRequest { event_type: Some(event_type) });
    let described = pb::EventType { name: "salary".into(), description: "wages".into(), ..Default::default() };
    bank.events().register_event_type(register(described.clone())).await.unwrap();
    let listed = bank.events().list_event_types(bank.service(pb::ListEventTypesRequest {})).await.unwrap();
    let types = listed.into_inner().event_types;
    assert_eq!(types.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["card_payment", "purchase", "salary"]);
    assert_eq!(types[2], described);
    let other = pb::EventType { is_outcome: true, ..described };
    assert_eq!(refused(bank.events().register_event_type(register(other)).await), WRONG_STATE);
    let faulty = pb::EventType { name: "Salary".into(), ..Default::default() };
    assert_eq!(fields(bank.events().register_event_type(register(faulty)).await), ["event_type.name"]);
}

fn declared(name: &str, value_type: ValueType, required: bool) -> pb::AttributeType {
    pb::AttributeType { name: name.into(), r#type: value_type.into(), required, ..Default::default() }
}

fn with(event: pb::Event, attributes: &[(&str, Kind)]) -> pb::Event {
    let value = |(name, kind): &(&str, Kind)| ((*name).to_owned(), Value { kind: Some(kind.clone()) });
    pb::Event { attributes: attributes.iter().map(value).collect(), ..event }
}

#[tokio::test]
async fn a_type_gains_attributes_and_keeps_their_types() {
    let bank = open().await;
    let register = async |attributes: Vec<pb::AttributeType>| {
        let event_type = pb::EventType { name: "transfer".into(), attributes, ..Default::default() };
        let request = pb::RegisterEventTypeRequest { event_type: Some(event_type) };
        bank.events().register_event_type(bank.service(request)).await
    };
    let text = |text: &str| Kind::Text(text.into());
    register(vec![declared("payee", ValueType::Text, true)]).await.unwrap();
    let untyped = with(event("1", "transfer", NOON, 1), &[("payee", text("a")), ("fee", Kind::Number(1.0))]);
    let done = bank.ingest(vec![untyped.clone(), event("2", "transfer", NOON, 1)]).await;
    let named: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(named, ["events[0].attributes.fee", "events[1].attributes.payee"]);
    register(vec![declared("fee", ValueType::Number, false)]).await.unwrap();
    assert_eq!(bank.ingest(vec![untyped]).await.accepted, 1);
    let listed = bank.events().list_event_types(bank.service(pb::ListEventTypesRequest {})).await.unwrap();
    let transfer = listed.into_inner().event_types.into_iter().find(|listed| listed.name == "transfer").unwrap();
    assert_eq!(transfer.attributes.len(), 2);
    assert_eq!(refused(register(vec![declared("fee", ValueType::Text, false)]).await), WRONG_STATE);
    let faulty =
        vec![declared("Fee", ValueType::Unspecified, false), declared("questionnaire_version", ValueType::Text, false)];
    let named = fields(register(faulty).await);
    let at = |n: usize, field: &str| format!("event_type.attributes[{n}].{field}");
    assert_eq!(named, [at(0, "name"), at(0, "type"), at(1, "name")]);
}

#[tokio::test]
async fn an_answer_fits_the_questions_of_its_version() {
    let bank = open().await;
    let survey = |version: &str, most: f64| {
        let score = pb::Question {
            question_id: "score".into(),
            text: "How likely are you to recommend us?".into(),
            r#type: ValueType::Number.into(),
            required: true,
            least: Some(0.0),
            most: Some(most),
            ..Default::default()
        };
        let version = pb::QuestionnaireVersion { version: version.into(), questions: vec![score] };
        let questionnaire = pb::Questionnaire { questionnaire_id: "nps".into(), versions: vec![version] };
        pb::EventType { name: "survey".into(), questionnaire: Some(questionnaire), ..Default::default() }
    };
    let register = async |event_type| {
        let request = pb::RegisterEventTypeRequest { event_type: Some(event_type) };
        bank.events().register_event_type(bank.service(request)).await
    };
    let answer = |id: &str, version: &str, score| {
        let version = Kind::Text(version.into());
        with(event(id, "survey", NOON, 0), &[("questionnaire_version", version), ("score", Kind::Number(score))])
    };
    register(survey("v1", 10.0)).await.unwrap();
    let done = bank.ingest(vec![answer("1", "v1", 9.0), answer("2", "v2", 9.0), answer("3", "v1", 11.0)]).await;
    assert_eq!(done.accepted, 1);
    let named: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(named, ["events[1].attributes.questionnaire_version", "events[2].attributes.score"]);
    register(survey("v2", 11.0)).await.unwrap();
    assert_eq!(bank.ingest(vec![answer("2", "v2", 11.0), answer("4", "v1", 10.0)]).await.accepted, 2);
    assert_eq!(refused(register(survey("v1", 7.0)).await), WRONG_STATE);
    let named = fields(register(survey("", -1.0)).await);
    let at = "event_type.questionnaire.versions[0]";
    assert_eq!(named, [format!("{at}.version"), format!("{at}.questions[0].most")]);
}

#[tokio::test]
async fn an_event_is_taken_in_once_however_often_it_is_sent() {
    let bank = open().await;
    let events = || vec![event("1", "salary", NOON, 500), event("2", "salary", NOON - DAY, 300)];
    let first = bank.ingest(events()).await;
    assert_eq!((first.accepted, first.duplicates, first.faults.len()), (2, 0, 0));
    assert!(!first.position.is_empty());
    let again =
        bank.ingest([events(), vec![event("3", "salary", NOON, 1), event("3", "salary", NOON, 1)]].concat()).await;
    assert_eq!((again.accepted, again.duplicates), (1, 3));
    let nothing = bank.ingest(events()).await;
    assert_eq!((nothing.accepted, nothing.duplicates, &nothing.position), (0, 2, &again.position));
    assert_eq!(bank.number("C-1", "salary_sum_90d").await, Some(801.0));
}

#[tokio::test]
async fn bad_events_are_named_and_the_rest_land() {
    let bank = open().await;
    let untyped = event("1", "unheard_of", NOON, 1);
    let nobodys = pb::Event { customer_id: "C-9".into(), ..event("2", "salary", NOON, 1) };
    let timeless = pb::Event { occur_time: None, ..event("3", "salary", NOON, 1) };
    let ancient = event("4", "salary", -100 * 366 * DAY, 1);
    let long = event(&"5".repeat(65), "salary", NOON, 1);
    let sourced = pb::Event { source: "Core".into(), ..event("6", "salary", NOON, 1) };
    let number = Value { kind: Some(Kind::Number(f64::INFINITY)) };
    let strange = pb::Event { attributes: HashMap::from([("n".into(), number)]), ..event("7", "salary", NOON, 1) };
    let bad = vec![untyped, nobodys, timeless, ancient, long, sourced, strange];
    let done = bank.ingest([bad, vec![event("8", "salary", NOON, 1)]].concat()).await;
    let mut faults: Vec<_> = done.faults.iter().map(|fault| (fault.index, fault.field.as_str())).collect();
    faults.sort_unstable();
    let names = ["type", "customer_id", "occur_time", "occur_time", "source_id", "source", "attributes.n"];
    let expected: Vec<_> =
        names.iter().enumerate().map(|(n, name)| (n as i32, format!("events[{n}].{name}"))).collect();
    assert_eq!(faults, expected.iter().map(|(n, field)| (*n, field.as_str())).collect::<Vec<_>>());
    assert_eq!((done.accepted, done.duplicates), (1, 0));
    let none = pb::IngestEventsRequest::default();
    assert_eq!(fields(bank.events().ingest_events(bank.service(none)).await), ["events"]);
    let many = pb::IngestEventsRequest { events: vec![event("9", "salary", NOON, 1); 1001] };
    assert_eq!(fields(bank.events().ingest_events(bank.service(many)).await), ["events"]);
}

#[tokio::test]
async fn events_are_listed_newest_first() {
    let bank = open().await;
    let mut sent: Vec<_> = (0..5).map(|n| event(&n.to_string(), "salary", NOON - n, n)).collect();
    sent.push(event("c", "card_payment", NOON - 2, 7));
    bank.ingest(sent).await;
    let list = |event_type: &str, page_token: String, customer_id: &str| {
        let (customer_id, r#type) = (customer_id.into(), event_type.into());
        bank.service(pb::ListEventsRequest { customer_id, r#type, page_size: 4, page_token })
    };
    let first = bank.events().list_events(list("", String::new(), "C-1")).await.unwrap().into_inner();
    let token = first.next_page_token;
    let rest = bank.events().list_events(list("", token.clone(), "C-1")).await.unwrap().into_inner();
    let ids: Vec<_> = first.events.iter().chain(&rest.events).map(|row| row.source_id.as_str()).collect();
    assert_eq!(ids, ["0", "1", "c", "2", "3", "4"]);
    let cards = bank.events().list_events(list("card_payment", String::new(), "C-1")).await.unwrap().into_inner();
    assert_eq!(cards.events, [event("c", "card_payment", NOON - 2, 7)]);
    assert_eq!(refused(bank.events().list_events(list("salary", token, "C-1")).await), BAD_TOKEN);
    assert_eq!(refused(bank.events().list_events(list("", String::new(), "C-9")).await), MISSING);
}

#[tokio::test]
async fn another_branchs_events_are_out_of_reach() {
    let bank = open().await;
    let request = pb::IngestEventsRequest { events: vec![event("1", "salary", NOON, 1)] };
    let foreign = bank.user("bank", "admin", "/hq/west", request.clone());
    assert_eq!(refused(bank.events().ingest_events(foreign).await), OUT_OF_SCOPE);
    let other = bank.user("other", "admin", "/", request);
    assert_eq!(refused(bank.events().ingest_events(other).await), MISSING);
    let list = pb::ListEventsRequest { customer_id: "C-1".into(), ..Default::default() };
    assert_eq!(refused(bank.events().list_events(bank.manager("/hq/west", list.clone())).await), OUT_OF_SCOPE);
    assert!(bank.events().list_events(bank.service(list)).await.unwrap().into_inner().events.is_empty());
}

#[tokio::test]
async fn the_catalogue_is_listed_by_number() {
    let bank = open().await;
    let listed = bank.features().list_features(bank.service(pb::ListFeaturesRequest {})).await.unwrap().into_inner();
    assert!(listed.features.windows(2).all(|pair| pair[0].number < pair[1].number));
    assert!(listed.features.iter().any(|feature| feature.name == "txn_count_30d" && feature.source.is_some()));
}
