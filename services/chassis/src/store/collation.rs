//! Text in the order of its bytes, in PostgreSQL as in SQLite and in this code, whatever order the database was made with:
//! pages, ranges and locks go by it, and comparing is several times as quick.

use sea_orm::ConnectionTrait;

use crate::Result;

/// Alters the columns that have another order: all of a new schema's, when nothing is in them, and none later. A database
/// that was made with the order of bytes has nothing to alter. Tables of other owners in the same schema are left to them.
const SET: &str = r#"
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.oid::regclass AS name,
               string_agg(format('ALTER COLUMN %I TYPE %s COLLATE "C"', a.attname,
                                 format_type(a.atttypid, a.atttypmod)), ', ') AS changes
        FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid
        JOIN pg_collation o ON o.oid = a.attcollation
        WHERE c.relnamespace = current_schema()::regnamespace
          AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND pg_has_role(c.relowner, 'USAGE')
          AND a.attnum > 0 AND NOT a.attisdropped
          AND o.collname NOT IN ('C', 'POSIX')
          AND NOT (o.collname = 'default' AND EXISTS (
              SELECT FROM pg_database WHERE datname = current_database() AND datcollate IN ('C', 'POSIX')))
        GROUP BY c.oid
    LOOP
        EXECUTE format('ALTER TABLE %s %s', found.name, found.changes);
    END LOOP;
END
$$
"#;

/// Orders the text of all tables by its bytes.
pub(super) async fn by_bytes(db: &impl ConnectionTrait) -> Result<()> {
    db.execute_unprepared(SET).await?;
    Ok(())
}
