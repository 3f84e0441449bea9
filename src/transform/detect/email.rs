//! E-mail addresses (RFC 5321, RFC 6531), also percent-encoded as in a URL.

use super::scan::{Scan, is_escape};
use super::script::{is_alphabetic, is_alphanumeric, is_unspaced};
use crate::plan::Label;

/// How far a local part is followed back, in bytes. RFC 5321 allows 64 octets; written in escapes, three times that.
const LONGEST_LOCAL: usize = 256;
/// How far a domain is followed, in bytes. RFC 5321 allows 255 octets; the same holds.
const LONGEST_DOMAIN: usize = 765;

/// Endings that name files, not domains: `logo@2x.png`.
const FILES: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp", "css", "js", "mjs", "json", "html", "htm", "xml", "txt",
    "pdf", "woff", "ttf", "jar", "php", "tsx", "jsx", "map", "tif", "tiff", "heic",
];

impl Scan<'_> {
    /// An `@` from `at` to `behind`.
    pub(super) fn email(&mut self, at: usize, behind: usize) -> usize {
        if !self.wants(Label::Email) {
            return behind;
        }
        // The domain first: those of two signs never overlap, what stands before them may.
        let Some(end) = domain_end(self.text, behind) else { return behind };
        let Some(start) = self.local_start(at) else { return behind };
        // `git@host:path` is where a repository is, and `git` no person.
        if &self.bytes[start..at] == b"git" && self.bytes.get(end) == Some(&b':') {
            return end;
        }
        let start = self.behind_quote(start, at, end);
        self.found(start, end, Label::Email)
    }

    /// `u'ann@example.org'`: what a quote behind the address closes, an apostrophe before opened, unless one did in front.
    fn behind_quote(&self, start: usize, at: usize, end: usize) -> usize {
        let closes = self.bytes.get(end) == Some(&b'\'');
        let opened = start.checked_sub(1).is_some_and(|before| self.bytes[before] == b'\'');
        let quote = memchr::memchr(b'\'', &self.bytes[start..at]).map(|offset| start + offset + 1);
        quote.filter(|quote| closes && !opened && *quote < at).unwrap_or(start)
    }

    /// Where the local part before `at` begins.
    fn local_start(&self, at: usize) -> Option<usize> {
        let least = self.floor_of_local(at);
        if self.bytes[least..at].last() == Some(&b'"') {
            return self.quoted_start(least, at);
        }
        let mut start = at;
        let mut is_wide = None;
        while start > least {
            let before = &self.bytes[least..start];
            if let [.., _, _, _] = before
                && is_escape(&before[before.len() - 3..])
            {
                let byte = unescape(&before[before.len() - 3..]);
                let is_inner = matches!(byte, b'#' | b'$') && self.is_inside(start - 3, start, at);
                if !(is_atom(byte) || byte == b'%' || byte >= 0x80 || is_inner) {
                    break;
                }
                start -= 3;
                continue;
            }
            let Some(letter) = self.text[least..start].chars().next_back() else { break };
            let wide = is_unspaced(letter);
            let fits = if letter.is_ascii() {
                is_atom(letter as u8) || self.is_inner_atom(start - 1, at)
            } else {
                is_alphanumeric(letter) || is_mark(letter)
            };
            // Words of scripts without spaces run into the address; one of such letters only is followed back.
            if !fits || (wide && is_wide == Some(false)) {
                break;
            }
            is_wide.get_or_insert(wide);
            start -= letter.len_utf8();
        }
        let start = self.behind_article(self.behind_json_escape(least, start), at);
        let edge = self.bytes[start..at].iter().take_while(|byte| matches!(byte, b'\'' | b'.' | b'!' | b'-' | b'`')).count();
        (start + edge < at).then_some(start + edge)
    }

    /// The earliest byte that the local part may begin with.
    fn floor_of_local(&self, at: usize) -> usize {
        let mut least = self.floor_of(at).max(at.saturating_sub(LONGEST_LOCAL));
        while !self.text.is_char_boundary(least) {
            least += 1;
        }
        least
    }

    /// Behind the last find; an escape is no border here.
    fn floor_of(&self, at: usize) -> usize {
        self.last().map_or(0, |last| last.end).min(at)
    }

    /// `"first last"@example.org`: the opening quote.
    fn quoted_start(&self, least: usize, at: usize) -> Option<usize> {
        let inner = &self.bytes[least..at - 1];
        let open = inner.iter().rposition(|byte| matches!(byte, b'"' | b'\n' | b'{' | b':' | b','))?;
        (inner[open] == b'"' && open + 1 < inner.len()).then_some(least + open)
    }

    /// `#` and `$` are legal too, and belong to the address where letters or digits stand on both sides.
    fn is_inner_atom(&self, sign: usize, at: usize) -> bool {
        matches!(self.bytes[sign], b'#' | b'$') && self.is_inside(sign, sign + 1, at)
    }

    /// Whether letters or digits stand on both sides of a sign, before the `@`.
    fn is_inside(&self, sign: usize, behind: usize, at: usize) -> bool {
        let is_letter = |place: usize| self.bytes[place].is_ascii_alphanumeric();
        sign.checked_sub(1).is_some_and(is_letter) && behind < at && is_letter(behind)
    }

    /// One letter of another script and a hyphen are a preposition: `ל-ann@example.org`.
    fn behind_article(&self, start: usize, at: usize) -> usize {
        let mut letters = self.text[start..at].chars();
        match (letters.next(), letters.next(), letters.next()) {
            (Some(first), Some('-'), Some(next)) if !first.is_ascii() && is_alphabetic(first) && next.is_ascii() => {
                start + first.len_utf8() + 1
            }
            _ => start,
        }
    }

    /// In JSON text inside the text, `\n` and `\u003c` end before the address begins.
    fn behind_json_escape(&self, least: usize, start: usize) -> usize {
        if start == least || self.bytes[start - 1] != b'\\' {
            return start;
        }
        match &self.bytes[start..] {
            [b'u', code @ ..] if code.iter().take(4).filter(|byte| byte.is_ascii_hexdigit()).count() == 4 => start + 5,
            [b'n' | b'r' | b't' | b'b' | b'f', ..] => start + 1,
            _ => start,
        }
    }
}

