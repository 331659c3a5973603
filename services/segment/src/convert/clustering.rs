//! Clusterings between the contract and the tables.

use std::collections::HashSet;

use huan_chassis::check::Faults;
use huan_chassis::{Result, clock};
use huan_proto::segment::v1::{self as pb, ClusteringMethod, ClusteringMissing, ClusteringScale, ClusteringState};
use prost::Message as _;

use super::MAX_NAME;
use crate::clustering::DENSITY_SAMPLE;
use crate::memory::decode;
use crate::store::entity::{clustering, clustering_job, clustering_promotion};

const MAX_CLUSTERED: usize = 64;
const MAX_MIXED: usize = 32;
const MAX_K: i32 = 64;
const MAX_RANGE: i32 = 20;
const MIN_SAMPLE: i32 = 100;
const MAX_MIXTURE_SAMPLE: i32 = 100_000;
const MAX_DEPTH: i32 = 5;
const MIN_POINTS: std::ops::RangeInclusive<i32> = 2..=1000;

/// What CreateClustering asks for.
pub struct NewClustering {
    /// The request.
    pub request_id: String,
    /// Ids, names and settings; nothing found yet.
    pub clustering: pb::Clustering,
}

/// Reads the clustering to be found.
pub fn create_clustering(request: pb::CreateClusteringRequest) -> Result<NewClustering> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let asked = faults.required("clustering", request.clustering).unwrap_or_default();
    let method = faults.optional_enumeration::<ClusteringMethod>("clustering.method", asked.method);
    features(&mut faults, &asked.features, method);
    wanted_k(&mut faults, &asked, method);
    sample(&mut faults, asked.fit_sample, method);
    if !(0..=MAX_DEPTH).contains(&asked.tree_depth) {
        faults.add("clustering.tree_depth", format!("must be 0 to {MAX_DEPTH}"));
    }
    preparation(&mut faults, asked.preparation.as_ref(), &asked.features);
    density(&mut faults, asked.density.as_ref(), method);
    let clustering = pb::Clustering {
        clustering_id: faults.name("clustering.clustering_id", &asked.clustering_id, 64),
        display_name: faults.text("clustering.display_name", &asked.display_name, MAX_NAME),
        features: asked.features,
        k: asked.k,
        seed: asked.seed,
        method: method.into(),
        preparation: asked.preparation,
        choice: asked.choice.map(|choice| pb::ClusteringChoice { candidates: Vec::new(), ..choice }),
        density: asked.density,
        fit_sample: asked.fit_sample,
        tree_depth: asked.tree_depth,
        ..Default::default()
    };
    faults.finish().map(|()| NewClustering { request_id, clustering })
}

fn features(faults: &mut Faults, features: &[String], method: ClusteringMethod) {
    let most = if method == ClusteringMethod::GaussianMixture { MAX_MIXED } else { MAX_CLUSTERED };
    if features.is_empty() || features.len() > most {
        faults.add("clustering.features", format!("must be 1 to {most}"));
    }
    let mut seen = HashSet::new();
    for (at, feature) in features.iter().enumerate().filter(|(_, feature)| !seen.insert(feature.as_str())) {
        faults.add(format!("clustering.features[{at}]"), format!("{feature} is named twice"));
    }
}

fn wanted_k(faults: &mut Faults, asked: &pb::Clustering, method: ClusteringMethod) {
    let dense = method == ClusteringMethod::Dbscan;
    match &asked.choice {
        Some(_) if dense => faults.add("clustering.choice", "is not for DBSCAN, which finds k itself"),
        Some(choice) => {
            if !(2..=MAX_K).contains(&choice.least_k) {
                faults.add("clustering.choice.least_k", format!("must be 2 to {MAX_K}"));
            }
            let most = choice.least_k.saturating_add(MAX_RANGE).min(MAX_K);
            if !(choice.least_k..=most).contains(&choice.most_k) {
                faults.add("clustering.choice.most_k", format!("must be least_k to {most}"));
            }
        }
        None => {}
    }
    if dense || asked.choice.is_some() {
        if asked.k != 0 {
            faults.add("clustering.k", "is found, so it must be 0");
        }
    } else if !(2..=MAX_K).contains(&asked.k) {
        faults.add("clustering.k", format!("must be 2 to {MAX_K}"));
    }
}

