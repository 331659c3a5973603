//! TagService: tags on customers, and their dictionary.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, tag_service_server::TagService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{
    convert,
    store::{tag, tag_definition},
};

#[tonic::async_trait]
impl TagService for Rpc {
    async fn attach_tag(
        &self,
        request: Request<pb::AttachTagRequest>,
    ) -> Result<Response<pb::AttachTagResponse>, Status> {
        let (view, by) = (self.view(&request).await?, Identity::of(&request)?.subject.clone());
        self.store.attach_tag(&view, convert::tag::attach(request.into_inner(), &view, &by)?).await?;
        Ok(Response::new(pb::AttachTagResponse {}))
    }

    async fn batch_attach_tags(
        &self,
        request: Request<pb::BatchAttachTagsRequest>,
    ) -> Result<Response<pb::BatchAttachTagsResponse>, Status> {
        let (view, by) = (self.view(&request).await?, Identity::of(&request)?.subject.clone());
        let tags = request.into_inner().tags;
        convert::batch("tags", tags.len())?;
        let (rows, mut faults) = convert::tag::batch(tags, &view, &by);
        let (attached, refused) = self.store.batch_attach_tags(&view, rows).await?;
        faults.extend(refused);
        Ok(Response::new(pb::BatchAttachTagsResponse { attached, faults }))
    }

    async fn detach_tag(
        &self,
        request: Request<pb::DetachTagRequest>,
    ) -> Result<Response<pb::DetachTagResponse>, Status> {
        let (view, by) = (self.view(&request).await?, &Identity::of(&request)?.subject);
        let (customer_id, name) = convert::tag::detach(request.get_ref())?;
        self.store.detach_tag(&view, by, &customer_id, &name).await?;
        Ok(Response::new(pb::DetachTagResponse {}))
    }

    async fn list_tags(&self, request: Request<pb::ListTagsRequest>) -> Result<Response<pb::ListTagsResponse>, Status> {
        let view = self.view(&request).await?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let rows = self.store.list_tags(&view, &customer_id).await?;
        Ok(Response::new(pb::ListTagsResponse { tags: rows.into_iter().map(convert::tag::message).collect() }))
    }

    async fn list_tag_history(
        &self,
        request: Request<pb::ListTagHistoryRequest>,
    ) -> Result<Response<pb::ListTagHistoryResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let (page, filter) = convert::tag::history(tenant, query)?;
        let mut rows = self.store.list_tag_history(tenant, &query.customer_id, &query.name, &page).await?;
        let next_page_token = tag::next_page(&filter, &mut rows, page.limit);
        let periods = rows.into_iter().map(convert::tag::period_message).collect();
        Ok(Response::new(pb::ListTagHistoryResponse { periods, next_page_token }))
    }

    async fn create_tag_definition(
        &self,
        request: Request<pb::CreateTagDefinitionRequest>,
    ) -> Result<Response<pb::CreateTagDefinitionResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        by.check_bank_wide("definition")?;
        let row = convert::tag_definition::create(request.into_inner(), by.tenant()?)?;
        let definition = convert::tag_definition::message(self.store.create_tag_definition(row).await?);
        Ok(Response::new(pb::CreateTagDefinitionResponse { definition: Some(definition) }))
    }

    async fn get_tag_definition(
        &self,
        request: Request<pb::GetTagDefinitionRequest>,
    ) -> Result<Response<pb::GetTagDefinitionResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let name = convert::tag_definition::name(&request.get_ref().name)?;
        let definition = convert::tag_definition::message(self.store.get_tag_definition(tenant, &name).await?);
        Ok(Response::new(pb::GetTagDefinitionResponse { definition: Some(definition) }))
    }

    async fn list_tag_definitions(
        &self,
        request: Request<pb::ListTagDefinitionsRequest>,
    ) -> Result<Response<pb::ListTagDefinitionsResponse>, Status> {
        let (tenant, query) = (Identity::of(&request)?.tenant()?, request.get_ref());
        let category = convert::tag_definition::category(&query.category)?;
        let filter = [tenant, "tag definitions", &category];
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_tag_definitions(tenant, &category, &page).await?;
        let next_page_token = tag_definition::next_page(&filter, &mut rows, page.limit);
        let definitions = rows.into_iter().map(convert::tag_definition::message).collect();
        Ok(Response::new(pb::ListTagDefinitionsResponse { definitions, next_page_token }))
    }

    async fn update_tag_definition(
        &self,
        request: Request<pb::UpdateTagDefinitionRequest>,
    ) -> Result<Response<pb::UpdateTagDefinitionResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        by.check_bank_wide("definition")?;
        convert::tag_definition::update(request.get_ref())?;
        let row = self.store.update_tag_definition(by.tenant()?, request.into_inner()).await?;
        let definition = convert::tag_definition::message(row);
        Ok(Response::new(pb::UpdateTagDefinitionResponse { definition: Some(definition) }))
    }
}
