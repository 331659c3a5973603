//! Segments.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::definition_version::{Author, insert_version};
use super::entity::segment::{Column, Entity, Model};
use super::entity::segment_source;
use super::segment_source::{insert_source, update_source};
use super::{definition, tenant};
use crate::convert;

/// Reads one segment. Errors: NotFound.
pub async fn get_segment(store: &Store, tenant: &str, segment_id: &str) -> Result<Model> {
    let found = find(tenant).filter(Column::SegmentId.eq(segment_id)).one(store.read()).await?;
    found.ok_or(Error::NotFound { what: "segment", field: "segment_id" })
}

/// Reads a page of segments in the order of segment_id, and one more if there is one.
pub async fn list_segments(store: &Store, tenant: &str, page: &Page) -> Result<Vec<Model>> {
    let mut rows = find(tenant).order_by_asc(Column::SegmentId).limit(page.limit + 1);
    if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
        rows = rows.filter(Column::SegmentId.gt(after));
    }
    Ok(rows.all(store.read()).await?)
}

/// Creates a segment, with its source if it has no rule, or answers with the one that the same request made. Errors:
/// AlreadyExists.
pub async fn create_segment(
    store: &Store,
    segment: Model,
    source: Option<segment_source::Model>,
    by: &Author,
) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &segment.tenant).await?;
    let same = find(&segment.tenant).filter(Column::RequestId.eq(&segment.request_id)).one(&*tx).await?;
    if let Some(same) = same {
        return Ok(same);
    }
    definition::check_free(&tx, &segment.tenant, &segment.segment_id, "segment", "segment.segment_id").await?;
    Entity::insert(segment.clone().into_active_model()).exec_without_returning(&*tx).await?;
    keep_version(&tx, &segment, source.as_ref(), by).await?;
    if let Some(source) = source {
        insert_source(&tx, source).await?;
    }
    tx.commit().await?;
    Ok(segment)
}

/// Replaces a segment's name and rule, or cluster, if it still has the revision given. Errors: NotFound, StaleRevision,
/// Invalid if it would become of another kind.
pub async fn update_segment(
    store: &Store,
    segment: Model,
    source: Option<segment_source::Model>,
    by: &Author,
) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &segment.tenant).await?;
    let found = find(&segment.tenant).filter(Column::SegmentId.eq(&segment.segment_id)).one(&*tx).await?;
    let found = found.ok_or(Error::NotFound { what: "segment", field: "segment_id" })?;
    if found.revision != segment.revision {
        return Err(Error::StaleRevision { what: "segment" });
    }
    let before = super::segment_source::get_source(&*tx, &segment.tenant, &segment.segment_id).await?;
    keep_version(&tx, &found, before.as_ref(), &Author::default()).await?;
    update_source(&tx, &segment.tenant, &segment.segment_id, source.as_ref()).await?;
    Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(&segment.display_name))
        .col_expr(Column::Rule, Expr::value(&segment.rule))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Tenant.eq(&segment.tenant))
        .filter(Column::SegmentId.eq(&segment.segment_id))
        .exec(&*tx)
        .await?;
    let segment = Model { revision: found.revision + 1, request_id: found.request_id, ..segment };
    keep_version(&tx, &segment, source.as_ref(), by).await?;
    tx.commit().await?;
    Ok(segment)
}

async fn keep_version(tx: &Tx, segment: &Model, source: Option<&segment_source::Model>, by: &Author) -> Result<()> {
    let written = convert::segment(segment.clone(), source, &[]);
    insert_version(tx, &segment.tenant, (&segment.segment_id, segment.revision), &written, by).await
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
