//! Relations between wire and disk.

use huan_chassis::{Error, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use super::{day_text, keep, unique};
use crate::{
    relation::{Arm, arms_of, arms_of_view},
    store::{entity::relation, tenant::View},
};

/// The rows of a batch, each seen from its first end, and the first fault of each one refused.
pub fn batch(relations: Vec<pb::Relation>, tenant: &str) -> (Vec<(usize, relation::Model)>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(relations.len());
    for (index, relation) in relations.into_iter().enumerate() {
        let mut faults = Faults::new();
        let row = row(&mut faults, &format!("relations[{index}]"), relation, tenant);
        rows.extend(keep(index, faults, row, &mut refused).map(|row| (index, row)));
    }
    let key = |row: &relation::Model| format!("{}\0{}\0{}", row.customer_id, row.relation_type, row.other_id);
    let rows = unique(rows, key, |index| format!("relations[{index}]"), &mut refused);
    (rows, refused)
}

/// The row that a relation asks for, seen from its first end.
pub fn row(faults: &mut Faults, field: &str, relation: pb::Relation, tenant: &str) -> relation::Model {
    let at = |name: &str| format!("{field}.{name}");
    let key = key(faults, field, &relation.from_customer_id, relation.r#type, &relation.to_customer_id);
    if !key.from.is_empty() && key.from == key.to {
        faults.add(at("to_customer_id"), "is the same customer");
    }
    let contact_kind = faults.optional_enumeration::<pb::ContactKind>(&at("contact_kind"), relation.contact_kind);
    let is_contact = key.relation_type == pb::RelationType::ContactPersonOf as i16;
    if is_contact != (contact_kind != pb::ContactKind::Unspecified) {
        faults.add(at("contact_kind"), "is required of contact persons, and refused of others");
    }
    let start_day = faults.optional_day(&at("start_day"), &relation.start_day).map(|day| day.0);
    let end_day = faults.optional_day(&at("end_day"), &relation.end_day).map(|day| day.0);
    if end_day.is_some_and(|end_day| start_day.is_some_and(|start_day| end_day <= start_day)) {
        faults.add(at("end_day"), "is not after start_day");
    }
    let weight = relation.weight.unwrap_or(1.0);
    if !weight.is_finite() || weight < 0.0 {
        faults.add(at("weight"), "is not a number of at least 0");
    }
    relation::Model {
        tenant: tenant.to_owned(),
        customer_id: key.from,
        direction: pb::RelationDirection::Out as i16,
        relation_type: key.relation_type,
        other_id: key.to,
        contact_kind: contact_kind as i16,
        start_day,
        end_day,
        // Minus zero is no weight of its own.
        weight: weight + 0.0,
        source: faults.text(&at("source"), &relation.source, 128),
        create_time: 0,
        update_time: 0,
    }
}

/// What names a relation.
#[derive(Debug)]
pub struct Key {
    /// The customer of whom the sentence speaks.
    pub from: String,
    /// `RelationType`.
    pub relation_type: i16,
    /// The customer at the other end.
    pub to: String,
}

fn key(faults: &mut Faults, field: &str, from: &str, relation_type: i32, to: &str) -> Key {
    let at = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    Key {
        from: faults.id(&at("from_customer_id"), from),
        relation_type: faults.enumeration::<pb::RelationType>(&at("type"), relation_type) as i16,
        to: faults.id(&at("to_customer_id"), to),
    }
}

/// The relation that an EndRelation names, and its last day's next; none given = the business day.
pub fn end(request: &pb::EndRelationRequest, view: &View) -> Result<(Key, i32)> {
    let mut faults = Faults::new();
    let key = key(&mut faults, "", &request.from_customer_id, request.r#type, &request.to_customer_id);
    let end_day = faults.optional_day("end_day", &request.end_day).unwrap_or_else(|| view.time.today());
    faults.finish().map(|()| (key, end_day.0))
}

/// The relation that a DeleteRelation names.
pub fn delete(request: &pb::DeleteRelationRequest) -> Result<Key> {
    let mut faults = Faults::new();
    let key = key(&mut faults, "", &request.from_customer_id, request.r#type, &request.to_customer_id);
    faults.finish().map(|()| key)
}

/// What a ListRelations asks for.
#[derive(Debug)]
pub struct List {
    /// The customer.
    pub customer_id: String,
    /// Which relations, ascending.
    pub arms: Vec<Arm>,
    /// Only contact persons of this kind; 0 = all.
    pub contact_kind: i16,
    /// Those that hold on this day; none = whenever.
    pub day: Option<i32>,
    text: String,
}

impl List {
    /// What the list is narrowed by.
    pub fn filter<'a>(&'a self, tenant: &'a str) -> [&'a str; 4] {
        [tenant, "relations", &self.customer_id, &self.text]
    }
}

/// Reads what a ListRelations asks for.
pub fn list(request: &pb::ListRelationsRequest, view: &View) -> Result<List> {
    let mut faults = Faults::new();
    let arms = arms(&mut faults, request.view, request.direction, &request.types);
    let contact_kind = faults.optional_enumeration::<pb::ContactKind>("contact_kind", request.contact_kind) as i16;
    let day = faults.optional_day("as_of_day", &request.as_of_day).map(|day| day.0);
    if day.is_some() && request.include_all_days {
        faults.add("as_of_day", "is given beside include_all_days");
    }
    let (all, as_of_day) = (request.include_all_days, &request.as_of_day);
    let list = List {
        customer_id: faults.id("customer_id", &request.customer_id),
        text: format!("{arms:?}/{contact_kind}/{as_of_day}/{all}"),
        arms,
        contact_kind,
        day: (!all).then(|| day.unwrap_or_else(|| view.time.today().0)),
    };
    faults.finish().map(|()| list)
}

/// What an ExpandRelations asks for.
#[derive(Debug)]
pub struct Expand {
    /// The customer to begin with.
    pub customer_id: String,
    /// Which relations, ascending.
    pub arms: Vec<Arm>,
    /// The most steps.
    pub steps: i32,
    /// Those that hold on this day.
    pub day: i32,
    /// The most customers.
    pub max_nodes: usize,
    /// The most relations of one customer.
    pub max_fan_out: usize,
}

/// Reads what an ExpandRelations asks for.
pub fn expand(request: &pb::ExpandRelationsRequest, view: &View) -> Result<Expand> {
    let mut faults = Faults::new();
    let mut bounded = |field: &str, value: i32, unset: i32, max: i32| {
        if !(0..=max).contains(&value) {
            faults.add(field, format!("is not between 0 and {max}"));
        }
        if value == 0 { unset } else { value }
    };
    let steps = bounded("steps", request.steps, 1, 4);
    let max_nodes = bounded("max_nodes", request.max_nodes, 200, 1000) as usize;
    let max_fan_out = bounded("max_fan_out", request.max_fan_out, 50, 200) as usize;
    let expand = Expand {
        customer_id: faults.id("customer_id", &request.customer_id),
        arms: arms(&mut faults, request.view, request.direction, &request.types),
        steps,
        day: as_of(&mut faults, &request.as_of_day, view),
        max_nodes,
        max_fan_out,
    };
    faults.finish().map(|()| expand)
}

/// The customer and the day that a GetGroup names.
pub fn group(request: &pb::GetGroupRequest, view: &View) -> Result<(String, i32)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let day = as_of(&mut faults, &request.as_of_day, view);
    faults.finish().map(|()| (customer_id, day))
}

fn as_of(faults: &mut Faults, day: &str, view: &View) -> i32 {
    faults.optional_day("as_of_day", day).unwrap_or_else(|| view.time.today()).0
}

fn arms(faults: &mut Faults, view: i32, direction: i32, types: &[i32]) -> Vec<Arm> {
    let view = faults.optional_enumeration::<pb::RelationView>("view", view);
    let direction = faults.optional_enumeration::<pb::RelationDirection>("direction", direction);
    let types: Vec<pb::RelationType> = types
        .iter()
        .enumerate()
        .map(|(index, number)| faults.enumeration(&format!("types[{index}]"), *number))
        .collect();
    if view == pb::RelationView::Unspecified {
        return arms_of(direction, &types);
    }
    if direction != pb::RelationDirection::Unspecified || !types.is_empty() {
        faults.add("view", "is given beside direction or types");
    }
    arms_of_view(view)
}

/// The same relation at its other end.
pub fn mirrored(row: &relation::Model) -> relation::Model {
    let (out, back) = (pb::RelationDirection::Out as i16, pb::RelationDirection::In as i16);
    relation::Model {
        customer_id: row.other_id.clone(),
        direction: if row.direction == out { back } else { out },
        other_id: row.customer_id.clone(),
        ..row.clone()
    }
}

/// A relation as it stands once a row was put over what is known of it: days that the row leaves empty stay, unless its
/// first day is at or after the end that is known, which begins it anew. Error: what is wrong with end_day.
pub fn over(known: Option<&relation::Model>, row: relation::Model, now: i64) -> Result<relation::Model, &'static str> {
    let (old_start, old_end) = known.map_or((None, None), |known| (known.start_day, known.end_day));
    let begins_anew = row.start_day.is_some_and(|start| old_end.is_some_and(|end| end <= start));
    let start_day = row.start_day.or(old_start);
    let end_day = row.end_day.or(old_end.filter(|_| !begins_anew));
    if end_day.is_some_and(|end| start_day.is_some_and(|start| end <= start)) {
        return Err("is not after start_day");
    }
    let create_time = known.map_or(now, |known| known.create_time);
    Ok(relation::Model { start_day, end_day, create_time, update_time: now, ..row })
}

/// Whether two rows of the same relation say the same.
pub fn same(one: &relation::Model, other: &relation::Model) -> bool {
    let said = |row: &relation::Model| (row.contact_kind, row.start_day, row.end_day, row.weight.to_bits());
    said(one) == said(other) && one.source == other.source
}

/// The message of a row, whichever end it lies at.
pub fn message(row: relation::Model) -> pb::Relation {
    let out = row.direction == pb::RelationDirection::Out as i16;
    let (from, to) = if out { (row.customer_id, row.other_id) } else { (row.other_id, row.customer_id) };
    pb::Relation {
        from_customer_id: from,
        r#type: i32::from(row.relation_type),
        to_customer_id: to,
        contact_kind: i32::from(row.contact_kind),
        start_day: day_text(row.start_day),
        end_day: day_text(row.end_day),
        weight: Some(row.weight),
        source: row.source,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
    }
}

/// Refuses an end that is not after the start.
pub fn check_end(row: &relation::Model, end_day: i32) -> Result<()> {
    let fits = row.start_day.is_none_or(|start_day| start_day < end_day);
    if fits { Ok(()) } else { Err(Error::invalid("end_day", "is not after start_day")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(start_day: Option<i32>, end_day: Option<i32>) -> relation::Model {
        let relation = pb::Relation {
            from_customer_id: "a".into(),
            r#type: pb::RelationType::Supplies.into(),
            to_customer_id: "b".into(),
            source: "core".into(),
            ..Default::default()
        };
        let mut faults = Faults::new();
        let row = row(&mut faults, "r", relation, "bank");
        assert!(faults.is_empty());
        relation::Model { start_day, end_day, ..row }
    }

    #[test]
    fn days_left_empty_stay_and_a_start_after_the_end_begins_anew() {
        let put = |known: (Option<i32>, Option<i32>), given: (Option<i32>, Option<i32>)| {
            over(Some(&dated(known.0, known.1)), dated(given.0, given.1), 1).map(|row| (row.start_day, row.end_day))
        };
        assert_eq!(put((Some(3), Some(9)), (None, None)), Ok((Some(3), Some(9))));
        assert_eq!(put((Some(3), Some(9)), (Some(4), None)), Ok((Some(4), Some(9))));
        assert_eq!(put((Some(3), Some(9)), (None, Some(8))), Ok((Some(3), Some(8))));
        assert_eq!(put((Some(3), Some(9)), (Some(9), None)), Ok((Some(9), None)), "it begins anew");
        assert_eq!(put((None, Some(9)), (Some(12), Some(20))), Ok((Some(12), Some(20))));
        assert!(put((Some(3), None), (None, Some(3))).is_err());
        assert_eq!(over(None, dated(Some(3), None), 7).map(|row| (row.start_day, row.create_time)), Ok((Some(3), 7)));
    }
}
