//! Decide through the gateway beside a bare chain of three hops, and EvaluateCustomer beside one bare hop.

use std::time::Duration;

use futures::future::BoxFuture;
use huan_proto::{
    segment::v1::{self as segment, membership_service_client::MembershipServiceClient},
    strategy::v1::{self as strategy, decision_service_client::DecisionServiceClient},
};
use tonic::transport::Channel;

use super::{Options, Row, chain, pace};
use crate::{
    demo::{self, Desk},
    failure::Result,
    suite::{Doors, Place, Suite},
};

/// Calls in flight when a rate is measured.
pub const IN_FLIGHT: usize = 64;

/// Measures on a suite of its own, with the demo's map and customers.
pub async fn run(options: &Options, evaluate: bool, decide: bool) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let suite = Suite::start(&Place::folder(folder.path())).await?;
    let customers = demo::prepare(&suite.doors, "bench", 1, options.customers).await?;
    let length = Duration::from_secs(options.seconds);
    let mut rows = Vec::new();
    if evaluate {
        rows.push(evaluate_customer(&suite.doors, &customers, length).await?);
    }
    if decide {
        rows.extend(decide_through_gateway(&suite.doors, &customers, length).await?);
    }
    suite.stop().await?;
    Ok(rows)
}

async fn evaluate_customer(doors: &Doors, customers: &[String], length: Duration) -> Result<Row> {
    let door = Desk::at(doors.services["segment"], doors, "bench")?.door("relationship_manager");
    let client = MembershipServiceClient::new(door.channel.clone());
    let ask = {
        let (customers, door) = (customers.to_vec(), door.clone());
        move |number: u64| {
            let customer_id = customers[number as usize % customers.len()].clone();
            let request = door.request(segment::EvaluateCustomerRequest { customer_id, ..Default::default() });
            let mut client = client.clone();
            async move { client.evaluate_customer(request).await }
        }
    };
    let answer = ask(0).await?.into_inner();
    let bare = bare(1, answer, length).await?;
    let ours = pace::closed(IN_FLIGHT, length, move |number| {
        let call = ask(number);
        async move { call.await.map(drop) }
    });
    Ok(Row::rate("EvaluateCustomer, whole catalogue, beside one bare hop", "calls/s", ours.await?, bare, 0.5))
}

async fn decide_through_gateway(doors: &Doors, customers: &[String], length: Duration) -> Result<Vec<Row>> {
    let door = Desk::new(doors, "bench")?.door("relationship_manager");
    let client = DecisionServiceClient::new(door.channel.clone());
    let customers = customers.to_vec();
    let ask = move |round: &'static str, number: u64| {
        let request = strategy::DecideRequest {
            request_id: format!("{round}-{number}"),
            customer_id: customers[number as usize % customers.len()].clone(),
            ..Default::default()
        };
        let (request, mut client) = (door.request(request), client.clone());
        async move { client.decide(request).await.map(drop) }
    };
    let bare = bare(3, segment::EvaluateCustomerResponse::default(), length).await?;
    let peak = {
        let ask = ask.clone();
        pace::closed(IN_FLIGHT, length, move |number| ask("closed", number)).await?
    };
    let p99 = pace::open_p99(peak / 2.0, length, move |number| ask("open", number)).await?;
    let work = "Decide, client - gateway - strategy - segment, durable, beside three bare hops";
    Ok(vec![
        Row::rate(work, "calls/s", peak, bare, 0.5),
        Row::time(
            "Decide, p99 at half of that peak, open loop, beside 10 ms",
            "ms",
            p99.as_secs_f64() * 1e3,
            10.0,
            1.0,
        ),
    ])
}

/// Calls a second through a bare chain of so many hops, of which the last answers with this.
pub async fn bare(hops: usize, answer: segment::EvaluateCustomerResponse, length: Duration) -> Result<f64> {
    pace::closed(IN_FLIGHT, length, bare_call(chain::start(hops, answer).await?)).await
}

/// Calls of a bare chain.
pub fn bare_call(
    client: MembershipServiceClient<Channel>,
) -> impl Fn(u64) -> BoxFuture<'static, std::result::Result<(), tonic::Status>> + Clone + Send + 'static {
    move |number| {
        let request = segment::EvaluateCustomerRequest { customer_id: format!("c{number:08}"), ..Default::default() };
        let mut client = client.clone();
        Box::pin(async move { client.evaluate_customer(request).await.map(drop) })
    }
}
