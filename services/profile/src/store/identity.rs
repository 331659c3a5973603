//! Identities.

use std::collections::{BTreeMap, HashMap, HashSet};

use huan_chassis::{
    Error, Identity, Result, clock,
    feed::{self, Position},
    store::{Tx, is_unique_violation, rows::Conflict},
    vault::Vault,
};
use huan_proto::profile::v1::{self as pb, MergeReason};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect};

use super::{
    CHUNK, Store, consent, customer,
    customer_key::CustomerKeys,
    entity::{customer as customer_entity, identity},
    hold, merge, one_of,
    seal::{seal, write_sealed},
    tenant::View,
};
use crate::convert::{self, identity::APP_DEVICE};

/// The most identities of a customer.
pub const MAX_IDENTITIES: u64 = 1000;

impl Store {
    /// Gives a customer an identity. Errors: NotFound; AlreadyExists if another profile has it; WrongState if the
    /// customer has too many.
    pub async fn add_identity(&self, row: identity::Model) -> Result<()> {
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &row.tenant, &row.customer_id).await?;
        let taken = || Error::AlreadyExists { what: "identity", field: "identity" };
        if let Some(found) = find(&*tx, &row).await? {
            let owner = customer::find(&*tx, &row.tenant, &found.customer_id).await?;
            return if owner.root_id == customer.root_id { Ok(()) } else { Err(taken()) };
        }
        if of_customers(&row.tenant, std::slice::from_ref(&row.customer_id)).count(&*tx).await? >= MAX_IDENTITIES {
            return Err(Error::WrongState {
                what: "customer",
                state: format!("full with {MAX_IDENTITIES} identities"),
            });
        }
        let sealed = seal(&tx, vec![row]).await?.into_iter().map(IntoActiveModel::into_active_model);
        let inserted = identity::Entity::insert_many(sealed).exec_without_returning(&*tx).await;
        inserted.map_err(|error| if is_unique_violation(&error) { taken() } else { error.into() })?;
        tx.commit().await
    }

    /// Lists the identities of a customer's profile in the order of namespace and value. Errors: NotFound.
    pub async fn list_identities(&self, tenant: &str, customer_id: &str) -> Result<Vec<pb::Identity>> {
        let ids = customer::members(self.db.read(), tenant, customer_id).await?;
        of(self.db.read(), self.db.vault()?, tenant, &ids).await
    }

    /// Finds the customer of an identity, or the one whose profile that is part of. Errors: NotFound, for one outside the caller's scope too.
    pub async fn resolve_identity(&self, by: &Identity, row: &identity::Model) -> Result<String> {
        let missing = || Error::NotFound { what: "identity", field: "identity" };
        let found = find(self.db.read(), row).await?.ok_or_else(missing)?;
        let root = customer::whole(self.db.read(), &row.tenant, &found.customer_id).await?;
        if root.is_seen_by(by) { Ok(root.customer.customer_id) } else { Err(missing()) }
    }

    /// Gives a device to the customer who logged in on it; what an anonymous visitor did on it joins the customer.
    /// Answers with the merge, "" if there was none. Errors: NotFound; AlreadyExists if the device is another
    /// customer's; WrongState if the customer or the profile is full.
    pub async fn join_device(
        &self,
        view: &View,
        by: &Identity,
        row: identity::Model,
    ) -> Result<(String, Option<Position>)> {
        let customer = customer::find(self.db.read(), &row.tenant, &row.customer_id).await?;
        let Some(found) = find(self.db.read(), &row).await? else {
            return self.add_identity(row).await.map(|()| Default::default());
        };
        let owner = customer::find(self.db.read(), &row.tenant, &found.customer_id).await?;
        if owner.root_id == customer.root_id {
            return Ok(Default::default());
        }
        if owner.customer_id != anonymous_id(&found) || owner.root_id != owner.customer_id {
            return Err(Error::AlreadyExists { what: "identity", field: "identity" });
        }
        let ask = merge::Ask {
            request_id: None,
            absorbed: owner.customer_id,
            survivor: customer.customer_id,
            reason: MergeReason::Login,
            made_by: by.subject.clone(),
        };
        let (edge, position) = self.merge_customers(view, &ask).await?;
        Ok((edge.merge_id, position))
    }

    /// Takes an identity away from its customer. Errors: NotFound; LegalHold.
    pub async fn delete_identity(&self, row: &identity::Model) -> Result<()> {
        let tx = self.db.begin().await?;
        hold::check(&customer::lock_one(&tx, &row.tenant, &row.customer_id).await?)?;
        let delete = identity::Entity::delete_many().filter(identity::Column::Tenant.eq(&row.tenant));
        let delete = delete.filter(identity::Column::Namespace.eq(&row.namespace));
        let delete = delete.filter(identity::Column::ValueHash.eq(&row.value_hash));
        let deleted = delete.filter(identity::Column::CustomerId.eq(&row.customer_id)).exec(&*tx).await?;
        if deleted.rows_affected == 0 {
            return Err(Error::NotFound { what: "identity", field: "identity" });
        }
        tx.commit().await
    }
}

