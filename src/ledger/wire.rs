//! The protobuf form of `proto/privet/v1/consent.proto`, read in place: millions of rows are loaded at a start, and most of
//! each is forgotten at once. Stricter than the format asks; what is unknown is refused. `prost` is the oracle of its tests.

use super::record::{Consent, ConsentRecord, Format, HashedIdentity, Identity, Stated, Suppression, Unreadable};
use crate::event::Timestamp;
use std::borrow::Cow;

#[cfg(test)]
mod tests;

type Read<T> = Result<T, Unreadable>;

const CUT: Unreadable = Unreadable("protobuf that ends too early");
const UNKNOWN: Unreadable = Unreadable("protobuf with an unknown field, or one of another type");
const TWICE: Unreadable = Unreadable("protobuf with a field twice");
const WORD: Unreadable = Unreadable("protobuf with an unknown or missing word");

/// One field: its number and its value.
enum Field<'a> {
    Number(u32, u64),
    Bytes(u32, &'a [u8]),
}

/// The fields of one message, in order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Read<Option<Field<'a>>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| UNKNOWN)?;
        match tag & 7 {
            0 => Ok(Some(Field::Number(number, self.varint()?))),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
                self.0 = rest;
                Ok(Some(Field::Bytes(number, bytes)))
            }
            _ => Err(UNKNOWN),
        }
    }

    fn varint(&mut self) -> Read<u64> {
        let mut value = 0u64;
        for (at, byte) in self.0.iter().enumerate().take(10) {
            let bits = u64::from(byte & 0x7F);
            if at == 9 && bits > 1 {
                return Err(UNKNOWN);
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = &self.0[at + 1..];
                return Ok(value);
            }
        }
        Err(CUT)
    }
}

/// Sets what may be there once.
fn once<T>(slot: &mut Option<T>, value: T) -> Read<()> {
    if slot.is_some() {
        return Err(TWICE);
    }
    *slot = Some(value);
    Ok(())
}

fn text(bytes: &[u8]) -> Read<Cow<'_, str>> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| Unreadable("protobuf with a text that is none"))
}

pub(super) fn consent(message: &[u8]) -> Read<ConsentRecord<'_>> {
    let mut fields = Fields(message);
    let (mut who, mut jurisdiction, mut version) = (None, None, None);
    let (mut aliases, mut purposes, mut evidence) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => once(&mut who, identity(bytes)?)?,
            Field::Bytes(2, bytes) => aliases.push(identity(bytes)?),
            Field::Bytes(3, bytes) => once(&mut jurisdiction, text(bytes)?)?,
            Field::Number(4, number) => once(&mut version, number)?,
            Field::Bytes(5, bytes) => {
                let (name, message) = entry(bytes)?;
                purposes.push((name, one_purpose(message)?));
            }
            Field::Bytes(6, bytes) => {
                let (name, value) = entry(bytes)?;
                evidence.push((name, text(value)?));
            }
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    let identity = who.ok_or(Unreadable("a consent record without an identity"))?;
    let jurisdiction = jurisdiction.filter(|text| !text.is_empty());
    Ok(ConsentRecord { identity, aliases, jurisdiction, version: version.unwrap_or(0), purposes, evidence })
}

/// An entry of a map: its name and the bytes of its value.
fn entry(message: &[u8]) -> Read<(Cow<'_, str>, &[u8])> {
    let (mut name, mut value) = (None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => once(&mut name, text(bytes)?)?,
            Field::Bytes(2, bytes) => once(&mut value, bytes)?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok((name.unwrap_or_default(), value.unwrap_or_default()))
}

fn identity(message: &[u8]) -> Read<Identity<'_>> {
    let (mut kind, mut value) = (None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => once(&mut kind, text(bytes)?)?,
            Field::Bytes(2, bytes) => once(&mut value, text(bytes)?)?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok(Identity { kind: kind.unwrap_or_default(), value: value.unwrap_or_default() })
}

fn one_purpose(message: &[u8]) -> Read<Consent<'_>> {
    let (mut state, mut at, mut since, mut expires, mut reach) = (None, None, None, None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Number(1, number) => once(
                &mut state,
                match number {
                    1 => Stated::Granted,
                    2 => Stated::Denied,
                    3 => Stated::Withdrawn,
                    _ => return Err(WORD),
                },
            )?,
            Field::Bytes(2, bytes) => once(&mut at, time(bytes)?)?,
            Field::Bytes(3, bytes) => once(&mut since, time(bytes)?)?,
            Field::Bytes(4, bytes) => once(&mut expires, time(bytes)?)?,
            Field::Bytes(5, bytes) => once(&mut reach, texts(bytes)?)?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok(Consent { state: state.ok_or(WORD)?, at, since, expires, vendors: reach })
}

/// `Vendors`: a message with one list of texts.
fn texts(message: &[u8]) -> Read<Vec<Cow<'_, str>>> {
    let mut names = Vec::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => names.push(text(bytes)?),
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok(names)
}

