//! Registered types of events.

use huan_chassis::{Error, Result};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

use super::{Store, entity::event_type, feature, tenant};
use crate::{convert, event};

/// The most types of a tenant.
const MAX_TYPES: usize = 1000;

impl Store {
    /// Registers a type, or changes it as far as it may change. Errors: NotFound (the tenant); WrongState if it would
    /// change otherwise or there are too many.
    pub async fn register_event_type(&self, row: event_type::Model) -> Result<()> {
        let tenant = row.tenant.clone();
        let tx = self.db.begin().await?;
        let locked = tenant::lock(&tx, &tenant).await?;
        let known = all(&*tx, &tenant).await?;
        match known.iter().find(|known| known.name == row.name) {
            Some(known) if known.is_outcome != row.is_outcome => {
                return Err(Error::WrongState {
                    what: "event type",
                    state: "registered with another is_outcome".into(),
                });
            }
            Some(known) => {
                let mut change = known.clone().into_active_model();
                change.definition = Set(merged(known, &row)?);
                change.description = Set(row.description);
                event_type::Entity::update(change).exec(&*tx).await?;
            }
            None if known.len() >= MAX_TYPES => {
                return Err(Error::WrongState { what: "tenant", state: format!("full with {MAX_TYPES} event types") });
            }
            None => {
                let number = known.iter().map(|known| known.number).max().unwrap_or(0) + 1;
                let row = event_type::Model { number, ..row }.into_active_model();
                event_type::Entity::insert(row).exec_without_returning(&*tx).await?;
                // Features may sum up the type already: plans must know its number.
                feature::grow(&tx, locked).await?;
            }
        }
        tx.commit().await?;
        self.tenants.renew(&tenant).await.map(|_| ())
    }

    /// Lists a tenant's types by name.
    pub async fn list_event_types(&self, tenant: &str) -> Result<Vec<event_type::Model>> {
        all(self.db.read(), tenant).await
    }
}

/// The definition after `new` was registered over `known`. Errors: WrongState.
fn merged(known: &event_type::Model, new: &event_type::Model) -> Result<Vec<u8>> {
    let (known, new) = (convert::event_type::definition(known)?, convert::event_type::definition(new)?);
    let definition = event::merged(known, new).map_err(|state| Error::WrongState { what: "event type", state })?;
    Ok(convert::event_type::definition_bytes(&definition))
}

/// A tenant's types by name.
pub async fn all(db: &impl ConnectionTrait, tenant: &str) -> Result<Vec<event_type::Model>> {
    let rows = event_type::Entity::find().filter(event_type::Column::Tenant.eq(tenant));
    Ok(rows.order_by_asc(event_type::Column::Name).all(db).await?)
}
