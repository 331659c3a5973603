//! Products.

use huan_chassis::{Result, page::Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Store, after, entity::product, next_page, upsert};

impl Store {
    /// Creates or replaces a product; the same again changes nothing.
    pub async fn put_product(&self, row: product::Model) -> Result<product::Model> {
        let tx = self.db.begin().await?;
        let key = (row.tenant.clone(), row.product_id.clone());
        let Some(found) = product::Entity::find_by_id(key).lock_exclusive().one(&*tx).await? else {
            upsert(&tx, vec![row.clone()]).await?;
            tx.commit().await?;
            return Ok(row);
        };
        if (product::Model { revision: found.revision, ..row.clone() }) == found {
            return Ok(found);
        }
        let row = product::Model { revision: found.revision + 1, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Lists products in the order of their ids.
    pub async fn list_products(&self, tenant: &str, page: Page) -> Result<(Vec<product::Model>, String)> {
        let of_tenant = product::Entity::find().filter(product::Column::Tenant.eq(tenant));
        let further = of_tenant.filter(product::Column::ProductId.gt(after(&page)?));
        let ordered = further.order_by_asc(product::Column::ProductId).limit(page.limit + 1);
        let mut rows = ordered.all(self.db.read()).await?;
        let token = next_page(&[tenant, "product"], &mut rows, page.limit, |row| &row.product_id);
        Ok((rows, token))
    }
}
