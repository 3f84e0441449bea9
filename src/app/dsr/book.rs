//! Every request that is known, in memory: fed by the topic of requests and by what this process writes there.

use super::record::Record;
use crate::control::dsr::{Declined, RequestType, Stage};
use crate::kafka::Row;
use crate::kafka::follow::Table;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most requests kept, about a kilobyte each. Beyond it none is taken until old ones are deleted from the topic.
const MOST_REQUESTS: usize = 200_000;

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
        let is_own = is_own || entries.get(&record.id).is_some_and(|known| known.is_own);
        if let Some(known) = entries.get_mut(&record.id)
            && (known.record.revision > record.revision || known.record == record)
        {
            // What was written here may have been read from the topic before this is heard of.
            known.is_own = is_own;
            return;
        }
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

    /// Those of which somebody wants to be told what they do not know yet.
    pub(super) fn untold(&self) -> Vec<Entry> {
        let is_untold = |record: &Record| record.callbacks.iter().any(|callback| callback.told != record.stage);
        self.entries().values().filter(|entry| is_untold(&entry.record)).cloned().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn record(id: &str, key: &str, hold: Option<&str>) -> Record {
        Record {
            id: id.to_owned(),
            kind: RequestType::Erasure,
            regulation: None,
            revision: 1,
            stage: Stage::Pending,
            submitted: at("2026-11-20T00:00:00Z"),
            received: at("2026-11-22T10:00:00Z"),
            expected: at("2026-11-23T10:00:00Z"),
            hold: hold.map(at),
            ended: None,
            content: String::new(),
            subjects: vec![crate::app::Subject { kind: "user_id".to_owned(), key: key.to_owned(), prior: false }],
            notices: Vec::new(),
            callbacks: Vec::new(),
        }
    }

    #[test]
    fn an_older_revision_changes_nothing_whatever_comes_first() {
        let book = Book::default();
        let first = record("a", "digest:1", None);
        let second = first.in_stage(Stage::InProgress, at("2026-11-22T10:00:01Z"));
        let third = second.in_stage(Stage::Completed, at("2026-11-22T10:00:02Z"));
        // Read from the topic before the writer hears of it: it is its own all the same.
        book.put(first.clone(), false);
        book.put(first.clone(), true);
        assert!(book.get("a").unwrap().is_own);
        book.put(third.clone(), false);
        book.put(second.clone(), false);
        let entry = book.get("a").unwrap();
        assert!(entry.is_own && entry.record == third);
        assert_eq!(entry.record.ended, Some(at("2026-11-22T10:00:02Z")));
        assert!(book.open().is_empty());
        assert!(Record::read(&third.to_json()).unwrap() == third);
    }

    #[test]
    fn what_is_late_is_counted() {
        let book = Book::default();
        book.put(record("a", "digest:1", None), true);
        book.put(record("b", "digest:2", None).in_stage(Stage::Completed, at("2026-11-22T10:00:02Z")), true);
        assert_eq!(book.counts(at("2026-11-23T10:00:00Z")), (1, 0));
        assert_eq!(book.counts(at("2026-11-23T10:00:01Z")), (1, 1));
    }

    #[test]
    fn whoever_wants_to_be_told_stands_there_until_they_know_the_end() {
        use crate::app::dsr::record::Callback;
        let now = at("2026-11-22T10:00:01Z");
        let book = Book::default();
        let callbacks = ["https://a", "https://b"].map(|url| Callback { url: url.to_owned(), told: Stage::Pending });
        let first = Record { callbacks: callbacks.to_vec(), ..record("a", "digest:1", None) };
        book.put(first.clone(), true);
        assert!(book.untold().is_empty(), "the answer said so");
        let second = first.in_stage(Stage::InProgress, now);
        book.put(second.clone(), true);
        assert_eq!(book.untold().len(), 1);
        let one = second.told("https://a", Some(Stage::InProgress)).unwrap();
        assert!(one.revision == 3 && one.told("https://c", Some(Stage::InProgress)).is_none());
        // Of the other nothing was heard, and they are told the end only.
        let last = one.in_stage(Stage::Completed, now);
        book.put(last.clone(), true);
        let nearly = last.told("https://b", Some(Stage::Completed)).unwrap();
        assert_eq!(nearly.callbacks.iter().map(|callback| callback.url.as_str()).collect::<Vec<_>>(), ["https://a"]);
        let done = nearly.told("https://a", None).unwrap();
        book.put(done.clone(), true);
        assert!(book.untold().is_empty() && done.callbacks.is_empty());
        assert!(Record::read(&nearly.to_json()).unwrap() == nearly);
    }

    #[test]
    fn only_what_is_held_can_be_taken_back_and_only_by_the_last_who_asked() {
        let (before, after) = (at("2026-11-22T11:59:59Z"), at("2026-11-22T12:00:00Z"));
        let held = record("a", "digest:1", Some("2026-11-22T12:00:00Z"));
        assert_eq!(check_cancellable(&held, before), Ok(()));
        assert!(check_cancellable(&held, after).is_err(), "it is about to be destroyed");
        assert!(check_cancellable(&record("a", "digest:1", None), before).is_err());
        for stage in [Stage::InProgress, Stage::Completed] {
            assert!(check_cancellable(&held.in_stage(stage, before), before).is_err());
        }
        let cancelled = held.in_stage(Stage::Cancelled, before);
        assert_eq!(check_cancellable(&cancelled, before), Ok(()), "again");

        let book = Book::default();
        book.put(held, true);
        assert!(!book.names("digest:1", "a") && book.names("digest:1", "b") && !book.names("digest:2", "b"));
        book.put(cancelled, true);
        assert!(!book.names("digest:1", "b"));
    }
}
