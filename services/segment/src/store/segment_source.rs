//! Whom segments without a rule consist of: lists of customers, filled page by page and then frozen, and clusters.

use std::collections::HashMap;

use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use roaring::RoaringBitmap;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _};

use super::build;
use super::entity::segment_source::{Column, Entity, Model};
use super::tenant;

/// Reads the sources of these segments, by segment; those with a rule have none.
pub async fn sources_of(store: &Store, of: &str, segments: &[String]) -> Result<HashMap<String, Model>> {
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::SegmentId.is_in(segments));
    let found = found.all(store.read()).await?;
    Ok(found.into_iter().map(|source| (source.segment_id.clone(), source)).collect())
}

/// Reads the source of a segment, if it has one.
pub async fn get_source<C: ConnectionTrait>(db: &C, of: &str, segment_id: &str) -> Result<Option<Model>> {
    Ok(Entity::find_by_id((of.to_owned(), segment_id.to_owned())).one(db).await?)
}

/// Keeps the source of a new segment.
pub async fn insert_source(tx: &Tx, source: Model) -> Result<()> {
    Entity::insert(source.into_active_model()).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Takes over what is to change in a segment's source: a cluster, never what kind it is. Errors: Invalid.
pub async fn update_source(tx: &Tx, of: &str, segment_id: &str, wanted: Option<&Model>) -> Result<()> {
    let found = get_source(&**tx, of, segment_id).await?;
    let is_list = |source: &Model| source.cluster.is_empty();
    if found.as_ref().map(is_list) != wanted.map(is_list) {
        return Err(Error::invalid("segment", "cannot turn from a rule, a list or a cluster into another of these"));
    }
    let Some(wanted) = wanted.filter(|wanted| !is_list(wanted)) else { return Ok(()) };
    let update = Entity::update_many().col_expr(Column::Cluster, Expr::value(&wanted.cluster));
    let update = update.filter(Column::Tenant.eq(of)).filter(Column::SegmentId.eq(segment_id));
    update.exec(&**tx).await?;
    Ok(())
}

/// Adds customers to a segment's list and freezes it if asked to; the segment is known to exist. Errors: WrongState.
pub async fn add_members(
    store: &Store,
    of: &str,
    segment_id: &str,
    customers: RoaringBitmap,
    freeze: bool,
) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, of).await?;
    let wrong = |state: &str| Error::WrongState { what: "segment", state: state.to_owned() };
    let list = get_source(&*tx, of, segment_id).await?.filter(|source| source.cluster.is_empty());
    let mut list = list.ok_or_else(|| wrong("without a list"))?;
    let on_it = list.customers();
    if list.frozen && !customers.is_subset(&on_it) {
        return Err(wrong("frozen"));
    }
    (list.frozen, list.bitmap) = (list.frozen || freeze, build::bytes(&(on_it | customers))?);
    save(&tx, &list).await?;
    tx.commit().await?;
    Ok(list)
}

/// Takes an erased customer off every list.
pub async fn erase_member(tx: &Tx, of: &str, ordinal: u32) -> Result<()> {
    let lists = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Cluster.eq(""));
    for mut list in lists.all(&**tx).await? {
        let mut customers = list.customers();
        if customers.remove(ordinal) {
            list.bitmap = build::bytes(&customers)?;
            save(tx, &list).await?;
        }
    }
    Ok(())
}

async fn save(tx: &Tx, list: &Model) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Frozen, Expr::value(list.frozen))
        .col_expr(Column::Bitmap, Expr::value(list.bitmap.clone()))
        .filter(Column::Tenant.eq(&list.tenant));
    update.filter(Column::SegmentId.eq(&list.segment_id)).exec(&**tx).await?;
    Ok(())
}
