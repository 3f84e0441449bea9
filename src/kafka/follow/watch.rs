//! What a follower knows about its own knowledge: whether it has read everything once, and as of when it is fresh.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where a follower stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not everything that was there at the start has been read yet.
    Loading,
    /// All that was acknowledged before a moment within the bound has been applied.
    Fresh,
    /// So long ago is the moment of which that can be said.
    Stale(Duration),
    /// It has stopped for good; why.
    Failed(String),
}

/// The state of one follower, written by its thread, read by everyone.
///
/// Freshness is a moment: everything acknowledged before it has been applied. It is proved by asking the brokers for the
/// ends of all partitions at that moment and reading up to them, never assumed because nothing comes.
pub struct Watch {
    born: Instant,
    max_staleness: Duration,
    /// Nanoseconds after `born`, plus 1; 0 before the first proof.
    fresh: AtomicU64,
    failed: AtomicBool,
    done: AtomicU64,
    total: AtomicU64,
    said: Mutex<Said>,
}

#[derive(Default)]
struct Said {
    failure: Option<String>,
    note: Option<String>,
}

impl Watch {
    /// The state of a follower that has read nothing; knowledge older than that bound is stale.
    pub fn new(max_staleness: Duration) -> Arc<Watch> {
        Arc::new(Watch {
            born: Instant::now(),
            max_staleness,
            fresh: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
            said: Mutex::default(),
        })
    }

    /// How it stands at that moment.
    pub fn standing(&self, now: Instant) -> Standing {
        if self.failed.load(Ordering::Acquire) {
            return Standing::Failed(self.said().failure.clone().unwrap_or_default());
        }
        match self.fresh_as_of() {
            None => Standing::Loading,
            Some(moment) => match now.saturating_duration_since(moment) {
                age if age > self.max_staleness => Standing::Stale(age),
                _ => Standing::Fresh,
            },
        }
    }

    /// Whether it is fresh at that moment; what a worker asks for each record.
    pub fn is_fresh(&self, now: Instant) -> bool {
        let proved = |moment| now.saturating_duration_since(moment) <= self.max_staleness;
        !self.failed.load(Ordering::Acquire) && self.fresh_as_of().is_some_and(proved)
    }

    /// Everything acknowledged before this moment has been applied; `None` while loading.
    pub fn fresh_as_of(&self) -> Option<Instant> {
        match self.fresh.load(Ordering::Acquire) {
            0 => None,
            nanos => Some(self.born + Duration::from_nanos(nanos - 1)),
        }
    }

    /// How old the last proof is; before the first, how long this has been tried.
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.fresh_as_of().unwrap_or(self.born))
    }

    /// Why nothing may be judged at that moment, in words; `None` where it may.
    pub fn reason(&self, now: Instant) -> Option<String> {
        let note = self.note().map(|note| format!(": {note}")).unwrap_or_default();
        match self.standing(now) {
            Standing::Fresh => None,
            Standing::Loading => {
                let (done, total) = self.progress();
                Some(format!("being read, {done} of {total} offsets{note}"))
            }
            Standing::Stale(age) => Some(format!("not proved fresh for {:.1} s{note}", age.as_secs_f64())),
            Standing::Failed(why) => Some(why),
        }
    }

    /// How old knowledge may become.
    pub fn max_staleness(&self) -> Duration {
        self.max_staleness
    }

    /// Offsets read and offsets to be read while loading.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    /// What keeps it from being fresh, as far as the follower knows.
    pub fn note(&self) -> Option<String> {
        self.said().note.clone()
    }

    /// Proves that all that was acknowledged before `moment` has been applied; for followers, and for tests that play one.
    pub fn proved(&self, moment: Instant) {
        let nanos = u64::try_from(moment.saturating_duration_since(self.born).as_nanos()).unwrap_or(u64::MAX - 1);
        self.fresh.fetch_max(nanos + 1, Ordering::Release);
    }

    /// It cannot go on: knowledge is not fresh any more, and will not be again.
    pub fn fail(&self, why: impl Into<String>) {
        self.said().failure.get_or_insert(why.into());
        self.failed.store(true, Ordering::Release);
    }

    pub(super) fn reading(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Notes what holds it up, or that nothing does; whether that is news.
    pub(super) fn set_note(&self, note: Option<String>) -> bool {
        let mut said = self.said();
        let news = said.note != note;
        said.note = note;
        news
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knowledge_ages_and_does_not_grow_younger_by_a_late_proof() {
        let watch = Watch::new(Duration::from_secs(2));
        let born = Instant::now();
        let at = |millis| born + Duration::from_millis(millis);
        assert_eq!(watch.standing(at(0)), Standing::Loading);
        assert!(!watch.is_fresh(at(0)), "not ready is not fresh");
        watch.proved(at(1_000));
        assert_eq!(watch.standing(at(3_000)), Standing::Fresh);
        assert!(matches!(watch.standing(at(3_001)), Standing::Stale(age) if age > Duration::from_secs(2)));
        watch.proved(at(500));
        assert!(watch.is_fresh(at(3_000)), "an older proof takes nothing back");
        watch.fail("the topic was made anew");
        assert!(!watch.is_fresh(at(1_000)));
        assert_eq!(watch.standing(at(1_000)), Standing::Failed("the topic was made anew".to_owned()));
        watch.proved(at(9_000));
        assert!(!watch.is_fresh(at(9_000)), "what has failed stays failed");
    }
}
