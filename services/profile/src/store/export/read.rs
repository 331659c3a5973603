//! Reading customers and their vectors in the order of their numbers, some pages ahead of whoever writes them. Each page
//! is made columns by a task of its own: whoever writes those works alone, and is what all others wait for.

use std::sync::Arc;

use arrow_array::RecordBatch;
use huan_chassis::{
    Error, Result,
    store::lists,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
use tokio::{
    runtime::Handle,
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

/// How many times over as many rows as are written at once are read ahead: some come while those before them are written.
const AHEAD: usize = 2;

/// A customer as it is read.
#[derive(Debug)]
struct Read {
    tenant: Arc<str>,
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
#[derive(Debug)]
pub struct Pages {
    /// The most rows of a page.
    pub rows: usize,
    pages: mpsc::Receiver<JoinHandle<Result<Option<Page>>>>,
}

impl Pages {
    /// The next page; none at the end. Not for those who are asynchronous.
    pub fn next(&mut self) -> Option<Result<Option<Page>>> {
        let page = Handle::current().block_on(self.pages.blocking_recv()?);
        Some(page.unwrap_or_else(|error| Err(Error::Internal(error.to_string()))))
    }
}

/// Reads the customers with a vector after one: a page is read while those before it become columns. It ends with them,
/// with an error, or when nobody wants more.
pub fn ahead(store: &Store, table: &Table, tenant: &str, after: &str) -> Pages {
    let rows = if store.db.has_one_writer() { table.rows_a_page() } else { table.rows_a_read() };
    let (sender, pages) = mpsc::channel((AHEAD * table.rows_a_write() / rows).max(1));
    let (store, table) = (store.clone(), Arc::new(table.clone()));
    let (tenant, mut after) = (Arc::from(tenant), after.to_owned());
    tokio::spawn(async move {
        loop {
            let read = match read(&store, &table, &tenant, &after, rows).await {
                Ok(None) => return,
                Ok(Some((sealed, last))) => {
                    after = last;
                    Ok(sealed)
                }
                Err(error) => Err(error),
            };
            let goes_on = read.is_ok();
            let (store, table) = (store.clone(), table.clone());
            let page = tokio::spawn(async move { columns(&table, open(&store, &table, read?).await?).await });
            if sender.send(page).await.is_err() || !goes_on {
                return;
            }
        }
    });
    Pages { rows, pages }
}

/// Opens customers' vectors, as many at a time as are half a millisecond's work: others take their turn between. Those whose keys are gone are left out.
async fn open(store: &Store, table: &Table, sealed: Vec<Read>) -> Result<Vec<Read>> {
    let rings = store.db.vault()?.rings_in_passing(&sealed).await?;
    let (mut sealed, mut opened) = (sealed.into_iter(), Vec::new());
    while sealed.len() > 0 {
        opened.extend(rings.unseal_known(sealed.by_ref().take(table.rows_a_page()).collect())?);
        yield_now().await;
    }
    Ok(opened)
}

/// Customers as columns; none if there are none.
async fn columns(table: &Table, customers: Vec<Read>) -> Result<Option<Page>> {
    let (Some(first), Some(last)) = (customers.first(), customers.last()) else { return Ok(None) };
    let ends = (first.customer_id.clone(), last.customer_id.clone());
    let mut columns = Columns::new(table, customers.len());
    for some in customers.chunks(table.rows_a_page()) {
        for read in some {
            let Read { customer_id, customer_key, customer_type, owner_path, payload, .. } = read;
            let vector = envelope::plain(read.format, payload)?;
            let row = Row { customer_id, customer_key, customer_type: *customer_type, owner_path, vector };
            columns.add(&row).ok_or_else(|| Error::Internal("broken envelope: no vector".to_owned()))?;
        }
        yield_now().await;
    }
    let columns = columns.finish().map_err(|error| Error::Internal(error.to_string()))?;
    Ok(Some(Page { columns, ends }))
}

/// The next customers after one, and the last of them; none at the end. Those without a vector are left out. Both tables are
/// read by ranges of the same key: a join would seek each customer's vector.
async fn read(
    store: &Store,
    table: &Table,
    tenant: &Arc<str>,
    after: &str,
    rows: usize,
) -> Result<Option<(Vec<Read>, String)>> {
    let query = customer::Entity::find().filter(customer::Column::Tenant.eq(&**tenant)).select_only();
    let query = query.filter(customer::Column::CustomerId.gt(after)).order_by_asc(customer::Column::CustomerId);
    let query = query.column(customer::Column::CustomerId).column(customer::Column::CustomerKey);
    let query = query.column(customer::Column::CustomerType).column(customer::Column::OwnerPath);
    let texts = ["customer_id", "customer_key", "customer_type", "owner_path"];
    let customers = lists::copy(store.db.read(), query.limit(rows as u64).into_query(), texts, None).await?;
    let customers = customers.rows()?;
    let Some(([last, ..], _)) = customers.last() else { return Ok(None) };

    let query = vector::Entity::find().filter(vector::Column::Tenant.eq(&**tenant)).select_only();
    let query = query.filter(vector::Column::CustomerId.gt(after)).filter(vector::Column::CustomerId.lte(*last));
    let query = query.column(vector::Column::CustomerId).column(vector::Column::Format);
    let query = query.column(vector::Column::Payload).into_query();
    let vectors = lists::copy(store.db.read(), query, ["customer_id", "format"], Some("payload")).await?;
    // A range without a limit may come in any order.
    let mut vectors = vectors.rows()?;
    vectors.sort_unstable_by_key(|([id, _], _)| *id);
    let mut vectors = vectors.into_iter().peekable();

    let mut read = Vec::with_capacity(customers.len());
    for ([customer_id, customer_key, customer_type, owner_path], _) in &customers {
        while vectors.next_if(|([id, _], _)| id < customer_id).is_some() {}
        let Some(([_, format], payload)) = vectors.next_if(|([id, _], _)| id == customer_id) else { continue };
        read.push(Read {
            tenant: tenant.clone(),
            customer_id: (*customer_id).to_owned(),
            customer_key: (*customer_key).to_owned(),
            customer_type: lists::number(customer_type)?,
            owner_path: (*owner_path).to_owned(),
            format: lists::number(format)?,
            payload: payload.to_vec(),
        });
        if read.len().is_multiple_of(table.rows_a_page()) {
            yield_now().await;
        }
    }
    Ok(Some((read, (*last).to_owned())))
}
