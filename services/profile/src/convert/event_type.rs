//! Types of events between wire and disk.

use std::collections::HashSet;

use huan_chassis::{Result, check::Faults};
use huan_proto::{profile::v1 as pb, types::v1::ValueType};
use prost::Message;

use super::envelope;
use crate::{
    event::{MAX_ATTRIBUTES, VERSION},
    store::entity::event_type,
};

/// The most versions of a questionnaire in one request.
const MAX_VERSIONS: usize = 20;
/// The most questions of a version.
const MAX_QUESTIONS: usize = 60;
/// The most choices of a question.
const MAX_CHOICES: usize = 50;

/// The row of a type to register; its number is the store's to give.
pub fn row(request: pb::RegisterEventTypeRequest, tenant: &str) -> Result<event_type::Model> {
    let mut faults = Faults::new();
    let event_type = faults.required("event_type", request.event_type).unwrap_or_default();
    check_attributes(&mut faults, &event_type.attributes);
    if let Some(questionnaire) = &event_type.questionnaire {
        check_questionnaire(&mut faults, questionnaire, &event_type.attributes);
    }
    let row = event_type::Model {
        tenant: tenant.to_owned(),
        name: faults.name("event_type.name", &event_type.name, 64),
        number: 0,
        description: faults.optional_text("event_type.description", &event_type.description, 400),
        is_outcome: event_type.is_outcome,
        definition: definition_bytes(&pb::EventType {
            name: String::new(),
            description: String::new(),
            is_outcome: false,
            ..event_type
        }),
    };
    faults.finish().map(|()| row)
}

/// The message of a type's row. Error: internal, if its definition cannot be read.
pub fn message(row: event_type::Model) -> Result<pb::EventType> {
    let definition = definition(&row)?;
    Ok(pb::EventType { name: row.name, description: row.description, is_outcome: row.is_outcome, ..definition })
}

/// What a row declares of attributes and answers, and nothing else. Error: internal, if it cannot be read.
pub fn definition(row: &event_type::Model) -> Result<pb::EventType> {
    envelope::open(envelope::PLAIN, &row.definition)
}

/// A definition as it is kept.
pub fn definition_bytes(definition: &pb::EventType) -> Vec<u8> {
    definition.encode_to_vec()
}

fn check_attributes(faults: &mut Faults, attributes: &[pb::AttributeType]) {
    if attributes.len() > MAX_ATTRIBUTES {
        faults.add("event_type.attributes", format!("has more than {MAX_ATTRIBUTES} entries"));
    }
    let mut seen = HashSet::new();
    for (index, attribute) in attributes.iter().enumerate() {
        let at = |field: &str| format!("event_type.attributes[{index}].{field}");
        let name = faults.name(&at("name"), &attribute.name, 64);
        if name == VERSION {
            faults.add(at("name"), "is kept for questionnaires");
        }
        if !name.is_empty() && !seen.insert(name) {
            faults.add(at("name"), "comes twice");
        }
        faults.enumeration::<ValueType>(&at("type"), attribute.r#type);
        faults.optional_text(&at("description"), &attribute.description, 400);
    }
}

fn check_questionnaire(faults: &mut Faults, questionnaire: &pb::Questionnaire, attributes: &[pb::AttributeType]) {
    faults.id("event_type.questionnaire.questionnaire_id", &questionnaire.questionnaire_id);
    if !(1..=MAX_VERSIONS).contains(&questionnaire.versions.len()) {
        faults.add("event_type.questionnaire.versions", format!("needs 1 to {MAX_VERSIONS} entries"));
    }
    let mut seen = HashSet::new();
    for (index, version) in questionnaire.versions.iter().enumerate() {
        let at = format!("event_type.questionnaire.versions[{index}]");
        faults.id(&format!("{at}.version"), &version.version);
        if !seen.insert(&version.version) {
            faults.add(format!("{at}.version"), "comes twice");
        }
        if !(1..=MAX_QUESTIONS).contains(&version.questions.len()) {
            faults.add(format!("{at}.questions"), format!("needs 1 to {MAX_QUESTIONS} entries"));
        }
        let mut taken: HashSet<&str> = attributes.iter().map(|attribute| attribute.name.as_str()).collect();
        taken.insert(VERSION);
        for (index, question) in version.questions.iter().enumerate() {
            let at = format!("{at}.questions[{index}]");
            if !taken.insert(&question.question_id) {
                faults.add(format!("{at}.question_id"), "is the name of another question or attribute");
            }
            check_question(faults, &at, question);
        }
    }
}

fn check_question(faults: &mut Faults, at: &str, question: &pb::Question) {
    faults.name(&format!("{at}.question_id"), &question.question_id, 64);
    faults.text(&format!("{at}.text"), &question.text, 400);
    let value_type: ValueType = faults.enumeration(&format!("{at}.type"), question.r#type);
    if question.choices.len() > MAX_CHOICES {
        faults.add(format!("{at}.choices"), format!("has more than {MAX_CHOICES} entries"));
    }
    if !question.choices.is_empty() && value_type != ValueType::Text {
        faults.add(format!("{at}.choices"), "is for answers of type text");
    }
    for (index, choice) in question.choices.iter().enumerate() {
        faults.text(&format!("{at}.choices[{index}]"), choice, 256);
    }
    for (field, bound) in [("least", question.least), ("most", question.most)] {
        if bound.is_some_and(|bound| !bound.is_finite() || value_type != ValueType::Number) {
            faults.add(format!("{at}.{field}"), "is a finite number, for answers of type number");
        }
    }
    if matches!((question.least, question.most), (Some(least), Some(most)) if least > most) {
        faults.add(format!("{at}.most"), "is less than least");
    }
}
