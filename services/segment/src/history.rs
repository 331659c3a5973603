//! Memberships over time, as plain data: what lies between two lists of memberships, and how moves are told. Where the
//! lists come from and where moves are kept is not known here.

use std::collections::{BTreeMap, HashSet};

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;

/// What lies between two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference<T> {
    /// What is in the second alone, ascending.
    pub joined: Vec<T>,
    /// What is in the first alone, ascending.
    pub left: Vec<T>,
}

impl<T> Difference<T> {
    /// True if the lists are alike.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty()
    }
}

/// Finds what lies between two ascending lists.
pub fn difference<T: Ord + Clone>(before: &[T], after: &[T]) -> Difference<T> {
    let alone = |these: &[T], those: &[T]| {
        these.iter().filter(|each| those.binary_search(each).is_err()).cloned().collect::<Vec<T>>()
    };
    Difference { joined: alone(after, before), left: alone(before, after) }
}

/// Writes codes as tables keep them: little-endian numbers of 32 bits.
pub fn pack(codes: &[u32]) -> Vec<u8> {
    codes.iter().flat_map(|code| code.to_le_bytes()).collect()
}

/// Reads codes back; a torn last one is passed over.
pub fn unpack(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|code| u32::from_le_bytes([code[0], code[1], code[2], code[3]])).collect()
}

/// The segment, set or clustering that a membership belongs to.
pub fn owner_of(membership: &str) -> &str {
    membership.split_once('/').map_or(membership, |(owner, _)| owner)
}

/// A move without what is not wanted; `None` if nothing is left of it. Nothing named = all is wanted.
pub fn only(mut moved: pb::Move, wanted: &HashSet<String>) -> Option<pb::Move> {
    if !wanted.is_empty() {
        moved.joined.retain(|each| wanted.contains(&each.membership));
        moved.left.retain(|each| wanted.contains(&each.membership));
    }
    (!moved.joined.is_empty() || !moved.left.is_empty()).then_some(moved)
}

/// A customer's steps at one moment, one for each segment, set or clustering, or only this one's; by its id.
pub fn transitions(moved: &pb::Move, day: Day, owner: &str) -> Vec<pb::Transition> {
    let mut steps: BTreeMap<&str, pb::Transition> = BTreeMap::new();
    let all = moved.left.iter().map(|each| (each, false)).chain(moved.joined.iter().map(|each| (each, true)));
    for (each, joined) in all {
        let of = owner_of(&each.membership);
        if !owner.is_empty() && of != owner {
            continue;
        }
        let step = steps.entry(of).or_insert_with(|| pb::Transition {
            owner_id: of.to_owned(),
            move_time: moved.move_time,
            day: day.to_string(),
            trigger: moved.trigger,
            position: moved.position.clone(),
            ..Default::default()
        });
        step.revision = step.revision.max(each.revision);
        let end = if joined { &mut step.to_membership } else { &mut step.from_membership };
        end.clone_from(&each.membership);
    }
    steps.into_values().collect()
}

/// How often each membership was joined and left: counted per business day and owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<(String, i32, String), (i64, i64)>);

impl Tally {
    /// Counts a move.
    pub fn count(&mut self, moved: &pb::Move, day: Day) {
        let mut add = |each: &pb::MoveMembership, joined: i64, left: i64| {
            let key = (owner_of(&each.membership).to_owned(), day.0, each.membership.clone());
            let counts = self.0.entry(key).or_default();
            *counts = (counts.0 + joined, counts.1 + left);
        };
        moved.joined.iter().for_each(|each| add(each, 1, 0));
        moved.left.iter().for_each(|each| add(each, 0, 1));
    }

    /// Owner, day, membership, joined and left, ascending.
    pub fn rows(&self) -> impl Iterator<Item = (&str, i32, &str, i64, i64)> {
        self.0.iter().map(|((owner, day, membership), (joined, left))| {
            (owner.as_str(), *day, membership.as_str(), *joined, *left)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(joined: &[&str], left: &[&str]) -> pb::Move {
        let each = |name: &&str| pb::MoveMembership { membership: (*name).to_owned(), revision: 3 };
        let (joined, left) = (joined.iter().map(each).collect(), left.iter().map(each).collect());
        pb::Move { joined, left, trigger: pb::MoveTrigger::Day.into(), ..Default::default() }
    }

    #[test]
    fn a_difference_leads_from_one_list_to_the_other() {
        let found = difference(&[1, 3, 5, 9], &[2, 3, 9, 11]);
        assert_eq!(found, Difference { joined: vec![2, 11], left: vec![1, 5] });
        assert!(difference(&[1, 2], &[1, 2]).is_empty());
    }

    #[test]
    fn codes_survive_being_packed() {
        let codes = [0, 1, 255, 256, u32::MAX];
        assert_eq!(unpack(&pack(&codes)), codes);
        assert!(unpack(&[]).is_empty());
    }

    #[test]
    fn a_step_leads_from_part_to_part_of_one_set() {
        let day = "2026-11-22".parse().unwrap();
        let moved = moved(&["life/mature", "rich"], &["life/growing", "tier/mass"]);
        let steps = transitions(&moved, day, "");
        let ends: Vec<_> = steps
            .iter()
            .map(|step| (step.owner_id.as_str(), step.from_membership.as_str(), step.to_membership.as_str()))
            .collect();
        let expected = [("life", "life/growing", "life/mature"), ("rich", "", "rich"), ("tier", "tier/mass", "")];
        assert_eq!(ends, expected);
        assert_eq!((steps[0].day.as_str(), steps[0].revision), ("2026-11-22", 3));
        assert_eq!(transitions(&moved, day, "life"), steps[..1]);
    }

    #[test]
    fn what_nobody_watches_is_passed_over() {
        let wanted = HashSet::from(["rich".to_owned()]);
        assert_eq!(only(moved(&["rich", "new"], &["old"]), &wanted), Some(moved(&["rich"], &[])));
        assert_eq!(only(moved(&["new"], &["old"]), &wanted), None);
        assert_eq!(only(moved(&["new"], &[]), &HashSet::new()), Some(moved(&["new"], &[])));
    }

    #[test]
    fn moves_are_counted_by_membership_and_day() {
        let mut tally = Tally::default();
        tally.count(&moved(&["a/x"], &["a/y"]), Day(5));
        tally.count(&moved(&["a/y"], &["a/x"]), Day(5));
        tally.count(&moved(&["a/x"], &[]), Day(6));
        let rows: Vec<_> = tally.rows().collect();
        assert_eq!(rows, [("a", 5, "a/x", 1, 1), ("a", 5, "a/y", 1, 1), ("a", 6, "a/x", 1, 0)]);
    }
}
