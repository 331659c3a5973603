//! Customers.

use std::collections::{HashMap, HashSet};

use futures::future::BoxFuture;
use huan_chassis::{
    Error, Identity, Result, clock,
    identity::within,
    page::Page,
    server::Owners,
    store::{
        Tx, is_unique_violation, lists,
        rows::{among, runs},
    },
};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};

use super::{
    Store, below, consent,
    customer_key::{CustomerKeys, random_key, seeded_key},
    entity::customer,
    erasure, hold, identity, lookup, proposal,
    root::{self, Root},
    seal::{seal, upsert_sealed},
    tenant::View,
    vector,
};
use crate::convert::{
    self,
    customer::{List, Search},
};

/// The most customers that a search answers with.
const MAX_FOUND: usize = 100;
/// The most customers that a search looks at.
const MAX_LOOKED_AT: u64 = 1000;

impl Store {
    /// Reads a customer. Errors: NotFound; Erased.
    pub async fn get_customer(&self, tenant: &str, customer_id: &str) -> Result<customer::Model> {
        let row = find(self.db.read(), tenant, customer_id).await?;
        one(self.db.vault()?.unseal(vec![row]).await?)
    }

    /// Lists customers by customer_id.
    pub async fn list_customers(&self, tenant: &str, list: &List, page: &Page) -> Result<Vec<customer::Model>> {
        let mut query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        if !within("/", &list.owner_path) {
            let below = customer::Column::OwnerPath.like(below(&list.owner_path));
            let at = customer::Column::OwnerPath.eq(&list.owner_path);
            query = query.filter(Condition::any().add(at).add(below));
        }
        if !list.manager_id.is_empty() {
            query = query.filter(customer::Column::ManagerId.eq(&list.manager_id));
        }
        if list.customer_type != 0 {
            query = query.filter(customer::Column::CustomerType.eq(list.customer_type));
        }
        if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
            query = query.filter(customer::Column::CustomerId.gt(after));
        }
        let rows = query.order_by_asc(customer::Column::CustomerId).limit(page.limit + 1);
        self.db.vault()?.unseal_blank(rows.all(self.db.read()).await?).await
    }

    /// Finds customers by a personal value or an identity, as far as their profiles lie within the caller's scope, by
    /// customer_id, and whether there may be more.
    pub async fn search_customers(
        &self,
        tenant: &str,
        by: &Identity,
        search: &Search,
    ) -> Result<(Vec<customer::Model>, bool)> {
        let db = self.db.read();
        let ids = match search {
            Search::Nothing => Vec::new(),
            Search::Value(row) => lookup::find(db, row, MAX_LOOKED_AT).await?,
            Search::Identity(row) => identity::find(db, row).await?.into_iter().map(|row| row.customer_id).collect(),
        };
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let named = query.filter(customer::Column::CustomerId.is_in(&ids)).all(db).await?;
        let seen: HashSet<String> = root::of(db, tenant, named.clone())
            .await?
            .into_iter()
            .filter(|root| root.is_seen_by(by))
            .map(|root| root.customer.customer_id)
            .collect();
        let mut found: Vec<_> = named.into_iter().filter(|row| seen.contains(&row.root_id)).collect();
        found.sort_unstable_by(|one, other| one.customer_id.cmp(&other.customer_id));
        let truncated = ids.len() as u64 == MAX_LOOKED_AT || found.len() > MAX_FOUND;
        found.truncate(MAX_FOUND);
        Ok((self.db.vault()?.unseal_blank(found).await?, truncated))
    }

    /// Creates a customer, or answers with the one that this very request created, unless that has come to lie outside
    /// the caller's scope. Errors: AlreadyExists; OutOfScope; Erased.
    pub async fn create_customer(&self, view: &View, by: &Identity, row: customer::Model) -> Result<customer::Model> {
        let tx = self.db.begin().await?;
        if let Some(found) = find_request(&tx, &row).await? {
            by.check_owner("request_id", &found.customer_id, &found.owner_path)?;
            return one(tx.vault()?.unseal(vec![found]).await?);
        }
        if !erasure::erased(&tx, view, std::slice::from_ref(&row.customer_id)).await?.is_empty() {
            return Err(Error::Erased { what: "customer" });
        }
        let now = clock::micros(clock::system_now());
        let row = customer::Model { customer_key: random_key(), create_time: now, update_time: now, ..row };
        let sealed = one(seal(&tx, vec![row.clone()]).await?)?;
        let insert = customer::Entity::insert(sealed.into_active_model());
        insert.exec_without_returning(&*tx).await.map_err(|error| match is_unique_violation(&error) {
            true => Error::AlreadyExists { what: "customer", field: "customer_id" },
            false => error.into(),
        })?;
        publish(&tx, view, vec![row.clone()]).await?;
        tx.commit().await?;
        self.merge_by_rule(view).await?;
        Ok(row)
    }

    /// Changes the masked fields of a customer. Errors: NotFound; LegalHold; StaleRevision; Invalid.
    pub async fn update_customer(&self, view: &View, request: pb::UpdateCustomerRequest) -> Result<customer::Model> {
        let tx = self.db.begin().await?;
        let old = lock_one(&tx, &view.tenant, &request.customer_id).await?;
        hold::check(&old)?;
        let revision = request.revision;
        let row = convert::customer::updated(&old, request)?;
        if old.revision != revision {
            return Err(Error::StaleRevision { what: "customer" });
        }
        let said = consent::said_of_personalisation(&*tx, std::slice::from_ref(&old)).await?;
        if said.get(&old.customer_id).is_some_and(|refused| *refused != row.personalisation_refused) {
            let fault = "was said by the customer; only a newer consent changes it";
            return Err(Error::invalid("customer.personalisation_refused", fault));
        }
        let row = customer::Model { update_time: clock::micros(clock::system_now()), ..row };
        upsert_sealed(&tx, vec![row.clone()]).await?;
        publish(&tx, view, vec![row.clone()]).await?;
        tx.commit().await?;
        self.merge_by_rule(view).await?;
        Ok(row)
    }

    /// Creates or replaces customers; `key_seed` 0 = random keys. Those who were erased or are under a legal hold are
    /// refused.
    pub async fn import_customers(&self, view: &View, rows: Vec<customer::Model>, key_seed: u64) -> Result<Imported> {
        let mut ids: Vec<String> = rows.iter().map(|row| row.customer_id.clone()).collect();
        ids.sort();
        let tx = self.db.begin().await?;
        let known = lock(&tx, &view.tenant, &ids).await?;
        let said = consent::said_of_personalisation(&*tx, &known).await?;
        let known: HashMap<String, customer::Model> =
            known.into_iter().map(|row| (row.customer_id.clone(), row)).collect();
        let new: Vec<String> = ids.into_iter().filter(|id| !known.contains_key(id)).collect();
        let erased = erasure::erased(&tx, view, &new).await?;
        let (now, keys) = (clock::micros(clock::system_now()), CustomerKeys::draw());
        let key = |row: &customer::Model| match key_seed {
            0 => keys.next_key(),
            seed => seeded_key(seed, &row.customer_id),
        };
        let mut done = Imported::default();
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let old = known.get(&row.customer_id);
            let refused = match old {
                None => erased.contains(&row.customer_id).then_some("was erased"),
                Some(old) => hold::is_held(old).then_some("is under a legal hold"),
            };
            if let Some(why) = refused {
                done.refused.push((row.customer_id, why));
                continue;
            }
            *(if old.is_some() { &mut done.updated } else { &mut done.created }) += 1;
            let row = match old {
                Some(old) => {
                    let refused = said.get(&row.customer_id).copied().unwrap_or(row.personalisation_refused);
                    let row = convert::customer::replacing(old, row);
                    customer::Model { personalisation_refused: refused, ..row }
                }
                None => customer::Model { customer_key: key(&row), create_time: now, ..row },
            };
            kept.push(customer::Model { update_time: now, ..row });
        }
        upsert_sealed(&tx, kept.clone()).await?;
        publish(&tx, view, kept).await?;
        tx.commit().await?;
        self.merge_by_rule(view).await?;
        Ok(done)
    }
}

