//! Makes the table `model_body`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(ModelBody::Table)
            .col(ColumnDef::new(ModelBody::Tenant).string().not_null())
            .col(ColumnDef::new(ModelBody::ModelId).string().not_null())
            .col(ColumnDef::new(ModelBody::Version).big_integer().not_null())
            .col(ColumnDef::new(ModelBody::Body).blob().not_null())
            .col(ColumnDef::new(ModelBody::Onnx).blob().not_null())
            .primary_key(Index::create().col(ModelBody::Tenant).col(ModelBody::ModelId).col(ModelBody::Version));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ModelBody::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum ModelBody {
    Table,
    Tenant,
    ModelId,
    Version,
    Body,
    Onnx,
}
