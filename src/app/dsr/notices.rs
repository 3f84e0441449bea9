//! What sinks are told of an erasure: whom they have to erase, by what they got in place of the identity.
//!
//! Nobody else could find the rows: a pseudonym leads to a person only here, and only while the request that names the raw identity
//! is at hand. So notices are made when it is taken, by the transforms that make the sinks' records.

use super::record::{Notice, Record, Told, Untold, Why};
use crate::decode::json::Scanner;
use crate::decode::{Limits, Strings};
use crate::encode::{Encoded, Encoder};
use crate::event::{Path, PathId, Places, Selector};
use crate::plan::{KeyRule, Plan, Route, Sink, SinkRules, Source, Stream};
use crate::transform::{self, Context, Fate};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// What every pseudonym and every token begins with.
const MADE: [&str; 2] = ["p1.", "t1."];

/// An array that leads to an element beyond this is not built to find out what becomes of an identity there.
const MOST_ELEMENTS: u32 = 64;

/// What each sink is told of these identities: kind, and value where the request names it and not a hash.
pub(super) fn notices(plan: &Plan, named: &[(&str, Option<&str>)], now: Timestamp) -> Vec<Notice> {
    let mut trial = Trial::new(now);
    let notice = |(at, sink): (usize, &Sink)| {
        let (mut subjects, mut unresolved): (Vec<Told>, Vec<Untold>) = (Vec::new(), Vec::new());
        for (kind, raw) in named {
            let kind_of = |why| Untold { kind: (*kind).to_owned(), why };
            let Some(raw) = raw else {
                unresolved.push(kind_of(Why::Hashed));
                continue;
            };
            let mut seen = Seen::default();
            // What the sink gets now stands first, then what it may have from before each rotation, the latest first.
            for plan in [plan].into_iter().chain(plan.before_rotations.iter().rev().map(|plan| &**plan)) {
                trial.see(plan, (at, sink), (kind, raw), &mut seen);
            }
            let Seen { values, is_kept } = seen;
            match values.is_empty() {
                true => unresolved.push(kind_of(if is_kept { Why::Kept } else { Why::Absent })),
                false => subjects.push(Told { kind: (*kind).to_owned(), values }),
            }
        }
        Notice { sink: sink.name.to_string(), subjects, unresolved }
    };
    plan.sinks.iter().enumerate().map(notice).collect()
}

/// Record key and value of the topic of notices. Written twice, it is the same: the key says which notice it is.
pub(super) fn message(record: &Record, notice: &Notice) -> (String, Vec<u8>) {
    let Notice { sink, subjects, unresolved } = notice;
    let value = json!({
        "version": 1,
        "type": record.kind.as_str(),
        "request": record.id,
        "received": record.received.to_string(),
        "sink": sink,
        "subjects": subjects,
        "unresolved": unresolved,
    });
    (format!("{sink}:{}", record.id), value.to_string().into_bytes())
}

/// What a sink sees in place of an identity.
#[derive(Default)]
struct Seen {
    values: Vec<String>,
    is_kept: bool,
}

impl Seen {
    fn add(&mut self, text: &str, raw: &str) {
        let is_hash = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if text == raw {
            self.is_kept = true;
        } else if (is_hash || MADE.iter().any(|made| text.starts_with(made))) && !self.values.iter().any(|known| known == text) {
            self.values.push(text.to_owned());
        }
    }

