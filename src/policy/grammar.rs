//! How a grammar of the policy language is written down: shapes of values, keys of objects, closed lists of words.
//!
//! One table of these (`language`) drives the check of form, the "did you mean" hints and the JSON Schema.

/// What a value may be.
pub(crate) enum Shape {
    /// The number of the language's version.
    Version,
    /// Anything at all.
    Any,
    /// A string of some form.
    Text(Form),
    /// One word of a closed list.
    Word(&'static [Word]),
    /// `true` or `false`.
    Bool,
    /// `true` and nothing else: a marker.
    True,
    /// A whole number.
    Int {
        /// The least.
        min: i64,
        /// The greatest.
        max: i64,
    },
    /// Any finite number.
    Number,
    /// A string, a number or a boolean.
    Scalar,
    /// A sequence.
    List {
        /// Of what.
        of: &'static Shape,
        /// How many at least.
        least: usize,
    },
    /// A mapping with names of the author's own.
    Named {
        /// The form of the names.
        key: Form,
        /// What stands under each.
        of: &'static Shape,
        /// How many at least.
        least: usize,
    },
    /// A mapping with keys of the language.
    Map(&'static Object),
    /// One of several, told apart by the kind of value.
    Either(&'static [Shape]),
    /// A mapping whose kind is told by which of some keys is there.
    Chosen(&'static Choice),
    /// A mapping whose kind is told by the word at one key.
    Tagged(&'static Tagged),
    /// A word, or a mapping of one word to its options.
    Variant(&'static Variant),
}

/// The form of a string. Only [`Form::Any`] may be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Any text, also none.
    Any,
    /// Any text.
    Free,
    /// A name that the policy declares or uses.
    Name,
    /// A path.
    Path,
    /// The dotted name of a class.
    Class,
    /// A class, or a path.
    ClassOrPath,
    /// `2026-01-15`
    Date,
    /// `P13M`
    Duration,
}

/// A word of a closed list.
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) about: &'static str,
    /// Part of the language that this version does not have yet.
    pub(crate) later: bool,
}

/// A word that this version has.
pub(crate) const fn word(word: &'static str, about: &'static str) -> Word {
    Word { word, about, later: false }
}

/// A word that a later version brings.
pub(crate) const fn later(word: &'static str) -> Word {
    Word { word, about: "", later: true }
}

/// A key of an object.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) need: Need,
    pub(crate) about: &'static str,
}

/// Whether a key must, may or may not be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It may not, and people put it here: why not.
    NotHere(&'static str),
}

/// A key that must be there.
pub(crate) const fn need(name: &'static str, shape: &'static Shape, about: &'static str) -> Key {
    Key { name, shape, need: Need::Required, about }
}

/// A key that may be there.
pub(crate) const fn may(name: &'static str, shape: &'static Shape, about: &'static str) -> Key {
    Key { name, shape, need: Need::Optional, about }
}

/// A key that may not be here.
pub(crate) const fn not_here(name: &'static str, why: &'static str) -> Key {
    Key { name, shape: &Shape::Bool, need: Need::NotHere(why), about: "" }
}

/// A mapping with keys of the language.
pub(crate) struct Object {
    /// Its name in the JSON Schema, and in messages: `unknown key `x` in a sink`.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
    pub(crate) groups: &'static [Group],
}

impl Object {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys that an author may write.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().filter(|key| matches!(key.need, Need::Required | Need::Optional))
    }
}

/// Keys that exclude each other.
pub(crate) struct Group {
    pub(crate) keys: &'static [&'static str],
    /// One of them must be there.
    pub(crate) required: bool,
}

/// Exactly one of these keys.
pub(crate) const fn one_of(keys: &'static [&'static str]) -> Group {
    Group { keys, required: true }
}

/// At most one of these keys.
pub(crate) const fn at_most_one(keys: &'static [&'static str]) -> Group {
    Group { keys, required: false }
}

/// A mapping whose kind is told by which key is there.
pub(crate) struct Choice {
    pub(crate) name: &'static str,
    /// The telling key, and the object it tells.
    pub(crate) branches: &'static [(&'static str, &'static Object)],
}

/// A mapping whose kind is told by the word at one key.
pub(crate) struct Tagged {
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) about: &'static str,
    /// The words, each with its object; `None` for a word that a later version brings.
    pub(crate) branches: &'static [(&'static str, Option<&'static Object>)],
}

/// A word, or a mapping of one word to its options.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    pub(crate) cases: &'static [Case],
}

/// One case of a [`Variant`].
pub(crate) struct Case {
    pub(crate) word: &'static str,
    pub(crate) about: &'static str,
    pub(crate) options: Options,
}

/// What follows a case's word.
pub(crate) enum Options {
    /// Nothing: it stands alone.
    None,
    /// A mapping.
    Some(&'static Object),
}

impl Shape {
    /// What is expected, in words: "a list", "`drop` or `keep`".
    pub(crate) fn describe(&self) -> String {
        match self {
            Shape::Version => "the version of the language, 1".into(),
            Shape::Any => "a value".into(),
            Shape::Text(form) => form.describe().into(),
            Shape::Word(words) => alternatives(words.iter().filter(|word| !word.later).map(|word| word.word)),
            Shape::Bool => "`true` or `false`".into(),
            Shape::True => "`true`".into(),
            Shape::Int { min, max } => format!("a whole number from {min} to {max}"),
            Shape::Number => "a number".into(),
            Shape::Scalar => "a string, a number or a boolean".into(),
            Shape::List { .. } => "a list".into(),
            Shape::Named { .. } | Shape::Map(_) | Shape::Tagged(_) => "a mapping".into(),
            Shape::Chosen(choice) => choice.name.into(),
            Shape::Variant(variant) => variant.name.into(),
            Shape::Either(shapes) => shapes.iter().map(Shape::describe).collect::<Vec<_>>().join(" or "),
        }
    }
}

impl Form {
    /// What is expected, in words.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Form::Any | Form::Free => "a string",
            Form::Name => "a name",
            Form::Path => "a path",
            Form::Class => "the dotted name of a class",
            Form::ClassOrPath => "a class or a path",
            Form::Date => "a date such as 2026-01-15",
            Form::Duration => "a duration such as P13M",
        }
    }
}

/// "`a`, `b` or `c`"
pub(crate) fn alternatives<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => "nothing".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
