//! The report file's shape. Its schema stands in `services/huan/report.md`; names in it are stable.

use std::collections::BTreeMap;

use serde::Serialize;

/// The whole report.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Version of Huan.
    pub huan_version: &'static str,
    /// Wall time of the demo in seconds.
    pub seconds: f64,
    /// The simulated bank's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Tenant>,
    /// Berka's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub berka: Option<Tenant>,
    /// Hillstrom's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hillstrom: Option<Tenant>,
}

/// What became of one tenant.
#[derive(Debug, Default, Serialize)]
pub struct Tenant {
    /// What was loaded, by kind: customers, events, accounts, cards, loans, standing_orders, assignments …
    pub loaded: BTreeMap<String, u64>,
    /// What a second run of the import took in as new: zero of every kind, if it is idempotent.
    pub loaded_again: BTreeMap<String, u64>,
    /// Rows that were refused, with file and line.
    pub faults: Vec<String>,
    /// Facts about the data that a reader must know.
    pub notes: Vec<String>,
    /// The segment sets with the size of each part.
    pub segment_sets: BTreeMap<String, BTreeMap<String, i64>>,
    /// The clustering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clustering: Option<Clustering>,
    /// The strategies of the published map.
    pub strategies: Vec<Strategy>,
    /// The rounds of decisions, in order.
    pub rounds: Vec<Round>,
    /// Each holdout with its setting and its share.
    pub holdouts: Vec<Holdout>,
    /// Decisions replayed after the map, the vectors and the clock had moved on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay: Option<Replay>,
    /// The reviews.
    pub reviews: Vec<Review>,
}

/// A clustering in short.
#[derive(Debug, Serialize)]
pub struct Clustering {
    /// The features.
    pub features: Vec<String>,
    /// Customers that have all of them.
    pub population: i64,
    /// Sizes, largest first.
    pub sizes: Vec<i64>,
    /// Standardised mean of each feature, a row a cluster.
    pub standardised_means: Vec<Vec<f64>>,
    /// Draft names of the clusters.
    pub names: Vec<String>,
    /// Rules that repeat the clusters; empty where there is none.
    pub rules: Vec<String>,
    /// Share of customers whom the rules put into their cluster.
    pub accuracy: f64,
}

/// A strategy in short.
#[derive(Debug, Serialize)]
pub struct Strategy {
    /// Its id.
    pub strategy_id: String,
    /// lifecycle, product or event.
    pub scenario: &'static str,
    /// Its state after the publish.
    pub state: String,
    /// Its channels.
    pub channels: Vec<String>,
}

/// A round of decisions: every customer once.
#[derive(Debug, Default, Serialize)]
pub struct Round {
    /// What sets the round apart.
    pub name: String,
    /// The map that decided.
    pub map_version: String,
    /// Decisions made.
    pub decisions: u64,
    /// Decisions with at least one reason, or with no candidate at all, which is a reason too.
    pub explained: u64,
    /// Decisions that led to a contact.
    pub contacts: u64,
    /// Contacts by strategy.
    pub contacts_by_strategy: BTreeMap<String, u64>,
    /// Contacts by channel.
    pub contacts_by_channel: BTreeMap<String, u64>,
    /// Candidates by the stage that they reached.
    pub candidates_by_stage: BTreeMap<String, u64>,
    /// Decisions a second.
    pub decisions_per_second: f64,
}

/// One holdout.
#[derive(Debug, Serialize)]
pub struct Holdout {
    /// "universal" or the strategy's id.
    pub name: String,
    /// The share that was set.
    pub setting: f64,
    /// Customers open to assignment: those with a would-be pick.
    pub open: u64,
    /// Those of them who are left alone.
    pub held: u64,
    /// held / open.
    pub share: f64,
    /// Binomial standard error of the share, sqrt(s (1 - s) / open) at the setting s.
    pub standard_error: f64,
    /// (share - setting) / standard_error.
    pub deviations: f64,
}

/// What came of replaying.
#[derive(Debug, Serialize)]
pub struct Replay {
    /// Decisions replayed.
    pub checked: u64,
    /// Those whose bytes were the same.
    pub identical: u64,
}

/// One review.
#[derive(Debug, Serialize)]
pub struct Review {
    /// The strategy or the experiment.
    pub subject: String,
    /// The arm whose effect is measured.
    pub arm: String,
    /// The arm against which.
    pub against: String,
    /// The outcome's event type.
    pub outcome: String,
    /// rate, count, or amount in the currency's major unit.
    pub metric: &'static str,
    /// Customers in the treatment.
    pub treated: i64,
    /// Customers in the control.
    pub control: i64,
    /// Mean of the treatment less mean of the control.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Lower end of the 95 % interval.
    pub lower: f64,
    /// Upper end of the 95 % interval.
    pub upper: f64,
    /// False if the arms' sizes are not as intended.
    pub sample_ratio_sound: bool,
    /// The simulated bank's own mean effect on the treated, which no real bank knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth: Option<f64>,
}
