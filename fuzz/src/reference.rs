//! A strict reader of RFC 8259 and of the refusals in `scrub.md`, written from those texts and as simple as can be: it
//! recurses, builds a tree and looks at one byte at a time. What Privet accepts and finds is held against it.

/// A value with the bytes it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where its text begins and ends.
    pub span: (usize, usize),
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`, `true`, `false` or a number, as written.
    Plain(String),
    /// A string, decoded.
    Text(String),
    /// Elements.
    List(Vec<Node>),
    /// Members by decoded name, in order.
    Map(Vec<(String, Node)>),
}

/// Reads exactly one document (RFC 8259, section 2).
pub fn read(text: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(text).ok()?.as_bytes();
    let mut reader = Reader { text, at: 0 };
    reader.space();
    let node = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(node)
}

/// Whether a rule of `scrub.md` refuses a well-formed document: depth, members, long names, equal names, control
/// characters in names.
pub fn refused(node: &Node) -> bool {
    refused_at(node, 1)
}

fn refused_at(node: &Node, depth: usize) -> bool {
    match &node.value {
        Value::Plain(_) | Value::Text(_) => false,
        Value::List(elements) => depth > 128 || elements.iter().any(|one| refused_at(one, depth + 1)),
        Value::Map(members) => {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
            names.sort_unstable();
            let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
            let bad = |name: &&str| name.len() > 8192 || name.chars().any(char::is_control);
            let inside = || members.iter().any(|(_, one)| refused_at(one, depth + 1));
            depth > 128 || members.len() > 10_000 || twice || names.iter().any(bad) || inside()
        }
    }
}

/// Deeper than this nothing is asked of it; far beyond every limit, and within a thread's stack.
const DEEPEST: usize = 2000;

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        let start = self.at;
        if depth > DEEPEST {
            return None;
        }
        let value = match self.peek()? {
            b'{' => self.map(depth)?,
            b'[' => self.list(depth)?,
            b'"' => Value::Text(self.string()?),
            b't' => self.word("true")?,
            b'f' => self.word("false")?,
            b'n' => self.word("null")?,
            _ => self.number()?,
        };
        Some(Node { value, span: (start, self.at) })
    }

    fn map(&mut self, depth: usize) -> Option<Value> {
        let mut members = Vec::new();
        self.eat(b'{')?;
        self.space();
        if self.eat(b'}').is_some() {
            return Some(Value::Map(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.eat(b':')?;
            self.space();
            members.push((name, self.value(depth + 1)?));
            self.space();
            if self.eat(b'}').is_some() {
                return Some(Value::Map(members));
            }
            self.eat(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut elements = Vec::new();
        self.eat(b'[')?;
        self.space();
        if self.eat(b']').is_some() {
            return Some(Value::List(elements));
        }
        loop {
            self.space();
            elements.push(self.value(depth + 1)?);
            self.space();
            if self.eat(b']').is_some() {
                return Some(Value::List(elements));
            }
            self.eat(b',')?;
        }
    }

    fn word(&mut self, word: &str) -> Option<Value> {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        found.then(|| {
            self.at += word.len();
            Value::Plain(word.into())
        })
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        let _ = self.eat(b'-');
        if self.eat(b'0').is_none() {
            self.digits()?;
        }
        if self.eat(b'.').is_some() {
            self.digits()?;
        }
        if self.eat(b'e').or_else(|| self.eat(b'E')).is_some() {
            let _ = self.eat(b'+').or_else(|| self.eat(b'-'));
            self.digits()?;
        }
        Some(Value::Plain(std::str::from_utf8(&self.text[start..self.at]).ok()?.into()))
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<String> {
        self.eat(b'"')?;
        let mut units: Vec<u8> = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return String::from_utf8(units).ok(),
                b'\\' => {
                    let letter = self.escape()?;
                    units.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..0x20 => return None,
                _ => units.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let kind = self.peek()?;
        self.at += 1;
        Some(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                if !(0xD800..0xDC00).contains(&first) {
                    return char::from_u32(first);
                }
                self.eat(b'\\')?;
                self.eat(b'u')?;
                let second = self.hex()?;
                return char::decode_utf16([first as u16, u16::try_from(second).ok()?]).next()?.ok();
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = std::str::from_utf8(self.text.get(self.at..self.at + 4)?).ok()?;
        self.at += 4;
        if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) { u32::from_str_radix(digits, 16).ok() } else { None }
    }
}
