//! What a contact does to a simulated customer: the known truth that reviews are held against.
//!
//! Each customer has a purchase probability `p0` if left alone and `p0 + tau` if contacted. With `u`, `v`, `w` drawn
//! uniformly per customer:
//!
//! ```text
//! p0   = s (0.5 + u)          s = 0.10 active, 0.12 growing, 0.03 dormant, 0.06 new (prospects: new)
//! tau  = 0.02 + 0.08 v        for the open (mean 0.06): 50 % active, 70 % growing, 25 % dormant, 60 % new
//!        -p0 (0.2 + 0.6 v)    for the averse: 15 %, of the dormant 30 %
//!        0                    for the rest
//! base = 50,000 (0.5 + 1.5 wealth) fen, three times that for companies
//! ```
//!
//! so `p0` and `p0 + tau` stay inside (0, 1). Both potential outcomes come from one common random number `c`:
//! the customer buys when left alone if `c < p0`, and when contacted if `c < p0 + tau`. The amount, `base (0.5 + w)`,
//! and the day are the same in both, so the expected effect on the amount is `tau base`. Nothing here depends on
//! consents or gates: the effect among customers who may be contacted is the effect among all.

use super::draw::{Draws, Stream};
use super::traits::{Kind, LifeStyle, Traits};

/// How one customer responds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Response {
    /// The purchase probability if left alone.
    pub base_rate: f64,
    /// What a contact adds to that; may be negative.
    pub effect: f64,
    /// The mean amount of a purchase, in minor units.
    pub mean_amount: f64,
}

/// A purchase in response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// The amount in minor units.
    pub amount_minor: i64,
    /// How many days after the contact, 1 to 14.
    pub days_after: u32,
}

/// The expected effect of a contact, on one customer or as a mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Effect {
    /// On the probability of a purchase.
    pub rate: f64,
    /// On the amount purchased, in minor units.
    pub amount_minor: f64,
}

impl Response {
    /// Draws the response of customer `index`, whose traits are given.
    pub fn draw(seed: u64, index: u64, traits: &Traits) -> Response {
        let mut draws = Draws::new(seed, index, Stream::Response);
        let style = if traits.kind == Kind::Prospect { LifeStyle::New } else { traits.style };
        let (scale, open, averse) = match style {
            LifeStyle::Active => (0.10, 0.50, 0.15),
            LifeStyle::Growing => (0.12, 0.70, 0.15),
            LifeStyle::Dormant => (0.03, 0.25, 0.30),
            LifeStyle::New => (0.06, 0.60, 0.15),
        };
        let base_rate = scale * (0.5 + draws.unit());
        let (mood, v) = (draws.unit(), draws.unit());
        let effect = if mood < open {
            0.02 + 0.08 * v
        } else if mood < open + averse {
            -base_rate * (0.2 + 0.6 * v)
        } else {
            0.0
        };
        let company = if traits.kind == Kind::Corporate { 3.0 } else { 1.0 };
        Response { base_rate, effect, mean_amount: 50_000.0 * (0.5 + 1.5 * traits.wealth) * company }
    }

    /// Gives the expected effect of a contact.
    pub fn expected(&self) -> Effect {
        Effect { rate: self.effect, amount_minor: self.effect * self.mean_amount }
    }

    /// Gives the potential outcome of customer `index`, contacted or left alone.
    pub fn outcome(&self, seed: u64, index: u64, contacted: bool) -> Option<Purchase> {
        let mut draws = Draws::new(seed, index, Stream::Outcome);
        let common = draws.unit();
        let rate = self.base_rate + if contacted { self.effect } else { 0.0 };
        (common < rate).then(|| Purchase {
            amount_minor: (self.mean_amount * (0.5 + draws.unit())).round() as i64,
            days_after: 1 + draws.below(14),
        })
    }
}

/// Gives the mean expected effect over customers `0..customers` of another bank with this seed. It draws nothing but
/// the hidden traits, and keeps nothing.
pub fn true_effect(seed: u64, customers: u32) -> Effect {
    true_effect_among(seed, customers, |_| true)
}

