//! How well scores order and meet labels: area under the ROC curve, logarithmic loss, Brier score, lift by tenths. Pure
//! functions of scores in [0, 1], labels and weights above 0, all of one length.

use huan_proto::segment::v1 as pb;

/// Area under the ROC curve: the share of pairs of a true and a false label whose scores are in the right order, ties
/// counted half (Mann and Whitney 1947; Hanley and McNeil 1982). `None` if there is one class only.
pub fn auc(scores: &[f64], labels: &[bool], weights: &[f64]) -> Option<f64> {
    let order = ascending(scores);
    let (mut false_below, mut ordered, mut positive) = (0.0, 0.0, 0.0);
    for ties in order.chunk_by(|left, right| scores[*left] == scores[*right]) {
        let sum = |label: bool| ties.iter().filter(|at| labels[**at] == label).map(|at| weights[*at]).sum::<f64>();
        let (trues, falses) = (sum(true), sum(false));
        ordered += trues * (false_below + falses / 2.0);
        false_below += falses;
        positive += trues;
    }
    let pairs = positive * false_below;
    (pairs > 0.0).then(|| ordered / pairs)
}

/// Mean logarithmic loss in nats; scores are kept away from 0 and 1 by the least step of a number.
pub fn log_loss(scores: &[f64], labels: &[bool], weights: &[f64]) -> f64 {
    mean(scores, labels, weights, |score, label| {
        let score = score.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
        -(if label { score } else { 1.0 - score }).ln()
    })
}

/// Mean squared difference of score and label (Brier 1950).
pub fn brier(scores: &[f64], labels: &[bool], weights: &[f64]) -> f64 {
    mean(scores, labels, weights, |score, label| (score - f64::from(u8::from(label))).powi(2))
}

/// Ten tenths of the rows by score, best first; of rows of one score, those that came first. Each row counts once.
pub fn lift(scores: &[f64], labels: &[bool]) -> Vec<pb::Tenth> {
    let order = descending(scores);
    let all = labels.iter().filter(|label| **label).count();
    let base = all as f64 / labels.len().max(1) as f64;
    let mut so_far = 0;
    let tenth = |rows: &[usize]| {
        let positives = rows.iter().filter(|at| labels[**at]).count();
        so_far += positives;
        let share = positives as f64 / rows.len().max(1) as f64;
        pb::Tenth {
            rows: rows.len() as i64,
            positives: positives as i64,
            lift: if base > 0.0 { share / base } else { 0.0 },
            gain: if all > 0 { so_far as f64 / all as f64 } else { 0.0 },
            uplift: None,
        }
    };
    tenths(&order).map(tenth).collect()
}

/// Ten runs of nearly one length.
pub(super) fn tenths(order: &[usize]) -> impl Iterator<Item = &[usize]> {
    let bound = |tenth: usize| order.len() * tenth / 10;
    (0..10).map(move |tenth| &order[bound(tenth)..bound(tenth + 1)])
}

/// The places of the scores, lowest first.
fn ascending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| scores[*left].total_cmp(&scores[*right]));
    order
}

/// The places of the scores, highest first; equals in their order.
pub(super) fn descending(scores: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|left, right| scores[*right].total_cmp(&scores[*left]));
    order
}

fn mean(scores: &[f64], labels: &[bool], weights: &[f64], of: impl Fn(f64, bool) -> f64) -> f64 {
    let each = scores.iter().zip(labels).zip(weights);
    let sum: f64 = each.map(|((score, label), weight)| weight * of(*score, *label)).sum();
    sum / weights.iter().sum::<f64>()
}
