//! Events between wire and disk.

use chrono::{DateTime, Datelike, Utc};
use huan_chassis::{
    Error, FieldFault, Result,
    check::Faults,
    clock,
    page::{self, Page},
};
use huan_proto::profile::v1 as pb;

use super::{check_attributes, envelope, row_fault};
use crate::{
    event::MAX_ATTRIBUTES,
    store::{
        entity::{event, identity},
        ingest::Taken,
        tenant::{EventType, View},
    },
};

/// An event that passed its checks, with what its tenant's settings say of it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its place in the request.
    pub index: usize,
    /// The row.
    pub row: event::Model,
    /// The identity by which it was sent, whose customer is the row's once it is found.
    pub identity: Option<Box<identity::Model>>,
    /// The number of its type.
    pub event_type: u32,
    /// Whether reviews may measure it.
    pub is_outcome: bool,
    /// Its business day.
    pub day: i32,
}

/// An event that was refused, and why.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Its place in the request.
    pub index: usize,
    /// The event as it was sent.
    pub event: pb::Event,
    /// The field of it that is at fault.
    pub field: String,
    /// What is wrong with that.
    pub description: String,
}

/// Whether the types that the events name are registered in the view, and their attributes fit.
pub fn types_are_known(events: &[pb::Event], view: &View) -> bool {
    let fits = |event: &pb::Event| {
        let event_type = view.types.get(&event.r#type)?;
        event_type.shape.misfit(&event.attributes).is_none().then_some(())
    };
    events.iter().all(|event| fits(event).is_some())
}

/// The rows of a batch, and the first fault of each one refused.
pub fn batch(events: Vec<pb::Event>, view: &View) -> (Vec<Checked>, Vec<Refused>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        match check(&event, view) {
            Ok(found) => rows.push(checked(index, event, found, view)),
            Err(FieldFault { field, description }) => refused.push(Refused { index, event, field, description }),
        }
    }
    (rows, refused)
}

/// What is found of an event while it is checked.
struct Found<'a> {
    event_type: &'a EventType,
    occur_time: DateTime<Utc>,
    identity: Option<Box<identity::Model>>,
}

/// What is found of an event, or its first fault.
fn check<'a>(event: &pb::Event, view: &'a View) -> Result<Found<'a>, FieldFault> {
    let mut faults = Faults::new();
    let Some(event_type) = view.types.get(&event.r#type) else {
        let description = if event.r#type.is_empty() { "is required" } else { "is not a registered type" };
        return Err(FieldFault { field: "type".to_owned(), description: description.to_owned() });
    };
    let occur_time = faults.time("occur_time", event.occur_time.as_ref());
    if faults.is_empty() {
        check_year(&mut faults, "occur_time", occur_time);
    }
    check_source(&mut faults, &event.source);
    faults.id("source_id", &event.source_id);
    let identity = named(&mut faults, event, view);
    check_attributes(&mut faults, "attributes", &event.attributes, MAX_ATTRIBUTES);
    if let Some((name, why)) = event_type.shape.misfit(&event.attributes) {
        faults.add(format!("attributes.{name}"), why);
    }
    faults.into_vec().into_iter().next().map_or(Ok(Found { event_type, occur_time, identity }), Err)
}

/// Checks whom an event names, and reads the identity if it is that.
fn named(faults: &mut Faults, event: &pb::Event, view: &View) -> Option<Box<identity::Model>> {
    let Some(identity) = event.identity.clone() else {
        faults.id("customer_id", &event.customer_id);
        return None;
    };
    if !event.customer_id.is_empty() {
        faults.add("identity", "is given beside customer_id");
        return None;
    }
    match super::identity::row(None, Some(identity), view) {
        Ok(row) => Some(Box::new(row)),
        Err(Error::Invalid(found)) => {
            found.into_iter().for_each(|fault| faults.add(fault.field, fault.description));
            None
        }
        Err(_) => None,
    }
}

