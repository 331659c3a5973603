//! What segments, sets and clusterings have in common: one space of ids, and all of them at once for evaluation.

use huan_chassis::store::Tx;
use huan_chassis::{Error, Result};
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::entity::{clustering, segment, segment_set, segment_set_part, segment_source, tenant};

/// Everything that puts a tenant's customers into groups.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    /// The revision of all of it; what was read may be newer, never older.
    pub revision: i64,
    /// All segments.
    pub segments: Vec<segment::Model>,
    /// Whom segments without a rule consist of.
    pub sources: Vec<segment_source::Model>,
    /// All sets.
    pub sets: Vec<segment_set::Model>,
    /// All parts of all sets, in order.
    pub parts: Vec<segment_set_part::Model>,
    /// All clusterings.
    pub clusterings: Vec<clustering::Model>,
}

/// Reads a tenant's definitions.
pub async fn definitions_of<C: ConnectionTrait>(db: &C, of: &str) -> Result<Definitions> {
    let row = tenant::Entity::find().filter(tenant::Column::Tenant.eq(of)).one(db).await?;
    let parts = segment_set_part::Entity::find().filter(segment_set_part::Column::Tenant.eq(of));
    Ok(Definitions {
        revision: row.map_or(0, |row| row.revision),
        segments: segment::Entity::find().filter(segment::Column::Tenant.eq(of)).all(db).await?,
        sources: segment_source::Entity::find().filter(segment_source::Column::Tenant.eq(of)).all(db).await?,
        sets: segment_set::Entity::find().filter(segment_set::Column::Tenant.eq(of)).all(db).await?,
        parts: parts
            .order_by_asc(segment_set_part::Column::SegmentSetId)
            .order_by_asc(segment_set_part::Column::Place)
            .all(db)
            .await?,
        clusterings: clustering::Entity::find().filter(clustering::Column::Tenant.eq(of)).all(db).await?,
    })
}

/// Refuses an id that a segment, a set or a clustering has: they share one space of membership names. Call it under
/// the tenant's lock. Errors: AlreadyExists.
pub async fn check_free(tx: &Tx, of: &str, id: &str, what: &'static str, field: &'static str) -> Result<()> {
    let key = || (of.to_owned(), id.to_owned());
    let taken = segment::Entity::find_by_id(key()).one(&**tx).await?.is_some()
        || segment_set::Entity::find_by_id(key()).one(&**tx).await?.is_some()
        || clustering::Entity::find_by_id(key()).one(&**tx).await?.is_some();
    if taken { Err(Error::AlreadyExists { what, field }) } else { Ok(()) }
}
