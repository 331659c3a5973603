//! Rows: a record's texts become what one row says of its customer, or the faults that it has. Nothing is sent from here.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use chrono_tz::Tz;
use huan_chassis::clock;
use huan_proto::profile::v1 as pb;
use sha2::{Digest, Sha256};

use super::{
    cell::{self, Cell, exponent},
    mapping::{Fields, Mapping},
};

/// What a row's fields are read by.
pub struct Reader {
    mapping: Mapping,
    exponent: u32,
    zone: Tz,
    seen: HashSet<u64>,
}

/// What is wrong with one field of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row's number, from 1.
    pub row: i64,
    /// The field.
    pub field: String,
    /// What is wrong with it, without its value.
    pub description: String,
}

/// Reads the cells of one noun of a row.
struct Noun<'a> {
    fields: &'a Fields,
    name: String,
    record: &'a [String],
    empty: &'a [String],
    faults: &'a mut Vec<Fault>,
    row: i64,
}

impl Reader {
    /// Reads rows by a mapping whose columns are found, for a tenant with this currency and zone.
    pub fn new(mapping: Mapping, currency: &str, zone: Tz) -> Self {
        Self { mapping, exponent: exponent(currency), zone, seen: HashSet::new() }
    }

    /// Reads a row. One that came before in the same table, by what the table is a list of, is at fault.
    pub fn read(&mut self, row: i64, record: &[String]) -> Result<pb::BulkRow, Vec<Fault>> {
        let mut faults = Vec::new();
        let message = self.message(row, record, &mut faults);
        if faults.is_empty() && !self.is_first(&message) {
            let field = if self.mapping.holdings.is_empty() { "customer_id" } else { "holdings[0].holding_id" };
            let (field, description) = (field.to_owned(), "comes twice in this table".to_owned());
            faults.push(Fault { row, field, description });
        }
        if faults.is_empty() { Ok(message) } else { Err(faults) }
    }

    fn message(&self, row: i64, record: &[String], faults: &mut Vec<Fault>) -> pb::BulkRow {
        let empty = &self.mapping.empty;
        let mut noun = Noun { fields: &self.mapping.customer, name: String::new(), record, empty, faults, row };
        let (customer_id, is_prospect) = self.customer_id(&mut noun);
        noun.name = "customer.".to_owned();
        let own = noun.customer(is_prospect, self.exponent);
        let has_own = !self.mapping.customer_mask().is_empty();
        let mut message = pb::BulkRow { row, customer_id, customer: has_own.then_some(own), ..Default::default() };
        for (index, fields) in self.mapping.holdings.iter().enumerate() {
            let mut noun = Noun { fields, name: format!("holdings[{index}]."), record, empty, faults, row };
            message.holdings.extend(noun.holding(self.exponent));
        }
        for (index, fields) in self.mapping.tags.iter().enumerate() {
            let mut noun = Noun { fields, name: format!("tags[{index}]."), record, empty, faults, row };
            message.tags.extend(noun.tag(&self.mapping.name, self.zone));
        }
        for (index, fields) in self.mapping.identities.iter().enumerate() {
            let mut noun = Noun { fields, name: format!("identities[{index}]."), record, empty, faults, row };
            message.identities.extend(noun.identity());
        }
        for (index, fields) in self.mapping.consents.iter().enumerate() {
            let mut noun = Noun { fields, name: format!("consents[{index}]."), record, empty, faults, row };
            message.consents.extend(noun.consent(self.zone));
        }
        for (index, fields) in self.mapping.relations.iter().enumerate() {
            let mut noun = Noun { fields, name: format!("relations[{index}]."), record, empty, faults, row };
            message.relations.extend(noun.relation(&message.customer_id, &self.mapping.name));
        }
        message
    }
}

impl Reader {
    /// The bank's number; for a row without one, an id from the list's name and key that says nothing of its own.
    fn customer_id(&self, noun: &mut Noun<'_>) -> (String, bool) {
        let given = noun.text("customer_id");
        let Some(prospect) = self.mapping.prospect.as_ref().filter(|_| given.is_empty()) else {
            if given.is_empty() {
                noun.fault("customer_id", "is required");
            }
            return (given, false);
        };
        let key = noun.read("key", &prospect.key);
        if key.is_empty() {
            noun.fault("key", "is required of a row without a bank number");
        }
        let digest = Sha256::new().chain_update(&prospect.list).chain_update("\0").chain_update(key).finalize();
        (format!("{}-{}", prospect.list, &hex::encode(digest)[..24]), true)
    }

