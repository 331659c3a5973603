//! The simulated bank: customers, what they hold, allow and do, and how they answer to contacts, with the true effect
//! known. Everything about a customer follows from (seed, number), so a bank of any size takes no memory and can be
//! drawn in any order. It sends nothing anywhere.

mod consent;
mod draw;
mod event;
mod holding;
mod person;
mod response;
mod traits;

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::clock::{self, Day};
use huan_proto::profile::v1 as pb;

use self::draw::{Draws, Stream};
pub use self::event::event_types;
pub use self::response::{Effect, Purchase, Response, true_effect, true_effect_among};
pub use self::traits::{Kind, LifeStyle, Traits};

/// What every personal value of the simulated bank contains one of, on purpose: whoever finds one in a log, a span or
/// an error has found a leak. No value of another kind contains any.
pub const MARKERS: &[&str] =
    &["MARKNAME", "MARKID", "MARKADDR", "MARKACCT", "MARKBANK", "MARKDEVICE", "MARKWECOM", "+86 1990000"];

/// The source that the simulated bank's events name.
pub const SOURCE: &str = "simbank";

/// The channels that customers may allow one by one.
pub const CHANNELS: &[&str] = &["app", "sms", "wecom", "rm", "call"];

/// Which bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The seed of everything.
    pub seed: u64,
    /// How many customers.
    pub customers: u32,
    /// The last day of the history, in Asia/Shanghai.
    pub last_day: Day,
    /// How many days the history has; 365 unless there is a reason.
    pub history_days: u32,
}

/// A simulated bank.
#[derive(Clone, Copy, Debug)]
pub struct Bank {
    settings: Settings,
}

/// One simulated customer.
#[derive(Clone, Copy, Debug)]
pub struct Sim {
    settings: Settings,
    index: u32,
    traits: Traits,
    /// How many days before the last day the customer fell silent (dormant) or came (new).
    turn: u32,
}

impl Bank {
    /// Makes a bank.
    pub fn new(settings: Settings) -> Bank {
        Bank { settings }
    }

    /// Gives the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Draws one customer. Numbers beyond [`Settings::customers`] are further customers of the same making.
    pub fn customer(&self, index: u32) -> Sim {
        let settings = self.settings;
        let traits = Traits::draw(settings.seed, u64::from(index));
        let mut draws = Draws::new(settings.seed, u64::from(index), Stream::Life);
        let turn = match traits.style {
            LifeStyle::Dormant => 40 + draws.below(settings.history_days.saturating_sub(60).max(1)),
            LifeStyle::New => 5 + draws.below(85),
            LifeStyle::Active | LifeStyle::Growing => 0,
        };
        Sim { settings, index, traits, turn }
    }

    /// Draws all customers, in the order of their numbers.
    pub fn customers(&self) -> impl Iterator<Item = Sim> + Send + use<> {
        let bank = *self;
        (0..self.settings.customers).map(move |index| bank.customer(index))
    }
}

impl Sim {
    /// Gives the bank's own number of the customer.
    pub fn customer_id(&self) -> String {
        format!("c{:08}", self.index)
    }

    /// Gives the hidden traits.
    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Gives the customer as the profile service takes it.
    pub fn customer(&self) -> pb::Customer {
        person::customer(self)
    }

    /// Gives the names under which other systems know the customer.
    pub fn identities(&self) -> Vec<pb::Identity> {
        person::identities(self)
    }

    /// Gives what the customer holds or held.
    pub fn holdings(&self) -> Vec<pb::Holding> {
        holding::holdings(self)
    }

    /// Gives what the customer allows and refuses.
    pub fn consents(&self) -> Vec<pb::Consent> {
        consent::consents(self)
    }

    /// Gives the history, in the order of time.
    pub fn events(&self) -> Vec<pb::Event> {
        event::events(self)
    }

    /// Gives how the customer responds to a contact.
    pub fn response(&self) -> Response {
        Response::draw(self.settings.seed, u64::from(self.index), &self.traits)
    }

    /// Gives the expected effect of a contact.
    pub fn effect(&self) -> Effect {
        self.response().expected()
    }

    /// Gives the potential outcome: what the customer buys if contacted, or if left alone.
    pub fn outcome(&self, contacted: bool) -> Option<Purchase> {
        self.response().outcome(self.settings.seed, u64::from(self.index), contacted)
    }

