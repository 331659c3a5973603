//! Sealing at the store's edge: personal payloads are plain in memory, and sealed under their customer's key on disk.
//! Whoever writes such rows passes them through [`seal`], whoever reads them through the vault's `unseal`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter::once,
};

use huan_chassis::{
    Result,
    store::Tx,
    vault::{Envelope, Enveloped},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{
    CHUNK,
    entity::{customer, dead_letter, event, event_day, holding, identity, kyc_answer, tenant, tombstone, vector},
};

/// The key of what belongs to no customer.
pub const TENANT_KEY: &str = "tenant";

/// Seals rows that are to be written. A row that names no key yet takes its customer's.
pub async fn seal<R: Enveloped>(tx: &Tx, mut rows: Vec<R>) -> Result<Vec<R>> {
    let mut unnamed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.key().is_empty()) {
        let (tenant, customer_id) = row.whose();
        unnamed.entry(tenant.to_owned()).or_default().insert(customer_id.to_owned());
    }
    for (tenant, ids) in unnamed {
        let keys = keys_of(tx, &tenant, ids).await?;
        rows.iter_mut().filter(|row| row.whose().0 == tenant).for_each(|row| name_key(row, &keys));
    }
    tx.vault()?.seal(rows).await
}

/// The ids of customers' keys.
pub type KeyIds = HashMap<String, String>;

/// The ids of these customers' keys.
pub fn key_ids(customers: &[customer::Model]) -> KeyIds {
    customers.iter().map(|customer| (customer.customer_id.clone(), customer.customer_key.clone())).collect()
}

/// Lets rows name their customers' keys, as far as they are given: a look-up that [`seal`] need not make.
pub fn name_keys<R: Enveloped>(rows: &mut [R], keys: &KeyIds) {
    rows.iter_mut().for_each(|row| name_key(row, keys));
}

fn name_key<R: Enveloped>(row: &mut R, keys: &KeyIds) {
    let key = keys.get(row.whose().1).filter(|_| row.key().is_empty()).cloned();
    if let Some(key) = key {
        row.envelopes().for_each(|envelope| envelope.key_id.clone_from(&key));
    }
}

async fn keys_of(tx: &Tx, tenant: &str, ids: BTreeSet<String>) -> Result<KeyIds> {
    let mut found = KeyIds::from([(String::new(), TENANT_KEY.to_owned())]);
    let ids: Vec<String> = ids.into_iter().filter(|id| !id.is_empty()).collect();
    for ids in ids.chunks(CHUNK) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query = query.filter(customer::Column::CustomerId.is_in(ids)).select_only();
        let query = query.column(customer::Column::CustomerId).column(customer::Column::CustomerKey);
        found.extend(query.into_tuple::<(String, String)>().all(&**tx).await?);
    }
    Ok(found)
}

/// Tables whose rows have one envelope: whose a row is, what names its key, and the bytes.
macro_rules! enveloped {
    ($($table:ident: $whose:ident, $key:ident, $payload:ident;)*) => {$(
        impl Enveloped for $table::Model {
            const TABLE: &'static str = stringify!($table);

            fn whose(&self) -> (&str, &str) {
                (&self.tenant, &self.$whose)
            }

            fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
                let Self { format, key_id, $payload: payload, .. } = self;
                once(Envelope { format, key_id, payload })
            }

            fn key(&self) -> &str {
                &self.$key
            }
        }
    )*};
}

enveloped! {
    customer: customer_id, customer_key, payload;
    identity: customer_id, key_id, payload;
    holding: customer_id, key_id, payload;
    event: customer_id, key_id, payload;
    event_day: customer_id, key_id, packed;
    tombstone: customer_hash, customer_key, payload;
    kyc_answer: customer_id, key_id, payload;
    dead_letter: digest, key_id, payload;
}

impl Enveloped for tenant::Model {
    const TABLE: &'static str = "tenant";

    fn whose(&self) -> (&str, &str) {
        (&self.tenant, "")
    }

    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
        let Self { format, key_id, secret, .. } = self;
        once(Envelope { format, key_id, payload: secret })
    }

    fn key(&self) -> &str {
        TENANT_KEY
    }
}

impl Enveloped for vector::Model {
    const TABLE: &'static str = "vector";

    fn whose(&self) -> (&str, &str) {
        (&self.tenant, &self.customer_id)
    }

    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>> {
        let Self { format, key_id, payload, state_format, state_key_id, state, .. } = self;
        let state = Envelope { format: state_format, key_id: state_key_id, payload: state };
        [Envelope { format, key_id, payload }, state].into_iter()
    }

    fn key(&self) -> &str {
        &self.key_id
    }
}
