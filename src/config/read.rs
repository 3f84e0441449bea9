//! The tree of `privet.yaml` against the grammar: every fault at once, values as their types.

use super::expand::{Lookup, expand};
use super::grammar::{Key, Shape, duration_text};
use super::yaml::{Entry, Kind, Node};
use super::{Place, Problem, units};
use std::collections::BTreeMap;
use std::time::Duration;

/// A value that has the form its setting asks for.
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Count(u64),
    Auto,
    Duration(Duration),
    Section(Section),
    Properties(BTreeMap<String, (Place, String)>),
}

/// The settings of one mapping that were written and are well-formed.
#[derive(Default)]
pub(super) struct Section {
    values: BTreeMap<&'static str, (Place, Value)>,
}

impl Section {
    /// Where a setting stands.
    pub(super) fn place(&self, name: &str) -> Option<Place> {
        self.values.get(name).map(|(place, _)| *place)
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.values.remove(name)?.1 {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.values.remove(name)?.1 {
            Value::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    /// A count or a size.
    pub(super) fn count(&mut self, name: &str) -> Option<u64> {
        match self.values.remove(name)?.1 {
            Value::Count(count) => Some(count),
            _ => None,
        }
    }

    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        match self.values.remove(name)?.1 {
            Value::Duration(duration) => Some(duration),
            _ => None,
        }
    }

    pub(super) fn section(&mut self, name: &str) -> Option<Section> {
        match self.values.remove(name)?.1 {
            Value::Section(section) => Some(section),
            _ => None,
        }
    }

    pub(super) fn properties(&mut self, name: &str) -> Option<BTreeMap<String, (Place, String)>> {
        match self.values.remove(name)?.1 {
            Value::Properties(properties) => Some(properties),
            _ => None,
        }
    }
}

/// Reads a mapping by its grammar; faults go to `problems` and leave the setting out.
pub(super) fn section(
    at: Place,
    entries: Vec<Entry>,
    keys: &'static [Key],
    lookup: &dyn Lookup,
    problems: &mut Vec<Problem>,
) -> Section {
    let mut section = Section::default();
    for key in keys.iter().filter(|key| key.required) {
        if !entries.iter().any(|entry| entry.name == key.name) {
            problems.push(Problem::new(at, format!("`{}` is missing", key.name)));
        }
    }
    for entry in entries {
        let Some(key) = keys.iter().find(|key| key.name == entry.name) else {
            problems.push(Problem::new(entry.at, unknown(&entry.name, keys)));
            continue;
        };
        let at = entry.value.at;
        if let Some(value) = value(key, entry, lookup, problems) {
            section.values.insert(key.name, (at, value));
        }
    }
    section
}

fn unknown(name: &str, keys: &[Key]) -> String {
    let close = keys.iter().map(|key| (strsim::damerau_levenshtein(name, key.name), key.name)).min();
    match close {
        Some((distance, close)) if distance <= 2 => format!("unknown setting `{name}`; did you mean `{close}`?"),
        _ => format!("unknown setting `{name}`"),
    }
}

fn value(key: &'static Key, entry: Entry, lookup: &dyn Lookup, problems: &mut Vec<Problem>) -> Option<Value> {
    let Entry { name, at, value } = entry;
    if let Shape::Later = key.shape {
        problems.push(Problem::new(at, format!("`{name}` is not supported yet")));
        return None;
    }
    if value.is_null() {
        problems.push(Problem::new(at, format!("`{name}` has no value")));
        return None;
    }
    let here = value.at;
    match (&key.shape, value.kind) {
        (Shape::Section(keys), Kind::Map(entries)) => Some(Value::Section(section(here, entries, keys, lookup, problems))),
        (Shape::Properties | Shape::Overrides, Kind::Map(entries)) => {
            Some(Value::Properties(properties(entries, lookup, problems)))
        }
        (Shape::Section(_) | Shape::Properties | Shape::Overrides, Kind::Scalar { .. } | Kind::List) => {
            problems.push(Problem::new(here, format!("`{name}` takes settings of its own")));
            None
        }
        (shape, Kind::Scalar { text, .. }) => match expand(&text, lookup).and_then(|text| scalar(shape, text)) {
            Ok(value) => Some(value),
            Err(why) => {
                problems.push(Problem::new(here, format!("`{name}`: {why}")));
                None
            }
        },
        (_, Kind::Map(_) | Kind::List) => {
            problems.push(Problem::new(here, format!("`{name}` takes one value")));
            None
        }
    }
}

/// No message repeats the value: it may have come from a secret.
fn scalar(shape: &Shape, text: String) -> Result<Value, String> {
    let within = |number: u64, least: u64, most: u64, show: fn(u64) -> String| match (least..=most).contains(&number) {
        true => Ok(number),
        false => Err(format!("must be from {} to {}", show(least), show(most))),
    };
    let plain = |number: u64| number.to_string();
    match shape {
        Shape::Text if text.is_empty() => Err("is empty".to_owned()),
        Shape::Text => Ok(Value::Text(text)),
        Shape::Word(words, _) if words.contains(&text.as_str()) => Ok(Value::Text(text)),
        Shape::Word(_, later) if later.contains(&text.as_str()) => Err(format!("{text} is not supported yet")),
        Shape::Word(words, _) => Err(format!("expected {}", words.join(" or "))),
        Shape::Bool => match text.as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err("expected true or false".to_owned()),
        },
        Shape::AutoOrCount(..) if text == "auto" => Ok(Value::Auto),
        Shape::Count(least, most) | Shape::AutoOrCount(least, most) => {
            let number = text.parse().map_err(|_| "expected a whole number".to_owned())?;
            within(number, *least, *most, plain).map(Value::Count)
        }
        Shape::Duration(least, most) => {
            let duration = units::duration(&text).ok_or("expected a duration such as 100ms or 2s")?;
            let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            within(millis, *least, *most, duration_text).map(|millis| Value::Duration(Duration::from_millis(millis)))
        }
        Shape::Size(least, most) => {
            let bytes = units::size(&text).ok_or("expected a size such as 64KiB or 1MiB")?;
            within(bytes, *least, *most, units::show_size).map(Value::Count)
        }
        Shape::Section(_) | Shape::Properties | Shape::Overrides | Shape::Later => Err("takes settings of its own".to_owned()),
    }
}

fn properties(entries: Vec<Entry>, lookup: &dyn Lookup, problems: &mut Vec<Problem>) -> BTreeMap<String, (Place, String)> {
    let mut properties = BTreeMap::new();
    for Entry { name, at, value: Node { at: here, kind } } in entries {
        let Kind::Scalar { text, .. } = kind else {
            problems.push(Problem::new(here, format!("`kafka.{name}` takes one value, as librdkafka writes it")));
            continue;
        };
        match expand(&text, lookup) {
            Ok(text) => {
                properties.insert(name, (at, text));
            }
            Err(why) => problems.push(Problem::new(here, format!("`kafka.{name}`: {why}"))),
        }
    }
    properties
}
