//! Clusterings: made with their first fit, changed by each fit that is done, and by people's names and approval.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result};
use huan_proto::segment::v1 as pb;
use prost::Message as _;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    Select,
};

use super::entity::clustering::{Column, Entity, Model};
use super::entity::clustering_job as job;
use super::{clustering_job, definition, tenant};
use crate::memory::decode;

/// Reads one clustering. Errors: NotFound.
pub async fn get_clustering(store: &Store, tenant: &str, clustering_id: &str) -> Result<Model> {
    let found = find(tenant).filter(Column::ClusteringId.eq(clustering_id)).one(store.read()).await?;
    found.ok_or(NOT_FOUND)
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

/// Creates a clustering with its first fit, or answers with the one that the same request made. Errors: AlreadyExists.
pub async fn create_clustering(store: &Store, clustering: Model, job: job::Model) -> Result<Model> {
    let tx = store.begin().await?;
    tenant::touch(&tx, &clustering.tenant).await?;
    let same = find(&clustering.tenant).filter(Column::RequestId.eq(&clustering.request_id)).one(&*tx).await?;
    if let Some(same) = same {
        return Ok(same);
    }
    let field = "clustering.clustering_id";
    definition::check_free(&tx, &clustering.tenant, &clustering.clustering_id, "clustering", field).await?;
    clustering_job::insert_job(&tx, job).await?;
    Entity::insert(clustering.clone().into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(clustering)
}

/// Changes what is kept of a clustering, one change after the other. Errors: NotFound; what `change` has.
pub async fn change_clustering<T>(
    store: &Store,
    tenant: &str,
    clustering_id: &str,
    change: impl FnOnce(&mut pb::Clustering) -> Result<T>,
) -> Result<T> {
    let tx = store.begin().await?;
    tenant::touch(&tx, tenant).await?;
    let found = find(tenant).filter(Column::ClusteringId.eq(clustering_id)).one(&*tx).await?;
    let mut clustering: pb::Clustering = decode(&found.ok_or(NOT_FOUND)?.payload)?;
    let answer = change(&mut clustering)?;
    put_clustering(&tx, tenant, &clustering).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Replaces what is kept of a clustering by a later fit, within a transaction that has touched the tenant. Names that
/// people gave while it ran stay.
pub async fn replace_clustering(tx: &Tx, tenant: &str, fitted: pb::Clustering) -> Result<()> {
    let found = find(tenant).filter(Column::ClusteringId.eq(&fitted.clustering_id)).one(&**tx).await?;
    let kept: pb::Clustering = decode(&found.ok_or(NOT_FOUND)?.payload)?;
    let mut fitted = fitted;
    for cluster in &mut fitted.clusters {
        let old = kept.clusters.iter().find(|old| old.number == cluster.number && old.renamed);
        if let Some(old) = old.filter(|_| cluster.overlap > 0.0) {
            (cluster.name, cluster.renamed) = (old.name.clone(), true);
        }
    }
    put_clustering(tx, tenant, &fitted).await
}

async fn put_clustering(tx: &Tx, tenant: &str, clustering: &pb::Clustering) -> Result<()> {
    let put = Entity::update_many().col_expr(Column::Payload, Expr::value(clustering.encode_to_vec()));
    let put = put.filter(Column::Tenant.eq(tenant)).filter(Column::ClusteringId.eq(&clustering.clustering_id));
    put.exec(&**tx).await?;
    Ok(())
}

const NOT_FOUND: Error = Error::NotFound { what: "clustering", field: "clustering_id" };

fn find(tenant: &str) -> Select<Entity> {
    Entity::find().filter(Column::Tenant.eq(tenant))
}
