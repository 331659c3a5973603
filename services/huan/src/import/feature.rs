//! The features that a data set's tenant needs: added to its catalogue, and waited for.

use std::time::{Duration, Instant};

use huan_proto::profile::v1::{self as pb, FeatureState, feature_service_client::FeatureServiceClient};
use tonic::Code;

use crate::failure::{Failure, Result};
use crate::load::Door;

/// How long features may take to be built.
const PATIENCE: Duration = Duration::from_secs(600);

/// Adds a feature, unless it is there.
pub(super) async fn create(door: &Door, feature: pb::Feature) -> Result<()> {
    let request_id = format!("import-{}", feature.name);
    let request = pb::CreateFeatureRequest { request_id, feature: Some(feature) };
    match FeatureServiceClient::new(door.channel.clone()).create_feature(door.request(request)).await {
        Err(status) if status.code() != Code::AlreadyExists => Err(status.into()),
        _ => Ok(()),
    }
}

/// Adds the features of a template that are not there.
pub(super) async fn apply(door: &Door, template: &str) -> Result<()> {
    let request = pb::ApplyTemplateRequest { template: template.to_owned() };
    FeatureServiceClient::new(door.channel.clone()).apply_template(door.request(request)).await?;
    Ok(())
}

/// Waits until every feature is live.
pub(super) async fn wait(door: &Door) -> Result<()> {
    let mut client = FeatureServiceClient::new(door.channel.clone());
    let until = Instant::now() + PATIENCE;
    loop {
        let listed = client.list_features(door.request(pb::ListFeaturesRequest {})).await?.into_inner();
        let unfinished = listed.features.iter().find(|feature| feature.state() != FeatureState::Live);
        match unfinished {
            None => return Ok(()),
            Some(feature) if Instant::now() >= until => {
                return Err(Failure::new(format!("the feature {} is not live in time", feature.name)));
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
