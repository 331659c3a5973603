//! SegmentSetService.

use huan_chassis::{Error, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::segment_set_service_server::SegmentSetService;
use tonic::{Request, Response, Status};

use super::{Rpc, author, cut, tenant};
use crate::live::Draft;
use crate::set_check::tally;
use crate::store::definition::Definitions;
use crate::store::definition_version::Author;
use crate::store::entity::{segment, segment_set_part};
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

    async fn list_segment_set_versions(
        &self,
        request: Request<pb::ListSegmentSetVersionsRequest>,
    ) -> Result<Response<pb::ListSegmentSetVersionsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let id = convert::id("segment_set_id", &asked.segment_set_id)?;
        let filter = [tenant.as_str(), "segment_set_versions", &id];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        store::segment_set::get_segment_set(&self.store, &tenant, &id).await?;
        let mut rows = store::definition_version::list_versions(&self.store, &tenant, &id, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |row| row.revision.to_string(), &filter);
        let versions = rows.into_iter().map(convert::set::segment_set_version).collect::<OurResult<_>>()?;
        Ok(Response::new(pb::ListSegmentSetVersionsResponse { versions, next_page_token }))
    }

    async fn check_segment_set(
        &self,
        request: Request<pb::CheckSegmentSetRequest>,
    ) -> Result<Response<pb::CheckSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let (_, parts) = convert::set::check_segment_set(&tenant, request.into_inner())?;
        self.check_rules(&tenant, rules(&parts))?;
        Ok(Response::new(self.check_parts(&tenant, parts).await?))
    }

    async fn create_segment_set(
        &self,
        request: Request<pb::CreateSegmentSetRequest>,
    ) -> Result<Response<pb::CreateSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let by = author(&request)?;
        let set = self.create_set(&tenant, request.into_inner(), &by).await?;
        Ok(Response::new(pb::CreateSegmentSetResponse { segment_set: Some(set) }))
    }

    async fn update_segment_set(
        &self,
        request: Request<pb::UpdateSegmentSetRequest>,
    ) -> Result<Response<pb::UpdateSegmentSetResponse>, Status> {
        let tenant = tenant(&request)?;
        let by = author(&request)?;
        let set = convert::update_segment_set(&tenant, request.into_inner())?;
        self.check_rules(&tenant, rules(&set.1))?;
        let set = store::segment_set::update_segment_set(&self.store, set, &by).await?;
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
        self.measure(&tenant, &id, &builds).await?;
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
        by: &Author,
    ) -> OurResult<pb::SegmentSet> {
        let set = convert::create_segment_set(tenant, asked)?;
        self.check_rules(tenant, rules(&set.1))?;
        let set = store::segment_set::create_segment_set(&self.store, set, by).await?;
        self.refresh(tenant).await?;
        let builds = self.builds_of(tenant, &set.0.segment_set_id).await?;
        Ok(convert::segment_set(set, &builds))
    }

    /// Evaluates each part's rule for every customer as they stand, off the async threads.
    async fn check_parts(
        &self,
        tenant: &str,
        parts: Vec<segment_set_part::Model>,
    ) -> OurResult<pb::CheckSegmentSetResponse> {
        // Read before the rows, so that it says no more than they hold.
        let position = self.status.cursor().map(|position| position.to_string()).unwrap_or_default();
        let memory = self.memory.tenant(tenant);
        let (rows, _, time) = memory.snapshot();
        let now = time.now();
        let ids: Vec<String> = parts.iter().map(|part| part.part_id.clone()).collect();
        let work = move || {
            let segments = parts.into_iter().map(as_segment).collect();
            let draft = Draft::new(Definitions { segments, ..Default::default() });
            // Names that a set under trial speaks of are not to be kept.
            let mut names = (*rows.names).clone();
            let live = memory.read(|state| draft.compile(&state.catalogue, &mut names));
            let members = |id: &String| live.members(id, &rows, time.day(now)).unwrap_or_default().pop();
            let members: Vec<_> = ids.iter().filter_map(members).map(|(_, bitmap)| bitmap).collect();
            convert::set::checked(&ids, &tally(&members, rows.population.into()))
        };
        let checked = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(pb::CheckSegmentSetResponse { position, as_of_time: Some(clock::timestamp(now)), ..checked })
    }
}

/// A part as a segment of its own, whose rule nothing goes before.
fn as_segment(part: segment_set_part::Model) -> segment::Model {
    segment::Model {
        tenant: part.tenant,
        segment_id: part.part_id,
        display_name: part.display_name,
        rule: part.rule,
        revision: 0,
        request_id: String::new(),
    }
}

fn rules(parts: &[segment_set_part::Model]) -> impl Iterator<Item = (String, &str)> {
    parts.iter().map(|part| (format!("segment_set.parts[{}].rule", part.place), part.rule.as_str()))
}
