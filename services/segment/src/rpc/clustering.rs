//! ClusteringService.

use huan_chassis::{Error, Identity, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::clustering_service_server::ClusteringService;
use tonic::{Request, Response, Status};

use super::{Rpc, tenant};
use crate::cluster::picture;
use crate::clustering::job::work_on;
use crate::clustering::{check, typical};
use crate::convert::clustering::{self as convert, NewClustering, in_short};
use crate::convert::id;
use crate::memory::decode;
use crate::store::build::members_of;
use crate::store::definition_version::Author;
use crate::store::entity::{clustering::Model, clustering_job, clustering_promotion};
use crate::store::{clustering, clustering_job as jobs, clustering_promotion as promotions};

#[tonic::async_trait]
impl ClusteringService for Rpc {
    async fn create_clustering(
        &self,
        request: Request<pb::CreateClusteringRequest>,
    ) -> Result<Response<pb::CreateClusteringResponse>, Status> {
        let (tenant, maker) = (tenant(&request)?, Identity::of(&request)?.subject.clone());
        let new = convert::create_clustering(request.into_inner())?;
        let row = match clustering::find_by_request(&self.store, &tenant, &new.request_id).await? {
            Some(same) => same,
            None => self.queue_clustering(&tenant, &maker, new).await?,
        };
        let clustering = self.whole_clusterings(&tenant, vec![row]).await?.pop();
        Ok(Response::new(pb::CreateClusteringResponse { clustering }))
    }

    async fn refit_clustering(
        &self,
        request: Request<pb::RefitClusteringRequest>,
    ) -> Result<Response<pb::RefitClusteringResponse>, Status> {
        let (tenant, maker) = (tenant(&request)?, Identity::of(&request)?.subject.clone());
        let asked = request.into_inner();
        convert::refit_clustering(&asked)?;
        let kept = self.kept(&tenant, &asked.clustering_id).await?;
        self.check_clustering(&tenant, &kept).await?;
        let job = convert::later_job(&tenant, &asked, &kept, &maker, clock::micros(clock::system_now()));
        let job = jobs::create_job(&self.store, job).await?;
        self.jobs.wake();
        Ok(Response::new(pb::RefitClusteringResponse { job: Some(convert::job(&job)) }))
    }

    async fn cancel_clustering(
        &self,
        request: Request<pb::CancelClusteringRequest>,
    ) -> Result<Response<pb::CancelClusteringResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = id("clustering_id", &request.get_ref().clustering_id)?;
        self.kept(&tenant, &id).await?;
        let now = clock::micros(clock::system_now());
        let job = jobs::cancel_job(&self.store, &tenant, &id, now).await?;
        Ok(Response::new(pb::CancelClusteringResponse { job: Some(convert::job(&job)) }))
    }

    async fn get_clustering(
        &self,
        request: Request<pb::GetClusteringRequest>,
    ) -> Result<Response<pb::GetClusteringResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = id("clustering_id", &request.get_ref().clustering_id)?;
        let row = clustering::get_clustering(&self.store, &tenant, &id).await?;
        let clustering = self.whole_clusterings(&tenant, vec![row]).await?.pop();
        Ok(Response::new(pb::GetClusteringResponse { clustering }))
    }

    async fn list_clusterings(
        &self,
        request: Request<pb::ListClusteringsRequest>,
    ) -> Result<Response<pb::ListClusteringsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, filter) = (request.get_ref(), [tenant.as_str(), "clusterings"]);
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = clustering::list_clusterings(&self.store, &tenant, &page).await?;
        let next_page_token = super::cut(&mut rows, page.limit, |row| row.clustering_id.clone(), &filter);
        let clusterings = self.whole_clusterings(&tenant, rows).await?.into_iter().map(in_short).collect();
        Ok(Response::new(pb::ListClusteringsResponse { clusterings, next_page_token }))
    }

    async fn list_clustering_jobs(
        &self,
        request: Request<pb::ListClusteringJobsRequest>,
    ) -> Result<Response<pb::ListClusteringJobsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, state) = (request.get_ref(), convert::job_state(request.get_ref().state)?);
        let filter = [tenant.as_str(), "clustering_jobs", &asked.state.to_string()];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = jobs::list_jobs(&self.store, &tenant, state, &page).await?;
        let next_page_token = cut_jobs(&mut rows, page.limit, &filter);
        let jobs = rows.iter().map(convert::job).collect();
        Ok(Response::new(pb::ListClusteringJobsResponse { jobs, next_page_token }))
    }

    async fn get_clustering_picture(
        &self,
        request: Request<pb::GetClusteringPictureRequest>,
    ) -> Result<Response<pb::GetClusteringPictureResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = id("clustering_id", &request.get_ref().clustering_id)?;
        let svg = picture::draw(&fitted(self.kept(&tenant, &id).await?)?);
        Ok(Response::new(pb::GetClusteringPictureResponse { svg }))
    }

    async fn list_typical_customers(
        &self,
        request: Request<pb::ListTypicalCustomersRequest>,
    ) -> Result<Response<pb::ListTypicalCustomersResponse>, Status> {
        let (tenant, caller) = (tenant(&request)?, Identity::of(&request)?.clone());
        let asked = request.into_inner();
        let size = convert::typical_size(asked.page_size)?;
        let id = id("clustering_id", &asked.clustering_id)?;
        let kept = fitted(self.kept(&tenant, &id).await?)?;
        cluster(&kept, asked.number)?;
        let customers = self.typical(&tenant, caller, kept, asked, size).await?;
        Ok(Response::new(pb::ListTypicalCustomersResponse { customers }))
    }

    async fn rename_cluster(
        &self,
        request: Request<pb::RenameClusterRequest>,
    ) -> Result<Response<pb::RenameClusterResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        convert::rename_cluster(&asked)?;
        let rename = |kept: &mut pb::Clustering| {
            let at = cluster(&fitted(kept.clone())?, asked.number)?;
            (kept.clusters[at].name, kept.clusters[at].renamed) = (asked.name, true);
            Ok(kept.clusters[at].clone())
        };
        let cluster = clustering::change_clustering(&self.store, &tenant, &asked.clustering_id, rename).await?;
        Ok(Response::new(pb::RenameClusterResponse { cluster: Some(cluster) }))
    }

    async fn judge_clustering(
        &self,
        request: Request<pb::JudgeClusteringRequest>,
    ) -> Result<Response<pb::JudgeClusteringResponse>, Status> {
        let (tenant, caller) = (tenant(&request)?, Identity::of(&request)?.subject.clone());
        let asked = request.into_inner();
        let id = id("clustering_id", &asked.clustering_id)?;
        let maker = jobs::maker_of(&self.store, &tenant, &id, asked.version).await?;
        let judge = |kept: &mut pb::Clustering| judge(kept, &asked, maker.as_deref(), caller);
        clustering::change_clustering(&self.store, &tenant, &id, judge).await?;
        let row = clustering::get_clustering(&self.store, &tenant, &id).await?;
        let clustering = self.whole_clusterings(&tenant, vec![row]).await?.pop().map(in_short);
        Ok(Response::new(pb::JudgeClusteringResponse { clustering }))
    }

    async fn promote_clustering(
        &self,
        request: Request<pb::PromoteClusteringRequest>,
    ) -> Result<Response<pb::PromoteClusteringResponse>, Status> {
        let (tenant, promoter) = (tenant(&request)?, Identity::of(&request)?.subject.clone());
        let asked = request.into_inner();
        let kept = fitted(self.kept(&tenant, &id("clustering_id", &asked.clustering_id)?).await?)?;
        let segment_set = self.promote(&tenant, promoter, &asked, &kept).await?;
        Ok(Response::new(pb::PromoteClusteringResponse { segment_set: Some(segment_set) }))
    }
}

