//! Transactions as events of the account's owner. Two files have them: the head of the table, in Czech, and those of
//! some loan accounts, in English.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use huan_chassis::clock::{self, Day};
use huan_proto::profile::v1 as pb;

use super::ZONE;
use super::customer::customer_id;
use super::tables::{Tables, table};
use crate::failure::Result;
use crate::import::report::{Faults, Sourced};
use crate::import::table::{Row, Table, read};

const COLUMNS: &[&str] =
    &["trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"];
const FILES: [Table<'static>; 2] = [table("trans_prefix.asc", COLUMNS), table("trans_loan354.csv", COLUMNS)];

/// Transactions by what they were for, which says more than how they were made.
const PURPOSES: &[(&str, &str)] = &[
    ("UROK", "interest"),
    ("interest credited", "interest"),
    ("SANKC. UROK", "fee"),
    ("sanction interest if negative balance", "fee"),
    ("SLUZBY", "fee"),
    ("payment for statement", "fee"),
    ("SIPO", "household_payment"),
    ("household", "household_payment"),
    ("DUCHOD", "pension"),
    ("old-age pension", "pension"),
    ("POJISTNE", "insurance_payment"),
    ("insurrance payment", "insurance_payment"),
    ("UVER", "loan_payment"),
    ("loan payment", "loan_payment"),
];

/// Transactions by how they were made, for those whose purpose is not known.
const OPERATIONS: &[(&str, &str)] = &[
    ("VKLAD", "cash_deposit"),
    ("credit in cash", "cash_deposit"),
    ("PREVOD Z UCTU", "transfer_in"),
    ("collection from another bank", "transfer_in"),
    ("PREVOD NA UCET", "transfer_out"),
    ("remittance to another bank", "transfer_out"),
    ("VYBER", "cash_withdrawal"),
    ("withdrawal in cash", "cash_withdrawal"),
    ("VYBER KARTOU", "card_payment"),
    ("credit card withdrawal", "card_payment"),
];

/// What the transactions tell.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// Each with its owner and its day, in the order of the files.
    pub(super) events: Vec<(u32, Day, Sourced<pb::Event>)>,
    /// The balance after the last transaction of each account.
    pub(super) balances: BTreeMap<u32, i64>,
    /// The day of that transaction.
    pub(super) last_days: BTreeMap<u32, Day>,
}

pub(super) fn read_all(folder: &Path, tables: &Tables, faults: &mut Faults) -> Result<Entries> {
    let (mut entries, mut seen) = (Entries::default(), HashSet::new());
    for file in &FILES {
        read(folder, file, faults, |row, _| entry(row, file.name, tables, &mut seen, &mut entries))?;
    }
    Ok(entries)
}

fn entry(
    row: &Row<'_>,
    file: &'static str,
    tables: &Tables,
    seen: &mut HashSet<u64>,
    entries: &mut Entries,
) -> Result<(), String> {
    let (id, account, day) = (row.whole::<u64>("trans_id")?, row.whole("account_id")?, row.short_day("date")?);
    let (amount, balance) = (row.hundredths("amount")?, row.hundredths("balance")?);
    let name = event_type(row.text("k_symbol").trim(), row.text("operation"))?;
    let owner = tables.owner(account)?;
    if !seen.insert(id) {
        return Err("trans_id stands in an earlier line".to_owned());
    }
    let item = pb::Event {
        source: "berka".to_owned(),
        source_id: id.to_string(),
        customer_id: customer_id(owner),
        r#type: name.to_owned(),
        occur_time: Some(clock::timestamp(day.start(ZONE))),
        amount_minor: amount,
        ..Default::default()
    };
    entries.events.push((owner, day, Sourced { item, file, line: row.line }));
    // The files are in the order of their days; the later line of a day is the later entry.
    if entries.last_days.get(&account).is_none_or(|last| *last <= day) {
        entries.last_days.insert(account, day);
        entries.balances.insert(account, balance);
    }
    Ok(())
}

fn event_type(purpose: &str, operation: &str) -> Result<&'static str, String> {
    let find = |list: &[(&str, &'static str)], text: &str| {
        list.iter().find(|(theirs, _)| *theirs == text).map(|(_, ours)| *ours)
    };
    if !purpose.is_empty() {
        return find(PURPOSES, purpose).ok_or_else(|| "k_symbol is not a known one".to_owned());
    }
    find(OPERATIONS, operation).ok_or_else(|| "operation is not a known one".to_owned())
}
