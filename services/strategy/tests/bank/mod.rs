//! A small bank for tests: a store with customers, a clock that stands still and a published map.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use chrono::TimeDelta;
use huan_chassis::{clock, store::Store as Database};
use huan_proto::{
    feed::v1::Header,
    profile::v1::{
        self as profile, ConsentState, ProfileChange, Purpose, Standing, WatchProfilesResponse, business_clock::Source,
        profile_change::Change, watch_profiles_response::Item,
    },
    strategy::v1::{self as pb, scenario::Kind},
    types::v1::{Value, value},
};
use huan_strategy::{
    holdout::MasterKey,
    map,
    store::{
        Store,
        batch::{Ask, Evaluated, Job},
        customer,
        decide::Deciding,
        entity::{published_map, tenant},
        published::Published,
    },
};
use prost::Message as _;
use sea_orm::{ActiveValue::Set, EntityTrait as _, IntoActiveModel as _};

/// The tenant.
pub const TENANT: &str = "bank";
/// The business day on which the clock stands: 1998-12-31.
pub const DAY: i32 = 10591;
/// The key of the holdout draws.
pub const KEY: &[u8] = b"a key of the tests, which is long enough";

/// A bank.
pub struct Bank {
    pub db: Database,
    pub store: Store,
    pub deciding: Deciding,
    /// The map that jobs are made for.
    pub published: Arc<Published>,
}

impl Bank {
    /// Fills an empty database: seven customers, and the map.
    pub async fn open(db: Database, content: &pb::MapContent) -> Bank {
        fill(&db, &["c-0", "c-1", "c-2", "c-3", "c-4", "c-5", "c-6"]).await;
        let store = store(db.clone());
        publish(&db, content).await;
        let published = store.published(TENANT).await.unwrap();
        let deciding = Deciding::new(db.clone(), MasterKey::new(KEY), TimeDelta::minutes(60));
        Bank { db, store, deciding, published }
    }

    /// Another replica of the service on the same database.
    pub fn replica(&self, db: Database) -> Store {
        store(db)
    }

    /// Publishes another map, which jobs made before do not know.
    pub async fn publish(&self, content: &pb::MapContent) {
        publish(&self.db, content).await;
    }

