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
        ..Default::default()
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

fn check(customer_id: &str, purpose: pb::Purpose, channel_id: &str) -> pb::CheckConsentRequest {
    pb::CheckConsentRequest { customer_id: customer_id.into(), purpose: purpose.into(), channel_id: channel_id.into() }
}

async fn may(bank: &Bank, purpose: pb::Purpose, channel_id: &str) -> bool {
    let request = check("C-1", purpose, channel_id);
    bank.consents().check_consent(bank.service(request)).await.unwrap().into_inner().allowed
}

fn default(purpose: pb::Purpose, allowed: bool) -> pb::SetConsentDefaultRequest {
    pb::SetConsentDefaultRequest { default: Some(pb::ConsentDefault { purpose: purpose.into(), allowed }) }
}

#[tokio::test]
async fn where_nobody_said_anything_the_default_holds_and_marketings_is_no() {
    use pb::Purpose::{Care, Marketing, Personalisation};
    let bank = open().await;
    assert!(!may(&bank, Care, "call").await && !may(&bank, Marketing, "sms").await);
    assert!(may(&bank, Personalisation, "").await);
    let set = bank.consents().set_consent_default(bank.service(default(Care, true))).await.unwrap().into_inner();
    let all: Vec<_> = set.defaults.iter().map(|one| (one.purpose(), one.allowed)).collect();
    assert_eq!(all, [(Marketing, false), (Care, true), (Personalisation, true)]);
    let tenant = bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
    assert_eq!(tenant.tenant.unwrap().consent_defaults, set.defaults);
    assert!(may(&bank, Care, "call").await && !may(&bank, Marketing, "sms").await);
    let refusal = pb::Consent { purpose: Care.into(), ..consent("", NOON, false) };
    record(&bank, vec![refusal]).await;
    assert!(!may(&bank, Care, "call").await, "a word goes before the default");
    for (purpose, allowed) in [(Marketing, true), (Personalisation, false)] {
        let named = fields(bank.consents().set_consent_default(bank.service(default(purpose, allowed))).await);
        assert_eq!(named, ["default.allowed"]);
    }
    let none = pb::SetConsentDefaultRequest::default();
    let named = fields(bank.consents().set_consent_default(bank.service(none)).await);
    assert_eq!(named, ["default", "default.purpose"]);
    let branch = bank.user("bank", "admin", "/hq/east", default(Care, true));
    assert_eq!(refused(bank.consents().set_consent_default(branch).await), OUT_OF_SCOPE);
    let nowhere = bank.service_of("other", default(Care, true));
    assert_eq!(refused(bank.consents().set_consent_default(nowhere).await), MISSING);
}

#[tokio::test]
async fn a_check_names_the_word_that_holds() {
    let bank = open().await;
    let source = "branch".to_owned();
    let general = pb::Consent { source, ..consent("", NOON, true) };
    record(&bank, vec![general, consent("sms", NOON, false)]).await;
    let ask = async |channel_id: &str| {
        let request = check("C-1", pb::Purpose::Marketing, channel_id);
        bank.consents().check_consent(bank.service(request)).await.unwrap().into_inner()
    };
    let (app, sms) = (ask("app").await, ask("sms").await);
    assert!(app.allowed && !sms.allowed);
    let word = app.consent.unwrap();
    assert_eq!((word.channel_id.as_str(), word.source.as_str()), ("", "branch"));
    assert!(word.record_time.is_some());
    assert_eq!(sms.consent.unwrap().channel_id, "sms");
    let faulty = check("", pb::Purpose::Unspecified, &"x".repeat(65));
    let named = fields(bank.consents().check_consent(bank.service(faulty)).await);
    assert_eq!(named, ["customer_id", "purpose", "channel_id"]);
    let nobody = check("C-9", pb::Purpose::Care, "");
    assert_eq!(refused(bank.consents().check_consent(bank.service(nobody)).await), MISSING);
}

