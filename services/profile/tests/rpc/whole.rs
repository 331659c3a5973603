//! The whole of a firm in one answer: whom it is bound to, and what is known by the questions and to be asked next.

use huan_proto::profile::v1::{self as pb, RelationType as Type, kyc_answer::Answer};

use crate::bank::*;

fn firm(customer_id: &str, owner_path: &str) -> pb::Customer {
    pb::Customer { r#type: pb::CustomerType::Corporate.into(), ..customer(customer_id, owner_path) }
}

fn supplies(from: &str, to: &str) -> pb::Relation {
    pb::Relation {
        from_customer_id: from.into(),
        r#type: Type::Supplies.into(),
        to_customer_id: to.into(),
        source: "core".into(),
        ..Default::default()
    }
}

fn get(customer_id: &str, paths: &[&str]) -> pb::GetProfileRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    pb::GetProfileRequest { customer_id: customer_id.into(), read_mask: Some(prost_types::FieldMask { paths }) }
}

async fn put(bank: &Bank, relations: Vec<pb::Relation>) {
    let request = pb::PutRelationsRequest { relations };
    assert!(bank.relations().put_relations(bank.service(request)).await.unwrap().into_inner().faults.is_empty());
}

async fn answer(bank: &Bank, customer_id: &str, question_id: &str, words: &str, seconds: i64) {
    let (question_id, answer) = (question_id.into(), Some(Answer::Text(words.into())));
    let answers = vec![pb::KycAnswer { question_id, answer, answer_time: Some(at(seconds)), ..Default::default() }];
    let request = pb::RecordKycAnswersRequest { customer_id: customer_id.into(), answers };
    bank.kyc().record_kyc_answers(bank.service(request)).await.unwrap();
}

async fn merge(bank: &Bank, survivor: &str, absorbed: &str) {
    let request = pb::MergeCustomersRequest {
        request_id: "m".into(),
        survivor_customer_id: survivor.into(),
        absorbed_customer_id: absorbed.into(),
    };
    bank.merges().merge_customers(bank.service(request)).await.unwrap();
}

/// Firms "F-1" to "F-3" in the east and "F-4" in the west, and the retail customer "C-1".
async fn open() -> Bank {
    let bank = Bank::open().await;
    let mut customers: Vec<_> = ["F-1", "F-2", "F-3"].map(|id| firm(id, "/hq/east")).into();
    customers.extend([firm("F-4", "/hq/west"), customer("C-1", "/hq/east")]);
    bank.import(customers).await;
    bank
}

fn ends(profile: &pb::GetProfileResponse) -> Vec<(&str, &str)> {
    profile.relations.iter().map(|row| (row.from_customer_id.as_str(), row.to_customer_id.as_str())).collect()
}

#[tokio::test]
async fn a_whole_profile_has_relations_and_questions() {
    let bank = open().await;
    put(&bank, vec![supplies("F-1", "F-2"), supplies("F-3", "F-1"), supplies("F-1", "F-4")]).await;
    put(&bank, vec![pb::Relation { end_day: "2024-06-15".into(), ..supplies("F-2", "F-1") }]).await;
    answer(&bank, "F-1", "risks", "one large buyer", NOON).await;
    let whole = bank.profile("F-1").await;
    assert_eq!(ends(&whole), [("F-1", "F-2"), ("F-1", "F-4"), ("F-3", "F-1")], "what has ended is not shown");
    assert_eq!((whole.relations_hidden, whole.relations_page_token.as_str()), (0, ""));
    let request = pb::GetKycRequest { customer_id: "F-1".into() };
    let kyc = bank.kyc().get_kyc(bank.service(request)).await.unwrap().into_inner().kyc;
    assert!(kyc.as_ref().is_some_and(|kyc| (kyc.completeness - 3.0 / 14.0).abs() < 1e-12), "{kyc:?}");
    assert_eq!(whole.kyc, kyc, "the same as the questions' own answer");
    let person = bank.profile("C-1").await;
    assert!(person.relations.is_empty() && person.kyc.is_none(), "the questions are about companies");
}

