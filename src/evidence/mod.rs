//! What the data plane sets aside: quarantined records, sealed to the operator.
//!
//! A batch is one value on the quarantine topic: JSON lines, one a record, sealed as one `age` file, so that a
//! flood of bad input does not become a flood of sealing and Privet cannot read back what it set aside:
//!
//! ```json
//! {"stream":"web","sink":"*","topic":"events.raw","partition":0,"offset":12,"reason":"malformed","timestamp":"2026-11-22T10:35:45Z","key_base64":"dTE=","headers":[["trace","MQ=="],["empty",null]],"value_base64":"eyI="}
//! ```
//!
//! `sink` is `*` where no sink got the record; `key_base64` and `value_base64` are null where the record has
//! none. A record too large for a batch has `"omitted":true` in place of key, headers and value, and stays in the
//! source topic at that position. Without a recipient nothing is sealed and a line ends after `reason`.

mod batch;
mod open;

pub use batch::{Full, Incident, MAX_BATCH_BYTES, QuarantineBatch, SealError};
pub use open::{Identities, IdentityError, OpenError, open, split};

use std::fmt;
use std::str::FromStr;

/// Whom quarantined records are sealed to: the public half of an `age` identity, `age1…`.
#[derive(Clone)]
pub struct Recipient(age::x25519::Recipient);

/// Why a text is no recipient. It does not repeat the text, which may be a secret pasted into the wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// It is the secret half.
    #[error("this is a secret identity; the recipient is the public key, which begins with `age1` (`age-keygen -y` prints it)")]
    Secret,
    /// It is something else.
    #[error("not an X25519 recipient of age (`age1` and 58 letters and digits)")]
    Form,
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Recipient, RecipientError> {
        if text.trim_start().get(..14).is_some_and(|start| start.eq_ignore_ascii_case("AGE-SECRET-KEY")) {
            return Err(RecipientError::Secret);
        }
        text.parse().map(Recipient).map_err(|_| RecipientError::Form)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests;
