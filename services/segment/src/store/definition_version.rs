//! What segments and sets were at each of their revisions, by whom and when. Written once, with the revision.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use prost::Message;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::entity::definition_version::{Column, Entity, Model};

/// Who writes, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The user, or the service; empty = not known.
    pub name: String,
    /// System time, in microseconds since the epoch.
    pub time: i64,
}

/// Keeps what a segment or set is at a revision, unless that is kept already.
pub async fn insert_version(
    tx: &Tx,
    of: &str,
    (owner_id, revision): (&str, i64),
    definition: &impl Message,
    by: &Author,
) -> Result<()> {
    let row = Model {
        tenant: of.to_owned(),
        owner_id: owner_id.to_owned(),
        revision,
        payload: definition.encode_to_vec(),
        changed_by: by.name.clone(),
        changed: by.time,
    };
    let kept = OnConflict::columns([Column::Tenant, Column::OwnerId, Column::Revision]).do_nothing().to_owned();
    Entity::insert(row.into_active_model()).on_conflict(kept).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Reads a page of versions, newest first, and one more if there is one. Errors: InvalidPageToken.
pub async fn list_versions(store: &Store, of: &str, owner_id: &str, page: &Page) -> Result<Vec<Model>> {
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::OwnerId.eq(owner_id));
    let mut rows = found.order_by_desc(Column::Revision).limit(page.limit + 1);
    if let Some(before) = page.after.as_ref().and_then(|key| key.first()) {
        let before: i64 = before.parse().map_err(|_| Error::InvalidPageToken)?;
        rows = rows.filter(Column::Revision.lt(before));
    }
    Ok(rows.all(store.read()).await?)
}
