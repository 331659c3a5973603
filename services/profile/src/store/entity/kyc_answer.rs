//! The last answers to the questions about customers. What was answered lies in the envelope.

use sea_orm::entity::prelude::*;

/// The row of an answer.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "kyc_answer")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The customer.
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: String,
    /// The question.
    #[sea_orm(primary_key, auto_increment = false)]
    pub question_id: String,
    /// Business time in microseconds at which it was given.
    pub answer_time: i64,
    /// The user or service that recorded it.
    pub answered_by: String,
    /// Envelope: 0 = plain.
    pub format: i16,
    /// Envelope: the key.
    pub key_id: String,
    /// Envelope: a `KycAnswer` of the answer only.
    pub payload: Vec<u8>,
}

/// It is joined by key, not by relation.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
