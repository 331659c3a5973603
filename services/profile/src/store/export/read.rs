//! Reading customers and their vectors in the order of their numbers, some pages ahead of whoever writes them. Each page
//! is made columns by a task of its own: whoever writes those works alone, and is what all others wait for.

use std::{collections::HashMap, sync::Arc};

use arrow_array::RecordBatch;
use huan_chassis::{
    Error, Result,
    store::lists,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
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

/// Pages that wait for whoever writes them: as many rows as are written at once come while those before them are written.
const AHEAD: usize = 16;

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
            let read = match read(&store, &tenant, &after, table.rows_a_page()).await {
                Ok(None) => return,
                Ok(Some((sealed, last))) => {
                    after = last;
                    Ok(sealed)
                }
                Err(error) => Err(error),
            };
            let goes_on = read.is_ok();
            let (store, table) = (store.clone(), table.clone());
            let page = tokio::spawn(async move {
                let opened = store.db.vault()?.unseal_in_passing(read?).await?;
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

/// The next customers after one, and the last of them; none at the end. Those without a vector are left out. Both tables are
/// read by ranges of the same key: a join would seek each customer's vector.
async fn read(store: &Store, tenant: &str, after: &str, rows: usize) -> Result<Option<(Vec<Read>, String)>> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant)).select_only();
    let query = query.filter(customer::Column::CustomerId.gt(after)).order_by_asc(customer::Column::CustomerId);
    let query = query.column(customer::Column::CustomerId).column(customer::Column::CustomerKey);
    let query = query.column(customer::Column::CustomerType).column(customer::Column::OwnerPath);
    let texts = ["customer_id", "customer_key", "customer_type", "owner_path"];
    let customers = lists::read(store.db.read(), query.limit(rows as u64).into_query(), texts, None).await?;
    let customers = customers.rows()?;
    let Some(([last, ..], _)) = customers.last() else { return Ok(None) };

    let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant)).select_only();
    let query = query.filter(vector::Column::CustomerId.gt(after)).filter(vector::Column::CustomerId.lte(*last));
    let query = query
        .column(vector::Column::CustomerId)
        .column(vector::Column::Format)
        .column(vector::Column::Payload)
        .into_query();
    let vectors = lists::read(store.db.read(), query, ["customer_id", "format"], Some("payload")).await?;
    // By name, since PostgreSQL may gather a range in any order where nothing limits it.
    let mut vectors: HashMap<&str, _> =
        vectors.rows()?.into_iter().map(|([id, format], payload)| (id, (format, payload))).collect();

    let mut read = Vec::with_capacity(customers.len());
    for ([customer_id, customer_key, customer_type, owner_path], _) in &customers {
        let Some((format, payload)) = vectors.remove(customer_id) else { continue };
        read.push(Read {
            tenant: tenant.to_owned(),
            customer_id: (*customer_id).to_owned(),
            customer_key: (*customer_key).to_owned(),
            customer_type: lists::number(customer_type)?,
            owner_path: (*owner_path).to_owned(),
            format: lists::number(format)?,
            payload: payload.to_vec(),
        });
    }
    Ok(Some((read, (*last).to_owned())))
}
