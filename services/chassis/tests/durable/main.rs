//! What must not be lost: stores, feeds, cursors, on SQLite and PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

mod bench;
mod consume;
mod directory;
mod lists;
mod rows;
mod store;
mod vault;
mod watch;
