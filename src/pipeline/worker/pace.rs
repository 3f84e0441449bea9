//! How large batches are, and whether they are kept in memory until they are cut: smaller after one that failed, and where
//! withdrawals come in floods.

use crate::pipeline::Cut;
use std::time::{Duration, Instant};

/// A batch of which a withdrawal voided the one before is cut after half the time and records, and so on, so often: where
/// withdrawals come in floods every long batch would meet one, and none would ever be committed.
pub(super) const MOST_HASTE: u32 = 7;

/// So many batches in a row must be committed as they were judged before they become larger again: a size that is right is kept
/// for a while.
const CALM: u32 = 16;

/// A batch that is cut in haste stays open for so long at least.
const LEAST_INTERVAL: Duration = Duration::from_millis(5);

/// For so long after a withdrawal voided something, batches are kept in memory until they are cut.
const WARY: Duration = Duration::from_secs(10);

/// What a worker has learned about the size of its batches.
pub(super) struct Pace {
    /// What the configuration says.
    pub(super) cut: Cut,
    /// How often the time and size of a batch are halved.
    pub(super) haste: u32,
    /// Batches committed since that was last changed.
    calm: u32,
    /// Most records of a batch, after one that failed: half of what that held, and twice as many with each that is committed.
    pub(super) most: usize,
    /// Until when the records of a batch are kept, and nothing of it is written before it is cut.
    wary_until: Option<Instant>,
}

impl Pace {
    pub(super) fn new(cut: Cut) -> Pace {
        Pace { cut, haste: 0, calm: 0, most: usize::MAX, wary_until: None }
    }

    /// When the open batch is cut.
    pub(super) fn cut(&self) -> Cut {
        let Cut { interval, records, bytes } = self.cut;
        let halved = (interval / (1 << self.haste)).max(LEAST_INTERVAL).min(interval);
        Cut { interval: halved, records: (records >> self.haste).max(1).min(self.most), bytes }
    }

    /// A batch of so many records failed. A sink that takes little may not take it within a transaction's time, and would not the
    /// next time either: smaller ones are tried until one is committed.
    pub(super) fn slow_down(&mut self, held: usize) {
        if held > 0 {
            self.most = (held / 2).max(1);
        }
    }

    /// A batch was committed, and there was time for a larger one or not.
    pub(super) fn committed(&mut self, in_good_time: bool) {
        if in_good_time {
            self.most = self.most.saturating_mul(2);
        }
        self.calm += 1;
        if self.calm >= CALM {
            (self.haste, self.calm) = (self.haste.saturating_sub(1), 0);
        }
    }

    /// A withdrawal landed before the batch had left: more may come.
    pub(super) fn beware(&mut self, now: Instant) {
        self.wary_until = Some(now + WARY);
    }

    /// It was too large to be judged again before another one came.
    pub(super) fn hasten(&mut self, now: Instant) {
        (self.haste, self.calm) = ((self.haste + 1).min(MOST_HASTE), 0);
        self.beware(now);
    }

    /// Whether a batch that opens now is kept.
    pub(super) fn is_wary(&self, now: Instant) -> bool {
        self.wary_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_become_small_at_once_and_large_again_slowly() {
        let now = Instant::now();
        let mut pace = Pace::new(Cut { interval: Duration::from_millis(160), records: 1_000, bytes: usize::MAX });
        assert!(!pace.is_wary(now));
        for _ in 0..20 {
            pace.hasten(now);
        }
        let Cut { interval, records, .. } = pace.cut();
        assert_eq!((interval, records), (Duration::from_millis(5), 7), "never below what a transaction costs");
        assert!(pace.is_wary(now + WARY / 2) && !pace.is_wary(now + WARY));
        let sizes: Vec<usize> = std::iter::repeat_with(|| {
            pace.committed(true);
            pace.cut().records
        })
        .take(7 * 16)
        .collect();
        assert_eq!((sizes[14], sizes[15], sizes[111]), (7, 15, 1_000));
        assert_eq!(pace.cut().interval, Duration::from_millis(160));
    }

    #[test]
    fn after_a_failure_batches_grow_only_where_there_is_time() {
        let mut pace = Pace::new(Cut { interval: Duration::from_millis(100), records: 1_000, bytes: usize::MAX });
        pace.slow_down(0);
        assert_eq!(pace.cut().records, 1_000, "it held nothing");
        pace.slow_down(9);
        pace.committed(false);
        assert_eq!(pace.cut().records, 4);
        pace.committed(true);
        assert_eq!(pace.cut().records, 8);
    }
}
