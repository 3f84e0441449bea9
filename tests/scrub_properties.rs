//! Properties of the scrubber against an oracle that works on a tree and knows nothing of spans or automata.

use privet::decode::Limits;
use privet::decode::json::Scanner;
use privet::encode::{Encoded, Encoder};
use privet::event::{Path, PathId, Places, RuleId, Segment, Selector, Timestamp};
use privet::plan::{Action, Duplicates, EmptyParents, PathIndex, PlaceRule, Scope, SinkRules};
use privet::transform::Context;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// One step on the way to a value.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Name(String),
    Index(usize),
}

struct Case {
    rules: Vec<(Path, Action)>,
    unlisted: Scope,
    empty_parents: EmptyParents,
}

impl Case {
    fn new(rules: &[(&str, Action)], unlisted: Scope, empty_parents: EmptyParents) -> Case {
        let rules = rules.iter().map(|(path, action)| (Path::parse(path).expect("a test path"), action.clone())).collect();
        Case { rules, unlisted, empty_parents }
    }

    /// What Privet makes of the text: the output's bytes, `None` where nothing is left.
    fn run(&self, text: &[u8]) -> Result<Option<Vec<u8>>, privet::decode::Refusal> {
        let index = PathIndex::build(self.rules.iter().map(|(path, _)| (path.clone(), Vec::new())).collect(), true);
        let place = |action: &Action| PlaceRule { action: action.clone(), by_path: true, inherited: false, rule: RuleId(0) };
        let placed = self.rules.iter().enumerate().map(|(id, (_, action))| (PathId(id as u16), place(action))).collect();
        let rules = SinkRules::build(&index, self.unlisted, self.empty_parents, placed);
        let mut places = Places::default();
        let mut scanner = Scanner::new(Limits::default());
        // Read again, so that what is remembered of the shape before must lead to the same places, level by level.
        for _ in 0..4 {
            scanner.begin_record();
            scanner.scan(text, &index, Duplicates::Quarantine, &mut places)?;
        }
        let mut encoder = Encoder::default();
        let context = Context { event_time: Timestamp::UNIX_EPOCH, now: Timestamp::UNIX_EPOCH, country: None };
        Ok(match encoder.encode(text, &places, &rules, &context) {
            Encoded::Unchanged => Some(text.to_vec()),
            Encoded::Written => Some(encoder.output().to_vec()),
            Encoded::Empty => None,
        })
    }

    /// The rule that governs a location, by the words of `policy.md` and `scrub.md`.
    fn rule_at(&self, location: &[Step], released: bool) -> Option<&Action> {
        let meets = |path: &Path, action: &Action| {
            let exact = matches(path.segments(), location, true);
            let releases =
                matches!(action, Action::Keep) || (self.unlisted == Scope::Drop && !released && !matches!(action, Action::Drop));
            exact || (!releases && matches(path.segments(), location, false))
        };
        let met = self.rules.iter().filter(|(path, action)| meets(path, action));
        let rule = met.max_by(|(a, _), (b, _)| a.cmp_specificity(b)).map(|(_, action)| action);
        rule.or_else(|| self.is_within_a_ruled_place(location, released).then_some(&Action::Drop))
    }

    /// Whether a dotted name leads through a place that a rule governs, which is then not all of its input.
    fn is_within_a_ruled_place(&self, location: &[Step], released: bool) -> bool {
        let Some((Step::Name(name), above)) = location.split_last() else { return false };
        let parts: Vec<Step> = name.split('.').filter(|part| !part.is_empty()).map(|part| Step::Name(part.into())).collect();
        let applies = |action: &Action| match action {
            Action::Keep => false,
            Action::Drop => true,
            _ => self.unlisted == Scope::Keep || released,
        };
        (1..parts.len()).any(|length| {
            let through = [above, &parts[..length]].concat();
            self.rules.iter().any(|(path, action)| applies(action) && matches(path.segments(), &through, false))
        })
    }

    /// Whether a rule that does not release goes on below this location, or below an array that holds it: arrays are
    /// transparent, so an element stands where its array stands.
    fn expects_container(&self, location: &[Step]) -> bool {
        let named = location.iter().rposition(|step| matches!(step, Step::Name(_))).map_or(0, |position| position + 1);
        let stands_at =
            |prefix: &[Segment]| (named..=location.len()).any(|end| end > 0 && matches(prefix, &location[..end], false));
        let goes_on = |path: &Path| (1..path.segments().len()).any(|length| stands_at(&path.segments()[..length]));
        self.rules.iter().any(|(path, action)| !matches!(action, Action::Keep) && goes_on(path))
    }

