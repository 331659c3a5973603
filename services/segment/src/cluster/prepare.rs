//! Preparing features: filling, winsorising, logarithm, scale. What was learnt is kept, so that a single row can be
//! prepared alike later.

use huan_proto::segment::v1::{
    ClusteringMissing, ClusteringPreparation, ClusteringScale, FeaturePreparation as Prepared,
};

use super::Points;

/// Prepares one value; NaN if it is missing and nothing stands in.
pub fn prepare(how: &Prepared, value: f64) -> f64 {
    scale(how, unscaled(how, value))
}

/// The same before it is scaled.
pub fn unscaled(how: &Prepared, value: f64) -> f64 {
    let value = filled(how, value);
    if value.is_nan() {
        return value;
    }
    let value = value.max(how.low).min(how.high);
    if how.log { value.signum() * value.abs().ln_1p() } else { value }
}

/// The value, or what stands in for it.
pub fn filled(how: &Prepared, value: f64) -> f64 {
    if value.is_nan() { how.fill.unwrap_or(f64::NAN) } else { value }
}

fn scale(how: &Prepared, value: f64) -> f64 {
    if how.spread > 0.0 || value.is_nan() { (value - how.centre) / how.spread } else { 0.0 }
}

/// The value that a scaled one was prepared from; what was winsorised comes back as its bound.
pub fn raw(how: &Prepared, scaled: f64) -> f64 {
    let value = scaled * how.spread + how.centre;
    if how.log { value.signum() * value.abs().exp_m1() } else { value }
}

/// What was learnt of a matrix.
pub struct Learnt {
    /// What is done to each feature.
    pub prepared: Vec<Prepared>,
    /// The mean of each feature before it is scaled.
    pub means: Vec<f64>,
    /// Its population standard deviation.
    pub deviations: Vec<f64>,
}

/// Learns how to prepare raw points and prepares them in place. `missing`: how many customers lack each feature.
/// Features of which all values are missing are not allowed here.
pub fn learn(raw: &mut Points, asked: &ClusteringPreparation, logs: &[bool], missing: &[i64]) -> Learnt {
    let mut learnt = Learnt { prepared: Vec::new(), means: Vec::new(), deviations: Vec::new() };
    for column in 0..raw.width {
        let mut values: Vec<f64> = raw.values.iter().skip(column).step_by(raw.width).copied().collect();
        let mut how = bounds(&values, asked);
        (how.log, how.missing) = (logs[column], missing[column]);
        values.iter_mut().for_each(|value| *value = unscaled(&how, *value));
        let (mean, deviation) = mean_and_deviation(&values);
        (how.centre, how.spread) = match asked.scale() {
            ClusteringScale::Robust => robust(&mut values.clone(), deviation),
            _ => (mean, deviation),
        };
        for (place, value) in raw.values.iter_mut().skip(column).step_by(raw.width).zip(&values) {
            *place = scale(&how, *value);
        }
        learnt.prepared.push(how);
        learnt.means.push(mean);
        learnt.deviations.push(deviation);
    }
    learnt
}

/// Prepares raw points in place, as learnt before.
pub fn apply(raw: &mut Points, prepared: &[Prepared]) {
    for row in raw.values.chunks_exact_mut(prepared.len()) {
        row.iter_mut().zip(prepared).for_each(|(value, how)| *value = prepare(how, *value));
    }
}

/// The quantile of ascending values, linear between two of them (Hyndman and Fan 1996, definition 7). NaN of none.
pub fn quantile(ascending: &[f64], at: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let place = at * last as f64;
    let (below, above) = (ascending[place.floor() as usize], ascending[place.ceil() as usize]);
    below + (above - below) * place.fract()
}

fn bounds(values: &[f64], asked: &ClusteringPreparation) -> Prepared {
    let fills = asked.missing() == ClusteringMissing::Median;
    let high = if asked.high_quantile == 0.0 { 1.0 } else { asked.high_quantile };
    let mut how = Prepared { low: f64::MIN, high: f64::MAX, ..Prepared::default() };
    if fills || asked.low_quantile > 0.0 || high < 1.0 {
        let mut known: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
        known.sort_unstable_by(f64::total_cmp);
        how.fill = fills.then(|| quantile(&known, 0.5));
        (how.low, how.high) = (quantile(&known, asked.low_quantile), quantile(&known, high));
    }
    how
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    // A constant may differ from its own mean in the last bit.
    if values.iter().all(|value| *value == values[0]) {
        return (mean, 0.0);
    }
    (mean, (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt())
}

fn robust(values: &mut [f64], deviation: f64) -> (f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let spread = quantile(values, 0.75) - quantile(values, 0.25);
    (quantile(values, 0.5), if spread > 0.0 { spread } else { deviation })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learnt(values: &[f64], asked: &ClusteringPreparation, log: bool) -> (Points, Prepared) {
        let mut points = Points { values: values.to_vec(), width: 1 };
        let mut learnt = learn(&mut points, asked, &[log], &[0]);
        (points, learnt.prepared.remove(0))
    }

    #[test]
    fn standard_scale_gives_mean_zero_and_deviation_one() {
        let (points, how) = learnt(&[1.0, 2.0, 3.0, 6.0], &ClusteringPreparation::default(), false);
        assert!(points.values.iter().sum::<f64>().abs() < 1e-12 && (how.centre, how.fill) == (3.0, None));
        assert!((points.values.iter().map(|value| value * value).sum::<f64>() - 4.0).abs() < 1e-12);
        assert!(prepare(&how, f64::NAN).is_nan());
    }

    #[test]
    fn outliers_are_brought_in_and_the_missing_are_filled_with_the_median() {
        let asked = ClusteringPreparation {
            low_quantile: 0.25,
            high_quantile: 0.75,
            scale: ClusteringScale::Robust.into(),
            missing: ClusteringMissing::Median.into(),
            ..Default::default()
        };
        let (points, how) = learnt(&[0.0, 1.0, f64::NAN, 2.0, 3.0, 1000.0], &asked, false);
        assert_eq!((how.low, how.high, how.fill), (1.0, 3.0, Some(2.0)));
        assert_eq!((how.centre, how.spread), (2.0, 1.5));
        assert_eq!(points.values[2], 0.0);
        assert_eq!(prepare(&how, 5000.0), prepare(&how, 3.0));
        let mut again = Points { values: vec![0.0, f64::NAN, 1000.0], width: 1 };
        apply(&mut again, &[how]);
        assert_eq!(again.values, [points.values[0], points.values[2], points.values[5]]);
    }

    #[test]
    fn the_logarithm_keeps_signs_and_a_constant_becomes_zero() {
        let (_, how) = learnt(&[-10.0, 0.0, 10.0], &ClusteringPreparation::default(), true);
        assert_eq!((unscaled(&how, -10.0), unscaled(&how, 10.0)), (-(11.0_f64.ln()), 11.0_f64.ln()));
        let (points, how) = learnt(&[0.1; 7], &ClusteringPreparation::default(), false);
        assert!(points.values == [0.0; 7] && prepare(&how, 5.0) == 0.0);
    }
}
