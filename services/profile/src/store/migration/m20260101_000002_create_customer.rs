//! Creates table `customer`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// This migration.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Customer::Table)
            .col(ColumnDef::new(Customer::Tenant).string().not_null())
            .col(ColumnDef::new(Customer::CustomerId).string().not_null())
            .col(ColumnDef::new(Customer::CustomerKey).string().not_null())
            .col(ColumnDef::new(Customer::RequestId).string())
            .col(ColumnDef::new(Customer::CustomerType).small_integer().not_null())
            .col(ColumnDef::new(Customer::OwnerPath).string().not_null())
            .col(ColumnDef::new(Customer::ManagerId).string().not_null())
            .col(ColumnDef::new(Customer::RiskLevel).small_integer().not_null())
            .col(ColumnDef::new(Customer::Gates).integer().not_null())
            .col(ColumnDef::new(Customer::PersonalisationRefused).boolean().not_null())
            .col(ColumnDef::new(Customer::OpenDay).integer())
            .col(ColumnDef::new(Customer::Format).small_integer().not_null())
            .col(ColumnDef::new(Customer::KeyId).string().not_null())
            .col(ColumnDef::new(Customer::Payload).binary().not_null())
            .col(ColumnDef::new(Customer::RootId).string().not_null())
            .col(ColumnDef::new(Customer::Absorbed).integer().not_null())
            .col(ColumnDef::new(Customer::MergeTime).big_integer().not_null())
            .col(ColumnDef::new(Customer::Revision).big_integer().not_null())
            .col(ColumnDef::new(Customer::CreateTime).big_integer().not_null())
            .col(ColumnDef::new(Customer::UpdateTime).big_integer().not_null())
            .primary_key(Index::create().col(Customer::Tenant).col(Customer::CustomerId));
        // Most of what is read is found by the key: SQLite keeps the row there, where a look-up ends.
        if manager.get_database_backend() == DbBackend::Sqlite {
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;
        let index = Index::create()
            .name("ix_customer_key")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::CustomerKey)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_customer_request")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::RequestId)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_customer_root")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::RootId)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_customer_owner")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::OwnerPath)
            .col(Customer::CustomerId)
            .to_owned();
        manager.create_index(index).await?;
        let index = Index::create()
            .name("ix_customer_manager")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::ManagerId)
            .col(Customer::CustomerId)
            .to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Customer::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
#[allow(clippy::enum_variant_names, reason = "these are the columns' names")]
enum Customer {
    Table,
    Tenant,
    CustomerId,
    CustomerKey,
    RequestId,
    CustomerType,
    OwnerPath,
    ManagerId,
    RiskLevel,
    Gates,
    PersonalisationRefused,
    OpenDay,
    Format,
    KeyId,
    Payload,
    RootId,
    Absorbed,
    MergeTime,
    Revision,
    CreateTime,
    UpdateTime,
}
