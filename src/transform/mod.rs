//! What happens to one value: one file a transform. An input of another type than expected, or a failure, drops the value.
//!
//! Every transform reads the decoded value and writes into the caller's buffer; after warm-up nothing is
//! allocated. What a transform cannot read for certain it drops: it never passes its input on.

mod bucket;
pub mod detect;
mod disclose;
mod email_domain;
mod encrypt;
mod geo;
mod ip;
mod mask;
mod output;
mod prefix;
mod pseudonym;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod url;
mod user_agent;

use crate::event::json::{Kind, unescape_into};
use crate::event::{Country, Timestamp, json::Text};
use crate::keys::subject::Sealing;
use crate::plan::{Action, Normalize};
use output::Output;

/// What a transform may depend on besides value, key and options.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When the event happened.
    pub event_time: Timestamp,
    /// When it is judged: what an event says about time does not change what depends on this.
    pub now: Timestamp,
    /// Where the subject is, if one country is known.
    pub country: Option<Country>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its replacement was appended to the output.
    Written,
    /// It goes; nothing was appended.
    Dropped,
}

/// Buffers of the transforms, cleared before each use.
#[derive(Default)]
pub struct Scratch {
    /// The decoded input.
    pub decoded: Vec<u8>,
    /// A transform's working space.
    pub work: Vec<u8>,
    /// The data keys of the record's subject.
    pub sealing: Sealing,
    /// The names of a URL's parameters.
    urls: url::Space,
    /// What `detect` found.
    finder: detect::Finder,
}

