//! Channels.

use huan_chassis::{Result, page::Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Store, after, entity::channel, next_page, upsert};

impl Store {
    /// Creates or replaces a channel; the same again changes nothing.
    pub async fn put_channel(&self, row: channel::Model) -> Result<channel::Model> {
        let tx = self.db.begin().await?;
        let key = (row.tenant.clone(), row.channel_id.clone());
        let Some(found) = channel::Entity::find_by_id(key).lock_exclusive().one(&*tx).await? else {
            upsert(&tx, vec![row.clone()]).await?;
            tx.commit().await?;
            return Ok(row);
        };
        if (channel::Model { revision: found.revision, ..row.clone() }) == found {
            return Ok(found);
        }
        let row = channel::Model { revision: found.revision + 1, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Lists channels in the order of their ids.
    pub async fn list_channels(&self, tenant: &str, page: Page) -> Result<(Vec<channel::Model>, String)> {
        let of_tenant = channel::Entity::find().filter(channel::Column::Tenant.eq(tenant));
        let further = of_tenant.filter(channel::Column::ChannelId.gt(after(&page)?));
        let ordered = further.order_by_asc(channel::Column::ChannelId).limit(page.limit + 1);
        let mut rows = ordered.all(self.db.read()).await?;
        let token = next_page(&[tenant, "channel"], &mut rows, page.limit, |row| &row.channel_id);
        Ok((rows, token))
    }
}
