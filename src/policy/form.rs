//! Whether a tree of nodes has the form that the grammar asks for: every fault at once, each at its place.
//!
//! A node with a fault of its own is marked, so that what reads it afterwards leaves it out.

use super::ast::{Span, Text};
use super::diagnostic::{Code, Diagnostics, SourceMap, closest, did_you_mean};
use super::grammar::{Choice, Form, Need, Object, Options, Shape, Tagged, Variant, Word, alternatives};
use super::yaml::{Node, Value};
use crate::event::Path;

/// The version of the language that this program reads.
const VERSION: i64 = 1;
/// The merge key of YAML 1.1: its fault is reported where the text is read.
const MERGE: &str = "<<";
/// Names end up in metric labels, topics of receipts and file names.
const MAX_NAME: usize = 128;

/// Checks a whole document against an object of the language.
pub(crate) fn check(root: &Node, object: &'static Object, source: &SourceMap, diagnostics: &mut Diagnostics) {
    let start = root.span.start..root.span.start;
    let mut checker = Checker { source, diagnostics };
    match root.map() {
        Some(map) => checker.object(map, object, &[], &start),
        None => checker.wrong_type(root, &Shape::Map(object), &start),
    }
}

struct Checker<'s, 'd> {
    source: &'s SourceMap,
    diagnostics: &'d mut Diagnostics,
}

impl Checker<'_, '_> {
    /// `head` is where a fault of the node as a whole is shown: the key it stands under.
    fn shape(&mut self, node: &Node, shape: &'static Shape, head: &Span) {
        if node.faulty.get() {
            return; // reported already
        }
        match shape {
            Shape::Version => self.version(node, head),
            Shape::Any => {}
            Shape::Text(form) => match node.text() {
                Some(text) => self.text(node, text, *form),
                None => self.wrong_type(node, shape, head),
            },
            Shape::Word(words) => self.word(node, words, shape, head),
            Shape::Bool if matches!(node.value, Value::Bool(_)) => {}
            Shape::True if matches!(node.value, Value::Bool(true)) => {}
            Shape::Scalar if node.scalar().is_some_and(is_comparable) => {}
            Shape::Bool | Shape::True | Shape::Scalar => self.wrong_type(node, shape, head),
            Shape::Int { min, max } => self.int(node, *min, *max, shape, head),
            Shape::Number => match node.value {
                Value::Int(_) => {}
                Value::Float(number) if number.is_finite() => {}
                Value::Null | Value::Bool(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                    self.wrong_type(node, shape, head);
                }
            },
            Shape::List { of, least } => match node.list() {
                Some(list) => {
                    self.at_least(node, list.len(), *least, head);
                    list.iter().for_each(|element| self.shape(element, of, &element.span));
                }
                None => self.wrong_type(node, shape, head),
            },
            Shape::Named { key, of, least } => match node.map() {
                Some(map) => {
                    self.at_least(node, map.len(), *least, head);
                    for (name, value) in map {
                        self.name(name, *key);
                        self.shape(value, of, &name.span);
                    }
                }
                None => self.wrong_type(node, shape, head),
            },
            Shape::Map(object) => match node.map() {
                Some(map) => self.object(map, object, &[], head),
                None => self.wrong_type(node, shape, head),
            },
            Shape::Either(shapes) => match shapes.iter().find(|shape| takes(shape, node)) {
                Some(shape) => self.shape(node, shape, head),
                None => self.wrong_type(node, shape, head),
            },
            Shape::Chosen(choice) => self.choice(node, choice, shape, head),
            Shape::Tagged(tagged) => self.tagged(node, tagged, shape, head),
            Shape::Variant(variant) => self.variant(node, variant, shape, head),
        }
    }

    fn version(&mut self, node: &Node, head: &Span) {
        if !matches!(node.value, Value::Int(VERSION)) {
            node.faulty.set(true);
            let place = if node.span.is_empty() { head } else { &node.span };
            self.diagnostics.error(Code::BadVersion, place, "the version of the language must be 1").hint("write `privet: 1`");
        }
    }

    fn text(&mut self, node: &Node, text: &str, form: Form) {
        if let Err(fault) = check_text(text, form) {
            node.faulty.set(true);
            let place = self.inside(&node.span, text, fault.at);
            self.diagnostics.error(fault.code, &place, fault.message).maybe_hint(fault.hint);
        }
    }

    /// The place of a character of a string, where the string stands in the file as it is; else the whole of it.
    fn inside(&self, span: &Span, text: &str, at: Option<usize>) -> Span {
        let written = self.source.text().get(span.clone()).unwrap_or_default();
        let quote = usize::from(written.starts_with(['"', '\'']));
        match at {
            Some(at) if written.get(quote..written.len().saturating_sub(quote)) == Some(text) => {
                let start = span.start + quote + at;
                start..start + text[at..].chars().next().map_or(0, char::len_utf8)
            }
            Some(_) | None => span.clone(),
        }
    }

