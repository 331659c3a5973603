//! Stories over the whole suite, one module each, in one binary so that the suite is linked once.

mod collector;
mod crash;
mod deploy;
mod leak;
mod process;
mod trace;
