//! Overlap, drift and insights, through a real client.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use bank::{Bank, number, text};
use huan_chassis::error::{field_faults, reason};
use huan_chassis::store::test;
use huan_proto::error::v1::ErrorReason;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::comparison_service_client::ComparisonServiceClient;
use huan_proto::segment::v1::evidence::Subject;
use huan_proto::segment::v1::insight_service_client::InsightServiceClient;
use huan_proto::segment::v1::outcome::Became;
use huan_proto::segment::v1::segment_service_client::SegmentServiceClient;
use huan_proto::segment::v1::segment_set_service_client::SegmentSetServiceClient;
use tonic::{Code, Request, Response, Status};

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, code: Code, why: ErrorReason) -> Status {
    let status = answer.expect_err("it is refused");
    assert_eq!((status.code(), reason(&status)), (code, Some(why)), "{status:?}");
    status
}

/// The fields at fault of an INVALID_ARGUMENT.
#[track_caller]
fn invalid<T: std::fmt::Debug>(answer: Result<Response<T>, Status>) -> Vec<String> {
    let status = refused(answer, Code::InvalidArgument, ErrorReason::InvalidField);
    field_faults(&status).into_iter().map(|fault| fault.field).collect()
}

async fn create_segment(bank: &Bank, segment_id: &str, rule: &str) {
    let (id, display_name, rule) = (segment_id.into(), segment_id.into(), rule.into());
    let segment = Some(pb::Segment { segment_id: id, display_name, rule, ..Default::default() });
    let request = pb::CreateSegmentRequest { request_id: segment_id.into(), segment };
    SegmentServiceClient::new(bank.channel.clone()).create_segment(strategist(bank, request)).await.unwrap();
}

async fn build_segment(bank: &Bank, segment_id: &str) {
    let request = pb::BuildSegmentRequest { segment_id: segment_id.into() };
    SegmentServiceClient::new(bank.channel.clone()).build_segment(strategist(bank, request)).await.unwrap();
}

async fn create_tier(bank: &Bank) {
    let part = |part_id: &str, rule: &str| pb::Part {
        part_id: part_id.into(),
        display_name: part_id.into(),
        rule: rule.into(),
    };
    let parts = vec![part("rich", "balance_total > 1000"), part("retail", "customer_type == \"retail\"")];
    let (segment_set_id, display_name) = ("tier".into(), "Tier".into());
    let segment_set = Some(pb::SegmentSet { segment_set_id, display_name, parts, ..Default::default() });
    let request = pb::CreateSegmentSetRequest { request_id: "tier".into(), segment_set };
    SegmentSetServiceClient::new(bank.channel.clone()).create_segment_set(strategist(bank, request)).await.unwrap();
}

async fn build_tier(bank: &Bank) {
    let request = pb::BuildSegmentSetRequest { segment_set_id: "tier".into() };
    SegmentSetServiceClient::new(bank.channel.clone()).build_segment_set(strategist(bank, request)).await.unwrap();
}

fn strategist<T>(bank: &Bank, message: T) -> Request<T> {
    bank.user("strategist", "/", message)
}

