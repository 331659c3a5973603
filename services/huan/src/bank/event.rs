//! What a simulated customer does over the history: wages, spending, transfers, cash, logins, visits and purchases, as
//! often as the life-style says.

use chrono::{Datelike as _, NaiveDate};
use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;
use huan_proto::types::v1::{Value, value};

use super::draw::{Draws, Stream};
use super::holding::Owned;
use super::traits::{Kind, LifeStyle};
use super::{SOURCE, Sim, moment, person};

/// Every type of event, what it means, and whether a review may measure it.
const TYPES: &[(&str, &str, bool)] = &[
    ("salary", "wages paid in", false),
    ("transfer_in", "a transfer from another account", false),
    ("transfer_out", "a transfer to another account", false),
    ("cash_deposit", "cash paid in", false),
    ("cash_withdrawal", "cash drawn", false),
    ("card_payment", "a payment by card", false),
    ("loan_payment", "an instalment of a loan", false),
    ("interest", "interest credited", false),
    ("fee", "a fee or penalty of the bank", false),
    ("pension", "a pension paid in", false),
    ("household_payment", "a payment for the household", false),
    ("insurance_payment", "an insurance premium", false),
    ("app_login", "a login to the app", false),
    ("visit", "a visit to the site or branch", true),
    ("purchase", "a purchase of a product", true),
    ("response_reward", "a reward for a response", false),
    ("complaint", "a complaint", false),
];

/// What a person does on a day with something to do.
const PERSON: &[(&str, f64)] = &[
    ("card_payment", 0.42),
    ("app_login", 0.28),
    ("cash_withdrawal", 0.07),
    ("transfer_out", 0.09),
    ("transfer_in", 0.06),
    ("cash_deposit", 0.03),
    ("visit", 0.05),
];

/// What a company does on a day with something to do.
const COMPANY: &[(&str, f64)] = &[
    ("transfer_in", 0.36),
    ("transfer_out", 0.34),
    ("app_login", 0.18),
    ("cash_deposit", 0.04),
    ("card_payment", 0.04),
    ("visit", 0.04),
];

/// Lists the types of event that the simulated bank and the importers send.
pub fn event_types() -> Vec<pb::EventType> {
    let event_type = |&(name, description, is_outcome): &(&str, &str, bool)| pb::EventType {
        name: name.to_owned(),
        description: description.to_owned(),
        is_outcome,
        ..Default::default()
    };
    TYPES.iter().map(event_type).collect()
}

pub(super) fn events(sim: &Sim) -> Vec<pb::Event> {
    let mut diary = Diary { sim, draws: sim.draws(Stream::Event), events: Vec::new() };
    let habits = Habits::draw(sim, &mut diary.draws);
    for back in (0..sim.settings.history_days).rev() {
        let level = level(sim, back);
        if level > 0.0 {
            diary.live(&habits, back, level);
        }
    }
    if person::gates(sim).contains(&pb::Gate::Complaint) {
        diary.write(7, "complaint", 0);
    }
    diary.events.sort_by_key(|event| event.occur_time.map(|time| time.seconds));
    diary.events
}

/// What a customer does every month.
struct Habits {
    /// Monthly income (a company: turnover) in minor units.
    income: f64,
    payday: u32,
    paid: Option<&'static str>,
    household: bool,
    owned: Owned,
    /// Probability of something to do on a day at level 1.
    daily: f64,
    /// Probability of a purchase in a month.
    purchase: f64,
}

impl Habits {
    fn draw(sim: &Sim, draws: &mut Draws) -> Habits {
        let income = 300_000.0 + 2_500_000.0 * sim.traits.wealth.powi(2);
        let payday = 5 + draws.below(20);
        let household = draws.chance(0.5);
        let paid = match draws.unit() {
            at if at < 0.72 => Some("salary"),
            at if at < 0.84 => Some("pension"),
            _ => None,
        };
        let (income, paid, daily) = match sim.traits.kind {
            Kind::Retail => (income, paid, 0.13),
            Kind::Corporate => (income * 20.0, None, 0.20),
            Kind::Prospect => (income, None, 0.01),
        };
        let purchase = sim.response().base_rate;
        Habits { income, payday, paid, household, owned: Owned::draw(sim), daily, purchase }
    }
}

