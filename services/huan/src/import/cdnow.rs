//! The CDNOW sample: a tenth of the customers of a music shop who first bought in early 1997, and their purchases (Fader
//! and Hardie 2001). The clock stands at the end of the calibration period, and what was bought after it is left out, so
//! that the features are those of the published summary.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use huan_chassis::clock::{self, Day};
use huan_proto::profile::v1::{self as pb, AggregateOp, feature::Source};

use super::report::{Faults, Ledger, Report, Sourced, items};
use super::table::{hundredths, open};
use super::tenant::{Setting, ensure_tenant};
use super::{Choice, assumed_consents, feature, register};
use crate::failure::Result;
use crate::load::{self, Door};

/// Whitespace apart and without a header: the customer's number in the whole and in the sample, the day, how many discs,
/// the amount.
const FILE: &str = "CDNOW_sample.txt";
const ZONE: Tz = Tz::America__New_York;
/// The last day of the calibration period: 1997-09-30.
const LAST_DAY: Day = Day(10_134);
/// Keys of customers are drawn from this, so that every run gives the same.
const KEY_SEED: u64 = 0xcd_1997;

/// Frequency, recency, age and money (the x, t_x, T and zbar of the summary) as features: days with purchases after the
/// first, days from the first to the last, the day of the first, and the mean amount of a repeat day.
const FEATURES: [(&str, AggregateOp, &str); 4] = [
    ("purchase_frequency", AggregateOp::RepeatDays, "days with purchases after the first"),
    ("purchase_recency", AggregateOp::SpanDays, "days from the first purchase to the last"),
    ("first_purchase_day", AggregateOp::FirstDay, "the day of the first purchase, which tells the age"),
    ("purchase_repeat_mean", AggregateOp::RepeatMean, "the mean amount of the days after the first; 0 if none"),
];

/// What the file holds, ready to be sent.
#[derive(Debug, Default)]
struct Cdnow {
    customers: Vec<Sourced<pb::Customer>>,
    events: Vec<Sourced<pb::Event>>,
    /// Purchases after the last day.
    later: u64,
}

pub(super) async fn import(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    let started = Instant::now();
    let mut faults = Faults::default();
    let data = parse(folder, &mut faults)?;
    let mut ledger = Ledger::new(started, faults);
    ensure_tenant(door, &setting()).await?;
    register(door, crate::bank::event_types()).await?;
    for (name, op, description) in FEATURES {
        feature::create(door, purchases(name, op, description)).await?;
    }
    ledger.enter("customers", &data.customers, load::customers(door, items(&data.customers), KEY_SEED).await?);
    ledger.enter("events", &data.events, load::events(door, items(&data.events)).await?);
    if choice.assume_consent {
        let consents = assumed_consents(&data.customers, setting().now);
        ledger.enter("consents", &consents, load::consents(door, items(&consents)).await?);
    }
    feature::wait(door).await?;
    Ok(ledger.close(vec![format!("{} purchases after {LAST_DAY} are left out, as the summary does", data.later)]))
}

fn setting() -> Setting {
    Setting {
        display_name: "CDNOW: a music shop's customers, 1997",
        time_zone: "America/New_York",
        currency: "USD",
        now: now(),
    }
}

fn now() -> DateTime<Utc> {
    LAST_DAY.start(ZONE) + TimeDelta::hours(24) - TimeDelta::minutes(1)
}

fn purchases(name: &str, op: AggregateOp, description: &str) -> pb::Feature {
    let source = pb::AggregateSource { event_types: vec!["purchase".to_owned()], op: op.into(), ..Default::default() };
    pb::Feature {
        name: name.to_owned(),
        description: description.to_owned(),
        source: Some(Source::Aggregate(source)),
        ..Default::default()
    }
}

fn parse(folder: &Path, faults: &mut Faults) -> Result<Cdnow> {
    let (mut data, mut seen) = (Cdnow::default(), BTreeSet::new());
    for (text, line) in open(folder, FILE)?.lines().zip(1..) {
        match purchase(&text?, line) {
            Ok((day, _)) if day > LAST_DAY => data.later += 1,
            Ok((_, event)) => {
                if seen.insert(event.item.customer_id.clone()) {
                    data.customers.push(customer(&event));
                }
                data.events.push(event);
            }
            Err(reason) => faults.add(FILE, line, reason),
        }
    }
    Ok(data)
}

fn purchase(text: &str, line: u64) -> Result<(Day, Sourced<pb::Event>), String> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [_, id, day, _, amount] = fields[..] else {
        return Err("has not five fields".to_owned());
    };
    let id: u32 = id.parse().map_err(|_| "the customer's number is not a number")?;
    let day = long_day(day).ok_or("the third field is not a day YYYYMMDD")?;
    let item = pb::Event {
        source: "cdnow".to_owned(),
        source_id: line.to_string(),
        customer_id: format!("cdnow-{id}"),
        r#type: "purchase".to_owned(),
        occur_time: Some(clock::timestamp(day.start(ZONE))),
        amount_minor: hundredths(amount).ok_or("the fifth field is not an amount with at most two decimals")?,
        ..Default::default()
    };
    Ok((day, Sourced { item, file: FILE, line }))
}

fn long_day(text: &str) -> Option<Day> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| format!("{}-{}-{}", &text[..4], &text[4..6], &text[6..]).parse().ok())?
}

fn customer(event: &Sourced<pb::Event>) -> Sourced<pb::Customer> {
    let item = pb::Customer {
        customer_id: event.item.customer_id.clone(),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq".to_owned(),
        ..Default::default()
    };
    Sourced { item, file: event.file, line: event.line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purchases_up_to_the_last_day_are_taken_and_faults_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = " 00004 0001 19970101  2   29.33\n 00004 0001 19970930  1    5.00\n\
                    00004 0001 19971001  1   14.96\n 00021 0002 19970199  3   75.11\n 00021 0002 19970101  3\n";
        std::fs::write(folder.path().join(FILE), text).unwrap();
        let mut faults = Faults::default();
        let data = parse(folder.path(), &mut faults).unwrap();
        assert_eq!((data.customers.len(), data.events.len(), data.later), (1, 2, 1));
        assert_eq!((data.events[0].item.amount_minor, data.events[1].item.source_id.as_str()), (2_933, "2"));
        let reasons: Vec<String> = faults.first.iter().map(ToString::to_string).collect();
        let expected =
            ["CDNOW_sample.txt:4: the third field is not a day YYYYMMDD", "CDNOW_sample.txt:5: has not five fields"];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn the_clock_stands_at_the_end_of_the_last_day() {
        assert_eq!(LAST_DAY.to_string(), "1997-09-30");
        assert_eq!(now().to_rfc3339(), "1997-10-01T03:59:00+00:00");
    }
}
