//! What one worker has read since its last cut: next offsets, how much, since when, and until when.

use crate::kafka::{Fault, Fetched, NextOffset, Recovery};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A batch that opens after a lull stays open for so long: what came with its first record is read by then, and one
/// transaction holds it all.
const COMPANY: Duration = Duration::from_millis(2);

/// When a batch is cut: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// From one cut to the next: what comes after a lull need not wait.
    pub interval: Duration,
    /// Most records read.
    pub records: usize,
    /// Most bytes read.
    pub bytes: usize,
}

/// The open batch, if there is one.
#[derive(Default)]
pub(super) struct Batch {
    offsets: Vec<NextOffset>,
    /// Where the last record's partition stands: records come in runs.
    last: usize,
    opened: Option<Opened>,
    records: usize,
    bytes: usize,
}

#[derive(Clone, Copy)]
struct Opened {
    at: Instant,
    /// When the batch before was cut.
    after: Instant,
}

impl Opened {
    fn due(&self, cut: &Cut) -> Instant {
        (self.after + cut.interval).max(self.at + COMPANY.min(cut.interval))
    }
}

impl Batch {
    /// Opens with its first record; the batch before was cut at that time.
    pub(super) fn open(&mut self, now: Instant, last_cut: Instant) {
        self.opened = Some(Opened { at: now, after: last_cut });
    }

    /// When the first record came; `None` where no batch is open.
    pub(super) fn opened(&self) -> Option<Instant> {
        self.opened.map(|opened| opened.at)
    }

    /// The next offset of each partition that the batch has records of.
    pub(super) fn offsets(&self) -> &[NextOffset] {
        &self.offsets
    }

    /// How many records it holds.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn clear(&mut self) {
        *self = Batch { offsets: std::mem::take(&mut self.offsets), ..Batch::default() };
        self.offsets.clear();
    }

    /// Counts one record. Offsets of a partition only grow; that they do not is a sign of a missed rewind.
    pub(super) fn note(&mut self, record: &Fetched<'_>) -> Result<(), Fault> {
        self.records += 1;
        self.bytes += record.value.map_or(0, <[u8]>::len);
        let next = record.offset + 1;
        let same = |known: &NextOffset| known.partition == record.partition && *known.topic == *record.topic;
        if !self.offsets.get(self.last).is_some_and(same) {
            match self.offsets.iter().position(same) {
                Some(at) => self.last = at,
                None => {
                    self.last = self.offsets.len();
                    let topic: Arc<str> = record.topic.into();
                    self.offsets.push(NextOffset { topic, partition: record.partition, next });
                    return Ok(());
                }
            }
        }
        let known = &mut self.offsets[self.last];
        if next <= known.next {
            let why = format!("partition {} of `{}` went back within a batch", record.partition, record.topic);
            return Err(Fault::own("reading", Recovery::Abort, why));
        }
        known.next = next;
        Ok(())
    }

    /// Whether it holds as much as one batch may.
    pub(super) fn is_full(&self, cut: &Cut) -> bool {
        self.records >= cut.records || self.bytes >= cut.bytes
    }

    pub(super) fn is_due(&self, cut: &Cut, now: Instant) -> bool {
        self.opened.is_some_and(|opened| self.is_full(cut) || now >= opened.due(cut))
    }

    /// How long until time cuts the batch.
    pub(super) fn left(&self, cut: &Cut, now: Instant) -> Option<Duration> {
        self.opened.map(|opened| opened.due(cut).saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: Cut = Cut { interval: Duration::from_millis(100), records: 3, bytes: 10 };

    fn record(partition: i32, offset: i64, value: &[u8]) -> Fetched<'_> {
        Fetched {
            topic: "events",
            partition,
            offset,
            timestamp: None,
            key: None,
            value: Some(value),
            headers: &|_| true,
            read: None,
        }
    }

    #[test]
    fn the_next_offset_is_the_last_plus_one() {
        let mut batch = Batch::default();
        for (partition, offset) in [(0, 7), (1, 3), (0, 8), (0, 10), (1, 4)] {
            batch.note(&record(partition, offset, b"")).unwrap();
        }
        let next: Vec<(i32, i64)> = batch.offsets().iter().map(|offset| (offset.partition, offset.next)).collect();
        assert_eq!(next, [(0, 11), (1, 5)]);
    }

    #[test]
    fn an_offset_that_goes_back_voids_the_batch() {
        let mut batch = Batch::default();
        batch.note(&record(0, 7, b"")).unwrap();
        assert_eq!(batch.note(&record(0, 7, b"")).unwrap_err().recovery, Recovery::Abort);
    }

    #[test]
    fn time_records_or_bytes_cut_whichever_comes_first() {
        let start = Instant::now();
        let mut batch = Batch::default();
        assert!(!batch.is_due(&CUT, start + CUT.interval), "nothing is open");
        batch.open(start, start);
        batch.note(&record(0, 0, b"1")).unwrap();
        assert!(!batch.is_due(&CUT, start));
        assert!(batch.is_due(&CUT, start + CUT.interval));
        batch.note(&record(0, 1, b"1")).unwrap();
        assert!(!batch.is_due(&CUT, start));
        batch.note(&record(0, 2, b"1")).unwrap();
        assert!(batch.is_due(&CUT, start), "records");
        batch.clear();
        batch.open(start, start);
        batch.note(&record(0, 3, b"0123456789")).unwrap();
        assert!(batch.is_due(&CUT, start), "bytes");
    }

    #[test]
    fn after_a_lull_a_batch_does_not_wait_for_the_interval() {
        let cut_before = Instant::now();
        let now = cut_before + 10 * CUT.interval;
        let mut batch = Batch::default();
        batch.open(now, cut_before);
        assert_eq!(batch.left(&CUT, now), Some(COMPANY));
        assert!(!batch.is_due(&CUT, now) && batch.is_due(&CUT, now + COMPANY));
        let quick = Cut { interval: Duration::ZERO, ..CUT };
        assert!(batch.is_due(&quick, now));
    }
}
