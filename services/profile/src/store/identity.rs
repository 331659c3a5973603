//! Identities.

use huan_chassis::{Error, Identity, Result, store::is_unique_violation};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect};

use super::{Store, customer, entity::identity};
use crate::convert;

/// The most identities of a customer.
const MAX_IDENTITIES: u64 = 1000;

impl Store {
    /// Gives a customer an identity. Errors: NotFound; AlreadyExists if another customer has it; WrongState if the
    /// customer has too many.
    pub async fn add_identity(&self, row: identity::Model) -> Result<()> {
        let tx = self.db.begin().await?;
        customer::lock_one(&tx, &row.tenant, &row.customer_id).await?;
        let taken = || Error::AlreadyExists { what: "identity", field: "identity" };
        if let Some(found) = find(&*tx, &row).await? {
            return if found.customer_id == row.customer_id { Ok(()) } else { Err(taken()) };
        }
        if of_customer(&row.tenant, &row.customer_id).count(&*tx).await? >= MAX_IDENTITIES {
            return Err(Error::WrongState {
                what: "customer",
                state: format!("full with {MAX_IDENTITIES} identities"),
            });
        }
        let insert = identity::Entity::insert(row.into_active_model());
        let inserted = insert.exec_without_returning(&*tx).await;
        inserted.map_err(|error| if is_unique_violation(&error) { taken() } else { error.into() })?;
        tx.commit().await
    }

    /// Lists a customer's identities in the order of namespace and value. Errors: NotFound.
    pub async fn list_identities(&self, tenant: &str, customer_id: &str) -> Result<Vec<pb::Identity>> {
        customer::find(self.db.read(), tenant, customer_id).await?;
        of(self.db.read(), tenant, customer_id).await
    }

    /// Finds the customer of an identity. Errors: NotFound, for one outside the caller's scope too.
    pub async fn resolve_identity(&self, by: &Identity, row: &identity::Model) -> Result<String> {
        let missing = || Error::NotFound { what: "identity", field: "identity" };
        let found = find(self.db.read(), row).await?.ok_or_else(missing)?;
        let customer = customer::find(self.db.read(), &row.tenant, &found.customer_id).await?;
        by.check_owner("identity", &customer.customer_id, &customer.owner_path).map_err(|_| missing())?;
        Ok(customer.customer_id)
    }

    /// Takes an identity away from its customer. Errors: NotFound.
    pub async fn delete_identity(&self, row: &identity::Model) -> Result<()> {
        let tx = self.db.begin().await?;
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

/// A customer's identities in the order of namespace and value. The values lie in envelopes, so they are put in order
/// here.
pub async fn of(db: &impl ConnectionTrait, tenant: &str, customer_id: &str) -> Result<Vec<pb::Identity>> {
    let rows = of_customer(tenant, customer_id).limit(MAX_IDENTITIES).all(db).await?;
    let mut identities = rows.iter().map(convert::identity::message).collect::<Result<Vec<_>>>()?;
    identities.sort_by(|one, other| (&one.namespace, &one.value).cmp(&(&other.namespace, &other.value)));
    Ok(identities)
}

fn of_customer(tenant: &str, customer_id: &str) -> sea_orm::Select<identity::Entity> {
    let query = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
    query.filter(identity::Column::CustomerId.eq(customer_id))
}

async fn find(db: &impl ConnectionTrait, row: &identity::Model) -> Result<Option<identity::Model>> {
    let query = identity::Entity::find().filter(identity::Column::Tenant.eq(&row.tenant));
    let query = query.filter(identity::Column::Namespace.eq(&row.namespace));
    Ok(query.filter(identity::Column::ValueHash.eq(&row.value_hash)).one(db).await?)
}
