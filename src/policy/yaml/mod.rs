//! YAML text → a tree of nodes with their places: the 1.2 core schema, within limits, every fault at once.

mod scalar;
#[cfg(test)]
mod tests;

use self::scalar::{closing_quote, core_type, resolve};
use super::ast::{Scalar, Span, Text};
use super::diagnostic::{Code, Diagnostics};
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use std::cell::Cell;
use std::collections::HashMap;

/// Bytes of a file; far beyond what people write by hand.
const MAX_BYTES: usize = 4 << 20;
/// Containers in containers; the language itself needs about a dozen, `when` the rest.
const MAX_DEPTH: usize = 64;
/// Uses of anchors in one file.
const MAX_ALIASES: usize = 1_000;
/// Values, those that aliases repeat counted each time: what keeps a small file from growing without end.
const MAX_NODES: usize = 200_000;

/// A value with its place. Copies made by an alias keep the place of the anchor.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub value: Value,
    /// A fault was reported here, so that its value must not be used.
    pub faulty: Cell<bool>,
    /// Some reader took it in.
    pub seen: Cell<bool>,
}

/// A value under the YAML 1.2 core schema. Numbers without a fraction that fit are integers.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order of the file; keys are unique, those that begin with `x-` are gone.
    Map(Vec<(Text, Node)>),
}

impl Node {
    fn new(span: Span, value: Value) -> Node {
        Node { span, value, faulty: Cell::new(false), seen: Cell::new(false) }
    }

    /// Stands in for a value whose fault is reported.
    fn fault(span: Span) -> Node {
        Node { faulty: Cell::new(true), ..Node::new(span, Value::Null) }
    }

    /// The kind of value in words, with its article.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The string, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The elements, if it is a list.
    pub fn list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::Map(_) => None,
        }
    }

    /// The members, if it is a mapping.
    pub fn map(&self) -> Option<&[(Text, Node)]> {
        match &self.value {
            Value::Map(map) => Some(map),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// One member of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?.iter().find(|(name, _)| name.value == key).map(|(_, node)| node)
    }

    /// The value as a scalar that an event can be compared with.
    pub fn scalar(&self) -> Option<Scalar> {
        match &self.value {
            Value::Bool(value) => Some(Scalar::Bool(*value)),
            Value::Int(value) => Some(Scalar::Number(*value as f64)),
            Value::Float(value) => Some(Scalar::Number(*value)),
            Value::Text(value) => Some(Scalar::Text(value.clone())),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// How many nodes it is, itself included.
    fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(list) => list.iter().map(Node::size).sum(),
            Value::Map(map) => map.iter().map(|(_, node)| node.size()).sum(),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => 0,
        }
    }

    /// How many containers it nests, itself included.
    fn height(&self) -> usize {
        match &self.value {
            Value::List(list) => 1 + list.iter().map(Node::height).max().unwrap_or(0),
            Value::Map(map) => 1 + map.iter().map(|(_, node)| node.height()).max().unwrap_or(0),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => 0,
        }
    }
}

/// What becomes of keys that begin with `x-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnKeys {
    /// They go: they are the author's own.
    Ignored,
    /// They stay: the document holds events, whose members they may be.
    Kept,
}

/// Reads one document. `None` where nothing could be read at all; faults are in `diagnostics` either way, and
/// members that have one are left out.
pub fn parse(text: &str, own_keys: OwnKeys, diagnostics: &mut Diagnostics) -> Option<Node> {
    if text.len() > MAX_BYTES {
        diagnostics.error(Code::TooLarge, &(0..0), format!("larger than {MAX_BYTES} bytes"));
        return None;
    }
    let parser = Parser::new_from_str(text);
    let mut reader =
        Reader { parser, text, offsets: Offsets::of(text), anchors: HashMap::new(), aliases: 0, nodes: 0, own_keys, diagnostics };
    match reader.document() {
        Ok(node) => node,
        Err(Stop::Reported) => None,
        Err(Stop::Syntax(error)) => {
            let at = reader.offsets.byte(error.marker().index());
            let place = reader.place(at);
            let hint = reader.bracket_in_path(at).then(|| "inside […] and {…} a path with brackets needs quotes".to_owned());
            let found = format!("not YAML: {}", error.info());
            reader.diagnostics.error(Code::NotYaml, &place, found).maybe_hint(hint);
            None
        }
    }
}

