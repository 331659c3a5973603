//! The gRPC services, one file each: every function reads its request, calls once and answers.

mod assignment;
mod channel;
mod decision;
mod map;
mod objective;
mod product;
mod script;
mod strategy;

use std::time::Duration;

use huan_chassis::{config, feed};
use huan_proto::strategy::v1::{
    assignment_service_server::AssignmentServiceServer, channel_service_server::ChannelServiceServer,
    decision_service_server::DecisionServiceServer, map_service_server::MapServiceServer,
    objective_service_server::ObjectiveServiceServer, product_service_server::ProductServiceServer,
    script_service_server::ScriptServiceServer, strategy_service_server::StrategyServiceServer,
};
use tonic::service::Routes;

use crate::{segment::Segment, store::Store};

/// The full names of the services, for health.
pub const NAMES: &[&str] = &[
    "huan.strategy.v1.ObjectiveService",
    "huan.strategy.v1.ProductService",
    "huan.strategy.v1.ChannelService",
    "huan.strategy.v1.ScriptService",
    "huan.strategy.v1.StrategyService",
    "huan.strategy.v1.MapService",
    "huan.strategy.v1.DecisionService",
    "huan.strategy.v1.AssignmentService",
    "huan.feed.v1.FeedService",
];

/// What the services need.
#[derive(Clone)]
pub struct Rpc {
    /// The store.
    pub store: Store,
    /// The segment service.
    pub segment: Segment,
    /// How far profile's feed has been read.
    pub profile: feed::Status,
    /// How long a trigger's feed position is waited for.
    pub wait: Duration,
    /// The feed that is published.
    pub feed: config::Feed,
}

impl Rpc {
    /// All services.
    pub fn routes(self) -> Routes {
        Routes::new(ObjectiveServiceServer::new(self.clone()))
            .add_service(ProductServiceServer::new(self.clone()))
            .add_service(ChannelServiceServer::new(self.clone()))
            .add_service(ScriptServiceServer::new(self.clone()))
            .add_service(StrategyServiceServer::new(self.clone()))
            .add_service(MapServiceServer::new(self.clone()))
            .add_service(DecisionServiceServer::new(self.clone()))
            .add_service(feed::server(vec![self.profile.clone()]))
            .add_service(AssignmentServiceServer::new(self))
    }
}
