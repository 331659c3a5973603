//! Distilling clusters into rules: a shallow tree over raw features, its leaves written as CEL, and how well they repeat
//! the clusters.

use super::tree::{Tree, grow};
use super::{NONE, Points};
use crate::rule::Parsed;

/// Rules that repeat clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Distilled {
    /// The tree; the class after the last cluster's stands for none.
    pub tree: Tree,
    /// The rule of each cluster; empty if no leaf is mostly of it.
    pub rules: Vec<String>,
    /// Of those for whom a rule holds, the share that is of its cluster; 0 without any.
    pub precisions: Vec<f64>,
    /// Of each cluster, the share for whom its rule holds; 0 for one without points.
    pub recalls: Vec<f64>,
    /// The share of all for whom the rule of their cluster and no other holds; for those in none, no rule.
    pub accuracy: f64,
}

/// A feature in a rule.
pub struct Named {
    /// Its name.
    pub name: String,
    /// What stands in where it is missing, if anything does.
    pub fill: Option<f64>,
}

/// Distils the clusters of raw, filled points. The tree learns from those in `sample`; its leaves get the cluster that
/// most of all points in them are of. It has at most `depth` levels, and fewer if a rule would be too large.
pub fn distil(raw: &Points, labels: &[u32], k: usize, features: &[Named], sample: &[usize], depth: usize) -> Distilled {
    let classes: Vec<u32> = labels.iter().map(|label| if *label == NONE { k as u32 } else { *label }).collect();
    let learnt: Vec<u32> = sample.iter().map(|at| classes[*at]).collect();
    let (points, least) = (raw.take(sample), sample.len() / 500);
    let tries = (0..=depth)
        .rev()
        .map(|depth| measured(grow(&points, &learnt, k + 1, depth, least), raw, &classes, k, features));
    let small = |found: &Distilled| found.rules.iter().all(|rule| rule.is_empty() || Parsed::new(rule).is_ok());
    let mut found = None;
    for distilled in tries {
        let fits = small(&distilled);
        found = Some(distilled);
        if fits {
            break;
        }
    }
    found.expect("a depth of 0 is tried")
}

/// Decides what each leaf is, and counts.
fn measured(tree: Tree, raw: &Points, classes: &[u32], k: usize, features: &[Named]) -> Distilled {
    let mut shares = vec![vec![0u64; k + 1]; tree.leaves()];
    raw.rows().zip(classes).for_each(|(row, class)| shares[tree.leaf(row)][*class as usize] += 1);
    let most = |counts: &Vec<u64>| (0..=k).max_by_key(|class| (counts[*class], usize::MAX - class)).unwrap_or(k) as u32;
    let leaves: Vec<u32> = shares.iter().map(most).collect();
    let (mut right, mut held, mut sizes) = (vec![0u64; k + 1], vec![0u64; k + 1], vec![0u64; k + 1]);
    for (class, counts) in leaves.iter().zip(&shares) {
        right[*class as usize] += counts[*class as usize];
        held[*class as usize] += counts.iter().sum::<u64>();
        sizes.iter_mut().zip(counts).for_each(|(size, count)| *size += count);
    }
    let tree = tree.with_classes(&mut leaves.into_iter());
    let share = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    Distilled {
        rules: (0..k as u32).map(|class| rule(&tree, class, features)).collect(),
        tree,
        precisions: (0..k).map(|class| share(right[class], held[class])).collect(),
        recalls: (0..k).map(|class| share(right[class], sizes[class])).collect(),
        accuracy: share(right.iter().sum(), sizes.iter().sum()),
    }
}

/// The rule of a class: its leaves, joined by "or"; "true" if it has all there are.
fn rule(tree: &Tree, class: u32, features: &[Named]) -> String {
    let mut leaves = Vec::new();
    collect(tree, class, &[], &mut leaves);
    let mut written: Vec<String> = leaves.iter().map(|bounds| conjunction(bounds, features)).collect();
    match written.len() {
        1 => written.remove(0),
        _ => written.iter().map(|leaf| format!("({leaf})")).collect::<Vec<_>>().join(" || "),
    }
}

/// What a way through the tree asks of a feature: above the one, at most the other.
type Bounds = (usize, Option<f64>, Option<f64>);

