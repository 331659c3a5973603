//! The fit before: clusters that hold mostly the same customers keep their numbers and names.

use huan_proto::segment::v1 as pb;
use roaring::RoaringBitmap;

use super::{Fit, sizes};
use crate::cluster::matching::best_pairs;

/// What two clusters must share, of those in either, to be the same.
const SAME: f64 = 0.1;

/// The fit before.
pub struct Before {
    /// Its clusters.
    pub clusters: Vec<pb::Cluster>,
    /// Their members, in the same order.
    pub members: Vec<RoaringBitmap>,
}

/// Numbers the clusters of a fit and puts them in that order: those that are the same as before have their numbers,
/// the others, largest first, go on from there. The members of each.
pub fn order(found: &mut Fit, ordinals: &[u32], before: Option<&Before>, width: usize) -> Vec<RoaringBitmap> {
    let mut members = vec![RoaringBitmap::new(); found.k];
    for (ordinal, label) in ordinals.iter().zip(&found.labels).filter(|(_, label)| (**label as usize) < found.k) {
        members[*label as usize].insert(*ordinal);
    }
    let sizes = sizes(found);
    let numbered = numbers(&members, &sizes, before);
    let mut order: Vec<usize> = (0..found.k).collect();
    order.sort_by_key(|place| numbered[*place].0);
    let mut place = vec![0; found.k];
    order.iter().enumerate().for_each(|(new, old)| place[*old] = new as u32);
    for label in found.labels.iter_mut().filter(|label| (**label as usize) < found.k) {
        *label = place[*label as usize];
    }
    let shape = std::mem::replace(&mut found.shape, crate::cluster::model::Shape::Centres(Vec::new()));
    found.shape = shape.reordered(&order, width);
    let cluster = |old: &usize| {
        let (number, overlap) = numbered[*old];
        pb::Cluster { number, size: sizes[*old] as i64, overlap, ..Default::default() }
    };
    found.clustering.clusters = order.iter().map(cluster).collect();
    order.iter().map(|old| std::mem::take(&mut members[*old])).collect()
}

/// Lets clusters that were there before keep their names. A draft that is such a name is marked as new.
pub fn name(clustering: &mut pb::Clustering, before: Option<&Before>) {
    let old = |number: i32| before?.clusters.iter().find(|cluster| cluster.number == number);
    let kept: Vec<String> =
        clustering.clusters.iter().filter_map(|cluster| Some(old(cluster.number)?.name.clone())).collect();
    for cluster in &mut clustering.clusters {
        match old(cluster.number) {
            Some(old) => (cluster.name, cluster.renamed) = (old.name.clone(), old.renamed),
            None if kept.contains(&cluster.name) => cluster.name.push_str(" (new)"),
            None => {}
        }
    }
}

/// The number of each cluster and what it shares with the one of that number before.
fn numbers(members: &[RoaringBitmap], sizes: &[u64], before: Option<&Before>) -> Vec<(i32, f64)> {
    let nothing = Before { clusters: Vec::new(), members: Vec::new() };
    let before = before.unwrap_or(&nothing);
    let shared: Vec<Vec<f64>> =
        members.iter().map(|new| before.members.iter().map(|old| share(new, old)).collect()).collect();
    let mut numbers = vec![(-1, 0.0); members.len()];
    for (new, old) in best_pairs(&shared).into_iter().enumerate() {
        if let Some(old) = old {
            numbers[new] = (before.clusters[old].number, shared[new][old]);
        }
    }
    let next = before.clusters.iter().map(|cluster| cluster.number + 1).max().unwrap_or(0);
    let mut fresh: Vec<usize> = (0..members.len()).filter(|new| numbers[*new].0 < 0).collect();
    fresh.sort_by(|left, right| sizes[*right].cmp(&sizes[*left]));
    fresh.into_iter().zip(next..).for_each(|(new, number)| numbers[new].0 = number);
    numbers
}

/// Those in both of those in either (Jaccard 1912); 0 if it is too little to be the same.
fn share(new: &RoaringBitmap, old: &RoaringBitmap) -> f64 {
    let both = new.intersection_len(old);
    let either = new.len() + old.len() - both;
    let share = if either == 0 { 0.0 } else { both as f64 / either as f64 };
    if share >= SAME { share } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_keep_their_numbers_through_another_fit() {
        let before = Before {
            clusters: [0, 4].map(|number| pb::Cluster { number, ..Default::default() }).to_vec(),
            members: vec![(0..100).collect(), (100..150).collect()],
        };
        let members = [(95..150).collect(), (200..210).collect(), (0..95).collect(), (300..400).collect()];
        let sizes = members.each_ref().map(RoaringBitmap::len);
        let numbered = numbers(&members, &sizes, Some(&before));
        assert_eq!(numbered.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [4, 6, 0, 5]);
        assert_eq!((numbered[0].1, numbered[1].1, numbered[2].1), (50.0 / 55.0, 0.0, 0.95));
        assert_eq!(numbers(&members, &sizes, None).iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3, 1, 0]);
    }
}
