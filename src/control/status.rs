//! What the workers report about themselves, and what that says about being ready and being alive.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A worker that has not polled for so long hangs: four times the longest a commit may block
/// (`transaction.timeout.ms`, 15 s).
const HUNG: Duration = Duration::from_secs(60);

/// Where one worker stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "phase", content = "why", rename_all = "snake_case")]
pub enum Phase {
    /// Not yet a member of the group.
    Starting,
    /// A member of the group that has never had an answer about partitions.
    Joining,
    /// Reads, judges, commits; also while the group rebalances.
    Running,
    /// Cannot go on for now.
    Stalled(String),
    /// Ended for good, of an error.
    Stopped(String),
    /// Ended because the process ends.
    Drained,
}

/// One worker as others see it.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerView {
    /// Where it stands.
    #[serde(flatten)]
    pub phase: Phase,
    /// Its source partitions.
    pub partitions: Vec<(String, i32)>,
    /// When it last committed; `None` before the first time.
    #[serde(serialize_with = "optional")]
    pub last_commit: Option<Timestamp>,
}

/// Whether the process should be given work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether it should.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// What a person should know although it is no reason.
    pub notes: Vec<String>,
}

/// The state of the process, shared by the workers and the control plane.
pub struct Status {
    started: Timestamp,
    clock: Instant,
    workers: Mutex<Vec<WorkerView>>,
    /// Milliseconds of `clock` at each worker's last poll; 0 before the first.
    beats: Box<[AtomicU64]>,
    draining: AtomicBool,
    policy_note: Mutex<Option<String>>,
    needs: Mutex<Vec<Need>>,
    remarks: Mutex<Vec<Need>>,
}

/// Something without which nothing is judged: says why it is not there, if it is not.
type Need = Box<dyn Fn() -> Option<String> + Send>;

impl Status {
    /// A process with so many workers, none of which has begun.
    pub fn new(workers: usize) -> Arc<Status> {
        let view = WorkerView { phase: Phase::Starting, partitions: Vec::new(), last_commit: None };
        Arc::new(Status {
            started: Timestamp::now(),
            clock: Instant::now(),
            workers: Mutex::new(vec![view; workers]),
            beats: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            draining: AtomicBool::new(false),
            policy_note: Mutex::default(),
            needs: Mutex::default(),
            remarks: Mutex::default(),
        })
    }

    /// The handle through which worker `index` reports.
    pub fn worker(self: &Arc<Self>, index: usize) -> WorkerStatus {
        assert!(index < self.beats.len(), "a worker beyond the number that was announced");
        WorkerStatus { status: self.clone(), index }
    }

    /// When the process started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// All workers, by number.
    pub fn workers(&self) -> Vec<WorkerView> {
        locked(&self.workers).clone()
    }

    /// The process ends: no longer ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The process is ready only while `need` gives no reason why it is not.
    pub fn needs(&self, need: impl Fn() -> Option<String> + Send + 'static) {
        locked(&self.needs).push(Box::new(need));
    }

    /// The process says what `remark` gives, ready or not.
    pub fn remarks(&self, remark: impl Fn() -> Option<String> + Send + 'static) {
        locked(&self.remarks).push(Box::new(remark));
    }

    /// What the last attempt to reload left behind that a person should know; the old policy goes on, so that it is no
    /// reason against being ready.
    pub(super) fn note_policy(&self, note: Option<String>) {
        *locked(&self.policy_note) = note;
    }

    /// Whether the process should be given work, and why not.
    pub fn readiness(&self) -> Readiness {
        let mut reasons = Vec::new();
        let mut notes: Vec<String> = locked(&self.policy_note).iter().cloned().collect();
        if self.draining.load(Ordering::Relaxed) {
            reasons.push("draining".to_owned());
        }
        reasons.extend(locked(&self.needs).iter().filter_map(|need| need()));
        notes.extend(locked(&self.remarks).iter().filter_map(|remark| remark()));
        for (number, worker) in locked(&self.workers).iter().enumerate() {
            match &worker.phase {
                Phase::Starting => reasons.push(format!("worker {number}: starting")),
                Phase::Joining => reasons.push(format!("worker {number}: no partition assigned yet")),
                Phase::Stalled(why) => reasons.push(format!("worker {number} stalled: {why}")),
                Phase::Stopped(why) => reasons.push(format!("worker {number} stopped: {why}")),
                Phase::Drained => reasons.push(format!("worker {number}: drained")),
                Phase::Running if worker.partitions.is_empty() => {
                    notes.push(format!("worker {number} has no partition: the group has more workers than partitions"));
                }
                Phase::Running => {}
            }
        }
        Readiness { ready: reasons.is_empty(), reasons, notes }
    }

    /// The workers that hang: they have polled before, have not ended, and have not polled for a minute.
    pub fn hung(&self) -> Vec<usize> {
        self.hung_at(self.clock.elapsed())
    }

    fn hung_at(&self, now: Duration) -> Vec<usize> {
        let limit = now.saturating_sub(HUNG).as_millis() as u64;
        let workers = locked(&self.workers);
        let hangs = |number: &usize| {
            let beat = self.beats[*number].load(Ordering::Relaxed);
            let ended = matches!(workers[*number].phase, Phase::Stopped(_) | Phase::Drained);
            beat > 0 && beat < limit && !ended
        };
        (0..self.beats.len()).filter(hangs).collect()
    }
}

