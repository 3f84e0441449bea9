//! `encrypt`: a value under its subject's own data keys, gone for good once one of them is destroyed.

use super::Scalar;
use super::output::Output;
use super::pseudonym::integer;
use crate::keys::subject::{EncryptKey, Sealing};

/// Strings, and integers as the same text, as for tokens. An event that names nobody has nobody's key: its value goes.
pub(super) fn write(
    value: Scalar<'_>,
    key: &EncryptKey,
    sealing: &mut Sealing,
    work: &mut Vec<u8>,
    out: &mut Output<'_>,
) -> Option<()> {
    let text = match value {
        Scalar::String(text) | Scalar::Bare(text) => text,
        Scalar::Number(text) => integer(text)?,
    };
    if text.is_empty() {
        return None;
    }
    out.quote();
    sealing.seal(key, text.as_bytes(), work, out.buffer())?;
    out.quote();
    Some(())
}
