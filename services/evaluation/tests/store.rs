//! The store on SQLite and PostgreSQL: rows come in any order and more than once, and arms are measured alike.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeSet;

use huan_chassis::store::test::each;
use huan_evaluation::{
    moments::Moments,
    spec::{Arm, Arms, Spec, Subject, reckon},
    store::{
        Migrator, Store,
        assignment::insert_assignments,
        entity::{assignment, exposure, outcome, profile_member, response, review},
        exposure::{count_exposures, insert_exposures},
        measure::measure,
        member::put_members,
        outcome::insert_outcomes,
        response::insert_responses,
    },
};
use huan_proto::evaluation::v1::{Holdout, Metric};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityName, EntityTrait, IdenStatic as _, Iterable as _, Statement};

const DAY: i64 = 24 * 3600 * 1_000_000;

fn exposed(strategy: &str, customer: u32, time: i64) -> exposure::Model {
    exposure::Model {
        tenant: "bank".into(),
        strategy_id: strategy.into(),
        customer_key: format!("k{customer}"),
        time,
        decision_id: format!("d{customer}-{time}"),
        universal_held: false,
        universal_share: 0.05,
        strategy_held: false,
        strategy_share: 0.1,
        propensity: 1.0,
        channel_id: "app".into(),
    }
}

fn assigned(experiment: &str, customer: u32, arm: &str, is_control: bool) -> assignment::Model {
    assignment::Model {
        tenant: "bank".into(),
        experiment_id: experiment.into(),
        customer_key: format!("k{customer}"),
        arm: arm.into(),
        intended_share: 1.0 / 3.0,
        is_control,
        time: DAY,
    }
}

fn bought(id: u32, customer: u32, amount_minor: i64, time: i64) -> outcome::Model {
    outcome::Model {
        tenant: "bank".into(),
        source: "shop".into(),
        source_id: format!("e{id}"),
        customer_key: format!("k{customer}"),
        event_type: "spend".into(),
        amount_minor,
        time,
    }
}

fn of_experiment(experiment: &str, arm: &str, metric: Metric) -> Spec {
    let subject = Subject::Experiment { experiment_id: experiment.into(), arm: arm.into(), against: None };
    Spec { subject, event_type: "spend".into(), metric, window_days: 14, confidence: 0.95 }
}

fn of_strategy(holdout: Holdout, metric: Metric, window_days: u32) -> Spec {
    let subject = Subject::Strategy { strategy_id: "s".into(), holdout };
    Spec { subject, event_type: "spend".into(), metric, window_days, confidence: 0.95 }
}

async fn take(store: &Store, exposures: Vec<exposure::Model>, outcomes: Vec<outcome::Model>) {
    let tx = store.begin().await.unwrap();
    insert_outcomes(&tx, outcomes).await.unwrap();
    insert_exposures(&tx, exposures).await.unwrap();
    tx.commit().await.unwrap();
}

fn close(ours: f64, theirs: f64) {
    assert!((ours - theirs).abs() <= 1e-9 * theirs.abs(), "{ours} instead of {theirs}");
}

fn same(arm: &Arm, values: impl IntoIterator<Item = f64>) {
    let (ours, theirs) = (arm.moments.stats(), values.into_iter().collect::<Moments>().stats());
    assert_eq!(ours.n, theirs.n, "{}", arm.name);
    close(ours.mean, theirs.mean);
    close(ours.variance, theirs.variance);
}

#[tokio::test]
async fn the_first_exposure_stays_in_whatever_order_they_come() {
    each(Migrator, async |store| {
        take(&store, vec![exposed("s", 1, 20), exposed("s", 1, 10), exposed("t", 1, 5)], vec![]).await;
        take(&store, vec![exposed("s", 1, 30)], vec![]).await;
        let held = exposure::Model { universal_held: true, ..exposed("s", 1, 8) };
        take(&store, vec![held.clone(), exposed("s", 1, 9)], vec![]).await;
        take(&store, vec![exposed("s", 1, 8)], vec![]).await;
        let mut kept = exposure::Entity::find().all(store.read()).await.unwrap();
        kept.sort_by(|a, b| a.strategy_id.cmp(&b.strategy_id));
        assert_eq!(kept, [held, exposed("t", 1, 5)]);
    })
    .await;
}

