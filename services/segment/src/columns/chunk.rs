//! A block of rows: the values of each type column by column, and whose they are. What the codes mean is not here.

use super::{Cells, Customer, MISSING_FLAG};
use crate::catalogue::{Catalogue, Column, Kind};

/// Rows in a chunk: 16 words of 64 bits, and few enough to be copied in some tens of microseconds.
pub const ROWS: usize = 1024;

/// One bit a row, the first row's lowest.
pub type Words = [u64; ROWS / 64];

/// Up to [`ROWS`] rows. A column without a value takes no memory.
#[derive(Clone, Default)]
pub struct Chunk {
    numbers: Vec<Cells>,
    texts: Vec<Cells>,
    days: Vec<Cells>,
    flags: Vec<Bits>,
    tag_sets: Cells,
    present: Words,
    owners: Vec<Owner>,
    spelled: String,
}

/// One column of flags.
#[derive(Clone, Default)]
pub struct Bits {
    /// Rows for which it is true.
    pub yes: Words,
    /// Rows for which it is false.
    pub no: Words,
}

/// Whose row it is, and since when it is true. `id_len` is 0 while the row is nobody's.
#[derive(Clone, Copy, Default)]
struct Owner {
    as_of: i64,
    start: u32,
    id_len: u8,
    key_len: u8,
    path: u32,
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

    /// The rows that are customers.
    pub fn present(&self) -> &Words {
        &self.present
    }

    /// A column of numbers, texts or days; `None` if the chunk has no such column yet.
    pub fn cells(&self, column: Column) -> Option<&Cells> {
        match column.kind {
            Kind::Number => self.numbers.get(column.slot),
            Kind::Text => self.texts.get(column.slot),
            Kind::Day => self.days.get(column.slot),
            Kind::Flag => None,
        }
    }

    /// A column of flags; `None` if the chunk has no such column yet.
    pub fn bits(&self, slot: usize) -> Option<&Bits> {
        self.flags.get(slot)
    }

    /// A flag: 0, 1 or [`MISSING_FLAG`].
    pub fn flag(&self, slot: usize, at: usize) -> u8 {
        let Some(bits) = self.flags.get(slot) else { return MISSING_FLAG };
        match (has(&bits.yes, at), has(&bits.no, at)) {
            (true, _) => 1,
            (false, true) => 0,
            (false, false) => MISSING_FLAG,
        }
    }

    /// Codes of the customers' sets of tags.
    pub fn tag_sets(&self) -> &Cells {
        &self.tag_sets
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

    /// Business time of the vector, in microseconds since the epoch.
    pub fn as_of(&self, at: usize) -> i64 {
        self.owners[at].as_of
    }

    /// How many columns of numbers, texts and days there are.
    pub(super) fn widths(&self) -> [usize; 3] {
        [&self.numbers, &self.texts, &self.days].map(Vec::len)
    }

    /// A row's numbers, texts and days, and its set of tags, as [`Cells::read`] tells them.
    pub(super) fn row(&self, at: usize) -> impl Iterator<Item = f64> {
        let columns = self.numbers.iter().chain(&self.texts).chain(&self.days).chain([&self.tag_sets]);
        columns.map(move |cells| cells.number(at))
    }

    pub(super) fn widen(&mut self, catalogue: &Catalogue) {
        let columns = [(&mut self.numbers, Kind::Number), (&mut self.texts, Kind::Text), (&mut self.days, Kind::Day)];
        for (columns, kind) in columns {
            grow(columns, catalogue.width(kind));
        }
        grow(&mut self.flags, catalogue.width(Kind::Flag));
    }

    pub(super) fn clear(&mut self, at: usize) {
        let columns = self.numbers.iter_mut().chain(&mut self.texts).chain(&mut self.days);
        columns.for_each(|cells| cells.clear(at));
        self.flags.iter_mut().for_each(|bits| bits.put(at, None));
    }

    pub(super) fn set_number(&mut self, slot: usize, at: usize, value: f64) {
        self.numbers[slot].set_number(at, value);
    }

    pub(super) fn set_text(&mut self, slot: usize, at: usize, code: u32) {
        self.texts[slot].set_code(at, code);
    }

    pub(super) fn set_day(&mut self, slot: usize, at: usize, day: i32) {
        self.days[slot].set_whole(at, day);
    }

    pub(super) fn set_flag(&mut self, slot: usize, at: usize, flag: bool) {
        self.flags[slot].put(at, Some(flag));
    }

    pub(super) fn set_customer(&mut self, at: usize, customer: Customer<'_>, path: u32, tag_set: u32) {
        if self.owners.len() <= at {
            self.owners.resize(at + 1, Owner::default());
        }
        if self.is_absent(at) || self.ids(at) != (customer.customer_id, customer.customer_key) {
            self.spell(at, customer);
        }
        let owner = &mut self.owners[at];
        (owner.as_of, owner.path) = (customer.as_of, path);
        self.tag_sets.set_code(at, tag_set);
        mark(&mut self.present, at, true);
    }

    /// Makes the row nobody's.
    pub(super) fn forget(&mut self, at: usize) {
        self.owners[at] = Owner::default();
        mark(&mut self.present, at, false);
        self.tag_sets.clear(at);
        self.clear(at);
    }

    /// Puts a whole column in its place.
    pub(super) fn put_cells(&mut self, column: Column, cells: Cells) {
        let columns = match column.kind {
            Kind::Number => &mut self.numbers,
            Kind::Text => &mut self.texts,
            Kind::Day => &mut self.days,
            Kind::Flag => return,
        };
        grow(columns, column.slot + 1);
        columns[column.slot] = cells;
    }

    pub(super) fn put_tag_sets(&mut self, cells: Cells) {
        self.tag_sets = cells;
    }

    /// Takes over another chunk's row: whether it is anybody's, and these flags.
    pub(super) fn copy_bits(&mut self, at: usize, from: &Self, row: usize, flags: &[Column]) {
        mark(&mut self.present, at, has(&from.present, row));
        for slot in flags.iter().map(|column| column.slot) {
            grow(&mut self.flags, slot + 1);
            let flag = from.flag(slot, row);
            self.flags[slot].put(at, (flag != MISSING_FLAG).then_some(flag == 1));
        }
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
        let columns = self.numbers.iter().chain(&self.texts).chain(&self.days).chain([&self.tag_sets]);
        let places = self.numbers.capacity() + self.texts.capacity() + self.days.capacity();
        size_of::<Self>()
            + columns.map(Cells::bytes).sum::<usize>()
            + places * size_of::<Cells>()
            + self.flags.capacity() * size_of::<Bits>()
            + self.owners.capacity() * size_of::<Owner>()
            + self.spelled.capacity()
    }
}

impl Bits {
    fn put(&mut self, at: usize, flag: Option<bool>) {
        mark(&mut self.yes, at, flag == Some(true));
        mark(&mut self.no, at, flag == Some(false));
    }
}

fn has(words: &Words, at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

fn mark(words: &mut Words, at: usize, is: bool) {
    let bit = 1 << (at % 64);
    words[at / 64] = if is { words[at / 64] | bit } else { words[at / 64] & !bit };
}

fn grow<T: Clone + Default>(columns: &mut Vec<T>, width: usize) {
    if columns.len() < width {
        columns.reserve_exact(width - columns.len());
        columns.resize(width, T::default());
    }
}
