//! Runs policy tests through the engine and says what differs from what was expected.

use super::{Expectation, Test};
use crate::event::{Header, Path, Position, Record, Selector, SinkId, StreamId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::pipeline::{Applied, Engine, Feed, Ledger, Limits};
use crate::plan::Plan;
use serde_json::Value;
use std::sync::Arc;

/// How much of a value a message shows.
const SHOWN: usize = 120;

/// How a test ended.
pub struct Verdict {
    /// What differs; empty: it passed.
    pub failures: Vec<Failure>,
}

/// One difference.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Line in the test file, counted from 1.
    pub line: u32,
    /// What was expected, and what came.
    pub message: String,
}

/// What a sink got.
struct Got {
    outcome: Outcome,
    reason: Reason,
    value: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// Runs the tests of one policy.
pub struct Runner<'p> {
    plan: &'p Plan,
    engine: Engine,
}

impl<'p> Runner<'p> {
    /// A runner with an engine of its own.
    pub fn new(plan: &'p Plan) -> Runner<'p> {
        Runner { plan, engine: Engine::new(Limits::default()) }
    }

    /// Runs one test; `now` holds where the test says no time of its own.
    pub fn run(&mut self, test: &Test, now: Timestamp) -> Verdict {
        let stream = match self.stream(test) {
            Ok(stream) => stream,
            Err(message) => return Verdict { failures: vec![Failure { line: test.line, message }] },
        };
        match ledger(test) {
            Ok(ledger) => self.engine.set_ledger(Some(Arc::new(ledger))),
            Err(message) => return Verdict { failures: vec![Failure { line: test.line, message }] },
        }
        let got = self.evaluate(test, stream, test.at.unwrap_or(now));
        let mut failures = Vec::new();
        for (sink, expected) in &test.expect {
            match self.plan.sink_named(sink) {
                Some(id) => judge(sink, expected, &got[id.index()], &mut failures),
                None => failures.push(Failure { line: expected.line, message: format!("the policy has no sink `{sink}`") }),
            }
        }
        Verdict { failures }
    }

    fn stream(&self, test: &Test) -> Result<StreamId, String> {
        match &test.stream {
            Some(name) => self.plan.stream_named(name).ok_or_else(|| format!("the policy has no stream `{name}`")),
            None if self.plan.streams.len() == 1 => Ok(StreamId(0)),
            None => Err("the policy has several streams: name one with `stream`".into()),
        }
    }

    /// By sink.
    fn evaluate(&mut self, test: &Test, stream: StreamId, now: Timestamp) -> Vec<Got> {
        let headers: Vec<Header<'_>> =
            test.headers.iter().map(|(name, value)| Header { name, value: Some(value.as_bytes()) }).collect();
        let record = Record {
            position: Position::default(),
            timestamp: None,
            key: test.key.as_ref().map(String::as_bytes),
            value: test.value.as_deref(),
            headers: &headers,
        };
        let mut got = Vec::with_capacity(self.plan.sinks.len());
        self.engine.evaluate(self.plan, stream, &record, now, &mut |sink: SinkId, verdict| {
            debug_assert_eq!(sink.index(), got.len(), "one verdict a sink, in order");
            got.push(Got {
                outcome: verdict.outcome,
                reason: verdict.reason,
                value: verdict.value.map(<[u8]>::to_vec),
                key: verdict.key.map(<[u8]>::to_vec),
            });
        });
        got
    }
}

/// The ledger of one test, fresh, with the records that the test gives. One that cannot be read would deny everything, and
/// is taken for a mistake of the test.
fn ledger(test: &Test) -> Result<Ledger, String> {
    let ledger = Ledger::for_trial();
    for (feed, name, records) in [(Feed::Consent, "ledger", &test.ledger), (Feed::Erasures, "erasures", &test.erasures)] {
        for (number, record) in (1..).zip(records) {
            let fault = match ledger.apply_json(feed, record) {
                Ok(
                    Applied::Stored
                    | Applied::Restricted
                    | Applied::Removed
                    | Applied::Regression { .. }
                    | Applied::Merged { .. }
                    | Applied::Split { .. },
                ) => {
                    continue;
                }
                Ok(Applied::Undecodable { why } | Applied::Stop { why }) => why.to_owned(),
                Err(fault) => fault.to_string(),
            };
            return Err(format!("record {number} of `{name}` cannot be read: {fault}"));
        }
    }
    Ok(ledger)
}

fn judge(sink: &str, expected: &Expectation, got: &Got, failures: &mut Vec<Failure>) {
    let mut fail = |message: String| failures.push(Failure { line: expected.line, message: format!("{sink}: {message}") });
    let differs = expected.outcome != got.outcome || expected.reason.is_some_and(|reason| reason != got.reason);
    if differs {
        let reason = expected.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        return fail(format!("expected {}{reason}, got {} ({})", expected.outcome, got.outcome, got.reason));
    }
    if let Some(key) = &expected.key
        && got.key.as_deref() != Some(key.as_bytes())
    {
        let got = got.key.as_deref().map_or("no record key".into(), |key| shorten(&String::from_utf8_lossy(key)));
        fail(format!("expected the record key {}, got {got}", shorten(key)));
    }
    if expected.equals.is_empty() && expected.absent.is_empty() {
        return;
    }
    let Some(value) = got.value.as_deref() else {
        if !expected.equals.is_empty() {
            fail("nothing was released that could be compared".into());
        }
        return;
    };
    let Ok(value) = serde_json::from_slice::<Value>(value) else {
        return fail("what was released is not JSON".into());
    };
    for (path, wanted) in &expected.equals {
        let found = select(&value, path);
        if found.is_empty() {
            fail(format!("{path}: expected {}, got nothing", shorten(&wanted.to_string())));
        }
        for other in found.into_iter().filter(|found| !same(found, wanted)) {
            fail(format!("{path}: expected {}, got {}", shorten(&wanted.to_string()), shorten(&other.to_string())));
        }
    }
    for path in &expected.absent {
        if !select(&value, path).is_empty() {
            fail(format!("{path}: expected to be absent, and it is there"));
        }
    }
}

/// The places that a path names, names taken as spelled.
fn select<'v>(value: &'v Value, path: &Path) -> Vec<&'v Value> {
    let mut found = vec![value];
    for segment in path.segments() {
        let mut next = Vec::new();
        for value in found {
            if segment.descendant {
                descend(value, &segment.selector, &mut next);
            } else {
                children(value, &segment.selector, &mut next);
            }
        }
        found = next;
    }
    found
}

