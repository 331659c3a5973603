//! What a decision is made of, put together from what the service knows. Pure: whoever calls has read the stores. It
//! gives every list its defined order and every number one writing, so that equal knowledge has equal bytes.

use chrono::{DateTime, Utc};
use huan_chassis::clock::{self, Day};
use huan_proto::{
    profile::v1::{self as profile, Purpose},
    strategy::v1 as pb,
    types::v1::{Value, value::Kind},
};

use crate::{
    decide::{CompiledMap, ENGINE_VERSION},
    holdout::{self, TenantKey},
};

/// What is known at the moment of a decision.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The map's version.
    pub map_version: &'a [u8],
    /// The customer's random key.
    pub customer_key: &'a str,
    /// The keys of the customers who were merged into this one.
    pub merged_keys: &'a [&'a str],
    /// The organisation path that owns the customer.
    pub owner_path: &'a str,
    /// Consents, gates, risk level.
    pub standing: &'a profile::Standing,
    /// What is allowed where the customer said nothing: one bit a purpose of profile's.
    pub consent_defaults: i32,
    /// Values of the map's features, in its order.
    pub values: &'a [Value],
    /// The names of the memberships that hold.
    pub memberships: &'a [String],
    /// Contacts of the customer that count, of at least the map's longest window.
    pub contacts: &'a [Contact],
    /// Business time.
    pub now: DateTime<Utc>,
    /// The business day.
    pub today: Day,
    /// Minute of the business day.
    pub minute_of_day: u32,
    /// Seed of whatever is drawn.
    pub seed: u64,
    /// Indices of the map's channels asked for, ascending; empty = all.
    pub asked_channels: &'a [u32],
    /// What called for the decision.
    pub trigger: Option<&'a pb::Trigger>,
    /// How many picks were asked for.
    pub max_picks: u32,
    /// Indices of the map's strategies that were stopped after the publish, ascending.
    pub stopped: &'a [u32],
    /// True if what is known is older than the policy allows.
    pub stale: bool,
}

/// A contact that was made, is reserved or was withheld.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The strategy.
    pub strategy_id: String,
    /// True for marketing, false for service and care.
    pub marketing: bool,
    /// The business day.
    pub day: Day,
}

/// Puts the input of a decision together. No channel is full yet.
pub fn input(map: &CompiledMap, key: &TenantKey, facts: &Facts<'_>) -> pb::DecisionInput {
    let (trigger_type, trigger_amount_minor) =
        facts.trigger.map_or_else(Default::default, |trigger| (trigger.event_type.clone(), trigger.amount_minor));
    pb::DecisionInput {
        engine_version: ENGINE_VERSION,
        map_version: facts.map_version.to_vec(),
        customer_key: facts.customer_key.to_owned(),
        now_micros: clock::micros(facts.now),
        seed: facts.seed,
        values: values(map, facts.values),
        memberships: memberships(map, facts.memberships),
        risk_level: facts.standing.risk_level.max(0) as u32,
        gates: gates(facts.standing),
        personalisation_refused: facts.standing.personalisation_refused,
        consented_channels: consented_channels(map, facts, Purpose::Marketing),
        contacts: contacts(map, facts),
        strategy_contacts: strategy_contacts(map, facts),
        asked_channels: facts.asked_channels.to_vec(),
        full_channels: Vec::new(),
        trigger_type,
        trigger_amount_minor,
        max_picks: facts.max_picks.max(1),
        universal_draw: draw(key, holdout::UNIVERSAL, facts),
        strategy_draws: strategy_draws(map, key, facts),
        stale: facts.stale,
        minute_of_day: facts.minute_of_day,
        owner_path: facts.owner_path.to_owned(),
        paused_strategies: facts.stopped.to_vec(),
        care_channels: if map.cares() { consented_channels(map, facts, Purpose::Care) } else { Vec::new() },
    }
}

/// Finds the first business day that any window of the map reaches back to.
pub fn first_day(map: &CompiledMap, today: Day) -> Day {
    let content = map.content();
    let windows = content.strategies.iter().map(|strategy| strategy.cap_window_days);
    window_start(windows.fold(map.policy().cap_window_days, i32::max), today)
}

/// Tells whether contact for a purpose on a channel is allowed: the channel's own word holds before the general one, of
/// two a refusal; a word that has expired says nothing; where there is none the tenant's default holds, and marketing's
/// is no whatever it says.
pub fn consents(
    standing: &profile::Standing,
    defaults: i32,
    purpose: Purpose,
    channel_id: &str,
    now: DateTime<Utc>,
) -> bool {
    let holds = |word: &&profile::ConsentState| {
        word.purpose == purpose as i32
            && (word.channel_id.is_empty() || word.channel_id == channel_id)
            && word.expire_time.as_ref().is_none_or(|at| clock::datetime(at).is_some_and(|at| now < at))
    };
    let words = standing.consents.iter().filter(holds);
    let default = purpose != Purpose::Marketing && defaults & (1 << purpose as i32) != 0;
    words.min_by_key(|word| (word.channel_id.is_empty(), word.allowed)).map_or(default, |word| word.allowed)
}

// One for every feature of the map; what is no finite number or came too short is missing.
fn values(map: &CompiledMap, values: &[Value]) -> Vec<Value> {
    let given = values.iter().cloned().chain(std::iter::repeat(Value::default()));
    given.take(map.content().features.len()).map(canonical).collect()
}

fn canonical(value: Value) -> Value {
    match value.kind {
        Some(Kind::Number(number)) if !number.is_finite() => Value::default(),
        // Adding zero turns minus zero into zero.
        Some(Kind::Number(number)) => Value { kind: Some(Kind::Number(number + 0.0)) },
        kind => Value { kind },
    }
}

