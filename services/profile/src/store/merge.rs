//! Merges: edges between customers that can be taken back. Making one or taking one back locks every customer of the
//! profiles that it touches, works out whose profile each of them is part of now, and computes those profiles anew.

use std::collections::{BTreeMap, BTreeSet};

use huan_chassis::{
    Error, Identity, Result, clock,
    feed::{self, Position},
    store::Tx,
};
use huan_proto::profile::v1::MergeReason;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Store, consent, customer,
    entity::{customer as customer_entity, merge_edge, vector as vector_entity},
    related, root,
    seal::upsert_sealed,
    tenant::View,
    upsert, vector,
};
use crate::{
    convert,
    merge::{MAX_MEMBERS, roots},
};

/// The most merges that a list shows.
const MAX_LISTED: u64 = 1000;
/// How often a merge begins anew because the profiles have changed under it.
const ATTEMPTS: usize = 50;

/// A merge to be made.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The request that asks; none if no request does.
    pub request_id: Option<String>,
    /// Who is to become part of the other's profile.
    pub absorbed: String,
    /// Whose profile it is to become part of.
    pub survivor: String,
    /// Why.
    pub reason: MergeReason,
    /// Who asks.
    pub made_by: String,
}

/// A merge, and the feed position that has seen what was done about it; none if nothing was.
pub type Done = (merge_edge::Model, Option<Position>);

impl Store {
    /// Merges two customers. The same request again answers with the same merge. Errors: NotFound; Invalid if the
    /// request's id was used for others; WrongState if the two are merged already or the profile gets too large.
    pub async fn merge_customers(&self, view: &View, ask: &Ask) -> Result<Done> {
        for _ in 0..ATTEMPTS {
            let tx = self.db.begin().await?;
            if let Some(found) = find_request(&*tx, view, ask).await? {
                let same = (&found.absorbed, &found.survivor) == (&ask.absorbed, &ask.survivor);
                return if same { Ok((found, None)) } else { Err(Error::invalid("request_id", "was used for others")) };
            }
            let Some(Locked { customers, between }) = lock_profiles(&tx, view, &[&ask.absorbed, &ask.survivor]).await?
            else {
                continue;
            };
            check(&customers, ask)?;
            let mut edges = holding(&*tx, &view.tenant, &customers).await?;
            let same = |edge: &merge_edge::Model| (&edge.absorbed, &edge.survivor) == (&ask.absorbed, &ask.survivor);
            if edges.iter().any(same) {
                return Err(Error::WrongState { what: "customer", state: "merged into this one already".to_owned() });
            }
            let edge = edge(view, ask, edges.last().map_or(0, |last| last.create_time + 1));
            merge_edge::Entity::insert(edge.clone().into_active_model()).exec_without_returning(&*tx).await?;
            edges.push(edge.clone());
            let position = self.regroup(&tx, view, Locked { customers, between }, &edges).await?;
            tx.commit().await?;
            return Ok((edge, Some(position)));
        }
        Err(Error::Overloaded)
    }

    /// Takes a merge back; one that was taken back before stays so. Errors: NotFound, for one outside the caller's
    /// scope too.
    pub async fn unmerge_customers(&self, view: &View, by: &Identity, merge_id: &str) -> Result<Done> {
        let edge = find(self.db.read(), &view.tenant, merge_id).await?;
        self.check_pair(view, by, &edge.absorbed, &edge.survivor, missing).await?;
        for _ in 0..ATTEMPTS {
            let tx = self.db.begin().await?;
            let Some(Locked { customers, between }) =
                lock_profiles(&tx, view, &[&edge.absorbed, &edge.survivor]).await?
            else {
                continue;
            };
            let edge = find(&*tx, &view.tenant, merge_id).await?;
            if !edge.holds {
                return Ok((edge, None));
            }
            let revoke_time = clock::micros(clock::system_now());
            let edge = merge_edge::Model { holds: false, revoked_by: by.subject.clone(), revoke_time, ..edge };
            upsert(&tx, vec![edge.clone()]).await?;
            let edges = holding(&*tx, &view.tenant, &customers).await?;
            let position = self.regroup(&tx, view, Locked { customers, between }, &edges).await?;
            tx.commit().await?;
            return Ok((edge, Some(position)));
        }
        Err(Error::Overloaded)
    }

