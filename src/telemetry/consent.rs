//! What is measured of consent kept outside the events: how much of it there is, how fresh it is, and how long a
//! withdrawal takes until no event judged without it can be committed any more.

use super::series::{Histogram, Series};
use crate::event::Timestamp;
use metrics::{Counter, Gauge};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::names::{ENFORCEMENT, LEDGER_FAULTS, LEDGER_LEARNED, LEDGER_MEMORY, LEDGER_SNAPSHOTS, LEDGER_SUBJECTS, SUPPRESSED};

/// Withdrawals that may wait to be measured. Beyond it the oldest are left out: more than a minute of a flood is under way,
/// and each of them is enforced all the same.
const WAITING: usize = 1 << 16;

/// What is wrong with a record of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFault {
    /// It cannot be read: all is denied to whom its key names.
    Undecodable,
    /// Its version went backwards: the same.
    Regression,
    /// Its key has a record in another partition too: the same, unless versions say which is the later one.
    Split,
}

impl LedgerFault {
    /// Every fault.
    pub const ALL: [LedgerFault; 3] = [LedgerFault::Undecodable, LedgerFault::Regression, LedgerFault::Split];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            LedgerFault::Undecodable => "undecodable",
            LedgerFault::Regression => "regression",
            LedgerFault::Split => "split",
        }
    }
}

/// What became of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotResult {
    /// It is on the disk.
    Written,
    /// It could not be written.
    Failed,
    /// A start went on from it.
    Restored,
    /// A start could not use it.
    Discarded,
}

impl SnapshotResult {
    /// Every result.
    pub const ALL: [SnapshotResult; 4] =
        [SnapshotResult::Written, SnapshotResult::Failed, SnapshotResult::Restored, SnapshotResult::Discarded];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            SnapshotResult::Written => "written",
            SnapshotResult::Failed => "failed",
            SnapshotResult::Restored => "restored",
            SnapshotResult::Discarded => "discarded",
        }
    }
}

/// The meters of one ledger. Withdrawals are numbered in the order in which they were applied; each worker tells up to
/// which number it can commit nothing any more that was judged without them.
pub struct ConsentMeters {
    subjects: Gauge,
    suppressed: Gauge,
    memory: Gauge,
    faults: [Counter; 3],
    snapshots: [Counter; 4],
    /// Denials, and grants.
    learned: [Counter; 2],
    enforcement: Histogram,
    enforced: Box<[AtomicU64]>,
    /// How many wait: read without the lock by workers, for which there is mostly nothing to do.
    waits: AtomicUsize,
    /// Number and time of writing.
    waiting: Mutex<VecDeque<(u64, Timestamp)>>,
}

impl ConsentMeters {
    pub(super) fn new(series: &Series, workers: usize) -> ConsentMeters {
        ConsentMeters {
            subjects: series.gauge(&LEDGER_SUBJECTS, []),
            suppressed: series.gauge(&SUPPRESSED, []),
            memory: series.gauge(&LEDGER_MEMORY, []),
            faults: LedgerFault::ALL.map(|fault| series.counter(&LEDGER_FAULTS, [fault.as_str()])),
            learned: ["denial", "grant"].map(|what| series.counter(&LEDGER_LEARNED, [what])),
            snapshots: SnapshotResult::ALL.map(|result| series.counter(&LEDGER_SNAPSHOTS, [result.as_str()])),
            enforcement: series.histogram(&ENFORCEMENT, []),
            enforced: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            waits: AtomicUsize::new(0),
            waiting: Mutex::default(),
        }
    }

    /// How many subjects have a row, how many identities are suppressed, and how many bytes that takes.
    pub fn holds(&self, subjects: usize, suppressed: usize, bytes: usize) {
        self.memory.set(bytes as f64);
        self.subjects.set(subjects as f64);
        self.suppressed.set(suppressed as f64);
    }

    /// A record that denies because something is wrong with it.
    pub fn fault(&self, fault: LedgerFault) {
        self.faults[fault as usize].increment(1);
    }

    /// Something that an event said went into the ledger.
    pub fn learned(&self, is_grant: bool) {
        self.learned[usize::from(is_grant)].increment(1);
    }

    /// What became of a snapshot.
    pub fn snapshot(&self, result: SnapshotResult) {
        self.snapshots[result as usize].increment(1);
    }

    /// The withdrawal of that number was applied; it was written at that time.
    pub fn landed(&self, number: u64, written: Timestamp, now: Timestamp) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back((number, written));
        self.settle(&mut waiting, now);
    }

    /// That worker can commit nothing any more that was judged before the withdrawal of that number was applied.
    pub fn enforced(&self, worker: usize, number: u64, now: impl FnOnce() -> Timestamp) {
        self.enforced[worker].store(number, Ordering::Release);
        if self.waits.load(Ordering::Acquire) > 0 {
            self.settle(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner), now());
        }
    }

    /// Whether no worker can commit anything any more that was judged before the withdrawal of that number was applied.
    pub fn is_enforced(&self, number: u64) -> bool {
        self.enforced.iter().all(|told| told.load(Ordering::Acquire) >= number)
    }

    fn settle(&self, waiting: &mut VecDeque<(u64, Timestamp)>, now: Timestamp) {
        let by_all = self.enforced.iter().map(|number| number.load(Ordering::Acquire)).min().unwrap_or(u64::MAX);
        while let Some((_, written)) = waiting.front().copied().filter(|(number, _)| *number <= by_all) {
            waiting.pop_front();
            // The writer's clock may be ahead of ours.
            self.enforcement.record_many(now.duration_since(written).as_secs_f64().max(0.0), 1);
        }
        self.waits.store(waiting.len(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Telemetry;
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    fn shown(telemetry: &Telemetry, name: &str) -> Vec<String> {
        telemetry.render(at(0)).lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    #[test]
    fn a_withdrawal_is_enforced_when_the_last_worker_says_so() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(2);
        meters.landed(1, at(1_000), at(1_010));
        meters.enforced(0, 1, || at(1_020));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_count"), ["privet_consent_enforcement_seconds_count 0"]);
        meters.enforced(1, 2, || at(1_150));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_sum"), ["privet_consent_enforcement_seconds_sum 0.15"]);
        meters.landed(2, at(2_000), at(2_010));
        meters.enforced(0, 2, || at(2_100));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_count"), ["privet_consent_enforcement_seconds_count 2"]);
    }

    #[test]
    fn who_says_so_before_it_is_measured_is_heard_too() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(1);
        meters.enforced(0, 5, || at(0));
        meters.landed(5, at(1_000), at(1_040));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_sum"), ["privet_consent_enforcement_seconds_sum 0.04"]);
    }

    #[test]
    fn what_waits_is_bounded_and_faults_are_there_from_the_start() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(1);
        (0..WAITING as u64 + 10).for_each(|number| meters.landed(number + 1, at(0), at(0)));
        assert_eq!(meters.waiting.lock().unwrap().len(), WAITING);
        meters.fault(LedgerFault::Regression);
        let faults = shown(&telemetry, "privet_ledger_faults_total");
        assert!(faults.contains(&r#"privet_ledger_faults_total{kind="regression"} 1"#.to_owned()), "{faults:?}");
        assert!(faults.contains(&r#"privet_ledger_faults_total{kind="undecodable"} 0"#.to_owned()), "{faults:?}");
    }
}
