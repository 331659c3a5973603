//! Who is who: the tables of districts, clients, accounts and dispositions.

use std::collections::BTreeMap;
use std::path::Path;

use huan_chassis::clock::Day;

use crate::failure::Result;
use crate::import::report::Faults;
use crate::import::table::{Row, Table, read, short_day};

const DISTRICTS: Table<'static> = table(
    "district.asc",
    &["A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16"],
);
const CLIENTS: Table<'static> = table("client.asc", &["client_id", "birth_number", "district_id"]);
const ACCOUNTS: Table<'static> = table("account.asc", &["account_id", "district_id", "frequency", "date"]);
const DISPOSITIONS: Table<'static> = table("disp.asc", &["disp_id", "client_id", "account_id", "type"]);

/// A table of this data set.
pub(super) const fn table(name: &'static str, columns: &'static [&'static str]) -> Table<'static> {
    Table { name, delimiter: ';', columns }
}

/// The tables by their ids.
#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) districts: BTreeMap<u32, District>,
    pub(super) clients: BTreeMap<u32, Client>,
    pub(super) accounts: BTreeMap<u32, Account>,
    pub(super) dispositions: BTreeMap<u32, Disposition>,
    /// The owning client of each account.
    pub(super) owners: BTreeMap<u32, u32>,
}

/// A district, with its figures by our names for them.
#[derive(Debug)]
pub(super) struct District {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) figures: Vec<(&'static str, f64)>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) birth_day: Day,
    pub(super) gender: &'static str,
    pub(super) district: u32,
    pub(super) line: u64,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) opened: Day,
    pub(super) frequency: &'static str,
    pub(super) line: u64,
}

#[derive(Debug)]
pub(super) struct Disposition {
    pub(super) client: u32,
    pub(super) account: u32,
    pub(super) is_owner: bool,
}

/// Figures of a district: column, and the name of the attribute. `?` is missing.
const FIGURES: [(&str, &str); 8] = [
    ("A4", "district_inhabitants"),
    ("A10", "district_urban_percent"),
    ("A11", "average_salary"),
    ("A12", "district_unemployment_1995_percent"),
    ("A13", "district_unemployment_1996_percent"),
    ("A14", "district_entrepreneurs_per_1000"),
    ("A15", "district_crimes_1995"),
    ("A16", "district_crimes_1996"),
];

pub(super) fn read_all(folder: &Path, faults: &mut Faults) -> Result<Tables> {
    let mut tables = Tables::default();
    read(folder, &DISTRICTS, faults, |row, _| {
        let district = district(row)?;
        insert(&mut tables.districts, "A1", row, district)
    })?;
    read(folder, &CLIENTS, faults, |row, _| {
        let client = client(row)?;
        insert(&mut tables.clients, "client_id", row, client)
    })?;
    read(folder, &ACCOUNTS, faults, |row, _| {
        let account = account(row)?;
        insert(&mut tables.accounts, "account_id", row, account)
    })?;
    read(folder, &DISPOSITIONS, faults, |row, _| disposition(row, &mut tables))?;
    Ok(tables)
}

impl Tables {
    /// Finds the owner of an account.
    pub(super) fn owner(&self, account: u32) -> Result<u32, String> {
        self.owners.get(&account).copied().ok_or_else(|| "account_id has no owner among the clients".to_owned())
    }
}

fn district(row: &Row<'_>) -> Result<District, String> {
    let mut figures = Vec::new();
    for (column, name) in FIGURES {
        figures.extend(row.optional_number(column)?.map(|figure| (name, figure)));
    }
    Ok(District { name: row.text("A2").to_owned(), region: row.text("A3").to_owned(), figures })
}

fn client(row: &Row<'_>) -> Result<Client, String> {
    let (birth_day, gender) = birth(row.text("birth_number")).ok_or("birth_number is not one")?;
    Ok(Client { birth_day, gender, district: row.whole("district_id")?, line: row.line })
}

/// Reads a birth number: YYMMDD, 50 added to the month of women.
fn birth(number: &str) -> Option<(Day, &'static str)> {
    let month: u32 = number.get(2..4)?.parse().ok()?;
    if month <= 50 {
        return Some((short_day(number)?, "male"));
    }
    let plain = format!("{}{:02}{}", number.get(..2)?, month - 50, number.get(4..)?);
    Some((short_day(&plain)?, "female"))
}

fn account(row: &Row<'_>) -> Result<Account, String> {
    let frequency = match row.text("frequency") {
        "POPLATEK MESICNE" => "monthly_statement",
        "POPLATEK TYDNE" => "weekly_statement",
        "POPLATEK PO OBRATU" => "statement_after_transaction",
        _ => return Err("frequency is not one of the three known".to_owned()),
    };
    Ok(Account { opened: row.short_day("date")?, frequency, line: row.line })
}

fn disposition(row: &Row<'_>, tables: &mut Tables) -> Result<(), String> {
    let is_owner = match row.text("type") {
        "OWNER" => true,
        "DISPONENT" => false,
        _ => return Err("type is neither OWNER nor DISPONENT".to_owned()),
    };
    let disposition = Disposition { client: row.whole("client_id")?, account: row.whole("account_id")?, is_owner };
    let Disposition { client, account, .. } = disposition;
    if !tables.clients.contains_key(&client) {
        return Err("client_id is not among the clients".to_owned());
    }
    if !tables.accounts.contains_key(&account) {
        return Err("account_id is not among the accounts".to_owned());
    }
    if is_owner && tables.owners.contains_key(&account) {
        return Err("account_id has an owner before".to_owned());
    }
    insert(&mut tables.dispositions, "disp_id", row, disposition)?;
    if is_owner {
        tables.owners.insert(account, client);
    }
    Ok(())
}

fn insert<T>(into: &mut BTreeMap<u32, T>, column: &str, row: &Row<'_>, item: T) -> Result<(), String> {
    let id: u32 = row.whole(column)?;
    if into.contains_key(&id) {
        return Err(format!("{column} stands in an earlier line"));
    }
    into.insert(id, item);
    Ok(())
}
