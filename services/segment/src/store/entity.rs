//! The tables, one entity each.

pub mod clustering;
pub mod dataset;
pub mod dataset_page;
pub mod membership_version;
pub mod model_body;
pub mod model_version;
pub mod segment;
pub mod segment_set;
pub mod segment_set_part;
pub mod tenant;
pub mod vector;
