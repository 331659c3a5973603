//! The loop on the simulated bank, whose customers respond with an effect that is known. The one place where a review can
//! be held against the truth.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::clock::{self, Day};
use huan_proto::{
    evaluation::v1::Metric,
    profile::v1::{
        self as profile, event_service_client::EventServiceClient, tenant_service_client::TenantServiceClient,
    },
    strategy::v1 as pb,
};

use super::{
    desk::{self, Desk},
    execution::{self, Decided},
    holdout, insight, picture,
    plan::Habits,
    report::{Report, Tenant},
    review, strategy,
};
use crate::{
    bank::{Bank, Settings, Sim},
    failure::{Failure, Result},
    load,
    suite::Doors,
};

/// The simulated bank's last day, on which the demo decides.
const LAST_DAY: &str = "2025-06-30";
/// The segment sets that the demo builds.
const TEMPLATES: [&str; 3] = ["lifecycle_retail", "tier_retail", "tier_corporate"];
/// How long outcomes count, in days.
const WINDOW_DAYS: i32 = 30;
/// The most decisions that are replayed.
const REPLAYED: usize = 1000;
/// What the simulated bank's plan needs to know, in fen.
const HABITS: Habits =
    Habits { income: "salary", least_income_minor: 500_000, least_outflow_minor: 1_000_000, unit_minor: 1_000 };

/// Runs the loop.
pub async fn run(doors: &Doors, seed: u64, customers: u32) -> Result<Report> {
    let bank = bank(seed, customers)?;
    let desk = Desk::new(doors, "demo")?;
    let mut tenant = Tenant::default();

    picture::step(&format!("A simulated bank: {customers} customers, a year of events (seed {seed})"));
    load_bank(&desk, &bank, &mut tenant).await?;
    desk::wait_for_feeds(doors, "segment").await?;
    look(&desk, &mut tenant).await?;

    picture::step("Strategy: eight strategies, each approved by another than its maker, published as one map");
    strategy::hand_in(&desk, HABITS).await?;
    let map = strategy::publish(&desk).await?;
    tenant.strategies = strategy::in_short(&map);
    picture::line(&format!("map {} of {} strategies", &map.version[..12], tenant.strategies.len()));
    desk::wait_for_feeds(doors, "strategy").await?;

    picture::step("Execution: one decision for every customer");
    let (round, decided) = execution::decide_all(&desk, "round 1", everybody(&bank)).await?;
    picture::round(&round);
    tenant.rounds.push(round);
    picture::step("Execution: income arrives for some, and each arrival calls for a decision");
    let (round, triggered) = execution::decide_all(&desk, "on income", arrivals(&desk, &bank).await?).await?;
    picture::round(&round);
    tenant.rounds.push(round);
    desk::wait_for_feeds(doors, "evaluation").await?;
    tenant.holdouts = holdout::holdouts(&desk, &decided).await?;
    picture::step("Holdouts: who was left alone, of those open to assignment");
    picture::holdouts(&tenant);

    picture::step(&format!("A month later: who was contacted responds, {WINDOW_DAYS} days pass, outcomes come in"));
    respond(&desk, &bank, &decided, &triggered).await?;
    desk::wait_for_feeds(doors, "evaluation").await?;
    desk::wait_for_feeds(doors, "segment").await?;

    picture::step("Review: the effect of each strategy, against customers left alone, beside the truth");
    review_all(&desk, &bank, &decided, &triggered, &mut tenant).await?;

    picture::step("And back: strategies get the effect that was measured, and the map is published anew");
    learn(&desk, &tenant).await?;
    let map = strategy::publish(&desk).await?;
    desk::wait_for_feeds(doors, "strategy").await?;
    picture::line(&format!("map {}", &map.version[..12]));
    let (round, _) = execution::decide_all(&desk, "round 2", everybody(&bank)).await?;
    picture::round(&round);
    tenant.rounds.push(round);

    let ids = decided.iter().take(REPLAYED).map(|one| one.answer.decision_id.clone()).collect();
    let replay = execution::replay(&desk, ids).await?;
    picture::step("Replay: first-round decisions, after map, vectors and clock moved on");
    picture::line(&format!("{} of {} have the same bytes", replay.identical, replay.checked));
    tenant.replay = Some(replay);
    Ok(Report { huan_version: env!("CARGO_PKG_VERSION"), simulated: Some(tenant), ..Report::default() })
}

