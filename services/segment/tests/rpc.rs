//! Every RPC through a real client: success once, each documented error once, and nothing written on an error.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use bank::{Bank, day, number, text};
use huan_chassis::error::{field_faults, reason};
use huan_chassis::store::test;
use huan_proto::error::v1::ErrorReason;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::clustering_service_client::ClusteringServiceClient;
use huan_proto::segment::v1::membership_service_client::MembershipServiceClient;
use huan_proto::segment::v1::seen_value::Of;
use huan_proto::segment::v1::segment_service_client::SegmentServiceClient;
use huan_proto::segment::v1::segment_set_service_client::SegmentSetServiceClient;
use huan_proto::types::v1::{Value, value};
use tonic::{Code, Response, Status};

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, code: Code, why: ErrorReason) -> Status {
    let status = answer.expect_err("it is refused");
    assert_eq!((status.code(), reason(&status)), (code, Some(why)), "{status:?}");
    status
}

/// The fields at fault of an INVALID_ARGUMENT.
#[track_caller]
fn invalid<T: std::fmt::Debug>(answer: Result<Response<T>, Status>, why: ErrorReason) -> Vec<String> {
    let status = refused(answer, Code::InvalidArgument, why);
    field_faults(&status).into_iter().map(|fault| fault.field).collect()
}

fn segment(segment_id: &str, rule: &str) -> pb::Segment {
    pb::Segment {
        segment_id: segment_id.to_owned(),
        display_name: format!("Segment {segment_id}"),
        rule: rule.to_owned(),
        ..Default::default()
    }
}

fn create_segment(segment_id: &str, rule: &str) -> pb::CreateSegmentRequest {
    pb::CreateSegmentRequest { request_id: format!("r-{segment_id}"), segment: Some(segment(segment_id, rule)) }
}

fn segment_set(segment_set_id: &str, parts: &[(&str, &str)]) -> pb::SegmentSet {
    let part = |(part_id, rule): &(&str, &str)| pb::Part {
        part_id: (*part_id).to_owned(),
        display_name: format!("Part {part_id}"),
        rule: (*rule).to_owned(),
    };
    pb::SegmentSet {
        segment_set_id: segment_set_id.to_owned(),
        display_name: format!("Set {segment_set_id}"),
        parts: parts.iter().map(part).collect(),
        ..Default::default()
    }
}

fn create_segment_set(segment_set_id: &str, parts: &[(&str, &str)]) -> pb::CreateSegmentSetRequest {
    let segment_set = Some(segment_set(segment_set_id, parts));
    pb::CreateSegmentSetRequest { request_id: format!("r-{segment_set_id}"), segment_set }
}

fn create_clustering(clustering_id: &str, features: &[&str], k: i32) -> pb::CreateClusteringRequest {
    let clustering = pb::Clustering {
        clustering_id: clustering_id.to_owned(),
        display_name: "Clusters".into(),
        features: features.iter().map(ToString::to_string).collect(),
        k,
        ..Default::default()
    };
    pb::CreateClusteringRequest { request_id: format!("r-{clustering_id}"), clustering: Some(clustering) }
}

fn check_rule(rule: &str) -> pb::CheckRuleRequest {
    pb::CheckRuleRequest { rule: rule.to_owned(), ..Default::default() }
}

fn explain(customer_id: &str, membership: &str) -> pb::ExplainMembershipRequest {
    pb::ExplainMembershipRequest { customer_id: customer_id.to_owned(), membership: membership.to_owned() }
}

fn evaluate(customer_id: &str) -> pb::EvaluateCustomerRequest {
    pb::EvaluateCustomerRequest { customer_id: customer_id.to_owned(), ..Default::default() }
}

fn list_members(membership: &str) -> pb::ListMembersRequest {
    pb::ListMembersRequest { membership: membership.to_owned(), ..Default::default() }
}

