//! How each source of consent is read; one file a signal, each saying where it looks, what is silence, what is broken.

mod boolean;
mod gpc;
mod segment;

use super::Statement;
use super::source::{Event, Value};
use crate::event::json::Text;
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
            SignalKind::Segment { purposes } => segment::read(purposes, value, out),
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
fn entry(container: Text<'_>, name: &str, unnamed: Answer, read: impl Fn(Text<'_>) -> Answer) -> Answer {
    let named = container.members().filter(|(member, _)| member.is(name));
    named.map(|(_, value)| read(value)).max().unwrap_or(unnamed)
}

/// One answer for a purpose with several categories. One broken entry breaks the whole.
fn settle(categories: &Categories, answers: impl Iterator<Item = Answer> + Clone) -> Answer {
    let has = |answer| answers.clone().any(|other| other == answer);
    if has(Answer::Broken) {
        Answer::Broken
    } else if categories.any {
        if has(Answer::Yes) {
            Answer::Yes
        } else if has(Answer::No) {
            Answer::No
        } else {
            Answer::Silent
        }
    } else if has(Answer::No) {
        Answer::No
    } else if has(Answer::Yes) && !has(Answer::Silent) {
        Answer::Yes
    } else {
        Answer::Silent
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
