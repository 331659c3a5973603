//! Matching the clusters of a later fit to those before, so that numbers and names stay.

/// Pairs rows with columns so that the sum of what they share is greatest: for each row its column, if they share
/// anything. The Hungarian method with potentials (Kuhn 1955; Munkres 1957), O(n³).
pub fn best_pairs(shared: &[Vec<f64>]) -> Vec<Option<usize>> {
    let (rows, columns) = (shared.len(), shared.first().map_or(0, Vec::len));
    let size = rows.max(columns);
    let cost = |row: usize, column: usize| -shared.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0);
    // Counted from 1; 0 stands for nobody.
    let (mut of_row, mut of_column) = (vec![0.0; size + 1], vec![0.0; size + 1]);
    let mut row_of = vec![0; size + 1];
    for row in 1..=size {
        row_of[0] = row;
        let (mut column, mut least, mut from) = (0, vec![f64::INFINITY; size + 1], vec![0; size + 1]);
        let mut done = vec![false; size + 1];
        while row_of[column] != 0 {
            done[column] = true;
            let (at, mut step, mut next) = (row_of[column], f64::INFINITY, 0);
            for other in (1..=size).filter(|other| !done[*other]) {
                let slack = cost(at - 1, other - 1) - of_row[at] - of_column[other];
                if slack < least[other] {
                    (least[other], from[other]) = (slack, column);
                }
                if least[other] < step {
                    (step, next) = (least[other], other);
                }
            }
            for other in 0..=size {
                if done[other] {
                    of_row[row_of[other]] += step;
                    of_column[other] -= step;
                } else {
                    least[other] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            (row_of[column], column) = (row_of[from[column]], from[column]);
        }
    }
    let mut pairs = vec![None; rows];
    for column in 1..=columns {
        let row = row_of[column];
        if row >= 1 && row <= rows && shared[row - 1][column - 1] > 0.0 {
            pairs[row - 1] = Some(column - 1);
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::draw::Draw;

    fn total(shared: &[Vec<f64>], pairs: &[Option<usize>]) -> f64 {
        pairs.iter().enumerate().filter_map(|(row, column)| Some(shared[row][(*column)?])).sum()
    }

    fn tried(shared: &[Vec<f64>], row: usize, taken: &mut Vec<bool>) -> f64 {
        if row == shared.len() {
            return 0.0;
        }
        let mut best = tried(shared, row + 1, taken);
        for column in 0..taken.len() {
            if !taken[column] {
                taken[column] = true;
                best = best.max(shared[row][column] + tried(shared, row + 1, taken));
                taken[column] = false;
            }
        }
        best
    }

    #[test]
    fn no_other_pairs_share_more() {
        let mut draw = Draw::new(11, 0);
        for (rows, columns) in [(1, 1), (3, 3), (5, 3), (3, 5), (6, 6), (2, 6)] {
            for _ in 0..30 {
                let shared: Vec<Vec<f64>> = (0..rows).map(|_| (0..columns).map(|_| draw.unit()).collect()).collect();
                let pairs = best_pairs(&shared);
                let mut columns_used: Vec<usize> = pairs.iter().flatten().copied().collect();
                columns_used.sort_unstable();
                columns_used.dedup();
                assert_eq!(columns_used.len(), pairs.iter().flatten().count());
                let best = tried(&shared, 0, &mut vec![false; columns]);
                assert!((total(&shared, &pairs) - best).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn who_shares_nothing_is_not_matched() {
        assert_eq!(best_pairs(&[vec![0.0, 0.9], vec![0.0, 0.8], vec![0.0, 0.0]]), [Some(1), None, None]);
        assert_eq!(best_pairs(&[]), []);
        assert_eq!(best_pairs(&[vec![], vec![]]), [None, None]);
    }
}
