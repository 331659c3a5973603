//! Models: from labelled rows to a version that scores customers, and what is known of how good it is. No store and no
//! wire but the messages that a version is kept as; what is drawn is drawn from a seed.

pub mod calibration;
pub mod card;
pub mod compare;
pub mod drift;
pub mod explain;
pub mod forest;
pub mod import;
pub mod learn;
pub mod live;
pub mod logistic;
pub mod measure;
pub mod metrics;
pub mod onnx;
pub mod prepare;
pub mod rows;
pub mod score;
pub mod split;
pub mod uplift;
pub mod watch;

#[cfg(test)]
mod tests;
