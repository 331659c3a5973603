//! The dictionary of tags between wire and disk.

use huan_chassis::{Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use crate::store::entity::tag_definition;

/// The longest lifetime of a tag, in days: ten years.
const MAX_DAYS: i32 = 3650;

/// The row that a CreateTagDefinition asks for.
pub fn create(request: pb::CreateTagDefinitionRequest, tenant: &str) -> Result<tag_definition::Model> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let definition = faults.required("definition", request.definition).unwrap_or_default();
    let row = tag_definition::Model { request_id, ..row(&mut faults, tenant, definition) };
    faults.finish().map(|()| row)
}

fn row(faults: &mut Faults, tenant: &str, definition: pb::TagDefinition) -> tag_definition::Model {
    if !(0..=MAX_DAYS).contains(&definition.lifetime_days) {
        faults.add("definition.lifetime_days", format!("is not between 0 and {MAX_DAYS}"));
    }
    let category = &definition.category;
    tag_definition::Model {
        tenant: tenant.to_owned(),
        name: faults.name("definition.name", &definition.name, 64),
        request_id: String::new(),
        description: faults.text("definition.description", &definition.description, 400),
        owner: faults.text("definition.owner", &definition.owner, 64),
        category: if category.is_empty() { String::new() } else { faults.name("definition.category", category, 32) },
        authors: author_bits(faults, &definition.authors),
        lifetime_days: definition.lifetime_days,
        retired: definition.retired,
        revision: 1,
        create_time: 0,
        update_time: 0,
    }
}

/// The name that a GetTagDefinition gives.
pub fn name(name: &str) -> Result<String> {
    let mut faults = Faults::new();
    let name = faults.name("name", name, 64);
    faults.finish().map(|()| name)
}

/// Checks all of UpdateTagDefinition that can be checked without the entry.
pub fn update(request: &pb::UpdateTagDefinitionRequest) -> Result<()> {
    let mut faults = Faults::new();
    faults.name("name", &request.name, 64);
    if request.revision < 1 {
        faults.add("revision", "is required");
    }
    if request.update_mask.as_ref().is_none_or(|mask| mask.paths.is_empty()) {
        faults.add("update_mask", "is required");
    }
    faults.required("definition", request.definition.as_ref());
    faults.finish()
}

/// The row after an UpdateTagDefinition: the stored one with the masked fields of the request.
pub fn updated(old: &tag_definition::Model, request: pb::UpdateTagDefinitionRequest) -> Result<tag_definition::Model> {
    let mut faults = Faults::new();
    let mut merged = message(old.clone());
    let from = request.definition.unwrap_or_default();
    for path in request.update_mask.iter().flat_map(|mask| &mask.paths) {
        match path.as_str() {
            "description" => merged.description = from.description.clone(),
            "owner" => merged.owner = from.owner.clone(),
            "category" => merged.category = from.category.clone(),
            "authors" => merged.authors = from.authors.clone(),
            "lifetime_days" => merged.lifetime_days = from.lifetime_days,
            "retired" => merged.retired = from.retired,
            _ => faults.add("update_mask", "names a field that cannot be changed"),
        }
    }
    let row = row(&mut faults, &old.tenant, merged);
    let (request_id, create_time) = (old.request_id.clone(), old.create_time);
    faults.finish().map(|()| tag_definition::Model { request_id, create_time, revision: old.revision + 1, ..row })
}

/// The category that a ListTagDefinitions is narrowed to; empty = all.
pub fn category(category: &str) -> Result<String> {
    let mut faults = Faults::new();
    let category = if category.is_empty() { String::new() } else { faults.name("category", category, 32) };
    faults.finish().map(|()| category)
}

/// The message of a row.
pub fn message(row: tag_definition::Model) -> pb::TagDefinition {
    pb::TagDefinition {
        name: row.name,
        description: row.description,
        owner: row.owner,
        category: row.category,
        authors: (1..31).filter(|author| row.authors & (1 << author) != 0).collect(),
        lifetime_days: row.lifetime_days,
        retired: row.retired,
        revision: row.revision,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
    }
}

fn author_bits(faults: &mut Faults, authors: &[i32]) -> i32 {
    let read = authors.iter().enumerate().map(|(index, author)| {
        1 << (faults.enumeration::<pb::TagAuthor>(&format!("definition.authors[{index}]"), *author) as i32)
    });
    read.fold(0, |bits, bit| bits | bit)
}
