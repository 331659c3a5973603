//! Makes the tables of what the feed tells: tenants and customers.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000013_create_customer"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(tenant()).await?;
        manager.create_table(customer()).await?;
        let roots = Index::create()
            .name("customer_root")
            .table(Customer::Table)
            .col(Customer::Tenant)
            .col(Customer::RootId)
            .to_owned();
        manager.create_index(roots).await?;
        let mut of_key = Index::create();
        of_key.name("customer_of_key").table(Customer::Table).col(Customer::Tenant).col(Customer::CustomerKey);
        manager.create_index(of_key).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Customer::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Tenant::Table).to_owned()).await?;
        Ok(())
    }
}

fn tenant() -> TableCreateStatement {
    Table::create()
        .table(Tenant::Table)
        .col(ColumnDef::new(Tenant::Tenant).string().not_null())
        .col(ColumnDef::new(Tenant::TimeZone).string().not_null())
        .col(ColumnDef::new(Tenant::ClockKind).small_integer().not_null())
        .col(ColumnDef::new(Tenant::ClockMicros).big_integer().not_null())
        .col(ColumnDef::new(Tenant::ConsentDefaults).integer().not_null())
        .col(ColumnDef::new(Tenant::MapNumber).big_integer().not_null())
        .col(ColumnDef::new(Tenant::Epoch).big_integer().not_null())
        .primary_key(Index::create().col(Tenant::Tenant))
        .to_owned()
}

fn customer() -> TableCreateStatement {
    Table::create()
        .table(Customer::Table)
        .col(ColumnDef::new(Customer::Tenant).string().not_null())
        .col(ColumnDef::new(Customer::CustomerId).string().not_null())
        .col(ColumnDef::new(Customer::CustomerKey).string().not_null())
        .col(ColumnDef::new(Customer::RootId).string().not_null())
        .col(ColumnDef::new(Customer::Merged).boolean().not_null())
        .col(ColumnDef::new(Customer::Partition).integer().not_null())
        .col(ColumnDef::new(Customer::OwnerPath).string().not_null())
        .col(ColumnDef::new(Customer::Format).small_integer().not_null())
        .col(ColumnDef::new(Customer::KeyId).string().not_null())
        .col(ColumnDef::new(Customer::Payload).blob().not_null())
        .primary_key(Index::create().col(Customer::Tenant).col(Customer::CustomerId))
        .to_owned()
}

#[derive(DeriveIden)]
enum Tenant {
    Table,
    Tenant,
    TimeZone,
    ClockKind,
    ClockMicros,
    ConsentDefaults,
    MapNumber,
    Epoch,
}

#[derive(DeriveIden)]
enum Customer {
    Table,
    Tenant,
    CustomerId,
    CustomerKey,
    RootId,
    Merged,
    Partition,
    OwnerPath,
    Format,
    KeyId,
    Payload,
}
