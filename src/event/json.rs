//! JSON text that a strict scan has already accepted: its kinds, its members, and its decoded strings.
//!
//! Nothing here validates. Every function assumes text that `decode` let through.

use std::borrow::Cow;
use wide::u8x16;

/// The six kinds of a JSON value (RFC 8259, section 3), booleans apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number, as written.
    Number,
    /// A string, in quotes.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The kind of the value whose text begins with this byte.
    #[inline(always)]
    pub fn of(first: u8) -> Kind {
        KINDS[usize::from(first)]
    }

    const fn of_first(first: u8) -> Kind {
        match first {
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b'"' => Kind::String,
            b't' => Kind::True,
            b'f' => Kind::False,
            b'n' => Kind::Null,
            _ => Kind::Number,
        }
    }

    /// Whether the value holds no other values.
    #[inline(always)]
    pub fn is_scalar(self) -> bool {
        !matches!(self, Kind::Array | Kind::Object)
    }
}

/// [`Kind::of`], by byte: one look where a `match` would jump.
const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Number; 256];
    let mut first = 0;
    while first < kinds.len() {
        kinds[first] = Kind::of_first(first as u8);
        first += 1;
    }
    kinds
};

/// The text of one value, without surrounding white space. It does not implement `Debug`: it may be personal data.
#[derive(Clone, Copy)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Takes text that a strict scan accepted.
    pub fn new(text: &'a [u8]) -> Text<'a> {
        Text(text)
    }

    /// The bytes as they stand.
    pub fn raw(self) -> &'a [u8] {
        self.0
    }

    /// The value's kind.
    pub fn kind(self) -> Kind {
        Kind::of(self.0.first().copied().unwrap_or(b'n'))
    }

    /// The decoded string, if it is one; borrowed where it has no escapes.
    pub fn as_str(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| decode_string(self.inner()))
    }

    /// The number's text, if it is one.
    pub fn as_number(self) -> Option<&'a str> {
        if self.kind() != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.0).ok()
    }

    /// The integer, if it is a number written without fraction or exponent that fits 64 bits.
    pub fn as_integer(self) -> Option<i64> {
        self.as_number()?.parse().ok()
    }

    /// The decoded string appended to `out`; false (and nothing appended) if it is no string. Allocates
    /// only where `out` must grow.
    pub fn decode_into(self, out: &mut Vec<u8>) -> bool {
        if self.kind() != Kind::String {
            return false;
        }
        unescape_into(self.inner(), out);
        true
    }

    /// The members of an object in order, as (raw name without quotes, value); nothing for other kinds.
    pub fn members(self) -> Members<'a> {
        let at = if self.kind() == Kind::Object { 1 } else { self.0.len() };
        Members { text: self.0, at }
    }

    /// The elements of an array in order; nothing for other kinds.
    pub fn elements(self) -> Elements<'a> {
        let at = if self.kind() == Kind::Array { 1 } else { self.0.len() };
        Elements { text: self.0, at }
    }

    /// The text between the quotes, if it is a string without escapes.
    #[inline]
    pub fn plain_string(self) -> Option<&'a [u8]> {
        (self.kind() == Kind::String && !has_escapes(self.0)).then(|| self.inner())
    }

    /// The string's text between the quotes.
    fn inner(self) -> &'a [u8] {
        self.0.get(1..self.0.len().saturating_sub(1)).unwrap_or_default()
    }
}

/// A member name as it stands between its quotes.
#[derive(Clone, Copy)]
pub struct Name<'a>(pub &'a [u8]);

impl<'a> Name<'a> {
    /// The decoded name; borrowed where it has no escapes.
    pub fn decoded(self) -> Cow<'a, str> {
        decode_string(self.0)
    }

    /// Whether the decoded name is exactly this text.
    pub fn is(self, text: &str) -> bool {
        if has_escapes(self.0) { self.decoded() == text } else { self.0 == text.as_bytes() }
    }
}

