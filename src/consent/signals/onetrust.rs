//! OneTrust: the text of its cookies, or an object with `groups`; the categories that are on count once a choice was recorded.
//!
//! Looks at one text or object: a whole cookie header, the value of `OptanonConsent`, or `C0001:1,C0002:0` alone, encoded up to
//! three times over. `groups` says 1 (or 2, always active) or 0 for each category; a category that it does not name is denied.
//! Before the first interaction it holds defaults: unless something ending in `AlertBoxClosed` records a choice, and while a
//! new one is awaited (`AwaitingReconsent`), what it says is silence. `isGpcEnabled` is Global Privacy Control. A missing
//! value, null, an empty text and a cookie header without these cookies are silence; any other value is broken, and so are a flag
//! that is neither on nor off, and a record of a choice that is neither a time nor yes or no.

use super::{
    Answer, Answers, Buffers, MAX_INPUT, Said, Spelling, Statement, Value, add, document, flag, is_empty, mapped, scalar_text,
    spelling,
};
use crate::consent::time::rfc3339;
use crate::event::json::{Kind, Text};
use crate::event::{PurposeId, PurposeSet, Timestamp};
use crate::plan::Categories;

/// The cookie that holds the categories.
const COOKIE: &[u8] = b"OptanonConsent";
/// Ends the names of what records a choice: `OptanonAlertBoxClosed`, `alertBoxClosed`.
const CLOSED: &[u8] = b"alertboxclosed";
/// Flags that stand against a yes: Global Privacy Control, and that a new choice is awaited.
const FLAGS: [&[u8]; 2] = [b"isGpcEnabled", b"AwaitingReconsent"];
/// How often a text may be encoded: twice is common, once more is seen.
const ROUNDS: usize = 3;

pub(super) fn read(
    purposes: &[(PurposeId, Categories)],
    sale: PurposeSet,
    value: Value<'_>,
    buffers: &mut Buffers,
    said: &mut Said<'_>,
) {
    let mut found = Found::default();
    let is_text = match value {
        Value::Silent => return,
        Value::Broken => false,
        Value::Json(json) => json.kind() == Kind::String,
        Value::Raw(text) => !text.starts_with('{'),
    };
    buffers.more.clear();
    if is_text {
        match value.text(&mut buffers.text) {
            Some(text) if text.len() <= MAX_INPUT => cookies(text.as_bytes(), &mut buffers.more, &mut found),
            Some(_) | None => found.broken = true,
        }
        if found.is_elsewhere() {
            return;
        }
    } else if let Some(object) = document(value).filter(|json| json.kind() == Kind::Object) {
        members(object, buffers, &mut found);
    } else {
        found.broken = true;
    }
    let Found { groups, broken, .. } = &found;
    if *broken {
        return add(&mut said.plain().invalid, mapped(purposes).chain(sale.iter()));
    }
    if found.gpc {
        add(&mut said.plain().gpc, sale.iter());
    }
    let groups = groups.map_or(&[][..], |(start, end)| &buffers.more[start..end]);
    categories(purposes, groups, found.is_recorded(), said.at(found.at, None));
}

/// What was found.
#[derive(Default)]
struct Found {
    /// Where the decoded groups stand.
    groups: Option<(usize, usize)>,
    closed: bool,
    /// When the choice was made.
    at: Option<Timestamp>,
    awaiting: bool,
    gpc: bool,
    broken: bool,
    /// Whether anything of OneTrust's was seen.
    any: bool,
}

impl Found {
    fn is_recorded(&self) -> bool {
        self.closed && !self.awaiting
    }

    /// Cookies of others.
    fn is_elsewhere(&self) -> bool {
        !self.any && !self.broken
    }

    /// Groups said twice are groups of which nobody knows which hold.
    fn take_groups(&mut self, start: usize, end: usize) {
        self.any = true;
        self.broken |= self.groups.is_some();
        self.groups = Some((start, end));
    }

    /// The value of `AlertBoxClosed`: a time, or a word. One that is neither might be the time of a no.
    fn close(&mut self, value: &[u8]) {
        self.any = true;
        let at = rfc3339(value);
        let is = |words: &[&[u8]]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
        if at.is_some() || is(&[b"1", b"true"]) {
            self.closed = true;
            self.at = at;
        } else if !is(&[b"", b"0", b"false", b"no", b"null", b"undefined"]) {
            self.broken = true;
        }
    }

