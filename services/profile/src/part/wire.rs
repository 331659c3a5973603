//! A vector read where it lies: a snapshot wants each value once, for a column, and no message made of all of them. It
//! reads protobuf's wire format (<https://protobuf.dev/programming-guides/encoding/>): fields that it does not know it skips,
//! groups, which proto3 has none of, it refuses.

use prost::Message as _;
use prost_types::Timestamp;

/// What a value that is a number begins with, as most are: field 2 of the vector, of nine bytes, which are field 1 of the
/// value, of eight.
const NUMBER: [u8; 3] = [2 << 3 | 2, 9, 1 << 3 | 1];

/// A vector of which nothing was copied.
#[derive(Debug, Default, PartialEq)]
pub struct Vector<'a> {
    /// Numbers of the features that have a value, ascending.
    pub features: Vec<u32>,
    /// Their values, in the same order; none = not set.
    pub values: Vec<Option<Value<'a>>>,
    /// The tags that hold, ascending.
    pub tags: Vec<&'a str>,
    /// Business time at which all of this was true.
    pub as_of_time: Option<Timestamp>,
}

/// A value of a vector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A finite number.
    Number(f64),
    /// A short text.
    Text(&'a str),
    /// A day, YYYY-MM-DD.
    Day(&'a str),
    /// A flag.
    Flag(bool),
}

impl<'a> Vector<'a> {
    /// Takes the place of what was read before, in the room that it has. None: the bytes are not a vector.
    pub fn read(&mut self, mut bytes: &'a [u8]) -> Option<()> {
        self.features.clear();
        self.values.clear();
        self.tags.clear();
        self.as_of_time = None;
        while !bytes.is_empty() {
            if let Some((number, rest)) = bytes.strip_prefix(&NUMBER).and_then(<[u8]>::split_first_chunk) {
                self.values.push(Some(Value::Number(f64::from_le_bytes(*number))));
                bytes = rest;
                continue;
            }
            match field(&mut bytes)? {
                (1, Field::Bytes(mut numbers)) => {
                    while !numbers.is_empty() {
                        self.features.push(varint(&mut numbers)? as u32);
                    }
                }
                (1, Field::Varint(number)) => self.features.push(number as u32),
                (2, Field::Bytes(bytes)) => self.values.push(value(bytes)?),
                (3, Field::Bytes(tag)) => self.tags.push(text(tag)?),
                (4, Field::Bytes(time)) => self.as_of_time = Some(Timestamp::decode(time).ok()?),
                (1..=4, _) => return None,
                _ => {}
            }
        }
        Some(())
    }
}

/// The last of a value's kinds, as of any field that is there more than once.
fn value(mut bytes: &[u8]) -> Option<Option<Value<'_>>> {
    let mut kind = None;
    while !bytes.is_empty() {
        kind = match field(&mut bytes)? {
            (1, Field::Eight(number)) => Some(Value::Number(f64::from_le_bytes(number))),
            (2, Field::Bytes(bytes)) => Some(Value::Text(text(bytes)?)),
            (3, Field::Bytes(bytes)) => Some(Value::Day(text(bytes)?)),
            (4, Field::Varint(flag)) => Some(Value::Flag(flag != 0)),
            (1..=4, _) => return None,
            _ => kind,
        };
    }
    Some(kind)
}

/// A field, by how it lies.
enum Field<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    Four,
}

/// Takes the next field, with its number.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Field<'a>)> {
    let key = u32::try_from(varint(bytes)?).ok()?;
    let field = match key & 7 {
        0 => Field::Varint(varint(bytes)?),
        1 => Field::Eight(*bytes.split_off(..8)?.first_chunk()?),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            Field::Bytes(bytes.split_off(..length)?)
        }
        5 => bytes.split_off(..4).map(|_| Field::Four)?,
        _ => return None,
    };
    (key >= 8).then_some((key >> 3, field))
}