    /// Gives the potential outcome as the event that a review measures, after a contact, or the lack of one, at `at`.
    pub fn outcome_event(&self, contacted: bool, at: DateTime<Utc>) -> Option<pb::Event> {
        let purchase = self.outcome(contacted)?;
        let time = at + TimeDelta::days(i64::from(purchase.days_after));
        Some(pb::Event {
            source: SOURCE.to_owned(),
            source_id: format!("{}-response", self.index),
            customer_id: self.customer_id(),
            r#type: "purchase".to_owned(),
            occur_time: Some(clock::timestamp(time)),
            amount_minor: purchase.amount_minor,
            ..Default::default()
        })
    }

    fn draws(&self, stream: Stream) -> Draws {
        Draws::new(self.settings.seed, u64::from(self.index), stream)
    }

    /// Gives a day of the history, counted back from the last.
    fn day_before(&self, days: u32) -> Day {
        Day(self.settings.last_day.0 - days as i32)
    }
}

/// Finds a moment of a day in Asia/Shanghai, which has kept to UTC+8 since 1991.
fn moment(day: Day, second: u32) -> prost_types::Timestamp {
    let seconds = i64::from(day.0) * 86_400 + i64::from(second) - 8 * 3_600;
    prost_types::Timestamp { seconds, nanos: 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message as _;

    use super::*;

    fn bank(customers: u32) -> Bank {
        Bank::new(Settings { seed: 11, customers, last_day: "2025-06-30".parse().unwrap(), history_days: 365 })
    }

    #[test]
    fn a_customer_is_the_same_in_any_order_and_in_any_bank_size() {
        let (forth, back) = (bank(100), bank(7));
        for i in (0..100).rev() {
            let (a, b) = (forth.customer(i), back.customer(i));
            assert_eq!(a.customer(), b.customer());
            assert_eq!(a.identities(), b.identities());
            assert_eq!(a.holdings(), b.holdings());
            assert_eq!(a.consents(), b.consents());
            assert_eq!(a.events(), b.events());
            assert_eq!(a.outcome(true), b.outcome(true));
        }
        assert_ne!(forth.customer(1).customer(), forth.customer(2).customer());
    }

    #[test]
    fn kinds_and_life_styles_are_filled() {
        let n = 20_000.0;
        let count = |of: &dyn Fn(&Sim) -> bool| bank(20_000).customers().filter(of).count() as f64 / n;
        for (kind, share) in [(Kind::Retail, 0.85), (Kind::Corporate, 0.12), (Kind::Prospect, 0.03)] {
            assert!((count(&|s| s.traits.kind == kind) - share).abs() < 0.01, "{kind:?}");
        }
        for (style, share) in [(LifeStyle::Growing, 0.20), (LifeStyle::Dormant, 0.18), (LifeStyle::New, 0.12)] {
            assert!((count(&|s| s.traits.style == style) - share).abs() < 0.015, "{style:?}");
        }
    }

    #[test]
    fn every_personal_value_carries_a_marker_and_nothing_else_does() {
        let marked = |text: &str| MARKERS.iter().any(|marker| text.contains(marker));
        for sim in bank(300).customers() {
            let mut customer = sim.customer();
            let person = customer.person.take().unwrap();
            for value in [&person.name, &person.phone, &person.id_number, &person.address] {
                assert!(marked(value), "{value}");
            }
            assert!(sim.identities().iter().all(|identity| marked(&identity.value)));
            assert!(sim.holdings().iter().all(|holding| marked(&holding.holding_id)));
            let event_bytes: Vec<u8> = sim.events().iter().flat_map(|event| event.encode_to_vec()).collect();
            for bytes in [customer.encode_to_vec(), event_bytes] {
                assert!(!marked(&String::from_utf8_lossy(&bytes)));
            }
        }
    }

    #[test]
    fn ids_are_unique() {
        let (mut ids, mut count) = (HashSet::new(), 0);
        for sim in bank(500).customers() {
            let mut mine = vec![sim.customer_id()];
            mine.extend(sim.identities().into_iter().map(|i| format!("{}:{}", i.namespace, i.value)));
            mine.extend(sim.holdings().into_iter().map(|h| h.holding_id));
            mine.extend(sim.events().into_iter().map(|e| e.source_id));
            count += mine.len();
            ids.extend(mine);
        }
        assert_eq!(ids.len(), count);
    }

    #[test]
    fn a_response_falls_in_the_two_weeks_after_the_contact() {
        let at = "2025-06-30T02:00:00Z".parse().unwrap();
        let mut seen = 0;
        for event in bank(500).customers().filter_map(|sim| sim.outcome_event(true, at)) {
            let days = (event.occur_time.unwrap().seconds - clock::timestamp(at).seconds) / 86_400;
            assert!((1..=14).contains(&days) && event.amount_minor > 0);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }
}
