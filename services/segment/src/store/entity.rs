//! The tables, one entity each.

pub mod clustering;
pub mod clustering_job;
pub mod clustering_promotion;
pub mod membership_version;
pub mod segment;
pub mod segment_set;
pub mod segment_set_part;
pub mod tenant;
pub mod vector;
