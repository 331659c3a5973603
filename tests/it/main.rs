//! Stories over the whole suite, one module each, in one binary so that the suite is linked once.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod process;
mod collector;
mod ask;
mod wire;

mod ready;
mod r#loop;
mod import;
mod load;
mod refusal;
mod consent;
mod trace;
mod crash;
mod leak;
mod erasure;
mod deploy;
