//! The loop on real data: Berka's bank from import to decision, Hillstrom's finished campaign to its review.

use std::path::Path;

use huan_chassis::clock;
use huan_proto::{
    evaluation::v1::Metric,
    profile::v1::{
        self as profile, customer_service_client::CustomerServiceClient, tenant_service_client::TenantServiceClient,
    },
    strategy::v1 as pb,
};

use super::{
    desk::{self, Desk},
    execution, holdout, insight, picture,
    plan::Habits,
    report::{Report, Tenant},
    review, strategy,
};
use crate::{
    failure::{Failure, Result},
    import,
    suite::Doors,
};

/// What Berka's plan needs to know, in haler.
const HABITS: Habits =
    Habits { income: "transfer_in", least_income_minor: 500_000, least_outflow_minor: 1_000_000, unit_minor: 1_000 };
/// The most decisions that are replayed.
const REPLAYED: usize = 1000;

/// Runs the loop on each data set that the folder has.
pub async fn run(doors: &Doors, data: &Path, assume_consent: bool) -> Result<Report> {
    let mut report = Report { huan_version: env!("CARGO_PKG_VERSION"), ..Report::default() };
    let (berka, hillstrom) = (data.join("berka"), data.join("hillstrom"));
    if berka.is_dir() {
        report.berka = Some(run_berka(doors, &berka, assume_consent).await?);
    }
    if hillstrom.is_dir() {
        report.hillstrom = Some(run_hillstrom(doors, &hillstrom, assume_consent).await?);
    }
    if report.berka.is_none() && report.hillstrom.is_none() {
        return Err(Failure::usage(format!("{} has neither berka/ nor hillstrom/", data.display())));
    }
    Ok(report)
}

async fn run_berka(doors: &Doors, folder: &Path, assume_consent: bool) -> Result<Tenant> {
    let desk = Desk::new(doors, "berka")?;
    let mut tenant = Tenant::default();
    picture::step("Berka: a Czech bank, 1993 to 1998, in a tenant of its own; business time is 1998-12-31 10:00");
    let admin = desk.door("admin");
    let first = import::berka(folder, import::Choice { assume_consent: false }, &admin).await?;
    note(&first, &mut tenant);
    let again = import::berka(folder, import::Choice { assume_consent: false }, &admin).await?;
    tenant.loaded_again = again.new;
    picture::line(&format!("imported again: {} events were new", tenant.loaded_again.get("events").unwrap_or(&0)));
    desk::wait_for_feeds(doors, "segment").await?;
    look(&desk, &mut tenant).await?;

    picture::step("Strategy: eight strategies, each approved by another than its maker, published as one map");
    strategy::hand_in(&desk, HABITS).await?;
    let map = strategy::publish(&desk).await?;
    tenant.strategies = strategy::in_short(&map);
    desk::wait_for_feeds(doors, "strategy").await?;
    decide(doors, &desk, folder, assume_consent, &mut tenant).await?;
    Ok(tenant)
}

async fn decide(doors: &Doors, desk: &Desk, folder: &Path, assume_consent: bool, tenant: &mut Tenant) -> Result<()> {
    let customers = customers(desk).await?;
    let everybody = || customers.iter().map(|customer| (customer.clone(), None)).collect();
    picture::step("Execution: one decision for every customer, without consent");
    let (round, mut decided) = execution::decide_all(desk, "without consent", everybody()).await?;
    picture::round(&round);
    tenant.rounds.push(round);
    if assume_consent {
        picture::step("Execution: the same with consent assumed for everybody (evidence: import-assumption)");
        let admin = desk.door("admin");
        import::berka(folder, import::Choice { assume_consent: true }, &admin).await?;
        desk::wait_for_feeds(doors, "strategy").await?;
        let round;
        (round, decided) = execution::decide_all(desk, "consent assumed", everybody()).await?;
        picture::round(&round);
        tenant.rounds.push(round);
        desk::wait_for_feeds(doors, "evaluation").await?;
        tenant.holdouts = holdout::holdouts(desk, &decided).await?;
        picture::step("Holdouts: who was left alone, of those open to assignment");
        picture::holdouts(tenant);
        picture::step("Execution: as if an income arrived for every tenth customer");
        let arrival = pb::Trigger { event_type: HABITS.income.to_owned(), amount_minor: 600_000, ..Default::default() };
        let asked = customers.iter().step_by(10).map(|customer| (customer.clone(), Some(arrival.clone()))).collect();
        let (round, _) = execution::decide_all(desk, "on income", asked).await?;
        picture::round(&round);
        tenant.rounds.push(round);
    }
    move_on(doors, desk).await?;
    let ids = decided.iter().take(REPLAYED).map(|one| one.answer.decision_id.clone()).collect();
    let replay = execution::replay(desk, ids).await?;
    picture::step("Replay: after map, vectors and clock moved on");
    picture::line(&format!("{} of {} have the same bytes", replay.identical, replay.checked));
    tenant.replay = Some(replay);
    Ok(())
}

