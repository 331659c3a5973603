//! Between the contract and the tables: the only place that reads raw request fields.

pub mod dataset;
pub mod model;
pub mod clustering;

use std::collections::HashSet;

use huan_chassis::check::Faults;
use huan_chassis::{FieldFault, Result, clock};
use huan_proto::segment::v1 as pb;

use crate::columns::Customer;
use crate::live::OTHER;
use crate::rule::{Fault, Place};
use crate::store::build::Build;
use crate::store::entity::{segment, segment_set, segment_set_part, segment_source};
use crate::store::segment_set::Whole;

pub mod comparison;
pub mod history;
pub mod insight;
pub mod set;

const MAX_NAME: usize = 200;
const MAX_PARTS: usize = 100;

/// A segment, and whom it consists of if it has no rule.
pub type SourcedSegment = (segment::Model, Option<segment_source::Model>);

/// Reads the segment to be created.
pub fn create_segment(tenant: &str, request: pb::CreateSegmentRequest) -> Result<SourcedSegment> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let segment = faults.required("segment", request.segment).unwrap_or_default();
    let model = segment_model(&mut faults, tenant, request_id, &segment);
    let source = segment_source(&mut faults, tenant, &segment);
    faults.finish().map(|()| (segment::Model { revision: 1, ..model }, source))
}

/// Reads the segment to be changed.
pub fn update_segment(tenant: &str, request: pb::UpdateSegmentRequest) -> Result<SourcedSegment> {
    let mut faults = Faults::new();
    let segment = faults.required("segment", request.segment).unwrap_or_default();
    let model = segment_model(&mut faults, tenant, String::new(), &segment);
    let source = segment_source(&mut faults, tenant, &segment);
    faults.finish().map(|()| (model, source))
}

/// The source of a segment that has one in place of a rule.
fn segment_source(faults: &mut Faults, tenant: &str, segment: &pb::Segment) -> Option<segment_source::Model> {
    let kinds = [!segment.rule.trim().is_empty(), segment.list.is_some(), !segment.cluster.is_empty()];
    if kinds.into_iter().filter(|kind| *kind).count() > 1 {
        faults.add("segment.rule", "stands beside a list or a cluster, of which there may be one");
    }
    let cluster = faults.optional_text("segment.cluster", &segment.cluster, 129);
    (segment.list.is_some() || !cluster.is_empty()).then(|| segment_source::Model {
        tenant: tenant.to_owned(),
        segment_id: segment.segment_id.clone(),
        cluster,
        frozen: false,
        bitmap: Vec::new(),
    })
}

fn segment_model(faults: &mut Faults, tenant: &str, request_id: String, segment: &pb::Segment) -> segment::Model {
    segment::Model {
        tenant: tenant.to_owned(),
        segment_id: faults.name("segment.segment_id", &segment.segment_id, 64),
        display_name: faults.text("segment.display_name", &segment.display_name, MAX_NAME),
        rule: match segment.list.is_some() || !segment.cluster.is_empty() {
            true => String::new(),
            false => required_rule(faults, "segment.rule", &segment.rule),
        },
        revision: segment.revision,
        request_id,
    }
}

/// Reads the set to be created.
pub fn create_segment_set(tenant: &str, request: pb::CreateSegmentSetRequest) -> Result<Whole> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let set = faults.required("segment_set", request.segment_set).unwrap_or_default();
    let (model, parts) = segment_set_model(&mut faults, tenant, request_id, &set);
    faults.finish().map(|()| (segment_set::Model { revision: 1, ..model }, parts))
}

/// Reads the set to be changed.
pub fn update_segment_set(tenant: &str, request: pb::UpdateSegmentSetRequest) -> Result<Whole> {
    let mut faults = Faults::new();
    let set = faults.required("segment_set", request.segment_set).unwrap_or_default();
    let whole = segment_set_model(&mut faults, tenant, String::new(), &set);
    faults.finish().map(|()| whole)
}

fn segment_set_model(faults: &mut Faults, tenant: &str, request_id: String, set: &pb::SegmentSet) -> Whole {
    let model = segment_set::Model {
        tenant: tenant.to_owned(),
        segment_set_id: faults.name("segment_set.segment_set_id", &set.segment_set_id, 64),
        display_name: faults.text("segment_set.display_name", &set.display_name, MAX_NAME),
        revision: set.revision,
        request_id,
    };
    if set.parts.is_empty() || set.parts.len() > MAX_PARTS {
        faults.add("segment_set.parts", format!("must be 1 to {MAX_PARTS}"));
    }
    let mut seen = HashSet::new();
    let parts = set.parts.iter().enumerate().map(|(place, part)| {
        let field = |name: &str| format!("segment_set.parts[{place}].{name}");
        if part.part_id == OTHER || !seen.insert(part.part_id.as_str()) {
            faults.add(field("part_id"), "must be unique and not \"other\"");
        }
        segment_set_part::Model {
            tenant: tenant.to_owned(),
            segment_set_id: model.segment_set_id.clone(),
            place: place as i32,
            part_id: faults.name(&field("part_id"), &part.part_id, 64),
            display_name: faults.text(&field("display_name"), &part.display_name, MAX_NAME),
            rule: required_rule(faults, &field("rule"), &part.rule),
        }
    });
    let parts = parts.take(MAX_PARTS).collect();
    (model, parts)
}

