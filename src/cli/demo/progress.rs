//! What the demo's threads know of each other: events sent, rows read, and whether to go on.

use super::tally::Tally;
use crate::telemetry::Telemetry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How many events the collector may be ahead of the slowest sink's reader. The mock cluster keeps 5 MiB of a partition; an
/// event is under 2,600 bytes (the collector's tests hold that), and two thousand people spread evenly over four partitions:
/// a lead is about 2 MB a partition, and what is lost all the same shows in the sums.
pub(super) const LEAD: u64 = 3_000;

/// Rows that one sink's reader has seen.
#[derive(Default)]
pub(super) struct SinkRows {
    /// How many.
    pub(super) rows: AtomicU64,
    /// Bytes of their values.
    pub(super) bytes: AtomicU64,
    /// Whether the example's bytes were among them.
    pub(super) example: AtomicBool,
}

/// Shared by the collector, the readers and the table.
pub(super) struct Progress {
    telemetry: Arc<Telemetry>,
    /// The sinks' names, in the order of the policy.
    names: Vec<Box<str>>,
    /// One a sink.
    pub(super) read: Vec<SinkRows>,
    events: AtomicU64,
    bytes: AtomicU64,
    settled: AtomicU64,
    feed_ending: AtomicBool,
    feed_ended: AtomicBool,
    stop: AtomicBool,
}

impl Progress {
    /// Nothing has happened yet.
    pub(super) fn new(telemetry: Arc<Telemetry>, names: Vec<Box<str>>) -> Progress {
        let read = names.iter().map(|_| SinkRows::default()).collect();
        let (events, bytes, settled) = Default::default();
        let (feed_ending, feed_ended, stop) = Default::default();
        Progress { telemetry, names, read, events, bytes, settled, feed_ending, feed_ended, stop }
    }

    /// What the proxy has committed so far.
    pub(super) fn tally(&self) -> Tally {
        Tally::new(&self.names, &self.telemetry.decisions())
    }

    /// Whether the collector may send another event.
    pub(super) fn has_room(&self) -> bool {
        let events = self.events.load(Ordering::Relaxed);
        if events < self.settled.load(Ordering::Relaxed) + LEAD {
            return true;
        }
        let settled = self.behind();
        self.settled.store(settled, Ordering::Relaxed);
        events < settled + LEAD
    }

    /// Rows read at each sink.
    pub(super) fn rows_read(&self) -> Vec<u64> {
        self.read.iter().map(|sink| sink.rows.load(Ordering::Acquire)).collect()
    }

    /// One more event is on its way.
    pub(super) fn produced(&self, bytes: usize) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Events sent, and their bytes.
    pub(super) fn sent(&self) -> (u64, u64) {
        (self.events.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Rows read at each sink, their bytes, and whether the example was among them.
    pub(super) fn readings(&self) -> Vec<(u64, u64, bool)> {
        let of = |sink: &SinkRows| {
            let rows = sink.rows.load(Ordering::Acquire);
            (rows, sink.bytes.load(Ordering::Relaxed), sink.example.load(Ordering::Relaxed))
        };
        self.read.iter().map(of).collect()
    }

    /// Events decided at every sink and, where released, read there.
    pub(super) fn behind(&self) -> u64 {
        self.tally().settled(&self.rows_read())
    }

    /// Asks the collector to end.
    pub(super) fn end_feed(&self) {
        self.feed_ending.store(true, Ordering::Release);
    }

    /// Whether the collector was asked to end.
    pub(super) fn feed_ending(&self) -> bool {
        self.feed_ending.load(Ordering::Acquire)
    }

    /// The collector has ended.
    pub(super) fn feed_ended(&self) {
        self.feed_ended.store(true, Ordering::Release);
    }

    /// Whether every event sent is decided and every row released is read, and no more will come.
    pub(super) fn settled(&self) -> bool {
        self.feed_ended.load(Ordering::Acquire) && self.behind() >= self.sent().0
    }

    /// Tells the readers to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Whether they were told.
    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}
