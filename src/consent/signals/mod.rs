//! How each source of consent is read; one file a signal, each saying where it looks, what is silence, what is broken.

mod boolean;
mod gpc;
mod segment;

use super::Statement;
use super::source::{Event, Value};
use crate::event::json::{self, Text};
use crate::event::{PurposeId, PurposeSet};
use crate::plan::{Categories, Plan, Signal, SignalKind, fold};

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

/// What the entry of that name says, or `unnamed`. Of several the strictest counts: the order of [`Answer`] is the
/// order of strictness. An entry whose name is the same only when folded is met like any other place, but what it
/// would grant does not count: `yes_grants` tells what a yes means here.
fn entry(
    container: Text<'_>,
    name: &str,
    unnamed: Answer,
    yes_grants: bool,
    read: impl Fn(Text<'_>) -> Answer,
    buffer: &mut Vec<u8>,
) -> Answer {
    let answers = container.members().filter_map(|(member, value)| match spelling(member.0, name, buffer) {
        Spelling::Exact => Some(read(value)),
        Spelling::Folded => Some(read(value)).filter(|answer| !(yes_grants && *answer == Answer::Yes)),
        Spelling::Other => None,
    });
    answers.max().unwrap_or(unnamed)
}

/// How a member name relates to the name of an entry.
enum Spelling {
    Exact,
    Folded,
    Other,
}

/// Compares a member name, as it stands between its quotes, with the name of an entry.
fn spelling(member: &[u8], name: &str, buffer: &mut Vec<u8>) -> Spelling {
    let decoded = if memchr::memchr(b'\\', member).is_none() {
        member
    } else {
        buffer.clear();
        json::unescape_into(member, buffer);
        buffer
    };
    if decoded == name.as_bytes() {
        Spelling::Exact
    } else if decoded.eq_ignore_ascii_case(name.as_bytes()) || !decoded.is_ascii() && looks_like(decoded, name) {
        Spelling::Folded
    } else {
        Spelling::Other
    }
}

/// Whether a name with letters beyond ASCII is the other once both are folded (`scrub.md`, rule 3).
fn looks_like(decoded: &[u8], name: &str) -> bool {
    let (mut ours, mut theirs) = (String::new(), String::new());
    fold::fold_confusable(std::str::from_utf8(decoded).unwrap_or_default(), &mut ours);
    fold::fold_confusable(name, &mut theirs);
    ours == theirs
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