/// The handle of one worker. Everything but [`WorkerStatus::beat`] takes a short lock and belongs at a cut.
#[derive(Clone)]
pub struct WorkerStatus {
    status: Arc<Status>,
    index: usize,
}

impl WorkerStatus {
    /// The worker polls. Free of locks: for every turn of the loop.
    pub fn beat(&self) {
        let now = self.status.clock.elapsed().as_millis() as u64;
        self.status.beats[self.index].store(now.max(1), Ordering::Relaxed);
    }

    /// The worker has subscribed and waits for the group's answer.
    pub fn joining(&self) {
        self.update(|worker| worker.phase = Phase::Joining);
    }

    /// The group has answered: these are its partitions, perhaps none.
    pub fn assigned(&self, partitions: Vec<(String, i32)>) {
        self.update(|worker| {
            worker.partitions = partitions;
            worker.phase = Phase::Running;
        });
    }

    /// The group rebalances: its partitions are gone for now.
    pub fn revoked(&self) {
        self.update(|worker| worker.partitions.clear());
    }

    /// The worker committed.
    pub fn committed(&self, at: Timestamp) {
        self.update(|worker| worker.last_commit = Some(at));
    }

    /// The worker cannot go on for now. `why` holds no value from an event.
    pub fn stalled(&self, why: &str) {
        self.update(|worker| worker.phase = Phase::Stalled(why.to_owned()));
    }

    /// The worker goes on.
    pub fn resumed(&self) {
        self.update(|worker| {
            if matches!(worker.phase, Phase::Stalled(_)) {
                worker.phase = Phase::Running;
            }
        });
    }

    /// The worker ended of an error. `why` holds no value from an event.
    pub fn stopped(&self, why: &str) {
        self.update(|worker| {
            worker.phase = Phase::Stopped(why.to_owned());
            worker.partitions.clear();
        });
    }

    /// The worker ended as it was asked to.
    pub fn drained(&self) {
        self.update(|worker| {
            worker.phase = Phase::Drained;
            worker.partitions.clear();
        });
    }

    fn update(&self, change: impl FnOnce(&mut WorkerView)) {
        change(&mut locked(&self.status.workers)[self.index]);
    }
}

fn optional<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(to)
}

/// A panic elsewhere does not make what was written before it untrue.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(partition: i32) -> (String, i32) {
        ("events".to_owned(), partition)
    }

    #[test]
    fn ready_when_every_worker_has_had_its_answer() {
        let status = Status::new(2);
        status.worker(0).joining();
        assert_eq!(status.readiness().reasons, ["worker 0: no partition assigned yet", "worker 1: starting"]);
        status.worker(0).assigned(vec![events(0), events(1)]);
        status.worker(1).assigned(vec![]);
        let readiness = status.readiness();
        assert!(readiness.ready, "a worker without a partition is a spare, not a fault");
        assert_eq!(readiness.notes, ["worker 1 has no partition: the group has more workers than partitions"]);
    }

    #[test]
    fn a_rebalance_is_no_reason_and_a_stall_is_one() {
        let status = Status::new(1);
        let worker = status.worker(0);
        worker.assigned(vec![events(0)]);
        worker.revoked();
        assert!(status.readiness().ready);
        worker.stalled("the producer's queue is full");
        assert_eq!(status.readiness().reasons, ["worker 0 stalled: the producer's queue is full"]);
        worker.resumed();
        assert!(status.readiness().ready);
        worker.stopped("fenced by another process with this instance name");
        worker.resumed();
        assert!(!status.readiness().ready, "what has stopped does not resume");
    }

    #[test]
    fn draining_is_not_ready_and_a_failed_reload_is() {
        let status = Status::new(1);
        status.worker(0).assigned(vec![events(0)]);
        status.note_policy(Some("the last policy reload failed".to_owned()));
        let readiness = status.readiness();
        assert_eq!((readiness.ready, readiness.notes.len()), (true, 1));
        status.drain();
        assert_eq!(status.readiness().reasons, ["draining"]);
    }

    #[test]
    fn what_is_needed_and_not_there_is_a_reason() {
        let status = Status::new(1);
        status.worker(0).assigned(vec![events(0)]);
        let stale = Arc::new(AtomicBool::new(true));
        let asked = stale.clone();
        status.needs(move || asked.load(Ordering::Relaxed).then(|| "ledger: not proved fresh for 3.1 s".to_owned()));
        assert_eq!(status.readiness().reasons, ["ledger: not proved fresh for 3.1 s"]);
        stale.store(false, Ordering::Relaxed);
        assert!(status.readiness().ready);
    }

    #[test]
    fn a_worker_hangs_when_it_has_polled_and_stopped_polling() {
        let status = Status::new(3);
        status.worker(0).beat();
        status.worker(1).beat();
        status.worker(1).drained();
        assert!(status.hung_at(Duration::from_secs(59)).is_empty());
        assert_eq!(status.hung_at(Duration::from_secs(600)), [0], "1 has ended, 2 has not begun");
    }
}
