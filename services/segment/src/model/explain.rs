//! Why a score is what it is: what each feature adds to it. Of a logistic model, coefficient times distance from the mean
//! row, in logits; of a forest, the change of share along the path through each tree (Saabas 2014), in probability.

use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::{model_body, scorer};

use super::forest::walk;
use super::prepare::{self, Cell};
use super::score::{Fitted, NoScore};

/// What a score is without any contribution, and what each input adds to that, in the order of the inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The mean row's logit, or the root's share; of an uplift model the difference of two such.
    pub base: f64,
    /// One an input.
    pub contributions: Vec<f64>,
}

/// Explains the score of a row. `None`: an imported model, which [`super::compare`] explains. Errors: the row has no score.
pub fn explain<'a>(fitted: &Fitted, cell: impl Fn(usize) -> Cell<'a>) -> Result<Option<Explained>, NoScore> {
    let mut columns = Vec::new();
    let Some(preparation) = &fitted.body.preparation else { return Ok(None) };
    fitted.read(cell, &mut columns)?;
    let by_column = match &fitted.body.learner {
        Some(model_body::Learner::Single(one)) => of_scorer(one, &columns),
        Some(model_body::Learner::Uplift(both)) => {
            let of = |one: &Option<pb::Scorer>| one.as_ref().map(|one| of_scorer(one, &columns)).unwrap_or_default();
            let (treated, control) = (of(&both.treated), of(&both.control));
            let less = treated.1.iter().zip(&control.1).map(|(treated, control)| treated - control).collect();
            (treated.0 - control.0, less)
        }
        _ => return Ok(None),
    };
    Ok(Some(Explained { base: by_column.0, contributions: by_input(preparation, &by_column.1) }))
}

/// How much each input weighs in a version as a whole: the sum of the sizes of its coefficients, or of the changes of share
/// in the trees; 0 of what cannot be told.
pub fn weights(body: &pb::ModelBody) -> Vec<f64> {
    let Some(preparation) = &body.preparation else { return Vec::new() };
    let scorers = match &body.learner {
        Some(model_body::Learner::Single(one)) => vec![one],
        Some(model_body::Learner::Uplift(both)) => both.treated.iter().chain(&both.control).collect(),
        _ => Vec::new(),
    };
    let mut columns = vec![0.0; prepare::total_width(preparation)];
    for one in scorers {
        match &one.kind {
            Some(scorer::Kind::Logistic(model)) => {
                columns.iter_mut().zip(&model.coefficients).for_each(|(sum, weight)| *sum += weight.abs());
            }
            Some(scorer::Kind::Forest(model)) => {
                for tree in &model.trees {
                    add_splits(tree, &mut columns);
                }
            }
            None => {}
        }
    }
    by_input(preparation, &columns)
}

fn add_splits(tree: &pb::Tree, columns: &mut [f64]) {
    for (at, node) in tree.nodes.iter().enumerate().filter(|(_, node)| node.right != 0) {
        let change = (tree.nodes[at + 1].share - tree.nodes[node.right as usize].share).abs();
        if let Some(sum) = columns.get_mut(node.column as usize) {
            *sum += change;
        }
    }
}

fn of_scorer(one: &pb::Scorer, columns: &[f64]) -> (f64, Vec<f64>) {
    match &one.kind {
        Some(scorer::Kind::Logistic(model)) => of_logistic(model, columns),
        Some(scorer::Kind::Forest(model)) => of_forest(model, columns),
        None => (0.0, vec![0.0; columns.len()]),
    }
}

fn of_logistic(model: &pb::Logistic, columns: &[f64]) -> (f64, Vec<f64>) {
    let each = model.coefficients.iter().zip(&model.means).zip(columns);
    let contributions = each.map(|((weight, mean), value)| weight * (value - mean)).collect();
    let mean = model.coefficients.iter().zip(&model.means).map(|(weight, mean)| weight * mean).sum::<f64>();
    (model.intercept + mean, contributions)
}

fn of_forest(model: &pb::Forest, columns: &[f64]) -> (f64, Vec<f64>) {
    let (mut base, mut contributions) = (0.0, vec![0.0; columns.len()]);
    let count = model.trees.len().max(1) as f64;
    for tree in &model.trees {
        base += tree.nodes.first().map_or(0.0, |root| root.share) / count;
        let path: Vec<usize> = walk(tree, columns).collect();
        for step in path.windows(2) {
            let (from, to) = (&tree.nodes[step[0]], &tree.nodes[step[1]]);
            if let Some(sum) = contributions.get_mut(from.column as usize) {
                *sum += (to.share - from.share) / count;
            }
        }
    }
    (base, contributions)
}

/// Adds up the columns of each input.
fn by_input(preparation: &pb::Preparation, columns: &[f64]) -> Vec<f64> {
    let mut start = 0;
    let sum = |input: &pb::Input| {
        let end = start + prepare::width(input);
        let sum = columns.get(start..end).map_or(0.0, |own| own.iter().sum());
        start = end;
        sum
    };
    preparation.inputs.iter().map(sum).collect()
}
