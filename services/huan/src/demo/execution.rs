//! Execution: decides for every customer, explains every decision, and replays them.

use std::time::Instant;

use futures::{StreamExt, TryStreamExt, stream};
use huan_proto::strategy::v1::{self as pb, Stage, decision_service_client::DecisionServiceClient};

use super::{desk::Desk, report};
use crate::{failure::Result, load::Door, progress};

/// How many calls are in flight at once.
const IN_FLIGHT: usize = 64;

/// One customer's decision, with its reasons.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The customer.
    pub customer_id: String,
    /// What was answered.
    pub answer: pb::DecideResponse,
    /// Why.
    pub reasons: Vec<pb::CandidateReason>,
}

impl Decided {
    /// The strategies whose would-be pick this customer was, withheld or not.
    pub fn would_be(&self) -> impl Iterator<Item = &pb::CandidateReason> {
        let chosen = |stage| matches!(stage, Stage::Picked | Stage::HeldUniversal | Stage::HeldStrategy);
        self.reasons.iter().filter(move |reason| chosen(reason.stage()))
    }

    /// Whether the customer was left alone by all marketing.
    pub fn held_universal(&self) -> bool {
        self.reasons.iter().any(|reason| reason.stage() == Stage::HeldUniversal)
    }
}

/// Decides for each customer, with its trigger if it has one, and asks why.
pub async fn decide_all(
    desk: &Desk,
    name: &str,
    asked: Vec<(String, Option<pb::Trigger>)>,
) -> Result<(report::Round, Vec<Decided>)> {
    let bar = progress::bar(&format!("deciding, {name}"), asked.len() as u64);
    let started = Instant::now();
    let (manager, auditor) = (desk.door("relationship_manager"), desk.door("auditor"));
    let answers: Vec<(String, pb::DecideResponse)> = stream::iter(asked)
        .map(|(customer_id, trigger)| decide(&manager, name, customer_id, trigger))
        .buffer_unordered(IN_FLIGHT)
        .inspect(|_| bar.inc(1))
        .try_collect()
        .await?;
    let rate = answers.len() as f64 / started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let bar = progress::bar("asking why", answers.len() as u64);
    let decided: Vec<Decided> = stream::iter(answers)
        .map(|(customer_id, answer)| explain(&auditor, customer_id, answer))
        .buffer_unordered(IN_FLIGHT)
        .inspect(|_| bar.inc(1))
        .try_collect()
        .await?;
    bar.finish_and_clear();
    Ok((summary(name, &decided, rate), decided))
}

/// Replays decisions and counts the identical ones.
pub async fn replay(desk: &Desk, decision_ids: Vec<String>) -> Result<report::Replay> {
    let checked = decision_ids.len() as u64;
    let bar = progress::bar("replaying", checked);
    let door = &desk.door("auditor");
    let identical = stream::iter(decision_ids)
        .map(|decision_id| async move {
            let mut client = DecisionServiceClient::new(door.channel.clone());
            let answer = client.replay_decision(door.request(pb::ReplayDecisionRequest { decision_id })).await?;
            Ok::<bool, tonic::Status>(answer.into_inner().identical)
        })
        .buffer_unordered(IN_FLIGHT)
        .inspect(|_| bar.inc(1))
        .try_fold(0, async |sum, identical| Ok(sum + u64::from(identical)))
        .await?;
    bar.finish_and_clear();
    Ok(report::Replay { checked, identical })
}

/// Confirms that every pick was delivered.
pub async fn deliver(desk: &Desk, decided: impl Iterator<Item = &Decided>) -> Result<()> {
    let door = &desk.door("relationship_manager");
    let picks =
        decided.flat_map(|one| one.answer.picks.iter().map(move |pick| (&one.answer.decision_id, &pick.strategy_id)));
    let requests: Vec<pb::RecordResponseRequest> = picks
        .map(|(decision_id, strategy_id)| pb::RecordResponseRequest {
            request_id: format!("d-{decision_id}"),
            decision_id: decision_id.clone(),
            strategy_id: strategy_id.clone(),
            kind: pb::ResponseKind::Delivered.into(),
        })
        .collect();
    stream::iter(requests)
        .map(|request| async move {
            let mut client = DecisionServiceClient::new(door.channel.clone());
            client.record_response(door.request(request)).await.map(drop)
        })
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

async fn decide(
    door: &Door,
    round: &str,
    customer_id: String,
    trigger: Option<pb::Trigger>,
) -> Result<(String, pb::DecideResponse), tonic::Status> {
    let request = pb::DecideRequest {
        request_id: format!("{}-{customer_id}", round.replace(' ', "-")),
        customer_id: customer_id.clone(),
        trigger,
        ..Default::default()
    };
    let answer = DecisionServiceClient::new(door.channel.clone()).decide(door.request(request)).await?;
    Ok((customer_id, answer.into_inner()))
}

async fn explain(door: &Door, customer_id: String, answer: pb::DecideResponse) -> Result<Decided, tonic::Status> {
    let request = pb::ExplainDecisionRequest { decision_id: answer.decision_id.clone() };
    let explained = DecisionServiceClient::new(door.channel.clone()).explain_decision(door.request(request)).await?;
    Ok(Decided { customer_id, answer, reasons: explained.into_inner().candidates })
}

fn summary(name: &str, decided: &[Decided], decisions_per_second: f64) -> report::Round {
    let mut round = report::Round { name: name.to_owned(), decisions_per_second, ..Default::default() };
    for one in decided {
        round.map_version.clone_from(&one.answer.map_version);
        round.decisions += 1;
        round.explained += u64::from(one.reasons.iter().all(|reason| !reason.reason.is_empty()));
        round.contacts += u64::from(!one.answer.picks.is_empty());
        for pick in &one.answer.picks {
            *round.contacts_by_strategy.entry(pick.strategy_id.clone()).or_default() += 1;
            *round.contacts_by_channel.entry(pick.channel_id.clone()).or_default() += 1;
        }
        for reason in &one.reasons {
            let stage = reason.stage().as_str_name().trim_start_matches("STAGE_").to_lowercase();
            *round.candidates_by_stage.entry(stage).or_default() += 1;
        }
    }
    round
}
