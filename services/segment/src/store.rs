//! What this service keeps on disk: one file a noun, one entity a table. Who may see a row is decided above.

pub mod build;
pub mod clustering;
pub mod clustering_job;
pub mod clustering_promotion;
pub mod definition;
pub mod entity;
pub mod migration;
pub mod segment;
pub mod segment_set;
pub mod tenant;
pub mod vector;

pub use self::migration::Migrator;
