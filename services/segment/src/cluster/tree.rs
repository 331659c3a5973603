//! A shallow decision tree (CART: Breiman, Friedman, Olshen and Stone 1984, Gini's impurity) that repeats labels.
//!
//! linfa-trees adds class counts in the order of a hash map, so that of splits alike one is taken by chance; here the
//! same points grow the same tree, and the counts are whole numbers.

use super::Points;

/// A tree. A label is its class; there are as many classes as labels.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// What its points mostly are.
    Leaf(u32),
    /// Points whose feature is at most the threshold go to the first, the others to the second.
    Split(usize, f64, Box<Tree>, Box<Tree>),
}

/// Grows a tree of at most `depth` levels, no leaf with fewer than `least` points, that tells apart `classes` labels.
/// Thresholds lie between values that occur and have as few digits as that allows.
pub fn grow(points: &Points, labels: &[u32], classes: usize, depth: usize, least: usize) -> Tree {
    let all: Vec<u32> = (0..points.len() as u32).collect();
    let sorted = (0..points.width).map(|feature| {
        let mut order = all.clone();
        let value = |at: u32| points.row(at as usize)[feature];
        order.sort_by(|left, right| value(*left).total_cmp(&value(*right)));
        order
    });
    Grower { points, labels, classes, least: least.max(1) }.grow(sorted.collect(), depth)
}

impl Tree {
    /// The leaf that a row falls into, counted from the first.
    pub fn leaf(&self, row: &[f64]) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Split(feature, threshold, low, _) if row[*feature] <= *threshold => low.leaf(row),
            Self::Split(_, _, low, high) => low.leaves() + high.leaf(row),
        }
    }

    /// How many leaves there are.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Leaf(_) => 1,
            Self::Split(_, _, low, high) => low.leaves() + high.leaves(),
        }
    }

    /// How many levels of splits there are.
    pub fn depth(&self) -> usize {
        match self {
            Self::Leaf(_) => 0,
            Self::Split(_, _, low, high) => 1 + low.depth().max(high.depth()),
        }
    }

    /// The same tree whose leaves have these classes in their order; splits that tell nothing apart are taken out.
    pub fn with_classes(self, classes: &mut impl Iterator<Item = u32>) -> Self {
        match self {
            Self::Leaf(class) => Self::Leaf(classes.next().unwrap_or(class)),
            Self::Split(feature, threshold, low, high) => {
                match (low.with_classes(classes), high.with_classes(classes)) {
                    (Self::Leaf(low), Self::Leaf(high)) if low == high => Self::Leaf(low),
                    (low, high) => Self::Split(feature, threshold, Box::new(low), Box::new(high)),
                }
            }
        }
    }
}

struct Grower<'a> {
    points: &'a Points,
    labels: &'a [u32],
    classes: usize,
    least: usize,
}

/// A way to split: how pure it is, the feature, and how many of its sorted points go to the first.
type Cut = (f64, usize, usize);

