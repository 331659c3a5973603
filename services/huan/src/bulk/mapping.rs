//! Mapping files: which column becomes which field of which noun. A mapping is checked whole before the first row is sent,
//! against the fields that there are and the columns that the table has; every fault is named.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Table, Value};

use super::cell::Cell;

/// A noun's fields by name, each with where it comes from.
pub type Fields = BTreeMap<String, Cell>;

/// What a table is mapped to.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Who says what the table says, where no column does.
    pub name: String,
    /// What stands between columns of a CSV file.
    pub delimiter: u8,
    /// Texts that stand for a missing value.
    pub empty: Vec<String>,
    /// Rows without a bank number.
    pub prospect: Option<Prospect>,
    /// The customer's own fields, `customer_id` among them.
    pub customer: Fields,
    /// Nouns of which a row may have several.
    pub holdings: Vec<Fields>,
    /// Tags.
    pub tags: Vec<Fields>,
    /// Identities.
    pub identities: Vec<Fields>,
    /// Consents.
    pub consents: Vec<Fields>,
    /// Relations.
    pub relations: Vec<Fields>,
}

/// How rows without a bank number become prospects.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// The list's name, which leads their ids.
    pub list: String,
    /// What tells one from another in the list.
    pub key: Cell,
}

/// The fields that each noun has; those with `!` must be mapped.
const CUSTOMER: [&str; 19] = [
    "customer_id",
    "type",
    "owner_path",
    "manager_id",
    "person.name",
    "person.phone",
    "person.id_number",
    "person.address",
    "person.birth_day",
    "risk_level",
    "gates",
    "personalisation_refused",
    "open_day",
    "company.social_credit_code",
    "company.industry_code",
    "company.registered_capital",
    "company.annual_revenue",
    "company.employee_count",
    "company.declared_main_bank",
];
const HOLDING: [&str; 8] =
    ["holding_id!", "kind", "product_id", "open_day", "close_day", "balance", "balance_minor", "status"];
const TAG: [&str; 5] = ["name!", "source", "confidence", "expire_time", "when"];
const IDENTITY: [&str; 2] = ["namespace!", "value!"];
const RELATION: [&str; 8] =
    ["type!", "from_customer_id", "to_customer_id", "contact_kind", "start_day", "end_day", "weight", "source"];
