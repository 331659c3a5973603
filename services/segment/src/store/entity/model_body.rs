//! The table `model_body`: what was learned or imported, which never changes.

use sea_orm::entity::prelude::*;

/// What one version scores with.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "model_body")]
pub struct Model {
    /// The tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    /// The model.
    #[sea_orm(primary_key, auto_increment = false)]
    pub model_id: String,
    /// The version.
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i64,
    /// Encoded segment.v1.ModelBody.
    pub body: Vec<u8>,
    /// The ONNX file of an imported version; empty of others.
    pub onnx: Vec<u8>,
}

/// No table refers to another by key.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
