//! The hidden traits of a simulated customer, from which all that can be seen of it follows.

use super::draw::{Draws, Stream};

/// What sort of customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person with an account: 85 %.
    Retail,
    /// A company: 12 %.
    Corporate,
    /// Someone without an account yet: 3 %.
    Prospect,
}

/// How the relationship goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LifeStyle {
    /// Even, all year: 50 %.
    Active,
    /// More with every month: 20 %.
    Growing,
    /// Fell silent at some time in the year: 18 %.
    Dormant,
    /// Began in the last 90 days: 12 %.
    New,
}

/// The traits that shape everything else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Traits {
    /// What sort of customer.
    pub kind: Kind,
    /// How the relationship goes.
    pub style: LifeStyle,
    /// The customer's rank by wealth, uniform in [0, 1).
    pub wealth: f64,
}

impl Traits {
    /// Draws the traits of customer `index`.
    pub fn draw(seed: u64, index: u64) -> Traits {
        let mut draws = Draws::new(seed, index, Stream::Trait);
        let kind = draws.weighted(&[(Kind::Retail, 0.85), (Kind::Corporate, 0.12), (Kind::Prospect, 0.03)]);
        let style = draws.weighted(&[
            (LifeStyle::Active, 0.50),
            (LifeStyle::Growing, 0.20),
            (LifeStyle::Dormant, 0.18),
            (LifeStyle::New, 0.12),
        ]);
        Traits { kind, style, wealth: draws.unit() }
    }
}