const CONSENT: [&str; 7] = ["purpose!", "channel_id", "allowed!", "evidence!", "source", "decide_time!", "expire_time"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    table: TableRow,
    prospect: Option<ProspectRow>,
    #[serde(default)]
    customer: Table,
    #[serde(default)]
    holding: Vec<Table>,
    #[serde(default)]
    tag: Vec<Table>,
    #[serde(default)]
    identity: Vec<Table>,
    #[serde(default)]
    consent: Vec<Table>,
    #[serde(default)]
    relation: Vec<Table>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableRow {
    name: Option<String>,
    delimiter: Option<String>,
    empty: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProspectRow {
    list: String,
    key: Cell,
}

impl Mapping {
    /// Reads a mapping; the error names every fault.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let file: File = toml::from_str(text).map_err(|error| vec![error.to_string()])?;
        let mut faults = Vec::new();
        let delimiter = match file.table.delimiter.as_deref().map_or(&b","[..], str::as_bytes) {
            [byte] => *byte,
            _ => {
                faults.push("table.delimiter: is not one character of ASCII".to_owned());
                b','
            }
        };
        let mut empty = file.table.empty.unwrap_or_default();
        empty.push(String::new());
        let customer = fields(&mut faults, "customer", &CUSTOMER, file.customer);
        let mut many = |name: &str, known: &[&str], tables: Vec<Table>| -> Vec<Fields> {
            let tables = tables.into_iter().enumerate();
            tables.map(|(index, table)| fields(&mut faults, &format!("{name}[{index}]"), known, table)).collect()
        };
        let holdings = many("holding", &HOLDING, file.holding);
        let tags = many("tag", &TAG, file.tag);
        let identities = many("identity", &IDENTITY, file.identity);
        let consents = many("consent", &CONSENT, file.consent);
        let relations = many("relation", &RELATION, file.relation);
        for (index, fields) in relations.iter().enumerate() {
            if fields.contains_key("from_customer_id") == fields.contains_key("to_customer_id") {
                faults.push(format!("relation[{index}]: needs one of from_customer_id and to_customer_id"));
            }
        }
        let prospect = file.prospect.map(|row| Prospect { list: row.list, key: row.key });
        if prospect.is_none() && !customer.contains_key("customer_id") {
            faults.push("customer.customer_id: is required, unless there is a [prospect]".to_owned());
        }
        if let Some(prospect) = &prospect {
            check_list(&mut faults, prospect);
        }
        let name = file.table.name.unwrap_or_else(|| "load".to_owned());
        if name.is_empty() || name.len() > 64 {
            faults.push("table.name: is not 1 to 64 bytes".to_owned());
        }
        let mapping =
            Self { name, delimiter, empty, prospect, customer, holdings, tags, identities, consents, relations };
        if faults.is_empty() { Ok(mapping) } else { Err(faults) }
    }

    /// Finds the columns in a table's header; the error names every one that it lacks.
    pub fn place(&mut self, header: &[String]) -> Result<(), Vec<String>> {
        let mut faults = Vec::new();
        for (name, cell) in self.cells() {
            let Some(column) = &cell.column else { continue };
            cell.place = header.iter().position(|known| known == column);
            if cell.place.is_none() {
                faults.push(format!("{name}: the table has no column {column}"));
            } else if header.iter().filter(|known| *known == column).count() > 1 {
                faults.push(format!("{name}: the table has the column {column} twice"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// The fields of customers that the table speaks of.
    pub fn customer_mask(&self) -> Vec<String> {
        let field = |name: &String| match name.as_str() {
            "company.registered_capital" | "company.annual_revenue" => format!("{name}_minor"),
            name => name.to_owned(),
        };
        let mut paths: Vec<String> = self.customer.keys().filter(|name| *name != "customer_id").map(field).collect();
        if self.prospect.is_some() && !self.customer.contains_key("type") {
            paths.push("type".to_owned());
        }
        paths
    }

    /// The fields of holdings that the table speaks of.
    pub fn holding_mask(&self) -> Vec<String> {
        let names = self.holdings.iter().flat_map(Fields::keys).filter(|name| *name != "holding_id");
        let mut paths: Vec<String> =
            names.map(|name| if name == "balance" { "balance_minor".to_owned() } else { name.clone() }).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    fn cells(&mut self) -> impl Iterator<Item = (String, &mut Cell)> {
        fn named(noun: String, fields: &mut Fields) -> impl Iterator<Item = (String, &mut Cell)> {
            fields.iter_mut().map(move |(name, cell)| (format!("{noun}.{name}"), cell))
        }
        let nouns = [
            ("holding", &mut self.holdings),
            ("tag", &mut self.tags),
            ("identity", &mut self.identities),
            ("consent", &mut self.consents),
            ("relation", &mut self.relations),
        ];
        let many = nouns.into_iter().flat_map(|(noun, all)| {
            all.iter_mut().enumerate().flat_map(move |(index, fields)| named(format!("{noun}[{index}]"), fields))
        });
        let prospect = self.prospect.iter_mut().map(|prospect| ("prospect.key".to_owned(), &mut prospect.key));
        named("customer".to_owned(), &mut self.customer).chain(many).chain(prospect)
    }
}

fn check_list(faults: &mut Vec<String>, prospect: &Prospect) {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if prospect.list.is_empty() || prospect.list.len() > 32 || !prospect.list.bytes().all(word) {
        faults.push("prospect.list: is not 1 to 32 of a-z, 0-9 and _".to_owned());
    }
    check_source(faults, "prospect.key", &prospect.key);
}

/// The cells of a noun's table, whose fields may be written `person.name` or `[customer.person] name`.
fn fields(faults: &mut Vec<String>, noun: &str, known: &[&str], table: Table) -> Fields {
    let mut found = Fields::new();
    flatten(faults, noun, "", table, &mut found);
    let names: Vec<&str> = known.iter().map(|name| name.trim_end_matches('!')).collect();
    for (name, cell) in &found {
        let attribute = noun == "customer" && name.starts_with("attributes.");
        if !attribute && !names.contains(&name.as_str()) {
            faults.push(format!("{noun}.{name}: there is no such field; there are {}", names.join(", ")));
        }
        if cell.r#as.is_some() && !attribute {
            faults.push(format!("{noun}.{name}: only attributes say what they are"));
        }
        check_source(faults, &format!("{noun}.{name}"), cell);
    }
    for name in known.iter().filter_map(|name| name.strip_suffix('!')) {
        if !found.contains_key(name) {
            faults.push(format!("{noun}.{name}: is required"));
        }
    }
    if found.contains_key("balance") && found.contains_key("balance_minor") {
        faults.push(format!("{noun}: has both balance and balance_minor"));
    }
    found
}

fn check_source(faults: &mut Vec<String>, name: &str, cell: &Cell) {
    if cell.column.is_some() == cell.constant.is_some() {
        faults.push(format!("{name}: needs one of column and constant"));
    }
    let bad =
        |format: &String| chrono::format::StrftimeItems::new(format).any(|item| item == chrono::format::Item::Error);
    if cell.format.as_ref().is_some_and(bad) {
        faults.push(format!("{name}: the format is not one of strftime's"));
    }
}

fn flatten(faults: &mut Vec<String>, noun: &str, prefix: &str, table: Table, found: &mut Fields) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Table(inner) if !inner.contains_key("column") && !inner.contains_key("constant") => {
                flatten(faults, noun, &name, inner, found);
            }
            value => match value.try_into::<Cell>() {
                Ok(cell) => drop(found.insert(name, cell)),
                Err(error) => faults.push(format!("{noun}.{name}: {}", error.to_string().trim())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_mappings_are_whole() {
        for text in [
            include_str!("../../mappings/customer.toml"),
            include_str!("../../mappings/holding.toml"),
            include_str!("../../mappings/consent.toml"),
            include_str!("../../mappings/relation.toml"),
            include_str!("../../mappings/external.toml"),
        ] {
            Mapping::parse(text).unwrap();
        }
    }

    #[test]
    fn every_fault_of_a_mapping_is_named() {
        let text = r#"
            [table]
            delimiter = "||"
            [customer]
            name = { column = "n" }
            attributes.a = { column = "a", as = "number" }
            person.phone = { column = "p", constant = "1" }
            open_day = { column = "d", as = "day" }
            risk_level = { colunm = "r" }
            [[consent]]
            purpose = { constant = "marketing" }
        "#;
        let faults = Mapping::parse(text).unwrap_err();
        for start in [
            "table.delimiter: ",
            "customer.name: there is no such field",
            "customer.person.phone: needs one of",
            "customer.open_day: only attributes",
            "customer.risk_level.colunm: ",
            "customer.customer_id: is required",
            "consent[0].allowed: is required",
            "consent[0].decide_time: is required",
        ] {
            assert!(faults.iter().any(|fault| fault.starts_with(start)), "{start} in {faults:#?}");
        }
    }

    #[test]
    fn columns_that_the_table_lacks_are_named() {
        let text = r#"
            [customer]
            customer_id = { column = "no" }
            person.name = { column = "name" }
            [[holding]]
            holding_id = { column = "account" }
            balance = { column = "balance" }
        "#;
        let mut mapping = Mapping::parse(text).unwrap();
        let header = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let faults = mapping.place(&header(&["no", "account", "account"])).unwrap_err();
        assert_eq!(
            faults,
            [
                "customer.person.name: the table has no column name",
                "holding[0].balance: the table has no column balance",
                "holding[0].holding_id: the table has the column account twice",
            ]
        );
        mapping.place(&header(&["name", "balance", "no", "account"])).unwrap();
        assert_eq!(mapping.customer["customer_id"].place, Some(2));
        assert_eq!(
            (mapping.customer_mask(), mapping.holding_mask()),
            (vec!["person.name".to_owned()], vec!["balance_minor".to_owned()])
        );
    }
}
