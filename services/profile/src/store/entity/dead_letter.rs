//! Dead letters: events that were refused.

use sea_orm::entity::prelude::*;

/// The row of a dead letter.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letter")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// Its id, a UUID of version 7, which ascends with time.
    #[sea_orm(primary_key, auto_increment = false)]
    pub letter_id: String,
    /// The keyed hash of source and source id, or of the whole event if it lacks one: unique in the tenant.
    pub digest: String,
    /// The event's source, cut to 64 bytes.
    pub source: String,
    /// The event's type, cut to 64 bytes.
    pub event_type: String,
    /// The event's customer, cut to 64 bytes; empty if it names none.
    pub customer_id: String,
    /// The keyed hash of the identity by which the event names its customer; empty if it names none so.
    pub identity_hash: String,
    /// A `DeadLetterState`.
    pub state: i16,
    /// The field at fault.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
    /// System time in microseconds of the first refusal.
    pub create_time: i64,
    /// System time in microseconds of the last refusal, replay or drop.
    pub update_time: i64,
    /// Whether the event was too large to be kept whole.
    pub cut: bool,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: the `Event`.
    pub payload: Vec<u8>,
}

/// It refers to nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
