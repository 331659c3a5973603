//! What a set's rules do before their order decides: who each would take alone, where they overlap, and who is left.

use roaring::RoaringBitmap;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For how many customers each rule holds.
    pub alone: Vec<u64>,
    /// How many customers each part takes, those of no part last. They add up to the population.
    pub taken: Vec<u64>,
    /// Places of two rules that hold for the same customers, and for how many.
    pub overlaps: Vec<(usize, usize, u64)>,
    /// For how many customers more than one rule holds.
    pub ties: u64,
}

/// Counts the members of rules, given in the order of the set's parts, among `population` customers.
pub fn tally(members: &[RoaringBitmap], population: u64) -> Tally {
    let (mut any, mut twice) = (RoaringBitmap::new(), RoaringBitmap::new());
    let mut taken = Vec::with_capacity(members.len() + 1);
    for part in members {
        taken.push(part.difference_len(&any));
        twice |= part & &any;
        any |= part;
    }
    taken.push(population - any.len());
    let pairs = (0..members.len()).flat_map(|first| (first + 1..members.len()).map(move |second| (first, second)));
    let both = |(first, second): (usize, usize)| (first, second, members[first].intersection_len(&members[second]));
    Tally {
        alone: members.iter().map(RoaringBitmap::len).collect(),
        taken,
        overlaps: pairs.map(both).filter(|(_, _, customers)| *customers > 0).collect(),
        ties: twice.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_ties_are_counted_once() {
        let members = [0..6, 4..8, 5..20].map(|ordinals| ordinals.collect::<RoaringBitmap>());
        let tally = tally(&members, 25);
        assert_eq!((tally.alone, tally.taken.clone()), (vec![6, 4, 15], vec![6, 2, 12, 5]));
        assert_eq!(tally.taken.iter().sum::<u64>(), 25);
        assert_eq!(tally.overlaps, [(0, 1, 2), (0, 2, 1), (1, 2, 3)]);
        assert_eq!(tally.ties, 4);
    }

    #[test]
    fn rules_that_do_not_overlap_leave_nothing_to_the_order() {
        let members = [0..3, 3..5].map(|ordinals| ordinals.collect::<RoaringBitmap>());
        let tally = tally(&members, 5);
        assert_eq!((tally.taken, tally.overlaps, tally.ties), (vec![3, 2, 0], vec![], 0));
    }
}
