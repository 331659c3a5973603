//! Evaluation: measures the effect of strategies and experiments against customers who were left alone. It owns
//! exposures, assignments, outcomes and reviews; it decides nothing. Modules in reading order.

pub mod effect;
pub mod moments;
pub mod normal;
pub mod ratio;
pub mod student;