    /// Every text of a document that holds nothing but the identity.
    fn add_all(&mut self, tree: &Value, raw: &str) {
        match tree {
            Value::String(text) => self.add(text, raw),
            Value::Array(list) => list.iter().for_each(|value| self.add_all(value, raw)),
            Value::Object(map) => map.values().for_each(|value| self.add_all(value, raw)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// Tries out what becomes of an identity, by the stages that records go through.
struct Trial {
    scanner: Scanner,
    strings: Strings,
    places: Places,
    encoder: Encoder,
    context: Context,
}

impl Trial {
    fn new(now: Timestamp) -> Trial {
        let limits = Limits::default();
        Trial {
            scanner: Scanner::new(limits),
            strings: Strings::new(limits),
            places: Places::default(),
            encoder: Encoder::default(),
            context: Context { event_time: now, now, country: None },
        }
    }

    /// In every place where streams of the sink name people by that kind; as it is written, and trimmed and in lower case.
    fn see(&mut self, plan: &Plan, (at, sink): (usize, &Sink), (kind, raw): (&str, &str), seen: &mut Seen) {
        let lower: String = raw.trim().chars().flat_map(char::to_lowercase).collect();
        let spellings: &[&str] = if lower == raw { &[raw] } else { &[raw, &lower] };
        for stream in &plan.streams {
            let Some(route) = stream.routes.iter().find(|route| route.sink.index() == at) else { continue };
            for rule in stream.subject.iter().filter(|rule| rule.kinds.iter().any(|own| **own == *kind)) {
                for value in spellings {
                    match &rule.source {
                        Source::Slot(slot) => {
                            let paths = (0..stream.index.path_count()).map(|path| PathId(path as u16));
                            let paths = paths.filter(|path| stream.index.slots(*path).contains(slot));
                            paths.for_each(|path| self.in_value(stream, route, path, value, seen));
                        }
                        Source::Key => self.in_key(route, value, seen),
                        Source::Header(name) => seen.is_kept |= sink.headers.contains(name),
                        Source::Ledger => {}
                    }
                }
            }
        }
    }

    fn in_value(&mut self, stream: &Stream, route: &Route, path: PathId, raw: &str, seen: &mut Seen) {
        let Some(document) = document(stream.index.path(path), raw) else { return };
        let document = document.to_string().into_bytes();
        let Trial { scanner, strings, places, .. } = self;
        let scanned = scanner.scan(&document, &stream.index, stream.duplicates, places);
        if scanned.and_then(|()| strings.scan(scanner, &document, &stream.index, stream.duplicates, places)).is_err() {
            return;
        }
        for rules in [Some(&route.rules), route.degraded.as_ref()].into_iter().flatten() {
            self.encoded(&document, rules, raw, seen);
        }
    }

    fn encoded(&mut self, document: &[u8], rules: &SinkRules, raw: &str, seen: &mut Seen) {
        self.encoder.begin_record();
        let bytes = match self.encoder.encode(document, &self.places, rules, &self.context) {
            Encoded::Unchanged => document,
            Encoded::Written => self.encoder.output(),
            Encoded::Empty => return,
        };
        if let Ok(tree) = serde_json::from_slice::<Value>(bytes) {
            seen.add_all(&tree, raw);
        }
    }

    fn in_key(&mut self, route: &Route, raw: &str, seen: &mut Seen) {
        match &route.record_key {
            KeyRule::Drop => {}
            KeyRule::Keep => seen.is_kept = true,
            KeyRule::Transform { action, rule: _ } => {
                let mut out = Vec::new();
                let fate = transform::apply_key(action, raw.as_bytes(), &self.context, self.encoder.scratch(), &mut out);
                if let (Fate::Written, Ok(text)) = (fate, std::str::from_utf8(&out)) {
                    seen.add(text, raw);
                }
            }
        }
    }
}

/// A document that has this text at a place of the path, and nothing else.
fn document(path: &Path, text: &str) -> Option<Value> {
    let mut tree = Value::String(text.to_owned());
    for segment in path.segments().iter().rev() {
        tree = match &segment.selector {
            Selector::Name(name) => Value::Object(Map::from_iter([(name.to_string(), tree)])),
            // Any name or place will do where the path says none.
            Selector::Wildcard => Value::Array(vec![tree]),
            Selector::Index(index) if *index < MOST_ELEMENTS => {
                let mut list = vec![Value::Null; *index as usize];
                list.push(tree);
                Value::Array(list)
            }
            Selector::Index(_) => return None,
        };
    }
    Some(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeySet, Role, State};
    use crate::policy;

    const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: b}}
regimes: [{in: [\"*\"], silence: deny}]
keys: {one: {}, two: {}}
streams:
  web:
    topics: [t]
    format: json
    subject:
      - {kind: user_id, path: \"$.batch[*].user\"}
      - {kind: email, path: $.traits.email}
      - {kind: account, key: true}
    jurisdiction: {otherwise: EEA}
    classes: {user.contact.email: [$..email]}
sinks:
  one:
    topic: one
    purposes: [operations]
    fields: {user.unique_id: {pseudonym: {key: one}}, user.contact.email: {pseudonym: {key: one, normalize: email}}}
    record_key: {pseudonym: {key: one}}
  two:
    topic: two
    purposes: [operations]
    fields: {user.unique_id: keep, user.contact.email: {mask: {keep_last: 3}}}
  three:
    topic: three
    purposes: [operations]
    fields: {user.unique_id: {token: {key: two}}, user.contact.email: {pseudonym: {key: two}}}
";

    /// The bytes of records, by the engine itself: what the sink holds is what the notice says.
    fn released(plan: &Plan, sink: &str, event: &str, key: &str) -> (Value, Option<String>) {
        use crate::event::{Position, Record, StreamId};
        let mut engine = crate::pipeline::Engine::new(Limits::default());
        let record = Record {
            position: Position::default(),
            key: Some(key.as_bytes()),
            headers: &[],
            value: Some(event.as_bytes()),
            timestamp: None,
        };
        let mut found = None;
        engine.evaluate(plan, StreamId(0), &record, Timestamp::now(), &mut |id, verdict| {
            if &*plan.sink(id).name == sink {
                let key = verdict.key.map(|key| String::from_utf8(key.to_vec()).unwrap());
                found = verdict.value.map(|value| (serde_json::from_slice(value).unwrap(), key));
            }
        });
        found.expect("it is released")
    }

    fn plan_of(keys: &KeySet) -> Plan {
        let compiled = policy::compile(POLICY, "policy.yaml", keys);
        compiled.plan.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics))
    }

    /// Whatever a sink got before a rotation is in its notice after it; what was made under a destroyed root leads nowhere.
    #[test]
    fn sinks_are_told_by_what_they_got_before_rotations_too() {
        let event = r#"{"batch":[{"user":"u7"}],"traits":{"email":"ann@example.org"}}"#;
        let named = [("user_id", Some("u7")), ("email", Some("ann@example.org")), ("account", Some("a1"))];
        let mut keys = KeySet::generate().unwrap();
        let mut held: Vec<(Value, Value, String)> = Vec::new();
        let mut roots = Vec::new();
        for rotation in 0..3 {
            if rotation > 0 {
                keys.rotate().unwrap();
            }
            roots.extend(
                keys.keys()
                    .iter()
                    .filter(|key| key.state() == State::Active && key.role() == Role::Root)
                    .map(|key| key.id().to_owned()),
            );
            let plan = plan_of(&keys);
            let (one, key) = released(&plan, "one", event, "a1");
            held.push((one, released(&plan, "three", event, "a1").0, key.unwrap()));
        }
        let told = |keys: &KeySet, sink: &str| -> Vec<Vec<String>> {
            let before = keys.before_rotations().iter().map(|keys| std::sync::Arc::new(plan_of(keys))).collect();
            let plan = Plan { before_rotations: before, ..plan_of(keys) };
            let notice = notices(&plan, &named, Timestamp::now()).into_iter().find(|notice| notice.sink == sink).unwrap();
            notice.subjects.into_iter().map(|told| told.values).collect()
        };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (one, three) = (told(&keys, "one"), told(&keys, "three"));
        let expected = |of: &dyn Fn(&(Value, Value, String)) -> String| -> Vec<String> { held.iter().rev().map(of).collect() };
        assert_eq!(one[0], expected(&|(one, _, _)| text(&one["batch"][0]["user"])));
        assert_eq!(one[1], expected(&|(one, _, _)| text(&one["traits"]["email"])));
        assert_eq!(one[2], expected(&|(_, _, key)| key.clone()));
        assert_eq!(three[0], expected(&|(_, three, _)| text(&three["batch"][0]["user"])), "tokens too");

        keys.destroy(&roots[0]).unwrap();
        assert_eq!(told(&keys, "one")[0], one[0][..2], "nobody can make it again, here neither");
    }

    #[test]
    fn sinks_are_told_by_what_they_got() {
        let plan = plan_of(&KeySet::demonstration());
        let event = r#"{"batch":[{"user":"u7"}],"traits":{"email":"ann@example.org"}}"#;
        let named = [("user_id", Some("u7")), ("email", Some(" Ann@example.org")), ("account", Some("a1")), ("email", None)];
        let notices = notices(&plan, &named, Timestamp::now());
        let told = |sink: &str, kind: &str| {
            let notice = notices.iter().find(|notice| notice.sink == sink).unwrap();
            let subject = notice.subjects.iter().find(|told| told.kind == kind);
            subject.map(|told| told.values.clone()).unwrap_or_default()
        };
        let why = |sink: &str| {
            let notice = notices.iter().find(|notice| notice.sink == sink).unwrap();
            notice.unresolved.iter().map(|untold| (untold.kind.as_str(), untold.why)).collect::<Vec<_>>()
        };
        let (one, key) = released(&plan, "one", event, "a1");
        assert_eq!(told("one", "user_id"), [one["batch"][0]["user"].as_str().unwrap()]);
        assert_eq!(told("one", "email"), [one["traits"]["email"].as_str().unwrap()], "both spellings are one after `normalize`");
        assert_eq!(told("one", "account"), [key.unwrap()]);
        assert_eq!(why("one"), [("email", Why::Hashed)]);
        assert_eq!(
            why("two"),
            [("user_id", Why::Kept), ("email", Why::Absent), ("account", Why::Absent), ("email", Why::Hashed)]
        );
        let (three, _) = released(&plan, "three", event, "a1");
        assert_eq!(told("three", "user_id"), [three["batch"][0]["user"].as_str().unwrap()]);
        let addresses = told("three", "email");
        assert_eq!(addresses.len(), 2, "as it was named, and trimmed and in lower case");
        assert!(addresses.contains(&three["traits"]["email"].as_str().unwrap().to_owned()));
        let shown = serde_json::to_string(&notices).unwrap().to_lowercase();
        assert!(!shown.contains("u7\"") && !shown.contains("example") && !shown.contains("a1\""), "{shown}");
    }
}
