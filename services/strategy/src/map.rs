//! The strategy map as a whole: put together from its parts, checked, and named by the hash of its content. Whatever is
//! wrong with it is found at once. It reads no store.

use std::collections::BTreeSet;

use huan_chassis::{Error, FieldFault, Result, check};
use huan_proto::strategy::v1::{self as pb, StrategyState, scenario};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::script;

/// What a map is made of. Only strategies that go into it; everything else as far as there is any.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// All approved and live strategies.
    pub strategies: Vec<pb::Strategy>,
    /// All products.
    pub products: Vec<pb::Product>,
    /// All channels.
    pub channels: Vec<pb::Channel>,
    /// All scripts.
    pub scripts: Vec<pb::Script>,
    /// All objectives.
    pub objectives: Vec<pb::Objective>,
    /// The rules over all of them.
    pub policy: pb::Policy,
}

/// What segment knows.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Memberships by name.
    pub memberships: BTreeSet<String>,
    /// Features by name.
    pub features: BTreeSet<String>,
}

/// The most features that a decision may record: as many as segment answers at once.
pub const MAX_FEATURES: usize = 200;

/// Puts a map together. Errors: BrokenMap, naming every fault.
pub fn assemble(parts: Parts, known: &Known) -> Result<pb::MapContent> {
    let mut faults = Vec::new();
    check(&parts, known, &mut faults);
    let content = content(parts);
    if content.features.len() > MAX_FEATURES {
        fault(&mut faults, "policy.record_features".into(), "with the strategies' own, are more than 200");
    }
    if faults.is_empty() { Ok(content) } else { Err(Error::BrokenMap(faults)) }
}

/// SHA-256 of the content: its version. Prost writes fields by number and lists in their order, so the same content has
/// the same version.
pub fn version(content: &pb::MapContent) -> Vec<u8> {
    Sha256::digest(content.encode_to_vec()).to_vec()
}

fn check(parts: &Parts, known: &Known, faults: &mut Vec<FieldFault>) {
    if parts.strategies.is_empty() {
        fault(faults, "strategies".into(), "hold none that is approved or live");
    }
    for strategy in &parts.strategies {
        check_strategy(parts, strategy, known, faults);
    }
    for (index, name) in parts.policy.record_features.iter().enumerate() {
        check_feature(known, &format!("policy.record_features[{index}]"), name, faults);
    }
}

fn check_strategy(parts: &Parts, strategy: &pb::Strategy, known: &Known, faults: &mut Vec<FieldFault>) {
    let at = format!("strategies[{}]", strategy.strategy_id);
    if !check::is_path(&strategy.owner_path) {
        fault(faults, format!("{at}.owner_path"), "is no organisation path");
    }
    if !parts.objectives.iter().any(|objective| objective.objective_id == strategy.objective_id) {
        fault(faults, format!("{at}.objective_id"), "is no objective");
    }
    check_product(parts, strategy, known, &at, faults);
    check_audience(strategy, known, &at, faults);
    let value = strategy.value.clone().unwrap_or_default();
    if !value.feature.is_empty() {
        check_feature(known, &format!("{at}.value.feature"), &value.feature, faults);
    }
    for (index, plan) in strategy.channels.iter().enumerate() {
        check_plan(parts, plan, known, &format!("{at}.channels[{index}]"), faults);
    }
}

fn check_product(parts: &Parts, strategy: &pb::Strategy, known: &Known, at: &str, faults: &mut Vec<FieldFault>) {
    match parts.products.iter().find(|product| product.product_id == strategy.product_id) {
        None => fault(faults, format!("{at}.product_id"), "is no product"),
        Some(product) => {
            if let Some(feature) = held_feature(strategy, product) {
                check_feature(known, &format!("products[{}].held_feature", product.product_id), feature, faults);
            }
        }
    }
}

fn check_audience(strategy: &pb::Strategy, known: &Known, at: &str, faults: &mut Vec<FieldFault>) {
    let audience = strategy.audience.clone().unwrap_or_default();
    for (list, names) in [("any_of", &audience.any_of), ("none_of", &audience.none_of)] {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !known.memberships.contains(*name)) {
            fault(faults, format!("{at}.audience.{list}[{index}]"), format!("{name} is no membership"));
        }
    }
}

