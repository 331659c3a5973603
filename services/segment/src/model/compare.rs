//! Why an imported model's score is what it is. The graph is not looked into: it scores mixtures of the customer and of
//! others instead. What a feature adds is what the score gains when the feature takes the customer's value in the place of
//! another's, over some others and over orders in which the features do so: Shapley values by sampling (Štrumbelj and
//! Kononenko 2014, algorithm 1), each order taken forwards and backwards.

use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;

use super::explain::Explained;
use super::forest::shuffled;
use super::prepare::Cell;
use super::score::{Fitted, NoScore};

/// The others that a customer is compared with, at most.
pub const OTHERS: usize = 32;

/// A cell that outlives its row.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// Not known.
    Missing,
    /// As [`Cell::Number`].
    Number(f64),
    /// A text.
    Text(String),
}

impl Held {
    /// Holds a cell.
    pub fn of(cell: Cell<'_>) -> Self {
        match cell {
            Cell::Missing => Self::Missing,
            Cell::Number(number) => Self::Number(number),
            Cell::Text(text) => Self::Text(text.to_owned()),
        }
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Self::Missing => Cell::Missing,
            Self::Number(number) => Cell::Number(*number),
            Self::Text(text) => Cell::Text(text),
        }
    }
}

/// Explains a row's score beside those of others, at least one. The base is the mean of theirs, and the contributions add
/// up to the score less that. Takes up to two scorings for each of the others and features. The same seed gives the same
/// answer. Errors: a mixture that has no score.
pub fn explain(fitted: &Fitted, row: &[Held], others: &[Vec<Held>], seed: u64) -> Result<Explained, NoScore> {
    let mut rng = Xoshiro256Plus::seed_from_u64(seed);
    let mut sum = Explained { base: 0.0, contributions: vec![0.0; row.len()] };
    for other in others {
        let mut order = shuffled(row.len(), &mut rng);
        for _ in 0..2 {
            add(&mut sum, fitted, (row, other), &order)?;
            order.reverse();
        }
    }
    let count = 2.0 * others.len() as f64;
    sum.base /= count;
    sum.contributions.iter_mut().for_each(|contribution| *contribution /= count);
    Ok(sum)
}

/// Turns the other into the row, one feature after the other.
fn add(sum: &mut Explained, fitted: &Fitted, (row, other): (&[Held], &[Held]), order: &[usize]) -> Result<(), NoScore> {
    let (mut mixed, mut scratch) = (other.to_vec(), Vec::new());
    let mut before = fitted.score(|at| mixed[at].cell(), &mut scratch)?;
    sum.base += before;
    for feature in order.iter().copied().filter(|feature| row[*feature] != other[*feature]) {
        mixed[feature].clone_from(&row[feature]);
        let after = fitted.score(|at| mixed[at].cell(), &mut scratch)?;
        sum.contributions[feature] += after - before;
        before = after;
    }
    Ok(())
}
