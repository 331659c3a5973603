//! ConsentService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, consent_service_server::ConsentService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::consent};

#[tonic::async_trait]
impl ConsentService for Rpc {
    async fn record_consents(
        &self,
        request: Request<pb::RecordConsentsRequest>,
    ) -> Result<Response<pb::RecordConsentsResponse>, Status> {
        let view = self.view(&request).await?;
        let consents = request.into_inner().consents;
        convert::batch("consents", consents.len())?;
        let (rows, mut faults) = convert::consent::batch(consents, &view.tenant, view.time.now());
        let (recorded, refused) = self.store.record_consents(&view.tenant, rows).await?;
        faults.extend(refused);
        Ok(Response::new(pb::RecordConsentsResponse { recorded, faults }))
    }

    async fn list_consents(
        &self,
        request: Request<pb::ListConsentsRequest>,
    ) -> Result<Response<pb::ListConsentsResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let customer_id = convert::customer_id(&query.customer_id)?;
        let filter = [tenant, "consents", &customer_id];
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_consents(tenant, &customer_id, &page).await?;
        let next_page_token = consent::next_page(&filter, &mut rows, page.limit);
        let consents = rows.into_iter().map(convert::consent::message).collect();
        Ok(Response::new(pb::ListConsentsResponse { consents, next_page_token }))
    }
}