/// Gives the mean expected effect over those of customers `0..customers` whose traits are of interest.
pub fn true_effect_among(seed: u64, customers: u32, among: impl Fn(&Traits) -> bool) -> Effect {
    let (mut count, mut sum) = (0_u32, Effect::default());
    for index in 0..u64::from(customers) {
        let traits = Traits::draw(seed, index);
        if among(&traits) {
            let effect = Response::draw(seed, index, &traits).expected();
            count += 1;
            sum.rate += effect.rate;
            sum.amount_minor += effect.amount_minor;
        }
    }
    let n = f64::from(count.max(1));
    Effect { rate: sum.rate / n, amount_minor: sum.amount_minor / n }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and standard error of a sample.
    fn mean(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, (variance / n).sqrt())
    }

    fn responses(seed: u64, n: u64) -> impl Iterator<Item = (u64, Traits, Response)> {
        (0..n).map(move |i| {
            let traits = Traits::draw(seed, i);
            (i, traits, Response::draw(seed, i, &traits))
        })
    }

    #[test]
    fn probabilities_stay_probabilities() {
        for (_, _, r) in responses(3, 50_000) {
            assert!(r.base_rate > 0.0 && r.base_rate + r.effect > 0.0 && r.base_rate + r.effect < 1.0, "{r:?}");
        }
    }

    #[test]
    fn the_open_gain_six_points_and_some_lose() {
        let effects: Vec<f64> = responses(3, 50_000).map(|(_, _, r)| r.effect).collect();
        let open: Vec<f64> = effects.iter().copied().filter(|e| *e > 0.0).collect();
        let (open_mean, error) = mean(&open);
        assert!((open_mean - 0.06).abs() < 4.0 * error, "{open_mean}");
        let share = |count: usize| count as f64 / effects.len() as f64;
        assert!((0.10..0.25).contains(&share(effects.iter().filter(|e| **e < 0.0).count())));
        assert!(share(effects.iter().filter(|e| **e == 0.0).count()) > 0.1);
    }

    #[test]
    fn potential_outcomes_average_to_the_true_effect() {
        let truth = true_effect(99, 400_000);
        let amount = |p: Option<Purchase>| p.map_or(0.0, |p| p.amount_minor as f64);
        let (mut rates, mut amounts) = (Vec::new(), Vec::new());
        for (i, _, r) in responses(4, 100_000) {
            let (treated, control) = (r.outcome(4, i, true), r.outcome(4, i, false));
            rates.push(f64::from(u8::from(treated.is_some())) - f64::from(u8::from(control.is_some())));
            amounts.push(amount(treated) - amount(control));
        }
        let ((rate, rate_error), (amount, amount_error)) = (mean(&rates), mean(&amounts));
        assert!((rate - truth.rate).abs() < 4.0 * rate_error, "{rate} {truth:?}");
        assert!((amount - truth.amount_minor).abs() < 4.0 * amount_error, "{amount} {truth:?}");
    }

    #[test]
    fn a_contact_never_turns_a_willing_customer_of_good_effect_away() {
        for (i, _, r) in responses(5, 20_000).filter(|(_, _, r)| r.effect >= 0.0) {
            let (treated, control) = (r.outcome(5, i, true), r.outcome(5, i, false));
            assert!(control.is_none() || control == treated);
        }
    }

    #[test]
    fn the_effect_among_some_is_theirs_alone() {
        let growing = true_effect_among(1, 50_000, |t| t.style == LifeStyle::Growing);
        let dormant = true_effect_among(1, 50_000, |t| t.style == LifeStyle::Dormant && t.kind == Kind::Retail);
        // 0.7 x 0.06 - 0.15 x 0.12 x 0.5 and 0.25 x 0.06 - 0.30 x 0.03 x 0.5.
        assert!((growing.rate - 0.0330).abs() < 0.0015, "{growing:?}");
        assert!((dormant.rate - 0.0105).abs() < 0.0015, "{dormant:?}");
        assert_eq!(true_effect_among(1, 100, |_| false), Effect::default());
    }
}
