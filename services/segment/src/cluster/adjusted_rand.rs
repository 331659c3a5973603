//! How alike two partitions are.

use std::collections::HashMap;

/// The adjusted Rand index of two labellings of the same points (Hubert and Arabie 1985, eq. 5, in the form of pair
/// counts): 1 for the same partition, about 0 for unrelated ones.
pub fn adjusted_rand(left: &[u32], right: &[u32]) -> f64 {
    let mut cells: HashMap<(u32, u32), f64> = HashMap::new();
    let (mut rows, mut columns): (HashMap<u32, f64>, HashMap<u32, f64>) = Default::default();
    for (left, right) in left.iter().zip(right) {
        *cells.entry((*left, *right)).or_default() += 1.0;
        *rows.entry(*left).or_default() += 1.0;
        *columns.entry(*right).or_default() += 1.0;
    }
    let count = left.len() as f64;
    let squares = |sizes: &mut dyn Iterator<Item = f64>| sizes.map(|size| size * size).sum::<f64>();
    let both = squares(&mut cells.into_values());
    let (in_left, in_right) = (squares(&mut rows.into_values()), squares(&mut columns.into_values()));
    // Ordered pairs that are together in both, in the left or the right alone, and in neither.
    let (together, only_left, only_right) = (both - count, in_left - both, in_right - both);
    let apart = count * count - in_left - in_right + both;
    if only_left == 0.0 && only_right == 0.0 {
        return 1.0;
    }
    let product = (together + only_left) * (only_left + apart) + (together + only_right) * (only_right + apart);
    2.0 * (together * apart - only_left * only_right) / product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clusters_do_not_matter() {
        assert_eq!(adjusted_rand(&[0, 0, 1, 1, 2], &[5, 5, 3, 3, 9]), 1.0);
        assert_eq!(adjusted_rand(&[0, 0, 0], &[1, 1, 1]), 1.0);
        assert!(adjusted_rand(&[0, 0, 1, 1], &[0, 1, 0, 1]) < 0.0);
    }
}
