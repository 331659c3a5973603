//! EvaluateCustomer with two hundred segments and three models, beside one bare hop that answers with the same bytes.

use std::time::Duration;

use huan_proto::segment::v1::{
    self as pb, membership_service_client::MembershipServiceClient, segment_service_client::SegmentServiceClient,
};

use super::{Options, Row, models};
use crate::{
    bench::{chain, decide, pace},
    demo::{self, Desk},
    failure::{Failure, Result},
    suite::{Place, Suite},
};

/// Segments beside the sets that ship.
const SEGMENTS: usize = 200;
const TENANT: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(30);
/// What rules compare: three bounds each.
const COMPARED: [(&str, [u32; 3]); 10] = [
    ("balance_total", [1_000, 20_000, 200_000]),
    ("deposit_balance", [500, 10_000, 100_000]),
    ("loan_balance", [1, 5_000, 50_000]),
    ("holding_count", [1, 2, 4]),
    ("holding_kinds", [1, 2, 3]),
    ("txn_count_7d", [1, 3, 8]),
    ("txn_count_30d", [1, 8, 25]),
    ("txn_count_90d", [2, 20, 70]),
    ("days_since(open_day)", [90, 700, 3_000]),
    ("years_since(birth_day)", [25, 40, 60]),
];

/// Measures on a suite of its own.
pub async fn run(options: &Options) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let customers = demo::prepare(&suite.doors, TENANT, 1, options.customers).await?;
    let length = Duration::from_secs(options.seconds);
    let address = suite.doors.services["segment"];
    let desk = Desk::at(address, &suite.doors, TENANT)?;
    create_segments(&desk).await?;
    models::train(&desk).await?;

    let door = desk.door("relationship_manager");
    let client = MembershipServiceClient::new(door.channel.clone());
    let ask = move |number: u64| {
        let customer_id = customers[number as usize % customers.len()].clone();
        let request = door.request(pb::EvaluateCustomerRequest { customer_id, ..Default::default() });
        let mut client = client.clone();
        async move { client.evaluate_customer(request).await.map(tonic::Response::into_inner) }
    };
    let answer = settled(&ask).await?;
    if answer.memberships.iter().filter(|name| name.starts_with("bench_")).count() < SEGMENTS / 20 {
        return Err(Failure::new("a customer belongs to next to no segment of the bench"));
    }
    let call = move |number| {
        let call = ask(number);
        async move { call.await.map(drop) }
    };
    let hop = decide::bare_call(chain::start(1, answer).await?);
    let bare = pace::closed(decide::IN_FLIGHT, length, hop.clone()).await?;
    let peak = pace::closed(decide::IN_FLIGHT, length, call.clone()).await?;
    let p99 = pace::open_p99(peak / 2.0, length, call).await?;
    let bare_p99 = pace::open_p99(peak / 2.0, length, hop).await?;
    suite.stop().await?;
    let models = models::MODELS.len();
    let work = format!("EvaluateCustomer, {SEGMENTS} segments, {models} models, whole catalogue, beside one bare hop");
    let late = "EvaluateCustomer, p99 at half of that peak, open loop, beside";
    let [p99, bare_p99] = [p99, bare_p99].map(|time| time.as_secs_f64() * 1e3);
    Ok(vec![
        Row::rate(&work, "calls/s", peak, bare, 0.5),
        Row::time(&format!("{late} 5 ms"), "ms", p99, 5.0, 1.0),
        Row::time(&format!("{late} a bare hop's at that rate"), "ms", p99, bare_p99, 2.0),
    ])
}

/// An answer with the scores of all models: they come a moment after the last training.
async fn settled<F>(ask: &impl Fn(u64) -> F) -> Result<pb::EvaluateCustomerResponse>
where
    F: Future<Output = std::result::Result<pb::EvaluateCustomerResponse, tonic::Status>>,
{
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let answer = ask(0).await?;
        let scored = |(model_id, _): &(&str, pb::Learner)| answer.scores.iter().any(|it| it.model_id == *model_id);
        if models::MODELS.iter().all(scored) {
            return Ok(answer);
        }
        if tokio::time::Instant::now() > until {
            return Err(Failure::new("a customer is not scored by the models of the bench"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn create_segments(desk: &Desk) -> Result<()> {
    let door = desk.door("strategist");
    let mut client = SegmentServiceClient::new(door.channel.clone());
    for number in 0..SEGMENTS {
        let segment = pb::Segment {
            segment_id: format!("bench_{number}"),
            display_name: format!("Segment {number}"),
            rule: rule(number),
            ..Default::default()
        };
        let request = pb::CreateSegmentRequest { request_id: format!("bench-{number}"), segment: Some(segment) };
        client.create_segment(door.request(request)).await?;
    }
    Ok(())
}

/// Two pairs of comparisons, or three comparisons, as the peers' rules are.
fn rule(number: usize) -> String {
    let compare = |nth: usize| {
        // Steps that have nothing in common with the number of comparisons go round all of them.
        let at = number * 7 + nth * 11;
        let (what, bounds) = COMPARED[at % COMPARED.len()];
        let sign = [">=", "<", ">"][(number / 3 + nth) % 3];
        format!("{what} {sign} {}", bounds[(at / COMPARED.len()) % 3])
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(compare);
    if number.is_multiple_of(3) { format!("{a} && {b} && {c}") } else { format!("({a} && {b}) || ({c} && {d})") }
}