fn sample(faults: &mut Faults, size: i32, method: ClusteringMethod) {
    let most = match method {
        ClusteringMethod::GaussianMixture => MAX_MIXTURE_SAMPLE,
        ClusteringMethod::Dbscan => DENSITY_SAMPLE as i32,
        _ => i32::MAX,
    };
    if size != 0 && !(MIN_SAMPLE..=most).contains(&size) {
        faults.add("clustering.fit_sample", format!("must be 0, or {MIN_SAMPLE} to {most}"));
    }
}

fn preparation(faults: &mut Faults, asked: Option<&pb::ClusteringPreparation>, features: &[String]) {
    let Some(asked) = asked else { return };
    let field = |name: &str| format!("clustering.preparation.{name}");
    if !(0.0..0.5).contains(&asked.low_quantile) {
        faults.add(field("low_quantile"), "must be 0 to 0.5, without 0.5");
    }
    if asked.high_quantile != 0.0 && !(asked.high_quantile > 0.5 && asked.high_quantile <= 1.0) {
        faults.add(field("high_quantile"), "must be 0, or above 0.5 to 1");
    }
    for (at, name) in asked.log_features.iter().enumerate().filter(|(_, name)| !features.contains(name)) {
        faults.add(field(&format!("log_features[{at}]")), format!("{name} is none of clustering.features"));
    }
    faults.optional_enumeration::<ClusteringScale>(&field("scale"), asked.scale);
    faults.optional_enumeration::<ClusteringMissing>(&field("missing"), asked.missing);
}

fn density(faults: &mut Faults, asked: Option<&pb::ClusteringDensity>, method: ClusteringMethod) {
    let Some(asked) = asked else { return };
    if method != ClusteringMethod::Dbscan {
        faults.add("clustering.density", "is for DBSCAN alone");
    }
    if !(asked.epsilon >= 0.0 && asked.epsilon.is_finite()) {
        faults.add("clustering.density.epsilon", "must be 0 or more");
    }
    if asked.min_points != 0 && !MIN_POINTS.contains(&asked.min_points) {
        faults.add("clustering.density.min_points", "must be 0, or 2 to 1000");
    }
}

/// A first fit of what is asked for.
pub fn first_job(tenant: &str, new: &NewClustering, maker: &str, now: i64) -> clustering_job::Model {
    queued(tenant, &new.clustering, &new.request_id, new.clustering.seed, maker, now)
}

/// The rows of a clustering that is asked for.
pub fn clustering_row(tenant: &str, new: NewClustering) -> clustering::Model {
    clustering::Model {
        tenant: tenant.to_owned(),
        clustering_id: new.clustering.clustering_id.clone(),
        request_id: new.request_id,
        payload: new.clustering.encode_to_vec(),
    }
}

/// Reads the later fit that is asked for, of what is kept of the clustering.
pub fn later_job(
    tenant: &str,
    asked: &pb::RefitClusteringRequest,
    kept: &pb::Clustering,
    maker: &str,
    now: i64,
) -> clustering_job::Model {
    queued(tenant, kept, &asked.request_id, asked.seed.unwrap_or(kept.seed), maker, now)
}

fn queued(
    tenant: &str,
    clustering: &pb::Clustering,
    request_id: &str,
    seed: u64,
    maker: &str,
    now: i64,
) -> clustering_job::Model {
    clustering_job::Model {
        tenant: tenant.to_owned(),
        clustering_id: clustering.clustering_id.clone(),
        version: 1,
        request_id: request_id.to_owned(),
        maker: maker.to_owned(),
        seed: seed as i64,
        state: ClusteringState::Queued.into(),
        phase: 0,
        percent: 0,
        failure: String::new(),
        claimed_by: String::new(),
        beat: 0,
        created: now,
        ended: 0,
    }
}

