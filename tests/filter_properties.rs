//! Filters of arrays against an oracle that works on a tree: which elements stay, that the bytes of what stays are the input's
//! own, and that nothing outside of the arrays is touched.

use privet::decode::Limits;
use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::outcome::Reason;
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy::compile;
use proptest::prelude::*;
use serde_json::Value;

fn plan(fields: &str) -> Plan {
    let policy = format!(
        "privet: 1\ncontroller: {{name: Test, country: DE}}\npurposes: {{ops: {{legal_basis: contract, because: test}}}}\n\
         regimes: [{{in: ['*'], silence: deny}}]\n\
         streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}}}}}\n\
         sinks: {{out: {{topic: out, purposes: [ops], unlisted: keep, fields: {{{fields}}}}}}}\n"
    );
    let compiled = compile(&policy, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

/// What the one sink gets: the bytes, or why nothing.
fn run(plan: &Plan, value: &str) -> Result<String, Reason> {
    let record =
        Record { position: Position::default(), timestamp: None, key: None, value: Some(value.as_bytes()), headers: &[] };
    let mut result = Err(Reason::Internal);
    Engine::new(Limits::default()).evaluate(plan, StreamId(0), &record, Timestamp::UNIX_EPOCH, &mut |_, verdict| {
        result = match verdict.value {
            Some(bytes) => Ok(String::from_utf8(bytes.to_vec()).expect("UTF-8")),
            None => Err(verdict.reason),
        };
    });
    result
}

/// JSON text with numbers, escapes and spaces that nobody would write twice alike.
fn texts() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec!["1.50e1", "\"tr\\u0061ck\"", "\"page\"", "null", "true", "-0.0", "\"\\/\\u00e9\""]);
    let space = prop::sample::select(vec!["", " ", "\n  ", "\t"]);
    let name = prop::sample::select(vec!["type", "events", "note", "n", "ev\\u0065nts"]);
    scalar.prop_map(str::to_owned).prop_recursive(5, 60, 6, move |inner| {
        let elements = prop::collection::vec((space.clone(), inner.clone(), space.clone()), 0..5).prop_map(|elements| {
            let elements: Vec<String> = elements.into_iter().map(|(a, text, b)| format!("{a}{text}{b}")).collect();
            format!("[{}]", elements.join(","))
        });
        let members = prop::collection::btree_map(name.clone(), (space.clone(), inner), 0..4).prop_map(|members| {
            // Equal names would be refused, however they are spelled.
            let twice = members.contains_key("events") && members.contains_key("ev\\u0065nts");
            let members = members.into_iter().filter(|(name, _)| !twice || *name != "events");
            let members: Vec<String> = members.map(|(name, (space, text))| format!("\"{name}\":{space}{text}")).collect();
            format!("{{{}}}", members.join(" ,"))
        });
        prop_oneof![elements, members]
    })
}

/// The values of `type` that `$.type` names in an element: arrays are transparent.
fn types<'v>(element: &'v Value, found: &mut Vec<&'v Value>) {
    match element {
        Value::Object(members) => found.extend(members.get("type")),
        Value::Array(elements) => elements.iter().for_each(|element| types(element, found)),
        _ => {}
    }
}

fn stays(element: &Value) -> bool {
    let mut found = Vec::new();
    types(element, &mut found);
    !found.is_empty() && found.iter().all(|value| value.as_str() == Some("track"))
}

/// `$..events` filtered, and `$..note` made null.
fn oracle(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter_map(|(name, member)| match (name.as_str(), member) {
                ("note", _) => Some((name.clone(), Value::Null)),
                ("events", Value::Array(elements)) => {
                    let staying = elements.iter().filter(|element| stays(element)).map(oracle).collect();
                    Some((name.clone(), Value::Array(staying)))
                }
                ("events", _) => None,
                _ => Some((name.clone(), oracle(member))),
            });
            Value::Object(kept.collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(oracle).collect()),
        _ => value.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn filtering_leaves_what_the_oracle_leaves(text in texts()) {
        let plan = plan("$..events: {filter: {when: {path: $.type, equals: track}}}, $..note: null");
        let input: Value = serde_json::from_str(&text).expect("JSON");
        let expected = oracle(&input);
        match run(&plan, &text) {
            Ok(output) if expected == input => prop_assert_eq!(output, text),
            Ok(output) => prop_assert_eq!(serde_json::from_str::<Value>(&output).expect("JSON"), expected, "{}", text),
            Err(reason) => prop_assert!(reason == Reason::Empty && matches!(expected, Value::Object(ref left) if left.is_empty())),
        }
    }

    #[test]
    fn what_stays_has_the_bytes_that_it_had(elements in prop::collection::vec((texts(), any::<bool>()), 0..6), spaces in "[ \n\t]{0,3}") {
        let plan = plan("$.batch: {filter: {when: {path: $.stays, equals: true}}}");
        let list: Vec<String> =
            elements.iter().map(|(text, stays)| format!("{spaces}{{ \"stays\": {stays},\"x\":{text}}}{spaces}")).collect();
        let (before, behind) = (format!("{{\"a\" :1e0,{spaces}\"batch\":{spaces}["), format!("],{spaces}\"z\":[{{\"stays\":false}}] }}"));
        let output = run(&plan, &format!("{before}{}{behind}", list.join(","))).expect("it leaves");
        prop_assert!(output.starts_with(&before) && output.ends_with(&behind), "{}", output);
        let mut rest = &output[before.len()..output.len() - behind.len()];
        for (text, _) in list.iter().zip(&elements).filter(|(_, (_, stays))| *stays) {
            let at = rest.find(text.trim()).expect("the element's own bytes");
            prop_assert!(rest[..at].chars().all(|c| c.is_ascii_whitespace() || c == ','), "{}", output);
            rest = &rest[at + text.trim().len()..];
        }
        prop_assert!(rest.trim().is_empty(), "{}", output);
        prop_assert!(serde_json::from_str::<Value>(&output).is_ok(), "{}", output);
    }
}

/// Arrays inside elements of arrays are read once for each level, so the levels together are bounded.
#[test]
fn arrays_in_arrays_cost_a_bounded_number_of_readings() {
    let plan = plan("$..e: {filter: {when: {path: $.ok, equals: true}}}");
    let nested = |levels: usize, bytes: usize| {
        let text = "x".repeat(bytes);
        format!("{}\"{text}\"{}", "{\"ok\":true,\"e\":[".repeat(levels), "]}".repeat(levels))
    };
    assert_eq!(
        run(&plan, &nested(7, 1 << 20 >> 1)).map(|left| left.len()),
        Ok(nested(6, 0).len() - 2 + "{\"ok\":true,\"e\":[]}".len())
    );
    assert_eq!(run(&plan, &nested(60, 1 << 20 >> 1)), Err(Reason::LimitExceeded));
    assert!(run(&plan, &nested(60, 10)).is_ok());
}
