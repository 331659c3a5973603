//! Every entity has exactly the columns of its live table, of matching types and nullability.

use huan_chassis::store::{Store as Database, test};
use huan_profile::store::{entity::*, erasure::PERSONAL, migration::Migrator};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IdenStatic, Iterable, PrimaryKeyToColumn, QueryResult,
    Statement,
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

/// A table and a column that its key on SQLite has besides, so that its rows lie in order.
const IN_ORDER: (&str, &str) = ("event", "occur_time");

async fn check<E: EntityTrait>(db: &Database, entity: E) {
    let (table, mut expected) = (entity.table_name(), expected::<E>());
    let is_sqlite = db.read().get_database_backend() == DbBackend::Sqlite;
    for (column, _, is_key) in &mut expected {
        *is_key |= is_sqlite && (table, column.as_str()) == IN_ORDER;
    }
    assert_eq!(live(db, table).await, expected, "{table}");
    // Reading decodes every column by its type.
    E::find().all(db.read()).await.unwrap();
}

#[tokio::test]
async fn entities_have_the_columns_of_their_tables() {
    test::each(Migrator, async |db| {
        check(&db, bulk_load::Entity).await;
        check(&db, consent::Entity).await;
        check(&db, customer::Entity).await;
        check(&db, dead_letter::Entity).await;
        check(&db, erasure::Entity).await;
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
        check(&db, legal_hold::Entity).await;
        check(&db, tag::Entity).await;
        check(&db, tag_definition::Entity).await;
        check(&db, tag_history::Entity).await;
        check(&db, tenant::Entity).await;
        check(&db, tombstone::Entity).await;
        check(&db, vector::Entity).await;
    })
    .await;
}

/// Unique keys without tenant and customer, by their table and the beginning of their columns, and why they may.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("tenant", "", "one row a tenant"),
    ("event_type", "", "few rows a tenant"),
    ("feature", "", "few rows a tenant"),
    ("tag_definition", "", "few rows a tenant"),
    ("kyc_template", "", "one row a tenant"),
    ("snapshot", "", "few rows a tenant"),
    ("snapshot_part", "", "few rows a snapshot"),
    ("bulk_load", "", "one row a load"),
    ("profile_migration", "", "one row a migration"),
    ("feed", "seq", "in the order of changes, and kept for days only"),
    ("feed_floor", "", "one row"),
    ("dead_letter", "", "of no customer for certain, and bounded in number"),
    ("identity", "tenant,namespace,value_hash", "found, and so partitioned, by the hash of its value"),
    ("holding", "tenant,holding_hash", "found, and so partitioned, by the hash of its number"),
    ("merge_edge", "", "between two customers; one row a merge"),
    ("erasure", "", "of customers who are no more; few rows"),
    ("tombstone", "", "of customers who are no more, found by the hash of their number"),
    ("legal_hold", "", "few rows"),
    ("merge_proposal", "", "between two customers; one row a pair"),
];

#[tokio::test]
async fn unique_keys_hold_tenant_and_customer() {
    let store = Database::open::<Migrator>(&test::sqlite()).await.unwrap();
    let sql = "SELECT t.name, i.name, group_concat(c.name) FROM sqlite_master t, pragma_index_list(t.name) i,
        pragma_index_info(i.name) c WHERE t.type = 'table' AND i.\"unique\" GROUP BY 1, 2 ORDER BY 1, 2";
    let rows = store.read().query_all_raw(Statement::from_string(DbBackend::Sqlite, sql)).await.unwrap();
    let text = |row: &QueryResult, index| row.try_get_by_index::<String>(index).unwrap();
    let keys: Vec<_> = rows.iter().map(|row| (text(row, 0), text(row, 2))).collect();
    assert!(keys.len() > 10, "{keys:?}");
    let is_apart = |columns: &str| columns.starts_with("tenant,") && columns.split(',').any(|c| c == "customer_id");
    let is_named = |table: &str, columns: &str| {
        ELSEWHERE.iter().any(|(named, first, _)| table == *named && columns.starts_with(first))
    };
    let elsewhere: Vec<_> =
        keys.iter().filter(|(table, columns)| !is_apart(columns) && !is_named(table, columns)).collect();
    assert!(elsewhere.is_empty(), "these keep their tables from being partitioned by customer: {elsewhere:#?}");
}

#[tokio::test]
async fn an_erasure_reaches_every_column_that_names_a_customer() {
    const NAMES: [&str; 5] = ["customer_id", "other_id", "absorbed", "survivor", "root_id"];
    test::each(Migrator, async |db| {
        let backend = db.read().get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => "SELECT name FROM sqlite_master WHERE type = 'table'",
            _ => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
        };
        let tables = db.read().query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
        let mut named = 0;
        for table in tables.iter().map(|row| row.try_get_by_index::<String>(0).unwrap()) {
            let columns: Vec<String> = live(&db, &table).await.into_iter().map(|column| column.0).collect();
            let reached = PERSONAL.iter().find(|(name, _)| *name == table).map_or(&[][..], |(_, of)| *of);
            for column in columns.iter().filter(|column| NAMES.contains(&column.as_str())) {
                // A customer's own row goes whole, whosever profile it is part of.
                let whole = table == "customer" && reached.contains(&"customer_id");
                // The row at the other end is found by this one's.
                let mirrored = (table.as_str(), column.as_str()) == ("relation", "other_id");
                assert!(
                    whole || mirrored || reached.contains(&column.as_str()),
                    "{table}.{column} is not in erasure::PERSONAL"
                );
                named += 1;
            }
        }
        assert!(named > 12, "{named} columns name a customer");
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