/// Forty more customers, whose balances lie around this one.
async fn put_customers(bank: &Bank, around: f64, r#type: &str) {
    let mut last = None;
    for at in 0..40 {
        let values = [number(around + f64::from(at)), number(1.0), text(r#type)];
        last = Some(bank.put_customer(&format!("X-{at}"), "/hq/east", &values).await);
    }
    bank.follows(last.unwrap()).await;
}

async fn insights(bank: &Bank, status: pb::InsightStatus) -> Vec<pb::Insight> {
    let asked = pb::ListInsightsRequest { status: status.into(), ..Default::default() };
    let mut client = InsightServiceClient::new(bank.channel.clone());
    client.list_insights(bank.user("auditor", "/", asked)).await.unwrap().into_inner().insights
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_overlap_as_built_and_as_they_stand() {
    Bank::each(async |bank| {
        let mut client = ComparisonServiceClient::new(bank.channel.clone());
        create_segment(&bank, "rich", "balance_total >= 5000").await;
        create_segment(&bank, "busy", "txn_count_30d > 4").await;
        create_tier(&bank).await;
        let ask = |names: &[&str], live| {
            let memberships = names.iter().map(ToString::to_string).collect();
            bank.user("analyst", "/", pb::GetOverlapRequest { memberships, live })
        };
        let unbuilt = client.get_overlap(ask(&["rich", "busy"], false)).await;
        refused(unbuilt, Code::FailedPrecondition, ErrorReason::WrongState);
        let live = client.get_overlap(ask(&["rich", "busy", "tier/rich"], true)).await.unwrap().into_inner();
        assert_eq!(live.members, [2, 2, 2]);
        let both: Vec<_> =
            live.overlaps.iter().map(|pair| (pair.first.as_str(), pair.second.as_str(), pair.both)).collect();
        assert_eq!(both, [("rich", "busy", 1), ("rich", "tier/rich", 2), ("busy", "tier/rich", 1)]);
        assert!((live.overlaps[0].jaccard - 1.0 / 3.0).abs() < 1e-12 && live.as_of_time.is_some());

        build_segment(&bank, "rich").await;
        build_segment(&bank, "busy").await;
        let last = bank.put_customer("E-1", "/hq/east", &[number(9_000.0), number(9.0)]).await;
        bank.follows(last).await;
        let built = client.get_overlap(ask(&["rich", "busy"], false)).await.unwrap().into_inner();
        assert_eq!((built.members, built.overlaps[0].both, built.as_of_time), (vec![2, 2], 1, None));
        let live = client.get_overlap(ask(&["rich", "busy"], true)).await.unwrap().into_inner();
        assert_eq!(live.overlaps[0].both, 2);

        for live in [true, false] {
            let unknown = client.get_overlap(ask(&["rich", "nothing"], live)).await;
            refused(unknown, Code::NotFound, ErrorReason::NotFound);
        }
        assert_eq!(invalid(client.get_overlap(ask(&["rich", "rich"], true)).await), ["memberships[1]"]);
        assert_eq!(invalid(client.get_overlap(ask(&[], true)).await), ["memberships"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_drifted_between_builds_is_raised_as_an_insight() {
    Bank::each(async |bank| {
        let mut client = ComparisonServiceClient::new(bank.channel.clone());
        let ask = |owner: &str, base_version, version, live| {
            let owner_id = owner.into();
            bank.user("analyst", "/", pb::GetDriftRequest { owner_id, base_version, version, live })
        };
        create_tier(&bank).await;
        let unbuilt = client.get_drift(ask("tier", 0, 0, false)).await;
        refused(unbuilt, Code::FailedPrecondition, ErrorReason::WrongState);
        put_customers(&bank, 100.0, "retail").await;
        build_tier(&bank).await;
        let once = client.get_drift(ask("tier", 0, 0, false)).await;
        refused(once, Code::FailedPrecondition, ErrorReason::WrongState);
        build_tier(&bank).await;
        let same = client.get_drift(ask("tier", 0, 0, false)).await.unwrap().into_inner();
        assert_eq!((same.base_version, same.version), (1, 2));
        assert_eq!(same.memberships.unwrap().index, 0.0);
        let features: Vec<_> = same.features.iter().map(|drift| (drift.feature.as_str(), drift.index)).collect();
        assert_eq!(features, [("balance_total", 0.0), ("customer_type", 0.0)]);
        assert!(insights(&bank, pb::InsightStatus::Open).await.is_empty());

        put_customers(&bank, 5_000.0, "retail").await;
        let now = client.get_drift(ask("tier", 0, 0, true)).await.unwrap().into_inner();
        assert_eq!((now.base_version, now.version), (2, 0));
        let drifted = now.memberships.unwrap();
        assert_eq!((drifted.level(), drifted.bins.len()), (pb::DriftLevel::Large, 3));
        assert_eq!(drifted.bins[2].label, "tier/other");
        build_tier(&bank).await;
        let built = client.get_drift(ask("tier", 2, 3, false)).await.unwrap().into_inner();
        assert_eq!(built.features, now.features);
        let far = client.get_drift(ask("tier", 1, 3, false)).await.unwrap().into_inner();
        assert_eq!(far.features[0].level(), pb::DriftLevel::Large);

        let raised = insights(&bank, pb::InsightStatus::Open).await;
        let titles: Vec<_> = raised.iter().map(|insight| insight.title.as_str()).collect();
        assert_eq!(titles, ["Drift in tier: balance_total", "Drift in tier"]);
        let get = pb::GetInsightRequest { insight_id: raised[0].insight_id.clone() };
        let mut insights = InsightServiceClient::new(bank.channel.clone());
        let whole = insights.get_insight(bank.user("auditor", "/", get)).await.unwrap().into_inner().insight.unwrap();
        assert_eq!((whole.created_by.as_str(), whole.evidence.len()), ("system", 1));
        assert!(whole.evidence[0].svg.starts_with("<svg") && whole.hypothesis.contains("build 2 to build 3"));

        refused(client.get_drift(ask("nothing", 0, 0, false)).await, Code::NotFound, ErrorReason::NotFound);
        refused(client.get_drift(ask("tier", 1, 9, false)).await, Code::NotFound, ErrorReason::NotFound);
        assert_eq!(invalid(client.get_drift(ask("tier", 2, 1, false)).await), ["base_version"]);
        assert_eq!(invalid(client.get_drift(ask("tier", -1, 1, true)).await), ["base_version", "version"]);
    })
    .await;
}

fn create(request_id: &str, title: &str) -> pb::CreateInsightRequest {
    let insight = pb::Insight {
        title: title.into(),
        hypothesis: "Who is busy is rich.\nOr the other way round.".into(),
        ..Default::default()
    };
    pb::CreateInsightRequest { request_id: request_id.into(), insight: Some(insight) }
}

async fn created(bank: &Bank, title: &str) -> pb::Insight {
    let mut client = InsightServiceClient::new(bank.channel.clone());
    client.create_insight(bank.user("analyst", "/", create(title, title))).await.unwrap().into_inner().insight.unwrap()
}

fn evidence(insight_id: &str, request_id: &str, subject: Subject, within: &str) -> pb::AddEvidenceRequest {
    let evidence = pb::Evidence { subject: Some(subject), within: within.into(), ..Default::default() };
    pb::AddEvidenceRequest { insight_id: insight_id.into(), request_id: request_id.into(), evidence: Some(evidence) }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insight_is_discussed_judged_and_becomes_something() {
    Bank::each(async |bank| {
        let mut client = InsightServiceClient::new(bank.channel.clone());
        let insight = created(&bank, "Busy and rich").await;
        assert_eq!((insight.status(), insight.revision), (pb::InsightStatus::Open, 1));
        assert_eq!((insight.created_by.as_str(), &created(&bank, "Busy and rich").await), ("u-1", &insight));
        let id = insight.insight_id.as_str();

        put_customers(&bank, 100.0, "retail").await;
        create_segment(&bank, "rich", "balance_total >= 120").await;
        build_segment(&bank, "rich").await;
        let feature = evidence(id, "e1", Subject::Feature("balance_total".into()), "rich");
        let kept = client.add_evidence(bank.user("analyst", "/", feature.clone())).await.unwrap().into_inner();
        let kept = kept.evidence.unwrap();
        assert_eq!((kept.number, kept.customers, kept.population), (1, 22, 44));
        assert!((kept.bins.iter().map(|bin| bin.share).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((kept.bins.iter().map(|bin| bin.share_of_all).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(kept.svg.starts_with("<svg") && kept.svg.contains("balance_total of rich"));
        let membership = evidence(id, "e2", Subject::Membership("rich".into()), "");
        let second = client.add_evidence(bank.user("analyst", "/", membership)).await.unwrap().into_inner();
        let second = second.evidence.unwrap();
        assert_eq!((second.number, second.customers, second.population), (2, 22, 44));

        // What it showed stays as it was, whatever customers do.
        put_customers(&bank, 9_000.0, "retail").await;
        let again = client.add_evidence(bank.user("analyst", "/", feature)).await.unwrap().into_inner();
        assert_eq!(again.evidence.unwrap(), kept);

        let comment = |text: &str, request_id: &str| {
            let (insight_id, request_id, text) = (id.into(), request_id.into(), text.into());
            bank.user("relationship_manager", "/hq/east", pb::AddCommentRequest { insight_id, request_id, text })
        };
        client.add_comment(comment("I see it at my desk.", "c1")).await.unwrap();
        client.add_comment(comment("I see it at my desk.", "c1")).await.unwrap();
        client.add_comment(comment("Only\nin the east.", "c2")).await.unwrap();
        let vote = |role: &str, vote: pb::Vote| {
            let request = pb::VoteOnInsightRequest { insight_id: id.into(), vote: vote.into() };
            bank.user(role, "/", request)
        };
        let counts = client.vote_on_insight(vote("approver", pb::Vote::Disagree)).await.unwrap().into_inner();
        assert_eq!((counts.agree, counts.disagree), (0, 1));
        let counts = client.vote_on_insight(vote("approver", pb::Vote::Agree)).await.unwrap().into_inner();
        assert_eq!((counts.agree, counts.disagree), (1, 0));

        let became = |became: Became| pb::LinkInsightRequest {
            insight_id: id.into(),
            outcome: Some(pb::Outcome { became: Some(became) }),
        };
        let early = client.link_insight(strategist(&bank, became(Became::SegmentId("rich".into())))).await;
        refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
        let close = |revision, status: pb::InsightStatus| {
            let (insight_id, reason) = (id.into(), "Seen in two builds.".into());
            strategist(&bank, pb::CloseInsightRequest { insight_id, revision, status: status.into(), reason })
        };
        let closed = client.close_insight(close(1, pb::InsightStatus::Confirmed)).await.unwrap().into_inner();
        let closed = closed.insight.unwrap();
        assert_eq!((closed.status(), closed.revision), (pb::InsightStatus::Confirmed, 2));
        assert_eq!(closed.verdict.unwrap().given_by, "u-1");
        let stale = client.close_insight(close(1, pb::InsightStatus::Rejected)).await;
        refused(stale, Code::Aborted, ErrorReason::StaleRevision);
        for _ in 0..2 {
            client.link_insight(strategist(&bank, became(Became::SegmentId("rich".into())))).await.unwrap();
        }
        client.link_insight(strategist(&bank, became(Became::StrategyId("s-1".into())))).await.unwrap();

        let get = pb::GetInsightRequest { insight_id: id.into() };
        let whole = client.get_insight(bank.user("auditor", "/", get)).await.unwrap().into_inner().insight.unwrap();
        assert_eq!((whole.evidence.len(), whole.comments.len(), whole.votes.len(), whole.outcomes.len()), (2, 2, 1, 2));
        assert_eq!((whole.comments[1].text.as_str(), whole.votes[0].vote()), ("Only\nin the east.", pb::Vote::Agree));
        assert_eq!(whole.hypothesis, "Who is busy is rich.\nOr the other way round.");
        assert!(whole.evidence.contains(&kept));

        let late = client.vote_on_insight(vote("approver", pb::Vote::Disagree)).await;
        refused(late, Code::FailedPrecondition, ErrorReason::WrongState);
        let late = evidence(id, "e3", Subject::Feature("balance_total".into()), "");
        let late = client.add_evidence(bank.user("analyst", "/", late)).await;
        refused(late, Code::FailedPrecondition, ErrorReason::WrongState);
        let open = client.close_insight(close(2, pb::InsightStatus::Open)).await.unwrap().into_inner().insight.unwrap();
        assert_eq!((open.status(), open.verdict), (pb::InsightStatus::Open, None));
        client.vote_on_insight(vote("approver", pb::Vote::Unspecified)).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn insights_are_listed_by_status_newest_first() {
    Bank::each(async |bank| {
        let mut client = InsightServiceClient::new(bank.channel.clone());
        for title in ["a", "b", "c"] {
            created(&bank, title).await;
        }
        let (insight_id, reason) = ("i2".into(), "No.".into());
        let close =
            pb::CloseInsightRequest { insight_id, revision: 1, status: pb::InsightStatus::Rejected.into(), reason };
        client.close_insight(strategist(&bank, close)).await.unwrap();
        let titles = |insights: &[pb::Insight]| insights.iter().map(|each| each.title.clone()).collect::<Vec<_>>();
        assert_eq!(titles(&insights(&bank, pb::InsightStatus::Open).await), ["c", "a"]);
        assert_eq!(titles(&insights(&bank, pb::InsightStatus::Rejected).await), ["b"]);
        let ask = |page_token: String| pb::ListInsightsRequest { page_size: 2, page_token, ..Default::default() };
        let first = client.list_insights(strategist(&bank, ask(String::new()))).await.unwrap().into_inner();
        let rest =
            client.list_insights(strategist(&bank, ask(first.next_page_token.clone()))).await.unwrap().into_inner();
        assert_eq!(
            (titles(&first.insights), titles(&rest.insights)),
            (vec!["c".to_owned(), "b".into()], vec!["a".into()])
        );
        let foreign = client.list_insights(bank.foreigner("analyst", ask(first.next_page_token))).await;
        refused(foreign, Code::InvalidArgument, ErrorReason::InvalidPageToken);
        let none = client.list_insights(bank.foreigner("analyst", ask(String::new()))).await.unwrap().into_inner();
        assert!(none.insights.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_an_insight_is_named() {
    let bank = Bank::open(test::sqlite()).await;
    let mut client = InsightServiceClient::new(bank.channel.clone());
    create_segment(&bank, "rich", "balance_total >= 120").await;
    let empty = pb::CreateInsightRequest { request_id: "r".into(), insight: Some(pb::Insight::default()) };
    let fields = invalid(client.create_insight(strategist(&bank, empty)).await);
    assert_eq!(fields, ["insight.title", "insight.hypothesis"]);
    let denied = client.create_insight(bank.user("auditor", "/", create("r", "t"))).await;
    refused(denied, Code::PermissionDenied, ErrorReason::NoPermission);
    let id = created(&bank, "t").await.insight_id;
    let id = id.as_str();

    let mut add = async |request| client.add_evidence(strategist(&bank, request)).await;
    let unset = pb::AddEvidenceRequest { evidence: Some(pb::Evidence::default()), ..evidence(id, "e", feature(), "") };
    assert_eq!(invalid(add(unset).await), ["evidence.subject"]);
    let membership = || Subject::Membership("rich".into());
    assert_eq!(invalid(add(evidence(id, "e", membership(), "rich")).await), ["evidence.within"]);
    refused(add(evidence(id, "e", membership(), "")).await, Code::FailedPrecondition, ErrorReason::WrongState);
    let unknown = add(evidence(id, "e", Subject::Feature("colour".into()), "")).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);
    refused(add(evidence(id, "e", feature(), "nothing")).await, Code::NotFound, ErrorReason::NotFound);
    refused(add(evidence("x", "e", feature(), "")).await, Code::NotFound, ErrorReason::NotFound);
    for at in 0..20 {
        add(evidence(id, &format!("e{at}"), feature(), "")).await.unwrap();
    }
    refused(add(evidence(id, "e", feature(), "")).await, Code::FailedPrecondition, ErrorReason::WrongState);

    let unknown = |insight_id: &str| pb::GetInsightRequest { insight_id: insight_id.into() };
    refused(client.get_insight(strategist(&bank, unknown("x"))).await, Code::NotFound, ErrorReason::NotFound);
    let list = pb::ListInsightsRequest { status: 99, ..Default::default() };
    assert_eq!(invalid(client.list_insights(strategist(&bank, list)).await), ["status"]);
    let comment = |insight_id: &str, text: &str| {
        let (insight_id, request_id, text) = (insight_id.into(), "c".into(), text.into());
        strategist(&bank, pb::AddCommentRequest { insight_id, request_id, text })
    };
    assert_eq!(invalid(client.add_comment(comment(id, " \n ")).await), ["text"]);
    refused(client.add_comment(comment("x", "word")).await, Code::NotFound, ErrorReason::NotFound);
    let vote =
        |insight_id: &str, vote| strategist(&bank, pb::VoteOnInsightRequest { insight_id: insight_id.into(), vote });
    assert_eq!(invalid(client.vote_on_insight(vote(id, 9)).await), ["vote"]);
    refused(client.vote_on_insight(vote("x", 1)).await, Code::NotFound, ErrorReason::NotFound);
    let close = |insight_id: &str, status| {
        let (insight_id, reason) = (insight_id.into(), "So.".into());
        strategist(&bank, pb::CloseInsightRequest { insight_id, revision: 1, status, reason })
    };
    assert_eq!(invalid(client.close_insight(close(id, 0)).await), ["status"]);
    refused(client.close_insight(close("x", 2)).await, Code::NotFound, ErrorReason::NotFound);
    let link = |insight_id: &str, became| {
        let outcome = Some(pb::Outcome { became });
        strategist(&bank, pb::LinkInsightRequest { insight_id: insight_id.into(), outcome })
    };
    assert_eq!(invalid(client.link_insight(link(id, None)).await), ["outcome.became"]);
    let missing = client.link_insight(link(id, Some(Became::SegmentSetId("nothing".into())))).await;
    assert_eq!(invalid(missing), ["outcome.segment_set_id"]);
    let strategy = client.link_insight(link("x", Some(Became::StrategyId("s".into())))).await;
    refused(strategy, Code::NotFound, ErrorReason::NotFound);
}

fn feature() -> Subject {
    Subject::Feature("balance_total".into())
}
