//! Ingest and the roll: what was added bit by bit equals what is computed from the events alone, on both databases.

use std::collections::HashMap;

use huan_chassis::{
    Error,
    clock::{Clock, Day, TenantTime},
    store::{Store as Database, test},
};
use huan_profile::{
    convert::{self, profile::Parts},
    store::{
        Store,
        entity::{event_day, vector},
        migration::Migrator,
    },
};
use huan_proto::{profile::v1 as pb, types::v1::value::Kind as Value};
use sea_orm::{EntityTrait, sea_query::Expr};

use crate::relation::manager;

pub const TYPES: [&str; 4] = ["salary", "card_payment", "app_login", "purchase"];
pub const DAY: i64 = 86_400;
pub const NOON: i64 = 1_718_424_000;

/// A small linear congruential generator (Knuth, MMIX).
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

pub fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

pub fn fixed(seconds: i64) -> pb::BusinessClock {
    pb::BusinessClock { source: Some(pb::business_clock::Source::FixedTime(at(seconds))) }
}

pub async fn open(db: Database) -> Store {
    let store = Store::new(db);
    let tenant = Some(pb::Tenant { display_name: "Bank".into(), clock: Some(fixed(NOON)), ..Default::default() });
    let create = pb::CreateTenantRequest { request_id: "r".into(), tenant };
    store.create_tenant(convert::tenant::create(create, "bank").unwrap()).await.unwrap();
    for name in TYPES {
        let event_type = Some(pb::EventType { name: name.into(), ..Default::default() });
        let row = convert::event_type::row(pb::RegisterEventTypeRequest { event_type }, "bank").unwrap();
        store.register_event_type(row).await.unwrap();
    }
    store
}

pub async fn import(store: &Store, count: u64) {
    let customer = |n| pb::Customer {
        customer_id: format!("C-{n}"),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq".into(),
        ..Default::default()
    };
    let view = store.view("bank").await.unwrap();
    let (rows, _) = convert::customer::batch((0..count).map(customer).collect(), "bank");
    store.import_customers(&view, rows, 1).await.unwrap();
}

pub async fn ingest(store: &Store, events: Vec<pb::Event>) -> (i32, i32) {
    let view = store.view("bank").await.unwrap();
    let (rows, faults) = convert::event::batch(events, &view);
    assert!(faults.is_empty(), "{faults:?}");
    let taken = store.ingest_events(view, rows).await.unwrap();
    (taken.accepted, taken.duplicates)
}

pub async fn set_clock(store: &Store, seconds: i64) {
    let revision = store.fresh_view("bank").await.unwrap().row.revision;
    let request = pb::UpdateTenantRequest { revision, clock: Some(fixed(seconds)), ..Default::default() };
    let (revision, clock) = convert::tenant::update(&request).unwrap();
    store.update_tenant("bank", revision, clock, None).await.unwrap();
}

pub async fn numbers(store: &Store, customer_id: &str) -> HashMap<String, f64> {
    let view = store.view("bank").await.unwrap();
    let profile = store.get_profile(&view, &manager(), customer_id, Parts::ALL).await.unwrap();
    let number = |feature: pb::NamedValue| match feature.value?.kind? {
        Value::Number(number) => Some((feature.name, number)),
        _ => None,
    };
    profile.features.into_iter().filter_map(number).collect()
}

pub fn draw_event(draw: &mut Draw, n: usize, noon: i64, customers: u64) -> pb::Event {
    let back = if draw.below(5) == 0 { 800 } else { 100 };
    pb::Event {
        source: "core".into(),
        source_id: n.to_string(),
        customer_id: format!("C-{}", draw.below(customers)),
        r#type: TYPES[draw.below(4) as usize].into(),
        occur_time: Some(at(noon + 2 * DAY - draw.below(back) as i64 * DAY)),
        amount_minor: draw.below(10_000) as i64,
        ..Default::default()
    }
}

