//! A map made ready to decide by: names become indices and audiences bitsets, once per version, so that a decision
//! looks nothing up by name. It judges nothing.

use huan_proto::strategy::v1 as pb;

/// A published map, ready to decide by.
#[derive(Clone, Debug)]
pub struct CompiledMap {
    pub(crate) content: pb::MapContent,
    pub(crate) strategies: Vec<Strategy>,
    pub(crate) cap: u32,
    pub(crate) cap_window_days: i32,
    pub(crate) universal_share: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Strategy {
    pub(crate) any_of: Bits,
    pub(crate) none_of: Bits,
    pub(crate) scenario: Scenario,
    pub(crate) purpose: pb::ContactPurpose,
    // Of the product; one that the map does not know is too risky for everybody.
    pub(crate) risk_level: u32,
    // Holders of the product are not eligible. The outer Option: whether it matters; the inner: where it stands.
    pub(crate) held_feature: Option<Option<usize>>,
    pub(crate) value: Value,
    pub(crate) cap: u32,
    pub(crate) holdout_share: f64,
    // Index of its draw among those of all strategies that hold out.
    pub(crate) draw: Option<usize>,
    pub(crate) plans: Vec<Plan>,
}

impl Strategy {
    // Whether the caps and the holdout of all marketing are for it.
    pub(crate) fn is_marketing(&self) -> bool {
        self.purpose == pb::ContactPurpose::Marketing
    }

    // Whether it needs a consent, and therefore fresh knowledge, and keeps quiet hours.
    pub(crate) fn needs_consent(&self) -> bool {
        self.purpose != pb::ContactPurpose::Service
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Scenario {
    Untriggered,
    Event { event_type: String, min_amount_minor: i64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) propensity: f64,
    pub(crate) fixed: f64,
    // The outer Option: whether there is one; the inner: where it stands.
    pub(crate) feature: Option<Option<usize>>,
    pub(crate) rate: f64,
    pub(crate) lever: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    // u32::MAX for a channel that the map does not know: never consented to, never free.
    pub(crate) channel: u32,
    pub(crate) cost: f64,
    pub(crate) priority: i32,
    pub(crate) open_minute: u32,
    pub(crate) close_minute: u32,
}

/// A set of small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn of(numbers: impl IntoIterator<Item = usize>) -> Bits {
        let mut bits = Bits::default();
        for number in numbers {
            if bits.0.len() <= number / 64 {
                bits.0.resize(number / 64 + 1, 0);
            }
            bits.0[number / 64] |= 1 << (number % 64);
        }
        bits
    }

    pub(crate) fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(a, b)| a & b != 0)
    }
}

impl CompiledMap {
    /// Makes a map ready. Its lists must be sorted, as published ones are. What a strategy names and the map lacks
    /// never lets a candidate through.
    pub fn new(content: &pb::MapContent) -> CompiledMap {
        let policy = content.policy.clone().unwrap_or_default();
        let mut draws = 0;
        let strategies = content.strategies.iter().map(|strategy| compile(content, strategy, &mut draws)).collect();
        CompiledMap {
            strategies,
            cap: policy.cap.max(0) as u32,
            cap_window_days: policy.cap_window_days,
            universal_share: policy.universal_holdout_share,
            content: content.clone(),
        }
    }

    /// The map as published.
    pub fn content(&self) -> &pb::MapContent {
        &self.content
    }

    /// The rules over all strategies.
    pub fn policy(&self) -> &pb::Policy {
        const NONE: &pb::Policy = &pb::Policy {
            universal_holdout_share: 0.0,
            cap: 0,
            cap_window_days: 0,
            record_features: Vec::new(),
            max_staleness_millis: 0,
        };
        self.content.policy.as_ref().unwrap_or(NONE)
    }

    /// Whether any strategy makes contact to care.
    pub fn cares(&self) -> bool {
        self.strategies.iter().any(|strategy| strategy.purpose == pb::ContactPurpose::Care)
    }

    /// Finds a channel's index.
    pub fn channel(&self, channel_id: &str) -> Option<u32> {
        channel(&self.content, channel_id)
    }

    /// The channel of a candidate, as `DecisionOutput.candidates` numbers it.
    pub fn channel_of(&self, candidate: u32) -> Option<&pb::Channel> {
        let (strategy, plan) = super::strategy_and_plan(candidate);
        let plan = self.strategies.get(strategy)?.plans.get(plan)?;
        self.content.channels.get(plan.channel as usize)
    }

