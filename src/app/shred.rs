//! Shredding: who is erased loses their data keys. The tombstones are written by every instance that reads the erasure;
//! that one may have written them before does no harm.

use crate::config::Properties;
use crate::event::SubjectDigest;
use crate::kafka::append::Appender;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::kafka::{Row, Settings};
use crate::keys::subject::{RowKey, SubjectTable, hashed_names};
use crate::ledger::ErasedAs;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long tombstones may take to be acknowledged before they are written again.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Between two attempts, and between two looks at whether everything has been read.
const PAUSE: Duration = Duration::from_millis(100);

/// Everyone who is erased, as far as topics were read. Fed by the one who follows erasures; asked by the one who follows keys.
pub(super) struct Erased {
    people: Mutex<People>,
    /// Whether a hash was named since rows were last looked through.
    is_new_hash: AtomicBool,
    queue: Sender<Job>,
    /// How many jobs were asked for, and how many of these are done: they are done in order.
    asked: AtomicU64,
    done: AtomicU64,
}

#[derive(Default)]
struct People {
    named: HashSet<SubjectDigest>,
    /// Digests of hashes.
    hashed: HashSet<SubjectDigest>,
    /// Whose rows were found by which hash.
    found: HashMap<SubjectDigest, SubjectDigest>,
}

/// What a [`Shredder`] is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// Destroy the keys of one identity.
    Shred(SubjectDigest),
    /// Look through all rows for those of a hash that was named.
    Look,
}

impl Erased {
    /// Nobody yet; and what a [`Shredder`] works off.
    pub(super) fn nobody() -> (Arc<Erased>, Receiver<Job>) {
        let (queue, waiting) = channel();
        let (asked, done) = (AtomicU64::new(0), AtomicU64::new(0));
        (Arc::new(Erased { people: Mutex::default(), is_new_hash: AtomicBool::new(false), queue, asked, done }), waiting)
    }

    /// They are erased.
    pub(super) fn add(&self, who: ErasedAs) {
        match who {
            ErasedAs::Identity(subject) => {
                self.people().named.insert(subject);
                self.ask(Job::Shred(subject));
            }
            ErasedAs::Hash(hash) => {
                self.people().hashed.insert(hash);
                self.is_new_hash.store(true, Ordering::Release);
                self.ask(Job::Look);
            }
        }
    }

    /// They are not, any more: keys made from now on stay. What was destroyed stays destroyed.
    pub(super) fn lift(&self, who: ErasedAs) {
        let mut people = self.people();
        match who {
            ErasedAs::Identity(subject) => drop(people.named.remove(&subject)),
            ErasedAs::Hash(hash) => {
                people.hashed.remove(&hash);
                people.found.retain(|_, by| *by != hash);
            }
        }
    }

    /// A row is stored: should it be of somebody erased, it goes. A batch that was under way may have brought it.
    pub(super) fn stored(&self, subject: SubjectDigest, value: &[u8]) {
        let mut people = self.people();
        if !people.named.contains(&subject) {
            if people.hashed.is_empty() {
                return;
            }
            let Some(hash) = hashed_names(value).into_iter().find(|hash| people.hashed.contains(hash)) else { return };
            people.found.insert(subject, hash);
        }
        drop(people);
        self.ask(Job::Shred(subject));
    }

    fn is_erased(&self, subject: &SubjectDigest) -> bool {
        let people = self.people();
        people.named.contains(subject) || people.found.contains_key(subject)
    }

    /// How many jobs were asked for so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// How many of these are done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    fn ask(&self, job: Job) {
        self.asked.fetch_add(1, Ordering::AcqRel);
        // Without a shredder, as where erasures are not followed, nobody is ever erased.
        let _ = self.queue.send(job);
    }

    fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks through rows once more.
struct Looking(Arc<Erased>);

impl Table for Looking {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        if let (Some(key), Some(value)) = (row.key.and_then(RowKey::from_record_key), row.value) {
            self.0.stored(key.subject, value);
        }
        Ok(())
    }
}

