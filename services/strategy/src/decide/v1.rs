//! Engine 1: which candidates match, how far each gets, and which are picked. The order of its stages stands in
//! `stage`, that of its arbitration in `rank`. Once released it is never changed: a change is a new engine.

use std::cmp::Ordering;

use huan_proto::{
    strategy::v1::{self as pb, Stage},
    types::v1::{Value, value::Kind},
};

use super::{
    candidate,
    compile::{Bits, CompiledMap, Plan, Scenario, Strategy},
};

/// One candidate, and how far it got.
pub(crate) struct Candidate {
    pub(crate) strategy: usize,
    pub(crate) plan: usize,
    pub(crate) stage: Stage,
    /// Expected incremental minor units, if it came to scoring and can be known.
    pub(crate) value: Option<f64>,
}

/// Decides: the candidates in the map's order, a stage for each, and the picks, best first.
pub(crate) fn decide(map: &CompiledMap, input: &pb::DecisionInput) -> pb::DecisionOutput {
    let (candidates, picks) = assess(map, input);
    pb::DecisionOutput {
        candidates: candidates.iter().map(|c| candidate(c.strategy, c.plan)).collect(),
        stages: candidates.iter().map(|c| c.stage as i32 as u8).collect(),
        picks,
    }
}

/// Decides, and keeps the values of all candidates.
pub(crate) fn assess(map: &CompiledMap, input: &pb::DecisionInput) -> (Vec<Candidate>, Vec<pb::OutputPick>) {
    let held = Bits::of(input.memberships.iter().map(|&index| index as usize));
    let mut candidates = Vec::with_capacity(map.strategies.len());
    for (index, strategy) in map.strategies.iter().enumerate() {
        let owner = &map.content.strategies[index].owner_path;
        if !matches(strategy, owner, input, &held) {
            continue;
        }
        let barred = barred(strategy, index, input);
        for (plan_index, plan) in strategy.plans.iter().enumerate() {
            let (stage, value) = match barred {
                Some(stage) => (stage, None),
                None => stage(map, strategy, index, plan, input),
            };
            candidates.push(Candidate { strategy: index, plan: plan_index, stage, value });
        }
    }
    let picks = pick(map, input, &mut candidates);
    (candidates, picks)
}

// Audience and scenario.
fn matches(strategy: &Strategy, owner_path: &str, input: &pb::DecisionInput, held: &Bits) -> bool {
    let scenario = match &strategy.scenario {
        Scenario::Untriggered => input.trigger_type.is_empty(),
        Scenario::Event { event_type, min_amount_minor } => {
            *event_type == input.trigger_type && input.trigger_amount_minor >= *min_amount_minor
        }
    };
    scenario && strategy.any_of.meets(held) && !strategy.none_of.meets(held) && within(&input.owner_path, owner_path)
}

// What bars a strategy whatever the channel.
fn barred(strategy: &Strategy, index: usize, input: &pb::DecisionInput) -> Option<Stage> {
    if input.paused_strategies.binary_search(&(index as u32)).is_ok() {
        return Some(Stage::Paused);
    }
    if strategy.held_feature.is_some_and(|feature| flag(input, feature) != Some(false)) {
        return Some(Stage::Eligibility);
    }
    if strategy.risk_level > input.risk_level.max(1) {
        return Some(Stage::Suitability);
    }
    if !input.gates.is_empty() {
        return Some(Stage::Gate);
    }
    (strategy.needs_consent() && input.stale).then_some(Stage::Stale)
}

// How far a channel of a strategy gets before it must compete; ARBITRATION if it may.
fn stage(
    map: &CompiledMap,
    strategy: &Strategy,
    index: usize,
    plan: &Plan,
    input: &pb::DecisionInput,
) -> (Stage, Option<f64>) {
    if consented(strategy, input).is_some_and(|channels| channels.binary_search(&plan.channel).is_err()) {
        return (Stage::Consent, None);
    }
    if strategy.needs_consent() && !(plan.open_minute..plan.close_minute).contains(&input.minute_of_day) {
        return (Stage::QuietHours, None);
    }
    if capped(map, strategy, index, input) {
        return (Stage::Cap, None);
    }
    let value = value(strategy, plan, input);
    if !worth_it(strategy, value, input) {
        return (Stage::Score, value);
    }
    let asked = input.asked_channels.is_empty() || input.asked_channels.binary_search(&plan.channel).is_ok();
    if plan.channel == u32::MAX || !asked || input.full_channels.binary_search(&plan.channel).is_ok() {
        return (Stage::Channel, value);
    }
    (Stage::Arbitration, value)
}

// The channels on which a strategy may make contact; none if it needs no consent.
fn consented<'a>(strategy: &Strategy, input: &'a pb::DecisionInput) -> Option<&'a [u32]> {
    match strategy.purpose {
        pb::ContactPurpose::Service => None,
        pb::ContactPurpose::Care => Some(&input.care_channels),
        pb::ContactPurpose::Marketing | pb::ContactPurpose::Unspecified => Some(&input.consented_channels),
    }
}

