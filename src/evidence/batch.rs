//! Quarantined records of one worker between two cuts, bounded in bytes, and their sealing.

use super::Recipient;
use crate::event::Record;
use crate::event::json::write_string;
use crate::outcome::Reason;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;

/// A sealed batch must fit a topic with Kafka's default `max.message.bytes` of 1,048,588, so its text ends well below:
/// `age` adds a header of some 200 bytes and 16 bytes for each 64 KiB.
pub const MAX_BATCH_BYTES: usize = 1_000_000;

/// Why one record is set aside.
#[derive(Clone, Copy)]
pub struct Incident<'a> {
    /// The stream it belongs to.
    pub stream: &'a str,
    /// The sink that does not get it; `None` where none does.
    pub sink: Option<&'a str>,
    /// The source topic.
    pub topic: &'a str,
    /// Why.
    pub reason: Reason,
}

/// The batch has no room: seal it, then add the record again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A batch could not be sealed.
#[derive(Debug, thiserror::Error)]
#[error("quarantined records could not be sealed: {0}")]
pub struct SealError(#[from] age::EncryptError);

/// Records that wait to be sealed. It does not implement `Debug`: it holds personal data.
pub struct QuarantineBatch {
    recipient: Option<Recipient>,
    limit: usize,
    lines: Vec<u8>,
    records: usize,
}

impl QuarantineBatch {
    /// An empty batch. Without a recipient only position and reason are taken.
    pub fn new(recipient: Option<Recipient>) -> QuarantineBatch {
        QuarantineBatch { recipient, limit: MAX_BATCH_BYTES, lines: Vec::new(), records: 0 }
    }

    /// Takes one record, or says that the batch must be sealed first; an empty batch takes any record.
    pub fn add(&mut self, incident: &Incident<'_>, record: &Record<'_>) -> Result<(), Full> {
        let start = self.lines.len();
        if start > 0 && start + most_bytes(incident, record, self.recipient.is_some()) > self.limit {
            return Err(Full);
        }
        write_position(incident, record, &mut self.lines);
        if self.recipient.is_some() {
            if most_bytes(incident, record, true) <= self.limit {
                write_content(record, &mut self.lines);
            } else {
                self.lines.extend_from_slice(br#","omitted":true"#);
            }
        }
        self.lines.extend_from_slice(b"}\n");
        self.records += 1;
        Ok(())
    }

    /// How many records wait.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// One value for the quarantine topic, of all that waits; the batch is empty afterwards. After an error the
    /// records are still there.
    pub fn seal(&mut self) -> Result<Vec<u8>, SealError> {
        let sealed = match &self.recipient {
            Some(recipient) => age::encrypt(&recipient.0, &self.lines)?,
            None => self.lines.clone(),
        };
        self.clear();
        Ok(sealed)
    }

    /// Forgets what waits: the transaction it belongs to was aborted, and the records will be read again.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.records = 0;
    }
}

/// At least as many bytes as the record's line will have.
fn most_bytes(incident: &Incident<'_>, record: &Record<'_>, with_content: bool) -> usize {
    // Punctuation, member names, numbers and the time take less than this; escapes make a name six times longer.
    const FIXED: usize = 320;
    let names = incident.stream.len() + incident.sink.map_or(1, str::len) + incident.topic.len();
    let fixed = FIXED + 6 * names;
    if !with_content {
        return fixed;
    }
    let base64 = |bytes: Option<&[u8]>| bytes.map_or(4, |bytes| bytes.len().div_ceil(3) * 4 + 2);
    let headers: usize = record.headers.iter().map(|header| 8 + 6 * header.name.len() + base64(header.value)).sum();
    fixed + headers + base64(record.key) + base64(record.value)
}

/// The open part of a line, without its closing brace.
fn write_position(incident: &Incident<'_>, record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"stream":"#);
    write_string(incident.stream, out);
    out.extend_from_slice(br#","sink":"#);
    write_string(incident.sink.unwrap_or("*"), out);
    out.extend_from_slice(br#","topic":"#);
    write_string(incident.topic, out);
    // A vector takes every write.
    let _ = write!(
        out,
        r#","partition":{},"offset":{},"reason":"{}""#,
        record.position.partition,
        record.position.offset,
        incident.reason.as_str()
    );
}

/// The sealed part of a line.
fn write_content(record: &Record<'_>, out: &mut Vec<u8>) {
    if let Some(timestamp) = record.timestamp {
        let _ = write!(out, r#","timestamp":"{timestamp}""#);
    }
    out.extend_from_slice(br#","key_base64":"#);
    write_base64(record.key, out);
    out.extend_from_slice(br#","headers":["#);
    for (index, header) in record.headers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b",[" });
        write_string(header.name, out);
        out.push(b',');
        write_base64(header.value, out);
        out.push(b']');
    }
    out.extend_from_slice(br#"],"value_base64":"#);
    write_base64(record.value, out);
}

fn write_base64(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(bytes) = bytes else { return out.extend_from_slice(b"null") };
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written =
        STANDARD.encode_slice(bytes, &mut out[start..]).expect("four characters for each three bytes were made room for");
    out.truncate(start + written);
    out.push(b'"');
}
