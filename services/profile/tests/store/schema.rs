//! Every entity has exactly the columns of its live table, of matching types and nullability.

use huan_chassis::store::{Store as Database, test};
use huan_profile::store::{entity::*, migration::Migrator};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn, Statement,
};
use sea_orm_migration::MigratorTrait;

/// A column's name, whether it may be null, and whether it belongs to the key.
type Column = (String, bool, bool);

async fn live(db: &Database, table: &str) -> Vec<Column> {
    let sqlite = "SELECT name, CAST(\"notnull\" = 0 AS INTEGER), CAST(pk > 0 AS INTEGER) FROM pragma_table_info($1)";
    let postgres =
        "SELECT c.column_name::text, (c.is_nullable = 'YES')::int::bigint, (k.column_name IS NOT NULL)::int::bigint
        FROM information_schema.columns c LEFT JOIN information_schema.key_column_usage k
        ON k.table_name = c.table_name AND k.column_name = c.column_name AND k.constraint_name = c.table_name || '_pkey'
        WHERE c.table_name = $1";
    let backend = db.read().get_database_backend();
    let sql = if backend == DbBackend::Sqlite { sqlite } else { postgres };
    let rows = db.read().query_all_raw(Statement::from_sql_and_values(backend, sql, [table.into()])).await.unwrap();
    let mut columns: Vec<Column> = rows
        .iter()
        .map(|row| {
            let flag = |index| row.try_get_by_index::<i64>(index).unwrap() == 1;
            (row.try_get_by_index(0).unwrap(), flag(1), flag(2))
        })
        .collect();
    columns.sort();
    columns
}

fn expected<E: EntityTrait>() -> Vec<Column> {
    let keys: Vec<String> = E::PrimaryKey::iter().map(|key| key.into_column().as_str().to_owned()).collect();
    let mut columns: Vec<Column> = E::Column::iter()
        .map(|column| {
            let name = column.as_str().to_owned();
            let is_key = keys.contains(&name);
            (name, column.def().is_null(), is_key)
        })
        .collect();
    columns.sort();
    columns
}

async fn check<E: EntityTrait>(db: &Database, entity: E) {
    let table = entity.table_name();
    assert_eq!(live(db, table).await, expected::<E>(), "{table}");
    // Reading decodes every column by its type.
    E::find().all(db.read()).await.unwrap();
}

#[tokio::test]
async fn entities_have_the_columns_of_their_tables() {
    test::each(Migrator, async |db| {
        check(&db, consent::Entity).await;
        check(&db, customer::Entity).await;
        check(&db, dead_letter::Entity).await;
        check(&db, event::Entity).await;
        check(&db, event_day::Entity).await;
        check(&db, event_type::Entity).await;
        check(&db, feature::Entity).await;
        check(&db, holding::Entity).await;
        check(&db, identity::Entity).await;
        check(&db, kyc_answer::Entity).await;
        check(&db, kyc_template::Entity).await;
        check(&db, relation::Entity).await;
        check(&db, lookup::Entity).await;
        check(&db, merge_edge::Entity).await;
        check(&db, merge_proposal::Entity).await;
        check(&db, snapshot::Entity).await;
        check(&db, snapshot_part::Entity).await;
        check(&db, tag::Entity).await;
        check(&db, tag_definition::Entity).await;
        check(&db, tag_history::Entity).await;
        check(&db, tenant::Entity).await;
        check(&db, vector::Entity).await;
    })
    .await;
}

#[tokio::test]
async fn migrations_go_down_again() {
    test::each(Migrator, async |db| {
        Migrator::down(db.read(), None).await.unwrap();
        Migrator::up(db.read(), None).await.unwrap();
    })
    .await;
}
