//! Makes the table `data_key`.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

/// The schema of the database of keys.
pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(CreateDataKey)]
    }

    fn migration_table_name() -> DynIden {
        "data_key_migration".into_iden()
    }
}

struct CreateDataKey;

impl MigrationName for CreateDataKey {
    fn name(&self) -> &str {
        "m20260101_000001_create_data_key"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateDataKey {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(DataKey::Table)
            .col(ColumnDef::new(DataKey::Tenant).string().not_null())
            .col(ColumnDef::new(DataKey::KeyId).string().not_null())
            .col(ColumnDef::new(DataKey::MasterId).string().not_null())
            .col(ColumnDef::new(DataKey::Wrapped).blob().not_null())
            .col(ColumnDef::new(DataKey::CreateTime).big_integer().not_null())
            .primary_key(Index::create().col(DataKey::Tenant).col(DataKey::KeyId));
        // Keys are small and looked up in no order: SQLite keeps the row in the index, where a look-up ends.
        if manager.get_database_backend() == DbBackend::Sqlite {
            table.extra("WITHOUT ROWID");
        }
        manager.create_table(table).await?;
        // Which masters are in use is asked at every start.
        let masters = Index::create().name("data_key_master").table(DataKey::Table).col(DataKey::MasterId).to_owned();
        manager.create_index(masters).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(DataKey::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum DataKey {
    Table,
    Tenant,
    KeyId,
    MasterId,
    Wrapped,
    CreateTime,
}
