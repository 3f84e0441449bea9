//! Bytes → the places the plan cares about. Decides nothing.

pub mod json;
mod strings;

pub use strings::{Strings, index_of, place_in_record};

use crate::outcome::Reason;

/// Limits on one record; each ends in `limit_exceeded`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record value: larger than any tracking event, small enough for a worker's buffers.
    pub record_bytes: usize,
    /// Containers inside containers: what lenient readers downstream are known to survive.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Bytes of one decoded member name.
    pub name_bytes: usize,
    /// Places that rules or control paths touch in one record.
    pub touched: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { record_bytes: 1 << 20, depth: 128, members: 10_000, name_bytes: 8 << 10, touched: 10_000 }
    }
}

/// Why a record cannot be read: `malformed` or `limit_exceeded`, and the byte at which that showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at byte {at}")]
pub struct Refusal {
    /// The reason.
    pub reason: Reason,
    /// Byte offset.
    pub at: usize,
}
