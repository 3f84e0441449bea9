//! Shredding: who is erased loses their data keys. The tombstones are written by every instance that reads the erasure;
//! that one may have written them before does no harm.

use crate::config::Properties;
use crate::event::SubjectDigest;
use crate::kafka::Settings;
use crate::kafka::append::Appender;
use crate::kafka::follow::Watch;
use crate::keys::subject::SubjectTable;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
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
    subjects: Mutex<HashSet<SubjectDigest>>,
    queue: Sender<SubjectDigest>,
}

impl Erased {
    /// Nobody yet; and what a [`Shredder`] works off.
    pub(super) fn nobody() -> (Arc<Erased>, Receiver<SubjectDigest>) {
        let (queue, waiting) = channel();
        (Arc::new(Erased { subjects: Mutex::default(), queue }), waiting)
    }

    /// This identity is erased.
    pub(super) fn add(&self, subject: SubjectDigest) {
        self.subjects().insert(subject);
        self.shred(subject);
    }

    /// It is not, any more: keys made from now on stay. What was destroyed stays destroyed.
    pub(super) fn lift(&self, subject: SubjectDigest) {
        self.subjects().remove(&subject);
    }

    /// A row was stored: should it be of somebody erased, a batch that was under way has brought it, and it goes too.
    pub(super) fn stored(&self, subject: SubjectDigest) {
        if self.subjects().contains(&subject) {
            self.shred(subject);
        }
    }

    fn shred(&self, subject: SubjectDigest) {
        // Without a shredder, as where erasures are not followed, nobody is ever erased.
        let _ = self.queue.send(subject);
    }

    fn subjects(&self) -> MutexGuard<'_, HashSet<SubjectDigest>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
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
        waiting: Receiver<SubjectDigest>,
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
    fn run(&mut self, waiting: &Receiver<SubjectDigest>) {
        // Before, the tombstone or the end of the erasure may stand later in its topic.
        while self.watches.iter().any(|watch| watch.fresh_as_of().is_none()) {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        loop {
            match waiting.recv_timeout(PAUSE) {
                Ok(subject) => self.until_done(subject),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn until_done(&mut self, subject: SubjectDigest) {
        while !self.stop.load(Ordering::Relaxed) && self.erased.subjects().contains(&subject) {
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
            appender.append(&self.topic, &key, None, Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        Ok(rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_somebody_erased_that_lands_late_is_shredded_too_and_nobody_elses() {
        let (erased, waiting) = Erased::nobody();
        let (ann, bob) = (SubjectDigest([1; 16]), SubjectDigest([2; 16]));
        erased.stored(ann);
        assert!(waiting.try_recv().is_err(), "nobody is erased");
        erased.add(ann);
        assert_eq!(waiting.try_recv(), Ok(ann));
        erased.stored(ann);
        erased.stored(bob);
        assert_eq!((waiting.try_recv(), waiting.try_recv().is_err()), (Ok(ann), true));
        erased.lift(ann);
        erased.stored(ann);
        assert!(waiting.try_recv().is_err(), "who is not erased any more has keys again");
    }
}
