//! Logistic regression with a quadratic penalty: linfa's L-BFGS comes near, Newton's method (iteratively reweighted least
//! squares) finishes to the last digits and knows weights.

use huan_proto::segment::v1 as pb;
use linfa::DatasetBase;
use linfa::traits::Fit as _;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2, ArrayView1, Axis};

use super::watch::{Part, Stopped};

/// Steps of L-BFGS at most.
const FIRST: u64 = 50;

/// Steps of Newton's method at most; it doubles the digits with each.
const STEPS: usize = 50;

/// Weighted rows with labels of both classes.
pub struct Labelled<'a> {
    /// The prepared columns.
    pub columns: &'a Array2<f64>,
    /// What came of each row.
    pub labels: &'a [bool],
    /// How much each row counts, above 0.
    pub weights: &'a [f64],
}

/// Finds the coefficients that make Σ weight · loss + penalty / 2 · Σ coefficient² least; the intercept is free of the
/// penalty, which is scikit-learn's objective with C = 1 / penalty. `penalty` is above 0. Errors: Stopped.
pub fn fit(rows: &Labelled<'_>, penalty: f64, part: Part<'_>) -> Result<pb::Logistic, Stopped> {
    part.reach(0.0)?;
    let mut found = near(rows, penalty);
    part.reach(0.5)?;
    let mut loss = objective(rows, penalty, &found);
    for step in 0..STEPS {
        part.reach(0.5 + 0.5 * step as f64 / STEPS as f64)?;
        let Some(direction) = newton(rows, penalty, &found) else { break };
        let Some((next, less)) = go(rows, penalty, &found, &direction, loss) else { break };
        let gained = loss - less;
        (found, loss) = (next, less);
        if gained <= 1e-14 * loss.abs() {
            break;
        }
    }
    // Near the end the objective is too flat to tell two points apart; one whole step more doubles the digits.
    if let Some(last) = newton(rows, penalty, &found).filter(|last| last.iter().all(|step| step.abs() < 1e-3)) {
        found.iter_mut().zip(last).for_each(|(at, step)| *at -= step);
    }
    let means = rows.columns.mean_axis(Axis(0)).map(|means| means.to_vec()).unwrap_or_default();
    Ok(pb::Logistic { intercept: found[0], coefficients: found[1..].to_vec(), means })
}

/// The logit of a row.
pub fn logit(model: &pb::Logistic, columns: &[f64]) -> f64 {
    model.intercept + model.coefficients.iter().zip(columns).map(|(weight, value)| weight * value).sum::<f64>()
}

/// The logistic function, which never overflows.
pub fn probability(logit: f64) -> f64 {
    if logit >= 0.0 { 1.0 / (1.0 + (-logit).exp()) } else { logit.exp() / (1.0 + logit.exp()) }
}

/// Where linfa's L-BFGS ends, all rows counted alike; zero if it finds nothing. The intercept comes first.
fn near(rows: &Labelled<'_>, penalty: f64) -> Vec<f64> {
    let dataset = DatasetBase::new(rows.columns.view(), Array1::from_iter(rows.labels.iter().copied()));
    let params = LogisticRegression::default().alpha(penalty).max_iterations(FIRST).gradient_tolerance(1e-3);
    let start = params.fit(&dataset).ok().map(|model| {
        // linfa takes the more frequent class for the positive one.
        let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
        std::iter::once(model.intercept()).chain(model.params().iter().copied()).map(|value| sign * value).collect()
    });
    let usable = |start: &Vec<f64>| start.iter().all(|value| value.is_finite());
    start.filter(usable).unwrap_or_else(|| vec![0.0; rows.columns.ncols() + 1])
}

/// The longest part of a Newton step that makes the objective less, and what it is then.
fn go(rows: &Labelled<'_>, penalty: f64, from: &[f64], direction: &[f64], loss: f64) -> Option<(Vec<f64>, f64)> {
    (0..30).find_map(|halvings| {
        let length = 0.5f64.powi(halvings);
        let next: Vec<f64> = from.iter().zip(direction).map(|(at, step)| at - length * step).collect();
        let less = objective(rows, penalty, &next);
        (less < loss).then_some((next, less))
    })
}

fn objective(rows: &Labelled<'_>, penalty: f64, at: &[f64]) -> f64 {
    let each = rows.columns.rows().into_iter().zip(rows.labels).zip(rows.weights);
    let loss: f64 = each
        .map(|((row, label), weight)| {
            let logit = logit_of(row, at);
            let wrong = if *label { -logit } else { logit };
            // ln(1 + exp(wrong)) without overflow.
            weight * (wrong.max(0.0) + (-wrong.abs()).exp().ln_1p())
        })
        .sum();
    loss + penalty / 2.0 * at[1..].iter().map(|value| value * value).sum::<f64>()
}

/// Newton's step: the inverse of the second derivatives times the first. `None` if they cannot be inverted.
fn newton(rows: &Labelled<'_>, penalty: f64, at: &[f64]) -> Option<Vec<f64>> {
    let size = at.len();
    let (mut gradient, mut hessian) = (vec![0.0; size], Array2::<f64>::zeros((size, size)));
    let mut used: Vec<(usize, f64)> = Vec::with_capacity(size);
    for ((row, label), weight) in rows.columns.rows().into_iter().zip(rows.labels).zip(rows.weights) {
        let score = probability(logit_of(row, at));
        let (error, curve) = (weight * (score - f64::from(u8::from(*label))), weight * score * (1.0 - score));
        used.clear();
        used.push((0, 1.0));
        // Most columns of texts are 0.
        used.extend(row.iter().enumerate().filter(|(_, value)| **value != 0.0).map(|(at, value)| (at + 1, *value)));
        for (place, (left, value)) in used.iter().enumerate() {
            gradient[*left] += error * value;
            let scaled = curve * value;
            for (right, other) in &used[..=place] {
                hessian[[*left, *right]] += scaled * other;
            }
        }
    }
    for (place, value) in at.iter().enumerate().skip(1) {
        gradient[place] += penalty * value;
        hessian[[place, place]] += penalty;
    }
    solve(hessian, gradient)
}

fn logit_of(row: ArrayView1<'_, f64>, at: &[f64]) -> f64 {
    at[0] + row.iter().zip(&at[1..]).map(|(value, weight)| value * weight).sum::<f64>()
}

/// Solves a system whose matrix is symmetric and positive definite, of which the lower half is given (Cholesky).
fn solve(mut matrix: Array2<f64>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for i in 0..size {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| matrix[[i, k]] * matrix[[j, k]]).sum();
            let rest = matrix[[i, j]] - sum;
            if i == j {
                if rest <= 0.0 || !rest.is_finite() {
                    return None;
                }
                matrix[[i, i]] = rest.sqrt();
            } else {
                matrix[[i, j]] = rest / matrix[[j, j]];
            }
        }
    }
    for i in 0..size {
        let sum: f64 = (0..i).map(|k| matrix[[i, k]] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[[i, i]];
    }
    for i in (0..size).rev() {
        let sum: f64 = (i + 1..size).map(|k| matrix[[k, i]] * right[k]).sum();
        right[i] = (right[i] - sum) / matrix[[i, i]];
    }
    Some(right)
}
