//! Merges and proposals of merges between wire and disk.

use huan_chassis::{Identity, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use crate::store::{
    entity::{merge_edge, merge_proposal},
    merge::Ask,
};

/// The merge that a MergeCustomers asks for.
pub fn ask(request: &pb::MergeCustomersRequest, by: &Identity) -> Result<Ask> {
    let mut faults = Faults::new();
    let ask = Ask {
        request_id: Some(faults.id("request_id", &request.request_id)),
        survivor: faults.id("survivor_customer_id", &request.survivor_customer_id),
        absorbed: faults.id("absorbed_customer_id", &request.absorbed_customer_id),
        reason: pb::MergeReason::Explicit,
        made_by: by.subject.clone(),
    };
    if ask.survivor == ask.absorbed && !ask.survivor.is_empty() {
        faults.add("absorbed_customer_id", "is the survivor itself");
    }
    faults.finish().map(|()| ask)
}

/// Reads the id of a merge or a proposal.
pub fn id(field: &str, id: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id(field, id);
    faults.finish().map(|()| id)
}

/// What a ListMergeProposals asks for.
#[derive(Debug)]
pub struct List {
    /// Where both customers are owned at or below this path.
    pub owner_path: String,
    /// `MergeProposalState`.
    pub state: i32,
    state_text: String,
}

impl List {
    /// What the list is narrowed by.
    pub fn filter<'a>(&'a self, tenant: &'a str) -> [&'a str; 4] {
        [tenant, "proposals", &self.owner_path, &self.state_text]
    }
}

/// Reads what a ListMergeProposals asks for; no path = the caller's own, no state = open.
pub fn list(request: &pb::ListMergeProposalsRequest, by: &Identity) -> Result<List> {
    let mut faults = Faults::new();
    let own = if by.org_path.is_empty() { "/" } else { &by.org_path };
    let path = if request.owner_path.is_empty() { own } else { &request.owner_path };
    let owner_path = faults.path("owner_path", path);
    let state = match faults.optional_enumeration("state", request.state) {
        pb::MergeProposalState::Unspecified => pb::MergeProposalState::Open,
        state => state,
    };
    let list = List { owner_path, state: state.into(), state_text: state.as_str_name().to_owned() };
    faults.finish().map(|()| list)
}

/// The message of a merge's row.
pub fn message(row: merge_edge::Model) -> pb::MergeEdge {
    pb::MergeEdge {
        merge_id: row.merge_id,
        absorbed_customer_id: row.absorbed,
        survivor_customer_id: row.survivor,
        reason: i32::from(row.reason),
        holds: row.holds,
        made_by: row.made_by,
        create_time: time(row.create_time),
        revoked_by: row.revoked_by,
        revoke_time: time(row.revoke_time),
    }
}

/// The message of a proposal's row.
pub fn proposal(row: merge_proposal::Model) -> pb::MergeProposal {
    pb::MergeProposal {
        proposal_id: row.proposal_id,
        absorbed_customer_id: row.absorbed,
        survivor_customer_id: row.survivor,
        reason: i32::from(row.reason),
        state: i32::from(row.state),
        create_time: time(row.create_time),
        decided_by: row.decided_by,
        decide_time: time(row.decide_time),
        merge_id: row.merge_id,
    }
}

fn time(micros: i64) -> Option<prost_types::Timestamp> {
    (micros != 0).then(|| clock::timestamp(clock::from_micros(micros)))
}