    /// Lets the feed tell whose profile a customer is part of.
    pub async fn merge(&self, customer_id: &str, root_id: &str) {
        let merge = profile::Merge { root_id: root_id.into(), root_key: format!("key-of-{root_id}") };
        let tx = self.db.begin().await.unwrap();
        customer::apply(&tx, &[response(header(customer_id), Change::Merge(merge))]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Lets the feed tell what the tenant allows where a customer said nothing about care.
    pub async fn care_by_default(&self, allowed: bool) {
        let default = profile::ConsentDefault { purpose: Purpose::Care as i32, allowed };
        let tx = self.db.begin().await.unwrap();
        let tenant = profile::Tenant { consent_defaults: vec![default], ..tenant_message() };
        let header = Header { tenant_id: TENANT.into(), ..Default::default() };
        customer::apply(&tx, &[response(header, Change::Tenant(tenant))]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// A decision to be made for a member of "m" of whom everything is known.
    pub fn job(&self, request_id: &str, customer_id: &str) -> Arc<Job> {
        job(self.published.clone(), request_id, customer_id)
    }
}

/// A decision to be made by a map for a member of "m" of whom everything is known.
pub fn job(published: Arc<Published>, request_id: &str, customer_id: &str) -> Arc<Job> {
    let (request_id, customer_id) = (request_id.into(), customer_id.into());
    let ask = Ask { request_id, customer_id, max_picks: 1, ..Default::default() };
    let evaluated = Evaluated {
        values: Vec::new(),
        memberships: vec!["m".into(), "other".into()],
        fresh_time: Some(clock::system_now() + TimeDelta::hours(1)),
    };
    Arc::new(Job { tenant: TENANT.into(), ask, evaluated, published, traceparent: String::new() })
}

fn store(db: Database) -> Store {
    Store::new(db, MasterKey::new(KEY), 16, TimeDelta::minutes(60))
}

/// Two strategies on app and sms, marketing, worth 10 and 8: policy cap, and the capacity of app (0 = none).
pub fn content(cap: i32, capacity: i64) -> pb::MapContent {
    let channel =
        |id: &str, daily_capacity: i64| pb::Channel { channel_id: id.into(), daily_capacity, ..Default::default() };
    pb::MapContent {
        strategies: vec![strategy("s_one", 100), strategy("s_two", 80)],
        products: vec![pb::Product { product_id: "deposit".into(), risk_level: 1, ..Default::default() }],
        channels: vec![channel("app", capacity), channel("sms", 0)],
        scripts: vec![script("on_app", "app"), script("on_sms", "sms")],
        policy: Some(pb::Policy { cap, cap_window_days: 30, ..Default::default() }),
        memberships: vec!["m".into()],
        ..Default::default()
    }
}

/// A map of many strategies and recorded features, all with a cap, every fifth with a holdout; a third match.
pub fn wide(strategies: usize, features: usize) -> pb::MapContent {
    let one = |n: usize| pb::Strategy {
        channels: vec![plan("app")],
        holdout_share: if n.is_multiple_of(5) { 0.1 } else { 0.0 },
        cap: 3,
        cap_window_days: 30,
        audience: Some(pb::Audience {
            any_of: vec![if n.is_multiple_of(3) { "m" } else { "n" }.into()],
            none_of: Vec::new(),
        }),
        ..strategy(&format!("s_{n:02}"), 100 + n as i64)
    };
    pb::MapContent {
        strategies: (0..strategies).map(one).collect(),
        features: (0..features).map(|n| format!("f_{n:02}")).collect(),
        memberships: vec!["m".into(), "n".into()],
        ..content(10, 0)
    }
}

/// Numbers as values.
pub fn numbers(count: usize) -> Vec<Value> {
    (0..count).map(|n| Value { kind: Some(value::Kind::Number(n as f64 * 12.34)) }).collect()
}

/// A strategy for the members of "m", marketing on app and sms, at a tenth of its fixed value.
pub fn strategy(id: &str, fixed_minor: i64) -> pb::Strategy {
    pb::Strategy {
        strategy_id: id.into(),
        display_name: id.into(),
        owner_path: "/".into(),
        objective_id: "scale".into(),
        purpose: pb::ContactPurpose::Marketing as i32,
        audience: Some(pb::Audience { any_of: vec!["m".into()], none_of: Vec::new() }),
        scenario: Some(pb::Scenario { kind: Some(Kind::Lifecycle(pb::LifecycleScenario {})) }),
        product_id: "deposit".into(),
        channels: vec![plan("app"), plan("sms")],
        value: Some(pb::ExpectedValue { propensity: 0.1, fixed_minor, ..Default::default() }),
        ..Default::default()
    }
}

fn plan(channel: &str) -> pb::ChannelPlan {
    pb::ChannelPlan { channel_id: channel.into(), script_id: format!("on_{channel}") }
}

fn script(id: &str, channel: &str) -> pb::Script {
    pb::Script { script_id: id.into(), channel_id: channel.into(), text: "Hello".into(), ..Default::default() }
}

/// Puts jobs into another order, the same for the same seed.
pub fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for index in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(index, (state >> 33) as usize % (index + 1));
    }
}

/// Lets the feed tell of the tenant and of customers, all under /hq and with consent to everything.
pub async fn fill(db: &Database, customers: &[&str]) {
    let tenant = tenant_message();
    let consent = ConsentState { purpose: Purpose::Marketing as i32, allowed: true, ..Default::default() };
    let standing = Standing { consents: vec![consent], ..Default::default() };
    let mut batch = vec![response(Header { tenant_id: TENANT.into(), ..Default::default() }, Change::Tenant(tenant))];
    for id in customers {
        batch.push(response(header(id), Change::Standing(standing.clone())));
    }
    let tx = db.begin().await.unwrap();
    customer::apply(&tx, &batch).await.unwrap();
    tx.commit().await.unwrap();
}

fn tenant_message() -> profile::Tenant {
    let at = prost_types::Timestamp { seconds: i64::from(DAY) * 86_400 + 7_200, nanos: 0 };
    let clock = profile::BusinessClock { source: Some(Source::FixedTime(at)) };
    profile::Tenant { tenant_id: TENANT.into(), clock: Some(clock), ..Default::default() }
}

fn header(id: &str) -> Header {
    Header {
        tenant_id: TENANT.into(),
        customer_id: id.into(),
        customer_key: format!("key-of-{id}"),
        owner_path: "/hq".into(),
        ..Default::default()
    }
}

fn response(header: Header, change: Change) -> WatchProfilesResponse {
    let change = ProfileChange { header: Some(header), change: Some(change) };
    WatchProfilesResponse { item: Some(Item::Change(change)) }
}

// Publishes a content as it is, without the strategies it came from.
async fn publish(db: &Database, content: &pb::MapContent) {
    let tx = db.begin().await.unwrap();
    let row = tenant::Entity::find_by_id(TENANT).one(&*tx).await.unwrap().unwrap();
    let published = published_map::Model {
        tenant: TENANT.into(),
        number: row.map_number + 1,
        version: map::version_text(&map::version(content)),
        content: content.encode_to_vec(),
        publisher: "boss".into(),
        publish_time: 0,
    };
    published_map::Entity::insert(published.into_active_model()).exec_without_returning(&*tx).await.unwrap();
    let moved = tenant::ActiveModel {
        map_number: Set(row.map_number + 1),
        epoch: Set(row.epoch + 1),
        ..row.into_active_model()
    };
    tenant::Entity::update(moved).exec(&*tx).await.unwrap();
    tx.commit().await.unwrap();
}
