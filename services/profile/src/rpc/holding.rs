//! HoldingService.

use huan_chassis::page;
use huan_proto::profile::v1::{self as pb, holding_service_server::HoldingService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::holding};

#[tonic::async_trait]
impl HoldingService for Rpc {
    async fn import_holdings(
        &self,
        request: Request<pb::ImportHoldingsRequest>,
    ) -> Result<Response<pb::ImportHoldingsResponse>, Status> {
        let view = self.view(&request).await?;
        let holdings = request.into_inner().holdings;
        convert::batch("holdings", holdings.len())?;
        let (rows, mut faults) = convert::holding::batch(holdings, &view);
        let done = self.store.import_holdings(&view, rows).await?;
        faults.extend(done.faults);
        Ok(Response::new(pb::ImportHoldingsResponse { created: done.created, updated: done.updated, faults }))
    }

    async fn list_holdings(
        &self,
        request: Request<pb::ListHoldingsRequest>,
    ) -> Result<Response<pb::ListHoldingsResponse>, Status> {
        let (view, query) = (self.view(&request).await?, request.get_ref());
        let customer_id = convert::customer_id(&query.customer_id)?;
        let filter = [view.tenant.as_str(), "holdings", &customer_id];
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut holdings = self.store.list_holdings(&view, &customer_id, &page).await?;
        let next_page_token = holding::next_page(&filter, &mut holdings, page.limit, &view);
        Ok(Response::new(pb::ListHoldingsResponse { holdings, next_page_token }))
    }
}
