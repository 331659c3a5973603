//! The gRPC services, one file a noun: each function parses, calls once and answers.

mod clustering;
mod dataset;
mod comparison;
mod history;
mod insight;
mod membership;
mod model;
mod rule;
mod segment;
mod segment_set;

use huan_chassis::feed::Status;
use huan_chassis::store::Store;
use huan_chassis::{Error, FieldFault, Identity, Result};
use huan_proto::segment::v1::clustering_service_server::ClusteringServiceServer;
use huan_proto::segment::v1::comparison_service_server::ComparisonServiceServer;
use huan_proto::segment::v1::dataset_service_server::DatasetServiceServer;
use huan_proto::segment::v1::history_service_server::HistoryServiceServer;
use huan_proto::segment::v1::insight_service_server::InsightServiceServer;
use huan_proto::segment::v1::membership_service_server::MembershipServiceServer;
use huan_proto::segment::v1::model_service_server::ModelServiceServer;
use huan_proto::segment::v1::segment_service_server::SegmentServiceServer;
use huan_proto::segment::v1::segment_set_service_server::SegmentSetServiceServer;
use tonic::service::Routes;

use crate::clustering::job::Jobs;
use crate::columns::Names;
use crate::convert;
use crate::memory::Memory;
use crate::rule::{Fault, Parsed, Rule};
use crate::store::build::{Build, Found, newest_builds};
use crate::store::definition_version::Author;

/// The full names of the services.
pub const NAMES: &[&str] = &[
    "huan.segment.v1.SegmentService",
    "huan.segment.v1.SegmentSetService",
    "huan.segment.v1.ClusteringService",
    "huan.segment.v1.MembershipService",
    "huan.segment.v1.DatasetService",
    "huan.segment.v1.ModelService",
    "huan.segment.v1.HistoryService",
    "huan.segment.v1.ComparisonService",
    "huan.segment.v1.InsightService",
    "huan.feed.v1.FeedService",
];

/// Who writes what nobody asked for.
pub const SYSTEM: &str = "system";

/// What every RPC needs. Clones share it.
#[derive(Clone)]
pub struct Rpc {
    /// On disk.
    pub store: Store,
    /// In memory.
    pub memory: Memory,
    /// How far profile's feed has been read.
    pub status: Status,
    /// How the feed of joins and leaves is sent.
    pub feed: huan_chassis::config::Feed,
    /// The fits of clusterings.
    pub jobs: Jobs,
}

impl Rpc {
    /// The routes of all services.
    pub fn routes(self) -> Routes {
        Routes::new(SegmentServiceServer::new(self.clone()))
            .add_service(SegmentSetServiceServer::new(self.clone()))
            .add_service(ClusteringServiceServer::new(self.clone()))
            .add_service(DatasetServiceServer::new(self.clone()))
            .add_service(ModelServiceServer::new(self.clone()))
            .add_service(HistoryServiceServer::new(self.clone()))
            .add_service(ComparisonServiceServer::new(self.clone()))
            .add_service(InsightServiceServer::new(self.clone()))
            .add_service(huan_chassis::feed::server(vec![self.status.clone()]))
            .add_service(MembershipServiceServer::new(self))
    }

    /// Refuses rules with faults: pairs of field and rule. Errors: InvalidRule with every fault of every rule.
    fn check_rules<'a>(&self, tenant: &str, rules: impl Iterator<Item = (String, &'a str)>) -> Result<()> {
        let faults: Vec<FieldFault> = rules
            .filter_map(|(field, rule)| Some(convert::rule_faults(&field, self.check_rule(tenant, rule).err()?)))
            .flatten()
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::InvalidRule(faults)) }
    }

    /// Checks a rule against the tenant's catalogue: the features that it reads, or its faults.
    fn check_rule(&self, tenant: &str, rule: &str) -> Result<Vec<String>, Vec<Fault>> {
        let parsed = Parsed::new(rule)?;
        // Names that a rule under trial speaks of are not to be kept.
        let mut names = Names::default();
        let rule = self.memory.tenant(tenant).read(|state| Rule::check(&parsed, &state.catalogue, &mut names))?;
        Ok(rule.features().map(str::to_owned).collect())
    }

    /// Lets changed definitions live at once in this process.
    async fn refresh(&self, tenant: &str) -> Result<()> {
        self.memory.refresh(&self.store, tenant).await
    }

    /// Finds the members of a segment or a set among all customers as they stand, off the async threads. Errors:
    /// `missing` if it is not live.
    async fn find_members(&self, tenant: &str, id: &str, missing: Error) -> Result<Found> {
        self.memory.refresh_changed(&self.store).await?;
        let (tenant, id) = (self.memory.tenant(tenant), id.to_owned());
        let work = move || {
            tenant.members(|members, now| (members.of(&id), members.population(), huan_chassis::clock::micros(now)))
        };
        let found = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?;
        let (memberships, population, as_of) = found;
        Ok(Found { population: population.into(), as_of, memberships: memberships.ok_or(missing)? })
    }

    /// The newest builds of one owner.
    async fn builds_of(&self, tenant: &str, id: &str) -> Result<Vec<Build>> {
        let mut builds = newest_builds(&self.store, tenant, &[id.to_owned()]).await?;
        Ok(builds.remove(id).unwrap_or_default())
    }
}

/// The tenant of a request.
fn tenant<T>(request: &tonic::Request<T>) -> Result<String> {
    Ok(Identity::of(request)?.tenant()?.to_owned())
}

/// Who writes, and when.
fn author<T>(request: &tonic::Request<T>) -> Result<Author> {
    let time = huan_chassis::clock::micros(huan_chassis::clock::system_now());
    Ok(Author { name: Identity::of(request)?.subject.clone(), time })
}

/// Cuts the row more that was read off a page, and says after which key to go on.
fn cut<T>(rows: &mut Vec<T>, limit: u64, key: impl Fn(&T) -> String, filter: &[&str]) -> String {
    if rows.len() as u64 <= limit {
        return String::new();
    }
    rows.truncate(limit as usize);
    rows.last().map(|last| huan_chassis::page::next_token(filter, &[&key(last)])).unwrap_or_default()
}
