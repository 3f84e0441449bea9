//! Requests of data subjects, as OpenDSR version 3 has them: what is asked, what is answered, and the signature on it.
//!
//! Who does the work is behind [`Desk`]: nothing here knows Kafka, and nothing here keeps an identity.

mod answer;
mod callback;
mod request;
mod sign;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Office, fault};
pub use callback::{Address, CallError, Caller, CallerError};
pub use request::{Fault, Format, Identity, MOST_IDENTITIES, Request};
pub use sign::{SignError, Signer};

#[cfg(test)]
pub(super) use tests::{office as office_for_tests, verify as verify_for_tests};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a data subject asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestType {
    /// To be forgotten.
    Erasure,
    /// To be told what is held.
    Access,
    /// The same, to take it elsewhere.
    Portability,
}

impl RequestType {
    /// Every type.
    pub const ALL: [RequestType; 3] = [RequestType::Erasure, RequestType::Access, RequestType::Portability];

    /// The word of OpenDSR, section 6.2.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestType::Erasure => "erasure",
            RequestType::Access => "access",
            RequestType::Portability => "portability",
        }
    }
}

/// How far a request is (OpenDSR, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It was written down; nothing was destroyed.
    Pending,
    /// It is being done, and cannot be taken back.
    InProgress,
    /// It was done.
    Completed,
    /// It was taken back.
    Cancelled,
}

impl Stage {
    /// The word of OpenDSR.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Pending => "pending",
            Stage::InProgress => "in_progress",
            Stage::Completed => "completed",
            Stage::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen.
    pub fn is_final(self) -> bool {
        match self {
            Stage::Pending | Stage::InProgress => false,
            Stage::Completed | Stage::Cancelled => true,
        }
    }
}

/// What is known of one request by whoever asks for its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What was asked for.
    pub kind: RequestType,
    /// How far it is.
    pub stage: Stage,
    /// When it was received.
    pub received: Timestamp,
    /// When it is expected to be completed.
    pub expected: Timestamp,
    /// When it was completed or cancelled.
    pub ended: Option<Timestamp>,
}

/// Why a request is not taken, or not cancelled. Nothing changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Declined {
    /// What is asked for cannot be done, or contradicts what is known.
    #[error("{0}")]
    Refused(&'static str),
    /// There is no such request.
    #[error("no request of that id is known")]
    Unknown,
    /// Not now: why, without values.
    #[error("{0}")]
    Unavailable(String),
}

/// Whether a request is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was written down.
    New,
    /// It was known already, with the same content.
    Again,
}

/// Who takes requests, remembers and does them. Calls may wait for Kafka.
pub trait Desk: Send + Sync {
    /// Writes a request down, durably, before it returns.
    fn take(&self, request: &Request) -> Result<(Taken, Account), Declined>;

    /// How far a request is.
    fn account(&self, id: &str) -> Result<Account, Declined>;

    /// Takes a request back that is still pending.
    fn cancel(&self, id: &str) -> Result<Account, Declined>;

    /// What is held of those whom an access request names; `None` where the request was for something else.
    fn results(&self, id: &str) -> Result<Option<serde_json::Value>, Declined>;

    /// How many requests are open, and how many of these are late.
    fn standing(&self) -> (usize, usize);

    /// Whether a controller may have itself called at that address.
    fn may_call(&self, url: &str) -> bool;

    /// The types of identity that are understood, as OpenDSR names them.
    fn identity_types(&self) -> Vec<&'static str>;
}
