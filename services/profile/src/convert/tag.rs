//! Tags between wire and disk.

use huan_chassis::{
    Result,
    check::Faults,
    clock,
    page::{self, Page},
};
use huan_proto::profile::v1 as pb;

use super::{NEVER, event::check_year, keep, time_column, time_message, unique};
use crate::store::{
    entity::{tag, tag_history},
    tenant::View,
};

/// How far the clocks of senders may be ahead of ours.
const MAX_AHEAD: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

/// The row that an AttachTag asks for.
pub fn attach(request: pb::AttachTagRequest, view: &View, by: &str) -> Result<tag::Model> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let row = row(&mut faults, "tag", customer_id, request.tag, view, by);
    faults.finish().map(|()| row)
}

/// The rows of a batch, and the first fault of each one refused.
pub fn batch(tags: Vec<pb::CustomerTag>, view: &View, by: &str) -> (Vec<(usize, tag::Model)>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(tags.len());
    for (index, tag) in tags.into_iter().enumerate() {
        let mut faults = Faults::new();
        let customer_id = faults.id(&format!("tags[{index}].customer_id"), &tag.customer_id);
        let row = row(&mut faults, &format!("tags[{index}].tag"), customer_id, tag.tag, view, by);
        rows.extend(keep(index, faults, row, &mut refused).map(|row| (index, row)));
    }
    let key = |row: &tag::Model| format!("{}\0{}", row.customer_id, row.name);
    let rows = unique(rows, key, |index| format!("tags[{index}]"), &mut refused);
    (rows, refused)
}

/// The row that a tag on a customer asks for; `by` puts it on.
pub fn row(
    faults: &mut Faults,
    field: &str,
    customer_id: String,
    tag: Option<pb::Tag>,
    view: &View,
    by: &str,
) -> tag::Model {
    let at = |name: &str| format!("{field}.{name}");
    let tag = faults.required(field, tag).unwrap_or_default();
    let row = tag::Model {
        tenant: view.tenant.clone(),
        customer_id,
        name: faults.name(&at("name"), &tag.name, 64),
        source: String::new(),
        confidence: 0.0,
        expire_time: NEVER,
        author: 0,
        author_id: String::new(),
        author_version: String::new(),
        evidence: String::new(),
        decide_time: clock::micros(view.time.now()),
        attached_by: by.to_owned(),
        create_time: 0,
    };
    let row = match tag.lineage {
        Some(lineage) => with_lineage(faults, &at("lineage"), lineage, view, row),
        None => tag::Model { source: faults.text(&at("source"), &tag.source, 128), ..row },
    };
    tag::Model {
        confidence: faults.probability(&at("confidence"), tag.confidence.unwrap_or(1.0)),
        expire_time: time_column(faults.optional_time(&at("expire_time"), tag.expire_time.as_ref())),
        ..row
    }
}

fn with_lineage(faults: &mut Faults, field: &str, lineage: pb::TagLineage, view: &View, row: tag::Model) -> tag::Model {
    let at = |name: &str| format!("{field}.{name}");
    let author = faults.enumeration::<pb::TagAuthor>(&at("author"), lineage.author);
    let author_id = faults.id(&at("author_id"), &lineage.author_id);
    let decide_time = faults.optional_time(&at("decide_time"), lineage.decide_time.as_ref());
    if let Some(decide_time) = decide_time {
        check_year(faults, &at("decide_time"), decide_time);
        if decide_time > view.time.now() + MAX_AHEAD {
            faults.add(at("decide_time"), "is in the future");
        }
    }
    let word = author.as_str_name().trim_start_matches("TAG_AUTHOR_").to_lowercase();
    tag::Model {
        source: format!("{word}:{author_id}"),
        author: author as i16,
        author_id,
        author_version: faults.optional_text(&at("version"), &lineage.version, 64),
        evidence: faults.optional_text(&at("evidence"), &lineage.evidence, 200),
        decide_time: decide_time.map_or(row.decide_time, clock::micros),
        ..row
    }
}

/// The customer and the tag's name that a DetachTag names.
pub fn detach(request: &pb::DetachTagRequest) -> Result<(String, String)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let name = faults.name("name", &request.name, 64);
    faults.finish().map(|()| (customer_id, name))
}

/// The page that a ListTagHistory asks for, and what it is narrowed by.
pub fn history<'a>(tenant: &'a str, request: &'a pb::ListTagHistoryRequest) -> Result<(Page, [&'a str; 4])> {
    let mut faults = Faults::new();
    faults.id("customer_id", &request.customer_id);
    if !request.name.is_empty() {
        faults.name("name", &request.name, 64);
    }
    faults.finish()?;
    let filter = [tenant, "tag history", request.customer_id.as_str(), request.name.as_str()];
    Ok((page::page(request.page_size, &request.page_token, &filter)?, filter))
}

/// Whether the same author put the tag on with the same confidence: then its time goes on, and only its end moves.
pub fn goes_on(old: &tag::Model, new: &tag::Model) -> bool {
    let by = |row: &tag::Model| (row.author, row.confidence.to_bits());
    let texts = |row: &tag::Model| {
        [row.source.clone(), row.author_id.clone(), row.author_version.clone(), row.evidence.clone()]
    };
    by(old) == by(new) && texts(old) == texts(new)
}

/// The row of the history of a tag that is on, or was until someone took it off.
pub fn period(row: &tag::Model, detached: Option<(i64, &str)>) -> tag_history::Model {
    let row = row.clone();
    tag_history::Model {
        tenant: row.tenant,
        customer_id: row.customer_id,
        name: row.name,
        attach_time: row.create_time,
        source: row.source,
        confidence: row.confidence,
        expire_time: row.expire_time,
        author: row.author,
        author_id: row.author_id,
        author_version: row.author_version,
        evidence: row.evidence,
        decide_time: row.decide_time,
        attached_by: row.attached_by,
        detach_time: detached.map_or(NEVER, |(time, _)| time),
        detached_by: detached.map(|(_, by)| by.to_owned()).unwrap_or_default(),
    }
}

/// The message of a row.
pub fn message(row: tag::Model) -> pb::Tag {
    let lineage = (row.author != 0).then(|| pb::TagLineage {
        author: i32::from(row.author),
        author_id: row.author_id,
        version: row.author_version,
        evidence: row.evidence,
        decide_time: time_message(row.decide_time),
    });
    pb::Tag {
        name: row.name,
        source: row.source,
        confidence: Some(row.confidence),
        expire_time: time_message(row.expire_time),
        origin: row.customer_id,
        create_time: time_message(row.create_time),
        lineage,
    }
}

/// The message of a row of the history.
pub fn period_message(row: tag_history::Model) -> pb::TagPeriod {
    let (attached_by, detached_by) = (row.attached_by, row.detached_by);
    let tag = tag::Model {
        tenant: row.tenant,
        customer_id: row.customer_id,
        name: row.name,
        source: row.source,
        confidence: row.confidence,
        expire_time: row.expire_time,
        author: row.author,
        author_id: row.author_id,
        author_version: row.author_version,
        evidence: row.evidence,
        decide_time: row.decide_time,
        attached_by: String::new(),
        create_time: row.attach_time,
    };
    pb::TagPeriod { tag: Some(message(tag)), attached_by, detach_time: time_message(row.detach_time), detached_by }
}
