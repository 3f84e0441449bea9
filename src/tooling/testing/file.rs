//! A test file: as written, with every fault of form at once, and then as typed.

use crate::event::{Path, Timestamp, json};
use crate::outcome::{Outcome, Reason};
use crate::policy::form;
use crate::policy::grammar::{Form, Object, Shape, Word, may, need, one_of, word};
use crate::policy::yaml::{self, Node, OwnKeys, Value};
use crate::policy::{Code, Diagnostics, SourceMap, did_you_mean};

/// One test file.
pub struct TestFile {
    /// The policy, relative to the file.
    pub policy: String,
    /// What time it is; absent: the clock.
    pub at: Option<Timestamp>,
    /// The tests, in order.
    pub tests: Vec<Test>,
}

/// One event, and what is expected of it.
pub struct Test {
    /// What it shows.
    pub name: String,
    /// Line in the file, counted from 1.
    pub line: u32,
    /// The stream; may be absent where the policy has one.
    pub stream: Option<String>,
    /// What time it is, where it differs from that of the file.
    pub at: Option<Timestamp>,
    /// The record's value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// The record's key.
    pub key: Option<String>,
    /// The record's headers.
    pub headers: Vec<(String, String)>,
    /// Consent records, as JSON.
    pub ledger: Vec<Vec<u8>>,
    /// Suppressions, as JSON.
    pub erasures: Vec<Vec<u8>>,
    /// Sink → what is expected there.
    pub expect: Vec<(String, Expectation)>,
}

/// What is expected at one sink.
pub struct Expectation {
    /// Line in the file, counted from 1.
    pub line: u32,
    /// How it ends.
    pub outcome: Outcome,
    /// Why, if the test says.
    pub reason: Option<Reason>,
    /// Places of the released value, each with the JSON that stands there.
    pub equals: Vec<(Path, serde_json::Value)>,
    /// Places that the released value does not have.
    pub absent: Vec<Path>,
    /// The released record key.
    pub key: Option<String>,
}

static FILE: Object = Object {
    name: "test file",
    keys: &[
        need("policy", &Shape::Text(Form::Free), "The policy, relative to this file."),
        may("at", &Shape::Text(Form::Free), "What time it is (RFC 3339); default: now."),
        need("tests", &Shape::List { of: &Shape::Map(&TEST), least: 1 }, "The tests."),
    ],
    groups: &[],
};

static TEST: Object = Object {
    name: "test",
    keys: &[
        need("name", &Shape::Text(Form::Free), "What it shows."),
        may("stream", &Shape::Text(Form::Name), "The stream, where the policy has several."),
        may("at", &Shape::Text(Form::Free), "What time it is, where it differs from that of the file."),
        may("event", &Shape::Any, "The record's value."),
        may("raw", &Shape::Text(Form::Any), "The record's value, byte for byte."),
        may("tombstone", &Shape::True, "The record has no value."),
        may("key", &Shape::Text(Form::Any), "The record's key."),
        may("headers", &Shape::Named { key: Form::Name, of: &Shape::Text(Form::Any), least: 0 }, "The record's headers."),
        need("expect", &Shape::Named { key: Form::Name, of: &Shape::Map(&EXPECT), least: 1 }, "Sink to what is expected there."),
        may("ledger", &Shape::List { of: &Shape::Any, least: 0 }, "Consent records that the ledger holds; default: none."),
        may("erasures", &Shape::List { of: &Shape::Any, least: 0 }, "Suppressions that the ledger holds; default: none."),
    ],
    groups: &[one_of(&["event", "raw", "tombstone"])],
};

static OUTCOMES: &[Word] = &[word("allow", ""), word("degrade", ""), word("drop", ""), word("quarantine", "")];

static EXPECT: Object = Object {
    name: "expectation",
    keys: &[
        need("outcome", &Shape::Word(OUTCOMES), "How it ends."),
        may("reason", &Shape::Text(Form::Name), "Why."),
        may("equals", &Shape::Named { key: Form::Path, of: &Shape::Any, least: 0 }, "Place to the value that stands there."),
        may("absent", &Shape::List { of: &Shape::Text(Form::Path), least: 0 }, "Places that are not there."),
        may("key", &Shape::Text(Form::Any), "The released record key."),
    ],
    groups: &[],
};

