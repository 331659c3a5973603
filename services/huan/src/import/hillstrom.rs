//! Hillstrom's e-mail trial: 64,000 customers of a shop, drawn at random to get a mail about men's goods, one about
//! women's, or none, and what they did in the two weeks after. The file has no dates: the days here are nominal.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use huan_chassis::clock::{self, Day};
use huan_proto::profile::v1 as pb;
use huan_proto::strategy::v1::{self as strategy, assignment_service_client::AssignmentServiceClient};
use huan_proto::types::v1::{Value, value};

use super::report::{Faults, Ledger, Report, Sourced, items};
use super::table::{Row, Table, read};
use super::tenant::{Setting, ensure_tenant};
use super::{Choice, assumed_consents, register, slug};
use crate::failure::Result;
use crate::load::{self, Door, Loaded};

const FILE: &str = "hillstrom.csv";
const TABLE: Table<'static> = Table {
    name: FILE,
    delimiter: ',',
    columns: &[
        "recency",
        "history_segment",
        "history",
        "mens",
        "womens",
        "zip_code",
        "newbie",
        "channel",
        "segment",
        "visit",
        "conversion",
        "spend",
    ],
};

const EXPERIMENT: &str = "hillstrom_email";
/// The arms as the file spells them, and as we do.
const ARMS: [(&str, &str); 3] = [("Mens E-Mail", "mens"), ("Womens E-Mail", "womens"), ("No E-Mail", "none")];
const CONTROL: &str = "none";

const ZONE: Tz = Tz::America__New_York;
/// Keys of customers are drawn from this, so that every run gives the same.
const KEY_SEED: u64 = 0x4111_57a0;
/// How long strategy may take to hear of new customers.
const HEARSAY: Duration = Duration::from_secs(60);

/// What the file holds, ready to be sent.
#[derive(Debug, Default)]
struct Hillstrom {
    customers: Vec<Sourced<pb::Customer>>,
    assignments: Vec<Sourced<strategy::Assignment>>,
    events: Vec<Sourced<pb::Event>>,
}

pub(super) async fn import(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    let started = Instant::now();
    let mut faults = Faults::default();
    let data = parse(folder, &mut faults)?;
    let mut ledger = Ledger::new(started, faults);
    ensure_tenant(door, &setting()).await?;
    register(door, crate::bank::event_types()).await?;
    create_experiment(door).await?;
    ledger.enter("customers", &data.customers, load::customers(door, items(&data.customers), KEY_SEED).await?);
    ledger.enter("events", &data.events, load::events(door, items(&data.events)).await?);
    ledger.enter("assignments", &data.assignments, assign(door, &data.assignments).await?);
    if choice.assume_consent {
        let consents = assumed_consents(&data.customers, setting().now);
        ledger.enter("consents", &consents, load::consents(door, items(&consents)).await?);
    }
    Ok(ledger.close(notes()))
}

fn setting() -> Setting {
    Setting {
        display_name: "Hillstrom: a shop's e-mail trial, 2008",
        time_zone: "America/New_York",
        currency: "USD",
        now: morning(day("2008-03-20")),
    }
}

/// The day on which the mails are taken to have gone out, at ten in the morning.
fn mailed() -> DateTime<Utc> {
    morning(day("2008-03-01"))
}

/// The moment at which visits are taken to have happened, a week after the mail.
fn visited() -> DateTime<Utc> {
    mailed() + TimeDelta::days(7)
}

fn notes() -> Vec<String> {
    vec![
        "Hillstrom's file has no dates: mails are set on 2008-03-01, visits and purchases a week later".to_owned(),
        "assignments were random, one third to each arm, and were decided elsewhere".to_owned(),
    ]
}

