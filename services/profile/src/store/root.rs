//! Profiles as they stand after merges: a root and the customers that were merged into it. What is computed (vectors,
//! standings) exists for roots only, from the rows of all.
//!
//! Locks: whoever holds a customer's row holds its place in a profile too, since a merge locks every customer of both
//! profiles. Writers of two customers of one profile meet at the row of the root's vector, which is locked after all
//! customers, so that no two wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use huan_chassis::{
    Identity, Result,
    store::{Tx, rows::runs},
    vault::Vault,
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::entity::{customer, vector};
use crate::{convert, merge};

/// A profile: its root, and the customers that were merged into it in the order of their ids.
#[derive(Debug, Clone)]
pub struct Root {
    /// The customer whose profile it is.
    pub customer: customer::Model,
    /// The others.
    pub others: Vec<customer::Model>,
}

impl Root {
    /// The profile of a customer that nobody was merged into.
    pub fn alone(customer: customer::Model) -> Self {
        Self { customer, others: Vec::new() }
    }

    /// All its customers, the root first.
    pub fn members(&self) -> impl Iterator<Item = &customer::Model> {
        std::iter::once(&self.customer).chain(&self.others)
    }

    /// The ids of all its customers, the root's first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.members().map(|member| member.customer_id.as_str())
    }

    /// Whether the profile lies within a caller's scope; a token of one customer sees the profile of that customer.
    pub fn is_seen_by(&self, by: &Identity) -> bool {
        let own = by.customer_id.as_deref().filter(|own| self.ids().any(|id| id == *own));
        by.check_owner("customer_id", own.unwrap_or(&self.customer.customer_id), &self.customer.owner_path).is_ok()
    }

    /// What its customers are together. Error: internal, if an envelope does not open.
    pub fn message(&self) -> Result<pb::Customer> {
        let root = convert::customer::message(&self.customer)?;
        let others = self.others.iter().map(convert::customer::message).collect::<Result<Vec<_>>>()?;
        Ok(merge::together(root, &others))
    }
}

/// The profiles that locked customers are part of, in the order of their roots' ids. Those of several customers are
/// locked too.
pub async fn lock(tx: &Tx, tenant: &str, customers: Vec<customer::Model>) -> Result<Vec<Root>> {
    let (merged, alone): (Vec<_>, Vec<_>) = customers.into_iter().partition(is_merged);
    let mut roots: Vec<Root> = alone.into_iter().map(Root::alone).collect();
    if !merged.is_empty() {
        let ids: BTreeSet<String> = merged.into_iter().map(|customer| customer.root_id).collect();
        lock_vectors(tx, tenant, &ids).await?;
        roots.extend(unseal(tx.vault()?, read(&**tx, tenant, &ids).await?).await?);
        roots.sort_by(|one, other| one.customer.customer_id.cmp(&other.customer.customer_id));
    }
    Ok(roots)
}

/// The profiles that customers are part of, in the order of their roots' ids, without locks; the envelopes stay sealed.
pub async fn of(db: &impl ConnectionTrait, tenant: &str, customers: Vec<customer::Model>) -> Result<Vec<Root>> {
    let (merged, alone): (Vec<_>, Vec<_>) = customers.into_iter().partition(is_merged);
    let mut roots: Vec<Root> = alone.into_iter().map(Root::alone).collect();
    if !merged.is_empty() {
        let ids = merged.into_iter().map(|customer| customer.root_id).collect();
        roots.extend(read(db, tenant, &ids).await?);
        roots.sort_by(|one, other| one.customer.customer_id.cmp(&other.customer.customer_id));
    }
    Ok(roots)
}

/// Opens the envelopes of profiles that were read. An erased customer's has nothing in it.
pub async fn unseal(vault: &Vault, roots: Vec<Root>) -> Result<Vec<Root>> {
    let others: Vec<usize> = roots.iter().map(|root| root.others.len()).collect();
    let rows = roots.into_iter().flat_map(|root| std::iter::once(root.customer).chain(root.others)).collect();
    let mut rows = vault.unseal_blank(rows).await?.into_iter();
    let root = |others| Some(Root { customer: rows.next()?, others: rows.by_ref().take(others).collect() });
    Ok(others.into_iter().filter_map(root).collect())
}

fn is_merged(customer: &customer::Model) -> bool {
    customer.absorbed > 0 || customer.root_id != customer.customer_id
}

/// Locks the vectors of these roots in the order of their ids.
pub async fn lock_vectors(tx: &Tx, tenant: &str, ids: &BTreeSet<String>) -> Result<()> {
    let ids: Vec<&String> = ids.iter().collect();
    for ids in runs(&ids) {
        let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant)).select_only();
        let query = query.filter(vector::Column::CustomerId.is_in(ids.iter().copied()));
        let query = query.column(vector::Column::CustomerId).order_by_asc(vector::Column::CustomerId);
        query.lock_exclusive().into_tuple::<String>().all(&**tx).await?;
    }
    Ok(())
}

async fn read(db: &impl ConnectionTrait, tenant: &str, ids: &BTreeSet<String>) -> Result<Vec<Root>> {
    let ids: Vec<&String> = ids.iter().collect();
    let mut found: BTreeMap<String, Vec<customer::Model>> = BTreeMap::new();
    for ids in runs(&ids) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query = query.filter(customer::Column::RootId.is_in(ids.iter().copied()));
        for row in query.order_by_asc(customer::Column::CustomerId).all(db).await? {
            found.entry(row.root_id.clone()).or_default().push(row);
        }
    }
    let root = |(root_id, mut members): (String, Vec<customer::Model>)| {
        let place = members.iter().position(|member| member.customer_id == root_id)?;
        Some(Root { customer: members.remove(place), others: members })
    };
    Ok(found.into_iter().filter_map(root).collect())
}