/// What ImportCustomers did.
#[derive(Debug, Default)]
pub struct Imported {
    /// New rows.
    pub created: i32,
    /// Replaced rows.
    pub updated: i32,
    /// Refused rows by customer_id, and why.
    pub refused: Vec<(String, &'static str)>,
}

/// Finds owners for the server's scope check.
#[derive(Debug)]
pub struct CustomerOwners(pub Store);

impl Owners for CustomerOwners {
    /// Who owns the profile that the customer is part of.
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        Box::pin(async move {
            let owner = |id| {
                let row = by_id(tenant, id).select_only().column(customer::Column::OwnerPath);
                row.column(customer::Column::RootId).into_tuple::<(String, String)>()
            };
            match owner(customer_id).one(self.0.db.read()).await? {
                Some((_, root_id)) if root_id != customer_id => {
                    Ok(owner(&root_id).one(self.0.db.read()).await?.map(|(path, _)| path))
                }
                found => Ok(found.map(|(path, _)| path)),
            }
        })
    }
}

/// The ids of all customers of a customer's profile, the root's first. Errors: NotFound.
pub async fn members(db: &impl ConnectionTrait, tenant: &str, customer_id: &str) -> Result<Vec<String>> {
    Ok(whole(db, tenant, customer_id).await?.ids().map(str::to_owned).collect())
}

