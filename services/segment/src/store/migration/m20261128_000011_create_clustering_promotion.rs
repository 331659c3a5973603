//! Makes the table `clustering_promotion`.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(ClusteringPromotion::Table)
            .col(ColumnDef::new(ClusteringPromotion::Tenant).string().not_null())
            .col(ColumnDef::new(ClusteringPromotion::ClusteringId).string().not_null())
            .col(ColumnDef::new(ClusteringPromotion::SegmentSetId).string().not_null())
            .col(ColumnDef::new(ClusteringPromotion::Version).big_integer().not_null())
            .col(ColumnDef::new(ClusteringPromotion::Promoter).string().not_null())
            .col(ColumnDef::new(ClusteringPromotion::Checker).string().not_null())
            .col(ColumnDef::new(ClusteringPromotion::Promoted).big_integer().not_null())
            .primary_key(
                Index::create()
                    .col(ClusteringPromotion::Tenant)
                    .col(ClusteringPromotion::ClusteringId)
                    .col(ClusteringPromotion::SegmentSetId),
            );
        manager.create_table(table).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ClusteringPromotion::Table).to_owned()).await?;
        Ok(())
    }
}

#[derive(DeriveIden)]
enum ClusteringPromotion {
    Table,
    Tenant,
    ClusteringId,
    SegmentSetId,
    Version,
    Promoter,
    Checker,
    Promoted,
}
