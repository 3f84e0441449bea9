//! What is measured of consent kept outside the events: how much of it there is, how fresh it is, and how long a
//! withdrawal takes until no event judged without it can be committed any more.

use super::series::{Histogram, Series};
use crate::event::Timestamp;
use metrics::{Counter, Gauge};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
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

/// The meters of one ledger. Withdrawals are numbered in the order in which they were applied; each worker tells what it has on
/// its way to the brokers, of which something may be committed that was judged without the last of them.
pub struct ConsentMeters {
    subjects: Gauge,
    suppressed: Gauge,
    memory: Gauge,
    faults: [Counter; 3],
    snapshots: [Counter; 4],
    /// Denials, and grants.
    learned: [Counter; 2],
    enforcement: Histogram,
    /// Up to which number each worker can commit nothing any more that was judged without it.
    enforced: Box<[AtomicU64]>,
    /// How many wait: read without the lock by workers, for which there is mostly nothing to do.
    waits: AtomicUsize,
    waiting: Mutex<VecDeque<Waiting>>,
}

/// A withdrawal that a batch on its way to the brokers was judged without.
struct Waiting {
    number: u64,
    written: Timestamp,
    /// A bit for each worker whose batch it concerns.
    workers: u64,
}

/// The bit of a worker; those beyond share the last.
fn bit(worker: usize) -> u64 {
    1 << worker.min(63)
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

    /// The withdrawal of that number was applied; it was written at that time. `concerns` says whether what a worker has on its
    /// way to the brokers releases anything about whom it concerns; it is asked only about workers that have something.
    pub fn landed(&self, number: u64, written: Timestamp, now: Timestamp, mut concerns: impl FnMut(usize) -> bool) {
        fence(Ordering::SeqCst);
        let workers = (0..self.enforced.len()).filter(|worker| !self.is_enforced_by(*worker, number) && concerns(*worker));
        let workers = workers.fold(0, |all, worker| all | bit(worker));
        if workers == 0 {
            return self.measured(written, now);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == WAITING {
            waiting.pop_front();
        }
        waiting.push_back(Waiting { number, written, workers });
        self.waits.store(waiting.len(), Ordering::Release);
        fence(Ordering::SeqCst);
        // A worker may have come to rest meanwhile, and seen that nothing waited.
        if !self.waits(waiting.back().expect("just pushed")) {
            waiting.pop_back();
            self.waits.store(waiting.len(), Ordering::Release);
            self.measured(written, now);
        }
    }

    /// A batch of that worker is about to leave for the brokers: it was judged with the withdrawals up to that number. Those
    /// that are applied from now on are enforced once [`ConsentMeters::at_rest`] says so; those before were applied for whoever
    /// asks for the ledger's number after this call.
    pub fn leaving(&self, worker: usize, number: u64) {
        self.enforced[worker].store(number, Ordering::Release);
        // Whoever applies a withdrawal first counts it and then looks here; the worker first says that it leaves and then looks at
        // the count. At least one of the two sees the other.
        fence(Ordering::SeqCst);
    }

    /// Nothing of that worker is on its way to the brokers, and nothing will be before [`ConsentMeters::leaving`]: whatever is
    /// applied meanwhile is asked about first.
    pub fn at_rest(&self, worker: usize, now: impl FnOnce() -> Timestamp) {
        self.enforced[worker].store(u64::MAX, Ordering::Release);
        fence(Ordering::SeqCst);
        if self.waits.load(Ordering::Acquire) > 0 {
            self.settle(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner), now());
        }
    }

    /// Whether no worker can commit anything any more that was judged before the withdrawal of that number was applied.
    pub fn is_enforced(&self, number: u64) -> bool {
        fence(Ordering::SeqCst);
        (0..self.enforced.len()).all(|worker| self.is_enforced_by(worker, number))
    }

    fn is_enforced_by(&self, worker: usize, number: u64) -> bool {
        self.enforced[worker].load(Ordering::Acquire) >= number
    }

    fn waits(&self, Waiting { number, workers, .. }: &Waiting) -> bool {
        (0..self.enforced.len()).any(|worker| workers & bit(worker) != 0 && !self.is_enforced_by(worker, *number))
    }

    fn settle(&self, waiting: &mut VecDeque<Waiting>, now: Timestamp) {
        waiting.retain(|each| {
            let waits = self.waits(each);
            if !waits {
                self.measured(each.written, now);
            }
            waits
        });
        self.waits.store(waiting.len(), Ordering::Release);
    }

    fn measured(&self, written: Timestamp, now: Timestamp) {
        // The writer's clock may be ahead of ours.
        self.enforcement.record_many(now.duration_since(written).as_secs_f64().max(0.0), 1);
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

    fn counted(telemetry: &Telemetry) -> Vec<String> {
        shown(telemetry, "privet_consent_enforcement_seconds_count")
    }

    #[test]
    fn a_withdrawal_is_enforced_when_the_last_worker_has_nothing_on_its_way_without_it() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(2);
        meters.landed(1, at(1_000), at(1_010), |_| true);
        meters.at_rest(0, || at(1_020));
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 0"], "nothing was heard of the other yet");
        meters.leaving(1, 0);
        meters.at_rest(1, || at(1_150));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_sum"), ["privet_consent_enforcement_seconds_sum 0.15"]);
        meters.leaving(0, 1);
        meters.landed(2, at(2_000), at(2_010), |worker| worker == 0);
        assert!(meters.is_enforced(1) && !meters.is_enforced(2));
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 1"], "what leaves was judged without it");
        meters.leaving(0, 2);
        assert!(meters.is_enforced(2));
        meters.at_rest(0, || at(2_100));
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 2"]);
    }

    #[test]
    fn where_nothing_is_on_its_way_it_is_enforced_at_once() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(1);
        meters.at_rest(0, || at(0));
        meters.landed(5, at(1_000), at(1_040), |_| unreachable!("it has nothing on its way"));
        assert_eq!(shown(&telemetry, "privet_consent_enforcement_seconds_sum"), ["privet_consent_enforcement_seconds_sum 0.04"]);
    }

    #[test]
    fn what_is_on_its_way_about_others_is_not_waited_for() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(70);
        (0..70).for_each(|worker| meters.leaving(worker, 0));
        meters.landed(1, at(0), at(40), |_| false);
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 1"]);
        meters.landed(2, at(0), at(50), |worker| worker == 3 || worker == 69);
        (0..69).for_each(|worker| meters.at_rest(worker, || at(60)));
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 1"]);
        meters.at_rest(69, || at(70));
        assert_eq!(counted(&telemetry), ["privet_consent_enforcement_seconds_count 2"]);
        assert_eq!(meters.waits.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_waits_is_bounded_and_faults_are_there_from_the_start() {
        let telemetry = Telemetry::new();
        let meters = telemetry.consent(1);
        (0..WAITING as u64 + 10).for_each(|number| meters.landed(number + 1, at(0), at(0), |_| true));
        assert_eq!(meters.waiting.lock().unwrap().len(), WAITING);
        meters.fault(LedgerFault::Regression);
        let faults = shown(&telemetry, "privet_ledger_faults_total");
        assert!(faults.contains(&r#"privet_ledger_faults_total{kind="regression"} 1"#.to_owned()), "{faults:?}");
        assert!(faults.contains(&r#"privet_ledger_faults_total{kind="undecodable"} 0"#.to_owned()), "{faults:?}");
    }
}
