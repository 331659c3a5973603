//! Makes the tables of decisions, contacts, the load of channels and responses.

#![allow(elided_lifetimes_in_paths, reason = "MigrationTrait elides it, and both must be written alike")]
#![allow(clippy::enum_variant_names, reason = "a column that names its own table's noun is still that column")]

use sea_orm_migration::prelude::*;

/// The migration, named for the day it was written.
pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000014_create_decision"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(decision()).await?;
        manager
            .create_index(index("decision_request", Decision::Table, true, [Decision::Tenant, Decision::RequestId]))
            .await?;
        manager
            .create_index(index("decision_id", Decision::Table, true, [Decision::Tenant, Decision::DecisionId]))
            .await?;
        manager.create_table(contact()).await?;
        manager
            .create_index(index("contact_expiry", Contact::Table, false, [Contact::State, Contact::ExpireTime]))
            .await?;
        manager.create_table(channel_load()).await?;
        manager.create_table(response()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Response::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(ChannelLoad::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Contact::Table).to_owned()).await?;
        manager.drop_table(Table::drop().table(Decision::Table).to_owned()).await?;
        Ok(())
    }
}

fn decision() -> TableCreateStatement {
    Table::create()
        .table(Decision::Table)
        .col(ColumnDef::new(Decision::Tenant).string().not_null())
        .col(ColumnDef::new(Decision::CustomerId).string().not_null())
        .col(ColumnDef::new(Decision::DecisionId).string().not_null())
        .col(ColumnDef::new(Decision::RequestId).string().not_null())
        .col(ColumnDef::new(Decision::Status).integer().not_null())
        .col(ColumnDef::new(Decision::Exposed).boolean().not_null())
        .col(ColumnDef::new(Decision::DecideTime).big_integer().not_null())
        .col(ColumnDef::new(Decision::Format).small_integer().not_null())
        .col(ColumnDef::new(Decision::KeyId).string().not_null())
        .col(ColumnDef::new(Decision::Payload).blob().not_null())
        .primary_key(Index::create().col(Decision::Tenant).col(Decision::CustomerId).col(Decision::DecisionId))
        .to_owned()
}

fn contact() -> TableCreateStatement {
    Table::create()
        .table(Contact::Table)
        .col(ColumnDef::new(Contact::Tenant).string().not_null())
        .col(ColumnDef::new(Contact::CustomerId).string().not_null())
        .col(ColumnDef::new(Contact::DecisionId).string().not_null())
        .col(ColumnDef::new(Contact::StrategyId).string().not_null())
        .col(ColumnDef::new(Contact::ChannelId).string().not_null())
        .col(ColumnDef::new(Contact::Marketing).boolean().not_null())
        .col(ColumnDef::new(Contact::Day).integer().not_null())
        .col(ColumnDef::new(Contact::State).small_integer().not_null())
        .col(ColumnDef::new(Contact::ExpireTime).big_integer().not_null())
        .primary_key(
            Index::create()
                .col(Contact::Tenant)
                .col(Contact::CustomerId)
                .col(Contact::DecisionId)
                .col(Contact::StrategyId),
        )
        .to_owned()
}

fn channel_load() -> TableCreateStatement {
    Table::create()
        .table(ChannelLoad::Table)
        .col(ColumnDef::new(ChannelLoad::Tenant).string().not_null())
        .col(ColumnDef::new(ChannelLoad::ChannelId).string().not_null())
        .col(ColumnDef::new(ChannelLoad::Day).integer().not_null())
        .col(ColumnDef::new(ChannelLoad::Used).big_integer().not_null())
        .primary_key(Index::create().col(ChannelLoad::Tenant).col(ChannelLoad::ChannelId).col(ChannelLoad::Day))
        .to_owned()
}

fn response() -> TableCreateStatement {
    Table::create()
        .table(Response::Table)
        .col(ColumnDef::new(Response::Tenant).string().not_null())
        .col(ColumnDef::new(Response::CustomerId).string().not_null())
        .col(ColumnDef::new(Response::RequestId).string().not_null())
        .col(ColumnDef::new(Response::DecisionId).string().not_null())
        .col(ColumnDef::new(Response::StrategyId).string().not_null())
        .col(ColumnDef::new(Response::Kind).integer().not_null())
        .col(ColumnDef::new(Response::RespondTime).big_integer().not_null())
        .primary_key(Index::create().col(Response::Tenant).col(Response::CustomerId).col(Response::RequestId))
        .to_owned()
}

fn index<T: Iden + 'static, const N: usize>(
    name: &str,
    table: T,
    unique: bool,
    columns: [T; N],
) -> IndexCreateStatement {
    let mut index = Index::create();
    index.name(name).table(table);
    for column in columns {
        index.col(column);
    }
    if unique {
        index.unique();
    }
    index
}

#[derive(DeriveIden)]
enum Decision {
    Table,
    Tenant,
    CustomerId,
    DecisionId,
    RequestId,
    Status,
    Exposed,
    DecideTime,
    Format,
    KeyId,
    Payload,
}

#[derive(DeriveIden)]
enum Contact {
    Table,
    Tenant,
    CustomerId,
    DecisionId,
    StrategyId,
    ChannelId,
    Marketing,
    Day,
    State,
    ExpireTime,
}

#[derive(DeriveIden)]
enum ChannelLoad {
    Table,
    Tenant,
    ChannelId,
    Day,
    Used,
}

#[derive(DeriveIden)]
enum Response {
    Table,
    Tenant,
    CustomerId,
    RequestId,
    DecisionId,
    StrategyId,
    Kind,
    RespondTime,
}
