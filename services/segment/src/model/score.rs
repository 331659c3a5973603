//! A version ready to score: a row's cells in, a score out, or why there is none.

use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::{model_body, scorer};
use huan_proto::types::v1::ValueType;

use super::onnx::Onnx;
use super::prepare::{self, Cell};
use super::{forest, logistic};

/// A version that can score.
pub struct Fitted {
    /// What it was made from.
    pub body: pb::ModelBody,
    /// What it reads: names and types.
    pub inputs: Vec<(String, ValueType)>,
    onnx: Option<Onnx>,
}

/// Why there is no score.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoScore {
    /// The value of the input at this place is missing, or a category that training did not know.
    Missing(usize),
    /// The model broke down on this row.
    Broken(String),
}

impl Fitted {
    /// Makes a version ready; `onnx` are the bytes of an imported one. Errors: what is wrong with it.
    pub fn new(body: pb::ModelBody, onnx: &[u8]) -> Result<Self, String> {
        if let Some(model_body::Learner::Onnx(scorer)) = &body.learner {
            let onnx = Onnx::new(scorer, onnx)?;
            return Ok(Self { inputs: onnx.features().to_vec(), onnx: Some(onnx), body });
        }
        let preparation = body.preparation.as_ref().ok_or("it has no preparation")?;
        let inputs = preparation.inputs.iter().map(|input| (input.feature.clone(), input.r#type())).collect();
        Ok(Self { inputs, onnx: None, body })
    }

    /// The same with another body, which scores alike.
    pub(super) fn with_body(self, body: pb::ModelBody) -> Self {
        Self { body, ..self }
    }

    /// Scores a row of cells, one an input. `scratch` is overwritten and saves allocations.
    pub fn score<'a>(&self, cell: impl Fn(usize) -> Cell<'a>, scratch: &mut Vec<f64>) -> Result<f64, NoScore> {
        let score = match &self.onnx {
            Some(onnx) => onnx.score(cell)?,
            None => {
                self.read(cell, scratch)?;
                match &self.body.learner {
                    Some(model_body::Learner::Single(one)) => score_of(one, scratch),
                    Some(model_body::Learner::Uplift(both)) => {
                        let of = |one: &Option<pb::Scorer>| one.as_ref().map_or(f64::NAN, |one| score_of(one, scratch));
                        of(&both.treated) - of(&both.control)
                    }
                    _ => f64::NAN,
                }
            }
        };
        if score.is_finite() { Ok(score) } else { Err(NoScore::Broken("the score is not a number".into())) }
    }

    /// Prepares a row.
    pub(super) fn read<'a>(&self, cell: impl Fn(usize) -> Cell<'a>, columns: &mut Vec<f64>) -> Result<(), NoScore> {
        let preparation = self.body.preparation.as_ref().ok_or_else(|| NoScore::Broken("no preparation".into()))?;
        prepare::read(preparation, cell, columns).map_err(NoScore::Missing)
    }

    /// Whether it comes from elsewhere.
    pub fn is_imported(&self) -> bool {
        self.onnx.is_some()
    }

    /// Whether a score is a difference of two.
    pub fn is_uplift(&self) -> bool {
        matches!(self.body.learner, Some(model_body::Learner::Uplift(_)))
    }

    /// Why there is no score, in words.
    pub fn words(&self, why: &NoScore) -> String {
        match why {
            NoScore::Missing(input) => {
                let name = self.inputs.get(*input).map_or("an input", |(name, _)| name);
                format!("{name} is missing, or is a category that training did not know")
            }
            NoScore::Broken(why) => why.clone(),
        }
    }
}

fn score_of(one: &pb::Scorer, columns: &[f64]) -> f64 {
    match &one.kind {
        Some(scorer::Kind::Logistic(model)) => logistic::probability(logistic::logit(model, columns)),
        Some(scorer::Kind::Forest(model)) => forest::share(model, columns),
        None => f64::NAN,
    }
}
