//! Which customers there are, as far as a service needs it that does not own them: number, key, partition, owner.
//! It owns the table `customer_directory`, filled from the feed; who the customers are stays with their own service.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, Set, sea_query::OnConflict};
use sea_orm_migration::MigrationTrait;

use crate::{
    Result,
    server::Owners,
    store::{Store, Tx},
};

pub mod entity;
mod migration;

/// How long a found owner path is believed; a customer who moves is seen to have moved no later.
const FRESH: Duration = Duration::from_secs(5);
/// Owner paths remembered.
const REMEMBERED: usize = 65_536;
/// Rows of one INSERT, below SQLite's limit of 32,766 bound values.
const CHUNK: usize = 1_000;

/// One customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The tenant.
    pub tenant: String,
    /// The customer's number at the bank.
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer's partition, 0..63.
    pub partition: u32,
    /// The organisation path that owns the customer.
    pub owner_path: String,
}

/// The migration that makes the table.
pub fn migration() -> Box<dyn MigrationTrait> {
    Box::new(migration::Migration)
}

/// Adds customers, or notes what has changed of them. Of two rows of one customer the later one holds.
pub async fn upsert(tx: &Tx, rows: Vec<Row>) -> Result<()> {
    // PostgreSQL refuses to update a row twice in one statement.
    let rows: HashMap<_, _> =
        rows.into_iter().map(|row| ((row.tenant.clone(), row.customer_id.clone()), row)).collect();
    let mut rows: Vec<Row> = rows.into_values().collect();
    // One order for all writers, so that none waits for another that waits for it.
    rows.sort_by(|a, b| (&a.tenant, &a.customer_id).cmp(&(&b.tenant, &b.customer_id)));
    for chunk in rows.chunks(CHUNK) {
        entity::Entity::insert_many(chunk.iter().cloned().map(active))
            .on_conflict(replace())
            .exec_without_returning(&**tx)
            .await?;
    }
    Ok(())
}

/// Takes the customer of a key out.
pub async fn erase(tx: &Tx, tenant: &str, customer_key: &str) -> Result<()> {
    let of_key = entity::Entity::find().filter(entity::Column::Tenant.eq(tenant));
    let rows = of_key.filter(entity::Column::CustomerKey.eq(customer_key)).all(&**tx).await?;
    for row in rows {
        tx.scrub([row.customer_id.as_str()]).await?;
        entity::Entity::delete_by_id((row.tenant, row.customer_id)).exec(&**tx).await?;
    }
    Ok(())
}

/// Answers who owns a customer, from the table and a short memory.
#[derive(Clone, Debug)]
pub struct Directory {
    store: Store,
    memory: Arc<Mutex<Memory>>,
}

type Memory = HashMap<(String, String), (Instant, String)>;

impl Directory {
    /// A directory over the service's store.
    pub fn new(store: Store) -> Self {
        Self { store, memory: Arc::default() }
    }

    /// Finds one customer by the bank's number.
    pub async fn find(&self, tenant: &str, customer_id: &str) -> Result<Option<entity::Model>> {
        Ok(entity::Entity::find_by_id((tenant.to_owned(), customer_id.to_owned())).one(self.store.read()).await?)
    }

    /// Finds the customer that a key stands for.
    pub async fn find_by_key(&self, tenant: &str, customer_key: &str) -> Result<Option<entity::Model>> {
        let of_tenant = entity::Entity::find().filter(entity::Column::Tenant.eq(tenant));
        Ok(of_tenant.filter(entity::Column::CustomerKey.eq(customer_key)).limit(1).one(self.store.read()).await?)
    }

    fn remembered(&self, key: &(String, String)) -> Option<String> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.get(key).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, path)| path.clone())
    }

    fn remember(&self, key: (String, String), path: String) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.len() >= REMEMBERED {
            memory.clear();
        }
        memory.insert(key, (Instant::now(), path));
    }
}

impl Owners for Directory {
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let key = (tenant.to_owned(), customer_id.to_owned());
            if let Some(path) = self.remembered(&key) {
                return Ok(Some(path));
            }
            let path = self.find(tenant, customer_id).await?.map(|found| found.owner_path);
            if let Some(path) = &path {
                self.remember(key, path.clone());
            }
            Ok(path)
        })
    }
}

fn active(row: Row) -> entity::ActiveModel {
    entity::ActiveModel {
        tenant: Set(row.tenant),
        customer_id: Set(row.customer_id),
        customer_key: Set(row.customer_key),
        partition: Set(row.partition.cast_signed()),
        owner_path: Set(row.owner_path),
    }
}

fn replace() -> OnConflict {
    OnConflict::columns([entity::Column::Tenant, entity::Column::CustomerId])
        .update_columns([entity::Column::CustomerKey, entity::Column::Partition, entity::Column::OwnerPath])
        .to_owned()
}