/// Reads a test file; `None` where it has faults, which are in `diagnostics`.
pub fn parse(source: &SourceMap, diagnostics: &mut Diagnostics) -> Option<TestFile> {
    let root = yaml::parse(source.text(), OwnKeys::Kept, diagnostics)?;
    form::check(&root, &FILE, source, diagnostics);
    let mut reader = Reader { source, diagnostics };
    let file = TestFile {
        policy: text(&root, "policy").unwrap_or_default(),
        at: reader.time(&root),
        tests: list(&root, "tests")
            .iter()
            .map(|node| reader.test(node))
            .collect::<Vec<Option<Test>>>()
            .into_iter()
            .flatten()
            .collect(),
    };
    (!diagnostics.has_errors()).then_some(file)
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(str::to_owned)
}

fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).and_then(Node::list).unwrap_or_default()
}

struct Reader<'s, 'd> {
    source: &'s SourceMap,
    diagnostics: &'d mut Diagnostics,
}

impl Reader<'_, '_> {
    fn time(&mut self, node: &Node) -> Option<Timestamp> {
        let node = node.get("at")?;
        let time = node.text()?.parse();
        if time.is_err() {
            self.diagnostics.error(Code::BadDate, &node.span, "expected a time such as 2026-11-22T00:00:00Z");
        }
        time.ok()
    }

    /// `None` only where the form is wrong, which is reported already.
    fn test(&mut self, node: &Node) -> Option<Test> {
        let value = match (node.get("event"), text(node, "raw")) {
            (Some(event), _) => {
                let mut value = Vec::new();
                self.write_json(event, &mut value);
                Some(value)
            }
            (None, raw) => raw.map(String::into_bytes),
        };
        let mut records = |key: &str| {
            let record = |node: &Node| {
                let mut json = Vec::new();
                self.write_json(node, &mut json);
                json
            };
            list(node, key).iter().map(record).collect()
        };
        let (ledger, erasures) = (records("ledger"), records("erasures"));
        let headers = node.get("headers").and_then(Node::map).unwrap_or_default();
        let expect = node.get("expect").and_then(Node::map).unwrap_or_default();
        Some(Test {
            name: text(node, "name")?,
            line: self.source.line(&node.span),
            stream: text(node, "stream"),
            at: self.time(node),
            value,
            key: text(node, "key"),
            headers: headers.iter().filter_map(|(name, value)| Some((name.value.clone(), value.text()?.to_owned()))).collect(),
            ledger,
            erasures,
            expect: expect
                .iter()
                .filter_map(|(sink, node)| Some((sink.value.clone(), self.expectation(node, self.source.line(&sink.span))?)))
                .collect(),
        })
    }

    fn expectation(&mut self, node: &Node, line: u32) -> Option<Expectation> {
        let equals = node.get("equals").and_then(Node::map).unwrap_or_default();
        let outcome = Outcome::from_word(node.get("outcome")?.text()?)?;
        let reason = node.get("reason").and_then(|word| self.reason(word));
        let mut places = Vec::new();
        for (path, expected) in equals {
            let mut json = Vec::new();
            self.write_json(expected, &mut json);
            places.push((Path::parse(&path.value).ok()?, serde_json::from_slice(&json).ok()?));
        }
        let absent = list(node, "absent").iter().filter_map(|path| Path::parse(path.text()?).ok()).collect();
        Some(Expectation { line, outcome, reason, equals: places, absent, key: text(node, "key") })
    }

    fn reason(&mut self, node: &Node) -> Option<Reason> {
        let word = node.text()?;
        let reason = Reason::from_word(word);
        if reason.is_none() {
            let hint = did_you_mean(word, Reason::ALL.iter().map(|reason| reason.as_str()));
            self.diagnostics.error(Code::UnknownReason, &node.span, format!("there is no reason `{word}`")).maybe_hint(hint);
        }
        reason
    }

