//! Imported models: an ONNX graph that tract runs, and where each number that goes into it comes from.

use std::panic::{AssertUnwindSafe, catch_unwind};

use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::ValueType;
use tract_onnx::prelude::{
    DatumType, Framework as _, InferenceFact, InferenceModelExt as _, IntoTValue as _, TValue, TVec, Tensor,
    TractError, TypedModel, TypedRunnableModel,
};
use tract_onnx::tract_hir::internal::Factoid as _;

use super::prepare::Cell;
use super::score::NoScore;

/// An imported model that can run.
pub struct Onnx {
    plan: TypedRunnableModel<TypedModel>,
    // The graph's inputs in its order, each with the numbers that it takes, by position.
    tensors: Vec<Slot>,
    features: Vec<(String, ValueType)>,
    position: usize,
}

/// One input of the graph.
struct Slot {
    is_double: bool,
    numbers: Vec<Source>,
}

/// Where one number comes from.
struct Source {
    feature: usize,
    equals: Option<String>,
    missing_value: Option<f64>,
}

impl Onnx {
    /// Reads a graph and binds its inputs. Errors: what cannot be read or run, or does not fit, in words.
    pub fn new(scorer: &pb::OnnxScorer, bytes: &[u8]) -> Result<Self, String> {
        // A graph is foreign code: what breaks down in tract is a fault of the graph.
        catch_unwind(AssertUnwindSafe(|| read(scorer, bytes)))
            .unwrap_or_else(|_| Err("the model cannot be read".into()))
    }

    /// The features that it reads and their types.
    pub fn features(&self) -> &[(String, ValueType)] {
        &self.features
    }

    /// Scores a row of cells, one a feature.
    pub fn score<'a>(&self, cell: impl Fn(usize) -> Cell<'a>) -> Result<f64, NoScore> {
        let tensors: TVec<TValue> = self.tensors.iter().map(|slot| slot.tensor(&cell)).collect::<Result<_, _>>()?;
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run(tensors)));
        outcome.unwrap_or_else(|_| Err("the model broke down".into())).map_err(NoScore::Broken)
    }

    fn run(&self, tensors: TVec<TValue>) -> Result<f64, String> {
        let outputs = self.plan.run(tensors).map_err(words)?;
        let output = outputs.first().ok_or("the model has no output")?;
        let output = output.cast_to::<f64>().map_err(words)?;
        let row = output.as_slice::<f64>().map_err(words)?;
        let score = row.get(self.position).copied();
        let score = score.ok_or_else(|| format!("the output has {} numbers, none at {}", row.len(), self.position))?;
        if (0.0..=1.0).contains(&score) { Ok(score) } else { Err(format!("{score} does not lie within 0 and 1")) }
    }
}

impl Slot {
    fn tensor<'a>(&self, cell: &impl Fn(usize) -> Cell<'a>) -> Result<TValue, NoScore> {
        let numbers: Vec<f64> = self.numbers.iter().map(|source| source.number(cell)).collect::<Result<_, _>>()?;
        let shape = [1, numbers.len()];
        let tensor = if self.is_double {
            Tensor::from_shape(&shape, &numbers)
        } else {
            Tensor::from_shape(&shape, &numbers.iter().map(|number| *number as f32).collect::<Vec<_>>())
        };
        Ok(tensor.map_err(|error| NoScore::Broken(words(error)))?.into_tvalue())
    }
}

impl Source {
    fn number<'a>(&self, cell: &impl Fn(usize) -> Cell<'a>) -> Result<f64, NoScore> {
        let known = match (cell(self.feature), &self.equals) {
            (Cell::Number(number), None) => Some(number),
            (Cell::Text(text), Some(equals)) => Some(f64::from(u8::from(text == equals))),
            _ => None,
        };
        known.or(self.missing_value).ok_or(NoScore::Missing(self.feature))
    }
}

