//! Accounts, cards, loans and standing orders as holdings of the account's owner.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use chrono::{Datelike as _, Months, NaiveDate};
use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;

use super::customer::customer_id;
use super::tables::{Tables, table};
use crate::failure::Result;
use crate::import::report::{Faults, Sourced};
use crate::import::table::{Row, Table, read};

const CARDS: Table<'static> = table("card.asc", &["card_id", "disp_id", "type", "issued"]);
const LOANS: Table<'static> =
    table("loan.asc", &["loan_id", "account_id", "date", "amount", "duration", "payments", "status"]);
const ORDERS: Table<'static> =
    table("order.asc", &["order_id", "account_id", "bank_to", "account_to", "amount", "k_symbol"]);

/// Holdings by what a report calls them.
pub(super) type Holdings = BTreeMap<&'static str, Vec<Sourced<pb::Holding>>>;

pub(super) fn read_all(
    folder: &Path,
    tables: &Tables,
    balances: &BTreeMap<u32, i64>,
    faults: &mut Faults,
) -> Result<Holdings> {
    let mut holdings = Holdings::from([("accounts", accounts(tables, balances, faults))]);
    for (kind, shape, make) in [
        ("cards", &CARDS, card as fn(&Row<'_>, &Tables) -> Result<pb::Holding, String>),
        ("loans", &LOANS, loan),
        ("standing_orders", &ORDERS, standing_order),
    ] {
        let (mut rows, mut seen) = (Vec::new(), HashSet::new());
        read(folder, shape, faults, |row, _| {
            let item = make(row, tables)?;
            if !seen.insert(item.holding_id.clone()) {
                return Err(format!("{} stands in an earlier line", shape.columns[0]));
            }
            rows.push(Sourced { item, file: shape.name, line: row.line });
            Ok(())
        })?;
        holdings.insert(kind, rows);
    }
    Ok(holdings)
}

fn accounts(tables: &Tables, balances: &BTreeMap<u32, i64>, faults: &mut Faults) -> Vec<Sourced<pb::Holding>> {
    let mut rows = Vec::new();
    for (id, account) in &tables.accounts {
        let (file, line) = ("account.asc", account.line);
        match tables.owner(*id) {
            Err(reason) => faults.add(file, line, reason),
            Ok(owner) => {
                let item = pb::Holding {
                    product_id: account.frequency.to_owned(),
                    balance_minor: balances.get(id).copied().unwrap_or_default(),
                    ..holding("account", *id, owner, account.opened)
                };
                rows.push(Sourced { item, file, line });
            }
        }
    }
    rows
}

fn card(row: &Row<'_>, tables: &Tables) -> Result<pb::Holding, String> {
    let disposition = tables.dispositions.get(&row.whole("disp_id")?).ok_or("disp_id is not among the dispositions")?;
    let owner = tables.owner(disposition.account)?;
    let issued = row.short_day("issued")?;
    Ok(pb::Holding { product_id: row.text("type").to_owned(), ..holding("card", row.whole("card_id")?, owner, issued) })
}

/// A loan's status is A (ended, paid), B (ended, not paid), C (running, in order) or D (running, in debt). One that
/// ended did so when its term was over.
fn loan(row: &Row<'_>, tables: &Tables) -> Result<pb::Holding, String> {
    let (opened, status) = (row.short_day("date")?, row.text("status"));
    let ended = match status {
        "A" | "B" => Some(months_after(opened, row.whole("duration")?)?),
        "C" | "D" => None,
        _ => return Err("status is none of A to D".to_owned()),
    };
    let owner = tables.owner(row.whole("account_id")?)?;
    Ok(pb::Holding {
        close_day: ended.map(|day| day.to_string()).unwrap_or_default(),
        balance_minor: row.hundredths("amount")?,
        status: status.to_owned(),
        ..holding("loan", row.whole("loan_id")?, owner, opened)
    })
}

fn standing_order(row: &Row<'_>, tables: &Tables) -> Result<pb::Holding, String> {
    let purpose = match row.text("k_symbol").trim() {
        "SIPO" => "household",
        "POJISTNE" => "insurance",
        "LEASING" => "leasing",
        "UVER" => "loan",
        "" => "",
        _ => return Err("k_symbol is none of the four known".to_owned()),
    };
    let account = row.whole("account_id")?;
    let owner = tables.owner(account)?;
    let opened = tables.accounts[&account].opened;
    Ok(pb::Holding {
        product_id: purpose.to_owned(),
        balance_minor: row.hundredths("amount")?,
        ..holding("standing_order", row.whole("order_id")?, owner, opened)
    })
}

fn holding(kind: &str, id: u32, owner: u32, opened: Day) -> pb::Holding {
    pb::Holding {
        holding_id: format!("berka-{kind}-{id}"),
        customer_id: customer_id(owner),
        kind: kind.to_owned(),
        open_day: opened.to_string(),
        ..Default::default()
    }
}

/// The same day of the month so many months on, or the last day of that month.
fn months_after(day: Day, months: u32) -> Result<Day, String> {
    let epoch = NaiveDate::default();
    let date = epoch + chrono::Days::new(u64::from(day.0.unsigned_abs()));
    let later = date.checked_add_months(Months::new(months)).ok_or("duration is out of bounds")?;
    if later.year() > 2200 {
        return Err("duration is out of bounds".to_owned());
    }
    Ok(Day((later - epoch).num_days() as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_ends_within_its_month() {
        let after = |day: &str, months| months_after(day.parse().unwrap(), months).unwrap().to_string();
        assert_eq!(after("1993-07-05", 12), "1994-07-05");
        assert_eq!(after("1994-12-31", 14), "1996-02-29");
        assert!(months_after(Day(9_000), u32::MAX).is_err());
    }
}
