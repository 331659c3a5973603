//! The frame that every Huan service is built in: configuration, stores, errors, servers, clients, telemetry,
//! identities and feeds. It knows no word of banking. Modules in reading order.

pub mod clock;
pub mod error;
pub mod check;
pub mod page;
pub mod config;
pub mod telemetry;
pub mod token;
pub mod identity;
pub mod policy;
pub mod server;
pub mod client;
pub mod store;
pub mod vault;
pub mod commit;
pub mod feed;
pub mod directory;

// Rows are made on one thread and dropped on another, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use error::{Error, FieldFault, Result};
pub use identity::Identity;
