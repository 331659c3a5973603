//! Makes the tables `segment_set` and `segment_set_part`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(SegmentSet::Table)
            .col(ColumnDef::new(SegmentSet::Tenant).string().not_null())
            .col(ColumnDef::new(SegmentSet::SegmentSetId).string().not_null())
            .col(ColumnDef::new(SegmentSet::DisplayName).string().not_null())
            .col(ColumnDef::new(SegmentSet::Revision).big_integer().not_null())
            .col(ColumnDef::new(SegmentSet::RequestId).string().not_null())
            .primary_key(Index::create().col(SegmentSet::Tenant).col(SegmentSet::SegmentSetId));
        manager.create_table(table).await?;
        let mut index = Index::create();
        index
            .name("segment_set_request")
            .table(SegmentSet::Table)
            .col(SegmentSet::Tenant)
            .col(SegmentSet::RequestId)
            .unique();
        manager.create_index(index).await?;
        let mut table = Table::create();
        table
            .table(SegmentSetPart::Table)
            .col(ColumnDef::new(SegmentSetPart::Tenant).string().not_null())
            .col(ColumnDef::new(SegmentSetPart::SegmentSetId).string().not_null())
            .col(ColumnDef::new(SegmentSetPart::Place).integer().not_null())
            .col(ColumnDef::new(SegmentSetPart::PartId).string().not_null())
            .col(ColumnDef::new(SegmentSetPart::DisplayName).string().not_null())
            .col(ColumnDef::new(SegmentSetPart::Rule).text().not_null())
            .primary_key(
                Index::create()
                    .col(SegmentSetPart::Tenant)
                    .col(SegmentSetPart::SegmentSetId)
                    .col(SegmentSetPart::Place),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(SegmentSetPart::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(SegmentSet::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum SegmentSet {
    Table,
    Tenant,
    SegmentSetId,
    DisplayName,
    Revision,
    RequestId,
}

#[derive(DeriveIden)]
enum SegmentSetPart {
    Table,
    Tenant,
    SegmentSetId,
    Place,
    PartId,
    DisplayName,
    Rule,
}
