//! How well scores order customers by what a treatment does to them: uplift and Qini curves and the areas under them,
//! as Radcliffe (2007) draws them and scikit-uplift normalises them.

use huan_proto::segment::v1 as pb;

use super::metrics::{descending, tenths};

/// The area between the uplift curve and the straight line, by that of a perfect order. `None` if nothing can be told
/// apart.
pub fn auuc(scores: &[f64], labels: &[bool], treated: &[bool]) -> Option<f64> {
    let perfect = area(scores_of_perfect(labels, treated), labels, treated, uplift_height);
    normalised(area(scores.iter().copied(), labels, treated, uplift_height), perfect)
}

/// The Qini coefficient: the area between the Qini curve and the straight line, by that of a perfect order, in which the
/// treatment may also do harm.
pub fn qini(scores: &[f64], labels: &[bool], treated: &[bool]) -> Option<f64> {
    let ideal = labels.iter().zip(treated).map(|(label, treated)| match (label, treated) {
        (false, _) => 0.0,
        (true, true) => 1.0,
        (true, false) => -1.0,
    });
    let perfect = area(ideal, labels, treated, qini_height);
    normalised(area(scores.iter().copied(), labels, treated, qini_height), perfect)
}

/// What the treatment did in each tenth of the rows by score, best first; `None` where a tenth lacks an arm.
pub fn uplift_by_tenth(scores: &[f64], labels: &[bool], treated: &[bool]) -> Vec<pb::Tenth> {
    let order = descending(scores);
    let base = labels.iter().filter(|label| **label).count() as f64 / labels.len().max(1) as f64;
    let mut gained = 0;
    let all = labels.iter().filter(|label| **label).count();
    let tenth = |rows: &[usize]| {
        let mut counts = Counts::default();
        rows.iter().for_each(|at| counts.add(labels[*at], treated[*at]));
        let positives = counts.treated_true + counts.control_true;
        gained += positives as usize;
        pb::Tenth {
            rows: rows.len() as i64,
            positives: positives as i64,
            lift: if base > 0.0 { positives / rows.len().max(1) as f64 / base } else { 0.0 },
            gain: if all > 0 { gained as f64 / all as f64 } else { 0.0 },
            uplift: (counts.treated > 0.0 && counts.control > 0.0)
                .then(|| counts.treated_true / counts.treated - counts.control_true / counts.control),
        }
    };
    tenths(&order).map(tenth).collect()
}

#[derive(Clone, Copy, Default)]
struct Counts {
    treated: f64,
    control: f64,
    treated_true: f64,
    control_true: f64,
}

impl Counts {
    fn add(&mut self, label: bool, treated: bool) {
        let hit = f64::from(u8::from(label));
        if treated {
            (self.treated, self.treated_true) = (self.treated + 1.0, self.treated_true + hit);
        } else {
            (self.control, self.control_true) = (self.control + 1.0, self.control_true + hit);
        }
    }
}

fn uplift_height(counts: Counts) -> f64 {
    (share(counts.treated_true, counts.treated) - share(counts.control_true, counts.control))
        * (counts.treated + counts.control)
}

fn qini_height(counts: Counts) -> f64 {
    counts.treated_true - share(counts.control_true * counts.treated, counts.control)
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// The order that scikit-uplift takes as perfect for the uplift curve.
fn scores_of_perfect<'a>(labels: &'a [bool], treated: &'a [bool]) -> impl Iterator<Item = f64> + 'a {
    let pairs = || labels.iter().zip(treated);
    let control_true = pairs().filter(|(label, treated)| **label && !**treated).count();
    let treated_false = pairs().filter(|(label, treated)| !**label && **treated).count();
    let number = |flag: bool| f64::from(u8::from(flag));
    pairs().map(move |(label, treated)| {
        let summand = if control_true > treated_false { *label } else { *treated };
        2.0 * number(label == treated) + number(summand)
    })
}

/// The area under a curve and under the straight line to its end: a point at each place where the score changes.
fn area(
    scores: impl Iterator<Item = f64>,
    labels: &[bool],
    treated: &[bool],
    height: impl Fn(Counts) -> f64,
) -> (f64, f64) {
    let scores: Vec<f64> = scores.collect();
    let order = descending(&scores);
    let (mut counts, mut sum, mut last) = (Counts::default(), 0.0, (0.0, 0.0));
    for ties in order.chunk_by(|left, right| scores[*left] == scores[*right]) {
        ties.iter().for_each(|at| counts.add(labels[*at], treated[*at]));
        let point = (last.0 + ties.len() as f64, height(counts));
        sum += (point.0 - last.0) * (point.1 + last.1) / 2.0;
        last = point;
    }
    (sum, last.0 * last.1 / 2.0)
}

fn normalised((actual, base): (f64, f64), (perfect, _): (f64, f64)) -> Option<f64> {
    let whole = perfect - base;
    (whole != 0.0).then(|| (actual - base) / whole)
}
