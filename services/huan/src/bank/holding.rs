//! What a simulated customer holds: accounts, cards, loans, funds, insurance and standing orders, with balances that
//! fill every tier.

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;

use super::draw::{Draws, Stream};
use super::traits::Kind;
use super::{Sim, person};

/// Which products a customer has besides the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owned {
    pub(super) card: bool,
    pub(super) loan: bool,
    pub(super) fund: bool,
    pub(super) insurance: bool,
    pub(super) standing_order: bool,
}

impl Owned {
    /// Draws them; prospects have none.
    pub(super) fn draw(sim: &Sim) -> Owned {
        let mut draws = sim.draws(Stream::Holding);
        let wealth = sim.traits.wealth;
        let shares = match sim.traits.kind {
            Kind::Retail => [0.60, 0.16, 0.10 + 0.35 * wealth, 0.18, 0.30],
            Kind::Corporate => [0.15, 0.40, 0.15, 0.10, 0.50],
            Kind::Prospect => [0.0; 5],
        };
        let [card, loan, fund, insurance, standing_order] = shares.map(|share| draws.chance(share));
        Owned { card, loan, fund, insurance, standing_order }
    }
}

/// The deposits of a customer in minor units: 2,000 yuan for the poorest to 8 million for the richest, ten times that
/// for companies.
pub(super) fn deposits(sim: &Sim) -> i64 {
    let yuan = 2_000.0 * 10_f64.powf(3.6 * sim.traits.wealth.powi(2));
    let scale = if sim.traits.kind == Kind::Corporate { 10.0 } else { 1.0 };
    (yuan * scale * 100.0) as i64
}

pub(super) fn holdings(sim: &Sim) -> Vec<pb::Holding> {
    let Some(open) = person::open_day(sim) else {
        return Vec::new();
    };
    let owned = Owned::draw(sim);
    let mut draws = sim.draws(Stream::Shelf);
    let deposits = deposits(sim);
    let corporate = sim.traits.kind == Kind::Corporate;
    let account = if corporate { "settlement" } else { "current" };
    let loan = if corporate { "working_capital" } else { draws.pick(&["mortgage", "consumer", "car"]) };
    let card = draws.pick(&["classic", "gold", "platinum"]);
    let fund = draws.pick(&["money_market", "bond", "equity"]);
    let mut shelf = Shelf { sim, open, draws, holdings: Vec::new() };
    shelf.add(true, "account", account, deposits, 0.0);
    shelf.add(owned.card, "card", card, 0, 0.05);
    shelf.add(owned.loan, "loan", loan, deposits / 3 + 5_000_000, 0.15);
    shelf.add(owned.fund, "fund", fund, deposits / 4 + 100_000, 0.10);
    shelf.add(owned.insurance, "insurance", "life", 200_000, 0.05);
    shelf.add(owned.standing_order, "standing_order", "household", 50_000, 0.05);
    shelf.holdings
}

struct Shelf<'a> {
    sim: &'a Sim,
    open: Day,
    draws: Draws,
    holdings: Vec<pb::Holding>,
}

impl Shelf<'_> {
    /// Puts a holding on, which was opened since the customer came and with some probability closed since.
    fn add(&mut self, owned: bool, kind: &str, product: &str, about: i64, closed: f64) {
        if !owned {
            return;
        }
        let last = self.sim.settings.last_day;
        let age = (last.0 - self.open.0).max(0) as u32;
        let after = if kind == "account" { 0 } else { self.draws.below(age + 1) };
        let opened = Day(self.open.0 + after as i32);
        let is_closed = self.draws.chance(closed);
        let closed_after = self.draws.below(age - after + 1);
        let balance = (about as f64 * self.draws.between(0.8, 1.2)) as i64;
        self.holdings.push(pb::Holding {
            holding_id: format!("MARKACCT{:010}-{kind}", self.sim.index),
            customer_id: self.sim.customer_id(),
            kind: kind.to_owned(),
            product_id: product.to_owned(),
            open_day: opened.to_string(),
            close_day: if is_closed { Day(opened.0 + closed_after as i32).to_string() } else { String::new() },
            balance_minor: if is_closed { 0 } else { balance },
            status: if is_closed { "closed" } else { "open" }.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, Settings};
    use super::*;

    #[test]
    fn tiers_and_single_product_customers_are_filled() {
        let settings = Settings { seed: 2, customers: 5_000, last_day: Day(20_000), history_days: 365 };
        let (mut single, mut balances) = (0, Vec::new());
        let retail = Bank::new(settings).customers().filter(|sim| sim.traits.kind == Kind::Retail);
        for holdings in retail.map(|sim| sim.holdings()) {
            single += usize::from(holdings.len() == 1);
            balances.push(holdings.iter().find(|h| h.kind == "account").unwrap().balance_minor / 100);
        }
        let share = |count: usize| count as f64 / balances.len() as f64;
        assert!((0.05..0.30).contains(&share(single)), "{single}");
        let from = |low: i64| share(balances.iter().filter(|b| **b >= low).count());
        assert!((0.25..0.50).contains(&from(50_000)), "{}", from(50_000));
        assert!((0.10..0.30).contains(&from(500_000)), "{}", from(500_000));
        assert!((0.005..0.05).contains(&from(6_000_000)), "{}", from(6_000_000));
    }

    #[test]
    fn nothing_is_closed_before_it_is_opened_or_after_the_last_day() {
        let settings = Settings { seed: 2, customers: 1_000, last_day: Day(20_000), history_days: 365 };
        for holding in Bank::new(settings).customers().flat_map(|sim| sim.holdings()) {
            let opened: Day = holding.open_day.parse().unwrap();
            assert!(opened <= Day(20_000));
            if !holding.close_day.is_empty() {
                let closed: Day = holding.close_day.parse().unwrap();
                assert!(opened <= closed && closed <= Day(20_000));
            }
        }
    }
}
