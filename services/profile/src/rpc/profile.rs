//! ProfileService.

use futures::stream::BoxStream;
use huan_chassis::{Identity, feed};
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
        let parts = convert::profile::parts(request.get_ref().read_mask.as_ref())?;
        let by = Identity::of(&request)?;
        Ok(Response::new(self.store.get_profile(&view, by, &customer_id, parts).await?))
    }

    async fn batch_get_profiles(
        &self,
        request: Request<pb::BatchGetProfilesRequest>,
    ) -> Result<Response<pb::BatchGetProfilesResponse>, Status> {
        let view = self.view(&request).await?;
        let ids = convert::profile::batch(request.get_ref())?;
        let parts = convert::profile::parts(request.get_ref().read_mask.as_ref())?;
        let by = Identity::of(&request)?;
        let (profiles, missing) = self.store.batch_get_profiles(&view, by, ids, parts).await?;
        Ok(Response::new(pb::BatchGetProfilesResponse { profiles, missing }))
    }

    async fn watch_profiles(
        &self,
        request: Request<pb::WatchProfilesRequest>,
    ) -> Result<Response<Self::WatchProfilesStream>, Status> {
        let (cursor, kinds, filter) = convert::feed::watch(request.into_inner())?;
        let snapshot = self.store.snapshot(&kinds, filter.clone());
        let (row, heartbeat) = (convert::feed::change, convert::feed::heartbeat);
        let watch = feed::Watch { cursor, kinds, filter, snapshot, row, heartbeat };
        Ok(Response::new(feed::watch(self.store.database(), &self.feed, watch)?))
    }
}