impl Rpc {
    /// Takes a clustering in and wakes the worker. Errors: Invalid; AlreadyExists.
    async fn queue_clustering(&self, tenant: &str, maker: &str, new: NewClustering) -> OurResult<Model> {
        self.check_clustering(tenant, &new.clustering).await?;
        let job = convert::first_job(tenant, &new, maker, clock::micros(clock::system_now()));
        let row = clustering::create_clustering(&self.store, convert::clustering_row(tenant, new), job).await?;
        self.jobs.wake();
        Ok(row)
    }

    /// Refuses what cannot be found over the customers of now, off the async threads. Errors: Invalid.
    async fn check_clustering(&self, tenant: &str, asked: &pb::Clustering) -> OurResult<()> {
        let work = work_on(&self.memory, tenant, &asked.features, None)?;
        let asked = asked.clone();
        let checked = tokio::task::spawn_blocking(move || check(&asked, &work)).await;
        checked.map_err(|error| Error::Internal(error.to_string()))?
    }

    /// What is kept of a clustering. Errors: NotFound.
    async fn kept(&self, tenant: &str, id: &str) -> OurResult<pb::Clustering> {
        decode(&clustering::get_clustering(&self.store, tenant, id).await?.payload)
    }

    /// Clusterings with their newest fits and what they became.
    async fn whole_clusterings(&self, tenant: &str, rows: Vec<Model>) -> OurResult<Vec<pb::Clustering>> {
        let ids: Vec<String> = rows.iter().map(|row| row.clustering_id.clone()).collect();
        let newest = jobs::newest_jobs(&self.store, tenant, &ids).await?;
        let became = promotions::promotions_of(&self.store, tenant, &ids).await?;
        let promotions = |id: &str| became.get(id).map(Vec::as_slice).unwrap_or_default();
        let whole =
            |row: &Model| convert::clustering(row, newest.get(&row.clustering_id), promotions(&row.clustering_id));
        rows.iter().map(whole).collect()
    }