    /// Tables of holdings list holdings, tables of customers' fields list customers; others list neither.
    fn is_first(&mut self, row: &pb::BulkRow) -> bool {
        let mut hasher = DefaultHasher::new();
        match (self.mapping.holdings.len(), row.holdings.first()) {
            (1, Some(holding)) => holding.holding_id.hash(&mut hasher),
            (0, _) if row.customer.is_some() => row.customer_id.hash(&mut hasher),
            _ => return true,
        }
        self.seen.insert(hasher.finish())
    }
}

impl Noun<'_> {
    fn customer(&mut self, is_prospect: bool, exponent: u32) -> pb::Customer {
        let fallback = if is_prospect { pb::CustomerType::Prospect } else { pb::CustomerType::Unspecified };
        let fields = self.fields;
        let attributes =
            fields.iter().filter_map(|(field, cell)| Some((field, field.strip_prefix("attributes.")?, cell)));
        let mut found = std::collections::HashMap::new();
        for (field, name, cell) in attributes {
            let text = self.read(field, cell);
            let value = self.parse(field, &text, |text| cell.value(text));
            found.extend(value.map(|value| (name.to_owned(), value)));
        }
        pb::Customer {
            r#type: self.word("type", customer_type).unwrap_or(fallback).into(),
            owner_path: self.text("owner_path"),
            manager_id: self.text("manager_id"),
            person: Some(pb::Person {
                name: self.text("person.name"),
                phone: self.text("person.phone"),
                id_number: self.text("person.id_number"),
                address: self.text("person.address"),
                birth_day: self.day("person.birth_day"),
            }),
            risk_level: self.word("risk_level", risk_level).unwrap_or_default().into(),
            gates: self.word("gates", gates).unwrap_or_default(),
            personalisation_refused: self.word("personalisation_refused", cell::flag).unwrap_or_default(),
            open_day: self.day("open_day"),
            attributes: found,
            company: Some(self.company(exponent)),
            ..Default::default()
        }
    }

    fn company(&mut self, exponent: u32) -> pb::Company {
        let whole = |text: &str| text.parse().map_err(|_| "is not a whole number".to_owned());
        pb::Company {
            social_credit_code: self.text("company.social_credit_code"),
            industry_code: self.text("company.industry_code"),
            registered_capital_minor: self.word("company.registered_capital", |text| cell::minor(text, exponent)),
            annual_revenue_minor: self.word("company.annual_revenue", |text| cell::minor(text, exponent)),
            employee_count: self.word("company.employee_count", whole),
            declared_main_bank: self.text("company.declared_main_bank"),
        }
    }

    /// A holding; none if the row names none.
    fn holding(&mut self, exponent: u32) -> Option<pb::Holding> {
        let holding_id = self.text("holding_id");
        if holding_id.is_empty() {
            return None;
        }
        let minor = self.word("balance", |text| cell::minor(text, exponent));
        let whole = |text: &str| text.parse().map_err(|_| "is not a whole number".to_owned());
        let balance_minor = minor.or_else(|| self.word("balance_minor", whole)).unwrap_or_default();
        Some(pb::Holding {
            holding_id,
            kind: self.text("kind"),
            product_id: self.text("product_id"),
            open_day: self.day("open_day"),
            close_day: self.day("close_day"),
            balance_minor,
            status: self.text("status"),
            ..Default::default()
        })
    }

    /// A tag; none if the row does not say that it holds.
    fn tag(&mut self, import: &str, zone: Tz) -> Option<pb::Tag> {
        let name = self.text("name");
        let holds = !self.fields.contains_key("when") || self.word("when", cell::flag).unwrap_or_default();
        if name.is_empty() || !holds {
            return None;
        }
        let source = self.text("source");
        // Without a word of its own, it is said by the import, the same one every day.
        let lineage = source.is_empty().then(|| pb::TagLineage {
            author: pb::TagAuthor::Import.into(),
            author_id: import.to_owned(),
            ..Default::default()
        });
        let (confidence, expire_time) = (self.word("confidence", cell::number), self.time("expire_time", zone));
        Some(pb::Tag { name, source, lineage, confidence, expire_time, ..Default::default() })
    }

    /// An identity; none if the row has none.
    fn identity(&mut self) -> Option<pb::Identity> {
        let (namespace, value) = (self.text("namespace"), self.text("value"));
        (!value.is_empty()).then_some(pb::Identity { namespace, value, ..Default::default() })
    }

    /// A consent or refusal; none if the row says nothing.
    fn consent(&mut self, zone: Tz) -> Option<pb::Consent> {
        let allowed = self.word("allowed", cell::flag)?;
        Some(pb::Consent {
            purpose: self.word("purpose", purpose).unwrap_or_default().into(),
            channel_id: self.text("channel_id"),
            allowed,
            evidence: self.text("evidence"),
            source: self.text("source"),
            decide_time: self.time("decide_time", zone),
            expire_time: self.time("expire_time", zone),
            ..Default::default()
        })
    }

    /// A relation with the customer at the end that is not mapped; none if the row names nobody at the other.
    fn relation(&mut self, customer_id: &str, source: &str) -> Option<pb::Relation> {
        let (from, to) = (self.text("from_customer_id"), self.text("to_customer_id"));
        if from.is_empty() && to.is_empty() {
            return None;
        }
        let own = |other: String| if other.is_empty() { customer_id.to_owned() } else { other };
        let given = self.text("source");
        Some(pb::Relation {
            from_customer_id: own(from),
            r#type: self.word("type", relation_type).unwrap_or_default().into(),
            to_customer_id: own(to),
            contact_kind: self.word("contact_kind", contact_kind).unwrap_or_default().into(),
            start_day: self.day("start_day"),
            end_day: self.day("end_day"),
            weight: self.word("weight", cell::number),
            source: if given.is_empty() { format!("import:{source}") } else { given },
            ..Default::default()
        })
    }

    fn text(&mut self, field: &str) -> String {
        let fields = self.fields;
        fields.get(field).map(|cell| self.read(field, cell)).unwrap_or_default()
    }

    fn day(&mut self, field: &str) -> String {
        let (text, fields) = (self.text(field), self.fields);
        let day = |text: &str| fields.get(field).map_or(Ok(String::new()), |cell| cell.day(text));
        self.parse(field, &text, day).unwrap_or_default()
    }

    fn time(&mut self, field: &str, zone: Tz) -> Option<prost_types::Timestamp> {
        let (text, cell) = (self.text(field), self.fields.get(field)?);
        self.parse(field, &text, |text| cell.time(text, zone)).map(clock::timestamp)
    }

    fn word<T>(&mut self, field: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(field);
        self.parse(field, &text, parse)
    }

    fn read(&mut self, field: &str, cell: &Cell) -> String {
        let text = cell.text(self.record, self.empty);
        text.map_err(|fault| self.fault(field, fault)).unwrap_or_default()
    }

    /// Reads a text that may be missing.
    fn parse<T>(&mut self, field: &str, text: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        if text.is_empty() {
            return None;
        }
        parse(text).map_err(|fault| self.fault(field, fault)).ok()
    }

    fn fault(&mut self, field: &str, description: impl Into<String>) {
        let field = format!("{}{field}", self.name);
        self.faults.push(Fault { row: self.row, field, description: description.into() });
    }
}

