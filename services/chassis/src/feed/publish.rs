//! Writing to a feed, in the transaction of what the rows tell about.

use sea_orm::{NotSet, Set};

use super::{Position, entity};
use crate::{
    Result,
    clock::{micros, system_now},
    store::{Tx, rows},
    telemetry,
};

/// One change, as its service publishes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The tenant.
    pub tenant: String,
    /// What kind of change, in the publisher's words; watchers choose by it.
    pub kind: i32,
    /// The customer's number at the bank; empty if about no customer.
    pub customer_id: String,
    /// The customer's random key.
    pub customer_key: String,
    /// The customer's partition, 0..63.
    pub partition: u32,
    /// The organisation path that owns the customer.
    pub owner_path: String,
    /// The change.
    pub payload: Vec<u8>,
    /// W3C trace context of the request that made the change; None = the current span's. A group commit gives each
    /// request's own.
    pub traceparent: Option<String>,
}

/// Adds rows to the feed in their order and answers with the position of the last one; the default position if there
/// are none. Rows of one customer come to watchers in order if the transaction has locked that customer before this.
pub async fn publish(tx: &Tx, rows: Vec<Row>) -> Result<Position> {
    if rows.is_empty() {
        return Ok(Position::default());
    }
    let written = micros(system_now());
    let current = telemetry::traceparent();
    let rows = rows.into_iter().map(|row| active(row, &current, written)).collect();
    let last = rows::write_numbered::<entity::ActiveModel, _>(tx, rows).await?;
    tx.mark_published();
    Ok(Position(last))
}

fn active(row: Row, current: &str, written: i64) -> entity::ActiveModel {
    entity::ActiveModel {
        seq: NotSet,
        tenant: Set(row.tenant),
        kind: Set(row.kind),
        customer_id: Set(row.customer_id),
        customer_key: Set(row.customer_key),
        partition: Set(row.partition.cast_signed()),
        owner_path: Set(row.owner_path),
        traceparent: Set(row.traceparent.unwrap_or_else(|| current.to_owned())),
        format: Set(0),
        key_id: Set(String::new()),
        payload: Set(row.payload),
        written: Set(written),
    }
}