async fn look(desk: &Desk, tenant: &mut Tenant) -> Result<()> {
    for template in ["lifecycle_retail", "tier_retail"] {
        picture::step(&format!("Insight: {template}"));
        let parts = insight::build_set(desk, template).await?;
        picture::parts(&parts);
        tenant.segment_sets.insert(template.to_owned(), parts);
    }
    picture::step("Insight: clusters over holdings and all that is known of the past");
    let features = ["txn_count_ever", "inflow_sum_ever", "outflow_sum_ever", "holding_count", "balance_total"];
    let clustering = insight::cluster(desk, &features, 5).await?;
    picture::clusters(&clustering);
    tenant.clustering = Some(clustering);
    Ok(())
}

async fn customers(desk: &Desk) -> Result<Vec<String>> {
    let door = desk.door("admin");
    let mut client = CustomerServiceClient::new(door.channel.clone());
    let (mut found, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = profile::ListCustomersRequest { page_size: 1000, page_token, ..Default::default() };
        let page = client.list_customers(door.request(request)).await?.into_inner();
        found.extend(page.customers.into_iter().map(|customer| customer.customer_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(found);
        }
    }
}

/// Moves the clock a day on, so that windows lose a day, and publishes another map.
async fn move_on(doors: &Doors, desk: &Desk) -> Result<()> {
    let door = desk.door("admin");
    let mut client = TenantServiceClient::new(door.channel.clone());
    let answer = client.get_tenant(door.request(profile::GetTenantRequest {})).await?.into_inner();
    let now =
        answer.business_time.as_ref().and_then(clock::datetime).ok_or_else(|| Failure::new("no business time"))?;
    let later = clock::timestamp(now + chrono::TimeDelta::days(1));
    let clock = profile::BusinessClock { source: Some(profile::business_clock::Source::FixedTime(later)) };
    let revision = answer.tenant.unwrap_or_default().revision;
    client
        .update_tenant(door.request(profile::UpdateTenantRequest {
            revision,
            clock: Some(clock),
            ..Default::default()
        }))
        .await?;
    strategy::revise(desk, "welcome", 0.01).await?;
    strategy::publish(desk).await?;
    desk::wait_for_feeds(doors, "segment").await?;
    desk::wait_for_feeds(doors, "strategy").await
}

async fn run_hillstrom(doors: &Doors, folder: &Path, assume_consent: bool) -> Result<Tenant> {
    let desk = Desk::new(doors, "hillstrom")?;
    let mut tenant = Tenant::default();
    picture::step("Hillstrom: a finished e-mail campaign of three arms, decided elsewhere, in a tenant of its own");
    let loaded = import::hillstrom(folder, import::Choice { assume_consent }, &desk.door("admin")).await?;
    note(&loaded, &mut tenant);
    desk::wait_for_feeds(doors, "evaluation").await?;
    picture::step("Review: each arm against the customers who got no e-mail (spend in dollars)");
    for arm in ["mens", "womens"] {
        for (event_type, metric) in [("visit", Metric::Rate), ("purchase", Metric::Rate), ("purchase", Metric::Amount)]
        {
            let measured = review::review(&desk, review::arm("hillstrom_email", arm), event_type, metric, 0).await?;
            picture::review(&measured);
            tenant.reviews.push(measured);
        }
    }
    Ok(tenant)
}

fn note(imported: &import::Report, tenant: &mut Tenant) {
    tenant.loaded = imported.new.clone();
    tenant.faults = imported.faults.iter().map(ToString::to_string).collect();
    tenant.notes.clone_from(&imported.notes);
    let loaded: Vec<String> = tenant.loaded.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    picture::line(&loaded.join(", "));
    for note in &tenant.notes {
        picture::line(note);
    }
    for fault in &tenant.faults {
        picture::line(&format!("refused: {fault}"));
    }
}
