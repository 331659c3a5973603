//! One decision is one trace: from the caller's own span over gateway, strategy, segment and their stores, and through the
//! feed into evaluation. Received over OTLP from the real exporter, and checked by span ids.

use std::collections::HashMap;

use huan::{
    Suite,
    demo::{self, Desk},
    suite::{Doors, Place},
};
use huan_chassis::{config, telemetry};
use huan_proto::strategy::v1::{DecideRequest, decision_service_client::DecisionServiceClient};

use crate::collector::{Collector, Received};

/// The trace and the span of the caller, which the first span of ours must go on from.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

#[tokio::test(flavor = "multi_thread")]
async fn one_decision_is_one_trace_from_the_caller_into_evaluation() {
    let collector = Collector::start().await;
    let config = config::Telemetry {
        log: config::LogFormat::Json,
        level: "warn".to_owned(),
        otlp_endpoint: format!("http://{}", collector.address),
    };
    let guard = telemetry::init(&config, "huan").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let customers = demo::prepare(&suite.doors, "traced", 1, 120).await.unwrap();

    let exposed = decide_until_exposed(&suite.doors, &customers).await;
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();
    suite.stop().await.unwrap();
    drop(guard);

    let spans = collector.spans_of(&exposed);
    let path = |service: &str, name: &str| chain(&spans, service, name);
    let gateway = path("gateway", "huan.strategy.v1.DecisionService/Decide");
    assert_eq!(gateway.last().map(String::as_str), Some(CALLER), "the caller's span is the root's parent");
    let strategy = path("strategy", "huan.strategy.v1.DecisionService/Decide");
    assert!(strategy.contains(&gateway[0]), "strategy's span descends from the gateway's");
    let segment = path("segment", "huan.segment.v1.MembershipService/EvaluateCustomer");
    assert!(segment.contains(&strategy[0]), "segment's span descends from strategy's");
    let commit = path("strategy", "commit");
    assert!(commit.contains(&strategy[0]), "the store's commit descends from strategy's span");
    let vector = path("segment", "read_vector");
    assert!(vector.contains(&segment[0]), "the read of the vector descends from segment's span");
    let applied = path("evaluation", "apply exposures");
    assert!(applied.contains(&strategy[0]), "evaluation goes on under strategy's span: {applied:?}");
}

/// Decides, each time in a trace of its own, until a decision has a pick; that decision's trace id.
async fn decide_until_exposed(doors: &Doors, customers: &[String]) -> String {
    let door = Desk::new(doors, "traced").unwrap().door("relationship_manager");
    for (number, customer_id) in customers.iter().enumerate() {
        let trace = format!("{}{number:04x}", &TRACE[..28]);
        let request = DecideRequest {
            request_id: format!("traced-{number}"),
            customer_id: customer_id.clone(),
            ..Default::default()
        };
        let mut request = door.request(request);
        request.metadata_mut().insert("traceparent", format!("00-{trace}-{CALLER}-01").parse().unwrap());
        let answer = DecisionServiceClient::new(door.channel.clone()).decide(request).await.unwrap();
        if !answer.into_inner().picks.is_empty() {
            return trace;
        }
    }
    panic!("no customer was picked for anything");
}

/// The ids of a span and of all that it descends from, nearest first.
fn chain(spans: &[Received], service: &str, name: &str) -> Vec<String> {
    let by_id: HashMap<&str, &Received> = spans.iter().map(|span| (span.id.as_str(), span)).collect();
    let found = spans.iter().find(|span| span.service == service && span.name == name);
    let Some(mut span) = found else {
        let seen: Vec<String> = spans.iter().map(|span| format!("{}: {}", span.service, span.name)).collect();
        panic!("no span {name} of {service} among {seen:#?}");
    };
    let mut ids = vec![span.id.clone()];
    loop {
        ids.push(span.parent.clone());
        match by_id.get(span.parent.as_str()) {
            Some(parent) => span = parent,
            None => return ids,
        }
    }
}