async fn create_experiment(door: &Door) -> Result<()> {
    let arm = |(_, arm): &(&str, &str)| strategy::Arm {
        arm: (*arm).to_owned(),
        intended_share: 1.0 / 3.0,
        is_control: *arm == CONTROL,
    };
    let request = strategy::CreateExperimentRequest {
        request_id: format!("import-{EXPERIMENT}"),
        experiment: Some(strategy::Experiment {
            experiment_id: EXPERIMENT.to_owned(),
            display_name: "E-mail about men's goods, about women's, or none".to_owned(),
            arms: ARMS.iter().map(arm).collect(),
        }),
    };
    AssignmentServiceClient::new(door.channel.clone()).create_experiment(door.request(request)).await?;
    Ok(())
}

/// Sends the assignments. Strategy hears of new customers a little after profile took them, so those whom it does not
/// know yet are sent again for a while.
async fn assign(door: &Door, rows: &[Sourced<strategy::Assignment>]) -> Result<Loaded> {
    let until = Instant::now() + HEARSAY;
    let mut new = 0;
    loop {
        let loaded = load::assignments(door, EXPERIMENT, items(rows)).await?;
        let known = loaded.known.saturating_sub(new);
        new += loaded.new;
        let unheard = loaded.faults.iter().any(|fault| fault.field == "customer_id");
        if !unheard || Instant::now() >= until {
            return Ok(Loaded { new, known, ..loaded });
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn parse(folder: &Path, faults: &mut Faults) -> Result<Hillstrom> {
    let mut data = Hillstrom::default();
    read(folder, &TABLE, faults, |row, _| customer(row, &mut data))?;
    Ok(data)
}

/// Takes one row apart. Nothing of it is kept unless all of it is well formed.
fn customer(row: &Row<'_>, data: &mut Hillstrom) -> Result<(), String> {
    // The first customer stands on the second line.
    let number = row.line - 1;
    let customer_id = format!("hillstrom-{number}");
    let arm = ARMS.iter().find(|(theirs, _)| *theirs == row.text("segment"));
    let (_, arm) = arm.ok_or("segment is not one of the three arms")?;
    let (visit, conversion, spend) = (row.flag("visit")?, row.flag("conversion")?, row.hundredths("spend")?);
    if spend < 0 || conversion != (spend > 0) || (conversion && !visit) {
        return Err("visit, conversion and spend do not agree".to_owned());
    }
    let customer = pb::Customer {
        customer_id: customer_id.clone(),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: format!("/hq/{}", slug(row.text("zip_code"))),
        attributes: attributes(row)?.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Default::default()
    };
    let assignment = strategy::Assignment {
        customer_id: customer_id.clone(),
        arm: (*arm).to_owned(),
        assign_time: Some(clock::timestamp(mailed())),
    };
    let outcomes = [(visit, "visit", 0), (conversion, "purchase", spend)];
    let events = outcomes.into_iter().filter(|(happened, ..)| *happened);
    data.events.extend(events.map(|(_, name, amount)| sourced(row, event(number, &customer_id, name, amount))));
    data.customers.push(sourced(row, customer));
    data.assignments.push(sourced(row, assignment));
    Ok(())
}

fn attributes(row: &Row<'_>) -> Result<[(&'static str, Value); 8], String> {
    let value = |kind| Value { kind: Some(kind) };
    let text = |column| match row.text(column) {
        "" => Err(format!("{column} is missing")),
        text => Ok(value(value::Kind::Text(text.to_owned()))),
    };
    let number = |column| row.number(column).map(|number| value(value::Kind::Number(number)));
    let flag = |column| row.flag(column).map(|flag| value(value::Kind::Flag(flag)));
    Ok([
        ("recency", number("recency")?),
        ("history", number("history")?),
        ("history_segment", text("history_segment")?),
        ("mens", flag("mens")?),
        ("womens", flag("womens")?),
        ("newbie", flag("newbie")?),
        ("zip_code", text("zip_code")?),
        ("channel", text("channel")?),
    ])
}

fn event(number: u64, customer_id: &str, name: &str, amount_minor: i64) -> pb::Event {
    pb::Event {
        source: "hillstrom".to_owned(),
        source_id: format!("{name}-{number}"),
        customer_id: customer_id.to_owned(),
        r#type: name.to_owned(),
        occur_time: Some(clock::timestamp(visited())),
        amount_minor,
        ..Default::default()
    }
}

fn sourced<T>(row: &Row<'_>, item: T) -> Sourced<T> {
    Sourced { item, file: FILE, line: row.line }
}

fn day(text: &str) -> Day {
    text.parse().expect("written in this file as a day")
}

fn morning(day: Day) -> DateTime<Utc> {
    day.start(ZONE) + TimeDelta::hours(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "recency,history_segment,history,mens,womens,zip_code,newbie,channel,segment,visit,conversion,spend\r\n";

    fn parsed(rows: &str) -> (Hillstrom, Faults) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), format!("{HEADER}{rows}")).unwrap();
        let mut faults = Faults::default();
        (parse(folder.path(), &mut faults).unwrap(), faults)
    }

    #[test]
    fn a_row_becomes_a_customer_an_assignment_and_what_happened() {
        let rows = "3,\"6) $750 - $1,000\",812.5,1,0,Rural,1,Web,Mens E-Mail,1,1,29.9\r\n\
                    9,1) $0 - $100,15,0,1,Urban,0,Phone,No E-Mail,0,0,0\r\n";
        let (data, faults) = parsed(rows);
        assert_eq!(faults.count, 0, "{faults:?}");
        assert_eq!(data.customers.len(), 2);
        let first = &data.customers[0].item;
        assert_eq!((first.customer_id.as_str(), first.owner_path.as_str()), ("hillstrom-1", "/hq/rural"));
        let text = |name: &str| first.attributes[name].kind.clone().unwrap();
        assert_eq!(text("history_segment"), value::Kind::Text("6) $750 - $1,000".to_owned()));
        assert_eq!(text("history"), value::Kind::Number(812.5));
        let arms: Vec<_> = data.assignments.iter().map(|row| row.item.arm.as_str()).collect();
        assert_eq!(arms, ["mens", "none"]);
        let events: Vec<_> = data.events.iter().map(|row| (row.item.r#type.as_str(), row.item.amount_minor)).collect();
        assert_eq!(events, [("visit", 0), ("purchase", 2_990)]);
    }

    #[test]
    fn malformed_rows_are_named_and_the_numbers_of_the_rest_stay() {
        let rows = "x,s,1,1,0,Rural,1,Web,Mens E-Mail,0,0,0\n\
                    3,s,1,1,0,Rural,1,Web,Cats E-Mail,0,0,0\n\
                    3,s,1,1,0,Rural,1,Web,Mens E-Mail,0,1,5\n\
                    3,s,1,1,0,Rural,1,Web\n\
                    3,s,1,1,0,Rural,1,Web,Womens E-Mail,1,0,0\n";
        let (data, faults) = parsed(rows);
        let named: Vec<_> = faults.first.iter().map(ToString::to_string).collect();
        assert_eq!(
            named,
            [
                "hillstrom.csv:2: recency is not a number",
                "hillstrom.csv:3: segment is not one of the three arms",
                "hillstrom.csv:4: visit, conversion and spend do not agree",
                "hillstrom.csv:5: has 8 columns, not 12",
            ]
        );
        assert_eq!(data.customers[0].item.customer_id, "hillstrom-5");
        assert_eq!((data.customers.len(), data.assignments.len(), data.events.len()), (1, 1, 1));
    }

    #[test]
    fn outcomes_follow_the_mail_within_two_weeks_and_precede_the_clock() {
        assert!(mailed() < visited() && visited() < mailed() + TimeDelta::days(14) && visited() < setting().now);
        assert_eq!(setting().now.to_rfc3339(), "2008-03-20T14:00:00+00:00");
    }

    #[test]
    fn consent_is_assumed_only_with_its_evidence() {
        let (data, _) = parsed("3,s,1,1,0,Rural,1,Web,Mens E-Mail,0,0,0\n");
        let consents = assumed_consents(&data.customers, setting().now);
        assert_eq!(consents.len(), 1);
        assert_eq!(consents[0].item.evidence, super::super::ASSUMED);
    }
}
