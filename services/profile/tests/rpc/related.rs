//! Summaries of relations as features: they follow relations at once at both ends, the clock soon, merges and erasures.

use huan_proto::profile::v1::{
    self as pb, RelationDirection as Direction, RelationOp as Op, RelationType as Type, feature::Source,
};
use pb::profile_change::Change;

use crate::bank::*;

/// Firms "a" to "f" of a bank that counts suppliers, buyers, strong bonds and all others, and adds volumes.
async fn open() -> Bank {
    let bank = Bank::open().await;
    let firm = |id: &str| pb::Customer { r#type: pb::CustomerType::Corporate.into(), ..customer(id, "/hq") };
    bank.import(["a", "b", "c", "d", "e", "f"].map(firm).into()).await;
    let supplies = vec![Type::Supplies.into()];
    let source = |op: Op, types: &[i32], direction: Direction| pb::RelationSource {
        op: op.into(),
        types: types.to_vec(),
        direction: direction.into(),
        ..Default::default()
    };
    add(&bank, "suppliers", source(Op::Count, &supplies, Direction::In)).await;
    add(&bank, "buyers", source(Op::Count, &supplies, Direction::Out)).await;
    let strong = source(Op::Count, &[], Direction::Unspecified);
    add(&bank, "strong", pb::RelationSource { min_weight: 5.0, ..strong.clone() }).await;
    add(&bank, "ever", pb::RelationSource { include_all_days: true, ..strong }).await;
    add(&bank, "volume", source(Op::Weight, &supplies, Direction::Unspecified)).await;
    live(&bank, "volume").await;
    bank
}

async fn create(bank: &Bank, name: &str, source: pb::RelationSource) -> Answer<pb::CreateFeatureResponse> {
    let feature = pb::Feature { name: name.into(), source: Some(Source::Relation(source)), ..Default::default() };
    let request = pb::CreateFeatureRequest { request_id: name.into(), feature: Some(feature) };
    bank.features().create_feature(bank.service(request)).await
}

type Answer<T> = Result<tonic::Response<T>, tonic::Status>;

async fn add(bank: &Bank, name: &str, source: pb::RelationSource) {
    create(bank, name, source).await.unwrap();
}

async fn live(bank: &Bank, name: &str) {
    eventually(async || get(bank, name).await.state() == pb::FeatureState::Live).await;
}

async fn get(bank: &Bank, name: &str) -> pb::Feature {
    let request = pb::GetFeatureRequest { name: name.into() };
    bank.features().get_feature(bank.service(request)).await.unwrap().into_inner().feature.unwrap()
}

fn supplies(from: &str, to: &str, weight: f64) -> pb::Relation {
    pb::Relation {
        from_customer_id: from.into(),
        r#type: Type::Supplies.into(),
        to_customer_id: to.into(),
        weight: Some(weight),
        source: "core".into(),
        ..Default::default()
    }
}

async fn put(bank: &Bank, relations: Vec<pb::Relation>) {
    let request = pb::PutRelationsRequest { relations };
    assert!(bank.relations().put_relations(bank.service(request)).await.unwrap().into_inner().faults.is_empty());
}

async fn set_clock(bank: &Bank, seconds: i64) {
    let tenant = bank.tenants().get_tenant(bank.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
    let revision = tenant.tenant.unwrap().revision;
    let request = pb::UpdateTenantRequest { revision, clock: Some(fixed(seconds)), ..Default::default() };
    bank.tenants().update_tenant(bank.service(request)).await.unwrap();
}

/// Suppliers, buyers, strong bonds, bonds at any time, volume.
async fn sums(bank: &Bank, customer_id: &str) -> [f64; 5] {
    let features = bank.profile(customer_id).await.features;
    ["suppliers", "buyers", "strong", "ever", "volume"].map(|name| {
        let found = features.iter().find(|feature| feature.name == name).unwrap();
        match found.value.as_ref().unwrap().kind {
            Some(huan_proto::types::v1::value::Kind::Number(number)) => number,
            ref other => panic!("{other:?}"),
        }
    })
}

#[tokio::test]
async fn sums_follow_relations_at_both_ends_at_once() {
    let bank = open().await;
    assert_eq!(sums(&bank, "a").await, [0.0; 5]);
    put(&bank, vec![supplies("b", "a", 7.0), supplies("c", "a", 0.5), supplies("a", "d", 2.0)]).await;
    put(&bank, vec![pb::Relation { r#type: Type::Guarantees.into(), ..supplies("b", "a", 1.0) }]).await;
    assert_eq!(sums(&bank, "a").await, [2.0, 1.0, 1.0, 3.0, 9.5]);
    assert_eq!(sums(&bank, "b").await, [0.0, 1.0, 1.0, 1.0, 7.0]);
    // The bank's clock stands still at noon; a day later, what changes is of that day.
    set_clock(&bank, NOON + DAY).await;
    put(&bank, vec![supplies("b", "a", 3.0)]).await;
    for (id, expected) in [("a", [2.0, 1.0, 0.0, 3.0, 5.5]), ("b", [0.0, 1.0, 0.0, 1.0, 3.0])] {
        assert_eq!(sums(&bank, id).await, expected);
        assert_eq!(bank.profile(id).await.as_of_time, Some(at(NOON + DAY)));
    }
    let end = pb::EndRelationRequest {
        from_customer_id: "c".into(),
        r#type: Type::Supplies.into(),
        to_customer_id: "a".into(),
        ..Default::default()
    };
    bank.relations().end_relation(bank.service(end)).await.unwrap();
    assert_eq!(sums(&bank, "a").await, [1.0, 1.0, 0.0, 3.0, 5.0]);
    assert_eq!(sums(&bank, "c").await, [0.0, 0.0, 0.0, 1.0, 0.0]);
    let delete = pb::DeleteRelationRequest {
        from_customer_id: "a".into(),
        r#type: Type::Supplies.into(),
        to_customer_id: "d".into(),
    };
    bank.relations().delete_relation(bank.service(delete)).await.unwrap();
    assert_eq!((sums(&bank, "a").await, sums(&bank, "d").await), ([1.0, 0.0, 0.0, 2.0, 3.0], [0.0; 5]));
    let row = pb::BulkRow {
        row: 1,
        customer_id: "e".into(),
        relations: vec![supplies("e", "a", 9.0), supplies("f", "e", 1.0)],
        ..Default::default()
    };
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
    assert_eq!(sums(&bank, "a").await, [2.0, 0.0, 1.0, 3.0, 12.0]);
    assert_eq!((sums(&bank, "e").await, sums(&bank, "f").await[1]), ([1.0, 1.0, 1.0, 2.0, 10.0], 1.0));
}

#[tokio::test]
async fn both_ends_go_down_the_feed() {
    let bank = open().await;
    let kinds = vec![pb::ChangeKind::Vector.into()];
    let request = pb::WatchProfilesRequest { kinds, ..Default::default() };
    let mut stream = bank.profiles().watch_profiles(bank.service(request)).await.unwrap().into_inner();
    put(&bank, vec![supplies("a", "b", 6.0)]).await;
    let number = get(&bank, "strong").await.number;
    let mut told = Vec::new();
    while told.len() < 2 {
        let item = stream.message().await.unwrap().unwrap().item;
        let Some(pb::watch_profiles_response::Item::Change(change)) = item else { continue };
        let (Some(Change::Vector(vector)), Some(header)) = (change.change, change.header) else { continue };
        let place = vector.features.iter().position(|known| *known == number);
        let one = Some(huan_proto::types::v1::value::Kind::Number(1.0));
        if place.is_some_and(|place| vector.values[place].kind == one) {
            told.push(header.customer_id);
        }
    }
    assert_eq!(told, ["a", "b"]);
}

#[tokio::test]
async fn sums_follow_the_clock() {
    let bank = open().await;
    let (start_day, end_day) = ("2024-06-17".into(), "2024-07-01".into());
    put(&bank, vec![pb::Relation { start_day, end_day, ..supplies("a", "b", 6.0) }]).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 0.0, 0.0, 1.0, 0.0]);
    for (day, counts) in [(1, 0.0), (2, 1.0), (15, 1.0), (16, 0.0), (3, 1.0), (0, 0.0)] {
        set_clock(&bank, NOON + day * DAY).await;
        let (a, b) = ([0.0, counts, counts, 1.0, 6.0 * counts], [counts, 0.0, counts, 1.0, 6.0 * counts]);
        eventually(async || sums(&bank, "a").await == a && sums(&bank, "b").await == b).await;
    }
}

#[tokio::test]
async fn an_event_of_the_first_day_finds_the_relations_of_that_day() {
    let bank = open().await;
    bank.register(&["salary"], &[]).await;
    put(&bank, vec![pb::Relation { start_day: "2024-06-16".into(), ..supplies("a", "b", 6.0) }]).await;
    let event = |id: &str| pb::Event { customer_id: "a".into(), ..event(id, "salary", NOON, 1) };
    bank.ingest(vec![event("1")]).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 0.0, 0.0, 1.0, 0.0]);
    set_clock(&bank, NOON + DAY).await;
    bank.ingest(vec![event("2")]).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 1.0, 1.0, 1.0, 6.0], "whether the roll was there before or not");
    bank.ingest(vec![event("3")]).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 1.0, 1.0, 1.0, 6.0]);
}

