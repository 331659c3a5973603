//! Makes the table `model_version`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(ModelVersion::Table)
            .col(ColumnDef::new(ModelVersion::Tenant).string().not_null())
            .col(ColumnDef::new(ModelVersion::ModelId).string().not_null())
            .col(ColumnDef::new(ModelVersion::Version).big_integer().not_null())
            .col(ColumnDef::new(ModelVersion::RequestId).string().not_null())
            .col(ColumnDef::new(ModelVersion::State).integer().not_null())
            .col(ColumnDef::new(ModelVersion::Stage).integer().not_null())
            .col(ColumnDef::new(ModelVersion::Progress).integer().not_null())
            .col(ColumnDef::new(ModelVersion::Revision).big_integer().not_null())
            .col(ColumnDef::new(ModelVersion::Holder).string().not_null())
            .col(ColumnDef::new(ModelVersion::HeldUntil).big_integer().not_null())
            .col(ColumnDef::new(ModelVersion::Maker).string().not_null())
            .col(ColumnDef::new(ModelVersion::Checker).string().not_null())
            .col(ColumnDef::new(ModelVersion::Payload).blob().not_null())
            .primary_key(
                Index::create().col(ModelVersion::Tenant).col(ModelVersion::ModelId).col(ModelVersion::Version),
            );
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("model_version_request")
            .table(ModelVersion::Table)
            .col(ModelVersion::Tenant)
            .col(ModelVersion::RequestId)
            .unique();
        manager.create_index(index).await?;
        let mut index = Index::create();
        index
            .name("model_version_state")
            .table(ModelVersion::Table)
            .col(ModelVersion::State)
            .col(ModelVersion::HeldUntil);
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ModelVersion::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum ModelVersion {
    Table,
    Tenant,
    ModelId,
    Version,
    RequestId,
    State,
    Stage,
    Progress,
    Revision,
    Holder,
    HeldUntil,
    Maker,
    Checker,
    Payload,
}