/// The members of an object; see [`Text::members`].
pub struct Members<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Members<'a> {
    type Item = (Name<'a>, Text<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.text;
        let start = match text.get(self.at..)? {
            [b'"', ..] => self.at,
            [b',', b'"', ..] => self.at + 1,
            _ => skip_to_value(text, self.at)?,
        };
        let name_end = string_end(text, start);
        let value = match text.get(name_end..)? {
            [b':', first, ..] if *first > b' ' => name_end + 1,
            _ => skip_to_value(text, skip_colon(text, name_end))?,
        };
        self.at = value_end(text, value);
        Some((Name(&self.text[start + 1..name_end - 1]), Text(&self.text[value..self.at])))
    }
}

/// The elements of an array; see [`Text::elements`].
pub struct Elements<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = skip_to_value(self.text, self.at)?;
        self.at = value_end(self.text, start);
        Some(Text(&self.text[start..self.at]))
    }
}

/// The offset of the next value at or after `at`, past white space and one comma; `None` at the container's end.
fn skip_to_value(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match text.get(at)? {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => at += 1,
            b']' | b'}' => return None,
            _ => return Some(at),
        }
    }
}

/// The offset behind the colon that follows a member name.
fn skip_colon(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|byte| *byte != b':') {
        at += 1;
    }
    at + 1
}

/// The offset behind the value that begins at `start`.
#[inline]
pub fn value_end(text: &[u8], start: usize) -> usize {
    match text.get(start) {
        Some(b'{' | b'[') => container_end(text, start),
        Some(first) => scalar_end(text, start, *first),
        None => start,
    }
}

fn container_end(text: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    let mut at = start;
    while let Some(byte) = text.get(at) {
        at = match byte {
            b'{' | b'[' => {
                depth += 1;
                at + 1
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at + 1
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => at + 1,
            first => scalar_end(text, at, *first),
        };
        if depth == 0 {
            return at;
        }
    }
    at
}

#[inline]
fn scalar_end(text: &[u8], start: usize, first: u8) -> usize {
    match first {
        b'"' => string_end(text, start),
        b't' | b'f' | b'n' => start + 4 + usize::from(first == b'f'),
        _ => {
            let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
            text[start..].iter().position(ends).map_or(text.len(), |length| start + length)
        }
    }
}

/// Bytes that are looked at together.
const SHORT: usize = 16;

/// The offset behind the closing quote of the string whose opening quote is at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    // Names and words are short, and so seen at once.
    if let Some(bytes) = text.get(at..at + SHORT).and_then(|text| text.first_chunk()) {
        let bytes = u8x16::new(*bytes);
        let special = (bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))).to_bitmask();
        at += (special.trailing_zeros() as usize).min(SHORT);
        if text.get(at) == Some(&b'"') {
            return at + 1;
        }
    }
    while let Some(step) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += step;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

/// Whether the text of a string has escapes, which begin with a backslash.
#[inline]
pub fn has_escapes(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else { return has_escapes_if_short(text) };
    // The last bytes are looked at twice where the length is no multiple.
    let chunks = text.as_chunks().0.iter().chain([last]);
    let backslashes = |chunk: &[u8; SHORT]| u8x16::new(*chunk).simd_eq(u8x16::splat(b'\\'));
    chunks.fold(u8x16::splat(0), |all, chunk| all | backslashes(chunk)).to_bitmask() != 0
}

/// The same for less than sixteen bytes.
#[inline]
fn has_escapes_if_short(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return text.contains(&b'\\') };
    // A byte that is zero borrows from its high bit.
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let backslashes = |eight: &[u8; 8]| zero(u64::from_le_bytes(*eight) ^ (ONES * u64::from(b'\\')));
    backslashes(first) | backslashes(last) != 0
}

/// Whether the text of a string is ASCII without escapes, so that no other text is the same name.
#[inline]
pub fn is_plain_ascii(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else { return !has_escapes_if_short(text) && text.is_ascii() };
    let odd = |chunk: &[u8; SHORT]| u8x16::new(*chunk) | u8x16::new(*chunk).simd_eq(u8x16::splat(b'\\'));
    // The mask is of the highest bits, which ASCII does not have.
    text.as_chunks().0.iter().chain([last]).fold(u8x16::splat(0), |all, chunk| all | odd(chunk)).to_bitmask() == 0
}

