//! What a review asks, checked, and what it is answered from: two arms. From these it makes the review's figures. Pure.

use huan_chassis::{Error, Result};
use huan_proto::evaluation::v1::{Holdout, Metric};

use crate::{
    effect::{ArmStats, Effect, welch},
    moments::Moments,
    ratio::{SampleRatio, sample_ratio},
};

/// A question with nothing missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Whose effect.
    pub subject: Subject,
    /// The outcome.
    pub event_type: String,
    /// How it becomes a number.
    pub metric: Metric,
    /// Days of 24 hours from the exposure; 0 = for ever.
    pub window_days: u32,
    /// Confidence of the interval, 0.5 to 0.999.
    pub confidence: f64,
}

/// Whose effect is measured.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A strategy's, treated against held out.
    Strategy {
        /// The strategy.
        strategy_id: String,
        /// Against whom.
        holdout: Holdout,
    },
    /// One arm's of an experiment, against another.
    Experiment {
        /// The experiment.
        experiment_id: String,
        /// The arm.
        arm: String,
        /// The other; None = the control.
        against: Option<String>,
    },
}

/// One arm as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// Its name.
    pub name: String,
    /// Its customers' outcomes.
    pub moments: Moments,
    /// The mean over its customers of an intended share: of the control for a strategy, of the arm for an experiment.
    pub share: f64,
}

/// Both arms.
#[derive(Clone, Debug, PartialEq)]
pub struct Arms {
    /// Whose effect is measured.
    pub treatment: Arm,
    /// Against whom.
    pub control: Arm,
}

/// The figures of a review.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The treatment's statistics.
    pub treatment: ArmStats,
    /// The control's.
    pub control: ArmStats,
    /// The effect.
    pub effect: Effect,
    /// Whether the arms are as large as intended.
    pub sample_ratio: SampleRatio,
}

impl Arm {
    /// An arm that nobody is in.
    pub fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), moments: Moments::default(), share: 0.0 }
    }
}

/// Reckons the figures. Errors: WrongState if an arm has fewer than two customers.
pub fn reckon(spec: &Spec, arms: &Arms) -> Result<Figures> {
    let (treatment, control) = (arms.treatment.moments.stats(), arms.control.moments.stats());
    for (arm, stats) in [(&arms.treatment, treatment), (&arms.control, control)] {
        if stats.n < 2 {
            let state = format!("too small: {} has fewer than two customers", arm.name);
            return Err(Error::WrongState { what: "arm", state });
        }
    }
    Ok(Figures {
        treatment,
        control,
        effect: welch(treatment, control, spec.confidence),
        sample_ratio: sample_ratio(treatment.n, control.n, expected_share(spec, arms)),
    })
}

/// The intended share of the treatment. Shares that changed over time count as often as they were used.
fn expected_share(spec: &Spec, arms: &Arms) -> f64 {
    let (treatment, control) = (&arms.treatment, &arms.control);
    match spec.subject {
        Subject::Strategy { .. } => {
            let share = |arm: &Arm| Moments::new(arm.moments.stats().n, arm.share, 0.0);
            let mut held = share(treatment);
            held.merge(&share(control));
            1.0 - held.stats().mean
        }
        Subject::Experiment { .. } => {
            let both = treatment.share + control.share;
            if both > 0.0 { treatment.share / both } else { 0.0 }
        }
    }
}
