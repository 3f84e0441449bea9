//! One Kafka record as every stage sees it, and the control values that decoding found in it.

use super::{SlotId, Timestamp};
use std::ops::Range;

/// A record header; Kafka allows the same name several times and values that are absent or not text.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// The header's name.
    pub name: &'a str,
    /// The header's bytes, absent where the record holds a null.
    pub value: Option<&'a [u8]>,
}

/// Where a record came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The source partition.
    pub partition: i32,
    /// The source offset.
    pub offset: i64,
}

/// One record, borrowed from the consumer's fetch buffer or from a file. It does not implement
/// `Debug`: it holds personal data.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The place it was read from.
    pub position: Position,
    /// The record's own time, if it carries one.
    pub timestamp: Option<Timestamp>,
    /// The record key.
    pub key: Option<&'a [u8]>,
    /// The record value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The record headers, in order.
    pub headers: &'a [Header<'a>],
}

/// A control value found while scanning: which slot asked for it and where its JSON text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capture {
    /// The slot whose path met the value.
    pub slot: SlotId,
    /// The bytes of the value's JSON text in the record value (a string keeps its quotes), or
    /// [`Capture::UNREADABLE`].
    pub span: Range<usize>,
}

impl Capture {
    /// The span of what is there and cannot be read as the slot's value: a dotted name leads into it
    /// (`"consent.ads"` where a path names `$.consent`). It is no range of any record.
    pub const UNREADABLE: Range<usize> = usize::MAX..usize::MAX;
}
