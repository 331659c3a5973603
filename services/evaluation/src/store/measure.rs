//! Measuring: the moments of a review's two arms over their customers, in one statement that reads one snapshot. The
//! same SQL serves SQLite and PostgreSQL.
//!
//! Sums are of doubles, for squares of minor units leave 64 bits. Deviations are taken from the mean in a second pass
//! over the customers with an outcome (Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance",
//! equation 1.7, corrected two-pass); the others are all zero, and are added as such without being read again.

use huan_chassis::{Error, Result};
use huan_proto::evaluation::v1::{Holdout, Metric};
use sea_orm::{ConnectionTrait as _, DbBackend, FromQueryResult, Statement, TransactionTrait as _, Value};

use super::{
    Store, assignment,
    member::{as_one, has_members},
};
use crate::{
    moments::Moments,
    spec::{Arm, Arms, Spec, Subject},
};

/// Longer than any two times in the tables are apart, and its sum with any of them fits.
const FOR_EVER: i64 = i64::MAX / 2;
const DAY: i64 = 24 * 3600 * 1_000_000;

/// Measures both arms. An arm without customers is empty. Errors: Invalid if an arm is measured against itself.
pub async fn measure(store: &Store, tenant: &str, spec: &Spec) -> Result<Arms> {
    let window = if spec.window_days == 0 { FOR_EVER } else { i64::from(spec.window_days) * DAY };
    let mut values: Vec<Value> = vec![tenant.into(), spec.event_type.as_str().into(), window.into()];
    // Who was merged is looked for only where anybody was.
    let merged = has_members(store, tenant).await?;
    let (member, arm, against) = match &spec.subject {
        Subject::Strategy { strategy_id, holdout } => {
            values.push(strategy_id.as_str().into());
            (exposed(*holdout, merged), "treated".to_owned(), "held".to_owned())
        }
        Subject::Experiment { experiment_id, arm, against } => {
            let against = match against {
                Some(against) => against.clone(),
                None => assignment::find_control(store, tenant, experiment_id).await?.unwrap_or_default(),
            };
            if *arm == against {
                return Err(Error::invalid("spec.experiment.arm", "is measured against itself"));
            }
            values.extend([experiment_id.as_str().into(), arm.as_str().into(), against.as_str().into()]);
            (assigned(merged), arm.clone(), against)
        }
    };
    let sql = statement(&member, value(spec.metric), merged);
    let statement = Statement::from_sql_and_values(store.read().get_database_backend(), sql, values);
    let rows = read(store, statement).await?;
    let side = |name: String, held: i32| {
        rows.iter().find(|row| row.held == held).map_or(Arm::empty(&name), |row| row.arm(&name))
    };
    Ok(Arms { treatment: side(arm, 0), control: side(against, 1) })
}

async fn read(store: &Store, statement: Statement) -> Result<Vec<Row>> {
    let db = store.read();
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(Row::find_by_statement(statement).all(db).await?);
    }
    let tx = db.begin().await?;
    // Tables that were filled a moment ago have no statistics yet, and PostgreSQL would compare every customer with
    // every outcome. What is joined here is large on both sides, where hashing is never far from the best.
    tx.execute_unprepared("SET LOCAL enable_nestloop = off").await?;
    let rows = Row::find_by_statement(statement).all(&tx).await?;
    tx.commit().await?;
    Ok(rows)
}

/// What the statement answers for one arm.
#[derive(Debug, FromQueryResult)]
struct Row {
    /// 1 = the control.
    held: i32,
    customers: i64,
    /// Mean intended share: of the control for a strategy, of the arm itself for an experiment.
    share: f64,
    /// Customers with an outcome, their mean and squared deviations.
    some: i64,
    mean: f64,
    squares: f64,
}

impl Row {
    fn arm(&self, name: &str) -> Arm {
        let some = self.some.unsigned_abs();
        let mut moments = Moments::new(some, self.mean, self.squares);
        moments.merge(&Moments::new(self.customers.unsigned_abs() - some, 0.0, 0.0));
        Arm { name: name.to_owned(), moments, share: self.share }
    }
}

