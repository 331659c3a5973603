//! Huan in one process: every service and the gateway over real gRPC, the demo of the closed loop, the importers, the
//! simulated bank and the bench. The only library that knows several services. Modules in reading order.

pub mod failure;
pub mod progress;
pub mod suite;
pub mod up;
pub mod token;
pub mod bank;
pub mod door;
pub mod load;
pub mod bulk;
pub mod snapshot;
pub mod import;
pub mod demo;
pub mod bench;
pub mod command;

pub use failure::{Failure, Result};
pub use suite::Suite;
