//! Finding a program's bitmaps for one block of rows.

use std::collections::HashMap;

use multiversion::multiversion;

use super::operand::Operand;
use super::{Node, Program, Step, kernel};
use crate::columns::{Block, MISSING_TEXT, Names, ROWS, Words};
use crate::rule::eval::{self, Truth};
use crate::rule::tree::Comparison;

/// Which sets of tags have a tag, one bit a set, for the tags that a program asks for.
#[derive(Default)]
pub struct Tags(HashMap<u32, Vec<u64>>);

impl Program {
    /// Looks up tags beforehand; worth its while where more rows are evaluated than there are sets of tags.
    pub fn tags(&self, names: &Names) -> Tags {
        let asked = self.steps.iter().filter_map(|step| match step {
            Step::Tag(tag) => Some(*tag),
            _ => None,
        });
        Tags(asked.map(|tag| (tag, sets_with(names, tag))).collect())
    }

    /// Finds all bitmaps for a block; `words` is room for them that may be used again.
    pub fn run(&self, block: &Block<'_>, tags: &Tags, words: &mut Vec<Words>) {
        words.resize(self.steps.len(), [0; ROWS / 64]);
        run(&self.steps, block, tags, words);
    }
}

impl Node {
    /// The bitmap among those that were found.
    pub fn of(self, words: &[Words]) -> &Words {
        &words[self.0]
    }
}

/// Once for processors with AVX-512, once for those with AVX2, and once for all others.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl+avx2+bmi1+bmi2+lzcnt+popcnt",
    "x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"
))]
fn run<'a>(steps: &[Step], block: &Block<'a>, tags: &Tags, words: &mut [Words]) {
    let chunk = block.chunk();
    for (at, step) in steps.iter().enumerate() {
        let (found, open) = words.split_at_mut(at);
        let out = &mut open[0];
        match step {
            Step::Everybody => *out = *chunk.present(),
            Step::And(left, right) => join(left.of(found), right.of(found), |left, right| left & right, out),
            Step::Or(left, right) => join(left.of(found), right.of(found), |left, right| left | right, out),
            Step::Less(left, right) => join(left.of(found), right.of(found), |left, right| left & !right, out),
            Step::Within(column, ranges) => {
                *out = [0; ROWS / 64];
                if let Some(cells) = chunk.cells(*column) {
                    kernel::within(cells, ranges, out);
                }
            }
            Step::Flag(slot, is) => {
                *out = chunk.bits(*slot).map_or([0; ROWS / 64], |bits| if *is { bits.yes } else { bits.no });
            }
            Step::Nobody => *out = [0; ROWS / 64],
            Step::Tag(tag) => *out = tagged(block, *tag, tags),
            Step::Compare(comparison, left, right) => *out = compared(block, *comparison, left, right),
            Step::ByRow(expr, is) => {
                let wanted = if *is { Truth::True } else { Truth::False };
                *out = set(block.rows().filter(|(_, row)| eval::flag(expr, row) == wanted).map(|(at, _)| at));
            }
        }
    }
}

#[inline(always)]
fn join(left: &Words, right: &Words, how: impl Fn(u64, u64) -> u64, out: &mut Words) {
    out.iter_mut().zip(left.iter().zip(right)).for_each(|(out, (left, right))| *out = how(*left, *right));
}

#[allow(
    clippy::double_comparisons,
    reason = "where either is unknown it is neither less nor greater, and no less unequal"
)]
fn compared(block: &Block<'_>, comparison: Comparison, left: &Operand, right: &Operand) -> Words {
    let is = match comparison {
        Comparison::Equal => |left: f64, right: f64| left == right,
        // Not what is unordered, which is unknown.
        Comparison::NotEqual => |left, right| left < right || left > right,
        Comparison::Less => |left, right| left < right,
        Comparison::LessEqual => |left, right| left <= right,
        Comparison::Greater => |left, right| left > right,
        Comparison::GreaterEqual => |left, right| left >= right,
    };
    let mut out = *block.chunk().present();
    for (word, out) in out.iter_mut().enumerate().filter(|(_, present)| **present != 0) {
        let pairs = left.read(block, word).into_iter().zip(right.read(block, word)).enumerate();
        *out &= pairs.fold(0, |word, (at, (left, right))| word | u64::from(is(left, right)) << at);
    }
    out
}

fn tagged(block: &Block<'_>, tag: u32, tags: &Tags) -> Words {
    let (sets, names) = (block.chunk().tag_sets(), block.names());
    let sets = (0..ROWS).map(|at| sets.code(at)).enumerate().filter(|(_, set)| *set != MISSING_TEXT);
    let known = tags.0.get(&tag);
    let has = |set: u32| match known {
        Some(known) => known[set as usize / 64] >> (set % 64) & 1 == 1,
        None => has_tag(names, set, tag),
    };
    set(sets.filter(|(_, set)| has(*set)).map(|(at, _)| at))
}

fn sets_with(names: &Names, tag: u32) -> Vec<u64> {
    let mut bits = vec![0; names.tag_sets().div_ceil(64)];
    for set in (0..names.tag_sets() as u32).filter(|set| has_tag(names, *set, tag)) {
        bits[set as usize / 64] |= 1 << (set % 64);
    }
    bits
}

fn has_tag(names: &Names, set: u32, tag: u32) -> bool {
    names.tags_of(set).binary_search(&tag).is_ok()
}

fn set(rows: impl Iterator<Item = usize>) -> Words {
    let mut words = [0; ROWS / 64];
    rows.for_each(|at| words[at / 64] |= 1 << (at % 64));
    words
}
