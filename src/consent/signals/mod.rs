//! How each source of consent is read; one file a signal, each saying where it looks, what is silence, what is broken.

mod boolean;
mod gpc;
mod segment;

use super::Statement;
use super::source::{Event, Value};
use crate::event::json::{self, Text};
use crate::event::{PurposeId, PurposeSet};
use crate::plan::{Categories, Plan, Signal, SignalKind};

/// The longest text of a header that is read as a document; longer ones are broken (`decision.md`, One purpose).
const MAX_INPUT: usize = 64 << 10;

/// Adds to `out` what one signal says, over all values at its place: the sets of several values are united,
/// so that any denial wins.
pub(super) fn read(plan: &Plan, signal: &Signal, event: &Event<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    for value in event.values(&signal.source) {
        match &signal.kind {
            SignalKind::Gpc => gpc::read(plan, value, buffer, out),
            SignalKind::Boolean { true_grants, lenient, purposes } => {
                boolean::read(boolean::Options { true_grants: *true_grants, lenient: *lenient }, purposes, value, buffer, out);
            }
            SignalKind::Segment { purposes } => segment::read(purposes, value, buffer, out),
        }
    }
}

/// What one named entry of a container says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    /// Nothing.
    Silent,
    /// True.
    Yes,
    /// False.
    No,
    /// It cannot be read.
    Broken,
}

/// What the entry of that exact name says, or `unnamed`. Of equal names the strictest counts: the order of
/// [`Answer`] is the order of strictness.
fn entry(container: Text<'_>, name: &str, unnamed: Answer, read: impl Fn(Text<'_>) -> Answer, buffer: &mut Vec<u8>) -> Answer {
    let named = container.members().filter(|(member, _)| is_named(member.0, name, buffer));
    named.map(|(_, value)| read(value)).max().unwrap_or(unnamed)
}

/// Whether a member name, as it stands between its quotes, is this one when decoded.
fn is_named(member: &[u8], name: &str, buffer: &mut Vec<u8>) -> bool {
    if memchr::memchr(b'\\', member).is_none() {
        return member == name.as_bytes();
    }
    buffer.clear();
    json::unescape_into(member, buffer);
    buffer == name.as_bytes()
}

/// Which answers the categories of one purpose gave.
#[derive(Clone, Copy, Default)]
struct Answers {
    silent: bool,
    yes: bool,
    no: bool,
    broken: bool,
}

impl FromIterator<Answer> for Answers {
    fn from_iter<I: IntoIterator<Item = Answer>>(answers: I) -> Answers {
        let mut seen = Answers::default();
        for answer in answers {
            match answer {
                Answer::Silent => seen.silent = true,
                Answer::Yes => seen.yes = true,
                Answer::No => seen.no = true,
                Answer::Broken => seen.broken = true,
            }
        }
        seen
    }
}

impl Answers {
    /// One answer for the purpose: all must say yes, or one of them. One broken entry breaks the whole.
    fn settle(self, any: bool) -> Answer {
        let Answers { silent, yes, no, broken } = self;
        if broken {
            Answer::Broken
        } else if yes && (any || !no && !silent) {
            Answer::Yes
        } else if no {
            Answer::No
        } else {
            Answer::Silent
        }
    }
}

/// The purposes that a signal speaks about.
fn mapped(purposes: &[(PurposeId, Categories)]) -> impl Iterator<Item = PurposeId> {
    purposes.iter().map(|(purpose, _)| *purpose)
}

fn add(set: &mut PurposeSet, purposes: impl Iterator<Item = PurposeId>) {
    purposes.for_each(|purpose| set.insert(purpose));
}

/// The JSON text of a value: as it stands in the document, or in a header, where it was not checked yet.
fn document(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::Silent | Value::Broken => None,
        Value::Json(text) => Some(text),
        Value::Raw(text) => {
            let text = text.trim_matches([' ', '\t', '\n', '\r']);
            let valid = text.len() <= MAX_INPUT && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            valid.then(|| Text::new(text.as_bytes()))
        }
    }
}
