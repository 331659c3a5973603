//! ObjectiveService.

use huan_chassis::{Identity, page};
use huan_proto::strategy::v1::{self as pb, objective_service_server::ObjectiveService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert::objective;

#[tonic::async_trait]
impl ObjectiveService for Rpc {
    async fn list_objectives(
        &self,
        request: Request<pb::ListObjectivesRequest>,
    ) -> Result<Response<pb::ListObjectivesResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let page = page::page(message.page_size, &message.page_token, &[tenant, "objective"])?;
        let (rows, next_page_token) = self.store.list_objectives(tenant, page).await?;
        let objectives = rows.into_iter().map(objective::message).collect();
        Ok(Response::new(pb::ListObjectivesResponse { objectives, next_page_token }))
    }

    async fn put_objective(
        &self,
        request: Request<pb::PutObjectiveRequest>,
    ) -> Result<Response<pb::PutObjectiveResponse>, Status> {
        let caller = Identity::of(&request)?;
        caller.check_bank_wide("objective")?;
        let tenant = caller.tenant()?.to_owned();
        let row = objective::row(&tenant, request.into_inner().objective)?;
        let objective = objective::message(self.store.put_objective(row).await?);
        Ok(Response::new(pb::PutObjectiveResponse { objective: Some(objective) }))
    }
}
