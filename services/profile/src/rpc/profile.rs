//! ProfileService.

use futures::stream::BoxStream;
use huan_chassis::feed;
use huan_proto::profile::v1::{self as pb, profile_service_server::ProfileService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert;

#[tonic::async_trait]
impl ProfileService for Rpc {
    type WatchProfilesStream = BoxStream<'static, Result<pb::WatchProfilesResponse, Status>>;

    async fn get_profile(
        &self,
        request: Request<pb::GetProfileRequest>,
    ) -> Result<Response<pb::GetProfileResponse>, Status> {
        let view = self.view(&request).await?;
        let customer_id = convert::customer_id(&request.get_ref().customer_id)?;
        Ok(Response::new(self.store.get_profile(&view, &customer_id).await?))
    }

    async fn watch_profiles(
        &self,
        request: Request<pb::WatchProfilesRequest>,
    ) -> Result<Response<Self::WatchProfilesStream>, Status> {
        let (cursor, kinds) = convert::feed::watch(request.into_inner())?;
        let snapshot = self.store.snapshot(&kinds);
        let (row, heartbeat) = (convert::feed::change, convert::feed::heartbeat);
        let watch = feed::Watch { cursor, kinds, snapshot, row, heartbeat };
        Ok(Response::new(feed::watch(self.store.database(), &self.feed, watch)?))
    }
}
