//! Scripts.

use huan_chassis::{Error, Result, page::Page};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Store, after, entity::script, next_page, upsert};

impl Store {
    /// Creates a script or a new version of it, unsigned; the same words again change nothing.
    pub async fn put_script(&self, row: script::Model) -> Result<script::Model> {
        let tx = self.db.begin().await?;
        let key = (row.tenant.clone(), row.script_id.clone());
        let Some(found) = script::Entity::find_by_id(key).lock_exclusive().one(&*tx).await? else {
            upsert(&tx, vec![row.clone()]).await?;
            tx.commit().await?;
            return Ok(row);
        };
        if found.text == row.text && found.channel_id == row.channel_id {
            return Ok(found);
        }
        let row = script::Model { revision: found.revision + 1, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Signs a script's newest version. Errors: NotFound, StaleRevision, OwnWork.
    pub async fn sign_script(
        &self,
        tenant: &str,
        script_id: &str,
        revision: i64,
        signer: &str,
    ) -> Result<script::Model> {
        let tx = self.db.begin().await?;
        let key = (tenant.to_owned(), script_id.to_owned());
        let found = script::Entity::find_by_id(key).lock_exclusive().one(&*tx).await?;
        let found = found.ok_or(Error::NotFound { what: "script", field: "script_id" })?;
        if found.revision != revision {
            return Err(Error::StaleRevision { what: "script" });
        }
        if found.writer == signer {
            return Err(Error::OwnWork { what: "script", field: "script_id" });
        }
        // The revision is the version of the words: a signature does not change them.
        let row = script::Model { signer: signer.to_owned(), ..found };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Lists scripts in the order of their ids.
    pub async fn list_scripts(&self, tenant: &str, page: Page) -> Result<(Vec<script::Model>, String)> {
        let of_tenant = script::Entity::find().filter(script::Column::Tenant.eq(tenant));
        let further = of_tenant.filter(script::Column::ScriptId.gt(after(&page)?));
        let ordered = further.order_by_asc(script::Column::ScriptId).limit(page.limit + 1);
        let mut rows = ordered.all(self.db.read()).await?;
        let token = next_page(&[tenant, "script"], &mut rows, page.limit, |row| &row.script_id);
        Ok((rows, token))
    }
}
