//! Contacts: which count, and giving back what a reservation took.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use huan_chassis::{Result, clock, store::Tx};
use sea_orm::{
    ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Store,
    entity::{channel_load, contact},
    upsert,
};

/// Reserved by a decision.
pub const RESERVED: i16 = 0;
/// Confirmed by a response.
pub const CONFIRMED: i16 = 1;
/// Given back: it failed, or nobody ever said what became of it.
pub const FREED: i16 = 2;
/// Withheld by the universal holdout: nothing was said and no channel is loaded, but it counts as if it had been.
pub const WITHHELD: i16 = 3;

/// Reservations given back in one transaction.
const SWEEP: u64 = 500;

/// What counts: contacts that were confirmed or withheld, and reservations that have not run out.
pub(crate) fn counting(system_now: DateTime<Utc>) -> Condition {
    let reserved = contact::Column::State.eq(RESERVED);
    let running = contact::Column::ExpireTime.gt(clock::micros(system_now));
    let settled = contact::Column::State.is_in([CONFIRMED, WITHHELD]);
    Condition::any().add(settled).add(Condition::all().add(reserved).add(running))
}

impl Store {
    /// Gives back reservations that have run out, and tells how many. Call it again while it gives back any.
    pub async fn free_expired(&self, system_now: DateTime<Utc>) -> Result<usize> {
        let tx = self.db.begin().await?;
        let reserved = contact::Entity::find().filter(contact::Column::State.eq(RESERVED));
        let expired = reserved.filter(contact::Column::ExpireTime.lte(clock::micros(system_now)));
        let ordered = expired
            .order_by_asc(contact::Column::Tenant)
            .order_by_asc(contact::Column::CustomerId)
            .order_by_asc(contact::Column::DecisionId)
            .order_by_asc(contact::Column::StrategyId);
        let rows = ordered.limit(SWEEP).lock_exclusive().all(&*tx).await?;
        let mut loads = BTreeMap::new();
        for row in &rows {
            *loads.entry((row.tenant.clone(), row.channel_id.clone(), row.day)).or_insert(0) -= 1;
        }
        let count = rows.len();
        upsert(&tx, rows.into_iter().map(|row| contact::Model { state: FREED, ..row }).collect()).await?;
        for ((tenant, channel_id, day), change) in loads {
            change_load(&tx, &tenant, &channel_id, day, change).await?;
        }
        tx.commit().await?;
        Ok(count)
    }
}

/// Changes the load of a channel on a day, if it is kept.
pub(crate) async fn change_load(tx: &Tx, tenant: &str, channel_id: &str, day: i32, change: i64) -> Result<()> {
    let key = Condition::all()
        .add(channel_load::Column::Tenant.eq(tenant))
        .add(channel_load::Column::ChannelId.eq(channel_id))
        .add(channel_load::Column::Day.eq(day));
    let used = Expr::col(channel_load::Column::Used).add(change);
    let update = channel_load::Entity::update_many().col_expr(channel_load::Column::Used, used);
    update.filter(key).exec(&**tx).await?;
    Ok(())
}
