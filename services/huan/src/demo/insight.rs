//! Insight: lifecycle and tier segment sets from the templates that ship with segment, and clusters.

use std::{collections::BTreeMap, time::Duration};

use huan_proto::segment::v1::{
    self as pb, clustering_service_client::ClusteringServiceClient, segment_set_service_client::SegmentSetServiceClient,
};

use super::{desk::Desk, report};
use crate::{
    failure::{Failure, Result},
    load::Door,
};

/// How long clusters are waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// Creates a segment set from its template and builds it; the size of each part.
pub async fn build_set(desk: &Desk, template: &str) -> Result<BTreeMap<String, i64>> {
    let door = desk.door("strategist");
    let mut client = SegmentSetServiceClient::new(door.channel.clone());
    let templates = client.list_segment_set_templates(door.request(pb::ListSegmentSetTemplatesRequest {})).await?;
    let set = templates.into_inner().segment_sets.into_iter().find(|set| set.segment_set_id == template);
    let set = set.ok_or_else(|| Failure::new(format!("segment ships no template {template}")))?;
    let request = pb::CreateSegmentSetRequest { request_id: format!("demo-{template}"), segment_set: Some(set) };
    client.create_segment_set(door.request(request)).await?;
    let build =
        client.build_segment_set(door.request(pb::BuildSegmentSetRequest { segment_set_id: template.to_owned() }));
    let parts = build.await?.into_inner().build.unwrap_or_default().parts;
    Ok(parts.into_iter().map(|part| (part.part_id, part.build.unwrap_or_default().members)).collect())
}

/// Finds clusters over the features.
pub async fn cluster(desk: &Desk, features: &[&str], k: i32) -> Result<report::Clustering> {
    let door = desk.door("analyst");
    let mut client = ClusteringServiceClient::new(door.channel.clone());
    let clustering = pb::Clustering {
        clustering_id: "behaviour".to_owned(),
        display_name: "What customers do".to_owned(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
        k,
        seed: 1,
        ..Default::default()
    };
    let request = pb::CreateClusteringRequest { request_id: "demo-clusters".to_owned(), clustering: Some(clustering) };
    client.create_clustering(door.request(request)).await?;
    let found = found_clustering(&door, "behaviour").await?;
    Ok(report::Clustering {
        features: found.features,
        population: found.population,
        sizes: found.clusters.iter().map(|cluster| cluster.size).collect(),
        standardised_means: found.clusters.iter().map(|cluster| cluster.standardised_means.clone()).collect(),
        names: found.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
        rules: found.clusters.into_iter().map(|cluster| cluster.rule).collect(),
        accuracy: found.fidelity.unwrap_or_default().accuracy,
    })
}

/// Waits until a clustering is found in the background.
async fn found_clustering(door: &Door, clustering_id: &str) -> Result<pb::Clustering> {
    let mut client = ClusteringServiceClient::new(door.channel.clone());
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        let get = pb::GetClusteringRequest { clustering_id: clustering_id.to_owned() };
        let found = client.get_clustering(door.request(get)).await?.into_inner().clustering.unwrap_or_default();
        let job = found.job.clone().unwrap_or_default();
        match job.state() {
            pb::ClusteringState::Ready => return Ok(found),
            pb::ClusteringState::Queued | pb::ClusteringState::Running if tokio::time::Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            state => return Err(Failure::new(format!("no clusters: {} {}", state.as_str_name(), job.failure))),
        }
    }
}
