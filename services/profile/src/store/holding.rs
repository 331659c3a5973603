//! Holdings.

use std::collections::{HashMap, HashSet};

use huan_chassis::{
    Error, Result,
    page::Page,
    store::{
        Tx, lists,
        rows::{among, runs},
    },
    vault::Vault,
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};

use super::{CHUNK, Store, UNKNOWN, customer, entity::holding, one_of, seal::upsert_sealed, tenant::View, vector};
use crate::{convert, vector::OpenHolding};

/// What ImportHoldings did.
#[derive(Debug, Default)]
pub struct Imported {
    /// New rows.
    pub created: i32,
    /// Replaced rows.
    pub updated: i32,
    /// Refused rows.
    pub faults: Vec<pb::RowFault>,
}

impl Store {
    /// Creates or replaces holdings, each on its own. A holding stays with its customer: one that names another is
    /// refused, since the caller may have no right to the first.
    pub async fn import_holdings(&self, view: &View, rows: Vec<(usize, holding::Model)>) -> Result<Imported> {
        let mut ids: Vec<String> = rows.iter().map(|(_, row)| row.customer_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let tx = self.db.begin().await?;
        let customers = customer::lock(&tx, &view.tenant, &ids).await?;
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let owners = owners(&tx, &view.tenant, &rows).await?;
        let mut done = Imported::default();
        let mut kept = Vec::with_capacity(rows.len());
        for (index, row) in rows {
            let owner = owners.get(&row.holding_hash);
            let fault = match owner {
                _ if !known.contains(row.customer_id.as_str()) => Some(UNKNOWN),
                Some(owner) if *owner != row.customer_id => Some("is not the customer of this holding"),
                _ => None,
            };
            if let Some(fault) = fault {
                done.faults.push(convert::row_fault(index, format!("holdings[{index}].customer_id"), fault));
                continue;
            }
            *(if owner.is_some() { &mut done.updated } else { &mut done.created }) += 1;
            kept.push(row);
        }
        upsert_sealed(&tx, kept).await?;
        let revised = vector::revise(&tx, view, customers).await?;
        vector::publish(&tx, revised, Vec::new()).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Lists the holdings of a customer's profile in the order of holding_id. Errors: NotFound; InvalidPageToken.
    pub async fn list_holdings(&self, view: &View, customer_id: &str, page: &Page) -> Result<Vec<pb::Holding>> {
        let ids = customer::members(self.db.read(), &view.tenant, customer_id).await?;
        let mut holdings = of(self.db.read(), self.db.vault()?, &view.tenant, &ids).await?;
        if let Some(after) = &page.after {
            let last = holdings.iter().position(|holding| after.first() == Some(&token_key(view, holding)));
            holdings.drain(..=last.ok_or(Error::InvalidPageToken)?);
        }
        holdings.truncate(page.limit as usize + 1);
        Ok(holdings)
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<pb::Holding>, limit: u64, view: &View) -> String {
    super::next_page(filter, rows, limit, |row| vec![token_key(view, row)])
}

/// What stands for a holding in a token: its hash, for whoever may not see account numbers may read tokens.
fn token_key(view: &View, holding: &pb::Holding) -> String {
    view.hash("holding", &holding.holding_id)
}

/// The holdings of a profile's customers in the order of holding_id. The ids lie in envelopes, so they are put in order
/// here; a customer has few.
pub async fn of(db: &impl ConnectionTrait, vault: &Vault, tenant: &str, ids: &[String]) -> Result<Vec<pb::Holding>> {
    let query = holding::Entity::find().filter(holding::Column::Tenant.eq(tenant));
    let rows = query.filter(one_of(holding::Column::CustomerId, ids)).all(db).await?;
    let rows = vault.unseal(rows).await?;
    let mut holdings = rows.into_iter().map(convert::holding::message).collect::<Result<Vec<_>>>()?;
    holdings.sort_by(|one, other| one.holding_id.cmp(&other.holding_id));
    Ok(holdings)
}

/// The holdings open on a day, by customer. The day is compared here: SQLite would take the index of days for it, and
/// walk over the whole tenant.
pub async fn open(
    db: &impl ConnectionTrait,
    tenant: &str,
    ids: &[&str],
    day: i32,
) -> Result<HashMap<String, Vec<OpenHolding>>> {
    let mut found: HashMap<String, Vec<OpenHolding>> = HashMap::new();
    for ids in runs(ids) {
        let query = holding::Entity::find().filter(holding::Column::Tenant.eq(tenant));
        let query = query.filter(among(db, holding::Column::CustomerId, ids)).select_only();
        let query = query.column(holding::Column::CustomerId).column(holding::Column::Kind);
        let query = query.column(holding::Column::BalanceMinor).column(holding::Column::OpenDay);
        let query = query.column(holding::Column::CloseDay).into_query();
        let columns = ["customer_id", "kind", "balance_minor", "open_day", "close_day"];
        let lists = lists::read(db, query, columns, None).await?;
        for ([customer_id, kind, balance_minor, open_day, close_day], _) in lists.rows()? {
            let close_day = if close_day.is_empty() { i32::MAX } else { lists::number(close_day)? };
            if lists::number::<i32>(open_day)? <= day && close_day > day {
                let holding = OpenHolding { kind: kind.to_owned(), balance_minor: lists::number(balance_minor)? };
                found.entry(customer_id.to_owned()).or_default().push(holding);
            }
        }
    }
    Ok(found)
}

async fn owners(tx: &Tx, tenant: &str, rows: &[(usize, holding::Model)]) -> Result<HashMap<String, String>> {
    let mut found = HashMap::with_capacity(rows.len());
    for rows in rows.chunks(CHUNK) {
        let hashes = rows.iter().map(|(_, row)| row.holding_hash.as_str());
        let query = holding::Entity::find().filter(holding::Column::Tenant.eq(tenant));
        let query = query.filter(holding::Column::HoldingHash.is_in(hashes)).select_only();
        let query = query.column(holding::Column::HoldingHash).column(holding::Column::CustomerId);
        let pairs: Vec<(String, String)> = query.into_tuple().all(&**tx).await?;
        found.extend(pairs);
    }
    Ok(found)
}