fn memberships(map: &CompiledMap, names: &[String]) -> Vec<u32> {
    let index = |name: &String| map.content().memberships.binary_search(name).ok().map(|index| index as u32);
    sorted(names.iter().filter_map(index).collect())
}

fn gates(standing: &profile::Standing) -> Vec<u32> {
    sorted(standing.gates.iter().map(|gate| (*gate).max(0) as u32).collect())
}

fn consented_channels(map: &CompiledMap, facts: &Facts<'_>, purpose: Purpose) -> Vec<u32> {
    let allowed = |channel: &pb::Channel| {
        consents(facts.standing, facts.consent_defaults, purpose, &channel.channel_id, facts.now)
    };
    let channels = map.content().channels.iter().zip(0..);
    channels.filter(|(channel, _)| allowed(channel)).map(|(_, index)| index).collect()
}

fn contacts(map: &CompiledMap, facts: &Facts<'_>) -> u32 {
    let first = window_start(map.cap_window_days, facts.today);
    facts.contacts.iter().filter(|contact| contact.marketing && contact.day >= first).count() as u32
}

fn strategy_contacts(map: &CompiledMap, facts: &Facts<'_>) -> Vec<u32> {
    let count = |strategy: &pb::Strategy| {
        let first = window_start(strategy.cap_window_days, facts.today);
        let counts = |contact: &&Contact| contact.strategy_id == strategy.strategy_id && contact.day >= first;
        if strategy.cap > 0 { facts.contacts.iter().filter(counts).count() as u32 } else { 0 }
    };
    map.content().strategies.iter().map(count).collect()
}

fn strategy_draws(map: &CompiledMap, key: &TenantKey, facts: &Facts<'_>) -> Vec<f64> {
    let held_out = map.content().strategies.iter().filter(|strategy| strategy.holdout_share > 0.0);
    held_out.map(|strategy| draw(key, &holdout::label(&strategy.strategy_id), facts)).collect()
}

// The least draw of all who are this customer now: whoever of them was left alone still is.
fn draw(key: &TenantKey, label: &str, facts: &Facts<'_>) -> f64 {
    let others = facts.merged_keys.iter().map(|other| key.draw(label, other));
    others.fold(key.draw(label, facts.customer_key), f64::min)
}

fn window_start(days: i32, today: Day) -> Day {
    Day(today.0 - days.max(1) + 1)
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(channel_id: &str, allowed: bool, expires: Option<i64>) -> profile::ConsentState {
        profile::ConsentState {
            purpose: profile::Purpose::Marketing as i32,
            channel_id: channel_id.into(),
            allowed,
            expire_time: expires.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
        }
    }

    fn allowed(words: &[profile::ConsentState]) -> bool {
        let standing = profile::Standing { consents: words.to_vec(), ..Default::default() };
        // A default is none of marketing's.
        consents(&standing, i32::MAX, Purpose::Marketing, "sms", DateTime::from_timestamp(100, 0).unwrap())
    }

    #[test]
    fn a_default_holds_where_nothing_was_said_and_never_for_marketing() {
        let care = |allowed, channel_id: &str, expires| profile::ConsentState {
            purpose: Purpose::Care as i32,
            ..word(channel_id, allowed, expires)
        };
        let yes = 1 << Purpose::Care as i32;
        let allowed = |words: &[profile::ConsentState], defaults| {
            let standing = profile::Standing { consents: words.to_vec(), ..Default::default() };
            consents(&standing, defaults, Purpose::Care, "sms", DateTime::from_timestamp(100, 0).unwrap())
        };
        assert!(allowed(&[], yes) && !allowed(&[], 0) && !allowed(&[], 1 << Purpose::Marketing as i32));
        assert!(allowed(&[word("sms", false, None)], yes), "another purpose says nothing");
        assert!(!allowed(&[care(false, "sms", None)], yes) && !allowed(&[care(false, "", None)], yes));
        assert!(allowed(&[care(false, "sms", Some(100))], yes), "what has ended says nothing");
        assert!(!allowed(&[care(true, "sms", None), care(false, "sms", None)], yes), "a refusal goes first");
        assert!(allowed(&[care(true, "sms", None)], 0));
    }

    #[test]
    fn no_word_is_no() {
        assert!(!allowed(&[]));
        assert!(!allowed(&[word("app", true, None)]));
        let care = profile::ConsentState { purpose: profile::Purpose::Care as i32, ..word("sms", true, None) };
        assert!(!allowed(&[care]));
    }

    #[test]
    fn the_channels_own_word_comes_before_the_general_one() {
        assert!(allowed(&[word("", true, None)]));
        assert!(!allowed(&[word("", true, None), word("sms", false, None)]));
        assert!(allowed(&[word("sms", true, None), word("", false, None)]));
    }

    #[test]
    fn an_expired_word_says_nothing() {
        assert!(allowed(&[word("", true, Some(101))]));
        assert!(!allowed(&[word("", true, Some(100))]));
        assert!(!allowed(&[word("sms", true, Some(99)), word("", false, None)]));
        assert!(allowed(&[word("sms", false, Some(99)), word("", true, None)]));
    }

    #[test]
    fn minus_zero_and_nan_have_no_bytes_of_their_own() {
        let number = |number: f64| canonical(Value { kind: Some(Kind::Number(number)) });
        assert_eq!(number(-0.0).kind, Some(Kind::Number(0.0)));
        let Some(Kind::Number(zero)) = number(-0.0).kind else { panic!("no number") };
        assert!(zero.is_sign_positive());
        assert_eq!(number(f64::NAN).kind, None);
        assert_eq!(number(f64::NEG_INFINITY).kind, None);
    }
}
