//! Versions of models between the contract and the tables.

use std::collections::HashSet;

use huan_chassis::check::Faults;
use huan_chassis::{FieldFault, Result, clock};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::Learner;
use huan_proto::types::v1::ValueType;
use prost::Message as _;

use crate::store::entity::model_version::Model;
use crate::store::model::Promotion;

const MAX_WORDS: usize = 2000;
const MAX_ONNX: usize = 3 * 1024 * 1024;
const MAX_INPUTS: usize = 1000;
const MAX_SAMPLES: usize = 100;

/// Who makes a version, for whom and when.
pub struct Maker<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The caller.
    pub subject: &'a str,
    /// System time.
    pub now: chrono::DateTime<chrono::Utc>,
}

/// Reads a training: the version to be made and how.
pub fn train_model(maker: &Maker<'_>, request: pb::TrainModelRequest) -> Result<(Model, pb::Training)> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let asked = faults.required("training", request.training).unwrap_or_default();
    let learner = faults.enumeration::<Learner>("training.learner", asked.learner);
    if learner == Learner::Onnx {
        faults.add("training.learner", "is imported, not trained");
    }
    faults.id("training.dataset_id", &asked.dataset_id);
    let split = faults.optional_enumeration::<pb::Split>("training.split", asked.split);
    let mut seen = HashSet::new();
    for (at, name) in asked.features.iter().enumerate().filter(|(_, name)| !seen.insert(name.as_str())) {
        faults.add(format!("training.features[{at}]"), format!("{name} is named twice"));
    }
    if !(0.0..=1e6).contains(&asked.penalty) {
        faults.add("training.penalty", "must be 0 to 1000000");
    }
    for (field, value, most) in
        [("trees", asked.trees, 200), ("depth", asked.depth, 12), ("leaf_rows", asked.leaf_rows, 100_000)]
    {
        if !(0..=most).contains(&value) {
            faults.add(format!("training.{field}"), format!("must be 0 to {most}"));
        }
    }
    let split = if split == pb::Split::Unspecified { pb::Split::TimeOrdered } else { split };
    let training = pb::Training { split: split.into(), ..asked };
    let version = pb::ModelVersion {
        model_id: faults.name("model_id", &request.model_id, 64),
        purpose: faults.text("purpose", &request.purpose, MAX_WORDS),
        training: Some(training.clone()),
        create_time: Some(clock::timestamp(maker.now)),
        ..Default::default()
    };
    faults.finish().map(|()| (row(maker, request_id, pb::ModelState::Training, &version), training))
}

/// Refuses features that a dataset does not have, or that were known only after the outcome.
pub fn check_training(training: &pb::Training, dataset: &pb::Dataset) -> Result<()> {
    let mut faults = Faults::new();
    for (at, name) in training.features.iter().enumerate() {
        let fault = match dataset.features.iter().find(|feature| feature.name == *name) {
            None => Some(format!("the dataset has no {name}")),
            Some(feature) if feature.known_after_outcome => Some(format!("{name} is known only after the outcome")),
            Some(_) => None,
        };
        fault.into_iter().for_each(|fault| faults.add(format!("training.features[{at}]"), fault));
    }
    if training.features.is_empty() && dataset.features.iter().all(|feature| feature.known_after_outcome) {
        faults.add("training.features", "none was known before the outcome");
    }
    faults.finish()
}

/// What ImportModel asks for.
pub struct Import {
    /// The version as it will be, but for its number and what the samples show.
    pub row: Model,
    /// The version's message.
    pub version: pb::ModelVersion,
    /// What is kept of it beside the file.
    pub scorer: pb::OnnxScorer,
    /// The file.
    pub onnx: Vec<u8>,
    /// Rows to try it with.
    pub samples: Vec<pb::Sample>,
    /// What to measure it on; empty = nothing.
    pub dataset_id: String,
}

