//! Master keys, which wrap data keys. They come from a file; a bank's KMS would be asked in [`Masters::wrap`] and
//! [`Masters::unwrap`], and nowhere else. It owns no data key.

use std::{fmt, path::Path, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    DataKey,
    cipher::{self, Cipher, KEY, NONCE},
};
use crate::{Error, Result, check::Faults};

/// The master keys in the order of their file, newest last.
pub struct Masters(Vec<Master>);

struct Master {
    id: String,
    cipher: Cipher,
}

impl Masters {
    /// Reads a file of lines `<id> <base64 of 32 bytes>`, newest last; lines that begin with # are left out. Errors:
    /// internal, naming file and line, never the key.
    pub fn from_file(path: &Path) -> Result<Self> {
        let fault = |why: String| Error::Internal(format!("keys.master_file {}: {why}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let mut masters: Vec<Master> = Vec::new();
        let lines = text.lines().map(str::trim).enumerate();
        for (index, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let fault = |why: &str| fault(format!("line {} {why}", index + 1));
            let master = parse(line).map_err(fault)?;
            if masters.iter().any(|known| known.id == master.id) {
                return Err(fault("has the id of a line before"));
            }
            masters.push(master);
        }
        if masters.is_empty() { Err(fault("holds no key".into())) } else { Ok(Self(masters)) }
    }

    /// The text of a new file with one master key.
    pub fn generate(id: &str) -> String {
        format!("{id} {}\n", BASE64_STANDARD.encode(cipher::draw_key()))
    }

    /// The id of the newest, under which new keys are wrapped.
    pub fn newest(&self) -> &str {
        self.0.last().map_or("", |master| &master.id)
    }

    /// Whether there is a master of this id.
    pub fn holds(&self, id: &str) -> bool {
        self.0.iter().any(|master| master.id == id)
    }

    /// Wraps a key under the newest master, bound to `bound`. Answers with the master's id and the bytes.
    pub(super) async fn wrap(&self, bound: Vec<u8>, key: &DataKey) -> Result<(String, Vec<u8>)> {
        let master = self.0.last().ok_or_else(|| Error::Internal("no master key".into()))?;
        let mut nonce = [0; NONCE];
        cipher::draw(&mut nonce);
        Ok((master.id.clone(), master.cipher.seal(nonce, &bound, &key.0[..])?))
    }

    /// Unwraps a key. Errors: internal, if its master is not known, is another under the same id, or if the bytes were
    /// wrapped in another place.
    pub(super) async fn unwrap(&self, master_id: &str, bound: Vec<u8>, wrapped: &[u8]) -> Result<DataKey> {
        let fault = |why: &str| Error::Internal(format!("a key under the master {master_id} {why}"));
        let master = self.0.iter().find(|master| master.id == master_id);
        let master = master.ok_or_else(|| fault("has lost it"))?;
        let mut key = wrapped.to_vec();
        master.cipher.open(&bound, &mut key).ok_or_else(|| fault("does not unwrap"))?;
        let key: [u8; KEY] = key.try_into().map_err(|_| fault("has another length"))?;
        Ok(DataKey(Arc::new(key)))
    }
}

impl fmt::Debug for Masters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|master| &master.id)).finish()
    }
}

fn parse(line: &str) -> Result<Master, &'static str> {
    let (id, key) = line.split_once(char::is_whitespace).ok_or("is not an id and a key")?;
    let mut faults = Faults::new();
    faults.name("id", id, 64);
    faults.finish().map_err(|_| "has an id of other characters than a-z, 0-9 and _")?;
    let key = BASE64_STANDARD.decode(key.trim()).map_err(|_| "holds a key that is not base64")?;
    let key: [u8; KEY] = key.try_into().map_err(|_| "holds a key that is not of 32 bytes")?;
    Ok(Master { id: id.to_owned(), cipher: Cipher::new(&key) })
}
