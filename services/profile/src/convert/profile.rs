//! Reads of profiles: which parts of them are asked for.

use huan_chassis::{Error, Result, check::Faults};
use huan_proto::profile::v1 as pb;
use prost_types::FieldMask;

/// The most profiles of a batch.
const MAX_PROFILES: usize = 100;

/// A part of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The customer itself.
    Customer,
    /// Its features, their moment and position.
    Features,
    /// Its tags.
    Tags,
    /// Its holdings.
    Holdings,
    /// Its identities.
    Identities,
    /// Its consents.
    Consents,
    /// Those who were merged into it.
    Merged,
    /// Its relations.
    Relations,
    /// How it stands by the tenant's questions.
    Kyc,
}

/// Which parts of a profile are read: one bit a [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts(u16);

impl Parts {
    /// All of them.
    pub const ALL: Parts = Parts(u16::MAX);

    /// Whether a part is read.
    pub fn has(self, part: Part) -> bool {
        self.0 & 1 << part as u8 != 0
    }
}

/// Reads a read_mask; none or an empty one = all. Errors: Invalid.
pub fn parts(mask: Option<&FieldMask>) -> Result<Parts> {
    let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else { return Ok(Parts::ALL) };
    let named: Option<Vec<Part>> = mask.paths.iter().map(|path| part(path)).collect();
    let named = named.ok_or_else(|| Error::invalid("read_mask", "names a field that cannot be chosen"))?;
    Ok(Parts(named.into_iter().fold(0, |bits, part| bits | 1 << part as u8)))
}

/// Reads the customers that a BatchGetProfiles asks for, each once. Errors: Invalid.
pub fn batch(request: &pb::BatchGetProfilesRequest) -> Result<Vec<String>> {
    if !(1..=MAX_PROFILES).contains(&request.customers.len()) {
        return Err(Error::invalid("customers", format!("needs 1 to {MAX_PROFILES} entries")));
    }
    let mut faults = Faults::new();
    let mut ids: Vec<String> = Vec::with_capacity(request.customers.len());
    for (index, id) in request.customers.iter().enumerate() {
        let id = faults.id(&format!("customers[{index}]"), id);
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    faults.finish().map(|()| ids)
}

fn part(path: &str) -> Option<Part> {
    match path {
        "customer" => Some(Part::Customer),
        "features" => Some(Part::Features),
        "tags" => Some(Part::Tags),
        "holdings" => Some(Part::Holdings),
        "identities" => Some(Part::Identities),
        "consents" => Some(Part::Consents),
        "merged" => Some(Part::Merged),
        "relations" => Some(Part::Relations),
        "kyc" => Some(Part::Kyc),
        _ => None,
    }
}