/// Reads an import.
pub fn import_model(maker: &Maker<'_>, request: pb::ImportModelRequest) -> Result<Import> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    if request.onnx.is_empty() || request.onnx.len() > MAX_ONNX {
        faults.add("onnx", format!("must be 1 to {MAX_ONNX} bytes"));
    }
    if request.inputs.is_empty() || request.inputs.len() > MAX_INPUTS {
        faults.add("inputs", format!("must be 1 to {MAX_INPUTS}"));
    }
    request.inputs.iter().enumerate().take(MAX_INPUTS).for_each(|(at, input)| check_input(&mut faults, at, input));
    if request.samples.is_empty() || request.samples.len() > MAX_SAMPLES {
        faults.add("samples", format!("must be 1 to {MAX_SAMPLES}"));
    }
    if request.position < 0 {
        faults.add("position", "is below 0");
    }
    let output = faults.text("output", &request.output, 256);
    let dataset_id = faults.optional_text("dataset_id", &request.dataset_id, 64);
    let training = pb::Training { dataset_id: dataset_id.clone(), learner: Learner::Onnx.into(), ..Default::default() };
    let version = pb::ModelVersion {
        model_id: faults.name("model_id", &request.model_id, 64),
        purpose: faults.text("purpose", &request.purpose, MAX_WORDS),
        training: Some(training),
        create_time: Some(clock::timestamp(maker.now)),
        ..Default::default()
    };
    faults.finish().map(|()| Import {
        row: row(maker, request_id, pb::ModelState::Ready, &version),
        version,
        scorer: pb::OnnxScorer { inputs: request.inputs, output, position: request.position },
        onnx: request.onnx,
        samples: request.samples,
        dataset_id,
    })
}

fn check_input(faults: &mut Faults, at: usize, input: &pb::OnnxInput) {
    let field = |name: &str| format!("inputs[{at}].{name}");
    faults.text(&field("input"), &input.input, 256);
    faults.name(&field("feature"), &input.feature, 64);
    let r#type = faults.enumeration::<ValueType>(&field("type"), input.r#type);
    if input.position < 0 {
        faults.add(field("position"), "is below 0");
    }
    if (r#type == ValueType::Text) == input.equals.is_empty() {
        faults.add(field("equals"), "is required for a text, and for nothing else");
    }
    if input.missing_value.is_some_and(|value| !value.is_finite()) {
        faults.add(field("missing_value"), "is not a number");
    }
}

/// Reads which version is meant.
pub fn version_key(model_id: &str, version: i64) -> Result<(String, i64)> {
    let mut faults = Faults::new();
    let model_id = faults.id("model_id", model_id);
    if version < 1 {
        faults.add("version", "must be 1 or more");
    }
    faults.finish().map(|()| (model_id, version))
}

/// Reads a promotion and what the checker says.
pub fn promote_model(request: pb::PromoteModelRequest) -> Result<(Promotion, String)> {
    let mut faults = Faults::new();
    let promotion = Promotion {
        model_id: faults.id("model_id", &request.model_id),
        version: request.version,
        stage: faults.enumeration::<pb::Stage>("stage", request.stage),
        revision: request.revision,
    };
    let comment = faults.optional_text("comment", &request.comment, MAX_WORDS);
    faults.finish().map(|()| (promotion, comment))
}

/// A version as it stands.
pub fn version(row: &Model) -> Result<pb::ModelVersion> {
    let kept: pb::ModelVersion = crate::memory::decode(&row.payload)?;
    Ok(pb::ModelVersion {
        version: row.version,
        state: row.state,
        progress: f64::from(row.progress) / 1000.0,
        stage: row.stage,
        revision: row.revision,
        maker: row.maker.clone(),
        checker: row.checker.clone(),
        ..kept
    })
}

/// A fault of one field.
pub fn fault(field: impl Into<String>, description: impl Into<String>) -> FieldFault {
    FieldFault { field: field.into(), description: description.into() }
}

fn row(maker: &Maker<'_>, request_id: String, state: pb::ModelState, version: &pb::ModelVersion) -> Model {
    let is_ready = state == pb::ModelState::Ready;
    let stage = if is_ready { pb::Stage::Shadow } else { pb::Stage::Unspecified };
    Model {
        tenant: maker.tenant.to_owned(),
        model_id: version.model_id.clone(),
        version: 0,
        request_id,
        state: state.into(),
        stage: stage.into(),
        progress: if is_ready { 1000 } else { 0 },
        revision: 1,
        holder: String::new(),
        held_until: 0,
        maker: maker.subject.to_owned(),
        checker: String::new(),
        payload: version.encode_to_vec(),
    }
}
