//! Questions and answers between wire and disk.

use std::collections::HashSet;

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::profile::v1::{self as pb, kyc_answer::Answer, kyc_fact::Fact};
use prost::Message;

use super::{envelope, event::check_year};
use crate::store::{
    entity::{kyc_answer, kyc_template},
    tenant::View,
};

/// The most questions of a tenant.
const MAX_QUESTIONS: usize = 50;
/// The most bytes of an answer in words.
const MAX_WORDS: usize = 2000;
/// The longest that an answer may stand, in days: ten years.
const MAX_DAYS: i32 = 3650;
/// How far the clocks of senders may be ahead of ours.
const MAX_AHEAD: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

/// The row that a SetKycTemplate asks for; its revision is the one that was read.
pub fn template(request: pb::SetKycTemplateRequest, tenant: &str) -> Result<kyc_template::Model> {
    let mut faults = Faults::new();
    let template = faults.required("template", request.template).unwrap_or_default();
    if !(1..=MAX_QUESTIONS).contains(&template.questions.len()) {
        faults.add("template.questions", format!("needs 1 to {MAX_QUESTIONS} entries"));
    }
    if template.revision < 0 {
        faults.add("template.revision", "is below 0");
    }
    let mut seen = HashSet::new();
    for (index, question) in template.questions.iter().enumerate() {
        let field = format!("template.questions[{index}]");
        check_question(&mut faults, &field, question);
        if !seen.insert(&question.question_id) {
            faults.add(format!("{field}.question_id"), "comes twice");
        }
    }
    faults.finish()?;
    let kept = pb::KycTemplate { questions: template.questions, ..Default::default() };
    let (payload, revision) = (kept.encode_to_vec(), template.revision);
    Ok(kyc_template::Model { tenant: tenant.to_owned(), payload, revision, update_time: 0 })
}

fn check_question(faults: &mut Faults, field: &str, question: &pb::KycQuestion) {
    let at = |name: &str| format!("{field}.{name}");
    faults.name(&at("question_id"), &question.question_id, 32);
    faults.text(&at("text"), &question.text, 400);
    faults.enumeration::<pb::KycAnswerKind>(&at("kind"), question.kind);
    if question.weight.is_some_and(|weight| !(weight > 0.0 && weight <= 100.0)) {
        faults.add(at("weight"), "is not more than 0 and at most 100");
    }
    if !(0..=MAX_DAYS).contains(&question.stale_after_days) {
        faults.add(at("stale_after_days"), format!("is not between 0 and {MAX_DAYS}"));
    }
    let Some(fact) = &question.fact else {
        return;
    };
    match &fact.fact {
        None => faults.add(at("fact"), "is required"),
        Some(Fact::Attribute(name)) => drop(faults.name(&at("fact.attribute"), name, 64)),
        Some(Fact::HoldingKind(kind)) => drop(faults.name(&at("fact.holding_kind"), kind, 32)),
        Some(Fact::Relation(relation)) => {
            faults.enumeration::<pb::RelationType>(&at("fact.relation.type"), relation.r#type);
            let direction = at("fact.relation.direction");
            faults.optional_enumeration::<pb::RelationDirection>(&direction, relation.direction);
        }
    }
}

/// The message of a tenant's questions. Error: internal, if they do not decode.
pub fn template_message(row: &kyc_template::Model) -> Result<pb::KycTemplate> {
    let kept = pb::KycTemplate::decode(row.payload.as_slice());
    let kept = kept.map_err(|error| Error::Internal(format!("broken questions: {error}")))?;
    let update_time = Some(clock::timestamp(clock::from_micros(row.update_time)));
    Ok(pb::KycTemplate { revision: row.revision, update_time, ..kept })
}

/// The rows of the answers that a RecordKycAnswers gives, by the questions that there are.
pub fn answers(
    request: pb::RecordKycAnswersRequest,
    template: &pb::KycTemplate,
    view: &View,
    by: &str,
) -> Result<Vec<kyc_answer::Model>> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    if !(1..=MAX_QUESTIONS).contains(&request.answers.len()) {
        faults.add("answers", format!("needs 1 to {MAX_QUESTIONS} entries"));
    }
    let mut seen = HashSet::new();
    let mut rows = Vec::with_capacity(request.answers.len());
    for (index, answer) in request.answers.into_iter().enumerate() {
        let field = format!("answers[{index}]");
        if !seen.insert(answer.question_id.clone()) {
            faults.add(format!("{field}.question_id"), "comes twice in this request");
        }
        let row = row(&mut faults, &field, answer, template, view);
        rows.push(kyc_answer::Model { customer_id: customer_id.clone(), answered_by: by.to_owned(), ..row });
    }
    faults.finish().map(|()| rows)
}

fn row(
    faults: &mut Faults,
    field: &str,
    answer: pb::KycAnswer,
    template: &pb::KycTemplate,
    view: &View,
) -> kyc_answer::Model {
    let at = |name: &str| format!("{field}.{name}");
    match template.questions.iter().find(|question| question.question_id == answer.question_id) {
        None => faults.add(at("question_id"), "is not a question of the template"),
        Some(question) => check_answer(faults, field, answer.answer.as_ref(), question.kind()),
    }
    let now = view.time.now();
    let answer_time = faults.optional_time(&at("answer_time"), answer.answer_time.as_ref()).unwrap_or(now);
    check_year(faults, &at("answer_time"), answer_time);
    if answer_time > now + MAX_AHEAD {
        faults.add(at("answer_time"), "is in the future");
    }
    kyc_answer::Model {
        tenant: view.tenant.clone(),
        customer_id: String::new(),
        question_id: answer.question_id,
        answer_time: clock::micros(answer_time),
        answered_by: String::new(),
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&pb::KycAnswer { answer: answer.answer, ..Default::default() }),
    }
}

fn check_answer(faults: &mut Faults, field: &str, answer: Option<&Answer>, kind: pb::KycAnswerKind) {
    let at = |name: &str| format!("{field}.{name}");
    match (answer, kind) {
        (None, _) => faults.add(at("answer"), "is required"),
        (Some(Answer::Text(text)), pb::KycAnswerKind::Text) => drop(faults.text(&at("text"), text, MAX_WORDS)),
        (Some(Answer::Number(number)), pb::KycAnswerKind::Number) if number.is_finite() => {}
        (Some(Answer::Number(_)), pb::KycAnswerKind::Number) => faults.add(at("number"), "is not a finite number"),
        (Some(Answer::Day(day)), pb::KycAnswerKind::Day) => drop(faults.day(&at("day"), day)),
        (Some(Answer::Flag(_)), pb::KycAnswerKind::Flag) => {}
        _ => faults.add(at("answer"), "is not of the question's kind"),
    }
}

/// The message of an answer. Error: internal, if its envelope does not open.
pub fn answer_message(row: kyc_answer::Model) -> Result<pb::KycAnswer> {
    let kept: pb::KycAnswer = envelope::open(row.format, &row.payload)?;
    Ok(pb::KycAnswer {
        question_id: row.question_id,
        answer: kept.answer,
        answer_time: Some(clock::timestamp(clock::from_micros(row.answer_time))),
        answered_by: row.answered_by,
    })
}
