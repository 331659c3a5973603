//! Makes the table `membership_day`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(MembershipDay::Table)
            .col(ColumnDef::new(MembershipDay::Tenant).string().not_null())
            .col(ColumnDef::new(MembershipDay::OwnerId).string().not_null())
            .col(ColumnDef::new(MembershipDay::Day).integer().not_null())
            .col(ColumnDef::new(MembershipDay::Membership).string().not_null())
            .col(ColumnDef::new(MembershipDay::Joined).big_integer().not_null())
            .col(ColumnDef::new(MembershipDay::Departed).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(MembershipDay::Tenant)
                    .col(MembershipDay::OwnerId)
                    .col(MembershipDay::Day)
                    .col(MembershipDay::Membership),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MembershipDay::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum MembershipDay {
    Table,
    Tenant,
    OwnerId,
    Day,
    Membership,
    Joined,
    Departed,
}
