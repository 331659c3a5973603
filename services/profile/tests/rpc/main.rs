//! Every RPC of the profile service through a real client: success once, each documented error once.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bank;
mod bulk;
mod company;
mod completeness;
mod consent;
mod customer;
mod dead_letter;
mod event;
mod feature;
mod holding;
mod identity;
mod merge;
mod kyc;
mod plan;
mod profile;
mod search;
mod related;
mod relation;
mod rights;
mod snapshot;
mod stream;
mod tag;
mod tag_definition;
mod tenant;
mod whole;
mod window;
