//! Knowing a company: the questions that ship with the service, which of them a profile answers by itself, and how a
//! customer stands by the questions. It reads no table and no clock.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::clock;
use huan_proto::profile::v1::{self as pb, kyc_fact::Fact as Source};
use serde::Deserialize;

use crate::{
    relation::{Arm, arms_of},
    vector::{OpenHolding, attribute_of},
};

/// The questions that ship with the service.
pub static SHIPPED: LazyLock<pb::KycTemplate> =
    LazyLock::new(|| parse(include_str!("../kyc.toml")).expect("a test reads the questions that ship"));

/// Whether the questions are about such a customer as long as nothing was answered: they are about companies.
pub fn is_company(customer: &pb::Customer) -> bool {
    customer.r#type() == pb::CustomerType::Corporate || customer.company.is_some()
}

/// The relations that answer any question, ascending.
pub fn arms(template: &pb::KycTemplate) -> Vec<Arm> {
    let of = |question: &pb::KycQuestion| match source(question) {
        Some(Source::Relation(relation)) => arms_of(relation.direction(), &[relation.r#type()]),
        _ => Vec::new(),
    };
    let arms: BTreeSet<Arm> = template.questions.iter().flat_map(of).collect();
    arms.into_iter().collect()
}

/// Whether a holding answers any question.
pub fn asks_holdings(template: &pb::KycTemplate) -> bool {
    template.questions.iter().any(|question| matches!(source(question), Some(Source::HoldingKind(_))))
}

/// The questions that a profile answers by itself: by what the customer is, holds, and is related by today.
pub fn facts(
    template: &pb::KycTemplate,
    customer: &pb::Customer,
    holdings: &[OpenHolding],
    related: &BTreeSet<Arm>,
) -> HashSet<String> {
    let is_there = |question: &&pb::KycQuestion| match source(question) {
        None => false,
        Some(Source::Attribute(name)) => attribute_of(name, customer).is_some(),
        Some(Source::HoldingKind(kind)) => holdings.iter().any(|holding| holding.kind == *kind),
        Some(Source::Relation(relation)) => {
            arms_of(relation.direction(), &[relation.r#type()]).iter().any(|arm| related.contains(arm))
        }
    };
    template.questions.iter().filter(is_there).map(|question| question.question_id.clone()).collect()
}

fn source(question: &pb::KycQuestion) -> Option<&Source> {
    question.fact.as_ref()?.fact.as_ref()
}

/// How a customer stands: the last answers by question, and the questions that the profile answers.
pub fn assess(
    template: &pb::KycTemplate,
    mut answers: HashMap<String, pb::KycAnswer>,
    facts: &HashSet<String>,
    now: DateTime<Utc>,
) -> pb::Kyc {
    let mut items = Vec::with_capacity(template.questions.len());
    for question in &template.questions {
        let answer = answers.remove(&question.question_id);
        let from_profile = facts.contains(&question.question_id);
        let state = match &answer {
            _ if from_profile => pb::KycState::Answered,
            None => pb::KycState::Open,
            Some(answer) if is_stale(question, answer, now) => pb::KycState::Stale,
            Some(_) => pb::KycState::Answered,
        };
        let (question_id, text) = (question.question_id.clone(), question.text.clone());
        items.push(pb::KycItem { question_id, text, state: state.into(), answer, from_profile });
    }
    let weighed = || template.questions.iter().map(weight).zip(&items);
    let answered = |(_, item): &(f64, &pb::KycItem)| item.state() == pb::KycState::Answered;
    let sum = |weight: f64, (other, _): (f64, &pb::KycItem)| weight + other;
    let completeness = weighed().filter(answered).fold(0.0, sum) / weighed().fold(0.0, sum);
    let mut next: Vec<_> = weighed().filter(|pair| !answered(pair)).collect();
    // Stable: of equals the template's order holds.
    next.sort_by(|(one, a), (other, b)| (a.state).cmp(&b.state).then(other.total_cmp(one)));
    let next_question_ids = next.into_iter().map(|(_, item)| item.question_id.clone()).collect();
    pb::Kyc { items, completeness, next_question_ids, template_revision: template.revision }
}

/// How much a question counts.
fn weight(question: &pb::KycQuestion) -> f64 {
    question.weight.unwrap_or(1.0)
}

fn is_stale(question: &pb::KycQuestion, answer: &pb::KycAnswer, now: DateTime<Utc>) -> bool {
    let given = answer.answer_time.as_ref().and_then(clock::datetime).unwrap_or_default();
    question.stale_after_days > 0 && now - given >= TimeDelta::days(i64::from(question.stale_after_days))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    question: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    text: String,
    kind: String,
    weight: f64,
    stale_after_days: i32,
    fact: Option<Fact>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct Fact {
    attribute: Option<String>,
    holding: Option<String>,
    relation: Option<String>,
    #[serde(default)]
    direction: String,
}

/// Reads questions from a file.
fn parse(text: &str) -> Result<pb::KycTemplate, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let questions = file.question.into_iter().map(Row::question).collect::<Result<Vec<_>, String>>()?;
    Ok(pb::KycTemplate { questions, ..Default::default() })
}

impl Row {
    fn question(self) -> Result<pb::KycQuestion, String> {
        let kind = pb::KycAnswerKind::from_str_name(&format!("KYC_ANSWER_KIND_{}", self.kind.to_uppercase()));
        let kind = kind.ok_or_else(|| format!("{}: no such kind", self.id))?;
        let fact = match self.fact {
            None => None,
            Some(fact) => {
                Some(pb::KycFact { fact: Some(fact.fact().ok_or_else(|| format!("{}: no such fact", self.id))?) })
            }
        };
        Ok(pb::KycQuestion {
            question_id: self.id,
            text: self.text,
            kind: kind.into(),
            weight: Some(self.weight),
            stale_after_days: self.stale_after_days,
            fact,
        })
    }
}

impl Fact {
    fn fact(self) -> Option<pb::kyc_fact::Fact> {
        match (self.attribute, self.holding, self.relation) {
            (Some(attribute), None, None) => Some(pb::kyc_fact::Fact::Attribute(attribute)),
            (None, Some(kind), None) => Some(pb::kyc_fact::Fact::HoldingKind(kind)),
            (None, None, Some(name)) => {
                let relation = pb::RelationType::from_str_name(&format!("RELATION_TYPE_{}", name.to_uppercase()))?;
                let direction = match self.direction.as_str() {
                    "" => pb::RelationDirection::Unspecified,
                    "out" => pb::RelationDirection::Out,
                    "in" => pb::RelationDirection::In,
                    _ => return None,
                };
                let relation = pb::KycRelation { r#type: relation.into(), direction: direction.into() };
                Some(pb::kyc_fact::Fact::Relation(relation))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str, weight: f64, stale_after_days: i32) -> pb::KycQuestion {
        pb::KycQuestion { question_id: id.into(), weight: Some(weight), stale_after_days, ..Default::default() }
    }

    #[test]
    fn ten_questions_ship() {
        let ids: HashSet<_> = SHIPPED.questions.iter().map(|question| &question.question_id).collect();
        assert_eq!((ids.len(), SHIPPED.questions.len(), SHIPPED.revision), (10, 10, 0));
    }

    #[test]
    fn open_questions_are_asked_before_stale_ones_and_weighty_ones_first() {
        let ids = [("a", 1.0, 30), ("b", 1.0, 0), ("c", 3.0, 0), ("d", 2.0, 30), ("e", 1.0, 0), ("f", 2.0, 30)];
        let questions = ids.map(|(id, weight, days)| question(id, weight, days)).into();
        let template = pb::KycTemplate { questions, revision: 4, ..Default::default() };
        let answer = |seconds| pb::KycAnswer {
            answer_time: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            ..Default::default()
        };
        let (now, day) = (1_718_424_000, 86_400);
        let times = [("a", now - 30 * day), ("d", now - 31 * day), ("f", now - 30 * day + 1)];
        let answers = times.map(|(id, time)| (id.to_owned(), answer(time))).into();
        let facts = HashSet::from(["b".to_owned()]);
        let kyc = assess(&template, answers, &facts, DateTime::from_timestamp(now, 0).unwrap());
        assert_eq!(kyc.next_question_ids, ["c", "e", "d", "a"]);
        assert_eq!((kyc.completeness, kyc.template_revision), (0.3, 4));
        assert!(kyc.items[1].from_profile);
    }
}
