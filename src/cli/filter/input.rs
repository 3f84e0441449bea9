//! Records from lines, in bounded memory: bare values, or envelopes with key and headers.

use crate::decode::Limits;
use crate::decode::json::Scanner;
use crate::event::json::{Kind, Text};
use crate::event::{Header, Places, Position, Record};
use crate::plan::{Duplicates, PathIndex};
use anyhow::{Context, bail};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

/// What ends a record.
#[derive(Clone, Copy)]
pub(super) enum Separator {
    /// A line feed.
    Line,
    /// A NUL byte.
    Nul,
}

/// Reads records one by one. Of a record over the limit only the first bytes are kept, one more than allowed, which is
/// enough for the engine to refuse it.
pub(super) struct Reader {
    input: Box<dyn BufRead>,
    separator: u8,
    limit: usize,
    record: Vec<u8>,
}

impl Reader {
    pub(super) fn open(file: &Path, separator: Separator, limit: usize) -> anyhow::Result<Reader> {
        let input: Box<dyn BufRead> = if file.as_os_str() == "-" {
            Box::new(BufReader::with_capacity(1 << 16, io::stdin()))
        } else {
            let opened = File::open(file).with_context(|| format!("reading {}", file.display()))?;
            Box::new(BufReader::with_capacity(1 << 16, opened))
        };
        let separator = match separator {
            Separator::Line => b'\n',
            Separator::Nul => b'\0',
        };
        Ok(Reader { input, separator, limit, record: Vec::new() })
    }

    /// The next record without its separator; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.record.clear();
        let mut began = false;
        loop {
            let chunk = match self.input.fill_buf() {
                Ok(chunk) => chunk,
                Err(interrupted) if interrupted.kind() == io::ErrorKind::Interrupted => continue,
                Err(failure) => return Err(failure),
            };
            if chunk.is_empty() {
                return Ok(began.then_some(&self.record));
            }
            began = true;
            let end = memchr::memchr(self.separator, chunk);
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = (self.limit + 1).saturating_sub(self.record.len());
            self.record.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(chunk.len(), |end| end + 1);
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(&self.record));
            }
        }
    }
}

/// One envelope: `{"key": text or null, "headers": {name: text, null or a list of these}, "value": any}`. Every member
/// may be absent; a null or absent value is a tombstone.
#[derive(Default)]
pub(super) struct Envelope {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
}

/// The headers of an envelope, decoded.
pub(super) type Headers<'a> = Vec<(Cow<'a, str>, Option<Vec<u8>>)>;

impl Envelope {
    /// Reads a line. What is not JSON at all becomes a record with that value, which the engine quarantines.
    pub(super) fn read<'a>(&mut self, line: &'a [u8]) -> anyhow::Result<Headers<'a>> {
        (self.key, self.value) = (None, None);
        let mut places = Places::default();
        let nothing = PathIndex::build(Vec::new(), true);
        // The envelope adds one level of depth and some bytes to what the record itself may have.
        let limits = Limits { depth: Limits::default().depth + 2, record_bytes: usize::MAX, ..Limits::default() };
        if Scanner::new(limits).scan(line, &nothing, Duplicates::Quarantine, &mut places).is_err() {
            self.value = Some(line.to_vec());
            return Ok(Vec::new());
        }
        let text = Text::new(line.trim_ascii());
        if text.kind() != Kind::Object {
            bail!("expected an object with `key`, `headers` and `value`");
        }
        let mut headers = Vec::new();
        for (name, member) in text.members() {
            match &*name.decoded() {
                "key" => self.key = key_bytes(member)?,
                "headers" => read_headers(member, &mut headers)?,
                "value" if member.kind() == Kind::Null => self.value = None,
                "value" => self.value = Some(member.raw().to_vec()),
                _ => bail!("unknown member; an envelope has `key`, `headers` and `value`"),
            }
        }
        Ok(headers)
    }

    /// The record, with the headers that [`Envelope::read`] gave.
    pub(super) fn record<'a>(&'a self, headers: &'a [Header<'a>]) -> Record<'a> {
        Record { position: Position::default(), timestamp: None, key: self.key.as_deref(), value: self.value.as_deref(), headers }
    }
}

fn key_bytes(member: Text<'_>) -> anyhow::Result<Option<Vec<u8>>> {
    match member.kind() {
        Kind::Null => Ok(None),
        Kind::String => Ok(member.as_str().map(|text| text.into_owned().into_bytes())),
        Kind::Number => Ok(Some(member.raw().to_vec())),
        Kind::True | Kind::False | Kind::Array | Kind::Object => bail!("`key` is text, a number or null"),
    }
}

fn read_headers<'a>(member: Text<'a>, headers: &mut Headers<'a>) -> anyhow::Result<()> {
    match member.kind() {
        Kind::Null => return Ok(()),
        Kind::Object => {}
        Kind::True | Kind::False | Kind::Number | Kind::String | Kind::Array => bail!("`headers` is an object of texts"),
    }
    for (name, value) in member.members() {
        if value.kind() == Kind::Array {
            for element in value.elements() {
                headers.push((name.decoded(), header_bytes(element)?));
            }
        } else {
            headers.push((name.decoded(), header_bytes(value)?));
        }
    }
    Ok(())
}

fn header_bytes(value: Text<'_>) -> anyhow::Result<Option<Vec<u8>>> {
    match value.kind() {
        Kind::Null => Ok(None),
        Kind::String => Ok(value.as_str().map(|text| text.into_owned().into_bytes())),
        Kind::True | Kind::False | Kind::Number | Kind::Array | Kind::Object => bail!("a header's value is text or null"),
    }
}