/// $1 tenant, $2 event type, $3 window, and what `member` needs from $4 on.
fn statement(member: &str, value: &str, merged: bool) -> String {
    let (of_profile, key) = if merged {
        let of_profile = "LEFT JOIN profile_member p ON p.tenant = $1 AND p.root_key = m.customer_key";
        (of_profile, "COALESCE(p.customer_key, m.customer_key)")
    } else {
        ("", "m.customer_key")
    };
    format!(
        "WITH member AS NOT MATERIALIZED ({member}), \
         size AS (SELECT held, COUNT(*) AS customers, AVG(share) AS share FROM member GROUP BY held), \
         value AS MATERIALIZED ( \
           SELECT m.held AS held, {value} AS value FROM member m {of_profile} JOIN outcome o \
           ON o.tenant = $1 AND o.event_type = $2 AND o.customer_key = {key} \
           AND o.time >= m.time AND o.time < m.time + $3 \
           GROUP BY m.held, m.customer_key), \
         centre AS (SELECT held, COUNT(*) AS some, AVG(value) AS mean FROM value GROUP BY held), \
         spread AS ( \
           SELECT v.held AS held, SUM(v.value - c.mean) AS off, SUM((v.value - c.mean) * (v.value - c.mean)) AS squares \
           FROM value v JOIN centre c ON c.held = v.held GROUP BY v.held) \
         SELECT s.held, s.customers, s.share, COALESCE(c.some, 0) AS some, \
         COALESCE(c.mean + p.off / c.some, 0.0) AS mean, COALESCE(p.squares - p.off * p.off / c.some, 0.0) AS squares \
         FROM size s LEFT JOIN centre c ON c.held = s.held LEFT JOIN spread p ON p.held = s.held"
    )
}

/// One customer's number.
fn value(metric: Metric) -> &'static str {
    match metric {
        Metric::Amount => "SUM(CAST(o.amount_minor AS DOUBLE PRECISION))",
        Metric::Count => "CAST(COUNT(*) AS DOUBLE PRECISION)",
        Metric::Rate | Metric::Unspecified => "CAST(1 AS DOUBLE PRECISION)",
    }
}

/// The customers whom the strategy would have been said to, as far as the holdout touches them: $4 strategy.
fn exposed(holdout: Holdout, merged: bool) -> String {
    let columns = "universal_held, universal_share, strategy_held, strategy_share";
    let from = from("exposure", "strategy_id", columns, merged);
    match holdout {
        Holdout::Strategy => format!(
            "SELECT customer_key, time, strategy_share AS share, CASE WHEN strategy_held THEN 1 ELSE 0 END AS held \
             FROM {from} strategy_id = $4 AND strategy_share > 0 AND NOT universal_held"
        ),
        Holdout::Universal | Holdout::Unspecified => format!(
            "SELECT customer_key, time, universal_share AS share, CASE WHEN universal_held THEN 1 ELSE 0 END AS held \
             FROM {from} strategy_id = $4 AND universal_share > 0 AND NOT strategy_held"
        ),
    }
}

/// The customers of two arms: $4 experiment, $5 arm, $6 against.
fn assigned(merged: bool) -> String {
    let from = from("assignment", "experiment_id", "arm, intended_share", merged);
    format!(
        "SELECT customer_key, time, intended_share AS share, CASE WHEN arm = $6 THEN 1 ELSE 0 END AS held \
         FROM {from} experiment_id = $4 AND arm IN ($5, $6)"
    )
}

/// A table of customers' first times, and the beginning of its condition.
fn from(table: &str, per: &str, columns: &str, merged: bool) -> String {
    if merged { format!("{} t WHERE", as_one(table, per, columns)) } else { format!("{table} WHERE tenant = $1 AND") }
}