#[tokio::test]
async fn sums_of_merged_customers_are_those_of_all_and_count_whoever_is_merged_once() {
    let bank = open().await;
    put(&bank, vec![supplies("a", "c", 1.0), supplies("b", "c", 2.0), supplies("b", "d", 3.0)]).await;
    put(&bank, vec![supplies("a", "b", 10.0), supplies("e", "c", 1.0), supplies("e", "f", 1.0)]).await;
    assert_eq!((sums(&bank, "a").await[1], sums(&bank, "c").await[0], sums(&bank, "e").await[1]), (2.0, 3.0, 2.0));
    let merge = async |survivor: &str, absorbed: &str| {
        let request = pb::MergeCustomersRequest {
            request_id: format!("{survivor}{absorbed}"),
            survivor_customer_id: survivor.into(),
            absorbed_customer_id: absorbed.into(),
        };
        bank.merges().merge_customers(bank.service(request)).await.unwrap().into_inner().merge.unwrap().merge_id
    };
    let unmerge = async |merge_id: String| {
        let request = pb::UnmergeCustomersRequest { merge_id };
        bank.merges().unmerge_customers(bank.service(request)).await.unwrap();
    };
    let firms = merge("a", "b").await;
    for id in ["a", "b"] {
        assert_eq!(sums(&bank, id).await, [0.0, 2.0, 0.0, 2.0, 6.0], "nobody supplies themselves");
    }
    assert_eq!(sums(&bank, "c").await, [2.0, 0.0, 0.0, 2.0, 4.0], "a and b are one supplier");
    let buyers = merge("c", "f").await;
    assert_eq!(sums(&bank, "e").await, [0.0, 1.0, 0.0, 1.0, 2.0], "c and f are one buyer");
    put(&bank, vec![supplies("b", "f", 4.0)]).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 2.0, 0.0, 2.0, 10.0]);
    unmerge(firms).await;
    assert_eq!(sums(&bank, "a").await, [0.0, 2.0, 1.0, 2.0, 11.0]);
    assert_eq!(sums(&bank, "b").await, [1.0, 2.0, 1.0, 3.0, 19.0]);
    assert_eq!(sums(&bank, "c").await, [3.0, 0.0, 0.0, 3.0, 9.0]);
    unmerge(buyers).await;
    assert_eq!((sums(&bank, "c").await[0], sums(&bank, "f").await[0], sums(&bank, "e").await[1]), (3.0, 2.0, 2.0));
    assert_eq!(sums(&bank, "b").await, [1.0, 3.0, 1.0, 4.0, 19.0]);
}

