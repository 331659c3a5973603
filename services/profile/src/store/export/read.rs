//! Reading customers and their vectors in the order of their numbers, some pages ahead of whoever uses them.

use huan_chassis::{
    Result,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use tokio::{sync::mpsc, task::JoinHandle};

use crate::store::{
    Store,
    entity::{customer, vector},
};

/// Customers read at once: few, so that what is read ahead of its use takes little memory.
pub const PAGE: usize = 500;
/// Pages read before they are used.
const AHEAD: usize = 4;

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

/// Customers as they are read, each page opened by a task of its own.
pub type Pages = mpsc::Receiver<JoinHandle<Result<Vec<Read>>>>;

/// Reads the customers with a vector after one, opened: a page is read while those before it are opened. It ends with
/// them, with an error, or when nobody wants more.
pub fn ahead(store: &Store, tenant: &str, after: &str) -> Pages {
    let (pages, received) = mpsc::channel(AHEAD);
    let (store, tenant, mut after) = (store.clone(), tenant.to_owned(), after.to_owned());
    tokio::spawn(async move {
        loop {
            let sealed = page(&store, &tenant, &after).await;
            let goes_on = match sealed.as_deref().map(<[Read]>::last) {
                Ok(None) => return,
                Ok(Some(last)) => {
                    after.clone_from(&last.customer_id);
                    true
                }
                Err(_) => false,
            };
            let store = store.clone();
            let opened = tokio::spawn(async move { store.db.vault()?.unseal_in_passing(sealed?).await });
            if pages.send(opened).await.is_err() || !goes_on {
                return;
            }
        }
    });
    received
}

/// The customers with a vector after one. Both tables are read by ranges of the same key.
async fn page(store: &Store, tenant: &str, after: &str) -> Result<Vec<Read>> {
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
    let query = query.column(vector::Column::Format).column(vector::Column::Payload).limit(PAGE as u64);
    let rows: Vec<(String, String, i16, String, i16, Vec<u8>)> = query.into_tuple().all(store.db.read()).await?;
    let read = |(customer_id, customer_key, kind, owner_path, format, payload)| {
        let (tenant, customer_type) = (tenant.to_owned(), i32::from(kind));
        Read { tenant, customer_id, customer_key, customer_type, owner_path, format, payload }
    };
    Ok(rows.into_iter().map(read).collect())
}