// Length and all else is for the rule checker, which says more.
fn required_rule(faults: &mut Faults, field: &str, rule: &str) -> String {
    if rule.trim().is_empty() {
        faults.add(field, "is required");
    }
    rule.to_owned()
}

/// Reads an id that is all there is to read.
pub fn id(field: &str, value: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id(field, value);
    faults.finish().map(|()| id)
}

/// Reads a membership's name: at most two ids with a slash between.
pub fn membership(value: &str) -> Result<String> {
    let mut faults = Faults::new();
    let membership = faults.text("membership", value, 129);
    faults.finish().map(|()| membership)
}

/// Reads whose membership is to be explained, and which.
pub fn explain_membership(request: &pb::ExplainMembershipRequest) -> Result<(String, String)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let membership = faults.text("membership", &request.membership, 129);
    faults.finish().map(|()| (customer_id, membership))
}

/// Says what is wrong with the rule in a field.
pub fn rule_faults(field: &str, faults: Vec<Fault>) -> Vec<FieldFault> {
    let describe = |fault: Fault| match fault.place {
        Place { line: 0, .. } => fault.description,
        Place { part, line, column } => format!("{} (line {line}, column {column}: {part})", fault.description),
    };
    faults.into_iter().map(|fault| FieldFault { field: field.to_owned(), description: describe(fault) }).collect()
}

/// A rule's fault as CheckRule answers it.
pub fn rule_fault(fault: Fault) -> pb::RuleFault {
    let Place { part, line, column } = fault.place;
    pb::RuleFault { description: fault.description, part, line, column }
}

/// A customer who belongs.
pub fn member(customer: &Customer<'_>) -> pb::Member {
    pb::Member { customer_id: customer.customer_id.to_owned(), customer_key: customer.customer_key.to_owned() }
}

/// A segment with its newest build.
pub fn segment(model: segment::Model, source: Option<&segment_source::Model>, builds: &[Build]) -> pb::Segment {
    let list = |source: &segment_source::Model| pb::SegmentList {
        frozen: source.frozen,
        customers: source.customers().len() as i64,
    };
    pb::Segment {
        list: source.filter(|source| source.cluster.is_empty()).map(list),
        cluster: source.map(|source| source.cluster.clone()).unwrap_or_default(),
        segment_id: model.segment_id,
        display_name: model.display_name,
        rule: model.rule,
        revision: model.revision,
        build: builds.first().map(build),
    }
}

/// A set with its newest build.
pub fn segment_set((set, parts): Whole, builds: &[Build]) -> pb::SegmentSet {
    let order: Vec<&str> = parts.iter().map(|part| part.part_id.as_str()).collect();
    let build = (!builds.is_empty()).then(|| set_build(builds, &order));
    let part = |part: segment_set_part::Model| pb::Part {
        part_id: part.part_id,
        display_name: part.display_name,
        rule: part.rule,
    };
    pb::SegmentSet {
        segment_set_id: set.segment_set_id,
        display_name: set.display_name,
        revision: set.revision,
        build,
        parts: parts.into_iter().map(part).collect(),
    }
}

/// One version of a set: its parts in their order, those that are no longer written after them, "other" last.
pub fn set_build(builds: &[Build], order: &[&str]) -> pb::SetBuild {
    let part_of = |build: &Build| build.membership.rsplit('/').next().unwrap_or_default().to_owned();
    let place = |part: &str| order.iter().position(|id| *id == part).unwrap_or(order.len());
    let mut parts: Vec<pb::PartBuild> =
        builds.iter().map(|each| pb::PartBuild { part_id: part_of(each), build: Some(build(each)) }).collect();
    parts.sort_by_key(|part| (part.part_id == OTHER, place(&part.part_id)));
    pb::SetBuild { version: builds.first().map_or(0, |build| build.version), parts }
}

/// One version of a membership.
pub fn build(build: &Build) -> pb::Build {
    pb::Build {
        version: build.version,
        population: build.population,
        members: build.members,
        joined: build.joined,
        left: build.departed,
        as_of_time: Some(clock::timestamp(clock::from_micros(build.as_of))),
    }
}
