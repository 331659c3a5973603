//! `ReviewService`.

use huan_chassis::{Identity, clock, page};
use huan_proto::evaluation::v1::{self as pb, review_service_server::ReviewService};
use tonic::{Request, Response, Status};

use crate::{
    convert,
    review::{self, Asked},
    store::{Store, review as table},
};

/// The service over its store.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// Where everything is.
    pub store: Store,
}

#[tonic::async_trait]
impl ReviewService for Rpc {
    async fn create_review(
        &self,
        request: Request<pb::CreateReviewRequest>,
    ) -> Result<Response<pb::CreateReviewResponse>, Status> {
        let caller = Identity::of(&request)?;
        let (request_id, spec) = convert::create_review(request.get_ref())?;
        let asked = Asked { tenant: caller.tenant()?, creator: &caller.subject, request_id, spec };
        let review = review::create_review(&self.store, asked, clock::system_now()).await?;
        Ok(Response::new(pb::CreateReviewResponse { review: Some(review) }))
    }

    async fn get_review(
        &self,
        request: Request<pb::GetReviewRequest>,
    ) -> Result<Response<pb::GetReviewResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let review_id = convert::get_review(request.get_ref())?;
        let row = table::get_review(&self.store, tenant, &review_id).await?;
        Ok(Response::new(pb::GetReviewResponse { review: Some(convert::review(&row)?) }))
    }

    async fn list_reviews(
        &self,
        request: Request<pb::ListReviewsRequest>,
    ) -> Result<Response<pb::ListReviewsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let pb::ListReviewsRequest { page_size, page_token } = request.get_ref();
        let filter = [tenant, "reviews"];
        let page = page::page(*page_size, page_token, &filter)?;
        let rows = table::list_reviews(&self.store, tenant, &page).await?;
        Ok(Response::new(convert::reviews(rows, &page, &filter)?))
    }

    async fn list_arms(&self, request: Request<pb::ListArmsRequest>) -> Result<Response<pb::ListArmsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let pb::ListArmsRequest { page_size, page_token } = request.get_ref();
        let filter = [tenant, "arms"];
        let page = page::page(*page_size, page_token, &filter)?;
        let arms = review::list_arms(&self.store, tenant).await?;
        Ok(Response::new(convert::arms(arms, &page, &filter)?))
    }
}
