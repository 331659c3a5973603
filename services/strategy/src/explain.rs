//! Why a decision came out as it did, in words: recomputed from its record, never stored. It decides nothing and knows
//! no store.

use huan_proto::{
    profile::v1::Gate,
    strategy::v1::{self as pb, Stage},
};

use crate::decide::{
    self, CompiledMap,
    v1::{self, Candidate},
};

/// Explains every candidate that matched: picks first, best first, then in the map's order.
pub fn candidates(map: &CompiledMap, input: &pb::DecisionInput) -> Vec<pb::CandidateReason> {
    let (candidates, picks) = v1::assess(map, input);
    let number = |candidate: &Candidate| decide::candidate(candidate.strategy, candidate.plan);
    let place =
        |candidate: &Candidate| picks.iter().position(|pick| pick.candidate == number(candidate)).unwrap_or(usize::MAX);
    let mut ordered: Vec<_> = candidates.iter().collect();
    ordered.sort_by_key(|candidate| place(candidate));
    let case = Case { map, input, picks: &picks };
    ordered.into_iter().map(|candidate| case.explain(candidate)).collect()
}

/// Lists the features that were looked at.
pub fn features(map: &CompiledMap, input: &pb::DecisionInput) -> Vec<pb::FeatureReason> {
    let named = map.content().features.iter().zip(&input.values);
    named.map(|(name, value)| pb::FeatureReason { name: name.clone(), value: Some(value.clone()) }).collect()
}

/// Lists the memberships that held.
pub fn memberships(map: &CompiledMap, input: &pb::DecisionInput) -> Vec<String> {
    let name = |index: &u32| map.content().memberships.get(*index as usize).cloned();
    input.memberships.iter().filter_map(name).collect()
}

struct Case<'a> {
    map: &'a CompiledMap,
    input: &'a pb::DecisionInput,
    picks: &'a [pb::OutputPick],
}