/// The profile that a customer is part of; the envelopes stay sealed. Errors: NotFound.
pub async fn whole(db: &impl ConnectionTrait, tenant: &str, customer_id: &str) -> Result<Root> {
    let found = root::of(db, tenant, vec![find(db, tenant, customer_id).await?]).await?;
    found.into_iter().next().ok_or(Error::NotFound { what: "customer", field: "customer_id" })
}

/// The profiles that customers are part of, by the customers; the envelopes stay sealed. Who is not there is left out.
pub async fn wholes(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<HashMap<String, Root>> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in runs(ids) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        rows.extend(query.filter(customer::Column::CustomerId.is_in(ids.iter().copied())).all(db).await?);
    }
    let asked: Vec<(String, String)> = rows.iter().map(|row| (row.customer_id.clone(), row.root_id.clone())).collect();
    let roots = root::of(db, tenant, rows).await?.into_iter();
    let roots: HashMap<String, Root> = roots.map(|root| (root.customer.customer_id.clone(), root)).collect();
    Ok(asked.into_iter().filter_map(|(id, root_id)| Some((id, roots.get(&root_id)?.clone()))).collect())
}

/// Reads a customer, whose envelope stays sealed. Errors: NotFound.
pub async fn find(db: &impl ConnectionTrait, tenant: &str, customer_id: &str) -> Result<customer::Model> {
    by_id(tenant, customer_id).one(db).await?.ok_or(Error::NotFound { what: "customer", field: "customer_id" })
}

/// Locks and reads a customer. Errors: NotFound; Erased.
pub async fn lock_one(tx: &Tx, tenant: &str, customer_id: &str) -> Result<customer::Model> {
    let row = by_id(tenant, customer_id).lock_exclusive().one(&**tx).await?;
    one(tx.vault()?.unseal(Vec::from_iter(row)).await?)
}

/// Locks and reads those of the customers that there are; `ids` ascend.
pub async fn lock(tx: &Tx, tenant: &str, ids: &[String]) -> Result<Vec<customer::Model>> {
    tx.vault()?.unseal_known(lock_sealed(tx, tenant, ids).await?).await
}

/// The same, whose envelopes stay sealed, those of erased customers among them.
pub async fn lock_sealed(tx: &Tx, tenant: &str, ids: &[String]) -> Result<Vec<customer::Model>> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in runs(ids) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query =
            query.filter(among(&**tx, customer::Column::CustomerId, ids)).order_by_asc(customer::Column::CustomerId);
        rows.extend(lists::all::<customer::Entity>(&**tx, query.lock_exclusive().into_query()).await?);
    }
    Ok(rows)
}