fn capped(map: &CompiledMap, strategy: &Strategy, index: usize, input: &pb::DecisionInput) -> bool {
    let contacts = input.strategy_contacts.get(index).copied().unwrap_or(0);
    strategy.is_marketing() && input.contacts >= map.cap || strategy.cap > 0 && contacts >= strategy.cap
}

/// propensity × (fixed + rate × feature) × lever − cost. A customer who refused personalisation is valued without the
/// feature.
fn value(strategy: &Strategy, plan: &Plan, input: &pb::DecisionInput) -> Option<f64> {
    let terms = strategy.value;
    let feature = match terms.feature {
        Some(feature) if !input.personalisation_refused => terms.rate * number(input, feature)?,
        _ => 0.0,
    };
    let value = terms.propensity * (terms.fixed + feature) * terms.lever - plan.cost;
    // Adding zero turns minus zero into zero.
    value.is_finite().then_some(value + 0.0)
}

// Without the feature that it depends on, a value says nothing against a candidate.
fn worth_it(strategy: &Strategy, value: Option<f64>, input: &pb::DecisionInput) -> bool {
    input.personalisation_refused && strategy.value.feature.is_some() || value.is_some_and(|value| value > 0.0)
}

// Walks the ranked candidates: one pick a strategy, until the slots are used up. The holdouts come last, and a
// customer who is left alone by all marketing uses up slots as any other does, so that both arms are exposed alike.
fn pick(map: &CompiledMap, input: &pb::DecisionInput, candidates: &mut [Candidate]) -> Vec<pb::OutputPick> {
    let mut slots = input.max_picks.max(1);
    let mut contacts = input.contacts;
    let mut picks: Vec<pb::OutputPick> = Vec::new();
    for index in rank(map, input, candidates) {
        let chosen = &mut candidates[index];
        let number = candidate(chosen.strategy, chosen.plan);
        let taken = picks.iter().any(|pick| super::strategy_and_plan(pick.candidate).0 == chosen.strategy);
        if slots == 0 || taken {
            continue;
        }
        let strategy = &map.strategies[chosen.strategy];
        if strategy.is_marketing() && contacts >= map.cap {
            chosen.stage = Stage::Cap;
            continue;
        }
        chosen.stage = holdout(map, strategy, input);
        if chosen.stage != Stage::HeldStrategy {
            slots -= 1;
            contacts += u32::from(strategy.is_marketing());
        }
        let value = chosen.value.unwrap_or(0.0);
        picks.push(pb::OutputPick { candidate: number, value, propensity: 1.0, stage: chosen.stage as i32 });
    }
    picks
}

// The best value first; ties go by the channel's priority, then the strategy's id, then the order of its channels.
// A customer who refused personalisation gets that order without the value.
fn rank(map: &CompiledMap, input: &pb::DecisionInput, candidates: &[Candidate]) -> Vec<usize> {
    let priority = |c: &Candidate| map.strategies[c.strategy].plans[c.plan].priority;
    let by_value = |a: &Candidate, b: &Candidate| match input.personalisation_refused {
        true => Ordering::Equal,
        false => b.value.unwrap_or(0.0).total_cmp(&a.value.unwrap_or(0.0)),
    };
    let mut ranked: Vec<usize> =
        (0..candidates.len()).filter(|&index| candidates[index].stage == Stage::Arbitration).collect();
    // Candidates stand in the order of strategy and channel, and the sort is stable.
    ranked.sort_by(|&a, &b| {
        let (a, b) = (&candidates[a], &candidates[b]);
        by_value(a, b).then_with(|| priority(a).cmp(&priority(b)))
    });
    ranked
}

// A draw that is missing leaves the customer alone.
fn holdout(map: &CompiledMap, strategy: &Strategy, input: &pb::DecisionInput) -> Stage {
    if strategy_held(strategy, input) {
        Stage::HeldStrategy
    } else if universal_held(map, strategy, input) {
        Stage::HeldUniversal
    } else {
        Stage::Picked
    }
}

/// True if the customer is left alone by this strategy.
pub(crate) fn strategy_held(strategy: &Strategy, input: &pb::DecisionInput) -> bool {
    strategy.draw.is_some_and(|draw| input.strategy_draws.get(draw).copied().unwrap_or(0.0) < strategy.holdout_share)
}

/// True if the customer is left alone by all marketing, and the strategy is marketing.
pub(crate) fn universal_held(map: &CompiledMap, strategy: &Strategy, input: &pb::DecisionInput) -> bool {
    strategy.is_marketing() && input.universal_draw < map.universal_share
}

fn within(path: &str, root: &str) -> bool {
    root.is_empty()
        || root == "/"
        || path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn kind(input: &pb::DecisionInput, feature: Option<usize>) -> Option<&Kind> {
    input.values.get(feature?).and_then(|value: &Value| value.kind.as_ref())
}

fn flag(input: &pb::DecisionInput, feature: Option<usize>) -> Option<bool> {
    match kind(input, feature)? {
        Kind::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn number(input: &pb::DecisionInput, feature: Option<usize>) -> Option<f64> {
    match kind(input, feature)? {
        Kind::Number(number) if number.is_finite() => Some(*number),
        _ => None,
    }
}
