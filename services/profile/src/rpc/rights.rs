//! RightsService.

use huan_chassis::{Identity, clock, page};
use huan_proto::profile::v1::{self as pb, rights_service_server::RightsService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store};

#[tonic::async_trait]
impl RightsService for Rpc {
    async fn export_person(
        &self,
        request: Request<pb::ExportPersonRequest>,
    ) -> Result<Response<pb::ExportPersonResponse>, Status> {
        let view = self.view(&request).await?;
        let message = request.get_ref();
        let (request_id, customer_id) = convert::rights::export(message)?;
        let filter = [view.tenant.as_str(), "person", &customer_id];
        let page = page::page(message.page_size, &message.page_token, &filter)?;
        let (parts, next) = self.store.export_person(&view, &customer_id, &page).await?;
        let next = next.map(|key| page::next_token(&filter, &key.iter().map(String::as_str).collect::<Vec<_>>()));
        let export_time = Some(clock::timestamp(clock::system_now()));
        let next_page_token = next.unwrap_or_default();
        Ok(Response::new(pb::ExportPersonResponse { request_id, export_time, parts, next_page_token }))
    }

    async fn erase_person(
        &self,
        request: Request<pb::ErasePersonRequest>,
    ) -> Result<Response<pb::ErasePersonResponse>, Status> {
        let view = self.view(&request).await?;
        let asked = convert::rights::erase(request.get_ref(), Identity::of(&request)?)?;
        let row = self.store.erase_person(&view, &self.bucket, asked).await?;
        Ok(Response::new(pb::ErasePersonResponse { erasure: Some(convert::rights::erasure(row)) }))
    }

    async fn get_erasure(
        &self,
        request: Request<pb::GetErasureRequest>,
    ) -> Result<Response<pb::GetErasureResponse>, Status> {
        let view = self.view(&request).await?;
        let erasure_id = convert::rights::erasure_id(&request.get_ref().erasure_id)?;
        let row = self.store.get_erasure(&view.tenant, &erasure_id).await?;
        Ok(Response::new(pb::GetErasureResponse { erasure: Some(convert::rights::erasure(row)) }))
    }

    async fn list_erasures(
        &self,
        request: Request<pb::ListErasuresRequest>,
    ) -> Result<Response<pb::ListErasuresResponse>, Status> {
        let view = self.view(&request).await?;
        let message = request.get_ref();
        let filter = [view.tenant.as_str(), "erasures"];
        let page = page::page(message.page_size, &message.page_token, &filter)?;
        let mut rows = self.store.list_erasures(&view.tenant, &page).await?;
        let next_page_token = store::erasure::next_page(&filter, &mut rows, page.limit);
        let erasures = rows.into_iter().map(convert::rights::erasure).collect();
        Ok(Response::new(pb::ListErasuresResponse { erasures, next_page_token }))
    }

    async fn place_legal_hold(
        &self,
        request: Request<pb::PlaceLegalHoldRequest>,
    ) -> Result<Response<pb::PlaceLegalHoldResponse>, Status> {
        let view = self.view(&request).await?;
        let asked = convert::rights::place(request.get_ref(), Identity::of(&request)?)?;
        let row = self.store.place_legal_hold(&view, asked).await?;
        Ok(Response::new(pb::PlaceLegalHoldResponse { legal_hold: Some(convert::rights::hold(row)) }))
    }

    async fn lift_legal_hold(
        &self,
        request: Request<pb::LiftLegalHoldRequest>,
    ) -> Result<Response<pb::LiftLegalHoldResponse>, Status> {
        let view = self.view(&request).await?;
        let asked = convert::rights::lift(request.get_ref(), Identity::of(&request)?)?;
        let lifted = self.store.lift_legal_hold(&view, &self.bucket, asked).await?;
        let legal_hold = Some(convert::rights::hold(lifted.hold));
        let erasure = lifted.erasure.map(convert::rights::erasure);
        Ok(Response::new(pb::LiftLegalHoldResponse { legal_hold, erasure }))
    }

    async fn list_legal_holds(
        &self,
        request: Request<pb::ListLegalHoldsRequest>,
    ) -> Result<Response<pb::ListLegalHoldsResponse>, Status> {
        let view = self.view(&request).await?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let rows = self.store.list_legal_holds(&view.tenant, &customer_id).await?;
        let legal_holds = rows.into_iter().map(convert::rights::hold).collect();
        Ok(Response::new(pb::ListLegalHoldsResponse { legal_holds }))
    }
}
