//! What a type of event says of its events: which attributes they may have, and which answers fit its questionnaire. It
//! checks values and joins definitions; nothing is read or written here.

use std::collections::HashMap;

use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, ValueType, value::Kind},
};

/// The attribute that names the version of a questionnaire that an event answers.
pub const VERSION: &str = "questionnaire_version";
/// The most attributes that a type declares, and that an event has.
pub const MAX_ATTRIBUTES: usize = 64;
/// The most versions of a type's questionnaire.
pub const MAX_VERSIONS: usize = 100;

/// What the attributes of one type's events must be.
#[derive(Debug, Default)]
pub struct Shape {
    declared: HashMap<String, pb::AttributeType>,
    open: bool,
    versions: HashMap<String, Vec<pb::Question>>,
}

/// What is wrong with an event: an attribute's name, and why it is refused.
pub type Misfit = (String, &'static str);

impl Shape {
    /// The shape that a definition gives.
    pub fn of(definition: pb::EventType) -> Self {
        let versions = definition.questionnaire.map(|questionnaire| questionnaire.versions).unwrap_or_default();
        Self {
            open: definition.open_attributes || (definition.attributes.is_empty() && versions.is_empty()),
            declared: definition.attributes.into_iter().map(|declared| (declared.name.clone(), declared)).collect(),
            versions: versions.into_iter().map(|version| (version.version, version.questions)).collect(),
        }
    }

    /// The first misfit of an event's attributes, by their names; none if all fit.
    pub fn misfit(&self, attributes: &HashMap<String, Value>) -> Option<Misfit> {
        if self.declared.is_empty() && self.versions.is_empty() {
            return None;
        }
        let questions = match self.questions(attributes) {
            Ok(questions) => questions,
            Err(why) => return Some((VERSION.to_owned(), why)),
        };
        let declared = self.declared.values().filter(|declared| declared.required).map(|declared| &declared.name);
        let asked = questions.iter().filter(|question| question.required).map(|question| &question.question_id);
        let missing = declared.chain(asked).filter(|name| is_missing(attributes, name));
        let missing = missing.map(|name| (name.clone(), "is required by the event's type"));
        let wrong = attributes.iter().filter_map(|(name, value)| {
            let why = self.check(questions, name, value.kind.as_ref()?)?;
            Some((name.clone(), why))
        });
        missing.chain(wrong).min()
    }

    /// The questions of the version that an event answers.
    fn questions(&self, attributes: &HashMap<String, Value>) -> Result<&[pb::Question], &'static str> {
        if self.versions.is_empty() {
            return Ok(&[]);
        }
        match attributes.get(VERSION).and_then(|value| value.kind.as_ref()) {
            None => Err("is required by the event's type"),
            Some(Kind::Text(version)) => {
                self.versions.get(version).map(Vec::as_slice).ok_or("is not a registered version")
            }
            Some(_) => Err("is not a text"),
        }
    }

    fn check(&self, questions: &[pb::Question], name: &str, kind: &Kind) -> Option<&'static str> {
        if let Some(question) = questions.iter().find(|question| question.question_id == name) {
            return unfit_answer(question, kind);
        }
        match self.declared.get(name) {
            Some(declared) => unlike(declared.r#type(), kind),
            None if self.open || (name == VERSION && !self.versions.is_empty()) => None,
            None => Some("is not an attribute of the event's type"),
        }
    }
}

/// The definition that holds after `new` was registered over `known`: what `known` declares stays. Error: what would
/// change that may not, as a predicate of the type.
pub fn merged(known: pb::EventType, new: pb::EventType) -> Result<pb::EventType, String> {
    let pb::EventType { mut attributes, questionnaire, .. } = known;
    for declared in new.attributes {
        match attributes.iter_mut().find(|known| known.name == declared.name) {
            Some(known) if known.r#type != declared.r#type => {
                return Err(format!("registered with another type of attribute {}", declared.name));
            }
            Some(known) => *known = declared,
            None => attributes.push(declared),
        }
    }
    if attributes.len() > MAX_ATTRIBUTES {
        return Err(format!("full with {MAX_ATTRIBUTES} attributes"));
    }
    let questionnaire = match (questionnaire, new.questionnaire) {
        (Some(known), Some(new)) => Some(merged_questionnaire(known, new)?),
        (known, new) => known.or(new),
    };
    check_names(&attributes, questionnaire.as_ref())?;
    Ok(pb::EventType { attributes, questionnaire, open_attributes: new.open_attributes, ..Default::default() })
}