/// Takes a number of seven bits a byte, the lowest first; of the tenth byte there is room for one.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    if let [small @ 0..0x80, rest @ ..] = bytes {
        *bytes = rest;
        return Some(u64::from(*small));
    }
    let mut number = 0;
    for place in 0..10 {
        let byte = *bytes.split_off_first()?;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return (place < 9 || byte < 2).then_some(number);
        }
    }
    None
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use huan_proto::{
        profile::v1 as pb,
        types::v1::{self as types, value::Kind},
    };

    use super::*;

    /// A small linear congruential generator (Knuth, MMIX): tests need repeatable variety, not quality.
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        /// Most small, some as large as they get.
        fn number(&mut self) -> u64 {
            let bits = self.below(65) as u32;
            (self.below(1 << 31) << 33 ^ self.below(1 << 31) << 8).checked_shr(64 - bits).unwrap_or_default()
        }

        fn text(&mut self) -> String {
            (0..self.below(60)).map(|_| ['a', '乙', '-', '7'][self.below(4) as usize]).collect()
        }

        fn kind(&mut self) -> Option<Kind> {
            match self.below(5) {
                0 => None,
                1 => Some(Kind::Number(self.number() as f64 / 100.0)),
                2 => Some(Kind::Text(self.text())),
                3 => Some(Kind::Day(self.text())),
                _ => Some(Kind::Flag(self.below(2) == 0)),
            }
        }

        fn vector(&mut self) -> pb::Vector {
            let time = (self.below(3) > 0)
                .then(|| Timestamp { seconds: self.number() as i64, nanos: self.below(1_000_000_000) as i32 });
            pb::Vector {
                features: (0..self.below(20)).map(|_| self.number() as u32).collect(),
                values: (0..self.below(20)).map(|_| types::Value { kind: self.kind() }).collect(),
                tags: (0..self.below(4)).map(|_| self.text()).collect(),
                as_of_time: time,
            }
        }
    }

    /// The message that was read.
    fn message(read: &Vector<'_>) -> pb::Vector {
        let kind = |value: &Value<'_>| match *value {
            Value::Number(number) => Kind::Number(number),
            Value::Text(text) => Kind::Text(text.to_owned()),
            Value::Day(day) => Kind::Day(day.to_owned()),
            Value::Flag(flag) => Kind::Flag(flag),
        };
        pb::Vector {
            features: read.features.clone(),
            values: read.values.iter().map(|value| types::Value { kind: value.as_ref().map(kind) }).collect(),
            tags: read.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            as_of_time: read.as_of_time,
        }
    }

    #[test]
    fn it_reads_what_was_written_one_after_the_other() {
        let mut draw = Draw(1);
        let vectors: Vec<pb::Vector> = (0..2_000).map(|_| draw.vector()).collect();
        let bytes: Vec<Vec<u8>> = vectors.iter().map(pb::Vector::encode_to_vec).collect();
        let mut read = Vector::default();
        for (written, bytes) in vectors.iter().zip(&bytes) {
            assert_eq!(read.read(bytes), Some(()));
            assert_eq!(&message(&read), written);
        }
    }

    #[test]
    fn of_bytes_that_are_cut_or_changed_it_reads_what_the_message_reads_or_nothing() {
        let mut draw = Draw(2);
        let (mut read_both, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut bytes = draw.vector().encode_to_vec();
            if draw.below(2) == 0 {
                bytes.truncate(draw.below(bytes.len() as u64 + 1) as usize);
            } else if !bytes.is_empty() {
                let place = draw.below(bytes.len() as u64) as usize;
                bytes[place] = draw.below(256) as u8;
            }
            let mut read = Vector::default();
            let Some(()) = read.read(&bytes) else {
                refused += 1;
                continue;
            };
            let expected = pb::Vector::decode(&bytes[..]).unwrap();
            assert_eq!(message(&read).encode_to_vec(), expected.encode_to_vec(), "{bytes:?}");
            read_both += 1;
        }
        assert!(read_both > 1_000 && refused > 1_000, "{read_both} read, {refused} refused");
    }

    #[test]
    fn a_field_of_tomorrow_is_skipped() {
        let known = pb::Vector { features: vec![300], tags: vec!["vip".into()], ..Default::default() };
        let unknown = [&[0x28, 0x96, 0x01][..], &[0x31, 1, 2, 3, 4, 5, 6, 7, 8], &[0x3a, 1, 9], &[0x45, 1, 2, 3, 4]];
        let bytes = [&unknown.concat()[..], &known.encode_to_vec()].concat();
        let mut read = Vector::default();
        assert_eq!(read.read(&bytes), Some(()));
        assert_eq!(message(&read), known);
    }
}