#[tokio::test]
async fn the_customer_follows_the_newest_word_on_personalisation() {
    let bank = open().await;
    let word = |seconds, allowed| pb::Consent {
        purpose: pb::Purpose::Personalisation.into(),
        ..consent("", seconds, allowed)
    };
    let refused_now = async || bank.profile("C-1").await.customer.unwrap().personalisation_refused;
    record(&bank, vec![word(NOON - 10, false)]).await;
    assert!(refused_now().await && !may(&bank, pb::Purpose::Personalisation, "").await);
    bank.import(vec![customer("C-1", "/hq/east")]).await;
    assert!(refused_now().await, "an import does not take the word back");
    let update = |refused, revision| pb::UpdateCustomerRequest {
        customer_id: "C-1".into(),
        revision,
        update_mask: Some(prost_types::FieldMask { paths: vec!["personalisation_refused".into()] }),
        customer: Some(pb::Customer { personalisation_refused: refused, ..customer("C-1", "/hq/east") }),
    };
    let revision = bank.profile("C-1").await.customer.unwrap().revision;
    let named = fields(bank.customers().update_customer(bank.service(update(false, revision))).await);
    assert_eq!(named, ["customer.personalisation_refused"]);
    assert!(bank.customers().update_customer(bank.service(update(true, revision))).await.is_ok());
    record(&bank, vec![word(NOON - 11, true)]).await;
    assert!(refused_now().await, "an older word changes nothing");
    record(&bank, vec![word(NOON, true)]).await;
    assert!(!refused_now().await && may(&bank, pb::Purpose::Personalisation, "").await);
    let ends = pb::Consent { expire_time: Some(at(NOON + 9)), ..word(NOON, false) };
    let on_sms = pb::Consent { channel_id: "sms".into(), ..word(NOON, false) };
    let done = record(&bank, vec![ends, on_sms]).await;
    let named: Vec<_> = done.faults.iter().map(|fault| fault.field.as_str()).collect();
    assert_eq!(named, ["consents[0].expire_time", "consents[1].channel_id"]);
    let request = pb::ListConsentsRequest { customer_id: "C-1".into(), ..Default::default() };
    let history = bank.consents().list_consents(bank.service(request)).await.unwrap().into_inner();
    assert_eq!(history.consents.len(), 3, "the history is kept");
}

fn reply(message_id: &str, phone: &str, text: &str) -> pb::HandleSmsReplyRequest {
    pb::HandleSmsReplyRequest {
        message_id: message_id.into(),
        phone: phone.into(),
        text: text.into(),
        receive_time: Some(at(NOON)),
        ..Default::default()
    }
}

#[tokio::test]
async fn an_answer_to_a_text_message_refuses_marketing_for_everybody_with_the_number() {
    let bank = open().await;
    for id in ["C-1", "C-2"] {
        let allowed = [consent("sms", NOON - 9, true), consent("app", NOON - 9, true)];
        record(&bank, allowed.map(|word| pb::Consent { customer_id: id.into(), ..word }).into()).await;
    }
    let handle = async |request| bank.consents().handle_sms_reply(bank.service(request)).await.unwrap().into_inner();
    let thanks = handle(reply("m-1", "13800001234", "谢谢")).await;
    assert_eq!((thanks.opted_out, thanks.customers), (false, 0));
    let out = handle(reply("m-2", "+86 138 0000 1234", " td ")).await;
    assert_eq!((out.opted_out, out.customers), (true, 2));
    for id in ["C-1", "C-2"] {
        let held: Vec<_> = bank.profile(id).await.consents.into_iter().map(|c| (c.channel_id, c.allowed)).collect();
        assert_eq!(held, [("app".to_owned(), true), ("sms".to_owned(), false)]);
    }
    let later = pb::HandleSmsReplyRequest { receive_time: Some(at(NOON + 5)), ..reply("m-2", "13800001234", "退订") };
    assert_eq!(handle(later).await.customers, 2);
    let request = pb::ListConsentsRequest { customer_id: "C-1".into(), ..Default::default() };
    let history = bank.consents().list_consents(bank.service(request)).await.unwrap().into_inner().consents;
    assert_eq!(history.len(), 3, "the same message again changes nothing");
    let kept = (history[0].evidence.as_str(), history[0].source.as_str(), history[0].decide_time);
    assert_eq!(kept, ("reply m-2", "sms_reply", Some(at(NOON))));
    assert_eq!(handle(reply("m-3", "13999999999", "T")).await.customers, 0, "nobody has that number");
}

#[tokio::test]
async fn faulty_answers_and_callers_of_a_branch_are_refused() {
    let bank = open().await;
    let late = pb::HandleSmsReplyRequest { receive_time: Some(at(NOON + 61)), ..reply("", "", "T") };
    let named = fields(bank.consents().handle_sms_reply(bank.service(late)).await);
    assert_eq!(named, ["message_id", "phone", "receive_time"]);
    let branch = bank.manager("/hq/east", reply("m-1", "13800001234", "T"));
    assert_eq!(refused(bank.consents().handle_sms_reply(branch).await), OUT_OF_SCOPE);
}
