//! Snapshots between wire and disk.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;
use prost::Message;

use crate::store::entity::snapshot;

/// The most features that a request may name.
const MAX_FEATURES: usize = 1000;

/// The row that a StartSnapshot asks for, of a catalogue; id and times are the store's to fill in.
pub fn start(request: pb::StartSnapshotRequest, tenant: &str, catalogue: &[pb::Feature]) -> Result<snapshot::Model> {
    let mut faults = Faults::new();
    let features = features(&mut faults, &request.features, catalogue);
    let destination = match request.destination.as_str() {
        "" => String::new(),
        name => faults.name("destination", name, 64),
    };
    let row = snapshot::Model {
        tenant: tenant.to_owned(),
        snapshot_id: String::new(),
        request_id: faults.id("request_id", &request.request_id),
        state: pb::SnapshotState::Running as i16,
        destination,
        include_bank_numbers: request.include_bank_numbers,
        catalogue: pb::Catalogue { features }.encode_to_vec(),
        as_of_time: 0,
        position: String::new(),
        customer_count: 0,
        written_count: 0,
        part_count: 0,
        forgotten: 0,
        holder: String::new(),
        lease_time: 0,
        manifest: String::new(),
        fault: String::new(),
        create_time: 0,
        end_time: None,
    };
    faults.finish().map(|()| row)
}

/// Reads the id of a request that names one snapshot.
pub fn snapshot_id(id: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id("snapshot_id", id);
    faults.finish().map(|()| id)
}

/// The features of a row. Error: internal, if its catalogue is broken.
pub fn catalogue(row: &snapshot::Model) -> Result<Vec<pb::Feature>> {
    let catalogue = pb::Catalogue::decode(row.catalogue.as_slice());
    catalogue.map(|catalogue| catalogue.features).map_err(|error| Error::Internal(format!("broken catalogue: {error}")))
}

/// The message of a row. Error: internal, if its catalogue is broken.
pub fn message(row: &snapshot::Model) -> Result<pb::Snapshot> {
    let time = |micros| clock::timestamp(clock::from_micros(micros));
    Ok(pb::Snapshot {
        snapshot_id: row.snapshot_id.clone(),
        state: i32::from(row.state),
        destination: row.destination.clone(),
        features: catalogue(row)?.into_iter().map(|feature| feature.name).collect(),
        include_bank_numbers: row.include_bank_numbers,
        as_of_time: (!row.position.is_empty()).then(|| time(row.as_of_time)),
        position: row.position.clone(),
        customer_count: row.customer_count,
        written_count: row.written_count,
        part_count: row.part_count,
        manifest: row.manifest.clone(),
        fault: row.fault.clone(),
        create_time: Some(time(row.create_time)),
        end_time: row.end_time.map(time),
    })
}

/// The named features in the order of their numbers; none named = all.
fn features(faults: &mut Faults, names: &[String], catalogue: &[pb::Feature]) -> Vec<pb::Feature> {
    if names.len() > MAX_FEATURES {
        faults.add("features", format!("has more than {MAX_FEATURES} entries"));
    }
    for (index, name) in names.iter().enumerate() {
        if !catalogue.iter().any(|feature| feature.name == *name) {
            faults.add(format!("features[{index}]"), "is not a feature of the catalogue");
        } else if names[..index].contains(name) {
            faults.add(format!("features[{index}]"), "comes twice");
        }
    }
    let wanted = |feature: &&pb::Feature| names.is_empty() || names.contains(&feature.name);
    catalogue.iter().filter(wanted).cloned().collect()
}
