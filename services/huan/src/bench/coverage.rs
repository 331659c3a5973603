//! Does a 95 % interval hold the truth in 95 % of cases? In memory, through the functions that the services use: the
//! holdout's hash, the decision, the effect. One strategy, no capacity, a universal holdout, simulated customers.

use huan_evaluation::{effect, moments::Moments};
use huan_proto::strategy::v1::{self as pb, Stage, scenario::Kind};
use huan_strategy::{
    decide::{CompiledMap, ENGINE_VERSION},
    holdout::{MasterKey, UNIVERSAL},
};

use super::Row;
use crate::{
    bank::{Bank, Settings, true_effect},
    failure::{Failure, Result},
    progress,
};

/// Customers a seed.
pub const CUSTOMERS: u32 = 5000;
/// Customers over whom the truth is the mean, of another seed.
pub const OTHERS: u32 = 10_000_000;
/// The seed of those others.
pub const OTHER_SEED: u64 = 0x00A1_10C5;
/// The share left alone.
const HOLDOUT: f64 = 0.2;
/// The interval's confidence.
const CONFIDENCE: f64 = 0.95;

/// Counts over how many seeds the interval holds the truth.
pub fn run(seeds: u64) -> Result<Vec<Row>> {
    let truth = true_effect(OTHER_SEED, OTHERS).rate;
    let bar = progress::bar("coverage", seeds);
    let mut covered = 0_u32;
    for seed in 0..seeds {
        let effect = measure(seed, CUSTOMERS)?;
        covered += u32::from((effect.lower..=effect.upper).contains(&truth));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let share = f64::from(covered) / seeds as f64;
    let error = (CONFIDENCE * (1.0 - CONFIDENCE) / seeds as f64).sqrt();
    let held = (share - CONFIDENCE).abs() <= 3.0 * error;
    let work = format!("95 % intervals that hold the truth {truth:.5}, {seeds} seeds x {CUSTOMERS} customers");
    Ok(vec![Row { held, ..Row::rate(&work, "share", share, CONFIDENCE, (CONFIDENCE - 3.0 * error) / CONFIDENCE) }])
}

/// The measured effect on one seed's customers.
///
/// # Errors
/// If the decision leaves a customer out, whom nothing should.
pub fn measure(seed: u64, customers: u32) -> Result<effect::Effect> {
    let last_day = "2025-06-30".parse().map_err(|_| Failure::new("the last day is not a day"))?;
    let bank = Bank::new(Settings { seed, customers, last_day, history_days: 365 });
    let map = CompiledMap::new(&content());
    let key = MasterKey::new(&seed.to_le_bytes()).tenant("coverage");
    let mut input = input();
    let (mut treated, mut held) = (Moments::default(), Moments::default());
    for sim in bank.customers() {
        input.customer_key = sim.customer_id();
        input.universal_draw = key.draw(UNIVERSAL, &input.customer_key);
        let output = map.decide(&input);
        let pick = output.picks.first().ok_or_else(|| Failure::new("a customer was left out"))?;
        let contacted = pick.stage() == Stage::Picked;
        let bought = f64::from(u8::from(sim.outcome(contacted).is_some()));
        if contacted { &mut treated } else { &mut held }.push(bought);
    }
    Ok(effect::welch(treated.stats(), held.stats(), CONFIDENCE))
}

/// One strategy for everybody, on one channel without limits.
fn content() -> pb::MapContent {
    let channel = pb::Channel { channel_id: "app".to_owned(), ..Default::default() };
    let product = pb::Product { product_id: "gift".to_owned(), risk_level: 1, ..Default::default() };
    let strategy = pb::Strategy {
        strategy_id: "only".to_owned(),
        owner_path: "/hq".to_owned(),
        purpose: pb::ContactPurpose::Marketing.into(),
        audience: Some(pb::Audience { any_of: vec!["everybody".to_owned()], none_of: Vec::new() }),
        scenario: Some(pb::Scenario { kind: Some(Kind::Lifecycle(pb::LifecycleScenario {})) }),
        product_id: "gift".to_owned(),
        channels: vec![pb::ChannelPlan { channel_id: "app".to_owned(), script_id: "words".to_owned() }],
        value: Some(pb::ExpectedValue { propensity: 0.05, fixed_minor: 10_000, ..Default::default() }),
        ..Default::default()
    };
    pb::MapContent {
        strategies: vec![strategy],
        products: vec![product],
        channels: vec![channel],
        policy: Some(pb::Policy {
            universal_holdout_share: HOLDOUT,
            cap: 1,
            cap_window_days: 30,
            ..Default::default()
        }),
        memberships: vec!["everybody".to_owned()],
        ..Default::default()
    }
}

fn input() -> pb::DecisionInput {
    pb::DecisionInput {
        engine_version: ENGINE_VERSION,
        memberships: vec![0],
        consented_channels: vec![0],
        strategy_contacts: vec![0],
        strategy_draws: vec![1.0],
        max_picks: 1,
        minute_of_day: 600,
        owner_path: "/hq/east".to_owned(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_a_few_seeds_hold_the_truth() {
        let truth = true_effect(OTHER_SEED, 200_000).rate;
        let covered = (0..10).filter(|&seed| {
            let effect = measure(seed, CUSTOMERS).unwrap();
            (effect.lower..=effect.upper).contains(&truth)
        });
        // Ten intervals of 95 %: fewer than seven would happen once in a thousand runs of other seeds; these are fixed.
        assert!(covered.count() >= 7);
    }
}
