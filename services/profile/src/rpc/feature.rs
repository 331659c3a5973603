//! FeatureService.

use huan_proto::profile::v1::{self as pb, feature_service_server::FeatureService};
use tonic::{Request, Response, Status};

use super::Rpc;

#[tonic::async_trait]
impl FeatureService for Rpc {
    async fn list_features(
        &self,
        _request: Request<pb::ListFeaturesRequest>,
    ) -> Result<Response<pb::ListFeaturesResponse>, Status> {
        Ok(Response::new(pb::ListFeaturesResponse { features: self.store.catalogue().features.clone() }))
    }
}
