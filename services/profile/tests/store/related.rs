//! Summaries of relations: in whatever order relations, merges, erasures, events and days come, they equal what the
//! relations themselves say, on both databases; and the roll looks at those alone whom a day concerns.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use huan_chassis::{
    Error, clock,
    store::{Store as Database, test},
};
use huan_profile::{
    bucket::Bucket,
    convert,
    store::{
        Store,
        entity::{customer, relation},
        erasure::Asked,
        merge::Ask,
        migration::Migrator,
        related::moved,
    },
};
use huan_proto::{
    profile::v1::{self as pb, feature::Source, profile_change::Change, watch_profiles_response::Item},
    types::v1::value::Kind,
};
use sea_orm::EntityTrait;

use crate::{
    export::config,
    ingest::{DAY, Draw, NOON, draw_event, import, ingest, open, set_clock},
    merge::boss,
};

const CUSTOMERS: u64 = 8;
const TYPES: [pb::RelationType; 3] =
    [pb::RelationType::Supplies, pb::RelationType::Guarantees, pb::RelationType::Referred];
/// Name, op, types, direction, least weight, and whether days do not matter.
type Summary = (&'static str, pb::RelationOp, &'static [i32], i32, f64, bool);

const SUMMARIES: [Summary; 6] = [
    ("all", pb::RelationOp::Count, &[], 0, 0.0, false),
    ("buyers", pb::RelationOp::Count, &[1], 1, 0.0, false),
    ("suppliers", pb::RelationOp::Count, &[1], 2, 0.4, false),
    ("bonds", pb::RelationOp::Count, &[1, 5], 0, 0.0, true),
    ("volume", pb::RelationOp::Weight, &[1], 0, 0.0, false),
    ("guaranteed", pb::RelationOp::Weight, &[5], 2, 0.3, true),
];

async fn add(store: &Store, (name, op, types, direction, min_weight, include_all_days): Summary) {
    let (op, types) = (op.into(), types.to_vec());
    let source = Source::Relation(pb::RelationSource { op, types, direction, min_weight, include_all_days });
    let feature = pb::Feature { name: name.into(), source: Some(source), ..Default::default() };
    store.create_feature("bank", name, feature).await.unwrap();
}

/// What a summary comes to, straight from the rows.
fn straight(
    (_, op, types, direction, min_weight, all_days): Summary,
    rows: &[relation::Model],
    roots: &BTreeMap<String, String>,
    root: &str,
    today: i32,
) -> f64 {
    let mut others = BTreeSet::new();
    let mut weights = Vec::new();
    for row in rows {
        let (from, to) = (roots[&row.customer_id].as_str(), roots[&row.other_id].as_str());
        let end = match root {
            _ if from == to => continue,
            root if root == from => (1, to),
            root if root == to => (2, from),
            _ => continue,
        };
        let in_force = row.start_day.is_none_or(|day| day <= today) && row.end_day.is_none_or(|day| today < day);
        let of_type = types.is_empty() || types.contains(&i32::from(row.relation_type));
        let of_direction = direction == 0 || direction == end.0;
        if of_type && of_direction && row.weight >= min_weight && (all_days || in_force) {
            others.insert(end.1);
            weights.push(row.weight);
        }
    }
    match op {
        pb::RelationOp::Count => others.len() as f64,
        _ => weights.iter().sum(),
    }
}

/// All vectors, by customer and by the name of the feature.
async fn vectors(store: &Store) -> BTreeMap<String, BTreeMap<String, f64>> {
    let names: BTreeMap<u32, String> =
        store.list_features("bank").await.unwrap().into_iter().map(|row| (row.number as u32, row.name)).collect();
    let filter = huan_chassis::feed::Filter { tenants: vec!["bank".into()], ..Default::default() };
    let items: Vec<_> = store.snapshot(&[pb::ChangeKind::Vector.into()], filter).collect().await;
    let mut found = BTreeMap::new();
    for item in items {
        let Some(Item::Change(change)) = item.unwrap().item else { panic!("no heartbeats") };
        let Some(Change::Vector(vector)) = change.change else { continue };
        let numbers = vector.features.iter().zip(vector.values).filter_map(|(number, value)| match value.kind {
            Some(Kind::Number(value)) => Some((names.get(number)?.clone(), value)),
            _ => None,
        });
        found.insert(change.header.unwrap().customer_id, numbers.collect());
    }
    found
}

async fn agree(store: &Store, db: &Database, summaries: &[Summary], told: &str) {
    let today = store.fresh_view("bank").await.unwrap().time.today().0;
    let customers = customer::Entity::find().all(db.read()).await.unwrap();
    let roots: BTreeMap<String, String> = customers.into_iter().map(|row| (row.customer_id, row.root_id)).collect();
    let rows = relation::Entity::find().all(db.read()).await.unwrap();
    let rows: Vec<relation::Model> = rows.into_iter().filter(|row| row.direction == 1).collect();
    let vectors = vectors(store).await;
    assert_eq!(
        vectors.keys().collect::<Vec<_>>(),
        roots.values().collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    );
    for (root, vector) in vectors {
        for summary in summaries {
            let (expected, found) = (straight(*summary, &rows, &roots, &root, today), vector[summary.0]);
            assert!((expected - found).abs() < 1e-9, "{told}: {root} {}: {found}, not {expected}", summary.0);
        }
    }
}