/// Writes tombstones, on a thread of its own, once erasures and keys have been read whole.
pub(super) struct Shredder {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Work {
    settings: Settings,
    topic: String,
    table: Arc<SubjectTable>,
    erased: Arc<Erased>,
    /// Of the erasures, and of the keys.
    watches: [Arc<Watch>; 2],
    stop: Arc<AtomicBool>,
    appender: Option<Appender>,
}

impl Shredder {
    /// Begins to destroy the keys of everyone in the queue.
    pub(super) fn start(
        settings: &Settings,
        topic: &str,
        (table, erased): (Arc<SubjectTable>, Arc<Erased>),
        watches: [Arc<Watch>; 2],
        waiting: Receiver<Job>,
    ) -> std::io::Result<Shredder> {
        let stop = Arc::new(AtomicBool::new(false));
        let (settings, topic) = (settings.clone(), topic.to_owned());
        let mut work = Work { settings, topic, table, erased, watches, stop: stop.clone(), appender: None };
        let thread = std::thread::Builder::new().name("privet-shredder".to_owned()).spawn(move || work.run(&waiting))?;
        Ok(Shredder { stop, thread: Some(thread) })
    }
}

impl Drop for Shredder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; whom it did not come to is found again by the next start.
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(&mut self, waiting: &Receiver<Job>) {
        // Before, the tombstone or the end of the erasure may stand later in its topic.
        while self.watches.iter().any(|watch| watch.fresh_as_of().is_none()) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        loop {
            match waiting.recv_timeout(PAUSE) {
                Ok(job) => {
                    match job {
                        Job::Shred(subject) => self.until_done(subject),
                        Job::Look => self.look(),
                    }
                    // One that the end of the process cut short is not looked at any more.
                    self.erased.done.fetch_add(1, Ordering::AcqRel);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn until_done(&mut self, subject: SubjectDigest) {
        while !self.stop.load(Ordering::Relaxed) && self.erased.is_erased(&subject) {
            match self.shred(subject) {
                Ok(0) => return,
                Ok(keys) => {
                    tracing::info!(keys, "the keys of somebody erased are destroyed");
                    return;
                }
                Err(why) => tracing::error!("the keys of somebody erased are not destroyed yet: {why}"),
            }
            std::thread::sleep(PAUSE * 10);
        }
    }

    /// Reads the topic again, since rows in memory do not say by which hashes their people may be named.
    fn look(&mut self) {
        while self.erased.is_new_hash.swap(false, Ordering::AcqRel) && !self.stop.load(Ordering::Relaxed) {
            if let Err(why) = self.read_again() {
                tracing::error!("the keys of somebody erased by a hash are not looked for yet: {why}");
                self.erased.is_new_hash.store(true, Ordering::Release);
                std::thread::sleep(PAUSE * 10);
            }
        }
    }

    fn read_again(&self) -> Result<(), String> {
        let table = Box::new(Looking(self.erased.clone()));
        let topics = vec![Topic { name: self.topic.clone(), from: Vec::new(), table }];
        let watch = Watch::new(ACKNOWLEDGED);
        let follow = Follow::start(&self.settings, &Properties::default(), "rows of subject keys", topics, watch)?;
        loop {
            match follow.watch().standing(Instant::now()) {
                Standing::Fresh | Standing::Stale(_) => return Ok(()),
                Standing::Failed(why) => return Err(why),
                Standing::Loading if self.stop.load(Ordering::Relaxed) => return Ok(()),
                Standing::Loading => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Writes a tombstone for each row, and says how many there were.
    fn shred(&mut self, subject: SubjectDigest) -> Result<usize, String> {
        let rows = self.table.rows_of(&subject);
        if rows.is_empty() {
            return Ok(0);
        }
        let appender = match &mut self.appender {
            Some(appender) => appender,
            None => self.appender.insert(Appender::new(&self.settings, &Properties::default(), "shredder")?),
        };
        let mut key = Vec::new();
        for row in &rows {
            key.clear();
            row.write(&mut key);
            appender.append(&self.topic, None, &key, None, Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        Ok(rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Position;
    use crate::keys::KeySet;
    use crate::keys::subject::{DataKeys, Sealing};
    use crate::ledger::{Change, Feed, Ledger};

    #[test]
    fn a_row_of_somebody_erased_that_lands_late_is_shredded_too_and_nobody_elses() {
        let (erased, waiting) = Erased::nobody();
        let (ann, bob) = (SubjectDigest([1; 16]), SubjectDigest([2; 16]));
        erased.stored(ann, b"");
        assert!(waiting.try_recv().is_err(), "nobody is erased");
        erased.add(ErasedAs::Identity(ann));
        assert_eq!(waiting.try_recv(), Ok(Job::Shred(ann)));
        erased.stored(ann, b"");
        erased.stored(bob, b"");
        assert_eq!((waiting.try_recv(), waiting.try_recv().is_err()), (Ok(Job::Shred(ann)), true));
        erased.lift(ErasedAs::Identity(ann));
        erased.stored(ann, b"");
        assert!(waiting.try_recv().is_err(), "who is not erased any more has keys again");
    }

    /// The value of the row that an identity's first encrypted field makes, and whose it is.
    fn row(keys: &KeySet, kind: &str, value: &str) -> (SubjectDigest, Vec<u8>) {
        let subject_keys = Arc::new(keys.subject_keys());
        let mut sealing = Sealing::new(DataKeys::Kept { table: Arc::new(SubjectTable::new(10)), worker: 1 });
        sealing.begin_record(Some(&subject_keys), "web", Position::default());
        sealing.add_identity(kind, value);
        sealing.seal(&keys.encrypt_key("k", None, "c"), b"x", &mut Vec::new(), &mut Vec::new()).unwrap();
        let mut rows = Vec::new();
        let taken = sealing.take_rows(|key, value| -> Result<(), ()> {
            rows.push((RowKey::from_record_key(key).unwrap().subject, value.to_vec()));
            Ok(())
        });
        taken.unwrap();
        rows.remove(0)
    }

    /// The hashes are those of `printf ann@example.org | sha256sum` and so on; the ledger reads the keys.
    #[test]
    fn an_erasure_by_any_hash_finds_the_rows_of_whom_it_fits() {
        let keys = KeySet::demonstration();
        let ledger = Ledger::new(&keys);
        let (subject, value) = row(&keys, "email", " Ann@Example.org");
        let (stranger, other) = row(&keys, "email", "bob@example.org");
        for hash in [
            "sha256:email:438c4c7afe600cdf1e455c369bec76dc970fc8ca463447c7b387a347f3c79331",
            "sha1:email:a4414de3ce1f77d2615b90c3ba16219b38193ced",
            "md5:email:8b5a6a28fc840441be692d74a81ccd1a",
        ] {
            let change = Change {
                feed: Feed::Erasures,
                partition: 0,
                offset: 0,
                key: Some(hash.as_bytes()),
                value: Some(b"{}"),
                timestamp: None,
            };
            ledger.apply(&change);
            let (named, is_erased) = ledger.erasure(hash.as_bytes());
            assert!(is_erased && matches!(named, ErasedAs::Hash(_)), "{hash}");
            let (erased, waiting) = Erased::nobody();
            erased.add(named);
            assert_eq!(waiting.try_recv(), Ok(Job::Look));
            erased.stored(stranger, &other);
            erased.stored(subject, &value);
            assert_eq!((waiting.try_recv(), waiting.try_recv().is_err()), (Ok(Job::Shred(subject)), true), "{hash}");
            assert!(erased.is_erased(&subject) && !erased.is_erased(&stranger));
            erased.lift(named);
            assert!(!erased.is_erased(&subject));
        }
        let key = b"email:bob@example.org";
        ledger.apply(&Change {
            feed: Feed::Erasures,
            partition: 0,
            offset: 0,
            key: Some(key),
            value: Some(b"{}"),
            timestamp: None,
        });
        assert_eq!(
            ledger.erasure(key),
            (ErasedAs::Identity(stranger), true),
            "the ledger and the rows know people by one digest"
        );
    }
}
