//! Training: from a dataset's rows and what is asked for to the body of a version and its metrics on the rows kept back.

use std::ops::Range;

use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::Learner;
use huan_proto::segment::v1::model_body;
use huan_proto::segment::v1::scorer;
use ndarray::Array2;

use super::forest::{self, Settings};
use super::logistic::{self, Labelled};
use super::measure::{measure, with_histograms};
use super::prepare;
use super::rows::{Rows, Series};
use super::score::Fitted;
use super::split::split;
use super::watch::{Part, Stopped, Watch};

/// The most numbers of the prepared rows, 8 bytes each.
const CELLS: usize = 50_000_000;

/// A trained version.
#[derive(Clone, Debug, PartialEq)]
pub struct Learned {
    /// What scores.
    pub body: pb::ModelBody,
    /// How many rows it learned from.
    pub rows: usize,
    /// How it did on those kept back.
    pub metrics: pb::Metrics,
}

/// Why nothing was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody stopped it.
    Stopped,
    /// Nothing can be learned from this, and why.
    Unfit(String),
}

impl From<Stopped> for Fault {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Trains a version. The same rows and the same `training` make the same version.
pub fn learn(rows: &Rows, training: &pb::Training, watch: &Watch) -> Result<Learned, Fault> {
    let parts = split(rows, training.split(), training.seed);
    let used = used_features(rows, &training.features)?;
    let named = |name: String| Fault::Unfit(format!("{name} has no value in any of the rows to learn from"));
    let preparation = prepare::fit(&used, &parts.learned).map_err(named)?;
    let width = prepare::total_width(&preparation);
    if width * parts.learned.len() > CELLS {
        let size = format!("{} rows of {width} columns", parts.learned.len());
        return Err(Fault::Unfit(format!("{size} are more than {CELLS} numbers")));
    }
    watch.reach(0.05)?;
    let learner = match training.learner() {
        Learner::UpliftLogistic | Learner::UpliftForest => {
            let arm = |arm: pb::Arm| -> Vec<usize> {
                parts.learned.iter().copied().filter(|row| rows.arms[*row] == arm).collect()
            };
            let treated =
                Task { rows, used: &used, preparation: &preparation, training, part: Part::new(watch, 0.05, 0.45) };
            let control = Task { part: Part::new(watch, 0.45, 0.9), ..treated };
            let (treated, control) = (treated.fit(&arm(pb::Arm::Treated))?, control.fit(&arm(pb::Arm::Control))?);
            model_body::Learner::Uplift(pb::UpliftScorer { treated: Some(treated), control: Some(control) })
        }
        _ => {
            let part = Part::new(watch, 0.05, 0.9);
            let task = Task { rows, used: &used, preparation: &preparation, training, part };
            model_body::Learner::Single(task.fit(&parts.learned)?)
        }
    };
    let body = pb::ModelBody { preparation: Some(preparation), learner: Some(learner), ..Default::default() };
    let series: Vec<&Series> = used.iter().map(|(_, series)| *series).collect();
    let fitted = with_histograms(Fitted::new(body, &[]).map_err(Fault::Unfit)?, &series, &parts.learned);
    watch.reach(0.95)?;
    let metrics = measure(&fitted, rows, &parts.kept).map_err(Fault::Unfit)?;
    Ok(Learned { body: fitted.body, rows: parts.learned.len(), metrics })
}

type Used<'a> = [(&'a pb::DatasetFeature, &'a Series)];

/// The features named, or all that were known before the outcome.
fn used_features<'a>(rows: &'a Rows, names: &[String]) -> Result<Vec<(&'a pb::DatasetFeature, &'a Series)>, Fault> {
    if names.is_empty() {
        let all = rows.features.iter().zip(&rows.series);
        return Ok(all.filter(|(feature, _)| !feature.known_after_outcome).collect());
    }
    let find = |name: &String| rows.find(name).ok_or_else(|| Fault::Unfit(format!("the dataset has no {name}")));
    names.iter().map(find).collect()
}

/// One learner on some of the rows.
#[derive(Clone, Copy)]
struct Task<'a> {
    rows: &'a Rows,
    used: &'a Used<'a>,
    preparation: &'a pb::Preparation,
    training: &'a pb::Training,
    part: Part<'a>,
}

impl Task<'_> {
    fn fit(&self, at: &[usize]) -> Result<pb::Scorer, Fault> {
        let labels: Vec<bool> = at.iter().map(|row| self.rows.labels[*row]).collect();
        if labels.iter().all(|label| *label) || labels.iter().all(|label| !*label) {
            return Err(Fault::Unfit("the rows to learn from have one class only".into()));
        }
        let weights: Vec<f64> = at.iter().map(|row| self.rows.weights[*row]).collect();
        let columns = self.matrix(at)?;
        let labelled = Labelled { columns: &columns, labels: &labels, weights: &weights };
        let kind = match self.training.learner() {
            Learner::Forest | Learner::UpliftForest => {
                let forest = forest::fit(&labelled, &self.ranges(), &settings(self.training), self.part);
                scorer::Kind::Forest(forest.map_err(|fault| match fault {
                    forest::Fault::Stopped => Fault::Stopped,
                    forest::Fault::Trees(why) => Fault::Unfit(why),
                })?)
            }
            _ => {
                let penalty = if self.training.penalty > 0.0 { self.training.penalty } else { 1.0 };
                scorer::Kind::Logistic(logistic::fit(&labelled, penalty, self.part)?)
            }
        };
        Ok(pb::Scorer { kind: Some(kind) })
    }

    fn matrix(&self, at: &[usize]) -> Result<Array2<f64>, Fault> {
        let width = prepare::total_width(self.preparation);
        let (mut all, mut columns) = (Vec::with_capacity(at.len() * width), Vec::with_capacity(width));
        for row in at {
            let read = prepare::read(self.preparation, |input| self.used[input].1.cell(*row), &mut columns);
            read.map_err(|input| Fault::Unfit(format!("row {row} lacks {}", self.used[input].0.name)))?;
            all.extend_from_slice(&columns);
        }
        Array2::from_shape_vec((at.len(), width), all).map_err(|error| Fault::Unfit(error.to_string()))
    }

    fn ranges(&self) -> Vec<Range<usize>> {
        let mut start = 0;
        let range = |input: &pb::Input| {
            let begin = start;
            start += prepare::width(input);
            begin..start
        };
        self.preparation.inputs.iter().map(range).collect()
    }
}

fn settings(training: &pb::Training) -> Settings {
    let or = |asked: i32, default: usize| usize::try_from(asked).ok().filter(|asked| *asked > 0).unwrap_or(default);
    Settings {
        trees: or(training.trees, 30),
        depth: or(training.depth, 6),
        leaf_rows: or(training.leaf_rows, 20),
        seed: training.seed,
    }
}
