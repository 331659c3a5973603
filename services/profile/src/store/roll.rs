//! The daily roll: when a tenant's business day changes, the vectors of those customers follow whose windows lose or
//! gain a day that has something in it, whose holdings open or close, or whose tags end; and, if a feature asks for
//! them, whose answers to questions grow stale, or of whose relations some begin or end. What it did is noted at the
//! end, so a roll that was cut short is done again, and does no harm twice.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use huan_chassis::{Result, clock};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::{
    CHUNK, Store, customer,
    entity::{event_day, holding, tag, tenant as tenant_entity},
    kyc, related,
    tenant::{self, View},
    vector,
};

impl Store {
    /// Rolls every tenant whenever a clock was changed, and every so often, until the store is closed.
    pub async fn roll_for_ever(self, every: Duration) {
        let closed = self.db.closed();
        tokio::pin!(closed);
        loop {
            if let Err(error) = self.roll_all().await {
                tracing::warn!(%error, "cannot roll the windows, trying again");
            }
            tokio::select! {
                () = &mut closed => return,
                () = self.roll.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    /// Rolls every tenant that needs it.
    pub async fn roll_all(&self) -> Result<()> {
        for tenant in self.tenant_ids().await? {
            self.roll_tenant(&tenant).await?;
            // What a write left to the rule, and what was proposed before there was one.
            self.merge_by_rule(&*self.view(&tenant).await?).await?;
        }
        Ok(())
    }

    /// Brings a tenant's vectors to its business day; answers with how many were published anew.
    pub async fn roll_tenant(&self, tenant: &str) -> Result<usize> {
        let view = self.fresh_view(tenant).await?;
        let now = view.time.now();
        let (day, time) = (view.time.day(now).0, clock::micros(now));
        let affected = self.affected(&view, day, time).await?;
        if affected.is_empty() && day == view.row.rolled_day {
            return Ok(0);
        }
        let mut published = 0;
        let affected: Vec<String> = affected.into_iter().collect();
        for ids in affected.chunks(CHUNK) {
            published += self.roll_customers(&view, ids).await?;
        }
        self.note(tenant, day, time).await?;
        Ok(published)
    }

    async fn roll_customers(&self, view: &View, ids: &[String]) -> Result<usize> {
        let tx = self.db.begin().await?;
        let customers = customer::lock(&tx, &view.tenant, ids).await?;
        let published = vector::follow(&tx, view, customers).await?;
        tx.commit().await?;
        Ok(published)
    }

    async fn note(&self, tenant: &str, day: i32, time: i64) -> Result<()> {
        let tx = self.db.begin().await?;
        let row = tenant::lock(&tx, tenant).await?;
        let mut change = row.into_active_model();
        change.rolled_day = Set(day);
        change.rolled_time = Set(time);
        tenant_entity::Entity::update(change).exec(&*tx).await?;
        tx.commit().await
    }

    /// The customers whose vectors may change between what was rolled last and now, whichever of the two is later.
    async fn affected(&self, view: &View, day: i32, time: i64) -> Result<BTreeSet<String>> {
        let db = self.db.read();
        let mut found = BTreeSet::new();
        let times = between(view.row.rolled_time, time);
        let tags = tag::Entity::find().filter(tag::Column::Tenant.eq(&view.tenant));
        let tags = tags.filter(within(tag::Column::ExpireTime, &times)).select_only();
        found.extend(tags.column(tag::Column::CustomerId).into_tuple::<String>().all(db).await?);
        if view.catalogue.asks_kyc() {
            found.extend(kyc::stale(db, view, &times).await?);
        }
        if day != view.row.rolled_day {
            let days = between(i64::from(view.row.rolled_day), i64::from(day));
            found.extend(related::moved(db, view, &days).await?);
            let holdings = holding::Entity::find().filter(holding::Column::Tenant.eq(&view.tenant));
            let opened = within(holding::Column::OpenDay, &days);
            let moved = Condition::any().add(opened).add(within(holding::Column::CloseDay, &days));
            let holdings = holdings.filter(moved).select_only().column(holding::Column::CustomerId);
            found.extend(holdings.into_tuple::<String>().all(db).await?);
            for range in edges(view, days) {
                let rows = event_day::Entity::find().filter(event_day::Column::Tenant.eq(&view.tenant));
                let rows = rows.filter(within(event_day::Column::Day, &range)).select_only();
                let rows = rows.column(event_day::Column::CustomerId).distinct();
                found.extend(rows.into_tuple::<String>().all(db).await?);
            }
        }
        Ok(found)
    }
}

/// The days that enter or leave some window when today moves over these days. Each range is asked for by itself: SQLite
/// would not take the index for any of several.
fn edges(view: &View, days: RangeInclusive<i64>) -> Vec<RangeInclusive<i64>> {
    let shifts = view.plan.shifts.iter().copied().map(i64::from);
    shifts.map(|shift| (days.start() - shift)..=(days.end() - shift)).collect()
}

/// What lies after the earlier and up to the later of two.
fn between(one: i64, other: i64) -> RangeInclusive<i64> {
    one.min(other) + 1..=one.max(other)
}

/// A column's values in a range.
fn within(column: impl ColumnTrait, range: &RangeInclusive<i64>) -> sea_orm::sea_query::Expr {
    column.between(*range.start(), *range.end())
}
