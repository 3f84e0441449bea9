//! `url`: a URL without userinfo, and without the query, fragment and matrix parameters that its rule does not
//! let through.
//!
//! The bytes of what stays are those of the input: nothing is normalised. A text that programs read in
//! different ways (backslashes, control characters, an empty host, a colon in a relative path) drops the value.

mod names;
mod pieces;
#[cfg(test)]
mod tests;
mod usual;

use super::output::Output;
use crate::plan::{UrlPart, UrlRule};
use memchr::{memchr, memchr2, memchr3, memrchr};
use names::Names;
pub(super) use names::Space;
use pieces::pieces;
use unicode_normalization::UnicodeNormalization;

/// Writes what stays; `None` drops the value.
pub(super) fn write(text: &str, rule: &UrlRule, space: &mut Space, out: &mut Output<'_>) -> Option<()> {
    if write_usual(text.as_bytes(), rule, space, out).is_some() {
        return Some(());
    }
    out.quote();
    write_any(text, rule, space, out)?;
    out.quote();
    Some(())
}

/// The same for a URL as most are; `None`, with nothing written, for all others.
pub(super) fn write_usual(text: &[u8], rule: &UrlRule, space: &mut Space, out: &mut Output<'_>) -> Option<()> {
    match rule.part {
        UrlPart::Auto => usual::write(text, &mut Names::new(&rule.params, space), out),
        UrlPart::Query | UrlPart::Fragment => None,
    }
}

/// Writes what stays of any text, without quotes.
fn write_any(text: &str, rule: &UrlRule, space: &mut Space, out: &mut Output<'_>) -> Option<()> {
    let blank_ends = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    // Browsers take a backslash for a slash, but not behind the first `?` or `#`.
    let path_end = memchr2(b'?', b'#', text.as_bytes()).unwrap_or(text.len());
    if blank_ends || memchr(b'\\', &text.as_bytes()[..path_end]).is_some() || has_control(text) {
        return None;
    }
    let start = out.len();
    let mut writer = Writer { rule, names: Names::new(&rule.params, space), out };
    match rule.part {
        UrlPart::Query => writer.bare_query(text),
        UrlPart::Fragment => writer.fragment(text),
        UrlPart::Auto if text.starts_with('#') => writer.fragment(text),
        UrlPart::Auto if is_bare_query(text) => {
            writer.bare_query(text);
            // Without its first parameters `a=b&//u@host` would be something else.
            let left = out.since(start);
            if !(left.is_empty() || left.starts_with(b"#") || is_bare_query(std::str::from_utf8(left).ok()?)) {
                return None;
            }
        }
        UrlPart::Auto => writer.url(text)?,
    }
    Some(())
}

/// Whether the text holds a control character; nearly all texts are visible ASCII, which is seen sooner.
fn has_control(text: &str) -> bool {
    let odd = text.bytes().fold(0, |odd, byte| odd | u8::from(byte.wrapping_sub(b' ') >= 0x7F - b' '));
    odd != 0 && text.chars().any(char::is_control)
}

/// `?a=b`, and `a=b` where nothing before the first `=` could belong to a URL.
fn is_bare_query(text: &str) -> bool {
    text.starts_with('?') || text.find(['=', '/', '?', '#', ':', ';']).is_some_and(|at| text.as_bytes()[at] == b'=')
}

struct Writer<'a, 'w, 'o> {
    rule: &'a UrlRule,
    names: Names<'a>,
    out: &'w mut Output<'o>,
}