    /// The tree that is left of a value; `None` if it goes.
    fn expect(&self, value: &Value, location: &mut Vec<Step>, released: bool) -> Option<Value> {
        let mut rule = self.rule_at(location, released);
        let scalars = |list: &Vec<Value>| !list.is_empty() && list.iter().all(|one| !one.is_array() && !one.is_object());
        let mismatch = match value {
            Value::Object(_) => false,
            Value::Array(list) => scalars(list) && self.expects_container(location),
            _ => self.expects_container(location),
        };
        if mismatch && !location.is_empty() {
            rule = Some(&Action::Drop);
        }
        let inside = match rule {
            None => released,
            Some(Action::Keep) => true,
            Some(_) => false,
        };
        match value {
            Value::Object(members) => {
                let mut left = Map::new();
                for (name, member) in members {
                    location.push(Step::Name(name.clone()));
                    if let Some(member) = self.expect(member, location, inside) {
                        left.insert(name.clone(), member);
                    }
                    location.pop();
                }
                self.container(members.is_empty(), left.is_empty(), Value::Object(left), inside)
            }
            Value::Array(elements) => {
                let mut left = Vec::new();
                for (index, element) in elements.iter().enumerate() {
                    location.push(Step::Index(index));
                    left.extend(self.expect(element, location, inside));
                    location.pop();
                }
                self.container(elements.is_empty(), left.is_empty(), Value::Array(left), inside)
            }
            scalar => inside.then(|| scalar.clone()),
        }
    }

    fn container(&self, was_empty: bool, is_empty: bool, left: Value, inside: bool) -> Option<Value> {
        match (was_empty, is_empty) {
            (true, _) => inside.then_some(left),
            (false, false) => Some(left),
            (false, true) => (inside && self.empty_parents == EmptyParents::Keep).then_some(left),
        }
    }

    fn check(&self, text: &str) {
        let tree: Value = serde_json::from_str(text).expect("generated JSON");
        let mut expected = self.expect(&tree, &mut Vec::new(), self.unlisted == Scope::Keep);
        let hollow = |value: &Value| value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
        if hollow(&tree) {
            // An allow-list lets nothing but objects leave.
            expected = (self.unlisted == Scope::Keep || tree.is_object()).then_some(tree);
        } else if expected.as_ref().is_some_and(hollow) {
            expected = None;
        }
        let output = self.run(text.as_bytes()).expect("accepted");
        let got: Option<Value> = output.as_deref().map(|bytes| serde_json::from_slice(bytes).expect("output is JSON"));
        assert_eq!(got, expected, "of {text}");
    }
}

/// Whether a path's steps lead to a location: exactly, or folded, dotted and through arrays.
fn matches(segments: &[Segment], location: &[Step], exact: bool) -> bool {
    let Some((segment, rest)) = segments.split_first() else {
        return location.is_empty();
    };
    let Some((step, behind)) = location.split_first() else {
        return false;
    };
    if segment.descendant && matches(segments, behind, exact) {
        return true;
    }
    let direct = match (&segment.selector, step) {
        (Selector::Wildcard, _) => true,
        (Selector::Name(wanted), Step::Name(name)) => name == &**wanted || (!exact && name.eq_ignore_ascii_case(wanted)),
        (Selector::Index(wanted), Step::Index(index)) => *wanted as usize == *index,
        (Selector::Name(_), Step::Index(_)) | (Selector::Index(_), Step::Name(_)) => false,
    };
    if direct && matches(rest, behind, exact) {
        return true;
    }
    if exact {
        return false;
    }
    match step {
        Step::Index(_) => matches_through(segments, behind),
        Step::Name(name) if name.contains('.') => {
            let parts = name.split('.').filter(|part| !part.is_empty()).map(|part| Step::Name(part.into()));
            let expanded: Vec<Step> = parts.chain(behind.iter().cloned()).collect();
            expanded.len() > location.len() && matches(segments, &expanded, false)
        }
        Step::Name(_) => false,
    }
}