async fn merge(store: &Store, customer: u32, root: u32) {
    let row = profile_member::Model {
        tenant: "bank".into(),
        customer_key: format!("k{customer}"),
        root_key: format!("k{root}"),
    };
    let tx = store.begin().await.unwrap();
    put_members(&tx, vec![row]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn merged_customers_count_once_from_their_first_exposure_with_the_outcomes_of_all() {
    each(Migrator, async |store| {
        let held = |exposed: exposure::Model| exposure::Model { strategy_held: true, ..exposed };
        let exposures =
            vec![held(exposed("s", 1, 20)), exposed("s", 2, 10), exposed("s", 3, 10), held(exposed("s", 4, 10))];
        let outcomes = vec![
            bought(1, 1, 100, 15),
            bought(2, 1, 7, 5),
            bought(3, 2, 11, 30),
            bought(4, 3, 500, 40),
            bought(5, 4, 9, 50),
        ];
        take(&store, exposures, outcomes).await;
        let spec = of_strategy(Holdout::Strategy, Metric::Amount, 1);
        let apart = measure(&store, "bank", &spec).await.unwrap();
        merge(&store, 1, 2).await;
        let together = measure(&store, "bank", &spec).await.unwrap();
        same(&together.treatment, [111.0, 500.0]);
        same(&together.control, [9.0]);
        let counts = count_exposures(&store, "bank").await.unwrap();
        assert_eq!(counts.into_values().collect::<Vec<_>>(), [2, 1]);
        merge(&store, 2, 3).await;
        merge(&store, 1, 3).await;
        let all = measure(&store, "bank", &spec).await.unwrap();
        same(&all.treatment, [611.0]);
        merge(&store, 1, 1).await;
        merge(&store, 2, 2).await;
        let again = measure(&store, "bank", &spec).await.unwrap();
        same(&again.treatment, [11.0, 500.0]);
        same(&again.control, [0.0, 9.0]);
        assert_eq!(
            (again.treatment.moments.stats(), again.control.moments.stats()),
            (apart.treatment.moments.stats(), apart.control.moments.stats())
        );
    })
    .await;
}

#[tokio::test]
async fn a_merged_customers_first_assignment_stays() {
    each(Migrator, async |store| {
        let tx = store.begin().await.unwrap();
        let first = assignment::Model { time: 1, ..assigned("e", 2, "mail", false) };
        insert_assignments(&tx, vec![assigned("e", 1, "none", true), first, assigned("e", 3, "none", true)])
            .await
            .unwrap();
        insert_outcomes(&tx, vec![bought(1, 1, 30, DAY), bought(2, 3, 40, DAY)]).await.unwrap();
        tx.commit().await.unwrap();
        merge(&store, 1, 2).await;
        let arms = measure(&store, "bank", &of_experiment("e", "mail", Metric::Amount)).await.unwrap();
        same(&arms.treatment, [30.0]);
        same(&arms.control, [40.0]);
    })
    .await;
}

#[tokio::test]
async fn rows_that_come_again_change_nothing() {
    each(Migrator, async |store| {
        let response = response::Model {
            tenant: "bank".into(),
            decision_id: "d".into(),
            strategy_id: "s".into(),
            kind: 1,
            customer_key: "k1".into(),
            time: 1,
        };
        for _ in 0..2 {
            let tx = store.begin().await.unwrap();
            insert_outcomes(&tx, vec![bought(1, 1, 5, 1), bought(1, 1, 5, 1)]).await.unwrap();
            insert_responses(&tx, vec![response.clone(), response.clone()]).await.unwrap();
            insert_assignments(&tx, vec![assigned("x", 1, "a", false)]).await.unwrap();
            insert_assignments(&tx, vec![]).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(outcome::Entity::find().all(store.read()).await.unwrap(), [bought(1, 1, 5, 1)]);
        assert_eq!(response::Entity::find().all(store.read()).await.unwrap(), [response]);
        assert_eq!(assignment::Entity::find().all(store.read()).await.unwrap(), [assigned("x", 1, "a", false)]);
    })
    .await;
}

#[tokio::test]
async fn outcomes_count_within_the_window_only() {
    each(Migrator, async |store| {
        let start = 100 * DAY;
        let control = |customer| exposure::Model { universal_held: true, ..exposed("s", customer, start) };
        let exposures = vec![exposed("s", 1, start), exposed("s", 2, start), control(3), control(4)];
        let outcomes = vec![
            bought(1, 1, 10, start - 1),
            bought(2, 1, 20, start),
            bought(3, 1, 40, start + 7 * DAY - 1),
            bought(4, 1, 80, start + 7 * DAY),
            bought(5, 3, -5, start + DAY),
            bought(6, 9, 1000, start),
            outcome::Model { tenant: "other".into(), ..bought(7, 2, 1000, start) },
            outcome::Model { event_type: "visit".into(), ..bought(8, 2, 1000, start) },
        ];
        take(&store, exposures, outcomes).await;
        let ask =
            async |metric, days| measure(&store, "bank", &of_strategy(Holdout::Universal, metric, days)).await.unwrap();
        let Arms { treatment, control } = ask(Metric::Amount, 7).await;
        same(&treatment, [60.0, 0.0]);
        same(&control, [-5.0, 0.0]);
        same(&ask(Metric::Count, 7).await.treatment, [2.0, 0.0]);
        same(&ask(Metric::Rate, 7).await.treatment, [1.0, 0.0]);
        same(&ask(Metric::Amount, 0).await.treatment, [140.0, 0.0]);
        let nobody = measure(&store, "other", &of_strategy(Holdout::Universal, Metric::Rate, 7)).await.unwrap();
        assert_eq!(nobody.treatment.moments, Moments::default());
    })
    .await;
}

#[tokio::test]
async fn each_holdout_has_its_own_arms() {
    each(Migrator, async |store| {
        let mut exposures = Vec::new();
        for customer in 0..40 {
            let mut row = exposed("s", customer, DAY);
            row.universal_held = customer < 4;
            row.strategy_held = customer % 4 == 0;
            // The share was doubled half-way.
            row.strategy_share = if customer < 22 { 0.2 } else { 0.4 };
            exposures.push(row);
        }
        // Neither holdout touches these.
        let free =
            |customer| exposure::Model { universal_share: 0.0, strategy_share: 0.0, ..exposed("s", customer, DAY) };
        exposures.extend([free(50), free(51)]);
        take(&store, exposures, (0..10).map(|i| bought(i, i, 100, DAY)).collect()).await;
        let universal = measure(&store, "bank", &of_strategy(Holdout::Universal, Metric::Rate, 7)).await.unwrap();
        // Those whom the strategy itself leaves alone are in neither arm.
        same(&universal.treatment, (4..40).filter(|i| i % 4 != 0).map(|i| f64::from(u8::from(i < 10))));
        same(&universal.control, [1.0; 3]);
        let spec = of_strategy(Holdout::Strategy, Metric::Rate, 7);
        let strategy = measure(&store, "bank", &spec).await.unwrap();
        same(&strategy.control, (4..40).filter(|i| i % 4 == 0).map(|i| f64::from(u8::from(i < 10))));
        same(&strategy.treatment, (4..40).filter(|i| i % 4 != 0).map(|i| f64::from(u8::from(i < 10))));
        close(reckon(&spec, &strategy).unwrap().sample_ratio.expected_share, 1.0 - 0.3);
    })
    .await;
}

#[tokio::test]
async fn a_far_off_mean_costs_no_digits() {
    each(Migrator, async |store| {
        const FAR: i64 = 3_000_000_000_000;
        let near = |i: u32| i64::from(i * 7919 % 1009);
        let exposures = (0..2000).map(|i| exposure::Model { universal_held: i % 2 == 0, ..exposed("s", i, DAY) });
        take(&store, exposures.collect(), (0..2000).map(|i| bought(i, i, FAR + near(i), DAY)).collect()).await;
        let arms = measure(&store, "bank", &of_strategy(Holdout::Universal, Metric::Amount, 1)).await.unwrap();
        for (arm, parity) in [(&arms.control, 0), (&arms.treatment, 1)] {
            let theirs = (0..2000).filter(|i| i % 2 == parity).map(|i| near(i) as f64).collect::<Moments>().stats();
            let ours = arm.moments.stats();
            close(ours.mean, FAR as f64 + theirs.mean);
            close(ours.variance, theirs.variance);
        }
    })
    .await;
}

/// The sizes and visits of MineThatData's e-mail campaign (Hillstrom 2008).
#[tokio::test]
async fn a_finished_campaign_is_measured_to_six_decimals() {
    const ARMS: [(&str, u32, u32); 3] = [("mens", 21_307, 3_894), ("womens", 21_387, 3_238), ("none", 21_306, 2_262)];
    each(Migrator, async |store| {
        let (mut assignments, mut outcomes, mut customer) = (Vec::new(), Vec::new(), 0);
        for (arm, size, visits) in ARMS {
            for i in 0..size {
                assignments.push(assigned("mail", customer, arm, arm == "none"));
                if i < visits {
                    outcomes.push(bought(customer, customer, 0, 2 * DAY));
                }
                customer += 1;
            }
        }
        let tx = store.begin().await.unwrap();
        insert_assignments(&tx, assignments).await.unwrap();
        insert_outcomes(&tx, outcomes).await.unwrap();
        tx.commit().await.unwrap();
        for (arm, difference, error) in [("mens", 0.076590, 0.003386), ("womens", 0.045233, 0.003234)] {
            let spec = of_experiment("mail", arm, Metric::Rate);
            let figures = reckon(&spec, &measure(&store, "bank", &spec).await.unwrap()).unwrap();
            assert!((figures.effect.difference - difference).abs() < 5e-7, "{figures:?}");
            assert!((figures.effect.standard_error - error).abs() < 5e-7, "{figures:?}");
            close(figures.sample_ratio.expected_share, 0.5);
            assert!(figures.sample_ratio.sound);
        }
    })
    .await;
}

#[tokio::test]
async fn entities_have_the_columns_of_their_tables() {
    each(Migrator, async |store| {
        assert_eq!(columns(&store, exposure::Entity).await, names::<exposure::Entity>());
        assert_eq!(columns(&store, response::Entity).await, names::<response::Entity>());
        assert_eq!(columns(&store, assignment::Entity).await, names::<assignment::Entity>());
        assert_eq!(columns(&store, outcome::Entity).await, names::<outcome::Entity>());
        assert_eq!(columns(&store, profile_member::Entity).await, names::<profile_member::Entity>());
        assert_eq!(columns(&store, review::Entity).await, names::<review::Entity>());
    })
    .await;
}

fn names<E: EntityTrait>() -> BTreeSet<String> {
    E::Column::iter().map(|column| column.as_str().to_owned()).collect()
}

async fn columns(store: &Store, entity: impl EntityName) -> BTreeSet<String> {
    let backend = store.read().get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = $1",
        _ => "SELECT name FROM pragma_table_info($1)",
    };
    let statement = Statement::from_sql_and_values(backend, sql, [entity.table_name().into()]);
    let rows = store.read().query_all_raw(statement).await.unwrap();
    rows.into_iter().map(|row| row.try_get("", "name").unwrap()).collect()
}
