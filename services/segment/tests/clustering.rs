//! Clusterings through a real client, and the work behind them.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;

use std::time::Duration;

use bank::{Bank, PATIENCE, TENANT, number};
use huan_chassis::error::{field_faults, reason};
use huan_chassis::page::Page;
use huan_chassis::store::{Store, test};
use huan_proto::error::v1::ErrorReason;
use huan_proto::segment::v1::clustering_service_client::ClusteringServiceClient;
use huan_proto::segment::v1::membership_service_client::MembershipServiceClient;
use huan_proto::segment::v1::segment_set_service_client::SegmentSetServiceClient;
use huan_proto::segment::v1::{
    self as pb, ClusteringMethod, ClusteringMissing, ClusteringScale, ClusteringState as State,
};
use huan_segment::Migrator;
use huan_segment::clustering::job::{self, Jobs};
use huan_segment::memory::Memory;
use huan_segment::store::build::{Found, members_of};
use huan_segment::store::clustering_job::{
    beat_job, cancel_job, claim_job, create_job, fail_job, finish_job, list_jobs, newest_jobs,
};
use huan_segment::store::entity::{clustering, clustering_job};
use huan_segment::store::{clustering as clusterings, clustering_promotion, entity};
use prost::Message as _;
use tonic::{Code, Response, Status};

type Client = ClusteringServiceClient<huan_chassis::client::Channel>;

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

fn asked(clustering_id: &str, k: i32) -> pb::Clustering {
    pb::Clustering {
        clustering_id: clustering_id.to_owned(),
        display_name: "Clusters".into(),
        features: vec!["balance_total".into(), "txn_count_30d".into()],
        k,
        ..Default::default()
    }
}

fn create(clustering: pb::Clustering) -> pb::CreateClusteringRequest {
    pb::CreateClusteringRequest { request_id: format!("r-{}", clustering.clustering_id), clustering: Some(clustering) }
}

fn client(bank: &Bank) -> Client {
    ClusteringServiceClient::new(bank.channel.clone())
}

async fn get(bank: &Bank, id: &str) -> pb::Clustering {
    let get = pb::GetClusteringRequest { clustering_id: id.into() };
    client(bank).get_clustering(bank.user("analyst", "/", get)).await.unwrap().into_inner().clustering.unwrap()
}

