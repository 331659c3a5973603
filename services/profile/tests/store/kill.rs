//! Kill -9 at fifty instants while events come in, on both databases: no acknowledged event is lost, none is counted
//! twice, and features are what the events say — as counted here, and as the service itself counts from what it stored.
//! Between the kills the day turns and a feature is added, so rolls and builds are cut short too. (PostgreSQL's server
//! lives on; the transactions of a killed service may end there after the next one has started.)

mod plan;
mod sender;
mod service;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use futures::future::join_all;
use huan_chassis::{clock, config, store::test};
use huan_proto::{
    profile::v1::{self as pb, AggregateOp, FeatureState, feature::Source},
    types::v1::value::Kind,
};

use self::{
    plan::{CUSTOMERS, Plan, SENDERS, UNREGISTERED, device},
    sender::{Round, Sender},
    service::{Door, Place, Service},
};
use crate::ingest::{DAY, NOON, TYPES, fixed, straight};

const KILLS: u64 = 50;
/// So often the day turns.
const A_DAY: u64 = 12;
/// So often every stored event is looked at; salaries are counted each time.
const AN_INVENTORY: u64 = 10;
/// Before this one a feature is added.
const A_FEATURE: u64 = 20;
/// What every event passes: a feature with such a filter counts what one without it does, from the stored events.
const ALWAYS: &str = "amount_minor > -1000000";
/// Features of base.toml, and what they count: the sum of amounts if so, of a type, in days.
const COUNTED: [(&str, bool, &str, i32); 6] = [
    ("card_count_30d", false, "card_payment", 30),
    ("card_sum_30d", true, "card_payment", 30),
    ("salary_count_90d", false, "salary", 90),
    ("salary_sum_90d", true, "salary", 90),
    ("purchase_sum_365d", true, "purchase", 365),
    ("inflow_sum_ever", true, "salary", 0),
];

