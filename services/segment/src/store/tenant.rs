//! Tenants: settings and catalogue from the feed, and the revision of a tenant's definitions.

use huan_chassis::Result;
use huan_chassis::store::{Store, Tx};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, Set};

use super::entity::tenant::{ActiveModel, Column, Entity, Model};

/// Reads every tenant: for this service's own start and refresh, never for a caller.
pub async fn all_tenants(store: &Store) -> Result<Vec<Model>> {
    Ok(Entity::find().all(store.read()).await?)
}

/// Reads every tenant's revision of definitions: for this service's own refresh, never for a caller.
pub async fn revisions(store: &Store) -> Result<Vec<(String, i64)>> {
    let columns = Entity::find().select_only().columns([Column::Tenant, Column::Revision]);
    Ok(columns.into_tuple().all(store.read()).await?)
}

/// Keeps a tenant's settings.
pub async fn put_settings(tx: &Tx, tenant: &str, settings: Vec<u8>) -> Result<()> {
    put(tx, ActiveModel { settings: Set(settings), ..blank(tenant) }, Column::Settings).await
}

/// Keeps a tenant's catalogue.
pub async fn put_catalogue(tx: &Tx, tenant: &str, catalogue: Vec<u8>) -> Result<()> {
    put(tx, ActiveModel { catalogue: Set(catalogue), ..blank(tenant) }, Column::Catalogue).await
}

/// Raises the revision of a tenant's definitions. Who changes one begins with this: the row's lock lets one change
/// follow the other.
pub async fn touch(tx: &Tx, tenant: &str) -> Result<()> {
    let raised = Expr::col((Entity, Column::Revision)).add(1);
    let conflict = OnConflict::column(Column::Tenant).value(Column::Revision, raised).to_owned();
    let first = ActiveModel { revision: Set(1), ..blank(tenant) };
    Entity::insert(first).on_conflict(conflict).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Locks the tenant's row, so that builds follow one another.
pub async fn lock(tx: &Tx, tenant: &str) -> Result<()> {
    Entity::find().filter(Column::Tenant.eq(tenant)).lock_exclusive().one(&**tx).await?;
    Ok(())
}

async fn put(tx: &Tx, row: ActiveModel, column: Column) -> Result<()> {
    let conflict = OnConflict::column(Column::Tenant).update_column(column).to_owned();
    Entity::insert(row).on_conflict(conflict).exec_without_returning(&**tx).await?;
    Ok(())
}

fn blank(tenant: &str) -> ActiveModel {
    ActiveModel { tenant: Set(tenant.to_owned()), settings: Set(vec![]), catalogue: Set(vec![]), revision: Set(0) }
}
