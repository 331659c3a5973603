//! Makes the table `segment`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(Segment::Table)
            .col(ColumnDef::new(Segment::Tenant).string().not_null())
            .col(ColumnDef::new(Segment::SegmentId).string().not_null())
            .col(ColumnDef::new(Segment::DisplayName).string().not_null())
            .col(ColumnDef::new(Segment::Rule).text().not_null())
            .col(ColumnDef::new(Segment::Revision).big_integer().not_null())
            .col(ColumnDef::new(Segment::RequestId).string().not_null())
            .primary_key(Index::create().col(Segment::Tenant).col(Segment::SegmentId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index.name("segment_request").table(Segment::Table).col(Segment::Tenant).col(Segment::RequestId).unique();
        manager.create_index(index).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Segment::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum Segment {
    Table,
    Tenant,
    SegmentId,
    DisplayName,
    Rule,
    Revision,
    RequestId,
}
