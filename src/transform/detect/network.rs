//! Addresses of the network: IPv4, IPv6, hardware addresses.

use super::context::{self, Context, Near};
use super::scan::{Scan, is_word, prefix, suffix};
use super::script::{is_alphabetic, is_alphanumeric};
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
            b'%' if is_escaped_colon(&self.bytes[end..]) => self.escaped_colons(start),
            b':' => self.colons(start),
            b'-' if end - start == 2 => self.hardware(start, b'-'),
            b'.' if end - start == 4 => self.cisco(start),
            _ => self.bare_hardware(start, end, context),
        }
    }

    /// `%3A`: a colon of a URL's parameter, of an address whose first digits are letters.
    pub(super) fn escaped_colon(&mut self, at: usize) -> Option<usize> {
        if !is_escaped_colon(&self.bytes[at..]) {
            return None;
        }
        let letters = self.bytes[self.floor.min(at)..at].iter().rev().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if letters > 4 { None } else { self.escaped_colons(at - letters) }
    }

    /// A colon: of a URL, or of an address whose first digits are letters.
    pub(super) fn colon(&mut self, at: usize) -> usize {
        if self.bytes[at..].starts_with(b"://") {
            return self.authority(at, at + 3);
        }
        if self.bytes[at..].starts_with(b":\\/\\/") {
            return self.authority(at, at + 5);
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
        if run > LONGEST_ADDRESS + 5 {
            return None;
        }
        // `src:2001:db8::1`: the letters in front of the first colon may be the end of a name.
        let name = self.bytes[start..start + run].iter().position(|byte| *byte == b':').map(|colon| colon + 1);
        let name = name.filter(|name| *name < run && self.bytes[start..start + name - 1].iter().all(u8::is_ascii_alphabetic));
        let whole = if self.touches(start) { None } else { self.colons_within(start, run) };
        whole.or_else(|| name.and_then(|name| self.colons_within(start + name, run - name)))
    }

    /// An address that takes the whole run, which no word touches.
    fn colons_within(&mut self, start: usize, run: usize) -> Option<usize> {
        if run >= 17
            && let Some(end) = self.hardware(start, b':')
        {
            return Some(end);
        }
        let text = self.text[start..start + run].trim_end_matches('.');
        let text = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
        let end = start + text.len();
        if run > LONGEST_ADDRESS || !self.wants(Label::IpAddress) || self.bytes.get(end).copied().is_some_and(is_word) {
            return None;
        }
        let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok_and(|address| names_somebody(address, text));
        if is_address(text) {
            let end = self.zone_end(end);
            return Some(self.found(start, end, Label::IpAddress));
        }
        // Eight groups and a port.
        let port = text.rfind(':').filter(|at| text[..*at].matches(':').count() == 7 && is_address(&text[..*at]))?;
        Some(self.found(start, start + port, Label::IpAddress))
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
        if goes_on || address.octets()[0] == 0 {
            return None;
        }
        let is_small = is_like_version(address);
        let is_version = self.is_version(start, is_small, context);
        if is_version || (is_small && (self.is_version_behind(end) || self.is_next_version(start))) {
            self.version_until = end;
            return None;
        }
        Some(self.found(start, end, Label::IpAddress))
    }

    /// `Chrome/120.0.0.0`, `lib-1.2.3.4`, `version 1.2.3.4`.
    fn is_version(&self, start: usize, is_small: bool, context: &mut Context) -> bool {
        let before = &self.bytes[self.floor.min(start)..start];
        if let [.., last, mark @ (b'/' | b'-' | b'_')] = before
            && last.is_ascii_alphanumeric()
        {
            let name =
                before.iter().rev().skip(1).take(48).take_while(|byte| is_word(**byte) || matches!(byte, b'.' | b'-')).count();
            let front = before.len().checked_sub(name + 2).map(|at| before[at]);
            // A step of a path is no product: it stands behind another slash. Nor is `ip-203.0.113.9`.
            let is_step = *mark == b'/' && (matches!(front, Some(b'/')) || (!is_small && name_starts_small(before, name)));
            return !is_step && !context::is_host(&self.words, &self.text[..start - 1]);
        }
        let front = self.text[self.floor.min(start)..start].trim_end_matches([' ', ')']);
        // `^1.2.3.4` as packages ask for versions; in `origin^203.0.113.9^F` the sign parts two fields.
        let is_bound = front.strip_suffix(['^', '~']).is_some_and(|outer| !outer.ends_with(is_alphanumeric));
        if is_bound || front.ends_with('§') || front.ends_with("==") || front.ends_with(">=") {
            return true;
        }
        if is_small && front.len() < start - self.floor.min(start) && context::is_program(front) {
            return true;
        }
        if is_small && self.is_tiny_in_prose(start) {
            return true;
        }
        // `firmware update from 203.0.113.9` has an address, `upgrade from 1.2.3.4` none.
        match context.near(self) {
            Near::Version => is_small || !context::is_host(&self.words, front),
            Near::Release => is_small,
            Near::Nothing
            | Near::Number
            | Near::Phone
            | Near::Signed
            | Near::PhoneOrTax
            | Near::Reach
            | Near::Device
            | Near::SocialSecurity
            | Near::Mac
            | Near::National
            | Near::Other => false,
        }
    }

    /// `see 1.2.3.4 below`, `base:8.8.43.43`, `base@8.8.43.43`: a word that announces no address, and numbers as versions and sections
    /// begin. One address in 66 begins so; behind a word for addresses, a name and `=`, or a quote it is still taken.
    fn is_tiny_in_prose(&self, start: usize) -> bool {
        let second = self.text[start..].split('.').nth(1).map_or(0, str::len);
        let is_tiny = self.bytes[start + 1] == b'.' && second <= 2;
        let run = self.bytes[start..].iter().take(16).take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let is_placed = matches!(self.bytes.get(start + run..), Some([b':' | b'/', next, ..]) if next.is_ascii_digit());
        let before = &self.text[self.floor.min(start)..start];
        let word = before.strip_suffix([' ', ':', '@']).unwrap_or_default();
        let is_word = word.ends_with(is_alphabetic);
        is_tiny
            && !is_placed
            && is_word
            && !context::is_address_near(&self.words, suffix(word, 48), if before.ends_with([':', '@']) { 1 } else { 3 })
    }

    /// `1.2.3.4 installed`.
    fn is_version_behind(&self, end: usize) -> bool {
        let Some(rest) = self.text[end..].strip_prefix(' ') else { return false };
        context::is_version_word(&self.words, prefix(rest, 40))
    }

    /// `1.2.3.4 -> 1.2.3.5`: what a version is changed to.
    fn is_next_version(&self, start: usize) -> bool {
        let between = self.version_until.max(self.floor)..start;
        (between.start == self.version_until && self.version_until > 0 && between.len() <= 8)
            && matches!(self.text[between].trim(), "->" | "=>" | "→" | "to" | "nach" | "auf" | "à" | "a" | "naar" | "til" | "на")
    }

    /// Six pairs of hexadecimal digits.
    fn hardware(&mut self, start: usize, mark: u8) -> Option<usize> {
        if !self.wants(Label::Mac) {
            return None;
        }
        // Letters alone are no candidate: the pairs in front of the first digit were passed by.
        let mut start = start;
        for _ in 0..5 {
            if !self.is_pair_before(start, mark) {
                break;
            }
            start -= 3;
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
        // `mac:00:00:5e:…`: a name, and no pair, stands before the colon.
        let is_named = mark == b':' && !self.is_pair_before(start, mark);
        let goes_on = self.touches(start) || (before == Some(mark) && !is_named) || is_longer;
        (!goes_on && text.iter().enumerate().all(is_right)).then(|| self.found(start, end, Label::Mac))
    }

    /// Whether two hexadecimal digits that no word touches, and the mark, stand before `start`.
    fn is_pair_before(&self, start: usize, mark: u8) -> bool {
        let Some(at) = start.checked_sub(3).filter(|at| *at >= self.floor) else { return false };
        let is_alone = !self.touches(at);
        let [high, low, between] = [self.bytes[at], self.bytes[at + 1], self.bytes[at + 2]];
        is_alone && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() && between == mark
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
            let goes_on = self.touches(start)
                || before == Some(b'.')
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

/// `%3A`.
fn is_escaped_colon(bytes: &[u8]) -> bool {
    matches!(bytes, [b'%', b'3', b'A' | b'a', ..])
}

/// Whether the name of `length` and one letters before the mark that ends the text begins with a small letter.
fn name_starts_small(before: &[u8], length: usize) -> bool {
    before[before.len() - length - 1].is_ascii_lowercase()
}

/// Whether the numbers are as versions have them: small ones first, or nothing but one. One address in sixteen is so.
fn is_like_version(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    (first < 40 && second < 100) || (second == 0 && third == 0)
}

/// Not `::`, `::1` and what is only written like an address: `add::fade` has no digit, `12:30::45` has no letter, few
/// groups and a beginning of which nothing was ever given out (RFC 4291, section 2.4).
pub(super) fn names_somebody(address: Ipv6Addr, text: &str) -> bool {
    let is_given = matches!(address.segments()[0], 0x2000..=0x3FFF | 0xFC00..) || address.segments()[..5] == [0; 5];
    let is_telling = text.bytes().any(|byte| byte.is_ascii_alphabetic()) || text.matches(':').count() > 3;
    !address.is_unspecified()
        && !address.is_loopback()
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && (is_given && text.len() > 4 || is_telling)
}
