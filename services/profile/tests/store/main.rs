//! The store on SQLite and on PostgreSQL: the schema that entities expect, and what only a store can show.

mod ingest;
mod schema;
