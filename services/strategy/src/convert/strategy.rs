//! Strategies on the wire and in their table.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::strategy::v1::{self as pb, StrategyState, scenario::Kind};
use prost::Message as _;

use super::between;
use crate::{lifecycle::Step, store::entity::strategy::Model};

/// Reads a strategy as written. What only the service writes is cleared. Errors: Invalid.
pub fn written(message: Option<pb::Strategy>) -> Result<pb::Strategy> {
    let message = super::required("strategy", message)?;
    let mut faults = Faults::new();
    let strategy = pb::Strategy {
        strategy_id: faults.name("strategy.strategy_id", &message.strategy_id, 64),
        display_name: faults.text("strategy.display_name", &message.display_name, 200),
        owner_path: faults.path("strategy.owner_path", &message.owner_path),
        objective_id: faults.name("strategy.objective_id", &message.objective_id, 64),
        purpose: faults.enumeration::<pb::ContactPurpose>("strategy.purpose", message.purpose) as i32,
        audience: audience(&mut faults, message.audience),
        scenario: scenario(&mut faults, message.scenario),
        product_id: faults.name("strategy.product_id", &message.product_id, 64),
        channels: channels(&mut faults, message.channels),
        value: value(&mut faults, message.value),
        cap: between(&mut faults, "strategy.cap", message.cap, 0, 1_000_000),
        cap_window_days: window(&mut faults, message.cap, message.cap_window_days),
        holdout_share: share(&mut faults, "strategy.holdout_share", message.holdout_share),
        ..Default::default()
    };
    faults.finish()?;
    Ok(strategy)
}

/// Reads what is to be done with a strategy. Errors: Invalid.
pub fn step(state: i32) -> Result<Step> {
    match StrategyState::try_from(state) {
        Ok(StrategyState::Paused) => Ok(Step::Pause),
        Ok(StrategyState::Live) => Ok(Step::Resume),
        Ok(StrategyState::Retired) => Ok(Step::Retire),
        _ => Err(Error::invalid("state", "is not PAUSED, LIVE or RETIRED")),
    }
}

/// Reads the state that a list is narrowed by. Errors: Invalid.
pub fn filter(state: i32) -> Result<Option<i32>> {
    let mut faults = Faults::new();
    let state = faults.optional_enumeration::<StrategyState>("state", state);
    faults.finish()?;
    Ok((state != StrategyState::Unspecified).then_some(state as i32))
}

/// Reads a checker's word. Errors: Invalid.
pub fn comment(text: &str) -> Result<String> {
    let mut faults = Faults::new();
    let comment = faults.optional_text("comment", text, 1000);
    faults.finish()?;
    Ok(comment)
}

/// Puts a strategy on the wire. Errors: Internal.
pub fn message(row: Model) -> Result<pb::Strategy> {
    let broken = |_| Error::Internal("a strategy does not decode".into());
    let body = pb::Strategy::decode(row.body.as_slice()).map_err(broken)?;
    Ok(pb::Strategy {
        state: row.state,
        maker: row.maker,
        checker: row.checker,
        revision: row.revision,
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
        ..body
    })
}

/// Reads a share of customers held out: 0 to 0.5.
pub(super) fn share(faults: &mut Faults, field: &str, share: f64) -> f64 {
    between(faults, field, share, 0.0, 0.5) + 0.0
}

fn audience(faults: &mut Faults, audience: Option<pb::Audience>) -> Option<pb::Audience> {
    let audience = faults.required("strategy.audience", audience)?;
    if audience.any_of.is_empty() {
        faults.add("strategy.audience.any_of", "is required");
    }
    for (list, names) in [("any_of", &audience.any_of), ("none_of", &audience.none_of)] {
        let field = format!("strategy.audience.{list}");
        if names.len() > 100 {
            faults.add(&field, "has more than 100 entries");
        }
        for (index, name) in names.iter().enumerate() {
            faults.text(&format!("{field}[{index}]"), name, 160);
        }
    }
    Some(audience)
}

fn scenario(faults: &mut Faults, scenario: Option<pb::Scenario>) -> Option<pb::Scenario> {
    let kind = faults.required("strategy.scenario", scenario.and_then(|scenario| scenario.kind))?;
    if let Kind::Event(event) = &kind {
        faults.id("strategy.scenario.event.event_type", &event.event_type);
        between(faults, "strategy.scenario.event.min_amount_minor", event.min_amount_minor, 0, i64::MAX);
    }
    Some(pb::Scenario { kind: Some(kind) })
}

fn channels(faults: &mut Faults, plans: Vec<pb::ChannelPlan>) -> Vec<pb::ChannelPlan> {
    if !(1..=10).contains(&plans.len()) {
        faults.add("strategy.channels", "has not 1 to 10 entries");
    }
    for (index, plan) in plans.iter().enumerate() {
        let field = format!("strategy.channels[{index}]");
        faults.name(&format!("{field}.channel_id"), &plan.channel_id, 64);
        faults.name(&format!("{field}.script_id"), &plan.script_id, 64);
        if plans[..index].iter().any(|other| other.channel_id == plan.channel_id) {
            faults.add(format!("{field}.channel_id"), "is there twice");
        }
    }
    plans
}

fn value(faults: &mut Faults, value: Option<pb::ExpectedValue>) -> Option<pb::ExpectedValue> {
    let value = faults.required("strategy.value", value)?;
    if !value.rate.is_finite() {
        faults.add("strategy.value.rate", "is not finite");
    }
    Some(pb::ExpectedValue {
        propensity: faults.probability("strategy.value.propensity", value.propensity) + 0.0,
        fixed_minor: value.fixed_minor,
        feature: super::optional_name(faults, "strategy.value.feature", &value.feature),
        rate: value.rate + 0.0,
        lever: between(faults, "strategy.value.lever", value.lever, 0.0, 10.0) + 0.0,
    })
}

fn window(faults: &mut Faults, cap: i32, days: i32) -> i32 {
    between(faults, "strategy.cap_window_days", days, i32::from(cap > 0), 365)
}
