//! How a batch ends: cut, handed to the sink, and settled while the next one is judged ahead.

use super::{Again, DRAIN_BOUND, IDLE_WAIT, MOST_ROUNDS, Observer, SEND_WITHDRAWN, Worker, judge_ahead};
use crate::event::Timestamp;
use crate::kafka::{Fault, Recovery, Sink, Source};
use crate::pipeline::Judge;
use crate::telemetry::TransactionResult;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// With nothing to read, how long to wait for the end of a batch before looking for records again.
const LOOK: Duration = Duration::from_millis(1);

/// What was judged ahead may be older than a cut by so much: then the brokers stall, and it is judged anew once they
/// answer, so that a sink does not get what was decided long ago.
pub(super) const STALL: Duration = Duration::from_secs(2);

impl<S: Source, K: Sink<S::Membership>, J: Judge, O: Observer> Worker<S, K, J, O> {
    /// One turn while a batch ends: what became of it if that is known, else one more record for the next.
    pub(super) fn step_ahead(&mut self) -> Result<(), Fault> {
        if let Some(ended) = self.sink.settled(Duration::ZERO) {
            return self.go_on(ended);
        }
        // What may not be judged now is not read; the batch that ends says whether it goes on.
        let full = self.batch.is_full(&self.pace.cut()) || self.is_full_ahead() || self.judge.sound((self.now)()).is_err();
        if !full && self.read(Duration::ZERO)? {
            return Ok(());
        }
        // A change of the assignment may have settled it.
        if !self.is_ending {
            return Ok(());
        }
        let settled = self.sink.settled(if full { IDLE_WAIT } else { LOOK });
        self.observer.beat();
        settled.map_or(Ok(()), |ended| self.go_on(ended))
    }

    /// Hands the open batch over to be ended: all of it counts, offsets included, or none.
    pub(super) fn cut(&mut self, bound: Option<Duration>) -> Result<(), Fault> {
        if self.batch.opened().is_none() {
            return Ok(());
        }
        let deadline = bound.map(|bound| (self.now)() + bound);
        self.vouch_written(deadline)?;
        let bound = self.left(deadline);
        let Worker { source, sink, judge, batch, .. } = self;
        judge.close(&mut |record| sink.send(record))?;
        // The group's coordinator checks the member, not its partitions: a batch with records of a partition that is
        // not ours any more is void as a whole, since what they wrote cannot be taken out of it.
        if !batch.offsets().iter().all(|place| source.owns(&place.topic, place.partition)) {
            return Err(Fault::own("committing", Recovery::Abort, "a partition of the batch is not this member's any more"));
        }
        let membership = source.membership()?;
        sink.end(batch.offsets(), membership, bound)?;
        self.kept.clear();
        std::mem::swap(&mut self.batch, &mut self.ending);
        self.is_ending = true;
        self.last_cut = (self.now)();
        Ok(())
    }

    /// Ends the open batch and waits for it.
    pub(super) fn commit(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.cut(Some(deadline.saturating_duration_since((self.now)())))?;
        self.await_end(deadline)
    }

    /// Waits until it is known what became of the batch that is being ended, if one is; for no longer than a drain may
    /// take once the worker is asked to stop.
    pub(super) fn await_end(&mut self, mut deadline: Instant) -> Result<(), Fault> {
        let mut is_stopping = false;
        while self.is_ending {
            let left = deadline.saturating_duration_since((self.now)());
            if let Some(ended) = self.sink.settled(left.min(IDLE_WAIT)) {
                return self.conclude(ended);
            }
            if left.is_zero() {
                let why = "no answer in time: the end of the batch is unknown";
                return self.conclude(Err(Fault::own("committing", Recovery::Rebuild, why)));
            }
            if !is_stopping && self.stop.load(Ordering::Relaxed) {
                is_stopping = true;
                deadline = deadline.min((self.now)() + DRAIN_BOUND);
            }
        }
        Ok(())
    }

    /// The batch has ended: what was judged ahead is written now.
    fn go_on(&mut self, ended: Result<Instant, Fault>) -> Result<(), Fault> {
        self.conclude(ended)?;
        if !self.kept.is_on() {
            self.write_ahead(None)?;
        }
        self.turn((self.now)())
    }

    /// Counts what was committed. A fault leaves the batch where it is, for `recover` to void.
    fn conclude(&mut self, ended: Result<Instant, Fault>) -> Result<(), Fault> {
        self.is_ending = false;
        let committed = ended?;
        if !self.sink.carries_offsets() {
            self.source.commit(self.ending.offsets())?;
        }
        if let Some(opened) = self.ending.opened() {
            let took = committed.saturating_duration_since(opened);
            self.meters.ended(TransactionResult::Committed, took);
            self.pace.committed(took < self.pace.cut.interval + self.stall / 2);
        }
        self.ending.clear();
        self.judge.committed(committed);
        self.observer.committed(Timestamp::now());
        self.observer.beat();
        self.faults = 0;
        Ok(())
    }

