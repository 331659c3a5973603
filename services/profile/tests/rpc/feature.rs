//! The feature catalogue as callers see it: features are added, built from what is stored, and taken out again.

use huan_proto::{profile::v1 as pb, types::v1::Value, types::v1::value::Kind};
use pb::{AggregateOp, FeatureState, feature::Source};

use crate::bank::*;

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq"), customer("C-2", "/hq")]).await;
    bank.register(&["salary", "card_payment"], &[]).await;
    bank
}

fn aggregate(name: &str, op: AggregateOp, filter: &str, distinct: &str) -> pb::Feature {
    let source = pb::AggregateSource {
        event_types: vec!["card_payment".into()],
        op: op.into(),
        window_days: 30,
        filter: filter.into(),
        distinct: distinct.into(),
    };
    pb::Feature { name: name.into(), source: Some(Source::Aggregate(source)), ..Default::default() }
}

fn create(request_id: &str, feature: pb::Feature) -> pb::CreateFeatureRequest {
    pb::CreateFeatureRequest { request_id: request_id.into(), feature: Some(feature) }
}

async fn add(bank: &Bank, request_id: &str, feature: pb::Feature) -> pb::Feature {
    let request = bank.service(create(request_id, feature));
    bank.features().create_feature(request).await.unwrap().into_inner().feature.unwrap()
}

async fn get(bank: &Bank, name: &str) -> pb::Feature {
    let request = bank.service(pb::GetFeatureRequest { name: name.into() });
    bank.features().get_feature(request).await.unwrap().into_inner().feature.unwrap()
}

async fn live(bank: &Bank, name: &str) {
    eventually(async || get(bank, name).await.state() == FeatureState::Live).await;
}

fn abroad(source_id: &str, country: &str, amount_minor: i64) -> pb::Event {
    let country = Value { kind: Some(Kind::Text(country.into())) };
    pb::Event {
        attributes: [("country".to_owned(), country)].into(),
        ..event(source_id, "card_payment", NOON, amount_minor)
    }
}

#[tokio::test]
async fn a_new_feature_is_built_from_stored_events_and_kept_by_new_ones() {
    let bank = open().await;
    bank.ingest(vec![abroad("1", "CZ", 500), abroad("2", "CN", 70), event("3", "card_payment", NOON, 9)]).await;
    let first = add(&bank, "a", aggregate("abroad_sum_30d", AggregateOp::Sum, "country != 'CN'", "")).await;
    let again = add(&bank, "a", aggregate("another", AggregateOp::Sum, "", "")).await;
    assert_eq!((first.number, again.number, again.name.as_str()), (44, 44, "abroad_sum_30d"));
    assert_eq!(first.state(), FeatureState::Building, "the packed days lack its filter");
    add(&bank, "b", aggregate("countries_30d", AggregateOp::Distinct, "", "country")).await;
    let share = pb::RatioSource { numerator: "abroad_sum_30d".into(), denominator: "card_sum_30d".into() };
    let share = pb::Feature { name: "abroad_share".into(), source: Some(Source::Ratio(share)), ..Default::default() };
    add(&bank, "c", share).await;
    for name in ["abroad_sum_30d", "countries_30d", "abroad_share"] {
        live(&bank, name).await;
    }
    let built = get(&bank, "abroad_sum_30d").await;
    assert_eq!((built.customers_done, built.customers_total), (2, 2));
    assert_eq!(bank.number("C-1", "abroad_sum_30d").await, Some(500.0));
    assert_eq!(bank.number("C-1", "countries_30d").await, Some(2.0));
    assert_eq!(bank.number("C-1", "abroad_share").await, Some(500.0 / 579.0));
    assert_eq!(bank.number("C-2", "abroad_share").await, None, "the denominator is 0");
    bank.ingest(vec![abroad("4", "US", 21), abroad("1", "CZ", 500)]).await;
    assert_eq!(bank.number("C-1", "abroad_sum_30d").await, Some(521.0));
    assert_eq!(bank.number("C-1", "countries_30d").await, Some(3.0));
    let plain = add(&bank, "d", aggregate("card_mean_30d", AggregateOp::Mean, "", "")).await;
    assert_eq!(plain.state(), FeatureState::Publishing, "the packed days have all that it needs");
    live(&bank, "card_mean_30d").await;
    assert_eq!(bank.number("C-1", "card_mean_30d").await, Some(150.0));
}

#[tokio::test]
async fn a_feature_is_whole_and_new() {
    let bank = open().await;
    let send = async |feature| bank.features().create_feature(bank.service(create("x", feature))).await;
    let bad = pb::Feature { name: "Bad".into(), ..aggregate("", AggregateOp::Distinct, "type >", "") };
    let expected = ["feature.aggregate.filter", "feature.aggregate.distinct", "feature.name"];
    assert_eq!(fields(send(bad).await), expected);
    assert_eq!(refused(send(aggregate("card_sum_30d", AggregateOp::Sum, "", "")).await), TAKEN);
    assert_eq!(
        fields(bank.features().create_feature(bank.service(Default::default())).await),
        ["request_id", "feature"]
    );
    let one = create("x", aggregate("one", AggregateOp::Sum, "", ""));
    let branch = bank.user("bank", "admin", "/hq/west", one.clone());
    assert_eq!(refused(bank.features().create_feature(branch).await), OUT_OF_SCOPE);
    let manager = bank.user("bank", "branch_manager", "/", one);
    assert_eq!(refused(bank.features().create_feature(manager).await), NO_PERMISSION);
    let missing = bank.service(pb::GetFeatureRequest { name: "one".into() });
    assert_eq!(refused(bank.features().get_feature(missing).await), MISSING);
}

