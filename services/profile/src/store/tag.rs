//! Tags on customers.

use std::collections::HashMap;

use huan_chassis::{Error, Result, clock, store::Tx};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{CHUNK, Store, customer, entity::tag, one_of, tenant::View, upsert, vector};

/// The most tags that a list shows.
const MAX_TAGS: u64 = 1000;

impl Store {
    /// Puts a tag on a customer, or renews it. Errors: NotFound.
    pub async fn attach_tag(&self, view: &View, row: tag::Model) -> Result<()> {
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &row.tenant, &row.customer_id).await?;
        let row = tag::Model { create_time: clock::micros(clock::system_now()), ..row };
        upsert(&tx, vec![row]).await?;
        let revised = vector::revise(&tx, view, vec![customer]).await?;
        vector::publish(&tx, revised, Vec::new()).await?;
        tx.commit().await
    }

    /// Takes a tag off a customer. Errors: NotFound (the customer or the tag).
    pub async fn detach_tag(&self, view: &View, customer_id: &str, name: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &view.tenant, customer_id).await?;
        let delete = tag::Entity::delete_many().filter(tag::Column::Tenant.eq(&view.tenant));
        let delete = delete.filter(tag::Column::CustomerId.eq(customer_id)).filter(tag::Column::Name.eq(name));
        if delete.exec(&*tx).await?.rows_affected == 0 {
            return Err(Error::NotFound { what: "tag", field: "name" });
        }
        let revised = vector::revise(&tx, view, vec![customer]).await?;
        vector::publish(&tx, revised, Vec::new()).await?;
        tx.commit().await
    }

    /// Lists the tags that hold on a customer's profile by name. Errors: NotFound.
    pub async fn list_tags(&self, view: &View, customer_id: &str) -> Result<Vec<tag::Model>> {
        let ids = customer::members(self.db.read(), &view.tenant, customer_id).await?;
        of(self.db.read(), &view.tenant, &ids, clock::micros(view.time.now())).await
    }
}

/// The tags that hold on a profile's customers at a moment, by name.
pub async fn of(db: &impl ConnectionTrait, tenant: &str, ids: &[String], now: i64) -> Result<Vec<tag::Model>> {
    let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
    let query = query.filter(one_of(tag::Column::CustomerId, ids)).filter(tag::Column::ExpireTime.gt(now));
    Ok(query.order_by_asc(tag::Column::Name).order_by_asc(tag::Column::CustomerId).limit(MAX_TAGS).all(db).await?)
}

/// The names of the tags that hold at a moment, ascending, by customer. The moment is compared here: SQLite would take
/// the index of ends for it, and walk over the whole tenant.
pub async fn names(tx: &Tx, tenant: &str, ids: &[&str], now: i64) -> Result<HashMap<String, Vec<String>>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for ids in ids.chunks(CHUNK) {
        let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
        let query = query.filter(tag::Column::CustomerId.is_in(ids.iter().copied())).select_only();
        let query = query.column(tag::Column::CustomerId).column(tag::Column::Name);
        let rows: Vec<(String, String, i64)> = query.column(tag::Column::ExpireTime).into_tuple().all(&**tx).await?;
        for (customer_id, name, _) in rows.into_iter().filter(|(_, _, expire_time)| *expire_time > now) {
            found.entry(customer_id).or_default().push(name);
        }
    }
    found.values_mut().for_each(|names| names.sort());
    Ok(found)
}
