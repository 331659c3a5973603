//! Between the wire and the tables: the only place that reads raw request fields and rows of feeds.

use huan_chassis::{
    Error, Result,
    check::Faults,
    clock, directory,
    page::{Page, next_token},
};
use huan_proto::{
    evaluation::v1::{self as pb, review_spec},
    feed::v1::Header,
    profile::v1 as profile,
    strategy::v1 as strategy,
};
use prost::Message as _;
use prost_types::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    effect::{ArmStats, Effect},
    ratio::SampleRatio,
    spec::{Arms, Figures, Spec, Subject},
    store::entity::{assignment, exposure, outcome, profile_member, response, review},
};

/// The longest window, in days.
const MAX_WINDOW: i32 = 3650;
/// Confidence where none is asked for.
const CONFIDENCE: f64 = 0.95;
/// The longest name of an event type or an arm.
const MAX_NAME: usize = 64;

/// Reads CreateReview: the request's id and what it asks.
pub fn create_review(request: &pb::CreateReviewRequest) -> Result<(String, Spec)> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let spec = faults.required("spec", request.spec.as_ref()).and_then(|asked| spec(&mut faults, asked));
    faults.finish()?;
    Ok((request_id, spec.expect("a missing spec or subject is a fault")))
}

/// Reads GetReview.
pub fn get_review(request: &pb::GetReviewRequest) -> Result<String> {
    let mut faults = Faults::new();
    let review_id = faults.id("review_id", &request.review_id);
    faults.finish()?;
    Ok(review_id)
}

fn spec(faults: &mut Faults, asked: &pb::ReviewSpec) -> Option<Spec> {
    let subject = match &asked.subject {
        Some(review_spec::Subject::Strategy(asked)) => Some(Subject::Strategy {
            strategy_id: faults.id("spec.strategy.strategy_id", &asked.strategy_id),
            holdout: faults.enumeration("spec.strategy.holdout", asked.holdout),
        }),
        Some(review_spec::Subject::Experiment(asked)) => Some(experiment(faults, asked)),
        None => {
            faults.add("spec.subject", "is required: strategy or experiment");
            None
        }
    };
    let event_type = faults.name("spec.event_type", &asked.event_type, MAX_NAME);
    let metric = faults.enumeration("spec.metric", asked.metric);
    if !(0..=MAX_WINDOW).contains(&asked.window_days) {
        faults.add("spec.window_days", format!("is not between 0 and {MAX_WINDOW}"));
    }
    let confidence = if asked.confidence == 0.0 { CONFIDENCE } else { asked.confidence };
    if !(0.5..=0.999).contains(&confidence) {
        faults.add("spec.confidence", "is not between 0.5 and 0.999");
    }
    Some(Spec { subject: subject?, event_type, metric, window_days: asked.window_days.unsigned_abs(), confidence })
}

fn experiment(faults: &mut Faults, asked: &pb::ExperimentSubject) -> Subject {
    let experiment_id = faults.id("spec.experiment.experiment_id", &asked.experiment_id);
    let arm = faults.name("spec.experiment.arm", &asked.arm, MAX_NAME);
    let against = faults.optional_text("spec.experiment.against", &asked.against, MAX_NAME);
    if !arm.is_empty() && arm == against {
        faults.add("spec.experiment.against", "is the arm itself");
    }
    Subject::Experiment { experiment_id, arm, against: Some(against).filter(|against| !against.is_empty()) }
}

/// Writes what was asked, with defaults filled in.
pub fn spec_message(spec: &Spec) -> pb::ReviewSpec {
    let subject = match spec.subject.clone() {
        Subject::Strategy { strategy_id, holdout } => {
            review_spec::Subject::Strategy(pb::StrategySubject { strategy_id, holdout: holdout.into() })
        }
        Subject::Experiment { experiment_id, arm, against } => {
            let against = against.unwrap_or_default();
            review_spec::Subject::Experiment(pb::ExperimentSubject { experiment_id, arm, against })
        }
    };
    pb::ReviewSpec {
        subject: Some(subject),
        event_type: spec.event_type.clone(),
        metric: spec.metric.into(),
        window_days: spec.window_days.cast_signed(),
        confidence: spec.confidence,
    }
}

/// Writes a review's figures into it.
pub fn review_message(spec: &Spec, arms: &Arms, figures: &Figures) -> pb::Review {
    pb::Review {
        spec: Some(spec_message(spec)),
        treatment: Some(arm_message(&arms.treatment.name, figures.treatment)),
        control: Some(arm_message(&arms.control.name, figures.control)),
        effect: Some(effect_message(figures.effect)),
        sample_ratio: Some(ratio_message(figures.sample_ratio)),
        ..pb::Review::default()
    }
}

fn arm_message(name: &str, stats: ArmStats) -> pb::ArmSummary {
    let customers = i64::try_from(stats.n).unwrap_or(i64::MAX);
    pb::ArmSummary { arm: name.to_owned(), customers, mean: stats.mean, variance: stats.variance }
}

fn effect_message(effect: Effect) -> pb::Effect {
    pb::Effect {
        difference: effect.difference,
        standard_error: effect.standard_error,
        degrees_of_freedom: effect.degrees_of_freedom,
        lower: effect.lower,
        upper: effect.upper,
        p_value: effect.p_value,
    }
}