fn collect(tree: &Tree, class: u32, way: &[Bounds], leaves: &mut Vec<Vec<Bounds>>) {
    match tree {
        Tree::Leaf(of) if *of == class => leaves.push(way.to_vec()),
        Tree::Leaf(_) => {}
        Tree::Split(feature, threshold, low, high) => {
            let narrowed = |to: fn(&mut Bounds, f64)| {
                let mut way = way.to_vec();
                match way.iter_mut().find(|bounds| bounds.0 == *feature) {
                    Some(bounds) => to(bounds, *threshold),
                    None => {
                        let mut bounds = (*feature, None, None);
                        to(&mut bounds, *threshold);
                        way.push(bounds);
                    }
                }
                way
            };
            // A split further down is always within those above it.
            let (lower, upper) =
                (narrowed(|bounds, at| bounds.2 = Some(at)), narrowed(|bounds, at| bounds.1 = Some(at)));
            collect(low, class, &lower, leaves);
            collect(high, class, &upper, leaves);
        }
    }
}

fn conjunction(bounds: &[Bounds], features: &[Named]) -> String {
    let comparisons = bounds.iter().flat_map(|(feature, above, at_most)| {
        let Named { name, fill } = &features[*feature];
        let holds = |comparison: String, filled: bool| match filled {
            true => format!("({comparison} || !has({name}))"),
            false => comparison,
        };
        let above = above.map(|at| holds(format!("{name} > {}", number(at)), fill.is_some_and(|fill| fill > at)));
        let at_most = at_most.map(|at| holds(format!("{name} <= {}", number(at)), fill.is_some_and(|fill| fill <= at)));
        [above, at_most]
    });
    let comparisons: Vec<String> = comparisons.flatten().collect();
    if comparisons.is_empty() { "true".to_owned() } else { comparisons.join(" && ") }
}

/// A number as CEL reads it back to the last bit.
fn number(value: f64) -> String {
    let whole = value.fract() == 0.0 && value.abs() < 9e15;
    if whole { format!("{value:.0}") } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(fill: Option<f64>) -> Vec<Named> {
        vec![Named { name: "a".into(), fill: None }, Named { name: "b".into(), fill }]
    }

    fn points() -> (Points, Vec<u32>) {
        let values: Vec<f64> =
            (0..400).flat_map(|at| [f64::from(at % 20) * 1000.0, f64::from(at / 20) - 10.0]).collect();
        let points = Points { values, width: 2 };
        let label = |row: &[f64]| match (row[0] > 4000.0, row[1] > 0.0) {
            (true, true) => 0,
            (false, false) => 1,
            _ => NONE,
        };
        let labels = points.rows().map(label).collect();
        (points, labels)
    }

    #[test]
    fn rules_are_written_in_the_features_own_units() {
        let (points, labels) = points();
        let all: Vec<usize> = (0..400).collect();
        let found = distil(&points, &labels, 2, &features(None), &all, 4);
        assert_eq!(found.rules, ["b > 0.5 && a > 4500", "b <= 0.5 && a <= 4500"]);
        assert_eq!((found.accuracy, found.precisions, found.recalls), (1.0, vec![1.0; 2], vec![1.0; 2]));
    }

    #[test]
    fn who_lacks_a_feature_goes_where_its_median_goes() {
        let (points, labels) = points();
        let all: Vec<usize> = (0..400).collect();
        let found = distil(&points, &labels, 2, &features(Some(3.0)), &all, 4);
        assert_eq!(found.rules, ["(b > 0.5 || !has(b)) && a > 4500", "b <= 0.5 && a <= 4500"]);
    }

    #[test]
    fn a_tree_too_shallow_says_how_much_it_misses() {
        let (points, labels) = points();
        let all: Vec<usize> = (0..400).collect();
        let found = distil(&points, &labels, 2, &features(None), &all, 1);
        assert_eq!(found.rules.iter().filter(|rule| !rule.is_empty()).count(), 1);
        assert!(found.accuracy < 0.8 && found.recalls.contains(&0.0));
        let flat = distil(&points, &[0; 400], 1, &features(None), &all, 3);
        assert_eq!((flat.rules, flat.accuracy), (vec!["true".to_owned()], 1.0));
    }

    #[test]
    fn numbers_are_read_back_as_they_were() {
        for (value, written) in [(4500.0, "4500"), (-2.5, "-2.5"), (1e300, "1e300"), (1.25e-7, "1.25e-7"), (-0.0, "-0")]
        {
            assert_eq!((number(value).as_str(), number(value).parse()), (written, Ok(value)));
        }
    }
}
