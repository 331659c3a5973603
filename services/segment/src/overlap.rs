//! How far memberships overlap, pair by pair.

use huan_proto::segment::v1 as pb;
use roaring::RoaringBitmap;

/// Counts who is in both of each pair of memberships, in their order, with the Jaccard index: those in both over those in
/// any (Jaccard, The Distribution of the Flora in the Alpine Zone, 1912).
pub fn overlaps(members: &[(String, RoaringBitmap)]) -> Vec<pb::Overlap> {
    let pairs =
        members.iter().enumerate().flat_map(|(at, first)| members[at + 1..].iter().map(move |other| (first, other)));
    pairs.map(|((first, left), (second, right))| overlap((first, left), (second, right))).collect()
}

fn overlap((first, left): (&str, &RoaringBitmap), (second, right): (&str, &RoaringBitmap)) -> pb::Overlap {
    let (both, any) = (left.intersection_len(right), left.union_len(right));
    let jaccard = if any == 0 { 0.0 } else { both as f64 / any as f64 };
    pb::Overlap { first: first.to_owned(), second: second.to_owned(), both: both as i64, jaccard }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_counted_once() {
        let members: Vec<_> = [("a", 0..10), ("b", 5..20), ("c", 0..0)]
            .map(|(name, ordinals)| (name.to_owned(), ordinals.collect::<RoaringBitmap>()))
            .to_vec();
        let found = overlaps(&members);
        let pairs: Vec<_> = found.iter().map(|pair| (pair.first.as_str(), pair.second.as_str(), pair.both)).collect();
        assert_eq!(pairs, [("a", "b", 5), ("a", "c", 0), ("b", "c", 0)]);
        assert_eq!((found[0].jaccard, found[1].jaccard), (0.25, 0.0));
        assert_eq!(overlaps(&members[2..]), []);
    }
}
