//! Segments.

use huan_chassis::page::Page;
use huan_chassis::store::Store;
use huan_chassis::{Error, Result};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::entity::segment::{Column, Entity, Model};
use super::{definition, tenant};

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

/// Creates a segment, or answers with the one that the same request made. Errors: AlreadyExists.
pub async fn create_segment(store: &Store, segment: Model) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &segment.tenant).await?;
    let same = find(&segment.tenant).filter(Column::RequestId.eq(&segment.request_id)).one(&*tx).await?;
    if let Some(same) = same {
        return Ok(same);
    }
    definition::check_free(&tx, &segment.tenant, &segment.segment_id, "segment", "segment.segment_id").await?;
    Entity::insert(segment.clone().into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(segment)
}

/// Replaces a segment's name and rule if it still has the revision given. Errors: NotFound, StaleRevision.
pub async fn update_segment(store: &Store, segment: Model) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &segment.tenant).await?;
    let found = find(&segment.tenant).filter(Column::SegmentId.eq(&segment.segment_id)).one(&*tx).await?;
    let found = found.ok_or(Error::NotFound { what: "segment", field: "segment_id" })?;
    if found.revision != segment.revision {
        return Err(Error::StaleRevision { what: "segment" });
    }
    Entity::update_many()
        .col_expr(Column::DisplayName, Expr::value(&segment.display_name))
        .col_expr(Column::Rule, Expr::value(&segment.rule))
        .col_expr(Column::Revision, Expr::col(Column::Revision).add(1))
        .filter(Column::Tenant.eq(&segment.tenant))
        .filter(Column::SegmentId.eq(&segment.segment_id))
        .exec(&*tx)
        .await?;
    tx.commit().await?;
    Ok(Model { revision: found.revision + 1, request_id: found.request_id, ..segment })
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