#[tokio::test]
async fn whoever_is_erased_is_counted_no_more() {
    let bank = open().await;
    put(&bank, vec![supplies("b", "a", 7.0), supplies("c", "a", 0.5)]).await;
    let (request_id, customer_id, reason) = ("e".into(), "b".into(), "asked for".into());
    let erase = pb::ErasePersonRequest { request_id, customer_id, reason };
    bank.rights().erase_person(bank.service(erase)).await.unwrap();
    assert_eq!(sums(&bank, "a").await, [1.0, 0.0, 0.0, 1.0, 0.5]);
}

#[tokio::test]
async fn a_new_summary_is_built_of_relations_that_are_there() {
    let bank = open().await;
    put(&bank, vec![supplies("b", "a", 7.0), supplies("c", "a", 0.5)]).await;
    let source = pb::RelationSource { op: Op::Count.into(), min_weight: 1.0, ..Default::default() };
    add(&bank, "known", source).await;
    live(&bank, "known").await;
    let built = get(&bank, "known").await;
    assert_eq!((built.customers_done, built.customers_total), (6, 6));
    assert_eq!(built.r#type(), huan_proto::types::v1::ValueType::Number);
    for (id, count) in [("a", 1.0), ("b", 1.0), ("c", 0.0), ("d", 0.0)] {
        assert_eq!(bank.number(id, "known").await, Some(count), "{id}");
    }
    let request = pb::ApplyTemplateRequest { template: "corporate".into() };
    bank.features().apply_template(bank.service(request)).await.unwrap();
    live(&bank, "park_count").await;
    assert_eq!(bank.number("a", "supplier_count").await, Some(2.0));
    let parks = pb::Relation { r#type: Type::LocatedIn.into(), ..supplies("a", "f", 1.0) };
    put(&bank, vec![parks]).await;
    assert_eq!((bank.number("a", "park_count").await, bank.number("f", "park_count").await), (Some(1.0), Some(0.0)));
}

#[tokio::test]
async fn a_bad_summary_is_refused_by_its_fields() {
    let bank = open().await;
    let types = vec![Type::Supplies.into(), 99];
    let bad = pb::RelationSource { op: 9, types, direction: 3, min_weight: -1.0, include_all_days: false };
    let expected = ["op", "types[1]", "direction", "min_weight"].map(|name| format!("feature.relation.{name}"));
    assert_eq!(fields(create(&bank, "bad", bad).await), expected);
    let weight = pb::RelationSource { op: Op::Weight.into(), ..Default::default() };
    assert_eq!(fields(create(&bank, "bad", weight).await), ["feature.relation.types"]);
}
