//! The delivery loop of one worker: read, judge, write, cut, and what to do when any of it fails.
//!
//! The loop decides; [`Source`] and [`Sink`] do. It holds two promises: offsets are committed only with everything
//! that their records wrote, and after a batch was voided nothing is read but from the committed offsets.

use super::batch::{Batch, Cut};
use super::judge::Judge;
use crate::event::Timestamp;
use crate::kafka::{Fault, Fetched, Polled, Recovery, Sink, Source};
use crate::telemetry::{TransactionMeters, TransactionResult};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long one poll waits where no batch is open: the longest that a request to stop goes unseen.
const IDLE_WAIT: Duration = Duration::from_millis(100);

/// The group waits for a member that commits before it gives its partitions up; not for longer than this.
const REVOKE_BOUND: Duration = Duration::from_secs(5);

/// A process is expected to end within five seconds; this leaves the rest for leaving the group.
const DRAIN_BOUND: Duration = Duration::from_secs(3);

/// The pause after a first fault, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: a cluster that comes back is noticed within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Producers made anew within [`REBUILD_WINDOW`] before the worker gives up: more is not a disturbance but a state.
const MAX_REBUILDS: usize = 6;

/// See [`MAX_REBUILDS`].
const REBUILD_WINDOW: Duration = Duration::from_secs(60);

/// Hears what becomes of a worker; for health, not for data.
pub trait Observer {
    /// The loop turns.
    fn beat(&self);
    /// The worker waits for the group.
    fn joining(&self);
    /// These partitions are the worker's.
    fn assigned(&self, partitions: Vec<(String, i32)>);
    /// The partitions are gone.
    fn revoked(&self);
    /// A batch was committed.
    fn committed(&self, at: Timestamp);
    /// A fault holds the worker up.
    fn stalled(&self, fault: &Fault);
    /// It is over.
    fn resumed(&self);
}

/// One worker: a member of the group, a producer, a judge, and one batch.
pub struct Worker<S, K, J, O> {
    source: S,
    sink: K,
    judge: J,
    observer: O,
    cut: Cut,
    meters: TransactionMeters,
    stop: Arc<AtomicBool>,
    batch: Batch,
    /// Faults since the last commit.
    faults: u32,
    /// A batch was voided: until this moment nothing is tried, and until the rewind nothing is taken.
    rewind_at: Option<Instant>,
    /// The producer cannot be used before it is made anew.
    broken: bool,
    rebuilds: VecDeque<Instant>,
    /// The pause after a first fault; a simulation does not wait.
    first_pause: Duration,
}

impl<S: Source, K: Sink<S::Membership>, J: Judge, O: Observer> Worker<S, K, J, O> {
    /// A worker at rest.
    pub fn new(
        (source, sink, judge): (S, K, J),
        observer: O,
        cut: Cut,
        meters: TransactionMeters,
        stop: Arc<AtomicBool>,
    ) -> Worker<S, K, J, O> {
        let (batch, rebuilds) = (Batch::default(), VecDeque::new());
        Worker {
            source,
            sink,
            judge,
            observer,
            cut,
            meters,
            stop,
            batch,
            faults: 0,
            rewind_at: None,
            broken: false,
            rebuilds,
            first_pause: FIRST_PAUSE,
        }
    }

    /// Works until it is asked to stop, or a fault that only a person can help with.
    pub fn run(mut self) -> Result<(), Fault> {
        self.observer.joining();
        while !self.stop.load(Ordering::Relaxed) {
            let Err(fault) = self.step() else { continue };
            if let Err(fault) = self.recover(fault) {
                self.give_up();
                return Err(fault);
            }
        }
        self.drain();
        Ok(())
    }

    /// Out of the way, so that neither the readers of the sinks nor the group wait for a worker that is gone.
    fn give_up(&mut self) {
        // Where even the abort fails, the brokers void the batch when its time is over.
        let _ = self.sink.abort();
        self.source.leave();
    }

    /// One turn: at most one record, or one change of the assignment, then a cut if one is due.
    pub(super) fn step(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        let wait = match (self.rewind_at, self.batch.left(&self.cut, now)) {
            (Some(at), _) => at.saturating_duration_since(now).min(IDLE_WAIT),
            (None, Some(left)) => left,
            (None, None) => IDLE_WAIT,
        };
        let Worker { source, sink, judge, batch, rewind_at, .. } = self;
        let mut taken = Ok(());
        let polled = source.poll(wait, &mut |record| {
            // Before the rewind, records come from after the voided batch: taking one would skip the others.
            if rewind_at.is_none() {
                taken = take(sink, judge, batch, &record);
            }
        })?;
        taken?;
        match polled {
            Polled::Record => {}
            Polled::Idle => self.observer.beat(),
            Polled::Assigned => self.accept()?,
            Polled::Revoked { lost } => self.revoke(lost)?,
        }
        self.turn()
    }

    /// What time asks for: a rewind, or a cut.
    fn turn(&mut self) -> Result<(), Fault> {
        let now = Instant::now();
        match self.rewind_at {
            Some(at) if now >= at => self.rewind(),
            Some(_) => Ok(()),
            None if self.batch.is_due(&self.cut, now) => self.commit(None),
            None => Ok(()),
        }
    }

