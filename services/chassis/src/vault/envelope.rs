//! Envelopes: how personal payloads lie in their columns. In memory they are plain; on disk they are sealed under the
//! key of the customer that the row is of, and bound to tenant, table and customer, so that they open nowhere else. How the
//! sealed bytes lie is `cipher`'s.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    DataKey, Ring, Vault,
    cipher::{self, NONCE},
};
use crate::{Error, Result};

/// The format of plain bytes.
pub const PLAIN: i16 = 0;
/// The format of bytes sealed by AES-256-GCM under the customer's key.
pub const SEALED: i16 = 1;

/// A row with envelopes.
pub trait Enveloped {
    /// The table.
    const TABLE: &'static str;

    /// The tenant, and the customer that the row is of for ever.
    fn whose(&self) -> (&str, &str);

    /// The row's envelopes, all under one customer's key.
    fn envelopes(&mut self) -> impl Iterator<Item = Envelope<'_>>;

    /// The key that the row names: the one that it is sealed under, or will be.
    fn key(&self) -> &str;
}

/// The columns of an envelope.
#[derive(Debug)]
pub struct Envelope<'a> {
    /// [`PLAIN`] or [`SEALED`].
    pub format: &'a mut i16,
    /// The key; in memory, that of the row's customer if it is known.
    pub key_id: &'a mut String,
    /// The bytes.
    pub payload: &'a mut Vec<u8>,
}

impl Vault {
    /// Opens rows that were read; each goes on naming its key. Errors: Erased if a key is gone; internal, if a row was
    /// sealed in another place.
    pub async fn unseal<R: Enveloped>(&self, rows: Vec<R>) -> Result<Vec<R>> {
        let (rows, erased) = self.unseal_each(rows).await?;
        if erased.contains(&true) { Err(Error::Erased { what: R::TABLE }) } else { Ok(rows) }
    }

    /// Opens the rows whose keys there are, and leaves the others out: what was erased is as if it were not there.
    pub async fn unseal_known<R: Enveloped>(&self, rows: Vec<R>) -> Result<Vec<R>> {
        self.rings(&rows, Keys::Known).await?.unseal_known(rows)
    }

    /// The keys to open rows with, for who reads a whole table: they are neither sought in memory nor kept there.
    pub async fn rings_in_passing<R: Enveloped>(&self, rows: &[R]) -> Result<Rings> {
        self.rings(rows, Keys::InPassing).await
    }

    /// Opens rows and keeps those whose keys are gone with nothing in them: for lists, which go on after their last row.
    pub async fn unseal_blank<R: Enveloped>(&self, rows: Vec<R>) -> Result<Vec<R>> {
        let (mut rows, erased) = self.unseal_each(rows).await?;
        for (row, _) in rows.iter_mut().zip(erased).filter(|(_, erased)| *erased) {
            for envelope in row.envelopes() {
                (*envelope.format, *envelope.payload) = (PLAIN, Vec::new());
            }
        }
        Ok(rows)
    }

    /// Seals rows that are to be written, each under the key that it names; a key is made if it is missing. An empty
    /// payload says nothing and stays as it is. Errors: internal, for a row that names no key.
    pub async fn seal<R: Enveloped>(&self, rows: Vec<R>) -> Result<Vec<R>> {
        self.rings_to_seal(&rows).await?.seal(rows)
    }

    /// The keys to seal rows with, made where they are missing.
    pub async fn rings_to_seal<R: Enveloped>(&self, rows: &[R]) -> Result<Rings> {
        self.rings(rows, Keys::Made).await
    }

    /// Opens rows, and tells of each whether its key is gone.
    async fn unseal_each<R: Enveloped>(&self, mut rows: Vec<R>) -> Result<(Vec<R>, Vec<bool>)> {
        let rings = self.rings(&rows, Keys::Known).await?;
        let opened = rows.iter_mut().map(|row| unseal(&rings, row)).collect::<Result<Vec<_>>>()?;
        Ok((rows, opened.into_iter().map(|opened| !opened).collect()))
    }

