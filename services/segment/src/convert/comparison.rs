//! Requests for comparisons, and findings of drift in words.

use std::collections::HashSet;

use huan_chassis::Result;
use huan_chassis::check::Faults;
use huan_proto::segment::v1 as pb;

use crate::chart::{Bars, bars};
use crate::drift::{LARGE, MODERATE};

const MAX_COMPARED: usize = 60;

/// Reads the memberships to be compared.
pub fn get_overlap(request: &pb::GetOverlapRequest) -> Result<()> {
    let mut faults = Faults::new();
    if request.memberships.is_empty() || request.memberships.len() > MAX_COMPARED {
        faults.add("memberships", format!("must be 1 to {MAX_COMPARED}"));
    }
    let mut seen = HashSet::new();
    for (at, membership) in request.memberships.iter().enumerate() {
        let field = format!("memberships[{at}]");
        faults.text(&field, membership, 129);
        if !seen.insert(membership) {
            faults.add(field, "is named twice");
        }
    }
    faults.finish()
}

/// Reads whose drift is asked for.
pub fn get_drift(request: &pb::GetDriftRequest) -> Result<()> {
    let mut faults = Faults::new();
    faults.id("owner_id", &request.owner_id);
    if request.base_version < 0 {
        faults.add("base_version", "is below 0");
    }
    if request.version < 0 || (request.live && request.version != 0) {
        faults.add("version", "must be a build, and 0 with live");
    } else if request.version != 0 && request.base_version >= request.version {
        faults.add("base_version", "must be before version");
    }
    faults.finish()
}

/// The finding that something has drifted, and what shows it.
pub fn finding(owner_id: &str, (base, version): (i64, i64), drift: &pb::Drift) -> (pb::Insight, pb::Evidence) {
    let what = match drift.feature.as_str() {
        "" => "the shares of its memberships have".to_owned(),
        feature => format!("the feature {feature}, which its rules read, has"),
    };
    let bound = if drift.level() == pb::DriftLevel::Large { LARGE } else { MODERATE };
    let hypothesis = format!(
        "From build {base} to build {version} of {owner_id} {what} moved: the population stability index is {:.3}, at \
         least {bound}. What was built on the state before may no longer hold.",
        drift.index
    );
    let title = format!("Drift in {owner_id}{}{}", if drift.feature.is_empty() { "" } else { ": " }, drift.feature);
    let chart = Bars {
        title: title.clone(),
        series: vec![format!("build {base}"), format!("build {version}")],
        bins: drift.bins.iter().map(|bin| (bin.label.clone(), vec![bin.before, bin.after])).collect(),
    };
    let evidence = pb::Evidence {
        subject: Some(match drift.feature.as_str() {
            "" => pb::evidence::Subject::Membership(owner_id.to_owned()),
            feature => pb::evidence::Subject::Feature(feature.to_owned()),
        }),
        note: format!("build {base} beside build {version}"),
        svg: bars(&chart),
        added_by: crate::rpc::SYSTEM.to_owned(),
        ..Default::default()
    };
    (pb::Insight { title, hypothesis, created_by: crate::rpc::SYSTEM.to_owned(), ..Default::default() }, evidence)
}
