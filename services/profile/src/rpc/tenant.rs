//! TenantService.

use huan_chassis::{Identity, clock};
use huan_proto::profile::v1::{self as pb, tenant_service_server::TenantService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl TenantService for Rpc {
    async fn create_tenant(
        &self,
        request: Request<pb::CreateTenantRequest>,
    ) -> Result<Response<pb::CreateTenantResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?.to_owned();
        let row = self.store.create_tenant(convert::tenant::create(request.into_inner(), &tenant)?).await?;
        Ok(Response::new(pb::CreateTenantResponse { tenant: Some(convert::tenant::message(&row)) }))
    }

    async fn get_tenant(
        &self,
        request: Request<pb::GetTenantRequest>,
    ) -> Result<Response<pb::GetTenantResponse>, Status> {
        let view = self.store.fresh_view(Identity::of(&request)?.tenant()?).await?;
        let now = view.time.now();
        Ok(Response::new(pb::GetTenantResponse {
            tenant: Some(convert::tenant::message(&view.row)),
            business_time: Some(clock::timestamp(now)),
            business_day: view.time.day(now).to_string(),
        }))
    }

    async fn update_tenant(
        &self,
        request: Request<pb::UpdateTenantRequest>,
    ) -> Result<Response<pb::UpdateTenantResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?.to_owned();
        let (revision, clock) = convert::tenant::update(request.get_ref())?;
        let by_rule = request.get_ref().merge_by_id_number;
        let row = self.store.update_tenant(&tenant, revision, clock, by_rule).await?;
        Ok(Response::new(pb::UpdateTenantResponse { tenant: Some(convert::tenant::message(&row)) }))
    }
}
