//! Building features that were added: first the packed rows take in what a new filter or distinct count needs, from the
//! stored events, then the vectors take in the feature. Both steps walk over the customers under their locks, a chunk a
//! transaction, and note how far they have come: a walk that was cut short goes on, and replicas take turns.
//!
//! Nothing is lost or counted twice. Once a step begins, every writer works by the new catalogue: whoever began under an
//! older one has ended. An event that comes before its customer's turn is among the stored ones when that is recomputed,
//! and one that comes after is added to what was recomputed, both under the customer's lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::TryStreamExt;
use huan_chassis::{
    Result, clock, feed,
    store::{Tx, lists},
};
use huan_proto::profile::v1::{self as pb, FeatureState};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{
    CHUNK, Store, customer,
    entity::{customer as customer_entity, event, feature},
    event_day::{packed_days, write_days},
    feature::{grow, is_present, publish},
    seal::key_ids,
    tenant::{self, View},
    upsert, vector,
};
use crate::{
    convert::{
        envelope,
        feature::{column, in_vectors},
    },
    window::Day,
};

/// Customers of the first transaction of a walk, and of any at most.
const TURN: (u64, u64) = (100, 2000);
/// How long a transaction may take, for which others wait: all who write, where one writes at a time; elsewhere those who
/// write about the same customers.
const LONG: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(400));

