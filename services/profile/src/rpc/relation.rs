//! RelationService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, relation_service_server::RelationService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl RelationService for Rpc {
    async fn put_relations(
        &self,
        request: Request<pb::PutRelationsRequest>,
    ) -> Result<Response<pb::PutRelationsResponse>, Status> {
        let view = self.view(&request).await?;
        let relations = request.into_inner().relations;
        convert::batch("relations", relations.len())?;
        let (rows, mut faults) = convert::relation::batch(relations, &view.tenant);
        let done = self.store.put_relations(&view, rows).await?;
        faults.extend(done.faults);
        Ok(Response::new(pb::PutRelationsResponse { created: done.created, updated: done.updated, faults }))
    }

    async fn end_relation(
        &self,
        request: Request<pb::EndRelationRequest>,
    ) -> Result<Response<pb::EndRelationResponse>, Status> {
        let view = self.view(&request).await?;
        let (key, end_day) = convert::relation::end(request.get_ref(), &view)?;
        let row = self.store.end_relation(&view, &key, end_day).await?;
        Ok(Response::new(pb::EndRelationResponse { relation: Some(convert::relation::message(row)) }))
    }

    async fn delete_relation(
        &self,
        request: Request<pb::DeleteRelationRequest>,
    ) -> Result<Response<pb::DeleteRelationResponse>, Status> {
        let view = self.view(&request).await?;
        self.store.delete_relation(&view, &convert::relation::delete(request.get_ref())?).await?;
        Ok(Response::new(pb::DeleteRelationResponse {}))
    }

    async fn list_relations(
        &self,
        request: Request<pb::ListRelationsRequest>,
    ) -> Result<Response<pb::ListRelationsResponse>, Status> {
        let (view, by, query) = (self.view(&request).await?, Identity::of(&request)?, request.get_ref());
        let list = convert::relation::list(query, &view)?;
        let page = page::page(query.page_size, &query.page_token, &list.filter(&view.tenant))?;
        Ok(Response::new(self.store.list_relations(&view, by, &list, &page).await?))
    }

    async fn expand_relations(
        &self,
        request: Request<pb::ExpandRelationsRequest>,
    ) -> Result<Response<pb::ExpandRelationsResponse>, Status> {
        let (view, by) = (self.view(&request).await?, Identity::of(&request)?);
        let expand = convert::relation::expand(request.get_ref(), &view)?;
        Ok(Response::new(self.store.expand_relations(&view, by, &expand).await?))
    }

    async fn get_group(&self, request: Request<pb::GetGroupRequest>) -> Result<Response<pb::GetGroupResponse>, Status> {
        let (view, by) = (self.view(&request).await?, Identity::of(&request)?);
        let (customer_id, day) = convert::relation::group(request.get_ref(), &view)?;
        Ok(Response::new(self.store.get_group(&view, by, &customer_id, day).await?))
    }
}
