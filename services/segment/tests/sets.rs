//! Kinds of segments, templates, checks of sets and versions of definitions, through a real client.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use bank::{Bank, number, text};
use huan_chassis::error::{field_faults, reason};
use huan_chassis::store::test;
use huan_proto::error::v1::ErrorReason;
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::clustering_service_client::ClusteringServiceClient;
use huan_proto::segment::v1::membership_service_client::MembershipServiceClient;
use huan_proto::segment::v1::segment_service_client::SegmentServiceClient;
use huan_proto::segment::v1::segment_set_service_client::SegmentSetServiceClient;
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

fn create(segment: pb::Segment) -> pb::CreateSegmentRequest {
    let segment = pb::Segment { display_name: format!("Segment {}", segment.segment_id), ..segment };
    pb::CreateSegmentRequest { request_id: format!("r-{}", segment.segment_id), segment: Some(segment) }
}

fn list(segment_id: &str) -> pb::Segment {
    pb::Segment { segment_id: segment_id.into(), list: Some(pb::SegmentList::default()), ..Default::default() }
}

fn rule(segment_id: &str, rule: &str) -> pb::Segment {
    pb::Segment { segment_id: segment_id.into(), rule: rule.into(), ..Default::default() }
}

fn page(segment_id: &str, ids: &[&str], freeze: bool) -> pb::AddSegmentMembersRequest {
    let customer_ids = ids.iter().map(ToString::to_string).collect();
    pb::AddSegmentMembersRequest { segment_id: segment_id.into(), customer_ids, freeze }
}

fn set(parts: &[(&str, &str)]) -> pb::SegmentSet {
    let part = |(part_id, rule): &(&str, &str)| pb::Part {
        part_id: (*part_id).into(),
        display_name: format!("Part {part_id}"),
        rule: (*rule).into(),
    };
    let parts = parts.iter().map(part).collect();
    pb::SegmentSet { segment_set_id: "tier".into(), display_name: "Tier".into(), parts, ..Default::default() }
}

