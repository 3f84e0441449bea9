//! The output lines of `privet filter`, as `cli.md` gives them.

use crate::event::Record;
use crate::event::json::write_string;
use crate::pipeline::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::path::Path;

/// `{"record":0,"sink":"ads","outcome":"drop","reason":"consent_denied"}`, with `"value"` where released; with
/// envelopes also `"key"` and `"headers"`.
pub(super) fn decision(record: u64, sink: &str, verdict: &Verdict<'_>, source: &Record<'_>, envelope: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"record\":");
    out.extend_from_slice(itoa::Buffer::new().format(record).as_bytes());
    out.extend_from_slice(b",\"sink\":");
    write_string(sink, out);
    outcome_and_reason(verdict, out);
    if verdict.outcome.releases() {
        if envelope {
            out.push(b',');
            envelope_members(verdict, source, out);
        } else if let Some(value) = verdict.value {
            out.extend_from_slice(b",\"value\":");
            on_one_line(value, out);
        }
    }
    out.push(b'}');
}

/// `{"key":…,"headers":{…},"value":…}`
pub(super) fn envelope(verdict: &Verdict<'_>, source: &Record<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    envelope_members(verdict, source, out);
    out.push(b'}');
}

/// A released value as a line of its own. With NUL separators it keeps its line feeds.
pub(super) fn record_value(value: &[u8], nul: bool, out: &mut Vec<u8>) {
    if nul { out.extend_from_slice(value) } else { on_one_line(value, out) }
}

/// `{"file":"…","outcome":"allow","reason":"consent_granted","value_base64":"…"}`
pub(super) fn file(file: &Path, sink: Option<&str>, verdict: &Verdict<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"file\":");
    write_string(&file.to_string_lossy(), out);
    if let Some(sink) = sink {
        out.extend_from_slice(b",\"sink\":");
        write_string(sink, out);
    }
    outcome_and_reason(verdict, out);
    if let Some(value) = verdict.value {
        out.extend_from_slice(b",\"value_base64\":\"");
        out.extend_from_slice(STANDARD.encode(value).as_bytes());
        out.push(b'"');
    }
    out.push(b'}');
}

fn outcome_and_reason(verdict: &Verdict<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"outcome\":\"");
    out.extend_from_slice(verdict.outcome.as_str().as_bytes());
    out.extend_from_slice(b"\",\"reason\":\"");
    out.extend_from_slice(verdict.reason.as_str().as_bytes());
    out.push(b'"');
}

fn envelope_members(verdict: &Verdict<'_>, source: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"key\":");
    text_or_null(verdict.key, out);
    out.extend_from_slice(b",\"headers\":{");
    let mut first = true;
    let mut name_header = |name: &str, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
    };
    let kept: Vec<_> = verdict.kept_headers(source).collect();
    for (position, header) in kept.iter().enumerate() {
        if kept[..position].iter().any(|earlier| earlier.name == header.name) {
            continue;
        }
        name_header(header.name, out);
        let same: Vec<_> = kept.iter().filter(|other| other.name == header.name).collect();
        if let [only] = same[..] {
            text_or_null(only.value, out);
        } else {
            out.push(b'[');
            for (index, one) in same.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                text_or_null(one.value, out);
            }
            out.push(b']');
        }
    }
    if let Some(purposes) = verdict.purposes {
        name_header("privet-purposes", out);
        write_string(purposes, out);
    }
    out.extend_from_slice(b"},\"value\":");
    match verdict.value {
        Some(value) => on_one_line(value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn text_or_null(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        Some(bytes) => write_string(&String::from_utf8_lossy(bytes), out),
        None => out.extend_from_slice(b"null"),
    }
}

/// A JSON document with its line breaks, which can only be white space, turned into spaces.
fn on_one_line(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(value);
    for byte in &mut out[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}
