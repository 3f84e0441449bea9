//! Paths that name places in an event: the subset of RFC 9535 JSONPath that a policy may use.

use std::cmp::Ordering;
use std::fmt;

/// More steps than any event has levels: limits on records are far below.
const MOST_STEPS: usize = 256;

/// What one segment selects among the children of a node (RFC 9535, section 2.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// A member by its decoded name.
    Name(Box<str>),
    /// An array element by its position from the start.
    Index(u32),
    /// Every member or element.
    Wildcard,
}

/// One step of a path (RFC 9535, section 2.5): among the children, or among all descendants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// Written with `..`: the selector applies at every depth below.
    pub descendant: bool,
    /// What is selected.
    pub selector: Selector,
}

/// A parsed path; the empty list of segments is the root `$`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Path {
    segments: Vec<Segment>,
}

/// Why a text is not a path, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// Byte offset in the text.
    pub at: usize,
    /// What is wrong, in words for a policy author.
    pub message: &'static str,
}

impl Path {
    /// Reads `$`, `.name`, `['name']`, `[0]`, `.*`, `[*]` and `..`; everything else of RFC 9535 is
    /// refused by name.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        Parser { text, at: 0 }.path()
    }

    /// A path made of the given segments.
    pub fn from_segments(segments: Vec<Segment>) -> Path {
        Path { segments }
    }

    /// The steps from the root.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether any step selects several places by itself (wildcard or descendant).
    pub fn is_plural(&self) -> bool {
        self.segments.iter().any(|segment| segment.descendant || segment.selector == Selector::Wildcard)
    }

    /// Whether both paths are of the same specificity: same kinds of steps, same length.
    pub fn ties_with(&self, other: &Path) -> bool {
        self.cmp_specificity(other) == Ordering::Equal
    }

    /// Orders by specificity, the more specific path being the greater: steps are compared from the
    /// end, a name beats an index beats a wildcard beats a descendant; all equal, the longer wins.
    pub fn cmp_specificity(&self, other: &Path) -> Ordering {
        let ours = self.segments.iter().rev().map(Segment::weight);
        let theirs = other.segments.iter().rev().map(Segment::weight);
        for (a, b) in ours.zip(theirs) {
            match a.cmp(&b) {
                Ordering::Equal => {}
                decided => return decided,
            }
        }
        self.segments.len().cmp(&other.segments.len())
    }
}

impl Segment {
    /// The member `name` of an object.
    pub fn name(name: &str) -> Segment {
        Segment { descendant: false, selector: Selector::Name(name.into()) }
    }

    /// (child before descendant, then kind of selector); greater is more specific.
    fn weight(&self) -> (bool, u8) {
        let kind = match self.selector {
            Selector::Name(_) => 2,
            Selector::Index(_) => 1,
            Selector::Wildcard => 0,
        };
        (!self.descendant, kind)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("$")?;
        for segment in &self.segments {
            let dots = if segment.descendant { ".." } else { "" };
            match &segment.selector {
                Selector::Name(name) if is_shorthand(name) => {
                    write!(out, "{}{name}", if segment.descendant { ".." } else { "." })?;
                }
                Selector::Name(name) => {
                    write!(out, "{dots}['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))?;
                }
                Selector::Index(index) => write!(out, "{dots}[{index}]")?,
                Selector::Wildcard => write!(out, "{dots}[*]")?,
            }
        }
        Ok(())
    }
}

/// Member-name-shorthand of RFC 9535, section 2.5.1.1, widened by `$` and `-`, which events use.
fn is_shorthand(name: &str) -> bool {
    name.chars().all(is_name_char) && name.chars().next().is_some_and(|first| !first.is_ascii_digit() && first != '-')
}

fn is_name_char(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '_' | '$' | '-') || !letter.is_ascii()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn path(mut self) -> Result<Path, PathError> {
        if !self.eat("$") {
            return Err(self.error("a path begins with `$`"));
        }
        let mut segments = Vec::new();
        while self.at < self.text.len() {
            if segments.len() == MOST_STEPS {
                return Err(self.error("a path has at most 256 steps"));
            }
            segments.push(self.segment()?);
        }
        Ok(Path { segments })
    }

