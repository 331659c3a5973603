//! One entity per table.

pub mod bulk_load;
pub mod consent;
pub mod customer;
pub mod dead_letter;
pub mod erasure;
pub mod event;
pub mod event_day;
pub mod event_type;
pub mod feature;
pub mod holding;
pub mod identity;
pub mod kyc_answer;
pub mod kyc_template;
pub mod relation;
pub mod lookup;
pub mod merge_edge;
pub mod merge_proposal;
pub mod snapshot;
pub mod snapshot_part;
pub mod legal_hold;
pub mod tag;
pub mod tag_definition;
pub mod tag_history;
pub mod tenant;
pub mod tombstone;
pub mod vector;
