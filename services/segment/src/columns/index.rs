//! From a customer's id to its ordinal: open addressing over ordinals alone, the ids being in the chunks.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::{Chunk, ROWS};

const SHARDS: usize = 64;
const FREE: u32 = u32::MAX;

/// A hash table in shards, so that no single growth holds a writer for long.
pub(super) struct Index {
    shards: Vec<Shard>,
    hasher: RandomState,
}

#[derive(Clone, Default)]
struct Shard {
    slots: Vec<u32>,
    used: usize,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: vec![Shard::default(); SHARDS], hasher: RandomState::new() }
    }
}

impl Index {
    pub(super) fn find(&self, chunks: &[Arc<Chunk>], customer_id: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(customer_id);
        let slots = &self.shards[hash as usize % SHARDS].slots;
        probe(slots.len(), hash)
            .map(|slot| slots[slot])
            .take_while(|ordinal| *ordinal != FREE)
            .find(|ordinal| id(chunks, *ordinal) == customer_id)
    }

    /// Adds an ordinal whose id the chunks hold already and the index does not.
    pub(super) fn insert(&mut self, chunks: &[Arc<Chunk>], ordinal: u32) {
        let hash = self.hasher.hash_one(id(chunks, ordinal));
        let hasher = &self.hasher;
        let shard = &mut self.shards[hash as usize % SHARDS];
        if (shard.used + 1) * 4 > shard.slots.len() * 3 {
            shard.grow(|ordinal| hasher.hash_one(id(chunks, ordinal)));
        }
        shard.put(hash, ordinal);
        shard.used += 1;
    }

    pub(super) fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| shard.slots.capacity() * 4).sum()
    }
}

impl Shard {
    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let wider = vec![FREE; (self.slots.len() * 2).max(8)];
        let slots = std::mem::replace(&mut self.slots, wider);
        for ordinal in slots.into_iter().filter(|ordinal| *ordinal != FREE) {
            self.put(hash_of(ordinal), ordinal);
        }
    }

    fn put(&mut self, hash: u64, ordinal: u32) {
        if let Some(slot) = probe(self.slots.len(), hash).find(|slot| self.slots[*slot] == FREE) {
            self.slots[slot] = ordinal;
        }
    }
}

/// The slots to look at, in order. `len` is a power of two, or 0 for an empty table.
fn probe(len: usize, hash: u64) -> impl Iterator<Item = usize> {
    let start = (hash >> 16) as usize;
    (0..len).map(move |step| (start + step) & (len - 1))
}

fn id(chunks: &[Arc<Chunk>], ordinal: u32) -> &str {
    chunks[ordinal as usize / ROWS].ids(ordinal as usize % ROWS).0
}