fn read(scorer: &pb::OnnxScorer, bytes: &[u8]) -> Result<Onnx, String> {
    let mut graph = tract_onnx::onnx().model_for_read(&mut &*bytes).map_err(words)?;
    graph.set_output_names([&scorer.output]).map_err(|_| format!("the model has no output {}", scorer.output))?;
    let names: Vec<String> = graph.inputs.iter().map(|outlet| graph.node(outlet.node).name.clone()).collect();
    if let Some(input) = scorer.inputs.iter().find(|input| !names.contains(&input.input)) {
        return Err(format!("the model has no input {}; it has {}", input.input, names.join(", ")));
    }
    let features = features(&scorer.inputs)?;
    let mut tensors = Vec::with_capacity(names.len());
    for (at, name) in names.iter().enumerate() {
        let fact = graph.input_fact(at).map_err(words)?.clone();
        let numbers = numbers(name, &scorer.inputs, &features)?;
        if let Some(width) = fact.shape.dims().nth(1).and_then(|dim| dim.concretize()).and_then(|dim| dim.to_i64().ok())
            && width != numbers.len() as i64
        {
            return Err(format!("the input {name} takes {width} numbers, and {} are mapped", numbers.len()));
        }
        let r#type = fact.datum_type.concretize().unwrap_or(DatumType::F32);
        if r#type != DatumType::F32 && r#type != DatumType::F64 {
            return Err(format!("the input {name} takes {type:?}, not floats"));
        }
        graph.set_input_fact(at, InferenceFact::dt_shape(r#type, [1, numbers.len()])).map_err(words)?;
        tensors.push(Slot { is_double: r#type == DatumType::F64, numbers });
    }
    let plan = graph.into_optimized().and_then(|model| model.into_runnable()).map_err(words)?;
    let position = usize::try_from(scorer.position).map_err(|_| "the output's position is below 0")?;
    Ok(Onnx { plan, tensors, features, position })
}

/// The features, each once. Errors: one that is mapped with two types.
fn features(inputs: &[pb::OnnxInput]) -> Result<Vec<(String, ValueType)>, String> {
    let mut features: Vec<(String, ValueType)> = Vec::new();
    for input in inputs {
        match features.iter().find(|(name, _)| *name == input.feature) {
            None => features.push((input.feature.clone(), input.r#type())),
            Some((_, r#type)) if *r#type == input.r#type() => {}
            Some(_) => return Err(format!("{} is mapped with two types", input.feature)),
        }
    }
    Ok(features)
}

/// What goes into one input, by position. Errors: a position that is left out or taken twice.
fn numbers(name: &str, inputs: &[pb::OnnxInput], features: &[(String, ValueType)]) -> Result<Vec<Source>, String> {
    let mut own: Vec<&pb::OnnxInput> = inputs.iter().filter(|input| input.input == name).collect();
    own.sort_by_key(|input| input.position);
    if own.is_empty() {
        return Err(format!("nothing is mapped to the input {name}"));
    }
    let gap = own.iter().enumerate().find(|(at, input)| usize::try_from(input.position) != Ok(*at));
    if let Some((at, _)) = gap {
        return Err(format!("position {at} of the input {name} is left out or taken twice"));
    }
    let source = |input: &&pb::OnnxInput| Source {
        feature: features.iter().position(|(feature, _)| *feature == input.feature).unwrap_or_default(),
        equals: (input.r#type() == ValueType::Text).then(|| input.equals.clone()),
        missing_value: input.missing_value,
    };
    Ok(own.iter().map(source).collect())
}

/// What tract says, without its chain of contexts but the last, which tells the most.
fn words(error: TractError) -> String {
    let root = error.root_cause().to_string();
    let mut text = format!("{error}: {root}").replace(['\n', '\r', '\t'], " ");
    text.truncate(text.char_indices().nth(300).map_or(text.len(), |(at, _)| at));
    text
}