impl Store {
    /// Builds what is to be built whenever a feature was added, and every so often, until the store is closed.
    pub async fn build_for_ever(self, every: Duration) {
        let closed = self.db.closed();
        tokio::pin!(closed);
        loop {
            let build = async {
                if let Err(error) = self.build_all().await {
                    tracing::warn!(%error, "cannot build features, trying again");
                }
            };
            tokio::select! {
                () = &mut closed => return,
                () = build => {}
            }
            tokio::select! {
                () = &mut closed => return,
                () = self.build.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Builds what is to be built of every tenant.
    pub async fn build_all(&self) -> Result<()> {
        for tenant in self.tenant_ids().await? {
            self.build_tenant(&tenant).await?;
        }
        Ok(())
    }

    /// Builds what is to be built of a tenant, until there is nothing.
    pub async fn build_tenant(&self, tenant: &str) -> Result<()> {
        loop {
            let rows = self.list_features(tenant).await?;
            let of = |state| rows.iter().filter(|row| row.state == column(state)).map(|row| row.number).collect();
            let (building, publishing): (Vec<i32>, Vec<i32>) =
                (of(FeatureState::Building), of(FeatureState::Publishing));
            match (building.as_slice(), publishing.as_slice()) {
                ([], []) => return Ok(()),
                ([], numbers) => self.walk(tenant, FeatureState::Publishing, numbers).await?,
                (numbers, _) => self.walk(tenant, FeatureState::Building, numbers).await?,
            }
        }
    }

    async fn walk(&self, tenant: &str, step: FeatureState, numbers: &[i32]) -> Result<()> {
        feed::settled(&self.db).await?;
        let long = if self.db.has_one_writer() { LONG.0 } else { LONG.1 };
        let (mut size, mut started) = (TURN.0, Instant::now());
        while !self.build_turn(tenant, step, numbers, size).await? {
            match started.elapsed() {
                took if took > long => size = (size / 2).max(1),
                took if took < long / 3 => size = (size * 2).min(TURN.1),
                _ => {}
            }
            tokio::task::yield_now().await;
            started = Instant::now();
        }
        Ok(())
    }

    /// Takes the next customers of a step of some features; true once there are no more, and the features have gone on
    /// to the next step.
    async fn build_turn(&self, tenant: &str, step: FeatureState, numbers: &[i32], size: u64) -> Result<bool> {
        let view = self.view(tenant).await?;
        let tx = self.db.begin().await?;
        let rows = in_step(&tx, tenant, step, numbers).await?;
        let Some(reached) = rows.first().map(|row| row.reached.clone()) else { return Ok(true) };
        // One that another walk has not brought so far waits for the next.
        let rows: Vec<feature::Model> = rows.into_iter().filter(|row| row.reached == reached).collect();
        let total = match reached.as_str() {
            "" => of_tenant(tenant).count(&*tx).await? as i64,
            _ => rows[0].total,
        };
        let after = of_tenant(tenant).filter(customer_entity::Column::CustomerId.gt(&reached));
        let after = after.order_by_asc(customer_entity::Column::CustomerId).limit(size).select_only();
        let ids: Vec<String> = after.column(customer_entity::Column::CustomerId).into_tuple().all(&*tx).await?;
        let Some(last) = ids.last().cloned() else {
            drop(tx);
            return self.finish_step(tenant, step, numbers, &reached).await.map(|()| true);
        };
        match step {
            FeatureState::Building => backfill(&tx, &view, &rows, &ids).await?,
            _ => republish(&tx, &view, &ids).await?,
        }
        let on = |row: feature::Model| {
            let done = row.done + ids.len() as i64;
            feature::Model { reached: last.clone(), done, total: total.max(done), ..row }
        };
        upsert(&tx, rows.into_iter().map(on).collect()).await?;
        tx.commit().await?;
        Ok(false)
    }

    /// Moves the features that have come so far to the next step.
    async fn finish_step(&self, tenant: &str, step: FeatureState, numbers: &[i32], reached: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let row = tenant::lock(&tx, tenant).await?;
        let rows = in_step(&tx, tenant, step, numbers).await?.into_iter().filter(|row| row.reached == reached);
        let next = |row: feature::Model| match step {
            FeatureState::Building => {
                feature::Model { state: column(FeatureState::Publishing), reached: String::new(), done: 0, ..row }
            }
            _ => feature::Model { state: column(FeatureState::Live), reached: String::new(), ..row },
        };
        upsert(&tx, rows.map(next).collect()).await?;
        if step == FeatureState::Building {
            grow(&tx, row).await?;
            publish(&tx, tenant).await?;
        }
        tx.commit().await?;
        self.fresh_view(tenant).await.map(|_| ())
    }
}

/// Those of the features that are in a step, locked, by number: replicas take turns by this.
async fn in_step(tx: &Tx, tenant: &str, step: FeatureState, numbers: &[i32]) -> Result<Vec<feature::Model>> {
    let rows = feature::Entity::find().filter(feature::Column::Tenant.eq(tenant));
    let rows = rows.filter(feature::Column::State.eq(column(step)));
    let rows = rows.filter(feature::Column::Number.is_in(numbers.iter().copied()));
    Ok(rows.order_by_asc(feature::Column::Number).lock_exclusive().all(&**tx).await?)
}

fn of_tenant(tenant: &str) -> sea_orm::Select<customer_entity::Entity> {
    customer_entity::Entity::find().filter(customer_entity::Column::Tenant.eq(tenant))
}

/// Writes the vectors of customers anew, whether they have changed or not: a watcher may have read one that another
/// change had written before it knew the catalogue.
async fn republish(tx: &Tx, view: &View, ids: &[String]) -> Result<()> {
    let customers = customer::lock(tx, &view.tenant, ids).await?;
    let revised = vector::revise(tx, view, customers).await?;
    vector::publish(tx, revised, Vec::new()).await.map(|_| ())
}

/// Recomputes, from the stored events, what the packed rows of customers hold of the features' measures.
async fn backfill(tx: &Tx, view: &View, rows: &[feature::Model], ids: &[String]) -> Result<()> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let measures = unmeasured(tx, &view.tenant, rows).await?;
    if measures.is_empty() {
        return Ok(());
    }
    let keys = key_ids(&customer::lock(tx, &view.tenant, ids).await?);
    let mut measured: BTreeMap<(String, i32), Day> = BTreeMap::new();
    let take = |customer_id: &str, occur_time: i64, event: &pb::Event| {
        let Some(event_type) = view.types.get(&event.r#type) else { return };
        let wanted = |number| measures.contains(&number);
        let occurrence = view.plan.occurrence_of(event_type.number, event, &view.row.secret, wanted);
        if !occurrence.measured.is_empty() {
            let day = view.time.day(clock::from_micros(occur_time)).0;
            measured.entry((customer_id.to_owned(), day)).or_default().add_measured(&occurrence);
        }
    };
    stored(tx, view, &measures, ids, take).await?;
    let days = measured.keys().map(|(customer_id, day)| (customer_id.as_str(), *day)).collect();
    let mut packed = packed_days(tx, &view.tenant, days).await?;
    for (key, day) in measured {
        packed.entry(key).or_default().replace(&measures, day);
    }
    write_days(tx, &view.tenant, packed, &keys).await
}

/// The measures of features that no feature in the vectors has: those are complete.
async fn unmeasured(tx: &Tx, tenant: &str, rows: &[feature::Model]) -> Result<Vec<u32>> {
    let present = feature::Entity::find().filter(feature::Column::Tenant.eq(tenant));
    let present = present.filter(feature::Column::Measure.ne(0)).all(&**tx).await?;
    let complete: BTreeSet<i32> =
        present.iter().filter(|row| is_present(row) && in_vectors(row.state)).map(|row| row.measure).collect();
    let wanted: BTreeSet<i32> = rows.iter().map(|row| row.measure).filter(|measure| *measure != 0).collect();
    Ok(wanted.difference(&complete).map(|measure| *measure as u32).collect())
}

/// Goes over the stored events of customers that measures may be met by, each with its customer and moment. Envelopes are
/// opened only if a measure reads what lies in them.
async fn stored(
    tx: &Tx,
    view: &View,
    measures: &[u32],
    ids: &[String],
    mut take: impl FnMut(&str, i64, &pb::Event),
) -> Result<()> {
    let measures: Vec<_> = view.catalogue.measures.iter().filter(|one| measures.contains(&one.number)).collect();
    let mut query = event::Entity::find().filter(event::Column::Tenant.eq(&view.tenant));
    query = query.filter(event::Column::CustomerId.is_in(ids));
    if measures.iter().all(|measure| !measure.types.is_empty()) {
        let types: BTreeSet<&str> = measures.iter().flat_map(|one| one.types.iter().map(String::as_str)).collect();
        query = query.filter(event::Column::EventType.is_in(types));
    }
    if measures.iter().any(|measure| measure.reads_attributes()) {
        let mut rows = query.stream(&**tx).await?.try_chunks(CHUNK);
        while let Some(rows) = rows.try_next().await.map_err(|error| error.1)? {
            for row in tx.vault()?.unseal_known(rows).await? {
                let attributes = envelope::open::<pb::Event>(row.format, &row.payload)?.attributes;
                let event = pb::Event { source: row.source, r#type: row.event_type, attributes, ..Default::default() };
                take(&row.customer_id, row.occur_time, &pb::Event { amount_minor: row.amount_minor, ..event });
            }
        }
        return Ok(());
    }
    let columns = ["customer_id", "occur_time", "source", "event_type", "amount_minor"];
    let lists = lists::read(&**tx, query.into_query(), columns, None).await?;
    let mut event = pb::Event::default();
    for ([customer_id, occur_time, source, event_type, amount_minor], _) in lists.rows()? {
        source.clone_into(&mut event.source);
        event_type.clone_into(&mut event.r#type);
        event.amount_minor = lists::number(amount_minor)?;
        take(customer_id, lists::number(occur_time)?, &event);
    }
    Ok(())
}
