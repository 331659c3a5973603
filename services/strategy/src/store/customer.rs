//! What decisions must know of each customer, as profile's feed tells it; and who owns whom.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use huan_chassis::{Error, Identity, Result, server::Owners, store::Tx, vault::PLAIN};
use huan_proto::{
    feed::v1::Header,
    profile::v1::{
        ProfileChange, Standing, WatchProfilesResponse, profile_change::Change, watch_profiles_response::Item,
    },
};
use prost::Message as _;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IdenStatic as _, IntoActiveModel, Iterable as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, OnConflict},
};

use super::{MAX_BINDS, Store, chunks, entity::customer, erasure, tenant};

/// How long what was found of a profile is believed; a customer who moves is seen to have moved no later.
const FRESH: Duration = Duration::from_secs(5);
/// Profiles remembered.
const REMEMBERED: usize = 65_536;

/// Whose profile customers are part of, and who owns it, as read lately.
pub(crate) type Memory = Mutex<HashMap<(String, String), (Instant, Profile)>>;

/// Whose profile a customer is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The customer whose profile it is.
    pub root_id: String,
    /// The organisation path that owns it.
    pub owner_path: String,
}

impl Store {
    /// Finds one customer, whose standing stays sealed.
    pub async fn customer(&self, tenant: &str, customer_id: &str) -> Result<Option<customer::Model>> {
        let key = (tenant.to_owned(), customer_id.to_owned());
        Ok(customer::Entity::find_by_id(key).one(self.db.read()).await?)
    }

    /// Finds whose profile a customer is part of, as it was a few seconds ago at most.
    pub async fn profile(&self, tenant: &str, customer_id: &str) -> Result<Option<Profile>> {
        let key = (tenant.to_owned(), customer_id.to_owned());
        if let Some(known) = remembered(&self.owners, &key) {
            return Ok(Some(known));
        }
        let Some(found) = self.customer(tenant, customer_id).await? else { return Ok(None) };
        let root = match found.root_id == found.customer_id {
            true => Some(found),
            false => self.customer(tenant, &found.root_id).await?,
        };
        let profile = root.map(|root| Profile { root_id: root.customer_id, owner_path: root.owner_path });
        if let Some(profile) = &profile {
            remember(&self.owners, key, profile.clone());
        }
        Ok(profile)
    }

    /// Forgets whose profile a customer was part of: it turned out to be another's.
    pub fn forget_profile(&self, tenant: &str, customer_id: &str) {
        let mut memory = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        memory.remove(&(tenant.to_owned(), customer_id.to_owned()));
    }

    /// The ids of all customers of a customer's profile.
    pub async fn members(&self, tenant: &str, customer_id: &str) -> Result<Vec<String>> {
        let Some(Profile { root_id, .. }) = self.profile(tenant, customer_id).await? else {
            return Ok(vec![customer_id.to_owned()]);
        };
        let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant)).select_only();
        let members = of_tenant.filter(customer::Column::RootId.eq(root_id)).column(customer::Column::CustomerId);
        Ok(members.into_tuple().all(self.db.read()).await?)
    }

    /// Refuses a caller within whose scope a customer's profile does not lie. Errors: NotFound; OutOfScope(`field`).
    pub async fn check_customer(
        &self,
        caller: &Identity,
        field: &'static str,
        tenant: &str,
        customer_id: &str,
    ) -> Result<()> {
        let missing = || Error::NotFound { what: "customer", field };
        let profile = self.profile(tenant, customer_id).await?.ok_or_else(missing)?;
        let own = match &caller.customer_id {
            Some(own) => self.profile(tenant, own).await?.filter(|own| own.root_id == profile.root_id).map(|_| own),
            None => None,
        };
        // A token of one customer may name any of the same profile.
        caller.check_owner(field, own.map_or(customer_id, String::as_str), &profile.owner_path)
    }
}

