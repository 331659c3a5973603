//! MergeService.

use huan_chassis::{Identity, feed::Position, page};
use huan_proto::profile::v1::{self as pb, merge_service_server::MergeService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::proposal};

#[tonic::async_trait]
impl MergeService for Rpc {
    async fn merge_customers(
        &self,
        request: Request<pb::MergeCustomersRequest>,
    ) -> Result<Response<pb::MergeCustomersResponse>, Status> {
        let view = self.view(&request).await?;
        let ask = convert::merge::ask(request.get_ref(), Identity::of(&request)?)?;
        let (edge, position) = self.store.merge_customers(&view, &ask).await?;
        let (merge, position) = (Some(convert::merge::message(edge)), text(position));
        Ok(Response::new(pb::MergeCustomersResponse { merge, position }))
    }

    async fn unmerge_customers(
        &self,
        request: Request<pb::UnmergeCustomersRequest>,
    ) -> Result<Response<pb::UnmergeCustomersResponse>, Status> {
        let view = self.view(&request).await?;
        let merge_id = convert::merge::id("merge_id", &request.get_ref().merge_id)?;
        let (edge, position) = self.store.unmerge_customers(&view, Identity::of(&request)?, &merge_id).await?;
        let (merge, position) = (Some(convert::merge::message(edge)), text(position));
        Ok(Response::new(pb::UnmergeCustomersResponse { merge, position }))
    }

    async fn list_merges(
        &self,
        request: Request<pb::ListMergesRequest>,
    ) -> Result<Response<pb::ListMergesResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let rows = self.store.list_merges(tenant, &customer_id).await?;
        Ok(Response::new(pb::ListMergesResponse { merges: rows.into_iter().map(convert::merge::message).collect() }))
    }

    async fn list_merge_proposals(
        &self,
        request: Request<pb::ListMergeProposalsRequest>,
    ) -> Result<Response<pb::ListMergeProposalsResponse>, Status> {
        let (by, query) = (Identity::of(&request)?, request.get_ref());
        let (list, tenant) = (convert::merge::list(query, by)?, by.tenant()?);
        let filter = list.filter(tenant);
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_merge_proposals(tenant, &list, &page).await?;
        let next_page_token = proposal::next_page(&filter, &mut rows, page.limit);
        let proposals = rows.into_iter().map(convert::merge::proposal).collect();
        Ok(Response::new(pb::ListMergeProposalsResponse { proposals, next_page_token }))
    }

    async fn decide_merge_proposal(
        &self,
        request: Request<pb::DecideMergeProposalRequest>,
    ) -> Result<Response<pb::DecideMergeProposalResponse>, Status> {
        let view = self.view(&request).await?;
        let (by, query) = (Identity::of(&request)?, request.get_ref());
        let proposal_id = convert::merge::id("proposal_id", &query.proposal_id)?;
        let (row, position) = self.store.decide_merge_proposal(&view, by, &proposal_id, query.accept).await?;
        let (proposal, position) = (Some(convert::merge::proposal(row)), text(position));
        Ok(Response::new(pb::DecideMergeProposalResponse { proposal, position }))
    }
}

fn text(position: Option<Position>) -> String {
    position.map(|position| position.to_string()).unwrap_or_default()
}
