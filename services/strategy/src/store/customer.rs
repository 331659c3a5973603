//! What decisions must know of each customer, as profile's feed tells it; and who owns whom.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use huan_chassis::{Result, server::Owners, store::Tx};
use huan_proto::{
    feed::v1::Header,
    profile::v1::{
        ProfileChange, Standing, WatchProfilesResponse, profile_change::Change, watch_profiles_response::Item,
    },
};
use prost::Message as _;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{Store, entity::customer, tenant, upsert};

/// How long a found owner path is believed; a customer who moves is seen to have moved no later.
const FRESH: Duration = Duration::from_secs(5);
/// Owner paths remembered.
const REMEMBERED: usize = 65_536;

/// Owner paths that were read lately.
pub(crate) type Memory = Mutex<HashMap<(String, String), (Instant, String)>>;

impl Store {
    /// Finds one customer.
    pub async fn customer(&self, tenant: &str, customer_id: &str) -> Result<Option<customer::Model>> {
        let key = (tenant.to_owned(), customer_id.to_owned());
        Ok(customer::Entity::find_by_id(key).one(self.db.read()).await?)
    }
}

/// Takes in a batch of profile's feed. The newest row of a customer holds; the same rows again change nothing.
pub async fn apply(tx: &Tx, batch: &[WatchProfilesResponse]) -> Result<()> {
    let mut customers = HashMap::new();
    for change in batch.iter().filter_map(change) {
        match (&change.change, &change.header) {
            (Some(Change::Tenant(message)), _) => tenant::put_tenant(tx, message).await?,
            (Some(Change::Standing(standing)), Some(header)) => {
                customers.insert((header.tenant_id.clone(), header.customer_id.clone()), row(header, standing));
            }
            _ => (),
        }
    }
    let mut customers: Vec<_> = customers.into_values().collect();
    // Locked in the same order as decisions lock them.
    customers.sort_by(|a, b| (&a.tenant, &a.customer_id).cmp(&(&b.tenant, &b.customer_id)));
    upsert(tx, customers).await
}

/// Locks customers in the order of their ids.
pub(crate) async fn lock_customers(tx: &Tx, tenant: &str, ids: BTreeSet<&str>) -> Result<Vec<customer::Model>> {
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let named = of_tenant.filter(customer::Column::CustomerId.is_in(ids));
    Ok(named.order_by_asc(customer::Column::CustomerId).lock_exclusive().all(&**tx).await?)
}

/// Reads customers.
pub(crate) async fn customers<C: ConnectionTrait>(
    db: &C,
    tenant: &str,
    ids: BTreeSet<&str>,
) -> Result<HashMap<String, customer::Model>> {
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let rows = of_tenant.filter(customer::Column::CustomerId.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.customer_id.clone(), row)).collect())
}

impl Owners for Store {
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let key = (tenant.to_owned(), customer_id.to_owned());
            if let Some(path) = remembered(&self.owners, &key) {
                return Ok(Some(path));
            }
            let path = self.customer(tenant, customer_id).await?.map(|found| found.owner_path);
            if let Some(path) = &path {
                remember(&self.owners, key, path.clone());
            }
            Ok(path)
        })
    }
}

fn change(response: &WatchProfilesResponse) -> Option<&ProfileChange> {
    match response.item.as_ref()? {
        Item::Change(change) => Some(change),
        Item::Heartbeat(_) => None,
    }
}

fn row(header: &Header, standing: &Standing) -> customer::Model {
    customer::Model {
        tenant: header.tenant_id.clone(),
        customer_id: header.customer_id.clone(),
        customer_key: header.customer_key.clone(),
        partition: header.partition.cast_signed(),
        owner_path: header.owner_path.clone(),
        format: 0,
        key_id: String::new(),
        payload: standing.encode_to_vec(),
    }
}

fn remembered(memory: &Memory, key: &(String, String)) -> Option<String> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.get(key).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, path)| path.clone())
}

fn remember(memory: &Memory, key: (String, String), path: String) {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(key, (Instant::now(), path));
}
