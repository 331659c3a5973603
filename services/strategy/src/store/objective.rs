//! Objectives.

use huan_chassis::{Result, page::Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Store, after, entity::objective, next_page, upsert};

impl Store {
    /// Creates or replaces an objective; the same again changes nothing.
    pub async fn put_objective(&self, row: objective::Model) -> Result<objective::Model> {
        let tx = self.db.begin().await?;
        let key = (row.tenant.clone(), row.objective_id.clone());
        let Some(found) = objective::Entity::find_by_id(key).lock_exclusive().one(&*tx).await? else {
            upsert(&tx, vec![row.clone()]).await?;
            tx.commit().await?;
            return Ok(row);
        };
        if (objective::Model { revision: found.revision, ..row.clone() }) == found {
            return Ok(found);
        }
        let row = objective::Model { revision: found.revision + 1, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Lists objectives in the order of their ids.
    pub async fn list_objectives(&self, tenant: &str, page: Page) -> Result<(Vec<objective::Model>, String)> {
        let of_tenant = objective::Entity::find().filter(objective::Column::Tenant.eq(tenant));
        let further = of_tenant.filter(objective::Column::ObjectiveId.gt(after(&page)?));
        let ordered = further.order_by_asc(objective::Column::ObjectiveId).limit(page.limit + 1);
        let mut rows = ordered.all(self.db.read()).await?;
        let token = next_page(&[tenant, "objective"], &mut rows, page.limit, |row| &row.objective_id);
        Ok((rows, token))
    }
}
