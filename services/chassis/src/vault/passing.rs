//! Keys for who reads a whole table, each of which is wanted once: none is sought in memory or kept there.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QuerySelect as _, QueryTrait as _,
};
use tokio::task::yield_now;

use super::{Ring, Vault, entity};
use crate::{
    Result,
    store::{lists, rows::runs},
};

/// What the ids of keys that were made at once have in common, at least: those of customers' keys do.
const ALIKE: usize = 12;
/// How many of those must be wanted for all between them to be read: PostgreSQL seeks one in the time that it reads five.
const RANGE: usize = 100;
/// Keys that are unwrapped before others take their turn: half a millisecond's work.
const TURN: usize = 500;

impl Vault {
    /// Finds keys of a tenant. One that was destroyed, or never made, is not in the answer.
    pub(super) async fn keys_in_passing(&self, tenant: &str, wanted: &BTreeSet<&str>) -> Result<Ring> {
        let (db, ids) = (self.0.store.read(), Vec::from_iter(wanted.iter().copied()));
        if self.0.store.is_postgres() {
            return self.in_ranges(db, tenant, &ids).await;
        }
        let mut found = Ring::with_capacity(ids.len());
        for ids in runs(&ids) {
            found.extend(self.read(db, tenant, &ids).await?);
        }
        Ok(found)
    }

    /// Reads keys of PostgreSQL's in the order of their ids, of which those that are alike lie together.
    async fn in_ranges(&self, db: &DatabaseConnection, tenant: &str, ids: &[&str]) -> Result<Ring> {
        let (mut ranges, mut single) = (Vec::new(), Vec::new());
        for alike in ids.chunk_by(|one, next| one.get(..ALIKE) == next.get(..ALIKE)) {
            match alike {
                [first, .., last] if alike.len() >= RANGE => {
                    ranges.push((entity::Column::KeyId.between(*first, *last), alike))
                }
                _ => single.extend_from_slice(alike),
            }
        }
        if !single.is_empty() {
            ranges.push((entity::Column::KeyId.eq_any(single.iter().copied().map(str::to_owned)), &single));
        }
        let mut found = Ring::with_capacity(ids.len());
        for (range, wanted) in ranges {
            let query = entity::Entity::find().select_only().columns(super::COLUMNS);
            let query = query.filter(entity::Column::Tenant.eq(tenant)).filter(range).into_query();
            let lists = lists::copy(db, query, super::TEXTS, Some("wrapped")).await?;
            let mut rows = lists.rows()?;
            rows.retain(|([id, _], _)| wanted.binary_search(id).is_ok());
            for some in rows.chunks(TURN) {
                found.extend(self.unwrap(tenant, some).await?);
                yield_now().await;
            }
        }
        Ok(found)
    }
}
