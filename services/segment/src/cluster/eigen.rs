//! Small symmetric matrices, row by row: eigenvalues by Jacobi's rotations, and Cholesky's factor.

/// The most rounds over all pairs; ten are seldom needed.
const ROUNDS: usize = 60;

/// Eigenvalues, greatest first, and the unit eigenvectors of a symmetric matrix of `size` rows, a row each, of which
/// the greatest loading is positive. Jacobi's cyclic method (Golub and Van Loan, Matrix Computations, §8.5).
pub fn eigen(mut matrix: Vec<f64>, size: usize) -> (Vec<f64>, Vec<Vec<f64>>) {
    let mut vectors: Vec<f64> = (0..size * size).map(|at| f64::from(u8::from(at / size == at % size))).collect();
    let scale: f64 = matrix.iter().map(|value| value * value).sum();
    for _ in 0..ROUNDS {
        let off: f64 = (0..size * size).filter(|at| at / size != at % size).map(|at| matrix[at] * matrix[at]).sum();
        if off <= scale * 1e-30 {
            break;
        }
        for left in 0..size {
            for right in left + 1..size {
                rotate(&mut matrix, &mut vectors, size, left, right);
            }
        }
    }
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|left, right| matrix[right * size + right].total_cmp(&matrix[left * size + left]));
    let vector = |at: &usize| {
        let vector: Vec<f64> = (0..size).map(|row| vectors[row * size + at]).collect();
        let widest = vector
            .iter()
            .copied()
            .fold(0.0, |widest: f64, value| if value.abs() > widest.abs() { value } else { widest });
        vector.into_iter().map(|value| if widest < 0.0 { -value } else { value }).collect()
    };
    (order.iter().map(|at| matrix[at * size + at]).collect(), order.iter().map(vector).collect())
}

/// Turns two axes so that nothing is left between them.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], size: usize, left: usize, right: usize) {
    let between = matrix[left * size + right];
    if between == 0.0 {
        return;
    }
    let theta = (matrix[right * size + right] - matrix[left * size + left]) / (2.0 * between);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let turn = |values: &mut [f64], one: usize, other: usize| {
        let (first, second) = (values[one], values[other]);
        (values[one], values[other]) = (cosine * first - sine * second, sine * first + cosine * second);
    };
    (0..size).for_each(|row| turn(matrix, row * size + left, row * size + right));
    (0..size).for_each(|column| turn(matrix, left * size + column, right * size + column));
    (0..size).for_each(|row| turn(vectors, row * size + left, row * size + right));
}

/// The lower triangle L of a positive definite matrix L Lᵀ; `None` if it is not one.
pub fn cholesky(matrix: &[f64], size: usize) -> Option<Vec<f64>> {
    let mut lower = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..=row {
            let known: f64 = (0..column).map(|at| lower[row * size + at] * lower[column * size + at]).sum();
            let rest = matrix[row * size + column] - known;
            lower[row * size + column] = match row == column {
                true if rest > 0.0 => rest.sqrt(),
                true => return None,
                false => rest / lower[column * size + column],
            };
        }
    }
    lower.iter().all(|value| value.is_finite()).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_are_only_stretched() {
        let matrix = vec![4.0, 1.0, -2.0, 1.0, 3.0, 0.5, -2.0, 0.5, 6.0];
        let (values, vectors) = eigen(matrix.clone(), 3);
        assert!(values.windows(2).all(|pair| pair[0] >= pair[1]) && (values.iter().sum::<f64>() - 13.0).abs() < 1e-12);
        for (value, vector) in values.iter().zip(&vectors) {
            for row in 0..3 {
                let image: f64 = (0..3).map(|at| matrix[row * 3 + at] * vector[at]).sum();
                assert!((image - value * vector[row]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_factor_times_itself_is_the_matrix() {
        let lower = cholesky(&[4.0, 2.0, 2.0, 5.0], 2).unwrap();
        assert_eq!(lower, [2.0, 0.0, 1.0, 2.0]);
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }
}
