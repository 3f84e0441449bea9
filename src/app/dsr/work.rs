//! Sees requests through: from written down to completed, on a thread of its own. Whatever ends it in between, the next start, or
//! another instance, goes on from what stands in the topics; every step may be done twice.

use super::book::Entry;
use super::record::Record;
use super::registrar::Registrar;
use crate::app::forget::Leaving;
use crate::app::shred::Erased;
use crate::control::dsr::{RequestType, Stage};
use crate::kafka::follow::Watch;
use crate::telemetry::{ConsentMeters, DsrMeters};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at all open requests.
const PAUSE: Duration = Duration::from_millis(100);

/// Between two attempts to write what was not acknowledged, or does not show.
const RETRY: Duration = Duration::from_secs(5);

/// A request that another instance received is gone on with when nothing has happened to it for so long.
const TAKE_OVER: Duration = Duration::from_secs(10);

/// What the thread works with.
pub(super) struct Work {
    pub(super) registrar: Arc<Registrar>,
    /// Of the ledger's topics.
    pub(super) knowledge: Arc<Watch>,
    pub(super) enforced: Arc<ConsentMeters>,
    /// Whose consent rows go; `None` where there are none.
    pub(super) leaving: Option<Arc<Leaving>>,
    /// Whose data keys go; `None` where there are none.
    pub(super) erased: Option<Arc<Erased>>,
    pub(super) meters: Arc<DsrMeters>,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) under_way: HashMap<String, UnderWay>,
}

/// How far this process has seen one request.
pub(super) struct UnderWay {
    /// When something was last tried.
    tried: Option<Instant>,
    /// The step that is waited for, once everyone it names is erased.
    step: Option<Step>,
}

/// What is waited for. Each is about everything that was known at one moment.
#[derive(Clone, Copy)]
enum Step {
    /// Everything acknowledged before that moment is to be applied; so often it has been waited for.
    Applied(Instant, u8),
    /// Consent rows and data keys are to be destroyed, up to these jobs; so often it has been waited for.
    Destroyed([u64; 2], u8),
    /// The withdrawal of that number is to be enforced by every worker.
    Enforced(u64),
}

/// Whether whoever received a request has had time to go on with it, also since nothing holds it back any more.
pub(super) fn is_left_alone(entry: &Entry, now: Timestamp) -> bool {
    let patience = SignedDuration::try_from(TAKE_OVER).unwrap_or(SignedDuration::ZERO);
    let just_let_go = |until: Timestamp| until <= now && now.duration_since(until) < patience;
    let is_just_let_go = entry.record.stage == Stage::Pending && entry.record.hold.is_some_and(just_let_go);
    entry.since.elapsed() > TAKE_OVER && !is_just_let_go
}

/// Destroying a row erases its other names, whose rows and keys are destroyed in turn.
const ROUNDS: u8 = 3;

