//! What the ledger learns from an event: what its own signals say about whom it is about. Worked out for every event of a stream
//! that learns, handed on only where it is news, and acknowledged before the batch of the event is committed.

use crate::consent::{Cover, Facts, Scratch, Statement};
use crate::event::{PurposeSet, Timestamp};
use crate::kafka::{Fault, Recovery};
use crate::ledger::Ledger;
use crate::ledger::learned::Lesson;
use crate::ledger::record::Stated;
use crate::plan::{Learn, Named, Plan, Stream};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Events that may wait to be learned: some seconds of what a topic takes. Beyond it the batch is judged again later.
const WAITING: usize = 4096;

/// How long the end of a batch waits for what it has to be learned first.
const ACKNOWLEDGED: Duration = Duration::from_secs(2);

/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(1);

/// What one event teaches. It does not implement `Debug`: it holds an identity.
#[derive(Default)]
pub struct Lessons {
    kind: String,
    value: String,
    said: Vec<Lesson>,
}

impl Lessons {
    /// Forgets the last event.
    pub(super) fn clear(&mut self) {
        self.kind.clear();
        self.value.clear();
        self.said.clear();
    }

    /// Whether there is nothing to be learned.
    pub fn is_empty(&self) -> bool {
        self.said.is_empty()
    }

    /// What the signals of an event say, as far as the ledger does not know it. It is about the first person whom the event names, else
    /// the first device, under the first of its kinds: the row whose grants count.
    pub(super) fn take(
        &mut self,
        (plan, stream, learn): (&Plan, &Stream, &Learn),
        ledger: &Ledger,
        scratch: &Scratch,
        (facts, own): (&Facts, usize),
        now: Timestamp,
    ) {
        let own = &facts.statements[..own];
        // Of whom is erased nothing is written down any more.
        let is_erased = facts.suppressed == PurposeSet(u64::MAX);
        if facts.ambiguous || facts.is_stale || is_erased || own.iter().all(Statement::is_silent) {
            return;
        }
        let person = scratch.identities(stream).find(|(named, _, _)| *named == Named::Person);
        let Some((_, kind, value)) = person.or_else(|| scratch.identities(stream).next()) else { return };
        let digest = ledger.digests().of(kind, value);
        let (mut denied, mut granted) = (PurposeSet::EMPTY, PurposeSet::EMPTY);
        let mut add = |set: PurposeSet, seen: &mut PurposeSet, state: Stated, at: Timestamp, expires: Option<Timestamp>| {
            for purpose in set.iter().filter(|purpose| purpose.index() < plan.purposes.len()) {
                let name = &plan.purpose(purpose).name;
                if !seen.contains(purpose) && ledger.is_news(digest, name, state, at) {
                    self.said.push(Lesson { purpose: name.to_string().into(), state, at, expires });
                }
                seen.insert(purpose);
            }
        };
        // What is about one sink, or about this browser alone, is nobody's word on a purpose; nor is what cannot be read.
        let plain = || own.iter().filter(|said| said.sink.is_none());
        for said in plain() {
            // Nobody has said anything later than now.
            let at = said.at.unwrap_or(facts.event_time).min(now);
            add(said.withdrawn, &mut denied, Stated::Withdrawn, at, None);
            add(PurposeSet(said.denied.0 | said.opted_out.0), &mut denied, Stated::Denied, at, None);
        }
        for said in plain().filter(|said| learn.grants && said.cover == Cover::Disclosed) {
            let at = said.at.unwrap_or(facts.event_time);
            if at <= now {
                let refused = own.iter().fold(denied.0, |set, said| set | said.invalid.0 | said.gpc.0 | said.vendor_refused.0);
                add(PurposeSet(said.granted.0 & !refused), &mut granted, Stated::Granted, at, said.expires);
            }
        }
        if !self.said.is_empty() {
            self.kind.push_str(kind);
            self.value.push_str(value);
        }
    }
}

/// What an event teaches, on its way to the ledger's topic.
pub struct Told {
    /// The kind of the identity that it is about.
    pub kind: String,
    /// Its value.
    pub value: String,
    /// What was said.
    pub lessons: Vec<Lesson>,
    done: Arc<AtomicU64>,
}

impl Told {
    /// It stands in the ledger's topic, or was no news: the event's batch may be committed.
    pub fn done(self) {
        self.done.fetch_add(1, Ordering::Release);
    }
}

/// Where workers hand on what is to be learned.
#[derive(Clone)]
pub struct Learner(SyncSender<Told>);

impl Learner {
    /// One, and what whoever writes the ledger's topic works off, in order.
    pub fn new() -> (Learner, Receiver<Told>) {
        let (queue, waiting) = sync_channel(WAITING);
        (Learner(queue), waiting)
    }
}

/// One worker's part in it.
pub(super) struct Teaching {
    learner: Learner,
    sent: u64,
    done: Arc<AtomicU64>,
    /// What was handed on since a batch was last closed, as hashes.
    told: HashSet<u64>,
    hasher: RandomState,
}

impl Teaching {
    pub(super) fn new(learner: Learner) -> Teaching {
        Teaching { learner, sent: 0, done: Arc::new(AtomicU64::new(0)), told: HashSet::new(), hasher: RandomState::new() }
    }

    /// Hands on what the last event teaches; where it is judged again, only what it did not teach before.
    pub(super) fn tell(&mut self, lessons: &Lessons, is_repeated: bool) -> Result<(), Fault> {
        let Lessons { kind, value, said } = lessons;
        let is_new = self.told.insert(self.hasher.hash_one((kind, value, said)));
        if is_repeated && !is_new {
            return Ok(());
        }
        let told = Told { kind: kind.clone(), value: value.clone(), lessons: said.clone(), done: self.done.clone() };
        match self.learner.0.try_send(told) {
            Ok(()) => {
                self.sent += 1;
                Ok(())
            }
            Err(TrySendError::Full(_)) => {
                Err(Fault::own("learning", Recovery::Abort, "the ledger's topic does not take what events say"))
            }
            Err(TrySendError::Disconnected(_)) => {
                Err(Fault::own("learning", Recovery::Stop, "nobody writes the ledger's topic any more"))
            }
        }
    }

    /// Waits until all that was handed on is acknowledged: a committed event is not read again.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.told.clear();
        let begun = Instant::now();
        while self.done.load(Ordering::Acquire) < self.sent {
            if begun.elapsed() > ACKNOWLEDGED {
                return Err(Fault::own("learning", Recovery::Abort, "the ledger's topic does not acknowledge what events say"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }
}
