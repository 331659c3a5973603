//! Reading customers and their vectors in the order of their numbers, some pages ahead of whoever uses them.

use huan_chassis::{
    Result,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use tokio::sync::mpsc;

use crate::store::{
    Store,
    entity::{customer, vector},
};

/// Customers read at once: few, so that what is read ahead of its use takes little memory.
const PAGE: usize = 500;
/// Pages read before they are used.
pub const AHEAD: usize = 4;

/// A customer as it is read.
#[derive(Debug)]
pub struct Read {
    pub tenant: String,
    pub customer_id: String,
    pub customer_key: String,
    pub customer_type: i32,
    pub owner_path: String,
    pub format: i16,
    pub payload: Vec<u8>,
}

impl Enveloped for Read {
    const TABLE: &'static str = vector::Model::TABLE;

    fn whose(&self) -> (&str, &str) {
        (&self.tenant, &self.customer_id)
    }

    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
        let Self { format, customer_key, payload, .. } = self;
        std::iter::once(Envelope { format, key_id: customer_key, payload })
    }

    fn key(&self) -> &str {
        &self.customer_key
    }
}

/// Reads as many customers with a vector after one as are left, in pages that are still sealed. It ends with them, with
/// an error, or when nobody wants more.
pub fn ahead(store: &Store, tenant: &str, after: &str, mut left: usize) -> mpsc::Receiver<Result<Vec<Read>>> {
    let (pages, received) = mpsc::channel(AHEAD);
    let (store, tenant, mut after) = (store.clone(), tenant.to_owned(), after.to_owned());
    tokio::spawn(async move {
        while left > 0 {
            let limit = left.min(PAGE);
            let page = page(&store, &tenant, &after, limit).await;
            match page.as_ref().map(|page| page.last()) {
                Ok(None) => return,
                Ok(Some(last)) => after.clone_from(&last.customer_id),
                Err(_) => left = limit,
            }
            left -= limit;
            if pages.send(page).await.is_err() {
                return;
            }
        }
    });
    received
}

/// The customers with a vector after one. Both tables are read by ranges of the same key.
async fn page(store: &Store, tenant: &str, after: &str, limit: usize) -> Result<Vec<Read>> {
    let same = |column: vector::Column, other: customer::Column| {
        Expr::col((vector::Entity, column)).eq(Expr::col((customer::Entity, other)))
    };
    let of_customer = same(vector::Column::Tenant, customer::Column::Tenant)
        .and(same(vector::Column::CustomerId, customer::Column::CustomerId));
    let mut query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant)).select_only();
    QuerySelect::query(&mut query).inner_join(customer::Entity, of_customer);
    let query = query.filter(vector::Column::CustomerId.gt(after)).order_by_asc(vector::Column::CustomerId);
    let query = query.column(vector::Column::CustomerId).column(customer::Column::CustomerKey);
    let query = query.column(customer::Column::CustomerType).column(customer::Column::OwnerPath);
    let query = query.column(vector::Column::Format).column(vector::Column::Payload).limit(limit as u64);
    let rows: Vec<(String, String, i16, String, i16, Vec<u8>)> = query.into_tuple().all(store.db.read()).await?;
    let read = |(customer_id, customer_key, kind, owner_path, format, payload)| {
        let (tenant, customer_type) = (tenant.to_owned(), i32::from(kind));
        Read { tenant, customer_id, customer_key, customer_type, owner_path, format, payload }
    };
    Ok(rows.into_iter().map(read).collect())
}
