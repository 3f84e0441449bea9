//! The reference of the policy language as Markdown, from the table that checks it and that of the codes.

use super::diagnostic::Code;
use super::grammar::{Group, Key, Need, Object, Options, Shape, Word, alternatives};
use super::language;
use std::fmt::Write;

/// The text of `docs/policy-reference.md`.
pub fn reference() -> String {
    let mut writer = Writer {
        text: String::new(),
        pending: vec![&language::POLICY],
        written: Vec::new(),
        later: Vec::new(),
        place: String::new(),
    };
    writer.text.push_str(
        "# Reference of the policy language\n\nMade from the table that `privet check` works with; a test holds that it is \
         up to date. `privet schema policy` prints the same as JSON Schema, so that editors complete it. Keys that begin \
         with `x-` are the author's own, everywhere. Every key below is written in `tests/complete/policy.yaml`.\n",
    );
    while let Some(object) = writer.next() {
        writer.object(object);
    }
    writer.transforms();
    writer.not_yet();
    writer.codes();
    writer.text
}

struct Writer {
    text: String,
    pending: Vec<&'static Object>,
    written: Vec<&'static str>,
    later: Vec<String>,
    /// The key whose value is described.
    place: String,
}

impl Writer {
    /// The next object in the order in which the file names them.
    fn next(&mut self) -> Option<&'static Object> {
        while !self.pending.is_empty() {
            let object = self.pending.remove(0);
            if !self.written.contains(&object.name) {
                self.written.push(object.name);
                return Some(object);
            }
        }
        None
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("writing to a string cannot fail");
    }

    fn object(&mut self, object: &'static Object) {
        self.line(format_args!("\n## {}\n\n| key | value | |\n| --- | --- | --- |", object.name));
        for key in object.keys {
            match key.need {
                Need::Required | Need::Optional => {
                    self.place = format!("`{}` of {}", key.name, object.name);
                    self.key(key);
                }
                Need::NotHere(_) => {}
            }
        }
        for Group { keys, required } in object.groups {
            let count = if *required { "Exactly" } else { "At most" };
            self.line(format_args!("\n{count} one of {}.", alternatives(keys.iter().copied())));
        }
    }

    fn key(&mut self, key: &'static Key) {
        let needed = if key.need == Need::Required { " **Required.**" } else { "" };
        let value = self.value(key.shape).replace('|', "\\|");
        self.line(format_args!("| `{}` | {value} | {}{needed} |", key.name, key.about.replace('|', "\\|")));
    }

    /// What may stand there, in words; objects met on the way are described later.
    fn value(&mut self, shape: &'static Shape) -> String {
        match shape {
            Shape::Word(words) => self.words(words),
            Shape::List { of, .. } => format!("list of {}", self.value(of).trim_start_matches("a ")),
            Shape::Named { key, of, .. } => format!("{} → {}", key.describe(), self.value(of)),
            Shape::Map(object) => {
                self.pending.push(object);
                object.name.to_owned()
            }
            Shape::Either(shapes) => shapes.iter().map(|shape| self.value(shape)).collect::<Vec<_>>().join(", or "),
            Shape::Chosen(choice) => {
                self.pending.extend(choice.branches.iter().map(|(_, object)| *object));
                choice.name.to_owned()
            }
            Shape::Tagged(tagged) => {
                let later = tagged.branches.iter().filter(|(_, object)| object.is_none());
                self.later.extend(later.map(|(word, _)| format!("{} `{word}`", tagged.name)));
                self.pending.extend(tagged.branches.iter().filter_map(|(_, object)| *object));
                tagged.name.to_owned()
            }
            Shape::Version
            | Shape::Any
            | Shape::Text(_)
            | Shape::Bool
            | Shape::True
            | Shape::Int { .. }
            | Shape::Number
            | Shape::Scalar
            | Shape::Variant(_) => shape.describe(),
        }
    }

    fn words(&mut self, words: &'static [Word]) -> String {
        self.later.extend(words.iter().filter(|word| word.later).map(|word| format!("`{}` as {}", word.word, self.place)));
        let explained = |word: &Word| match word.about {
            "" => format!("`{}`", word.word),
            about => format!("`{}` ({about})", word.word),
        };
        words.iter().filter(|word| !word.later).map(explained).collect::<Vec<_>>().join(", ")
    }

    fn transforms(&mut self) {
        self.line(format_args!("\n## Transforms\n\n| transform | | options |\n| --- | --- | --- |"));
        for case in language::TRANSFORM.cases {
            match &case.options {
                Options::None => self.line(format_args!("| `{}` | {} | |", case.word, case.about)),
                Options::Some(object) => {
                    let options: Vec<String> = object
                        .usable()
                        .map(|key| {
                            self.place = format!("`{}` of `{}`", key.name, case.word);
                            let value = self.value(key.shape);
                            let may = if key.need == Need::Required { "" } else { "optional, " };
                            format!("`{}`: {} ({may}{value})", key.name, key.about.trim_end_matches('.'))
                        })
                        .collect();
                    let options = options.join("; ").replace('|', "\\|");
                    self.line(format_args!("| `{}` | {} | {options} |", case.word, case.about));
                }
            }
        }
    }

    fn not_yet(&mut self) {
        self.later.dedup();
        let later = self.later.join(", ");
        self.line(format_args!(
            "\n## Not supported yet\n\nPart of the language, refused by name until a later version: {later}."
        ));
    }

    fn codes(&mut self) {
        self.line(format_args!("\n## Codes of errors and warnings\n\n| code | meaning |\n| --- | --- |"));
        for code in Code::ALL {
            self.line(format_args!("| {code} | {} |", code.meaning()));
        }
    }
}
