//! ConsentService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, consent_service_server::ConsentService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, opt_out, store::consent};

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

    async fn check_consent(
        &self,
        request: Request<pb::CheckConsentRequest>,
    ) -> Result<Response<pb::CheckConsentResponse>, Status> {
        let view = self.view(&request).await?;
        let (customer_id, purpose, channel_id) = convert::consent::check(request.get_ref())?;
        Ok(Response::new(self.store.check_consent(&view, &customer_id, purpose, &channel_id).await?))
    }

    async fn set_consent_default(
        &self,
        request: Request<pb::SetConsentDefaultRequest>,
    ) -> Result<Response<pb::SetConsentDefaultResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        by.check_bank_wide("default")?;
        let (purpose, allowed) = convert::consent::default(request.into_inner())?;
        let row = self.store.set_consent_default(by.tenant()?, purpose, allowed).await?;
        let defaults = convert::consent::defaults(row.consent_defaults);
        Ok(Response::new(pb::SetConsentDefaultResponse { defaults }))
    }

    async fn handle_sms_reply(
        &self,
        request: Request<pb::HandleSmsReplyRequest>,
    ) -> Result<Response<pb::HandleSmsReplyResponse>, Status> {
        Identity::of(&request)?.check_bank_wide("phone")?;
        let view = self.view(&request).await?;
        let reply = convert::consent::reply(request.into_inner(), &view.tenant, view.time.now())?;
        let opted_out = opt_out::is_opt_out(&reply.text, &self.consent.opt_out_words);
        let customers = if opted_out { self.store.handle_sms_reply(&view, &reply).await? } else { 0 };
        Ok(Response::new(pb::HandleSmsReplyResponse { opted_out, customers }))
    }
}
