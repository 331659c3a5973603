//! From a row of features to a row of numbers, the same way for training and for scoring: texts become a column a category,
//! missing numbers their median and a column that says so, numbers are standardised.

use std::collections::BTreeMap;

use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::ValueType;

use super::calibration::quantile;
use super::rows::Series;

/// A category with fewer training rows than this shares a column with all others like it.
const FREQUENT: usize = 10;

/// The most categories of a text that have a column of their own.
const CATEGORIES: usize = 100;

/// One value as models see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Not known.
    Missing,
    /// A number, the days since a day, or a flag as 0 or 1.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl Cell<'_> {
    /// A number; what is not finite is missing.
    pub fn of(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Missing }
    }
}

/// Learns how to read these features from these rows. Errors: the name of a feature that has no value in any of them.
pub fn fit(features: &[(&pb::DatasetFeature, &Series)], rows: &[usize]) -> Result<pb::Preparation, String> {
    let input = |(feature, series): &(&pb::DatasetFeature, &Series)| match series {
        Series::Numbers(values) => fit_number(feature, values, rows),
        Series::Texts { .. } => fit_text(feature, series, rows),
    };
    let inputs = features.iter().map(|each| input(each).ok_or_else(|| each.0.name.clone()));
    Ok(pb::Preparation { inputs: inputs.collect::<Result<_, _>>()? })
}

/// How many columns an input has.
pub fn width(input: &pb::Input) -> usize {
    let own = if is_text(input) { input.categories.len() + usize::from(input.has_other) } else { 1 };
    own + usize::from(input.may_be_missing)
}

/// How many columns all inputs have.
pub fn total_width(preparation: &pb::Preparation) -> usize {
    preparation.inputs.iter().map(width).sum()
}

/// Reads a row's cells, one an input, into columns. Errors: the place of the first input whose value is missing although
/// training never lacked it, or is a category that training did not know; the columns are then not to be used.
pub fn read<'a>(
    preparation: &pb::Preparation,
    cell: impl Fn(usize) -> Cell<'a>,
    columns: &mut Vec<f64>,
) -> Result<(), usize> {
    columns.clear();
    for (at, input) in preparation.inputs.iter().enumerate() {
        let known =
            if is_text(input) { read_text(input, cell(at), columns) } else { read_number(input, cell(at), columns) };
        if !known && !input.may_be_missing {
            return Err(at);
        }
        if input.may_be_missing {
            columns.push(f64::from(u8::from(!known)));
        }
    }
    Ok(())
}

/// Puts a number's column; answers whether it was known.
fn read_number(input: &pb::Input, cell: Cell<'_>, columns: &mut Vec<f64>) -> bool {
    let known = match cell {
        Cell::Number(value) => Some(value),
        _ => None,
    };
    let value = known.unwrap_or(input.median);
    columns.push(if input.deviation > 0.0 { (value - input.mean) / input.deviation } else { 0.0 });
    known.is_some()
}

/// Puts the columns of a text's categories; answers whether it was known.
fn read_text(input: &pb::Input, cell: Cell<'_>, columns: &mut Vec<f64>) -> bool {
    let start = columns.len();
    columns.resize(start + input.categories.len() + usize::from(input.has_other), 0.0);
    let Cell::Text(text) = cell else { return false };
    let place = input.categories.binary_search_by(|known| known.as_str().cmp(text));
    match place.ok().or(input.has_other.then_some(input.categories.len())) {
        Some(place) => columns[start + place] = 1.0,
        None => return false,
    }
    true
}

fn is_text(input: &pb::Input) -> bool {
    input.r#type() == ValueType::Text
}

