//! Events and their types between wire and disk.

use chrono::{DateTime, Datelike, Utc};
use huan_chassis::{
    Result,
    check::Faults,
    clock,
    page::{self, Page},
};
use huan_proto::profile::v1 as pb;

use super::{attributes, envelope, keep};
use crate::store::{
    entity::{event, event_type},
    ingest::Taken,
    tenant::View,
};

/// The most attributes of an event.
const MAX_ATTRIBUTES: usize = 32;

/// An event that passed its checks, with what its tenant's settings say of it.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its place in the request.
    pub index: usize,
    /// The row.
    pub row: event::Model,
    /// The number of its type.
    pub event_type: u32,
    /// Whether reviews may measure it.
    pub is_outcome: bool,
    /// Its business day.
    pub day: i32,
}

/// Whether every type that the events name is registered in the view.
pub fn types_are_known(events: &[pb::Event], view: &View) -> bool {
    events.iter().all(|event| view.types.contains_key(&event.r#type))
}

/// The rows of a batch, and the first fault of each one refused.
pub fn batch(events: Vec<pb::Event>, view: &View) -> (Vec<Checked>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let mut faults = Faults::new();
        let row = checked(&mut faults, index, event, view);
        rows.extend(keep(index, faults, row, &mut refused).flatten());
    }
    (rows, refused)
}

fn checked(faults: &mut Faults, index: usize, event: pb::Event, view: &View) -> Option<Checked> {
    let at = |name: &str| format!("events[{index}].{name}");
    let occur_time = faults.time(&at("occur_time"), event.occur_time.as_ref());
    if faults.is_empty() {
        check_year(faults, &at("occur_time"), occur_time);
    }
    let event_type = view.types.get(&event.r#type);
    if event_type.is_none() {
        faults.add(at("type"), if event.r#type.is_empty() { "is required" } else { "is not a registered type" });
    }
    let kept = pb::Event {
        attributes: attributes(faults, &at("attributes"), event.attributes, MAX_ATTRIBUTES),
        ..Default::default()
    };
    let row = event::Model {
        tenant: view.tenant.clone(),
        source: source(faults, &at("source"), &event.source),
        source_id: faults.id(&at("source_id"), &event.source_id),
        customer_id: faults.id(&at("customer_id"), &event.customer_id),
        event_type: event.r#type,
        occur_time: clock::micros(occur_time),
        amount_minor: event.amount_minor,
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&kept),
    };
    let event_type = event_type?;
    let (number, is_outcome) = (event_type.number, event_type.is_outcome);
    Some(Checked { index, row, event_type: number, is_outcome, day: view.time.day(occur_time).0 })
}

/// Notes a time outside of the years that days can be written in.
pub fn check_year(faults: &mut Faults, field: &str, time: DateTime<Utc>) {
    if !(1900..2200).contains(&time.year()) {
        faults.add(field, "is not between 1900 and 2200");
    }
}

fn source(faults: &mut Faults, field: &str, source: &str) -> String {
    let text = faults.text(field, source, 32);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-';
    if !text.bytes().all(fits) {
        faults.add(field, "holds other characters than a-z, 0-9, _ and -");
    }
    text
}

/// The row of a type to register; its number is the store's to give.
pub fn event_type(request: pb::RegisterEventTypeRequest, tenant: &str) -> Result<event_type::Model> {
    let mut faults = Faults::new();
    let event_type = faults.required("event_type", request.event_type).unwrap_or_default();
    let row = event_type::Model {
        tenant: tenant.to_owned(),
        name: faults.name("event_type.name", &event_type.name, 64),
        number: 0,
        description: faults.optional_text("event_type.description", &event_type.description, 400),
        is_outcome: event_type.is_outcome,
    };
    faults.finish().map(|()| row)
}

/// The message of a type's row.
pub fn event_type_message(row: event_type::Model) -> pb::EventType {
    pb::EventType { name: row.name, description: row.description, is_outcome: row.is_outcome }
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

/// The answer to an IngestEvents: what became of the events, and those refused before.
pub fn taken(taken: Taken, mut faults: Vec<pb::RowFault>) -> pb::IngestEventsResponse {
    faults.extend(taken.faults);
    pb::IngestEventsResponse {
        accepted: taken.accepted,
        duplicates: taken.duplicates,
        faults,
        position: taken.position.map(|position| position.to_string()).unwrap_or_default(),
    }
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
