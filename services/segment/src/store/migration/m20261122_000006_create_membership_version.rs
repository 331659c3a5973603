//! Makes the table `membership_version`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(MembershipVersion::Table)
            .col(ColumnDef::new(MembershipVersion::Tenant).string().not_null())
            .col(ColumnDef::new(MembershipVersion::Membership).string().not_null())
            .col(ColumnDef::new(MembershipVersion::Version).big_integer().not_null())
            .col(ColumnDef::new(MembershipVersion::OwnerId).string().not_null())
            .col(ColumnDef::new(MembershipVersion::Bitmap).blob().not_null())
            .col(ColumnDef::new(MembershipVersion::Population).big_integer().not_null())
            .col(ColumnDef::new(MembershipVersion::Members).big_integer().not_null())
            .col(ColumnDef::new(MembershipVersion::Joined).big_integer().not_null())
            .col(ColumnDef::new(MembershipVersion::Departed).big_integer().not_null())
            .col(ColumnDef::new(MembershipVersion::AsOf).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(MembershipVersion::Tenant)
                    .col(MembershipVersion::Membership)
                    .col(MembershipVersion::Version),
            );
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("membership_version_owner")
            .table(MembershipVersion::Table)
            .col(MembershipVersion::Tenant)
            .col(MembershipVersion::OwnerId)
            .col(MembershipVersion::Version);
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MembershipVersion::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum MembershipVersion {
    Table,
    Tenant,
    Membership,
    Version,
    OwnerId,
    Bitmap,
    Population,
    Members,
    Joined,
    Departed,
    AsOf,
}
