//! Whether a score of 0.2 comes true in one case of five: the calibration table by tenths of the scores and the expected
//! calibration error.

use huan_proto::segment::v1 as pb;

const BINS: usize = 10;

/// The calibration table: rows by tenths of the scores, ascending; a bin that no score falls into is left out. The bounds
/// are quantiles as numpy's `percentile` has them, and a score on a bound belongs below it.
pub fn calibration(scores: &[f64], labels: &[bool]) -> Vec<pb::CalibrationBin> {
    if scores.is_empty() {
        return Vec::new();
    }
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let bounds: Vec<f64> = (1..BINS).map(|tenth| quantile(&sorted, tenth as f64 / BINS as f64)).collect();
    let mut bins = vec![(0usize, 0.0, 0usize); BINS];
    for (score, label) in scores.iter().zip(labels) {
        let bin = &mut bins[bounds.partition_point(|bound| bound < score)];
        *bin = (bin.0 + 1, bin.1 + score, bin.2 + usize::from(*label));
    }
    let used = bins.into_iter().filter(|(rows, ..)| *rows > 0);
    used.map(|(rows, sum, positives)| pb::CalibrationBin {
        rows: rows as i64,
        mean_score: sum / rows as f64,
        share: positives as f64 / rows as f64,
    })
    .collect()
}

/// The expected calibration error (Naeini, Cooper and Hauskrecht 2015): the mean over the bins, by their rows, of the
/// distance between mean score and share of true labels.
pub fn expected_calibration_error(bins: &[pb::CalibrationBin]) -> f64 {
    let rows: i64 = bins.iter().map(|bin| bin.rows).sum();
    let distance = |bin: &pb::CalibrationBin| bin.rows as f64 * (bin.mean_score - bin.share).abs();
    bins.iter().map(distance).sum::<f64>() / rows.max(1) as f64
}

/// A quantile of ascending values, linear between two of them (Hyndman and Fan 1996, type 7), reckoned from the nearer
/// one as numpy does.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let (low, high) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) }
}
