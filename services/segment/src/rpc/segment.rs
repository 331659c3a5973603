//! SegmentService.

use huan_chassis::{Error, Identity, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::segment_service_server::SegmentService;
use tonic::{Request, Response, Status};

use super::{Rpc, cut, tenant};
use crate::{convert, store};

#[tonic::async_trait]
impl SegmentService for Rpc {
    async fn check_rule(
        &self,
        request: Request<pb::CheckRuleRequest>,
    ) -> Result<Response<pb::CheckRuleResponse>, Status> {
        let tenant = tenant(&request)?;
        let identity = Identity::of(&request)?.clone();
        Ok(Response::new(self.try_rule(identity, &tenant, request.into_inner()).await?))
    }

    async fn get_segment(
        &self,
        request: Request<pb::GetSegmentRequest>,
    ) -> Result<Response<pb::GetSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let segment_id = convert::id("segment_id", &request.get_ref().segment_id)?;
        let segment = store::segment::get_segment(&self.store, &tenant, &segment_id).await?;
        let segment = convert::segment(segment, &self.builds_of(&tenant, &segment_id).await?);
        Ok(Response::new(pb::GetSegmentResponse { segment: Some(segment) }))
    }

    async fn list_segments(
        &self,
        request: Request<pb::ListSegmentsRequest>,
    ) -> Result<Response<pb::ListSegmentsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, filter) = (request.get_ref(), [tenant.as_str(), "segments"]);
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = store::segment::list_segments(&self.store, &tenant, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.segment_id.clone(), &filter);
        let ids: Vec<_> = rows.iter().map(|row| row.segment_id.clone()).collect();
        let builds = store::build::newest_builds(&self.store, &tenant, &ids).await?;
        let of = |id: &str| builds.get(id).map(Vec::as_slice).unwrap_or_default();
        let segments = rows.into_iter().zip(&ids).map(|(row, id)| convert::segment(row, of(id))).collect();
        Ok(Response::new(pb::ListSegmentsResponse { segments, next_page_token }))
    }

    async fn create_segment(
        &self,
        request: Request<pb::CreateSegmentRequest>,
    ) -> Result<Response<pb::CreateSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let segment = convert::create_segment(&tenant, request.into_inner())?;
        self.check_rules(&tenant, [("segment.rule".to_owned(), segment.rule.as_str())].into_iter())?;
        let segment = store::segment::create_segment(&self.store, segment).await?;
        self.refresh(&tenant).await?;
        let builds = self.builds_of(&tenant, &segment.segment_id).await?;
        Ok(Response::new(pb::CreateSegmentResponse { segment: Some(convert::segment(segment, &builds)) }))
    }

    async fn update_segment(
        &self,
        request: Request<pb::UpdateSegmentRequest>,
    ) -> Result<Response<pb::UpdateSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let segment = convert::update_segment(&tenant, request.into_inner())?;
        self.check_rules(&tenant, [("segment.rule".to_owned(), segment.rule.as_str())].into_iter())?;
        let segment = store::segment::update_segment(&self.store, segment).await?;
        self.refresh(&tenant).await?;
        let builds = self.builds_of(&tenant, &segment.segment_id).await?;
        Ok(Response::new(pb::UpdateSegmentResponse { segment: Some(convert::segment(segment, &builds)) }))
    }

    async fn build_segment(
        &self,
        request: Request<pb::BuildSegmentRequest>,
    ) -> Result<Response<pb::BuildSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let segment_id = convert::id("segment_id", &request.get_ref().segment_id)?;
        store::segment::get_segment(&self.store, &tenant, &segment_id).await?;
        let found =
            self.find_members(&tenant, &segment_id, Error::NotFound { what: "segment", field: "segment_id" }).await?;
        let builds = store::build::create_build(&self.store, &tenant, &segment_id, found).await?;
        Ok(Response::new(pb::BuildSegmentResponse { build: builds.first().map(convert::build) }))
    }
}
