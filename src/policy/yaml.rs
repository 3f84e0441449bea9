//! YAML text → a tree of nodes with their places: the 1.2 core schema, within limits, every fault at once.

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
/// Nodes after aliases are expanded: what keeps a small file from growing without end.
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

/// The position of the quote that ends a quoted scalar: `''` and `\"` do not.
fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            match letters.peek() {
                Some((_, '\'')) if quote == '\'' => {
                    letters.next();
                }
                _ => return Some(at),
            }
        }
    }
    None
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

fn core_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int",
        Value::Float(_) => "float",
        Value::Text(_) => "str",
        Value::List(_) => "seq",
        Value::Map(_) => "map",
    }
}

/// A plain scalar under the core schema (YAML 1.2.2, section 10.3.2).
fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let (sign, rest) = match text.as_bytes()[0] {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if matches!(rest, ".inf" | ".Inf" | ".INF") {
        return Value::Float(sign * f64::INFINITY);
    }
    let digits = |text: &str, base| !text.is_empty() && text.chars().all(|letter| letter.is_digit(base));
    if digits(rest, 10) {
        return text.parse().map_or_else(|_| Value::Float(text.parse().unwrap_or(f64::INFINITY)), Value::Int);
    }
    for (prefix, base) in [("0o", 8), ("0x", 16)] {
        if let Some(number) = text.strip_prefix(prefix).filter(|number| digits(number, base)) {
            return i64::from_str_radix(number, base).map_or(Value::Float(f64::INFINITY), Value::Int);
        }
    }
    if is_float(rest)
        && let Ok(number) = text.parse()
    {
        return Value::Float(number);
    }
    Value::Text(text.to_owned())
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(text: &str) -> Node {
        let mut diagnostics = Diagnostics::default();
        let node = parse(text, OwnKeys::Ignored, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{:?}", diagnostics.sorted());
        node.expect("a document")
    }

    #[track_caller]
    fn faults(text: &str) -> Vec<(Code, &str)> {
        let mut diagnostics = Diagnostics::default();
        let _ = parse(text, OwnKeys::Ignored, &mut diagnostics);
        diagnostics.sorted().iter().map(|one| (one.code, &text[one.span.clone()])).collect()
    }

    /// The value in a form easy to compare.
    fn show(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => format!("int {value}"),
            Value::Float(value) => format!("float {value}"),
            Value::Text(text) => format!("{text:?}"),
            Value::List(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(", ")),
            Value::Map(map) => {
                let members: Vec<String> = map.iter().map(|(key, node)| format!("{}: {}", key.value, show(node))).collect();
                format!("{{{}}}", members.join(", "))
            }
        }
    }

    /// YAML 1.2.2, sections 10.2.1 and 10.3.2.
    #[test]
    fn plain_scalars_follow_the_core_schema() {
        for (text, expected) in [
            ("NO", "\"NO\""),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("n", "\"n\""),
            ("true", "true"),
            ("FALSE", "false"),
            ("~", "null"),
            ("Null", "null"),
            ("nULL", "\"nULL\""),
            ("0o14", "int 12"),
            ("0x1F", "int 31"),
            ("014", "int 14"),
            ("-7", "int -7"),
            ("+12", "int 12"),
            ("1_000", "\"1_000\""),
            ("1.5", "float 1.5"),
            (".5", "float 0.5"),
            ("1.", "float 1"),
            ("1e3", "float 1000"),
            (".inf", "float inf"),
            ("-.INF", "float -inf"),
            (".", "\".\""),
            ("1:30", "\"1:30\""),
            ("2026-01-15", "\"2026-01-15\""),
            ("203.0.113.77", "\"203.0.113.77\""),
            ("e3", "\"e3\""),
            ("'1'", "\"1\""),
            ("\"true\"", "\"true\""),
            ("!!str 1", "\"1\""),
            ("! 1", "\"1\""),
            ("!!int 1", "int 1"),
            ("99999999999999999999", "float 100000000000000000000"),
            ("-0x1", "\"-0x1\""),
            ("inf", "\"inf\""),
            ("nan", "\"nan\""),
        ] {
            assert_eq!(show(&read(&format!("a: {text}"))), format!("{{a: {expected}}}"), "{text}");
        }
    }

    #[test]
    fn places_are_bytes_also_after_letters_of_several() {
        let text = "é: ü\n\u{1F600}: [ä, {ö: 'ß'}]\nlast: |\n  blöck\n";
        let node = read(text);
        let map = node.map().expect("a mapping");
        let at = |span: &Span| &text[span.clone()];
        assert_eq!((at(&map[0].0.span), at(&map[0].1.span)), ("é", "ü"));
        assert_eq!(at(&map[1].0.span), "\u{1F600}");
        assert_eq!(at(&map[1].1.span), "[ä, {ö: 'ß'}]");
        let inner = &map[1].1.list().expect("a list")[1];
        assert_eq!(at(&inner.get("ö").expect("a member").span), "'ß'");
        assert!(at(&map[2].1.span).ends_with("blöck"));
        let text = "a: 'it''s'  # x\nb: \"q\\\"\"   # y\nc: []   # z\nd:\n  - e  # w\nf: &g {h: 1}  # v\n";
        let node = read(text);
        let spans: Vec<&str> = node.map().expect("a mapping").iter().map(|(_, node)| &text[node.span.clone()]).collect();
        assert_eq!(spans[..3], ["'it''s'", "\"q\\\"\"", "[]"]);
        assert!(spans[3].starts_with("- e") && spans[4].ends_with("{h: 1}"), "{spans:?}");
    }

    #[test]
    fn what_a_policy_may_not_hold_is_reported_all_at_once() {
        let text = "a: 1\nb: {c: 1, c: 2}\na: 3\n1: x\n<<: {d: 1}\n? [k]\n: v\ne: !foo bar\nf: !!binary aGk=\n";
        assert_eq!(
            faults(text),
            [
                (Code::DuplicateKey, "c"),
                (Code::DuplicateKey, "a"),
                (Code::KeyNotString, "1"),
                (Code::MergeKey, "<<"),
                (Code::KeyNotString, "[k]"),
                (Code::UnknownTag, "!foo bar"),
                (Code::UnknownTag, "!!binary aGk="),
            ]
        );
    }

    #[test]
    fn one_document() {
        assert_eq!(faults("---\na: 1\n---\nb: 2\n"), [(Code::SeveralDocuments, "---")]);
        assert_eq!(faults(""), [(Code::Empty, "")]);
        assert_eq!(faults("# only a comment\n"), [(Code::Empty, "")]);
        assert_eq!(show(&read("---\na: 1\n...\n")), "{a: int 1}");
        assert_eq!(show(&read("\u{feff}a: 1\n")), "{a: int 1}");
    }

    #[test]
    fn keys_of_the_authors_own_are_ignored_at_every_level() {
        assert_eq!(show(&read("x-a: &a {b: 1, x-c: 2}\nd: *a\nx-e: [{}]\n")), "{d: {b: int 1}}");
    }

    #[test]
    fn aliases_are_copies_and_bounded() {
        assert_eq!(show(&read("a: &a [1, {b: x}]\nc: *a\n")), "{a: [int 1, {b: \"x\"}], c: [int 1, {b: \"x\"}]}");
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..9 {
            let previous = format!("*a{},", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{previous}]\n"));
        }
        assert_eq!(faults(&bomb).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::AliasLimit]);
        let many = format!("a: &a x\nb: [{}]\n", "*a, ".repeat(MAX_ALIASES + 1));
        assert_eq!(faults(&many), [(Code::AliasLimit, "*a")]);
        assert_eq!(faults("a: &a [*a]\n"), [(Code::NotYaml, "*a")]);
    }

    #[test]
    fn depth_is_bounded_in_every_style() {
        let flow = format!("a: {}{}", "[".repeat(MAX_DEPTH + 2), "]".repeat(MAX_DEPTH + 2));
        let block: String = (0..MAX_DEPTH + 2).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        let mut aliases = String::from("a0: &a0 [x]\n");
        for level in 1..MAX_DEPTH + 2 {
            aliases.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
        }
        for text in [flow, block, aliases] {
            assert_eq!(faults(&text).iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::TooDeep], "{text}");
        }
        assert_eq!(faults(&"[".repeat(100_000)).len(), 1);
        assert_eq!(faults(&"- ".repeat(100_000)).len(), 1);
    }

    #[test]
    fn syntax_errors_have_a_place() {
        assert_eq!(faults("a: [1, 2\nb: 3\n").len(), 1);
        assert_eq!(faults("a: [$.b[0]]\n"), [(Code::NotYaml, "[")]);
        assert_eq!(faults("a: 'x\n").len(), 1);
        assert_eq!(faults("a: *nobody\n").len(), 1);
        assert_eq!(faults("a:\n\tb: 1\n").len(), 1);
    }
}
