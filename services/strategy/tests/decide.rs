//! Engine 1 by data file: what it must decide stands in `data/decide.toml`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;

use huan_proto::{
    strategy::v1::{self as pb, scenario::Kind},
    types::v1::{Value, value},
};
use huan_strategy::decide::{self, decide};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    policy: Policy,
    product: Vec<Product>,
    channel: Vec<Channel>,
    strategy: Vec<Strategy>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
struct Policy {
    cap: i32,
    universal: f64,
}

#[derive(Deserialize)]
struct Product {
    id: String,
    risk: i32,
    #[serde(default)]
    held: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Channel {
    id: String,
    priority: i32,
    cost: i64,
    open: i32,
    close: i32,
}

#[derive(Deserialize)]
#[serde(default)]
struct Strategy {
    id: String,
    owner: String,
    purpose: String,
    scenario: String,
    event_type: String,
    min_amount: i64,
    product: String,
    channels: Vec<String>,
    propensity: f64,
    fixed: i64,
    feature: String,
    rate: f64,
    lever: f64,
    holdout: f64,
    cap: i32,
    any_of: Vec<String>,
    none_of: Vec<String>,
}

impl Default for Strategy {
    fn default() -> Self {
        Self {
            id: String::new(),
            owner: "/".into(),
            purpose: "marketing".into(),
            scenario: String::new(),
            event_type: String::new(),
            min_amount: 0,
            product: String::new(),
            channels: Vec::new(),
            propensity: 0.0,
            fixed: 0,
            feature: String::new(),
            rate: 0.0,
            lever: 0.0,
            holdout: 0.0,
            cap: 0,
            any_of: vec!["m".into()],
            none_of: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    name: String,
    memberships: Vec<String>,
    owner: String,
    trigger: String,
    amount: i64,
    held: bool,
    held_missing: bool,
    balance: Option<f64>,
    risk: u32,
    gates: Vec<u32>,
    stale: bool,
    consents: Vec<String>,
    care: Vec<String>,
    minute: u32,
    contacts: u32,
    strategy_contacts: BTreeMap<String, u32>,
    max_picks: u32,
    asked: Vec<String>,
    full: Vec<String>,
    unpersonalised: bool,
    universal_draw: f64,
    strategy_draw: f64,
    paused: Vec<String>,
    stages: Vec<String>,
    picks: Vec<String>,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            name: String::new(),
            memberships: vec!["m".into()],
            owner: "/hq".into(),
            trigger: String::new(),
            amount: 0,
            held: false,
            held_missing: false,
            balance: None,
            risk: 1,
            gates: Vec::new(),
            stale: false,
            consents: vec!["app".into(), "sms".into()],
            care: Vec::new(),
            minute: 600,
            contacts: 0,
            strategy_contacts: BTreeMap::new(),
            max_picks: 1,
            asked: Vec::new(),
            full: Vec::new(),
            unpersonalised: false,
            universal_draw: 0.5,
            strategy_draw: 0.5,
            paused: Vec::new(),
            stages: Vec::new(),
            picks: Vec::new(),
        }
    }
}

#[test]
fn every_case_is_decided_as_written() {
    let file: File = toml::from_str(include_str!("data/decide.toml")).unwrap();
    let map = map(&file);
    for case in &file.case {
        let output = decide(&input(&map, case), &map);
        let stages: Vec<_> = output.candidates.iter().zip(&output.stages).map(|(c, s)| words(&map, *c, *s)).collect();
        assert_eq!(stages, case.stages, "{}", case.name);
        let pick = |pick: &pb::OutputPick| format!("{} {}", words(&map, pick.candidate, pick.stage as u8), pick.value);
        assert_eq!(output.picks.iter().map(pick).collect::<Vec<_>>(), case.picks, "{}", case.name);
    }
}

#[test]
fn every_case_is_explained() {
    let file: File = toml::from_str(include_str!("data/decide.toml")).unwrap();
    let map = map(&file);
    let compiled = decide::CompiledMap::new(&map);
    for case in &file.case {
        let reasons = huan_strategy::explain::candidates(&compiled, &input(&map, case));
        assert_eq!(reasons.len(), case.stages.len(), "{}", case.name);
        for reason in reasons {
            let picked = reason.stage() == pb::Stage::Picked;
            assert!(!reason.reason.is_empty(), "{}: {reason:?}", case.name);
            assert_eq!(reason.change.is_empty(), picked, "{}: {reason:?}", case.name);
        }
    }
}

#[test]
fn the_smallest_change_is_named() {
    let file: File = toml::from_str(include_str!("data/decide.toml")).unwrap();
    let map = map(&file);
    let compiled = decide::CompiledMap::new(&map);
    let change = |case: &str, strategy: &str, channel: &str| {
        let case = file.case.iter().find(|other| other.name == case).unwrap();
        let reasons = huan_strategy::explain::candidates(&compiled, &input(&map, case));
        let found = reasons.into_iter().find(|r| r.strategy_id == strategy && r.channel_id == channel);
        found.unwrap().change
    };
    let expected = [
        (
            "one pick a strategy, best first",
            "a_deposit",
            "sms",
            "the value must rise by 4.00 minor units to overtake a_deposit on app",
        ),
        ("without consent there is no marketing", "a_deposit", "app", "consent for marketing on app"),
        ("without consent for care nobody is called", "e_survey", "sms", "consent for care on sms"),
        ("quiet hours hold for marketing only", "a_deposit", "sms", "from minute 540"),
        ("the closing minute is quiet", "a_deposit", "sms", "from minute 540 of the next day"),
        ("a strategy's own cap holds", "b_fund", "app", "fewer than 1 contacts of this strategy in 7 days"),
        ("a risky product does not suit an untested customer", "b_fund", "app", "a tested risk level of C3"),
        ("a missing feature is worth nothing", "b_fund", "app", "balance must be known"),
        ("holders are not eligible", "a_deposit", "app", "has_deposit must be false"),
    ];
    for (case, strategy, channel, words) in expected {
        assert_eq!(change(case, strategy, channel), words, "{case}");
    }
}

fn map(file: &File) -> pb::MapContent {
    let products = file.product.iter().map(|product| pb::Product {
        product_id: product.id.clone(),
        risk_level: product.risk,
        held_feature: product.held.clone(),
        ..Default::default()
    });
    let channels = file.channel.iter().map(|channel| pb::Channel {
        channel_id: channel.id.clone(),
        open_minute: channel.open,
        close_minute: channel.close,
        cost_minor: channel.cost,
        priority: channel.priority,
        ..Default::default()
    });
    pb::MapContent {
        strategies: file.strategy.iter().map(strategy).collect(),
        products: products.collect(),
        channels: channels.collect(),
        policy: Some(pb::Policy {
            universal_holdout_share: file.policy.universal,
            cap: file.policy.cap,
            cap_window_days: 30,
            ..Default::default()
        }),
        features: ["balance", "has_deposit"].map(String::from).to_vec(),
        memberships: ["excluded", "fund_lovers", "m", "reminded", "surveyed"].map(String::from).to_vec(),
        ..Default::default()
    }
}

fn strategy(written: &Strategy) -> pb::Strategy {
    let purpose = match written.purpose.as_str() {
        "service" => pb::ContactPurpose::Service,
        "care" => pb::ContactPurpose::Care,
        _ => pb::ContactPurpose::Marketing,
    };
    let kind = match written.scenario.as_str() {
        "product" => Kind::Product(pb::ProductScenario {}),
        "lifecycle" => Kind::Lifecycle(pb::LifecycleScenario {}),
        "event" => Kind::Event(pb::EventScenario {
            event_type: written.event_type.clone(),
            min_amount_minor: written.min_amount,
        }),
        other => panic!("no scenario: {other}"),
    };
    let plan = |id: &String| pb::ChannelPlan { channel_id: id.clone(), script_id: "s".into() };
    pb::Strategy {
        strategy_id: written.id.clone(),
        owner_path: written.owner.clone(),
        purpose: purpose as i32,
        audience: Some(pb::Audience { any_of: written.any_of.clone(), none_of: written.none_of.clone() }),
        scenario: Some(pb::Scenario { kind: Some(kind) }),
        product_id: written.product.clone(),
        channels: written.channels.iter().map(plan).collect(),
        value: Some(pb::ExpectedValue {
            propensity: written.propensity,
            fixed_minor: written.fixed,
            feature: written.feature.clone(),
            rate: written.rate,
            lever: written.lever,
        }),
        cap: written.cap,
        cap_window_days: 7,
        holdout_share: written.holdout,
        ..Default::default()
    }
}

fn input(map: &pb::MapContent, case: &Case) -> pb::DecisionInput {
    let index = |names: Vec<&str>, wanted: &[String]| -> Vec<u32> {
        (0..).zip(names).filter(|(_, name)| wanted.iter().any(|w| w == name)).map(|(index, _)| index).collect()
    };
    let channels = |wanted| index(map.channels.iter().map(|c| c.channel_id.as_str()).collect(), wanted);
    let held = if case.held_missing { None } else { Some(value::Kind::Flag(case.held)) };
    let contacts = |s: &pb::Strategy| case.strategy_contacts.get(&s.strategy_id).copied().unwrap_or(0);
    pb::DecisionInput {
        engine_version: 1,
        values: vec![Value { kind: case.balance.map(value::Kind::Number) }, Value { kind: held }],
        memberships: index(map.memberships.iter().map(String::as_str).collect(), &case.memberships),
        risk_level: case.risk,
        gates: case.gates.clone(),
        personalisation_refused: case.unpersonalised,
        consented_channels: channels(&case.consents),
        contacts: case.contacts,
        strategy_contacts: map.strategies.iter().map(contacts).collect(),
        asked_channels: channels(&case.asked),
        full_channels: channels(&case.full),
        trigger_type: case.trigger.clone(),
        trigger_amount_minor: case.amount,
        max_picks: case.max_picks,
        universal_draw: case.universal_draw,
        strategy_draws: vec![case.strategy_draw],
        stale: case.stale,
        minute_of_day: case.minute,
        owner_path: case.owner.clone(),
        care_channels: channels(&case.care),
        paused_strategies: index(map.strategies.iter().map(|s| s.strategy_id.as_str()).collect(), &case.paused),
        ..Default::default()
    }
}

fn words(map: &pb::MapContent, candidate: u32, stage: u8) -> String {
    let (strategy, plan) = decide::strategy_and_plan(candidate);
    let strategy = &map.strategies[strategy];
    let stage = pb::Stage::try_from(i32::from(stage)).unwrap().as_str_name().trim_start_matches("STAGE_");
    format!("{}/{} {stage}", strategy.strategy_id, strategy.channels[plan].channel_id)
}