    /// A node as JSON. Numbers keep their text where that is JSON.
    fn write_json(&mut self, node: &Node, out: &mut Vec<u8>) {
        let written = self.source.text().get(node.span.clone()).unwrap_or_default();
        match &node.value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Value::Int(_) | Value::Float(_) if serde_json::from_str::<serde_json::Number>(written).is_ok() => {
                out.extend_from_slice(written.as_bytes());
            }
            Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) if number.is_finite() => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(_) => {
                self.diagnostics.error(Code::OutOfRange, &node.span, "JSON has no such number");
                out.extend_from_slice(b"null");
            }
            Value::Text(text) => json::write_string(text, out),
            Value::List(list) => self.write_members(list.iter().map(|element| (None, element)), b"[]", out),
            Value::Map(map) => {
                self.write_members(map.iter().map(|(name, member)| (Some(&*name.value), member)), b"{}", out);
            }
        }
    }

    fn write_members<'n>(
        &mut self,
        members: impl Iterator<Item = (Option<&'n str>, &'n Node)>,
        brackets: &[u8; 2],
        out: &mut Vec<u8>,
    ) {
        out.push(brackets[0]);
        for (position, (name, member)) in members.enumerate() {
            if position > 0 {
                out.push(b',');
            }
            if let Some(name) = name {
                json::write_string(name, out);
                out.push(b':');
            }
            self.write_json(member, out);
        }
        out.push(brackets[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<TestFile>, Vec<(Code, u32)>) {
        let source = SourceMap::new("p.test.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let file = parse(&source, &mut diagnostics);
        let found = diagnostics.sorted().iter().map(|one| (one.code, source.line(&one.span))).collect();
        (file, found)
    }

    #[test]
    fn the_example_of_the_language_reads() {
        let text = "\
policy: policy.yaml
at: 2026-11-22T00:00:00Z
tests:
  - name: a withdrawal keeps the order from the ad network
    stream: web
    ledger: [{identity: {kind: user_id, value: u1}, purposes: {advertising: {state: withdrawn, at: 2026-11-20T00:00:00Z}}}]
    event: {userId: u1, x-own: 1.50, event: Order Completed, big: 12345678901234567890, n: ~, list: [true, 'é\"']}
    expect:
      ads: {outcome: drop, reason: consent_withdrawn}
      warehouse: {outcome: degrade, reason: no_consent, equals: {$.context.ip: 203.0.0.0}, absent: [$.userId]}
";
        let (file, found) = read(text);
        assert_eq!(found, []);
        let file = file.expect("a test file");
        let test = &file.tests[0];
        let event = std::str::from_utf8(test.value.as_deref().expect("a value")).expect("text");
        assert_eq!(
            event,
            r#"{"userId":"u1","x-own":1.50,"event":"Order Completed","big":12345678901234567890,"n":null,"list":[true,"é\""]}"#
        );
        assert_eq!(
            std::str::from_utf8(&test.ledger[0]).expect("text"),
            r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"advertising":{"state":"withdrawn","at":"2026-11-20T00:00:00Z"}}}"#
        );
        assert_eq!((test.line, test.expect[1].1.line), (4, 10));
        assert_eq!(test.expect[1].1.equals[0].1, serde_json::json!("203.0.0.0"));
        assert_eq!(test.expect[0].1.reason, Some(Reason::ConsentWithdrawn));
    }

    #[test]
    fn every_fault_at_once() {
        let text = "\
policy: policy.yaml
at: tomorrow
tests:
  - name: x
    ledger: {}
    expect: {ads: {outcome: allow, reason: consent_grated}}
  - name: y
    event: {}
    raw: ''
    expect: {ads: {reason: no_consent, absent: [x], equals: {'$.a[': 1}}}
";
        let (file, found) = read(text);
        assert!(file.is_none());
        assert_eq!(
            found,
            [
                (Code::BadDate, 2),
                (Code::MissingKey, 4),
                (Code::WrongType, 5),
                (Code::UnknownReason, 6),
                (Code::Exclusive, 9),
                (Code::MissingKey, 10),
                (Code::BadPath, 10),
                (Code::BadPath, 10),
            ]
        );
    }
}
