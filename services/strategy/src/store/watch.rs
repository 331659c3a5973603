//! The decision feed's snapshot: everything that stands, page by page, when a watcher begins without a cursor.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures::{StreamExt as _, stream::BoxStream};
use huan_chassis::{Result, feed};
use huan_proto::strategy::v1::{ChangeKind, WatchDecisionsResponse, decision_change::Change};
use sea_orm::{EntityTrait as _, Order, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{
    Store, beyond, customer,
    entity::{assignment, customer as customer_row, decision, response},
};
use crate::{
    convert::{self, change},
    record,
};

/// Rows of a page.
const PAGE: u64 = 500;

/// The key of a row: tenant, customer and its own id.
type Key = (String, String, String);
type Page = (Vec<WatchDecisionsResponse>, Option<Key>);
type Snapshot = BoxStream<'static, Result<WatchDecisionsResponse>>;

impl Store {
    /// Everything that stands of the kinds wanted; no kinds = all.
    pub fn snapshot(&self, kinds: &[i32]) -> Snapshot {
        let wanted = |kind: ChangeKind| kinds.is_empty() || kinds.contains(&(kind as i32));
        let mut parts: Vec<Snapshot> = Vec::new();
        let store = || self.clone();
        if wanted(ChangeKind::Exposures) {
            let store = store();
            parts.push(feed::pages(Key::default(), move |after| exposures(store.clone(), after)));
        }
        if wanted(ChangeKind::Response) {
            let store = store();
            parts.push(feed::pages(Key::default(), move |after| responses(store.clone(), after)));
        }
        if wanted(ChangeKind::Assignment) {
            let store = store();
            parts.push(feed::pages(Key::default(), move |after| assignments(store.clone(), after)));
        }
        futures::stream::iter(parts).flatten().boxed()
    }
}

async fn exposures(store: Store, after: Key) -> Result<Page> {
    use decision::{Column, Entity};
    let found = Entity::find().filter(further([Column::Tenant, Column::CustomerId, Column::DecisionId], after));
    let ordered = found
        .filter(sea_orm::ColumnTrait::eq(&Column::Exposed, true))
        .order_by_asc(Column::Tenant)
        .order_by_asc(Column::CustomerId)
        .order_by_asc(Column::DecisionId);
    let rows = ordered.limit(PAGE).all(store.db.read()).await?;
    let next = rows.last().map(|row| (row.tenant.clone(), row.customer_id.clone(), row.decision_id.clone()));
    let mut changes = Vec::with_capacity(rows.len());
    for row in store.db.vault()?.unseal_known(rows).await? {
        let (_, input, output) = record::read(&row.payload)?;
        let map = store.map_version(&row.tenant, &input.map_version).await?;
        let change = change::exposures(&row, &map, &input, &output);
        changes.push((row.tenant, row.customer_id, change, row.decide_time));
    }
    Ok((store.standing(changes).await?, next))
}

async fn responses(store: Store, after: Key) -> Result<Page> {
    use response::{Column, Entity};
    let found = Entity::find().filter(further([Column::Tenant, Column::CustomerId, Column::RequestId], after));
    let ordered = found.order_by_asc(Column::Tenant).order_by_asc(Column::CustomerId).order_by_asc(Column::RequestId);
    let rows = ordered.limit(PAGE).all(store.db.read()).await?;
    let next = rows.last().map(|row| (row.tenant.clone(), row.customer_id.clone(), row.request_id.clone()));
    let change = |row: response::Model| {
        let change = change::response(&row);
        (row.tenant, row.customer_id, change, row.respond_time)
    };
    Ok((store.standing(rows.into_iter().map(change).collect()).await?, next))
}

async fn assignments(store: Store, after: Key) -> Result<Page> {
    use assignment::{Column, Entity};
    let found = Entity::find().filter(further([Column::Tenant, Column::CustomerId, Column::ExperimentId], after));
    let ordered =
        found.order_by_asc(Column::Tenant).order_by_asc(Column::CustomerId).order_by_asc(Column::ExperimentId);
    let rows = ordered.limit(PAGE).all(store.db.read()).await?;
    let next = rows.last().map(|row| (row.tenant.clone(), row.customer_id.clone(), row.experiment_id.clone()));
    let mut experiments = HashMap::new();
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        let key = (row.tenant.clone(), row.experiment_id.clone());
        if !experiments.contains_key(&key) {
            let found = store.experiment(&key.0, &key.1).await?;
            experiments.insert(key.clone(), convert::assignment::experiment_message(&found)?);
        }
        let change = change::assigned(&row, &experiments[&key]);
        changes.push((row.tenant, row.customer_id, change, row.assign_time));
    }
    Ok((store.standing(changes).await?, next))
}

impl Store {
    // Puts changes on the wire, each with its customer. Every row that stands has one.
    async fn standing(&self, changes: Vec<(String, String, Change, i64)>) -> Result<Vec<WatchDecisionsResponse>> {
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (tenant, customer_id, ..) in &changes {
            ids.entry(tenant).or_default().insert(customer_id);
        }
        let mut customers: HashMap<String, HashMap<String, customer_row::Model>> = HashMap::new();
        for (tenant, ids) in ids {
            customers.insert(tenant.to_owned(), customer::customers(self.db.read(), tenant, ids).await?);
        }
        let message = |(tenant, customer_id, change, time): (String, String, Change, i64)| {
            let customer = customers.get(&tenant)?.get(&customer_id)?;
            Some(change::standing(customer, change, Some(time)))
        };
        Ok(changes.into_iter().filter_map(message).collect())
    }
}

fn further<C: sea_orm::ColumnTrait>(columns: [C; 3], after: Key) -> sea_orm::Condition {
    let values = [after.0, after.1, after.2];
    beyond(columns.into_iter().zip(values).map(|(column, value)| (column, value.into(), Order::Asc)).collect())
}