fn ratio_message(ratio: SampleRatio) -> pb::SampleRatio {
    pb::SampleRatio {
        expected_share: ratio.expected_share,
        observed_share: ratio.observed_share,
        chi_squared: ratio.chi_squared,
        p_value: ratio.p_value,
        sound: ratio.sound,
    }
}

/// Reads a kept review.
pub fn review(row: &review::Model) -> Result<pb::Review> {
    pb::Review::decode(row.body.as_slice())
        .map_err(|error| Error::Internal(format!("review {}: {error}", row.review_id)))
}

/// Writes a page of reviews, of which one more was read than fits.
pub fn reviews(mut rows: Vec<review::Model>, page: &Page, filter: &[&str]) -> Result<pb::ListReviewsResponse> {
    let more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    let last = rows.last().filter(|_| more);
    let next_page_token =
        last.map(|row| next_token(filter, &[&row.create_time.to_string(), &row.review_id])).unwrap_or_default();
    Ok(pb::ListReviewsResponse { reviews: rows.iter().map(review).collect::<Result<_>>()?, next_page_token })
}

/// Writes a page out of all arms, which are in order. Errors: InvalidPageToken.
pub fn arms(arms: Vec<pb::ArmCount>, page: &Page, filter: &[&str]) -> Result<pb::ListArmsResponse> {
    let after = match page.after.as_deref() {
        None => None,
        Some([subject, arm]) => Some((subject, arm)),
        Some(_) => return Err(Error::InvalidPageToken),
    };
    let mut rest = arms.into_iter().filter(|row| after.is_none_or(|after| (&row.subject, &row.arm) > after));
    let arms: Vec<_> = rest.by_ref().take(page.limit as usize).collect();
    let last = arms.last().filter(|_| rest.next().is_some());
    let next_page_token = last.map(|row| next_token(filter, &[&row.subject, &row.arm])).unwrap_or_default();
    Ok(pb::ListArmsResponse { arms, next_page_token })
}

/// The row of a customer in the directory.
pub fn customer(header: &Header) -> directory::Row {
    directory::Row {
        tenant: header.tenant_id.clone(),
        customer_id: header.customer_id.clone(),
        customer_key: header.customer_key.clone(),
        partition: header.partition,
        owner_path: header.owner_path.clone(),
    }
}

/// Whose profile a customer is part of.
pub fn member(header: &Header, merge: &profile::Merge) -> profile_member::Model {
    profile_member::Model {
        tenant: header.tenant_id.clone(),
        customer_key: header.customer_key.clone(),
        root_key: merge.root_key.clone(),
    }
}

/// The row of an outcome.
pub fn outcome(header: &Header, outcome: &profile::Outcome) -> outcome::Model {
    outcome::Model {
        tenant: header.tenant_id.clone(),
        source: outcome.source.clone(),
        source_id: digest(&header.customer_key, outcome),
        customer_key: header.customer_key.clone(),
        event_type: outcome.r#type.clone(),
        amount_minor: outcome.amount_minor,
        time: micros(outcome.occur_time.as_ref()),
    }
}

/// What stands for an event's id at its source, which might name the customer: enough to know the event again.
fn digest(customer_key: &str, outcome: &profile::Outcome) -> String {
    let parts = [customer_key, &outcome.source, &outcome.source_id].join("\0");
    hex::encode(&Sha256::digest(parts)[..16])
}

/// The rows of a decision's would-be picks.
pub fn exposures(header: &Header, made: &strategy::Exposures) -> impl Iterator<Item = exposure::Model> {
    made.exposures.iter().map(|exposure| exposure::Model {
        tenant: header.tenant_id.clone(),
        strategy_id: exposure.strategy_id.clone(),
        customer_key: header.customer_key.clone(),
        time: micros(made.decide_time.as_ref()),
        decision_id: made.decision_id.clone(),
        universal_held: exposure.universal_held,
        universal_share: exposure.universal_share,
        strategy_held: exposure.strategy_held,
        strategy_share: exposure.strategy_share,
        propensity: exposure.propensity,
        channel_id: exposure.channel_id.clone(),
    })
}

/// The row of a response.
pub fn response(header: &Header, response: &strategy::Response) -> response::Model {
    response::Model {
        tenant: header.tenant_id.clone(),
        decision_id: response.decision_id.clone(),
        strategy_id: response.strategy_id.clone(),
        kind: i16::try_from(response.kind).unwrap_or_default(),
        customer_key: header.customer_key.clone(),
        time: micros(response.respond_time.as_ref()),
    }
}

/// The row of an assignment.
pub fn assignment(header: &Header, assigned: &strategy::Assigned) -> assignment::Model {
    assignment::Model {
        tenant: header.tenant_id.clone(),
        experiment_id: assigned.experiment_id.clone(),
        customer_key: header.customer_key.clone(),
        arm: assigned.arm.clone(),
        intended_share: assigned.intended_share,
        is_control: assigned.is_control,
        time: micros(assigned.assign_time.as_ref()),
    }
}

/// A time of a feed's row; the producers checked it.
fn micros(time: Option<&Timestamp>) -> i64 {
    time.and_then(clock::datetime).map(clock::micros).unwrap_or_default()
}
