//! The keys of customers who are new: they seal before they are in the database, which is written to meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::{DataKey, Enveloped, Ring, Rings, Vault, entity};
use crate::{
    Result,
    store::rows::{self, Conflict},
};

/// Keys that were drawn for new customers. What they seal may be committed once they were written.
#[derive(Debug)]
pub struct NewKeys {
    vault: Vault,
    tenant: String,
    ring: Ring,
    rows: Vec<entity::Model>,
}

impl Vault {
    /// Draws keys under ids that nobody has used.
    pub async fn draw_new(&self, tenant: &str, ids: &BTreeSet<&str>) -> Result<NewKeys> {
        let (mut ring, mut rows) = (Ring::with_capacity(ids.len()), Vec::with_capacity(ids.len()));
        for id in ids {
            let key = DataKey::generate();
            rows.push(self.new_row(tenant, id, &key).await?);
            ring.insert((*id).to_owned(), key);
        }
        Ok(NewKeys { vault: self.clone(), tenant: tenant.to_owned(), ring, rows })
    }
}

impl NewKeys {
    /// Writes them: they are durable when this returns. Errors: internal, for an id that was used.
    pub async fn write(&self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let tx = self.vault.0.store.begin().await?;
        rows::write(&tx, self.rows.clone(), Conflict::Fail).await?;
        tx.commit().await?;
        self.vault.remember(&self.tenant, &self.ring);
        Ok(())
    }

    /// The keys to seal rows with: these, and those that rows of other customers name, made where they are missing.
    pub async fn rings_to_seal<R: Enveloped>(&self, rows: &[R]) -> Result<Rings> {
        let mut others: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            let (tenant, key) = (row.whose().0, row.key());
            if !(key.is_empty() || tenant == self.tenant && self.ring.contains_key(key)) {
                others.entry(tenant).or_default().insert(key);
            }
        }
        let mut rings = BTreeMap::from([(self.tenant.clone(), self.ring.clone())]);
        for (tenant, ids) in others {
            rings.entry(tenant.to_owned()).or_default().extend(self.vault.make(tenant, &ids).await?);
        }
        Ok(Rings(rings))
    }
}
