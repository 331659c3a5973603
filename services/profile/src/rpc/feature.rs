//! FeatureService.

use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, feature_service_server::FeatureService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert::feature as convert, feature::template};

#[tonic::async_trait]
impl FeatureService for Rpc {
    async fn list_features(
        &self,
        request: Request<pb::ListFeaturesRequest>,
    ) -> Result<Response<pb::ListFeaturesResponse>, Status> {
        let rows = self.store.list_features(Identity::of(&request)?.tenant()?).await?;
        let features = rows.into_iter().map(convert::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListFeaturesResponse { features }))
    }

    async fn get_feature(
        &self,
        request: Request<pb::GetFeatureRequest>,
    ) -> Result<Response<pb::GetFeatureResponse>, Status> {
        let name = convert::name("name", &request.get_ref().name)?;
        let row = self.store.get_feature(Identity::of(&request)?.tenant()?, &name).await?;
        Ok(Response::new(pb::GetFeatureResponse { feature: Some(convert::message(row)?) }))
    }

    async fn create_feature(
        &self,
        request: Request<pb::CreateFeatureRequest>,
    ) -> Result<Response<pb::CreateFeatureResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        by.check_bank_wide("feature")?;
        let (request_id, feature) = convert::create(request.into_inner())?;
        let row = self.store.create_feature(by.tenant()?, &request_id, feature).await?;
        Ok(Response::new(pb::CreateFeatureResponse { feature: Some(convert::message(row)?) }))
    }

    async fn delete_feature(
        &self,
        request: Request<pb::DeleteFeatureRequest>,
    ) -> Result<Response<pb::DeleteFeatureResponse>, Status> {
        let by = Identity::of(&request)?;
        by.check_bank_wide("name")?;
        self.store.delete_feature(by.tenant()?, &convert::name("name", &request.get_ref().name)?).await?;
        Ok(Response::new(pb::DeleteFeatureResponse {}))
    }

    async fn list_templates(
        &self,
        _request: Request<pb::ListTemplatesRequest>,
    ) -> Result<Response<pb::ListTemplatesResponse>, Status> {
        let templates = template::shipped().iter().map(convert::template_message).collect();
        Ok(Response::new(pb::ListTemplatesResponse { templates }))
    }

    async fn apply_template(
        &self,
        request: Request<pb::ApplyTemplateRequest>,
    ) -> Result<Response<pb::ApplyTemplateResponse>, Status> {
        let by = Identity::of(&request)?;
        by.check_bank_wide("template")?;
        let template = convert::name("template", &request.get_ref().template)?;
        let rows = self.store.apply_template(by.tenant()?, &template).await?;
        let features = rows.into_iter().map(convert::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ApplyTemplateResponse { features }))
    }
}
