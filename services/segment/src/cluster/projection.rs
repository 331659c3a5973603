//! Principal components (Jolliffe, Principal Component Analysis, 2002): the plane in which points lie widest.

use super::Points;
use super::eigen::eigen;

/// The principal components of some points.
#[derive(Clone, Debug, PartialEq)]
pub struct Components {
    /// The mean of each coordinate.
    pub means: Vec<f64>,
    /// Variance along each component, of degrees of freedom n − 1, greatest first.
    pub variances: Vec<f64>,
    /// Unit vectors of the components.
    pub axes: Vec<Vec<f64>>,
}

impl Components {
    /// Finds all components of at least one point.
    pub fn new(points: &Points) -> Self {
        let (width, count) = (points.width, points.len() as f64);
        let mut means = vec![0.0; width];
        points.rows().for_each(|row| means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value));
        means.iter_mut().for_each(|mean| *mean /= count);
        let mut matrix = vec![0.0; width * width];
        let mut apart = vec![0.0; width];
        for row in points.rows() {
            apart.iter_mut().zip(row).zip(&means).for_each(|((apart, value), mean)| *apart = value - mean);
            for (line, left) in matrix.chunks_exact_mut(width).zip(&apart) {
                line.iter_mut().zip(&apart).for_each(|(cell, right)| *cell += left * right);
            }
        }
        matrix.iter_mut().for_each(|cell| *cell /= (count - 1.0).max(1.0));
        let (variances, axes) = eigen(matrix, width);
        Self { means, variances, axes }
    }

    /// The share of all variance that a component explains; 0 if there is none.
    pub fn explained(&self, component: usize) -> f64 {
        let all: f64 = self.variances.iter().sum();
        let of_this = self.variances.get(component).copied().unwrap_or_default();
        if all > 0.0 { of_this / all } else { 0.0 }
    }

    /// A point's coordinate along a component; 0 along one that there is not.
    pub fn along(&self, component: usize, row: &[f64]) -> f64 {
        let axis = self.axes.get(component).map(Vec::as_slice).unwrap_or_default();
        axis.iter().zip(row).zip(&self.means).map(|((loading, value), mean)| loading * (value - mean)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_explained_by_one_axis() {
        let points = Points { values: vec![0.0, 0.0, 1.0, 2.0, 2.0, 4.0, 3.0, 6.0], width: 2 };
        let found = Components::new(&points);
        assert!((found.explained(0) - 1.0).abs() < 1e-12 && found.explained(2) == 0.0);
        let half = 5.0_f64.sqrt();
        assert!((found.axes[0][0] - 1.0 / half).abs() < 1e-12 && (found.axes[0][1] - 2.0 / half).abs() < 1e-12);
        assert!((found.along(0, points.row(3)) - 1.5 * half).abs() < 1e-12);
        assert!(found.along(1, points.row(3)).abs() < 1e-12);
        assert_eq!(Components::new(&Points { values: vec![1.0], width: 1 }).explained(0), 0.0);
    }
}
