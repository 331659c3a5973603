//! Vectors: every customer's newest, and the ordinals that stand for customers in bitmaps.

use std::collections::HashMap;

use huan_chassis::Result;
use huan_chassis::store::{
    Store, Tx,
    rows::{self, Conflict},
};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::entity::vector::{Column, Entity, Model};
use super::tenant;

/// Rows of one statement, below SQLite's limit of 32,766 bound values.
const CHUNK: usize = 1000;

/// Reads a page of a tenant's vectors in the order of their ordinals, after this one.
pub async fn page_of_vectors(store: &Store, tenant: &str, after: i64, limit: u64) -> Result<Vec<Model>> {
    let of_tenant = Entity::find().filter(Column::Tenant.eq(tenant));
    let page = of_tenant.filter(Column::Ordinal.gt(after)).order_by_asc(Column::Ordinal).limit(limit);
    Ok(page.all(store.read()).await?)
}

/// Keeps vectors of one tenant, at most one a customer, and sets each one's ordinal: the one that the customer has,
/// or the next.
pub async fn put_vectors(tx: &Tx, tenant: &str, vectors: &mut [Model]) -> Result<()> {
    // No two replicas give the same ordinal.
    tenant::lock(tx, tenant).await?;
    let known = ordinals(tx, tenant, vectors).await?;
    let mut next = next_ordinal(tx, tenant).await?;
    for vector in vectors.iter_mut() {
        vector.ordinal = known.get(&vector.customer_id).copied().unwrap_or_else(|| {
            next += 1;
            next - 1
        });
    }
    rows::write(tx, vectors.to_vec(), Conflict::Replace).await
}

/// Erases the customer of a key, and answers with the number that it had; none if there is no such customer. The ordinal
/// stays taken: another's would be seen in the memberships of before.
pub async fn erase_vector(tx: &Tx, tenant: &str, customer_key: &str) -> Result<Option<String>> {
    let of_tenant = Entity::find().filter(Column::Tenant.eq(tenant));
    let row = of_tenant.filter(Column::CustomerKey.eq(customer_key)).lock_exclusive().one(&**tx).await?;
    let Some(row) = row else { return Ok(None) };
    let erase = Entity::update_many()
        .col_expr(Column::CustomerId, Expr::value(customer_key))
        .col_expr(Column::CustomerKey, Expr::value(""))
        .col_expr(Column::RootId, Expr::value(""))
        .col_expr(Column::OwnerPath, Expr::value(""))
        .col_expr(Column::AsOf, Expr::value(0))
        .col_expr(Column::Payload, Expr::value(Vec::<u8>::new()))
        .filter(Column::Tenant.eq(tenant));
    erase.filter(Column::CustomerId.eq(&row.customer_id)).exec(&**tx).await?;
    tx.scrub([row.customer_id.as_str()]).await?;
    Ok(Some(row.customer_id))
}

/// Reads the ordinals of customers; an erased one is found by its random key. Who is not known is left out.
pub async fn ordinals_of(tx: &Tx, tenant: &str, customers: &[&str]) -> Result<HashMap<String, u32>> {
    let mut found = HashMap::with_capacity(customers.len());
    for run in rows::runs(customers) {
        let these = Entity::find().filter(Column::Tenant.eq(tenant)).filter(Column::CustomerId.is_in(run));
        let columns = these.select_only().columns([Column::CustomerId, Column::Ordinal]);
        let rows = columns.into_tuple::<(String, i64)>().all(&**tx).await?;
        found.extend(rows.into_iter().filter_map(|(id, ordinal)| Some((id, u32::try_from(ordinal).ok()?))));
    }
    Ok(found)
}

/// Reads the vectors at these ordinals.
pub async fn vectors_at(store: &Store, tenant: &str, ordinals: &[u32]) -> Result<Vec<Model>> {
    let mut found = Vec::with_capacity(ordinals.len());
    for run in rows::runs(ordinals) {
        let run = run.into_iter().map(i64::from);
        let these = Entity::find().filter(Column::Tenant.eq(tenant)).filter(Column::Ordinal.is_in(run));
        found.extend(these.all(store.read()).await?);
    }
    Ok(found)
}

async fn ordinals(tx: &Tx, tenant: &str, vectors: &[Model]) -> Result<HashMap<String, i64>> {
    let mut known = HashMap::with_capacity(vectors.len());
    for chunk in vectors.chunks(CHUNK) {
        let of_tenant = Entity::find().filter(Column::Tenant.eq(tenant));
        let these = of_tenant.filter(Column::CustomerId.is_in(chunk.iter().map(|vector| vector.customer_id.as_str())));
        let columns = these.select_only().columns([Column::CustomerId, Column::Ordinal]);
        known.extend(columns.into_tuple::<(String, i64)>().all(&**tx).await?);
    }
    Ok(known)
}

async fn next_ordinal(tx: &Tx, tenant: &str) -> Result<i64> {
    let of_tenant = Entity::find().filter(Column::Tenant.eq(tenant));
    let last = of_tenant.select_only().column_as(Column::Ordinal.max(), "last");
    Ok(last.into_tuple::<Option<i64>>().one(&**tx).await?.flatten().map_or(0, |last| last + 1))
}