/// Through an array, which is transparent: the path must go on inside the element.
fn matches_through(segments: &[Segment], behind: &[Step]) -> bool {
    !behind.is_empty() && matches(segments, behind, false)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["user", "User", "email", "EMAIL", "token", "a", "b", "user.email", "a.token", "x", "total"])
        .prop_map(String::from)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5i64..500).prop_map(Value::from),
        "[a-z\"\\\\é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            5 => prop::collection::vec((name(), inner), 0..6).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Writes a document with odd spacing and, here and there, escaped names, as chosen by `choices`.
fn spell(value: &Value, choices: &mut std::vec::IntoIter<u8>, out: &mut String) {
    let space = |choice: u8| ["", " ", "\n\t", "\r\n "][usize::from(choice % 4)];
    let next = |choices: &mut std::vec::IntoIter<u8>| choices.next().unwrap_or(0);
    match value {
        Value::Object(members) => {
            out.push('{');
            for (position, (name, member)) in members.iter().enumerate() {
                let choice = next(choices);
                if position > 0 {
                    out.push_str(space(choice));
                    out.push(',');
                }
                out.push_str(space(choice / 4));
                if choice > 200 {
                    let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
                    out.push_str(&format!("\"{escaped}\""));
                } else {
                    out.push_str(&Value::from(name.as_str()).to_string());
                }
                out.push_str(space(choice / 16));
                out.push(':');
                out.push_str(space(choice / 64));
                spell(member, choices, out);
            }
            out.push_str(space(next(choices)));
            out.push('}');
        }
        Value::Array(elements) => {
            out.push('[');
            for (position, element) in elements.iter().enumerate() {
                let choice = next(choices);
                if position > 0 {
                    out.push_str(space(choice));
                    out.push(',');
                }
                out.push_str(space(choice / 4));
                spell(element, choices, out);
            }
            out.push_str(space(next(choices)));
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn spelled() -> impl Strategy<Value = String> {
    (document(), prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(document, choices)| {
        let mut text = String::new();
        spell(&document, &mut choices.into_iter(), &mut text);
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn dropping_leaves_what_the_oracle_leaves(text in spelled()) {
        let rules = [("$.user.email", Action::Drop), ("$..token", Action::Drop), ("$.a", Action::Drop), ("$.a.b", Action::Keep)];
        for empty_parents in [EmptyParents::Keep, EmptyParents::Drop] {
            Case::new(&rules, Scope::Keep, empty_parents).check(&text);
        }
    }

    #[test]
    fn allowing_leaves_what_the_oracle_leaves(text in spelled()) {
        let rules = [("$.total", Action::Keep), ("$.user", Action::Keep), ("$.user.email", Action::Drop), ("$..x", Action::Keep), ("$.a[*].b", Action::Keep)];
        Case::new(&rules, Scope::Drop, EmptyParents::Drop).check(&text);
    }

    #[test]
    fn what_is_dropped_is_cut_and_nothing_is_added(text in spelled()) {
        let case = Case::new(&[("$..email", Action::Drop), ("$.b.x", Action::Drop)], Scope::Keep, EmptyParents::Keep);
        if let Some(output) = case.run(text.as_bytes()).expect("accepted") {
            let mut rest = text.as_bytes().iter();
            prop_assert!(output.iter().all(|byte| rest.any(|other| other == byte)), "not a subsequence");
        }
    }

    #[test]
    fn accepts_what_a_strict_parser_accepts(text in "[\\[\\]{}\",:\\\\ue0-9a.+\\-\\n tru fals nl]{0,24}") {
        let case = Case::new(&[("$..x", Action::Drop)], Scope::Keep, EmptyParents::Keep);
        let reference = serde_json::from_str::<Value>(&text);
        match (case.run(text.as_bytes()), reference) {
            (Ok(_), reference) => prop_assert!(reference.is_ok(), "accepted {text:?}"),
            // serde_json takes duplicate names; a control character in a name cannot come from this alphabet unescaped.
            (Err(_), Ok(value)) => prop_assert!(text.matches(':').count() > count_members(&value) || text.contains("\\n"), "refused {text:?}"),
            (Err(_), Err(_)) => {}
        }
    }
}

fn count_members(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.len() + members.values().map(count_members).sum::<usize>(),
        Value::Array(elements) => elements.iter().map(count_members).sum(),
        _ => 0,
    }
}
