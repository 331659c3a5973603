use std::collections::{BTreeMap, HashMap};

use huan_chassis::clock::{self, Day as BusinessDay};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};

use super::*;
use crate::feature::{Catalogue, Entry, check, template};

const TYPES: [&str; 6] = ["salary", "transfer_out", "card_payment", "app_login", "purchase", "unknown_to_all"];
const ZONES: [&str; 6] =
    ["Asia/Shanghai", "Europe/Prague", "America/New_York", "America/Santiago", "Pacific/Apia", "Australia/Lord_Howe"];
/// 2024-02-25, just before a leap day.
const LEAP: i32 = 19_778;

/// A small linear congruential generator (Knuth, MMIX): tests need repeatable variety, not quality.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

type Rows = BTreeMap<i32, Day>;

/// Features with filters, distinct counts and everything that knows a first day, over all windows.
const MEASURED: &str = r#"
description = ""
[[feature]]
name = "large"
description = ""
aggregate = { op = "repeat_mean", window_days = 30, filter = "amount_minor > 50000" }
[[feature]]
name = "large_ever"
description = ""
aggregate = { op = "repeat_mean", window_days = 0, filter = "amount_minor > 50000" }
[[feature]]
name = "card_abroad"
description = ""
aggregate = { op = "sum", window_days = 90, types = ["card_payment", "purchase"], filter = "country != 'CN'" }
[[feature]]
name = "countries"
description = ""
aggregate = { op = "distinct", window_days = 7, distinct = "country" }
[[feature]]
name = "countries_ever"
description = ""
aggregate = { op = "distinct", window_days = 0, types = ["card_payment"], distinct = "country", filter = "!has(city)" }
"#;

fn catalogue() -> Catalogue {
    let base = template::base();
    let own = template::Template::parse("t", MEASURED, &base).unwrap().features;
    let features = base.into_iter().chain(own).collect();
    Catalogue::of(1, template::entries(template::numbered(features))).unwrap()
}

fn plan() -> Plan {
    catalogue().plan(&numbers())
}

fn numbers() -> HashMap<String, u32> {
    TYPES.iter().zip(1..).map(|(name, n)| ((*name).to_owned(), n)).collect()
}

fn draw_event(plan: &Plan, draw: &mut Draw) -> Occurrence {
    let event_type = draw.below(6) as u32 + 1;
    let mut attributes = HashMap::new();
    for (name, values) in [("country", ["CN", "CZ", "US", "JP", "DE"].as_slice()), ("city", &["X"])] {
        if draw.below(3) > 0 {
            let text = Kind::Text(values[draw.below(values.len() as u64) as usize].to_owned());
            attributes.insert(name.to_owned(), Value { kind: Some(text) });
        }
    }
    let event = pb::Event {
        r#type: TYPES[event_type as usize - 1].into(),
        amount_minor: draw.below(100_000) as i64 - 1_000,
        attributes,
        ..Default::default()
    };
    plan.occurrence(event_type, &event, b"key")
}

fn from_scratch(plan: &Plan, rows: &Rows, today: i32) -> State {
    let mut state = State { today: i32::MAX, fingerprint: 0, groups: Vec::new() };
    let all: Vec<_> = rows.iter().map(|(day, row)| (*day, row.clone())).collect();
    state.roll(plan, today, &all);
    state
}

fn roll(state: &mut State, plan: &Plan, rows: &Rows, today: i32) {
    let from = state.rows_from(plan, today).unwrap_or(i32::MIN);
    let needed: Vec<_> = rows.range(from..).map(|(day, row)| (*day, row.clone())).collect();
    state.roll(plan, today, &needed);
}

#[test]
fn adding_and_rolling_in_any_order_equals_computing_from_scratch() {
    let plan = plan();
    for seed in 0..60 {
        let mut draw = Draw(seed);
        let mut today = LEAP;
        let (mut rows, mut state) = (Rows::new(), State::empty(&plan, today));
        for _ in 0..120 {
            if draw.below(6) == 0 {
                today += draw.below(60) as i32 - 15;
                roll(&mut state, &plan, &rows, today);
            }
            let back = if draw.below(4) == 0 { 900 } else { 50 };
            let day = today + 20 - draw.below(back) as i32;
            let occurrence = draw_event(&plan, &mut draw);
            let row = rows.entry(day).or_default();
            state.add(&plan, day, &occurrence, row);
            row.add(&occurrence);
            assert_eq!(state, from_scratch(&plan, &rows, today), "seed {seed}");
        }
    }
}

/// The plan while only so many of the features are in the vectors and the others are still built.
fn grown(features: usize) -> Plan {
    let own = template::Template::parse("t", MEASURED, &template::base()).unwrap().features;
    let entries = template::entries(template::numbered(template::base().into_iter().chain(own).collect()));
    let entry = |(place, entry)| Entry { in_vectors: place < features, ..entry };
    Catalogue::of(1, entries.into_iter().enumerate().map(entry).collect()).unwrap().plan(&numbers())
}

