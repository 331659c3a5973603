//! The rows that changed since somebody asked last, with their values as they were put, one row after the other: who
//! evaluates them reads memory in its order, where the cells of some rows among all would be fetched one by one.

use roaring::RoaringBitmap;

use super::Chunk;
use crate::catalogue::{Column, Kind};

/// The place of a row whose values are not kept.
const NOWHERE: u32 = u32::MAX;

/// Rows that were put or forgotten.
#[derive(Debug, Default)]
pub struct Changes {
    ordinals: RoaringBitmap,
    // The ordinal of each row that was put, as they came; an ordinal that came again counts as it came last.
    put: Vec<u32>,
    // For each of those as many values as the widths come to, and its set of tags.
    values: Vec<f64>,
    // How many columns of numbers, texts and days there are.
    widths: [usize; 3],
    has_spilled: bool,
}

/// Changed rows, ascending.
#[derive(Debug)]
pub struct Changed<'a> {
    /// Their ordinals.
    pub ordinals: Vec<u32>,
    // Where the values of each are kept; empty if they are not.
    places: Vec<u32>,
    changes: &'a Changes,
}

impl Changes {
    /// How many rows changed.
    pub fn len(&self) -> u64 {
        self.ordinals.len()
    }

    /// Whether no row changed.
    pub fn is_empty(&self) -> bool {
        self.ordinals.is_empty()
    }

    /// Whether this row changed.
    pub fn contains(&self, ordinal: u32) -> bool {
        self.ordinals.contains(ordinal)
    }

    /// The rows.
    pub fn sorted(&self) -> Changed<'_> {
        let ordinals: Vec<u32> = self.ordinals.iter().collect();
        if self.has_spilled {
            return Changed { ordinals, places: Vec::new(), changes: self };
        }
        let mut put: Vec<(u32, u32)> = self.put.iter().copied().zip(0..).collect();
        put.sort();
        let mut put = put.chunk_by(|(left, _), (right, _)| left == right).filter_map(|same| same.last()).peekable();
        let place = |ordinal: &u32| put.next_if(|(of, _)| of == ordinal).map_or(NOWHERE, |(_, place)| *place);
        let places = ordinals.iter().map(place).collect();
        Changed { ordinals, places, changes: self }
    }

    pub(super) fn forget(&mut self, ordinal: u32) {
        self.ordinals.insert(ordinal);
    }

    /// Keeps a row as a chunk has it, unless there are more than `most` of them, or they are of other columns.
    pub(super) fn put(&mut self, ordinal: u32, chunk: &Chunk, at: usize, most: usize) {
        self.ordinals.insert(ordinal);
        if self.put.is_empty() {
            self.widths = chunk.widths();
        }
        if self.has_spilled || self.put.len() >= most || self.widths != chunk.widths() {
            (self.put, self.values, self.has_spilled) = (Vec::new(), Vec::new(), true);
            return;
        }
        self.put.push(ordinal);
        self.values.extend(chunk.row(at));
    }

    fn width(&self) -> usize {
        self.widths.iter().sum::<usize>() + 1
    }

    /// Where a column lies among a row's values; none if there is no such column, or it is one of flags.
    fn offset(&self, column: Column) -> Option<usize> {
        let kind = match column.kind {
            Kind::Number => 0,
            Kind::Text => 1,
            Kind::Day => 2,
            Kind::Flag => return None,
        };
        (column.slot < self.widths[kind]).then(|| self.widths[..kind].iter().sum::<usize>() + column.slot)
    }
}

impl Changed<'_> {
    /// Whether the values of these rows are kept.
    pub fn are_kept(&self) -> bool {
        !self.places.is_empty()
    }

    /// Puts a column's numbers of some of these rows, NaN where missing, into `out`, one for one.
    pub(super) fn read(&self, rows: std::ops::Range<usize>, column: Column, out: &mut [f64]) {
        if let Some(offset) = self.changes.offset(column) {
            self.read_at(rows, offset, out);
        }
    }

    /// The same of the codes of their sets of tags.
    pub(super) fn read_tag_sets(&self, rows: std::ops::Range<usize>, out: &mut [f64]) {
        self.read_at(rows, self.changes.width() - 1, out);
    }

    fn read_at(&self, rows: std::ops::Range<usize>, offset: usize, out: &mut [f64]) {
        let (width, values) = (self.changes.width(), &self.changes.values);
        let value = |place: &u32| values.get(*place as usize * width + offset).copied().unwrap_or(f64::NAN);
        out.iter_mut().zip(&self.places[rows]).for_each(|(out, place)| *out = value(place));
    }
}
