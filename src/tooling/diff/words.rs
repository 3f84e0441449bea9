//! What changed between two policies as written, key by key: spacing, comments and the order of mappings do not count.

use crate::policy::Diagnostics;
use crate::policy::yaml::{self, Node, OwnKeys, Value};
use serde::Serialize;
use std::fmt;

/// How much of a value is shown.
const SHOWN: usize = 100;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The part of the policy: `purposes`, `sinks` …
    pub section: String,
    /// The entry of that part, where it has entries by name.
    pub entry: Option<String>,
    /// The keys that lead to the place, joined by dots; empty for the entry as a whole.
    pub key: String,
    /// `added`, `removed`, `changed`, or `reordered`.
    pub change: &'static str,
    /// What stood there.
    pub was: Option<String>,
    /// What stands there now.
    pub is: Option<String>,
}

impl fmt::Display for Change {
    /// One line, without the section.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match (&self.entry, self.key.is_empty()) {
            (Some(entry), true) => entry.clone(),
            (Some(entry), false) => format!("{entry}: {}", self.key),
            (None, _) => self.key.clone(),
        };
        let colon = if place.is_empty() { "" } else { ": " };
        match (self.change, &self.was, &self.is) {
            ("reordered", _, Some(is)) => write!(out, "~ {place}{colon}in another order: {is}"),
            (_, Some(was), Some(is)) => write!(out, "~ {place}{colon}was {was}, is {is}"),
            (_, None, Some(is)) => write!(out, "+ {place}{colon}{is}"),
            (_, Some(was), None) => write!(out, "- {place}{colon}{was}"),
            (_, None, None) => write!(out, "~ {place}"),
        }
    }
}

/// The differences, in the order of the old policy, then of what is new. Texts that are no YAML have none.
pub fn changes(old: &str, new: &str) -> Vec<Change> {
    let (Some(old), Some(new)) = (document(old), document(new)) else { return Vec::new() };
    let mut found = Vec::new();
    Walk { found: &mut found, way: Vec::new() }.nodes(&old, &new);
    found
}

fn document(text: &str) -> Option<Node> {
    yaml::parse(text, OwnKeys::Ignored, &mut Diagnostics::default())
}

struct Walk<'f> {
    found: &'f mut Vec<Change>,
    way: Vec<String>,
}

impl Walk<'_> {
    fn nodes(&mut self, old: &Node, new: &Node) {
        match (&old.value, &new.value) {
            (Value::Map(old), Value::Map(new)) => {
                for (name, node) in old {
                    self.way.push(name.value.clone());
                    match new.iter().find(|(known, _)| known.value == name.value) {
                        Some((_, other)) => self.nodes(node, other),
                        None => self.note("removed", Some(node), None),
                    }
                    self.way.pop();
                }
                for (name, node) in new.iter().filter(|(name, _)| old.iter().all(|(known, _)| known.value != name.value)) {
                    self.way.push(name.value.clone());
                    self.note("added", None, Some(node));
                    self.way.pop();
                }
            }
            (Value::List(old_list), Value::List(new_list)) => self.lists(old_list, new_list, new),
            _ if text(old) != text(new) => self.note("changed", Some(old), Some(new)),
            _ => {}
        }
    }

    /// What a list lost and gained; in another order where it holds the same.
    fn lists(&mut self, old: &[Node], new: &[Node], whole: &Node) {
        let (before, after): (Vec<String>, Vec<String>) = (old.iter().map(text).collect(), new.iter().map(text).collect());
        if before == after {
            return;
        }
        let (mut gone, mut come) = (Vec::new(), after.clone());
        for (element, node) in before.iter().zip(old) {
            match come.iter().position(|other| other == element) {
                Some(position) => drop(come.remove(position)),
                None => gone.push(node),
            }
        }
        let mut left = before.clone();
        let added = new.iter().zip(&after).filter(|(_, element)| match left.iter().position(|other| other == *element) {
            Some(position) => {
                left.remove(position);
                false
            }
            None => true,
        });
        let added: Vec<&Node> = added.map(|(node, _)| node).collect();
        if gone.is_empty() && added.is_empty() {
            return self.note("reordered", None, Some(whole));
        }
        gone.into_iter().for_each(|node| self.note("removed", Some(node), None));
        added.into_iter().for_each(|node| self.note("added", None, Some(node)));
    }

    fn note(&mut self, change: &'static str, was: Option<&Node>, is: Option<&Node>) {
        /// The parts of a policy that declare names of the author's own.
        const BY_NAME: [&str; 8] = ["purposes", "regions", "vendors", "keys", "streams", "templates", "profiles", "sinks"];
        let section = self.way.first().cloned().unwrap_or_default();
        let has_entries = BY_NAME.contains(&&*section);
        let entry = self.way.get(1).filter(|_| has_entries).cloned();
        let key = self.way.iter().skip(if has_entries { 2 } else { 1 }).map(|key| quoted(key)).collect::<Vec<_>>().join(".");
        let shown = |node: Option<&Node>| node.map(|node| shorten(&text(node)));
        self.found.push(Change { section, entry, key, change, was: shown(was), is: shown(is) });
    }
}

/// A path or a class is one key, whatever dots it has.
fn quoted(key: &str) -> String {
    if key.contains(['.', '$', ' ']) { format!("`{key}`") } else { key.to_owned() }
}

/// A value in the flow style of YAML.
fn text(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::List(list) => format!("[{}]", list.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            let mut members: Vec<String> = map.iter().map(|(name, node)| format!("{}: {}", name.value, text(node))).collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
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

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[&str]) {
        let found: Vec<String> = changes(old, new).iter().map(|change| format!("{} {change}", change.section)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_means_the_same_is_no_change() {
        check("{a: 1, b: [x, y]}", "# a remark\nb:\n  - x\n  - 'y'\na: 1\nx-note: new\n", &[]);
    }

    #[test]
    fn entries_keys_and_lists_are_told_apart() {
        let old = "
purposes: {ads: {legal_basis: consent, tcf: [1, 2], max_age: P13M}, old: {legal_basis: consent}}
regimes: [{in: [EEA], silence: deny}, {in: ['*'], silence: allow}]
sinks: {house: {topic: a, fields: {user.contact: drop, $.n: keep}}}";
        let new = "
purposes: {ads: {legal_basis: consent, tcf: [1, 7], max_age: P6M}}
regimes: [{in: [EEA, GB], silence: deny}, {in: ['*'], silence: allow}]
sinks: {house: {topic: a, fields: {user.contact: keep, $.n: keep}, unlisted: keep}, ads: {topic: b}}";
        check(
            old,
            new,
            &[
                "purposes - ads: tcf: 2",
                "purposes + ads: tcf: 7",
                "purposes ~ ads: max_age: was P13M, is P6M",
                "purposes - old: {legal_basis: consent}",
                "regimes - {in: [EEA], silence: deny}",
                "regimes + {in: [EEA, GB], silence: deny}",
                "sinks ~ house: fields.`user.contact`: was drop, is keep",
                "sinks + house: unlisted: keep",
                "sinks + ads: {topic: b}",
            ],
        );
    }

    #[test]
    fn the_order_of_a_list_has_meaning() {
        check(
            "sinks: {a: {purposes: [x, y]}}",
            "sinks: {a: {purposes: [y, x]}}",
            &["sinks ~ a: purposes: in another order: [y, x]"],
        );
        check("sinks: {a: {purposes: [x, x]}}", "sinks: {a: {purposes: [x]}}", &["sinks - a: purposes: x"]);
    }
}