fn merged_questionnaire(mut known: pb::Questionnaire, new: pb::Questionnaire) -> Result<pb::Questionnaire, String> {
    if known.questionnaire_id != new.questionnaire_id {
        return Err("registered with another questionnaire".to_owned());
    }
    for version in new.versions {
        match known.versions.iter().find(|known| known.version == version.version) {
            Some(same) if *same == version => {}
            Some(_) => return Err("registered with other questions in a version of this name".to_owned()),
            None => known.versions.push(version),
        }
    }
    if known.versions.len() > MAX_VERSIONS {
        return Err(format!("full with {MAX_VERSIONS} versions of its questionnaire"));
    }
    Ok(known)
}

/// A question and an attribute of one name would ask two things of one value.
fn check_names(attributes: &[pb::AttributeType], questionnaire: Option<&pb::Questionnaire>) -> Result<(), String> {
    let mut questions = questionnaire.iter().flat_map(|all| &all.versions).flat_map(|version| &version.questions);
    match questions.find(|question| attributes.iter().any(|declared| declared.name == question.question_id)) {
        Some(question) => Err(format!("registered with {} as an attribute and as a question", question.question_id)),
        None => Ok(()),
    }
}

fn is_missing(attributes: &HashMap<String, Value>, name: &str) -> bool {
    attributes.get(name).is_none_or(|value| value.kind.is_none())
}

fn unfit_answer(question: &pb::Question, kind: &Kind) -> Option<&'static str> {
    let unlike = unlike(question.r#type(), kind);
    match kind {
        _ if unlike.is_some() => unlike,
        Kind::Text(text) if !question.choices.is_empty() && !question.choices.contains(text) => {
            Some("is not one of the question's choices")
        }
        Kind::Number(number) => {
            let inside =
                question.least.is_none_or(|least| *number >= least) && question.most.is_none_or(|most| *number <= most);
            (!inside).then_some("is outside of the question's bounds")
        }
        _ => None,
    }
}

