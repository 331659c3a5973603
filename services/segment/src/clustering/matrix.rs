//! The points of a clustering, read from the columns.

use huan_chassis::clock::Day;
use huan_proto::segment::v1 as pb;
use roaring::RoaringBitmap;

use super::Work;
use crate::cluster::prepare::filled;
use crate::cluster::{Model, Points};
use crate::columns::{Customer, Row, Snapshot};

/// Rows as they are; NaN = missing.
pub struct Matrix {
    /// Whose rows they are, in the order of the customers' numbers at the bank.
    pub ordinals: Vec<u32>,
    /// The values.
    pub points: Points,
    /// Who lacks what.
    pub missing: Missing,
}

/// How many customers lack what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// All customers.
    pub all: i64,
    /// Those who have every feature.
    pub whole: i64,
    /// Those who lack each feature.
    pub of_feature: Vec<i64>,
}

/// Counts who lacks what.
pub fn missing(rows: &Snapshot, today: Day, slots: &[usize]) -> Missing {
    let mut missing = Missing { of_feature: vec![0; slots.len()], ..Missing::default() };
    for (_, row) in rows.rows(today) {
        missing.count(&row, slots);
    }
    missing
}

/// Reads the customers who have every feature; all, if the missing are filled. Who was seen first here is chance, so it
/// plays no part in what is drawn from them.
pub fn read(work: &Work, fills: bool) -> Matrix {
    let slots = work.slots.as_slice();
    let mut missing = Missing { of_feature: vec![0; slots.len()], ..Missing::default() };
    let rows = work.rows.rows(work.today).map(|(_, row)| row);
    let mut rows: Vec<Row<'_>> = rows.filter(|row| missing.count(row, slots) || fills).collect();
    rows.sort_by_cached_key(|row| row.customer().customer_id);
    let values = rows.iter().flat_map(|row| slots.iter().map(|slot| row.number(*slot))).collect();
    Matrix { ordinals: rows.iter().map(Row::ordinal).collect(), points: Points { values, width: slots.len() }, missing }
}

impl Missing {
    /// Counts one customer; whether nothing is missing.
    fn count(&mut self, row: &Row<'_>, slots: &[usize]) -> bool {
        let mut whole = true;
        for (slot, count) in slots.iter().zip(&mut self.of_feature) {
            let absent = row.number(*slot).is_nan();
            *count += i64::from(absent);
            whole &= !absent;
        }
        self.all += 1;
        self.whole += i64::from(whole);
        whole
    }
}

/// Those of a cluster's members whom the caller sees and who are nearest to its centre now, nearest first.
pub fn typical(
    clustering: &pb::Clustering,
    number: i32,
    work: &Work,
    members: &RoaringBitmap,
    limit: usize,
    sees: impl Fn(&Customer<'_>) -> bool,
) -> Vec<pb::TypicalCustomer> {
    let model = Model::of(clustering);
    let Some(place) = clustering.clusters.iter().position(|cluster| cluster.number == number) else {
        return Vec::new();
    };
    let numbers = |row: &Row<'_>| work.slots.iter().map(|slot| row.number(*slot)).collect::<Vec<_>>();
    let near = work.rows.rows(work.today).filter(|(ordinal, _)| members.contains(*ordinal));
    let mut near: Vec<(f64, u32, Row<'_>)> = near
        .filter(|(_, row)| sees(&row.customer()))
        .filter_map(|(ordinal, row)| Some((model.distance(place, numbers(&row).into_iter())?, ordinal, row)))
        .collect();
    near.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let told = |(distance, _, row): (f64, u32, Row<'_>)| {
        let customer = row.customer();
        let member =
            pb::Member { customer_id: customer.customer_id.to_owned(), customer_key: customer.customer_key.to_owned() };
        let values =
            numbers(&row).into_iter().zip(&clustering.prepared).map(|(value, how)| filled(how, value)).collect();
        pb::TypicalCustomer { member: Some(member), distance, values }
    };
    near.into_iter().take(limit).map(told).collect()
}
