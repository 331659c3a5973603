//! The Berka data set: a Czech bank's clients, accounts, cards, loans, standing orders and transactions, 1993 to 1998
//! (PKDD'99 discovery challenge). What an account has and does is its owner's; who else may sign for it is known to be
//! one, and no more. The columns are read in `entry` and `tables`; here it is decided what is sent, and what is said.

mod customer;
mod entry;
mod holding;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;

use super::report::{Faults, Ledger, Report, Sourced, items};
use super::tenant::{Setting, ensure_tenant};
use super::{Choice, assumed_consents, feature, register};
use crate::failure::Result;
use crate::load::{self, Door};

const ZONE: Tz = Tz::Europe__Prague;
/// The last day of the data, on which the business clock stands: 1998-12-31.
const LAST_DAY: Day = Day(10_591);
/// After how many days without an event an account counts as silent.
const SILENT_DAYS: i32 = 2 * 365;
/// Keys of customers are drawn from this, so that every run gives the same.
const KEY_SEED: u64 = 0xbe12_ca00;

/// What the files hold, ready to be sent.
#[derive(Debug, Default)]
struct Berka {
    customers: Vec<Sourced<pb::Customer>>,
    /// By what a report calls them: accounts, cards, loans, standing_orders.
    holdings: BTreeMap<&'static str, Vec<Sourced<pb::Holding>>>,
    /// In the order of their customers, then of time.
    events: Vec<Sourced<pb::Event>>,
    /// The last day of each account that has events.
    last_days: BTreeMap<u32, Day>,
}

pub(super) async fn import(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    let started = Instant::now();
    let mut faults = Faults::default();
    let data = parse(folder, &mut faults)?;
    let mut ledger = Ledger::new(started, faults);
    ensure_tenant(door, &setting()).await?;
    register(door, crate::bank::event_types()).await?;
    feature::apply(door, "retail").await?;
    ledger.enter("customers", &data.customers, load::customers(door, items(&data.customers), KEY_SEED).await?);
    for (kind, holdings) in &data.holdings {
        ledger.enter(kind, holdings, load::holdings(door, items(holdings)).await?);
    }
    ledger.enter("events", &data.events, load::events(door, items(&data.events)).await?);
    if choice.assume_consent {
        let consents = assumed_consents(&data.customers, setting().now);
        ledger.enter("consents", &consents, load::consents(door, items(&consents)).await?);
    }
    feature::wait(door).await?;
    let notes = notes(&data);
    Ok(ledger.close(notes))
}

fn setting() -> Setting {
    Setting {
        display_name: "Berka: a Czech bank, 1993 to 1998",
        time_zone: "Europe/Prague",
        currency: "CZK",
        now: now(),
    }
}

fn now() -> DateTime<Utc> {
    LAST_DAY.start(ZONE) + TimeDelta::hours(10)
}

fn parse(folder: &Path, faults: &mut Faults) -> Result<Berka> {
    let tables = tables::read_all(folder, faults)?;
    let mut entries = entry::read_all(folder, &tables, faults)?;
    let mut data = Berka { customers: customer::customers(&tables, faults), ..Berka::default() };
    data.holdings = holding::read_all(folder, &tables, &entries.balances, faults)?;
    // Stable: entries of a day keep the order of their file.
    entries.events.sort_by_key(|(owner, day, _)| (*owner, *day));
    data.events = entries.events.into_iter().map(|(_, _, event)| event).collect();
    data.last_days = entries.last_days;
    Ok(data)
}

fn notes(data: &Berka) -> Vec<String> {
    let accounts = data.holdings.get("accounts").map_or(0, Vec::len);
    let active = data.last_days.len();
    let silent = data.last_days.values().filter(|day| LAST_DAY.0 - day.0 > SILENT_DAYS).count();
    let mut years: Vec<f64> = data.last_days.values().map(|day| f64::from(LAST_DAY.0 - day.0) / 365.25).collect();
    years.sort_by(f64::total_cmp);
    let median = years.get(years.len() / 2).copied().unwrap_or_default();
    vec![
        format!("only {active} of {accounts} accounts have events: the file of transactions is a part of the whole"),
        format!(
            "{silent} of those {active} accounts fell silent more than two years before {LAST_DAY}, the last event \
             being {median:.1} years old in the median"
        ),
        "an account's balance is that of its last known transaction; one without transactions has 0".to_owned(),
        "standing orders have no date: each is set on the day on which its account was opened".to_owned(),
    ]
}

#[cfg(test)]
mod tests;
