//! What became of picks: a delivery confirms its reservation, a failure frees it.

use std::collections::BTreeSet;

use huan_chassis::{Error, Identity, Result, clock, feed, store::Tx};
use huan_proto::strategy::v1::{ChangeKind, RecordResponseRequest, ResponseKind};
use sea_orm::{EntityTrait as _, IntoActiveModel as _, QuerySelect as _};

use super::{
    Store,
    contact::{self as state, change_load},
    customer::lock_customers,
    entity::{contact, customer, decision, response},
    upsert,
};
use crate::{convert::change, record};

impl Store {
    /// Records what became of a pick, once for each request. Errors: NotFound; OutOfScope; Invalid if the strategy was
    /// no pick of the decision; WrongState if the pick was withheld.
    pub async fn record_response(&self, tenant: &str, told: &RecordResponseRequest, caller: &Identity) -> Result<()> {
        let decision = self.decision(tenant, &told.decision_id).await?;
        self.check_customer(caller, "decision_id", tenant, &decision.customer_id).await?;
        let withheld = self.withheld(&decision, &told.strategy_id).await;
        let now = self.tenant_time(tenant).await?.now();
        let tx = self.db.begin().await?;
        let customer = lock_customers(&tx, tenant, BTreeSet::from([decision.customer_id.as_str()])).await?.pop();
        let customer = customer.ok_or(Error::NotFound { what: "decision", field: "decision_id" })?;
        if withheld? {
            return Err(Error::WrongState { what: "pick", state: "withheld".into() });
        }
        let row = response::Model {
            tenant: tenant.to_owned(),
            customer_id: customer.customer_id.clone(),
            request_id: told.request_id.clone(),
            decision_id: told.decision_id.clone(),
            strategy_id: told.strategy_id.clone(),
            kind: told.kind,
            respond_time: clock::micros(now),
        };
        write(tx, &customer, row).await
    }

    // Whether a strategy's pick was withheld. Errors: Invalid if there is none.
    async fn withheld(&self, decision: &decision::Model, strategy_id: &str) -> Result<bool> {
        let (_, input, output) = record::read(&decision.payload)?;
        let map = self.map_version(&decision.tenant, &input.map_version).await?;
        let exposures = record::exposures(&map, &input, &output);
        let found = exposures.into_iter().find(|exposure| exposure.strategy_id == strategy_id);
        let found = found.ok_or_else(|| Error::invalid("strategy_id", "is no pick of the decision"))?;
        Ok(found.universal_held || found.strategy_held)
    }
}

async fn write(tx: Tx, customer: &customer::Model, row: response::Model) -> Result<()> {
    let key = (row.tenant.clone(), row.customer_id.clone(), row.request_id.clone());
    if response::Entity::find_by_id(key).one(&*tx).await?.is_some() {
        return Ok(());
    }
    settle(&tx, &row).await?;
    let change = change::response(&row);
    response::Entity::insert(row.into_active_model()).exec_without_returning(&*tx).await?;
    feed::publish(&tx, vec![change::row(customer, ChangeKind::Response, change, None)]).await?;
    tx.commit().await
}

// A contact that was freed and turns out to have been made counts again; one that was confirmed stays so.
async fn settle(tx: &Tx, row: &response::Model) -> Result<()> {
    let key = (row.tenant.clone(), row.customer_id.clone(), row.decision_id.clone(), row.strategy_id.clone());
    let Some(found) = contact::Entity::find_by_id(key).lock_exclusive().one(&**tx).await? else {
        return Ok(());
    };
    let failed = row.kind == ResponseKind::Failed as i32;
    let (next, change) = match (found.state, failed) {
        (state::RESERVED, false) => (state::CONFIRMED, 0),
        (state::FREED, false) => (state::CONFIRMED, 1),
        (state::RESERVED, true) => (state::FREED, -1),
        _ => return Ok(()),
    };
    change_load(tx, &found.tenant, &found.channel_id, found.day, change).await?;
    upsert(tx, vec![contact::Model { state: next, ..found }]).await
}