/// Why reading stopped before the end.
enum Stop {
    Syntax(ScanError),
    Reported,
}

/// From the parser's count of characters to bytes.
struct Offsets {
    /// Byte offset by character; empty where each character is one byte.
    of_chars: Vec<usize>,
    end: usize,
}

impl Offsets {
    fn of(text: &str) -> Offsets {
        let of_chars = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(at, _)| at).collect() };
        Offsets { of_chars, end: text.len() }
    }

    fn byte(&self, character: usize) -> usize {
        if self.of_chars.is_empty() { character.min(self.end) } else { self.of_chars.get(character).copied().unwrap_or(self.end) }
    }
}

struct Reader<'t, 'd> {
    parser: Parser<'t, StrInput<'t>>,
    text: &'t str,
    offsets: Offsets,
    anchors: HashMap<usize, Node>,
    aliases: usize,
    nodes: usize,
    own_keys: OwnKeys,
    diagnostics: &'d mut Diagnostics,
}

impl<'t> Reader<'t, '_> {
    fn next(&mut self) -> Result<(Event<'t>, Span), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.offsets.byte(span.start.index())..self.offsets.byte(span.end.index()))),
            Some(Err(error)) => Err(Stop::Syntax(error)),
            None => Ok((Event::StreamEnd, self.text.len()..self.text.len())),
        }
    }

    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) if root.is_some() => {
                    self.diagnostics
                        .error(Code::SeveralDocuments, &span, "a second document")
                        .hint("a policy is one YAML document; put each policy into a file of its own");
                    break;
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.node(event, span, 0)?);
                }
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => return Err(self.stop(Code::NotYaml, &span, "content outside of a document")),
            }
        }
        if root.is_none() && !self.diagnostics.has_errors() {
            self.diagnostics.error(Code::Empty, &(0..0), "the file is empty").hint("a policy begins with `privet: 1`");
        }
        Ok(root)
    }

    /// Reads the node that an event begins.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Stop> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.stop(Code::TooLarge, &span, format!("more than {MAX_NODES} values")));
        }
        if depth > MAX_DEPTH {
            return Err(self.stop(Code::TooDeep, &span, format!("nested more than {MAX_DEPTH} deep")));
        }
        let (node, anchor) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => (self.scalar(&text, style, tag.as_deref(), span), anchor),
            Event::SequenceStart(anchor, tag) => (self.sequence(tag.as_deref(), span, depth)?, anchor),
            Event::MappingStart(anchor, tag) => (self.mapping(tag.as_deref(), span, depth)?, anchor),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.stop(Code::NotYaml, &span, "expected a value")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, Stop> {
        self.aliases += 1;
        let Some(target) = self.anchors.get(&anchor).cloned() else {
            self.diagnostics
                .error(Code::NotYaml, &span, "an alias to something unfinished")
                .hint("an alias names an anchor that ends before it");
            return Ok(Node::fault(span));
        };
        let (size, height) = (target.size(), target.height());
        if self.aliases > MAX_ALIASES || self.nodes + size > MAX_NODES {
            return Err(self.stop(Code::AliasLimit, &span, "aliases expand to more than a policy may hold"));
        }
        if depth + height > MAX_DEPTH {
            return Err(self.stop(Code::TooDeep, &span, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.nodes += size;
        Ok(target)
    }

    fn sequence(&mut self, tag: Option<&Tag>, span: Span, depth: usize) -> Result<Node, Stop> {
        let known = self.container_tag(tag, "seq", &span);
        let mut list = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                let whole = span.start..self.container_end(&span, &at);
                return Ok(if known { Node::new(whole, Value::List(list)) } else { Node::fault(whole) });
            }
            list.push(self.node(event, at, depth + 1)?);
        }
    }

    fn mapping(&mut self, tag: Option<&Tag>, span: Span, depth: usize) -> Result<Node, Stop> {
        let known = self.container_tag(tag, "map", &span);
        let mut map: Vec<(Text, Node)> = Vec::new();
        let mut first_uses: HashMap<String, Span> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                let whole = span.start..self.container_end(&span, &at);
                return Ok(if known { Node::new(whole, Value::Map(map)) } else { Node::fault(whole) });
            }
            let key = self.node(event, at, depth + 1)?;
            let merges = key.text() == Some("<<") && self.text.get(key.span.clone()) == Some("<<");
            let key = self.key(key, merges, &mut first_uses);
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            if let Some(key) = key
                && (self.own_keys == OwnKeys::Kept || !key.value.starts_with("x-"))
            {
                map.push((key, if merges { Node::fault(value.span) } else { value }));
            }
        }
    }

    /// A key that may stand in a mapping: a string, not `<<`, and not there before.
    fn key(&mut self, key: Node, merges: bool, first_uses: &mut HashMap<String, Span>) -> Option<Text> {
        let Value::Text(name) = key.value else {
            let found = format!("a key must be a string, and this is {}", key.kind());
            self.diagnostics.error(Code::KeyNotString, &key.span, found).hint("put it in quotes");
            return None;
        };
        if merges {
            self.diagnostics
                .error(Code::MergeKey, &key.span, "merge keys are not part of YAML 1.2")
                .hint("use a template, or an alias for each value");
        }
        if let Some(first) = first_uses.get(&name) {
            let found = format!("`{name}` is there twice");
            self.diagnostics.error(Code::DuplicateKey, &key.span, found).note(first, "first here");
            return None;
        }
        first_uses.insert(name.clone(), key.span.clone());
        Some(Text { value: name, span: key.span })
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let plain = style == ScalarStyle::Plain;
        let value = match tag.map(tag_name) {
            None if plain => resolve(text),
            None | Some(Some("str")) => Value::Text(text.to_owned()),
            Some(Some(wanted @ ("null" | "bool" | "int" | "float"))) => {
                let value = resolve(text);
                if core_type(&value) != wanted {
                    self.diagnostics.error(Code::UnknownTag, &span, format!("the value is not of the type `!!{wanted}`"));
                    return Node::fault(span);
                }
                value
            }
            Some(_) => {
                self.unknown_tag(&span);
                return Node::fault(span);
            }
        };
        Node::new(self.trim(span, style), value)
    }

    fn container_tag(&mut self, tag: Option<&Tag>, own: &str, span: &Span) -> bool {
        let known = tag.is_none_or(|tag| tag_name(tag) == Some(own));
        if !known {
            self.unknown_tag(span);
        }
        known
    }

    fn unknown_tag(&mut self, span: &Span) {
        self.diagnostics
            .error(Code::UnknownTag, span, "tags other than those of the YAML core schema are not part of the language")
            .hint("remove the tag");
    }

    /// A scalar's place without what the parser counts to it: the line break that ends a block scalar, and what
    /// stands between a closing quote and the next token.
    fn trim(&self, span: Span, style: ScalarStyle) -> Span {
        let Some(text) = self.text.get(span.clone()) else { return span };
        let quote = match style {
            ScalarStyle::SingleQuoted => '\'',
            ScalarStyle::DoubleQuoted => '"',
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {
                return span.start..span.start + text.trim_end().len();
            }
        };
        let end = text.find(quote).and_then(|open| closing_quote(&text[open + 1..], quote).map(|close| open + 1 + close + 1));
        span.start..span.start + end.unwrap_or(text.len())
    }

    /// Where a container ends: behind its closing bracket, or where its block does.
    fn container_end(&self, start: &Span, last: &Span) -> usize {
        let bracket = self.text[last.start..].starts_with([']', '}']);
        if bracket { last.start + 1 } else { last.start.max(start.end) }
    }

    /// The place of a syntax error: one character.
    fn place(&self, at: usize) -> Span {
        let width = self.text[at..].chars().next().filter(|letter| *letter != '\n').map_or(0, char::len_utf8);
        at..at + width
    }

    /// Whether a syntax error may come from a path such as `$.a[0]` without quotes.
    fn bracket_in_path(&self, at: usize) -> bool {
        let before = self.text[..at].rsplit('\n').next().unwrap_or_default();
        self.text[at..].starts_with('[') && before.rsplit([' ', '[', '{', ',']).next().is_some_and(|word| word.starts_with('$'))
    }

    fn stop(&mut self, code: Code, span: &Span, message: impl Into<String>) -> Stop {
        self.diagnostics.error(code, span, message);
        Stop::Reported
    }
}

/// The name of a core schema tag; `None` for any other. The non-specific tag `!` makes a scalar a string.
fn tag_name(tag: &Tag) -> Option<&str> {
    if tag.is_yaml_core_schema() {
        Some(&tag.suffix)
    } else if (tag.handle.as_str(), tag.suffix.as_str()) == ("", "!") || (&*tag.handle, &*tag.suffix) == ("!", "") {
        Some("str")
    } else {
        None
    }
}
