//! Makes the table `clustering_job`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(ClusteringJob::Table)
            .col(ColumnDef::new(ClusteringJob::Tenant).string().not_null())
            .col(ColumnDef::new(ClusteringJob::ClusteringId).string().not_null())
            .col(ColumnDef::new(ClusteringJob::Version).big_integer().not_null())
            .col(ColumnDef::new(ClusteringJob::RequestId).string().not_null())
            .col(ColumnDef::new(ClusteringJob::Maker).string().not_null())
            .col(ColumnDef::new(ClusteringJob::Seed).big_integer().not_null())
            .col(ColumnDef::new(ClusteringJob::State).integer().not_null())
            .col(ColumnDef::new(ClusteringJob::Phase).integer().not_null())
            .col(ColumnDef::new(ClusteringJob::Percent).integer().not_null())
            .col(ColumnDef::new(ClusteringJob::Failure).text().not_null())
            .col(ColumnDef::new(ClusteringJob::ClaimedBy).string().not_null())
            .col(ColumnDef::new(ClusteringJob::Beat).big_integer().not_null())
            .col(ColumnDef::new(ClusteringJob::Created).big_integer().not_null())
            .col(ColumnDef::new(ClusteringJob::Ended).big_integer().not_null())
            .primary_key(
                Index::create().col(ClusteringJob::Tenant).col(ClusteringJob::ClusteringId).col(ClusteringJob::Version),
            );
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("clustering_job_request")
            .table(ClusteringJob::Table)
            .col(ClusteringJob::Tenant)
            .col(ClusteringJob::RequestId)
            .unique();
        manager.create_index(index).await?;
        let mut index = Index::create();
        index
            .name("clustering_job_state")
            .table(ClusteringJob::Table)
            .col(ClusteringJob::State)
            .col(ClusteringJob::Created);
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ClusteringJob::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum ClusteringJob {
    Table,
    Tenant,
    ClusteringId,
    Version,
    RequestId,
    Maker,
    Seed,
    State,
    Phase,
    Percent,
    Failure,
    ClaimedBy,
    Beat,
    Created,
    Ended,
}