/// A value as a transform sees it. It does not implement `Debug`: it may be personal data.
#[derive(Clone, Copy)]
enum Scalar<'a> {
    /// A JSON string, decoded.
    String(&'a str),
    /// A JSON number, as written.
    Number(&'a str),
    /// The text of a record key, which has no type.
    Bare(&'a str),
}

/// Transforms one scalar (or, for `null` and `redact`, any value) of a JSON document and appends the
/// replacement's JSON text. `Keep` appends the text as it is; `Drop` drops.
pub fn apply(action: &Action, input: Text<'_>, context: &Context, scratch: &mut Scratch, out: &mut Vec<u8>) -> Fate {
    if let Some(fate) = apply_plain(action, input, scratch, out) {
        return fate;
    }
    let whole = match action {
        Action::Keep => input.raw(),
        Action::Null => b"null",
        Action::Redact(constant) => constant,
        // JSON text is a document of its own, and an array more than a scalar: the encoder edits them.
        Action::Drop | Action::Remove | Action::Json(_) | Action::Filter(_) => return Fate::Dropped,
        Action::Mask { .. }
        | Action::Pseudonym(_)
        | Action::TruncateIp { .. }
        | Action::Url(_)
        | Action::EmailDomain
        | Action::CoarsenGeo { .. }
        | Action::CoarsenTime(_)
        | Action::Prefix { .. }
        | Action::Bucket(_)
        | Action::UserAgent
        | Action::DiscloseSha256(_)
        | Action::PeriodPseudonym(_)
        | Action::Token(_)
        | Action::Encrypt(_) => {
            let Scratch { decoded, work, sealing, urls, finder: _ } = scratch;
            let Some((value, is_clean)) = read(input, decoded) else { return Fate::Dropped };
            return transform(action, value, context, (work, sealing, urls), Output::json_like(is_clean, out));
        }
        Action::Detect(rule) => {
            let Scratch { decoded, work: _, sealing: _, urls: _, finder } = scratch;
            let Some((Scalar::String(text), _)) = read(input, decoded) else { return Fate::Dropped };
            let finds = finder.search(text, rule);
            if !finds.is_empty() {
                detect::write(text, rule, finds, &mut Output::json(out));
                return Fate::Written;
            }
            input.raw()
        }
    };
    out.extend_from_slice(whole);
    Fate::Written
}

/// Transforms a record key, which is bare text, and appends the new key. A key that goes is absent, and so
/// is one that becomes null.
pub fn apply_key(action: &Action, key: &[u8], context: &Context, scratch: &mut Scratch, out: &mut Vec<u8>) -> Fate {
    match action {
        Action::Keep => out.extend_from_slice(key),
        Action::Redact(constant) => unescape_into(constant.get(1..constant.len().saturating_sub(1)).unwrap_or_default(), out),
        Action::Null | Action::Drop | Action::Remove | Action::Json(_) | Action::Filter(_) => return Fate::Dropped,
        Action::Mask { .. }
        | Action::Pseudonym(_)
        | Action::TruncateIp { .. }
        | Action::Url(_)
        | Action::EmailDomain
        | Action::CoarsenGeo { .. }
        | Action::CoarsenTime(_)
        | Action::Prefix { .. }
        | Action::Bucket(_)
        | Action::UserAgent
        | Action::DiscloseSha256(_)
        | Action::PeriodPseudonym(_)
        | Action::Token(_)
        | Action::Encrypt(_) => {
            let Ok(text) = std::str::from_utf8(key) else { return Fate::Dropped };
            let Scratch { decoded: _, work, sealing, urls, finder: _ } = scratch;
            return transform(action, Scalar::Bare(text), context, (work, sealing, urls), Output::bare(out));
        }
        Action::Detect(rule) => {
            let Ok(text) = std::str::from_utf8(key) else { return Fate::Dropped };
            detect::write(text, rule, scratch.finder.search(text, rule), &mut Output::bare(out));
        }
    }
    Fate::Written
}

/// What needs no more than the bytes of a string without escapes, which a strict scan has read; `None` where more is needed.
#[inline]
fn apply_plain(action: &Action, input: Text<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) -> Option<Fate> {
    match action {
        Action::Pseudonym(rule) if rule.normalize == Normalize::None => {
            let written = pseudonym::write_plain(input.plain_string()?, rule, &mut Output::json(out));
            Some(if written.is_some() { Fate::Written } else { Fate::Dropped })
        }
        Action::Url(rule) => {
            url::write_usual(input.plain_string()?, rule, &mut scratch.urls, &mut Output::json(out))?;
            Some(Fate::Written)
        }
        _ => None,
    }
}

/// The decoded value, and whether it stood there without escapes; `None` for what no transform reads.
fn read<'a>(input: Text<'a>, decoded: &'a mut Vec<u8>) -> Option<(Scalar<'a>, bool)> {
    if let Some(text) = input.plain_string() {
        return std::str::from_utf8(text).ok().map(|text| (Scalar::String(text), true));
    }
    match input.kind() {
        Kind::Number => input.as_number().map(|number| (Scalar::Number(number), true)),
        Kind::String => {
            decoded.clear();
            input.decode_into(decoded);
            std::str::from_utf8(decoded).ok().map(|text| (Scalar::String(text), false))
        }
        Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => None,
    }
}

/// Dispatches, and takes back what a transform wrote before it gave up.
fn transform(
    action: &Action,
    value: Scalar<'_>,
    context: &Context,
    (work, sealing, urls): (&mut Vec<u8>, &mut Sealing, &mut url::Space),
    mut out: Output<'_>,
) -> Fate {
    let start = out.len();
    work.clear();
    let written = match action {
        Action::Mask { keep_last } => value.text().and_then(|text| mask::write(text, usize::from(*keep_last), &mut out)),
        Action::Pseudonym(rule) => pseudonym::write(value, rule, context, work, &mut out),
        Action::PeriodPseudonym(rule) => pseudonym::write_period(value, rule, context, work, &mut out),
        Action::Token(key) => token::write(value, key, work, &mut out),
        Action::Encrypt(key) => encrypt::write(value, key, sealing, work, &mut out),
        Action::DiscloseSha256(normalize) => disclose::write(value, *normalize, context, work, &mut out),
        Action::Prefix { keep } => value.text().and_then(|text| prefix::write(text, usize::from(*keep), &mut out)),
        Action::Bucket(edges) => bucket::write(value, edges, &mut out),
        Action::UserAgent => value.text().and_then(|text| user_agent::write(text, &mut out)),
        Action::TruncateIp { v4, v6 } => value.text().and_then(|text| ip::write(text, *v4, *v6, &mut out)),
        Action::Url(rule) => value.text().and_then(|text| url::write(text, rule, urls, &mut out)),
        Action::EmailDomain => value.text().and_then(|text| email_domain::write(text, &mut out)),
        Action::CoarsenGeo { decimals } => geo::write(value, usize::from(*decimals), &mut out),
        Action::CoarsenTime(unit) => time::write(value, *unit, &mut out),
        Action::Keep
        | Action::Drop
        | Action::Remove
        | Action::Null
        | Action::Redact(_)
        | Action::Detect(_)
        | Action::Json(_)
        | Action::Filter(_) => None,
    };
    match written {
        Some(()) => Fate::Written,
        None => {
            out.truncate(start);
            Fate::Dropped
        }
    }
}

impl<'a> Scalar<'a> {
    /// The text of a string or a key; a number is a mismatch.
    fn text(self) -> Option<&'a str> {
        match self {
            Scalar::String(text) | Scalar::Bare(text) => Some(text),
            Scalar::Number(_) => None,
        }
    }
}
