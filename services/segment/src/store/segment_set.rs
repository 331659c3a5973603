//! Segment sets, always together with their parts.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Select,
};

use super::definition_version::{Author, insert_version};
use super::entity::segment_set::{Column, Entity, Model};
use super::entity::segment_set_part as part;
use super::{definition, tenant};
use crate::convert;

/// A set and its parts in order.
pub type Whole = (Model, Vec<part::Model>);

/// Reads one set. Errors: NotFound.
pub async fn get_segment_set(store: &Store, tenant: &str, segment_set_id: &str) -> Result<Whole> {
    let found = find(tenant).filter(Column::SegmentSetId.eq(segment_set_id)).one(store.read()).await?;
    with_parts(store.read(), found.ok_or(Error::NotFound { what: "segment set", field: "segment_set_id" })?).await
}

/// Reads a page of sets in the order of segment_set_id, and one more if there is one.
pub async fn list_segment_sets(store: &Store, tenant: &str, page: &Page) -> Result<Vec<Whole>> {
    let mut rows = find(tenant).order_by_asc(Column::SegmentSetId).limit(page.limit + 1);
    if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
        rows = rows.filter(Column::SegmentSetId.gt(after));
    }
    let sets = rows.all(store.read()).await?;
    let ids = sets.iter().map(|set| set.segment_set_id.as_str());
    let parts = parts(tenant).filter(part::Column::SegmentSetId.is_in(ids));
    let parts = parts.order_by_asc(part::Column::Place).all(store.read()).await?;
    let of = |set: &Model| parts.iter().filter(|part| part.segment_set_id == set.segment_set_id).cloned().collect();
    Ok(sets.into_iter().map(|set| (set.clone(), of(&set))).collect())
}

/// Creates a set, or answers with the one that the same request made. Errors: AlreadyExists.
pub async fn create_segment_set(store: &Store, (set, parts): Whole, by: &Author) -> Result<Whole> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &set.tenant).await?;
    let same = find(&set.tenant).filter(Column::RequestId.eq(&set.request_id)).one(&*tx).await?;
    if let Some(same) = same {
        return with_parts(&*tx, same).await;
    }
    let field = "segment_set.segment_set_id";
    definition::check_free(&tx, &set.tenant, &set.segment_set_id, "segment set", field).await?;
    Entity::insert(set.clone().into_active_model()).exec_without_returning(&*tx).await?;
    insert_parts(&tx, &parts).await?;
    let whole = (set, parts);
    keep_version(&tx, &whole, by).await?;
    tx.commit().await?;
    Ok(whole)
}

/// Replaces a set's name and parts if it still has the revision given. Errors: NotFound, StaleRevision.
pub async fn update_segment_set(store: &Store, (set, parts): Whole, by: &Author) -> Result<Whole> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &set.tenant).await?;
    let found = find(&set.tenant).filter(Column::SegmentSetId.eq(&set.segment_set_id)).one(&*tx).await?;
    let found = found.ok_or(Error::NotFound { what: "segment set", field: "segment_set_id" })?;
    if found.revision != set.revision {
        return Err(Error::StaleRevision { what: "segment set" });
    }
    keep_version(&tx, &with_parts(&*tx, found.clone()).await?, &Author::default()).await?;
    Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(&set.display_name))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Tenant.eq(&set.tenant))
        .filter(Column::SegmentSetId.eq(&set.segment_set_id))
        .exec(&*tx)
        .await?;
    let old = part::Entity::delete_many().filter(part::Column::Tenant.eq(&set.tenant));
    old.filter(part::Column::SegmentSetId.eq(&set.segment_set_id)).exec(&*tx).await?;
    insert_parts(&tx, &parts).await?;
    let whole = (Model { revision: found.revision + 1, request_id: found.request_id, ..set }, parts);
    keep_version(&tx, &whole, by).await?;
    tx.commit().await?;
    Ok(whole)
}

async fn keep_version(tx: &Tx, whole: &Whole, by: &Author) -> Result<()> {
    let (set, written) = (&whole.0, convert::segment_set(whole.clone(), &[]));
    insert_version(tx, &set.tenant, (&set.segment_set_id, set.revision), &written, by).await
}

async fn insert_parts(tx: &Tx, rows: &[part::Model]) -> Result<()> {
    let rows = rows.iter().cloned().map(part::Model::into_active_model);
    part::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    Ok(())
}

async fn with_parts<C: ConnectionTrait>(db: &C, set: Model) -> Result<Whole> {
    let of_set = parts(&set.tenant).filter(part::Column::SegmentSetId.eq(&set.segment_set_id));
    let parts = of_set.order_by_asc(part::Column::Place).all(db).await?;
    Ok((set, parts))
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}

fn parts(tenant: &str) -> Select<part::Entity> {
    part::Entity::find().filter(part::Column::Tenant.eq(tenant))
}
