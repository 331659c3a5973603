//! What evaluation reads of others: outcomes and the directory from profile's feed, would-be picks, responses and
//! assignments from strategy's. It turns batches into rows; the loop and the cursor are the chassis'.

use std::sync::Arc;

use futures::StreamExt as _;
use huan_chassis::{
    Result, client, directory,
    feed::{self, Consumer, Mark, Start, Status},
    telemetry,
    token::Keys,
};
use huan_proto::{
    feed::v1::Header,
    profile::v1::{
        self as profile, ProfileChange, WatchProfilesResponse, profile_change,
        profile_service_client::ProfileServiceClient, watch_profiles_response,
    },
    strategy::v1::{
        self as strategy, DecisionChange, WatchDecisionsResponse, decision_change,
        decision_service_client::DecisionServiceClient, watch_decisions_response,
    },
};
use tracing::{Instrument as _, Span, info_span};

use crate::{
    NAME, convert,
    store::{
        Store, Tx, assignment::insert_assignments, exposure::insert_exposures, member::put_members,
        outcome::insert_outcomes, response::insert_responses,
    },
};

const PROFILE_KINDS: [profile::ChangeKind; 4] = [
    profile::ChangeKind::Standing,
    profile::ChangeKind::Outcome,
    profile::ChangeKind::Merge,
    profile::ChangeKind::Erasure,
];
const DECISION_KINDS: [strategy::ChangeKind; 3] =
    [strategy::ChangeKind::Exposures, strategy::ChangeKind::Response, strategy::ChangeKind::Assignment];

/// Follows profile's feed until the store is closed.
pub async fn profiles(store: Store, channel: client::Channel, keys: Arc<Keys>, status: Status) {
    let client = ProfileServiceClient::new(channel);
    let open: feed::Open<WatchProfilesResponse> = Box::new(move |cursor| {
        let (mut client, keys) = (client.clone(), keys.clone());
        Box::pin(async move {
            let kinds = PROFILE_KINDS.map(i32::from).to_vec();
            let watch = profile::WatchProfilesRequest { cursor, kinds, ..Default::default() };
            let request = client::as_service(&keys, NAME, None, watch);
            Ok(client.watch_profiles(request).await?.into_inner().boxed())
        })
    });
    let consumer = Consumer { feed: "profile", start: Start::Saved, open, mark: mark_profile, status };
    feed::consume(store, consumer, |tx, batch| Box::pin(apply_profiles(tx, batch))).await;
}

/// Follows strategy's feed until the store is closed.
pub async fn decisions(store: Store, channel: client::Channel, keys: Arc<Keys>, status: Status) {
    let client = DecisionServiceClient::new(channel);
    let open: feed::Open<WatchDecisionsResponse> = Box::new(move |cursor| {
        let (mut client, keys) = (client.clone(), keys.clone());
        Box::pin(async move {
            let kinds = DECISION_KINDS.map(i32::from).to_vec();
            let request = client::as_service(&keys, NAME, None, strategy::WatchDecisionsRequest { cursor, kinds });
            Ok(client.watch_decisions(request).await?.into_inner().boxed())
        })
    });
    let consumer = Consumer { feed: "strategy", start: Start::Saved, open, mark: mark_decision, status };
    feed::consume(store, consumer, |tx, batch| Box::pin(apply_decisions(tx, batch))).await;
}

/// Writes a batch of profile's feed.
pub async fn apply_profiles(tx: &Tx, batch: &[WatchProfilesResponse]) -> Result<()> {
    let (mut customers, mut members) = (Vec::new(), Vec::new());
    let (mut outcomes, mut headers) = (Vec::new(), Vec::new());
    let mut erased = Vec::new();
    for ProfileChange { header, change } in batch.iter().filter_map(profile_change) {
        match (header, change) {
            (Some(header), Some(profile_change::Change::Standing(_))) => customers.push(convert::customer(header)),
            (Some(header), Some(profile_change::Change::Merge(merge))) => members.push(convert::member(header, merge)),
            (Some(header), Some(profile_change::Change::Outcome(outcome))) => {
                outcomes.push(convert::outcome(header, outcome));
                headers.push(header);
            }
            (Some(header), Some(profile_change::Change::Erasure(_))) => erased.push(header),
            _ => {}
        }
    }
    directory::upsert(tx, customers).await?;
    put_members(tx, members).await?;
    // What is counted stays, under keys that stand for nobody any more.
    for header in erased {
        directory::erase(tx, &header.tenant_id, &header.customer_key).await?;
    }
    traced("apply outcomes", "insert_outcomes", &headers, insert_outcomes(tx, outcomes)).await
}