/// Waits until the newest fit has ended.
async fn ended(bank: &Bank, id: &str) -> pb::Clustering {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let clustering = get(bank, id).await;
        let state = clustering.job.as_ref().unwrap().state();
        if !matches!(state, State::Queued | State::Running) {
            return clustering;
        }
        assert!(tokio::time::Instant::now() < until, "the fit does not end: {:?}", clustering.job);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Creates a clustering and waits until it is found.
async fn found(bank: &Bank, clustering: pb::Clustering) -> pb::Clustering {
    let id = clustering.clustering_id.clone();
    client(bank).create_clustering(bank.user("analyst", "/", create(clustering))).await.unwrap();
    let clustering = ended(bank, &id).await;
    assert_eq!(clustering.job.as_ref().unwrap().state(), State::Ready, "{:?}", clustering.job);
    clustering
}

/// 90 customers more in three groups: savers of the east, spenders of the west, and few of both.
async fn put_groups(bank: &Bank) {
    put_in_order(bank, 0..90).await;
}

async fn put_in_order(bank: &Bank, order: impl Iterator<Item = i32>) {
    let mut last = None;
    for at in order {
        let (path, balance, count) = match at % 9 {
            0..=4 => ("/hq/east", 50_000.0, 2.0),
            5..=7 => ("/hq/west", 800.0, 40.0),
            _ => ("/hq/west", 90_000.0, 90.0),
        };
        let noise = f64::from(at * 37 % 17) / 17.0;
        let values = [number(balance * (1.0 + noise / 10.0)), number(count + noise)];
        last = Some(bank.put_customer(&format!("G-{at:02}"), path, &values).await);
    }
    bank.follows(last.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_seen_first_makes_no_other_clusters() {
    let mut each = Vec::new();
    for backwards in [false, true] {
        let bank = Bank::open(test::sqlite()).await;
        match backwards {
            false => put_in_order(&bank, 0..130).await,
            true => put_in_order(&bank, (0..130).rev()).await,
        }
        let choice = pb::ClusteringChoice { least_k: 2, most_k: 4, ..Default::default() };
        let chosen = pb::Clustering { choice: Some(choice), fit_sample: 100, ..asked("km", 0) };
        let mut clustering = found(&bank, chosen).await;
        // When it was found and from which rows is another matter.
        clustering.job = None;
        each.push(clustering);
    }
    assert_eq!(each[0], each[1]);
    assert!(each[0].clusters.len() > 1 && each[0].fidelity.is_some());
}

async fn memberships(bank: &Bank, customer_id: &str) -> Vec<String> {
    let ask = pb::EvaluateCustomerRequest { customer_id: customer_id.to_owned(), ..Default::default() };
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    memberships.evaluate_customer(bank.user("analyst", "/", ask)).await.unwrap().into_inner().memberships
}

async fn members(bank: &Bank, membership: &str) -> Vec<String> {
    let mut memberships = MembershipServiceClient::new(bank.channel.clone());
    let list = pb::ListMembersRequest { membership: membership.to_owned(), page_size: 1000, ..Default::default() };
    let members = memberships.list_members(bank.user("analyst", "/", list)).await.unwrap().into_inner().members;
    members.into_iter().map(|member| member.customer_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_found_in_the_background_kept_and_listed() {
    Bank::each(async |bank| {
        let mut clusterings = client(&bank);
        let write = |message| bank.user("analyst", "/", message);
        let request = create(asked("km", 2));
        let queued = clusterings.create_clustering(write(request.clone())).await.unwrap().into_inner();
        let queued = queued.clustering.unwrap();
        assert_eq!((queued.version, queued.clusters.len(), queued.job.unwrap().version), (0, 0, 1));
        let found = ended(&bank, "km").await;
        let job = found.job.clone().unwrap();
        assert_eq!(
            (job.state(), job.percent, job.maker.as_str(), job.failure.as_str()),
            (State::Ready, 100, "u-1", "")
        );
        assert!(job.end_time.is_some());
        assert_eq!((found.population, found.clusters[0].size, found.clusters[1].size), (3, 2, 1));
        assert_eq!(found.means[0], (100.0 + 5_000.0 + 70_000.0) / 3.0);
        assert_eq!(found.prepared[0].missing, 1);
        let again = clusterings.create_clustering(write(request)).await.unwrap().into_inner().clustering.unwrap();
        assert_eq!(again, found);
        let list = clusterings.list_clusterings(bank.user("analyst", "/", pb::ListClusteringsRequest::default())).await;
        let short = pb::Clustering { model: None, projection: None, ..found };
        assert_eq!(list.unwrap().into_inner().clusterings, [short]);
        assert_eq!(members(&bank, "km/0").await, ["E-1", "E-2"]);
        assert_eq!(memberships(&bank, "W-1").await, ["km/1"]);
        assert!(memberships(&bank, "W-2").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_assigned_as_all_were_by_every_method() {
    let bank = Bank::open(test::sqlite()).await;
    put_groups(&bank).await;
    let preparation = pb::ClusteringPreparation {
        low_quantile: 0.02,
        high_quantile: 0.98,
        log_features: vec!["balance_total".into()],
        scale: ClusteringScale::Robust.into(),
        missing: ClusteringMissing::Median.into(),
    };
    let prepared = |clustering| pb::Clustering { preparation: Some(preparation.clone()), ..clustering };
    let mixture = pb::Clustering { method: ClusteringMethod::GaussianMixture.into(), ..asked("mixture", 3) };
    let density = pb::Clustering { method: ClusteringMethod::Dbscan.into(), ..asked("density", 0) };
    for wanted in [prepared(asked("means", 3)), prepared(mixture), prepared(density)] {
        let found = found(&bank, wanted).await;
        let mut assigned = 0;
        for cluster in &found.clusters {
            let name = format!("{}/{}", found.clustering_id, cluster.number);
            let all = members(&bank, &name).await;
            assert_eq!(all.len() as i64, cluster.size, "{name}");
            assigned += all.len();
            for customer in all.iter().step_by(7) {
                assert!(memberships(&bank, customer).await.contains(&name), "{customer} of {name}");
            }
            assert!(!cluster.name.is_empty() && cluster.standardised_means.len() == 2, "{cluster:?}");
        }
        assert_eq!((assigned as i64 + found.noise, found.population), (94, 94));
        let fidelity = found.fidelity.unwrap();
        assert!(fidelity.accuracy > 0.9 && fidelity.accuracy > fidelity.largest_share, "{fidelity:?}");
        assert!(found.silhouette > 0.3, "{}: {}", found.clustering_id, found.silhouette);
    }
    let density = get(&bank, "density").await;
    assert_eq!((density.k as usize, density.density.unwrap().min_points), (density.clusters.len(), 4));
    assert!(density.density.unwrap().epsilon > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn k_is_chosen_and_what_was_seen_of_each_is_told() {
    let bank = Bank::open(test::sqlite()).await;
    put_groups(&bank).await;
    let choice = pb::ClusteringChoice { least_k: 2, most_k: 5, ..Default::default() };
    let found = found(&bank, pb::Clustering { choice: Some(choice), ..asked("chosen", 0) }).await;
    let candidates = found.choice.unwrap().candidates;
    assert_eq!(candidates.iter().map(|candidate| candidate.k).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!((found.k as usize, found.samples.unwrap().bootstraps), (found.clusters.len(), 6));
    let chosen = candidates.iter().find(|candidate| candidate.k == found.k).unwrap();
    assert!(chosen.stability >= 0.8 && chosen.silhouette > 0.6, "{candidates:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_clustering_is_named() {
    let bank = Bank::open(test::sqlite()).await;
    let mut clusterings = client(&bank);
    let mut ask = async |clustering: pb::Clustering| {
        clusterings.create_clustering(bank.user("analyst", "/", create(clustering))).await
    };
    let features = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let unknown = pb::Clustering { features: features(&["balance_total", "colour", "has_card"]), ..asked("km", 2) };
    assert_eq!(invalid(ask(unknown).await), ["clustering.features[1]", "clustering.features[2]"]);
    let empty = pb::Clustering { features: vec![], ..asked("km", 1) };
    assert_eq!(invalid(ask(empty).await), ["clustering.features", "clustering.k"]);
    assert_eq!(invalid(ask(asked("km", 4)).await), ["clustering.k"]);
    let nobody = client(&bank).create_clustering(bank.foreigner("analyst", create(asked("km", 2)))).await;
    assert_eq!(invalid(nobody), ["clustering.features[0]", "clustering.features[1]"]);
    let mixture = ClusteringMethod::GaussianMixture.into();
    let wrong = pb::Clustering {
        method: mixture,
        choice: Some(pb::ClusteringChoice { least_k: 3, most_k: 2, ..Default::default() }),
        density: Some(pb::ClusteringDensity { epsilon: f64::NAN, min_points: 1 }),
        preparation: Some(pb::ClusteringPreparation {
            low_quantile: 0.5,
            high_quantile: f64::NAN,
            log_features: vec!["age".into()],
            scale: 9,
            missing: 9,
        }),
        fit_sample: 7,
        tree_depth: 6,
        ..asked("km", 2)
    };
    assert_eq!(
        invalid(ask(wrong).await),
        [
            "clustering.choice.most_k",
            "clustering.k",
            "clustering.fit_sample",
            "clustering.tree_depth",
            "clustering.preparation.low_quantile",
            "clustering.preparation.high_quantile",
            "clustering.preparation.log_features[0]",
            "clustering.preparation.scale",
            "clustering.preparation.missing",
            "clustering.density",
            "clustering.density.epsilon",
            "clustering.density.min_points",
        ]
    );
    let dense = pb::Clustering { method: ClusteringMethod::Dbscan.into(), fit_sample: 4001, ..asked("km", 2) };
    assert_eq!(invalid(ask(dense).await), ["clustering.k", "clustering.fit_sample"]);
    let get = pb::GetClusteringRequest { clustering_id: "km".into() };
    let unknown = client(&bank).get_clustering(bank.user("analyst", "/", get)).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);
    let denied = client(&bank).create_clustering(bank.user("auditor", "/", create(asked("km", 2)))).await;
    refused(denied, Code::PermissionDenied, ErrorReason::NoPermission);
    // Three customers at three places: nothing is dense there, and the fit says so.
    let density = Some(pb::ClusteringDensity { epsilon: 0.001, min_points: 3 });
    let sparse = pb::Clustering { method: ClusteringMethod::Dbscan.into(), density, ..asked("sparse", 0) };
    client(&bank).create_clustering(bank.user("analyst", "/", create(sparse))).await.unwrap();
    let job = ended(&bank, "sparse").await.job.unwrap();
    assert!(job.state() == State::Failed && job.failure.contains("raise epsilon"), "{job:?}");
    // The service goes on.
    found(&bank, asked("km", 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_keep_numbers_and_names_through_a_later_fit() {
    Bank::each(async |bank| {
        put_groups(&bank).await;
        let first = found(&bank, asked("km", 3)).await;
        let rename =
            |number, name: &str| pb::RenameClusterRequest { clustering_id: "km".into(), number, name: name.into() };
        let mut clusterings = client(&bank);
        let renamed = clusterings.rename_cluster(bank.user("analyst", "/", rename(1, "Spenders"))).await.unwrap();
        assert_eq!(renamed.into_inner().cluster.unwrap().name, "Spenders");
        let none = clusterings.rename_cluster(bank.user("analyst", "/", rename(7, "x"))).await;
        assert_eq!(invalid(none), ["number"]);
        let nameless = clusterings.rename_cluster(bank.user("analyst", "/", rename(1, ""))).await;
        assert_eq!(invalid(nameless), ["name"]);
        // Many more spenders: they are the largest now, and number 1 still.
        let mut last = None;
        for at in 0..90 {
            let values = [number(800.0 + f64::from(at)), number(40.0 + f64::from(at % 3))];
            last = Some(bank.put_customer(&format!("N-{at:02}"), "/hq/west", &values).await);
        }
        bank.follows(last.unwrap()).await;
        assert!(memberships(&bank, "G-05").await.contains(&"km/1".to_owned()));
        let refit = |seed| pb::RefitClusteringRequest { request_id: "again".into(), clustering_id: "km".into(), seed };
        let job =
            clusterings.refit_clustering(bank.user("strategist", "/", refit(Some(9)))).await.unwrap().into_inner();
        let again = clusterings.refit_clustering(bank.user("strategist", "/", refit(None))).await.unwrap().into_inner();
        assert_eq!((job.job.unwrap().version, again.job.unwrap().version), (2, 2));
        let second = ended(&bank, "km").await;
        assert_eq!((second.version, second.seed, second.population), (2, 9, first.population + 90));
        let now = second.clusters.iter().find(|cluster| cluster.number == 1).unwrap();
        assert_eq!((now.name.as_str(), now.renamed), ("Spenders", true));
        assert!(now.size > second.clusters[0].size && now.overlap > 0.2 && now.overlap < 0.4);
        assert_eq!(second.clusters[0].name, first.clusters[0].name);
        assert!(memberships(&bank, "G-05").await.contains(&"km/1".to_owned()));
        let unknown = pb::RefitClusteringRequest { clustering_id: "x".into(), ..refit(None) };
        let unknown = clusterings.refit_clustering(bank.user("analyst", "/", unknown)).await;
        refused(unknown, Code::NotFound, ErrorReason::NotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_is_seen_under_way_and_cancelled() {
    let bank = Bank::open(test::sqlite()).await;
    put_groups(&bank).await;
    let mut clusterings = client(&bank);
    let choice = pb::ClusteringChoice { least_k: 44, most_k: 64, ..Default::default() };
    let long = pb::Clustering { choice: Some(choice), ..asked("long", 0) };
    clusterings.create_clustering(bank.user("analyst", "/", create(long))).await.unwrap();
    let refit = pb::RefitClusteringRequest { request_id: "x".into(), clustering_id: "long".into(), seed: None };
    let busy = clusterings.refit_clustering(bank.user("analyst", "/", refit)).await;
    refused(busy, Code::FailedPrecondition, ErrorReason::WrongState);
    let ask = pb::GetClusteringPictureRequest { clustering_id: "long".into() };
    let early = clusterings.get_clustering_picture(bank.user("analyst", "/", ask)).await;
    refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
    let ask = pb::ListTypicalCustomersRequest { clustering_id: "long".into(), ..Default::default() };
    let early = clusterings.list_typical_customers(bank.user("analyst", "/", ask)).await;
    refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
    let ask = pb::RenameClusterRequest { clustering_id: "long".into(), number: 0, name: "x".into() };
    let early = clusterings.rename_cluster(bank.user("analyst", "/", ask)).await;
    refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
    let ask = pb::JudgeClusteringRequest { clustering_id: "long".into(), version: 1, approve: true };
    let early = clusterings.judge_clustering(bank.user_named("u-9", "approver", "/", ask)).await;
    refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
    let cancel = || bank.user("analyst", "/", pb::CancelClusteringRequest { clustering_id: "long".into() });
    let job = clusterings.cancel_clustering(cancel()).await.unwrap().into_inner().job.unwrap();
    assert_eq!((job.state(), job.version), (State::Cancelled, 1));
    refused(clusterings.cancel_clustering(cancel()).await, Code::FailedPrecondition, ErrorReason::WrongState);
    let unknown = pb::CancelClusteringRequest { clustering_id: "x".into() };
    let unknown = clusterings.cancel_clustering(bank.user("analyst", "/", unknown)).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);
    // The worker is free for the next one, and what was cancelled stays so.
    found(&bank, asked("km", 2)).await;
    let clustering = get(&bank, "long").await;
    assert_eq!((clustering.version, clustering.job.unwrap().state()), (0, State::Cancelled));
    let list = |state: State, page_size, page_token: &str| {
        let page_token = page_token.to_owned();
        bank.user("analyst", "/", pb::ListClusteringJobsRequest { state: state.into(), page_size, page_token })
    };
    let ids = |list: &pb::ListClusteringJobsResponse| {
        list.jobs.iter().map(|job| job.clustering_id.clone()).collect::<Vec<_>>()
    };
    let cancelled = clusterings.list_clustering_jobs(list(State::Cancelled, 0, "")).await.unwrap().into_inner();
    assert_eq!(ids(&cancelled), ["long"]);
    let first = clusterings.list_clustering_jobs(list(State::Unspecified, 1, "")).await.unwrap().into_inner();
    let rest = clusterings.list_clustering_jobs(list(State::Unspecified, 1, &first.next_page_token)).await.unwrap();
    assert_eq!((ids(&first), ids(rest.get_ref())), (vec!["km".to_owned()], vec!["long".to_owned()]));
    let foreign = clusterings.list_clustering_jobs(list(State::Ready, 1, &first.next_page_token)).await;
    refused(foreign, Code::InvalidArgument, ErrorReason::InvalidPageToken);
    let wrong = pb::ListClusteringJobsRequest { state: 99, ..Default::default() };
    assert_eq!(invalid(clusterings.list_clustering_jobs(bank.user("analyst", "/", wrong)).await), ["state"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_become_a_set_once_another_has_approved_them() {
    Bank::each(async |bank| {
        put_groups(&bank).await;
        let found = found(&bank, asked("km", 3)).await;
        let mut clusterings = client(&bank);
        let promote = |set: &str| pb::PromoteClusteringRequest {
            request_id: format!("p-{set}"),
            clustering_id: "km".into(),
            segment_set_id: set.into(),
            display_name: "From clusters".into(),
        };
        let write = |message| bank.user("strategist", "/", message);
        let early = clusterings.promote_clustering(write(promote("tiers"))).await;
        refused(early, Code::FailedPrecondition, ErrorReason::WrongState);
        let judge = |version, approve| pb::JudgeClusteringRequest { clustering_id: "km".into(), version, approve };
        let own = clusterings.judge_clustering(bank.user("approver", "/", judge(1, true))).await;
        refused(own, Code::PermissionDenied, ErrorReason::OwnWork);
        let approve = |version, yes| bank.user_named("u-9", "approver", "/", judge(version, yes));
        refused(clusterings.judge_clustering(approve(2, true)).await, Code::Aborted, ErrorReason::StaleRevision);
        let denied = clusterings.judge_clustering(bank.user_named("u-9", "analyst", "/", judge(1, true))).await;
        refused(denied, Code::PermissionDenied, ErrorReason::NoPermission);
        let approved = clusterings.judge_clustering(approve(1, true)).await.unwrap().into_inner().clustering.unwrap();
        assert_eq!(approved.checker, "u-9");

        let set = clusterings.promote_clustering(write(promote("tiers"))).await.unwrap().into_inner();
        let set = set.segment_set.unwrap();
        let rules: Vec<_> = found.clusters.iter().map(|cluster| cluster.rule.clone()).collect();
        assert_eq!(set.parts.iter().map(|part| part.rule.clone()).collect::<Vec<_>>(), rules);
        let again = clusterings.promote_clustering(write(promote("tiers"))).await.unwrap().into_inner();
        assert_eq!(again.segment_set.unwrap(), set);
        let taken = pb::PromoteClusteringRequest { request_id: "other".into(), ..promote("tiers") };
        refused(clusterings.promote_clustering(write(taken)).await, Code::AlreadyExists, ErrorReason::AlreadyExists);
        let promotions = get(&bank, "km").await.promotions;
        assert_eq!(promotions.len(), 1);
        let promotion = &promotions[0];
        let who = (promotion.promoter.as_str(), promotion.checker.as_str());
        assert_eq!((promotion.segment_set_id.as_str(), promotion.version, who), ("tiers", 1, ("u-1", "u-9")));

        // The set is as faithful as it was said to be.
        let mut sets = SegmentSetServiceClient::new(bank.channel.clone());
        let build = pb::BuildSegmentSetRequest { segment_set_id: "tiers".into() };
        sets.build_segment_set(write_set(&bank, build)).await.unwrap();
        for cluster in &found.clusters {
            let part = members(&bank, &format!("tiers/cluster_{}", cluster.number)).await;
            let own = members(&bank, &format!("km/{}", cluster.number)).await;
            let both = part.iter().filter(|customer| own.contains(customer)).count() as f64;
            assert_eq!((both / part.len() as f64, both / own.len() as f64), (cluster.precision, cluster.recall));
        }
        clusterings.judge_clustering(approve(1, false)).await.unwrap();
        let late = clusterings.promote_clustering(write(promote("more"))).await;
        refused(late, Code::FailedPrecondition, ErrorReason::WrongState);
    })
    .await;
}

fn write_set<T>(bank: &Bank, message: T) -> tonic::Request<T> {
    bank.user("strategist", "/", message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clustering_is_drawn_and_its_typical_customers_are_those_in_sight() {
    let bank = Bank::open(test::sqlite()).await;
    put_groups(&bank).await;
    let found = found(&bank, asked("km", 3)).await;
    let mut clusterings = client(&bank);
    let ask = |id: &str| pb::GetClusteringPictureRequest { clustering_id: id.into() };
    let svg = clusterings.get_clustering_picture(bank.user("analyst", "/", ask("km"))).await.unwrap().into_inner().svg;
    assert!(svg.starts_with("<svg") && svg.contains(&found.clusters[0].name), "{svg}");
    let unknown = clusterings.get_clustering_picture(bank.user("analyst", "/", ask("x"))).await;
    refused(unknown, Code::NotFound, ErrorReason::NotFound);

    let ask = |number, owner_path: &str| pb::ListTypicalCustomersRequest {
        clustering_id: "km".into(),
        number,
        owner_path: owner_path.into(),
        page_size: 0,
    };
    let all = clusterings.list_typical_customers(bank.user("analyst", "/", ask(0, ""))).await.unwrap().into_inner();
    assert_eq!(all.customers.len(), 10);
    assert!(all.customers.windows(2).all(|pair| pair[0].distance <= pair[1].distance));
    let nearest = &all.customers[0];
    assert!(memberships(&bank, &nearest.member.as_ref().unwrap().customer_id).await.contains(&"km/0".to_owned()));
    assert!(nearest.values[0] > 40_000.0 && nearest.distance < 0.5, "{nearest:?}");
    let west = clusterings.list_typical_customers(bank.user("analyst", "/hq/west", ask(0, ""))).await.unwrap();
    assert!(
        west.into_inner().customers.iter().all(|one| !one.member.as_ref().unwrap().customer_id.starts_with("G-00"))
    );
    let outside = clusterings.list_typical_customers(bank.user("analyst", "/hq/west", ask(0, "/hq/east"))).await;
    refused(outside, Code::PermissionDenied, ErrorReason::OutOfScope);
    let none = clusterings.list_typical_customers(bank.user("analyst", "/", ask(9, ""))).await;
    assert_eq!(invalid(none), ["number"]);
    let wide = pb::ListTypicalCustomersRequest { page_size: 101, ..ask(0, "") };
    assert_eq!(invalid(clusterings.list_typical_customers(bank.user("analyst", "/", wide)).await), ["page_size"]);
}

fn queued(clustering_id: &str, request_id: &str) -> clustering_job::Model {
    clustering_job::Model {
        tenant: TENANT.into(),
        clustering_id: clustering_id.into(),
        version: 1,
        request_id: request_id.into(),
        maker: "u-1".into(),
        seed: -1,
        state: State::Queued.into(),
        phase: 0,
        percent: 0,
        failure: String::new(),
        claimed_by: String::new(),
        beat: 0,
        created: 5,
        ended: 0,
    }
}

fn row(clustering: &pb::Clustering) -> clustering::Model {
    clustering::Model {
        tenant: TENANT.into(),
        clustering_id: clustering.clustering_id.clone(),
        request_id: format!("r-{}", clustering.clustering_id),
        payload: clustering.encode_to_vec(),
    }
}

#[tokio::test]
async fn a_fit_is_one_processs_until_it_falls_silent_or_is_cancelled() {
    test::each(Migrator, async |store| {
        let clustering = asked("km", 2);
        clusterings::create_clustering(&store, row(&clustering), queued("km", "r1")).await.unwrap();
        let job = claim_job(&store, "one", 100, 0).await.unwrap().unwrap();
        assert_eq!((job.state, job.claimed_by.as_str()), (State::Running as i32, "one"));
        assert!(claim_job(&store, "two", 100, 100).await.unwrap().is_none());
        // What a process let go it takes up again itself.
        assert_eq!(claim_job(&store, "one", 100, 100).await.unwrap(), Some(job.clone()));
        assert!(beat_job(&store, &job, (3, 50), 200).await.unwrap());
        let busy = create_job(&store, queued("km", "r2")).await.unwrap_err();
        assert!(busy.to_string().contains("being fitted already"));
        let taken = claim_job(&store, "two", 300, 201).await.unwrap().unwrap();
        assert_eq!((taken.claimed_by.as_str(), taken.seed, taken.percent), ("two", -1, 50));
        let found = || Found { population: 1, as_of: 1, memberships: vec![("km/0".into(), [7].into_iter().collect())] };
        assert!(!beat_job(&store, &job, (3, 51), 301).await.unwrap());
        assert!(!finish_job(&store, &job, clustering.clone(), found(), 302).await.unwrap());
        assert!(members_of(&store, TENANT, "km/0", None).await.unwrap().is_none());
        let fitted = pb::Clustering { version: 1, ..clustering.clone() };
        assert!(finish_job(&store, &taken, fitted, found(), 303).await.unwrap());
        assert_eq!(members_of(&store, TENANT, "km/0", None).await.unwrap().unwrap().0, 1);

        let later = create_job(&store, queued("km", "r2")).await.unwrap();
        assert_eq!((later.version, create_job(&store, queued("km", "r2")).await.unwrap()), (2, later.clone()));
        let cancelled = cancel_job(&store, TENANT, "km", 400).await.unwrap();
        assert_eq!((cancelled.version, cancelled.state), (2, State::Cancelled as i32));
        assert!(claim_job(&store, "one", 500, 500).await.unwrap().is_none());
        create_job(&store, queued("km", "r3")).await.unwrap();
        let third = claim_job(&store, "one", 500, 0).await.unwrap().unwrap();
        fail_job(&store, &third, "too few".into(), 501).await.unwrap();
        let newest = newest_jobs(&store, TENANT, &["km".into()]).await.unwrap();
        assert_eq!((newest["km"].version, newest["km"].failure.as_str()), (3, "too few"));
        let page = |after| Page { limit: 1, after };
        let versions = |jobs: Vec<clustering_job::Model>| jobs.iter().map(|job| job.version).collect::<Vec<_>>();
        assert_eq!(versions(list_jobs(&store, TENANT, None, &page(None)).await.unwrap()), [1, 2]);
        let after = Some(vec!["km".to_owned(), "1".to_owned()]);
        assert_eq!(versions(list_jobs(&store, TENANT, None, &page(after)).await.unwrap()), [2, 3]);
        let failed = list_jobs(&store, TENANT, Some(State::Failed.into()), &page(None)).await.unwrap();
        assert_eq!(versions(failed), [3]);
        assert!(list_jobs(&store, "other", None, &page(None)).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_promotion_is_noted_once() {
    test::each(Migrator, async |store| {
        let promotion = entity::clustering_promotion::Model {
            tenant: TENANT.into(),
            clustering_id: "km".into(),
            segment_set_id: "tiers".into(),
            version: 1,
            promoter: "u-1".into(),
            checker: "u-2".into(),
            promoted: 7,
        };
        clustering_promotion::put_promotion(&store, promotion.clone()).await.unwrap();
        let later = entity::clustering_promotion::Model { promoted: 9, version: 2, ..promotion.clone() };
        clustering_promotion::put_promotion(&store, later).await.unwrap();
        let found = clustering_promotion::promotions_of(&store, TENANT, &["km".into()]).await.unwrap();
        assert_eq!(found["km"], [promotion]);
        assert!(clustering_promotion::promotions_of(&store, "other", &["km".into()]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fit_left_behind_is_taken_up_from_its_seed_with_the_next_start() {
    let (_folder, file) = test::sqlite_file();
    for database in [file, test::postgres().await] {
        let bank = Bank::open(database.clone()).await;
        put_groups(&bank).await;
        let straight = found(&bank, pb::Clustering { seed: 3, ..asked("straight", 3) }).await;
        drop(bank);
        let store = Store::open::<Migrator>(&database).await.unwrap();
        let left = clustering_job::Model {
            state: State::Running.into(),
            claimed_by: "a process that is gone".into(),
            seed: 3,
            ..queued("left", "r-left")
        };
        clusterings::create_clustering(&store, row(&asked("left", 3)), left).await.unwrap();
        let memory = Memory::load(&store).await.unwrap();
        let pause = Duration::from_millis(20);
        let worker = tokio::spawn(job::work(store.clone(), memory.clone(), Jobs::default(), pause));
        let until = tokio::time::Instant::now() + PATIENCE;
        let found = loop {
            let newest = newest_jobs(&store, TENANT, &["left".into()]).await.unwrap();
            if newest["left"].state == State::Ready as i32 {
                let row = clusterings::get_clustering(&store, TENANT, "left").await.unwrap();
                break pb::Clustering::decode(row.payload.as_slice()).unwrap();
            }
            assert!(tokio::time::Instant::now() < until, "it is not taken up: {:?}", newest["left"]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        assert_eq!(
            (&found.clusters, &found.model, &found.prepared),
            (&straight.clusters, &straight.model, &straight.prepared)
        );
        // It lives a moment after it was kept.
        while !memory.tenant(TENANT).read(|state| state.live.names()).contains(&"left/2".to_owned()) {
            assert!(tokio::time::Instant::now() < until, "it does not live");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        store.close();
        worker.await.unwrap();
    }
}
