//! Rows of wide tables between wire and disk. What a row says is checked here as far as it can be without what is known
//! of its customer; `merge` lays it over that.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use huan_chassis::{FieldFault, Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use super::{MAX_ROWS, consent as consents, identity as identities, relation as relations, tag as tags};
use crate::store::{
    entity::{bulk_load, consent, identity, relation, tag},
    tenant::View,
};

/// The most rows of a table that one batch may speak for.
const MAX_SPAN: i64 = 100_000;
/// The most holdings and tags, and the most identities and consents, of a row.
const MAX_MANY: usize = 100;
const MAX_FEW: usize = 20;

/// Fields of a customer that a mask may name, besides `person.<field>`, `company.<field>` and `attributes.<name>`.
const CUSTOMER: [&str; 10] = [
    "type",
    "owner_path",
    "manager_id",
    "person",
    "risk_level",
    "gates",
    "personalisation_refused",
    "open_day",
    "attributes",
    "company",
];
const PERSON: [&str; 5] = ["name", "phone", "id_number", "address", "birth_day"];
const COMPANY: [&str; 6] = [
    "social_credit_code",
    "industry_code",
    "registered_capital_minor",
    "annual_revenue_minor",
    "employee_count",
    "declared_main_bank",
];
const HOLDING: [&str; 6] = ["kind", "product_id", "open_day", "close_day", "balance_minor", "status"];

/// A batch of rows, and those refused already.
#[derive(Debug)]
pub struct Batch {
    /// The load as the batch leaves it if it is the first; counts are the store's to fill in.
    pub load: bulk_load::Model,
    /// The first row that it speaks for.
    pub first_row: i64,
    /// The rows that passed.
    pub rows: Vec<Row>,
    /// What is wrong with the others.
    pub faults: Vec<pb::BulkFault>,
    /// Rows that did not pass, or that the caller left out.
    pub refused: i64,
    /// Which fields of customers hold.
    pub customer_mask: Vec<String>,
    /// Which fields of holdings hold.
    pub holding_mask: Vec<String>,
    /// Whether nothing is to be written.
    pub dry_run: bool,
    /// Whether the load is over after it.
    pub last: bool,
}

/// What a row says of its customer.
#[derive(Debug)]
pub struct Row {
    /// Its number in the table.
    pub row: i64,
    /// The customer.
    pub customer_id: String,
    /// The customer's own fields.
    pub customer: Option<pb::Customer>,
    /// What the customer holds, with the keyed hash of each one's id.
    pub holdings: Vec<(String, pb::Holding)>,
    /// Tags to put on.
    pub tags: Vec<tag::Model>,
    /// Identities to give.
    pub identities: Vec<identity::Model>,
    /// What the customer said.
    pub consents: Vec<consent::Model>,
    /// What binds the customer to others.
    pub relations: Vec<relation::Model>,
}

/// Reads a batch of a caller. `now` is business time. Errors: Invalid for what is wrong with the batch as a whole.
pub fn batch(request: pb::LoadRowsRequest, view: &View, by: &str, now: DateTime<Utc>) -> Result<Batch> {
    let mut faults = Faults::new();
    let rows = request.rows;
    let span = request.next_row.saturating_sub(request.first_row);
    if request.first_row < 1 {
        faults.add("first_row", "is required");
    } else if !(0..=MAX_SPAN).contains(&span) {
        faults.add("next_row", format!("is not 0 to {MAX_SPAN} above first_row"));
    }
    if rows.len() > MAX_ROWS {
        faults.add("rows", format!("has more than {MAX_ROWS} entries"));
    }
    let bounds = request.first_row..request.next_row;
    let ascend = rows.windows(2).all(|pair| pair[0].row < pair[1].row);
    if !ascend
        || rows.first().is_some_and(|row| row.row < bounds.start)
        || rows.last().is_some_and(|row| row.row >= bounds.end)
    {
        faults.add("rows", "do not ascend between first_row and next_row");
    }
    let state = if request.last { pb::LoadState::Done } else { pb::LoadState::Running };
    let load = bulk_load::Model {
        tenant: view.tenant.clone(),
        load_id: faults.id("load_id", &request.load_id),
        source: faults.text("source", &request.source, 200),
        source_hash: faults.optional_text("source_hash", &request.source_hash, 64),
        state: state as i16,
        next_row: request.next_row,
        new_count: 0,
        changed_count: 0,
        same_count: 0,
        refused_count: 0,
        create_time: 0,
        update_time: 0,
    };
    let customer_mask = mask(&mut faults, "customer_mask", request.customer_mask, customer_field);
    let holding_mask = mask(&mut faults, "holding_mask", request.holding_mask, |path| HOLDING.contains(&path));
    faults.finish()?;
    let (mut passed, mut refused) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let mut faults = Faults::new();
        let checked = self::row(&mut faults, row, view, by, now);
        match faults.is_empty() {
            true => passed.push(checked),
            false => refused.extend(row_faults(checked.row, faults.into_vec())),
        }
    }
    let refused_count = span - passed.len() as i64;
    Ok(Batch {
        load,
        first_row: request.first_row,
        rows: passed,
        faults: refused,
        refused: refused_count,
        customer_mask,
        holding_mask,
        dry_run: request.dry_run,
        last: request.last,
    })
}

