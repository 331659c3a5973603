//! ClusteringService.

use huan_chassis::{Error, FieldFault, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::clustering_service_server::ClusteringService;
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::{Rpc, cut, tenant};
use crate::catalogue::{Catalogue, Kind};
use crate::clustering::{Work, find_clustering};
use crate::convert::NewClustering;
use crate::store::entity::clustering::Model;
use crate::{convert, store};

#[tonic::async_trait]
impl ClusteringService for Rpc {
    async fn create_clustering(
        &self,
        request: Request<pb::CreateClusteringRequest>,
    ) -> Result<Response<pb::CreateClusteringResponse>, Status> {
        let tenant = tenant(&request)?;
        let new = convert::create_clustering(request.into_inner())?;
        let clustering = match store::clustering::find_by_request(&self.store, &tenant, &new.request_id).await? {
            Some(same) => same,
            None => self.find_and_keep(&tenant, new).await?,
        };
        Ok(Response::new(pb::CreateClusteringResponse { clustering: Some(convert::clustering(&clustering)?) }))
    }

    async fn get_clustering(
        &self,
        request: Request<pb::GetClusteringRequest>,
    ) -> Result<Response<pb::GetClusteringResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = convert::id("clustering_id", &request.get_ref().clustering_id)?;
        let clustering = store::clustering::get_clustering(&self.store, &tenant, &id).await?;
        Ok(Response::new(pb::GetClusteringResponse { clustering: Some(convert::clustering(&clustering)?) }))
    }

    async fn list_clusterings(
        &self,
        request: Request<pb::ListClusteringsRequest>,
    ) -> Result<Response<pb::ListClusteringsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, filter) = (request.get_ref(), [tenant.as_str(), "clusterings"]);
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = store::clustering::list_clusterings(&self.store, &tenant, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.clustering_id.clone(), &filter);
        let clusterings = rows.iter().map(convert::clustering).collect::<OurResult<_>>()?;
        Ok(Response::new(pb::ListClusteringsResponse { clusterings, next_page_token }))
    }
}

impl Rpc {
    /// Finds the clusters off the async threads, keeps them and lets them live.
    async fn find_and_keep(&self, tenant: &str, new: NewClustering) -> OurResult<Model> {
        let memory = self.memory.tenant(tenant);
        let slots = memory.read(|state| slots(&state.catalogue, &new.clustering.features))?;
        let (rows, _, time) = memory.snapshot();
        let now = time.now();
        let asked = pb::Clustering { as_of_time: Some(clock::timestamp(now)), ..new.clustering };
        let work = Work { rows, slots, today: time.day(now), as_of: clock::micros(now) };
        let found = tokio::task::spawn_blocking(move || find_clustering(asked, &work)).await;
        let (clustering, members) = found.map_err(|error| Error::Internal(error.to_string()))??;
        let model = Model {
            tenant: tenant.to_owned(),
            clustering_id: clustering.clustering_id.clone(),
            request_id: new.request_id,
            payload: clustering.encode_to_vec(),
        };
        let model = store::clustering::create_clustering(&self.store, model, members).await?;
        self.refresh(tenant).await?;
        Ok(model)
    }
}

/// The columns of the features. Errors: Invalid for each that is unknown or not a number.
fn slots(catalogue: &Catalogue, features: &[String]) -> OurResult<Vec<usize>> {
    let mut faults = Vec::new();
    let mut slots = Vec::with_capacity(features.len());
    for (at, name) in features.iter().enumerate() {
        let description = match catalogue.find(name).map(|feature| feature.column) {
            Some(column) if column.kind == Kind::Number => {
                slots.push(column.slot);
                continue;
            }
            Some(_) => "is not a number".to_owned(),
            None => {
                let hint = catalogue.nearest(name).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                format!("is no feature{hint}")
            }
        };
        faults.push(FieldFault { field: format!("clustering.features[{at}]"), description });
    }
    if faults.is_empty() { Ok(slots) } else { Err(Error::Invalid(faults)) }
}
