//! One entity per table.

pub mod assignment;
pub mod exposure;
pub mod outcome;
pub mod profile_member;
pub mod response;
pub mod review;
