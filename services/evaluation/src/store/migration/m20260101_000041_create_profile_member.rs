//! Creates table `profile_member`.

use sea_orm_migration::prelude::*;

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(ProfileMember::Table)
            .col(ColumnDef::new(ProfileMember::Tenant).string().not_null())
            .col(ColumnDef::new(ProfileMember::CustomerKey).string().not_null())
            .col(ColumnDef::new(ProfileMember::RootKey).string().not_null())
            .primary_key(Index::create().col(ProfileMember::Tenant).col(ProfileMember::CustomerKey))
            .to_owned();
        manager.create_table(table).await?;
        let roots = Index::create()
            .name("profile_member_root")
            .table(ProfileMember::Table)
            .col(ProfileMember::Tenant)
            .col(ProfileMember::RootKey)
            .to_owned();
        manager.create_index(roots).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ProfileMember::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum ProfileMember {
    Table,
    Tenant,
    CustomerKey,
    RootKey,
}
