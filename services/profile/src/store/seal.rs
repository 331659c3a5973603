//! Sealing at the store's edge: personal payloads are plain in memory, and sealed under their customer's key on disk.
//! Whoever writes such rows passes them through [`seal`], whoever reads them through the vault's `unseal`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter::once,
};

use huan_chassis::{
    Result,
    store::{
        Tx,
        rows::{self, Conflict, runs},
    },
    vault::{Envelope, Enveloped, NewKeys},
};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

use super::entity::{
    customer, dead_letter, event, event_day, holding, identity, kyc_answer, tenant, tombstone, vector,
};

/// The key of what belongs to no customer.
pub const TENANT_KEY: &str = "tenant";

/// Seals rows that are to be written. A row that names no key yet takes its customer's.
pub async fn seal<R: Enveloped>(tx: &Tx, mut rows: Vec<R>) -> Result<Vec<R>> {
    name_missing(tx, &mut rows).await?;
    tx.vault()?.seal(rows).await
}

/// Seals rows and inserts them, or replaces those with the same key.
pub async fn upsert_sealed<R, A>(tx: &Tx, rows: Vec<R>) -> Result<()>
where
    R: Enveloped + IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    write_sealed(tx, rows, Conflict::Replace).await
}

/// Does the same with rows of new customers among them, whose keys may be written meanwhile.
pub async fn upsert_with<R, A>(tx: &Tx, mut rows: Vec<R>, new_keys: &NewKeys) -> Result<()>
where
    R: Enveloped + IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    name_missing(tx, &mut rows).await?;
    let rings = new_keys.rings_to_seal(&rows).await?;
    rows::write_made(tx, rows, Conflict::Replace, |rows| rings.seal(rows)).await
}

/// Seals rows and writes them: some are sealed while the database writes those before them.
pub async fn write_sealed<R, A>(tx: &Tx, mut rows: Vec<R>, conflict: Conflict) -> Result<()>
where
    R: Enveloped + IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    name_missing(tx, &mut rows).await?;
    let rings = tx.vault()?.rings_to_seal(&rows).await?;
    rows::write_made(tx, rows, conflict, |rows| rings.seal(rows)).await
}

async fn name_missing<R: Enveloped>(tx: &Tx, rows: &mut [R]) -> Result<()> {
    let mut unnamed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.key().is_empty()) {
        let (tenant, customer_id) = row.whose();
        unnamed.entry(tenant.to_owned()).or_default().insert(customer_id.to_owned());
    }
    for (tenant, ids) in unnamed {
        let keys = keys_of(tx, &tenant, ids).await?;
        rows.iter_mut().filter(|row| row.whose().0 == tenant).for_each(|row| name_key(row, &keys));
    }
    Ok(())
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
    for ids in runs(&ids) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query = query.filter(rows::among(&**tx, customer::Column::CustomerId, ids)).select_only();
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
