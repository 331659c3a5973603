//! ConsentService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn consent(channel_id: &str, seconds: i64, allowed: bool) -> pb::Consent {
    pb::Consent {
        customer_id: "C-1".into(),
        purpose: pb::Purpose::Marketing.into(),
        channel_id: channel_id.into(),
        allowed,
        evidence: "form 7".into(),
        decide_time: Some(at(seconds)),
        expire_time: None,
    }
}

async fn record(bank: &Bank, consents: Vec<pb::Consent>) -> pb::RecordConsentsResponse {
    let request = pb::RecordConsentsRequest { consents };
    bank.consents().record_consents(bank.service(request)).await.unwrap().into_inner()
}

async fn holds(bank: &Bank) -> Vec<(String, bool)> {
    let profile = bank.profile("C-1").await;
    profile.consents.into_iter().map(|consent| (consent.channel_id, consent.allowed)).collect()
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east"), customer("C-2", "/hq/west")]).await;
    bank
}

#[tokio::test]
async fn the_newest_word_holds_however_late_it_arrives() {
    let bank = open().await;
    record(&bank, vec![consent("sms", NOON - 10, true), consent("app", NOON - 10, true)]).await;
    record(&bank, vec![consent("sms", NOON - 20, false), consent("app", NOON - 5, false)]).await;
    assert_eq!(holds(&bank).await, [("app".into(), false), ("sms".into(), true)]);
    record(&bank, vec![consent("sms", NOON - 10, false)]).await;
    assert_eq!(holds(&bank).await, [("app".into(), false), ("sms".into(), false)], "of two at once the refusal");
    let ends = pb::Consent { expire_time: Some(at(NOON)), ..consent("sms", NOON - 1, true) };
    record(&bank, vec![ends]).await;
    assert_eq!(holds(&bank).await, [("app".into(), false)], "an ended consent does not hold");
}

#[tokio::test]
async fn history_is_kept_once_and_listed_newest_first() {
    let bank = open().await;
    for _ in 0..2 {
        let said = (0..5).map(|n| consent("", NOON - n, n % 2 == 0)).collect();
        assert_eq!(record(&bank, said).await.recorded, 5);
    }
    let list = |page_token: String, customer_id: &str| {
        bank.service(pb::ListConsentsRequest { customer_id: customer_id.into(), page_size: 3, page_token })
    };
    let first = bank.consents().list_consents(list(String::new(), "C-1")).await.unwrap().into_inner();
    let token = first.next_page_token;
    let rest = bank.consents().list_consents(list(token.clone(), "C-1")).await.unwrap().into_inner();
    let times = first.consents.iter().chain(&rest.consents).map(|row| NOON - row.decide_time.unwrap().seconds);
    assert_eq!(times.collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(refused(bank.consents().list_consents(list(token, "C-2")).await), BAD_TOKEN);
    assert_eq!(refused(bank.consents().list_consents(list(String::new(), "C-9")).await), MISSING);
}

#[tokio::test]
async fn bad_consents_are_named_and_the_rest_land() {
    let bank = open().await;
    let nobodys = pb::Consent { customer_id: "C-9".into(), ..consent("", NOON, true) };
    let purposeless = pb::Consent { purpose: 9, ..consent("", NOON, true) };
    let unproven = pb::Consent { evidence: String::new(), ..consent("", NOON, true) };
    let ended = pb::Consent { expire_time: Some(at(NOON)), ..consent("", NOON, true) };
    let done = record(&bank, vec![nobodys, purposeless, unproven, ended, consent("", NOON, true)]).await;
    let mut faults: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    faults.sort_unstable();
    let expected = ["[0].customer_id", "[1].purpose", "[2].evidence", "[3].expire_time"];
    assert_eq!(faults, expected.map(|field| format!("consents{field}")));
    assert_eq!(done.recorded, 1);
    let none = pb::RecordConsentsRequest::default();
    assert_eq!(fields(bank.consents().record_consents(bank.service(none)).await), ["consents"]);
}

#[tokio::test]
async fn a_word_from_the_future_does_not_outlast_a_withdrawal() {
    let bank = open().await;
    let (year_1800, year_2200, year_9999) = (-5_364_662_400, 7_258_118_400, 253_402_300_799);
    let said = [year_1800, NOON + 61, year_2200, year_9999, NOON + 60];
    let done = record(&bank, said.map(|seconds| consent("sms", seconds, true)).into()).await;
    let faults: Vec<_> = done.faults.iter().map(|fault| fault.field.clone()).collect();
    assert_eq!(faults, [0, 1, 2, 3].map(|index| format!("consents[{index}].decide_time")));
    assert_eq!(done.recorded, 1, "clocks may differ by a minute");
    record(&bank, vec![consent("sms", NOON + 60, false)]).await;
    assert_eq!(holds(&bank).await, [("sms".into(), false)]);
}

#[tokio::test]
async fn another_branchs_consents_are_out_of_reach() {
    let bank = open().await;
    let request = pb::RecordConsentsRequest { consents: vec![consent("", NOON, true)] };
    assert_eq!(refused(bank.consents().record_consents(bank.manager("/hq/west", request)).await), OUT_OF_SCOPE);
    assert!(holds(&bank).await.is_empty());
}
