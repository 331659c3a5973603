//! Holdouts: the share of customers that each one took, of those open to assignment.

use std::collections::BTreeMap;

use huan_proto::{
    evaluation::v1::{ArmCount, ListArmsRequest, review_service_client::ReviewServiceClient},
    strategy::v1::Stage,
};

use super::{desk::Desk, execution::Decided, plan, report};
use crate::failure::Result;

/// The universal holdout by the decisions of a round, each strategy's own by the exposures that evaluation keeps.
pub async fn holdouts(desk: &Desk, decided: &[Decided]) -> Result<Vec<report::Holdout>> {
    let mut strategies: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for arm in arms(desk).await? {
        let Some(strategy_id) = arm.subject.strip_prefix("strategy:") else { continue };
        let count = strategies.entry(strategy_id.to_owned()).or_default();
        let customers = u64::try_from(arm.customers).unwrap_or(0);
        count.0 += customers;
        count.1 += if matches!(arm.arm.as_str(), "held_strategy" | "held_both") { customers } else { 0 };
    }
    let own = strategies.iter().map(|(name, &(open, held))| holdout(name, plan::STRATEGY_HOLDOUT, open, held));
    Ok([universal(decided)].into_iter().chain(own).collect())
}

/// Open are those of whom a pick was delivered, or withheld by this holdout: a pick that its own strategy withheld does
/// not tell which.
fn universal(decided: &[Decided]) -> report::Holdout {
    let count = |wanted: &[Stage]| {
        let reached = |one: &&Decided| one.reasons.iter().any(|reason| wanted.contains(&reason.stage()));
        decided.iter().filter(reached).count() as u64
    };
    let held = count(&[Stage::HeldUniversal]);
    holdout("universal", plan::UNIVERSAL_HOLDOUT, count(&[Stage::Picked, Stage::HeldUniversal]), held)
}

fn holdout(name: &str, setting: f64, open: u64, held: u64) -> report::Holdout {
    let share = held as f64 / open.max(1) as f64;
    let standard_error = (setting * (1.0 - setting) / open.max(1) as f64).sqrt();
    let deviations = (share - setting) / standard_error;
    report::Holdout { name: name.to_owned(), setting, open, held, share, standard_error, deviations }
}

async fn arms(desk: &Desk) -> Result<Vec<ArmCount>> {
    let door = desk.door("analyst");
    let mut client = ReviewServiceClient::new(door.channel.clone());
    let request = ListArmsRequest { page_size: 1000, page_token: String::new() };
    Ok(client.list_arms(door.request(request)).await?.into_inner().arms)
}
