//! The delivery loop of one worker: read, judge, write, cut, and what to do when any of it fails.
//!
//! The loop decides; [`Source`] and [`Sink`] do. It holds two promises: offsets are committed only with everything
//! that their records wrote, and after a batch was voided nothing is read but from the committed offsets.
//!
//! While one batch ends (`worker/end.rs`), the next is judged ahead: what it will write is kept in memory, and written
//! once the other is committed. Whatever else happens first - a fault, a revocation - voids it: none of it was written.
//! Where people withdraw consent all the time every batch is, until it is cut, with the records it is made of: judged
//! again, it costs a look at memory, and not an abort and the way back.

use super::ahead::Ahead;
use super::batch::{Batch, Cut};
use super::judge::Judge;
use super::kept::Kept;
use crate::event::Timestamp;
use crate::kafka::{Fault, Fetched, Polled, Recovery, Sent, Sink, Source};
use crate::telemetry::{TransactionMeters, TransactionResult};
use pace::Pace;
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

/// What is left of that for voiding the last batch, at least.
const LAST_WORD: Duration = Duration::from_millis(200);

/// A transaction that was begun to be ended lives for no longer: its timeout, and the broker's round for it.
const END_BOUND: Duration = Duration::from_secs(15);

/// The pause after a first fault, doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause: a cluster that comes back is noticed within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// From this pause on nothing is fetched meanwhile. In a shorter one what comes is dropped: a fetch queue at most, which the
/// rewind would empty anyway.
const LONG_PAUSE: Duration = Duration::from_millis(400);

/// Producers made anew within [`REBUILD_WINDOW`] before the worker gives up: more is not a disturbance but a state.
const MAX_REBUILDS: usize = 6;

/// See [`MAX_REBUILDS`].
const REBUILD_WINDOW: Duration = Duration::from_secs(60);

/// How long an abort goes on to send what is queued still, to be voided with the rest; see [`Sink::abort`].
const SEND_ON: Duration = Duration::from_secs(2);

/// The same where the batch holds what is known to be withdrawn: readers of what is not committed see it.
const SEND_WITHDRAWN: Duration = Duration::from_millis(100);

/// With what decisions rest on not being fresh, how long to wait before looking again; it heals within seconds.
const UNSOUND_LOOK: Duration = Duration::from_millis(20);

/// So often a batch that is kept in memory is judged again before it is voided after all.
const MOST_ROUNDS: u32 = 8;

