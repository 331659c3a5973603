//! Requests about memberships over time, and the rows of the feed of joins and leaves.

use std::collections::{HashMap, HashSet};

use huan_chassis::check::Faults;
use huan_chassis::clock::Day;
use huan_chassis::{Result, feed};
use huan_proto::feed::v1::{Header, Heartbeat};
use huan_proto::segment::v1::{self as pb, watch_memberships_response::Item};

use crate::history::{only, transitions, unpack};
use crate::memory::decode;
use crate::store::entity::{membership_day, membership_move, membership_state, vector};

const MAX_DAYS: i32 = 400;
const MAX_WATCHED: usize = 200;

/// Reads the customer and the owner whose moves are asked for.
pub fn list_transitions(request: &pb::ListTransitionsRequest) -> Result<(String, String)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let owner_id = faults.optional_text("owner_id", &request.owner_id, 64);
    faults.finish().map(|()| (customer_id, owner_id))
}

/// Reads the owner and the days whose moves are counted.
pub fn count_moves(request: &pb::CountMovesRequest) -> Result<(String, (i32, i32))> {
    let mut faults = Faults::new();
    let owner_id = faults.id("owner_id", &request.owner_id);
    let (first, last) = (faults.day("first_day", &request.first_day), faults.day("last_day", &request.last_day));
    if faults.is_empty() && !(0..MAX_DAYS).contains(&(last.0 - first.0)) {
        faults.add("last_day", format!("must be first_day or one of the {} days after it", MAX_DAYS - 1));
    }
    faults.finish().map(|()| (owner_id, (first.0, last.0)))
}

/// Reads which memberships are watched; none = all.
pub fn watch_memberships(request: &pb::WatchMembershipsRequest) -> Result<HashSet<String>> {
    let mut faults = Faults::new();
    if request.memberships.len() > MAX_WATCHED {
        faults.add("memberships", format!("must be at most {MAX_WATCHED}"));
    }
    let memberships = request.memberships.iter().enumerate();
    let wanted =
        memberships.map(|(at, membership)| faults.text(&format!("memberships[{at}]"), membership, 129)).collect();
    if !request.owner_path.is_empty() {
        faults.path("owner_path", &request.owner_path);
    }
    faults.finish().map(|()| wanted)
}

/// The transitions of one row.
pub fn steps(row: &membership_move::Model, owner_id: &str) -> Result<Vec<pb::Transition>> {
    Ok(transitions(&decode(&row.payload)?, Day(row.day), owner_id))
}

/// The counts of one row.
pub fn move_count(row: membership_day::Model) -> pb::MoveCount {
    let (membership, day) = (row.membership, Day(row.day).to_string());
    pb::MoveCount { membership, day, joined: row.joined, left: row.departed }
}

/// A row of the feed as it is sent.
pub fn change(entry: feed::Entry) -> Result<pb::WatchMembershipsResponse> {
    let stored: pb::MembershipChange = decode(&entry.payload)?;
    let change = pb::MembershipChange { header: Some(entry.header), ..stored };
    Ok(pb::WatchMembershipsResponse { item: Some(Item::Change(change)) })
}

/// A heartbeat as it is sent.
pub fn heartbeat(heartbeat: Heartbeat) -> pb::WatchMembershipsResponse {
    pb::WatchMembershipsResponse { item: Some(Item::Heartbeat(heartbeat)) }
}

/// What a customer belongs to, as a change from nothing.
pub fn standing(
    customer: vector::Model,
    state: &membership_state::Model,
    names: &HashMap<u32, &str>,
) -> pb::WatchMembershipsResponse {
    let membership = |name: &&str| pb::MoveMembership { membership: (*name).to_owned(), revision: 0 };
    let codes = unpack(&state.codes);
    let mut joined: Vec<_> = codes.iter().filter_map(|code| names.get(code)).map(membership).collect();
    joined.sort_unstable_by(|left, right| left.membership.cmp(&right.membership));
    let header = Header {
        tenant_id: customer.tenant,
        partition: feed::partition(&customer.customer_id),
        customer_id: customer.customer_id,
        customer_key: customer.customer_key,
        owner_path: customer.owner_path,
        ..Default::default()
    };
    let moved = Some(pb::Move { joined, ..Default::default() });
    pb::WatchMembershipsResponse { item: Some(Item::Change(pb::MembershipChange { header: Some(header), moved })) }
}

/// An item without the memberships that are not wanted; `None` if nothing is left of it.
pub fn wanted(item: pb::WatchMembershipsResponse, wanted: &HashSet<String>) -> Option<pb::WatchMembershipsResponse> {
    let Some(Item::Change(change)) = item.item else { return Some(item) };
    let moved = Some(only(change.moved.unwrap_or_default(), wanted)?);
    let change = pb::MembershipChange { moved, ..change };
    Some(pb::WatchMembershipsResponse { item: Some(Item::Change(change)) })
}
