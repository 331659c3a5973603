//! The tables, one file each. What is done with them stands in the files of `store`.

pub mod assignment;
pub mod channel;
pub mod channel_load;
pub mod contact;
pub mod customer;
pub mod decision;
pub mod experiment;
pub mod objective;
pub mod product;
pub mod published_map;
pub mod response;
pub mod script;
pub mod strategy;
pub mod tenant;
