//! Forgetting: the consent rows of who is erased are deleted from their topic. As with their data keys, every instance that
//! reads an erasure does so; that one may have done it before does no harm.
//!
//! The ledger knows people by digest only, so the topic is read again for the keys. A row is deleted in every partition
//! that has one under its key: where an older one was left, a fresh instance might find it standing.

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_what_was_learned;

use crate::config::Properties;
use crate::event::SubjectDigest;
use crate::kafka::append::Appender;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::kafka::{Row, Settings};
use crate::ledger::record::{Format, Identity, Suppression};
use crate::ledger::{ConsentRecord, ErasedAs, Erasing, Ledger, learned};
use crate::plan::{Named, Plan};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long what is written may take to be acknowledged before it is written again.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Beyond the staleness that instances allow themselves: how far their clocks' pace and ours may differ.
const MARGIN: Duration = Duration::from_millis(500);
/// Between two looks at whether there is anything to do.
const PAUSE: Duration = Duration::from_millis(100);

/// Whose rows have to go. Fed by the one who follows both topics.
pub(super) struct Leaving {
    ledger: Arc<Ledger>,
    wanted: Mutex<Wanted>,
    /// How often something was asked for, and up to which of these it was done.
    asked: AtomicU64,
    done: AtomicU64,
    /// Whether everything was read once. Before, rows are not looked at: who is erased says whose have to be looked for.
    is_loaded: AtomicBool,
}

#[derive(Default)]
struct Wanted {
    people: HashSet<SubjectDigest>,
    /// Somebody was named by a hash: nobody knows whether they have a row.
    by_hash: bool,
    /// Rows that were looked at and stay; each change of theirs need not have the topic read again.
    left: HashSet<SubjectDigest>,
}

impl Wanted {
    fn take(&mut self) -> (HashSet<SubjectDigest>, bool) {
        (std::mem::take(&mut self.people), std::mem::take(&mut self.by_hash))
    }
}

impl Leaving {
    pub(super) fn new(ledger: Arc<Ledger>) -> Arc<Leaving> {
        Arc::new(Leaving {
            ledger,
            wanted: Mutex::default(),
            asked: AtomicU64::new(0),
            done: AtomicU64::new(0),
            is_loaded: AtomicBool::new(false),
        })
    }

    /// Somebody was erased.
    pub(super) fn erased(&self, who: ErasedAs) {
        match who {
            ErasedAs::Identity(subject) => drop(self.wanted().people.insert(subject)),
            ErasedAs::Hash(_) => self.wanted().by_hash = true,
        }
        self.asked.fetch_add(1, Ordering::AcqRel);
    }

    /// Both topics were read whole.
    pub(super) fn loaded(&self) {
        self.is_loaded.store(true, Ordering::Relaxed);
    }

    /// A consent record was applied: one that comes later for somebody erased goes as well.
    pub(super) fn applied(&self, key: &[u8]) {
        if !self.is_loaded.load(Ordering::Relaxed) {
            return;
        }
        let Some(erasing) = self.ledger.erasing(key) else { return };
        let (subject, mut wanted) = (self.ledger.subject_of(key), self.wanted());
        if erasing == Erasing::Alias && wanted.left.contains(&subject) {
            return;
        }
        wanted.people.insert(subject);
        drop(wanted);
        self.asked.fetch_add(1, Ordering::AcqRel);
    }

