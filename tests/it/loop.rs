//! One turn of the loop, on SQLite and on PostgreSQL: everybody is decided for, nobody is contacted who did not allow it,
//! responses and outcomes come in, effects are measured, and decisions replay after everything has moved on.

use std::collections::BTreeMap;

use huan::{
    Suite,
    bank::Bank,
    demo::{
        self, Desk,
        execution::{self, Decided},
        holdout, review, strategy,
    },
    load,
    suite::Place,
};
use huan_chassis::clock;
use huan_proto::{
    evaluation::v1::{ListReviewsRequest, Metric, review_service_client::ReviewServiceClient},
    profile::v1::{
        BusinessClock, GetTenantRequest, UpdateTenantRequest, business_clock::Source,
        tenant_service_client::TenantServiceClient,
    },
    strategy::v1::Stage,
};
use tonic::Code;

use crate::ask;

const TENANT: &str = "ring";
const SEED: u64 = 1;
const CUSTOMERS: u32 = 200;
/// How long outcomes count, in days.
const WINDOW_DAYS: i32 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_closes_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    turn(Place::folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loop_closes_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    turn(ask::on_postgres(Place::folder(folder.path())).await).await;
}

async fn turn(place: Place) {
    // A key of its own would hold others out in each run.
    std::fs::write(place.folder.join("holdout.key"), [7; 32]).unwrap();
    let suite = Suite::start(&place).await.unwrap();
    let customers = demo::prepare(&suite.doors, TENANT, SEED, CUSTOMERS).await.unwrap();
    let (desk, bank) = (Desk::new(&suite.doors, TENANT).unwrap(), demo::bank(SEED, CUSTOMERS).unwrap());

    let decided = decide_twice(&desk, &customers).await;
    nobody_is_contacted_without_consent(&bank, &decided);
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();
    for holdout in holdout::holdouts(&desk, &decided).await.unwrap() {
        assert!(holdout.deviations.abs() <= 4.0, "{holdout:?}");
    }

    respond(&desk, &bank, &decided).await;
    demo::wait_for_feeds(&suite.doors, "evaluation").await.unwrap();
    demo::wait_for_feeds(&suite.doors, "segment").await.unwrap();
    measure(&desk, &decided).await;

    strategy::revise(&desk, "welcome", 0.02).await.unwrap();
    let map = strategy::publish(&desk).await.unwrap();
    assert_ne!(map.version, decided[0].answer.map_version, "the map has moved on");
    let ids = decided.iter().map(|one| one.answer.decision_id.clone()).collect();
    let replay = execution::replay(&desk, ids).await.unwrap();
    assert_eq!((replay.checked, replay.identical), (CUSTOMERS.into(), CUSTOMERS.into()));
    suite.stop().await.unwrap();
}

/// Decides for everybody, and asks for the same decisions again.
async fn decide_twice(desk: &Desk, customers: &[String]) -> Vec<Decided> {
    let asked = || customers.iter().map(|customer_id| (customer_id.clone(), None)).collect();
    let (round, decided) = execution::decide_all(desk, "round 1", asked()).await.unwrap();
    assert_eq!((round.decisions, round.explained), (CUSTOMERS.into(), CUSTOMERS.into()));
    assert!(round.contacts > 0 && round.contacts_by_channel.len() > 1, "{round:?}");
    let (_, again) = execution::decide_all(desk, "round 1", asked()).await.unwrap();
    let answers = |decided: &[Decided]| -> BTreeMap<String, _> {
        decided.iter().map(|one| (one.customer_id.clone(), one.answer.clone())).collect()
    };
    assert_eq!(answers(&again), answers(&decided), "the same request is the same decision");
    decided
}

fn nobody_is_contacted_without_consent(bank: &Bank, decided: &[Decided]) {
    let consents: BTreeMap<String, _> = bank.customers().map(|sim| (sim.customer_id(), sim.consents())).collect();
    let allows = |customer_id: &str, channel_id: &str| {
        let said = |channel: &str| consents[customer_id].iter().find(|consent| consent.channel_id == channel);
        said(channel_id).or_else(|| said("")).is_some_and(|consent| consent.allowed)
    };
    for one in decided {
        for pick in &one.answer.picks {
            assert!(allows(&one.customer_id, &pick.channel_id), "{} by {}", one.customer_id, pick.channel_id);
        }
    }
    let stopped = decided.iter().flat_map(|one| &one.reasons).filter(|reason| reason.stage() == Stage::Consent);
    assert!(stopped.count() > 0, "consent stops somebody");
}

/// Everything is delivered, a month passes, and purchases come in.
async fn respond(desk: &Desk, bank: &Bank, decided: &[Decided]) {
    execution::deliver(desk, decided.iter()).await.unwrap();
    execution::deliver(desk, decided.iter()).await.expect("a response may be told again");
    let door = desk.door("admin");
    let mut client = TenantServiceClient::new(door.channel.clone());
    let before = client.get_tenant(door.request(GetTenantRequest {})).await.unwrap().into_inner();
    let decided_at = before.business_time.unwrap();
    let later = prost_types::Timestamp { seconds: decided_at.seconds + i64::from(WINDOW_DAYS + 1) * 86_400, nanos: 0 };
    let request = UpdateTenantRequest {
        revision: before.tenant.unwrap().revision,
        clock: Some(BusinessClock { source: Some(Source::FixedTime(later)) }),
        ..Default::default()
    };
    client.update_tenant(door.request(request)).await.unwrap();
    let contacted =
        |customer_id: &str| decided.iter().any(|one| one.customer_id == customer_id && !one.answer.picks.is_empty());
    let at = clock::datetime(&decided_at).unwrap();
    let purchases: Vec<_> =
        bank.customers().filter_map(|sim| sim.outcome_event(contacted(&sim.customer_id()), at)).collect();
    let sent = purchases.len() as u64;
    assert_eq!(load::events(&door, purchases.into_iter()).await.unwrap().new, sent);
}

/// Reviews every strategy that has enough customers in both arms.
async fn measure(desk: &Desk, decided: &[Decided]) {
    let mut strategies: Vec<&str> =
        decided.iter().flat_map(Decided::would_be).map(|reason| reason.strategy_id.as_str()).collect();
    strategies.sort_unstable();
    strategies.dedup();
    let mut measured = 0;
    for strategy_id in strategies {
        let subject = review::against_nothing(strategy_id);
        match review::review(desk, subject, "purchase", Metric::Rate, WINDOW_DAYS).await {
            Ok(review) => {
                assert!(review.lower <= review.difference && review.difference <= review.upper, "{review:?}");
                assert!(review.treated > 1 && review.control > 1, "{review:?}");
                measured += 1;
            }
            Err(status) => assert_eq!(status.code(), Code::FailedPrecondition, "{strategy_id}: {status}"),
        }
    }
    assert!(measured > 0, "a strategy could be reviewed");
    let door = desk.door("analyst");
    let request = door.request(ListReviewsRequest::default());
    let kept = ReviewServiceClient::new(door.channel.clone()).list_reviews(request).await.unwrap().into_inner();
    assert_eq!(kept.reviews.len(), measured);
}
