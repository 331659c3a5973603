//! DeadLetterService.

use std::collections::HashMap;

use huan_proto::{
    profile::v1::{self as pb, DeadLetterState as State},
    types::v1::{Value, value::Kind},
};

use crate::bank::*;

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east")]).await;
    bank.register(&["salary"], &[]).await;
    bank
}

async fn listed(bank: &Bank, state: State) -> Vec<pb::DeadLetter> {
    let request = pb::ListDeadLettersRequest { state: state.into(), ..Default::default() };
    bank.dead_letters().list_dead_letters(bank.service(request)).await.unwrap().into_inner().dead_letters
}

async fn replay(bank: &Bank, request: pb::ReplayDeadLettersRequest) -> pb::ReplayDeadLettersResponse {
    bank.dead_letters().replay_dead_letters(bank.service(request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn what_is_refused_is_kept_with_its_reason_and_replayed_after_a_fix() {
    let bank = open().await;
    let nobodys = pb::Event { customer_id: "C-2".into(), ..event("2", "salary", NOON, 5) };
    let unnamed = pb::Event { source_id: String::new(), ..event("", "salary", NOON, 1) };
    let sent = vec![event("1", "bonus", NOON, 7), nobodys.clone(), unnamed, event("4", "salary", NOON, 1)];
    for _ in 0..2 {
        let done = bank.ingest(sent.clone()).await;
        assert_eq!(done.faults.iter().map(|fault| fault.index).collect::<Vec<_>>(), [0, 1, 2]);
    }
    let letters = listed(&bank, State::Open).await;
    let reasons: Vec<_> = letters.iter().map(|letter| (letter.field.as_str(), letter.description.as_str())).collect();
    assert_eq!(letters.len(), 3, "one a source id, however often it is refused: {reasons:?}");
    assert!(reasons.contains(&("type", "is not a registered type")));
    assert!(reasons.contains(&("source_id", "is required")));
    let kept = letters.iter().find(|letter| letter.field == "customer_id").unwrap();
    assert_eq!(kept.event.as_ref().unwrap(), &nobodys);

    bank.register(&["bonus"], &[]).await;
    bank.import(vec![customer("C-2", "/hq/west")]).await;
    let done = replay(&bank, pb::ReplayDeadLettersRequest::default()).await;
    assert_eq!((done.replayed, done.refused, done.next_page_token.as_str()), (2, 1, ""));
    assert!(!done.position.is_empty());
    assert_eq!(bank.number("C-2", "salary_sum_90d").await, Some(5.0));
    assert_eq!(listed(&bank, State::Replayed).await.len(), 2);
    let left = listed(&bank, State::Open).await;
    assert_eq!((left.len(), left[0].field.as_str()), (1, "source_id"));
    let again = pb::ReplayDeadLettersRequest { letter_ids: vec![kept.letter_id.clone()], ..Default::default() };
    assert_eq!(replay(&bank, again).await, pb::ReplayDeadLettersResponse::default());
}

#[tokio::test]
async fn an_event_that_is_sent_again_and_lands_closes_its_letter() {
    let bank = open().await;
    bank.ingest(vec![event("1", "bonus", NOON, 7)]).await;
    assert_eq!(listed(&bank, State::Open).await.len(), 1);
    bank.ingest(vec![event("1", "salary", NOON, 7)]).await;
    assert!(listed(&bank, State::Open).await.is_empty());
    assert_eq!(listed(&bank, State::Replayed).await.len(), 1);
    bank.ingest(vec![event("1", "bonus", NOON, 7)]).await;
    assert_eq!(listed(&bank, State::Open).await.len(), 1, "refused again, open again");
    assert_eq!(listed(&bank, State::Unspecified).await.len(), 1);
}

#[tokio::test]
async fn letters_are_listed_by_filter_and_page_and_dropped() {
    let bank = open().await;
    let of = |source: &str, id: &str, event_type: &str| pb::Event {
        source: source.into(),
        ..event(id, event_type, NOON, 1)
    };
    bank.ingest(vec![of("core", "1", "bonus"), of("core", "2", "bonus"), of("app", "1", "tip")]).await;
    let list = |source: &str, event_type: &str, page_size: i32, page_token: String| {
        let filter = Some(pb::DeadLetterFilter { source: source.into(), r#type: event_type.into() });
        bank.service(pb::ListDeadLettersRequest { filter, page_size, page_token, ..Default::default() })
    };
    let first = bank.dead_letters().list_dead_letters(list("core", "", 1, String::new())).await.unwrap().into_inner();
    let token = first.next_page_token;
    let rest = bank.dead_letters().list_dead_letters(list("core", "", 1, token.clone())).await.unwrap().into_inner();
    assert_eq!((first.dead_letters.len(), rest.dead_letters.len(), rest.next_page_token.as_str()), (1, 1, ""));
    let tips = bank.dead_letters().list_dead_letters(list("", "tip", 0, String::new())).await.unwrap().into_inner();
    assert_eq!(tips.dead_letters.len(), 1);
    assert_eq!(refused(bank.dead_letters().list_dead_letters(list("app", "", 1, token)).await), BAD_TOKEN);

    let drop = |letter_ids: Vec<String>, filter| bank.service(pb::DropDeadLettersRequest { letter_ids, filter });
    let one = first.dead_letters[0].letter_id.clone();
    let dropped = bank.dead_letters().drop_dead_letters(drop(vec![one.clone()], None)).await.unwrap().into_inner();
    assert_eq!(dropped.dropped, 1);
    let core = Some(pb::DeadLetterFilter { source: "core".into(), ..Default::default() });
    let dropped = bank.dead_letters().drop_dead_letters(drop(vec![], core.clone())).await.unwrap().into_inner();
    assert_eq!(dropped.dropped, 1);
    assert_eq!(listed(&bank, State::Open).await.len(), 1);
    assert_eq!(fields(bank.dead_letters().drop_dead_letters(drop(vec![one; 1001], None)).await), ["letter_ids"]);
    assert_eq!(fields(bank.dead_letters().drop_dead_letters(drop(vec!["x".into()], core.clone())).await), ["filter"]);
    let both = pb::ReplayDeadLettersRequest { letter_ids: vec!["x".into()], filter: core, ..Default::default() };
    assert_eq!(fields(bank.dead_letters().replay_dead_letters(bank.service(both)).await), ["filter"]);
    let unheard = pb::ListDeadLettersRequest { state: 9, ..Default::default() };
    assert_eq!(fields(bank.dead_letters().list_dead_letters(bank.service(unheard)).await), ["state"]);
}

#[tokio::test]
async fn letters_are_for_the_whole_bank_and_show_no_identities() {
    let bank = open().await;
    let identity = Some(pb::Identity { namespace: "phone".into(), value: "13800001234".into(), ..Default::default() });
    bank.ingest(vec![pb::Event { customer_id: String::new(), identity, ..event("1", "salary", NOON, 1) }]).await;
    let list = pb::ListDeadLettersRequest::default();
    let branch = bank.user("bank", "admin", "/hq/east", list.clone());
    assert_eq!(refused(bank.dead_letters().list_dead_letters(branch).await), OUT_OF_SCOPE);
    let strategist = bank.user("bank", "strategist", "/", list.clone());
    assert_eq!(refused(bank.dead_letters().list_dead_letters(strategist).await), NO_PERMISSION);
    let seen =
        bank.dead_letters().list_dead_letters(bank.user("bank", "auditor", "/", list)).await.unwrap().into_inner();
    let event = seen.dead_letters[0].event.clone().unwrap();
    assert_eq!(event.identity.unwrap().value, "*******1234");
    let replay = bank.user("bank", "auditor", "/", pb::ReplayDeadLettersRequest::default());
    assert_eq!(refused(bank.dead_letters().replay_dead_letters(replay).await), NO_PERMISSION);
}

#[tokio::test]
async fn an_event_too_large_to_be_kept_whole_cannot_be_replayed() {
    let bank = open().await;
    let text = Value { kind: Some(Kind::Text("x".repeat(40_000))) };
    let large = pb::Event { attributes: HashMap::from([("a".into(), text)]), ..event("1", "salary", NOON, 1) };
    bank.ingest(vec![large]).await;
    let letters = listed(&bank, State::Open).await;
    assert!(letters[0].cut && letters[0].event.as_ref().unwrap().attributes.is_empty());
    let done = replay(&bank, pb::ReplayDeadLettersRequest::default()).await;
    assert_eq!((done.replayed, done.refused), (0, 1));
}