    /// How often something was asked for so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// Up to which of these it was done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the rows are and where erasures are written.
#[derive(Clone)]
pub(super) struct Topics {
    pub(super) consent: String,
    pub(super) erasures: String,
}

/// Deletes rows, on a thread of its own, once both topics have been read whole.
pub(super) struct Forgetter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forgetter {
    /// Begins to delete the rows of whoever leaves. `watch` says how far the topics were read, `live` which kinds name devices.
    pub(super) fn start(
        settings: &Settings,
        properties: &Properties,
        topics: Topics,
        leaving: Arc<Leaving>,
        watch: Arc<Watch>,
        live: Arc<ArcSwap<Plan>>,
    ) -> std::io::Result<Forgetter> {
        let stop = Arc::new(AtomicBool::new(false));
        let (settings, properties) = (settings.clone(), properties.clone());
        let mut work = Work { settings, properties, topics, leaving, watch, live, stop: stop.clone(), appender: None };
        let thread = std::thread::Builder::new().name("privet-forgetter".to_owned()).spawn(move || work.run())?;
        Ok(Forgetter { stop, thread: Some(thread) })
    }
}

impl Drop for Forgetter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; whose rows it did not come to is found again by the next start.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Work {
    settings: Settings,
    properties: Properties,
    topics: Topics,
    leaving: Arc<Leaving>,
    watch: Arc<Watch>,
    live: Arc<ArcSwap<Plan>>,
    stop: Arc<AtomicBool>,
    appender: Option<Appender>,
}

impl Work {
    fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            // Before, the tombstone or the end of the erasure may stand later in its topic.
            if self.watch.fresh_as_of().is_some() && self.leaving.done() < self.leaving.asked() {
                let asked = self.leaving.asked();
                let (mut people, by_hash) = self.leaving.wanted().take();
                people.retain(|subject| self.leaving.ledger.has_row(*subject));
                let (begun, is_nobody) = (Instant::now(), people.is_empty() && !by_hash);
                match if is_nobody { Ok(()) } else { self.forget(by_hash) } {
                    Ok(()) => drop(self.leaving.done.fetch_max(asked, Ordering::AcqRel)),
                    Err(why) => {
                        tracing::error!("consent rows of somebody erased are not deleted yet: {why}");
                        let mut wanted = self.leaving.wanted();
                        wanted.people.extend(people);
                        wanted.by_hash |= by_hash;
                        drop(wanted);
                        std::thread::sleep(PAUSE * 10);
                    }
                }
                self.rest(begun + 2 * begun.elapsed());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whoever writes about somebody erased again and again must not have us read all the time: half of it at most.
    fn rest(&self, until: Instant) {
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE);
        }
    }

