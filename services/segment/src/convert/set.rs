//! Lists, checks of sets, and versions of definitions.

use huan_chassis::check::Faults;
use huan_chassis::{Result, clock};
use huan_proto::segment::v1 as pb;
use roaring::RoaringBitmap;

use crate::live::OTHER;
use crate::memory::decode;
use crate::set_check::Tally;
use crate::store::entity::definition_version;
use crate::store::segment_set::Whole;

const MAX_PAGE: usize = 1000;

/// Reads a page of a list: the segment and the customers' numbers.
pub fn add_members(request: &pb::AddSegmentMembersRequest) -> Result<String> {
    let mut faults = Faults::new();
    let segment_id = faults.id("segment_id", &request.segment_id);
    if request.customer_ids.len() > MAX_PAGE {
        faults.add("customer_ids", format!("must be at most {MAX_PAGE}"));
    }
    for (at, customer_id) in request.customer_ids.iter().enumerate() {
        faults.id(&format!("customer_ids[{at}]"), customer_id);
    }
    faults.finish().map(|()| segment_id)
}

/// Reads the set to be checked.
pub fn check_segment_set(tenant: &str, request: pb::CheckSegmentSetRequest) -> Result<Whole> {
    let mut faults = Faults::new();
    let set = faults.required("segment_set", request.segment_set).unwrap_or_default();
    let whole = super::segment_set_model(&mut faults, tenant, String::new(), &set);
    faults.finish().map(|()| whole)
}

/// What a check found, with the parts in their order.
pub fn checked(parts: &[String], tally: &Tally) -> pb::CheckSegmentSetResponse {
    let part = |at: usize| pb::PartCheck {
        part_id: parts.get(at).map_or(OTHER, String::as_str).to_owned(),
        alone: tally.alone.get(at).copied().unwrap_or(0) as i64,
        taken: tally.taken[at] as i64,
    };
    let overlap = |(first, second, customers): &(usize, usize, u64)| pb::PartOverlap {
        first_part_id: parts[*first].clone(),
        second_part_id: parts[*second].clone(),
        customers: *customers as i64,
    };
    pb::CheckSegmentSetResponse {
        parts: (0..tally.taken.len()).map(part).collect(),
        overlaps: tally.overlaps.iter().map(overlap).collect(),
        ties: tally.ties as i64,
        exclusive: tally.ties == 0,
        exhaustive: tally.taken.last() == Some(&0),
        population: tally.taken.iter().sum::<u64>() as i64,
        ..Default::default()
    }
}

/// A segment's version.
pub fn segment_version(row: definition_version::Model) -> Result<pb::SegmentVersion> {
    let change_time = (row.changed != 0).then(|| clock::timestamp(clock::from_micros(row.changed)));
    Ok(pb::SegmentVersion { segment: Some(decode(&row.payload)?), changed_by: row.changed_by, change_time })
}

/// A set's version.
pub fn segment_set_version(row: definition_version::Model) -> Result<pb::SegmentSetVersion> {
    let change_time = (row.changed != 0).then(|| clock::timestamp(clock::from_micros(row.changed)));
    Ok(pb::SegmentSetVersion { segment_set: Some(decode(&row.payload)?), changed_by: row.changed_by, change_time })
}

/// The members of the customers at these places, by ordinal, and the places of those who are not known.
pub fn known(ordinals: &[Option<u32>]) -> (RoaringBitmap, Vec<i32>) {
    let unknown = ordinals.iter().enumerate().filter(|(_, ordinal)| ordinal.is_none()).map(|(at, _)| at as i32);
    (ordinals.iter().flatten().collect(), unknown.collect())
}
