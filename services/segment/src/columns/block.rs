//! Up to [`ROWS`] rows side by side, to be evaluated at once: a chunk as it is, or rows drawn from many chunks.

use std::sync::Arc;

use huan_chassis::clock::Day;

use super::{Cells, Chunk, Names, ROWS, Row, Snapshot};
use crate::catalogue::{Column, Kind};

/// Rows to be evaluated at once.
pub struct Block<'a> {
    chunk: Chunked<'a>,
    names: &'a Names,
    today: i32,
}

enum Chunked<'a> {
    Whole(&'a Chunk),
    /// Only some columns are there; the rows themselves are where they were.
    Drawn {
        columns: Box<Chunk>,
        chunks: &'a [Arc<Chunk>],
        ordinals: &'a [u32],
    },
}

impl Snapshot {
    /// A chunk's rows, read on this business day.
    pub fn block(&self, chunk: usize, today: Day) -> Block<'_> {
        Block { chunk: Chunked::Whole(&self.chunks[chunk]), names: &self.names, today: today.0 }
    }

    /// The rows at these ordinals, at most [`ROWS`] and ascending; of their values only those in `wanted`, and tags.
    /// Ordinals beyond the last chunk are rows of nobody.
    pub fn draw<'a>(&'a self, ordinals: &'a [u32], wanted: &[Column], today: Day) -> Block<'a> {
        let columns = Box::new(draw(&self.chunks, ordinals, wanted));
        let chunk = Chunked::Drawn { columns, chunks: &self.chunks, ordinals };
        Block { chunk, names: &self.names, today: today.0 }
    }
}

impl<'a> Block<'a> {
    /// The columns.
    pub fn chunk(&self) -> &Chunk {
        match &self.chunk {
            Chunked::Whole(chunk) => chunk,
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
        let (chunk, at) = match &self.chunk {
            Chunked::Whole(chunk) => (*chunk, at),
            Chunked::Drawn { chunks, ordinals, .. } => {
                (&*chunks[ordinals[at] as usize / ROWS], ordinals[at] as usize % ROWS)
            }
        };
        Row { chunk, names: self.names, at, today: self.today }
    }
}

fn draw(chunks: &[Arc<Chunk>], ordinals: &[u32], wanted: &[Column]) -> Chunk {
    let mut drawn = Chunk::default();
    let runs: Vec<&[u32]> = ordinals.chunk_by(|left, right| *left as usize / ROWS == *right as usize / ROWS).collect();
    let column = |of: &dyn Fn(&Chunk) -> Option<&Cells>| {
        let mut values = Box::new([f64::NAN; ROWS]);
        let mut at = 0;
        for run in &runs {
            let cells = chunks.get(run[0] as usize / ROWS).and_then(|chunk| of(chunk));
            if let Some(cells) = cells {
                cells.read(run.iter().map(|ordinal| *ordinal as usize % ROWS), &mut values[at..at + run.len()]);
            }
            at += run.len();
        }
        Cells::of_numbers(values)
    };
    for wanted in wanted {
        if wanted.kind != Kind::Flag {
            drawn.put_cells(*wanted, column(&|chunk| chunk.cells(*wanted)));
        }
    }
    drawn.put_tag_sets(column(&|chunk| Some(chunk.tag_sets())));
    for (at, ordinal) in ordinals.iter().enumerate() {
        if let Some(chunk) = chunks.get(*ordinal as usize / ROWS) {
            let flags = wanted.iter().filter(|column| column.kind == Kind::Flag).map(|column| column.slot);
            drawn.copy_bits(at, chunk, *ordinal as usize % ROWS, flags);
        }
    }
    drawn
}
