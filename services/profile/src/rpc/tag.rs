//! TagService.

use huan_proto::profile::v1::{self as pb, tag_service_server::TagService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl TagService for Rpc {
    async fn attach_tag(
        &self,
        request: Request<pb::AttachTagRequest>,
    ) -> Result<Response<pb::AttachTagResponse>, Status> {
        let view = self.view(&request).await?;
        self.store.attach_tag(&view, convert::tag::attach(request.into_inner(), &view.tenant)?).await?;
        Ok(Response::new(pb::AttachTagResponse {}))
    }

    async fn detach_tag(
        &self,
        request: Request<pb::DetachTagRequest>,
    ) -> Result<Response<pb::DetachTagResponse>, Status> {
        let view = self.view(&request).await?;
        let (customer_id, name) = convert::tag::detach(request.get_ref())?;
        self.store.detach_tag(&view, &customer_id, &name).await?;
        Ok(Response::new(pb::DetachTagResponse {}))
    }

    async fn list_tags(&self, request: Request<pb::ListTagsRequest>) -> Result<Response<pb::ListTagsResponse>, Status> {
        let view = self.view(&request).await?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let rows = self.store.list_tags(&view, &customer_id).await?;
        Ok(Response::new(pb::ListTagsResponse { tags: rows.into_iter().map(convert::tag::message).collect() }))
    }
}
