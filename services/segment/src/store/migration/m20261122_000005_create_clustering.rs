//! Makes the table `clustering`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Clustering::Table)
            .col(ColumnDef::new(Clustering::Tenant).string().not_null())
            .col(ColumnDef::new(Clustering::ClusteringId).string().not_null())
            .col(ColumnDef::new(Clustering::RequestId).string().not_null())
            .col(ColumnDef::new(Clustering::Payload).blob().not_null())
            .primary_key(Index::create().col(Clustering::Tenant).col(Clustering::ClusteringId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("clustering_request")
            .table(Clustering::Table)
            .col(Clustering::Tenant)
            .col(Clustering::RequestId)
            .unique();
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Clustering::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Clustering {
    Table,
    Tenant,
    ClusteringId,
    RequestId,
    Payload,
}
