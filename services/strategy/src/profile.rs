//! Profile's feed: tenants, merges and what decisions must know of customers, taken into this service's own tables.

use futures::{FutureExt as _, StreamExt as _};
use huan_chassis::{
    client::Channel,
    feed::{self, Consumer, Mark, Start, Status},
    store::Store as Database,
};
use huan_proto::profile::v1::{
    ChangeKind, WatchProfilesRequest, WatchProfilesResponse, profile_service_client::ProfileServiceClient,
    watch_profiles_response::Item,
};

use crate::store::customer;

const KINDS: [i32; 4] =
    [ChangeKind::Tenant as i32, ChangeKind::Standing as i32, ChangeKind::Merge as i32, ChangeKind::Erasure as i32];

/// Reads the feed until the store is closed, and tells in `status` how far.
pub async fn consume(database: Database, channel: Channel, status: Status) {
    let open = move |cursor: String| {
        let channel = channel.clone();
        let watch = WatchProfilesRequest { cursor, kinds: KINDS.to_vec(), ..Default::default() };
        let request = channel.request(None, watch);
        let watch = async move {
            let answer = ProfileServiceClient::new(channel).watch_profiles(request).await?;
            Ok(answer.into_inner().boxed())
        };
        watch.boxed()
    };
    let consumer = Consumer { feed: "profile", start: Start::Saved, open: Box::new(open), mark, status };
    feed::consume(database, consumer, |tx, batch| Box::pin(customer::apply(tx, batch))).await;
}

fn mark(response: &WatchProfilesResponse) -> Mark<'_> {
    match &response.item {
        Some(Item::Change(change)) => change.header.as_ref().map_or(Mark::Unknown, Mark::Row),
        Some(Item::Heartbeat(heartbeat)) => Mark::Heartbeat(heartbeat),
        None => Mark::Unknown,
    }
}