    fn word(&mut self, node: &Node, words: &'static [Word], shape: &'static Shape, head: &Span) {
        let Some(text) = node.text() else { return self.wrong_type(node, shape, head) };
        let found = words.iter().find(|word| word.word == text);
        match found {
            Some(word) if !word.later => return,
            Some(_) => self.not_yet(&node.span, text),
            None => {
                let known = || words.iter().filter(|word| !word.later).map(|word| word.word);
                let hint = did_you_mean(text, known()).unwrap_or_else(|| format!("it may be {}", alternatives(known())));
                self.diagnostics.error(Code::UnknownWord, &node.span, format!("unknown word `{text}`")).hint(hint);
            }
        }
        node.faulty.set(true);
    }

    fn int(&mut self, node: &Node, min: i64, max: i64, shape: &'static Shape, head: &Span) {
        match node.value {
            Value::Int(number) if (min..=max).contains(&number) => {}
            Value::Int(_) | Value::Float(_) => {
                node.faulty.set(true);
                self.diagnostics.error(Code::OutOfRange, &node.span, format!("expected {}", shape.describe()));
            }
            Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                self.wrong_type(node, shape, head);
            }
        }
    }

    fn at_least(&mut self, node: &Node, count: usize, least: usize, head: &Span) {
        if count < least {
            node.faulty.set(true);
            let place = if node.span.is_empty() { head } else { &node.span };
            self.diagnostics.error(Code::Empty, place, "at least one entry is needed");
        }
    }

    fn name(&mut self, name: &Text, form: Form) {
        if let Err(fault) = check_text(&name.value, form) {
            let place = self.inside(&name.span, &name.value, fault.at);
            self.diagnostics.error(fault.code, &place, fault.message).maybe_hint(fault.hint);
        }
    }

    /// `more` are keys that belong to the mapping besides those of the object.
    fn object(&mut self, map: &[(Text, Node)], object: &'static Object, more: &[&str], head: &Span) {
        for (name, value) in map {
            match object.key(&name.value).map(|key| (key, key.need)) {
                Some((key, Need::Required | Need::Optional)) => self.shape(value, key.shape, &name.span),
                Some((_, Need::NotHere(why))) => {
                    let found = format!("`{}` does not belong in a {}", name.value, object.name);
                    self.diagnostics.error(Code::NotHere, &name.span, found).hint(why);
                }
                None if name.value == MERGE && value.faulty.get() => {}
                None if more.contains(&&*name.value) || name.value.starts_with("x-") => {}
                None => self.unknown_key(name, object),
            }
        }
        if map.iter().any(|(name, value)| name.value == MERGE && value.faulty.get()) {
            return; // what it was to merge is not missing
        }
        let has = |key: &str| map.iter().any(|(name, _)| name.value == key);
        for key in object.keys.iter().filter(|key| key.need == Need::Required && !has(key.name)) {
            let (code, hint) = match key.shape {
                Shape::Version => (Code::BadVersion, format!("write `privet: {VERSION}` first")),
                _ => (Code::MissingKey, format!("{} Expected {}.", key.about, key.shape.describe())),
            };
            self.diagnostics.error(code, head, format!("`{}` is missing from the {}", key.name, object.name)).hint(hint);
        }
        for group in object.groups {
            let present: Vec<&Text> =
                map.iter().map(|(name, _)| name).filter(|name| group.keys.contains(&&*name.value)).collect();
            match present.as_slice() {
                [] if group.required => {
                    let found = format!("the {} needs {}", object.name, alternatives(group.keys.iter().copied()));
                    self.diagnostics.error(Code::MissingKey, head, found);
                }
                [first, second, ..] => {
                    let found = format!("`{}` and `{}` exclude each other", first.value, second.value);
                    self.diagnostics.error(Code::Exclusive, &second.span, found).note(&first.span, "the other one");
                }
                [] | [_] => {}
            }
        }
    }

    fn unknown_key(&mut self, name: &Text, object: &'static Object) {
        let keys = || object.usable().map(|key| key.name);
        let hint = did_you_mean(&name.value, keys()).unwrap_or_else(|| format!("it may hold {}", alternatives(keys())));
        let found = format!("unknown key `{}` in the {}", name.value, object.name);
        self.diagnostics.error(Code::UnknownKey, &name.span, found).hint(hint);
    }

    fn choice(&mut self, node: &Node, choice: &'static Choice, shape: &'static Shape, head: &Span) {
        let Some(map) = node.map() else { return self.wrong_type(node, shape, head) };
        let telling = |key: &str| map.iter().any(|(name, _)| name.value == key);
        match choice.branches.iter().find(|(key, _)| telling(key)) {
            Some((_, object)) => self.object(map, object, &[], head),
            None => {
                node.faulty.set(true);
                let keys = alternatives(choice.branches.iter().map(|(key, _)| *key));
                let place = map.first().map_or(&node.span, |(name, _)| &name.span);
                self.diagnostics.error(Code::MissingKey, place, format!("{} has {keys}", choice.name));
            }
        }
    }

    fn tagged(&mut self, node: &Node, tagged: &'static Tagged, shape: &'static Shape, head: &Span) {
        let Some(map) = node.map() else { return self.wrong_type(node, shape, head) };
        let Some(tag) = node.get(tagged.key) else {
            node.faulty.set(true);
            let place = map.first().map_or(head, |(name, _)| &name.span);
            self.diagnostics.error(Code::MissingKey, place, format!("`{}` is missing from the {}", tagged.key, tagged.name));
            return;
        };
        let branch = tag.text().and_then(|word| tagged.branches.iter().find(|(known, _)| *known == word));
        match branch {
            Some((_, Some(object))) => return self.object(map, object, &[tagged.key], &tag.span),
            Some((word, None)) => self.not_yet(&tag.span, word),
            None => {
                let known = || tagged.branches.iter().filter(|(_, object)| object.is_some()).map(|(word, _)| *word);
                let hint = tag.text().and_then(|word| did_you_mean(word, known()));
                let hint = hint.unwrap_or_else(|| format!("it may be {}", alternatives(known())));
                let found = match tag.text() {
                    Some(word) => format!("unknown {} `{word}`", tagged.name),
                    None => format!("expected the word of a {}, and this is {}", tagged.name, tag.kind()),
                };
                self.diagnostics.error(Code::UnknownWord, &tag.span, found).hint(hint);
            }
        }
        node.faulty.set(true);
    }

    fn variant(&mut self, node: &Node, variant: &'static Variant, shape: &'static Shape, head: &Span) {
        let (word, place, options) = match &node.value {
            Value::Text(word) => (&**word, &node.span, None),
            // `null` is a word here and a value of YAML's; nothing at all is neither.
            Value::Null if !node.span.is_empty() => ("null", &node.span, None),
            Value::Map(map) => match map.as_slice() {
                [(name, options)] => (&*name.value, &name.span, Some(options)),
                _ => {
                    node.faulty.set(true);
                    let place = map.get(1).map_or(head, |(name, _)| &name.span);
                    self.diagnostics
                        .error(Code::WrongType, place, format!("{} is one word with its options", variant.name))
                        .hint("one field has one transform");
                    return;
                }
            },
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => {
                return self.wrong_type(node, shape, head);
            }
        };
        let Some(case) = variant.cases.iter().find(|case| case.word == word) else {
            node.faulty.set(true);
            let known = || variant.cases.iter().map(|case| case.word);
            let hint = closest(word, known()).map(|near| format!("did you mean `{near}`?"));
            let hint = hint.unwrap_or_else(|| format!("it may be {}", alternatives(known())));
            self.diagnostics.error(Code::UnknownWord, place, format!("unknown transform `{word}`")).hint(hint);
            return;
        };
        match (&case.options, options) {
            (Options::None, None) => return,
            (Options::Some(object), Some(options)) => match options.map() {
                Some(map) => return self.object(map, object, &[], place),
                None => self.wrong_type(options, &Shape::Map(object), place),
            },
            (Options::None, Some(_)) => {
                self.diagnostics
                    .error(Code::WrongType, place, format!("`{word}` has no options"))
                    .hint(format!("write `{word}`"));
            }
            (Options::Some(object), None) => {
                let keys: Vec<&str> = object.usable().map(|key| key.name).collect();
                self.diagnostics
                    .error(Code::WrongType, place, format!("`{word}` needs its options"))
                    .hint(format!("write `{word}: {{{}: …}}`", keys.join(": …, ")));
            }
        }
        node.faulty.set(true);
    }

    fn not_yet(&mut self, span: &Span, word: &str) {
        self.diagnostics.error(Code::NotYet, span, format!("`{word}` is not supported yet"));
    }

    fn wrong_type(&mut self, node: &Node, shape: &Shape, head: &Span) {
        node.faulty.set(true);
        let place = if node.span.is_empty() { head } else { &node.span };
        let found = format!("expected {}, and this is {}", shape.describe(), node.kind());
        let hint = match (shape, &node.value) {
            (Shape::Text(_), Value::Int(_) | Value::Float(_) | Value::Bool(_)) => Some("put it in quotes"),
            (Shape::List { .. }, Value::Text(_) | Value::Int(_)) => Some("write it as a list: […]"),
            (Shape::Named { .. } | Shape::Map(_), Value::Null) => Some("an empty mapping is written {}"),
            _ => None,
        };
        self.diagnostics.error(Code::WrongType, place, found).maybe_hint(hint.map(String::from));
    }
}

