//! IdentityService.

use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, identity_service_server::IdentityService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl IdentityService for Rpc {
    async fn add_identity(
        &self,
        request: Request<pb::AddIdentityRequest>,
    ) -> Result<Response<pb::AddIdentityResponse>, Status> {
        let view = self.view(&request).await?;
        let pb::AddIdentityRequest { customer_id, identity } = request.into_inner();
        self.store.add_identity(convert::identity::row(Some(&customer_id), identity, &view)?).await?;
        Ok(Response::new(pb::AddIdentityResponse {}))
    }

    async fn list_identities(
        &self,
        request: Request<pb::ListIdentitiesRequest>,
    ) -> Result<Response<pb::ListIdentitiesResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let identities = self.store.list_identities(tenant, &customer_id).await?;
        Ok(Response::new(pb::ListIdentitiesResponse { identities }))
    }

    async fn resolve_identity(
        &self,
        request: Request<pb::ResolveIdentityRequest>,
    ) -> Result<Response<pb::ResolveIdentityResponse>, Status> {
        let view = self.view(&request).await?;
        let by = Identity::of(&request)?.clone();
        let row = convert::identity::row(None, request.into_inner().identity, &view)?;
        let customer_id = self.store.resolve_identity(&by, &row).await?;
        Ok(Response::new(pb::ResolveIdentityResponse { customer_id }))
    }

    async fn delete_identity(
        &self,
        request: Request<pb::DeleteIdentityRequest>,
    ) -> Result<Response<pb::DeleteIdentityResponse>, Status> {
        let view = self.view(&request).await?;
        let pb::DeleteIdentityRequest { customer_id, identity } = request.into_inner();
        self.store.delete_identity(&convert::identity::row(Some(&customer_id), identity, &view)?).await?;
        Ok(Response::new(pb::DeleteIdentityResponse {}))
    }

    async fn join_device(
        &self,
        request: Request<pb::JoinDeviceRequest>,
    ) -> Result<Response<pb::JoinDeviceResponse>, Status> {
        let view = self.view(&request).await?;
        let by = Identity::of(&request)?.clone();
        let row = convert::identity::device(request.into_inner(), &view)?;
        let (merge_id, position) = self.store.join_device(&view, &by, row).await?;
        let position = position.map(|position| position.to_string()).unwrap_or_default();
        Ok(Response::new(pb::JoinDeviceResponse { merge_id, position }))
    }
}
