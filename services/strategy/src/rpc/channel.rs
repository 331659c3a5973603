//! ChannelService.

use huan_chassis::{Identity, page};
use huan_proto::strategy::v1::{self as pb, channel_service_server::ChannelService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert::channel;

#[tonic::async_trait]
impl ChannelService for Rpc {
    async fn list_channels(
        &self,
        request: Request<pb::ListChannelsRequest>,
    ) -> Result<Response<pb::ListChannelsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let page = page::page(message.page_size, &message.page_token, &[tenant, "channel"])?;
        let (rows, next_page_token) = self.store.list_channels(tenant, page).await?;
        let channels = rows.into_iter().map(channel::message).collect();
        Ok(Response::new(pb::ListChannelsResponse { channels, next_page_token }))
    }

    async fn put_channel(
        &self,
        request: Request<pb::PutChannelRequest>,
    ) -> Result<Response<pb::PutChannelResponse>, Status> {
        let caller = Identity::of(&request)?;
        caller.check_bank_wide("channel")?;
        let tenant = caller.tenant()?.to_owned();
        let row = channel::row(&tenant, request.into_inner().channel)?;
        let channel = channel::message(self.store.put_channel(row).await?);
        Ok(Response::new(pb::PutChannelResponse { channel: Some(channel) }))
    }
}
