//! Tenants: settings, business clock, and how far the daily roll has come.

use sea_orm::entity::prelude::*;

/// The row of a tenant.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    /// The tenant's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The request that created it.
    pub request_id: String,
    /// A name for people.
    pub display_name: String,
    /// IANA time zone of the business day.
    pub time_zone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The business clock: 0 system time, 1 system time plus `clock_micros`, 2 always `clock_micros`.
    pub clock_kind: i16,
    /// Microseconds: an offset, or a moment since the epoch.
    pub clock_micros: i64,
    /// Envelope: 0 = plain, 1 = sealed.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: random; keys the hashes under which personal values are found.
    pub secret: Vec<u8>,
    /// The business day for which every vector stands.
    pub rolled_day: i32,
    /// Business time in microseconds up to which expired tags have left the vectors.
    pub rolled_time: i64,
    /// Grows by one with every change of the feature catalogue or of the event types.
    pub catalogue: i64,
    /// Whether customers with the same identity document are merged by themselves.
    pub merge_by_id_number: bool,
    /// One bit a `Purpose` that is allowed where a customer said nothing, bit n for value n.
    pub consent_defaults: i32,
    /// Grows by one with every change of the settings.
    pub revision: i64,
    /// System time in microseconds.
    pub create_time: i64,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