fn checked(index: usize, event: pb::Event, found: Found<'_>, view: &View) -> Checked {
    let Found { event_type, occur_time, identity } = found;
    let attributes = event.attributes.into_iter().filter(|(_, value)| value.kind.is_some()).collect();
    let row = event::Model {
        tenant: view.tenant.clone(),
        customer_id: event.customer_id,
        source: event.source,
        source_id: event.source_id,
        event_type: event.r#type,
        occur_time: clock::micros(occur_time),
        amount_minor: event.amount_minor,
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&pb::Event { attributes, ..Default::default() }),
    };
    let (number, is_outcome) = (event_type.number, event_type.is_outcome);
    Checked { index, row, identity, event_type: number, is_outcome, day: view.time.day(occur_time).0 }
}

/// Refuses an event that had passed its checks. Error: internal, if its envelopes do not open.
pub fn refused(checked: &Checked, field: &str, description: &str) -> Result<Refused> {
    let mut event = message(checked.row.clone())?;
    if let Some(row) = &checked.identity {
        event.customer_id.clear();
        event.identity = Some(pb::Identity { origin: String::new(), ..super::identity::message(row)? });
    }
    Ok(Refused { index: checked.index, event, field: field.to_owned(), description: description.to_owned() })
}

/// The fault of an event in a batch.
fn fault(refused: Refused) -> pb::RowFault {
    row_fault(refused.index, format!("events[{}].{}", refused.index, refused.field), refused.description)
}

/// Notes a time outside of the years that days can be written in.
pub fn check_year(faults: &mut Faults, field: &str, time: DateTime<Utc>) {
    if !(1900..2200).contains(&time.year()) {
        faults.add(field, "is not between 1900 and 2200");
    }
}

fn check_source(faults: &mut Faults, source: &str) {
    let text = faults.text("source", source, 32);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if !text.bytes().all(fits) {
        faults.add("source", "holds other characters than a-z, 0-9, _ and -");
    }
}

/// The message of an event's row.
pub fn message(row: event::Model) -> Result<pb::Event> {
    let kept: pb::Event = envelope::open(row.format, &row.payload)?;
    Ok(pb::Event {
        source: row.source,
        source_id: row.source_id,
        customer_id: row.customer_id,
        r#type: row.event_type,
        occur_time: Some(clock::timestamp(clock::from_micros(row.occur_time))),
        amount_minor: row.amount_minor,
        attributes: kept.attributes,
        identity: None,
    })
}

/// What reviews learn of an event.
pub fn outcome(row: &event::Model) -> pb::Outcome {
    pb::Outcome {
        source: row.source.clone(),
        source_id: row.source_id.clone(),
        r#type: row.event_type.clone(),
        amount_minor: row.amount_minor,
        occur_time: Some(clock::timestamp(clock::from_micros(row.occur_time))),
    }
}

/// The answer to an IngestEvents: what became of the events.
pub fn taken(taken: Taken) -> pb::IngestEventsResponse {
    pb::IngestEventsResponse {
        accepted: taken.accepted,
        duplicates: taken.duplicates,
        faults: taken.refused.into_iter().map(fault).collect(),
        position: taken.position.map(|position| position.to_string()).unwrap_or_default(),
    }
}

/// The answer to one batch of a StreamEvents.
pub fn acknowledged(sequence: i64, taken: Taken) -> pb::StreamEventsResponse {
    let pb::IngestEventsResponse { accepted, duplicates, faults, position } = self::taken(taken);
    pb::StreamEventsResponse { sequence, accepted, duplicates, faults, position }
}

/// What a ListEvents is narrowed by.
pub fn filter<'a>(tenant: &'a str, request: &'a pb::ListEventsRequest) -> [&'a str; 4] {
    [tenant, "events", &request.customer_id, &request.r#type]
}

/// The page that a ListEvents asks for.
pub fn list(tenant: &str, request: &pb::ListEventsRequest) -> Result<Page> {
    let mut faults = Faults::new();
    faults.id("customer_id", &request.customer_id);
    faults.optional_text("type", &request.r#type, 64);
    faults.finish()?;
    page::page(request.page_size, &request.page_token, &filter(tenant, request))
}