/// Why a batch is judged again although nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    /// What decisions rest on is not fresh: until it is, nothing is judged.
    Unsound,
    /// Consent was withdrawn since it was judged.
    Withdrawn,
}

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
    pace: Pace,
    meters: TransactionMeters,
    stop: Arc<AtomicBool>,
    /// What was read since the last cut.
    batch: Batch,
    /// Whether the open batch is judged ahead: nothing of it was written yet, and no transaction is open for it.
    is_ahead: bool,
    /// What a batch that is judged ahead will write.
    ahead: Ahead,
    /// The batch before, from its cut until it was committed or voided.
    ending: Batch,
    /// Whether it is not known yet what became of it.
    is_ending: bool,
    /// When the batch before was cut.
    last_cut: Instant,
    /// The clock.
    now: fn() -> Instant,
    /// Faults since the last commit.
    faults: u32,
    /// A batch was voided: until this moment nothing is tried, and until the rewind nothing is taken.
    rewind_at: Option<Instant>,
    /// The fault at hand is none: the batch is to be judged again at once.
    again: Option<Again>,
    /// The records of the open batch, where they are kept.
    kept: Kept,
    /// The producer cannot be used before it is made anew.
    broken: bool,
    rebuilds: VecDeque<Instant>,
    /// The pause after a first fault; a simulation does not wait.
    first_pause: Duration,
    /// How much older than an interval a batch that is judged ahead may become; see [`end::STALL`].
    stall: Duration,
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
        Worker {
            source,
            sink,
            judge,
            observer,
            pace: Pace::new(cut),
            meters,
            stop,
            batch: Batch::default(),
            is_ahead: false,
            ahead: Ahead::default(),
            ending: Batch::default(),
            is_ending: false,
            last_cut: Instant::now(),
            now: Instant::now,
            faults: 0,
            rewind_at: None,
            again: None,
            kept: Kept::default(),
            broken: false,
            rebuilds: VecDeque::new(),
            first_pause: FIRST_PAUSE,
            stall: end::STALL,
        }
    }

    /// Works until it is asked to stop, or a fault that only a person can help with.
    pub fn run(mut self) -> Result<(), Fault> {
        self.observer.joining();
        while !self.stop.load(Ordering::Relaxed) {
            self.once()?;
        }
        self.drain();
        Ok(())
    }

    /// One turn of the loop with all that a fault asks for; what [`Worker::run`] does until it is asked to stop. An
    /// error is a fault that only a person can help with: the worker has given up.
    pub fn once(&mut self) -> Result<(), Fault> {
        let Err(fault) = self.step() else { return Ok(()) };
        self.recover(fault).inspect_err(|_| self.give_up())
    }

    /// The same worker by another clock: a simulation brings its own time.
    pub fn with_clock(mut self, now: fn() -> Instant) -> Worker<S, K, J, O> {
        (self.now, self.last_cut) = (now, now());
        self
    }

    /// Out of the way, so that neither the readers of the sinks nor the group wait for a worker that is gone.
    fn give_up(&mut self) {
        // Where even the abort fails, the brokers void the batch when its time is over.
        let _ = self.sink.abort(Some(DRAIN_BOUND), SEND_WITHDRAWN);
        self.source.leave();
    }

    /// One turn: at most one record, or one change of the assignment, then a cut if one is due.
    pub(super) fn step(&mut self) -> Result<(), Fault> {
        if self.is_ending {
            return self.step_ahead();
        }
        let now = (self.now)();
        if self.rewind_at.is_none() {
            self.sound(now)?;
        }
        let wait = match (self.rewind_at, self.batch.left(&self.pace.cut(), now)) {
            (Some(at), _) => at.saturating_duration_since(now).min(IDLE_WAIT),
            (None, Some(left)) => left,
            (None, None) => IDLE_WAIT,
        };
        // A record was there at once, or nearly: it is no later than it was.
        let now = if self.read(wait)? { now } else { (self.now)() };
        self.turn(now)
    }

    /// At most one record into the open batch, or one change of the assignment; whether there was either.
    fn read(&mut self, wait: Duration) -> Result<bool, Fault> {
        let Worker { source, rewind_at, .. } = self;
        let mut open = Open {
            sink: &mut self.sink,
            judge: &mut self.judge,
            batch: &mut self.batch,
            ahead: &mut self.ahead,
            kept: &mut self.kept,
            is_ahead: &mut self.is_ahead,
            is_ending: self.is_ending,
            pace: &self.pace,
            last_cut: self.last_cut,
            now: self.now,
        };
        let mut taken = Ok(());
        let polled = source.poll(wait, &mut |record| {
            // Before the rewind, records come from after the voided batch: taking one would skip the others.
            if rewind_at.is_none() {
                taken = open.take(&record);
            }
        })?;
        taken?;
        match polled {
            Polled::Record => {}
            Polled::Idle => self.observer.beat(),
            Polled::Assigned => self.accept()?,
            Polled::Revoked { lost } => self.revoke(lost)?,
        }
        Ok(polled != Polled::Idle)
    }

    /// What time asks for: a rewind, or a cut.
    fn turn(&mut self, now: Instant) -> Result<(), Fault> {
        match self.rewind_at {
            Some(at) if now >= at => {
                // First of all: until the old producer is fenced, what it began to commit may still count.
                self.mend()?;
                match self.judge.sound(now) {
                    Ok(()) => self.rewind(),
                    // What cannot become sound again is not waited for.
                    Err(fault) if fault.recovery == Recovery::Stop => Err(fault),
                    Err(_) => {
                        self.observer.beat();
                        self.rewind_at = Some(now + UNSOUND_LOOK);
                        Ok(())
                    }
                }
            }
            Some(_) => {
                // Where records come all the time no poll is idle, although this worker only waits.
                self.observer.beat();
                Ok(())
            }
            None if self.batch.is_due(&self.pace.cut(), now) || self.is_full_ahead() => self.cut(None),
            None => Ok(()),
        }
    }

    /// Whether records may be judged now.
    fn sound(&mut self, now: Instant) -> Result<(), Fault> {
        self.judge.sound(now).inspect_err(|_| self.again = Some(Again::Unsound))
    }

    /// Whether what the open batch holds may leave now.
    fn stands(&mut self) -> Result<bool, Fault> {
        self.sound((self.now)())?;
        Ok(self.judge.stands())
    }

    /// The same, and a fault where it may not.
    fn vouch(&mut self) -> Result<(), Fault> {
        if self.stands()? {
            return Ok(());
        }
        self.again = Some(Again::Withdrawn);
        self.pace.hasten((self.now)());
        Err(Fault::own("committing", Recovery::Abort, "consent was withdrawn while the batch was open; it is judged again"))
    }

    /// Whether no more may be judged ahead.
    fn is_full_ahead(&self) -> bool {
        self.ahead.is_full(self.kept.size())
    }

    fn accept(&mut self) -> Result<(), Fault> {
        // What is committed says where to begin: first what is on its way there.
        self.await_end((self.now)() + REVOKE_BOUND)?;
        if self.is_ahead {
            self.forget_ahead();
        }
        self.source.accept()?;
        self.observer.assigned(self.source.assignment());
        if self.rewind_at.is_some() && pause(self.first_pause, self.faults) >= LONG_PAUSE {
            self.pause();
        }
        Ok(())
    }

    /// Settles what was written while its partitions are still owned, then lets them go.
    fn revoke(&mut self, lost: bool) -> Result<(), Fault> {
        let deadline = (self.now)() + REVOKE_BOUND;
        let settled = self.await_end(deadline).and_then(|()| match self.batch.opened() {
            None => Ok(()),
            // Its next owner reads those records again.
            Some(_) if self.is_ahead => {
                self.forget_ahead();
                Ok(())
            }
            Some(_) if lost => Err(Fault::own("committing", Recovery::Abort, "the group has given the partitions away")),
            Some(_) => self.commit(deadline),
        });
        let recovered = settled.or_else(|fault| self.recover(fault));
        let released = self.source.release();
        self.observer.revoked();
        recovered.and(released)
    }

    /// Voids what is not committed and plans the way back to the committed offsets. An error is a fault to stop for.
    fn recover(&mut self, fault: Fault) -> Result<(), Fault> {
        // What is being ended is out of our hands: only its own end says where to go on.
        let fault = match self.await_end((self.now)() + END_BOUND) {
            Ok(()) => fault,
            Err(own) => {
                if own.recovery > fault.recovery {
                    own
                } else {
                    fault
                }
            }
        };
        let written = self.ending.opened().or(self.batch.opened().filter(|_| !self.is_ahead));
        let again = self.again.take().filter(|_| fault.recovery == Recovery::Abort);
        if again == Some(Again::Withdrawn) {
            tracing::debug!(batch = written.is_some(), "{fault}");
        } else {
            tracing::warn!(recovery = ?fault.recovery, batch = written.is_some(), "{fault}");
            self.observer.stalled(&fault);
        }
        if let Some(opened) = written {
            let result = match fault.recovery {
                Recovery::Retry | Recovery::Abort => TransactionResult::Aborted,
                Recovery::Rebuild | Recovery::Stop => TransactionResult::Unknown,
            };
            self.meters.ended(result, (self.now)().saturating_duration_since(opened));
        }
        if again.is_none() {
            self.pace.slow_down(self.ending.records().max(self.batch.records()));
        }
        self.ending.clear();
        self.forget_ahead();
        match fault.recovery {
            Recovery::Stop => return Err(fault),
            Recovery::Rebuild => self.broken(&fault)?,
            // A producer that is made anew anyway has nothing to void, and may still be busy with an end nobody waits for.
            Recovery::Retry | Recovery::Abort if self.broken => {}
            Recovery::Retry | Recovery::Abort => {
                let send_on = if again.is_some() { SEND_WITHDRAWN } else { SEND_ON };
                match self.sink.abort(None, send_on) {
                    Ok(()) => self.judge.settled(),
                    Err(worse) => {
                        tracing::warn!(recovery = ?worse.recovery, "{worse}");
                        if worse.recovery == Recovery::Stop {
                            return Err(worse);
                        }
                        self.broken(&fault)?;
                    }
                }
            }
        }
        let wait = match again {
            Some(_) => Duration::ZERO,
            None => {
                self.faults += 1;
                pause(self.first_pause, self.faults)
            }
        };
        self.rewind_at = Some((self.now)() + wait);
        if wait >= LONG_PAUSE {
            self.pause();
        }
        Ok(())
    }

    /// Fetches nothing while nothing is taken: what is fetched now would be dropped, and fetched again.
    fn pause(&mut self) {
        if let Err(fault) = self.source.pause() {
            // It is a kindness to the network only.
            tracing::warn!("records are fetched in vain until the worker goes on: {fault}");
        }
    }

    /// A producer that works, in the place of one that does not.
    fn mend(&mut self) -> Result<(), Fault> {
        if self.broken {
            self.sink.rebuild()?;
            self.broken = false;
            self.judge.settled();
        }
        Ok(())
    }

    /// The way back: every partition at its committed offset.
    fn rewind(&mut self) -> Result<(), Fault> {
        self.source.rewind()?;
        self.rewind_at = None;
        self.observer.assigned(self.source.assignment());
        self.observer.resumed();
        Ok(())
    }

    /// The producer must be made anew, but not too often.
    fn broken(&mut self, fault: &Fault) -> Result<(), Fault> {
        self.broken = true;
        let now = (self.now)();
        self.rebuilds.retain(|then| now.saturating_duration_since(*then) < REBUILD_WINDOW);
        self.rebuilds.push_back(now);
        if self.rebuilds.len() <= MAX_REBUILDS {
            return Ok(());
        }
        let why = format!("{} (and {MAX_REBUILDS} times more within a minute: giving up)", fault.why);
        Err(Fault { recovery: Recovery::Stop, why, ..fault.clone() })
    }

    /// The last batch, bounded, then out of the group.
    pub fn drain(&mut self) {
        let deadline = (self.now)() + DRAIN_BOUND;
        let ended = match self.rewind_at {
            None => self.await_end(deadline).and_then(|()| self.commit(deadline)),
            Some(_) => Ok(()),
        };
        if let Err(fault) = ended {
            tracing::warn!("the last batch is void, and its records will be read again: {fault}");
            self.judge.aborted();
            // What cannot be aborted now is fenced when the next producer registers this id. Where the end is unknown
            // there is nothing to be said to the brokers at all.
            if fault.recovery <= Recovery::Abort {
                let left = deadline.saturating_duration_since((self.now)()).max(LAST_WORD);
                let _ = self.sink.abort(Some(left), SEND_WITHDRAWN);
            }
        }
        self.source.leave();
    }
}

