//! What this service keeps on disk: one file a noun, one entity a table. Who may see a row is decided above.

pub mod build;
pub mod clustering;
pub mod dataset;
pub mod clustering_job;
pub mod clustering_promotion;
pub mod definition;
pub mod definition_version;
pub mod distribution;
pub mod entity;
pub mod history;
pub mod insight;
pub mod lease;
pub mod migration;
pub mod model;
pub mod segment;
pub mod segment_set;
pub mod segment_source;
pub mod tenant;
pub mod vector;

pub use self::migration::Migrator;
