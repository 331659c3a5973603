//! What the demo shows on a terminal: progress, bars and the report, for people to read.

use std::collections::BTreeMap;

use super::report::{Clustering, Report, Review, Round, Tenant};

/// The widest bar, in characters.
const WIDTH: f64 = 40.0;

/// The demo's title, with the loop.
pub fn title(text: &str) {
    println!("\n{text}");
    println!("  insight ──▶ strategy ──▶ execution ──▶ review ──┐");
    println!("     ▲                                           │");
    println!("     └───────────────────────────────────────────┘\n");
}

/// The start of a step.
pub fn step(text: &str) {
    println!("\n● {text}");
}

/// A line under a step.
pub fn line(text: &str) {
    println!("  {text}");
}

/// A histogram: one bar a name.
pub fn histogram<N: Into<f64> + Copy>(rows: &BTreeMap<String, N>) {
    let most = rows.values().map(|&count| count.into()).fold(1.0, f64::max);
    for (name, &count) in rows {
        let count: f64 = count.into();
        println!("  {name:<24} {count:>9} {}", "█".repeat((count / most * WIDTH).round() as usize));
    }
}

/// The sizes of a segment set's parts.
pub fn parts(parts: &BTreeMap<String, i64>) {
    histogram(&parts.iter().map(|(name, &members)| (name.clone(), members as f64)).collect());
}

/// The clusters: size, and what is far from the mean.
pub fn clusters(clustering: &Clustering) {
    for (size, means) in clustering.sizes.iter().zip(&clustering.standardised_means) {
        let mut marks: Vec<(&String, f64)> = clustering.features.iter().zip(means.iter().copied()).collect();
        marks.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let marks: Vec<String> = marks.iter().take(3).map(|(name, mean)| format!("{name} {mean:+.1}σ")).collect();
        println!("  {size:>9} customers   {}", marks.join(", "));
    }
    println!("  as rules over features they repeat {:.1} % of it", clustering.accuracy * 100.0);
}

/// A round of decisions.
pub fn round(round: &Round) {
    println!(
        "  {} decisions ({:.0} a second), {} of them lead to a contact, {} explained",
        round.decisions, round.decisions_per_second, round.contacts, round.explained
    );
    histogram(&round.contacts_by_strategy.iter().map(|(name, &count)| (name.clone(), count as f64)).collect());
    let stages: Vec<String> =
        round.candidates_by_stage.iter().map(|(stage, count)| format!("{stage} {count}")).collect();
    println!("  candidates by the stage they reached: {}", stages.join(", "));
}

/// The holdouts of a tenant.
pub fn holdouts(tenant: &Tenant) {
    for holdout in &tenant.holdouts {
        println!(
            "  {:<18} set {:>5.1} %   held {:>5.1} % of {:>6}   {:+.1} standard errors",
            holdout.name,
            holdout.setting * 100.0,
            holdout.share * 100.0,
            holdout.open,
            holdout.deviations
        );
    }
}

/// One review: the interval as a picture around zero.
pub fn review(review: &Review) {
    let sound = if review.sample_ratio_sound { "" } else { "   SAMPLE RATIO BROKEN: do not believe it" };
    let truth = review.truth.map(|truth| format!("   truth {truth:+.4}")).unwrap_or_default();
    println!(
        "  {:<28} {:<8} {:<6} {:+.6} (s.e. {:.6})  [{:+.4}, {:+.4}]{truth}{sound}",
        review.subject,
        review.outcome,
        review.metric,
        review.difference,
        review.standard_error,
        review.lower,
        review.upper
    );
}

/// The last lines.
pub fn end(report: &Report) {
    println!("\nThe loop took {:.1} s.", report.seconds);
}