/// The faults of a row, for its answer.
pub fn row_faults(row: i64, faults: Vec<FieldFault>) -> impl Iterator<Item = pb::BulkFault> {
    faults.into_iter().map(move |FieldFault { field, description }| pb::BulkFault { row, field, description })
}

/// The answer to a LoadRows.
pub fn answer(load: &bulk_load::Model, mut faults: Vec<pb::BulkFault>) -> pb::LoadRowsResponse {
    faults.sort_by_key(|fault| fault.row);
    pb::LoadRowsResponse { load: Some(message(load)), faults }
}

/// The message of a load.
pub fn message(row: &bulk_load::Model) -> pb::Load {
    pb::Load {
        load_id: row.load_id.clone(),
        source: row.source.clone(),
        source_hash: row.source_hash.clone(),
        state: i32::from(row.state),
        next_row: row.next_row,
        new_count: row.new_count,
        changed_count: row.changed_count,
        same_count: row.same_count,
        refused_count: row.refused_count,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
    }
}

/// Reads the id of a request that names one load.
pub fn load_id(id: &str) -> Result<String> {
    let mut faults = Faults::new();
    let id = faults.id("load_id", id);
    faults.finish().map(|()| id)
}

/// Lays the masked fields of a customer over what is known. An attribute without a value is taken away.
pub fn merge_customer(known: &mut pb::Customer, given: &pb::Customer, mask: &[String]) {
    for path in mask {
        match path.as_str() {
            // No customer is without these two: a row that has none leaves them as they are.
            "type" if given.r#type == 0 => {}
            "owner_path" if given.owner_path.is_empty() => {}
            "type" => known.r#type = given.r#type,
            "owner_path" => known.owner_path.clone_from(&given.owner_path),
            "manager_id" => known.manager_id.clone_from(&given.manager_id),
            "person" => known.person.clone_from(&given.person),
            "risk_level" => known.risk_level = given.risk_level,
            "gates" => known.gates.clone_from(&given.gates),
            "personalisation_refused" => known.personalisation_refused = given.personalisation_refused,
            "open_day" => known.open_day.clone_from(&given.open_day),
            "attributes" => known.attributes.clone_from(&given.attributes),
            "company" => known.company.clone_from(&given.company),
            path => merge_part(known, given, path),
        }
    }
    known.gates.sort_unstable();
    known.gates.dedup();
    // Stored as it is read back: a person without fields and none at all are kept apart.
    if known.person.as_ref().is_some_and(|person| *person == pb::Person::default()) {
        known.person = None;
    }
    if known.company.as_ref().is_some_and(|company| *company == pb::Company::default()) {
        known.company = None;
    }
}

fn merge_part(known: &mut pb::Customer, given: &pb::Customer, path: &str) {
    if let Some(name) = path.strip_prefix("attributes.") {
        match given.attributes.get(name).filter(|value| value.kind.is_some()) {
            Some(value) => drop(known.attributes.insert(name.to_owned(), value.clone())),
            None => drop(known.attributes.remove(name)),
        }
        return;
    }
    if let Some(field) = path.strip_prefix("company.") {
        let none = pb::Company::default();
        let (to, from) = (known.company.get_or_insert_default(), given.company.as_ref().unwrap_or(&none));
        return merge_company(to, from, field);
    }
    let none = pb::Person::default();
    let (to, from) = (known.person.get_or_insert_default(), given.person.as_ref().unwrap_or(&none));
    match path {
        "person.name" => to.name.clone_from(&from.name),
        "person.phone" => to.phone.clone_from(&from.phone),
        "person.id_number" => to.id_number.clone_from(&from.id_number),
        "person.address" => to.address.clone_from(&from.address),
        _ => to.birth_day.clone_from(&from.birth_day),
    }
}

fn merge_company(to: &mut pb::Company, from: &pb::Company, field: &str) {
    match field {
        "social_credit_code" => to.social_credit_code.clone_from(&from.social_credit_code),
        "industry_code" => to.industry_code.clone_from(&from.industry_code),
        "registered_capital_minor" => to.registered_capital_minor = from.registered_capital_minor,
        "annual_revenue_minor" => to.annual_revenue_minor = from.annual_revenue_minor,
        "employee_count" => to.employee_count = from.employee_count,
        _ => to.declared_main_bank.clone_from(&from.declared_main_bank),
    }
}

/// Lays the masked fields of a holding over what is known.
pub fn merge_holding(known: &mut pb::Holding, given: &pb::Holding, mask: &[String]) {
    for path in mask {
        match path.as_str() {
            "kind" => known.kind.clone_from(&given.kind),
            "product_id" => known.product_id.clone_from(&given.product_id),
            "open_day" => known.open_day.clone_from(&given.open_day),
            "close_day" => known.close_day.clone_from(&given.close_day),
            "balance_minor" => known.balance_minor = given.balance_minor,
            _ => known.status.clone_from(&given.status),
        }
    }
}

