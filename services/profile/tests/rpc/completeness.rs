//! The share of questions that is answered, as a feature: it follows answers, relations and the profile at once, the clock
//! and new questions soon.

use huan_proto::profile::v1::{self as pb, RelationType as Type, kyc_answer::Answer};

use crate::bank::*;

const NAME: &str = "kyc_completeness";
/// The weight of all questions that ship.
const ALL: f64 = 14.0;

/// Firms "F-1" and "F-2" and the retail customer "C-1" of a bank with the features for companies.
async fn open() -> Bank {
    let bank = Bank::open().await;
    let firm = |id| pb::Customer { r#type: pb::CustomerType::Corporate.into(), ..customer(id, "/hq/east") };
    bank.import(vec![firm("F-1"), firm("F-2"), customer("C-1", "/hq/east")]).await;
    let request = pb::ApplyTemplateRequest { template: "corporate".into() };
    bank.features().apply_template(bank.service(request)).await.unwrap();
    live(&bank).await;
    bank
}

async fn live(bank: &Bank) {
    eventually(async || {
        let request = pb::GetFeatureRequest { name: NAME.into() };
        let found = bank.features().get_feature(bank.service(request)).await.unwrap().into_inner();
        found.feature.unwrap().state() == pb::FeatureState::Live
    })
    .await;
}

async fn answer(bank: &Bank, customer_id: &str, question_id: &str, seconds: i64) {
    let (question_id, answer) = (question_id.into(), Some(Answer::Text("said".into())));
    let answers = vec![pb::KycAnswer { question_id, answer, answer_time: Some(at(seconds)), ..Default::default() }];
    let request = pb::RecordKycAnswersRequest { customer_id: customer_id.into(), answers };
    bank.kyc().record_kyc_answers(bank.service(request)).await.unwrap();
}

fn relation(from: &str, relation_type: Type, to: &str) -> pb::Relation {
    pb::Relation {
        from_customer_id: from.into(),
        r#type: relation_type.into(),
        to_customer_id: to.into(),
        source: "core".into(),
        ..Default::default()
    }
}

async fn put(bank: &Bank, relation: pb::Relation) {
    let request = pb::PutRelationsRequest { relations: vec![relation] };
    assert!(bank.relations().put_relations(bank.service(request)).await.unwrap().into_inner().faults.is_empty());
}

async fn set_clock(bank: &Bank, seconds: i64) {
    let tenant = bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
    let revision = tenant.tenant.unwrap().revision;
    let request = pb::UpdateTenantRequest { revision, clock: Some(fixed(seconds)), ..Default::default() };
    bank.tenants().update_tenant(bank.service(request)).await.unwrap();
}

/// How much of the questions' weight is answered, by the feature and by the service of questions alike.
async fn weight(bank: &Bank, customer_id: &str) -> f64 {
    let feature = bank.number(customer_id, NAME).await.unwrap();
    let request = pb::GetKycRequest { customer_id: customer_id.into() };
    let kyc = bank.kyc().get_kyc(bank.service(request)).await.unwrap().into_inner().kyc.unwrap();
    assert_eq!(feature, kyc.completeness);
    (feature * ALL).round()
}

#[tokio::test]
async fn completeness_follows_answers_and_the_profile_at_once() {
    let bank = open().await;
    assert_eq!((weight(&bank, "F-1").await, bank.number("C-1", NAME).await), (0.0, None));
    answer(&bank, "F-1", "risks", NOON).await;
    assert_eq!(weight(&bank, "F-1").await, 1.0);
    let company = Some(pb::Company { industry_code: "3491".into(), ..Default::default() });
    let firm = pb::Customer { r#type: pb::CustomerType::Corporate.into(), company, ..customer("F-1", "/hq/east") };
    bank.import(vec![firm]).await;
    assert_eq!(weight(&bank, "F-1").await, 3.0);
    put(&bank, relation("F-1", Type::Supplies, "F-2")).await;
    assert_eq!((weight(&bank, "F-1").await, weight(&bank, "F-2").await), (5.0, 2.0));
    put(&bank, relation("C-1", Type::LegalPersonOf, "F-1")).await;
    assert_eq!((weight(&bank, "F-1").await, bank.number("C-1", NAME).await), (7.0, None));
    let end = pb::EndRelationRequest {
        from_customer_id: "F-1".into(),
        r#type: Type::Supplies.into(),
        to_customer_id: "F-2".into(),
        ..Default::default()
    };
    bank.relations().end_relation(bank.service(end)).await.unwrap();
    assert_eq!((weight(&bank, "F-1").await, weight(&bank, "F-2").await), (5.0, 0.0));
    let delete = pb::DeleteRelationRequest {
        from_customer_id: "C-1".into(),
        r#type: Type::LegalPersonOf.into(),
        to_customer_id: "F-1".into(),
    };
    bank.relations().delete_relation(bank.service(delete)).await.unwrap();
    assert_eq!(weight(&bank, "F-1").await, 3.0);
    let relations = vec![relation("F-1", Type::PaysWagesOf, "C-1")];
    let row = pb::BulkRow { row: 1, customer_id: "C-1".into(), relations, ..Default::default() };
    let request = pb::LoadRowsRequest {
        load_id: "l-1".into(),
        source: "relations.csv".into(),
        source_hash: "h".into(),
        first_row: 1,
        next_row: 2,
        rows: vec![row],
        ..Default::default()
    };
    assert!(bank.bulk().load_rows(bank.service(request)).await.unwrap().into_inner().faults.is_empty());
    assert_eq!(weight(&bank, "F-1").await, 4.0);
    answer(&bank, "C-1", "risks", NOON).await;
    assert_eq!(weight(&bank, "C-1").await, 1.0, "of whom something was answered, the questions are about");
}

#[tokio::test]
async fn completeness_of_merged_firms_is_that_of_both() {
    let bank = open().await;
    answer(&bank, "F-1", "risks", NOON).await;
    answer(&bank, "F-2", "risks", NOON).await;
    answer(&bank, "F-2", "supply_chain", NOON).await;
    let request = pb::MergeCustomersRequest {
        request_id: "m".into(),
        survivor_customer_id: "F-1".into(),
        absorbed_customer_id: "F-2".into(),
    };
    let merge = bank.merges().merge_customers(bank.service(request)).await.unwrap().into_inner().merge.unwrap();
    assert_eq!(weight(&bank, "F-1").await, 3.0);
    answer(&bank, "F-2", "plans", NOON).await;
    assert_eq!((weight(&bank, "F-1").await, weight(&bank, "F-2").await), (4.0, 4.0));
    let request = pb::UnmergeCustomersRequest { merge_id: merge.merge_id };
    bank.merges().unmerge_customers(bank.service(request)).await.unwrap();
    assert_eq!((weight(&bank, "F-1").await, weight(&bank, "F-2").await), (1.0, 4.0));
}

#[tokio::test]
async fn completeness_follows_the_clock() {
    let bank = open().await;
    answer(&bank, "F-1", "risks", NOON).await;
    answer(&bank, "F-1", "plans", NOON).await;
    let (start_day, end_day) = ("2024-06-16".into(), "2024-08-01".into());
    put(&bank, pb::Relation { start_day, end_day, ..relation("F-1", Type::Supplies, "F-2") }).await;
    assert_eq!(weight(&bank, "F-1").await, 2.0);
    // Answers about risks are good for 180 days, those about plans for 365.
    for (day, weight) in [(1, 4.0), (60, 2.0), (179, 2.0), (180, 1.0), (364, 1.0), (365, 0.0), (0, 2.0)] {
        set_clock(&bank, NOON + day * DAY).await;
        eventually(async || (bank.number("F-1", NAME).await.unwrap() * ALL).round() == weight).await;
    }
}

#[tokio::test]
async fn completeness_follows_new_questions_and_erasures() {
    let bank = open().await;
    answer(&bank, "F-1", "risks", NOON).await;
    put(&bank, relation("C-1", Type::LegalPersonOf, "F-1")).await;
    assert_eq!(weight(&bank, "F-1").await, 3.0);
    let (request_id, customer_id, reason) = ("e".into(), "C-1".into(), "asked for".into());
    let erase = pb::ErasePersonRequest { request_id, customer_id, reason };
    bank.rights().erase_person(bank.service(erase)).await.unwrap();
    assert_eq!(weight(&bank, "F-1").await, 1.0);
    let question = |id: &str| pb::KycQuestion {
        question_id: id.into(),
        text: "what?".into(),
        kind: pb::KycAnswerKind::Text.into(),
        ..Default::default()
    };
    let template = pb::KycTemplate { questions: vec![question("risks"), question("audit")], ..Default::default() };
    let request = pb::SetKycTemplateRequest { template: Some(template) };
    bank.kyc().set_kyc_template(bank.service(request)).await.unwrap();
    eventually(async || bank.number("F-1", NAME).await == Some(0.5)).await;
    live(&bank).await;
    answer(&bank, "F-2", "audit", NOON).await;
    assert_eq!(bank.number("F-2", NAME).await, Some(0.5));
}