    /// A flag against the person's yes: one that cannot be read must not pass for "off".
    fn flag(&mut self, value: &[u8]) -> bool {
        self.any = true;
        let is = |words: [&[u8]; 2]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
        self.broken |= !value.is_empty() && !is([b"0", b"false"]) && !is([b"1", b"true"]);
        is([b"1", b"true"])
    }

    fn note(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(FLAGS[0]) {
            self.gpc |= self.flag(value);
        } else if name.eq_ignore_ascii_case(FLAGS[1]) {
            self.awaiting |= self.flag(value);
        } else if is_closed(name) {
            self.close(value);
        }
    }
}

fn is_closed(name: &[u8]) -> bool {
    name.len() >= CLOSED.len() && name[name.len() - CLOSED.len()..].eq_ignore_ascii_case(CLOSED)
}

/// A cookie header, or the text of the one cookie.
fn cookies(text: &[u8], decoded: &mut Vec<u8>, found: &mut Found) {
    let mut named = false;
    for cookie in text.split(|letter| *letter == b';').map(<[u8]>::trim_ascii) {
        let Some((name, value)) = split_once(cookie, b'=') else { continue };
        if name == COOKIE {
            named = true;
            one(value, decoded, found);
        } else if is_closed(name) {
            let start = decode(value, decoded);
            found.close(&decoded[start..]);
            named = true;
        }
    }
    if !named {
        one(text, decoded, found);
    }
}

/// The text of `OptanonConsent`: a query string, or the groups alone. It is decoded until its pairs show, and then each value by
/// itself: what is still encoded then belongs to the value, such as the address of a page with pairs of its own.
fn one(text: &[u8], decoded: &mut Vec<u8>, found: &mut Found) {
    let start = decoded.len();
    decoded.extend_from_slice(text);
    for _ in 0..ROUNDS {
        if decoded[start..].contains(&b'=') || !decode_once(decoded, start) {
            break;
        }
    }
    let end = decoded.len();
    if !decoded[start..].contains(&b'=') {
        // Without a pair it is the groups alone, or nothing that could be read.
        return if decoded[start..].contains(&b':') { found.take_groups(start, end) } else { found.broken = true };
    }
    let (mut at, mut in_address) = (start, false);
    while at < end {
        let length = decoded[at..end].iter().position(|letter| matches!(letter, b'&' | b';')).unwrap_or(end - at);
        let (begin, behind) = (skip_cookie_name(decoded, at, at + length), at + length);
        at = behind + 1;
        let Some(equals) = decoded[begin..behind].iter().position(|letter| *letter == b'=') else { continue };
        // The value goes to the end, where it may be decoded further without moving what follows.
        let value = decoded.len();
        decoded.extend_from_within(begin + equals + 1..behind);
        decode_from(decoded, value);
        let name = &decoded[begin..begin + equals];
        if name.eq_ignore_ascii_case(b"groups") {
            found.broken |= name != b"groups";
            let behind = decoded.len();
            found.take_groups(value, behind);
        } else if !(in_address && is_closed(name)) {
            found.note(name, decoded[value..].trim_ascii());
        }
        // Pairs behind an address may be its own: anybody can write them into a link.
        in_address |= decoded[value..].contains(&b'?');
    }
}

/// Behind `OptanonConsent=`, should the pair begin with it: then the whole cookie was encoded, name and all.
fn skip_cookie_name(decoded: &[u8], start: usize, end: usize) -> usize {
    let spaces = decoded[start..end].iter().take_while(|letter| **letter == b' ').count();
    let pair = &decoded[start + spaces..end];
    match pair.strip_prefix(COOKIE) {
        Some([b'=', rest @ ..]) => end - rest.len(),
        Some(_) | None => start + spaces,
    }
}