fn is_comparable(scalar: super::ast::Scalar) -> bool {
    match scalar {
        super::ast::Scalar::Number(number) => number.is_finite(),
        super::ast::Scalar::Text(_) | super::ast::Scalar::Bool(_) => true,
    }
}

/// Whether the kind of value is that of the shape: enough to tell apart what `Either` offers.
pub(super) fn takes(shape: &Shape, node: &Node) -> bool {
    match shape {
        Shape::Any => true,
        Shape::Text(_) | Shape::Word(_) => node.text().is_some(),
        Shape::Bool | Shape::True => matches!(node.value, Value::Bool(_)),
        Shape::Int { .. } | Shape::Number | Shape::Version => matches!(node.value, Value::Int(_) | Value::Float(_)),
        Shape::Scalar => node.scalar().is_some(),
        Shape::List { .. } => node.list().is_some(),
        Shape::Named { .. } | Shape::Map(_) | Shape::Chosen(_) | Shape::Tagged(_) => node.map().is_some(),
        Shape::Either(shapes) => shapes.iter().any(|shape| takes(shape, node)),
        Shape::Variant(_) => node.text().is_some() || node.map().is_some(),
    }
}

/// What is wrong with a string.
struct TextFault {
    code: Code,
    message: String,
    hint: Option<String>,
    /// At which byte of it, where one is to blame.
    at: Option<usize>,
}

