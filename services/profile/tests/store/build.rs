//! Features that are added while events come in: nothing is lost and nothing counted twice, on both databases; and the
//! daily roll touches those alone whose windows change.

use huan_chassis::store::test;
use huan_profile::store::{Store, migration::Migrator};
use huan_proto::profile::v1::{self as pb, AggregateOp, FeatureState, feature::Source};

use crate::ingest::{DAY, Draw, NOON, TYPES, at, draw_event, import, ingest, numbers, open, set_clock};

const FILTER: &str = "amount_minor > 5000 && type != 'app_login'";

fn aggregate(name: &str, op: AggregateOp, window_days: u32, filter: &str) -> pb::Feature {
    let source = pb::AggregateSource { op: op.into(), window_days, filter: filter.into(), ..Default::default() };
    pb::Feature { name: name.into(), source: Some(Source::Aggregate(source)), ..Default::default() }
}

/// Sum and days over the events that pass the filter, straight from the events.
fn straight(events: &[pb::Event], customer_id: &str) -> (f64, f64) {
    let passed = events.iter().filter(|event| {
        let past = event.occur_time.unwrap().seconds < NOON + DAY / 2;
        past && event.customer_id == customer_id && event.amount_minor > 5000 && event.r#type != "app_login"
    });
    let passed: Vec<_> = passed.collect();
    let mut days: Vec<i64> = passed.iter().map(|event| event.occur_time.unwrap().seconds / DAY).collect();
    days.sort_unstable();
    days.dedup();
    (passed.iter().map(|event| event.amount_minor as f64).sum(), days.len() as f64)
}

async fn is_live(store: &Store, name: &str) -> bool {
    store.get_feature("bank", name).await.unwrap().state == i32::from(FeatureState::Live) as i16
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_while_a_feature_is_built_count_once() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        // Another replica, whose view of the tenant is a second old at times.
        let other = Store::new(db);
        import(&store, 250).await;
        let mut draw = Draw(11);
        let mut all: Vec<pb::Event> = (0..1000).map(|n| draw_event(&mut draw, n, NOON, 250)).collect();
        ingest(&store, all.clone()).await;
        other.view("bank").await.unwrap();
        let more: Vec<pb::Event> = (1000..3000).map(|n| draw_event(&mut draw, n, NOON, 250)).collect();
        let (one, two) = more.split_at(1000);
        store.create_feature("bank", "a", aggregate("big_sum", AggregateOp::Sum, 0, FILTER)).await.unwrap();
        store.create_feature("bank", "b", aggregate("big_days", AggregateOp::Days, 0, FILTER)).await.unwrap();
        let feed = async |store: &Store, events: &[pb::Event]| {
            for events in events.chunks(50) {
                ingest(store, events.to_vec()).await;
            }
        };
        let build = async { tokio::join!(store.build_tenant("bank"), other.build_tenant("bank")) };
        let (built, ..) = tokio::join!(build, feed(&store, one), feed(&other, two));
        built.0.unwrap();
        built.1.unwrap();
        all.extend(more);
        assert!(is_live(&store, "big_sum").await && is_live(&store, "big_days").await);
        for n in 0..250 {
            let id = format!("C-{n}");
            let (sum, days) = straight(&all, &id);
            let numbers = numbers(&store, &id).await;
            assert_eq!((numbers["big_sum"], numbers["big_days"]), (sum, days), "{id}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_was_cut_short_goes_on_where_it_was() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        import(&store, 250).await;
        let mut draw = Draw(12);
        let all: Vec<pb::Event> = (0..900).map(|n| draw_event(&mut draw, n, NOON, 250)).collect();
        ingest(&store, all.clone()).await;
        store.create_feature("bank", "a", aggregate("big_sum", AggregateOp::Sum, 0, FILTER)).await.unwrap();
        let build = tokio::spawn({
            let store = store.clone();
            async move { store.build_tenant("bank").await }
        });
        while store.get_feature("bank", "big_sum").await.unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        build.abort();
        let _ = build.await;
        let store = Store::new(db);
        store.build_tenant("bank").await.unwrap();
        assert!(is_live(&store, "big_sum").await);
        for n in 0..250 {
            let id = format!("C-{n}");
            assert_eq!(numbers(&store, &id).await["big_sum"], straight(&all, &id).0, "{id}");
        }
    })
    .await;
}

/// Customer n has one event, n days ago.
async fn one_a_day(store: &Store, days: u64) {
    import(store, days).await;
    let event = |n: u64| pb::Event {
        source: "core".into(),
        source_id: n.to_string(),
        customer_id: format!("C-{n}"),
        r#type: TYPES[1].into(),
        occur_time: Some(at(NOON - n as i64 * DAY)),
        amount_minor: 7,
        ..Default::default()
    };
    ingest(store, (0..days).map(event).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_touches_only_those_whose_windows_change() {
    test::each(Migrator, async |db| {
        let store = open(db).await;
        one_a_day(&store, 400).await;
        set_clock(&store, NOON + DAY).await;
        // A day leaves each of the windows of 7, 30, 90 and 365 days.
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 4);
        let score = aggregate("recency", AggregateOp::RecencyScore, 0, "");
        store.create_feature("bank", "a", score).await.unwrap();
        store.build_tenant("bank").await.unwrap();
        set_clock(&store, NOON + 2 * DAY).await;
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 4, "a score ages at the edges of windows alone");
        for (n, score) in [(0, 5.0), (4, 5.0), (5, 4.0), (27, 4.0), (28, 3.0), (88, 2.0), (362, 2.0), (363, 1.0)] {
            assert_eq!(numbers(&store, &format!("C-{n}")).await["recency"], score, "{n} days before");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recency_score_alone_is_rolled_at_the_edges() {
    test::each(Migrator, async |db| {
        let store = open(db).await;
        // Every feature that has a window goes, what follows from others first.
        for row in store.list_features("bank").await.unwrap().into_iter().rev() {
            store.delete_feature("bank", &row.name).await.unwrap();
        }
        let score = aggregate("recency", AggregateOp::RecencyScore, 0, "");
        store.create_feature("bank", "a", score).await.unwrap();
        store.build_tenant("bank").await.unwrap();
        one_a_day(&store, 400).await;
        set_clock(&store, NOON + DAY).await;
        assert_eq!(store.roll_tenant("bank").await.unwrap(), 4);
        assert_eq!(numbers(&store, "C-6").await["recency"], 4.0);
    })
    .await;
}
