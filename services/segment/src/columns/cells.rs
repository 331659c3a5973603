//! One column of a chunk: its values in the narrowest type that holds them all. A value that does not fit widens the
//! column; nothing narrows it again before the next start.

use super::{MISSING_DAY, MISSING_TEXT, ROWS};

/// [`ROWS`] values. Of the whole types the least value stands for a missing one, of the others NaN.
#[derive(Clone, Default)]
pub enum Cells {
    /// No row has a value, and no memory is taken.
    #[default]
    Missing,
    /// Whole numbers of one byte.
    I8(Box<[i8; ROWS]>),
    /// Whole numbers of two bytes.
    I16(Box<[i16; ROWS]>),
    /// Whole numbers of four bytes.
    I32(Box<[i32; ROWS]>),
    /// All other numbers.
    F64(Box<[f64; ROWS]>),
}

impl Cells {
    /// A number; NaN if missing.
    pub fn number(&self, at: usize) -> f64 {
        match self {
            Self::Missing => f64::NAN,
            Self::I8(values) => if_known(values[at], i8::MIN),
            Self::I16(values) => if_known(values[at], i16::MIN),
            Self::I32(values) => if_known(values[at], i32::MIN),
            Self::F64(values) => values[at],
        }
    }

    /// A day; [`MISSING_DAY`] if missing.
    pub fn day(&self, at: usize) -> i32 {
        self.whole(at).unwrap_or(MISSING_DAY)
    }

    /// A code; [`MISSING_TEXT`] if missing.
    pub fn code(&self, at: usize) -> u32 {
        self.whole(at).map_or(MISSING_TEXT, i32::cast_unsigned)
    }

    /// Puts numbers of these rows, NaN where missing, into `out`, one for one.
    pub fn read(&self, rows: impl Iterator<Item = usize>, out: &mut [f64]) {
        let out = out.iter_mut().zip(rows);
        match self {
            Self::Missing => out.for_each(|(out, _)| *out = f64::NAN),
            Self::I8(values) => out.for_each(|(out, at)| *out = if_known(values[at], i8::MIN)),
            Self::I16(values) => out.for_each(|(out, at)| *out = if_known(values[at], i16::MIN)),
            Self::I32(values) => out.for_each(|(out, at)| *out = if_known(values[at], i32::MIN)),
            Self::F64(values) => out.for_each(|(out, at)| *out = values[at]),
        }
    }

    pub(super) fn set_number(&mut self, at: usize, value: f64) {
        // What is whole and has a place in four bytes; the least value is taken.
        if value == f64::from(value as i32) && value as i32 != i32::MIN {
            self.set_whole(at, value as i32);
        } else {
            self.widen(8);
            if let Self::F64(values) = self {
                values[at] = value;
            }
        }
    }

    /// `value` is not the least there is.
    pub(super) fn set_whole(&mut self, at: usize, value: i32) {
        self.widen(width(value));
        match self {
            Self::Missing => {}
            Self::I8(values) => values[at] = value as i8,
            Self::I16(values) => values[at] = value as i16,
            Self::I32(values) => values[at] = value,
            Self::F64(values) => values[at] = f64::from(value),
        }
    }

    pub(super) fn set_code(&mut self, at: usize, code: u32) {
        self.set_whole(at, code.cast_signed());
    }

    pub(super) fn clear(&mut self, at: usize) {
        match self {
            Self::Missing => {}
            Self::I8(values) => values[at] = i8::MIN,
            Self::I16(values) => values[at] = i16::MIN,
            Self::I32(values) => values[at] = i32::MIN,
            Self::F64(values) => values[at] = f64::NAN,
        }
    }

    /// Numbers as they are, already in the widest type.
    pub(super) fn of_numbers(values: Box<[f64; ROWS]>) -> Self {
        Self::F64(values)
    }

    pub(super) fn bytes(&self) -> usize {
        self.width() * ROWS
    }

    fn width(&self) -> usize {
        match self {
            Self::Missing => 0,
            Self::I8(_) => 1,
            Self::I16(_) => 2,
            Self::I32(_) => 4,
            Self::F64(_) => 8,
        }
    }

    fn whole(&self, at: usize) -> Option<i32> {
        match self {
            Self::Missing => None,
            Self::I8(values) => Some(values[at]).filter(|value| *value != i8::MIN).map(i32::from),
            Self::I16(values) => Some(values[at]).filter(|value| *value != i16::MIN).map(i32::from),
            Self::I32(values) => Some(values[at]).filter(|value| *value != i32::MIN),
            Self::F64(values) => Some(values[at]).filter(|value| !value.is_nan()).map(|value| value as i32),
        }
    }

    /// Makes room for values of so many bytes.
    fn widen(&mut self, bytes: usize) {
        if bytes <= self.width() {
            return;
        }
        let whole = |at| self.whole(at);
        *self = match bytes {
            1 => Self::I8(filled(|_| i8::MIN)),
            2 => Self::I16(filled(|at| whole(at).map_or(i16::MIN, |value| value as i16))),
            4 => Self::I32(filled(|at| whole(at).unwrap_or(i32::MIN))),
            _ => Self::F64(filled(|at| self.number(at))),
        };
    }
}

fn if_known<T: Copy + PartialEq + Into<f64>>(value: T, missing: T) -> f64 {
    if value == missing { f64::NAN } else { value.into() }
}

/// The bytes that a whole number needs, where the least value of each type is taken.
fn width(value: i32) -> usize {
    match value.unsigned_abs() {
        0..=0x7f => 1,
        0x80..=0x7fff => 2,
        _ => 4,
    }
}

fn filled<T: Copy + Default>(value: impl Fn(usize) -> T) -> Box<[T; ROWS]> {
    let mut values = Box::new([T::default(); ROWS]);
    values.iter_mut().enumerate().for_each(|(at, slot)| *slot = value(at));
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_widest_value() {
        let mut cells = Cells::default();
        let steps: [(f64, usize); 9] = [
            (0.0, 1),
            (-127.0, 1),
            (-128.0, 2),
            (32_767.0, 2),
            (-32_768.0, 4),
            (2_147_483_647.0, 4),
            (-2_147_483_648.0, 8),
            (0.5, 8),
            (1e300, 8),
        ];
        for (at, (value, width)) in steps.into_iter().enumerate() {
            cells.set_number(at, value);
            assert_eq!(cells.width(), width, "{value}");
            for (before, (value, _)) in steps.into_iter().enumerate() {
                let read = cells.number(before);
                assert!(if before <= at { read == value } else { read.is_nan() }, "{value} at {before}: {read}");
            }
        }
        assert!(cells.number(ROWS - 1).is_nan());
    }

    #[test]
    fn what_is_cleared_is_missing_at_every_width() {
        let mut cells = Cells::default();
        for value in [1.0, 1_000.0, 1_000_000.0, 0.25] {
            cells.clear(7);
            assert!(cells.number(7).is_nan());
            assert_eq!((cells.day(7), cells.code(7)), (MISSING_DAY, MISSING_TEXT));
            cells.set_number(7, value);
            assert_eq!(cells.number(7), value);
        }
    }
}
