//! Tenants: their clocks and defaults of consent, and which map of each holds.

use std::collections::{BTreeSet, HashMap};

use huan_chassis::{Result, clock::TenantTime, store::Tx};
use huan_proto::profile::v1 as profile;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};

use super::{Store, entity::tenant};
use crate::convert;

impl Store {
    /// What time it is for a tenant.
    pub async fn tenant_time(&self, tenant: &str) -> Result<TenantTime> {
        let found = tenant::Entity::find_by_id(tenant).one(self.db.read()).await?;
        convert::tenant::time(&found.unwrap_or_else(|| unknown(tenant)))
    }
}

/// Takes in a tenant's clock and defaults, as the feed tells them. Its map stays.
pub(crate) async fn put_tenant(tx: &Tx, message: &profile::Tenant) -> Result<()> {
    use tenant::Column;
    let told = [Column::TimeZone, Column::ClockKind, Column::ClockMicros, Column::ConsentDefaults];
    let replace = OnConflict::column(Column::Tenant).update_columns(told).to_owned();
    let row = convert::tenant::row(message)?.into_active_model();
    tenant::Entity::insert(row).on_conflict(replace).exec_without_returning(&**tx).await?;
    Ok(())
}

/// Reads tenants by their ids.
pub(crate) async fn tenants<C: ConnectionTrait>(db: &C, ids: BTreeSet<&str>) -> Result<HashMap<String, tenant::Model>> {
    let rows = tenant::Entity::find().filter(tenant::Column::Tenant.is_in(ids)).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.tenant.clone(), row)).collect())
}

/// Locks a tenant; one of which nothing is known yet is made.
pub(crate) async fn lock_tenant(tx: &Tx, tenant: &str) -> Result<tenant::Model> {
    let nothing = OnConflict::column(tenant::Column::Tenant).do_nothing().to_owned();
    let row = unknown(tenant);
    let insert = tenant::Entity::insert(row.clone().into_active_model()).on_conflict(nothing);
    insert.exec_without_returning(&**tx).await?;
    Ok(tenant::Entity::find_by_id(tenant).lock_exclusive().one(&**tx).await?.unwrap_or(row))
}

/// Notes that another map of a tenant holds.
pub(crate) async fn set_map(tx: &Tx, row: tenant::Model, number: i64) -> Result<()> {
    let epoch = row.epoch + 1;
    let changed = tenant::ActiveModel { map_number: Set(number), epoch: Set(epoch), ..row.into_active_model() };
    tenant::Entity::update(changed).exec(&**tx).await?;
    Ok(())
}

/// Notes that what holds of a tenant's map has changed, so that every replica reads it again.
pub(crate) async fn bump(tx: &Tx, tenant: &str) -> Result<()> {
    let next = Expr::col(tenant::Column::Epoch).add(1);
    let bump = tenant::Entity::update_many().col_expr(tenant::Column::Epoch, next);
    bump.filter(tenant::Column::Tenant.eq(tenant)).exec(&**tx).await?;
    Ok(())
}

fn unknown(tenant: &str) -> tenant::Model {
    tenant::Model {
        tenant: tenant.to_owned(),
        time_zone: convert::tenant::TIME_ZONE.to_owned(),
        clock_kind: 0,
        clock_micros: 0,
        consent_defaults: 0,
        map_number: 0,
        epoch: 0,
    }
}
