//! Consents: the whole history, and what of it holds.

use std::collections::{BTreeMap, HashMap, HashSet};

use huan_chassis::{Result, clock, feed, page::Page, store::Tx};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable, PrimaryKeyToColumn, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};

use super::{
    CHUNK, MAX_BINDS, Store, UNKNOWN, before, chunks, customer,
    entity::{consent, customer as customer_entity},
    token_number, token_text,
};
use crate::convert;

/// The order of lists, descending.
const ORDER: [consent::Column; 5] = [
    consent::Column::DecideTime,
    consent::Column::Purpose,
    consent::Column::ChannelId,
    consent::Column::Allowed,
    consent::Column::ExpireTime,
];

impl Store {
    /// Records consents, each on its own. Answers with how many were recorded and which were refused.
    pub async fn record_consents(
        &self,
        tenant: &str,
        rows: Vec<(usize, consent::Model)>,
    ) -> Result<(i32, Vec<pb::RowFault>)> {
        let mut ids: Vec<String> = rows.iter().map(|(_, row)| row.customer_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let tx = self.db.begin().await?;
        let customers = customer::lock(&tx, tenant, &ids).await?;
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let (rows, unknown): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, row)| known.contains(row.customer_id.as_str()));
        let fault = |(index, _)| convert::row_fault(index, format!("consents[{index}].customer_id"), UNKNOWN);
        let faults = unknown.into_iter().map(fault).collect();
        let recorded = rows.len() as i32;
        append(&tx, rows.into_iter().map(|(_, row)| row).collect()).await?;
        let standings = standings(&tx, tenant, &customers).await?;
        feed::publish(&tx, standings).await?;
        tx.commit().await?;
        Ok((recorded, faults))
    }

    /// Lists all that a customer said, newest first. Errors: NotFound; InvalidPageToken.
    pub async fn list_consents(&self, tenant: &str, customer_id: &str, page: &Page) -> Result<Vec<consent::Model>> {
        customer::find(self.db.read(), tenant, customer_id).await?;
        let mut query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
        query = query.filter(consent::Column::CustomerId.eq(customer_id));
        if let Some(key) = &page.after {
            let (purpose, allowed) = (token_number(key, 1)? as i16, token_number(key, 3)? == 1);
            let (channel_id, expire_time) = (token_text(key, 2)?, token_number(key, 4)?);
            let decide_time = token_number(key, 0)?.into();
            let values = [decide_time, purpose.into(), channel_id.into(), allowed.into(), expire_time.into()];
            query = query.filter(before(ORDER, values));
        }
        let query = ORDER.into_iter().fold(query, QueryOrder::order_by_desc).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<consent::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| {
        let allowed = i32::from(row.allowed).to_string();
        let (purpose, expire_time) = (row.purpose.to_string(), row.expire_time.to_string());
        vec![row.decide_time.to_string(), purpose, row.channel_id.clone(), allowed, expire_time]
    })
}

/// The feed rows of what decisions must know of these customers.
pub async fn standings(tx: &Tx, tenant: &str, customers: &[customer_entity::Model]) -> Result<Vec<feed::Row>> {
    let ids: Vec<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
    let mut newest = newest(&**tx, tenant, &ids).await?;
    let row = |customer: &customer_entity::Model| {
        let consents = newest.remove(&customer.customer_id).unwrap_or_default();
        convert::feed::customer_row(customer, convert::feed::standing(customer, &consents), None)
    };
    Ok(customers.iter().map(row).collect())
}

/// The newest consent of each purpose and channel, by customer.
pub async fn newest(
    db: &impl ConnectionTrait,
    tenant: &str,
    ids: &[&str],
) -> Result<HashMap<String, Vec<consent::Model>>> {
    let mut found: HashMap<String, BTreeMap<(i16, String), consent::Model>> = HashMap::new();
    for ids in ids.chunks(CHUNK) {
        let query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
        for row in query.filter(consent::Column::CustomerId.is_in(ids.iter().copied())).all(db).await? {
            let of_customer = found.entry(row.customer_id.clone()).or_default();
            let key = (row.purpose, row.channel_id.clone());
            if of_customer.get(&key).is_none_or(|known| rank(&row) > rank(known)) {
                of_customer.insert(key, row);
            }
        }
    }
    Ok(found.into_iter().map(|(customer, newest)| (customer, newest.into_values().collect())).collect())
}

/// Which of two consents holds: the newer one; of two at the same moment the refusal, then the one that ends sooner.
fn rank(row: &consent::Model) -> (i64, bool, i64) {
    (row.decide_time, !row.allowed, -row.expire_time)
}

async fn append(tx: &Tx, rows: Vec<consent::Model>) -> Result<()> {
    let record_time = clock::micros(clock::system_now());
    let key: Vec<_> = consent::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
    for rows in chunks(rows, MAX_BINDS / consent::Column::iter().count()) {
        let rows = rows.into_iter().map(|row| consent::Model { record_time, ..row }.into_active_model());
        let again = OnConflict::columns(key.clone()).do_nothing().to_owned();
        consent::Entity::insert_many(rows).on_conflict(again).exec_without_returning(&**tx).await?;
    }
    Ok(())
}
