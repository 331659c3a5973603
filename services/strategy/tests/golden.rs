//! The record of engine 1, to the byte. `data/record_v1.hex` holds a map and a record made by it: an engine whose answer
//! or bytes differ needs a version of its own, and this one stays.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bank;

use huan_chassis::clock::{self, Day};
use huan_proto::{
    profile::v1::{ConsentState, Purpose, Standing},
    strategy::v1 as pb,
    types::v1::{Value, value::Kind},
};
use huan_strategy::{
    CompiledMap,
    holdout::MasterKey,
    input::{Contact, Facts, input},
    map, record,
};
use prost::Message as _;

const GOLDEN: &str = include_str!("data/record_v1.hex");

#[test]
fn the_golden_record_is_made_again_to_the_byte() {
    let made = format!("{}\n{}\n", hex::encode(content().encode_to_vec()), hex::encode(made().encode_to_vec()));
    assert_eq!(made, GOLDEN);
}

#[test]
fn the_golden_record_replays() {
    let lines: Vec<_> = GOLDEN.lines().map(|line| hex::decode(line).unwrap()).collect();
    let content = pb::MapContent::decode(lines[0].as_slice()).unwrap();
    let replayed = record::replay(&lines[1], &CompiledMap::new(&content)).unwrap();
    assert!(replayed.identical);
    assert_eq!(replayed.engine_version, 1);
}

#[test]
fn another_output_is_not_identical() {
    let mut record = made();
    record.output.as_mut().unwrap().picks[0].value += 1.0;
    let replayed = record::replay(&record.encode_to_vec(), &CompiledMap::new(&content())).unwrap();
    assert!(!replayed.identical);
}

fn content() -> pb::MapContent {
    let mut content = bank::wide(12, 4);
    content.policy.as_mut().unwrap().universal_holdout_share = 0.25;
    content
}

fn made() -> pb::DecisionRecord {
    let content = content();
    let compiled = CompiledMap::new(&content);
    let allowed = ConsentState { purpose: Purpose::Marketing as i32, allowed: true, ..Default::default() };
    let standing = Standing { risk_level: 2, consents: vec![allowed], ..Default::default() };
    let number = |number| Value { kind: Some(Kind::Number(number)) };
    let day = Value { kind: Some(Kind::Day("1998-01-02".into())) };
    let facts = Facts {
        map_version: &map::version(&content),
        customer_key: "5f0c",
        merged_keys: &[],
        owner_path: "/hq/east",
        standing: &standing,
        consent_defaults: 0,
        values: &[number(-0.0), number(12.5), Value::default(), day],
        memberships: &["m".into(), "elsewhere".into()],
        contacts: &[Contact { strategy_id: "s_03".into(), marketing: true, day: Day(bank::DAY) }],
        now: clock::from_micros(915_091_200_000_000),
        today: Day(bank::DAY),
        minute_of_day: 600,
        seed: record::seed("bank", "d-1"),
        asked_channels: &[0],
        trigger: None,
        max_picks: 3,
        stopped: &[6],
        stale: false,
    };
    let input = input(&compiled, &MasterKey::new(bank::KEY).tenant("bank"), &facts);
    let output = compiled.decide(&input);
    record::record("d-1".into(), input, output, clock::from_micros(915_091_200_000_000))
}
