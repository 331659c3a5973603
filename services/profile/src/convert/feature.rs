//! Features between wire and disk.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;
use prost::Message;

use crate::{
    feature::{Entry, template::Template},
    store::entity::feature,
};

/// The row of a feature that was checked.
pub fn row(tenant: &str, definition: pb::Feature, state: pb::FeatureState, now: i64) -> feature::Model {
    feature::Model {
        tenant: tenant.to_owned(),
        number: definition.number as i32,
        name: definition.name.clone(),
        request_id: None,
        state: column(state),
        measure: 0,
        definition: definition.encode_to_vec(),
        reached: String::new(),
        done: 0,
        total: 0,
        create_time: now,
    }
}

/// A state as a column.
pub fn column(state: pb::FeatureState) -> i16 {
    i32::from(state) as i16
}

/// Whether vectors may hold a feature in this state.
pub fn in_vectors(state: i16) -> bool {
    matches!(pb::FeatureState::try_from(i32::from(state)), Ok(pb::FeatureState::Publishing | pb::FeatureState::Live))
}

/// What a row's feature is, without its state. Error: internal, if the bytes are not a feature.
pub fn definition(row: &feature::Model) -> Result<pb::Feature> {
    let definition = pb::Feature::decode(row.definition.as_slice());
    definition.map_err(|error| Error::Internal(format!("broken feature: {error}")))
}

/// What the catalogue needs of a row.
pub fn entry(row: &feature::Model) -> Result<Entry> {
    Ok(Entry { feature: definition(row)?, in_vectors: in_vectors(row.state), measure: row.measure as u32 })
}

/// The message of a row.
pub fn message(row: feature::Model) -> Result<pb::Feature> {
    Ok(pb::Feature {
        state: row.state.into(),
        customers_done: row.done,
        customers_total: row.total,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        ..definition(&row)?
    })
}

/// The request id of a CreateFeature and what it asks for, which the store checks against the catalogue.
pub fn create(request: pb::CreateFeatureRequest) -> Result<(String, pb::Feature)> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let feature = faults.required("feature", request.feature).unwrap_or_default();
    faults.finish().map(|()| (request_id, feature))
}

/// Reads a request field that names a feature or a template.
pub fn name(field: &str, name: &str) -> Result<String> {
    let mut faults = Faults::new();
    let name = faults.name(field, name, 64);
    faults.finish().map(|()| name)
}

/// The message of a template.
pub fn template_message(template: &Template) -> pb::Template {
    let (name, description) = (template.name.to_owned(), template.description.clone());
    pb::Template { name, description, features: template.features.clone() }
}
