//! `pseudonym`: a keyed hash of an identity. It stays personal data: see `docs/pseudonymisation.md`.

use super::Scalar;
use super::output::Output;
use crate::plan::{KeyedPseudonym, Normalize};

/// Strings, and integers as the same text (`1` and `"1"` are one identity). A number with fraction or exponent has
/// several spellings and is no identity; neither is an empty string.
pub(super) fn write(value: Scalar<'_>, rule: &KeyedPseudonym, work: &mut Vec<u8>, out: &mut Output<'_>) -> Option<()> {
    let text = match value {
        Scalar::String(text) | Scalar::Bare(text) => text,
        Scalar::Number(text) => integer(text)?,
    };
    let input = match rule.normalize {
        Normalize::None => text.as_bytes(),
        Normalize::Email => lower_case(text.trim(), work),
        Normalize::Lower => lower_case(text, work),
    };
    if input.is_empty() {
        return None;
    }
    out.quote();
    rule.key.pseudonym(input, out.buffer());
    out.quote();
    Some(())
}

/// The text of a number without fraction and exponent; both zeros are `0`.
fn integer(text: &str) -> Option<&str> {
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