/// The simulated bank on its last day.
///
/// # Errors
/// None that a caller could cause.
pub fn bank(seed: u64, customers: u32) -> Result<Bank> {
    let last_day: Day = LAST_DAY.parse().map_err(|_| Failure::new("the last day is not a day"))?;
    Ok(Bank::new(Settings { seed, customers, last_day, history_days: 365 }))
}

/// Loads a simulated bank into a tenant and publishes the demo's map: ready to decide. Answers with the customers.
///
/// # Errors
/// If a step fails.
pub async fn prepare(doors: &Doors, tenant: &str, seed: u64, customers: u32) -> Result<Vec<String>> {
    let (bank, desk) = (bank(seed, customers)?, Desk::new(doors, tenant)?);
    load_bank(&desk, &bank, &mut Tenant::default()).await?;
    desk::wait_for_feeds(doors, "segment").await?;
    for template in TEMPLATES {
        insight::build_set(&desk, template).await?;
    }
    strategy::hand_in(&desk, HABITS).await?;
    strategy::publish(&desk).await?;
    desk::wait_for_feeds(doors, "strategy").await?;
    Ok(bank.customers().map(|sim| sim.customer_id()).collect())
}

/// Creates the tenant and loads customers, identities, holdings and consents, but no events.
///
/// # Errors
/// If a step fails.
pub async fn load_customers(desk: &Desk, bank: &Bank) -> Result<()> {
    create_tenant(desk, bank).await?;
    let admin = desk.door("admin");
    load::customers(&admin, bank.customers().map(|sim| sim.customer()), bank.settings().seed).await?;
    Ok(())
}

async fn create_tenant(desk: &Desk, bank: &Bank) -> Result<()> {
    let admin = desk.door("admin");
    let request = profile::CreateTenantRequest {
        request_id: "demo-tenant".to_owned(),
        tenant: Some(profile::Tenant {
            display_name: "Simulated bank".to_owned(),
            clock: Some(at(bank.settings().last_day)),
            ..Default::default()
        }),
    };
    TenantServiceClient::new(admin.channel.clone()).create_tenant(admin.request(request)).await?;
    crate::import::register(&admin, crate::bank::event_types()).await
}

async fn load_bank(desk: &Desk, bank: &Bank, tenant: &mut Tenant) -> Result<()> {
    create_tenant(desk, bank).await?;
    let admin = desk.door("admin");
    let mut loaded = |kind: &str, done: &load::Loaded| {
        tenant.loaded.insert(kind.to_owned(), done.new);
        tenant.faults.extend(done.faults.iter().map(ToString::to_string));
    };
    loaded(
        "customers",
        &load::customers(&admin, bank.customers().map(|sim| sim.customer()), bank.settings().seed).await?,
    );
    loaded("holdings", &load::holdings(&admin, bank.customers().flat_map(|sim| sim.holdings())).await?);
    loaded("consents", &load::consents(&admin, bank.customers().flat_map(|sim| sim.consents())).await?);
    loaded("events", &load::events(&admin, bank.customers().flat_map(|sim| sim.events())).await?);
    Ok(())
}

async fn look(desk: &Desk, tenant: &mut Tenant) -> Result<()> {
    for template in TEMPLATES {
        picture::step(&format!("Insight: {template}"));
        let parts = insight::build_set(desk, template).await?;
        picture::parts(&parts);
        tenant.segment_sets.insert(template.to_owned(), parts);
    }
    picture::step("Insight: clusters of behaviour");
    let features = ["txn_count_90d", "inflow_sum_90d", "outflow_sum_90d", "balance_total", "login_count_30d"];
    let clustering = insight::cluster(desk, &features, 5).await?;
    picture::clusters(&clustering);
    tenant.clustering = Some(clustering);
    Ok(())
}

fn everybody(bank: &Bank) -> Vec<(String, Option<pb::Trigger>)> {
    bank.customers().map(|sim| (sim.customer_id(), None)).collect()
}

/// Every tenth customer's income arrives now; each decision must have seen its event.
async fn arrivals(desk: &Desk, bank: &Bank) -> Result<Vec<(String, Option<pb::Trigger>)>> {
    let door = desk.door("admin");
    let mut client = EventServiceClient::new(door.channel.clone());
    let occur_time = Some(clock::timestamp(morning(bank.settings().last_day)));
    let mut asked = Vec::new();
    for chunk in bank.customers().step_by(10).collect::<Vec<Sim>>().chunks(100) {
        let events = chunk.iter().map(|sim| income(sim, occur_time)).collect();
        let answer = client.ingest_events(door.request(profile::IngestEventsRequest { events })).await?.into_inner();
        let trigger = pb::Trigger {
            event_type: HABITS.income.to_owned(),
            amount_minor: 2 * HABITS.least_income_minor,
            position: answer.position,
        };
        asked.extend(chunk.iter().map(|sim| (sim.customer_id(), Some(trigger.clone()))));
    }
    Ok(asked)
}