fn fit_number(feature: &pb::DatasetFeature, values: &[f64], rows: &[usize]) -> Option<pb::Input> {
    let mut known: Vec<f64> = rows.iter().map(|row| values[*row]).filter(|value| !value.is_nan()).collect();
    if known.is_empty() {
        return None;
    }
    known.sort_by(f64::total_cmp);
    let median = quantile(&known, 0.5);
    let count = rows.len() as f64;
    let filled = || rows.iter().map(|row| if values[*row].is_nan() { median } else { values[*row] });
    let mean = filled().sum::<f64>() / count;
    let deviation = (filled().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    // What is left of a constant by rounding is no spread.
    let deviation = if deviation > mean.abs() * 1e-12 { deviation } else { 0.0 };
    Some(pb::Input {
        feature: feature.name.clone(),
        r#type: feature.r#type,
        may_be_missing: known.len() < rows.len(),
        median,
        mean,
        deviation,
        ..Default::default()
    })
}

fn fit_text(feature: &pb::DatasetFeature, series: &Series, rows: &[usize]) -> Option<pb::Input> {
    let mut counts = BTreeMap::<&str, usize>::new();
    for row in rows {
        if let Cell::Text(text) = series.cell(*row) {
            *counts.entry(text).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return None;
    }
    let known: usize = counts.values().sum();
    let all = counts.len();
    let mut frequent: Vec<(&str, usize)> = counts.into_iter().filter(|(_, count)| *count >= FREQUENT).collect();
    frequent.sort_by(|left, right| right.1.cmp(&left.1).then(left.0.cmp(right.0)));
    frequent.truncate(CATEGORIES);
    let mut categories: Vec<String> = frequent.into_iter().map(|(text, _)| text.to_owned()).collect();
    categories.sort_unstable();
    Some(pb::Input {
        feature: feature.name.clone(),
        r#type: feature.r#type,
        may_be_missing: known < rows.len(),
        has_other: categories.len() < all,
        categories,
        ..Default::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(name: &str, r#type: ValueType) -> pb::DatasetFeature {
        pb::DatasetFeature { name: name.into(), r#type: r#type.into(), known_after_outcome: false }
    }

    fn texts(each: &[&str]) -> Series {
        let mut spellings: Vec<String> = Vec::new();
        let code = |text: &&str| match spellings.iter().position(|known| known == text) {
            _ if text.is_empty() => u32::MAX,
            Some(at) => at as u32,
            None => {
                spellings.push((*text).to_owned());
                spellings.len() as u32 - 1
            }
        };
        let codes = each.iter().map(code).collect();
        Series::Texts { codes, spellings }
    }

    #[test]
    fn a_number_is_standardised_and_a_missing_one_becomes_the_median_and_is_said() {
        let series = Series::Numbers(vec![1.0, 3.0, f64::NAN, 5.0]);
        let number = feature("balance", ValueType::Number);
        let preparation = fit(&[(&number, &series)], &[0, 1, 2, 3]).unwrap();
        let mut columns = Vec::new();
        read(&preparation, |_| Cell::Missing, &mut columns).unwrap();
        assert_eq!(columns, [0.0, 1.0]);
        read(&preparation, |_| Cell::Number(5.0), &mut columns).unwrap();
        assert!((columns[0] - 2f64.sqrt()).abs() < 1e-12 && columns[1] == 0.0, "{columns:?}");
    }

    #[test]
    fn a_text_becomes_a_column_a_category_and_rare_ones_share_one() {
        let mut each = vec!["b"; 10];
        each.extend(["a"; 12]);
        each.push("rare");
        let (series, text) = (texts(&each), feature("city", ValueType::Text));
        let preparation = fit(&[(&text, &series)], &(0..each.len()).collect::<Vec<_>>()).unwrap();
        assert_eq!((width(&preparation.inputs[0]), preparation.inputs[0].may_be_missing), (3, false));
        let mut columns = Vec::new();
        for (text, expected) in [("a", [1.0, 0.0, 0.0]), ("b", [0.0, 1.0, 0.0]), ("never seen", [0.0, 0.0, 1.0])] {
            read(&preparation, |_| Cell::Text(text), &mut columns).unwrap();
            assert_eq!(columns, expected);
        }
    }

    #[test]
    fn what_training_never_lacked_may_not_be_missing() {
        let number = feature("n", ValueType::Number);
        let text = feature("t", ValueType::Text);
        let (numbers, words) = (Series::Numbers(vec![1.0; 10]), texts(&["x"; 10]));
        let preparation = fit(&[(&number, &numbers), (&text, &words)], &(0..10).collect::<Vec<_>>()).unwrap();
        let mut columns = Vec::new();
        let cells = |number, text| move |at| if at == 0 { number } else { text };
        assert_eq!(read(&preparation, cells(Cell::Missing, Cell::Text("x")), &mut columns), Err(0));
        assert_eq!(read(&preparation, cells(Cell::Number(7.0), Cell::Text("y")), &mut columns), Err(1));
        assert_eq!(read(&preparation, cells(Cell::Number(7.0), Cell::Text("x")), &mut columns), Ok(()));
        // A constant tells nothing, whatever comes later.
        assert_eq!(columns, [0.0, 1.0]);
    }

    #[test]
    fn a_feature_without_any_value_is_named() {
        let number = feature("n", ValueType::Number);
        assert_eq!(fit(&[(&number, &Series::Numbers(vec![f64::NAN; 3]))], &[0, 1, 2]), Err("n".to_owned()));
    }
}
