//! Makes the table `membership_state`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(MembershipState::Table)
            .col(ColumnDef::new(MembershipState::Tenant).string().not_null())
            .col(ColumnDef::new(MembershipState::Ordinal).big_integer().not_null())
            .col(ColumnDef::new(MembershipState::Codes).blob().not_null())
            .col(ColumnDef::new(MembershipState::Moves).big_integer().not_null())
            .col(ColumnDef::new(MembershipState::Position).string().not_null())
            .primary_key(Index::create().col(MembershipState::Tenant).col(MembershipState::Ordinal));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MembershipState::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum MembershipState {
    Table,
    Tenant,
    Ordinal,
    Codes,
    Moves,
    Position,
}