/// Count and sum over events of a type in a window of days, straight from the events.
pub fn straight(events: &[pb::Event], customer_id: &str, event_type: &str, days: i32, noon: i64) -> (f64, f64) {
    let time = TenantTime { clock: Clock::System, zone: "Asia/Shanghai".parse().unwrap() };
    let day = |seconds| time.day(huan_chassis::clock::datetime(&at(seconds)).unwrap());
    let Day(today) = day(noon);
    let in_window = |event: &&pb::Event| {
        let Day(of) = day(event.occur_time.unwrap().seconds);
        of <= today && (days == 0 || of > today - days)
    };
    let of_type = events.iter().filter(|event| event.customer_id == customer_id && event.r#type == event_type);
    let amounts: Vec<f64> = of_type.filter(in_window).map(|event| event.amount_minor as f64).collect();
    (amounts.len() as f64, amounts.iter().sum())
}

async fn agree(store: &Store, events: &[pb::Event], customers: u64, noon: i64) {
    for n in 0..customers {
        let id = format!("C-{n}");
        let numbers = numbers(store, &id).await;
        assert_eq!(numbers["card_count_30d"], straight(events, &id, "card_payment", 30, noon).0, "{id}");
        assert_eq!(numbers["card_sum_30d"], straight(events, &id, "card_payment", 30, noon).1, "{id}");
        assert_eq!(numbers["salary_sum_90d"], straight(events, &id, "salary", 90, noon).1, "{id}");
        assert_eq!(numbers["purchase_sum_365d"], straight(events, &id, "purchase", 365, noon).1, "{id}");
        assert_eq!(numbers["inflow_sum_ever"], straight(events, &id, "salary", 0, noon).1, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn features_agree_with_the_events_however_they_arrive_and_days_pass() {
    test::each(Migrator, async |db| {
        let store = open(db).await;
        import(&store, 5).await;
        let (mut draw, mut all, mut noon) = (Draw(3), Vec::new(), NOON);
        for round in 0..6 {
            let events: Vec<_> = (0..80).map(|n| draw_event(&mut draw, round * 1000 + n, noon, 5)).collect();
            let (one, other) = events.split_at(30);
            let (one, other) = tokio::join!(ingest(&store, one.to_vec()), ingest(&store, other.to_vec()));
            assert_eq!(one.0 + other.0, 80);
            assert_eq!(ingest(&store, events[..10].to_vec()).await, (0, 10));
            all.extend(events);
            agree(&store, &all, 5, noon).await;
            noon += draw.below(50) as i64 * DAY - 10 * DAY;
            set_clock(&store, noon).await;
            store.roll_tenant("bank").await.unwrap();
            agree(&store, &all, 5, noon).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_publishes_only_what_changes_and_once() {
    test::each(Migrator, async |db| {
        let store = open(db).await;
        import(&store, 3).await;
        let event = |n: &str, customer_id: &str, seconds| pb::Event {
            source: "core".into(),
            source_id: n.into(),
            customer_id: customer_id.into(),
            r#type: "card_payment".into(),
            occur_time: Some(at(seconds)),
            amount_minor: 5,
            ..Default::default()
        };
        ingest(&store, vec![event("1", "C-0", NOON - 29 * DAY), event("2", "C-1", NOON - 2 * DAY)]).await;
        set_clock(&store, NOON + DAY).await;
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 1, "only C-0 loses a day");
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_take_in_one_event_once_whomever_each_says_it_is_of() {
    test::each(Migrator, async |db| {
        let one = open(db.clone()).await;
        let other = Store::new(db);
        import(&one, 2).await;
        for round in 0..10 {
            let of = |customer_id: &str| -> Vec<pb::Event> {
                let event = |n| pb::Event { customer_id: customer_id.into(), ..draw_event(&mut Draw(9), n, NOON, 1) };
                (0..20).map(|n| event(round * 100 + n)).collect()
            };
            let (left, right) = tokio::join!(ingest(&one, of("C-0")), ingest(&other, of("C-1")));
            assert_eq!((left.0 + right.0, left.1 + right.1), (20, 20));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_a_thousand_fits_its_statements() {
    test::each(Migrator, async |db| {
        let store = open(db).await;
        import(&store, 1000).await;
        let mut draw = Draw(5);
        let events: Vec<_> = (0..1000).map(|n| draw_event(&mut draw, n, NOON, 1000)).collect();
        assert_eq!(ingest(&store, events.clone()).await, (1000, 0));
        assert_eq!(ingest(&store, events).await, (0, 1000));
    })
    .await;
}

/// Sets a format column of every row.
async fn set_format<E: EntityTrait>(db: &Database, column: E::Column, format: i16) {
    let tx = db.begin().await.unwrap();
    E::update_many().col_expr(column, Expr::value(format)).exec(&*tx).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn days_and_accumulators_in_an_unknown_envelope_are_not_read_as_plain() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        import(&store, 1).await;
        let events: Vec<_> =
            (0..2).map(|n| pb::Event { occur_time: Some(at(NOON)), ..draw_event(&mut Draw(1), n, NOON, 1) }).collect();
        ingest(&store, events[..1].to_vec()).await;
        let view = store.view("bank").await.unwrap();
        let (rows, _) = convert::event::batch(events[1..].to_vec(), &view);
        let again = async || store.ingest_events(view.clone(), rows.clone()).await;
        set_format::<event_day::Entity>(&db, event_day::Column::Format, 9).await;
        assert!(matches!(again().await, Err(Error::Internal(_))));
        set_clock(&store, NOON + 30 * DAY).await;
        assert!(matches!(store.roll_tenant("bank").await, Err(Error::Internal(_))));
        set_format::<event_day::Entity>(&db, event_day::Column::Format, 1).await;
        set_format::<vector::Entity>(&db, vector::Column::StateFormat, 9).await;
        assert!(matches!(again().await, Err(Error::Internal(_))));
        set_format::<vector::Entity>(&db, vector::Column::StateFormat, 1).await;
        assert_eq!(again().await.unwrap().accepted, 1);
    })
    .await;
}
