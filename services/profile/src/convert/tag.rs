//! Tags between wire and disk.

use huan_chassis::{Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use super::{time_column, time_message};
use crate::store::entity::tag;

/// The row that an AttachTag asks for.
pub fn attach(request: pb::AttachTagRequest, tenant: &str) -> Result<tag::Model> {
    let mut faults = Faults::new();
    let tag = faults.required("tag", request.tag).unwrap_or_default();
    let row = tag::Model {
        tenant: tenant.to_owned(),
        customer_id: faults.id("customer_id", &request.customer_id),
        name: faults.name("tag.name", &tag.name, 64),
        source: faults.text("tag.source", &tag.source, 128),
        confidence: faults.probability("tag.confidence", tag.confidence.unwrap_or(1.0)),
        expire_time: time_column(faults.optional_time("tag.expire_time", tag.expire_time.as_ref())),
        create_time: 0,
    };
    faults.finish().map(|()| row)
}

/// The customer and the tag's name that a DetachTag names.
pub fn detach(request: &pb::DetachTagRequest) -> Result<(String, String)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let name = faults.name("name", &request.name, 64);
    faults.finish().map(|()| (customer_id, name))
}

/// The message of a row.
pub fn message(row: tag::Model) -> pb::Tag {
    pb::Tag {
        name: row.name,
        source: row.source,
        confidence: Some(row.confidence),
        expire_time: time_message(row.expire_time),
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        origin: row.customer_id,
    }
}