fn row(faults: &mut Faults, row: pb::BulkRow, view: &View, by: &str, now: DateTime<Utc>) -> Row {
    let customer_id = faults.id("customer_id", &row.customer_id);
    let whose = |faults: &mut Faults, field: String, id: &str| {
        if !id.is_empty() && id != customer_id {
            faults.add(field, "is not the customer of this row");
        }
    };
    if let Some(customer) = &row.customer {
        whose(faults, "customer.customer_id".to_owned(), &customer.customer_id);
    }
    for (field, count, most) in [
        ("holdings", row.holdings.len(), MAX_MANY),
        ("tags", row.tags.len(), MAX_MANY),
        ("identities", row.identities.len(), MAX_FEW),
        ("consents", row.consents.len(), MAX_FEW),
        ("relations", row.relations.len(), MAX_FEW),
    ] {
        if count > most {
            faults.add(field, format!("has more than {most} entries"));
        }
    }
    let mut holdings = Vec::with_capacity(row.holdings.len());
    for (index, holding) in row.holdings.into_iter().enumerate() {
        whose(faults, format!("holdings[{index}].customer_id"), &holding.customer_id);
        let holding_id = faults.id(&format!("holdings[{index}].holding_id"), &holding.holding_id);
        holdings.push((view.hash("holding", &holding_id), holding));
    }
    let mut seen = HashSet::new();
    for (index, (hash, _)) in holdings.iter().enumerate() {
        if !seen.insert(hash) {
            faults.add(format!("holdings[{index}].holding_id"), "comes twice in this row");
        }
    }
    let mut consents = Vec::with_capacity(row.consents.len());
    for (index, consent) in row.consents.into_iter().enumerate() {
        let field = format!("consents[{index}]");
        whose(faults, format!("{field}.customer_id"), &consent.customer_id);
        let consent = pb::Consent { customer_id: customer_id.clone(), ..consent };
        consents.push(consents::row(faults, &field, consent, &view.tenant, now));
    }
    let tags = row.tags.into_iter().enumerate();
    let tags =
        tags.map(|(index, tag)| tags::row(faults, &format!("tags[{index}]"), customer_id.clone(), Some(tag), view, by));
    let tags = tags.collect();
    let identities = row.identities.into_iter().enumerate();
    let identities = identities
        .map(|(index, identity)| {
            identities::checked(faults, &format!("identities[{index}]"), &customer_id, identity, view)
        })
        .collect();
    let mut bonds = Vec::with_capacity(row.relations.len());
    for (index, relation) in row.relations.into_iter().enumerate() {
        let field = format!("relations[{index}]");
        if ![&relation.from_customer_id, &relation.to_customer_id].contains(&&customer_id) {
            faults.add(&field, "is not of the customer of this row");
        }
        bonds.push(relations::row(faults, &field, relation, &view.tenant));
    }
    Row {
        relations: bonds,
        row: row.row,
        customer_id: customer_id.clone(),
        customer: row.customer,
        holdings,
        tags,
        identities,
        consents,
    }
}

fn mask(
    faults: &mut Faults,
    field: &str,
    mask: Option<prost_types::FieldMask>,
    known: impl Fn(&str) -> bool,
) -> Vec<String> {
    let paths = mask.map(|mask| mask.paths).unwrap_or_default();
    if paths.iter().any(|path| !known(path)) {
        faults.add(field, "names a field that cannot be loaded");
    }
    paths
}

fn customer_field(path: &str) -> bool {
    match path.split_once('.') {
        None => CUSTOMER.contains(&path),
        Some(("person", field)) => PERSON.contains(&field),
        Some(("company", field)) => COMPANY.contains(&field),
        Some(("attributes", name)) => !name.is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use huan_proto::types::v1::{Value, value::Kind};

    use super::*;

    #[test]
    fn only_masked_fields_are_laid_over_what_is_known() {
        let number = |number| Value { kind: Some(Kind::Number(number)) };
        let mut known = pb::Customer {
            owner_path: "/hq".into(),
            person: Some(pb::Person { name: "A".into(), phone: "1".into(), ..Default::default() }),
            attributes: [("a".to_owned(), number(1.0)), ("b".to_owned(), number(2.0))].into(),
            ..Default::default()
        };
        let given = pb::Customer { attributes: [("a".to_owned(), number(3.0))].into(), ..Default::default() };
        let mask = ["person.phone", "attributes.a", "attributes.b"].map(str::to_owned);
        merge_customer(&mut known, &given, &mask);
        assert_eq!(known.person.unwrap(), pb::Person { name: "A".into(), ..Default::default() });
        assert_eq!((known.owner_path.as_str(), known.attributes), ("/hq", [("a".to_owned(), number(3.0))].into()));
    }

    #[test]
    fn a_mask_names_known_fields_alone() {
        assert!(["type", "person", "person.name", "attributes.x"].into_iter().all(customer_field));
        assert!(!["customer_id", "person.age", "attributes.", "other.x", ""].into_iter().any(customer_field));
    }
}
