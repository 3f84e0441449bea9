//! Addresses of the network: IPv4, IPv6, hardware addresses.

use super::context::{Context, Near};
use super::scan::{Scan, is_word};
use crate::plan::Label;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest text of an IPv6 address is 45 characters; longer runs of such letters are fingerprints.
const LONGEST_ADDRESS: usize = 47;
/// What a zone (RFC 4007) may take.
const LONGEST_ZONE: usize = 16;

impl Scan<'_> {
    /// An address that begins with the word at `start`, which ends at `end`.
    pub(super) fn address(&mut self, start: usize, end: usize, context: &mut Context) -> Option<usize> {
        let wants_ip = self.wants(Label::IpAddress);
        let next = self.bytes.get(end).copied();
        if wants_ip && next == Some(b'.') && end - start <= 3 {
            return self.ipv4(start, context).or_else(|| self.cisco(start));
        }
        match next? {
            b':' => self.colons(start),
            b'-' if end - start == 2 => self.hardware(start, b'-'),
            b'.' if end - start == 4 => self.cisco(start),
            _ => self.bare_hardware(start, end, context),
        }
    }

    /// A colon: of a URL, or of an address whose first digits are letters.
    pub(super) fn colon(&mut self, at: usize) -> usize {
        if self.bytes[at..].starts_with(b"://") {
            return self.authority(at);
        }
        let letters = self.bytes[self.floor.min(at)..at].iter().rev().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let follows = self.bytes.get(at + 1).is_some_and(|next| next.is_ascii_hexdigit() || *next == b':');
        if letters > 4 || !follows {
            return at + 1;
        }
        self.colons(at - letters).unwrap_or(at + 1)
    }

    /// An IPv6 or hardware address with colons that begins at `start`.
    fn colons(&mut self, start: usize) -> Option<usize> {
        if start < self.colons_until {
            return None;
        }
        let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(**byte, b':' | b'.');
        let run = self.bytes[start..].iter().take_while(is_part).count();
        self.colons_until = start + run;
        let before = start.checked_sub(1).map(|before| self.bytes[before]);
        if run > LONGEST_ADDRESS || before.is_some_and(is_word) {
            return None;
        }
        if run >= 17
            && let Some(end) = self.hardware(start, b':')
        {
            return Some(end);
        }
        let text = self.text[start..start + run].trim_end_matches('.');
        let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
        let end = start + text.len();
        let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok_and(|address| names_somebody(address, text));
        if !self.wants(Label::IpAddress) || self.bytes.get(end).copied().is_some_and(is_word) || !is_address(text) {
            return None;
        }
        let end = self.zone_end(end);
        Some(self.found(start, end, Label::IpAddress))
    }

    /// `%eth0` behind an address.
    fn zone_end(&self, end: usize) -> usize {
        let Some([b'%', zone @ ..]) = self.bytes.get(end..) else { return end };
        let length = zone.iter().take(LONGEST_ZONE).take_while(|byte| is_word(**byte)).count();
        if length == 0 { end } else { end + 1 + length }
    }

    /// Four numbers up to 255 with dots between, neither more nor less, and no version.
    fn ipv4(&mut self, start: usize, context: &mut Context) -> Option<usize> {
        let before = start.checked_sub(1).map(|before| self.bytes[before]);
        if before == Some(b'.') && start >= 2 && self.bytes[start - 2].is_ascii_alphanumeric() {
            return None;
        }
        let run = self.bytes[start..].iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let text = self.text[start..start + run].trim_end_matches('.');
        let end = start + text.len();
        let address: Ipv4Addr = text.parse().ok()?;
        let goes_on = match self.bytes.get(end..).unwrap_or_default() {
            [b'.' | b'-', next, ..] if next.is_ascii_alphabetic() => self.bytes[end] == b'-',
            [b'.', next, ..] => next.is_ascii_digit(),
            [next, ..] => is_word(*next),
            [] => false,
        };
        if goes_on || address.is_unspecified() || self.is_version(start, context) {
            return None;
        }
        Some(self.found(start, end, Label::IpAddress))
    }

    /// `Chrome/120.0.0.0`, `lib-1.2.3.4`, `version 1.2.3.4`.
    fn is_version(&self, start: usize, context: &mut Context) -> bool {
        let before = &self.bytes[self.floor.min(start)..start];
        if let [.., last, mark @ (b'/' | b'-' | b'_')] = before
            && last.is_ascii_alphanumeric()
        {
            let name =
                before.iter().rev().skip(1).take(48).take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'-')).count();
            let front = before.len().checked_sub(name + 2).map(|at| before[at]);
            // A step of a path is no product: it stands behind another slash.
            return *mark != b'/' || !matches!(front, Some(b'/'));
        }
        let front = self.text[self.floor.min(start)..start].trim_end_matches(' ');
        front.ends_with(['§', '^', '~']) || front.ends_with("==") || front.ends_with(">=") || context.near(self) == Near::Version
    }

    /// Six pairs of hexadecimal digits.
    fn hardware(&mut self, start: usize, mark: u8) -> Option<usize> {
        if !self.wants(Label::Mac) {
            return None;
        }
        // Letters alone are no candidate: the pairs in front of the first digit were passed by.
        let mut start = start;
        for _ in 0..5 {
            match start.checked_sub(3).filter(|at| *at >= self.floor).map(|at| &self.bytes[at..start]) {
                Some([high, low, between]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && *between == mark => {
                    start -= 3
                }
                _ => break,
            }
        }
        let end = start + 17;
        let text = self.bytes.get(start..end)?;
        let is_right = |(at, byte): (usize, &u8)| if at % 3 == 2 { *byte == mark } else { byte.is_ascii_hexdigit() };
        let before = start.checked_sub(1).map(|at| self.bytes[at]);
        let behind = self.bytes.get(end..).unwrap_or_default();
        let is_longer = match behind {
            [next, ..] if is_word(*next) => true,
            [next, digit, ..] => *next == mark && digit.is_ascii_hexdigit(),
            _ => false,
        };
        let goes_on = before.is_some_and(|before| is_word(before) || before == mark) || is_longer;
        (!goes_on && text.iter().enumerate().all(is_right)).then(|| self.found(start, end, Label::Mac))
    }

    /// `0123.4567.89ab`, begun by any of its parts.
    fn cisco(&mut self, start: usize) -> Option<usize> {
        if !self.wants(Label::Mac) {
            return None;
        }
        for back in [0, 5, 10] {
            let Some(start) = start.checked_sub(back).filter(|start| *start >= self.floor) else { break };
            let Some(text) = self.bytes.get(start..start + 14) else { continue };
            let is_right = |(at, byte): (usize, &u8)| if at % 5 == 4 { *byte == b'.' } else { byte.is_ascii_hexdigit() };
            let before = start.checked_sub(1).map(|at| self.bytes[at]);
            let goes_on = before.is_some_and(|before| is_word(before) || before == b'.')
                || matches!(self.bytes.get(start + 14..), Some([next, ..]) if is_word(*next))
                || matches!(self.bytes.get(start + 14..), Some([b'.', next, ..]) if next.is_ascii_hexdigit());
            // `2019.2020.2021` are years.
            let is_hex = text.iter().any(u8::is_ascii_alphabetic) || !text.starts_with(b"20");
            if !goes_on && is_hex && text.iter().enumerate().all(is_right) {
                return Some(self.found(start, start + 14, Label::Mac));
            }
        }
        None
    }

    /// Twelve hexadecimal digits, where the words in front say what they are.
    fn bare_hardware(&mut self, start: usize, end: usize, context: &mut Context) -> Option<usize> {
        let is_right = end - start == 12 && self.bytes[start..end].iter().all(u8::is_ascii_hexdigit);
        (is_right && self.wants(Label::Mac) && context.near(self) == Near::Mac).then(|| self.found(start, end, Label::Mac))
    }
}

/// Not `::`, `::1` and what is only written like an address: `add::fade` has no digit.
fn names_somebody(address: Ipv6Addr, text: &str) -> bool {
    !address.is_unspecified() && !address.is_loopback() && text.bytes().any(|byte| byte.is_ascii_digit())
}
