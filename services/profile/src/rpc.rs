//! The gRPC face of the service: one file a noun, each function parses, calls once and answers. Who may call what is
//! enforced before it by the chassis, from the contracts.

mod bulk;
mod consent;
mod customer;
mod dead_letter;
mod event;
mod feature;
mod holding;
mod identity;
mod industry;
mod merge;
mod kyc;
mod profile;
mod relation;
mod snapshot;
mod stream;
mod rights;
mod tag;
mod tenant;

use std::sync::Arc;

use huan_chassis::{Identity, Result, config};
use huan_proto::profile::v1::{
    bulk_service_server::BulkServiceServer, consent_service_server::ConsentServiceServer,
    customer_service_server::CustomerServiceServer, dead_letter_service_server::DeadLetterServiceServer,
    event_service_server::EventServiceServer, feature_service_server::FeatureServiceServer,
    holding_service_server::HoldingServiceServer, identity_service_server::IdentityServiceServer,
    industry_service_server::IndustryServiceServer, kyc_service_server::KycServiceServer,
    merge_service_server::MergeServiceServer, profile_service_server::ProfileServiceServer,
    relation_service_server::RelationServiceServer, rights_service_server::RightsServiceServer,
    snapshot_service_server::SnapshotServiceServer, tag_service_server::TagServiceServer,
    tenant_service_server::TenantServiceServer,
};
use tonic::{Request, service::Routes};

use crate::{
    bucket::Bucket,
    store::{Store, tenant::View},
};

/// The full names of the services, for health checks.
pub const NAMES: &[&str] = &[
    "huan.profile.v1.TenantService",
    "huan.profile.v1.CustomerService",
    "huan.profile.v1.IdentityService",
    "huan.profile.v1.MergeService",
    "huan.profile.v1.HoldingService",
    "huan.profile.v1.ConsentService",
    "huan.profile.v1.EventService",
    "huan.profile.v1.DeadLetterService",
    "huan.profile.v1.FeatureService",
    "huan.profile.v1.TagService",
    "huan.profile.v1.RelationService",
    "huan.profile.v1.IndustryService",
    "huan.profile.v1.KycService",
    "huan.profile.v1.ProfileService",
    "huan.profile.v1.SnapshotService",
    "huan.profile.v1.BulkService",
    "huan.profile.v1.RightsService",
];

/// The server of all of the package's services.
#[derive(Clone, Debug)]
pub struct Rpc {
    store: Store,
    feed: config::Feed,
    consent: crate::config::Consent,
    bucket: Bucket,
}

impl Rpc {
    /// Serves a store, whose snapshots lie in the bucket.
    pub fn new(store: Store, feed: config::Feed, consent: crate::config::Consent, bucket: Bucket) -> Self {
        Self { store, feed, consent, bucket }
    }

    /// All services as routes.
    pub fn routes(self) -> Routes {
        let rpc = Arc::new(self);
        Routes::new(TenantServiceServer::from_arc(rpc.clone()))
            .add_service(CustomerServiceServer::from_arc(rpc.clone()))
            .add_service(IdentityServiceServer::from_arc(rpc.clone()))
            .add_service(MergeServiceServer::from_arc(rpc.clone()))
            .add_service(HoldingServiceServer::from_arc(rpc.clone()))
            .add_service(ConsentServiceServer::from_arc(rpc.clone()))
            .add_service(EventServiceServer::from_arc(rpc.clone()))
            .add_service(DeadLetterServiceServer::from_arc(rpc.clone()))
            .add_service(FeatureServiceServer::from_arc(rpc.clone()))
            .add_service(TagServiceServer::from_arc(rpc.clone()))
            .add_service(RelationServiceServer::from_arc(rpc.clone()))
            .add_service(IndustryServiceServer::from_arc(rpc.clone()))
            .add_service(KycServiceServer::from_arc(rpc.clone()))
            .add_service(ProfileServiceServer::from_arc(rpc.clone()))
            .add_service(RightsServiceServer::from_arc(rpc.clone()))
            .add_service(SnapshotServiceServer::from_arc(rpc.clone()))
            .add_service(BulkServiceServer::from_arc(rpc))
    }

    /// The view of the caller's tenant. Errors: NotFound.
    async fn view<T>(&self, request: &Request<T>) -> Result<Arc<View>> {
        self.store.view(Identity::of(request)?.tenant()?).await
    }
}
