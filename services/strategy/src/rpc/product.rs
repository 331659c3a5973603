//! ProductService.

use huan_chassis::{Identity, page};
use huan_proto::strategy::v1::{self as pb, product_service_server::ProductService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert::product;

#[tonic::async_trait]
impl ProductService for Rpc {
    async fn list_products(
        &self,
        request: Request<pb::ListProductsRequest>,
    ) -> Result<Response<pb::ListProductsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let page = page::page(message.page_size, &message.page_token, &[tenant, "product"])?;
        let (rows, next_page_token) = self.store.list_products(tenant, page).await?;
        let products = rows.into_iter().map(product::message).collect();
        Ok(Response::new(pb::ListProductsResponse { products, next_page_token }))
    }

    async fn put_product(
        &self,
        request: Request<pb::PutProductRequest>,
    ) -> Result<Response<pb::PutProductResponse>, Status> {
        let caller = Identity::of(&request)?;
        caller.check_bank_wide("product")?;
        let tenant = caller.tenant()?.to_owned();
        let row = product::row(&tenant, request.into_inner().product)?;
        let product = product::message(self.store.put_product(row).await?);
        Ok(Response::new(pb::PutProductResponse { product: Some(product) }))
    }
}
