//! Following profile's feed: settings, catalogues and vectors go into the store and into memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use huan_chassis::client::{self, Channel};
use huan_chassis::feed::{self, Consumer, Mark, Start, Status};
use huan_chassis::store::{Store, Tx};
use huan_chassis::token::Keys;
use huan_chassis::{Result, clock};
use huan_proto::feed::v1::Header;
use huan_proto::profile::v1 as profile;
use huan_proto::profile::v1::ChangeKind;
use huan_proto::profile::v1::profile_change::Change;
use huan_proto::profile::v1::profile_service_client::ProfileServiceClient;
use huan_proto::profile::v1::watch_profiles_response::Item;
use prost::Message as _;

use crate::keeper::Keeper;
use crate::memory::{Memory, decode};
use crate::store::definition::definitions_of;
use crate::store::entity::vector;
use crate::store::{tenant, vector as vectors};

/// The feed's name.
pub const FEED: &str = "profile";

const KINDS: [ChangeKind; 5] =
    [ChangeKind::Tenant, ChangeKind::Catalogue, ChangeKind::Vector, ChangeKind::Merge, ChangeKind::Erasure];

/// Follows the feed until the store is closed.
pub async fn follow(store: Store, memory: Memory, profile: Channel, keys: Arc<Keys>, status: Status, keeper: Keeper) {
    let client = ProfileServiceClient::new(profile);
    let consumer = Consumer {
        feed: FEED,
        start: Start::Saved,
        status,
        mark,
        open: Box::new(move |cursor| {
            let (mut client, keys) = (client.clone(), keys.clone());
            Box::pin(async move {
                let kinds = KINDS.map(i32::from).to_vec();
                let watch = profile::WatchProfilesRequest { cursor, kinds, ..Default::default() };
                let request = client::as_service(&keys, crate::NAME, None, watch);
                Ok(client.watch_profiles(request).await?.into_inner().boxed())
            })
        }),
    };
    feed::consume(store, consumer, |tx, batch| {
        let (memory, keeper) = (memory.clone(), keeper.clone());
        Box::pin(async move {
            apply(tx, &memory, batch).await?;
            keeper.follow(tx, &memory, batch, clock::system_now()).await
        })
    })
    .await;
}

/// Applies rows in their order. Seeing one again changes nothing.
pub async fn apply(tx: &Tx, memory: &Memory, batch: &[profile::WatchProfilesResponse]) -> Result<()> {
    let mut vectors = Batch::new();
    for (header, change) in batch.iter().filter_map(read) {
        let span = feed::span("apply_change", &header.traceparent);
        let _entered = span.enter();
        let newest = match change {
            Change::Vector(vector) => row(header, vector),
            // Who was merged keeps the ordinal: past memberships are told by it. Whoever stands alone again gets a vector.
            Change::Merge(merge) if merge.root_id != header.customer_id => {
                vector::Model { root_id: merge.root_id.clone(), ..row(header, &profile::Vector::default()) }
            }
            _ => continue,
        };
        vectors.entry(header.tenant_id.as_str()).or_default().insert(header.customer_id.as_str(), newest);
    }
    for (header, change) in batch.iter().filter_map(read) {
        match change {
            Change::Tenant(settings) => {
                tenant::put_settings(tx, &header.tenant_id, settings.encode_to_vec()).await?;
                memory.tenant(&header.tenant_id).set_settings(settings);
            }
            Change::Catalogue(catalogue) => apply_catalogue(tx, memory, &header.tenant_id, catalogue).await?,
            _ => {}
        }
    }
    for (name, rows) in vectors {
        apply_vectors(tx, memory, name, rows.into_values().collect()).await?;
    }
    // After the vectors: nothing of an erased customer comes after the erasure.
    for (header, change) in batch.iter().filter_map(read) {
        if let Change::Erasure(_) = change {
            apply_erasure(tx, memory, header).await?;
        }
    }
    Ok(())
}

/// The newest row of each customer of each tenant.
type Batch<'a> = BTreeMap<&'a str, BTreeMap<&'a str, vector::Model>>;

async fn apply_catalogue(tx: &Tx, memory: &Memory, name: &str, catalogue: &profile::Catalogue) -> Result<()> {
    tenant::put_catalogue(tx, name, catalogue.encode_to_vec()).await?;
    let tenant = memory.tenant(name);
    tenant.set_catalogue(catalogue);
    // A rule's features may be there only now.
    tenant.install(definitions_of(&**tx, name).await?);
    Ok(())
}

async fn apply_erasure(tx: &Tx, memory: &Memory, header: &Header) -> Result<()> {
    if let Some(customer_id) = vectors::erase_vector(tx, &header.tenant_id, &header.customer_key).await? {
        memory.tenant(&header.tenant_id).write(|state| {
            state.roots.remove(&customer_id);
            state.columns.forget(&customer_id);
        });
    }
    Ok(())
}

async fn apply_vectors(tx: &Tx, memory: &Memory, name: &str, mut rows: Vec<vector::Model>) -> Result<()> {
    vectors::put_vectors(tx, name, &mut rows).await?;
    let tenant = memory.tenant(name);
    rows.iter().try_for_each(|row| tenant.put(row, &decode(&row.payload)?))
}

/// Whom a row is about, and what it says.
pub(crate) fn read(response: &profile::WatchProfilesResponse) -> Option<(&Header, &Change)> {
    let Some(Item::Change(change)) = &response.item else {
        return None;
    };
    change.header.as_ref().zip(change.change.as_ref())
}

fn mark(response: &profile::WatchProfilesResponse) -> Mark<'_> {
    match &response.item {
        Some(Item::Change(change)) => change.header.as_ref().map_or(Mark::Unknown, Mark::Row),
        Some(Item::Heartbeat(heartbeat)) => Mark::Heartbeat(heartbeat),
        None => Mark::Unknown,
    }
}

fn row(header: &Header, vector: &profile::Vector) -> vector::Model {
    vector::Model {
        tenant: header.tenant_id.clone(),
        customer_id: header.customer_id.clone(),
        customer_key: header.customer_key.clone(),
        root_id: String::new(),
        owner_path: header.owner_path.clone(),
        ordinal: -1,
        as_of: vector.as_of_time.as_ref().and_then(clock::datetime).map_or(0, clock::micros),
        position: header.cursor.clone(),
        format: 0,
        key_id: String::new(),
        payload: vector.encode_to_vec(),
    }
}