    /// Lists the merges of a customer's profile, and those of the customer that were taken back, newest first. Errors:
    /// NotFound.
    pub async fn list_merges(&self, tenant: &str, customer_id: &str) -> Result<Vec<merge_edge::Model>> {
        let members = customer::members(self.db.read(), tenant, customer_id).await?;
        let of_tenant = || merge_edge::Entity::find().filter(merge_edge::Column::Tenant.eq(tenant));
        let own = [merge_edge::Column::Absorbed, merge_edge::Column::Survivor];
        let of_profile = of_tenant().filter(merge_edge::Column::Absorbed.is_in(members));
        let queries = own.map(|column| of_tenant().filter(column.eq(customer_id)));
        let mut found = BTreeMap::new();
        // Each by an index of its own: of several conditions SQLite would take none.
        for query in queries.into_iter().chain([of_profile.filter(merge_edge::Column::Holds.eq(true))]) {
            let rows =
                query.order_by_desc(merge_edge::Column::CreateTime).limit(MAX_LISTED).all(self.db.read()).await?;
            found.extend(rows.into_iter().map(|row| ((row.create_time, row.merge_id.clone()), row)));
        }
        Ok(found.into_values().rev().take(MAX_LISTED as usize).collect())
    }

    /// Refuses a pair of customers that do not both lie within the caller's scope.
    pub(super) async fn check_pair(
        &self,
        view: &View,
        by: &Identity,
        one: &str,
        other: &str,
        missing: fn() -> Error,
    ) -> Result<()> {
        for id in [one, other] {
            let owner = customer::whole(self.db.read(), &view.tenant, id).await?.customer.owner_path;
            by.check_owner("customer_id", id, &owner).map_err(|_| missing())?;
        }
        Ok(())
    }

    /// Writes whose profile each of these locked customers is part of, and publishes those profiles anew, and those that
    /// are bound to several of them.
    async fn regroup(
        &self,
        tx: &Tx,
        view: &View,
        Locked { customers, between }: Locked,
        edges: &[merge_edge::Model],
    ) -> Result<Position> {
        let old: BTreeSet<String> = customers.iter().map(|customer| customer.root_id.clone()).collect();
        root::lock_vectors(tx, &view.tenant, &old).await?;
        let (now, moved) = regrouped(customers, edges);
        upsert_sealed(tx, now.values().cloned().collect()).await?;
        delete_vectors(tx, &view.tenant, old.iter().filter(|id| now.get(*id).is_some_and(|row| row.root_id != **id)))
            .await?;
        let merged = |id: &String| {
            let customer = now.get(id)?;
            let change = convert::feed::merge(now.get(&customer.root_id)?);
            Some(convert::feed::customer_row(customer, change, None))
        };
        let mut rows: Vec<feed::Row> = moved.iter().filter_map(merged).collect();
        let roots: Vec<_> = now.values().filter(|row| row.root_id == row.customer_id).cloned().collect();
        rows.extend(consent::standings(tx, &view.tenant, &roots).await?);
        let mut revised = vector::rebuild(tx, view, roots).await?;
        let others = vector::revise(tx, view, between).await?;
        revised.extend(others.into_iter().filter(|revised| revised.changed));
        vector::publish(tx, revised, rows).await
    }
}

/// The customers as they stand under these edges, and the ids of those whose root has changed.
fn regrouped(
    customers: Vec<customer_entity::Model>,
    edges: &[merge_edge::Model],
) -> (BTreeMap<String, customer_entity::Model>, Vec<String>) {
    let pairs: Vec<(&str, &str)> = edges.iter().map(|edge| (edge.absorbed.as_str(), edge.survivor.as_str())).collect();
    let ids: Vec<String> = customers.iter().map(|customer| customer.customer_id.clone()).collect();
    let roots = roots(ids.iter().map(String::as_str), &pairs);
    let mut moved = Vec::new();
    let mut now = BTreeMap::new();
    for customer in customers {
        let id = customer.customer_id.clone();
        let root_id = roots.get(id.as_str()).map_or_else(|| id.clone(), |root| (*root).to_owned());
        if root_id != customer.root_id {
            moved.push(id.clone());
        }
        let members = roots.values().filter(|root| **root == root_id).count();
        let of_profile = edges.iter().filter(|edge| roots.get(edge.survivor.as_str()) == Some(&root_id.as_str()));
        let merge_time = of_profile.map(|edge| edge.create_time).max().unwrap_or(0);
        let row = customer_entity::Model { root_id, absorbed: members as i32 - 1, merge_time, ..customer };
        now.insert(id, row);
    }
    (now, moved)
}

/// What a merge locks.
struct Locked {
    /// All customers of both profiles.
    customers: Vec<customer_entity::Model>,
    /// One customer of each profile that is bound to several of those by relations that are counted.
    between: Vec<customer_entity::Model>,
}

