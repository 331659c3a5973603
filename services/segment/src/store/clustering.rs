//! Clusterings: made once together with their memberships, and never changed.

use huan_chassis::page::Page;
use huan_chassis::store::Store;
use huan_chassis::{Error, Result};
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::build::{self, Found};
use super::entity::clustering::{Column, Entity, Model};
use super::{definition, tenant};

/// Reads one clustering. Errors: NotFound.
pub async fn get_clustering(store: &Store, tenant: &str, clustering_id: &str) -> Result<Model> {
    let found = find(tenant).filter(Column::ClusteringId.eq(clustering_id)).one(store.read()).await?;
    found.ok_or(Error::NotFound { what: "clustering", field: "clustering_id" })
}

/// Reads the clustering that a request made, if it did.
pub async fn find_by_request(store: &Store, tenant: &str, request_id: &str) -> Result<Option<Model>> {
    Ok(find(tenant).filter(Column::RequestId.eq(request_id)).one(store.read()).await?)
}

/// Reads a page of clusterings in the order of clustering_id, and one more if there is one.
pub async fn list_clusterings(store: &Store, tenant: &str, page: &Page) -> Result<Vec<Model>> {
    let mut rows = find(tenant).order_by_asc(Column::ClusteringId).limit(page.limit + 1);
    if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
        rows = rows.filter(Column::ClusteringId.gt(after));
    }
    Ok(rows.all(store.read()).await?)
}

/// Creates a clustering and the first version of its memberships, or answers with the one that the same request made.
/// Errors: AlreadyExists.
pub async fn create_clustering(store: &Store, clustering: Model, found: Found) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &clustering.tenant).await?;
    let same = find(&clustering.tenant).filter(Column::RequestId.eq(&clustering.request_id)).one(&*tx).await?;
    if let Some(same) = same {
        return Ok(same);
    }
    let field = "clustering.clustering_id";
    definition::check_free(&tx, &clustering.tenant, &clustering.clustering_id, "clustering", field).await?;
    Entity::insert(clustering.clone().into_active_model()).exec_without_returning(&*tx).await?;
    build::insert_build(&tx, &clustering.tenant, &clustering.clustering_id, found).await?;
    tx.commit().await?;
    Ok(clustering)
}

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