/// Takes in a batch of profile's feed. The newest row of a customer holds; the same rows again change nothing.
pub async fn apply(tx: &Tx, batch: &[WatchProfilesResponse]) -> Result<()> {
    let mut customers = BTreeMap::new();
    let mut merged = BTreeMap::new();
    let mut erased = Vec::new();
    for change in batch.iter().filter_map(change) {
        match (&change.change, &change.header) {
            (Some(Change::Tenant(message)), _) => tenant::put_tenant(tx, message).await?,
            (Some(Change::Standing(standing)), Some(header)) => {
                // Standings come for those who stand for themselves only.
                merged.remove(&key(header));
                customers.insert(key(header), row(header, standing));
            }
            (Some(Change::Merge(merge)), Some(header)) => {
                let row = row(header, &Standing::default());
                merged.insert(key(header), customer::Model { root_id: merge.root_id.clone(), ..row });
            }
            (Some(Change::Erasure(_)), Some(header)) => {
                customers.retain(|_, row: &mut customer::Model| row.customer_key != header.customer_key);
                merged.retain(|_, row: &mut customer::Model| row.customer_key != header.customer_key);
                erased.push(header);
            }
            _ => (),
        }
    }
    // Maps, for customers are locked in the same order as decisions lock them.
    let customers = tx.vault()?.seal(customers.into_values().collect()).await?;
    put(tx, customers, &[customer::Column::Merged]).await?;
    put_merged(tx, merged.into_values().collect()).await?;
    for header in erased {
        erasure::erase_customer(tx, &header.tenant_id, &header.customer_key).await?;
    }
    Ok(())
}

/// Inserts customers; of those that are there, replaces all but these columns.
async fn put(tx: &Tx, rows: Vec<customer::Model>, kept: &[customer::Column]) -> Result<()> {
    let keys = [customer::Column::Tenant, customer::Column::CustomerId];
    let stays = |column: &customer::Column| keys.iter().chain(kept).any(|kept| kept.as_str() == column.as_str());
    let others: Vec<_> = customer::Column::iter().filter(|column| !stays(column)).collect();
    for rows in chunks(rows, MAX_BINDS / customer::Column::iter().count()) {
        let replace = OnConflict::columns(keys).update_columns(others.clone()).to_owned();
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        customer::Entity::insert_many(rows).on_conflict(replace).exec_without_returning(&**tx).await?;
    }
    Ok(())
}

/// Notes whose profile customers are part of, on their own rows and on that customer's.
async fn put_merged(tx: &Tx, rows: Vec<customer::Model>) -> Result<()> {
    use customer::Column;
    let mut roots: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        roots.entry(row.tenant.clone()).or_default().insert(row.root_id.clone());
    }
    let rows = rows.into_iter().map(|row| customer::Model { merged: true, ..row }).collect();
    put(tx, rows, &[Column::Format, Column::KeyId, Column::Payload]).await?;
    for (tenant, roots) in roots {
        let update = customer::Entity::update_many().col_expr(Column::Merged, Expr::value(true));
        update.filter(Column::Tenant.eq(tenant)).filter(Column::CustomerId.is_in(roots)).exec(&**tx).await?;
    }
    Ok(())
}

fn key(header: &Header) -> (String, String) {
    (header.tenant_id.clone(), header.customer_id.clone())
}

/// The customers of these locked ones' profiles: of each root, the other customers' ids and keys.
pub(crate) async fn merged(
    tx: &Tx,
    tenant: &str,
    roots: &[customer::Model],
) -> Result<HashMap<String, Vec<(String, String)>>> {
    let ids: Vec<&str> = roots.iter().filter(|row| row.merged).map(|row| row.customer_id.as_str()).collect();
    let mut found: HashMap<String, Vec<(String, String)>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let of_roots = of_tenant.filter(customer::Column::RootId.is_in(ids)).order_by_asc(customer::Column::CustomerId);
    for row in of_roots.all(&**tx).await?.into_iter().filter(|row| row.root_id != row.customer_id) {
        found.entry(row.root_id).or_default().push((row.customer_id, row.customer_key));
    }
    Ok(found)
}

/// Locks customers in the order of their ids.
pub(crate) async fn lock_customers(tx: &Tx, tenant: &str, ids: BTreeSet<&str>) -> Result<Vec<customer::Model>> {
    let of_tenant = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let named = of_tenant.filter(customer::Column::CustomerId.is_in(ids));
    let rows = named.order_by_asc(customer::Column::CustomerId).lock_exclusive().all(&**tx).await?;
    tx.vault()?.unseal_known(rows).await
}

/// Reads customers, whose standings stay sealed.
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
        Box::pin(async move { Ok(self.profile(tenant, customer_id).await?.map(|profile| profile.owner_path)) })
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
        root_id: header.customer_id.clone(),
        merged: false,
        partition: header.partition.cast_signed(),
        owner_path: header.owner_path.clone(),
        format: PLAIN,
        key_id: header.customer_key.clone(),
        payload: standing.encode_to_vec(),
    }
}

fn remembered(memory: &Memory, key: &(String, String)) -> Option<Profile> {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory.get(key).filter(|(since, _)| since.elapsed() < FRESH).map(|(_, found)| found.clone())
}

fn remember(memory: &Memory, key: (String, String), found: Profile) {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= REMEMBERED {
        memory.clear();
    }
    memory.insert(key, (Instant::now(), found));
}