    /// The strategy and channel plan of a candidate.
    pub fn plan_of(&self, candidate: u32) -> Option<(&pb::Strategy, &pb::ChannelPlan)> {
        let (strategy, plan) = super::strategy_and_plan(candidate);
        let strategy = self.content.strategies.get(strategy)?;
        Some((strategy, strategy.channels.get(plan)?))
    }
}

fn compile(content: &pb::MapContent, strategy: &pb::Strategy, draws: &mut usize) -> Strategy {
    let product = content.products.iter().find(|product| product.product_id == strategy.product_id);
    let audience = strategy.audience.clone().unwrap_or_default();
    let holds_out = strategy.holdout_share > 0.0;
    let draw = holds_out.then_some(*draws);
    *draws += usize::from(holds_out);
    Strategy {
        any_of: memberships(content, &audience.any_of),
        none_of: memberships(content, &audience.none_of),
        scenario: scenario(strategy),
        purpose: purpose(strategy),
        risk_level: product.map_or(u32::MAX, |product| product.risk_level.max(1) as u32),
        held_feature: held_feature(content, strategy, product),
        value: value(content, strategy.value.as_ref()),
        cap: strategy.cap.max(0) as u32,
        holdout_share: strategy.holdout_share,
        draw,
        plans: strategy.channels.iter().map(|plan| compile_plan(content, plan)).collect(),
    }
}

/// What a strategy makes contact for: marketing, unless it says that it is something else.
pub(crate) fn purpose(strategy: &pb::Strategy) -> pb::ContactPurpose {
    match strategy.purpose() {
        pb::ContactPurpose::Unspecified => pb::ContactPurpose::Marketing,
        purpose => purpose,
    }
}

fn scenario(strategy: &pb::Strategy) -> Scenario {
    match strategy.scenario.as_ref().and_then(|scenario| scenario.kind.as_ref()) {
        Some(pb::scenario::Kind::Event(event)) => {
            Scenario::Event { event_type: event.event_type.clone(), min_amount_minor: event.min_amount_minor }
        }
        _ => Scenario::Untriggered,
    }
}

fn held_feature(
    content: &pb::MapContent,
    strategy: &pb::Strategy,
    product: Option<&pb::Product>,
) -> Option<Option<usize>> {
    let kind = strategy.scenario.as_ref().and_then(|scenario| scenario.kind.as_ref());
    let name = &product?.held_feature;
    (matches!(kind, Some(pb::scenario::Kind::Product(_))) && !name.is_empty()).then(|| feature(content, name))
}

fn value(content: &pb::MapContent, value: Option<&pb::ExpectedValue>) -> Value {
    let value = value.cloned().unwrap_or_default();
    Value {
        propensity: value.propensity,
        fixed: value.fixed_minor as f64,
        feature: (!value.feature.is_empty()).then(|| feature(content, &value.feature)),
        rate: value.rate,
        lever: if value.lever == 0.0 { 1.0 } else { value.lever },
    }
}

fn compile_plan(content: &pb::MapContent, plan: &pb::ChannelPlan) -> Plan {
    let index = channel(content, &plan.channel_id);
    let known = index.and_then(|index| content.channels.get(index as usize)).cloned().unwrap_or_default();
    Plan {
        channel: index.unwrap_or(u32::MAX),
        cost: known.cost_minor as f64,
        priority: known.priority,
        open_minute: known.open_minute.max(0) as u32,
        close_minute: if known.close_minute <= 0 { 1440 } else { known.close_minute as u32 },
    }
}

fn memberships(content: &pb::MapContent, names: &[String]) -> Bits {
    Bits::of(names.iter().filter_map(|name| content.memberships.binary_search(name).ok()))
}

fn feature(content: &pb::MapContent, name: &str) -> Option<usize> {
    content.features.binary_search_by(|known| known.as_str().cmp(name)).ok()
}

fn channel(content: &pb::MapContent, channel_id: &str) -> Option<u32> {
    content.channels.binary_search_by(|known| known.channel_id.as_str().cmp(channel_id)).ok().map(|index| index as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_meet_where_both_hold_a_number() {
        let set = Bits::of([3, 64, 200]);
        assert!(set.meets(&Bits::of([200])));
        assert!(set.meets(&Bits::of([1, 2, 3])));
        assert!(!set.meets(&Bits::of([4, 65, 199])));
        assert!(!set.meets(&Bits::default()));
    }
}
