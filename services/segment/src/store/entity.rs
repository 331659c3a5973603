//! The tables, one entity each.

pub mod clustering;
pub mod dataset;
pub mod dataset_page;
pub mod definition_version;
pub mod distribution;
pub mod insight;
pub mod insight_comment;
pub mod insight_evidence;
pub mod insight_vote;
pub mod lease;
pub mod membership_code;
pub mod membership_day;
pub mod membership_move;
pub mod membership_state;
pub mod clustering_job;
pub mod clustering_promotion;
pub mod membership_version;
pub mod model_body;
pub mod model_version;
pub mod segment;
pub mod segment_set;
pub mod segment_set_part;
pub mod segment_source;
pub mod tenant;
pub mod vector;
