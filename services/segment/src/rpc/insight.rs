//! InsightService.

use huan_chassis::{Error, Result as OurResult, clock, page};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::evidence::Subject;
use huan_proto::segment::v1::insight_service_server::InsightService;
use huan_proto::segment::v1::outcome::Became;
use tonic::{Request, Response, Status};

use super::{Rpc, author, cut, tenant};
use crate::convert;
use crate::distribution::{Distribution, sample};
use crate::store::{build, insight, segment, segment_set};

/// Builds that a picture shows.
const SHOWN: u64 = 12;

#[tonic::async_trait]
impl InsightService for Rpc {
    async fn get_insight(
        &self,
        request: Request<pb::GetInsightRequest>,
    ) -> Result<Response<pb::GetInsightResponse>, Status> {
        let tenant = tenant(&request)?;
        let insight_id = convert::id("insight_id", &request.get_ref().insight_id)?;
        let insight = insight::get_insight(&self.store, &tenant, &insight_id).await?;
        Ok(Response::new(pb::GetInsightResponse { insight: Some(insight) }))
    }

    async fn list_insights(
        &self,
        request: Request<pb::ListInsightsRequest>,
    ) -> Result<Response<pb::ListInsightsResponse>, Status> {
        let tenant = tenant(&request)?;
        let asked = request.get_ref();
        let status = convert::insight::list_insights(asked)?;
        let filter = [tenant.as_str(), "insights", status.as_str_name()];
        let page = page::page(asked.page_size, &asked.page_token, &filter)?;
        let mut rows = insight::list_insights(&self.store, &tenant, status, &page).await?;
        let next_page_token = cut(&mut rows, page.limit, |(number, _)| number.to_string(), &filter);
        let insights = rows.into_iter().map(|(_, insight)| insight).collect();
        Ok(Response::new(pb::ListInsightsResponse { insights, next_page_token }))
    }

    async fn create_insight(
        &self,
        request: Request<pb::CreateInsightRequest>,
    ) -> Result<Response<pb::CreateInsightResponse>, Status> {
        let (tenant, by) = (tenant(&request)?, author(&request)?);
        let (request_id, head) = convert::insight::create_insight(request.into_inner(), &by)?;
        let insight = insight::create_insight(&self.store, &tenant, &request_id, head, vec![]).await?;
        Ok(Response::new(pb::CreateInsightResponse { insight: Some(insight) }))
    }

    async fn add_evidence(
        &self,
        request: Request<pb::AddEvidenceRequest>,
    ) -> Result<Response<pb::AddEvidenceResponse>, Status> {
        let (tenant, by) = (tenant(&request)?, author(&request)?);
        let (insight_id, request_id, asked) = convert::insight::add_evidence(request.into_inner(), &by)?;
        let evidence = match insight::evidence_of_request(&self.store, &tenant, &insight_id, &request_id).await? {
            Some(same) => same,
            None => {
                let computed = self.compute(&tenant, asked).await?;
                insight::add_evidence(&self.store, &tenant, &insight_id, &request_id, computed).await?
            }
        };
        Ok(Response::new(pb::AddEvidenceResponse { evidence: Some(evidence) }))
    }

    async fn add_comment(
        &self,
        request: Request<pb::AddCommentRequest>,
    ) -> Result<Response<pb::AddCommentResponse>, Status> {
        let (tenant, by) = (tenant(&request)?, author(&request)?);
        let (insight_id, request_id, text) = convert::insight::add_comment(request.get_ref())?;
        let comment = insight::add_comment(&self.store, &tenant, &insight_id, &request_id, text, &by).await?;
        Ok(Response::new(pb::AddCommentResponse { comment: Some(comment) }))
    }

    async fn vote_on_insight(
        &self,
        request: Request<pb::VoteOnInsightRequest>,
    ) -> Result<Response<pb::VoteOnInsightResponse>, Status> {
        let (tenant, by) = (tenant(&request)?, author(&request)?);
        let (insight_id, vote) = convert::insight::vote_on_insight(request.get_ref())?;
        let (agree, disagree) = insight::vote_on_insight(&self.store, &tenant, &insight_id, vote, &by).await?;
        Ok(Response::new(pb::VoteOnInsightResponse { agree, disagree }))
    }

