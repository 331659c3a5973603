//! KycService.

use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, kyc_service_server::KycService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl KycService for Rpc {
    async fn set_kyc_template(
        &self,
        request: Request<pb::SetKycTemplateRequest>,
    ) -> Result<Response<pb::SetKycTemplateResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        by.check_bank_wide("template")?;
        let row = convert::kyc::template(request.into_inner(), by.tenant()?)?;
        let template = self.store.set_kyc_template(row).await?;
        Ok(Response::new(pb::SetKycTemplateResponse { template: Some(template) }))
    }

    async fn get_kyc_template(
        &self,
        request: Request<pb::GetKycTemplateRequest>,
    ) -> Result<Response<pb::GetKycTemplateResponse>, Status> {
        let template = self.store.get_kyc_template(Identity::of(&request)?.tenant()?).await?;
        Ok(Response::new(pb::GetKycTemplateResponse { template: Some(template) }))
    }

    async fn record_kyc_answers(
        &self,
        request: Request<pb::RecordKycAnswersRequest>,
    ) -> Result<Response<pb::RecordKycAnswersResponse>, Status> {
        let (view, by) = (self.view(&request).await?, Identity::of(&request)?.subject.clone());
        let template = self.store.get_kyc_template(&view.tenant).await?;
        let rows = convert::kyc::answers(request.into_inner(), &template, &view, &by)?;
        let kyc = self.store.record_kyc_answers(&view, &template, rows).await?;
        Ok(Response::new(pb::RecordKycAnswersResponse { kyc: Some(kyc) }))
    }

    async fn get_kyc(&self, request: Request<pb::GetKycRequest>) -> Result<Response<pb::GetKycResponse>, Status> {
        let view = self.view(&request).await?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let kyc = self.store.get_kyc(&view, &customer_id).await?;
        Ok(Response::new(pb::GetKycResponse { kyc: Some(kyc) }))
    }
}
