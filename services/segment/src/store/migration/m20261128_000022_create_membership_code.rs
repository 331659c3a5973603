//! Makes the table `membership_code`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(MembershipCode::Table)
            .col(ColumnDef::new(MembershipCode::Tenant).string().not_null())
            .col(ColumnDef::new(MembershipCode::Membership).string().not_null())
            .col(ColumnDef::new(MembershipCode::Code).big_integer().not_null())
            .primary_key(Index::create().col(MembershipCode::Tenant).col(MembershipCode::Membership));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("membership_code_code")
            .table(MembershipCode::Table)
            .col(MembershipCode::Tenant)
            .col(MembershipCode::Code)
            .unique();
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(MembershipCode::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum MembershipCode {
    Table,
    Tenant,
    Membership,
    Code,
}
