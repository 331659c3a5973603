//! What the demo's bank wants: its objectives, products, channels, scripts and strategies. Plain data; the steps that
//! hand it in are in `strategy.rs`.

use huan_proto::strategy::v1::{self as pb, scenario::Kind};

/// The share of customers left alone by all marketing.
pub const UNIVERSAL_HOLDOUT: f64 = 0.10;
/// The share of customers left alone by each strategy that has a holdout of its own.
pub const STRATEGY_HOLDOUT: f64 = 0.10;

/// What differs from bank to bank.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// The event type by which income arrives.
    pub income: &'static str,
    /// The least income worth a word, in minor units.
    pub least_income_minor: i64,
    /// The least outflow that worries, in minor units.
    pub least_outflow_minor: i64,
    /// A contact's value in minor units, where a success brings about a hundred times that.
    pub unit_minor: i64,
}

/// The objectives.
pub fn objectives() -> Vec<pb::Objective> {
    use pb::ObjectiveKind::{CreditUse, FeeIncome, Retention, Scale, Volume};
    let objective = |id: &str, name: &str, kind: pb::ObjectiveKind| pb::Objective {
        objective_id: id.to_owned(),
        display_name: name.to_owned(),
        kind: kind.into(),
        revision: 0,
    };
    vec![
        objective("deposits", "Grow deposits", Scale),
        objective("fees", "Earn fees", FeeIncome),
        objective("volume", "Grow card volume", Volume),
        objective("lending", "Use of credit", CreditUse),
        objective("retention", "Keep customers", Retention),
    ]
}

/// The products.
pub fn products() -> Vec<pb::Product> {
    let product = |id: &str, name: &str, risk_level, held: &str| pb::Product {
        product_id: id.to_owned(),
        display_name: name.to_owned(),
        risk_level,
        held_feature: held.to_owned(),
        revision: 0,
    };
    vec![
        product("time_deposit", "Time deposit", 1, ""),
        product("credit_card", "Credit card", 1, "has_card"),
        product("consumer_loan", "Consumer loan", 1, "has_loan"),
        product("balanced_fund", "Balanced fund", 3, "has_fund"),
        product("app_welcome", "App welcome gift", 1, ""),
    ]
}

/// The channels. The relationship managers' day is the one that is short.
pub fn channels(unit_minor: i64) -> Vec<pb::Channel> {
    let channel = |id: &str, name: &str, daily_capacity, hours: (i32, i32), cost_minor, priority| pb::Channel {
        channel_id: id.to_owned(),
        display_name: name.to_owned(),
        daily_capacity,
        open_minute: hours.0,
        close_minute: hours.1,
        cost_minor,
        priority,
        revision: 0,
    };
    vec![
        channel("app", "App", 0, (0, 1440), 0, 1),
        channel("sms", "SMS", 0, (540, 1200), unit_minor / 100, 2),
        channel("call", "Call centre", 400, (540, 1080), unit_minor / 10, 3),
        channel("rm", "Relationship manager", 200, (540, 1080), unit_minor / 5, 4),
    ]
}

/// One script a strategy and channel.
pub fn scripts(strategies: &[pb::Strategy]) -> Vec<pb::Script> {
    let plans = strategies.iter().flat_map(|strategy| strategy.channels.iter().map(move |plan| (strategy, plan)));
    plans
        .map(|(strategy, plan)| pb::Script {
            script_id: plan.script_id.clone(),
            channel_id: plan.channel_id.clone(),
            text: format!("{} ({}): balance {{balance_total}}", strategy.display_name, plan.channel_id),
            ..Default::default()
        })
        .collect()
}

