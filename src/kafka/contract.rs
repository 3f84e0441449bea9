//! What the delivery loop needs of a cluster: a [`Source`] to read and a [`Sink`] to write, and nothing of librdkafka.

use super::errors::Fault;
use crate::event::{Header, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One record as it was fetched, borrowed while the callback of [`Source::poll`] runs. It does not implement
/// `Debug`: it holds personal data.
#[derive(Clone, Copy)]
pub struct Fetched<'a> {
    /// The source topic.
    pub topic: &'a str,
    /// The source partition.
    pub partition: i32,
    /// The source offset.
    pub offset: i64,
    /// The record's own time, if it carries one.
    pub timestamp: Option<Timestamp>,
    /// The record key.
    pub key: Option<&'a [u8]>,
    /// The record value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, read on demand: librdkafka only parses them for who asks.
    pub headers: &'a ReadHeaders<'a>,
    /// When it was fetched, where that is not just now.
    pub read: Option<Instant>,
}

/// Shows each header whose name is text, in order; no rule can name another. False where the headers cannot be read.
pub type ReadHeaders<'a> = dyn Fn(&mut dyn FnMut(Header<'a>)) -> bool + 'a;

/// What one call of [`Source::poll`] met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Nothing within the time.
    Idle,
    /// One record, which the callback has seen.
    Record,
    /// The group gives partitions: nothing is read from them before [`Source::accept`].
    Assigned,
    /// The group takes all partitions back: they are owned until [`Source::release`], unless already lost.
    Revoked {
        /// Another member may own them already, so that nothing of theirs can be committed.
        lost: bool,
    },
}

/// The next offset to read of one partition: the last processed plus one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextOffset {
    /// The source topic.
    pub topic: Arc<str>,
    /// The source partition.
    pub partition: i32,
    /// Last processed plus one.
    pub next: i64,
}

/// One member of a consumer group, on one thread.
pub trait Source {
    /// This member's place in its group at one moment: what fences a commit.
    type Membership;

    /// Waits for one record, which `take` sees, or for a change of the assignment.
    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(Fetched<'_>)) -> Result<Polled, Fault>;

    /// Starts reading what the group gave, from its committed offsets.
    fn accept(&mut self) -> Result<(), Fault>;

    /// Gives up what the group takes back.
    fn release(&mut self) -> Result<(), Fault>;

    /// Whether a partition is this member's now.
    fn owns(&self, topic: &str, partition: i32) -> bool;

    /// The partitions that are this member's now.
    fn assignment(&self) -> Vec<(String, i32)>;

    /// The membership now; a fault where there is none that would fence.
    fn membership(&mut self) -> Result<Self::Membership, Fault>;

    /// Fetches nothing more from the owned partitions until [`Source::rewind`], or until they are given up.
    fn pause(&mut self) -> Result<(), Fault>;

    /// Seeks every owned partition back to its committed offset, and fetches from there.
    fn rewind(&mut self) -> Result<(), Fault>;

    /// Commits offsets outside of any transaction (`at_least_once`).
    fn commit(&mut self, offsets: &[NextOffset]) -> Result<(), Fault>;

    /// Leaves the group.
    fn leave(&mut self);
}

/// One record on its way to a sink. It does not implement `Debug`: it may hold personal data.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    /// The topic of the sink.
    pub topic: &'a str,
    /// Where a record without a key goes: this, modulo the topic's partitions, so that order stays.
    pub source_partition: i32,
    /// The record key; decides the partition as in Java clients.
    pub key: Option<&'a [u8]>,
    /// The record value.
    pub value: Option<&'a [u8]>,
    /// The record's time.
    pub timestamp: Option<Timestamp>,
    /// The headers.
    pub headers: &'a [Header<'a>],
}

/// Whether a record was taken for sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It is part of the batch now.
    Taken,
    /// The topic takes no record of that size; the batch goes on without it.
    TooLarge,
}

/// One producer, with at most one batch open. `M` is the [`Source::Membership`] that fences its commits.
///
/// A batch is opened by `begin`, filled by `send`, and ended by `end`, which returns at once; until `settled` tells what
/// came of it nothing else may be begun or sent. `abort` and `rebuild` void whatever is open.
pub trait Sink<M> {
    /// Whether a commit moves the group's offsets in the same moment; else the source commits them afterwards.
    fn carries_offsets(&self) -> bool;

    /// Opens a batch.
    fn begin(&mut self) -> Result<(), Fault>;

    /// Whether the topic takes a record of that size; writes nothing, and may be asked while a batch ends.
    fn fits(&mut self, record: &Outgoing<'_>) -> Result<Sent, Fault>;

    /// Adds one record to the open batch. Waits while the queue is full, up to a bound that is a fault.
    fn send(&mut self, record: Outgoing<'_>) -> Result<Sent, Fault>;

    /// Begins to end the batch: every record is in its sink, and if the sink carries offsets, they are the group's in
    /// the same moment. With a bound, an answer that takes longer is a fault.
    fn end(&mut self, offsets: &[NextOffset], membership: M, bound: Option<Duration>) -> Result<(), Fault>;

    /// What came of the batch that was ended, waited for at most so long: when it was done, or a fault, which leaves the
    /// end open: abort or rebuild. `None` while it is under way.
    fn settled(&mut self, wait: Duration) -> Option<Result<Instant, Fault>>;

    /// Voids the open batch, if there is one. With a bound, it is left to the brokers after that time. What is queued is sent
    /// before, for at most `send_on` and as long as it becomes less; the rest is dropped, which costs a new producer.
    fn abort(&mut self, bound: Option<Duration>, send_on: Duration) -> Result<(), Fault>;

    /// Makes the producer anew under the same id, which settles whatever the old one left open.
    fn rebuild(&mut self) -> Result<(), Fault>;
}