/// The members of an object.
fn members(object: Text<'_>, buffers: &mut Buffers, found: &mut Found) {
    let Buffers { names, text, more } = buffers;
    found.any = true;
    for (member, value) in object.members().filter(|(_, value)| !is_empty(*value)) {
        let groups = spelling(member.0, "groups", names);
        // Groups under another spelling can take a yes back, and cannot give one.
        found.broken |= matches!(groups, Spelling::Folded);
        if matches!(groups, Spelling::Exact) {
            match value.kind() {
                Kind::String => match scalar_text(value, text) {
                    Some(groups) if groups.len() <= MAX_INPUT => {
                        let start = decode(groups, more);
                        found.take_groups(start, more.len());
                    }
                    Some(_) | None => found.broken = true,
                },
                Kind::Object => by_name(value, names, text, more, found),
                Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::Array => found.broken = true,
            }
        } else if matches!(spelling(member.0, "OptanonConsent", names), Spelling::Exact) {
            match scalar_text(value, text) {
                Some(cookie) if cookie.len() <= MAX_INPUT => one(cookie, more, found),
                Some(_) | None => found.broken = true,
            }
        } else {
            // `spelling` left the decoded name in the buffer only where it had escapes.
            let name = if member.0.contains(&b'\\') { &names[..] } else { member.0 };
            match scalar_text(value, text) {
                Some(word) => {
                    let start = decode(word, more);
                    found.note(name, &more[start..]);
                }
                // A container says neither on nor off, nor when.
                None => found.broken |= is_closed(name) || FLAGS.iter().any(|flag| name.eq_ignore_ascii_case(flag)),
            }
        }
    }
}

/// Groups as an object of category to flag, written down as their text would be.
fn by_name(groups: Text<'_>, names: &mut Vec<u8>, text: &mut Vec<u8>, out: &mut Vec<u8>, found: &mut Found) {
    let start = out.len();
    for (name, value) in groups.members() {
        names.clear();
        crate::event::json::unescape_into(name.0, names);
        // A name that would read as several stays one that nothing is mapped to.
        out.extend(names.iter().map(|letter| if matches!(letter, b',' | b':') { b'?' } else { *letter }));
        let on = match flag(value, text) {
            Some(true) => b'1',
            Some(false) => b'0',
            None if text == b"2" => b'2',
            None => b'?',
        };
        out.extend_from_slice(&[b':', on, b',']);
    }
    found.take_groups(start, out.len());
}

/// Settles each purpose. Without a recorded choice what the groups say is silence; what they do not name is denied either way.
fn categories(purposes: &[(PurposeId, Categories)], groups: &[u8], recorded: bool, out: &mut Statement) {
    for (purpose, categories) in purposes {
        let answers: Answers = categories.names.iter().map(|name| category(groups, name.as_bytes(), recorded)).collect();
        super::settle(answers, categories, *purpose, out);
    }
}

/// What the groups say about one category: of several entries the strictest.
fn category(groups: &[u8], name: &[u8], recorded: bool) -> Answer {
    let entries = groups.split(|letter| *letter == b',').map(<[u8]>::trim_ascii).filter(|entry| !entry.is_empty());
    let answers = entries.filter_map(|entry| {
        let Some(colon) = entry.iter().rposition(|letter| *letter == b':') else { return Some(Answer::Broken) };
        let (known, on) = (&entry[..colon], &entry[colon + 1..]);
        let exact = known == name;
        match on {
            _ if !known.eq_ignore_ascii_case(name) => None,
            b"1" | b"2" if !exact => None,
            b"0" | b"1" | b"2" if !recorded => Some(Answer::Silent),
            b"1" | b"2" => Some(Answer::Yes),
            b"0" => Some(Answer::No),
            _ => Some(Answer::Broken),
        }
    });
    answers.max().unwrap_or(Answer::No)
}

/// Appends the text with its escapes decoded, again where that yields escapes; returns where it begins.
fn decode(text: &[u8], out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(text);
    decode_from(out, start);
    start
}

/// Decodes what stands from there on.
fn decode_from(out: &mut Vec<u8>, start: usize) {
    for _ in 0..ROUNDS {
        if !decode_once(out, start) {
            break;
        }
    }
}