/// Reads which clustering is to be fitted anew.
pub fn refit_clustering(asked: &pb::RefitClusteringRequest) -> Result<()> {
    let mut faults = Faults::new();
    faults.id("request_id", &asked.request_id);
    faults.id("clustering_id", &asked.clustering_id);
    faults.finish()
}

/// Reads which cluster is to be called what.
pub fn rename_cluster(asked: &pb::RenameClusterRequest) -> Result<()> {
    let mut faults = Faults::new();
    faults.id("clustering_id", &asked.clustering_id);
    faults.text("name", &asked.name, MAX_NAME);
    faults.finish()
}

/// Reads the state of the fits wanted; none = any.
pub fn job_state(asked: i32) -> Result<Option<i32>> {
    let mut faults = Faults::new();
    faults.optional_enumeration::<ClusteringState>("state", asked);
    faults.finish().map(|()| (asked != 0).then_some(asked))
}

/// Reads how many typical customers are wanted.
pub fn typical_size(asked: i32) -> Result<usize> {
    let mut faults = Faults::new();
    if !(0..=100).contains(&asked) {
        faults.add("page_size", "must be 0 to 100");
    }
    faults.finish().map(|()| if asked == 0 { 10 } else { asked.unsigned_abs() as usize })
}

/// A set of the rules of a clustering, to be checked and created as any other.
pub fn promoted_set(asked: &pb::PromoteClusteringRequest, kept: &pb::Clustering) -> pb::CreateSegmentSetRequest {
    let ruled = kept.clusters.iter().filter(|cluster| !cluster.rule.is_empty());
    let part = |cluster: &pb::Cluster| pb::Part {
        part_id: format!("cluster_{}", cluster.number),
        display_name: cluster.name.clone(),
        rule: cluster.rule.clone(),
    };
    let segment_set = pb::SegmentSet {
        segment_set_id: asked.segment_set_id.clone(),
        display_name: asked.display_name.clone(),
        parts: ruled.map(part).collect(),
        ..Default::default()
    };
    pb::CreateSegmentSetRequest { request_id: asked.request_id.clone(), segment_set: Some(segment_set) }
}

/// A clustering with its newest fit and what it became.
pub fn clustering(
    row: &clustering::Model,
    newest: Option<&clustering_job::Model>,
    promotions: &[clustering_promotion::Model],
) -> Result<pb::Clustering> {
    let kept: pb::Clustering = decode(&row.payload)?;
    let mut newest = newest.map(job);
    // A fit that ended between the two reads is not done yet for who sees what was there before.
    if let Some(job) = newest.as_mut().filter(|job| job.state() == ClusteringState::Ready && job.version > kept.version)
    {
        (job.state, job.end_time) = (ClusteringState::Running.into(), None);
    }
    Ok(pb::Clustering { job: newest, promotions: promotions.iter().map(promotion).collect(), ..kept })
}

/// The same without what only a machine needs.
pub fn in_short(clustering: pb::Clustering) -> pb::Clustering {
    pb::Clustering { model: None, projection: None, ..clustering }
}

/// A fit.
pub fn job(row: &clustering_job::Model) -> pb::ClusteringJob {
    let time = |micros: i64| clock::timestamp(clock::from_micros(micros));
    pb::ClusteringJob {
        clustering_id: row.clustering_id.clone(),
        version: row.version,
        state: row.state,
        phase: row.phase,
        percent: row.percent,
        failure: row.failure.clone(),
        maker: row.maker.clone(),
        create_time: Some(time(row.created)),
        end_time: (row.ended > 0).then(|| time(row.ended)),
    }
}

fn promotion(row: &clustering_promotion::Model) -> pb::ClusteringPromotion {
    pb::ClusteringPromotion {
        segment_set_id: row.segment_set_id.clone(),
        version: row.version,
        promoter: row.promoter.clone(),
        checker: row.checker.clone(),
        promote_time: Some(clock::timestamp(clock::from_micros(row.promoted))),
    }
}
