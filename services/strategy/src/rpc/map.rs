//! MapService.

use huan_chassis::Identity;
use huan_proto::strategy::v1::{self as pb, map_service_server::MapService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert::map;

#[tonic::async_trait]
impl MapService for Rpc {
    async fn publish_map(
        &self,
        request: Request<pb::PublishMapRequest>,
    ) -> Result<Response<pb::PublishMapResponse>, Status> {
        let caller = Identity::of(&request)?;
        caller.check_bank_wide("policy")?;
        let policy = map::policy(request.get_ref().policy.clone())?;
        let known = self.segment.list_memberships(&request).await?;
        let row = self.store.publish_map(caller.tenant()?, &caller.subject, policy, &known).await?;
        Ok(Response::new(pb::PublishMapResponse { map: Some(map::message(row)?) }))
    }

    async fn get_map(&self, request: Request<pb::GetMapRequest>) -> Result<Response<pb::GetMapResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let row = self.store.get_map(tenant, &request.get_ref().version).await?;
        Ok(Response::new(pb::GetMapResponse { map: Some(map::message(row)?) }))
    }
}
