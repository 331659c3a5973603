//! Requests about insights, and the pictures of their evidence.

use huan_chassis::check::Faults;
use huan_chassis::{Result, clock};
use huan_proto::segment::v1 as pb;
use huan_proto::segment::v1::evidence::Subject;
use huan_proto::segment::v1::outcome::Became;

use crate::chart::{Bars, bars};
use crate::drift::shares;
use crate::store::build::Build;
use crate::store::definition_version::Author;

const MAX_TITLE: usize = 200;
const MAX_WORDS: usize = 4000;
const MAX_NOTE: usize = 1000;

/// Reads the insight to be created, with the request that creates it.
pub fn create_insight(request: pb::CreateInsightRequest, by: &Author) -> Result<(String, pb::Insight)> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let asked = faults.required("insight", request.insight).unwrap_or_default();
    let insight = pb::Insight {
        title: faults.text("insight.title", &asked.title, MAX_TITLE),
        hypothesis: words(&mut faults, "insight.hypothesis", &asked.hypothesis, MAX_WORDS),
        created_by: by.name.clone(),
        create_time: Some(clock::timestamp(clock::from_micros(by.time))),
        ..Default::default()
    };
    faults.finish().map(|()| (request_id, insight))
}

/// Reads the status of which insights are listed; unspecified = all.
pub fn list_insights(request: &pb::ListInsightsRequest) -> Result<pb::InsightStatus> {
    let mut faults = Faults::new();
    let status = faults.optional_enumeration("status", request.status);
    faults.finish().map(|()| status)
}

/// Reads the evidence to be added: insight, request, and what is asked for.
pub fn add_evidence(request: pb::AddEvidenceRequest, by: &Author) -> Result<(String, String, pb::Evidence)> {
    let mut faults = Faults::new();
    let insight_id = faults.id("insight_id", &request.insight_id);
    let request_id = faults.id("request_id", &request.request_id);
    let asked = faults.required("evidence", request.evidence).unwrap_or_default();
    match &asked.subject {
        Some(Subject::Membership(membership)) => _ = faults.text("evidence.membership", membership, 129),
        Some(Subject::Feature(feature)) => _ = faults.text("evidence.feature", feature, 64),
        None => faults.add("evidence.subject", "is required"),
    }
    let within = faults.optional_text("evidence.within", &asked.within, 129);
    if !within.is_empty() && matches!(asked.subject, Some(Subject::Membership(_))) {
        faults.add("evidence.within", "goes with a feature only");
    }
    let note = match asked.note.is_empty() {
        true => String::new(),
        false => words(&mut faults, "evidence.note", &asked.note, MAX_NOTE),
    };
    let (subject, added_by) = (asked.subject, by.name.clone());
    let evidence = pb::Evidence { subject, within, note, added_by, ..Default::default() };
    faults.finish().map(|()| (insight_id, request_id, evidence))
}

/// Reads the comment to be added: insight, request and words.
pub fn add_comment(request: &pb::AddCommentRequest) -> Result<(String, String, String)> {
    let mut faults = Faults::new();
    let insight_id = faults.id("insight_id", &request.insight_id);
    let request_id = faults.id("request_id", &request.request_id);
    let text = words(&mut faults, "text", &request.text, MAX_WORDS);
    faults.finish().map(|()| (insight_id, request_id, text))
}

/// Reads a vote.
pub fn vote_on_insight(request: &pb::VoteOnInsightRequest) -> Result<(String, pb::Vote)> {
    let mut faults = Faults::new();
    let insight_id = faults.id("insight_id", &request.insight_id);
    let vote = faults.optional_enumeration("vote", request.vote);
    faults.finish().map(|()| (insight_id, vote))
}

/// Reads a verdict: insight, status and reason.
pub fn close_insight(request: &pb::CloseInsightRequest) -> Result<(String, pb::InsightStatus, String)> {
    let mut faults = Faults::new();
    let insight_id = faults.id("insight_id", &request.insight_id);
    let status = faults.enumeration("status", request.status);
    let reason = words(&mut faults, "reason", &request.reason, MAX_NOTE);
    faults.finish().map(|()| (insight_id, status, reason))
}