    /// The typical customers of a cluster within what the caller sees, off the async threads.
    async fn typical(
        &self,
        tenant: &str,
        caller: Identity,
        kept: pb::Clustering,
        asked: pb::ListTypicalCustomersRequest,
        size: usize,
    ) -> OurResult<Vec<pb::TypicalCustomer>> {
        let name = format!("{}/{}", kept.clustering_id, asked.number);
        let members = members_of(&self.store, tenant, &name, None).await?.unwrap_or_default().1;
        let work = work_on(&self.memory, tenant, &kept.features, None)?;
        let found = tokio::task::spawn_blocking(move || {
            typical(&kept, asked.number, &work, &members, size, |customer| {
                huan_chassis::identity::within(customer.owner_path, &asked.owner_path)
                    && caller.check_owner("clustering_id", customer.customer_id, customer.owner_path).is_ok()
            })
        });
        found.await.map_err(|error| Error::Internal(error.to_string()))
    }

    /// Makes a set of an approved fit's rules and notes what it was made of. Errors: WrongState; Invalid; InvalidRule;
    /// AlreadyExists.
    async fn promote(
        &self,
        tenant: &str,
        promoter: String,
        asked: &pb::PromoteClusteringRequest,
        kept: &pb::Clustering,
    ) -> OurResult<pb::SegmentSet> {
        if kept.checker.is_empty() {
            return Err(Error::WrongState { what: "clustering", state: "not yet approved".into() });
        }
        let promoted = clock::micros(clock::system_now());
        let by = Author { name: promoter.clone(), time: promoted };
        let set = self.create_set(tenant, convert::promoted_set(asked, kept), &by).await?;
        let promotion = clustering_promotion::Model {
            tenant: tenant.to_owned(),
            clustering_id: kept.clustering_id.clone(),
            segment_set_id: set.segment_set_id.clone(),
            version: kept.version,
            promoter,
            checker: kept.checker.clone(),
            promoted,
        };
        promotions::put_promotion(&self.store, promotion).await?;
        Ok(set)
    }
}

/// Approves a fit or takes the approval back. Errors: WrongState; StaleRevision; OwnWork.
fn judge(
    kept: &mut pb::Clustering,
    asked: &pb::JudgeClusteringRequest,
    maker: Option<&str>,
    caller: String,
) -> OurResult<()> {
    if fitted(kept.clone())?.version != asked.version {
        return Err(Error::StaleRevision { what: "clustering" });
    }
    if maker == Some(caller.as_str()) {
        return Err(Error::OwnWork { what: "clustering", field: "clustering_id" });
    }
    kept.checker = if asked.approve { caller } else { String::new() };
    Ok(())
}

/// Errors: WrongState before the first fit is done.
fn fitted(kept: pb::Clustering) -> OurResult<pb::Clustering> {
    match kept.version {
        0 => Err(Error::WrongState { what: "clustering", state: "not yet found".into() }),
        _ => Ok(kept),
    }
}

/// The place of a cluster. Errors: Invalid if there is no such number.
fn cluster(kept: &pb::Clustering, number: i32) -> OurResult<usize> {
    let place = kept.clusters.iter().position(|cluster| cluster.number == number);
    place.ok_or_else(|| Error::invalid("number", "is no cluster's"))
}

/// Cuts the row more that was read off a page of fits, and says after which to go on.
fn cut_jobs(rows: &mut Vec<clustering_job::Model>, limit: u64, filter: &[&str]) -> String {
    if rows.len() as u64 <= limit {
        return String::new();
    }
    rows.truncate(limit as usize);
    let token =
        |last: &clustering_job::Model| page::next_token(filter, &[&last.clustering_id, &last.version.to_string()]);
    rows.last().map(token).unwrap_or_default()
}
