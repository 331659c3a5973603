//! CustomerService.

use huan_chassis::{Identity, page};
use huan_proto::profile::v1::{self as pb, customer_service_server::CustomerService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::customer};

#[tonic::async_trait]
impl CustomerService for Rpc {
    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        let row = self.store.get_customer(tenant, &customer_id).await?;
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(convert::customer::message(&row)?) }))
    }

    async fn list_customers(
        &self,
        request: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        let (by, query) = (Identity::of(&request)?, request.get_ref());
        let (list, tenant) = (convert::customer::list(query, by)?, by.tenant()?);
        let filter = list.filter(tenant);
        let page = page::page(query.page_size, &query.page_token, &filter)?;
        let mut rows = self.store.list_customers(tenant, &list, &page).await?;
        let next_page_token = customer::next_page(&filter, &mut rows, page.limit);
        let customers = rows.iter().map(convert::customer::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListCustomersResponse { customers, next_page_token }))
    }

    async fn search_customers(
        &self,
        request: Request<pb::SearchCustomersRequest>,
    ) -> Result<Response<pb::SearchCustomersResponse>, Status> {
        let view = self.view(&request).await?;
        let by = Identity::of(&request)?.clone();
        let search = convert::customer::search(request.into_inner(), &view)?;
        let (rows, truncated) = self.store.search_customers(&view.tenant, &by, &search).await?;
        let customers = rows.iter().map(convert::customer::message).collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::SearchCustomersResponse { customers, truncated }))
    }

    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::CreateCustomerResponse>, Status> {
        let view = self.view(&request).await?;
        let by = Identity::of(&request)?.clone();
        let row = convert::customer::create(request.into_inner(), &view.tenant)?;
        let row = self.store.create_customer(&view, &by, row).await?;
        Ok(Response::new(pb::CreateCustomerResponse { customer: Some(convert::customer::message(&row)?) }))
    }

    async fn update_customer(
        &self,
        request: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::UpdateCustomerResponse>, Status> {
        let view = self.view(&request).await?;
        convert::customer::update(request.get_ref())?;
        let row = self.store.update_customer(&view, request.into_inner()).await?;
        Ok(Response::new(pb::UpdateCustomerResponse { customer: Some(convert::customer::message(&row)?) }))
    }

    async fn import_customers(
        &self,
        request: Request<pb::ImportCustomersRequest>,
    ) -> Result<Response<pb::ImportCustomersResponse>, Status> {
        let view = self.view(&request).await?;
        let pb::ImportCustomersRequest { customers, key_seed } = request.into_inner();
        convert::batch("customers", customers.len())?;
        let ids: Vec<String> = customers.iter().map(|customer| customer.customer_id.clone()).collect();
        let (rows, mut faults) = convert::customer::batch(customers, &view.tenant);
        let done = self.store.import_customers(&view, rows, key_seed).await?;
        faults.extend(convert::customer::refused(&ids, &done.refused));
        Ok(Response::new(pb::ImportCustomersResponse { created: done.created, updated: done.updated, faults }))
    }
}
