//! Signs that are written as escapes: the colons of an address as `%3A`, the `@` of an e-mail address as an entity of HTML.

use super::network::names_somebody;
use super::scan::Scan;
use crate::plan::Label;
use std::net::Ipv6Addr;

/// An IPv6 address has at most so many characters.
const LONGEST_ADDRESS: usize = 45;

/// How an `@` is written where it may not stand: in HTML, and in JSON text inside a string.
const ATS: &[&[u8]] = &[b"&#64;", b"&#064;", b"&#x40;", b"&#X40;", b"&#x0040;", b"&commat;", b"\\u0040"];

/// A run of hexadecimal digits, dots and `%3A`, with its escapes resolved.
struct Run {
    text: [u8; LONGEST_ADDRESS],
    length: usize,
    end: usize,
    /// Whether it is no longer than an address, and has colons.
    is_whole: bool,
}

impl Scan<'_> {
    /// An `&` or a backslash: an `@`, or nothing of ours.
    pub(super) fn entity(&mut self, at: usize) -> usize {
        match ATS.iter().find(|escape| self.bytes[at..].starts_with(escape)) {
            Some(escape) => self.email(at, at + escape.len()),
            None => at + 1,
        }
    }

    /// An address of hexadecimal digits and `%3A` that begins at `start`: six pairs, or IPv6.
    pub(super) fn escaped_colons(&mut self, start: usize) -> Option<usize> {
        if start < self.colons_until || self.touches(start) {
            return None;
        }
        let run = self.run(start);
        self.colons_until = run.end;
        if !run.is_whole {
            return None;
        }
        if self.bytes.get(run.end).is_some_and(|next| super::scan::is_word(*next)) {
            return None;
        }
        let text = std::str::from_utf8(&run.text[..run.length]).ok()?;
        let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.wants(Label::Mac) && text.len() == 17 && text.split(':').all(is_pair) {
            return Some(self.found(start, run.end, Label::Mac));
        }
        let is_address = self.wants(Label::IpAddress) && text.parse::<Ipv6Addr>().is_ok_and(|it| names_somebody(it, text));
        is_address.then(|| self.found(start, run.end, Label::IpAddress))
    }

    /// The run that begins at `start`.
    fn run(&self, start: usize) -> Run {
        let mut run = Run { text: [0; LONGEST_ADDRESS], length: 0, end: start, is_whole: false };
        loop {
            let (byte, length) = match &self.bytes[run.end..] {
                [b'%', b'3', b'A' | b'a', ..] => (b':', 3),
                [byte, ..] if byte.is_ascii_hexdigit() || *byte == b'.' => (*byte, 1),
                _ => return run,
            };
            let Some(slot) = run.text.get_mut(run.length) else { return Run { is_whole: false, ..run } };
            *slot = byte;
            run.is_whole |= length == 3;
            run.length += 1;
            run.end += length;
        }
    }
}