fn unlike(declared: ValueType, kind: &Kind) -> Option<&'static str> {
    match (declared, kind) {
        (ValueType::Number, Kind::Number(_))
        | (ValueType::Text, Kind::Text(_))
        | (ValueType::Day, Kind::Day(_))
        | (ValueType::Flag, Kind::Flag(_)) => None,
        (ValueType::Number, _) => Some("is not a number"),
        (ValueType::Text, _) => Some("is not a text"),
        (ValueType::Day, _) => Some("is not a day"),
        (ValueType::Flag, _) => Some("is not a flag"),
        (ValueType::Unspecified, _) => Some("is of no type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value_type: ValueType, required: bool) -> pb::AttributeType {
        pb::AttributeType { name: name.into(), r#type: value_type.into(), required, ..Default::default() }
    }

    fn values<const N: usize>(values: [(&str, Kind); N]) -> HashMap<String, Value> {
        values.into_iter().map(|(name, kind)| (name.to_owned(), Value { kind: Some(kind) })).collect()
    }

    fn text(text: &str) -> Kind {
        Kind::Text(text.into())
    }

    fn survey() -> pb::EventType {
        let score = pb::Question {
            question_id: "score".into(),
            r#type: ValueType::Number.into(),
            required: true,
            least: Some(0.0),
            most: Some(10.0),
            ..Default::default()
        };
        let why = pb::Question {
            question_id: "why".into(),
            r#type: ValueType::Text.into(),
            choices: vec!["price".into(), "service".into()],
            ..Default::default()
        };
        let version = pb::QuestionnaireVersion { version: "2024".into(), questions: vec![score, why] };
        let questionnaire = pb::Questionnaire { questionnaire_id: "nps".into(), versions: vec![version] };
        pb::EventType { questionnaire: Some(questionnaire), ..Default::default() }
    }

    #[test]
    fn a_type_that_declares_nothing_is_open() {
        let shape = Shape::of(pb::EventType::default());
        assert_eq!(shape.misfit(&values([("anything", Kind::Flag(true))])), None);
    }

    #[test]
    fn attributes_are_of_their_type_and_required_ones_are_there() {
        let attributes = vec![attribute("merchant", ValueType::Text, true), attribute("fee", ValueType::Number, false)];
        let closed = pb::EventType { attributes, ..Default::default() };
        let shape = Shape::of(closed.clone());
        assert_eq!(shape.misfit(&values([("merchant", text("m"))])), None);
        assert_eq!(shape.misfit(&values([("fee", Kind::Number(1.0))])).unwrap().0, "merchant");
        let wrong = values([("merchant", Kind::Flag(true)), ("fee", text("1"))]);
        assert_eq!(shape.misfit(&wrong).unwrap(), ("fee".to_owned(), "is not a number"));
        let other = values([("merchant", text("m")), ("other", text("x"))]);
        assert_eq!(shape.misfit(&other).unwrap().0, "other");
        let open = Shape::of(pb::EventType { open_attributes: true, ..closed });
        assert_eq!(open.misfit(&other), None);
    }

    #[test]
    fn answers_fit_the_questions_of_a_registered_version() {
        let shape = Shape::of(survey());
        let version = || (VERSION, text("2024"));
        assert_eq!(shape.misfit(&values([version(), ("score", Kind::Number(9.0)), ("why", text("price"))])), None);
        let cases = [
            (values([("score", Kind::Number(9.0))]), VERSION, "is required by the event's type"),
            (values([(VERSION, text("2023")), ("score", Kind::Number(9.0))]), VERSION, "is not a registered version"),
            (values([(VERSION, Kind::Flag(true))]), VERSION, "is not a text"),
            (values([version()]), "score", "is required by the event's type"),
            (values([version(), ("score", Kind::Number(11.0))]), "score", "is outside of the question's bounds"),
            (values([version(), ("score", text("9"))]), "score", "is not a number"),
            (
                values([version(), ("score", Kind::Number(1.0)), ("why", text("x"))]),
                "why",
                "is not one of the question's choices",
            ),
            (
                values([version(), ("score", Kind::Number(1.0)), ("how", text("x"))]),
                "how",
                "is not an attribute of the event's type",
            ),
        ];
        for (attributes, name, why) in cases {
            assert_eq!(shape.misfit(&attributes), Some((name.to_owned(), why)));
        }
    }

    #[test]
    fn definitions_only_grow() {
        let known = pb::EventType { attributes: vec![attribute("fee", ValueType::Number, true)], ..survey() };
        let more = pb::EventType { attributes: vec![attribute("city", ValueType::Text, false)], ..Default::default() };
        let grown = merged(known.clone(), more).unwrap();
        assert_eq!(grown.attributes.len(), 2);
        assert_eq!(grown.questionnaire, known.questionnaire);
        let retyped = pb::EventType { attributes: vec![attribute("fee", ValueType::Text, true)], ..Default::default() };
        assert!(merged(known.clone(), retyped).unwrap_err().contains("fee"));
        let mut reworded = survey();
        reworded.questionnaire.as_mut().unwrap().versions[0].questions.pop();
        assert!(merged(known.clone(), reworded.clone()).is_err());
        reworded.questionnaire.as_mut().unwrap().versions[0].version = "2025".into();
        assert_eq!(merged(known.clone(), reworded).unwrap().questionnaire.unwrap().versions.len(), 2);
        let clashing =
            pb::EventType { attributes: vec![attribute("score", ValueType::Number, true)], ..Default::default() };
        assert!(merged(known, clashing).unwrap_err().contains("score"));
    }
}
