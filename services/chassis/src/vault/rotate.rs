//! Rewrapping: after a new master key was added at the end of the file, every key that an older one wraps is wrapped
//! under the newest. The data keys stay what they are, so no sealed row is touched. Once it is done the older masters
//! can be taken out of the file.

use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _, sea_query::Expr};

use super::{CHUNK, Vault, bound, entity};
use crate::Result;

impl Vault {
    /// Rewraps all keys that are not under the newest master; answers how many.
    pub async fn rotate(&self) -> Result<u64> {
        let mut rotated = 0;
        for older in self.used_masters().await?.into_iter().filter(|used| used != self.0.masters.newest()) {
            rotated += self.rotate_from(&older).await?;
        }
        Ok(rotated)
    }

    /// Rewraps all keys that are under this master.
    async fn rotate_from(&self, older: &str) -> Result<u64> {
        let mut rotated = 0;
        loop {
            let under = entity::Entity::find().filter(entity::Column::MasterId.eq(older));
            let rows = under.limit(CHUNK as u64).all(self.0.store.read()).await?;
            if rows.is_empty() {
                return Ok(rotated);
            }
            let tx = self.0.store.begin().await?;
            for row in rows {
                rotated += self.rewrap(&tx, row).await?;
            }
            tx.commit().await?;
        }
    }

    /// Rotates in the background, at a service's start: keys go on being found meanwhile.
    pub fn spawn_rotation(&self) {
        let vault = self.clone();
        tokio::spawn(async move {
            match vault.rotate().await {
                Ok(0) => {}
                Ok(keys) => tracing::info!(keys, master = vault.0.masters.newest(), "keys rewrapped"),
                Err(error) => tracing::error!(%error, "keys are not rewrapped; they are tried again at the next start"),
            }
        });
    }

    async fn rewrap(&self, tx: &crate::store::Tx, row: entity::Model) -> Result<u64> {
        let bound = bound(&row.tenant, &row.key_id);
        let key = self.0.masters.unwrap(&row.master_id, bound.clone(), &row.wrapped).await?;
        let (master_id, wrapped) = self.0.masters.wrap(bound, &key).await?;
        let rewrap = entity::Entity::update_many()
            .col_expr(entity::Column::MasterId, Expr::value(master_id))
            .col_expr(entity::Column::Wrapped, Expr::value(wrapped))
            .filter(entity::Column::Tenant.eq(row.tenant))
            .filter(entity::Column::KeyId.eq(row.key_id))
            // One that was destroyed, or that another replica rewrapped, stays as it is.
            .filter(entity::Column::MasterId.eq(row.master_id));
        Ok(rewrap.exec(&**tx).await?.rows_affected)
    }
}