fn customer_type(text: &str) -> Result<pb::CustomerType, String> {
    match text {
        "retail" => Ok(pb::CustomerType::Retail),
        "corporate" => Ok(pb::CustomerType::Corporate),
        "prospect" => Ok(pb::CustomerType::Prospect),
        _ => Err("is not retail, corporate or prospect".to_owned()),
    }
}

fn risk_level(text: &str) -> Result<pb::RiskLevel, String> {
    let level: Option<i32> = text.trim_start_matches(['C', 'c']).parse().ok();
    let level = level.filter(|level| (1..=5).contains(level)).and_then(|level| pb::RiskLevel::try_from(level).ok());
    level.ok_or_else(|| "is not C1 to C5".to_owned())
}

fn gates(text: &str) -> Result<Vec<i32>, String> {
    let gate = |word: &str| match word.trim() {
        "complaint" => Ok(pb::Gate::Complaint.into()),
        "hardship" => Ok(pb::Gate::Hardship.into()),
        "closed" => Ok(pb::Gate::Closed.into()),
        _ => Err("is not a list such as complaint;hardship;closed".to_owned()),
    };
    text.split(';').map(gate).collect()
}

fn relation_type(text: &str) -> Result<pb::RelationType, String> {
    let name = format!("RELATION_TYPE_{}", text.to_ascii_uppercase());
    let known = pb::RelationType::from_str_name(&name).filter(|known| *known != pb::RelationType::Unspecified);
    known.ok_or_else(|| "is not a type of relation such as supplies or parent_of".to_owned())
}

