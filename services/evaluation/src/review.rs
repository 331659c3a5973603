//! What lies between an RPC and the tables: measuring a review and keeping it, and counting arms.

use chrono::{DateTime, Utc};
use huan_chassis::{Result, clock};
use huan_proto::evaluation::v1 as pb;
use prost::Message as _;
use uuid::Uuid;

use crate::{
    convert,
    spec::{Spec, reckon},
    store::{Store, assignment, entity, exposure, measure, review},
};

/// Who asks for a review, and for which.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The user.
    pub creator: &'a str,
    /// Names the request: the same again is answered alike.
    pub request_id: String,
    /// What to measure.
    pub spec: Spec,
}

/// Measures and keeps a review. Errors: Invalid, WrongState if an arm is too small.
pub async fn create_review(store: &Store, asked: Asked<'_>, now: DateTime<Utc>) -> Result<pb::Review> {
    let Asked { tenant, creator, request_id, spec } = asked;
    if let Some(made) = review::find_request(store, tenant, &request_id).await? {
        return convert::review(&made);
    }
    let arms = measure::measure(store, tenant, &spec).await?;
    let mut review = convert::review_message(&spec, &arms, &reckon(&spec, &arms)?);
    review.review_id = Uuid::now_v7().to_string();
    review.create_time = Some(clock::timestamp(now));
    review.creator = creator.to_owned();
    let row = entity::review::Model {
        tenant: tenant.to_owned(),
        review_id: review.review_id.clone(),
        request_id,
        create_time: clock::micros(now),
        body: review.encode_to_vec(),
    };
    convert::review(&review::create_review(store, row).await?)
}

/// Counts the customers of every arm of a tenant, in the order of subject and arm. Arms are few, so that pages are cut
/// from the whole.
pub async fn list_arms(store: &Store, tenant: &str) -> Result<Vec<pb::ArmCount>> {
    let exposures = exposure::count_exposures(store, tenant).await?;
    let assignments = assignment::count_assignments(store, tenant).await?;
    let of_strategies = exposures.into_iter().map(|((strategy, by_all, by_strategy), customers)| {
        let arm = holdout_arm(by_all, by_strategy).to_owned();
        pb::ArmCount { subject: format!("strategy:{strategy}"), arm, customers }
    });
    let of_experiments = assignments.into_iter().map(|((experiment, arm), customers)| pb::ArmCount {
        subject: format!("experiment:{experiment}"),
        arm,
        customers,
    });
    let mut arms: Vec<_> = of_strategies.chain(of_experiments).collect();
    arms.sort_by(|a, b| (&a.subject, &a.arm).cmp(&(&b.subject, &b.arm)));
    Ok(arms)
}

fn holdout_arm(by_all: bool, by_strategy: bool) -> &'static str {
    match (by_all, by_strategy) {
        (false, false) => "treated",
        (true, false) => "held_universal",
        (false, true) => "held_strategy",
        (true, true) => "held_both",
    }
}
