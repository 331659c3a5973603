//! A block of rows: the values of each type column by column, and whose they are. What the codes mean is not here.

use super::{Customer, MISSING_DAY, MISSING_FLAG, MISSING_TEXT};
use crate::catalogue::{Catalogue, Kind};

/// Rows in a chunk: 16 words of 64 bits, and few enough to be copied in some tens of microseconds.
pub const ROWS: usize = 1024;

/// Up to [`ROWS`] rows.
#[derive(Clone)]
pub struct Chunk {
    /// Numbers; NaN = missing.
    pub numbers: Block<f64>,
    /// Codes of texts; [`MISSING_TEXT`] = missing.
    pub texts: Block<u32>,
    /// Days since the epoch; [`MISSING_DAY`] = missing.
    pub days: Block<i32>,
    /// 0, 1 or [`MISSING_FLAG`].
    pub flags: Block<u8>,
    owners: Vec<Owner>,
    spelled: String,
}

/// Columns of one type, one after the other, [`ROWS`] values each.
#[derive(Clone)]
pub struct Block<T> {
    values: Vec<T>,
    missing: T,
}

/// Whose row it is, and since when it is true. `id_len` is 0 while the row is nobody's.
#[derive(Clone, Copy, Default)]
struct Owner {
    as_of: i64,
    start: u32,
    id_len: u8,
    key_len: u8,
    path: u32,
    tag_set: u32,
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            numbers: Block::new(f64::NAN),
            texts: Block::new(MISSING_TEXT),
            days: Block::new(MISSING_DAY),
            flags: Block::new(MISSING_FLAG),
            owners: Vec::new(),
            spelled: String::new(),
        }
    }
}

impl Chunk {
    /// Rows in use, gaps included.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether no row is in use.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Whether the row is nobody's.
    pub fn is_absent(&self, at: usize) -> bool {
        self.owners.get(at).is_none_or(|owner| owner.id_len == 0)
    }

    /// The customer's id and key.
    pub fn ids(&self, at: usize) -> (&str, &str) {
        let owner = self.owners[at];
        let (start, id_len, key_len) = (owner.start as usize, usize::from(owner.id_len), usize::from(owner.key_len));
        self.spelled[start..start + id_len + key_len].split_at(id_len)
    }

    /// Code of the path that owns the customer.
    pub fn path(&self, at: usize) -> u32 {
        self.owners[at].path
    }

    /// Code of the customer's set of tags.
    pub fn tag_set(&self, at: usize) -> u32 {
        self.owners[at].tag_set
    }

    /// Business time of the vector, in microseconds since the epoch.
    pub fn as_of(&self, at: usize) -> i64 {
        self.owners[at].as_of
    }

    pub(super) fn widen(&mut self, catalogue: &Catalogue) {
        self.numbers.widen(catalogue.width(Kind::Number));
        self.texts.widen(catalogue.width(Kind::Text));
        self.days.widen(catalogue.width(Kind::Day));
        self.flags.widen(catalogue.width(Kind::Flag));
    }

    pub(super) fn clear(&mut self, at: usize) {
        self.numbers.clear(at);
        self.texts.clear(at);
        self.days.clear(at);
        self.flags.clear(at);
    }

    pub(super) fn set_customer(&mut self, at: usize, customer: Customer<'_>, path: u32, tag_set: u32) {
        if self.owners.len() <= at {
            self.owners.resize(at + 1, Owner::default());
        }
        if self.is_absent(at) || self.ids(at) != (customer.customer_id, customer.customer_key) {
            self.spell(at, customer);
        }
        let owner = &mut self.owners[at];
        (owner.as_of, owner.path, owner.tag_set) = (customer.as_of, path, tag_set);
    }

    /// Makes the row nobody's.
    pub(super) fn forget(&mut self, at: usize) {
        self.owners[at] = Owner::default();
        self.clear(at);
    }

    fn spell(&mut self, at: usize, customer: Customer<'_>) {
        let start = self.spelled.len() as u32;
        self.spelled.push_str(customer.customer_id);
        self.spelled.push_str(customer.customer_key);
        if at + 1 == ROWS {
            self.spelled.shrink_to_fit();
        }
        let owner = &mut self.owners[at];
        owner.start = start;
        // The contract bounds ids and keys to 64 bytes.
        owner.id_len = customer.customer_id.len() as u8;
        owner.key_len = customer.customer_key.len() as u8;
    }

    pub(super) fn bytes(&self) -> usize {
        self.numbers.values.capacity() * 8
            + self.texts.values.capacity() * 4
            + self.days.values.capacity() * 4
            + self.flags.values.capacity()
            + self.owners.capacity() * size_of::<Owner>()
            + self.spelled.capacity()
    }
}

impl<T: Copy> Block<T> {
    fn new(missing: T) -> Self {
        Self { values: Vec::new(), missing }
    }

    /// A value; `None` if the chunk has no such column yet.
    pub fn get(&self, slot: usize, at: usize) -> Option<T> {
        self.values.get(slot * ROWS + at).copied()
    }

    /// A whole column; empty if the chunk has no such column yet.
    pub fn column(&self, slot: usize) -> &[T] {
        self.values.get(slot * ROWS..(slot + 1) * ROWS).unwrap_or(&[])
    }

    pub(super) fn set(&mut self, slot: usize, at: usize, value: T) {
        self.values[slot * ROWS + at] = value;
    }

    fn widen(&mut self, width: usize) {
        if self.values.len() < width * ROWS {
            self.values.reserve_exact(width * ROWS - self.values.len());
            self.values.resize(width * ROWS, self.missing);
        }
    }

    fn clear(&mut self, at: usize) {
        self.values.iter_mut().skip(at).step_by(ROWS).for_each(|value| *value = self.missing);
    }
}
