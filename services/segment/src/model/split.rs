//! Which rows are learned from and which are kept back to measure by.

use huan_proto::segment::v1 as pb;

use super::rows::Rows;

/// Rows by their places, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Learned from.
    pub learned: Vec<usize>,
    /// Kept back.
    pub kept: Vec<usize>,
}

/// Keeps back the last fifth by outcome time (rows of one time in their order), or a fifth of either class, drawn with the
/// seed.
pub fn split(rows: &Rows, by: pb::Split, seed: u64) -> Parts {
    match by {
        pb::Split::Unspecified | pb::Split::TimeOrdered => time_ordered(rows),
        pb::Split::Stratified => stratified(&rows.labels, seed),
    }
}

fn time_ordered(rows: &Rows) -> Parts {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|row| rows.outcomes[*row]);
    let kept = order.split_off(rows.len() - rows.len() / 5);
    parts(order, kept)
}

/// Of each class, those rows are kept back whose draws are the least: a fifth of them, rounded down.
fn stratified(labels: &[bool], seed: u64) -> Parts {
    let (mut learned, mut kept) = (Vec::new(), Vec::new());
    for class in [false, true] {
        let mut rows: Vec<usize> = (0..labels.len()).filter(|row| labels[*row] == class).collect();
        rows.sort_by_key(|row| (draw(seed, *row as u64), *row));
        let rest = rows.split_off(rows.len() / 5);
        kept.extend(rows);
        learned.extend(rest);
    }
    parts(learned, kept)
}

fn parts(mut learned: Vec<usize>, mut kept: Vec<usize>) -> Parts {
    learned.sort_unstable();
    kept.sort_unstable();
    Parts { learned, kept }
}

/// The `at`-th number of the generator SplitMix64 that begins with `seed` (Steele, Lea and Flood 2014).
pub(super) fn draw(seed: u64, at: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(at.wrapping_add(1)));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_draws_its_published_numbers() {
        // The first two of seed 1234567, as in the generator's published test.
        assert_eq!((draw(1_234_567, 0), draw(1_234_567, 1)), (6_457_827_717_110_365_317, 3_203_168_211_198_807_973));
    }

    #[test]
    fn a_fifth_of_either_class_is_kept_back_and_the_seed_says_which() {
        let labels: Vec<bool> = (0..100).map(|row| row % 4 == 0).collect();
        let first = stratified(&labels, 7);
        assert_eq!((first.learned.len(), first.kept.len()), (80, 20));
        assert_eq!(first.kept.iter().filter(|row| labels[**row]).count(), 5);
        assert_eq!(stratified(&labels, 7), first);
        assert_ne!(stratified(&labels, 8), first);
    }

    #[test]
    fn the_last_fifth_by_time_is_kept_back() {
        let mut rows = Rows::default();
        (rows.labels, rows.outcomes) = (vec![true; 10], (0..10).rev().collect());
        assert_eq!(split(&rows, pb::Split::Unspecified, 0).kept, [0, 1]);
    }
}
