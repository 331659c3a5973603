//! How far shares have moved: the population stability index. Whose shares they are is not known here.

use huan_proto::segment::v1 as pb;

/// From here on a move is worth a look.
pub const MODERATE: f64 = 0.1;
/// From here on what was built on the shares before is to be looked at again.
pub const LARGE: f64 = 0.25;
/// What a share of nothing counts as, so that an empty bin does not make the index infinite.
const LEAST: f64 = 1e-4;

/// The population stability index of counts in the same bins, before and after: the sum over all bins of
/// (q - p) ln(q / p), p and q being the bin's shares, at least 0.0001 each (Siddiqi, Credit Risk Scorecards, 2006, on monitoring).
/// 0 if there is nothing before or nothing after.
pub fn index(before: &[u64], after: &[u64]) -> f64 {
    let (before, after) = (shares(before), shares(after));
    let (Some(before), Some(after)) = (before, after) else { return 0.0 };
    let each = before.iter().zip(&after).map(|(p, q)| (p.max(LEAST), q.max(LEAST)));
    each.map(|(p, q)| (q - p) * (q / p).ln()).sum()
}

/// What an index says.
pub fn level(index: f64) -> pb::DriftLevel {
    match index {
        index if index >= LARGE => pb::DriftLevel::Large,
        index if index >= MODERATE => pb::DriftLevel::Moderate,
        _ => pb::DriftLevel::Stable,
    }
}

/// Each count over the sum of all; `None` if that is 0.
pub fn shares(counts: &[u64]) -> Option<Vec<f64>> {
    let sum = counts.iter().sum::<u64>();
    (sum > 0).then(|| counts.iter().map(|count| *count as f64 / sum as f64).collect())
}

/// The drift of a feature, or of memberships if none is named, bin by bin.
pub fn drift(feature: &str, labels: Vec<String>, before: &[u64], after: &[u64]) -> pb::Drift {
    let nothing = |counts: &[u64]| shares(counts).unwrap_or_else(|| vec![0.0; counts.len()]);
    let both = nothing(before).into_iter().zip(nothing(after));
    let bin = |(label, (before, after))| pb::DriftBin { label, before, after };
    let index = index(before, after);
    let bins = labels.into_iter().zip(both).map(bin).collect();
    pb::Drift { feature: feature.to_owned(), index, level: level(index).into(), bins }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::distribution::{Distribution, Sample};

    #[derive(Deserialize)]
    struct File {
        shares: Vec<Shares>,
        numbers: Vec<Numbers>,
    }

    #[derive(Deserialize)]
    struct Shares {
        before: Vec<u64>,
        after: Vec<u64>,
        index: f64,
    }

    #[derive(Deserialize)]
    struct Numbers {
        before: Vec<f64>,
        after: Vec<f64>,
        edges: Vec<f64>,
        before_counts: Vec<u64>,
        after_counts: Vec<u64>,
        index: f64,
    }

    fn file() -> File {
        toml::from_str(include_str!("../tests/data/drift.toml")).unwrap()
    }

    #[test]
    fn the_index_agrees_with_numpy() {
        for case in file().shares {
            let found = index(&case.before, &case.after);
            assert!((found - case.index).abs() < 1e-9, "{found} is not {}", case.index);
        }
    }

    #[test]
    fn bins_and_their_index_agree_with_numpy() {
        for case in file().numbers {
            let before = Distribution::of(&Sample::Numbers(case.before));
            assert_eq!(before.edges.len(), case.edges.len());
            for (edge, expected) in before.edges.iter().zip(&case.edges) {
                assert!((edge - expected).abs() < 1e-9 * expected.abs().max(1.0), "{edge} is not {expected}");
            }
            let after = before.count(&Sample::Numbers(case.after));
            assert_eq!((&before.counts, &after), (&case.before_counts, &case.after_counts));
            let found = index(&before.counts, &after);
            assert!((found - case.index).abs() < 1e-9, "{found} is not {}", case.index);
        }
    }

    #[test]
    fn nothing_does_not_move() {
        assert_eq!(index(&[0, 0], &[1, 2]), 0.0);
        assert_eq!(index(&[1, 2], &[2, 4]), 0.0);
    }

    #[test]
    fn levels_begin_at_their_bounds() {
        let levels = [0.0, 0.0999, 0.1, 0.2499, 0.25].map(level);
        use pb::DriftLevel::{Large, Moderate, Stable};
        assert_eq!(levels, [Stable, Stable, Moderate, Moderate, Large]);
    }
}
