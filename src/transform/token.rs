//! `token`: a value encrypted so that the holder of the key can read it back.

use super::Scalar;
use super::output::Output;
use super::pseudonym::integer;
use crate::keys::TokenKey;

/// Strings, and integers as the same text, as for pseudonyms: `1` and `"1"` have one token.
pub(super) fn write(value: Scalar<'_>, key: &TokenKey, work: &mut Vec<u8>, out: &mut Output<'_>) -> Option<()> {
    let text = match value {
        Scalar::String(text) | Scalar::Bare(text) => text,
        Scalar::Number(text) => integer(text)?,
    };
    if text.is_empty() {
        return None;
    }
    out.quote();
    key.token(text.as_bytes(), work, out.buffer())?;
    out.quote();
    Some(())
}