impl Case<'_> {
    fn explain(&self, candidate: &Candidate) -> pb::CandidateReason {
        let strategy = &self.map.content().strategies[candidate.strategy];
        let channel_id = strategy.channels[candidate.plan].channel_id.clone();
        let (reason, change) = self.words(candidate, strategy, &channel_id);
        let strategy_id = strategy.strategy_id.clone();
        pb::CandidateReason {
            strategy_id,
            channel_id,
            stage: candidate.stage as i32,
            reason,
            value: candidate.value,
            change,
        }
    }

    // The reason, and the smallest change that would let the candidate through.
    fn words(&self, candidate: &Candidate, strategy: &pb::Strategy, channel: &str) -> (String, String) {
        let content = self.map.content();
        match candidate.stage {
            Stage::Picked => ("is worth more than every other candidate that got through".into(), String::new()),
            Stage::HeldUniversal => self.held_universal(),
            Stage::HeldStrategy => (
                format!(
                    "would have been picked; {} of customers are left alone by this strategy",
                    strategy.holdout_share
                ),
                "none: the holdout is for good".into(),
            ),
            Stage::Paused => ("the strategy is stopped".into(), "the strategy must be live again".into()),
            Stage::Eligibility => {
                let product = content.products.iter().find(|product| product.product_id == strategy.product_id);
                let feature = product.map_or("", |product| product.held_feature.as_str());
                ("the customer has the product, or it is unknown".into(), format!("{feature} must be false"))
            }
            Stage::Suitability => self.suitability(candidate),
            Stage::Gate => self.gate(),
            Stage::Stale => (
                "what is known is older than the policy allows".into(),
                format!("knowledge must be at most {} ms old", max_staleness(self.map.policy())),
            ),
            Stage::Consent => {
                let what = if strategy.purpose() == pb::ContactPurpose::Care { "care" } else { "marketing" };
                (format!("no consent for {what} on {channel}"), format!("consent for {what} on {channel}"))
            }
            Stage::QuietHours => self.quiet_hours(candidate),
            Stage::Cap => self.cap(candidate, strategy),
            Stage::Score => score(candidate, strategy),
            Stage::Channel => self.channel(candidate, channel),
            Stage::Arbitration => self.arbitration(candidate),
            Stage::Unspecified => (String::new(), String::new()),
        }
    }

    fn held_universal(&self) -> (String, String) {
        let share = self.map.universal_share;
        let reason = format!("would have been picked; {share} of customers are left alone by all marketing");
        (reason, "none: the holdout is for good".into())
    }

    fn suitability(&self, candidate: &Candidate) -> (String, String) {
        let risk = self.map.strategies[candidate.strategy].risk_level;
        let level = self.input.risk_level;
        (format!("the product is R{risk}, the customer C{level}"), format!("a tested risk level of C{risk}"))
    }

    fn gate(&self) -> (String, String) {
        let word = |gate: &u32| match Gate::try_from(*gate as i32) {
            Ok(Gate::Complaint) => "complaint",
            Ok(Gate::Hardship) => "hardship",
            Ok(Gate::Closed) => "closed",
            Ok(Gate::LegalHold) => "legal hold",
            _ => "unknown",
        };
        let gates = self.input.gates.iter().map(word).collect::<Vec<_>>().join(", ");
        (format!("shut: {gates}"), format!("must be lifted: {gates}"))
    }

    fn quiet_hours(&self, candidate: &Candidate) -> (String, String) {
        let plan = self.map.strategies[candidate.strategy].plans[candidate.plan];
        let minute = self.input.minute_of_day;
        let (open, close) = (plan.open_minute, plan.close_minute);
        let day = if minute < open { "" } else { " of the next day" };
        (format!("minute {minute} is not between {open} and {close}"), format!("from minute {open}{day}"))
    }

    fn cap(&self, candidate: &Candidate, strategy: &pb::Strategy) -> (String, String) {
        let contacts = self.input.strategy_contacts.get(candidate.strategy).copied().unwrap_or(0);
        let (count, cap, days, whose) = if strategy.cap > 0 && i64::from(contacts) >= i64::from(strategy.cap) {
            (contacts, strategy.cap as u32, strategy.cap_window_days, "of this strategy")
        } else {
            (self.input.contacts, self.map.cap, self.map.cap_window_days, "of marketing")
        };
        let others = self.picks.iter().filter(|pick| pick.stage() != Stage::HeldStrategy).count();
        let reason = match count < cap {
            true => format!("{count} contacts {whose} in {days} days, and {others} in this decision; the cap is {cap}"),
            false => format!("{count} contacts {whose} in {days} days; the cap is {cap}"),
        };
        (reason, format!("fewer than {cap} contacts {whose} in {days} days"))
    }

    fn channel(&self, candidate: &Candidate, channel: &str) -> (String, String) {
        let index = self.map.strategies[candidate.strategy].plans[candidate.plan].channel;
        match self.input.full_channels.binary_search(&index) {
            Ok(_) => (format!("the capacity of {channel} is used up"), format!("capacity left on {channel}")),
            Err(_) => (format!("{channel} was not asked for"), format!("{channel} must be asked for")),
        }
    }

    // What must be overtaken: another channel of the same strategy, or else the last that was picked.
    fn arbitration(&self, candidate: &Candidate) -> (String, String) {
        let of = |pick: &&pb::OutputPick| decide::strategy_and_plan(pick.candidate).0 == candidate.strategy;
        let mut slots = self.picks.iter().rev().filter(|pick| pick.stage() != Stage::HeldStrategy);
        let Some(rival) = self.picks.iter().find(of).or_else(|| slots.next()) else {
            return ("another candidate comes before it".into(), String::new());
        };
        let name = self
            .map
            .plan_of(rival.candidate)
            .map_or_else(String::new, |(strategy, plan)| format!("{} on {}", strategy.strategy_id, plan.channel_id));
        if self.input.personalisation_refused {
            let change = format!("its channel's priority must come before that of {name}");
            return (format!("{name} comes before it in the unpersonalised order"), change);
        }
        let gap = rival.value - candidate.value.unwrap_or(0.0);
        (format!("{name} is worth more"), format!("the value must rise by {gap:.2} minor units to overtake {name}"))
    }
}

/// How old the knowledge of a customer may be, in milliseconds.
pub fn max_staleness(policy: &pb::Policy) -> i64 {
    if policy.max_staleness_millis > 0 { i64::from(policy.max_staleness_millis) } else { 5000 }
}

fn score(candidate: &Candidate, strategy: &pb::Strategy) -> (String, String) {
    let feature = strategy.value.as_ref().map_or("", |value| value.feature.as_str());
    match candidate.value {
        Some(value) => (
            format!("is worth {value:.2} minor units"),
            format!("the value must rise by more than {:.2} minor units", -value),
        ),
        None => (format!("{feature} is missing"), format!("{feature} must be known")),
    }
}
