//! The innermost loops: from a column to a bitmap. They are compiled several times over, for what the processor can do
//! (`run.rs`), so they are inlined there; their shapes are those which the compiler makes wide instructions of.

use super::operand::Range;
use crate::columns::{Cells, ROWS, Words};

/// The rows whose value is in one of the ranges; a missing one is in none.
#[inline(always)]
pub(super) fn within(cells: &Cells, ranges: &[Range], out: &mut Words) {
    for (at, range) in ranges.iter().enumerate() {
        let mut more = [0; ROWS / 64];
        match cells {
            Cells::Missing => return,
            Cells::I8(values) => {
                if let Some((low, high)) = whole(*range, i8::MIN.into(), i8::MAX.into()) {
                    narrow(values, between(low as i8, high as i8), &mut more);
                }
            }
            Cells::I16(values) => {
                if let Some((low, high)) = whole(*range, i16::MIN.into(), i16::MAX.into()) {
                    narrow(values, between(low as i16, high as i16), &mut more);
                }
            }
            Cells::I32(values) => {
                if let Some((low, high)) = whole(*range, i32::MIN.into(), i32::MAX.into()) {
                    narrow(values, between(low as i32, high as i32), &mut more);
                }
            }
            Cells::F64(values) => fraction(values, *range, &mut more),
        }
        if at == 0 {
            *out = more;
        } else {
            out.iter_mut().zip(more).for_each(|(out, more)| *out |= more);
        }
    }
}

/// The whole numbers in a range that a type can hold, whose least value stands for a missing one.
#[inline(always)]
fn whole(range: Range, least: f64, most: f64) -> Option<(f64, f64)> {
    let (low, high) = (range.low.ceil().max(least + 1.0), range.high.floor().min(most));
    (low <= high).then_some((low, high))
}

#[inline(always)]
fn between<T: Copy + PartialOrd>(low: T, high: T) -> impl Fn(T) -> bool {
    move |value| (value >= low) & (value <= high)
}

/// A range that is open at one end needs one comparison.
#[inline(always)]
fn fraction(values: &[f64; ROWS], Range { low, high }: Range, out: &mut Words) {
    if low == f64::NEG_INFINITY {
        wide(values, |value| value <= high, out);
    } else if high == f64::INFINITY {
        wide(values, |value| value >= low, out);
    } else {
        wide(values, between(low, high), out);
    }
}

/// Values of eight bytes, as wide as the word that takes their bits.
#[inline(always)]
fn wide(values: &[f64; ROWS], is: impl Fn(f64) -> bool, out: &mut Words) {
    for (values, out) in values.chunks_exact(64).zip(out) {
        *out = values.iter().enumerate().fold(0, |word, (at, value)| word | u64::from(is(*value)) << at);
    }
}

/// Narrower values: a byte a row first, then the bytes' lowest bits side by side.
#[inline(always)]
fn narrow<T: Copy>(values: &[T; ROWS], is: impl Fn(T) -> bool, out: &mut Words) {
    let mut bytes = [0_u8; ROWS];
    bytes.iter_mut().zip(values).for_each(|(byte, value)| *byte = u8::from(is(*value)));
    for (bytes, out) in bytes.as_chunks::<64>().0.iter().zip(out) {
        let mut packed = [0_u8; 8];
        for (packed, eight) in packed.iter_mut().zip(bytes.as_chunks::<8>().0) {
            let bits = u64::from_le_bytes(*eight);
            let bits = bits | bits >> 7;
            let bits = bits | bits >> 14;
            *packed = (bits | bits >> 28) as u8;
        }
        *out = u64::from_le_bytes(packed);
    }
}
