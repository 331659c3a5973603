//! Review: measures the effect of strategies and experiments.

use huan_proto::evaluation::v1::{self as pb, review_service_client::ReviewServiceClient, review_spec::Subject};

use super::{desk::Desk, report};
use crate::failure::Result;

/// A strategy against those who are left alone by all marketing.
pub fn against_nothing(strategy_id: &str) -> Subject {
    let holdout = pb::Holdout::Universal.into();
    Subject::Strategy(pb::StrategySubject { strategy_id: strategy_id.to_owned(), holdout })
}

/// An arm of an experiment against its control.
pub fn arm(experiment_id: &str, arm: &str) -> Subject {
    Subject::Experiment(pb::ExperimentSubject {
        experiment_id: experiment_id.to_owned(),
        arm: arm.to_owned(),
        against: String::new(),
    })
}

/// Measures, and answers in rates and in the currency's major unit.
pub async fn review(
    desk: &Desk,
    subject: Subject,
    event_type: &str,
    metric: pb::Metric,
    window_days: i32,
) -> Result<report::Review, tonic::Status> {
    let door = desk.door("analyst");
    let name = match &subject {
        Subject::Strategy(strategy) => strategy.strategy_id.clone(),
        Subject::Experiment(experiment) => format!("{}/{}", experiment.experiment_id, experiment.arm),
    };
    let spec = pb::ReviewSpec {
        subject: Some(subject),
        event_type: event_type.to_owned(),
        metric: metric.into(),
        window_days,
        confidence: 0.0,
    };
    let request = pb::CreateReviewRequest {
        request_id: format!("{name}-{event_type}-{}", metric.as_str_name()),
        spec: Some(spec),
    };
    let answer = ReviewServiceClient::new(door.channel.clone()).create_review(door.request(request)).await?;
    Ok(in_short(name, event_type, metric, answer.into_inner().review.unwrap_or_default()))
}

fn in_short(subject: String, outcome: &str, metric: pb::Metric, review: pb::Review) -> report::Review {
    let (treatment, control) = (review.treatment.unwrap_or_default(), review.control.unwrap_or_default());
    let effect = review.effect.unwrap_or_default();
    let (metric, unit) = match metric {
        pb::Metric::Amount => ("amount", 100.0),
        pb::Metric::Count => ("count", 1.0),
        _ => ("rate", 1.0),
    };
    report::Review {
        subject,
        arm: treatment.arm,
        against: control.arm,
        outcome: outcome.to_owned(),
        metric,
        treated: treatment.customers,
        control: control.customers,
        difference: effect.difference / unit,
        standard_error: effect.standard_error / unit,
        lower: effect.lower / unit,
        upper: effect.upper / unit,
        sample_ratio_sound: review.sample_ratio.is_some_and(|ratio| ratio.sound),
        truth: None,
    }
}
