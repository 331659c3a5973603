//! Exposures: a customer counts from the first would-be pick of a strategy, and never again.

use std::collections::BTreeMap;

use huan_chassis::Result;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::{
    Store, Tx, earliest, earliest_stays,
    entity::exposure,
    insert,
    member::{as_one, has_members},
    rows,
};

/// Adds would-be picks. Of several of one customer and strategy the earliest stays, in whatever order they come.
pub async fn insert_exposures(tx: &Tx, made: Vec<exposure::Model>) -> Result<()> {
    let key = |row: &exposure::Model| (row.tenant.clone(), row.strategy_id.clone(), row.customer_key.clone());
    let rows = earliest(made, key, |row| row.time);
    insert(tx, rows, earliest_stays::<exposure::Entity>(exposure::Column::Time)).await
}

/// Counts the customers of each strategy by who left them alone: (strategy, by all, by the strategy) → customers.
pub async fn count_exposures(store: &Store, tenant: &str) -> Result<BTreeMap<(String, bool, bool), i64>> {
    use exposure::Column;
    let counted: Vec<(String, bool, bool, i64)> = if has_members(store, tenant).await? {
        let one = as_one("exposure", "strategy_id", "universal_held, strategy_held");
        let sql = format!(
            "SELECT strategy_id, universal_held, strategy_held, COUNT(*) FROM {one} e \
             GROUP BY strategy_id, universal_held, strategy_held"
        );
        rows(store, &sql, tenant, |row| {
            Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?, row.try_get_by_index(3)?))
        })
        .await?
    } else {
        exposure::Entity::find()
            .filter(Column::Tenant.eq(tenant))
            .select_only()
            .columns([Column::StrategyId, Column::UniversalHeld, Column::StrategyHeld])
            .column_as(Column::CustomerKey.count(), "customers")
            .group_by(Column::StrategyId)
            .group_by(Column::UniversalHeld)
            .group_by(Column::StrategyHeld)
            .into_tuple()
            .all(store.read())
            .await?
    };
    Ok(counted.into_iter().map(|(strategy, by_all, by_strategy, n)| ((strategy, by_all, by_strategy), n)).collect())
}
