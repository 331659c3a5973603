//! BulkService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, bulk_service_server::BulkService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::bulk};

#[tonic::async_trait]
impl BulkService for Rpc {
    async fn load_rows(&self, request: Request<pb::LoadRowsRequest>) -> Result<Response<pb::LoadRowsResponse>, Status> {
        let view = self.view(&request).await?;
        let by = Identity::of(&request)?.subject.clone();
        let batch = convert::bulk::batch(request.into_inner(), &view, &by, view.time.now())?;
        let loaded = self.store.load_rows(&view, batch).await?;
        Ok(Response::new(convert::bulk::answer(&loaded.load, loaded.faults)))
    }

    async fn get_load(&self, request: Request<pb::GetLoadRequest>) -> Result<Response<pb::GetLoadResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let load_id = convert::bulk::load_id(&request.get_ref().load_id)?;
        let row = self.store.get_load(tenant, &load_id).await?;
        Ok(Response::new(pb::GetLoadResponse { load: Some(convert::bulk::message(&row)) }))
    }

    async fn list_loads(
        &self,
        request: Request<pb::ListLoadsRequest>,
    ) -> Result<Response<pb::ListLoadsResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let filter = [tenant, "loads"];
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_loads(tenant, &page).await?;
        let next_page_token = bulk::next_page(&filter, &mut rows, page.limit);
        Ok(Response::new(pb::ListLoadsResponse {
            loads: rows.iter().map(convert::bulk::message).collect(),
            next_page_token,
        }))
    }
}