    fn accept(&mut self) -> Result<(), Fault> {
        self.source.accept()?;
        self.observer.assigned(self.source.assignment());
        Ok(())
    }

    /// Settles the batch while its partitions are still owned, then lets them go.
    fn revoke(&mut self, lost: bool) -> Result<(), Fault> {
        let settled = match self.batch.opened() {
            None => Ok(()),
            Some(_) if lost => Err(Fault::own("committing", Recovery::Abort, "the group has given the partitions away")),
            Some(_) => self.commit(Some(REVOKE_BOUND)),
        };
        let recovered = settled.or_else(|fault| self.recover(fault));
        let released = self.source.release();
        self.observer.revoked();
        recovered.and(released)
    }

    /// Ends the batch: all of it counts, offsets included, or none.
    fn commit(&mut self, bound: Option<Duration>) -> Result<(), Fault> {
        let Worker { source, sink, judge, batch, .. } = self;
        let Some(opened) = batch.opened() else { return Ok(()) };
        judge.close(&mut |record| sink.send(record))?;
        // The group's coordinator checks the member, not its partitions: a batch with records of a partition that is
        // not ours any more is void as a whole, since what they wrote cannot be taken out of it.
        if !batch.offsets().iter().all(|place| source.owns(&place.topic, place.partition)) {
            return Err(Fault::own("committing", Recovery::Abort, "a partition of the batch is not this member's any more"));
        }
        let membership = source.membership()?;
        sink.commit(batch.offsets(), &membership, bound)?;
        if !sink.carries_offsets() {
            source.commit(batch.offsets())?;
        }
        let committed = Instant::now();
        batch.clear();
        judge.committed(committed);
        self.meters.ended(TransactionResult::Committed, committed.saturating_duration_since(opened));
        self.observer.committed(Timestamp::now());
        self.observer.beat();
        self.faults = 0;
        Ok(())
    }

    /// Voids the batch and plans the way back to the committed offsets. An error is a fault to stop for.
    fn recover(&mut self, fault: Fault) -> Result<(), Fault> {
        tracing::warn!(recovery = ?fault.recovery, batch = self.batch.opened().is_some(), "{fault}");
        self.observer.stalled(&fault);
        if let Some(opened) = self.batch.opened() {
            let result = match fault.recovery {
                Recovery::Retry | Recovery::Abort => TransactionResult::Aborted,
                Recovery::Rebuild | Recovery::Stop => TransactionResult::Unknown,
            };
            self.meters.ended(result, opened.elapsed());
        }
        self.batch.clear();
        self.judge.aborted();
        match fault.recovery {
            Recovery::Stop => return Err(fault),
            Recovery::Rebuild => self.broken = true,
            Recovery::Retry | Recovery::Abort => {
                if let Err(worse) = self.sink.abort() {
                    tracing::warn!(recovery = ?worse.recovery, "{worse}");
                    if worse.recovery == Recovery::Stop {
                        return Err(worse);
                    }
                    self.broken = true;
                }
            }
        }
        if self.broken {
            self.count_rebuild(&fault)?;
        }
        self.faults += 1;
        self.rewind_at = Some(Instant::now() + pause(self.first_pause, self.faults));
        Ok(())
    }

    /// The way back: a producer that works, then every partition at its committed offset.
    fn rewind(&mut self) -> Result<(), Fault> {
        if self.broken {
            self.sink.rebuild()?;
            self.broken = false;
        }
        self.source.rewind()?;
        self.rewind_at = None;
        self.observer.assigned(self.source.assignment());
        self.observer.resumed();
        Ok(())
    }

    fn count_rebuild(&mut self, fault: &Fault) -> Result<(), Fault> {
        let now = Instant::now();
        self.rebuilds.retain(|then| now.saturating_duration_since(*then) < REBUILD_WINDOW);
        self.rebuilds.push_back(now);
        if self.rebuilds.len() <= MAX_REBUILDS {
            return Ok(());
        }
        let why = format!("{} (and {MAX_REBUILDS} times more within a minute: giving up)", fault.why);
        Err(Fault { recovery: Recovery::Stop, why, ..fault.clone() })
    }

    /// The last batch, bounded, then out of the group.
    pub(super) fn drain(&mut self) {
        let ended = match self.rewind_at {
            None => self.commit(Some(DRAIN_BOUND)),
            Some(_) => Ok(()),
        };
        if let Err(fault) = ended {
            tracing::warn!("the last batch is void, and its records will be read again: {fault}");
            self.judge.aborted();
            // What cannot be aborted now is fenced when the next producer registers this id.
            let _ = self.sink.abort();
        }
        self.source.leave();
    }
}

/// One record into the batch, which opens with it.
fn take<M>(sink: &mut impl Sink<M>, judge: &mut impl Judge, batch: &mut Batch, record: &Fetched<'_>) -> Result<(), Fault> {
    if batch.opened().is_none() {
        judge.renew();
        sink.begin()?;
        batch.open(Instant::now());
    }
    batch.note(record)?;
    judge.judge(record, &mut |out| sink.send(out))
}

fn pause(first: Duration, faults: u32) -> Duration {
    let doubled = first.checked_mul(1u32.checked_shl(faults.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests;
