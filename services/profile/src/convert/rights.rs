//! People's rights between wire and disk.

use huan_chassis::{Identity, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use crate::store::{
    entity::{erasure, legal_hold},
    erasure::Asked as Erase,
    hold::{Asked as Hold, Lift},
};

/// The longest reason, in bytes.
const MAX_REASON: usize = 200;

/// Reads ExportPerson: the request's id and the customer.
pub fn export(request: &pb::ExportPersonRequest) -> Result<(String, String)> {
    let mut faults = Faults::new();
    let ids = (faults.id("request_id", &request.request_id), faults.id("customer_id", &request.customer_id));
    faults.finish().map(|()| ids)
}

/// Reads ErasePerson.
pub fn erase(request: &pb::ErasePersonRequest, by: &Identity) -> Result<Erase> {
    let mut faults = Faults::new();
    let asked = Erase {
        request_id: faults.id("request_id", &request.request_id),
        customer_id: faults.id("customer_id", &request.customer_id),
        reason: reason(&mut faults, &request.reason, &request.customer_id),
        by: by.subject.clone(),
    };
    faults.finish().map(|()| asked)
}

/// Reads PlaceLegalHold.
pub fn place(request: &pb::PlaceLegalHoldRequest, by: &Identity) -> Result<Hold> {
    let mut faults = Faults::new();
    let asked = Hold {
        request_id: faults.id("request_id", &request.request_id),
        customer_id: faults.id("customer_id", &request.customer_id),
        reason: reason(&mut faults, &request.reason, &request.customer_id),
        by: by.subject.clone(),
    };
    faults.finish().map(|()| asked)
}

/// Reads LiftLegalHold.
pub fn lift(request: &pb::LiftLegalHoldRequest, by: &Identity) -> Result<Lift> {
    let mut faults = Faults::new();
    let asked = Lift {
        customer_id: faults.id("customer_id", &request.customer_id),
        hold_id: faults.id("hold_id", &request.hold_id),
        by: by.subject.clone(),
    };
    faults.finish().map(|()| asked)
}

/// Reads GetErasure.
pub fn erasure_id(id: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id("erasure_id", id);
    faults.finish().map(|()| id)
}

/// The message of an erasure.
pub fn erasure(row: erasure::Model) -> pb::PersonErasure {
    pb::PersonErasure {
        erasure_id: row.erasure_id,
        customer_key: row.customer_key,
        state: i32::from(row.state),
        reason: row.reason,
        requested_by: row.requested_by,
        request_time: Some(clock::timestamp(clock::from_micros(row.request_time))),
        erase_time: row.erase_time.map(|time| clock::timestamp(clock::from_micros(time))),
    }
}

/// The message of a legal hold.
pub fn hold(row: legal_hold::Model) -> pb::LegalHold {
    pb::LegalHold {
        hold_id: row.hold_id,
        reason: row.reason,
        placed_by: row.placed_by,
        place_time: Some(clock::timestamp(clock::from_micros(row.place_time))),
        lifted_by: row.lifted_by,
        lift_time: row.lift_time.map(|time| clock::timestamp(clock::from_micros(time))),
    }
}

/// A reason outlives the person, so that it must not name the customer.
fn reason(faults: &mut Faults, text: &str, customer_id: &str) -> String {
    if !customer_id.is_empty() && text.contains(customer_id) {
        faults.add("reason", "names the customer, and is kept after the erasure");
    }
    faults.text("reason", text, MAX_REASON)
}
