//! Feed rows: what is published of each kind of change, and how a published row goes out on the wire.

use huan_chassis::{Error, Result, check::Faults, clock, feed};
use huan_proto::{
    feed::v1::{Header, Heartbeat},
    profile::v1::{self as pb, profile_change::Change, watch_profiles_response::Item},
};
use prost::Message;

use super::MAX_ROWS;
use crate::store::entity::{consent, customer, tombstone};

/// The cursor, the kinds and whose rows a WatchProfiles asks for.
pub fn watch(request: pb::WatchProfilesRequest) -> Result<(String, Vec<i32>, feed::Filter)> {
    let mut faults = Faults::new();
    if request.kinds.is_empty() {
        faults.add("kinds", "is required");
    }
    for (index, kind) in request.kinds.iter().enumerate() {
        faults.enumeration::<pb::ChangeKind>(&format!("kinds[{index}]"), *kind);
    }
    if request.tenant_ids.len() > MAX_ROWS {
        faults.add("tenant_ids", format!("has more than {MAX_ROWS} entries"));
    }
    if !request.owner_path.is_empty() {
        faults.path("owner_path", &request.owner_path);
    }
    let filter = feed::Filter { tenants: request.tenant_ids, owner_path: request.owner_path };
    faults.finish().map(|()| (request.cursor, request.kinds, filter))
}

/// The row of a change to a tenant.
pub fn tenant_row(tenant: &str, change: Change) -> feed::Row {
    feed::Row {
        tenant: tenant.to_owned(),
        kind: kind(&change).into(),
        owner_path: "/".to_owned(),
        payload: payload(change),
        ..Default::default()
    }
}

/// The row of a change to a customer.
pub fn customer_row(customer: &customer::Model, change: Change, traceparent: Option<String>) -> feed::Row {
    feed::Row {
        tenant: customer.tenant.clone(),
        kind: kind(&change).into(),
        customer_id: customer.customer_id.clone(),
        customer_key: customer.customer_key.clone(),
        partition: feed::partition(&customer.customer_id),
        owner_path: customer.owner_path.clone(),
        payload: payload(change),
        traceparent,
    }
}

/// The row that says that a customer was erased: it names the random key alone.
pub fn erasure_row(tombstone: &tombstone::Model) -> feed::Row {
    feed::Row {
        tenant: tombstone.tenant.clone(),
        kind: pb::ChangeKind::Erasure.into(),
        customer_key: tombstone.customer_key.clone(),
        partition: tombstone.partition.cast_unsigned(),
        owner_path: "/".to_owned(),
        payload: payload(erased(tombstone)),
        ..Default::default()
    }
}

/// That a customer was erased.
pub fn erased(tombstone: &tombstone::Model) -> Change {
    Change::Erasure(pb::Erasure { erase_time: Some(clock::timestamp(clock::from_micros(tombstone.erase_time))) })
}

/// What a decision must know of a customer, of whom this is all that is known.
pub fn standing(customer: &pb::Customer, consents: &[consent::Model]) -> Change {
    Change::Standing(pb::Standing {
        r#type: customer.r#type,
        risk_level: customer.risk_level,
        gates: customer.gates.clone(),
        personalisation_refused: customer.personalisation_refused,
        consents: consents.iter().map(super::consent::state).collect(),
    })
}

/// Whose profile a customer is part of.
pub fn merge(root: &customer::Model) -> Change {
    Change::Merge(pb::Merge { root_id: root.customer_id.clone(), root_key: root.customer_key.clone() })
}

/// The root that a published merge names. Error: internal, if the bytes are not a change.
pub fn root_of(payload: &[u8]) -> Result<Option<String>> {
    match decoded(payload)?.change {
        Some(Change::Merge(merge)) => Ok(Some(merge.root_id)),
        _ => Ok(None),
    }
}

/// The item of a row as it was published. Error: internal, if the bytes are not a change.
pub fn change(entry: feed::Entry) -> Result<pb::WatchProfilesResponse> {
    Ok(item(entry.header, decoded(&entry.payload)?.change))
}

/// The item of a change.
pub fn item(header: Header, change: Option<Change>) -> pb::WatchProfilesResponse {
    let change = pb::ProfileChange { header: Some(header), change };
    pb::WatchProfilesResponse { item: Some(Item::Change(change)) }
}

/// The header of an item; none if it is a heartbeat.
pub fn header(item: &pb::WatchProfilesResponse) -> Option<&Header> {
    match &item.item {
        Some(Item::Change(change)) => change.header.as_ref(),
        _ => None,
    }
}

/// The item of a heartbeat.
pub fn heartbeat(heartbeat: Heartbeat) -> pb::WatchProfilesResponse {
    pb::WatchProfilesResponse { item: Some(Item::Heartbeat(heartbeat)) }
}

fn decoded(payload: &[u8]) -> Result<pb::ProfileChange> {
    pb::ProfileChange::decode(payload).map_err(|error| Error::Internal(format!("broken feed row: {error}")))
}

fn kind(change: &Change) -> pb::ChangeKind {
    match change {
        Change::Tenant(_) => pb::ChangeKind::Tenant,
        Change::Catalogue(_) => pb::ChangeKind::Catalogue,
        Change::Standing(_) => pb::ChangeKind::Standing,
        Change::Vector(_) => pb::ChangeKind::Vector,
        Change::Outcome(_) => pb::ChangeKind::Outcome,
        Change::Merge(_) => pb::ChangeKind::Merge,
        Change::Erasure(_) => pb::ChangeKind::Erasure,
    }
}

fn payload(change: Change) -> Vec<u8> {
    pb::ProfileChange { header: None, change: Some(change) }.encode_to_vec()
}
