//! Bearer tokens, JSON Web Tokens, user names and passwords in URLs.

use super::scan::{Scan, is_word};
use crate::plan::Label;

/// The shortest text behind `Bearer` that is taken for a token.
const SHORTEST_TOKEN: usize = 12;
/// No word behind `Bearer` that is none of a token is so long.
const LONGEST_SCHEME: usize = 24;
/// The shortest header and payload of a token: `{"alg":"x"}` in base64.
const SHORTEST_PART: usize = 8;
/// How far the authority of a URL is followed, in bytes.
const LONGEST_AUTHORITY: usize = 1024;

impl Scan<'_> {
    /// A `b`: `Bearer` and what is behind it (RFC 6750, section 2.1).
    pub(super) fn bearer(&mut self, at: usize) -> usize {
        const WORD: &[u8] = b"bearer";
        let Some(word) = self.bytes.get(at..at + WORD.len()) else { return at + 1 };
        if !word.eq_ignore_ascii_case(WORD) || at.checked_sub(1).is_some_and(|before| is_word(self.bytes[before])) {
            return at + 1;
        }
        let behind = at + WORD.len();
        if !self.wants(Label::BearerToken) {
            return behind;
        }
        let Some(start) = self.behind_blanks(behind) else { return behind };
        let length = self.bytes[start..].iter().take_while(|byte| is_token(**byte)).count();
        let token = &self.bytes[start..start + length];
        let trailing = token.iter().rev().take_while(|byte| matches!(byte, b'.' | b'/')).count();
        let token = &token[..length - trailing];
        // `Bearer Authentication` is two words.
        let is_long = token.len() >= LONGEST_SCHEME;
        let is_telling = is_long || token.iter().skip(1).any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        if token.len() < SHORTEST_TOKEN || !is_telling {
            return start;
        }
        self.found(start, start + token.len(), Label::BearerToken)
    }

    /// Behind the blanks, quotes or escapes between `Bearer` and its token; there must be some.
    fn behind_blanks(&self, behind: usize) -> Option<usize> {
        let mut at = behind;
        loop {
            at += match &self.bytes[at..] {
                [b' ' | b'\t' | b'"' | b'\'' | b':' | b'=' | b'\\' | b'+' | b'<' | b'`' | b'[' | b'{', ..] => 1,
                [b'%', b'2', b'0', ..] | [b'%', b'3', b'A' | b'D' | b'a' | b'd', ..] => 3,
                _ => break,
            };
            if at - behind > 8 {
                return None;
            }
        }
        (at > behind).then_some(at)
    }

    /// A `J`: the header of a JSON Web Token is `{"…`, which base64 writes as `eyJ`.
    pub(super) fn web_token(&mut self, at: usize) -> usize {
        let Some(start) = at.checked_sub(2).filter(|start| *start >= self.floor) else { return at + 1 };
        let is_begun = &self.bytes[start..at] == b"ey" && !start.checked_sub(1).is_some_and(|before| is_word(self.bytes[before]));
        if !is_begun || !self.wants(Label::BearerToken) {
            return at + 1;
        }
        let part = |from: usize| self.bytes[from..].iter().take_while(|byte| is_base64(**byte)).count();
        let header = start + part(start);
        if header - start < SHORTEST_PART || self.bytes.get(header) != Some(&b'.') {
            return header;
        }
        let mut end = header + 1 + part(header + 1);
        let payload = &self.bytes[header + 1..end];
        let is_signed = self.bytes.get(end) == Some(&b'.');
        if payload.len() < SHORTEST_PART || !(is_signed || payload.starts_with(b"eyJ")) {
            return end;
        }
        while self.bytes.get(end) == Some(&b'.') && part(end + 1) > 0 {
            end += 1 + part(end + 1);
        }
        self.found(start, end, Label::BearerToken)
    }

    /// `://`, in JSON also `:\/\/`, from `at` to `start`: user name and password up to the last `@` of the authority (RFC 3986, section 3.2.1).
    pub(super) fn authority(&mut self, at: usize, start: usize) -> usize {
        let is_scheme = at.checked_sub(1).is_some_and(|before| self.bytes[before].is_ascii_alphanumeric());
        if !is_scheme || !self.wants(Label::UrlCredentials) {
            return start;
        }
        let window = self.bytes[start..].iter().take(LONGEST_AUTHORITY);
        let length = window.take_while(|byte| !ends_authority(**byte)).count();
        match memchr::memrchr(b'@', &self.bytes[start..start + length]) {
            None | Some(0) => start,
            Some(end) => self.found(start, start + end, Label::UrlCredentials),
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn ends_authority(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>' | b'\\' | b'`')
}