/// Locks all customers of the profiles of these, and those between them, in the order of their ids. None: the profiles
/// or their relations have changed meanwhile.
async fn lock_profiles(tx: &Tx, view: &View, ids: &[&str]) -> Result<Option<Locked>> {
    let tenant = view.tenant.as_str();
    let before = members(&**tx, tenant, ids).await?;
    let between = related::between(tx, view, &before).await?;
    let all: BTreeSet<String> = before.iter().chain(&between).cloned().collect();
    let locked = customer::lock(tx, tenant, &all.into_iter().collect::<Vec<_>>()).await?;
    // Nobody joins or leaves a profile, nor gets bound to it, while its customers are locked.
    if members(&**tx, tenant, ids).await? != before || related::between(tx, view, &before).await? != between {
        return Ok(None);
    }
    let (between, customers) = locked.into_iter().partition(|row| between.binary_search(&row.customer_id).is_ok());
    Ok(Some(Locked { customers, between }))
}

/// The ids of all customers of the profiles of these, ascending.
pub(super) async fn members(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<Vec<String>> {
    let of_tenant = || customer_entity::Entity::find().filter(customer_entity::Column::Tenant.eq(tenant)).select_only();
    let named = of_tenant().filter(customer_entity::Column::CustomerId.is_in(ids.iter().copied()));
    let roots: Vec<String> = named.column(customer_entity::Column::RootId).into_tuple().all(db).await?;
    let all = of_tenant().filter(customer_entity::Column::RootId.is_in(roots));
    let all = all.column(customer_entity::Column::CustomerId).order_by_asc(customer_entity::Column::CustomerId);
    let mut ids: Vec<String> = all.into_tuple().all(db).await?;
    // In the order of bytes, whatever the database's collation.
    ids.sort_unstable();
    Ok(ids)
}

fn check(customers: &[customer_entity::Model], ask: &Ask) -> Result<()> {
    let known = |id: &str| customers.iter().any(|customer| customer.customer_id == id);
    if !known(&ask.survivor) {
        return Err(Error::NotFound { what: "customer", field: "survivor_customer_id" });
    }
    if !known(&ask.absorbed) {
        return Err(Error::NotFound { what: "customer", field: "absorbed_customer_id" });
    }
    if customers.len() > MAX_MEMBERS {
        return Err(Error::WrongState { what: "profile", state: format!("full with {MAX_MEMBERS} customers") });
    }
    Ok(())
}

fn edge(view: &View, ask: &Ask, not_before: i64) -> merge_edge::Model {
    merge_edge::Model {
        tenant: view.tenant.clone(),
        merge_id: uuid::Uuid::now_v7().simple().to_string(),
        request_id: ask.request_id.clone(),
        absorbed: ask.absorbed.clone(),
        survivor: ask.survivor.clone(),
        reason: ask.reason as i16,
        holds: true,
        made_by: ask.made_by.clone(),
        create_time: clock::micros(clock::system_now()).max(not_before),
        revoked_by: String::new(),
        revoke_time: 0,
    }
}

fn missing() -> Error {
    Error::NotFound { what: "merge", field: "merge_id" }
}

async fn find(db: &impl ConnectionTrait, tenant: &str, merge_id: &str) -> Result<merge_edge::Model> {
    let key = (tenant.to_owned(), merge_id.to_owned());
    merge_edge::Entity::find_by_id(key).one(db).await?.ok_or_else(missing)
}

async fn find_request(db: &impl ConnectionTrait, view: &View, ask: &Ask) -> Result<Option<merge_edge::Model>> {
    let Some(request_id) = &ask.request_id else { return Ok(None) };
    let query = merge_edge::Entity::find().filter(merge_edge::Column::Tenant.eq(&view.tenant));
    Ok(query.filter(merge_edge::Column::RequestId.eq(request_id)).one(db).await?)
}

/// The merges that hold among these customers, in the order in which they were made.
async fn holding(
    db: &impl ConnectionTrait,
    tenant: &str,
    customers: &[customer_entity::Model],
) -> Result<Vec<merge_edge::Model>> {
    let ids = customers.iter().map(|customer| customer.customer_id.as_str());
    let query = merge_edge::Entity::find().filter(merge_edge::Column::Tenant.eq(tenant));
    let query = query.filter(merge_edge::Column::Absorbed.is_in(ids)).filter(merge_edge::Column::Holds.eq(true));
    Ok(query.order_by_asc(merge_edge::Column::CreateTime).order_by_asc(merge_edge::Column::MergeId).all(db).await?)
}

async fn delete_vectors(tx: &Tx, tenant: &str, ids: impl Iterator<Item = &String>) -> Result<()> {
    let ids: Vec<&String> = ids.collect();
    if ids.is_empty() {
        return Ok(());
    }
    let delete = vector_entity::Entity::delete_many().filter(vector_entity::Column::Tenant.eq(tenant));
    delete.filter(vector_entity::Column::CustomerId.is_in(ids)).exec(&**tx).await?;
    Ok(())
}
