//! Customers who turned out to be one: they count once, from the first of their exposures and assignments, and with the
//! outcomes of all. Nothing is rewritten, so that a merge can be taken back.

use std::collections::BTreeMap;

use huan_chassis::Result;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::{Store, Tx, entity::profile_member, insert, newest_stays};

/// Notes whose profile customers are part of; of several rows of one customer the last holds.
pub async fn put_members(tx: &Tx, rows: Vec<profile_member::Model>) -> Result<()> {
    let mut newest = BTreeMap::new();
    for row in rows {
        // The one whose profile it is has a row of its own: it is found among the members of its profile.
        let root = profile_member::Model { customer_key: row.root_key.clone(), ..row.clone() };
        for row in [root, row] {
            newest.insert((row.tenant.clone(), row.customer_key.clone()), row);
        }
    }
    insert(tx, newest.into_values().collect(), newest_stays::<profile_member::Entity>()).await
}

/// Whether anybody in the tenant was ever merged.
pub async fn has_members(store: &Store, tenant: &str) -> Result<bool> {
    let any = profile_member::Entity::find().filter(profile_member::Column::Tenant.eq(tenant)).limit(1);
    Ok(any.one(store.read()).await?.is_some())
}

/// The rows of a table of customers' first times ($1 tenant) with those of one profile as one: the earliest, under the
/// root's key. `per` is what a customer has one row each of.
pub fn as_one(table: &str, per: &str, columns: &str) -> String {
    format!(
        "(SELECT {per}, t.customer_key, time, {columns} FROM {table} t WHERE t.tenant = $1 AND NOT EXISTS \
         (SELECT 1 FROM profile_member p WHERE p.tenant = $1 AND p.customer_key = t.customer_key) \
         UNION ALL SELECT {per}, root_key AS customer_key, time, {columns} FROM \
         (SELECT t.*, p.root_key AS root_key, ROW_NUMBER() OVER \
         (PARTITION BY p.root_key, {per} ORDER BY t.time, t.customer_key) AS place \
         FROM profile_member p JOIN {table} t ON t.tenant = $1 AND t.customer_key = p.customer_key \
         WHERE p.tenant = $1) one WHERE place = 1)"
    )
}