#[test]
fn a_plan_that_grows_goes_on_with_what_there_was_and_equals_computing_from_scratch() {
    let all = catalogue().features.len();
    let (mut kept, mut anew) = (0, 0);
    for seed in 0..10 {
        let mut draw = Draw(seed);
        let mut today = LEAP;
        let (mut rows, mut state) = (Rows::new(), State::empty(&grown(0), today));
        for features in 1..=all {
            let plan = grown(features);
            today += draw.below(3) as i32;
            match state.rows_from(&plan, today) {
                Some(from) => kept += i32::from(from > today - 400),
                None => anew += 1,
            }
            roll(&mut state, &plan, &rows, today);
            assert_eq!(state, from_scratch(&plan, &rows, today), "seed {seed}, {features} features");
            for _ in 0..5 {
                let day = today - draw.below(400) as i32;
                let occurrence = draw_event(&plan, &mut draw);
                let row = rows.entry(day).or_default();
                state.add(&plan, day, &occurrence, row);
                row.add(&occurrence);
            }
        }
    }
    assert!(kept > 100 && anew > 20, "{kept} {anew}");
}

/// One event with the moment at which it happened.
type Moment = (i64, Occurrence);

/// What a group holds, straight from the events: no rows, no accumulators.
fn straight(plan: &Plan, index: usize, events: &[Moment], zone: chrono_tz::Tz, today: i32) -> Accumulator {
    let group = &plan.groups[index];
    let mut kept: Vec<(i32, Metric)> = Vec::new();
    for (seconds, occurrence) in events {
        let BusinessDay(day) = BusinessDay::of(clock::from_micros(seconds * 1_000_000), zone);
        let of_group = occurrence.metrics().filter(|metric| group.covers(day, today) && group.has(metric));
        kept.extend(of_group.map(|metric| (day, metric)));
    }
    let mut days: Vec<i32> = kept.iter().map(|(day, _)| *day).collect();
    days.sort_unstable();
    days.dedup();
    let first = days.first().copied().unwrap_or_default();
    let mut values: Vec<u64> = kept.iter().flat_map(|(_, metric)| metric.values.clone()).collect();
    values.sort_unstable();
    values.dedup();
    Accumulator {
        count: kept.len() as u64,
        sum: kept.iter().map(|(_, metric)| metric.sum).sum(),
        min: kept.iter().map(|(_, metric)| metric.min).min().unwrap_or_default(),
        max: kept.iter().map(|(_, metric)| metric.max).max().unwrap_or_default(),
        days: days.len() as u32,
        last: days.last().copied().unwrap_or_default(),
        first,
        first_sum: kept.iter().filter(|(day, _)| *day == first).map(|(_, metric)| metric.sum).sum(),
        values,
    }
}

#[test]
fn what_is_kept_equals_what_the_events_say_in_every_zone() {
    let plan = plan();
    for (seed, zone) in (0..30).zip(ZONES.iter().cycle()) {
        let zone: chrono_tz::Tz = zone.parse().unwrap();
        let mut draw = Draw(seed);
        // Across the leap day, the changes of the clocks in spring, and the day that Apia skipped.
        let noon = if zone == chrono_tz::Pacific::Apia { 1_325_246_400 } else { 1_709_208_000 };
        let mut now = noon;
        let mut today = BusinessDay::of(clock::from_micros(now * 1_000_000), zone).0;
        let (mut rows, mut state, mut events) = (Rows::new(), State::empty(&plan, today), Vec::new());
        for _ in 0..80 {
            if draw.below(5) == 0 {
                now += draw.below(20 * 86_400) as i64;
                today = BusinessDay::of(clock::from_micros(now * 1_000_000), zone).0;
                roll(&mut state, &plan, &rows, today);
            }
            let back = if draw.below(4) == 0 { 500 } else { 40 };
            let seconds = now + 86_400 - draw.below(back * 86_400) as i64;
            let BusinessDay(day) = BusinessDay::of(clock::from_micros(seconds * 1_000_000), zone);
            let occurrence = draw_event(&plan, &mut draw);
            let row = rows.entry(day).or_default();
            state.add(&plan, day, &occurrence, row);
            row.add(&occurrence);
            events.push((seconds, occurrence));
        }
        for index in 0..plan.groups.len() {
            let told = straight(&plan, index, &events, zone, today);
            let kept = &state.groups[index];
            // Of no events, the least, the greatest and the days mean nothing.
            assert!(*kept == told || (kept.count == 0 && told.count == 0), "seed {seed}: {kept:?} {told:?}");
        }
    }
}

#[test]
fn the_order_of_events_does_not_matter() {
    let (plan, today) = (plan(), 10_000);
    let mut draw = Draw(7);
    let mut events: Vec<(i32, Occurrence)> =
        (0..300).map(|_| (today - draw.below(500) as i32, draw_event(&plan, &mut draw))).collect();
    let mut states = Vec::new();
    for _ in 0..5 {
        for index in (1..events.len()).rev() {
            events.swap(index, draw.below(index as u64 + 1) as usize);
        }
        let (mut rows, mut state) = (Rows::new(), State::empty(&plan, today));
        for (day, occurrence) in &events {
            let row = rows.entry(*day).or_default();
            state.add(&plan, *day, occurrence, row);
            row.add(occurrence);
        }
        states.push(state);
    }
    assert!(states.windows(2).all(|pair| pair[0] == pair[1]));
}

