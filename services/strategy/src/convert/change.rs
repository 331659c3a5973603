//! The rows of the decision feed: as published, and as they stand when a watcher begins.

use huan_chassis::{Error, Result, check::Faults, clock, feed};
use huan_proto::{
    feed::v1::{Header, Heartbeat},
    strategy::v1::{self as pb, ChangeKind, decision_change::Change, watch_decisions_response::Item},
};
use prost::Message as _;

use crate::{
    decide::CompiledMap,
    record,
    store::entity::{assignment, customer, decision, response},
};

/// Reads the kinds that a watcher wants. Errors: Invalid.
pub fn kinds(kinds: Vec<i32>) -> Result<Vec<i32>> {
    let mut faults = Faults::new();
    if kinds.is_empty() {
        faults.add("kinds", "is required");
    }
    for (index, kind) in kinds.iter().enumerate() {
        faults.enumeration::<ChangeKind>(&format!("kinds[{index}]"), *kind);
    }
    faults.finish()?;
    Ok(kinds)
}

/// A row for the feed, about a customer.
pub fn row(customer: &customer::Model, kind: ChangeKind, change: Change, traceparent: Option<String>) -> feed::Row {
    let payload = pb::DecisionChange { header: None, change: Some(change) }.encode_to_vec();
    feed::Row {
        tenant: customer.tenant.clone(),
        kind: kind as i32,
        customer_id: customer.customer_id.clone(),
        customer_key: customer.customer_key.clone(),
        partition: customer.partition.cast_unsigned(),
        owner_path: customer.owner_path.clone(),
        payload,
        traceparent,
    }
}

/// Puts a published row on the wire. Errors: Internal.
pub fn published(entry: feed::Entry) -> Result<pb::WatchDecisionsResponse> {
    let broken = |_| Error::Internal("a feed row does not decode".into());
    let mut change = pb::DecisionChange::decode(entry.payload.as_slice()).map_err(broken)?;
    change.header = Some(entry.header);
    Ok(pb::WatchDecisionsResponse { item: Some(Item::Change(change)) })
}

/// Puts a row that stands on the wire: one without a cursor.
pub fn standing(customer: &customer::Model, change: Change, written: Option<i64>) -> pb::WatchDecisionsResponse {
    let header = Header {
        cursor: String::new(),
        tenant_id: customer.tenant.clone(),
        customer_id: customer.customer_id.clone(),
        customer_key: customer.customer_key.clone(),
        partition: customer.partition.cast_unsigned(),
        owner_path: customer.owner_path.clone(),
        traceparent: String::new(),
        write_time: written.map(|micros| clock::timestamp(clock::from_micros(micros))),
    };
    let change = pb::DecisionChange { header: Some(header), change: Some(change) };
    pb::WatchDecisionsResponse { item: Some(Item::Change(change)) }
}

/// Puts a heartbeat on the wire.
pub fn heartbeat(heartbeat: Heartbeat) -> pb::WatchDecisionsResponse {
    pb::WatchDecisionsResponse { item: Some(Item::Heartbeat(heartbeat)) }
}

/// Tells a decision's would-be picks.
pub fn exposures(
    row: &decision::Model,
    map: &CompiledMap,
    input: &pb::DecisionInput,
    output: &pb::DecisionOutput,
) -> Change {
    Change::Exposures(pb::Exposures {
        decision_id: row.decision_id.clone(),
        decide_time: Some(clock::timestamp(clock::from_micros(row.decide_time))),
        exposures: record::exposures(map, input, output),
    })
}

/// Tells what became of a pick.
pub fn response(row: &response::Model) -> Change {
    Change::Response(pb::Response {
        decision_id: row.decision_id.clone(),
        strategy_id: row.strategy_id.clone(),
        kind: row.kind,
        respond_time: Some(clock::timestamp(clock::from_micros(row.respond_time))),
    })
}

/// Tells an assignment.
pub fn assigned(row: &assignment::Model, experiment: &pb::Experiment) -> Change {
    let arm = experiment.arms.iter().find(|arm| arm.arm == row.arm).cloned().unwrap_or_default();
    Change::Assigned(pb::Assigned {
        experiment_id: row.experiment_id.clone(),
        arm: row.arm.clone(),
        intended_share: arm.intended_share,
        is_control: arm.is_control,
        assign_time: Some(clock::timestamp(clock::from_micros(row.assign_time))),
    })
}