/// The one row that there is. Errors: NotFound.
fn one(rows: Vec<customer::Model>) -> Result<customer::Model> {
    rows.into_iter().next().ok_or(Error::NotFound { what: "customer", field: "customer_id" })
}

/// A customer as others meet it: of what type it is, whose profile it is part of, and who owns that.
#[derive(Debug)]
pub struct Met {
    /// The customer.
    pub customer_id: String,
    /// `CustomerType`.
    pub customer_type: i16,
    /// The root of its profile.
    pub root_id: String,
    /// The organisation path that owns the profile.
    pub owner_path: String,
}

/// Those of the customers that there are.
pub async fn met(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<Vec<Met>> {
    let mut found = Vec::with_capacity(ids.len());
    for ids in runs(ids) {
        found.extend(briefly(db, tenant, &ids).await?);
    }
    let roots: Vec<String> =
        found.iter().filter(|met| met.root_id != met.customer_id).map(|met| met.root_id.clone()).collect();
    let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
    let mut owners = HashMap::with_capacity(roots.len());
    for roots in runs(&roots) {
        let rows = briefly(db, tenant, &roots).await?;
        owners.extend(rows.into_iter().map(|root| (root.customer_id, (root.customer_type, root.owner_path))));
    }
    for met in &mut found {
        if let Some((customer_type, owner_path)) = owners.get(&met.root_id) {
            met.customer_type = *customer_type;
            met.owner_path.clone_from(owner_path);
        }
    }
    Ok(found)
}

async fn briefly(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<Vec<Met>> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let query = query.filter(customer::Column::CustomerId.is_in(ids.iter().copied())).select_only();
    let query = query.column(customer::Column::CustomerId).column(customer::Column::CustomerType);
    let query = query.column(customer::Column::RootId).column(customer::Column::OwnerPath);
    let rows: Vec<(String, i16, String, String)> = query.into_tuple().all(db).await?;
    let met =
        |(customer_id, customer_type, root_id, owner_path)| Met { customer_id, customer_type, root_id, owner_path };
    Ok(rows.into_iter().map(met).collect())
}

/// The customers that were merged into these roots, with their roots; the roots themselves are left out.
pub async fn absorbed(db: &impl ConnectionTrait, tenant: &str, roots: &[String]) -> Result<Vec<(String, String)>> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    let query = query.filter(customer::Column::RootId.is_in(roots)).select_only();
    let query = query.column(customer::Column::CustomerId).column(customer::Column::RootId);
    let rows: Vec<(String, String)> = query.order_by_asc(customer::Column::CustomerId).into_tuple().all(db).await?;
    Ok(rows.into_iter().filter(|(customer_id, root_id)| customer_id != root_id).collect())
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<customer::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.customer_id.clone()])
}

/// The ids of customers, ascending.
pub fn ids(customers: Vec<customer::Model>) -> Vec<String> {
    let mut ids: Vec<String> = customers.into_iter().map(|customer| customer.customer_id).collect();
    ids.sort_unstable();
    ids
}

fn by_id(tenant: &str, customer_id: &str) -> sea_orm::Select<customer::Entity> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
    query.filter(customer::Column::CustomerId.eq(customer_id))
}

async fn find_request(tx: &Tx, row: &customer::Model) -> Result<Option<customer::Model>> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(&row.tenant));
    Ok(query.filter(customer::Column::RequestId.eq(row.request_id.clone())).one(&**tx).await?)
}

/// Renews what customers that were just written are found by, and publishes their standings and vectors.
pub(super) async fn publish(tx: &Tx, view: &View, customers: Vec<customer::Model>) -> Result<()> {
    proposal::renew(tx, view, &customers).await?;
    let standings = consent::standings(tx, &view.tenant, &customers).await?;
    let revised = vector::revise(tx, view, customers).await?;
    vector::publish(tx, revised, standings).await.map(|_| ())
}
