//! How a version does on labelled rows: all metrics that suit it, and how far the rows are from those of training.

use huan_proto::segment::v1 as pb;

use super::calibration::{calibration, expected_calibration_error};
use super::drift::{Counter, histogram_of_numbers, histogram_of_texts, psi};
use super::metrics::{auc, brier, lift, log_loss};
use super::prepare::Cell;
use super::rows::{Rows, Series};
use super::score::Fitted;
use super::uplift::{auuc, qini, uplift_by_tenth};

/// Measures a version on some rows. Errors: a feature that the rows lack or have of another type.
pub fn measure(fitted: &Fitted, rows: &Rows, at: &[usize]) -> Result<pb::Metrics, String> {
    let series = inputs(fitted, rows)?;
    let mut drift = DriftMeter::new(fitted);
    let (mut scored, mut scores, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
    for row in at {
        let cell = |input: usize| series[input].cell(*row);
        let score = fitted.score(cell, &mut scratch).ok();
        drift.add(cell, score);
        if let Some(score) = score {
            scored.push(*row);
            scores.push(score);
        }
    }
    let labels: Vec<bool> = scored.iter().map(|row| rows.labels[*row]).collect();
    let metrics = pb::Metrics {
        rows: scored.len() as i64,
        unscored: (at.len() - scored.len()) as i64,
        positives: labels.iter().filter(|label| **label).count() as i64,
        drift: Some(drift.finish()),
        ..Default::default()
    };
    if scored.is_empty() {
        return Ok(metrics);
    }
    if fitted.is_uplift() {
        return Ok(of_uplift(metrics, rows, &scored, &scores));
    }
    let weights: Vec<f64> = scored.iter().map(|row| rows.weights[*row]).collect();
    let bins = calibration(&scores, &labels);
    Ok(pb::Metrics {
        auc: auc(&scores, &labels, &weights),
        log_loss: Some(log_loss(&scores, &labels, &weights)),
        brier: Some(brier(&scores, &labels, &weights)),
        expected_calibration_error: Some(expected_calibration_error(&bins)),
        calibration: bins,
        lift: lift(&scores, &labels),
        ..metrics
    })
}

/// Rows without an arm say nothing of the treatment.
fn of_uplift(metrics: pb::Metrics, rows: &Rows, scored: &[usize], scores: &[f64]) -> pb::Metrics {
    let part_of = |(row, score): (&usize, &f64)| {
        let treated = match rows.arms[*row] {
            pb::Arm::Treated => true,
            pb::Arm::Control => false,
            pb::Arm::Unspecified => return None,
        };
        Some((*score, rows.labels[*row], treated))
    };
    let trial: Vec<(f64, bool, bool)> = scored.iter().zip(scores).filter_map(part_of).collect();
    let scores: Vec<f64> = trial.iter().map(|row| row.0).collect();
    let labels: Vec<bool> = trial.iter().map(|row| row.1).collect();
    let treated: Vec<bool> = trial.iter().map(|row| row.2).collect();
    pb::Metrics {
        qini: qini(&scores, &labels, &treated),
        auuc: auuc(&scores, &labels, &treated),
        lift: uplift_by_tenth(&scores, &labels, &treated),
        ..metrics
    }
}

/// The values of each of a version's inputs. Errors: those that the rows lack or have of another type.
pub fn inputs<'a>(fitted: &Fitted, rows: &'a Rows) -> Result<Vec<&'a Series>, String> {
    let find = |(name, r#type): &(String, _)| {
        let found = rows.find(name).filter(|(feature, _)| feature.r#type() == *r#type);
        found.map(|(_, series)| series).ok_or_else(|| format!("without the feature {name} of the model's type"))
    };
    fitted.inputs.iter().map(find).collect()
}

/// Adds how scores and inputs were spread in some rows, which drift is measured from.
pub fn with_histograms(fitted: Fitted, series: &[&Series], at: &[usize]) -> Fitted {
    let mut scratch = Vec::new();
    let score = |row: &usize| fitted.score(|input| series[input].cell(*row), &mut scratch).unwrap_or(f64::NAN);
    let scores: Vec<f64> = at.iter().map(score).collect();
    let inputs = series.iter().map(|series| match series {
        Series::Numbers(values) => histogram_of_numbers(&at.iter().map(|row| values[*row]).collect::<Vec<_>>()),
        Series::Texts { .. } => histogram_of_texts(at.iter().map(|row| series.cell(*row))),
    });
    let inputs = inputs.collect();
    let body = pb::ModelBody { scores: Some(histogram_of_numbers(&scores)), inputs, ..fitted.body.clone() };
    fitted.with_body(body)
}

/// Counts rows into the bins of training.
pub struct DriftMeter<'a> {
    fitted: &'a Fitted,
    unscored: i64,
    rows: i64,
    scores: Option<(&'a pb::Histogram, Counter)>,
    inputs: Vec<(&'a pb::Histogram, Counter)>,
}

impl<'a> DriftMeter<'a> {
    /// Begins with none.
    pub fn new(fitted: &'a Fitted) -> Self {
        let counter = |histogram: &'a pb::Histogram| (histogram, Counter::new(histogram));
        Self {
            fitted,
            unscored: 0,
            rows: 0,
            scores: fitted.body.scores.as_ref().map(counter),
            inputs: fitted.body.inputs.iter().map(counter).collect(),
        }
    }

    /// Counts a row.
    pub fn add<'b>(&mut self, cell: impl Fn(usize) -> Cell<'b>, score: Option<f64>) {
        match (score, &mut self.scores) {
            (None, _) => self.unscored += 1,
            (Some(_), None) => self.rows += 1,
            (Some(score), Some((histogram, counter))) => {
                self.rows += 1;
                counter.add(histogram, Cell::Number(score));
            }
        }
        for (at, (histogram, counter)) in self.inputs.iter_mut().enumerate() {
            counter.add(histogram, cell(at));
        }
    }

    /// What was counted, against training.
    pub fn finish(self) -> pb::ModelDrift {
        let names = self.fitted.inputs.iter().map(|(name, _)| name.clone());
        let of = |(feature, (histogram, counter)): (String, &(&pb::Histogram, Counter))| pb::FeatureDrift {
            feature,
            psi: psi(&histogram.shares, &counter.shares()),
        };
        let mut features: Vec<pb::FeatureDrift> = names.zip(&self.inputs).map(of).collect();
        features.sort_by(|left, right| right.psi.total_cmp(&left.psi));
        let shares = self.scores.as_ref().map(|(_, counter)| counter.shares()).unwrap_or_default();
        pb::ModelDrift {
            rows: self.rows,
            unscored: self.unscored,
            score_psi: self.scores.as_ref().map_or(0.0, |(histogram, _)| psi(&histogram.shares, &shares)),
            features,
            // The last bin stands for missing values, which scores are not.
            score_shares: shares.into_iter().rev().skip(1).rev().collect(),
        }
    }
}
