//! Makes the table `customer_directory`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000003_create_customer_directory"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Directory::Table)
            .col(ColumnDef::new(Directory::Tenant).string().not_null())
            .col(ColumnDef::new(Directory::CustomerId).string().not_null())
            .col(ColumnDef::new(Directory::CustomerKey).string().not_null())
            .col(ColumnDef::new(Directory::Partition).integer().not_null())
            .col(ColumnDef::new(Directory::OwnerPath).string().not_null())
            .primary_key(Index::create().col(Directory::Tenant).col(Directory::CustomerId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("customer_directory_key").table(Directory::Table).col(Directory::Tenant).col(Directory::CustomerKey);
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Directory::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Directory {
    #[sea_orm(iden = "customer_directory")]
    Table,
    Tenant,
    CustomerId,
    CustomerKey,
    Partition,
    OwnerPath,
}
