//! SegmentSetService.

use huan_chassis::{Error, Result as OurResult, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::segment_set_service_server::SegmentSetService;
use tonic::{Request, Response, Status};

use super::{Rpc, cut, tenant};
use crate::store::entity::segment_set_part;
use crate::{convert, store, template};

#[tonic::async_trait]
impl SegmentSetService for Rpc {
    async fn get_segment_set(
        &self,
        request: Request<pb::GetSegmentSetRequest>,
    ) -> Result<Response<pb::GetSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = convert::id("segment_set_id", &request.get_ref().segment_set_id)?;
        let set = store::segment_set::get_segment_set(&self.store, &tenant, &id).await?;
        let set = convert::segment_set(set, &self.builds_of(&tenant, &id).await?);
        Ok(Response::new(pb::GetSegmentSetResponse { segment_set: Some(set) }))
    }

    async fn list_segment_sets(
        &self,
        request: Request<pb::ListSegmentSetsRequest>,
    ) -> Result<Response<pb::ListSegmentSetsResponse>, Status> {
        let tenant = tenant(&request)?;
        let (asked, filter) = (request.get_ref(), [tenant.as_str(), "segment_sets"]);
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = store::segment_set::list_segment_sets(&self.store, &tenant, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |(set, _)| set.segment_set_id.clone(), &filter);
        let ids: Vec<_> = rows.iter().map(|(set, _)| set.segment_set_id.clone()).collect();
        let builds = store::build::newest_builds(&self.store, &tenant, &ids).await?;
        let of = |id: &str| builds.get(id).map(Vec::as_slice).unwrap_or_default();
        let segment_sets = rows.into_iter().zip(&ids).map(|(row, id)| convert::segment_set(row, of(id))).collect();
        Ok(Response::new(pb::ListSegmentSetsResponse { segment_sets, next_page_token }))
    }

    async fn list_segment_set_templates(
        &self,
        _: Request<pb::ListSegmentSetTemplatesRequest>,
    ) -> Result<Response<pb::ListSegmentSetTemplatesResponse>, Status> {
        Ok(Response::new(pb::ListSegmentSetTemplatesResponse { segment_sets: template::templates() }))
    }

    async fn create_segment_set(
        &self,
        request: Request<pb::CreateSegmentSetRequest>,
    ) -> Result<Response<pb::CreateSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let set = self.create_set(&tenant, request.into_inner()).await?;
        Ok(Response::new(pb::CreateSegmentSetResponse { segment_set: Some(set) }))
    }

    async fn update_segment_set(
        &self,
        request: Request<pb::UpdateSegmentSetRequest>,
    ) -> Result<Response<pb::UpdateSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let set = convert::update_segment_set(&tenant, request.into_inner())?;
        self.check_rules(&tenant, rules(&set.1))?;
        let set = store::segment_set::update_segment_set(&self.store, set).await?;
        self.refresh(&tenant).await?;
        let builds = self.builds_of(&tenant, &set.0.segment_set_id).await?;
        Ok(Response::new(pb::UpdateSegmentSetResponse { segment_set: Some(convert::segment_set(set, &builds)) }))
    }

    async fn build_segment_set(
        &self,
        request: Request<pb::BuildSegmentSetRequest>,
    ) -> Result<Response<pb::BuildSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let id = convert::id("segment_set_id", &request.get_ref().segment_set_id)?;
        let (_, parts) = store::segment_set::get_segment_set(&self.store, &tenant, &id).await?;
        let missing = Error::NotFound { what: "segment set", field: "segment_set_id" };
        let found = self.find_members(&tenant, &id, missing).await?;
        let builds = store::build::create_build(&self.store, &tenant, &id, found).await?;
        let order: Vec<_> = parts.iter().map(|part| part.part_id.as_str()).collect();
        Ok(Response::new(pb::BuildSegmentSetResponse { build: Some(convert::set_build(&builds, &order)) }))
    }
}

impl Rpc {
    /// Checks a set, keeps it and lets it live. Errors: Invalid; InvalidRule; AlreadyExists.
    pub(super) async fn create_set(
        &self,
        tenant: &str,
        asked: pb::CreateSegmentSetRequest,
    ) -> OurResult<pb::SegmentSet> {
        let set = convert::create_segment_set(tenant, asked)?;
        self.check_rules(tenant, rules(&set.1))?;
        let set = store::segment_set::create_segment_set(&self.store, set).await?;
        self.refresh(tenant).await?;
        let builds = self.builds_of(tenant, &set.0.segment_set_id).await?;
        Ok(convert::segment_set(set, &builds))
    }
}

fn rules(parts: &[segment_set_part::Model]) -> impl Iterator<Item = (String, &str)> {
    parts.iter().map(|part| (format!("segment_set.parts[{}].rule", part.place), part.rule.as_str()))
}
