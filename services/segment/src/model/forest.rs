//! A forest: linfa's classification trees, each grown on rows drawn with repetition and on some of the inputs (Breiman
//! 2001), and their leaf shares, which are counted here since linfa's trees answer labels alone.

use std::ops::Range;

use huan_proto::segment::v1 as pb;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_trees::{DecisionTree, SplitQuality};
use ndarray::{Array1, Array2, Axis};
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::{RngCore as _, SeedableRng as _};

use super::logistic::Labelled;
use super::watch::{Part, Stopped};

/// Rows that a tree is grown on, at most.
const ROWS: usize = 50_000;

/// How a forest is grown.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Trees.
    pub trees: usize,
    /// The deepest that a tree may be.
    pub depth: usize,
    /// The least weight of a leaf, in rows of which either class is half.
    pub leaf_rows: usize,
    /// What rows and inputs are drawn from.
    pub seed: u64,
}

/// Why there is no forest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody stopped it.
    Stopped,
    /// linfa could not grow a tree.
    Trees(String),
}

impl From<Stopped> for Fault {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Grows a forest. `inputs` are the columns of each input; a tree looks at two thirds of the inputs, drawn for it.
pub fn fit(
    rows: &Labelled<'_>,
    inputs: &[Range<usize>],
    settings: &Settings,
    part: Part<'_>,
) -> Result<pb::Forest, Fault> {
    let mut rng = Xoshiro256Plus::seed_from_u64(settings.seed);
    let mut trees = Vec::with_capacity(settings.trees);
    for number in 0..settings.trees {
        part.reach(number as f64 / settings.trees as f64)?;
        let columns = some_columns(inputs, &mut rng);
        let drawn = draw(rows.labels.len(), &mut rng);
        let mut tree = grow(rows, &columns, &drawn, settings).map_err(Fault::Trees)?;
        count_shares(&mut tree, rows);
        trees.push(tree);
    }
    Ok(pb::Forest { trees })
}

/// The mean share of the leaves that a row comes to.
pub fn share(forest: &pb::Forest, columns: &[f64]) -> f64 {
    let leaf = |tree: &pb::Tree| walk(tree, columns).last().map_or(0.0, |at| tree.nodes[at].share);
    forest.trees.iter().map(leaf).sum::<f64>() / forest.trees.len().max(1) as f64
}

/// The nodes that a row comes through, from the root to a leaf.
pub fn walk<'a>(tree: &'a pb::Tree, columns: &'a [f64]) -> impl Iterator<Item = usize> + 'a {
    let next = move |at: &usize| {
        let node = &tree.nodes[*at];
        let goes_left = columns.get(node.column as usize).is_some_and(|value| *value < node.threshold);
        (node.right != 0).then_some(if goes_left { at + 1 } else { node.right as usize })
    };
    std::iter::successors((!tree.nodes.is_empty()).then_some(0), next)
}

fn grow(rows: &Labelled<'_>, columns: &[usize], drawn: &[usize], settings: &Settings) -> Result<pb::Tree, String> {
    let records: Array2<f64> = rows.columns.select(Axis(0), drawn).select(Axis(1), columns);
    let labels = Array1::from_iter(drawn.iter().map(|row| rows.labels[*row]));
    let balanced = balance(rows, drawn);
    let weights = Array1::from_iter(drawn.iter().map(|row| balanced(*row)));
    let dataset = DatasetBase::new(records, labels).with_weights(weights);
    let params = DecisionTree::params()
        .split_quality(SplitQuality::Gini)
        .max_depth(Some(settings.depth))
        .min_weight_split(2.0 * settings.leaf_rows as f32)
        .min_weight_leaf(settings.leaf_rows as f32);
    let tree = params.fit(&dataset).map_err(|error| error.to_string())?;
    let mut nodes = Vec::new();
    copy(tree.root_node(), columns, &mut nodes);
    Ok(pb::Tree { nodes })
}

/// What a row weighs in a tree: both classes are half of all, since linfa cuts off branches whose leaves have one label, and
/// of a rare class that would be nearly all. The true ones are a little more than half: linfa breaks ties by chance.
fn balance<'a>(rows: &'a Labelled<'_>, drawn: &[usize]) -> impl Fn(usize) -> f32 + 'a {
    let sum = |label: bool| -> f64 {
        drawn.iter().filter(|row| rows.labels[**row] == label).map(|row| rows.weights[*row]).sum()
    };
    let half = drawn.len() as f64 / 2.0;
    let (trues, falses) = (half * 1.000_7 / sum(true).max(1.0), half / sum(false).max(1.0));
    move |row| (rows.weights[row] * if rows.labels[row] { trues } else { falses }) as f32
}

type Node = linfa_trees::TreeNode<f64, bool>;

/// Copies a node and all below it, the left child first.
fn copy(node: &Node, columns: &[usize], nodes: &mut Vec<pb::TreeNode>) {
    let at = nodes.len();
    nodes.push(pb::TreeNode::default());
    let children = node.children();
    if let (false, [Some(left), Some(right)]) = (node.is_leaf(), children.as_slice()) {
        let (column, threshold, _) = node.split();
        copy(left, columns, nodes);
        let place = nodes.len() as u32;
        copy(right, columns, nodes);
        nodes[at] = pb::TreeNode { column: columns[column] as u32, threshold, right: place, share: 0.0 };
    }
}

/// Counts, over all rows, the share of true labels at each node; one that no row comes to has its parent's.
fn count_shares(tree: &mut pb::Tree, rows: &Labelled<'_>) {
    let mut sums = vec![(0.0, 0.0); tree.nodes.len()];
    let mut columns = Vec::with_capacity(rows.columns.ncols());
    for ((row, label), weight) in rows.columns.rows().into_iter().zip(rows.labels).zip(rows.weights) {
        columns.clear();
        columns.extend(row.iter().copied());
        for at in walk(tree, &columns) {
            sums[at].0 += weight;
            sums[at].1 += if *label { *weight } else { 0.0 };
        }
    }
    for (at, (weight, trues)) in sums.into_iter().enumerate() {
        if weight > 0.0 {
            tree.nodes[at].share = trues / weight;
        }
        let (right, share) = (tree.nodes[at].right as usize, tree.nodes[at].share);
        if right != 0 {
            // Children come after their parent, so what they have of their own is put in later.
            tree.nodes[at + 1].share = share;
            tree.nodes[right].share = share;
        }
    }
}

/// As many rows as there are, or [`ROWS`], drawn with repetition.
fn draw(rows: usize, rng: &mut Xoshiro256Plus) -> Vec<usize> {
    (0..rows.min(ROWS)).map(|_| below(rng, rows)).collect()
}

/// The columns of two thirds of the inputs, ascending.
fn some_columns(inputs: &[Range<usize>], rng: &mut Xoshiro256Plus) -> Vec<usize> {
    let mut order = shuffled(inputs.len(), rng);
    order.truncate((inputs.len() * 2).div_ceil(3));
    let mut columns: Vec<usize> = order.into_iter().flat_map(|input| inputs[input].clone()).collect();
    columns.sort_unstable();
    columns
}

/// The numbers below a bound in some order (Fisher and Yates 1938, as Durstenfeld's algorithm 235 has it).
pub(super) fn shuffled(bound: usize, rng: &mut Xoshiro256Plus) -> Vec<usize> {
    let mut order: Vec<usize> = (0..bound).collect();
    for at in (1..bound).rev() {
        order.swap(at, below(rng, at + 1));
    }
    order
}

/// A number below a bound, from the high bits of a draw.
fn below(rng: &mut Xoshiro256Plus, bound: usize) -> usize {
    ((u128::from(rng.next_u64()) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::watch::Watch;

    const SETTINGS: Settings = Settings { trees: 8, depth: 3, leaf_rows: 5, seed: 3 };

    /// 200 rows: the label is whether the first column is at least 0.5, but for every tenth row.
    fn rows() -> (Array2<f64>, Vec<bool>, Vec<f64>) {
        let columns =
            Array2::from_shape_fn((200, 2), |(row, column)| if column == 0 { row as f64 / 200.0 } else { 1.0 });
        let labels = (0..200).map(|row| (row >= 100) != (row % 10 == 0)).collect();
        (columns, labels, vec![1.0; 200])
    }

    fn grown(watch: &Watch) -> Result<pb::Forest, Fault> {
        let (columns, labels, weights) = rows();
        let rows = Labelled { columns: &columns, labels: &labels, weights: &weights };
        fit(&rows, &[0..1, 1..2], &SETTINGS, Part::new(watch, 0.0, 1.0))
    }

    #[test]
    fn leaf_shares_are_those_of_the_rows_that_come_there() {
        let forest = grown(&Watch::default()).unwrap();
        assert_eq!(forest.trees.len(), 8);
        let (low, high) = (share(&forest, &[0.2, 1.0]), share(&forest, &[0.8, 1.0]));
        assert!(low < 0.3 && high > 0.7, "{low} {high}");
        for tree in &forest.trees {
            assert!((tree.nodes[0].share - 0.5).abs() < 1e-12);
        }
    }

    #[test]
    fn the_same_seed_grows_the_same_forest() {
        assert_eq!(grown(&Watch::default()), grown(&Watch::default()));
    }

    #[test]
    fn a_stopped_forest_stops() {
        let watch = Watch::default();
        watch.stop();
        assert_eq!(grown(&watch), Err(Fault::Stopped));
    }
}
