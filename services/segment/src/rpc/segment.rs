//! SegmentService.

use huan_chassis::{Error, Identity, Result as OurResult, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::segment_service_server::SegmentService;
use tonic::{Request, Response, Status};

use super::{Rpc, author, cut, tenant};
use crate::memory::State;
use crate::store::entity::{segment, segment_source};
use crate::{convert, store, template};

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
        Ok(Response::new(pb::GetSegmentResponse { segment: Some(self.whole(segment).await?) }))
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
        let sources = store::segment_source::sources_of(&self.store, &tenant, &ids).await?;
        let of = |id: &str| builds.get(id).map(Vec::as_slice).unwrap_or_default();
        let whole = |(row, id): (_, &String)| convert::segment(row, sources.get(id), of(id));
        let segments = rows.into_iter().zip(&ids).map(whole).collect();
        Ok(Response::new(pb::ListSegmentsResponse { segments, next_page_token }))
    }

    async fn create_segment(
        &self,
        request: Request<pb::CreateSegmentRequest>,
    ) -> Result<Response<pb::CreateSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let by = author(&request)?;
        let (segment, source) = convert::create_segment(&tenant, request.into_inner())?;
        self.check_source(&segment, source.as_ref()).await?;
        let segment = store::segment::create_segment(&self.store, segment, source, &by).await?;
        self.refresh(&tenant).await?;
        Ok(Response::new(pb::CreateSegmentResponse { segment: Some(self.whole(segment).await?) }))
    }

    async fn update_segment(
        &self,
        request: Request<pb::UpdateSegmentRequest>,
    ) -> Result<Response<pb::UpdateSegmentResponse>, Status> {
        let tenant = tenant(&request)?;
        let by = author(&request)?;
        let (segment, source) = convert::update_segment(&tenant, request.into_inner())?;
        self.check_source(&segment, source.as_ref()).await?;
        let segment = store::segment::update_segment(&self.store, segment, source, &by).await?;
        self.refresh(&tenant).await?;
        Ok(Response::new(pb::UpdateSegmentResponse { segment: Some(self.whole(segment).await?) }))
    }

    async fn list_segment_templates(
        &self,
        _: Request<pb::ListSegmentTemplatesRequest>,
    ) -> Result<Response<pb::ListSegmentTemplatesResponse>, Status> {
        Ok(Response::new(pb::ListSegmentTemplatesResponse { templates: template::segment_templates() }))
    }

    async fn list_segment_versions(
        &self,
        request: Request<pb::ListSegmentVersionsRequest>,
    ) -> Result<Response<pb::ListSegmentVersionsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let segment_id = convert::id("segment_id", &asked.segment_id)?;
        let filter = [tenant.as_str(), "segment_versions", &segment_id];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        store::segment::get_segment(&self.store, &tenant, &segment_id).await?;
        let mut rows = store::definition_version::list_versions(&self.store, &tenant, &segment_id, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.revision.to_string(), &filter);
        let versions = rows.into_iter().map(convert::set::segment_version).collect::<OurResult<_>>()?;
        Ok(Response::new(pb::ListSegmentVersionsResponse { versions, next_page_token }))
    }

    async fn add_segment_members(
        &self,
        request: Request<pb::AddSegmentMembersRequest>,
    ) -> Result<Response<pb::AddSegmentMembersResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.into_inner();
        let segment_id = convert::set::add_members(&asked)?;
        let segment = store::segment::get_segment(&self.store, &tenant, &segment_id).await?;
        let ordinal = |state: &State, id: &String| state.columns.ordinal(state.root(id));
        let ordinals: Vec<_> =
            self.memory.tenant(&tenant).read(|state| asked.customer_ids.iter().map(|id| ordinal(state, id)).collect());
        let (customers, unknown) = convert::set::known(&ordinals);
        store::segment_source::add_members(&self.store, &tenant, &segment_id, customers, asked.freeze).await?;
        self.refresh(&tenant).await?;
        Ok(Response::new(pb::AddSegmentMembersResponse { segment: Some(self.whole(segment).await?), unknown }))
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
        self.measure(&tenant, &segment_id, &builds).await?;
        Ok(Response::new(pb::BuildSegmentResponse { build: builds.first().map(convert::build) }))
    }
}

impl Rpc {
    /// A segment with its source and newest build.
    async fn whole(&self, segment: segment::Model) -> OurResult<pb::Segment> {
        let source = store::segment_source::get_source(self.store.read(), &segment.tenant, &segment.segment_id).await?;
        let builds = self.builds_of(&segment.tenant, &segment.segment_id).await?;
        Ok(convert::segment(segment, source.as_ref(), &builds))
    }

    /// Refuses a rule with faults, and a cluster that is none. Errors: InvalidRule, Invalid.
    async fn check_source(&self, segment: &segment::Model, source: Option<&segment_source::Model>) -> OurResult<()> {
        let Some(source) = source else {
            let rule = ("segment.rule".to_owned(), segment.rule.as_str());
            return self.check_rules(&segment.tenant, [rule].into_iter());
        };
        self.memory.refresh_changed(&self.store).await?;
        let found = self.memory.tenant(&segment.tenant).read(|state| state.live.is_cluster(&source.cluster));
        match source.cluster.is_empty() || found {
            true => Ok(()),
            false => Err(Error::invalid("segment.cluster", "is no membership of a clustering")),
        }
    }
}