/// `google.protobuf.Timestamp`.
fn time(message: &[u8]) -> Read<Timestamp> {
    let (mut seconds, mut nanos) = (None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Number(1, number) => once(&mut seconds, number as i64)?,
            Field::Number(2, number) => once(&mut nanos, number as i64)?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    const NO_TIME: Unreadable = Unreadable("protobuf with a time that is none");
    let nanos = i32::try_from(nanos.unwrap_or(0)).ok().filter(|nanos| (0..1_000_000_000).contains(nanos)).ok_or(NO_TIME)?;
    Timestamp::new(seconds.unwrap_or(0), nanos).map_err(|_| NO_TIME)
}

pub(super) fn suppression(message: &[u8]) -> Read<Suppression<'_>> {
    let (mut who, mut at, mut request, mut hold) = (None, None, None, None);
    let mut purposes = Vec::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => once(&mut who, hashed_identity(bytes)?)?,
            Field::Bytes(2, bytes) => purposes.push(text(bytes)?),
            Field::Bytes(3, bytes) => once(&mut at, time(bytes)?)?,
            Field::Bytes(4, bytes) => once(&mut request, text(bytes)?)?,
            Field::Number(5, number @ (0 | 1)) => once(&mut hold, number == 1)?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok(Suppression { identity: who, purposes, at, request, hold: hold.unwrap_or_default() })
}

fn hashed_identity(message: &[u8]) -> Read<HashedIdentity<'_>> {
    let (mut kind, mut value, mut format) = (None, None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            Field::Bytes(1, bytes) => once(&mut kind, text(bytes)?)?,
            Field::Bytes(2, bytes) => once(&mut value, text(bytes)?)?,
            Field::Number(3, number) => once(
                &mut format,
                match number {
                    0 => Format::Raw,
                    1 => Format::Sha256,
                    2 => Format::Sha1,
                    3 => Format::Md5,
                    4 => Format::Digest,
                    _ => return Err(WORD),
                },
            )?,
            Field::Number(..) | Field::Bytes(..) => return Err(UNKNOWN),
        }
    }
    Ok(HashedIdentity { kind: kind.unwrap_or_default(), value: value.unwrap_or_default(), format: format.unwrap_or_default() })
}

pub(super) fn write_consent(record: &ConsentRecord<'_>) -> Vec<u8> {
    let ConsentRecord { identity, aliases, jurisdiction, version, purposes, evidence } = record;
    let mut out = Vec::new();
    bytes(1, &write_identity(identity), &mut out);
    aliases.iter().for_each(|alias| bytes(2, &write_identity(alias), &mut out));
    filled(3, jurisdiction.as_deref().unwrap_or_default(), &mut out);
    if *version != 0 {
        number(4, *version, &mut out);
    }
    for (name, consent) in purposes {
        bytes(5, &write_entry(name, &write_purpose(consent)), &mut out);
    }
    for (name, value) in evidence {
        bytes(6, &write_entry(name, value.as_bytes()), &mut out);
    }
    out
}

fn write_entry(name: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(1, name.as_bytes(), &mut out);
    bytes(2, value, &mut out);
    out
}

fn write_identity(identity: &Identity<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    filled(1, &identity.kind, &mut out);
    filled(2, &identity.value, &mut out);
    out
}

fn write_purpose(consent: &Consent<'_>) -> Vec<u8> {
    let Consent { state, at, since, expires, vendors } = consent;
    let mut out = Vec::new();
    let state = match state {
        Stated::Granted => 1,
        Stated::Denied => 2,
        Stated::Withdrawn => 3,
    };
    number(1, state, &mut out);
    for (field, time) in [(2, at), (3, since), (4, expires)] {
        if let Some(time) = time {
            bytes(field, &write_time(*time), &mut out);
        }
    }
    if let Some(names) = vendors {
        let mut list = Vec::new();
        names.iter().for_each(|name| bytes(1, name.as_bytes(), &mut list));
        bytes(5, &list, &mut out);
    }
    out
}

pub(super) fn write_suppression(record: &Suppression<'_>) -> Vec<u8> {
    let Suppression { identity, purposes, at, request, hold } = record;
    let mut out = Vec::new();
    if let Some(HashedIdentity { kind, value, format }) = identity {
        let mut who = Vec::new();
        filled(1, kind, &mut who);
        filled(2, value, &mut who);
        match format {
            Format::Raw => {}
            Format::Sha256 => number(3, 1, &mut who),
            Format::Sha1 => number(3, 2, &mut who),
            Format::Md5 => number(3, 3, &mut who),
            Format::Digest => number(3, 4, &mut who),
        }
        bytes(1, &who, &mut out);
    }
    purposes.iter().for_each(|purpose| bytes(2, purpose.as_bytes(), &mut out));
    if let Some(at) = at {
        bytes(3, &write_time(*at), &mut out);
    }
    filled(4, request.as_deref().unwrap_or_default(), &mut out);
    if *hold {
        number(5, 1, &mut out);
    }
    out
}

fn write_time(time: Timestamp) -> Vec<u8> {
    let nanoseconds = time.as_nanosecond();
    let (seconds, nanos) = (nanoseconds.div_euclid(1_000_000_000) as i64, nanoseconds.rem_euclid(1_000_000_000) as u64);
    let mut out = Vec::new();
    if seconds != 0 {
        number(1, seconds as u64, &mut out);
    }
    if nanos != 0 {
        number(2, nanos, &mut out);
    }
    out
}

/// A text, left out where it is empty, as proto3 does.
fn filled(field: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        bytes(field, text.as_bytes(), out);
    }
}

fn bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    varint(u64::from(field << 3 | 2), out);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn number(field: u32, number: u64, out: &mut Vec<u8>) {
    varint(u64::from(field << 3), out);
    varint(number, out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
