//! `privet.yaml` as a tree in which every value knows its line.

use super::{Place, Problem};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// Nesting that a configuration never reaches; stops a file made to exhaust the stack.
const MAX_DEPTH: usize = 16;

/// One value and where it stands.
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) kind: Kind,
}

/// What a value is.
pub(super) enum Kind {
    /// Text, and whether it stood in quotes.
    Scalar {
        text: String,
        quoted: bool,
    },
    List,
    Map(Vec<Entry>),
}

/// One member of a mapping.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) at: Place,
    pub(super) value: Node,
}

impl Node {
    /// Whether nothing was written after the colon.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }
}

/// Reads one YAML document whose top is a mapping.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let mut events = Events { parser: Parser::new_from_str(text) };
    loop {
        match events.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            (Event::StreamEnd, at) => return Err(Problem::new(at, "the file is empty")),
            (event, at) => {
                let node = value(&mut events, event, at, 0)?;
                return end(&mut events, node);
            }
        }
    }
}

fn end(events: &mut Events<'_>, node: Node) -> Result<Node, Problem> {
    loop {
        match events.next()? {
            (Event::StreamEnd, _) => break,
            (Event::DocumentStart(_), at) => return Err(Problem::new(at, "only one YAML document is read")),
            _ => {}
        }
    }
    match &node.kind {
        Kind::Map(_) => Ok(node),
        Kind::Scalar { .. } | Kind::List => Err(Problem::new(node.at, "expected a mapping of settings")),
    }
}

struct Events<'t> {
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
}

impl<'t> Events<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Place), Problem> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, place(&span.start))),
            Some(Err(fault)) => Err(Problem::new(place(fault.marker()), format!("not YAML: {}", fault.info()))),
            None => Ok((Event::StreamEnd, Place { line: 1, column: 1 })),
        }
    }
}

fn place(mark: &Marker) -> Place {
    Place { line: mark.line().max(1), column: mark.col() + 1 }
}

fn value(events: &mut Events<'_>, event: Event<'_>, at: Place, depth: usize) -> Result<Node, Problem> {
    if depth > MAX_DEPTH {
        return Err(Problem::new(at, "nested too deeply"));
    }
    match event {
        Event::Scalar(text, style, _, tag) => {
            if tag.is_some() {
                return Err(Problem::new(at, "tags are not read"));
            }
            let quoted = !matches!(style, ScalarStyle::Plain);
            Ok(Node { at, kind: Kind::Scalar { text: text.into_owned(), quoted } })
        }
        Event::MappingStart(..) => mapping(events, at, depth),
        Event::SequenceStart(..) => list(events, at, depth),
        Event::Alias(_) => Err(Problem::new(at, "aliases are not read; write the value out")),
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd
        | Event::SequenceEnd
        | Event::MappingEnd => Err(Problem::new(at, "expected a value")),
    }
}

/// No setting takes a list yet, so that the elements are only skipped; the reader says what it wanted instead.
fn list(events: &mut Events<'_>, at: Place, depth: usize) -> Result<Node, Problem> {
    loop {
        match events.next()? {
            (Event::SequenceEnd, _) => return Ok(Node { at, kind: Kind::List }),
            (event, at) => {
                value(events, event, at, depth + 1)?;
            }
        }
    }
}

fn mapping(events: &mut Events<'_>, at: Place, depth: usize) -> Result<Node, Problem> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let (name, name_at) = match events.next()? {
            (Event::MappingEnd, _) => return Ok(Node { at, kind: Kind::Map(entries) }),
            (Event::Scalar(name, ..), name_at) => (name.into_owned(), name_at),
            (_, name_at) => return Err(Problem::new(name_at, "a setting's name must be text")),
        };
        if entries.iter().any(|entry| entry.name == name) {
            return Err(Problem::new(name_at, format!("`{name}` is set twice")));
        }
        let (event, value_at) = events.next()?;
        let value = value(events, event, value_at, depth + 1)?;
        entries.push(Entry { name, at: name_at, value });
    }
}
