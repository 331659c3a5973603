//! Promotions: which segment sets were made of which clusterings.

use std::collections::HashMap;

use huan_chassis::Result;
use huan_chassis::store::Store;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _};

use super::entity::clustering_promotion::{Column, Entity, Model};

/// Notes that a set was made; once noted, it stays as it is.
pub async fn put_promotion(store: &Store, promotion: Model) -> Result<()> {
    let tx = store.begin().await?;
    let key = [Column::Tenant, Column::ClusteringId, Column::SegmentSetId];
    let once = OnConflict::columns(key).do_nothing().to_owned();
    Entity::insert(promotion.into_active_model()).on_conflict(once).exec_without_returning(&*tx).await?;
    tx.commit().await
}

/// Reads the sets that were made of these clusterings, oldest first, by clustering.
pub async fn promotions_of(store: &Store, of: &str, clustering_ids: &[String]) -> Result<HashMap<String, Vec<Model>>> {
    let rows = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::ClusteringId.is_in(clustering_ids));
    let rows = rows.order_by_asc(Column::Promoted).order_by_asc(Column::SegmentSetId).all(store.read()).await?;
    let mut by_clustering: HashMap<String, Vec<Model>> = HashMap::new();
    rows.into_iter().for_each(|row| by_clustering.entry(row.clustering_id.clone()).or_default().push(row));
    Ok(by_clustering)
}
