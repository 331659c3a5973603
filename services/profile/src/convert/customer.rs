//! Customers between wire and disk.

use huan_chassis::{Error, Identity, Result, check::Faults, clock};
use huan_proto::profile::v1::{self as pb, search_customers_request::By};

use super::{attributes, company::company, day_text, envelope, keep, row_fault, unique};
use crate::store::{
    entity::{customer, identity, lookup},
    lookup::{ID_NUMBER, NAME, PHONE},
    tenant::View,
};

/// The most attributes of a customer.
const MAX_ATTRIBUTES: usize = 64;

/// The row that a customer asks for; key, revision and times are the store's to fill in.
pub fn row(faults: &mut Faults, field: &str, tenant: &str, customer: pb::Customer) -> customer::Model {
    let at = |name: &str| format!("{field}.{name}");
    let customer_type = customer.r#type();
    let kept = pb::Customer {
        person: customer.person.map(|found| person(faults, &at("person"), found)),
        attributes: attributes(faults, &at("attributes"), customer.attributes, MAX_ATTRIBUTES),
        company: customer.company.map(|found| company(faults, &at("company"), found, customer_type)),
        ..Default::default()
    };
    customer::Model {
        tenant: tenant.to_owned(),
        customer_id: faults.id(&at("customer_id"), &customer.customer_id),
        customer_key: String::new(),
        request_id: None,
        customer_type: faults.enumeration::<pb::CustomerType>(&at("type"), customer.r#type) as i16,
        owner_path: faults.path(&at("owner_path"), &customer.owner_path),
        manager_id: faults.optional_text(&at("manager_id"), &customer.manager_id, 64),
        risk_level: faults.optional_enumeration::<pb::RiskLevel>(&at("risk_level"), customer.risk_level) as i16,
        gates: gate_bits(faults, &at("gates"), &customer.gates),
        personalisation_refused: customer.personalisation_refused,
        open_day: faults.optional_day(&at("open_day"), &customer.open_day).map(|day| day.0),
        format: envelope::PLAIN,
        key_id: String::new(),
        payload: envelope::seal(&kept),
        root_id: customer.customer_id,
        absorbed: 0,
        merge_time: 0,
        revision: 1,
        create_time: 0,
        update_time: 0,
    }
}

/// The row of an anonymous visitor, who belongs to the whole bank. `now` is system time.
pub fn visitor(tenant: &str, customer_id: &str, customer_key: String, now: i64) -> customer::Model {
    let visitor = pb::Customer {
        customer_id: customer_id.to_owned(),
        r#type: pb::CustomerType::Prospect.into(),
        owner_path: "/".to_owned(),
        ..Default::default()
    };
    let row = row(&mut Faults::new(), "customer", tenant, visitor);
    customer::Model { customer_key, create_time: now, update_time: now, ..row }
}

/// The rows of a batch, and the first fault of each one refused.
pub fn batch(customers: Vec<pb::Customer>, tenant: &str) -> (Vec<customer::Model>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(customers.len());
    for (index, customer) in customers.into_iter().enumerate() {
        let mut faults = Faults::new();
        let row = row(&mut faults, &format!("customers[{index}]"), tenant, customer);
        rows.extend(keep(index, faults, row, &mut refused).map(|row| (index, row)));
    }
    let field = |index| format!("customers[{index}].customer_id");
    let rows = unique(rows, |row| row.customer_id.clone(), field, &mut refused);
    (rows.into_iter().map(|(_, row)| row).collect(), refused)
}

/// The faults of rows that the store refused, by the request's customers.
pub fn refused(ids: &[String], refused: &[(String, &'static str)]) -> Vec<pb::RowFault> {
    let fault = |(id, why): &(String, &'static str)| {
        let index = ids.iter().position(|named| named == id)?;
        Some(row_fault(index, format!("customers[{index}].customer_id"), *why))
    };
    refused.iter().filter_map(fault).collect()
}

/// What a ListCustomers asks for.
#[derive(Debug)]
pub struct List {
    /// Customers owned at or below this path.
    pub owner_path: String,
    /// Of this type; 0 = all.
    pub customer_type: i32,
    /// Of this relationship manager; "" = all.
    pub manager_id: String,
    type_text: String,
}

impl List {
    /// What the list is narrowed by.
    pub fn filter<'a>(&'a self, tenant: &'a str) -> [&'a str; 5] {
        [tenant, "customers", &self.owner_path, &self.type_text, &self.manager_id]
    }
}

/// Reads what a ListCustomers asks for; no path = the caller's own.
pub fn list(request: &pb::ListCustomersRequest, by: &Identity) -> Result<List> {
    let mut faults = Faults::new();
    let own = if by.org_path.is_empty() { "/" } else { &by.org_path };
    let path = if request.owner_path.is_empty() { own } else { &request.owner_path };
    let owner_path = faults.path("owner_path", path);
    let customer_type = faults.optional_enumeration::<pb::CustomerType>("type", request.r#type) as i32;
    let manager_id = faults.optional_text("manager_id", &request.manager_id, 64);
    let list = List { owner_path, customer_type, manager_id, type_text: customer_type.to_string() };
    faults.finish().map(|()| list)
}

/// What a SearchCustomers searches by.
#[derive(Debug)]
pub enum Search {
    /// A personal value, as it is looked up.
    Value(lookup::Model),
    /// An identity.
    Identity(identity::Model),
    /// Something of which nothing is left to compare: nobody has it.
    Nothing,
}

/// Reads what a SearchCustomers searches by.
pub fn search(request: pb::SearchCustomersRequest, view: &View) -> Result<Search> {
    let mut faults = Faults::new();
    let (kind, value) = match request.by {
        Some(By::Identity(identity)) => {
            return super::identity::row(None, Some(identity), view).map(Search::Identity);
        }
        Some(By::Name(name)) => (NAME, faults.text("name", &name, 200)),
        Some(By::Phone(phone)) => (PHONE, faults.text("phone", &phone, 32)),
        Some(By::IdNumber(id_number)) => (ID_NUMBER, faults.text("id_number", &id_number, 64)),
        None => return Err(Error::invalid("by", "is required")),
    };
    faults.finish()?;
    Ok(crate::store::lookup::row(view, kind, &value, "").map_or(Search::Nothing, Search::Value))
}

/// The row that CreateCustomer asks for.
pub fn create(request: pb::CreateCustomerRequest, tenant: &str) -> Result<customer::Model> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let customer = faults.required("customer", request.customer).unwrap_or_default();
    let row = customer::Model { request_id: Some(request_id), ..row(&mut faults, "customer", tenant, customer) };
    faults.finish().map(|()| row)
}

/// Checks all of UpdateCustomer that can be checked without the customer: its revision and its mask.
pub fn update(request: &pb::UpdateCustomerRequest) -> Result<()> {
    let mut faults = Faults::new();
    faults.id("customer_id", &request.customer_id);
    if request.revision < 1 {
        faults.add("revision", "is required");
    }
    if request.update_mask.as_ref().is_none_or(|mask| mask.paths.is_empty()) {
        faults.add("update_mask", "is required");
    }
    faults.required("customer", request.customer.as_ref());
    faults.finish()
}

/// The row after an UpdateCustomer: the stored one with the masked fields of the request.
pub fn updated(old: &customer::Model, request: pb::UpdateCustomerRequest) -> Result<customer::Model> {
    let mut faults = Faults::new();
    let mut merged = message(old)?;
    let from = request.customer.unwrap_or_default();
    for path in request.update_mask.iter().flat_map(|mask| &mask.paths) {
        match path.as_str() {
            "owner_path" => merged.owner_path = from.owner_path.clone(),
            "manager_id" => merged.manager_id = from.manager_id.clone(),
            "person" => merged.person = from.person.clone(),
            "risk_level" => merged.risk_level = from.risk_level,
            "gates" => merged.gates = from.gates.clone(),
            "personalisation_refused" => merged.personalisation_refused = from.personalisation_refused,
            "open_day" => merged.open_day = from.open_day.clone(),
            "attributes" => merged.attributes = from.attributes.clone(),
            "company" => merged.company = from.company.clone(),
            _ => faults.add("update_mask", "names a field that cannot be changed"),
        }
    }
    let row = row(&mut faults, "customer", &old.tenant, merged);
    faults.finish().map(|()| replacing(old, row))
}

/// A row that takes another's place: the key, the request, the time of creation and the place in a profile stay, the
/// revision grows.
pub fn replacing(old: &customer::Model, new: customer::Model) -> customer::Model {
    customer::Model {
        customer_key: old.customer_key.clone(),
        request_id: old.request_id.clone(),
        root_id: old.root_id.clone(),
        absorbed: old.absorbed,
        merge_time: old.merge_time,
        revision: old.revision + 1,
        create_time: old.create_time,
        ..new
    }
}

/// The message of a row. Error: internal, if its envelope does not open.
pub fn message(row: &customer::Model) -> Result<pb::Customer> {
    let kept: pb::Customer = envelope::open(row.format, &row.payload)?;
    Ok(pb::Customer {
        customer_id: row.customer_id.clone(),
        customer_key: row.customer_key.clone(),
        r#type: i32::from(row.customer_type),
        owner_path: row.owner_path.clone(),
        manager_id: row.manager_id.clone(),
        person: kept.person,
        risk_level: i32::from(row.risk_level),
        gates: gates(row.gates),
        personalisation_refused: row.personalisation_refused,
        open_day: day_text(row.open_day),
        attributes: kept.attributes,
        company: kept.company,
        revision: row.revision,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        update_time: Some(clock::timestamp(clock::from_micros(row.update_time))),
        root_id: row.root_id.clone(),
    })
}

/// The gates of a column, ascending.
pub fn gates(bits: i32) -> Vec<i32> {
    (0..31).filter(|gate| bits & (1 << gate) != 0).collect()
}

fn gate_bits(faults: &mut Faults, field: &str, gates: &[i32]) -> i32 {
    let read = gates.iter().enumerate().map(|(index, gate)| {
        let at = format!("{field}[{index}]");
        let gate = faults.enumeration::<pb::Gate>(&at, *gate);
        if gate == pb::Gate::LegalHold {
            faults.add(at, "is shut by PlaceLegalHold only");
        }
        1 << (gate as i32)
    });
    read.fold(0, |bits, bit| bits | bit)
}

fn person(faults: &mut Faults, field: &str, person: pb::Person) -> pb::Person {
    let at = |name: &str| format!("{field}.{name}");
    pb::Person {
        name: faults.optional_text(&at("name"), &person.name, 200),
        phone: faults.optional_text(&at("phone"), &person.phone, 32),
        id_number: faults.optional_text(&at("id_number"), &person.id_number, 64),
        address: faults.optional_text(&at("address"), &person.address, 400),
        birth_day: day_text(faults.optional_day(&at("birth_day"), &person.birth_day).map(|day| day.0)),
    }
}