    fn segment(&mut self) -> Result<Segment, PathError> {
        let descendant = self.eat("..");
        let selector = if self.eat("[") {
            self.bracket()?
        } else if descendant || self.eat(".") {
            if self.eat("*") { Selector::Wildcard } else { Selector::Name(self.shorthand()?) }
        } else {
            return Err(self.error("expected `.name`, `['name']`, `[0]`, `[*]` or `..`"));
        };
        Ok(Segment { descendant, selector })
    }

    fn shorthand(&mut self) -> Result<Box<str>, PathError> {
        let rest = &self.text[self.at..];
        let end = rest.find(|letter| !is_name_char(letter)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error("expected a member name; write names with other characters as ['name']"));
        }
        self.at += end;
        Ok(rest[..end].into())
    }

    fn bracket(&mut self) -> Result<Selector, PathError> {
        let rest = &self.text[self.at..];
        let selector = match rest.as_bytes().first() {
            Some(b'\'' | b'"') => Selector::Name(self.quoted()?),
            Some(b'*') => {
                self.at += 1;
                Selector::Wildcard
            }
            Some(b'?') => return Err(self.error("filters `[?…]` are not part of a path; use `filter` or `when`")),
            Some(b'-') => {
                return Err(self.error("negative indices are not supported: a stream of bytes has no end to count from"));
            }
            Some(b'0'..=b'9') => self.index()?,
            Some(b':') => return Err(self.error("slices `[a:b]` are not supported; use `[*]` or single indices")),
            _ => return Err(self.error("expected a quoted name, an index or `*`")),
        };
        match self.text.as_bytes().get(self.at) {
            Some(b']') => {
                self.at += 1;
                Ok(selector)
            }
            Some(b':') => Err(self.error("slices `[a:b]` are not supported; use `[*]` or single indices")),
            Some(b',') => Err(self.error("several selectors in one bracket are not supported; write one path each")),
            _ => Err(self.error("expected `]`")),
        }
    }

    fn index(&mut self) -> Result<Selector, PathError> {
        let rest = &self.text[self.at..];
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let digits = &rest[..end];
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.error("an index has no leading zero"));
        }
        let index = digits.parse().map_err(|_| self.error("an index is at most 4294967295"))?;
        self.at += end;
        Ok(Selector::Index(index))
    }

    fn quoted(&mut self) -> Result<Box<str>, PathError> {
        let mut letters = self.text[self.at..].char_indices();
        let quote = letters.next().map(|(_, quote)| quote);
        let mut name = String::new();
        while let Some((offset, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next() {
                    Some((_, escaped @ ('\\' | '\'' | '"'))) => name.push(escaped),
                    _ => return Err(self.error("only \\\\, \\' and \\\" are escapes in a quoted name")),
                },
                _ if Some(letter) == quote => {
                    self.at += offset + 1;
                    return Ok(name.into());
                }
                _ => name.push(letter),
            }
        }
        Err(self.error("the quoted name has no end"))
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn error(&self, message: &'static str) -> PathError {
        PathError { at: self.at, message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn path(text: &str) -> Path {
        Path::parse(text).expect("test path")
    }

    #[test]
    fn reads_and_prints_every_kind_of_step() {
        for text in ["$", "$.a", "$..email", "$.a[0].b", "$.a[*]", "$..[*]", "$['a b']", "$['it\\'s']", "$.$set.x"] {
            assert_eq!(path(text).to_string(), text);
        }
        assert_eq!(path("$[\"a\"].*").to_string(), "$.a[*]");
    }

    #[test]
    fn refuses_what_is_not_a_place() {
        for text in ["", "a", "$.", "$[", "$[-1]", "$[1:2]", "$[?@.a]", "$.a()", "$[01]", "$['a'", "$['a','b']", "$ .a"] {
            assert!(Path::parse(text).is_err(), "{text} was read as a path");
        }
        assert!(Path::parse(&format!("${}", ".a".repeat(256))).is_ok());
        assert!(Path::parse(&format!("${}", ".a".repeat(257))).is_err());
    }

    #[test]
    fn specificity_is_compared_from_the_end() {
        let ascending = ["$..*", "$..email", "$.*", "$[0]", "$.email", "$..user.email", "$.user.email"];
        for pair in ascending.windows(2) {
            assert_eq!(path(pair[0]).cmp_specificity(&path(pair[1])), Ordering::Less, "{} < {}", pair[0], pair[1]);
        }
        assert!(path("$.a.x").ties_with(&path("$.b.x")));
    }
}