/// Decodes the text between a string's quotes; borrowed where it has no escapes.
pub fn decode_string(inner: &[u8]) -> Cow<'_, str> {
    if !has_escapes(inner) {
        return String::from_utf8_lossy(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    unescape_into(inner, &mut out);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Appends the decoded form of the text between a string's quotes (RFC 8259, section 7).
pub fn unescape_into(inner: &[u8], out: &mut Vec<u8>) {
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let used = unescape_one(&rest[at..], out);
        rest = &rest[at + used..];
    }
    out.extend_from_slice(rest);
}

/// Decodes the one escape at the start of `text`; returns how many bytes it took.
fn unescape_one(text: &[u8], out: &mut Vec<u8>) -> usize {
    let simple = match text.get(1) {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'b') => 0x08,
        Some(b'f') => 0x0C,
        Some(b'u') => return unescape_unicode(text, out),
        Some(other) => *other,
        None => return text.len(),
    };
    out.push(simple);
    2
}

fn unescape_unicode(text: &[u8], out: &mut Vec<u8>) -> usize {
    let high = hex4(text, 2);
    let (code, used) = if (0xD800..0xDC00).contains(&high) && text.get(6..8) == Some(b"\\u") {
        let low = hex4(text, 8);
        (0x10000 + ((high - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF), 12)
    } else {
        (high, 6)
    };
    let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    used.min(text.len())
}

fn hex4(text: &[u8], at: usize) -> u32 {
    let digits = text.get(at..at + 4).unwrap_or_default();
    digits.iter().fold(0, |value, digit| value << 4 | (*digit as char).to_digit(16).unwrap_or(0))
}

/// Appends the text as a JSON string, quotes included, escaping what RFC 8259 demands and no more.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends the text escaped for the inside of a JSON string, without quotes.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    let stays = |byte: u8| (byte >= 0x20) & (byte != b'"') & (byte != b'\\');
    // Nearly all text stays as it is, which is seen sooner for many bytes together than for one after another.
    if bytes.iter().fold(0, |odd, byte| odd | u8::from(!stays(*byte))) == 0 {
        return out.extend_from_slice(bytes);
    }
    let mut clean = 0;
    for (at, byte) in bytes.iter().copied().enumerate() {
        if stays(byte) {
            continue;
        }
        out.extend_from_slice(&bytes[clean..at]);
        clean = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]),
        }
    }
    out.extend_from_slice(&bytes[clean..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_seen_at_every_place_of_every_length() {
        for length in 0..70 {
            let plain = "xé[]\u{7f}\"".bytes().cycle().take(length).collect::<Vec<u8>>();
            assert!(!has_escapes(&plain), "{length}");
            for at in 0..length {
                let mut text = plain.clone();
                text[at] = b'\\';
                assert!(has_escapes(&text), "{at} of {length}");
            }
        }
    }

    #[test]
    fn strings_end_at_every_length() {
        for length in 0..70 {
            for inside in ["x", "\\\"", "\\\\", "é"] {
                let text = format!("[\"{}\",\"{}", inside.repeat(length), "y".repeat(length));
                assert_eq!(value_end(text.as_bytes(), 1), 3 + inside.len() * length, "{text}");
            }
        }
    }

    #[test]
    fn walks_members_and_elements_whatever_the_spacing() {
        let text = Text::new(br#"{ "a" :1 , "b\u0022":[ "x,]" , {"c":null}, -1.5e3 ] ,"d":{} }"#);
        let members: Vec<_> = text.members().map(|(name, value)| (name.decoded().into_owned(), value.raw().to_vec())).collect();
        assert_eq!(members[0], ("a".into(), b"1".to_vec()));
        assert_eq!(members[1].0, "b\"");
        assert_eq!(members[2], ("d".into(), b"{}".to_vec()));
        let elements: Vec<_> = Text::new(&members[1].1).elements().map(Text::raw).map(<[u8]>::to_vec).collect();
        assert_eq!(elements, [b"\"x,]\"".to_vec(), br#"{"c":null}"#.to_vec(), b"-1.5e3".to_vec()]);
    }

    #[test]
    fn decodes_what_it_encodes() {
        let odd = "a\"b\\c\nd\u{1}é😀/";
        let mut out = Vec::new();
        write_string(odd, &mut out);
        assert_eq!(Text::new(&out).as_str().as_deref(), Some(odd));
        assert_eq!(Text::new(br#""\ud83d\uDE00\/\u0041""#).as_str().as_deref(), Some("😀/A"));
    }
}