#[tokio::test]
async fn relations_and_questions_are_chosen_by_the_mask() {
    let bank = open().await;
    put(&bank, vec![supplies("F-1", "F-2")]).await;
    let read =
        async |paths: &[&str]| bank.profiles().get_profile(bank.service(get("F-1", paths))).await.unwrap().into_inner();
    let related = read(&["relations"]).await;
    assert!(ends(&related) == [("F-1", "F-2")] && related.kyc.is_none() && related.customer.is_none());
    let asked = read(&["kyc"]).await;
    assert!(asked.relations.is_empty() && asked.kyc.is_some() && asked.features.is_empty());
    let head = read(&["customer"]).await;
    assert!(head.relations.is_empty() && head.kyc.is_none());
    let read_mask = get("F-1", &["relations", "kyc"]).read_mask;
    let request = pb::BatchGetProfilesRequest { customers: vec!["F-1".into(), "F-2".into()], read_mask };
    let batch = bank.profiles().batch_get_profiles(bank.service(request)).await.unwrap().into_inner();
    for found in batch.profiles {
        let profile = found.profile.unwrap();
        assert!(ends(&profile) == [("F-1", "F-2")] && profile.kyc.is_some(), "{}", found.id);
    }
}

#[tokio::test]
async fn a_profile_shows_a_hundred_relations_and_where_the_rest_is() {
    let bank = open().await;
    let buyers: Vec<String> = (0..120).map(|n| format!("B-{n:03}")).collect();
    bank.import(buyers.iter().map(|id| firm(id, "/hq/east")).collect()).await;
    put(&bank, buyers.iter().map(|id| supplies("F-1", id)).collect()).await;
    let whole = bank.profile("F-1").await;
    assert_eq!(whole.relations.len(), 100);
    let rest = pb::ListRelationsRequest {
        customer_id: "F-1".into(),
        page_token: whole.relations_page_token.clone(),
        ..Default::default()
    };
    let rest = bank.relations().list_relations(bank.service(rest)).await.unwrap().into_inner();
    let all: Vec<_> = whole.relations.iter().chain(&rest.relations).map(|row| row.to_customer_id.clone()).collect();
    assert_eq!((all, rest.next_page_token.as_str()), (buyers, ""));
}

#[tokio::test]
async fn others_out_of_scope_are_counted_and_words_are_masked() {
    let bank = open().await;
    put(&bank, vec![supplies("F-1", "F-2"), supplies("F-1", "F-4")]).await;
    answer(&bank, "F-1", "risks", "one large buyer", NOON).await;
    let manager = bank.manager("/hq/east", get("F-1", &["relations"]));
    let seen = bank.profiles().get_profile(manager).await.unwrap().into_inner();
    assert_eq!((ends(&seen), seen.relations_hidden), (vec![("F-1", "F-2")], 1));
    let auditor = bank.user("bank", "auditor", "/", get("F-1", &["kyc"]));
    let masked = bank.profiles().get_profile(auditor).await.unwrap().into_inner().kyc.unwrap();
    let item = masked.items.iter().find(|item| item.question_id == "risks").unwrap();
    assert_eq!(item.answer.as_ref().unwrap().answer, Some(Answer::Text("***************".into())));
}

#[tokio::test]
async fn merged_firms_are_shown_as_one_and_the_erased_not_at_all() {
    let bank = open().await;
    put(&bank, vec![supplies("F-1", "F-3"), supplies("F-2", "F-4")]).await;
    answer(&bank, "F-1", "risks", "none", NOON - 10).await;
    answer(&bank, "F-2", "risks", "one large buyer", NOON).await;
    answer(&bank, "F-2", "plans", "a second site", NOON).await;
    merge(&bank, "F-1", "F-2").await;
    for id in ["F-1", "F-2"] {
        let whole = bank.profile(id).await;
        assert_eq!(ends(&whole), [("F-1", "F-3"), ("F-2", "F-4")], "each keeps the customer that it was put for");
        let kyc = whole.kyc.unwrap();
        assert!((kyc.completeness - 4.0 / 14.0).abs() < 1e-12, "{}", kyc.completeness);
        let risks = kyc.items.into_iter().find(|item| item.question_id == "risks").unwrap().answer.unwrap();
        assert_eq!(risks.answer, Some(Answer::Text("one large buyer".into())), "the last one holds");
    }
    let (request_id, customer_id, reason) = ("e".into(), "F-3".into(), "asked for".into());
    let erase = pb::ErasePersonRequest { request_id, customer_id, reason };
    bank.rights().erase_person(bank.service(erase)).await.unwrap();
    assert_eq!(ends(&bank.profile("F-1").await), [("F-2", "F-4")]);
    let request = pb::BatchGetProfilesRequest { customers: vec!["F-3".into(), "F-4".into()], read_mask: None };
    let batch = bank.profiles().batch_get_profiles(bank.service(request)).await.unwrap().into_inner();
    assert_eq!((batch.profiles.len(), batch.missing), (1, vec!["F-3".to_owned()]));
}