/// Where the next record goes.
struct Open<'a, K, J> {
    sink: &'a mut K,
    judge: &'a mut J,
    batch: &'a mut Batch,
    ahead: &'a mut Ahead,
    kept: &'a mut Kept,
    is_ahead: &'a mut bool,
    is_ending: bool,
    pace: &'a Pace,
    last_cut: Instant,
    now: fn() -> Instant,
}

impl<K, J: Judge> Open<'_, K, J> {
    /// One record into the batch, which opens with it.
    fn take<M>(&mut self, record: &Fetched<'_>) -> Result<(), Fault>
    where
        K: Sink<M>,
    {
        let Open { sink, judge, batch, ahead, kept, is_ahead, .. } = self;
        if batch.opened().is_none() {
            judge.renew();
            let now = (self.now)();
            let is_wary = self.pace.is_wary(now);
            **is_ahead = self.is_ending || is_wary;
            if !**is_ahead {
                sink.begin()?;
            }
            kept.open(is_wary);
            batch.open(now, self.last_cut);
        }
        batch.note(record)?;
        if !**is_ahead {
            return judge.judge(record, &mut |out| sink.send(out));
        }
        if kept.is_on() {
            kept.push(record, (self.now)());
        }
        judge_ahead(*sink, *judge, ahead, record)
    }
}

/// Judges one record and keeps what it will write.
fn judge_ahead<M, K: Sink<M>, J: Judge>(
    sink: &mut K,
    judge: &mut J,
    ahead: &mut Ahead,
    record: &Fetched<'_>,
) -> Result<(), Fault> {
    judge.judge(record, &mut |out| {
        let fits = sink.fits(&out)?;
        if fits == Sent::Taken {
            ahead.push(&out);
        }
        Ok(fits)
    })
}

fn pause(first: Duration, faults: u32) -> Duration {
    let doubled = first.checked_mul(1u32.checked_shl(faults.saturating_sub(1)).unwrap_or(u32::MAX));
    doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE))
}

mod end;
mod pace;
#[cfg(test)]
mod tests;
