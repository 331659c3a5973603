//! Makes the table `definition_version`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(DefinitionVersion::Table)
            .col(ColumnDef::new(DefinitionVersion::Tenant).string().not_null())
            .col(ColumnDef::new(DefinitionVersion::OwnerId).string().not_null())
            .col(ColumnDef::new(DefinitionVersion::Revision).big_integer().not_null())
            .col(ColumnDef::new(DefinitionVersion::Payload).blob().not_null())
            .col(ColumnDef::new(DefinitionVersion::ChangedBy).string().not_null())
            .col(ColumnDef::new(DefinitionVersion::Changed).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(DefinitionVersion::Tenant)
                    .col(DefinitionVersion::OwnerId)
                    .col(DefinitionVersion::Revision),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(DefinitionVersion::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum DefinitionVersion {
    Table,
    Tenant,
    OwnerId,
    Revision,
    Payload,
    ChangedBy,
    Changed,
}
