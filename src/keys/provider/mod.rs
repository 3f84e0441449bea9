//! Who keeps the roots of a key set: the key file itself, or a service that has wrapped them under a key of its own and
//! unwraps them for those whom it trusts.

#[cfg(feature = "aws-kms")]
mod aws_kms;
#[cfg(feature = "vault")]
mod vault;
mod watch;
#[cfg(any(feature = "vault", feature = "aws-kms"))]
mod wrapping;

#[cfg(feature = "aws-kms")]
pub use aws_kms::{AwsKms, AwsKmsSettings};
#[cfg(feature = "vault")]
pub use vault::{Token, Vault, VaultSettings};
pub use watch::{Keyring, Standing};

use super::{Held, KeyError, RootKey};
use secrecy::SecretSlice;
use std::fmt;

/// Keeps roots. Calls may take as long as the provider's time limit; none is made from the data plane.
pub trait Provider: fmt::Debug + Send + Sync {
    /// The word in configurations and key files.
    fn name(&self) -> &'static str;

    /// Whether roots are wrapped in the file, so that the provider has to be asked.
    fn wraps(&self) -> bool;

    /// The roots with their secrets.
    fn open(&self, keys: &[RootKey]) -> Result<Vec<RootKey>, KeyError>;

    /// The roots as the file is to hold them; as many as are given, in their order.
    fn close(&self, keys: Vec<RootKey>) -> Result<Vec<RootKey>, KeyError>;
}

/// The file itself: roots stand there in the clear.
#[derive(Clone, Copy, Debug)]
pub struct Clear;

impl Provider for Clear {
    fn name(&self) -> &'static str {
        "file"
    }

    fn wraps(&self) -> bool {
        false
    }

    fn open(&self, keys: &[RootKey]) -> Result<Vec<RootKey>, KeyError> {
        let copy = |key: &RootKey| {
            let held = key.secret().map_or(Held::Nothing, |secret| Held::Secret(SecretSlice::from(secret.to_vec())));
            key.holding(held)
        };
        Ok(keys.iter().map(copy).collect())
    }

    fn close(&self, keys: Vec<RootKey>) -> Result<Vec<RootKey>, KeyError> {
        Ok(keys)
    }
}

/// Why a provider gives no roots. No variant holds a secret, nor what the provider said: that may repeat what it was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// Nobody answers at the address.
    #[error("no connection to {0}")]
    Unreachable(String),
    /// The answer did not come in time.
    #[error("no answer from {0} in time")]
    TimedOut(String),
    /// It does not let this process use the key.
    #[error("it refuses this process (403): the token is expired or revoked, or its policy does not allow `update` on {0}")]
    Denied(String),
    /// Too many requests.
    #[error("it limits the rate of requests (429)")]
    Throttled,
    /// It is sealed, or down for maintenance.
    #[error("it is sealed or down (503)")]
    Sealed,
    /// There is no such engine or key.
    #[error("it knows nothing at {0} (404)")]
    NoSuchKey(String),
    /// It cannot unwrap the text, or does not know the key.
    #[error("it does not take key {id} of the key file (400): wrapped under another key, moved between ids, or changed")]
    Refused {
        /// The root's id.
        id: String,
    },
    /// It says why not, in a word of its interface.
    #[error("it answers {0}")]
    Answers(&'static str),
    /// It failed.
    #[error("it failed ({0})")]
    Failed(u16),
    /// What it said is no answer to what was asked.
    #[error("what it answered cannot be read")]
    Answer,
    /// What was unwrapped is no root.
    #[error("what it unwrapped for key {id} of the key file is no root of 32 to 64 bytes")]
    NoRoot {
        /// The root's id.
        id: String,
    },
    /// The token is not there.
    #[error("its token cannot be read: {0}")]
    NoToken(String),
    /// The client cannot be made of the settings.
    #[error("its client cannot be made: {0}")]
    Settings(String),
}

impl ProviderError {
    /// Whether asking again later may help. What was refused for what it is stays refused.
    pub fn passes(&self) -> bool {
        match self {
            ProviderError::Unreachable(_)
            | ProviderError::TimedOut(_)
            | ProviderError::Denied(_)
            | ProviderError::Throttled
            | ProviderError::Sealed
            | ProviderError::NoSuchKey(_)
            | ProviderError::Answers(_)
            | ProviderError::Failed(_)
            | ProviderError::Answer
            | ProviderError::NoToken(_)
            | ProviderError::Settings(_) => true,
            ProviderError::Refused { .. } | ProviderError::NoRoot { .. } => false,
        }
    }
}