fn descend<'v>(value: &'v Value, selector: &Selector, found: &mut Vec<&'v Value>) {
    children(value, selector, found);
    let mut below = Vec::new();
    children(value, &Selector::Wildcard, &mut below);
    below.into_iter().for_each(|child| descend(child, selector, found));
}

fn children<'v>(value: &'v Value, selector: &Selector, found: &mut Vec<&'v Value>) {
    match (selector, value) {
        (Selector::Name(name), Value::Object(members)) => found.extend(members.get(&**name)),
        (Selector::Index(index), Value::Array(elements)) => found.extend(elements.get(*index as usize)),
        (Selector::Wildcard, Value::Object(members)) => found.extend(members.values()),
        (Selector::Wildcard, Value::Array(elements)) => found.extend(elements),
        (Selector::Name(_) | Selector::Index(_) | Selector::Wildcard, _) => {}
    }
}

/// Equality by value: 1 and 1.0 are the same, the order of members does not count.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn at(value: &Value, path: &str) -> Vec<Value> {
        select(value, &Path::parse(path).expect("a path")).into_iter().cloned().collect()
    }

    /// The meaning of the segments is that of RFC 9535, sections 2.3 and 2.5.
    #[test]
    fn paths_select_as_spelled() {
        let value = json!({"a": {"e": 1, "b": [{"e": 2}, 3]}, "E": 4});
        assert_eq!(at(&value, "$.a.e"), [json!(1)]);
        assert_eq!(at(&value, "$..e"), [json!(1), json!(2)]);
        assert_eq!(at(&value, "$.a.b[*]"), [json!({"e": 2}), json!(3)]);
        assert_eq!(at(&value, "$.a.b[1]"), [json!(3)]);
        assert_eq!(at(&value, "$.a.b.e"), [] as [Value; 0], "no transparency of arrays here");
        assert_eq!(at(&value, "$"), std::slice::from_ref(&value));
    }

    fn expectation() -> Expectation {
        let path = |text| Path::parse(text).expect("a path");
        Expectation {
            line: 7,
            outcome: Outcome::Allow,
            reason: Some(Reason::ConsentGranted),
            equals: vec![(path("$.a"), json!(1.0)), (path("$.gone"), json!("x"))],
            absent: vec![path("$.b")],
            key: Some("k".into()),
        }
    }

    #[track_caller]
    fn failures(got: &Got) -> Vec<String> {
        let mut failures = Vec::new();
        judge("ads", &expectation(), got, &mut failures);
        assert!(failures.iter().all(|failure| failure.line == 7));
        failures.into_iter().map(|failure| failure.message).collect()
    }

    #[test]
    fn differences_are_told_apart() {
        let mut got = Got {
            outcome: Outcome::Allow,
            reason: Reason::ConsentGranted,
            value: Some(br#"{"a":1,"gone":"x"}"#.to_vec()),
            key: Some(b"k".to_vec()),
        };
        assert!(failures(&got).is_empty());
        got.value = Some(br#"{"a":2,"b":null}"#.to_vec());
        got.key = None;
        assert_eq!(
            failures(&got),
            [
                "ads: expected the record key k, got no record key",
                "ads: $.a: expected 1.0, got 2",
                "ads: $.gone: expected \"x\", got nothing",
                "ads: $.b: expected to be absent, and it is there",
            ]
        );
        got.value = None;
        assert!(failures(&got).contains(&"ads: nothing was released that could be compared".into()));
        got.reason = Reason::LegitimateInterests;
        assert_eq!(failures(&got), ["ads: expected allow (consent_granted), got allow (legitimate_interests)"]);
    }
}
