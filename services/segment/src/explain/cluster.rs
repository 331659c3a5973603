//! Why a customer is in a cluster or not: how near the clusters are, and which single feature would have to move least.

use huan_proto::segment::v1 as pb;
use huan_proto::types::v1::{Value, value};

use crate::columns::Row;
use crate::live::Clustered;

/// Explains a membership of this name: the cluster's own, or that of a segment that stands for it.
pub(super) fn explain(membership: &str, clustered: &Clustered<'_>, row: &Row<'_>) -> pb::ExplainMembershipResponse {
    let raw = clustered.values(row);
    let place = clustered.model.cluster(raw.iter().copied());
    let member = place == Some(clustered.at);
    let is_own = clustered.names[clustered.at] == membership;
    let actual = match place {
        Some(place) if is_own => clustered.names[place].clone(),
        _ if member => membership.to_owned(),
        _ => String::new(),
    };
    pb::ExplainMembershipResponse {
        member,
        actual_membership: actual,
        distances: distances(clustered, &raw),
        values: (0..raw.len()).map(|feature| compared(clustered, feature, &raw)).collect(),
        changes: change(clustered, &raw, member).into_iter().collect(),
        ..Default::default()
    }
}

fn distances(clustered: &Clustered<'_>, raw: &[f64]) -> Vec<pb::ClusterDistance> {
    let distance = |(place, name): (usize, &String)| {
        let distance = clustered.model.distance(place, raw.iter().copied())?;
        Some(pb::ClusterDistance { membership: name.clone(), distance })
    };
    let mut distances: Vec<_> = clustered.names.iter().enumerate().filter_map(distance).collect();
    distances.sort_by(|left, right| left.distance.total_cmp(&right.distance));
    distances
}

fn compared(clustered: &Clustered<'_>, feature: usize, raw: &[f64]) -> pb::ClusterValue {
    let scaled = clustered.model.prepare(feature, raw[feature]);
    pb::ClusterValue {
        seen: Some(seen(clustered, feature, raw)),
        scaled: Some(scaled).filter(|scaled| !scaled.is_nan()),
        centre: clustered.model.centre(clustered.at).map_or(0.0, |centre| centre[feature]),
    }
}

fn seen(clustered: &Clustered<'_>, feature: usize, raw: &[f64]) -> pb::SeenValue {
    let kind = Some(raw[feature]).filter(|number| !number.is_nan()).map(value::Kind::Number);
    pb::SeenValue {
        of: Some(pb::seen_value::Of::Feature(clustered.features[feature].0.clone())),
        value: Some(Value { kind }),
    }
}

/// The smallest change of one feature that makes a member of who is none, or the other way round. What is missing cannot
/// change here.
fn change(clustered: &Clustered<'_>, raw: &[f64], member: bool) -> Option<pb::RuleChange> {
    let scaled = clustered.model.scaled(raw.iter().copied())?;
    let known = (0..raw.len()).filter(|feature| !raw[*feature].is_nan());
    let bounds = known.flat_map(|feature| {
        let (least, greatest) = clustered.model.range(clustered.at, feature, &scaled).unwrap_or((f64::NAN, f64::NAN));
        match member {
            true => vec![(feature, pb::RuleNeed::Less, least), (feature, pb::RuleNeed::More, greatest)],
            false if raw[feature] < least => vec![(feature, pb::RuleNeed::AtLeast, least)],
            false => vec![(feature, pb::RuleNeed::AtMost, greatest)],
        }
    });
    let finite = bounds.filter(|(.., bound)| bound.is_finite());
    let nearest = finite.map(|(feature, need, bound)| (distance(raw[feature], bound), feature, need, bound));
    let (distance, feature, need, bound) = nearest.min_by(|left, right| left.0.total_cmp(&right.0))?;
    Some(pb::RuleChange {
        becomes: !member,
        seen: Some(seen(clustered, feature, raw)),
        need: need.into(),
        value: Some(Value { kind: Some(value::Kind::Number(bound)) }),
        distance,
        ..Default::default()
    })
}

/// As for the comparisons of rules.
fn distance(old: f64, new: f64) -> f64 {
    if old == new { 0.0 } else { (new - old).abs() / (new.abs() + old.abs()) }
}