fn ids(members: &[pb::Member]) -> Vec<&str> {
    members.iter().map(|member| member.customer_id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_is_created_built_listed_and_changed() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let mut memberships = MembershipServiceClient::new(bank.channel.clone());
        let write = |message| bank.user("strategist", "/", message);
        let request = create_segment("rich", "balance_total >= 5000");
        let created = segments.create_segment(write(request.clone())).await.unwrap().into_inner().segment.unwrap();
        assert_eq!((created.revision, created.build), (1, None));
        let again = segments.create_segment(write(request)).await.unwrap().into_inner().segment.unwrap();
        assert_eq!(again.revision, 1);

        let build = |id: &str| bank.user("strategist", "/", pb::BuildSegmentRequest { segment_id: id.into() });
        let built = segments.build_segment(build("rich")).await.unwrap().into_inner().build.unwrap();
        assert_eq!((built.version, built.population, built.members, built.joined, built.left), (1, 4, 2, 2, 0));
        let all = memberships.list_members(bank.user("analyst", "/", list_members("rich"))).await.unwrap().into_inner();
        assert_eq!((ids(&all.members), all.version), (vec!["E-2", "W-1"], 1));
        assert_eq!(all.members[0].customer_key, "key of E-2");

        let changed =
            pb::Segment { revision: 1, ..segment("rich", "balance_total >= 60000 || customer_type == \"x\"") };
        let change = |segment| bank.user("strategist", "/", pb::UpdateSegmentRequest { segment: Some(segment) });
        let updated = segments.update_segment(change(changed.clone())).await.unwrap().into_inner().segment.unwrap();
        assert_eq!((updated.revision, updated.build.unwrap().members), (2, 2));
        refused(segments.update_segment(change(changed)).await, Code::Aborted, ErrorReason::StaleRevision);
        let built = segments.build_segment(build("rich")).await.unwrap().into_inner().build.unwrap();
        assert_eq!((built.version, built.members, built.joined, built.left), (2, 1, 0, 1));
        let get = pb::GetSegmentRequest { segment_id: "rich".into() };
        let read = segments.get_segment(bank.user("analyst", "/", get)).await.unwrap().into_inner().segment.unwrap();
        assert_eq!((read.revision, read.build), (2, Some(built)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_segment_is_named_and_nothing_is_written() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let write = |message| bank.user("strategist", "/", message);
    let rule = create_segment("s", "balanse_total > 1 && balance_total == \"x\"");
    let status = refused(segments.create_segment(write(rule)).await, Code::InvalidArgument, ErrorReason::InvalidRule);
    let faults = field_faults(&status);
    assert_eq!(faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(), ["segment.rule", "segment.rule"]);
    assert!(faults[0].description.contains("did you mean balance_total?"), "{faults:?}");
    assert!(faults[1].description.contains("unlike types"), "{faults:?}");
    let long = create_segment(&"a".repeat(65), "has_card");
    assert_eq!(
        invalid(segments.create_segment(write(long)).await, ErrorReason::InvalidField),
        ["request_id", "segment.segment_id"]
    );
    let empty = pb::CreateSegmentRequest { request_id: "r".into(), segment: Some(pb::Segment::default()) };
    assert_eq!(
        invalid(segments.create_segment(write(empty)).await, ErrorReason::InvalidField),
        ["segment.segment_id", "segment.display_name", "segment.rule"]
    );
    let get = pb::GetSegmentRequest { segment_id: "s".into() };
    refused(segments.get_segment(bank.user("analyst", "/", get)).await, Code::NotFound, ErrorReason::NotFound);
    let unknown = pb::UpdateSegmentRequest { segment: Some(segment("s", "has_card")) };
    refused(
        segments.update_segment(bank.user("strategist", "/", unknown)).await,
        Code::NotFound,
        ErrorReason::NotFound,
    );
    let build = pb::BuildSegmentRequest { segment_id: "s".into() };
    refused(segments.build_segment(bank.user("strategist", "/", build)).await, Code::NotFound, ErrorReason::NotFound);
    let denied = segments.create_segment(bank.user("auditor", "/", create_segment("s", "has_card"))).await;
    refused(denied, Code::PermissionDenied, ErrorReason::NoPermission);
    let list = segments.list_segments(bank.user("analyst", "/", pb::ListSegmentsRequest::default())).await.unwrap();
    assert_eq!(list.into_inner(), pb::ListSegmentsResponse::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_sets_and_clusterings_share_their_ids() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let mut clusterings = ClusteringServiceClient::new(bank.channel.clone());
    segments.create_segment(bank.user("strategist", "/", create_segment("a", "has_card"))).await.unwrap();
    let other_request = pb::CreateSegmentRequest { request_id: "x".into(), ..create_segment("a", "has_card") };
    let taken = segments.create_segment(bank.user("strategist", "/", other_request)).await;
    refused(taken, Code::AlreadyExists, ErrorReason::AlreadyExists);
    let taken =
        sets.create_segment_set(bank.user("strategist", "/", create_segment_set("a", &[("p", "has_card")]))).await;
    refused(taken, Code::AlreadyExists, ErrorReason::AlreadyExists);
    let same = create_clustering("a", &["balance_total"], 2);
    let taken = clusterings.create_clustering(bank.user("strategist", "/", same)).await;
    refused(taken, Code::AlreadyExists, ErrorReason::AlreadyExists);
    // Another tenant's ids are its own.
    segments.create_segment(bank.foreigner("strategist", create_segment("a", "has_card"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_checked_without_being_kept() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let check = |rule: &str| bank.user("analyst", "/", check_rule(rule));
    let good =
        segments.check_rule(check("has_card && balance_total > 1 && has_tag(\"vip\")")).await.unwrap().into_inner();
    assert_eq!((good.valid, good.features), (true, vec!["balance_total".to_owned(), "has_card".to_owned()]));
    let bad = segments.check_rule(check("balance_total > open_day")).await.unwrap().into_inner();
    assert!(!bad.valid && bad.faults[0].description.contains("unlike types"), "{bad:?}");
    assert_eq!(bad.faults[0].part, "balance_total > open_day");
    assert_eq!((bad.faults[0].line, bad.faults[0].column, bad.reach), (1, 1, None));
    let far = segments.check_rule(check("has_card\n  && has_crad")).await.unwrap().into_inner();
    assert_eq!((far.faults[0].line, far.faults[0].column), (2, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checked_rule_tells_whom_it_reaches_and_how_each_clause_narrows() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let asked = check_rule("balance_total >= 1000 && customer_type == \"retail\" && !has_tag(\"vpi\")");
        let answer = segments.check_rule(bank.user("analyst", "/", asked.clone())).await.unwrap().into_inner();
        assert!(answer.valid && answer.cost == 11, "{answer:?}");
        assert_eq!(answer.hints.len(), 1);
        assert!(answer.hints[0].description.contains("did you mean \"vip\"?"), "{answer:?}");
        let reach = answer.reach.unwrap();
        assert_eq!((reach.population, reach.members, reach.unknown), (4, 1, 1));
        assert_eq!((ids(&reach.examples), reach.examples[0].customer_key.as_str()), (vec!["E-2"], "key of E-2"));
        let counted = |clause: &pb::ClauseReach| (clause.part.clone(), clause.alone, clause.unknown, clause.running);
        assert_eq!(
            reach.clauses.iter().map(counted).collect::<Vec<_>>(),
            [
                ("balance_total >= 1000".to_owned(), 2, 1, 2),
                ("customer_type == \"retail\"".to_owned(), 2, 1, 1),
                ("!has_tag(\"vpi\")".to_owned(), 4, 0, 1),
            ]
        );
        assert_eq!((reach.clauses[1].line, reach.clauses[1].column), (1, 26));

        let below = |path: &str| pb::CheckRuleRequest { owner_path: path.into(), ..check_rule("balance_total >= 0") };
        let east = segments.check_rule(bank.user("branch_manager", "/hq/east", below(""))).await.unwrap().into_inner();
        assert_eq!(ids(&east.reach.unwrap().examples), ["E-1", "E-2"]);
        let west = segments.check_rule(bank.user("analyst", "/hq", below("/hq/west"))).await.unwrap().into_inner();
        assert_eq!(west.reach.map(|reach| (reach.population, reach.members)), Some((2, 1)));
        let outside = segments.check_rule(bank.user("analyst", "/hq/east", below("/hq/west"))).await;
        refused(outside, Code::PermissionDenied, ErrorReason::OutOfScope);
        // An approver reads segments and no memberships.
        let counts = segments.check_rule(bank.user("approver", "/", below(""))).await.unwrap().into_inner();
        assert_eq!(counts.reach.map(|reach| (reach.members, reach.examples.len())), Some((3, 0)));
        let alone = pb::CheckRuleRequest { check_only: true, ..asked };
        let alone = segments.check_rule(bank.user("analyst", "/", alone)).await.unwrap().into_inner();
        assert!(alone.valid && alone.reach.is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enormous_rule_is_refused_and_the_service_goes_on() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let check = |rule: String| bank.user("analyst", "/", check_rule(&rule));
    segments.check_rule(check("(".repeat(10 << 20))).await.unwrap_err();
    for rule in ["(".repeat(3 << 20), "-".repeat(3 << 20), format!("{}1{} > 0", "(".repeat(2000), ")".repeat(2000))] {
        let answer = segments.check_rule(check(rule)).await.unwrap().into_inner();
        assert!(!answer.valid && answer.faults.len() == 1, "{answer:?}");
    }
    let costly = vec!["customer_type.matches(\"(a|b)*c\")"; 45].join(" || ");
    let answer = segments.check_rule(check(costly)).await.unwrap().into_inner();
    assert!(answer.faults[0].description.contains("costs too much"), "{answer:?}");
    let zero = segments.check_rule(check("balance_total / 0 > 1".into())).await.unwrap().into_inner();
    assert_eq!(zero.reach.map(|reach| (reach.members, reach.unknown)), Some((0, 4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_puts_every_customer_into_one_part() {
    Bank::each(async |bank| {
        let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
        let mut memberships = MembershipServiceClient::new(bank.channel.clone());
        let parts = [("rich", "balance_total > 1000"), ("retail", "customer_type == \"retail\"")];
        let write = |message| bank.user("strategist", "/", message);
        let created = sets.create_segment_set(write(create_segment_set("tier", &parts))).await.unwrap().into_inner();
        assert_eq!(created.segment_set.unwrap().parts.len(), 2);
        let build = || bank.user("strategist", "/", pb::BuildSegmentSetRequest { segment_set_id: "tier".into() });
        let built = sets.build_segment_set(build()).await.unwrap().into_inner().build.unwrap();
        let sizes = |build: &pb::SetBuild| {
            let size = |part: &pb::PartBuild| (part.part_id.clone(), part.build.as_ref().unwrap().members);
            build.parts.iter().map(size).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&built), [("rich".to_owned(), 2), ("retail".to_owned(), 1), ("other".to_owned(), 1)]);

        let turned = [("retail", "customer_type == \"retail\""), ("rich", "balance_total > 1000")];
        let change = pb::SegmentSet { revision: 1, ..segment_set("tier", &turned) };
        let update = |set| bank.user("strategist", "/", pb::UpdateSegmentSetRequest { segment_set: Some(set) });
        sets.update_segment_set(update(change.clone())).await.unwrap();
        refused(sets.update_segment_set(update(change)).await, Code::Aborted, ErrorReason::StaleRevision);
        sets.build_segment_set(build()).await.unwrap();
        let get = pb::GetSegmentSetRequest { segment_set_id: "tier".into() };
        let read =
            sets.get_segment_set(bank.user("analyst", "/", get)).await.unwrap().into_inner().segment_set.unwrap();
        let build = read.build.unwrap();
        assert_eq!((read.revision, build.version), (2, 2));
        assert_eq!(sizes(&build), [("retail".to_owned(), 2), ("rich".to_owned(), 1), ("other".to_owned(), 1)]);
        let list = sets.list_segment_sets(bank.user("analyst", "/", pb::ListSegmentSetsRequest::default())).await;
        assert_eq!(list.unwrap().into_inner().segment_sets[0].parts[0].part_id, "retail");
        let members = memberships.list_members(bank.user("analyst", "/", list_members("tier/retail"))).await.unwrap();
        assert_eq!(ids(&members.into_inner().members), ["E-1", "E-2"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_set_is_named_by_part() {
    let bank = Bank::open(test::sqlite()).await;
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let write = |message| bank.user("strategist", "/", message);
    let parts = [("a", "has_card"), ("b", "colour == 1"), ("c", "balance_total")];
    let answer = sets.create_segment_set(write(create_segment_set("s", &parts))).await;
    let fields = invalid(answer, ErrorReason::InvalidRule);
    assert_eq!(fields, ["segment_set.parts[1].rule", "segment_set.parts[2].rule"]);
    let answer = sets.create_segment_set(write(create_segment_set("s", &[("other", "has_card")]))).await;
    assert_eq!(invalid(answer, ErrorReason::InvalidField), ["segment_set.parts[0].part_id"]);
    let answer = sets.create_segment_set(write(create_segment_set("s", &[]))).await;
    assert_eq!(invalid(answer, ErrorReason::InvalidField), ["segment_set.parts"]);
    let get = pb::GetSegmentSetRequest { segment_set_id: "s".into() };
    refused(sets.get_segment_set(bank.user("analyst", "/", get)).await, Code::NotFound, ErrorReason::NotFound);
    let update = pb::UpdateSegmentSetRequest { segment_set: Some(segment_set("s", &[("a", "has_card")])) };
    refused(sets.update_segment_set(bank.user("strategist", "/", update)).await, Code::NotFound, ErrorReason::NotFound);
    let build = pb::BuildSegmentSetRequest { segment_set_id: "s".into() };
    refused(sets.build_segment_set(bank.user("strategist", "/", build)).await, Code::NotFound, ErrorReason::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_listed() {
    let bank = Bank::open(test::sqlite()).await;
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let request = bank.user("analyst", "/", pb::ListSegmentSetTemplatesRequest {});
    let templates = sets.list_segment_set_templates(request).await.unwrap().into_inner().segment_sets;
    let names: Vec<_> = templates.iter().map(|set| set.segment_set_id.as_str()).collect();
    assert_eq!(names, ["lifecycle_corporate", "lifecycle_retail", "tier_corporate", "tier_retail", "wealth_grid"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_evaluated_as_it_is_now() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let new = create_segment("new", "days_since(open_day) <= 21 && has_tag(\"vip\")");
    segments.create_segment(bank.user("strategist", "/", new)).await.unwrap();
    let tier = create_segment_set("tier", &[("rich", "balance_total > 1000")]);
    sets.create_segment_set(bank.user("strategist", "/", tier)).await.unwrap();
    let whole = memberships.evaluate_customer(bank.user("analyst", "/hq", evaluate("E-1"))).await.unwrap().into_inner();
    assert_eq!(whole.customer_key, "key of E-1");
    assert_eq!(whole.features, bank::FEATURES.map(|(name, _)| name.to_owned()));
    let kinds = [Some(number(100.0)), Some(number(5.0)), Some(text("retail")), Some(day("2026-11-01")), None];
    assert_eq!(whole.values, kinds.map(|kind| Value { kind }));
    assert_eq!(whole.memberships, ["new", "tier/other"]);
    assert_eq!(whole.revisions, [1, 1]);
    assert_eq!(whole.tags, ["new", "vip"]);
    assert!(whole.as_of_time.is_some() && whole.fresh_time.is_some() && !whole.position.is_empty());

    let lower = pb::SegmentSet { revision: 1, ..segment_set("tier", &[("rich", "balance_total > 900")]) };
    let lower = pb::UpdateSegmentSetRequest { segment_set: Some(lower) };
    sets.update_segment_set(bank.user("strategist", "/", lower)).await.unwrap();
    let position = bank.put_customer("E-1", "/hq/east", &[number(9_000.0)]).await;
    let asked = pb::EvaluateCustomerRequest {
        features: vec!["has_card".into(), "balance_total".into()],
        min_position: position.to_string(),
        wait_millis: 1000,
        ..evaluate("E-1")
    };
    let after = memberships.evaluate_customer(bank.own("E-1", asked)).await.unwrap().into_inner();
    assert_eq!(after.values, [None, Some(number(9_000.0))].map(|kind| Value { kind }));
    assert_eq!((after.memberships, after.revisions), (vec!["tier/rich".to_owned()], vec![2]));
    let names = memberships.list_memberships(bank.user("analyst", "/", pb::ListMembershipsRequest {})).await.unwrap();
    assert_eq!(names.into_inner().memberships, ["new", "tier/other", "tier/rich"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_a_customer_does_not() {
    let bank = Bank::open(test::sqlite()).await;
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let own_branch = bank.user("relationship_manager", "/hq/east", evaluate("E-2"));
    memberships.evaluate_customer(own_branch).await.unwrap();
    let other_branch = bank.user("relationship_manager", "/hq/east", evaluate("W-1"));
    refused(memberships.evaluate_customer(other_branch).await, Code::PermissionDenied, ErrorReason::OutOfScope);
    let other_customer = memberships.evaluate_customer(bank.own("E-1", evaluate("E-2"))).await;
    refused(other_customer, Code::PermissionDenied, ErrorReason::OutOfScope);
    let other_tenant = memberships.evaluate_customer(bank.foreigner("analyst", evaluate("E-1"))).await;
    refused(other_tenant, Code::NotFound, ErrorReason::NotFound);
    let nobody = memberships.evaluate_customer(bank.user("analyst", "/", evaluate("X"))).await;
    refused(nobody, Code::NotFound, ErrorReason::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_evaluation_is_refused() {
    let bank = Bank::open(test::sqlite()).await;
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let mut ask = async |asked| memberships.evaluate_customer(bank.user("analyst", "/", asked)).await;
    let features = vec!["balance_total".into(), "colour".into()];
    let unknown = ask(pb::EvaluateCustomerRequest { features, ..evaluate("E-1") }).await;
    assert_eq!(invalid(unknown, ErrorReason::InvalidField), ["features[1]"]);
    let long = ask(pb::EvaluateCustomerRequest { wait_millis: 1001, ..evaluate("E-1") }).await;
    assert_eq!(invalid(long, ErrorReason::InvalidField), ["wait_millis"]);
    let position = ask(pb::EvaluateCustomerRequest { min_position: "x".into(), ..evaluate("E-1") }).await;
    assert_eq!(invalid(position, ErrorReason::InvalidField), ["min_position"]);
    let future = pb::EvaluateCustomerRequest { min_position: "1000000".into(), wait_millis: 1, ..evaluate("E-1") };
    refused(ask(future).await, Code::Unavailable, ErrorReason::StaleData);
    assert_eq!(invalid(ask(evaluate("")).await, ErrorReason::InvalidField), ["customer_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_in_pages_within_the_callers_path() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    segments.create_segment(bank.user("strategist", "/", create_segment("all", "true"))).await.unwrap();
    let list = |org_path: &str, message| bank.user("analyst", org_path, message);
    let unbuilt = memberships.list_members(list("/", list_members("all"))).await;
    refused(unbuilt, Code::FailedPrecondition, ErrorReason::WrongState);
    let unknown = memberships.list_members(list("/", list_members("nothing"))).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);
    let build = pb::BuildSegmentRequest { segment_id: "all".into() };
    segments.build_segment(bank.user("strategist", "/", build)).await.unwrap();

    let first = pb::ListMembersRequest { page_size: 3, ..list_members("all") };
    let page = memberships.list_members(list("/", first.clone())).await.unwrap().into_inner();
    assert_eq!(ids(&page.members), ["E-1", "E-2", "W-1"]);
    let second = pb::ListMembersRequest { page_token: page.next_page_token.clone(), ..first.clone() };
    let rest = memberships.list_members(list("/", second.clone())).await.unwrap().into_inner();
    assert_eq!((ids(&rest.members), rest.next_page_token.as_str()), (vec!["W-2"], ""));
    let foreign = pb::ListMembersRequest { owner_path: "/hq/west".into(), ..second };
    refused(memberships.list_members(list("/", foreign)).await, Code::InvalidArgument, ErrorReason::InvalidPageToken);
    let wide = pb::ListMembersRequest { page_size: 1001, ..first };
    assert_eq!(invalid(memberships.list_members(list("/", wide)).await, ErrorReason::InvalidField), ["page_size"]);

    let east = memberships.list_members(list("/hq/east", list_members("all"))).await.unwrap().into_inner();
    assert_eq!(ids(&east.members), ["E-1", "E-2"]);
    let west = pb::ListMembersRequest { owner_path: "/hq/west".into(), ..list_members("all") };
    let narrowed = memberships.list_members(list("/hq", west.clone())).await.unwrap().into_inner();
    assert_eq!(ids(&narrowed.members), ["W-1", "W-2"]);
    refused(memberships.list_members(list("/hq/east", west)).await, Code::PermissionDenied, ErrorReason::OutOfScope);
    let own = memberships.list_members(bank.own("E-2", list_members("all"))).await;
    refused(own, Code::PermissionDenied, ErrorReason::OutOfScope);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_is_explained_clause_by_clause_with_what_is_nearest_to_change_it() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let mut memberships = MembershipServiceClient::new(bank.channel.clone());
        let rule = "balance_total >= 1000 && (has_tag(\"vip\") || has_card) && days_since(open_day) > 90";
        segments.create_segment(bank.user("strategist", "/", create_segment("rich", rule))).await.unwrap();
        let mut ask = async |id: &str| {
            let asked = bank.user("analyst", "/", explain(id, "rich"));
            memberships.explain_membership(asked).await.unwrap().into_inner()
        };
        let told = ask("E-1").await;
        assert_eq!(
            (told.member, told.actual_membership.as_str(), told.customer_key.as_str()),
            (false, "", "key of E-1")
        );
        assert!(!told.position.is_empty() && told.fresh_time.is_some() && told.as_of_time.is_some());
        assert_eq!(told.business_day, "2026-11-22");
        let whole = told.rules[0].clause.clone().unwrap();
        assert_eq!(
            (told.rules[0].truth(), whole.kind(), whole.part.as_str()),
            (pb::Truth::False, pb::ClauseKind::All, rule)
        );
        let said: Vec<_> = whole.clauses.iter().map(|clause| (clause.part.as_str(), clause.truth())).collect();
        assert_eq!(
            said,
            [
                ("balance_total >= 1000", pb::Truth::False),
                ("has_tag(\"vip\") || has_card", pb::Truth::True),
                ("days_since(open_day) > 90", pb::Truth::False),
            ]
        );
        let of = Some(pb::seen_value::Of::Feature("balance_total".into()));
        assert_eq!(whole.clauses[0].seen, [pb::SeenValue { of, value: Some(Value { kind: Some(number(100.0)) }) }]);
        let either = &whole.clauses[1].clauses;
        assert_eq!((either[0].truth(), either[1].truth()), (pb::Truth::True, pb::Truth::Unknown));
        let changes: Vec<_> =
            told.changes.iter().map(|change| (change.part.as_str(), change.need(), change.value.clone())).collect();
        assert_eq!(
            changes,
            [
                ("balance_total >= 1000", pb::RuleNeed::AtLeast, Some(Value { kind: Some(number(1000.0)) })),
                ("days_since(open_day) > 90", pb::RuleNeed::AtMost, Some(Value { kind: Some(day("2026-08-23")) })),
            ]
        );
        assert_eq!(told.changes[1].by_itself_day, "2027-01-31");
        assert!(told.changes.iter().all(|change| change.becomes && change.distance > 0.0), "{told:?}");
        let unknown = ask("W-2").await;
        assert_eq!((unknown.member, unknown.rules[0].truth()), (false, pb::Truth::Unknown));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_a_set_is_explained_by_the_parts_before_it_too() {
    let bank = Bank::open(test::sqlite()).await;
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let parts = [("rich", "balance_total > 1000"), ("retail", "customer_type == \"retail\"")];
    sets.create_segment_set(bank.user("strategist", "/", create_segment_set("tier", &parts))).await.unwrap();
    let mut ask = async |id: &str, membership: &str| {
        let asked = bank.user("analyst", "/", explain(id, membership));
        memberships.explain_membership(asked).await.unwrap().into_inner()
    };
    let second = ask("E-2", "tier/retail").await;
    assert_eq!((second.member, second.actual_membership.as_str()), (false, "tier/rich"));
    let said: Vec<_> = second.rules.iter().map(|rule| (rule.part_id.as_str(), rule.truth())).collect();
    assert_eq!(said, [("rich", pb::Truth::True), ("retail", pb::Truth::True)]);
    let nearest = &second.changes[0];
    assert_eq!((nearest.part_id.as_str(), nearest.need(), nearest.becomes), ("rich", pb::RuleNeed::AtMost, false));
    let rest = ask("E-1", "tier/other").await;
    assert_eq!((rest.member, rest.actual_membership.as_str(), rest.rules.len()), (false, "tier/retail", 2));
    assert_eq!((rest.changes.len(), rest.changes[0].need()), (1, pb::RuleNeed::Other));
    let other = ask("W-2", "tier/other").await;
    assert!(other.member && other.changes.len() == 1, "{other:?}");
    let own = ask("E-1", "tier/retail").await;
    assert_eq!((own.member, own.changes.len(), own.rules.len()), (true, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_is_explained_by_distances_and_a_list_by_who_is_on_it() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let mut clusterings = ClusteringServiceClient::new(bank.channel.clone());
        let mut memberships = MembershipServiceClient::new(bank.channel.clone());
        let clustering = create_clustering("km", &["balance_total", "txn_count_30d"], 2);
        clusterings.create_clustering(bank.user("strategist", "/", clustering)).await.unwrap();
        bank.until_found("km").await;
        let (list, stands) = (Some(pb::SegmentList::default()), "km/1".to_owned());
        let invited = pb::Segment { list, ..segment("invited", "") };
        let wealthy = pb::Segment { cluster: stands, ..segment("wealthy", "") };
        for made in [invited, wealthy] {
            let request_id = made.segment_id.clone();
            let request = pb::CreateSegmentRequest { request_id, segment: Some(made) };
            segments.create_segment(bank.user("strategist", "/", request)).await.unwrap();
        }
        let customer_ids = vec!["E-1".to_owned()];
        let add = pb::AddSegmentMembersRequest { segment_id: "invited".into(), customer_ids, freeze: true };
        segments.add_segment_members(bank.user("strategist", "/", add)).await.unwrap();
        let mut ask = async |id: &str, membership: &str| {
            let asked = bank.user("analyst", "/", explain(id, membership));
            memberships.explain_membership(asked).await.unwrap().into_inner()
        };

        let (on, off) = (ask("E-1", "invited").await, ask("E-2", "invited").await);
        assert_eq!((on.decided_by(), on.member, on.actual_membership.as_str()), (pb::DecidedBy::List, true, "invited"));
        assert_eq!((off.member, off.actual_membership.as_str(), off.changes.len()), (false, "", 0));

        let own = ask("E-1", "km/0").await;
        assert_eq!((own.decided_by(), own.member), (pb::DecidedBy::Clustering, true));
        let nearest: Vec<_> = own.distances.iter().map(|each| each.membership.as_str()).collect();
        assert_eq!((own.actual_membership.as_str(), nearest), ("km/0", vec!["km/0", "km/1"]));
        assert!(own.distances[0].distance < own.distances[1].distance);
        let features: Vec<_> = own.values.iter().map(|value| value.seen.clone().unwrap().of.unwrap()).collect();
        assert_eq!(features, ["balance_total", "txn_count_30d"].map(|name| Of::Feature(name.into())));
        let square = |value: &pb::ClusterValue| (value.scaled.unwrap() - value.centre).powi(2);
        let distance = own.values.iter().map(square).sum::<f64>().sqrt();
        assert!((distance - own.distances[0].distance).abs() < 1e-9, "the values make up the distance");

        // What is said to be nearest to change it does change it.
        let other = ask("E-1", "km/1").await;
        assert_eq!((other.member, other.actual_membership.as_str()), (false, "km/0"));
        let [change] = other.changes.as_slice() else { panic!("{other:?}") };
        let (of, bound) = (change.seen.clone().unwrap().of, change.value.clone().unwrap().kind);
        let (Some(Of::Feature(feature)), Some(value::Kind::Number(bound))) = (of, bound) else { panic!("{change:?}") };
        assert!(change.becomes && change.need() == pb::RuleNeed::AtLeast && change.distance > 0.0);
        let values = match feature.as_str() {
            "balance_total" => [number(bound * 1.001), number(5.0)],
            _ => [number(100.0), number(bound * 1.001)],
        };
        let position = bank.put_customer("E-1", "/hq/east", &values).await;
        bank.follows(position).await;
        assert!(ask("E-1", "km/1").await.member, "{change:?}");
        let stands = ask("E-1", "wealthy").await;
        assert_eq!((stands.decided_by(), stands.member), (pb::DecidedBy::Clustering, true));
        assert_eq!(stands.actual_membership, "wealthy");
        assert_eq!(stands.changes[0].need(), pb::RuleNeed::Less);
        let lacks = ask("W-2", "wealthy").await;
        assert_eq!((lacks.member, lacks.distances.len(), lacks.changes.len()), (false, 0, 0));
        assert!(lacks.values.iter().all(|value| value.scaled.is_none()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_explained_is_said() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    segments.create_segment(bank.user("strategist", "/", create_segment("s", "has_card"))).await.unwrap();
    let mut ask = async |path: &str, id: &str, membership: &str| {
        memberships.explain_membership(bank.user("analyst", path, explain(id, membership))).await
    };
    refused(ask("/", "E-1", "nothing").await, Code::NotFound, ErrorReason::NotFound);
    refused(ask("/", "nobody", "s").await, Code::NotFound, ErrorReason::NotFound);
    assert_eq!(invalid(ask("/", "E-1", "").await, ErrorReason::InvalidField), ["membership"]);
    refused(ask("/hq/west", "E-1", "s").await, Code::PermissionDenied, ErrorReason::OutOfScope);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_bound_to_their_tenant() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        for id in ["b", "a", "c"] {
            segments.create_segment(bank.user("strategist", "/", create_segment(id, "has_card"))).await.unwrap();
        }
        let first = pb::ListSegmentsRequest { page_size: 2, ..Default::default() };
        let page = segments.list_segments(bank.user("analyst", "/", first)).await.unwrap().into_inner();
        let names = |page: &pb::ListSegmentsResponse| {
            page.segments.iter().map(|segment| segment.segment_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&page), ["a", "b"]);
        let second = pb::ListSegmentsRequest { page_size: 2, page_token: page.next_page_token };
        let rest = segments.list_segments(bank.user("analyst", "/", second.clone())).await.unwrap().into_inner();
        assert_eq!((names(&rest), rest.next_page_token.as_str()), (vec!["c".to_owned()], ""));
        let foreign = segments.list_segments(bank.foreigner("analyst", second.clone())).await;
        refused(foreign, Code::InvalidArgument, ErrorReason::InvalidPageToken);
        let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
        let other_list = pb::ListSegmentSetsRequest { page_size: 2, page_token: second.page_token };
        refused(
            sets.list_segment_sets(bank.user("analyst", "/", other_list)).await,
            Code::InvalidArgument,
            ErrorReason::InvalidPageToken,
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_merged_is_answered_for_by_the_survivor_until_it_is_taken_back() {
    Bank::each(async |bank| {
        let mut memberships = MembershipServiceClient::new(bank.channel.clone());
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let all = create_segment("all", "txn_count_30d >= 0 || !(txn_count_30d >= 0)");
        segments.create_segment(bank.user("strategist", "/", all)).await.unwrap();
        let last = bank.put_merge("E-1", "W-1").await;
        bank.follows(last).await;
        let mut ask = async |caller: &str, id: &str| {
            memberships.evaluate_customer(bank.user("analyst", caller, evaluate(id))).await
        };
        let answer = ask("/hq/west", "E-1").await.unwrap().into_inner();
        assert_eq!(answer.customer_key, "key of W-1");
        refused(ask("/hq/east", "E-1").await, Code::PermissionDenied, ErrorReason::OutOfScope);
        let last = bank.put_merge("E-1", "E-1").await;
        bank.follows(last).await;
        let last = bank.put_customer("E-1", "/hq/east", &[number(3.0)]).await;
        bank.follows(last).await;
        let answer = ask("/hq/east", "E-1").await.unwrap().into_inner();
        assert_eq!(
            (answer.customer_key.as_str(), &answer.values[0]),
            ("key of E-1", &Value { kind: Some(number(3.0)) })
        );
        let last = bank.put_merge("W-9", "W-1").await;
        bank.follows(last).await;
        assert_eq!(ask("/", "W-9").await.unwrap().into_inner().customer_key, "key of W-1");
    })
    .await;
}