/// Writes a batch of strategy's feed.
pub async fn apply_decisions(tx: &Tx, batch: &[WatchDecisionsResponse]) -> Result<()> {
    let (mut exposures, mut exposed) = (Vec::new(), Vec::new());
    let (mut responses, mut responded) = (Vec::new(), Vec::new());
    let (mut assignments, mut assigned) = (Vec::new(), Vec::new());
    for DecisionChange { header, change } in batch.iter().filter_map(decision_change) {
        let Some(header) = header else { continue };
        match change {
            Some(decision_change::Change::Exposures(made)) => {
                exposures.extend(convert::exposures(header, made));
                exposed.push(header);
            }
            Some(decision_change::Change::Response(response)) => {
                responses.push(convert::response(header, response));
                responded.push(header);
            }
            Some(decision_change::Change::Assigned(assignment)) => {
                assignments.push(convert::assignment(header, assignment));
                assigned.push(header);
            }
            None => {}
        }
    }
    traced("apply exposures", "insert_exposures", &exposed, insert_exposures(tx, exposures)).await?;
    traced("apply responses", "insert_responses", &responded, insert_responses(tx, responses)).await?;
    traced("apply assignments", "insert_assignments", &assigned, insert_assignments(tx, assignments)).await
}

/// Runs the writing of a batch inside a span of each request that made one of its rows, so that every one of their
/// traces goes on here. The store's own span stands below the first of them.
async fn traced(
    name: &'static str,
    store: &'static str,
    headers: &[&Header],
    write: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut parents: Vec<&str> = headers.iter().map(|header| header.traceparent.as_str()).collect();
    parents.retain(|parent| !parent.is_empty());
    parents.dedup();
    let spans: Vec<Span> = parents.iter().map(|parent| span(name, parent)).collect();
    let below = spans
        .first()
        .map_or_else(Span::none, |first| info_span!(parent: first, "store", otel.name = store, rows = headers.len()));
    write.instrument(below).await
}

fn span(name: &'static str, parent: &str) -> Span {
    let span = info_span!("consume", otel.name = name, otel.kind = "consumer");
    telemetry::root(&span, NAME, parent);
    span
}

fn profile_change(response: &WatchProfilesResponse) -> Option<&ProfileChange> {
    match &response.item {
        Some(watch_profiles_response::Item::Change(change)) => Some(change),
        _ => None,
    }
}

fn decision_change(response: &WatchDecisionsResponse) -> Option<&DecisionChange> {
    match &response.item {
        Some(watch_decisions_response::Item::Change(change)) => Some(change),
        _ => None,
    }
}

fn mark_profile(response: &WatchProfilesResponse) -> Mark<'_> {
    match &response.item {
        Some(watch_profiles_response::Item::Change(change)) => change.header.as_ref().map_or(Mark::Unknown, Mark::Row),
        Some(watch_profiles_response::Item::Heartbeat(heartbeat)) => Mark::Heartbeat(heartbeat),
        None => Mark::Unknown,
    }
}

fn mark_decision(response: &WatchDecisionsResponse) -> Mark<'_> {
    match &response.item {
        Some(watch_decisions_response::Item::Change(change)) => change.header.as_ref().map_or(Mark::Unknown, Mark::Row),
        Some(watch_decisions_response::Item::Heartbeat(heartbeat)) => Mark::Heartbeat(heartbeat),
        None => Mark::Unknown,
    }
}