/// What a local part may hold of ASCII. `/ = & ? # { } | * $ ^` are legal as well, but in events they are syntax.
fn is_atom(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'\'' | b'!' | b'~' | b'`')
}

fn unescape(escape: &[u8]) -> u8 {
    let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
    value(escape[1]) << 4 | value(escape[2])
}

/// The end of the domain that begins at `start`.
fn domain_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if bytes.get(start) == Some(&b'[') {
        return literal_end(bytes, start);
    }
    let mut end = start;
    let mut chars = text[start..].char_indices();
    while let Some((offset, letter)) = chars.next() {
        let at = start + offset;
        if at - start > LONGEST_DOMAIN {
            break;
        }
        let length = match letter {
            '%' if is_escape(&bytes[at..]) && is_domain_byte(unescape(&bytes[at..at + 3])) => {
                chars.nth(1);
                3
            }
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' => 1,
            _ if !letter.is_ascii() && (is_alphanumeric(letter) || is_mark(letter)) => letter.len_utf8(),
            _ => break,
        };
        end = at + length;
    }
    labels_end(text, start, end)
}

fn is_domain_byte(byte: u8) -> bool {
    byte >= 0x80 || byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')
}

/// `[192.0.2.1]`, RFC 5321, section 4.1.3.
fn literal_end(bytes: &[u8], start: usize) -> Option<usize> {
    let inner = bytes.get(start + 1..)?.iter().take(48);
    let length = inner.take_while(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'I' | b'P' | b'v')).count();
    (length >= 3 && bytes.get(start + 1 + length) == Some(&b']')).then_some(start + length + 2)
}

/// Shortens a domain to labels of which the last may be a top-level domain.
fn labels_end(text: &str, start: usize, end: usize) -> Option<usize> {
    let mut end = end;
    loop {
        let domain = text[start..end].trim_end_matches(['.', '-']);
        let dot = domain.rfind('.')?;
        if dot == 0 {
            return None;
        }
        if let Some(length) = top_level(&domain[dot + 1..]) {
            let end = start + dot + 1 + length;
            return (!is_version(&domain[..dot]) && !domain[..dot].ends_with('.')).then_some(end);
        }
        end = start + dot;
    }
}

/// How much of a last label is a top-level domain: ASCII letters, `xn--…`, or letters of another script.
fn top_level(label: &str) -> Option<usize> {
    if label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")) {
        let length = label.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
        return (length > 5).then_some(length);
    }
    if label.starts_with('%') {
        return (label.len() >= 6).then_some(label.len());
    }
    let letters = label.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters == 0 {
        let is_name = !label.starts_with(|letter: char| letter.is_ascii()) && label.chars().count() >= 2;
        return is_name.then_some(label.len());
    }
    let next = label[letters..].chars().next();
    // No top-level domain mixes scripts: what follows at once is the next word, or an ending of this one.
    let is_whole = next.is_none_or(|letter| letter > '\u{024F}' || letter == '%');
    let is_file = FILES.iter().any(|file| label[..letters].eq_ignore_ascii_case(file));
    (is_whole && (2..=24).contains(&letters) && !is_file).then_some(letters)
}

/// `4.9.8-rc` in `lodash@4.9.8-rc.next`: two numbers first.
fn is_version(domain: &str) -> bool {
    let mut labels = domain.split('.');
    let is_number = |label: Option<&str>| label.is_some_and(|label| label.starts_with(|first: char| first.is_ascii_digit()));
    labels.next().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit())) && is_number(labels.next())
}

/// Signs that belong to the letter before: vowel signs of Indic scripts, combining accents.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{0300}'..='\u{036F}' | '\u{0900}'..='\u{0DFF}' | '\u{0E30}'..='\u{0E4E}' | '\u{200C}' | '\u{200D}')
}
