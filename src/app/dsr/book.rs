//! Every request that is known, in memory: fed by the topic of requests and by what this process writes there.

use super::record::Record;
use crate::control::dsr::{Declined, RequestType, Stage};
use crate::kafka::Row;
use crate::kafka::follow::Table;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most requests kept, about a kilobyte each: years of them. Beyond it none is taken until old ones are deleted from the topic.
const MOST_REQUESTS: usize = 1_000_000;

/// The requests.
#[derive(Default)]
pub(super) struct Book(Mutex<HashMap<String, Entry>>);

/// One request, and what this process does about it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) record: Record,
    /// When this revision was seen here first.
    pub(super) since: Instant,
    /// Whether this process received it: others wait for it a while.
    pub(super) is_own: bool,
}

impl Book {
    /// Takes over what a record says, unless something later is known already.
    pub(super) fn put(&self, record: Record, is_own: bool) {
        let mut entries = self.entries();
        let known = entries.get(&record.id);
        if known.is_some_and(|known| known.record.revision > record.revision || known.record == record) {
            return;
        }
        let is_own = is_own || known.is_some_and(|known| known.is_own);
        entries.insert(record.id.clone(), Entry { record, since: Instant::now(), is_own });
    }

    pub(super) fn get(&self, id: &str) -> Option<Entry> {
        self.entries().get(id).cloned()
    }

    /// Whether one more may be taken.
    pub(super) fn has_room(&self) -> Result<(), Declined> {
        match self.entries().len() < MOST_REQUESTS {
            true => Ok(()),
            false => Err(Declined::Unavailable(format!("{MOST_REQUESTS} requests are kept, and there is no room for more"))),
        }
    }

    /// Whether another request that stands has this key erased.
    pub(super) fn names(&self, key: &str, other_than: &str) -> bool {
        let stands =
            |record: &&Record| record.kind == RequestType::Erasure && record.stage != Stage::Cancelled && record.id != other_than;
        let entries = self.entries();
        entries
            .values()
            .map(|entry| &entry.record)
            .filter(stands)
            .any(|record| record.subjects.iter().any(|subject| subject.key == key))
    }

    /// Those that are not done.
    pub(super) fn open(&self) -> Vec<Entry> {
        self.entries().values().filter(|entry| !entry.record.stage.is_final()).cloned().collect()
    }

    /// How many are not done, and how many of these are late.
    pub(super) fn counts(&self, now: Timestamp) -> (usize, usize) {
        let entries = self.entries();
        let open = entries.values().filter(|entry| !entry.record.stage.is_final());
        open.fold((0, 0), |(open, late), entry| (open + 1, late + usize::from(entry.record.is_overdue(now))))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Applies the topic's rows to the book.
pub(super) struct Pages(pub(super) Arc<Book>);

impl Table for Pages {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let key = std::str::from_utf8(row.key.unwrap_or_default()).unwrap_or_default();
        match row.value.map(Record::read) {
            None => drop(self.0.entries().remove(key)),
            Some(Some(record)) if record.id == key => self.0.put(record, false),
            Some(Some(_) | None) => {
                let Row { topic, partition, offset, .. } = *row;
                tracing::error!(topic, partition, offset, "a record of the topic of requests cannot be read, and is left out");
            }
        }
        Ok(())
    }
}

/// Whether a request may still be taken back.
pub(super) fn check_cancellable(record: &Record, now: Timestamp) -> Result<(), Declined> {
    match record.stage {
        // Once more does no harm, and does what was not acknowledged the first time.
        Stage::Pending | Stage::Cancelled if record.hold.is_some_and(|until| now < until) => Ok(()),
        Stage::Pending | Stage::InProgress => Err(Declined::Refused("it is being done, and cannot be taken back")),
        Stage::Completed => Err(Declined::Refused("it was completed, and cannot be taken back")),
        Stage::Cancelled => Err(Declined::Refused("it was cancelled already")),
    }
}
