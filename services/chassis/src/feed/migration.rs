//! Makes the tables of feeds: `feed` and `feed_floor` of a producer, `feed_cursor` of a consumer.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

/// On PostgreSQL a transaction must have its id before it draws a position, or the fence could not see it: the
/// argument of `nextval` needs the id, so that neither can come without the other, nor after it.
const NEXT_POSITION: &str = "nextval(CASE WHEN pg_current_xact_id() IS NOT NULL THEN 'feed_seq'::regclass END)";

/// Makes the outbox.
pub(super) struct CreateFeed;

impl MigrationName for CreateFeed {
    fn name(&self) -> &str {
        "m20261122_000001_create_feed"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateFeed {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut seq = ColumnDef::new(Feed::Seq);
        seq.big_integer().not_null().primary_key();
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("CREATE SEQUENCE feed_seq").await?;
            seq.default(Expr::cust(NEXT_POSITION));
        } else {
            // AUTOINCREMENT: a position is never given twice, even after its row has been deleted.
            seq.auto_increment();
        }
        manager.create_table(feed(seq)).await?;
        manager.create_table(floor()).await?;
        let first = Query::insert()
            .into_table(Floor::Table)
            .columns([Floor::Id, Floor::Seq])
            .values_panic([1.into(), 0_i64.into()])
            .to_owned();
        manager.get_connection().execute(&first).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Floor::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Feed::Table).to_owned()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager.get_connection().execute_unprepared("DROP SEQUENCE feed_seq").await?;
        }
        Ok(())
    }
}

fn feed(seq: ColumnDef) -> TableCreateStatement {
    Table::create()
        .table(Feed::Table)
        .col(seq)
        .col(ColumnDef::new(Feed::Tenant).string().not_null())
        .col(ColumnDef::new(Feed::Kind).integer().not_null())
        .col(ColumnDef::new(Feed::CustomerId).string().not_null())
        .col(ColumnDef::new(Feed::CustomerKey).string().not_null())
        .col(ColumnDef::new(Feed::Partition).integer().not_null())
        .col(ColumnDef::new(Feed::OwnerPath).string().not_null())
        .col(ColumnDef::new(Feed::Traceparent).string().not_null())
        .col(ColumnDef::new(Feed::Format).small_integer().not_null())
        .col(ColumnDef::new(Feed::KeyId).string().not_null())
        .col(ColumnDef::new(Feed::Payload).blob().not_null())
        .col(ColumnDef::new(Feed::Written).big_integer().not_null())
        .to_owned()
}

fn floor() -> TableCreateStatement {
    Table::create()
        .table(Floor::Table)
        .col(ColumnDef::new(Floor::Id).integer().not_null().primary_key())
        .col(ColumnDef::new(Floor::Seq).big_integer().not_null())
        .to_owned()
}

/// Makes the consumers' cursors.
pub(super) struct CreateFeedCursor;

impl MigrationName for CreateFeedCursor {
    fn name(&self) -> &str {
        "m20261122_000002_create_feed_cursor"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateFeedCursor {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table(FeedCursor::Table)
            .col(ColumnDef::new(FeedCursor::Feed).string().not_null().primary_key())
            .col(ColumnDef::new(FeedCursor::Cursor).string().not_null())
            .col(ColumnDef::new(FeedCursor::Written).big_integer().not_null());
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(FeedCursor::Table).to_owned()).await
    }
}

#[derive(DeriveIden)]
enum Feed {
    Table,
    Seq,
    Tenant,
    Kind,
    CustomerId,
    CustomerKey,
    Partition,
    OwnerPath,
    Traceparent,
    Format,
    KeyId,
    Payload,
    Written,
}

#[derive(DeriveIden)]
enum Floor {
    #[sea_orm(iden = "feed_floor")]
    Table,
    Id,
    Seq,
}

#[derive(DeriveIden)]
enum FeedCursor {
    #[sea_orm(iden = "feed_cursor")]
    Table,
    Feed,
    Cursor,
    Written,
}