async fn memberships(bank: &Bank, customer_id: &str) -> Vec<String> {
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let asked = pb::EvaluateCustomerRequest { customer_id: customer_id.into(), ..Default::default() };
    memberships.evaluate_customer(bank.user("analyst", "/", asked)).await.unwrap().into_inner().memberships
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_filled_in_pages_and_then_frozen() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let created = segments.create_segment(bank.user("strategist", "/", create(list("vip")))).await.unwrap();
        let empty = pb::SegmentList { frozen: false, customers: 0 };
        assert_eq!(created.into_inner().segment.unwrap().list, Some(empty));

        let add = |ids: &[&str], freeze| bank.user("strategist", "/", page("vip", ids, freeze));
        let answer = segments.add_segment_members(add(&["E-1", "nobody", "W-1"], false)).await.unwrap().into_inner();
        assert_eq!((answer.unknown, answer.segment.unwrap().list.unwrap().customers), (vec![1], 2));
        assert!(memberships(&bank, "E-1").await.is_empty(), "half a list has no members");
        let again = segments.add_segment_members(add(&["E-1"], false)).await.unwrap().into_inner();
        assert_eq!(again.segment.unwrap().list.unwrap().customers, 2);

        let last = segments.add_segment_members(add(&["E-2"], true)).await.unwrap().into_inner().segment.unwrap();
        assert_eq!(last.list, Some(pb::SegmentList { frozen: true, customers: 3 }));
        for (customer, on_it) in [("E-1", true), ("E-2", true), ("W-1", true), ("W-2", false)] {
            assert_eq!(!memberships(&bank, customer).await.is_empty(), on_it, "{customer}");
        }
        segments.add_segment_members(add(&["E-2"], true)).await.unwrap();
        let late = segments.add_segment_members(add(&["W-2"], false)).await;
        refused(late, Code::FailedPrecondition, ErrorReason::WrongState);
        let build = pb::BuildSegmentRequest { segment_id: "vip".into() };
        let built = segments.build_segment(bank.user("strategist", "/", build)).await.unwrap().into_inner();
        assert_eq!(built.build.unwrap().members, 3);
        let listed = segments.list_segments(bank.user("analyst", "/", pb::ListSegmentsRequest::default())).await;
        assert_eq!(listed.unwrap().into_inner().segments[0].list.unwrap().customers, 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_on_a_list_is_refused() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let write = |message| bank.user("strategist", "/", message);
    let unknown = segments.add_segment_members(write(page("vip", &["E-1"], false))).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);
    segments.create_segment(bank.user("strategist", "/", create(rule("rich", "balance_total > 1")))).await.unwrap();
    let no_list = segments.add_segment_members(write(page("rich", &["E-1"], false))).await;
    refused(no_list, Code::FailedPrecondition, ErrorReason::WrongState);
    let faulty = pb::AddSegmentMembersRequest { segment_id: "".into(), ..page("", &["E-1", ""], false) };
    let fields = invalid(segments.add_segment_members(write(faulty)).await, ErrorReason::InvalidField);
    assert_eq!(fields, ["segment_id", "customer_ids[1]"]);
    let outside = bank.user("strategist", "/hq/east", page("rich", &["W-1"], false));
    refused(segments.add_segment_members(outside).await, Code::PermissionDenied, ErrorReason::OutOfScope);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_may_stand_for_a_cluster() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let mut clusterings = ClusteringServiceClient::new(bank.channel.clone());
        let of = |cluster: &str| pb::Segment { cluster: cluster.into(), ..rule("group", "") };
        let early = segments.create_segment(bank.user("strategist", "/", create(of("km/1")))).await;
        assert_eq!(invalid(early, ErrorReason::InvalidField), ["segment.cluster"]);
        let clustering = pb::Clustering {
            clustering_id: "km".into(),
            display_name: "Clusters".into(),
            features: vec!["balance_total".into(), "txn_count_30d".into()],
            k: 2,
            ..Default::default()
        };
        let request = pb::CreateClusteringRequest { request_id: "r".into(), clustering: Some(clustering) };
        clusterings.create_clustering(bank.user("strategist", "/", request)).await.unwrap();
        bank.until_found("km").await;
        let created = segments.create_segment(bank.user("strategist", "/", create(of("km/1")))).await.unwrap();
        assert_eq!(created.into_inner().segment.unwrap().cluster, "km/1");
        assert_eq!(memberships(&bank, "W-1").await, ["group", "km/1"]);
        assert_eq!(memberships(&bank, "E-1").await, ["km/0"]);
        let update = |segment: pb::Segment| {
            let segment = Some(pb::Segment { revision: 1, display_name: "Group".into(), ..segment });
            bank.user("strategist", "/", pb::UpdateSegmentRequest { segment })
        };
        let turned = segments.update_segment(update(rule("group", "balance_total > 1"))).await;
        assert_eq!(invalid(turned, ErrorReason::InvalidField), ["segment"]);
        segments.update_segment(update(of("km/0"))).await.unwrap();
        assert_eq!(memberships(&bank, "E-1").await, ["group", "km/0"]);
        let both = create(pb::Segment { list: Some(pb::SegmentList::default()), ..rule("both", "true") });
        let both = segments.create_segment(bank.user("strategist", "/", both)).await;
        assert_eq!(invalid(both, ErrorReason::InvalidField), ["segment.rule"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_a_segment_is_kept_with_who_wrote_it() {
    Bank::each(async |bank| {
        let mut segments = SegmentServiceClient::new(bank.channel.clone());
        let first = create(rule("rich", "balance_total > 1"));
        segments.create_segment(bank.user("strategist", "/", first)).await.unwrap();
        let second = pb::Segment { display_name: "Richer".into(), revision: 1, ..rule("rich", "balance_total > 2") };
        let update = pb::UpdateSegmentRequest { segment: Some(second) };
        segments.update_segment(bank.user("strategist", "/", update)).await.unwrap();
        let ask = |page_size, page_token: &str| {
            let segment_id = "rich".into();
            let page_token = page_token.into();
            bank.user("auditor", "/", pb::ListSegmentVersionsRequest { segment_id, page_size, page_token })
        };
        let page = segments.list_segment_versions(ask(1, "")).await.unwrap().into_inner();
        let rest = segments.list_segment_versions(ask(1, &page.next_page_token)).await.unwrap().into_inner();
        assert!(rest.next_page_token.is_empty());
        let versions: Vec<_> = page.versions.into_iter().chain(rest.versions).collect();
        let texts: Vec<_> = versions.iter().map(|version| version.segment.as_ref().unwrap().rule.as_str()).collect();
        assert_eq!(texts, ["balance_total > 2", "balance_total > 1"]);
        assert!(versions.iter().all(|version| version.changed_by == "u-1" && version.change_time.is_some()));
        let wide = segments.list_segment_versions(ask(1001, "")).await;
        assert_eq!(invalid(wide, ErrorReason::InvalidField), ["page_size"]);
        let unknown = pb::ListSegmentVersionsRequest { segment_id: "x".into(), ..Default::default() };
        let unknown = segments.list_segment_versions(bank.user("auditor", "/", unknown)).await;
        refused(unknown, Code::NotFound, ErrorReason::NotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_a_set_is_kept_with_its_parts() {
    Bank::each(async |bank| {
        let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
        let first = set(&[("rich", "balance_total > 1")]);
        let request = pb::CreateSegmentSetRequest { request_id: "r".into(), segment_set: Some(first) };
        sets.create_segment_set(bank.user("strategist", "/", request)).await.unwrap();
        let second = pb::SegmentSet { revision: 1, ..set(&[("rich", "balance_total > 2"), ("poor", "true")]) };
        let update = pb::UpdateSegmentSetRequest { segment_set: Some(second) };
        sets.update_segment_set(bank.user("strategist", "/", update)).await.unwrap();
        let ask = |id: &str| pb::ListSegmentSetVersionsRequest { segment_set_id: id.into(), ..Default::default() };
        let versions = sets.list_segment_set_versions(bank.user("auditor", "/", ask("tier"))).await.unwrap();
        let versions = versions.into_inner().versions;
        let parts: Vec<_> =
            versions.iter().map(|version| version.segment_set.as_ref().unwrap()).map(|set| set.parts.len()).collect();
        assert_eq!((parts, versions[0].changed_by.as_str()), (vec![2, 1], "u-1"));
        let unknown = sets.list_segment_set_versions(bank.user("auditor", "/", ask("x"))).await;
        refused(unknown, Code::NotFound, ErrorReason::NotFound);
        let mut wide = ask("tier");
        wide.page_size = -1;
        let wide = sets.list_segment_set_versions(bank.user("auditor", "/", wide)).await;
        assert_eq!(invalid(wide, ErrorReason::InvalidField), ["page_size"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_set_is_shown_exclusive_and_exhaustive_before_it_is_written() {
    let bank = Bank::open(test::sqlite()).await;
    let last = bank.put_customer("W-2", "/hq/west", &[number(9_000.0), number(1.0), text("retail")]).await;
    bank.follows(last).await;
    let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
    let check = |parts: &[(&str, &str)]| {
        bank.user("analyst", "/", pb::CheckSegmentSetRequest { segment_set: Some(set(parts)) })
    };
    let parts =
        [("rich", "balance_total > 1000"), ("retail", "customer_type == \"retail\""), ("busy", "txn_count_30d > 4")];
    let found = sets.check_segment_set(check(&parts)).await.unwrap().into_inner();
    let counts = |found: &pb::CheckSegmentSetResponse| {
        found.parts.iter().map(|part| (part.part_id.clone(), part.alone, part.taken)).collect::<Vec<_>>()
    };
    let expected = [("rich", 3, 3), ("retail", 3, 1), ("busy", 2, 0), ("other", 0, 0)];
    assert_eq!(counts(&found), expected.map(|(part, alone, taken)| (part.to_owned(), alone, taken)));
    let overlaps: Vec<_> = found
        .overlaps
        .iter()
        .map(|pair| (pair.first_part_id.as_str(), pair.second_part_id.as_str(), pair.customers))
        .collect();
    assert_eq!(overlaps, [("rich", "retail", 2), ("rich", "busy", 1), ("retail", "busy", 1)]);
    assert_eq!((found.population, found.ties, found.exclusive, found.exhaustive), (4, 4, false, true));
    assert!(!found.position.is_empty() && found.as_of_time.is_some());

    let found =
        sets.check_segment_set(check(&[("new", "customer_type == \"never seen\"")])).await.unwrap().into_inner();
    assert_eq!((found.population, found.ties, found.exclusive, found.exhaustive), (4, 0, true, false));
    let faulty = sets.check_segment_set(check(&[("a", "colour == 1")])).await;
    assert_eq!(invalid(faulty, ErrorReason::InvalidRule), ["segment_set.parts[0].rule"]);
    let unset = sets.check_segment_set(bank.user("analyst", "/", pb::CheckSegmentSetRequest::default())).await;
    assert!(!invalid(unset, ErrorReason::InvalidField).is_empty());
    let kept = sets.list_segment_sets(bank.user("analyst", "/", pb::ListSegmentSetsRequest::default())).await.unwrap();
    assert!(kept.into_inner().segment_sets.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_of_segments_are_listed_with_what_they_need() {
    let bank = Bank::open(test::sqlite()).await;
    let mut segments = SegmentServiceClient::new(bank.channel.clone());
    let request = bank.user("analyst", "/", pb::ListSegmentTemplatesRequest {});
    let templates = segments.list_segment_templates(request).await.unwrap().into_inner().templates;
    let ids: Vec<_> = templates.iter().map(|template| template.segment.as_ref().unwrap().segment_id.as_str()).collect();
    assert!(
        ["middle_class", "parents", "park", "payroll", "silver_haired"].iter().all(|id| ids.contains(id)),
        "{ids:?}"
    );
    let parents = templates.iter().find(|template| !template.needs.is_empty()).unwrap();
    assert_eq!(parents.needs[0].name, "youngest_child_birth_day");
}
