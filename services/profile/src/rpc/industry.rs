//! IndustryService.

use huan_proto::profile::v1::{self as pb, industry_service_server::IndustryService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl IndustryService for Rpc {
    async fn get_industry(
        &self,
        request: Request<pb::GetIndustryRequest>,
    ) -> Result<Response<pb::GetIndustryResponse>, Status> {
        let found = convert::industry::find("code", &request.get_ref().code)?;
        Ok(Response::new(convert::industry::with_ancestors(found)))
    }

    async fn list_industries(
        &self,
        request: Request<pb::ListIndustriesRequest>,
    ) -> Result<Response<pb::ListIndustriesResponse>, Status> {
        Ok(Response::new(convert::industry::list(request.get_ref())?))
    }
}