    /// Opens a transaction for what was judged ahead, if anything was, and writes it, unless it was judged long ago.
    fn write_ahead(&mut self, deadline: Option<Instant>) -> Result<(), Fault> {
        if self.is_ahead && self.is_old() {
            return Err(Fault::own("committing", Recovery::Abort, "the batch before took too long; the next is judged anew"));
        }
        self.write_at_once(deadline)
    }

    /// Whether the open batch was opened so long ago that it is judged anew.
    fn is_old(&self) -> bool {
        let bound = self.pace.cut.interval + self.stall;
        self.batch.opened().is_some_and(|opened| (self.now)().saturating_duration_since(opened) > bound)
    }

    fn write_at_once(&mut self, deadline: Option<Instant>) -> Result<(), Fault> {
        if self.batch.opened().is_none() || !self.is_ahead {
            return Ok(());
        }
        self.sink.begin()?;
        // After whatever `begin` had to wait for: nothing that was withdrawn meanwhile is even written.
        self.vouch_ahead(deadline)?;
        // It is written, and not on its way to be committed before it is asked about again.
        self.judge.settled();
        let Worker { sink, ahead, is_ahead, .. } = self;
        *is_ahead = false;
        ahead.drain(&mut |record| sink.send(record))
    }

    /// Whether what was judged ahead may leave now: if not, it is judged again as long as its records are at hand.
    fn vouch_ahead(&mut self, deadline: Option<Instant>) -> Result<(), Fault> {
        for round in 0..MOST_ROUNDS {
            if !self.may_judge_again(deadline) {
                break;
            }
            if self.stands()? {
                return Ok(());
            }
            if round > 0 {
                // Meanwhile another one came: a smaller batch is judged sooner.
                self.pace.hasten((self.now)());
            }
            self.judge_again()?;
        }
        self.vouch()
    }

    /// Whether all that the open batch holds may leave now, what was judged ahead being written first. Where its records are at
    /// hand, and a withdrawal lands while they are written, they are voided and judged again, without the way back.
    fn vouch_written(&mut self, deadline: Option<Instant>) -> Result<(), Fault> {
        self.write_ahead(deadline)?;
        // What is not part of a transaction cannot be called back: each further round would only double the rest of it.
        let rounds = if self.sink.carries_offsets() { MOST_ROUNDS } else { 1 };
        for _ in 0..rounds {
            if !self.may_judge_again(deadline) {
                break;
            }
            if self.stands()? {
                return Ok(());
            }
            self.pace.hasten((self.now)());
            let aborted = self.sink.abort(self.left(deadline), SEND_WITHDRAWN);
            // Where it failed nobody knows what of the transaction is open still: only a new producer settles that.
            aborted.map_err(|fault| Fault { recovery: fault.recovery.max(Recovery::Rebuild), ..fault })?;
            if let Some(opened) = self.batch.opened() {
                self.meters.ended(TransactionResult::Aborted, (self.now)().saturating_duration_since(opened));
            }
            self.judge.settled();
            self.is_ahead = true;
            self.judge_again()?;
            self.write_at_once(deadline)?;
        }
        self.vouch()
    }

    /// Whether there are records to be judged again, and time for it.
    fn may_judge_again(&self, deadline: Option<Instant>) -> bool {
        let in_time = self.left(deadline).map_or_else(|| !self.stop.load(Ordering::Relaxed), |left| !left.is_zero());
        self.kept.is_on() && in_time && !self.is_old()
    }

    fn left(&self, deadline: Option<Instant>) -> Option<Duration> {
        deadline.map(|deadline| deadline.saturating_duration_since((self.now)()))
    }

    /// Judges the open batch again by what is known now. Nothing of it that counts was written.
    fn judge_again(&mut self) -> Result<(), Fault> {
        self.pace.beware((self.now)());
        let Worker { sink, judge, ahead, kept, again, .. } = self;
        ahead.clear();
        judge.aborted();
        judge.renew();
        kept.each(&mut |record| {
            if ahead.is_full(kept.size()) {
                // It was refused before and is released now: it does not fit any more.
                *again = Some(Again::Withdrawn);
                let why = "judged again, the batch is more than is kept in memory; it is read again";
                return Err(Fault::own("committing", Recovery::Abort, why));
            }
            judge_ahead(sink, judge, ahead, record)
        })
    }

    /// Forgets the open batch with all that it counted and would have written.
    pub(super) fn forget_ahead(&mut self) {
        self.batch.clear();
        self.ahead.clear();
        self.kept.clear();
        self.is_ahead = false;
        self.judge.aborted();
    }
}
