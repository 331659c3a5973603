//! A clustering of a tenant's customers: the matrix from the columns, the clusters from the matrix, and what is told
//! and kept of them.

use huan_chassis::clock::Day;
use huan_chassis::{Error, Result};
use huan_proto::segment::v1 as pb;
use ndarray::Array2;
use roaring::RoaringBitmap;

use crate::cluster::{Clusters, find_clusters};
use crate::columns::Snapshot;
use crate::store::build::Found;

/// What is looked at.
pub struct Work {
    /// All customers.
    pub rows: Snapshot,
    /// The columns of the features.
    pub slots: Vec<usize>,
    /// The business day.
    pub today: Day,
    /// Business time, in microseconds since the epoch.
    pub as_of: i64,
}

/// Finds what is asked for over the customers that have all of the features. Errors: WrongState if they are too few.
pub fn find_clustering(asked: pb::Clustering, work: &Work) -> Result<(pb::Clustering, Found)> {
    let (ordinals, matrix) = matrix(work);
    let k = usize::try_from(asked.k).unwrap_or_default();
    if ordinals.len() < k {
        let state = format!("wider than its {} customers who have all of the features", ordinals.len());
        return Err(Error::WrongState { what: "clustering", state });
    }
    let clusters =
        find_clusters(matrix, k, asked.seed).map_err(|error| Error::Internal(format!("k-means: {error}")))?;
    let found = Found {
        population: ordinals.len() as i64,
        as_of: work.as_of,
        memberships: memberships(&asked.clustering_id, &ordinals, &clusters),
    };
    Ok((described(asked, clusters, found.population), found))
}

fn matrix(work: &Work) -> (Vec<u32>, Array2<f64>) {
    let (mut ordinals, mut values) = (Vec::new(), Vec::new());
    for (ordinal, row) in work.rows.rows(work.today) {
        let before = values.len();
        values.extend(work.slots.iter().map(|slot| row.number(*slot)));
        if values[before..].iter().any(|value: &f64| value.is_nan()) {
            values.truncate(before);
        } else {
            ordinals.push(ordinal);
        }
    }
    let shape = (ordinals.len(), work.slots.len());
    (ordinals, Array2::from_shape_vec(shape, values).expect("each ordinal added a value a slot"))
}

fn memberships(id: &str, ordinals: &[u32], clusters: &Clusters) -> Vec<(String, RoaringBitmap)> {
    let mut bitmaps = vec![RoaringBitmap::new(); clusters.sizes.len()];
    for (ordinal, cluster) in ordinals.iter().zip(&clusters.assignment) {
        bitmaps[*cluster].insert(*ordinal);
    }
    bitmaps.into_iter().enumerate().map(|(number, bitmap)| (format!("{id}/{number}"), bitmap)).collect()
}

fn described(asked: pb::Clustering, clusters: Clusters, population: i64) -> pb::Clustering {
    let each = clusters.sizes.iter().zip(clusters.model.centres).enumerate();
    pb::Clustering {
        clusters: each
            .map(|(number, (size, centre))| pb::Cluster {
                number: number as i32,
                size: *size as i64,
                standardised_means: centre,
            })
            .collect(),
        means: clusters.model.means,
        standard_deviations: clusters.model.deviations,
        population,
        inertia: clusters.inertia,
        ..asked
    }
}