impl Grower<'_> {
    /// `sorted`: the points of this node, ascending by each feature.
    fn grow(&self, sorted: Vec<Vec<u32>>, depth: usize) -> Tree {
        let counts = self.counts(&sorted[0]);
        let most = (0..counts.len()).max_by_key(|class| (counts[*class], usize::MAX - class)).unwrap_or_default();
        let pure = counts[most] == sorted[0].len() as u64;
        let cuts = (0..self.points.width).filter_map(|feature| self.best_cut(&sorted[feature], feature, &counts));
        // Of cuts alike, the first feature's.
        let best = cuts.reduce(|best: Cut, cut| if cut.0 > best.0 { cut } else { best });
        let Some((_, feature, at)) = best.filter(|_| depth > 0 && !pure) else { return Tree::Leaf(most as u32) };
        let value = |at: usize| self.points.row(sorted[feature][at] as usize)[feature];
        let threshold = between(value(at - 1), value(at));
        let low = |point: &u32| self.points.row(*point as usize)[feature] <= threshold;
        let (lows, highs) =
            sorted.iter().map(|order| order.iter().partition::<Vec<u32>, _>(|point| low(point))).unzip();
        Tree::Split(feature, threshold, Box::new(self.grow(lows, depth - 1)), Box::new(self.grow(highs, depth - 1)))
    }

    fn counts(&self, points: &[u32]) -> Vec<u64> {
        let mut counts = vec![0; self.classes];
        points.iter().for_each(|point| counts[self.labels[*point as usize] as usize] += 1);
        counts
    }

    /// The cut of one feature after which the sum of squared class counts by size, on both sides, is greatest: that is
    /// where Gini's impurity is least.
    fn best_cut(&self, order: &[u32], feature: usize, counts: &[u64]) -> Option<Cut> {
        let value = |at: usize| self.points.row(order[at] as usize)[feature];
        let (mut low, mut high) = (vec![0u64; self.classes], counts.to_vec());
        let (mut low_squares, mut high_squares) = (0u64, high.iter().map(|count| count * count).sum::<u64>());
        let whole = high_squares as f64 / order.len() as f64;
        let mut best: Option<Cut> = None;
        for at in 1..order.len() {
            let class = self.labels[order[at - 1] as usize] as usize;
            low_squares += 2 * low[class] + 1;
            high_squares -= 2 * high[class] - 1;
            (low[class], high[class]) = (low[class] + 1, high[class] - 1);
            if at < self.least || order.len() - at < self.least || value(at - 1) >= value(at) {
                continue;
            }
            let purity = low_squares as f64 / at as f64 + high_squares as f64 / (order.len() - at) as f64;
            if purity > whole * (1.0 + 1e-9) && best.is_none_or(|best| purity > best.0) {
                best = Some((purity, feature, at));
            }
        }
        best
    }
}

/// A number from `low` to below `high` with as few digits as that allows: the middle, rounded.
fn between(low: f64, high: f64) -> f64 {
    let middle = low + (high - low) / 2.0;
    let rounded = (2..=17).map(|digits| format!("{middle:.*e}", digits - 1).parse().unwrap_or(middle));
    rounded.into_iter().find(|value| low <= *value && *value < high).unwrap_or(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class 1 is a corner, class 2 the rest above, class 0 the rest.
    fn corner() -> (Points, Vec<u32>) {
        let values: Vec<f64> = (0..400).flat_map(|at| [f64::from(at % 20), f64::from(at / 20)]).collect();
        let points = Points { values, width: 2 };
        let labels = points.rows().map(|row| if row[1] <= 9.0 { 0 } else { 1 + u32::from(row[0] > 4.0) }).collect();
        (points, labels)
    }

    #[test]
    fn a_tree_finds_the_borders_between_labels() {
        let (points, labels) = corner();
        let tree = grow(&points, &labels, 3, 2, 1);
        let inner = Tree::Split(0, 4.5, Box::new(Tree::Leaf(1)), Box::new(Tree::Leaf(2)));
        assert_eq!(tree, Tree::Split(1, 9.5, Box::new(Tree::Leaf(0)), Box::new(inner)));
        assert_eq!((tree.depth(), tree.leaves(), tree.leaf(&[5.0, 10.0]), tree.leaf(&[5.0, 9.5])), (2, 3, 2, 0));
    }

    #[test]
    fn depth_and_size_of_leaves_are_bounded() {
        let (points, labels) = corner();
        assert_eq!(grow(&points, &labels, 3, 0, 1), Tree::Leaf(0));
        assert_eq!(grow(&points, &labels, 3, 1, 1).leaves(), 2);
        assert_eq!(grow(&points, &labels, 3, 5, 201), Tree::Leaf(0));
        assert_eq!(grow(&points, &[1; 400], 3, 5, 1), Tree::Leaf(1));
    }

    #[test]
    fn splits_that_tell_nothing_apart_are_taken_out() {
        let (points, labels) = corner();
        let tree = grow(&points, &labels, 3, 2, 1);
        let merged = tree.with_classes(&mut [0, 2, 2].into_iter());
        assert_eq!(merged, Tree::Split(1, 9.5, Box::new(Tree::Leaf(0)), Box::new(Tree::Leaf(2))));
    }

    #[test]
    fn thresholds_have_few_digits() {
        assert_eq!(between(1234.5678, 1934.1), 1600.0);
        assert_eq!(between(0.0, 1.0), 0.5);
        assert_eq!(between(-3.0, -2.0), -2.5);
        assert_eq!(between(1.0, 1.0 + f64::EPSILON), 1.0);
        assert!((1e300..1.5e300).contains(&between(1e300, 1.5e300)));
    }
}