fn contact_kind(text: &str) -> Result<pb::ContactKind, String> {
    let name = format!("CONTACT_KIND_{}", text.to_ascii_uppercase());
    let known = pb::ContactKind::from_str_name(&name).filter(|known| *known != pb::ContactKind::Unspecified);
    known.ok_or_else(|| "is not official, professional or personal".to_owned())
}

fn purpose(text: &str) -> Result<pb::Purpose, String> {
    match text {
        "marketing" => Ok(pb::Purpose::Marketing),
        "care" => Ok(pb::Purpose::Care),
        "personalisation" => Ok(pb::Purpose::Personalisation),
        _ => Err("is not marketing, care or personalisation".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPPING: &str = r#"
        [table]
        empty = ["NULL"]
        [prospect]
        list = "park"
        key = { column = "name" }
        [customer]
        customer_id = { column = "no" }
        owner_path = { constant = "/hq" }
        person.name = { column = "name" }
        attributes.staff = { column = "staff", as = "number" }
        [[tag]]
        name = { constant = "park" }
        when = { column = "inside" }
        [[identity]]
        namespace = { constant = "phone" }
        value = { column = "phone" }
    "#;

    fn reader() -> Reader {
        let mut mapping = Mapping::parse(MAPPING).unwrap();
        let header = ["no", "name", "staff", "inside", "phone"].map(str::to_owned);
        mapping.place(&header).unwrap();
        Reader::new(mapping, "CNY", chrono_tz::Asia::Shanghai)
    }

    fn record(texts: [&str; 5]) -> Vec<String> {
        texts.map(str::to_owned).to_vec()
    }

    #[test]
    fn a_row_without_a_number_is_a_prospect_with_a_lasting_id() {
        let one = reader().read(1, &record(["NULL", "甲", "12", "Y", "138"])).unwrap();
        let again = reader().read(9, &record(["", "甲", "", "N", ""])).unwrap();
        assert_eq!(one.customer_id, again.customer_id);
        assert!(one.customer_id.starts_with("park-") && one.customer_id.len() == 29 && !one.customer_id.contains('甲'));
        assert_eq!(one.customer.as_ref().unwrap().r#type(), pb::CustomerType::Prospect);
        let lineage = one.tags[0].lineage.as_ref().unwrap();
        assert_eq!((lineage.author_id.as_str(), one.identities[0].value.as_str()), ("load", "138"));
        assert!(again.tags.is_empty() && again.identities.is_empty());
        let known = reader().read(1, &record(["C-1", "甲", "", "", ""])).unwrap();
        assert_eq!((known.customer_id.as_str(), known.customer.unwrap().r#type), ("C-1", 0));
    }

    #[test]
    fn all_faults_of_a_row_are_named_without_values() {
        let faults = reader().read(7, &record(["", "", "many", "perhaps", ""])).unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["key", "customer.attributes.staff", "tags[0].when"]);
        assert!(faults.iter().all(|fault| fault.row == 7 && !fault.description.contains("many")));
    }

    #[test]
    fn a_customer_comes_once_in_a_table_of_customers() {
        let mut reader = reader();
        reader.read(1, &record(["C-1", "甲", "", "", ""])).unwrap();
        let faults = reader.read(2, &record(["C-1", "乙", "", "", ""])).unwrap_err();
        assert_eq!(
            (faults[0].field.as_str(), faults[0].description.as_str()),
            ("customer_id", "comes twice in this table")
        );
    }
}