#[tokio::test]
async fn a_deleted_feature_leaves_its_number_behind() {
    let bank = open().await;
    bank.ingest(vec![event("1", "card_payment", NOON, 9)]).await;
    let score = pb::ScoreSource { feature: "big".into(), bounds: vec![1.0, 5.0], reversed: false };
    let score = pb::Feature { name: "score".into(), source: Some(Source::Score(score)), ..Default::default() };
    add(&bank, "a", aggregate("big", AggregateOp::Sum, "amount_minor > 1", "")).await;
    add(&bank, "b", score).await;
    live(&bank, "score").await;
    assert_eq!(bank.number("C-1", "score").await, Some(3.0));
    let delete = async |name: &str| {
        let request = pb::DeleteFeatureRequest { name: name.into() };
        bank.features().delete_feature(bank.service(request)).await
    };
    assert_eq!(refused(delete("big").await), WRONG_STATE);
    delete("score").await.unwrap();
    delete("big").await.unwrap();
    assert_eq!(refused(delete("big").await), MISSING);
    assert_eq!(bank.number("C-1", "big").await, None);
    bank.ingest(vec![event("2", "card_payment", NOON, 3)]).await;
    let again = add(&bank, "c", aggregate("big", AggregateOp::Sum, "amount_minor > 1", "")).await;
    assert_eq!((again.number, again.state()), (46, FeatureState::Building));
    live(&bank, "big").await;
    assert_eq!(bank.number("C-1", "big").await, Some(12.0));
    let branch = bank.user("bank", "admin", "/hq", pb::DeleteFeatureRequest { name: "big".into() });
    assert_eq!(refused(bank.features().delete_feature(branch).await), OUT_OF_SCOPE);
}

#[tokio::test]
async fn a_template_adds_what_the_tenant_lacks() {
    let bank = open().await;
    let listed = bank.features().list_templates(bank.service(pb::ListTemplatesRequest {})).await.unwrap().into_inner();
    let names: Vec<_> = listed.templates.iter().map(|template| template.name.as_str()).collect();
    assert_eq!(names, ["base", "retail", "corporate"]);
    assert!(listed.templates.iter().all(|template| !template.description.is_empty()));
    let apply = async |template: &str| {
        let request = pb::ApplyTemplateRequest { template: template.into() };
        bank.features().apply_template(bank.service(request)).await
    };
    let added = apply("retail").await.unwrap().into_inner().features;
    assert_eq!(added.len(), listed.templates[1].features.len());
    assert!(apply("retail").await.unwrap().into_inner().features.is_empty());
    // A few names stand in both.
    assert!(apply("corporate").await.unwrap().into_inner().features.len() < listed.templates[2].features.len());
    assert_eq!(refused(apply("nothing").await), MISSING);
    let branch = bank.user("bank", "admin", "/hq", pb::ApplyTemplateRequest { template: "retail".into() });
    assert_eq!(refused(bank.features().apply_template(branch).await), OUT_OF_SCOPE);
    let catalogue = bank.features().list_features(bank.service(pb::ListFeaturesRequest {})).await.unwrap().into_inner();
    let last = catalogue.features.last().unwrap().name.clone();
    live(&bank, &last).await;
    bank.ingest(vec![event("1", "card_payment", NOON - 10 * DAY, 9)]).await;
    assert_eq!(bank.number("C-1", "rfm_r").await, Some(4.0));
    assert_eq!(bank.number("C-1", "breadth_score").await, Some(1.0));
}

#[tokio::test]
async fn the_catalogue_goes_out_before_the_vectors_that_use_it() {
    use huan_proto::profile::v1::profile_change::Change;
    let bank = open().await;
    let request = pb::WatchProfilesRequest {
        cursor: String::new(),
        kinds: vec![pb::ChangeKind::Catalogue.into(), pb::ChangeKind::Vector.into()],
        ..Default::default()
    };
    let mut stream = bank.profiles().watch_profiles(bank.service(request)).await.unwrap().into_inner();
    add(&bank, "a", aggregate("big", AggregateOp::Count, "amount_minor > 1", "")).await;
    let (mut known, mut used) = (Vec::new(), 0);
    while used < 2 {
        let Some(pb::watch_profiles_response::Item::Change(change)) = stream.message().await.unwrap().unwrap().item
        else {
            continue;
        };
        match change.change {
            Some(Change::Catalogue(catalogue)) => known = catalogue.features.iter().map(|one| one.number).collect(),
            Some(Change::Vector(vector)) => {
                assert!(vector.features.iter().all(|number| known.contains(number)), "{vector:?}");
                used += usize::from(vector.features.contains(&44));
            }
            _ => {}
        }
    }
}
