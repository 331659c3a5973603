//! The store on SQLite and on PostgreSQL: the schema that entities expect, and what only a store can show.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod build;
mod export;
mod ingest;
mod kill;
mod merge;
mod related;
mod relation;
mod schema;
mod seal;
