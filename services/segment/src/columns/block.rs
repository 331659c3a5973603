//! Up to [`ROWS`] rows side by side, to be evaluated at once: a chunk as it is, or rows drawn from many chunks.

use std::ops::Range;
use std::sync::Arc;

use huan_chassis::clock::Day;

use super::{Cells, Changed, Chunk, Names, ROWS, Row, Snapshot};
use crate::catalogue::{Column, Kind};

/// Rows to be evaluated at once.
pub struct Block<'a> {
    chunk: Chunked<'a>,
    names: &'a Names,
    today: i32,
}

enum Chunked<'a> {
    /// A chunk, and its place among the chunks.
    Whole(&'a Chunk, usize),
    /// Only some columns are there; the rows themselves are where they were.
    Drawn { columns: Box<Chunk>, chunks: &'a [Arc<Chunk>], ordinals: &'a [u32] },
}

impl Snapshot {
    /// A chunk's rows, read on this business day.
    pub fn block(&self, chunk: usize, today: Day) -> Block<'_> {
        Block { chunk: Chunked::Whole(&self.chunks[chunk], chunk), names: &self.names, today: today.0 }
    }

    /// The rows at these ordinals, at most [`ROWS`] and ascending; of their values only those in `wanted`, and tags.
    /// Ordinals beyond the last chunk are rows of nobody.
    pub fn draw<'a>(&'a self, ordinals: &'a [u32], wanted: &[Column], today: Day) -> Block<'a> {
        self.drawn(ordinals, gather(&self.chunks, ordinals, wanted), wanted, today)
    }

    /// Some of the rows that changed, and nothing since: like [`Self::draw`].
    pub fn draw_changed<'a>(
        &'a self,
        changed: &'a Changed<'_>,
        rows: Range<usize>,
        wanted: &[Column],
        today: Day,
    ) -> Block<'a> {
        let ordinals = &changed.ordinals[rows.clone()];
        if !changed.are_kept() {
            return self.draw(ordinals, wanted, today);
        }
        let (mut columns, mut tag_sets) = missing(wanted);
        for (wanted, values) in wanted.iter().zip(&mut columns) {
            changed.read(rows.clone(), *wanted, &mut values[..]);
        }
        changed.read_tag_sets(rows, &mut tag_sets[..]);
        self.drawn(ordinals, (columns, tag_sets), wanted, today)
    }

    fn drawn<'a>(
        &'a self,
        ordinals: &'a [u32],
        (columns, tag_sets): (Vec<Values>, Values),
        wanted: &[Column],
        today: Day,
    ) -> Block<'a> {
        let mut drawn = Box::<Chunk>::default();
        let flags: Vec<Column> = wanted.iter().copied().filter(|column| column.kind == Kind::Flag).collect();
        for (at, ordinal) in ordinals.iter().enumerate() {
            if let Some(chunk) = self.chunks.get(*ordinal as usize / ROWS) {
                drawn.copy_bits(at, chunk, *ordinal as usize % ROWS, &flags);
            }
        }
        wanted.iter().zip(columns).for_each(|(column, values)| drawn.put_cells(*column, Cells::of_numbers(values)));
        drawn.put_tag_sets(Cells::of_numbers(tag_sets));
        let (columns, chunks) = (drawn, self.chunks.as_slice());
        let chunk = Chunked::Drawn { columns, chunks, ordinals };
        Block { chunk, names: &self.names, today: today.0 }
    }
}

impl<'a> Block<'a> {
    /// The columns.
    pub fn chunk(&self) -> &Chunk {
        match &self.chunk {
            Chunked::Whole(chunk, _) => chunk,
            Chunked::Drawn { columns, .. } => columns,
        }
    }

    /// Its rows that are customers, by their place in the block.
    pub fn rows(&self) -> impl Iterator<Item = (usize, Row<'_>)> {
        let present = self.chunk().present();
        (0..ROWS).filter(|at| present[at / 64] >> (at % 64) & 1 == 1).map(|at| (at, self.row(at)))
    }

    /// What the codes mean.
    pub fn names(&self) -> &'a Names {
        self.names
    }

    /// The business day on which the rows are read.
    pub fn today(&self) -> i32 {
        self.today
    }

    fn row(&self, at: usize) -> Row<'_> {
        let (chunk, ordinal) = match &self.chunk {
            Chunked::Whole(chunk, place) => (*chunk, (place * ROWS + at) as u32),
            Chunked::Drawn { chunks, ordinals, .. } => (&*chunks[ordinals[at] as usize / ROWS], ordinals[at]),
        };
        Row { chunk, names: self.names, ordinal, at: ordinal as usize % ROWS, today: self.today }
    }
}

/// The numbers of one column of a block, in the widest type.
type Values = Box<[f64; ROWS]>;

/// As many columns as are wanted, and one of sets of tags, without any value.
fn missing(wanted: &[Column]) -> (Vec<Values>, Values) {
    let missing = || Box::new([f64::NAN; ROWS]);
    (wanted.iter().map(|_| missing()).collect(), missing())
}

/// The values of rows wherever they are.
fn gather(chunks: &[Arc<Chunk>], ordinals: &[u32], wanted: &[Column]) -> (Vec<Values>, Values) {
    let (mut columns, mut tag_sets) = missing(wanted);
    let mut at = 0;
    for run in ordinals.chunk_by(|left, right| *left as usize / ROWS == *right as usize / ROWS) {
        let places = at..at + run.len();
        at = places.end;
        let Some(chunk) = chunks.get(run[0] as usize / ROWS) else { continue };
        let rows = || run.iter().map(|ordinal| *ordinal as usize % ROWS);
        for (wanted, values) in wanted.iter().zip(&mut columns) {
            if let Some(cells) = chunk.cells(*wanted) {
                cells.read(rows(), &mut values[places.clone()]);
            }
        }
        chunk.tag_sets().read(rows(), &mut tag_sets[places]);
    }
    (columns, tag_sets)
}
