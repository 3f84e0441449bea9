//! One event before and after: the same engine on the same bytes, field by field.

use crate::event::{Record, StreamId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::pipeline::Engine;
use crate::plan::Plan;
use serde_json::Value;

/// How the example ended at one sink.
pub(super) struct AtSink {
    /// The sink.
    pub(super) name: Box<str>,
    /// How.
    pub(super) outcome: Outcome,
    /// Why.
    pub(super) reason: Reason,
    /// The bytes on its topic.
    pub(super) value: Option<Vec<u8>>,
}

/// An event and what became of it. It holds an invented person's data, which is why it may be shown.
pub(super) struct Example {
    /// As collected.
    pub(super) input: Vec<u8>,
    /// In the order of the policy's sinks.
    pub(super) sinks: Vec<AtSink>,
}

/// What became of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It went on as it was.
    Same,
    /// Its JSON text is now this.
    Changed(String),
    /// It is gone.
    Gone,
}

/// One field of the input that holds no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// Where: `context.page.url`.
    pub(super) path: String,
    /// Its JSON text as collected.
    pub(super) before: String,
    /// What became of it.
    pub(super) fate: Fate,
}

/// The first of the events that most sinks take, preferring one that shows an address with an e-mail in it.
pub(super) fn choose(
    engine: &mut Engine,
    plan: &Plan,
    stream: StreamId,
    events: &[(Vec<u8>, Vec<u8>)],
    now: Timestamp,
) -> Option<Example> {
    let examples = events.iter().map(|(key, value)| judge(engine, plan, stream, key, value, now));
    let score = |example: &Example| {
        let released = example.sinks.iter().filter(|sink| sink.outcome == Outcome::Allow).count();
        (released, memchr::memmem::find(&example.input, b"&email=").is_some())
    };
    examples.reduce(|best, next| if score(&next) > score(&best) { next } else { best })
}

fn judge(engine: &mut Engine, plan: &Plan, stream: StreamId, key: &[u8], value: &[u8], now: Timestamp) -> Example {
    let record = Record { position: Default::default(), timestamp: Some(now), key: Some(key), value: Some(value), headers: &[] };
    let mut sinks = Vec::new();
    engine.evaluate(plan, stream, &record, now, &mut |sink, verdict| {
        sinks.push(AtSink {
            name: plan.sink(sink).name.clone(),
            outcome: verdict.outcome,
            reason: verdict.reason,
            value: verdict.value.map(<[u8]>::to_vec),
        });
    });
    Example { input: value.to_vec(), sinks }
}

/// What became of each field at one sink; none where nothing went there.
pub(super) fn fields(input: &[u8], output: &[u8]) -> Option<Vec<Field>> {
    let (before, after) = (leaves(input)?, leaves(output)?);
    let fate = |path: &str, before: &str| match after.iter().find(|(there, _)| there == path) {
        None => Fate::Gone,
        Some((_, after)) if after == before => Fate::Same,
        Some((_, after)) => Fate::Changed(after.clone()),
    };
    Some(before.iter().map(|(path, text)| Field { path: path.clone(), before: text.clone(), fate: fate(path, text) }).collect())
}

/// Every value that holds no others, with its path.
fn leaves(json: &[u8]) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    collect(&serde_json::from_slice(json).ok()?, String::new(), &mut found);
    Some(found)
}

// The depth is that of the collector's events, which is small.
fn collect(value: &Value, path: String, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                let dot = if path.is_empty() { "" } else { "." };
                collect(member, format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for (position, element) in elements.iter().enumerate() {
                collect(element, format!("{path}[{position}]"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
            found.push((path, value.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_compared_by_path() {
        let before = br#"{"a":{"b":1,"c":"x"},"d":[{"e":true},2],"f":{}}"#;
        let after = br#"{"a":{"c":"y"},"d":[{"e":true},2]}"#;
        let fields = fields(before, after).expect("both are JSON");
        let shown: Vec<(&str, &Fate)> = fields.iter().map(|field| (field.path.as_str(), &field.fate)).collect();
        let changed = Fate::Changed("\"y\"".into());
        let expected =
            [("a.b", &Fate::Gone), ("a.c", &changed), ("d[0].e", &Fate::Same), ("d[1]", &Fate::Same), ("f", &Fate::Gone)];
        assert_eq!(shown, expected);
    }
}