    async fn close_insight(
        &self,
        request: Request<pb::CloseInsightRequest>,
    ) -> Result<Response<pb::CloseInsightResponse>, Status> {
        let (tenant, by) = (tenant(&request)?, author(&request)?);
        let (insight_id, status, reason) = convert::insight::close_insight(request.get_ref())?;
        let read = (insight_id.as_str(), request.get_ref().revision);
        let insight = insight::close_insight(&self.store, &tenant, read, status, reason, &by).await?;
        Ok(Response::new(pb::CloseInsightResponse { insight: Some(insight) }))
    }

    async fn link_insight(
        &self,
        request: Request<pb::LinkInsightRequest>,
    ) -> Result<Response<pb::LinkInsightResponse>, Status> {
        let tenant = tenant(&request)?;
        let (insight_id, outcome) = convert::insight::link_insight(request.into_inner())?;
        self.check_outcome(&tenant, &outcome).await?;
        let insight = insight::link_insight(&self.store, &tenant, &insight_id, outcome).await?;
        Ok(Response::new(pb::LinkInsightResponse { insight: Some(insight) }))
    }
}

impl Rpc {
    /// Computes evidence as it is now. Errors: NotFound, WrongState if a membership was never built.
    async fn compute(&self, tenant: &str, asked: pb::Evidence) -> OurResult<pb::Evidence> {
        match asked.subject.clone() {
            Some(Subject::Feature(feature)) => self.compute_feature(tenant, asked, &feature).await,
            Some(Subject::Membership(membership)) => {
                self.members(tenant, &membership, None).await.map_err(|error| of(error, "evidence.membership"))?;
                let builds = build::last_builds(&self.store, tenant, &membership, SHOWN).await?;
                Ok(convert::insight::evidence_of_builds(asked, &builds))
            }
            None => Ok(asked),
        }
    }

    async fn compute_feature(&self, tenant: &str, asked: pb::Evidence, feature: &str) -> OurResult<pb::Evidence> {
        let memory = self.memory.tenant(tenant);
        let column = memory.read(|state| state.catalogue.find(feature).map(|feature| feature.column));
        let column = column.ok_or(Error::NotFound { what: "feature", field: "evidence.feature" })?;
        let within = match asked.within.as_str() {
            "" => None,
            name => Some(self.members(tenant, name, None).await.map_err(|error| of(error, "evidence.within"))?.1),
        };
        let (rows, _, time) = memory.snapshot();
        let now = time.now();
        let work = move || {
            let bins = Distribution::of(&sample(&rows, column, time.day(now), None));
            let inside = within.map(|within| bins.count(&sample(&rows, column, time.day(now), Some(&within))));
            let counts = inside.unwrap_or_else(|| bins.counts.clone());
            convert::insight::evidence_of_feature(asked, bins.labels(), &counts, &bins.counts)
        };
        let found = tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(pb::Evidence { as_of_time: Some(clock::timestamp(now)), ..found })
    }

    /// Refuses a segment or a set that does not exist; strategies are another service's. Errors: Invalid.
    async fn check_outcome(&self, tenant: &str, outcome: &pb::Outcome) -> OurResult<()> {
        let (found, field) = match &outcome.became {
            Some(Became::SegmentId(id)) => {
                (segment::get_segment(&self.store, tenant, id).await.map(|_| ()), "outcome.segment_id")
            }
            Some(Became::SegmentSetId(id)) => {
                (segment_set::get_segment_set(&self.store, tenant, id).await.map(|_| ()), "outcome.segment_set_id")
            }
            Some(Became::StrategyId(_)) | None => return Ok(()),
        };
        match found {
            Err(Error::NotFound { .. }) => Err(Error::invalid(field, "does not exist")),
            other => other,
        }
    }
}

/// The same error, told of another field.
fn of(error: Error, field: &'static str) -> Error {
    match error {
        Error::NotFound { what, .. } => Error::NotFound { what, field },
        other => other,
    }
}
