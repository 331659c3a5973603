//! Dead letters between wire and disk.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use huan_chassis::{
    Error, Identity, Result,
    check::Faults,
    clock,
    page::{self, Page},
};
use huan_proto::profile::v1::{self as pb, DeadLetterState as State};
use prost::Message;
use uuid::Uuid;

use super::{envelope, event::Refused};
use crate::store::{
    dead_letter::{Filter, MOST, REPLAY, Replayed},
    entity::dead_letter,
    tenant::View,
};

/// The most bytes of an event that is kept whole.
const MOST_BYTES: usize = 32 * 1024;
/// The most bytes of the events of a page.
const MOST_BYTES_A_PAGE: usize = 2 * 1024 * 1024;
/// The most bytes of what is kept beside it, to be looked for.
const COLUMN_BYTES: usize = 64;

/// The row of an event that was refused.
pub fn row(view: &View, refused: &Refused, now: i64) -> dead_letter::Model {
    let (event, cut) = kept(&refused.event);
    let lacks_id = event.source.is_empty() || event.source_id.is_empty();
    let digest = if lacks_id {
        // Maps encode in no order, so the attributes do not count.
        let bare = pb::Event { attributes: HashMap::new(), ..event.clone() };
        let bytes = bare.encode_to_vec();
        view.hash("letter", &hex::encode(bytes))
    } else {
        digest(view, &event.source, &event.source_id)
    };
    dead_letter::Model {
        tenant: view.tenant.clone(),
        letter_id: Uuid::now_v7().simple().to_string(),
        digest,
        source: short(&event.source),
        event_type: short(&event.r#type),
        customer_id: short(&event.customer_id),
        identity_hash: event.identity.as_ref().map(|named| super::identity::hash(view, named)).unwrap_or_default(),
        state: State::Open as i16,
        field: refused.field.clone(),
        description: refused.description.clone(),
        create_time: now,
        update_time: now,
        cut,
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&event),
    }
}

/// What a letter is found by, unique in the tenant.
pub fn digest(view: &View, source: &str, source_id: &str) -> String {
    // A source holds no line break, or the event was refused before it was looked for.
    view.hash("event", &format!("{source}\n{source_id}"))
}

/// The greatest letter id before a time.
pub fn last_id_before(time: DateTime<Utc>) -> String {
    let millis = time.timestamp_millis().max(0) as u64;
    format!("{millis:012x}{}", "0".repeat(20))
}

/// The message of a row. Error: internal, if its envelope does not open.
pub fn message(row: dead_letter::Model) -> Result<pb::DeadLetter> {
    Ok(pb::DeadLetter {
        letter_id: row.letter_id,
        state: row.state.into(),
        event: Some(envelope::open(row.format, &row.payload)?),
        field: row.field,
        description: row.description,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
        cut: row.cut,
    })
}

/// The event of a row. Error: internal, if its envelope does not open.
pub fn event(row: &dead_letter::Model) -> Result<pb::Event> {
    envelope::open(row.format, &row.payload)
}

/// The tenant of a caller who may see all of it. Errors: OutOfScope.
pub fn tenant(by: &Identity) -> Result<String> {
    by.check_bank_wide("filter")?;
    by.tenant().map(str::to_owned)
}

/// The letters that a ListDeadLetters asks for.
pub fn list(tenant: &str, request: &pb::ListDeadLettersRequest) -> Result<(Filter, Page)> {
    let mut faults = Faults::new();
    let state: State = faults.optional_enumeration("state", request.state);
    let filter = filter(&mut faults, request.filter.as_ref(), state);
    faults.finish()?;
    let page = page::page(request.page_size, &request.page_token, &bound(tenant, &filter, &request.state.to_string()))?;
    Ok((filter, page))
}

/// The open letters of a filter, as many as are replayed or dropped at a time.
pub fn open(tenant: &str, wanted: Option<&pb::DeadLetterFilter>, page_token: &str) -> Result<(Filter, Page)> {
    let mut faults = Faults::new();
    let filter = filter(&mut faults, wanted, State::Open);
    faults.finish()?;
    let page = page::page(MOST as i32, page_token, &bound(tenant, &filter, REPLAY))?;
    Ok((filter, page))
}

/// The letters that a request names. Errors: Invalid (letter_ids, filter).
pub fn letter_ids(ids: Vec<String>, filter: Option<&pb::DeadLetterFilter>) -> Result<Vec<String>> {
    if ids.len() > MOST as usize {
        return Err(Error::invalid("letter_ids", format!("has more than {MOST} entries")));
    }
    if !ids.is_empty() && filter.is_some() {
        return Err(Error::invalid("filter", "is given beside letter_ids"));
    }
    Ok(ids)
}

/// What a page token of letters is bound to.
pub fn bound<'a>(tenant: &'a str, filter: &'a Filter, state: &'a str) -> [&'a str; 5] {
    [tenant, "dead_letters", &filter.source, &filter.event_type, state]
}

fn filter(faults: &mut Faults, filter: Option<&pb::DeadLetterFilter>, state: State) -> Filter {
    let (source, event_type) =
        filter.map(|filter| (filter.source.as_str(), filter.r#type.as_str())).unwrap_or_default();
    Filter {
        source: faults.optional_text("filter.source", source, COLUMN_BYTES),
        event_type: faults.optional_text("filter.type", event_type, COLUMN_BYTES),
        state: state as i16,
    }
}

/// The answer to a ReplayDeadLetters.
pub fn replayed(done: Replayed, next_page_token: String) -> pb::ReplayDeadLettersResponse {
    pb::ReplayDeadLettersResponse {
        replayed: done.replayed as i32,
        refused: done.refused as i32,
        position: done.position.map(|position| position.to_string()).unwrap_or_default(),
        next_page_token,
    }
}

/// How many of the rows fit into one answer, at least one.
pub fn fitting(rows: &[dead_letter::Model], limit: u64) -> u64 {
    let mut bytes = 0;
    let fit = rows.iter().take(limit as usize).take_while(|row| {
        bytes += row.payload.len();
        bytes <= MOST_BYTES_A_PAGE
    });
    (fit.count() as u64).max(1)
}

/// The event, and whether it was too large to keep its attributes.
fn kept(event: &pb::Event) -> (pb::Event, bool) {
    let mut event = event.clone();
    let cut = event.encoded_len() > MOST_BYTES;
    if cut {
        event.attributes.clear();
        event.identity = None;
        for text in [&mut event.source, &mut event.source_id, &mut event.customer_id, &mut event.r#type] {
            *text = short(text);
        }
    }
    (event, cut)
}

/// The beginning of a text, as much as is looked for.
fn short(text: &str) -> String {
    let fit = text.char_indices().take_while(|(at, c)| at + c.len_utf8() <= COLUMN_BYTES).map(|(_, c)| c);
    // PostgreSQL takes no zero bytes in a text.
    fit.filter(|c| !c.is_control()).collect()
}
