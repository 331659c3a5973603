//! A tenant's features by name and number, and where the columns keep their values. No values, no rules.

use std::collections::HashMap;

use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::ValueType;

/// The type of a feature's values, and so of the column that holds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A finite number.
    Number,
    /// A category or other short text.
    Text,
    /// A calendar day.
    Day,
    /// A flag.
    Flag,
}

/// Where a feature's values are: the `slot`-th column among those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// The type of the values.
    pub kind: Kind,
    /// Its place among the columns of this kind.
    pub slot: usize,
}

/// A feature as this service knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Its number in vectors.
    pub number: u32,
    /// Its name in rules.
    pub name: String,
    /// Where its values are.
    pub column: Column,
}

/// All features of one tenant, in the order of their numbers.
///
/// A feature keeps its column for as long as the process lives: columns are only ever added.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    features: Vec<Feature>,
    by_name: HashMap<String, usize>,
    by_number: HashMap<u32, Column>,
    widths: HashMap<Kind, usize>,
}

impl Catalogue {
    /// A catalogue of these features alone.
    pub fn of(features: &[profile::Feature]) -> Self {
        let mut catalogue = Self::default();
        catalogue.replace(features);
        catalogue
    }

    /// Takes over a newer catalogue. Known numbers keep their columns; features of no known type are passed over.
    pub fn replace(&mut self, features: &[profile::Feature]) {
        let mut features: Vec<Feature> = features.iter().filter_map(|feature| self.adopt(feature)).collect();
        features.sort_by_key(|feature| feature.number);
        self.by_name = features.iter().enumerate().map(|(at, feature)| (feature.name.clone(), at)).collect();
        self.features = features;
    }

    /// All features, in the order of their numbers.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The feature of this name.
    pub fn find(&self, name: &str) -> Option<&Feature> {
        self.by_name.get(name).map(|at| &self.features[*at])
    }

    /// The column of the feature with this number.
    pub fn column(&self, number: u32) -> Option<Column> {
        self.by_number.get(&number).copied()
    }

    /// How many columns of this kind there are.
    pub fn width(&self, kind: Kind) -> usize {
        self.widths.get(&kind).copied().unwrap_or(0)
    }

    /// The feature whose name is nearest to this one, if any is near enough to be what was meant.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.features.iter().map(|feature| feature.name.as_str()))
    }

    fn adopt(&mut self, feature: &profile::Feature) -> Option<Feature> {
        let kind = kind_of(feature.r#type())?;
        let column = match self.by_number.get(&feature.number) {
            Some(column) if column.kind == kind => *column,
            _ => self.add_column(feature.number, kind),
        };
        Some(Feature { number: feature.number, name: feature.name.clone(), column })
    }

    fn add_column(&mut self, number: u32, kind: Kind) -> Column {
        let width = self.widths.entry(kind).or_default();
        let column = Column { kind, slot: *width };
        *width += 1;
        self.by_number.insert(number, column);
        column
    }
}

fn kind_of(r#type: ValueType) -> Option<Kind> {
    match r#type {
        ValueType::Unspecified => None,
        ValueType::Number => Some(Kind::Number),
        ValueType::Text => Some(Kind::Text),
        ValueType::Day => Some(Kind::Day),
        ValueType::Flag => Some(Kind::Flag),
    }
}

/// The one of these that is nearest to a name, if any is near enough to be what was meant.
pub fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (name.len() / 3).max(2);
    among
        .filter(|known| known.len().abs_diff(name.len()) <= bound)
        .map(|known| (distance(name, known), known))
        .filter(|(distance, _)| *distance <= bound)
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's edit distance in bytes, one row at a time (Wagner and Fischer 1974).
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.bytes().enumerate() {
            let replaced = diagonal + usize::from(l != r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(number: u32, name: &str, r#type: ValueType) -> profile::Feature {
        profile::Feature { number, name: name.into(), r#type: r#type.into(), ..Default::default() }
    }

    #[test]
    fn a_newer_catalogue_keeps_the_columns_of_the_older() {
        let mut catalogue = Catalogue::of(&[feature(7, "balance_total", ValueType::Number)]);
        catalogue.replace(&[
            feature(9, "txn_count_30d", ValueType::Number),
            feature(7, "balance_total", ValueType::Number),
            feature(8, "city", ValueType::Text),
        ]);
        assert_eq!(catalogue.column(7), Some(Column { kind: Kind::Number, slot: 0 }));
        assert_eq!(catalogue.column(9), Some(Column { kind: Kind::Number, slot: 1 }));
        assert_eq!(catalogue.column(8), Some(Column { kind: Kind::Text, slot: 0 }));
        let names: Vec<_> = catalogue.features().iter().map(|feature| feature.name.as_str()).collect();
        assert_eq!(names, ["balance_total", "city", "txn_count_30d"]);
    }

    #[test]
    fn the_nearest_name_is_suggested_only_when_it_is_near() {
        let catalogue = Catalogue::of(&[
            feature(1, "balance_total", ValueType::Number),
            feature(2, "txn_count_30d", ValueType::Number),
        ]);
        assert_eq!(catalogue.nearest("balanse_total"), Some("balance_total"));
        assert_eq!(catalogue.nearest("txn_count_90d"), Some("txn_count_30d"));
        assert_eq!(catalogue.nearest("colour"), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