/// How active the customer is so many days before the last day; 1 is usual.
fn level(sim: &Sim, back: u32) -> f64 {
    let past = f64::from(back) / f64::from(sim.settings.history_days.max(1));
    match (sim.traits.kind, sim.traits.style) {
        (Kind::Prospect, _) | (_, LifeStyle::Active) => 1.0,
        (_, LifeStyle::Growing) => 0.3 + 1.4 * (1.0 - past),
        (_, LifeStyle::Dormant) => {
            if back > sim.turn {
                0.8
            } else {
                0.0
            }
        }
        (_, LifeStyle::New) => {
            if back <= sim.turn {
                1.2
            } else {
                0.0
            }
        }
    }
}

struct Diary<'a> {
    sim: &'a Sim,
    draws: Draws,
    events: Vec<pb::Event>,
}

impl Diary<'_> {
    /// Lives one day.
    fn live(&mut self, habits: &Habits, back: u32, level: f64) {
        let date = date(self.sim.day_before(back));
        match self.sim.traits.kind {
            Kind::Retail => self.person_month(habits, back, date),
            Kind::Corporate => self.company_month(habits, back, date),
            Kind::Prospect => {}
        }
        if date.day() == 11 && self.draws.chance(habits.purchase * level) {
            let amount = self.sim.response().mean_amount * self.draws.between(0.5, 1.5);
            self.write(back, "purchase", amount as i64);
        }
        if self.draws.chance(habits.daily * level) {
            let kind = self.sim.traits.kind;
            let name = match kind {
                Kind::Retail => self.draws.weighted(PERSON),
                Kind::Corporate => self.draws.weighted(COMPANY),
                Kind::Prospect => self.draws.pick(&["app_login", "visit"]),
            };
            let amount = self.amount(name, habits.income);
            self.write(back, name, amount);
        }
    }

    fn person_month(&mut self, habits: &Habits, back: u32, date: NaiveDate) {
        let income = habits.income;
        let day = date.day();
        if let Some(paid) = habits.paid.filter(|_| day == habits.payday) {
            let amount = income * self.draws.between(0.98, 1.02);
            self.write(back, paid, amount as i64);
        }
        if day == 3 && habits.household {
            self.write(back, "household_payment", (income * 0.12) as i64);
        }
        if day == 15 && habits.owned.loan {
            self.write(back, "loan_payment", (income * 0.25) as i64);
        }
        if day == 18 && habits.owned.insurance {
            self.write(back, "insurance_payment", 20_000);
        }
        self.quarter(back, date, income * 0.002);
    }

    fn company_month(&mut self, habits: &Habits, back: u32, date: NaiveDate) {
        let turnover = habits.income;
        match date.day() {
            day if day == habits.payday => self.pay(back, "payroll", (turnover * 0.3) as i64),
            12 | 26 => {
                let amount = turnover * self.draws.between(0.05, 0.25);
                self.pay(back, "supplier", amount as i64);
            }
            15 if habits.owned.loan => self.write(back, "loan_payment", (turnover * 0.08) as i64),
            28 => self.write(back, "fee", 5_000),
            _ => {}
        }
        self.quarter(back, date, turnover * 0.001);
    }

    /// Interest is credited on the 21st of a quarter's last month.
    fn quarter(&mut self, back: u32, date: NaiveDate, interest: f64) {
        if date.day() == 21 && date.month().is_multiple_of(3) {
            self.write(back, "interest", interest as i64);
        }
    }

    fn amount(&mut self, name: &str, income: f64) -> i64 {
        let share = match name {
            "app_login" | "visit" => return 0,
            // Cash comes in notes of a hundred.
            "cash_withdrawal" | "cash_deposit" => return i64::from(1 + self.draws.below(30)) * 10_000,
            "card_payment" => self.draws.between(0.003, 0.06),
            // One transfer in fifty is large enough to be a moment.
            _ if self.draws.chance(0.02) => self.draws.between(2.0, 8.0),
            _ => self.draws.between(0.02, 0.5),
        };
        (income * share) as i64
    }

    /// Writes a company's payment down, with what it was for.
    fn pay(&mut self, back: u32, purpose: &str, amount: i64) {
        self.write(back, "transfer_out", amount);
        if let Some(event) = self.events.last_mut() {
            let purpose = Value { kind: Some(value::Kind::Text(purpose.to_owned())) };
            event.attributes.insert("purpose".to_owned(), purpose);
        }
    }

    fn write(&mut self, back: u32, name: &str, amount: i64) {
        // Between 8:00 and 22:00; on the last day, by 9:00, so that nothing lies ahead of the working day.
        let second = 8 * 3_600 + self.draws.below(if back == 0 { 3_600 } else { 14 * 3_600 });
        self.events.push(pb::Event {
            source: SOURCE.to_owned(),
            source_id: format!("{}-{}", self.sim.index, self.events.len()),
            customer_id: self.sim.customer_id(),
            r#type: name.to_owned(),
            occur_time: Some(moment(self.sim.day_before(back), second)),
            amount_minor: amount,
            ..Default::default()
        });
    }
}

