//! `pseudonym`: a keyed hash of an identity. It stays personal data: see `docs/pseudonymisation.md`.

use super::output::Output;
use super::{Context, Scalar};
use crate::event::Timestamp;
use crate::event::phone::e164;
use crate::plan::{KeyedPseudonym, Normalize, Period, PeriodPseudonym};
use jiff::tz::Offset;
use std::io::Write;

/// Strings, and integers as the same text (`1` and `"1"` are one identity). A number with fraction or exponent has
/// several spellings and is no identity; neither is an empty string.
pub(super) fn write(
    value: Scalar<'_>,
    rule: &KeyedPseudonym,
    context: &Context,
    work: &mut Vec<u8>,
    out: &mut Output<'_>,
) -> Option<()> {
    write_plain(input(value, rule.normalize, context, work)?, rule, out)
}

/// The same for text that is hashed as it stands.
pub(super) fn write_plain(text: &[u8], rule: &KeyedPseudonym, out: &mut Output<'_>) -> Option<()> {
    if text.is_empty() {
        return None;
    }
    out.quote();
    rule.key.pseudonym(text, out.buffer());
    out.quote();
    Some(())
}

/// The same, with the key of the period in which the event happened.
pub(super) fn write_period(
    value: Scalar<'_>,
    rule: &PeriodPseudonym,
    context: &Context,
    work: &mut Vec<u8>,
    out: &mut Output<'_>,
) -> Option<()> {
    let mut name = [0u8; LONGEST_PERIOD];
    let period = period(context.event_time, rule.period, &mut name)?;
    let input = input(value, rule.normalize, context, work)?;
    out.quote();
    rule.key.pseudonym(period, input, out.buffer());
    out.quote();
    Some(())
}

/// `2026-11-22` is the longest name of a period.
const LONGEST_PERIOD: usize = 10;

/// The name of the period in UTC: `2026-11-22`, `2026-W47`, `2026-11`.
fn period(at: Timestamp, period: Period, name: &mut [u8; LONGEST_PERIOD]) -> Option<&str> {
    let date = Offset::UTC.to_datetime(at).date();
    let mut rest = &mut name[..];
    let written = match period {
        Period::Day => write!(rest, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day()),
        Period::Week => {
            let week = date.iso_week_date();
            write!(rest, "{:04}-W{:02}", week.year(), week.week())
        }
        Period::Month => write!(rest, "{:04}-{:02}", date.year(), date.month()),
    };
    let left = rest.len();
    written.ok()?;
    std::str::from_utf8(&name[..LONGEST_PERIOD - left]).ok()
}

/// What is hashed.
fn input<'a>(value: Scalar<'a>, normalize: Normalize, context: &Context, work: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let text = match value {
        Scalar::String(text) | Scalar::Bare(text) => text,
        Scalar::Number(text) => integer(text)?,
    };
    normalized(text, normalize, context, work)
}

/// The comparable form of a text; `None` where it has none or is empty.
pub(super) fn normalized<'a>(text: &'a str, normalize: Normalize, context: &Context, work: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let input = match normalize {
        Normalize::None => text.as_bytes(),
        Normalize::Email => lower_case(text.trim(), work),
        Normalize::Lower => lower_case(text, work),
        Normalize::PhoneE164 => {
            work.clear();
            e164(text, context.country, work)?;
            work
        }
    };
    (!input.is_empty()).then_some(input)
}

/// The text of a number without fraction and exponent; both zeros are `0`.
pub(super) fn integer(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(if digits == "0" { digits } else { text })
}

fn lower_case<'a>(text: &str, work: &'a mut Vec<u8>) -> &'a [u8] {
    work.clear();
    for letter in text.chars().flat_map(char::to_lowercase) {
        work.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
    work
}