    /// Reads the topic again and deletes what has to go. Other names first become erased themselves: once the row is gone nobody
    /// knows any more whose they were.
    fn forget(&mut self, by_hash: bool) -> Result<(), String> {
        let mut known = Instant::now();
        let rows = self.find(by_hash)?;
        if self.stop.load(Ordering::Relaxed) {
            return Err("asked to end".to_owned());
        }
        let Going { erasures, rows, left } = decide(&self.leaving.ledger, &self.live.load(), &rows);
        if !left.is_empty() {
            let why = "somebody erased stands as another name in rows of people who are not; whoever writes these rows must take it out";
            tracing::warn!(rows = left.len(), "{why}");
            self.leaving.wanted().left.extend(left);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let appender = match &mut self.appender {
            Some(appender) => appender,
            None => self.appender.insert(Appender::new(&self.settings, &self.properties, "forgetter")?),
        };
        let value = Suppression { at: Some(jiff::Timestamp::now()), ..Suppression::default() }.to_json();
        for key in &erasures {
            appender.append(&self.topics.erasures, None, key.as_bytes(), Some(&value), Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        if !erasures.is_empty() {
            known = Instant::now();
        }
        self.await_everywhere(known)?;
        let Some(appender) = &mut self.appender else { return Ok(()) };
        for (partition, key) in &rows {
            appender.append(&self.topics.consent, Some(*partition), key, None, Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        tracing::info!(rows = rows.len(), other_names = erasures.len(), "consent rows of somebody erased are deleted");
        Ok(())
    }

    /// Waits until every instance has applied what was acknowledged before that moment, or judges nothing for being stale: else one
    /// might read that a row is gone before it reads that its people are erased, and take that for silence.
    fn await_everywhere(&self, known: Instant) -> Result<(), String> {
        self.rest(known + self.watch.max_staleness() + MARGIN);
        while self.watch.fresh_as_of().is_none_or(|fresh| fresh < known) {
            if self.stop.load(Ordering::Relaxed) {
                return Err("asked to end".to_owned());
            }
            std::thread::sleep(PAUSE);
        }
        if self.stop.load(Ordering::Relaxed) { Err("asked to end".to_owned()) } else { Ok(()) }
    }

    /// The rows that have to do with somebody erased.
    fn find(&self, by_hash: bool) -> Result<Found, String> {
        let found = Arc::new(Mutex::new(Found::new()));
        let table = Box::new(Looking { ledger: self.leaving.ledger.clone(), found: found.clone(), by_hash });
        let topics = vec![Topic { name: self.topics.consent.clone(), from: Vec::new(), table }];
        let follow = Follow::start(&self.settings, &self.properties, "rows of consent", topics, Watch::new(ACKNOWLEDGED))?;
        loop {
            match follow.watch().standing(Instant::now()) {
                Standing::Fresh | Standing::Stale(_) => break,
                Standing::Failed(why) => return Err(why),
                Standing::Loading if self.stop.load(Ordering::Relaxed) => break,
                Standing::Loading => std::thread::sleep(PAUSE),
            }
        }
        drop(follow);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *found))
    }
}

/// Partition and key → what stands there last, for rows that have to do with somebody erased.
type Found = HashMap<(i32, Vec<u8>), Vec<u8>>;

/// Looks through rows for those of somebody erased.
struct Looking {
    ledger: Arc<Ledger>,
    found: Arc<Mutex<Found>>,
    /// Whether somebody was named by a hash: then other names are asked for by name, for the ledger has their digests only.
    by_hash: bool,
}

impl Looking {
    fn concerns(&self, key: &[u8], value: &[u8]) -> bool {
        let by_hash =
            |record: &ConsentRecord<'_>| record.aliases.iter().any(|alias| self.ledger.is_erased(&alias.kind, &alias.value));
        self.ledger.erasing(key).is_some() || (self.by_hash && ConsentRecord::read(value).as_ref().is_ok_and(by_hash))
    }
}

impl Table for Looking {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Some(key) = row.key else { return Ok(()) };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match row.value.filter(|value| self.concerns(key, value)) {
            Some(value) => drop(found.insert((row.partition, key.to_vec()), value.to_vec())),
            None if found.is_empty() => {}
            None => drop(found.remove(&(row.partition, key.to_vec()))),
        }
        Ok(())
    }
}

/// What is to be written.
#[derive(Default)]
struct Going {
    /// Keys of the topic of erasures.
    erasures: BTreeSet<String>,
    /// Rows, where they stand.
    rows: BTreeSet<(i32, Vec<u8>)>,
    /// Whose rows stay although somebody erased is another name in them.
    left: HashSet<SubjectDigest>,
}

/// Which rows go, and who is erased with them.
///
/// A person's erasure covers the other names in their own row, and the one row that has them for another name: it is theirs. A
/// device's erasure covers its own row and devices; several people may share it, and none of them is silenced by it.
fn decide(ledger: &Ledger, plan: &Plan, found: &Found) -> Going {
    let mut going = Going::default();
    let is_person = |kind: &str| !is_device(plan, kind);
    for ((partition, key), value) in found {
        let about = learned::about(key);
        let text = std::str::from_utf8(about).unwrap_or_default();
        let Some((kind, name)) = text.split_once(':') else { continue };
        let record = ConsentRecord::read(value).ok().filter(|record| record.identity.is_key(key));
        let aliases: &[Identity<'_>] = record.as_ref().map_or(&[], |record| &record.aliases);
        let is_erased = |alias: &&Identity<'_>| ledger.is_erased(&alias.kind, &alias.value);
        // A name that is written as a digest may be a device's.
        let is_known = |alias: &Identity<'_>| alias.kind != Format::Digest.as_str() && is_person(&alias.kind);
        let is_theirs = |alias: &Identity<'_>| is_known(alias) && ledger.is_of_one_row(&alias.kind, &alias.value);
        let covers_people = if ledger.is_erased(kind, name) {
            is_person(kind)
        } else if aliases.iter().filter(is_erased).any(is_theirs) {
            true
        } else {
            going.left.insert(ledger.subject_of(key));
            continue;
        };
        let digest = |identity: &[u8]| format!("digest:{}", ledger.digests().of_key(identity).to_hex());
        let named = |alias: &Identity<'_>| format!("digest:{}", ledger.digests().of_alias(&alias.kind, &alias.value).to_hex());
        let covered = aliases.iter().filter(|alias| covers_people || !is_person(&alias.kind)).map(named);
        going.erasures.extend(covered);
        if covers_people {
            // Also those of a record that cannot be read: they are known from the one before.
            going.erasures.extend(ledger.alias_keys(about));
            going.erasures.insert(digest(about));
        }
        going.rows.insert((*partition, key.clone()));
    }
    going.erasures.retain(|key| !ledger.erasure(key.as_bytes()).1);
    going
}

/// Whether a kind of identity names devices wherever the policy names it.
fn is_device(plan: &Plan, kind: &str) -> bool {
    let rules = plan.streams.iter().flat_map(|stream| &stream.subject);
    let mut named = rules.filter(|rule| rule.kinds.iter().any(|own| **own == *kind)).map(|rule| rule.names).peekable();
    named.peek().is_some() && named.all(|names| names == Named::Device)
}