impl TextFault {
    fn new(code: Code, message: impl Into<String>) -> TextFault {
        TextFault { code, message: message.into(), hint: None, at: None }
    }
}

fn check_text(text: &str, form: Form) -> Result<(), TextFault> {
    if text.is_empty() && form != Form::Any {
        return Err(TextFault::new(Code::Empty, format!("expected {}, and this is empty", form.describe())));
    }
    match form {
        Form::Any | Form::Free => Ok(()),
        Form::Name => check_name(text),
        Form::Path => Path::parse(text).map(drop).map_err(|error| TextFault {
            code: Code::BadPath,
            message: error.message.into(),
            hint: None,
            at: Some(error.at),
        }),
        Form::Class => check_class(text),
        Form::ClassOrPath if text.starts_with('$') => check_text(text, Form::Path),
        Form::ClassOrPath => check_class(text),
        Form::Date => check_date(text),
        Form::Duration => check_duration(text),
    }
}

fn check_name(text: &str) -> Result<(), TextFault> {
    if let Some((at, _)) = text.char_indices().find(|(_, letter)| letter.is_control() || letter.is_whitespace()) {
        return Err(TextFault { at: Some(at), ..TextFault::new(Code::BadText, "a name has no white space") });
    }
    if text.len() > MAX_NAME {
        return Err(TextFault::new(Code::BadText, format!("a name has at most {MAX_NAME} bytes")));
    }
    Ok(())
}

fn check_class(text: &str) -> Result<(), TextFault> {
    let may_stand = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    if let Some((at, _)) = text.char_indices().find(|(_, letter)| !may_stand(*letter)) {
        let fault = TextFault::new(Code::BadText, "the name of a class is letters, digits, `_`, `-` and dots between words");
        return Err(TextFault { at: Some(at), hint: Some("a path begins with `$`".into()), ..fault });
    }
    if text.split('.').any(str::is_empty) {
        let fault = TextFault::new(Code::BadText, "the name of a class is words with dots between");
        return Err(TextFault { hint: text.starts_with('.').then(|| format!("a path begins with `$`: `${text}`")), ..fault });
    }
    check_name(text)
}

/// Whether a text is of that form.
pub(super) fn is_well_formed(text: &str, form: Form) -> bool {
    check_text(text, form).is_ok()
}

fn check_date(text: &str) -> Result<(), TextFault> {
    let well_formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if well_formed && text.parse::<jiff::civil::Date>().is_ok() {
        return Ok(());
    }
    Err(TextFault::new(Code::BadDate, format!("expected {}", Form::Date.describe())))
}

fn check_duration(text: &str) -> Result<(), TextFault> {
    let iso = text.starts_with('P') && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    match text.parse::<jiff::Span>() {
        Ok(span) if iso && span.is_positive() => Ok(()),
        Ok(_) | Err(_) => {
            let fault = TextFault::new(Code::BadDate, format!("expected {}", Form::Duration.describe()));
            Err(TextFault {
                hint: Some("ISO 8601: P13M is thirteen months, P30D thirty days, PT12H twelve hours".into()),
                ..fault
            })
        }
    }
}