impl Work {
    pub(super) fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let registrar = self.registrar.clone();
            let (open, overdue) = registrar.book.counts(Timestamp::now());
            self.meters.stand(open, overdue);
            if registrar.watch.fresh_as_of().is_some() && self.knowledge.is_fresh(Instant::now()) {
                let entries = registrar.book.open();
                self.under_way.retain(|id, _| entries.iter().any(|entry| entry.record.id == *id));
                for entry in entries.into_iter().filter(|entry| entry.is_own || is_left_alone(entry, Timestamp::now())) {
                    if let Err(why) = self.advance(&entry) {
                        tracing::error!(request = entry.record.id, "a data subject's request does not go on: {why}");
                        self.under_way(&entry.record.id).tried = Some(Instant::now());
                    }
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn under_way(&mut self, id: &str) -> &mut UnderWay {
        self.under_way.entry(id.to_owned()).or_insert(UnderWay { tried: None, step: None })
    }

    /// One step, if it is time for one.
    fn advance(&mut self, entry: &Entry) -> Result<(), String> {
        let record = &entry.record;
        let rests = self.under_way(&record.id).tried.is_some_and(|tried| tried.elapsed() < RETRY);
        match (record.kind, record.stage) {
            (_, Stage::Completed | Stage::Cancelled) => Ok(()),
            (_, _) if rests => Ok(()),
            // It is answered from memory, which is whole and fresh.
            (RequestType::Access | RequestType::Portability, _) => self.change(record, Stage::Completed),
            (RequestType::Erasure, Stage::Pending) => self.pending(record),
            (RequestType::Erasure, Stage::InProgress) => self.in_progress(record),
        }
    }

    /// Everyone it names is to be suppressed and, once nothing holds it back, erased.
    fn pending(&mut self, record: &Record) -> Result<(), String> {
        let ledger = &self.registrar.ledger;
        let is_held = record.hold.is_some_and(|until| Timestamp::now() < until);
        let all = |is: &dyn Fn(&[u8]) -> bool| record.subjects.iter().all(|subject| is(subject.key.as_bytes()));
        let is_done = if is_held { all(&|key| ledger.is_suppressed(key)) } else { all(&|key| ledger.erasure(key).1) };
        match (is_done, is_held) {
            (true, true) => Ok(()),
            (true, false) => self.change(record, Stage::InProgress),
            (false, _) => {
                self.under_way(&record.id).tried = Some(Instant::now());
                let registrar = self.registrar.clone();
                let mut pen = registrar.pen();
                // It may have been cancelled while the pen was another's.
                if registrar.book.get(&record.id).is_none_or(|now| now.record.revision != record.revision) {
                    return Ok(());
                }
                registrar.suppress(&mut pen, record)?;
                drop(pen);
                // What was written shows within a moment: no need to rest.
                self.under_way(&record.id).tried = Some(Instant::now() - RETRY + 5 * PAUSE);
                Ok(())
            }
        }
    }

    /// Rows and keys are to be destroyed, what was judged before is to be over, and sinks are to be told.
    fn in_progress(&mut self, record: &Record) -> Result<(), String> {
        let (asked, done, fresh) = (self.asked(), self.done(), self.knowledge.fresh_as_of());
        let step = self.under_way(&record.id).step;
        let next = match step {
            None => Step::Applied(Instant::now(), 1),
            Some(Step::Applied(moment, round)) if fresh.is_some_and(|fresh| fresh >= moment) => Step::Destroyed(asked, round),
            Some(Step::Destroyed(jobs, round)) if jobs.iter().zip(done).all(|(job, done)| *job <= done) => {
                if round < ROUNDS {
                    Step::Applied(Instant::now(), round + 1)
                } else {
                    Step::Enforced(self.registrar.ledger.restrictions())
                }
            }
            Some(Step::Enforced(number)) if self.enforced.is_enforced(number) => return self.complete(record),
            Some(Step::Applied(..) | Step::Destroyed(..) | Step::Enforced(_)) => return Ok(()),
        };
        self.under_way(&record.id).step = Some(next);
        Ok(())
    }

    fn asked(&self) -> [u64; 2] {
        [self.leaving.as_ref().map_or(0, |leaving| leaving.asked()), self.erased.as_ref().map_or(0, |erased| erased.asked())]
    }

    fn done(&self) -> [u64; 2] {
        [self.leaving.as_ref().map_or(0, |leaving| leaving.done()), self.erased.as_ref().map_or(0, |erased| erased.done())]
    }

    fn complete(&mut self, record: &Record) -> Result<(), String> {
        let ledger = &self.registrar.ledger;
        if !record.subjects.iter().all(|subject| ledger.erasure(subject.key.as_bytes()).1) {
            // Somebody lifted an erasure meanwhile: it stays open, and shows when it is overdue.
            return Err("somebody whom it names is not erased any more".to_owned());
        }
        let registrar = self.registrar.clone();
        registrar.notify(&mut registrar.pen(), record)?;
        self.change(record, Stage::Completed)
    }

    fn change(&mut self, record: &Record, stage: Stage) -> Result<(), String> {
        let registrar = self.registrar.clone();
        let now = Timestamp::now();
        let mut pen = registrar.pen();
        if registrar.book.get(&record.id).is_none_or(|known| known.record.revision != record.revision) {
            return Ok(());
        }
        registrar.write(&mut pen, record.in_stage(stage, now), false)?;
        drop(pen);
        if stage == Stage::Completed {
            let took = Duration::try_from(now.duration_since(record.received)).unwrap_or_default();
            self.meters.completed(record.kind.as_str(), took);
            tracing::info!(
                request = record.id,
                kind = record.kind.as_str(),
                seconds = took.as_secs(),
                "a data subject's request is completed"
            );
        }
        Ok(())
    }
}