fn income(sim: &Sim, occur_time: Option<prost_types::Timestamp>) -> profile::Event {
    profile::Event {
        source: "demo".to_owned(),
        source_id: format!("income-{}", sim.customer_id()),
        customer_id: sim.customer_id(),
        r#type: HABITS.income.to_owned(),
        occur_time,
        amount_minor: 2 * HABITS.least_income_minor,
        ..Default::default()
    }
}

/// Deliveries are confirmed; then the clock moves a window on, and everybody's purchases come in.
async fn respond(desk: &Desk, bank: &Bank, decided: &[Decided], triggered: &[Decided]) -> Result<()> {
    execution::deliver(desk, decided.iter().chain(triggered)).await?;
    let contacted = contacted(decided, triggered);
    let door = desk.door("admin");
    let mut client = TenantServiceClient::new(door.channel.clone());
    let tenant =
        client.get_tenant(door.request(profile::GetTenantRequest {})).await?.into_inner().tenant.unwrap_or_default();
    let later = Day(bank.settings().last_day.0 + WINDOW_DAYS + 1);
    let request =
        profile::UpdateTenantRequest { revision: tenant.revision, clock: Some(at(later)), ..Default::default() };
    client.update_tenant(door.request(request)).await?;
    let decided_at = morning(bank.settings().last_day);
    let contacted = &contacted;
    let purchases =
        bank.customers().filter_map(move |sim| sim.outcome_event(contacted.contains(&sim.customer_id()), decided_at));
    let done = load::events(&door, purchases).await?;
    picture::line(&format!("{} contacted, {} purchases", contacted.len(), done.new));
    Ok(())
}

fn contacted(decided: &[Decided], triggered: &[Decided]) -> BTreeSet<String> {
    let all = decided.iter().chain(triggered);
    all.filter(|one| !one.answer.picks.is_empty()).map(|one| one.customer_id.clone()).collect()
}

async fn review_all(
    desk: &Desk,
    bank: &Bank,
    decided: &[Decided],
    triggered: &[Decided],
    tenant: &mut Tenant,
) -> Result<()> {
    let contacted = contacted(decided, triggered);
    let effects: HashMap<String, f64> = bank.customers().map(|sim| (sim.customer_id(), sim.effect().rate)).collect();
    let mut treated: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for one in decided.iter().chain(triggered).filter(|one| !one.held_universal()) {
        for reason in one.would_be() {
            let effect = if contacted.contains(&one.customer_id) { effects[&one.customer_id] } else { 0.0 };
            treated.entry(&reason.strategy_id).or_default().push(effect);
        }
    }
    for (strategy_id, effects) in treated {
        let subject = review::against_nothing(strategy_id);
        match review::review(desk, subject, "purchase", Metric::Rate, WINDOW_DAYS).await {
            Ok(mut measured) => {
                measured.truth = Some(effects.iter().sum::<f64>() / effects.len() as f64);
                picture::review(&measured);
                tenant.reviews.push(measured);
            }
            Err(status) if status.code() == tonic::Code::FailedPrecondition => {
                picture::line(&format!("{strategy_id:<28} too few customers: {}", status.message()));
            }
            Err(status) => return Err(status.into()),
        }
    }
    Ok(())
}

/// A strategy whose interval leaves out zero gets the interval's lower end, so that luck does not win; what is
/// inconclusive stays as it was.
async fn learn(desk: &Desk, tenant: &Tenant) -> Result<()> {
    for review in &tenant.reviews {
        if review.lower <= 0.0 && review.upper >= 0.0 {
            picture::line(&format!("{:<28} inconclusive, stays", review.subject));
            continue;
        }
        let propensity = review.lower.clamp(0.0, 1.0);
        picture::line(&format!("{:<28} propensity {propensity:.4}", review.subject));
        strategy::revise(desk, &review.subject, propensity).await?;
    }
    Ok(())
}

/// A clock that stands at ten in the morning of a day, China time.
fn at(day: Day) -> profile::BusinessClock {
    let fixed = profile::business_clock::Source::FixedTime(clock::timestamp(morning(day)));
    profile::BusinessClock { source: Some(fixed) }
}

/// Ten in the morning of a day, China time.
fn morning(day: Day) -> DateTime<Utc> {
    day.start(chrono_tz::Asia::Shanghai) + TimeDelta::hours(10)
}
