//! Makes the table `membership_move`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(MembershipMove::Table)
            .col(ColumnDef::new(MembershipMove::Tenant).string().not_null())
            .col(ColumnDef::new(MembershipMove::Ordinal).big_integer().not_null())
            .col(ColumnDef::new(MembershipMove::Number).big_integer().not_null())
            .col(ColumnDef::new(MembershipMove::Moved).big_integer().not_null())
            .col(ColumnDef::new(MembershipMove::Day).integer().not_null())
            .col(ColumnDef::new(MembershipMove::Payload).blob().not_null())
            .primary_key(
                Index::create().col(MembershipMove::Tenant).col(MembershipMove::Ordinal).col(MembershipMove::Number),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MembershipMove::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum MembershipMove {
    Table,
    Tenant,
    Ordinal,
    Number,
    Moved,
    Day,
    Payload,
}
