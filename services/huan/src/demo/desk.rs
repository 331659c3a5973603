//! A desk from which one tenant is worked: a channel to the gateway and tokens for whoever is needed. The demo, the bench
//! and the tests act through it, as the bank's people and systems would.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use huan_chassis::{clock, token::Keys};
use huan_proto::feed::v1::{GetFeedStatusRequest, feed_service_client::FeedServiceClient};
use tonic::transport::Channel;

use crate::{
    failure::{Failure, Result},
    load::Door,
    suite::Doors,
    token,
};

/// How long a token of the demo is good for.
const LIFE: Duration = Duration::from_secs(24 * 3600);

/// A desk of one tenant.
#[derive(Clone)]
pub struct Desk {
    /// The tenant.
    pub tenant: String,
    channel: Channel,
    keys: Arc<Keys>,
}

impl Desk {
    /// A desk at the suite's gateway.
    ///
    /// # Errors
    /// If the gateway's address is not one.
    pub fn new(doors: &Doors, tenant: &str) -> Result<Self> {
        Self::at(doors.gateway, doors, tenant)
    }

    /// A desk at one service's own address, past the gateway.
    ///
    /// # Errors
    /// If the address is not one.
    pub fn at(address: SocketAddr, doors: &Doors, tenant: &str) -> Result<Self> {
        Ok(Self { tenant: tenant.to_owned(), channel: lazy(address)?, keys: doors.keys.clone() })
    }

    /// A door through which a user with one role speaks. The user is named after the role.
    pub fn door(&self, role: &str) -> Door {
        let claims = token::user(&self.tenant, role, &[role], LIFE);
        Door { channel: self.channel.clone(), token: self.keys.sign(&claims), tenant: None }
    }
}

/// Waits until a service has applied everything that its producers had committed before now.
///
/// # Errors
/// If that takes longer than two minutes.
pub async fn wait_for_feeds(doors: &Doors, service: &str) -> Result<()> {
    let since = clock::system_now();
    let desk = Desk::at(doors.services[service], doors, "any")?;
    let mut client = FeedServiceClient::new(desk.channel.clone());
    let door = desk.door("auditor");
    let caught_up = async {
        loop {
            let status = client.get_feed_status(door.request(GetFeedStatusRequest {})).await?.into_inner();
            let fresh = |at: &prost_types::Timestamp| clock::datetime(at).is_some_and(|at| at >= since);
            if status.consumers.iter().all(|consumer| consumer.caught_up_time.as_ref().is_some_and(fresh)) {
                return Ok::<(), Failure>(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), caught_up)
        .await
        .map_err(|_| Failure::new(format!("{service} did not catch up with its feeds in two minutes")))?
}

fn lazy(address: SocketAddr) -> Result<Channel> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))
        .map_err(|error| Failure::new(error.to_string()))?;
    Ok(endpoint.tcp_nodelay(true).connect_lazy())
}
