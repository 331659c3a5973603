//! Makes the table `segment_source`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(SegmentSource::Table)
            .col(ColumnDef::new(SegmentSource::Tenant).string().not_null())
            .col(ColumnDef::new(SegmentSource::SegmentId).string().not_null())
            .col(ColumnDef::new(SegmentSource::Cluster).string().not_null())
            .col(ColumnDef::new(SegmentSource::Frozen).boolean().not_null())
            .col(ColumnDef::new(SegmentSource::Bitmap).blob().not_null())
            .primary_key(Index::create().col(SegmentSource::Tenant).col(SegmentSource::SegmentId));
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(SegmentSource::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum SegmentSource {
    Table,
    Tenant,
    SegmentId,
    Cluster,
    Frozen,
    Bitmap,
}
