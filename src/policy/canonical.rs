//! The identity of a policy: SHA-256 over a form in which only meaning counts.
//!
//! The form is JSON without spacing: aliases expanded, `x-` keys gone, members of mappings sorted by name, lists in
//! their order (which has meaning: identities, regimes, purposes of a sink), whole numbers without a fraction.
//! Comments, quotes, spacing and the order of mappings do not count.

use super::yaml::{Node, Value};
use crate::plan::PolicyHash;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Beyond this a double no longer holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The identity of a policy.
pub fn canonical_hash(root: &Node) -> PolicyHash {
    let mut text = String::new();
    write_node(root, &mut text);
    PolicyHash(Sha256::digest(text.as_bytes()).into())
}

fn write_node(node: &Node, out: &mut String) {
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => push(out, format_args!("{number}")),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < EXACT => push(out, format_args!("{}", *number as i64)),
        Value::Float(number) => push(out, format_args!("{number}")),
        Value::Text(text) => write_text(text, out),
        Value::List(list) => {
            out.push('[');
            for (position, element) in list.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_node(element, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by(|(a, _), (b, _)| a.value.cmp(&b.value));
            out.push('{');
            for (position, (name, member)) in members.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                write_text(&name.value, out);
                out.push(':');
                write_node(member, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                out.push('\\');
                out.push(letter);
            }
            control if control < ' ' => push(out, format_args!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Diagnostics, yaml};

    #[track_caller]
    fn hash(text: &str) -> PolicyHash {
        canonical_hash(&yaml::parse(text, yaml::OwnKeys::Ignored, &mut Diagnostics::default()).expect("a document"))
    }

    #[test]
    fn what_has_no_meaning_does_not_count() {
        let plain = hash("a: 1\nb: [x, {c: true, d: ~}]\n");
        for same in [
            "# a comment\nb: ['x', {d: null, c: true}]\na: 1.0\n",
            "x-part: &part {c: True, d: ~, x-e: 1}\na: 0x1\nb:\n  - \"x\"\n  - *part\n",
        ] {
            assert_eq!(hash(same), plain, "{same}");
        }
    }

    #[test]
    fn what_has_meaning_counts() {
        let plain = hash("a: 1\nb: [x, y]\n");
        for other in
            ["a: 1\nb: [y, x]\n", "a: '1'\nb: [x, y]\n", "a: 2\nb: [x, y]\n", "a: 1\nb: [x, y]\nc: ~\n", "a: 1.5\nb: [x, y]\n"]
        {
            assert_ne!(hash(other), plain, "{other}");
        }
        assert_ne!(hash("a: ['b\",\"c']\n"), hash("a: [b, c]\n"));
    }

    /// The digest was computed with `printf '%s' '{"a":1,"b":["x",{"c":true,"d":null}]}' | sha256sum`.
    #[test]
    fn the_form_is_plain_json() {
        let hash = hash("b: [x, {d: null, c: true}]\na: 1\n");
        let hex: String = hash.0.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "280c4abbcbe1f9ced0cf893455e886d6198ed0031398bc94326947511d14fb05");
        assert_eq!(hash.to_string(), hex[..12]);
    }
}