    /// The keys that rows name, by tenant.
    async fn rings<R: Enveloped>(&self, rows: &[R], keys: Keys) -> Result<Rings> {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows.iter().filter(|row| !row.key().is_empty()) {
            wanted.entry(row.whose().0).or_default().insert(row.key());
        }
        let mut rings = BTreeMap::new();
        for (tenant, ids) in wanted {
            let ring = match keys {
                Keys::Made => self.make(tenant, &ids).await?,
                Keys::Known => self.keys(tenant, &ids).await?,
                Keys::InPassing => self.keys_in_passing(tenant, &ids).await?,
            };
            rings.insert(tenant.to_owned(), ring);
        }
        Ok(Rings(rings))
    }
}

/// Which keys are wanted.
#[derive(Clone, Copy)]
enum Keys {
    /// All: what is missing is made.
    Made,
    /// Those that there are.
    Known,
    /// Those that there are, once.
    InPassing,
}

/// The keys of some rows, by tenant.
#[derive(Debug)]
pub struct Rings(pub(super) BTreeMap<String, Ring>);

impl Rings {
    /// Seals rows as [`Vault::seal`] does, if all their keys are here. Errors: internal.
    pub fn seal<R: Enveloped>(&self, mut rows: Vec<R>) -> Result<Vec<R>> {
        let mut nonces = vec![0; rows.len() * 2 * NONCE];
        cipher::draw(&mut nonces);
        let mut nonces = nonces.as_chunks().0.iter();
        for row in &mut rows {
            let (key_id, bound) = (row.key().to_owned(), bound(row));
            let key = self.0.get(row.whose().0).and_then(|ring| ring.get(&key_id)).map(DataKey::cipher);
            for envelope in row.envelopes().filter(|envelope| !envelope.payload.is_empty()) {
                let key = key.as_ref().ok_or_else(|| Error::Internal(format!("a row of {} has no key", R::TABLE)))?;
                let nonce = nonces.next().ok_or_else(|| Error::Internal("too many envelopes".into()))?;
                *envelope.payload = key.seal(*nonce, &bound, envelope.payload)?;
                (*envelope.format, *envelope.key_id) = (SEALED, key_id.clone());
            }
        }
        Ok(rows)
    }

    /// Opens rows as [`Vault::unseal_known`] does.
    pub fn unseal_known<R: Enveloped>(&self, rows: Vec<R>) -> Result<Vec<R>> {
        let mut opened = Vec::with_capacity(rows.len());
        for mut row in rows {
            if unseal(self, &mut row)? {
                opened.push(row);
            }
        }
        Ok(opened)
    }
}

/// Opens a row's envelopes; false if its key is gone.
fn unseal<R: Enveloped>(rings: &Rings, row: &mut R) -> Result<bool> {
    let bound = bound(row);
    let ring = rings.0.get(row.whose().0);
    for envelope in row.envelopes() {
        match *envelope.format {
            PLAIN => continue,
            SEALED => {}
            format => return Err(Error::Internal(format!("{}: unknown envelope format {format}", R::TABLE))),
        }
        let Some(key) = ring.and_then(|ring| ring.get(envelope.key_id.as_str())) else { return Ok(false) };
        let broken = || Error::Internal(format!("a row of {} was sealed in another place", R::TABLE));
        key.cipher().open(&bound, envelope.payload).ok_or_else(broken)?;
        *envelope.format = PLAIN;
    }
    Ok(true)
}

/// What sealed bytes are bound to.
fn bound<R: Enveloped>(row: &R) -> Vec<u8> {
    let (tenant, customer_id) = row.whose();
    [R::TABLE.as_bytes(), b"\0", tenant.as_bytes(), b"\0", customer_id.as_bytes()].concat()
}