struct Bank {
    store: Store,
    bucket: Bucket,
    draw: Draw,
    merges: Vec<String>,
    events: usize,
    now: i64,
}

impl Bank {
    fn customer(&mut self) -> String {
        format!("C-{}", self.draw.below(CUSTOMERS))
    }

    fn relation(&mut self) -> pb::Relation {
        let day = |draw: &mut Draw, now: i64, back: i32| {
            let day = clock::Day::of(clock::from_micros(now * 1_000_000), chrono_tz::UTC).0;
            match draw.below(3) {
                0 => clock::Day(day + back + draw.below(6) as i32).to_string(),
                _ => String::new(),
            }
        };
        pb::Relation {
            from_customer_id: self.customer(),
            r#type: TYPES[self.draw.below(3) as usize].into(),
            to_customer_id: self.customer(),
            start_day: day(&mut self.draw, self.now, -4),
            end_day: day(&mut self.draw, self.now, -1),
            weight: Some(self.draw.below(10) as f64 / 10.0),
            source: "core".into(),
            ..Default::default()
        }
    }

    /// Takes a step; what is refused changes nothing.
    async fn step(&mut self) -> String {
        let view = self.store.view("bank").await.unwrap();
        match self.draw.below(13) {
            0..5 => {
                let relations = vec![self.relation(), self.relation()];
                let told = format!("put {relations:?}");
                let (rows, _) = convert::relation::batch(relations, "bank");
                self.store.put_relations(&view, rows).await.unwrap();
                told
            }
            5 => {
                let relation = self.relation();
                let (from_customer_id, to_customer_id) = (relation.from_customer_id, relation.to_customer_id);
                let (r#type, end_day) = (relation.r#type, relation.end_day);
                let request = pb::EndRelationRequest { from_customer_id, r#type, to_customer_id, end_day };
                let (key, day) = convert::relation::end(&request, &view).unwrap();
                format!("end {key:?} {:?}", self.store.end_relation(&view, &key, day).await.is_ok())
            }
            6 => {
                let relation = self.relation();
                let (from_customer_id, to_customer_id) = (relation.from_customer_id, relation.to_customer_id);
                let request = pb::DeleteRelationRequest { from_customer_id, r#type: relation.r#type, to_customer_id };
                let key = convert::relation::delete(&request).unwrap();
                format!("delete {key:?} {:?}", self.store.delete_relation(&view, &key).await.is_ok())
            }
            7 | 8 => {
                let (absorbed, survivor) = (self.customer(), self.customer());
                if absorbed == survivor {
                    return String::new();
                }
                let reason = pb::MergeReason::Explicit;
                let ask = Ask { request_id: None, absorbed, survivor, reason, made_by: "boss".into() };
                match self.store.merge_customers(&view, &ask).await {
                    Ok((edge, _)) => self.merges.push(edge.merge_id),
                    Err(Error::WrongState { .. } | Error::NotFound { .. } | Error::Overloaded) => {}
                    Err(error) => panic!("{error}"),
                }
                format!("{ask:?}")
            }
            9 if !self.merges.is_empty() => {
                let place = self.draw.below(self.merges.len() as u64) as usize;
                let merge_id = self.merges.swap_remove(place);
                // Who was erased took the merge along.
                format!("unmerge {:?}", self.store.unmerge_customers(&view, &boss(), &merge_id).await.is_ok())
            }
            10 => {
                self.now += (self.draw.below(6) as i64 - 1) * DAY;
                set_clock(&self.store, self.now).await;
                format!("roll {}", self.store.roll_tenant("bank").await.unwrap())
            }
            11 if self.draw.below(8) == 0 => {
                let (request_id, customer_id) = (self.now.to_string() + "e", self.customer());
                let asked = Asked { request_id, customer_id, reason: "asked".into(), by: "boss".into() };
                format!("{asked:?} {}", self.store.erase_person(&view, &self.bucket, asked.clone()).await.is_ok())
            }
            _ => {
                self.events += 1;
                let event = draw_event(&mut self.draw, self.events, self.now, CUSTOMERS);
                let told = format!("event of {}", event.customer_id);
                let (rows, _) = convert::event::batch(vec![event], &view);
                self.store.ingest_events(view, rows).await.unwrap();
                told
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sums_equal_what_the_relations_say_whatever_happens() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let bucket = Bucket::new(config(folder.path()));
        import(&store, CUSTOMERS).await;
        for summary in SUMMARIES.into_iter().take(5) {
            add(&store, summary).await;
        }
        store.build_tenant("bank").await.unwrap();
        let mut bank = Bank { store: store.clone(), bucket, draw: Draw(5), merges: Vec::new(), events: 0, now: NOON };
        for n in 0..160 {
            let told = bank.step().await;
            agree(&store, &db, &SUMMARIES[..5], &format!("{n}: {told}")).await;
        }
        assert!(vectors(&store).await.len() > 1, "erasures took whole profiles, and left too few");
        add(&store, SUMMARIES[5]).await;
        store.build_tenant("bank").await.unwrap();
        agree(&store, &db, &SUMMARIES, "built").await;
        for n in 0..20 {
            let told = bank.step().await;
            agree(&store, &db, &SUMMARIES, &format!("after, {n}: {told}")).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_at_the_same_time_leave_the_sums_true() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        import(&store, CUSTOMERS).await;
        for summary in SUMMARIES {
            add(&store, summary).await;
        }
        store.build_tenant("bank").await.unwrap();
        let mut running = Vec::new();
        for seed in 0..8 {
            let (store, folder) = (store.clone(), tempfile::tempdir().unwrap());
            running.push(tokio::spawn(async move {
                let bucket = Bucket::new(config(folder.path()));
                let events = seed as usize * 1000;
                let mut bank = Bank { store, bucket, draw: Draw(seed), merges: Vec::new(), events, now: NOON };
                for _ in 0..12 {
                    // Neither days, which are everybody's, nor erasures, after which little is left.
                    let mut kind = bank.draw.0;
                    while matches!(Draw(kind).below(13), 10 | 11) {
                        bank.draw.below(2);
                        kind = bank.draw.0;
                    }
                    bank.step().await;
                }
            }));
        }
        for writer in running {
            writer.await.unwrap();
        }
        agree(&store, &db, &SUMMARIES, "all together").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_roll_looks_at_those_alone_whom_a_day_concerns() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        import(&store, CUSTOMERS).await;
        for summary in [SUMMARIES[2], SUMMARIES[3]] {
            add(&store, summary).await;
        }
        store.build_tenant("bank").await.unwrap();
        let dated = |from: u64, r#type: pb::RelationType, to: u64, start_day: &str, end_day: &str| pb::Relation {
            from_customer_id: format!("C-{from}"),
            r#type: r#type.into(),
            to_customer_id: format!("C-{to}"),
            start_day: start_day.into(),
            end_day: end_day.into(),
            source: "core".into(),
            ..Default::default()
        };
        let relations = vec![
            dated(0, pb::RelationType::Supplies, 1, "2024-06-16", ""),
            dated(0, pb::RelationType::Supplies, 2, "2024-01-01", "2024-06-16"),
            dated(0, pb::RelationType::Supplies, 3, "2024-06-17", ""),
            dated(0, pb::RelationType::Supplies, 4, "2024-06-15", ""),
            // Counted on whatever day.
            dated(0, pb::RelationType::Guarantees, 5, "2024-06-16", ""),
            // Not counted.
            dated(0, pb::RelationType::Referred, 6, "2024-06-16", ""),
        ];
        let view = store.fresh_view("bank").await.unwrap();
        let (rows, faults) = convert::relation::batch(relations, "bank");
        assert!(faults.is_empty());
        store.put_relations(&view, rows).await.unwrap();
        let day = i64::from(view.time.today().0);
        let mut found = moved(db.read(), &view, &(day + 1..=day + 1)).await.unwrap();
        found.sort();
        assert_eq!(found, ["C-1", "C-2"], "suppliers are counted at one end only");
        set_clock(&store, NOON + DAY).await;
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 2);
        set_clock(&store, NOON + 9 * DAY).await;
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 1);
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_takes_over_what_was_summed_up_that_day() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        import(&store, 2).await;
        add(&store, SUMMARIES[0]).await;
        store.build_tenant("bank").await.unwrap();
        let row = relation::Model {
            tenant: "bank".into(),
            customer_id: "C-0".into(),
            direction: 1,
            relation_type: 1,
            other_id: "C-1".into(),
            contact_kind: 0,
            start_day: None,
            end_day: None,
            weight: 1.0,
            source: "core".into(),
            create_time: 0,
            update_time: 0,
        };
        // Behind the service's back: whether it looks is seen by what it finds.
        let tx = db.begin().await.unwrap();
        huan_profile::store::relation::write(&tx, vec![row]).await.unwrap();
        tx.commit().await.unwrap();
        let event = |n| pb::Event { customer_id: "C-0".into(), ..draw_event(&mut Draw(1), n, NOON, 1) };
        ingest(&store, vec![event(1)]).await;
        assert_eq!(vectors(&store).await["C-0"]["all"], 0.0);
        set_clock(&store, NOON + DAY).await;
        ingest(&store, vec![event(2)]).await;
        assert_eq!(vectors(&store).await["C-0"]["all"], 1.0, "the first of a day looks anew");
    })
    .await;
}
