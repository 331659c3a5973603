//! Customers' keys: random, so that they tell nothing of whom they stand for but with whom they came.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Bytes that the keys of one transaction have in common.
const SHARED: usize = 6;

/// Draws the keys of customers who come in one transaction. They begin with the same random bytes, so that tables lay
/// down together what came together and is mostly read together: data keys above all, which are looked up by nothing else.
/// 74 more bits of each are random.
#[derive(Debug)]
pub struct CustomerKeys([u8; SHARED]);

impl CustomerKeys {
    /// Those of another transaction.
    pub fn draw() -> Self {
        let mut shared = [0; SHARED];
        shared.copy_from_slice(&Uuid::new_v4().as_bytes()[..SHARED]);
        Self(shared)
    }

    /// The next key.
    pub fn next_key(&self) -> String {
        let mut key = Uuid::new_v4().into_bytes();
        key[..SHARED].copy_from_slice(&self.0);
        Uuid::from_bytes(key).simple().to_string()
    }
}

/// A random key.
pub fn random_key() -> String {
    CustomerKeys::draw().next_key()
}

/// The first 128 bits of SHA-256 over seed and id: repeatable for demos, tests and benches.
pub fn seeded_key(seed: u64, customer_id: &str) -> String {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(customer_id).finalize();
    hex::encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn keys_of_one_transaction_are_neighbours_and_no_two_are_the_same() {
        let (one, other) = (CustomerKeys::draw(), CustomerKeys::draw());
        let drawn = |keys: &CustomerKeys| (0..1000).map(|_| keys.next_key()).collect::<BTreeSet<String>>();
        let (one, other) = (drawn(&one), drawn(&other));
        let begins = |keys: &BTreeSet<String>| keys.iter().map(|key| key[..12].to_owned()).collect::<BTreeSet<_>>();
        assert_eq!((one.len(), begins(&one).len()), (1000, 1));
        assert_eq!((other.len(), begins(&other).len()), (1000, 1));
        assert!(begins(&one) != begins(&other) && one.iter().all(|key| key.len() == 32));
    }
}
