//! Published maps in memory, ready to decide by. What is remembered as the map that holds is only a guess: the commit
//! of every decision compares its epoch with the table's, so that no replica decides by an old one.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use huan_chassis::{Error, Result, store::Store as Database};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{
    Store,
    entity::{published_map, strategy, tenant},
};
use crate::{convert, decide::CompiledMap};

/// Versions remembered, besides the ones that hold.
const REMEMBERED: usize = 64;

/// The map that holds for a tenant.
#[derive(Debug)]
pub struct Published {
    /// Its version, 32 bytes.
    pub version: Vec<u8>,
    /// What was known of the tenant when it was read.
    pub epoch: i64,
    /// The map.
    pub map: Arc<CompiledMap>,
    /// Indices of its strategies that were stopped after the publish, ascending.
    pub stopped: Vec<u32>,
}

/// The maps in memory.
#[derive(Debug)]
pub(crate) struct Maps {
    db: Database,
    current: RwLock<HashMap<String, Arc<Published>>>,
    versions: RwLock<HashMap<(String, String), Arc<CompiledMap>>>,
}

impl Maps {
    pub(crate) fn new(db: Database) -> Maps {
        Maps { db, current: RwLock::default(), versions: RwLock::default() }
    }

    pub(crate) fn forget(&self, tenant: &str) {
        self.current.write().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }
}

impl Store {
    /// The map that holds for a tenant, as far as is known here. Errors: NoMap.
    pub async fn published(&self, tenant: &str) -> Result<Arc<Published>> {
        let known = self.maps.current.read().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let read = Arc::new(read(&self.maps.db, tenant).await?);
        let mut current = self.maps.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(tenant.to_owned(), read.clone());
        Ok(read)
    }

    /// Forgets which map holds, so that it is read again.
    pub fn forget_published(&self, tenant: &str) {
        self.maps.forget(tenant);
    }

    /// A version of a map, as a decision's input names it. Errors: NoMap.
    pub async fn map_version(&self, tenant: &str, version: &[u8]) -> Result<Arc<CompiledMap>> {
        let key = (tenant.to_owned(), hex::encode(version));
        if let Some(known) = self.maps.versions.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(known.clone());
        }
        let row = self.get_map(tenant, &key.1).await.map_err(|_| Error::NoMap)?;
        let map = Arc::new(CompiledMap::new(&convert::map::content(&row.content)?));
        let mut versions = self.maps.versions.write().unwrap_or_else(PoisonError::into_inner);
        if versions.len() >= REMEMBERED {
            versions.clear();
        }
        versions.insert(key, map.clone());
        Ok(map)
    }
}

// The epoch is read first: whatever changes in between, the epoch is too old rather than the rest.
async fn read(db: &Database, tenant: &str) -> Result<Published> {
    let found = tenant::Entity::find_by_id(tenant).one(db.read()).await?;
    let found = found.filter(|row| row.map_number > 0).ok_or(Error::NoMap)?;
    let key = (tenant.to_owned(), found.map_number);
    let row = published_map::Entity::find_by_id(key).one(db.read()).await?.ok_or(Error::NoMap)?;
    let map = CompiledMap::new(&convert::map::content(&row.content)?);
    let of_tenant = strategy::Entity::find().filter(strategy::Column::Tenant.eq(tenant));
    let stopped = of_tenant.filter(strategy::Column::Stopped.eq(true)).order_by_asc(strategy::Column::StrategyId);
    let stopped = stopped.all(db.read()).await?;
    let strategies = &map.content().strategies;
    let index =
        |row: &strategy::Model| strategies.binary_search_by(|known| known.strategy_id.cmp(&row.strategy_id)).ok();
    Ok(Published {
        version: hex::decode(&row.version).unwrap_or_default(),
        epoch: found.epoch,
        stopped: stopped.iter().filter_map(index).map(|index| index as u32).collect(),
        map: Arc::new(map),
    })
}