impl Writer<'_, '_, '_> {
    /// An absolute, scheme-relative or relative reference (RFC 3986, section 4.1).
    fn url(&mut self, text: &str) -> Option<()> {
        let end = memchr3(b'/', b'?', b'#', text.as_bytes()).unwrap_or(text.len());
        let (rest, needs_host) = match memchr(b':', &text.as_bytes()[..end]) {
            Some(colon) => {
                let (scheme, after) = (&text[..colon], &text[colon + 1..]);
                (after, self.scheme(scheme, after)?)
            }
            // `user@host/path` and a bare e-mail address look alike, and neither is a relative path.
            None if text[..end].contains('@') => return None,
            // One bare word is somebody's name or id sooner than a page.
            None if end == text.len() && !text.is_empty() && !text.contains(['.', ';', '=', '&']) => return None,
            None => (text, true),
        };
        let rest = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = memchr3(b'/', b'?', b'#', rest.as_bytes()).unwrap_or(rest.len());
                self.authority(&rest[..end], needs_host)?;
                &rest[end..]
            }
            None => rest,
        };
        let (rest, fragment) = split_before(rest, b'#');
        let (path, query) = split_before(rest, b'?');
        self.path(path)?;
        self.query(query);
        if self.rule.keep_fragment {
            self.fragment(fragment);
        }
        Some(())
    }

    /// http and https, which must have a host (then true), and what the rule lists.
    fn scheme(&mut self, scheme: &str, after: &str) -> Option<bool> {
        let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let is_listed = self.rule.schemes.iter().any(|listed| listed.eq_ignore_ascii_case(scheme));
        if !(is_listed || is_web) || (is_web && !after.starts_with("//")) {
            return None;
        }
        self.out.part(scheme);
        self.out.part(":");
        Some(is_web)
    }

    /// The host and port; userinfo never stays. A host with anything unusual in it drops the value, since
    /// programs differ in where such a host ends.
    fn authority(&mut self, authority: &str, needs_host: bool) -> Option<()> {
        let host = memrchr(b'@', authority.as_bytes()).map_or(authority, |at| &authority[at + 1..]);
        let is_plain =
            |letter: char| matches!(letter, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | '_' | '~' | ':' | '[' | ']');
        let is_usual = |letter: char| {
            is_plain(letter)
                || (!letter.is_ascii() && std::iter::once(letter).nfkc().all(|form| !form.is_ascii() || is_plain(form)))
        };
        let has_name = host.starts_with(|letter: char| letter != ':');
        let is_plain_throughout = host.bytes().all(|byte| byte.is_ascii() && is_plain(char::from(byte)));
        if !(has_name || (!needs_host && authority.is_empty())) || !(is_plain_throughout || host.chars().all(is_usual)) {
            return None;
        }
        self.out.part("//");
        self.out.part(host);
        Some(())
    }

    /// The path with its matrix parameters (`;name=value`), and parameters after an `&` that should have been a `?`.
    fn path(&mut self, path: &str) -> Option<()> {
        for segment in path.split_inclusive('/') {
            let (segment, slash) = segment.strip_suffix('/').map_or((segment, ""), |segment| (segment, "/"));
            let start = self.out.len();
            let mut removed = false;
            for (separator, piece) in pieces(segment) {
                let stays = match separator {
                    // A named parameter inside the path itself: what would be left of the path is unclear.
                    "" if self.names.hide_in(piece) => return None,
                    "" => true,
                    ";" => self.names.release(piece),
                    _ => !piece.contains('=') || self.names.release(piece),
                };
                if stays {
                    self.out.part(separator);
                    self.out.part(piece);
                }
                removed |= !stays;
            }
            // Two slashes in a row may begin an authority.
            if removed && self.out.len() == start {
                return None;
            }
            self.out.part(slash);
        }
        Some(())
    }

    /// `?` and parameters, or nothing.
    fn query(&mut self, query: &str) {
        if let Some(parameters) = query.strip_prefix('?') {
            self.parameters("?", parameters);
        }
    }

    /// A query on its own, with or without `?`, and what a `#` leads on to.
    fn bare_query(&mut self, text: &str) {
        let (query, fragment) = split_before(text, b'#');
        match query.strip_prefix('?') {
            Some(parameters) => self.parameters("?", parameters),
            None => self.parameters("", query),
        }
        if self.rule.keep_fragment {
            self.fragment(fragment);
        }
    }

    /// A fragment with or without `#`: an anchor, or parameters, or a path of its own with a query.
    fn fragment(&mut self, text: &str) {
        let start = self.out.len();
        let (mark, text) = text.strip_prefix('#').map_or(("", text), |rest| ("#", rest));
        let (anchor, query) = split_before(text, b'?');
        if anchor.contains(['=', '&']) {
            self.parameters(mark, anchor);
        } else if !self.names.hide_in(anchor) {
            self.out.part(mark);
            self.out.part(anchor);
        }
        if self.out.len() == start && !query.is_empty() {
            self.out.part(mark);
        }
        self.query(query);
        if self.out.len() == start + mark.len() && !text.is_empty() {
            self.out.truncate(start);
        }
    }

    /// The parameters that stay, each behind its own separator; the mark too, unless removal left nothing behind it.
    fn parameters(&mut self, mark: &str, text: &str) {
        let start = self.out.len();
        self.out.part(mark);
        let mut kept = 0usize;
        let mut removed = 0usize;
        for (separator, piece) in pieces(text) {
            if !self.names.release(piece) {
                removed += 1;
                continue;
            }
            if kept > 0 {
                self.out.part(separator);
            }
            self.out.part(piece);
            kept += 1;
        }
        if kept == 0 && removed > 0 {
            self.out.truncate(start);
        }
    }
}

/// Splits in front of the first such character of ASCII.
fn split_before(text: &str, mark: u8) -> (&str, &str) {
    text.split_at(memchr(mark, text.as_bytes()).unwrap_or(text.len()))
}
