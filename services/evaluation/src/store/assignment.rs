//! Assignments of experiments that were decided elsewhere: a customer's first one stays.

use std::collections::BTreeMap;

use huan_chassis::Result;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{
    Store, Tx, earliest, earliest_stays,
    entity::assignment,
    insert,
    member::{as_one, has_members},
    rows,
};

/// Adds assignments. Of several of one customer and experiment the earliest stays, in whatever order they come.
pub async fn insert_assignments(tx: &Tx, made: Vec<assignment::Model>) -> Result<()> {
    let key = |row: &assignment::Model| (row.tenant.clone(), row.experiment_id.clone(), row.customer_key.clone());
    let rows = earliest(made, key, |row| row.time);
    insert(tx, rows, earliest_stays::<assignment::Entity>(assignment::Column::Time)).await
}

/// Counts the customers of each arm: (experiment, arm) → customers.
pub async fn count_assignments(store: &Store, tenant: &str) -> Result<BTreeMap<(String, String), i64>> {
    use assignment::Column;
    let counted: Vec<(String, String, i64)> = if has_members(store, tenant).await? {
        let one = as_one("assignment", "experiment_id", "arm");
        let sql = format!("SELECT experiment_id, arm, COUNT(*) FROM {one} a GROUP BY experiment_id, arm");
        rows(store, &sql, tenant, |row| {
            Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?))
        })
        .await?
    } else {
        assignment::Entity::find()
            .filter(Column::Tenant.eq(tenant))
            .select_only()
            .columns([Column::ExperimentId, Column::Arm])
            .column_as(Column::CustomerKey.count(), "customers")
            .group_by(Column::ExperimentId)
            .group_by(Column::Arm)
            .into_tuple()
            .all(store.read())
            .await?
    };
    Ok(counted.into_iter().map(|(experiment, arm, n)| ((experiment, arm), n)).collect())
}

/// Finds the control of an experiment; None if nobody is in it.
pub async fn find_control(store: &Store, tenant: &str, experiment_id: &str) -> Result<Option<String>> {
    use assignment::Column;
    let control = assignment::Entity::find()
        .filter(Column::Tenant.eq(tenant))
        .filter(Column::ExperimentId.eq(experiment_id))
        .filter(Column::IsControl.eq(true))
        .select_only()
        .column(Column::Arm)
        .order_by_asc(Column::Arm)
        .into_tuple()
        .one(store.read())
        .await?;
    Ok(control)
}