fn date(day: Day) -> NaiveDate {
    // 719,163 is 1970-01-01 counted from the first day of the common era.
    NaiveDate::from_num_days_from_ce_opt(day.0 + 719_163).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Bank, Settings};
    use super::*;

    const LAST: Day = Day(20_269); // 2025-06-30

    fn sims(customers: u32) -> impl Iterator<Item = Sim> {
        Bank::new(Settings { seed: 8, customers, last_day: LAST, history_days: 365 }).customers()
    }

    fn day(event: &pb::Event) -> i32 {
        ((event.occur_time.unwrap().seconds + 8 * 3_600) / 86_400) as i32
    }

    #[test]
    fn a_customer_has_about_sixty_events_of_known_types() {
        let types: Vec<String> = event_types().into_iter().map(|t| t.name).collect();
        let mut counts = BTreeMap::<String, u32>::new();
        for event in sims(2_000).flat_map(|sim| sim.events()) {
            *counts.entry(event.r#type).or_default() += 1;
        }
        let mean = f64::from(counts.values().sum::<u32>()) / 2_000.0;
        assert!((54.0..66.0).contains(&mean), "{mean}");
        assert!(counts.keys().all(|name| types.contains(name)));
        assert_eq!(counts.len(), types.len() - 1, "all but the reward: {counts:?}");
    }

    #[test]
    fn events_lie_in_the_history_and_in_order() {
        for sim in sims(200) {
            let events = sim.events();
            assert!(events.is_sorted_by_key(|event| event.occur_time.unwrap().seconds));
            assert!(events.iter().all(|event| (LAST.0 - 364..=LAST.0).contains(&day(event))));
            assert!(events.iter().all(|event| event.amount_minor >= 0));
        }
    }

    #[test]
    fn life_styles_show_in_the_events() {
        let (mut early, mut late) = (0, 0);
        for sim in sims(3_000).filter(|sim| sim.traits.kind == Kind::Retail) {
            let days: Vec<i32> = sim.events().iter().map(day).collect();
            match sim.traits.style {
                LifeStyle::Growing => {
                    early += days.iter().filter(|day| **day < LAST.0 - 182).count();
                    late += days.iter().filter(|day| **day >= LAST.0 - 182).count();
                }
                LifeStyle::Dormant if !person::gates(&sim).contains(&pb::Gate::Complaint) => {
                    assert!(days.iter().all(|day| *day < LAST.0 - 39));
                }
                LifeStyle::New => assert!(days.iter().all(|day| *day >= LAST.0 - 90)),
                _ => {}
            }
        }
        assert!(late as f64 > 1.3 * early as f64, "{early} {late}");
    }
}
