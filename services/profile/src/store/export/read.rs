//! Reading customers and their vectors in the order of their numbers, some pages ahead of whoever writes them. Each page
//! is made columns by a task of its own: whoever writes those works alone, and is what all others wait for.

use std::sync::Arc;

use arrow_array::RecordBatch;
use huan_chassis::{
    Error, Result,
    store::lists,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr};
use tokio::{
    sync::mpsc,
    task::{JoinHandle, yield_now},
};

use crate::{
    convert::envelope,
    part::{Columns, Row, Table},
    store::{
        Store,
        entity::{customer, vector},
    },
};

/// Pages that wait for whoever writes them.
const AHEAD: usize = 8;

/// A customer as it is read.
#[derive(Debug)]
struct Read {
    tenant: String,
    customer_id: String,
    customer_key: String,
    customer_type: i32,
    owner_path: String,
    format: i16,
    payload: Vec<u8>,
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

/// Customers as columns.
#[derive(Debug)]
pub struct Page {
    /// The columns.
    pub columns: RecordBatch,
    /// The first and the last customer.
    pub ends: (String, String),
}

/// Pages of customers, which may be none who are left.
pub type Pages = mpsc::Receiver<JoinHandle<Result<Option<Page>>>>;

/// Reads the customers with a vector after one: a page is read while those before it become columns. It ends with them,
/// with an error, or when nobody wants more.
pub fn ahead(store: &Store, table: &Table, tenant: &str, after: &str) -> Pages {
    let (pages, received) = mpsc::channel(AHEAD);
    let (store, table) = (store.clone(), Arc::new(table.clone()));
    let (tenant, mut after) = (tenant.to_owned(), after.to_owned());
    tokio::spawn(async move {
        loop {
            let sealed = read(&store, &tenant, &after, table.rows_a_page()).await;
            let goes_on = match sealed.as_deref().map(<[Read]>::last) {
                Ok(None) => return,
                Ok(Some(last)) => {
                    after.clone_from(&last.customer_id);
                    true
                }
                Err(_) => false,
            };
            let (store, table) = (store.clone(), table.clone());
            let page = tokio::spawn(async move {
                let opened = store.db.vault()?.unseal_in_passing(sealed?).await?;
                // Half a millisecond's work each: others take their turn between.
                yield_now().await;
                columns(&table, opened)
            });
            if pages.send(page).await.is_err() || !goes_on {
                return;
            }
        }
    });
    received
}

/// Customers as columns; none if there are none.
fn columns(table: &Table, customers: Vec<Read>) -> Result<Option<Page>> {
    let (Some(first), Some(last)) = (customers.first(), customers.last()) else { return Ok(None) };
    let ends = (first.customer_id.clone(), last.customer_id.clone());
    let mut columns = Columns::new(table, customers.len());
    for read in &customers {
        let Read { customer_id, customer_key, customer_type, owner_path, payload, .. } = read;
        let vector = envelope::plain(read.format, payload)?;
        let row = Row { customer_id, customer_key, customer_type: *customer_type, owner_path, vector };
        columns.add(&row).ok_or_else(|| Error::Internal("broken envelope: no vector".to_owned()))?;
    }
    let columns = columns.finish().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Some(Page { columns, ends }))
}

/// So many customers with a vector after one. Both tables are read by ranges of the same key.
async fn read(store: &Store, tenant: &str, after: &str, rows: usize) -> Result<Vec<Read>> {
    let same = |column: vector::Column, other: customer::Column| {
        Expr::col((vector::Entity, column)).eq(Expr::col((customer::Entity, other)))
    };
    let of_customer = same(vector::Column::Tenant, customer::Column::Tenant)
        .and(same(vector::Column::CustomerId, customer::Column::CustomerId));
    let mut query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant)).select_only();
    QuerySelect::query(&mut query).inner_join(customer::Entity, of_customer);
    let query = query
        .filter(Expr::col((vector::Entity, vector::Column::CustomerId)).gt(after))
        .order_by_asc(vector::Column::CustomerId);
    let query = query.column(vector::Column::CustomerId).column(customer::Column::CustomerKey);
    let query = query.column(customer::Column::CustomerType).column(customer::Column::OwnerPath);
    let mut query = query.column(vector::Column::Format).column(vector::Column::Payload).limit(rows as u64);
    let texts = ["customer_id", "customer_key", "customer_type", "owner_path", "format"];
    let lists = lists::read(store.db.read(), QuerySelect::query(&mut query).take(), texts, "payload").await?;
    let read = |([customer_id, customer_key, kind, owner_path, format], payload): ([&str; 5], &[u8])| {
        Some(Read {
            tenant: tenant.to_owned(),
            customer_id: customer_id.to_owned(),
            customer_key: customer_key.to_owned(),
            customer_type: kind.parse().ok()?,
            owner_path: owner_path.to_owned(),
            format: format.parse().ok()?,
            payload: payload.to_vec(),
        })
    };
    let rows: Option<Vec<Read>> = lists.rows()?.into_iter().map(read).collect();
    rows.ok_or_else(|| Error::Internal("a number that is none".to_owned()))
}