/// Distinct events by source and the source's id.
type Events = BTreeMap<(String, String), pb::Event>;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_no_event_and_count_none_twice_on_sqlite() {
    let (_folder, database) = test::sqlite_file();
    let keys = format!("{}-keys", database.url);
    survive(database, keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_no_event_and_count_none_twice_on_postgres() {
    survive(test::postgres().await, test::postgres().await.url).await;
}

async fn survive(database: config::Database, keys_url: String) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::new(folder.path(), database, keys_url);
    let plan = Plan(seed());
    let _named = Named(plan.0);
    let mut senders: Vec<Sender> = (0..SENDERS).map(|number| Sender::new(plan, number)).collect();
    let mut acknowledged = Events::new();
    open_bank(&place.start().door).await;
    for kill in 0..KILLS {
        let service = place.start();
        if kill.is_multiple_of(A_DAY) {
            set_clock(&service.door, noon(kill)).await;
        }
        look_in(&service.door, plan, kill, &senders, &acknowledged).await;
        if kill == A_FEATURE {
            create_feature(&service.door, "large_sum_ever", of_large()).await;
        }
        let before: Vec<u64> = senders.iter().map(|sender| sender.acknowledged).collect();
        send_until_killed(service, plan, kill, &mut senders).await;
        for (sender, before) in senders.iter().zip(before) {
            add(&mut acknowledged, plan, sender.number, before..sender.acknowledged);
        }
    }
    let service = place.start();
    join_all(senders.iter_mut().map(|sender| sender.finish(&service.door))).await;
    let mut all = Events::new();
    senders.iter().for_each(|sender| add(&mut all, plan, sender.number, 0..sender.acknowledged));
    assert!(all.len() > 1000, "{} events are hardly a load", all.len());
    agree(&service.door, &all, noon(KILLS - 1)).await;
}

/// What was acknowledged is there already when the service comes up, and no more than was sent; what was taken in before
/// is known.
async fn look_in(door: &Door, plan: Plan, kill: u64, senders: &[Sender], acknowledged: &Events) {
    let noon = noon(kill);
    let mut sent = acknowledged.clone();
    for sender in senders {
        add(&mut sent, plan, sender.number, sender.acknowledged..sender.sent.load(Ordering::SeqCst));
    }
    if kill.is_multiple_of(AN_INVENTORY) {
        take_inventory(door, acknowledged, &sent).await;
    }
    let (least, most) = (registered(acknowledged), registered(&sent));
    for id in customers() {
        let bounds = [&least, &most].map(|events| straight(events, &id, "salary", 0, noon).0);
        let count = async || numbers(door, &id).await["salary_ever"];
        // The day may turn a moment later: the roll was cut short too.
        settle(&format!("{id} has {} salaries", bounds[0]), async || count().await >= bounds[0]).await;
        assert!(count().await <= bounds[1], "{id}: more than {} salaries", bounds[1]);
    }
    join_all(senders.iter().map(|sender| sender.repeat(door))).await;
}

/// Every event that was acknowledged is stored, and none that was never sent.
async fn take_inventory(door: &Door, acknowledged: &Events, sent: &Events) {
    let stored = stored(door).await;
    for (key, _) in acknowledged.iter().filter(|(_, event)| event.r#type != UNREGISTERED) {
        assert!(stored.contains_key(key), "{key:?} was acknowledged and is lost");
    }
    for key in stored.keys() {
        assert!(sent.contains_key(key), "{key:?} was never sent");
    }
}

/// Sends from all sides and kills the service, at an instant that the seed draws, in the midst of it.
async fn send_until_killed(service: Service, plan: Plan, kill: u64, senders: &mut [Sender]) {
    let (round, door) = (Round::new(), service.door.clone());
    let mut draw = plan.draw(("kill", kill));
    // Half of them the moment that an acknowledgement is seen, the others up to a commit or two later.
    let (enough, delay) = (1 + draw.below(8), [0, draw.below(20_000)][draw.below(2) as usize]);
    let end = async {
        let mut count = round.acknowledged.subscribe();
        let reached = tokio::time::timeout(Duration::from_secs(60), count.wait_for(|count| *count >= enough)).await;
        reached.expect("batches are acknowledged in time").unwrap();
        if delay > 0 {
            // The instant itself, not a wait for something: the kill is to fall before, in and after a commit.
            let slept = tokio::task::spawn_blocking(move || thread::sleep(Duration::from_micros(delay)));
            slept.await.unwrap();
        }
        round.killed.store(true, Ordering::SeqCst);
        service.kill();
    };
    tokio::join!(end, join_all(senders.iter_mut().map(|sender| sender.send(&door, &round))));
}

/// Everything that was ever sent is there once, whole, and counted once.
async fn agree(door: &Door, all: &Events, noon: i64) {
    let stored = stored(door).await;
    let events = registered(all);
    let expected: BTreeMap<_, _> = events.iter().map(|event| (key(event), event)).collect();
    assert!(stored.keys().eq(expected.keys()), "{} events are stored, not {}", stored.len(), expected.len());
    for (key, event) in expected {
        assert_eq!(&stored[&key], event);
    }
    let refused = all.iter().filter(|(_, event)| event.r#type == UNREGISTERED).map(|(key, _)| key.clone());
    assert!(letters(door).await.into_iter().eq(refused), "what was refused is kept once");

    let twins = recount(door).await;
    assert!(twins.len() > 20, "{} features are counted again", twins.len());
    for id in customers() {
        settle("the day has turned", async || numbers_as_of(door, &id).await == noon).await;
        let (numbers, values) = (numbers(door, &id).await, values(door, &id).await);
        for (name, is_sum, event_type, days) in COUNTED {
            let (count, sum) = straight(&events, &id, event_type, days, noon);
            assert_eq!(numbers[name], if is_sum { sum } else { count }, "{id}: {name}");
        }
        for (name, twin) in &twins {
            assert_eq!(values.get(name), values.get(twin), "{id}: {name} and {twin}, which is counted again");
        }
    }
}

/// Lets the service count every aggregate again from the events that it stored; which features stand for which.
async fn recount(door: &Door) -> Vec<(String, String)> {
    let mut twins = Vec::new();
    for feature in features(door).await {
        let Some(Source::Aggregate(aggregate)) = feature.source else { continue };
        let filter = match aggregate.filter.as_str() {
            "" => ALWAYS.to_owned(),
            filter => format!("{filter} && {ALWAYS}"),
        };
        let twin = format!("again_{}", feature.name);
        create_feature(door, &twin, pb::AggregateSource { filter, ..aggregate }).await;
        twins.push((feature.name, twin));
    }
    let is_live = |feature: &pb::Feature| feature.state() == FeatureState::Live;
    settle("features are built", async || features(door).await.iter().all(is_live)).await;
    twins
}

async fn open_bank(door: &Door) {
    let tenant = Some(pb::Tenant { display_name: "Bank".into(), clock: Some(fixed(NOON)), ..Default::default() });
    let create = pb::CreateTenantRequest { request_id: "open".into(), tenant };
    door.tenants().create_tenant(door.request(create)).await.unwrap();
    for name in TYPES {
        let event_type = Some(pb::EventType { name: name.into(), ..Default::default() });
        let register = pb::RegisterEventTypeRequest { event_type };
        door.events().register_event_type(door.request(register)).await.unwrap();
    }
    let customer = |customer_id| pb::Customer {
        customer_id,
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq".into(),
        ..Default::default()
    };
    let import = pb::ImportCustomersRequest { customers: customers().map(customer).collect(), key_seed: 1 };
    door.customers().import_customers(door.request(import)).await.unwrap();
    for customer_id in customers() {
        let identity = Some(device(&customer_id));
        let add = pb::AddIdentityRequest { customer_id, identity };
        door.identities().add_identity(door.request(add)).await.unwrap();
    }
    let ever =
        pb::AggregateSource { op: AggregateOp::Count.into(), event_types: vec!["salary".into()], ..Default::default() };
    create_feature(door, "salary_ever", ever).await;
    settle("features are built", async || {
        features(door).await.iter().all(|feature| feature.state() == FeatureState::Live)
    })
    .await;
}

async fn set_clock(door: &Door, noon: i64) {
    let got = door.tenants().get_tenant(door.request(pb::GetTenantRequest {})).await.unwrap().into_inner();
    let revision = got.tenant.unwrap().revision;
    let update = pb::UpdateTenantRequest { revision, clock: Some(fixed(noon)), ..Default::default() };
    door.tenants().update_tenant(door.request(update)).await.unwrap();
}

fn of_large() -> pb::AggregateSource {
    let filter = "amount_minor > 5000 && type != 'app_login'".into();
    pb::AggregateSource { op: AggregateOp::Sum.into(), filter, ..Default::default() }
}

async fn create_feature(door: &Door, name: &str, source: pb::AggregateSource) {
    let feature = pb::Feature { name: name.into(), source: Some(Source::Aggregate(source)), ..Default::default() };
    let create = pb::CreateFeatureRequest { request_id: name.into(), feature: Some(feature) };
    door.features().create_feature(door.request(create)).await.unwrap();
}

async fn features(door: &Door) -> Vec<pb::Feature> {
    let listed = door.features().list_features(door.request(pb::ListFeaturesRequest {})).await.unwrap();
    listed.into_inner().features
}

/// All events that are stored, under the customers whose they are. Panics if one is there twice.
async fn stored(door: &Door) -> Events {
    let mut found = Events::new();
    for customer_id in customers() {
        let mut page_token = String::new();
        loop {
            let request = pb::ListEventsRequest {
                customer_id: customer_id.clone(),
                page_size: 1000,
                page_token,
                ..Default::default()
            };
            let page = door.events().list_events(door.request(request)).await.unwrap().into_inner();
            for event in page.events {
                let before = found.insert(key(&event), event);
                assert!(before.is_none(), "an event is there twice: {before:?}");
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
    }
    found
}

/// Source and source id of every dead letter, in their order.
async fn letters(door: &Door) -> Vec<(String, String)> {
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListDeadLettersRequest { page_size: 1000, page_token, ..Default::default() };
        let page = door.dead_letters().list_dead_letters(door.request(request)).await.unwrap().into_inner();
        found.extend(page.dead_letters.into_iter().filter_map(|letter| letter.event).map(|event| key(&event)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            found.sort_unstable();
            return found;
        }
    }
}

async fn profile(door: &Door, customer_id: &str) -> pb::GetProfileResponse {
    let request = pb::GetProfileRequest { customer_id: customer_id.into(), ..Default::default() };
    door.profiles().get_profile(door.request(request)).await.unwrap().into_inner()
}

async fn values(door: &Door, customer_id: &str) -> HashMap<String, Kind> {
    let features = profile(door, customer_id).await.features;
    features.into_iter().filter_map(|feature| Some((feature.name, feature.value?.kind?))).collect()
}

async fn numbers(door: &Door, customer_id: &str) -> HashMap<String, f64> {
    let number = |(name, kind)| if let Kind::Number(number) = kind { Some((name, number)) } else { None };
    values(door, customer_id).await.into_iter().filter_map(number).collect()
}

/// The moment as of which a customer's features stand.
async fn numbers_as_of(door: &Door, customer_id: &str) -> i64 {
    profile(door, customer_id).await.as_of_time.unwrap().seconds
}

/// Adds a sender's batches, each event once.
fn add(events: &mut Events, plan: Plan, sender: u64, batches: Range<u64>) {
    let sent = batches.flat_map(|batch| plan.batch(sender, batch));
    events.extend(sent.map(|event| (key(&event), event)));
}

/// Noon of the day on which a kill falls.
fn noon(kill: u64) -> i64 {
    NOON + (kill / A_DAY) as i64 * DAY
}

/// Those that are not refused.
fn registered(events: &Events) -> Vec<pb::Event> {
    events.values().filter(|event| event.r#type != UNREGISTERED).cloned().collect()
}

fn key(event: &pb::Event) -> (String, String) {
    (event.source.clone(), event.source_id.clone())
}

fn customers() -> impl Iterator<Item = String> {
    (0..CUSTOMERS).map(|n| format!("C-{n}"))
}

/// Polls until it holds, for at most a minute.
async fn settle(what: &str, holds: impl AsyncFn() -> bool) {
    let poll = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), poll).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Another one each time; HUAN_TEST_SEED draws one again.
#[allow(clippy::disallowed_methods, reason = "it is not the service that is told")]
fn seed() -> u64 {
    let told = std::env::var("HUAN_TEST_SEED").ok().and_then(|text| text.parse().ok());
    told.unwrap_or_else(|| clock::micros(clock::system_now()).cast_unsigned())
}

/// Says with which seed a story failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("HUAN_TEST_SEED={}", self.0);
        }
    }
}