/// Decodes `%3A` and its like in place, which only grows shorter; false where there was none.
fn decode_once(text: &mut Vec<u8>, start: usize) -> bool {
    let (mut from, mut to) = (start, start);
    while from < text.len() {
        let escape = match text.get(from..from + 3) {
            Some([b'%', high, low]) => hex(*high).zip(hex(*low)),
            Some(_) | None => None,
        };
        let (letter, used) = escape.map_or((text[from], 1), |(high, low)| (high << 4 | low, 3));
        text[to] = letter;
        from += used;
        to += 1;
    }
    let changed = to < text.len();
    text.truncate(to);
    changed
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = text.iter().position(|letter| *letter == at)?;
    Some((&text[..position], &text[position + 1..]))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, at, categories};
    use crate::event::{PurposeId, PurposeSet, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `C0002`; all of `C0004` and `C0005`; any of them; one that a sale forbids and nothing maps.
    fn case(source: Source) -> Case {
        let lists =
            [categories(&["C0002"], false), categories(&["C0004", "C0005"], false), categories(&["C0004", "C0005"], true)];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        let sale: PurposeSet = [PurposeId(3)].into_iter().collect();
        Case::new().signal(source, SignalKind::OneTrust { purposes, sale })
    }

    #[track_caller]
    fn check(value: &str, expected: [&str; 4]) {
        assert_eq!(case(Source::Slot(SlotId(0))).capture(0, value).said(4), expected, "{value}");
    }

    const GROUPS: &str = "C0001:1,C0002:1,C0004:0,C0005:2";

    #[test]
    fn the_cookies_are_read_however_often_they_were_encoded() {
        let expected = ["granted", "denied", "granted", ""];
        let closed = "OptanonAlertBoxClosed=2026-11-01T10:00:00.000Z";
        for (cookie, how) in [
            ("isGpcEnabled=0&groups=C0001:1,C0002:1,C0004:0,C0005:2&hosts=", "plain"),
            ("isGpcEnabled=0&groups=C0001%3A1%2CC0002%3A1%2CC0004%3A0%2CC0005%3A2&hosts=", "once"),
            ("isGpcEnabled%3D0%26groups%3DC0001%253A1%252CC0002%253A1%252CC0004%253A0%252CC0005%253a2%26hosts%3D", "twice"),
            (
                "isGpcEnabled%253D0%2526groups%253DC0001%25253A1%25252CC0002%25253A1%25252CC0004%25253A0%25252CC0005%25253A2",
                "thrice",
            ),
        ] {
            check(&format!("\"sid=7; OptanonConsent={cookie}; {closed}\""), expected);
            check(&format!("\"{closed};OptanonConsent={cookie}\""), expected);
            check(
                &format!(r#"{{"OptanonConsent":"{cookie}","OptanonAlertBoxClosed":"2026-11-01T10%3A00%3A00.000Z"}}"#),
                expected,
            );
            assert!(!how.is_empty());
        }
        check(&format!(r#"{{"groups":"{GROUPS}","alertBoxClosed":true}}"#), expected);
        check(r#"{"groups":{"C0001":1,"C0002":true,"C0004":0,"C0005":"2"},"AlertBoxClosed":"2026-11-01T10:00:00Z"}"#, expected);
        check(&format!("\"groups={GROUPS}&AlertBoxClosed=2026-11-01T10%3A00%3A00Z\""), expected);
    }

    #[test]
    fn without_a_recorded_choice_the_groups_are_silence() {
        check(&format!("\"OptanonConsent=groups={GROUPS}\""), ["", "", "", ""]);
        check(&format!("\"{GROUPS}\""), ["", "", "", ""]);
        check(&format!(r#"{{"groups":"{GROUPS}"}}"#), ["", "", "", ""]);
        for not_closed in ["\"\"", "false", "null", "0", "\"no\"", "\"undefined\""] {
            check(&format!(r#"{{"groups":"{GROUPS}","alertBoxClosed":{not_closed}}}"#), ["", "", "", ""]);
        }
        check(&format!("\"groups={GROUPS}&AlertBoxClosed=1&AwaitingReconsent=true\""), ["", "", "", ""]);
        check(&format!("\"groups={GROUPS}&AlertBoxClosed=1&AwaitingReconsent=True\""), ["", "", "", ""]);
        for flag in [r#""AwaitingReconsent":[true]"#, r#""isGpcEnabled":{}"#] {
            check(
                &format!(r#"{{"groups":"{GROUPS}","alertBoxClosed":true,{flag}}}"#),
                ["invalid", "invalid", "invalid", "invalid"],
            );
        }
        for flag in ["AwaitingReconsent=yes", "isGpcEnabled=on"] {
            check(&format!("\"groups={GROUPS}&AlertBoxClosed=1&{flag}\""), ["invalid", "invalid", "invalid", "invalid"]);
        }
    }

    #[test]
    fn a_category_that_is_not_named_is_denied() {
        check("{}", ["denied", "denied", "denied", ""]);
        check(r#"{"groups":"","alertBoxClosed":true}"#, ["denied", "denied", "denied", ""]);
        check(r#"{"groups":"C0002:1","alertBoxClosed":true}"#, ["granted", "denied", "denied", ""]);
        check(r#"{"groups":"c0002:1,C0004:1","alertBoxClosed":true}"#, ["denied", "denied", "granted", ""]);
        check(r#"{"groups":"c0002:0,C0002:1","alertBoxClosed":true}"#, ["denied", "denied", "denied", ""]);
        check("\"OptanonConsent=isGpcEnabled=0; OptanonAlertBoxClosed=1\"", ["denied", "denied", "denied", ""]);
    }

    /// A link to the site may carry pairs of its own in its address, which OneTrust keeps as `landingPath`.
    #[test]
    fn an_address_does_not_record_a_choice() {
        let address = "landingPath=https%3A%2F%2Fshop.example%2F%3Fa%3D1%26AlertBoxClosed%3D2026-01-01T00%3A00%3A00Z";
        check(&format!("\"OptanonConsent=groups={GROUPS}&{address}\""), ["", "", "", ""]);
        let plain = "landingPath=https://shop.example/?a=1&AlertBoxClosed=2026-01-01T00:00:00Z";
        check(&format!("\"OptanonConsent=groups={GROUPS}&{plain}\""), ["", "", "", ""]);
        check(&format!("\"OptanonConsent={plain}&groups={GROUPS}\""), ["", "", "", ""]);
        let groups = "landingPath=https://shop.example/?groups=C0002:1,C0004:1,C0005:1";
        check(&format!("\"groups={GROUPS}&AlertBoxClosed=1&{groups}\""), ["granted", "denied", "granted", ""]);
        let behind = "landingPath=https://shop.example/?a=1&groups=C0002:1,C0004:1,C0005:1";
        check(&format!("\"groups={GROUPS}&AlertBoxClosed=1&{behind}\""), ["invalid", "invalid", "invalid", "invalid"]);
    }

    #[test]
    fn global_privacy_control_is_read_along() {
        check(&format!("\"isGpcEnabled=1&groups={GROUPS}\""), ["", "", "", "gpc"]);
        check(&format!(r#"{{"groups":"{GROUPS}","isGpcEnabled":1}}"#), ["", "", "", "gpc"]);
        check(&format!("\"isGpcEnabled=0&groups={GROUPS}\""), ["", "", "", ""]);
    }

    #[test]
    fn silence_and_what_is_broken() {
        assert_eq!(case(Source::Slot(SlotId(0))).said(4), ["", "", "", ""]);
        for silent in ["null", "\"\"", "\"sid=7; theme=dark\""] {
            check(silent, ["", "", "", ""]);
        }
        for odd in
            ["1", "true", "[]", "\"yes\"", r#"{"groups":7}"#, r#"{"groups":["C0002"]}"#, "\"groups=C0002:1&groups=C0002:0\""]
        {
            check(odd, ["invalid", "invalid", "invalid", "invalid"]);
        }
        check(r#"{"groups":"C0002:yes,C0004:1,C0005:1","alertBoxClosed":true}"#, ["invalid", "granted", "granted", ""]);
        check(r#"{"groups":"C0002,C0004:1","alertBoxClosed":true}"#, ["invalid", "invalid", "invalid", ""]);
        let long = format!("\"{}\"", "C0001:1,".repeat(9_000));
        check(&long, ["invalid", "invalid", "invalid", "invalid"]);
        assert_eq!(case(Source::Header("cookie".into())).header("Cookie", b"\xff").said(4)[0], "invalid");
    }

    #[test]
    fn the_choice_has_the_time_at_which_the_box_was_closed() {
        let text = format!("OptanonConsent=groups={GROUPS}; OptanonAlertBoxClosed=2026-11-01T10%3A00%3A00.000Z");
        let facts = case(Source::Header("cookie".into())).header("Cookie", text.into_bytes().leak()).facts();
        assert_eq!(facts.statements[0].at, Some(at("2026-11-01T10:00:00Z")));
    }
}