fn plain(event_type: u32, amount: i64) -> Occurrence {
    Occurrence { event_type, amount, measured: Vec::new() }
}

#[test]
fn a_later_event_counts_when_its_day_has_come() {
    let plan = plan();
    let (mut rows, mut state) = (Rows::new(), State::empty(&plan, 100));
    state.add(&plan, 101, &plain(1, 500), &Day::default());
    rows.entry(101).or_default().add(&plain(1, 500));
    assert!(state.groups.iter().all(|group| group.count == 0));
    roll(&mut state, &plan, &rows, 101);
    assert!(state.groups.iter().any(|group| group.count == 1 && group.sum == 500));
}

#[test]
fn a_packed_day_survives_its_bytes() {
    let mut day = Day::default();
    for (event_type, amount) in [(3, -5), (1, 7), (3, 9)] {
        day.add(&plain(event_type, amount));
    }
    day.add(&Occurrence { event_type: 1, amount: 2, measured: vec![(9, None), (8, Some(77))] });
    assert_eq!(Day::decode(day.encode_to_vec().as_slice()).unwrap(), day);
    let keys: Vec<_> = day.metrics.iter().map(|metric| (metric.event_type, metric.measure, metric.count)).collect();
    assert_eq!(keys, [(0, 8, 1), (0, 9, 1), (1, 0, 2), (3, 0, 2)]);
    assert_eq!((day.metrics[0].values.as_slice(), day.metrics[3].sum), ([77].as_slice(), 4));
    let mut anew = Day::default();
    anew.add_measured(&Occurrence { event_type: 1, amount: 5, measured: vec![(8, Some(78))] });
    day.replace(&[8, 9], anew);
    let keys: Vec<_> = day.metrics.iter().map(|metric| (metric.event_type, metric.measure, metric.sum)).collect();
    assert_eq!(keys, [(0, 8, 5), (1, 0, 9), (3, 0, 4)]);
}

#[test]
fn the_rows_of_several_customers_are_those_of_one_who_did_it_all() {
    let plan = plan();
    let mut draw = Draw(5);
    let (mut one, mut other, mut both) = (Day::default(), Day::default(), Day::default());
    for n in 0..40 {
        let occurrence = draw_event(&plan, &mut draw);
        if n % 3 == 0 { &mut one } else { &mut other }.add(&occurrence);
        both.add(&occurrence);
    }
    assert_eq!(union([(7, one.clone()), (6, one.clone()), (7, other)]), [(6, one), (7, both)]);
}

#[test]
fn distinct_values_stop_at_a_bound_in_whatever_order_they_come() {
    let all: Vec<u64> = (0..5000).map(|n| (n * 7919) % 100_003).collect();
    let (mut forth, mut back) = (Vec::new(), Vec::new());
    keep(&mut forth, &all);
    all.iter().rev().for_each(|value| keep(&mut back, &[*value]));
    assert_eq!((forth.len(), &forth), (MAX_VALUES, &back));
}

/// Buys on three days, twice on the second: by hand, in minor units.
#[test]
fn repeats_are_counted_by_days_and_leave_the_first_out() {
    let text = r#"
        description = ""
        [[feature]]
        name = "frequency"
        description = ""
        aggregate = { op = "repeat_days", window_days = 0 }
        [[feature]]
        name = "mean"
        description = ""
        aggregate = { op = "repeat_mean", window_days = 0 }
        [[feature]]
        name = "recency"
        description = ""
        aggregate = { op = "span_days", window_days = 0 }
    "#;
    let features = template::Template::parse("t", text, &[]).unwrap().features;
    let catalogue = Catalogue::of(1, template::entries(template::numbered(features))).unwrap();
    let plan = catalogue.plan(&HashMap::new());
    let (mut rows, mut state) = (Rows::new(), State::empty(&plan, 200));
    for (day, amount) in [(130, 3_000), (100, 2_933), (130, 1_050), (190, 950)] {
        let row: &mut Day = rows.entry(day).or_default();
        state.add(&plan, day, &plain(1, amount), row);
        row.add(&plain(1, amount));
    }
    let customer = pb::Customer::default();
    let now = clock::from_micros(0);
    let (tags, kyc_completeness, related) = (Vec::new(), None, &crate::related::Sums::new());
    let (customer, holdings, state) = (&customer, [].as_slice(), &state);
    let inputs = crate::vector::Inputs { customer, holdings, state, tags, kyc_completeness, related, now };
    let vector = crate::vector::vector(&catalogue, inputs);
    let numbers: Vec<Option<Kind>> = vector.values.into_iter().map(|value| value.kind).collect();
    // Two repeat days, of 40.50 and 9.50; ninety days from the first to the last.
    assert_eq!(numbers, [2.0, 2_500.0, 90.0].map(|number| Some(Kind::Number(number))));
    let mut faults = huan_chassis::check::Faults::new();
    check::definition(&mut faults, "f", catalogue.features[0].clone(), &[]);
    assert!(faults.is_empty());
}
