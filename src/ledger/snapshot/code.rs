//! The bytes of a snapshot, before they are sealed: numbers in little endian, texts behind their length.

use super::Discarded;
use super::sealed::Opener;
use crate::ledger::Digest;
use crate::ledger::row;
use crate::ledger::shapes::{Choice, Part, PurposeName, Reach, Shape};
use std::io::Read;

/// The longest text: names of purposes and vendors are short, and a length that is not is damage.
const MOST_TEXT: u32 = 1 << 20;

/// The most elements of a part of the head.
const MOST_ELEMENTS: u32 = 1 << 24;

pub(super) fn put_u32(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_i64(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_u128(number: u128, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.to_le_bytes());
}

pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    put_u32(text.len() as u32, out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_shape(shape: &Shape, out: &mut Vec<u8>) {
    let Shape { parts, place, long_version, regressed, partition } = shape;
    put_u32(parts.len() as u32, out);
    for Part { purpose, choice, reach, has_at, has_since, has_expires, has_millis } in parts {
        put_u32(purpose.number(), out);
        out.push(match choice {
            Choice::Granted => 1,
            Choice::Denied => 2,
            Choice::Withdrawn => 3,
            Choice::Broken => 4,
        });
        let (word, list) = match reach {
            Reach::Processors => (1, 0),
            Reach::Nobody => (2, 0),
            Reach::Disclosed => (3, 0),
            Reach::Named(list) => (4, *list),
        };
        out.push(word);
        put_u32(list, out);
        out.extend([has_at, has_since, has_expires, has_millis].map(|flag| u8::from(*flag)));
    }
    put_text(&place.as_ref().map(row::place_text).unwrap_or_default(), out);
    out.extend([u8::from(*long_version), u8::from(*regressed)]);
    put_u32(partition.cast_unsigned(), out);
}

/// Reads what was put, in the same order.
pub(super) struct Taker<R>(pub(super) Opener<R>);

impl<R: Read> Taker<R> {
    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Discarded> {
        let mut bytes = [0; N];
        self.0.read(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Discarded> {
        self.bytes().map(|[byte]: [u8; 1]| byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Discarded> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Discarded> {
        self.bytes().map(i64::from_le_bytes)
    }

    pub(super) fn u128(&mut self) -> Result<u128, Discarded> {
        self.bytes().map(u128::from_le_bytes)
    }

    pub(super) fn digest(&mut self) -> Result<Digest, Discarded> {
        self.u128().map(Digest)
    }

    fn flag(&mut self) -> Result<bool, Discarded> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Discarded::Form),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, Discarded> {
        let length = self.u32()?;
        if length > MOST_TEXT {
            return Err(Discarded::Form);
        }
        let mut bytes = vec![0; length as usize];
        self.0.read(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| Discarded::Form)
    }

    /// A count, and so many of what `one` reads.
    pub(super) fn list<T>(&mut self, mut one: impl FnMut(&mut Taker<R>) -> Result<T, Discarded>) -> Result<Vec<T>, Discarded> {
        let count = self.u32()?;
        if count > MOST_ELEMENTS {
            return Err(Discarded::Form);
        }
        (0..count).map(|_| one(self)).collect()
    }

    pub(super) fn shape(&mut self) -> Result<Shape, Discarded> {
        let parts = self.list(Taker::part)?;
        let place = Some(self.text()?).filter(|text| !text.is_empty()).map(|text| row::place(&text));
        let (long_version, regressed) = (self.flag()?, self.flag()?);
        Ok(Shape { parts, place, long_version, regressed, partition: self.u32()?.cast_signed() })
    }

    fn part(&mut self) -> Result<Part, Discarded> {
        let purpose = PurposeName::from_number(self.u32()?);
        let choice = match self.u8()? {
            1 => Choice::Granted,
            2 => Choice::Denied,
            3 => Choice::Withdrawn,
            4 => Choice::Broken,
            _ => return Err(Discarded::Form),
        };
        let (word, list) = (self.u8()?, self.u32()?);
        let reach = match word {
            1 => Reach::Processors,
            2 => Reach::Nobody,
            3 => Reach::Disclosed,
            4 => Reach::Named(list),
            _ => return Err(Discarded::Form),
        };
        let [has_at, has_since, has_expires, has_millis] = [self.flag()?, self.flag()?, self.flag()?, self.flag()?];
        Ok(Part { purpose, choice, reach, has_at, has_since, has_expires, has_millis })
    }
}
