//! Merges, un-merges and writes in any order equal the state built without the undone merges, on both databases.

use std::collections::BTreeMap;

use futures::StreamExt as _;
use huan_chassis::{
    Error, Identity,
    clock::Day,
    identity::{Kind as Caller, PermissionSet},
    store::{Store as Database, test},
};
use huan_profile::{
    convert::{self, profile::Parts},
    store::{Store, entity::identity, identity::resolve_or_create, merge::Ask, migration::Migrator},
};
use huan_proto::{
    profile::v1::{self as pb, profile_change::Change, watch_profiles_response::Item},
    types::v1::value::Kind,
};

use crate::relation::manager;

const NOON: i64 = 1_718_424_000;
const DAY: i64 = 86_400;
const CUSTOMERS: u64 = 6;
const TYPES: [&str; 3] = ["salary", "card_payment", "purchase"];
const SUMMARIES: [(&str, pb::RelationOp, pb::RelationDirection); 3] = [
    ("suppliers", pb::RelationOp::Count, pb::RelationDirection::In),
    ("partners", pb::RelationOp::Count, pb::RelationDirection::Unspecified),
    ("volume", pb::RelationOp::Weight, pb::RelationDirection::Out),
];

/// A small linear congruential generator (Knuth, MMIX).
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn customer(&mut self) -> String {
        format!("C-{}", self.below(CUSTOMERS))
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// A merge by its number: survivor, absorbed.
    Merge(usize, String, String),
    Unmerge(usize),
    Event(pb::Event),
    Holding(pb::Holding),
    Tag(String, String),
    Consent(pb::Consent),
    Identity(String, String),
    Refuse(String, bool),
    Relate(pb::Relation),
    /// A relation's ends, and the day on which it ends; none = it never was.
    Part(String, String, Option<&'static str>),
}

fn at(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}

fn draw_steps(seed: u64, count: usize) -> Vec<Step> {
    let mut draw = Draw(seed);
    let mut merges = 0;
    let mut open: Vec<usize> = Vec::new();
    let mut steps = Vec::new();
    for n in 0..count {
        let customer_id = draw.customer();
        steps.push(match draw.below(13) {
            0 | 1 => {
                let other = draw.customer();
                if other == customer_id {
                    continue;
                }
                merges += 1;
                open.push(merges - 1);
                Step::Merge(merges - 1, customer_id, other)
            }
            2 if !open.is_empty() => Step::Unmerge(open.swap_remove(draw.below(open.len() as u64) as usize)),
            3 => Step::Holding(pb::Holding {
                holding_id: format!("h-{n}"),
                customer_id,
                kind: ["card", "loan"][draw.below(2) as usize].into(),
                open_day: "2020-01-01".into(),
                balance_minor: draw.below(1000) as i64,
                ..Default::default()
            }),
            4 => Step::Tag(customer_id, format!("t_{}", draw.below(3))),
            5 => Step::Consent(pb::Consent {
                customer_id,
                purpose: pb::Purpose::Marketing.into(),
                channel_id: ["", "sms"][draw.below(2) as usize].into(),
                allowed: draw.below(2) == 0,
                evidence: "form".into(),
                decide_time: Some(at(NOON - draw.below(100) as i64)),
                expire_time: (draw.below(3) == 0).then(|| at(NOON + DAY + draw.below(9) as i64)),
                ..Default::default()
            }),
            6 => Step::Identity(customer_id, format!("i-{n}")),
            7 => Step::Refuse(customer_id, draw.below(2) == 0),
            8 | 9 => Step::Relate(pb::Relation {
                from_customer_id: customer_id,
                r#type: pb::RelationType::Supplies.into(),
                to_customer_id: draw.customer(),
                start_day: ["", "2020-01-01", "2030-01-01"][draw.below(3) as usize].into(),
                weight: Some(draw.below(9) as f64 / 10.0),
                source: "core".into(),
                ..Default::default()
            }),
            10 => Step::Part(customer_id, draw.customer(), [None, Some("2024-01-01")][draw.below(2) as usize]),
            _ => Step::Event(pb::Event {
                source: "core".into(),
                source_id: n.to_string(),
                customer_id,
                r#type: TYPES[draw.below(3) as usize].into(),
                occur_time: Some(at(NOON - draw.below(60) as i64 * DAY)),
                amount_minor: draw.below(10_000) as i64,
                ..Default::default()
            }),
        });
    }
    steps
}

/// The steps without the merges that are taken back, and without the taking back.
fn without_undone(steps: &[Step]) -> Vec<Step> {
    let undone: Vec<usize> =
        steps.iter().filter_map(|step| if let Step::Unmerge(n) = step { Some(*n) } else { None }).collect();
    let stays = |step: &&Step| match step {
        Step::Merge(n, ..) => !undone.contains(n),
        Step::Unmerge(_) => false,
        _ => true,
    };
    steps.iter().filter(stays).cloned().collect()
}

pub fn boss() -> Identity {
    Identity {
        subject: "boss".into(),
        kind: Caller::Service,
        tenant: None,
        permissions: PermissionSet::ALL,
        org_path: String::new(),
        customer_id: None,
    }
}

struct Bank {
    store: Store,
    tenant: &'static str,
    merges: BTreeMap<usize, String>,
}

impl Bank {
    async fn open(store: Store, tenant: &'static str) -> Self {
        let source = pb::business_clock::Source::FixedTime(at(NOON));
        let clock = Some(pb::BusinessClock { source: Some(source) });
        let settings = Some(pb::Tenant { display_name: "Bank".into(), clock, ..Default::default() });
        let create = pb::CreateTenantRequest { request_id: "r".into(), tenant: settings };
        store.create_tenant(convert::tenant::create(create, tenant).unwrap()).await.unwrap();
        for name in TYPES {
            let is_outcome = name == "purchase";
            let event_type = Some(pb::EventType { name: name.into(), is_outcome, ..Default::default() });
            let row = convert::event_type::row(pb::RegisterEventTypeRequest { event_type }, tenant).unwrap();
            store.register_event_type(row).await.unwrap();
        }
        let customer = |n| pb::Customer {
            customer_id: format!("C-{n}"),
            r#type: pb::CustomerType::Retail.into(),
            owner_path: format!("/hq/b{n}"),
            risk_level: (n % 4) as i32,
            ..Default::default()
        };
        let view = store.view(tenant).await.unwrap();
        let (rows, _) = convert::customer::batch((0..CUSTOMERS).map(customer).collect(), tenant);
        store.import_customers(&view, rows, 1).await.unwrap();
        for (name, op, direction) in SUMMARIES {
            let source = pb::RelationSource {
                op: op.into(),
                types: vec![pb::RelationType::Supplies.into()],
                direction: direction.into(),
                ..Default::default()
            };
            let source = Some(pb::feature::Source::Relation(source));
            let feature = pb::Feature { name: name.into(), source, ..Default::default() };
            store.create_feature(tenant, name, feature).await.unwrap();
        }
        store.build_tenant(tenant).await.unwrap();
        Self { store, tenant, merges: BTreeMap::new() }
    }

    async fn take(&mut self, step: &Step) {
        let (store, view) = (&self.store, self.store.view(self.tenant).await.unwrap());
        match step.clone() {
            Step::Merge(n, survivor, absorbed) => {
                let (request_id, made_by) = (Some(n.to_string()), "boss".to_owned());
                let ask = Ask { request_id, absorbed, survivor, reason: pb::MergeReason::Explicit, made_by };
                match store.merge_customers(&view, &ask).await {
                    Ok((edge, _)) => drop(self.merges.insert(n, edge.merge_id)),
                    Err(Error::WrongState { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Unmerge(n) => {
                if let Some(merge_id) = self.merges.get(&n) {
                    store.unmerge_customers(&view, &boss(), merge_id).await.unwrap();
                }
            }
            Step::Event(event) => {
                let (rows, faults) = convert::event::batch(vec![event], &view);
                assert!(faults.is_empty(), "{faults:?}");
                store.ingest_events(view, rows).await.unwrap();
            }
            Step::Holding(holding) => {
                let (rows, _) = convert::holding::batch(vec![holding], &view);
                store.import_holdings(&view, rows).await.unwrap();
            }
            Step::Tag(customer_id, name) => {
                let tag = Some(pb::Tag { name, source: "rule:1".into(), ..Default::default() });
                let row = convert::tag::attach(pb::AttachTagRequest { customer_id, tag }, &view, "boss").unwrap();
                store.attach_tag(&view, row).await.unwrap();
            }
            Step::Consent(consent) => {
                let (rows, faults) = convert::consent::batch(vec![consent], self.tenant, view.time.now());
                assert!(faults.is_empty(), "{faults:?}");
                store.record_consents(self.tenant, rows).await.unwrap();
            }
            Step::Identity(customer_id, value) => {
                let given = pb::Identity { namespace: "wecom".into(), value, ..Default::default() };
                let row: identity::Model = convert::identity::row(Some(&customer_id), Some(given), &view).unwrap();
                store.add_identity(row).await.unwrap();
            }
            Step::Refuse(customer_id, personalisation_refused) => {
                let revision = store.get_customer(self.tenant, &customer_id).await.unwrap().revision;
                let update_mask = prost_types::FieldMask { paths: vec!["personalisation_refused".into()] };
                let customer = Some(pb::Customer { personalisation_refused, ..Default::default() });
                let update_mask = Some(update_mask);
                let request = pb::UpdateCustomerRequest { customer_id, revision, update_mask, customer };
                store.update_customer(&view, request).await.unwrap();
            }
            Step::Relate(relation) => {
                // Of a customer with themselves it is refused.
                let (rows, _) = convert::relation::batch(vec![relation], self.tenant);
                store.put_relations(&view, rows).await.unwrap();
            }
            Step::Part(from_customer_id, to_customer_id, end_day) => {
                let r#type = pb::RelationType::Supplies.into();
                let request = pb::DeleteRelationRequest { from_customer_id, r#type, to_customer_id };
                let key = convert::relation::delete(&request).unwrap();
                // One that there is not is refused, and an end before the beginning.
                match end_day {
                    None => drop(store.delete_relation(&view, &key).await),
                    Some(day) => drop(store.end_relation(&view, &key, day.parse::<Day>().unwrap().0).await),
                }
            }
        }
    }

    /// Card payments of a customer's profile in 30 days.
    async fn card_count(&self, customer_id: &str) -> f64 {
        let view = self.store.view(self.tenant).await.unwrap();
        let profile = self.store.get_profile(&view, &manager(), customer_id, Parts::ALL).await.unwrap();
        let count = profile.features.into_iter().find(|feature| feature.name == "card_count_30d").unwrap();
        match count.value.unwrap().kind.unwrap() {
            Kind::Number(count) => count,
            other => panic!("{other:?}"),
        }
    }

    /// All profiles without times and positions, and all that a watcher is told of the state.
    async fn state(&self) -> (Vec<pb::GetProfileResponse>, Vec<String>) {
        let view = self.store.view(self.tenant).await.unwrap();
        let mut profiles = Vec::new();
        for n in 0..CUSTOMERS {
            let mut profile = self.store.get_profile(&view, &manager(), &format!("C-{n}"), Parts::ALL).await.unwrap();
            (profile.as_of_time, profile.position) = (None, String::new());
            for customer in profile.customer.iter_mut().chain(&mut profile.merged) {
                (customer.create_time, customer.update_time, customer.revision) = (None, None, 0);
            }
            profile.tags.iter_mut().for_each(|tag| tag.create_time = None);
            profile.consents.iter_mut().for_each(|consent| consent.record_time = None);
            for relation in profile.relations.iter_mut() {
                (relation.create_time, relation.update_time) = (None, None);
            }
            profiles.push(profile);
        }
        let kinds = [pb::ChangeKind::Standing, pb::ChangeKind::Vector].map(i32::from);
        let filter = huan_chassis::feed::Filter { tenants: vec![self.tenant.into()], ..Default::default() };
        let items: Vec<_> = self.store.snapshot(&kinds, filter).collect().await;
        let told = |item: huan_chassis::Result<pb::WatchProfilesResponse>| {
            let Some(Item::Change(change)) = item.unwrap().item else { panic!("no heartbeats") };
            let customer_id = change.header.unwrap().customer_id;
            match change.change.unwrap() {
                Change::Vector(vector) => format!("{customer_id} {:?} {:?}", vector.values, vector.tags),
                Change::Standing(standing) => format!("{customer_id} {standing:?}"),
                other => panic!("{other:?}"),
            }
        };
        (profiles, items.into_iter().map(told).collect())
    }
}

fn open(db: Database) -> Store {
    Store::new(db)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_merged_and_taken_back_leaves_no_trace() {
    const TENANTS: [(&str, &str); 4] = [("a0", "b0"), ("a1", "b1"), ("a2", "b2"), ("a3", "b3")];
    test::each(Migrator, async |db| {
        let store = open(db);
        for (seed, (one, other)) in (1..).zip(TENANTS) {
            let steps = draw_steps(seed, 70);
            let mut whole = Bank::open(store.clone(), one).await;
            let mut clean = Bank::open(store.clone(), other).await;
            let mut refused = Vec::new();
            for step in &steps {
                whole.take(step).await;
                // A merge that was refused, the pair being merged already, was never made.
                if let Step::Merge(n, ..) = step
                    && !whole.merges.contains_key(n)
                {
                    refused.push(*n);
                }
            }
            let kept = without_undone(&steps);
            for step in kept.iter().filter(|step| !matches!(step, Step::Merge(n, ..) if refused.contains(n))) {
                clean.take(step).await;
            }
            let (ours, theirs) = (whole.state().await, clean.state().await);
            assert_eq!(ours.0, theirs.0, "seed {seed}: {steps:#?}");
            assert_eq!(ours.1, theirs.1, "seed {seed}");
        }
    })
    .await;
}

fn said(customer_id: String) -> pb::Consent {
    pb::Consent {
        customer_id,
        purpose: pb::Purpose::Marketing.into(),
        allowed: true,
        evidence: "form".into(),
        decide_time: Some(at(NOON)),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_did_on_a_device_joins_the_customer_who_logs_in() {
    test::each(Migrator, async |db| {
        let mut bank = Bank::open(open(db.clone()), "bank").await;
        let view = bank.store.view("bank").await.unwrap();
        let device = |customer_id: Option<&str>| {
            let given = pb::Identity { namespace: "app_device".into(), value: "d-1".into(), ..Default::default() };
            convert::identity::row(customer_id, Some(given), &view).unwrap()
        };
        let mut visitors = Vec::new();
        for _ in 0..2 {
            let tx = db.begin().await.unwrap();
            let known = resolve_or_create(&tx, &view, vec![device(None)]).await.unwrap();
            tx.commit().await.unwrap();
            visitors.extend(known.into_values());
        }
        assert!(visitors[0].starts_with("anon_") && visitors[0] == visitors[1], "{visitors:?}");
        let event = |n: &str, customer_id: &str| {
            Step::Event(pb::Event {
                source: "app".into(),
                source_id: n.into(),
                customer_id: customer_id.into(),
                r#type: "card_payment".into(),
                occur_time: Some(at(NOON - DAY)),
                amount_minor: 1,
                ..Default::default()
            })
        };
        bank.take(&event("1", &visitors[0])).await;
        bank.take(&event("2", "C-1")).await;
        let (merge_id, position) = bank.store.join_device(&view, &boss(), device(Some("C-1"))).await.unwrap();
        assert!(!merge_id.is_empty() && position.is_some());
        assert_eq!(bank.card_count("C-1").await, 2.0);
        bank.take(&event("3", &visitors[0])).await;
        assert_eq!(bank.card_count("C-1").await, 3.0);
        let again = bank.store.join_device(&view, &boss(), device(Some("C-1"))).await.unwrap();
        assert_eq!(again, (String::new(), None));
        let other = bank.store.join_device(&view, &boss(), device(Some("C-2"))).await;
        assert!(matches!(other, Err(Error::AlreadyExists { what: "identity", field: "identity" })));
        bank.store.unmerge_customers(&view, &boss(), &merge_id).await.unwrap();
        assert_eq!((bank.card_count("C-1").await, bank.card_count(&visitors[0]).await), (1.0, 2.0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_profile_do_not_wait_for_each_other_for_ever() {
    test::each(Migrator, async |db| {
        let store = open(db);
        let bank = Bank::open(store.clone(), "bank").await;
        let mut running = Vec::new();
        for n in 0..60_u64 {
            let mut bank = Bank { store: store.clone(), tenant: "bank", merges: BTreeMap::new() };
            running.push(tokio::spawn(async move {
                let mut draw = Draw(n);
                let (one, other) = (format!("C-{}", n % CUSTOMERS), draw.customer());
                let step = match n % 4 {
                    0 if one != other => Step::Merge(n as usize, one, other),
                    1 => Step::Tag(one, format!("t_{n}")),
                    2 => Step::Consent(said(one)),
                    _ => Step::Event(pb::Event {
                        source: "core".into(),
                        source_id: n.to_string(),
                        customer_id: one,
                        r#type: "card_payment".into(),
                        occur_time: Some(at(NOON)),
                        amount_minor: 1,
                        ..Default::default()
                    }),
                };
                bank.take(&step).await;
            }));
        }
        for writer in running {
            writer.await.unwrap();
        }
        let mut counts = BTreeMap::new();
        let view = bank.store.view("bank").await.unwrap();
        for n in 0..CUSTOMERS {
            let id = format!("C-{n}");
            let profile = bank.store.get_profile(&view, &manager(), &id, Parts::ALL).await.unwrap();
            counts.insert(profile.customer.unwrap().customer_id, bank.card_count(&id).await);
        }
        let is_event =
            |n: &u64| n % 4 == 3 || (n.is_multiple_of(4) && Draw(*n).customer() == format!("C-{}", n % CUSTOMERS));
        assert_eq!(counts.values().sum::<f64>(), (0..60_u64).filter(is_event).count() as f64);
    })
    .await;
}