/// Reads what an insight became.
pub fn link_insight(request: pb::LinkInsightRequest) -> Result<(String, pb::Outcome)> {
    let mut faults = Faults::new();
    let insight_id = faults.id("insight_id", &request.insight_id);
    let outcome = faults.required("outcome", request.outcome).unwrap_or_default();
    match &outcome.became {
        Some(Became::SegmentId(id)) => _ = faults.id("outcome.segment_id", id),
        Some(Became::SegmentSetId(id)) => _ = faults.id("outcome.segment_set_id", id),
        Some(Became::StrategyId(id)) => _ = faults.id("outcome.strategy_id", id),
        None => faults.add("outcome.became", "is required"),
    }
    faults.finish().map(|()| (insight_id, outcome))
}

/// Evidence of a membership's builds, oldest first: how many belonged, and a picture.
pub fn evidence_of_builds(evidence: pb::Evidence, builds: &[Build]) -> pb::Evidence {
    let share = |build: &Build| build.members as f64 / build.population.max(1) as f64;
    let bin = |build: &Build| (format!("build {}", build.version), vec![share(build)]);
    let newest = builds.last();
    let title = newest.map(|build| format!("Share of {} in all customers", build.membership)).unwrap_or_default();
    let chart = Bars { title, series: vec!["share".to_owned()], bins: builds.iter().map(bin).collect() };
    pb::Evidence {
        as_of_time: newest.map(|build| clock::timestamp(clock::from_micros(build.as_of))),
        customers: newest.map_or(0, |build| build.members),
        population: newest.map_or(0, |build| build.population),
        svg: bars(&chart),
        ..evidence
    }
}

/// Evidence of a feature's distribution: bins with the shares of those looked at, beside all if those are not all.
pub fn evidence_of_feature(evidence: pb::Evidence, labels: Vec<String>, counts: &[u64], all: &[u64]) -> pb::Evidence {
    let nothing = |counts: &[u64]| shares(counts).unwrap_or_else(|| vec![0.0; counts.len()]);
    let both = labels.into_iter().zip(nothing(counts).into_iter().zip(nothing(all)));
    let bin = |(label, (share, of_all))| pb::DistributionBin {
        label,
        share,
        share_of_all: if evidence.within.is_empty() { 0.0 } else { of_all },
    };
    let bins: Vec<pb::DistributionBin> = both.map(bin).collect();
    let feature = match &evidence.subject {
        Some(Subject::Feature(feature)) => feature.as_str(),
        _ => "",
    };
    let chart = match evidence.within.as_str() {
        "" => Bars {
            title: format!("{feature} of all customers"),
            series: vec!["all".to_owned()],
            bins: bins.iter().map(|bin| (bin.label.clone(), vec![bin.share])).collect(),
        },
        within => Bars {
            title: format!("{feature} of {within}"),
            series: vec![within.to_owned(), "all customers".to_owned()],
            bins: bins.iter().map(|bin| (bin.label.clone(), vec![bin.share, bin.share_of_all])).collect(),
        },
    };
    let (customers, population) = (counts.iter().sum::<u64>() as i64, all.iter().sum::<u64>() as i64);
    pb::Evidence { customers, population, svg: bars(&chart), bins, ..evidence }
}

/// Words of people: they may have lines, and nothing else that cannot be seen.
fn words(faults: &mut Faults, field: &str, value: &str, longest: usize) -> String {
    let lines: Vec<String> = value.lines().map(|line| line.replace('\t', " ")).collect();
    let flat = lines.join(" ");
    if flat.trim().is_empty() {
        faults.add(field, "is required");
        return String::new();
    }
    faults.optional_text(field, &flat, longest);
    lines.join("\n")
}
