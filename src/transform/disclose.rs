//! `disclose_sha256`: the bare SHA-256 of contact data, which ad platforms match people by. It is readable to
//! whoever has a list of addresses; the language fences it, see `policy::lower`.

use super::output::Output;
use super::pseudonym::normalized;
use super::{Context, Scalar};
use crate::plan::Normalize;
use sha2::{Digest, Sha256};

/// The digest as the platforms ask for it: 64 hexadecimal digits in lower case.
pub(super) fn write(
    value: Scalar<'_>,
    normalize: Normalize,
    context: &Context,
    work: &mut Vec<u8>,
    out: &mut Output<'_>,
) -> Option<()> {
    let (Scalar::String(text) | Scalar::Bare(text)) = value else { return None };
    let input = normalized(text, normalize, context, work)?;
    // What is no address at all is not what the author meant to disclose.
    if normalize == Normalize::Email && memchr::memchr_iter(b'@', input).count() != 1 {
        return None;
    }
    let digest = Sha256::digest(input);
    out.quote();
    for byte in digest {
        out.plain(format_args!("{byte:02x}"));
    }
    out.quote();
    Some(())
}
