//! The packed rows of customers' days, which windows are added up from.

use std::collections::HashMap;

use huan_chassis::{
    Result,
    store::{Tx, lists, rows::runs},
};
use sea_orm::{
    ExprTrait, Iterable, JoinType,
    sea_query::{Alias, Expr, Query, SelectStatement},
};
use tokio::task::yield_now;

use super::{
    entity::event_day,
    ingest::{WANTED, wanted},
    seal::{KeyIds, name_keys, upsert_sealed},
};
use crate::{convert::envelope, window::Day};

/// Writes packed rows.
pub(super) async fn write_days(
    tx: &Tx,
    tenant: &str,
    packed: HashMap<(String, i32), Day>,
    keys: &KeyIds,
) -> Result<()> {
    let row = |((customer_id, day), packed): ((String, i32), Day)| event_day::Model {
        tenant: tenant.to_owned(),
        customer_id,
        day,
        format: envelope::PLAIN,
        key_id: String::new(),
        packed: envelope::seal(&packed),
    };
    let mut rows: Vec<event_day::Model> = packed.into_iter().map(row).collect();
    rows.sort_unstable_by(|one, other| (&one.customer_id, one.day).cmp(&(&other.customer_id, other.day)));
    name_keys(&mut rows, keys);
    upsert_sealed(tx, rows).await
}

/// Reads the packed rows of these customers' days, as far as there are any. Whoever is joined with this asks the database
/// while they are opened.
pub(super) async fn packed_days(
    tx: &Tx,
    tenant: &str,
    mut days: Vec<(&str, i32)>,
) -> Result<HashMap<(String, i32), Day>> {
    days.sort_unstable();
    let mut found = HashMap::with_capacity(days.len());
    for days in runs(&days) {
        let mut rows = lists::all::<event_day::Entity>(&**tx, select_days(tenant, days)).await?;
        yield_now().await;
        // A run's last day comes again for each place that it fills.
        rows.dedup_by(|one, other| (&one.customer_id, one.day) == (&other.customer_id, other.day));
        for row in tx.vault()?.unseal_known::<event_day::Model>(rows).await? {
            found.insert((row.customer_id, row.day), envelope::open(row.format, &row.packed)?);
        }
    }
    Ok(found)
}

/// Joins the keys, as a list of values, to the table: both databases then look each one up by the primary key, and
/// both call the columns of such a list column1 and column2.
fn select_days(tenant: &str, days: Vec<(&str, i32)>) -> SelectStatement {
    let of_tenant = Expr::col((event_day::Entity, event_day::Column::Tenant)).eq(tenant);
    let of_customer = Expr::col((event_day::Entity, event_day::Column::CustomerId)).eq(wanted("column1"));
    let of_day = Expr::col((event_day::Entity, event_day::Column::Day)).eq(wanted("column2"));
    let mut select = Query::select();
    select
        .columns(event_day::Column::iter().map(|column| (event_day::Entity, column)))
        .from_values(days, Alias::new(WANTED))
        .join(JoinType::InnerJoin, event_day::Entity, of_tenant.and(of_customer).and(of_day));
    select
}
