//! What must not be lost: stores, feeds, cursors, on SQLite and PostgreSQL.

mod bench;
mod consume;
mod directory;
mod store;
mod watch;