fn check_plan(parts: &Parts, plan: &pb::ChannelPlan, known: &Known, at: &str, faults: &mut Vec<FieldFault>) {
    if !parts.channels.iter().any(|channel| channel.channel_id == plan.channel_id) {
        fault(faults, format!("{at}.channel_id"), "is no channel");
    }
    let Some(script) = parts.scripts.iter().find(|script| script.script_id == plan.script_id) else {
        return fault(faults, format!("{at}.script_id"), "is no script");
    };
    if script.channel_id != plan.channel_id {
        fault(faults, format!("{at}.script_id"), "is written for another channel");
    }
    if !script.signed {
        fault(faults, format!("{at}.script_id"), "is not signed off");
    }
    for name in script::variables(&script.text) {
        check_feature(known, &format!("scripts[{}].text", script.script_id), name, faults);
    }
}

fn check_feature(known: &Known, field: &str, name: &str, faults: &mut Vec<FieldFault>) {
    if !known.features.contains(name) {
        fault(faults, field.into(), format!("{name} is no feature"));
    }
}

fn fault(faults: &mut Vec<FieldFault>, field: String, description: impl Into<String>) {
    let fault = FieldFault { field, description: description.into() };
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

// Only what the strategies use, each part in the order of its id.
fn content(parts: Parts) -> pb::MapContent {
    let features = features(&parts);
    let strategies = sorted(parts.strategies, |strategy| strategy.strategy_id.clone());
    let plans: Vec<_> = strategies.iter().flat_map(|strategy| strategy.channels.clone()).collect();
    let used = |id: &str, named: fn(&pb::Strategy) -> &str| strategies.iter().any(|strategy| named(strategy) == id);
    let products = parts.products.into_iter().filter(|part| used(&part.product_id, |strategy| &strategy.product_id));
    let objectives = parts.objectives.into_iter().filter(|part| used(&part.objective_id, |s| &s.objective_id));
    let channels = parts.channels.into_iter().filter(|part| plans.iter().any(|p| p.channel_id == part.channel_id));
    let scripts = parts.scripts.into_iter().filter(|part| plans.iter().any(|p| p.script_id == part.script_id));
    pb::MapContent {
        products: sorted(products.collect(), |part| part.product_id.clone()),
        channels: sorted(channels.collect(), |part| part.channel_id.clone()),
        scripts: sorted(scripts.collect(), |part| part.script_id.clone()),
        objectives: sorted(objectives.collect(), |part| part.objective_id.clone()),
        policy: Some(parts.policy),
        features: features.into_iter().collect(),
        memberships: memberships(&strategies).into_iter().collect(),
        strategies: strategies.into_iter().map(published).collect(),
    }
}

// What changes without a change of content is left out, so that the same content has the same version.
fn published(strategy: pb::Strategy) -> pb::Strategy {
    pb::Strategy { state: StrategyState::Live as i32, revision: 0, update_time: None, ..strategy }
}

fn features(parts: &Parts) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = parts.policy.record_features.iter().cloned().collect();
    for strategy in &parts.strategies {
        names.extend(strategy.value.iter().map(|value| value.feature.clone()));
        let product = parts.products.iter().find(|product| product.product_id == strategy.product_id);
        names.extend(product.and_then(|product| held_feature(strategy, product)).map(str::to_owned));
        for plan in &strategy.channels {
            let script = parts.scripts.iter().find(|script| script.script_id == plan.script_id);
            names.extend(script.iter().flat_map(|script| script::variables(&script.text)).map(str::to_owned));
        }
    }
    names.remove("");
    names
}

fn memberships(strategies: &[pb::Strategy]) -> BTreeSet<String> {
    let audiences = strategies.iter().filter_map(|strategy| strategy.audience.clone());
    audiences.flat_map(|audience| audience.any_of.into_iter().chain(audience.none_of)).collect()
}

// Only where the scenario is the product does holding it matter.
fn held_feature<'a>(strategy: &pb::Strategy, product: &'a pb::Product) -> Option<&'a str> {
    let kind = strategy.scenario.as_ref().and_then(|scenario| scenario.kind.as_ref());
    let matters = matches!(kind, Some(scenario::Kind::Product(_))) && !product.held_feature.is_empty();
    matters.then_some(product.held_feature.as_str())
}

fn sorted<T>(mut parts: Vec<T>, id: impl Fn(&T) -> String) -> Vec<T> {
    parts.sort_by_key(id);
    parts
}

/// Writes a version as the contract does: in hex.
pub fn version_text(version: &[u8]) -> String {
    hex::encode(version)
}
