//! An imported model's first trial: it scores the samples that came with it, and perhaps a dataset.

use huan_chassis::FieldFault;
use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::model_body;

use super::measure::{inputs, measure, with_histograms};
use super::prepare::Cell;
use super::rows::{Rows, cell};
use super::score::Fitted;

/// How far a sample's score may be from the one expected: what single precision leaves.
const NEAR: f64 = 1e-5;

/// What an import came to.
pub struct Imported {
    /// What is kept, with what drift is measured from if there was a dataset.
    pub body: pb::ModelBody,
    /// The features that it reads.
    pub features: Vec<String>,
    /// How it did on the dataset.
    pub metrics: Option<pb::Metrics>,
}

/// Reads a file, scores the samples on this day, and measures it on all rows if there are any. Errors: every field at fault.
pub fn import(
    scorer: pb::OnnxScorer,
    onnx: &[u8],
    samples: &[pb::Sample],
    rows: Option<&Rows>,
    today: Day,
) -> Result<Imported, Vec<FieldFault>> {
    let body = pb::ModelBody { learner: Some(model_body::Learner::Onnx(scorer)), ..Default::default() };
    let fault = |field: String, description: String| FieldFault { field, description };
    let fitted = Fitted::new(body, onnx).map_err(|why| vec![fault("onnx".into(), why)])?;
    let faults: Vec<FieldFault> = samples
        .iter()
        .enumerate()
        .filter_map(|(at, sample)| Some(fault(format!("samples[{at}]"), trial(&fitted, sample, today).err()?)))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let features = fitted.inputs.iter().map(|(name, _)| name.clone()).collect();
    let Some(rows) = rows else { return Ok(Imported { body: fitted.body, features, metrics: None }) };
    let all: Vec<usize> = (0..rows.len()).collect();
    let of_dataset = |why: String| vec![fault("dataset_id".into(), format!("is {why}"))];
    let series = inputs(&fitted, rows).map_err(of_dataset)?;
    let fitted = with_histograms(fitted, &series, &all);
    let metrics = measure(&fitted, rows, &all).map_err(of_dataset)?;
    Ok(Imported { body: fitted.body, features, metrics: Some(metrics) })
}

/// Scores a sample. Errors: why there is no score, or another than expected.
fn trial(fitted: &Fitted, sample: &pb::Sample, today: Day) -> Result<(), String> {
    let value = |input: usize| -> Cell<'_> { cell(sample.values.get(&fitted.inputs[input].0), today) };
    let score = fitted.score(value, &mut Vec::new()).map_err(|why| fitted.words(&why))?;
    match sample.expected {
        Some(expected) if (expected - score).abs() > NEAR || expected.is_nan() => {
            Err(format!("scores {score}, not {expected} as expected"))
        }
        _ => Ok(()),
    }
}