/// Finds whose identities these are, by namespace and hash of the value. A device that nobody knows begins an anonymous
/// prospect of the whole bank, whose standing is published here; the vector is the caller's to publish. To be called
/// before customers are locked.
pub async fn resolve_or_create(
    tx: &Tx,
    view: &View,
    rows: Vec<identity::Model>,
) -> Result<HashMap<(String, String), String>> {
    let mut known = resolve(&**tx, &view.tenant, &rows).await?;
    let is_new = |row: &identity::Model| {
        row.namespace == APP_DEVICE && !known.contains_key(&(row.namespace.clone(), row.value_hash.clone()))
    };
    let fresh: BTreeMap<String, identity::Model> =
        rows.into_iter().filter(is_new).map(|row| (anonymous_id(&row), row)).collect();
    if fresh.is_empty() {
        return Ok(known);
    }
    let now = clock::micros(clock::system_now());
    let keys = CustomerKeys::draw();
    let visitors: Vec<customer_entity::Model> =
        fresh.keys().map(|id| convert::customer::visitor(&view.tenant, id, keys.next_key(), now)).collect();
    write_sealed(tx, visitors.clone(), Conflict::Leave).await?;
    let of_visitor =
        |(id, row): (&String, &identity::Model)| identity::Model { customer_id: id.clone(), ..row.clone() };
    write_sealed(tx, fresh.iter().map(of_visitor).collect(), Conflict::Leave).await?;
    // Another transaction may have begun the same visitor, or have given the device to a customer.
    known.extend(resolve(&**tx, &view.tenant, &fresh.into_values().collect::<Vec<_>>()).await?);
    let begun: HashSet<&String> = known.values().collect();
    let visitors = visitors.into_iter().filter(|visitor| begun.contains(&visitor.customer_id)).collect();
    let visitors = customer::lock(tx, &view.tenant, &customer::ids(visitors)).await?;
    let standings = consent::standings(tx, &view.tenant, &visitors).await?;
    feed::publish(tx, standings).await?;
    Ok(known)
}

/// The id of the anonymous visitor on a device.
fn anonymous_id(device: &identity::Model) -> String {
    format!("anon_{}", device.value_hash.get(..24).unwrap_or(&device.value_hash))
}

/// Finds whose identities these are, by namespace and hash of the value.
pub async fn resolve(
    db: &impl ConnectionTrait,
    tenant: &str,
    rows: &[identity::Model],
) -> Result<HashMap<(String, String), String>> {
    let mut namespaces: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        namespaces.entry(&row.namespace).or_default().push(&row.value_hash);
    }
    let mut found = HashMap::with_capacity(rows.len());
    for (namespace, hashes) in namespaces {
        for hashes in hashes.chunks(CHUNK) {
            let query = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
            let query = query.filter(identity::Column::Namespace.eq(namespace));
            let query = query.filter(identity::Column::ValueHash.is_in(hashes.iter().copied()));
            let rows = query.all(db).await?;
            found.extend(rows.into_iter().map(|row| ((row.namespace, row.value_hash), row.customer_id)));
        }
    }
    Ok(found)
}

/// The identities of a profile's customers in the order of namespace and value. The values lie in envelopes, so they are
/// put in order here.
pub async fn of(db: &impl ConnectionTrait, vault: &Vault, tenant: &str, ids: &[String]) -> Result<Vec<pb::Identity>> {
    let rows = of_customers(tenant, ids).limit(MAX_IDENTITIES).all(db).await?;
    let rows = vault.unseal(rows).await?;
    let mut identities = rows.iter().map(convert::identity::message).collect::<Result<Vec<_>>>()?;
    identities.sort_by(|one, other| (&one.namespace, &one.value).cmp(&(&other.namespace, &other.value)));
    Ok(identities)
}

fn of_customers(tenant: &str, ids: &[String]) -> sea_orm::Select<identity::Entity> {
    let query = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
    query.filter(one_of(identity::Column::CustomerId, ids))
}

/// Finds the row of an identity.
pub async fn find(db: &impl ConnectionTrait, row: &identity::Model) -> Result<Option<identity::Model>> {
    let query = identity::Entity::find().filter(identity::Column::Tenant.eq(&row.tenant));
    let query = query.filter(identity::Column::Namespace.eq(&row.namespace));
    Ok(query.filter(identity::Column::ValueHash.eq(&row.value_hash)).one(db).await?)
}