/// The strategies: three for stages of life, three for products, two for events.
pub fn strategies(habits: Habits) -> Vec<pb::Strategy> {
    let lifecycle = || Kind::Lifecycle(pb::LifecycleScenario {});
    let product = || Kind::Product(pb::ProductScenario {});
    let event = |event_type: &str, min_amount_minor| {
        Kind::Event(pb::EventScenario { event_type: event_type.to_owned(), min_amount_minor })
    };
    let all_tiers = tier(&["private", "wealth", "affluent", "mass", "other"]);
    let value = |propensity, units: i64| worth(propensity, units * habits.unit_minor, 0.0);
    vec![
        strategy(
            "welcome",
            "Welcome new customers",
            "deposits",
            "app_welcome",
            life(&["first_contact", "honeymoon"]),
            lifecycle(),
            &["app", "sms"],
            value(0.06, 40),
        ),
        strategy(
            "wake_dormant",
            "Wake the dormant",
            "retention",
            "app_welcome",
            life(&["dormant", "lost", "declining", "other"]),
            lifecycle(),
            &["sms", "call"],
            value(0.04, 60),
        ),
        strategy(
            "keep_mature",
            "Deepen mature customers",
            "fees",
            "balanced_fund",
            life(&["mature", "growing"]),
            lifecycle(),
            &["app", "rm"],
            worth(0.05, 30 * habits.unit_minor, 0.001),
        ),
        strategy(
            "card_offer",
            "Offer a credit card",
            "volume",
            "credit_card",
            all_tiers.clone(),
            product(),
            &["app", "sms"],
            value(0.03, 90),
        ),
        strategy(
            "loan_offer",
            "Offer a consumer loan",
            "lending",
            "consumer_loan",
            all_tiers.clone(),
            product(),
            &["app", "call"],
            value(0.02, 100),
        ),
        strategy(
            "fund_offer",
            "Offer a balanced fund",
            "fees",
            "balanced_fund",
            tier(&["private", "wealth", "affluent"]),
            product(),
            &["rm", "app"],
            worth(0.03, 40 * habits.unit_minor, 0.0005),
        ),
        strategy(
            "income_to_deposit",
            "Income has arrived",
            "deposits",
            "time_deposit",
            all_tiers.clone(),
            event(habits.income, habits.least_income_minor),
            &["app", "sms"],
            value(0.08, 50),
        ),
        strategy(
            "large_outflow",
            "A large outflow",
            "retention",
            "time_deposit",
            all_tiers,
            event("transfer_out", habits.least_outflow_minor),
            &["rm", "call", "app"],
            value(0.08, 80),
        ),
    ]
}

#[allow(clippy::too_many_arguments, reason = "a strategy has that many parts, and each is named once above")]
fn strategy(
    id: &str,
    name: &str,
    objective: &str,
    product: &str,
    any_of: Vec<String>,
    kind: Kind,
    channels: &[&str],
    value: pb::ExpectedValue,
) -> pb::Strategy {
    let plan =
        |channel: &&str| pb::ChannelPlan { channel_id: (*channel).to_owned(), script_id: format!("{id}_{channel}") };
    pb::Strategy {
        strategy_id: id.to_owned(),
        display_name: name.to_owned(),
        owner_path: "/hq".to_owned(),
        objective_id: objective.to_owned(),
        purpose: pb::ContactPurpose::Marketing.into(),
        audience: Some(pb::Audience { any_of, none_of: Vec::new() }),
        scenario: Some(pb::Scenario { kind: Some(kind) }),
        product_id: product.to_owned(),
        channels: channels.iter().map(plan).collect(),
        value: Some(value),
        cap: 1,
        cap_window_days: 7,
        holdout_share: STRATEGY_HOLDOUT,
        ..Default::default()
    }
}

fn worth(propensity: f64, fixed_minor: i64, rate: f64) -> pb::ExpectedValue {
    let feature = if rate > 0.0 { "balance_total" } else { "" };
    pb::ExpectedValue { propensity, fixed_minor, feature: feature.to_owned(), rate, lever: 1.0 }
}

fn life(stages: &[&str]) -> Vec<String> {
    stages.iter().map(|stage| format!("lifecycle_retail/{stage}")).collect()
}

fn tier(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| format!("tier_retail/{part}")).collect()
}

/// The kind of a strategy's scenario, as the report names it.
pub fn scenario_name(strategy: &pb::Strategy) -> &'static str {
    match strategy.scenario.as_ref().and_then(|scenario| scenario.kind.as_ref()) {
        Some(Kind::Lifecycle(_)) => "lifecycle",
        Some(Kind::Product(_)) => "product",
        Some(Kind::Event(_)) => "event",
        None => "none",
    }
}
