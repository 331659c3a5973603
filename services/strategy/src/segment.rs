//! What segment is asked: a customer's features and memberships for a decision, and what there is for a map. Always on
//! behalf of the caller, so that segment checks the caller's scope itself.

use huan_chassis::{
    Error, Result,
    client::{self, Channel},
    clock, error,
};
use huan_proto::segment::v1::{
    EvaluateCustomerRequest, ListMembershipsRequest, membership_service_client::MembershipServiceClient,
};
use tonic::{Code, Request, Status};

use crate::{
    decide::CompiledMap,
    map::Known,
    store::batch::{Ask, Evaluated},
};

/// The segment service, as seen from here.
#[derive(Clone)]
pub struct Segment {
    client: MembershipServiceClient<Channel>,
    wait_millis: i32,
}

impl Segment {
    /// Calls segment over a channel; a trigger's feed position is waited for so long.
    pub fn new(channel: Channel, wait_millis: u64) -> Segment {
        let wait_millis = wait_millis.min(1000) as i32;
        Segment { client: MembershipServiceClient::new(channel), wait_millis }
    }

    /// Asks for a customer's values of a map's features, and memberships. Errors: segment's own, such as NotFound and
    /// StaleData; Dependency.
    pub async fn evaluate_customer<T>(&self, caller: &Request<T>, map: &CompiledMap, ask: &Ask) -> Result<Evaluated> {
        let position = ask.trigger.as_ref().map_or("", |trigger| trigger.position.as_str());
        let message = EvaluateCustomerRequest {
            customer_id: ask.customer_id.clone(),
            features: map.content().features.clone(),
            min_position: position.to_owned(),
            wait_millis: if position.is_empty() { 0 } else { self.wait_millis },
        };
        let answer = self.client.clone().evaluate_customer(client::on_behalf(caller, message)).await;
        let answer = answer.map_err(fault)?.into_inner();
        Ok(Evaluated {
            // No features wanted means all to segment.
            values: if map.content().features.is_empty() { Vec::new() } else { answer.values },
            memberships: answer.memberships,
            fresh_time: answer.fresh_time.as_ref().and_then(clock::datetime),
        })
    }

    /// Asks what memberships and features there are. Errors: segment's own; Dependency.
    pub async fn list_memberships<T>(&self, caller: &Request<T>) -> Result<Known> {
        let request = client::on_behalf(caller, ListMembershipsRequest {});
        let answer = self.client.clone().list_memberships(request).await.map_err(fault)?.into_inner();
        Ok(Known {
            memberships: answer.memberships.into_iter().collect(),
            features: answer.features.into_iter().collect(),
        })
    }
}

// What segment itself says is passed on; that it said nothing is ours to tell.
fn fault(status: Status) -> Error {
    let silent = matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled);
    if silent && error::reason(&status).is_none() { Error::Dependency { service: "segment" } } else { status.into() }
}
