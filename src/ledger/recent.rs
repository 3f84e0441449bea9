//! Whom something was taken away from lately: how a batch that is open learns that a withdrawal concerns it.

use super::Digest;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many are remembered; a batch that was open while more landed is judged again whomever they were about. At a
/// thousand withdrawals a second it is a minute.
const REMEMBERED: usize = 1 << 16;

/// The last digests that something was taken away from, in the order in which it happened.
pub(super) struct Recent {
    /// How many there were. Read without the lock: most batches end without any.
    count: AtomicU64,
    ring: Mutex<Vec<Digest>>,
}

impl Recent {
    pub(super) fn new() -> Recent {
        Recent { count: AtomicU64::new(0), ring: Mutex::new(Vec::new()) }
    }

    /// Adds the digests of one change. The table holds the change already: who reads the count and then the table sees it.
    pub(super) fn push(&self, digests: impl IntoIterator<Item = Digest>) {
        let mut ring = self.ring.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut count = self.count.load(Ordering::Relaxed);
        for digest in digests {
            let place = (count % REMEMBERED as u64) as usize;
            if place < ring.len() {
                ring[place] = digest;
            } else {
                ring.push(digest);
            }
            count += 1;
        }
        self.count.store(count, Ordering::Release);
    }

    /// How many there were so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Whether one since the count was `since` is among those that `concerns` knows. Also true where it cannot be said.
    pub(super) fn any_since(&self, since: u64, mut concerns: impl FnMut(Digest) -> bool) -> bool {
        let count = self.count();
        if count == since {
            return false;
        }
        let ring = self.ring.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let count = self.count.load(Ordering::Relaxed);
        if since > count || count - since > REMEMBERED as u64 {
            return true;
        }
        (since..count).any(|number| {
            let digest = ring[(number % REMEMBERED as u64) as usize];
            digest == Digest::EVERYONE || concerns(digest)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_since_and_concerns_counts() {
        let recent = Recent::new();
        recent.push([Digest(1), Digest(2)]);
        let since = recent.count();
        assert!(!recent.any_since(since, |_| true));
        recent.push([Digest(3)]);
        assert!(recent.any_since(since, |digest| digest == Digest(3)));
        assert!(!recent.any_since(since, |digest| digest == Digest(2)), "before");
        assert!(recent.any_since(0, |digest| digest == Digest(2)));
        recent.push([Digest::EVERYONE]);
        assert!(recent.any_since(since, |_| false), "it concerns everyone");
    }

    #[test]
    fn what_was_forgotten_concerns_everyone() {
        let recent = Recent::new();
        recent.push([Digest(1)]);
        let since = recent.count();
        recent.push((0..REMEMBERED as u128).map(|number| Digest(10 + number)));
        assert!(!recent.any_since(since, |_| false), "all of them are there");
        assert!(recent.any_since(since, |digest| digest == Digest(10)));
        recent.push([Digest(9)]);
        assert!(recent.any_since(since, |_| false), "one is not");
        assert!(recent.any_since(recent.count() + 1, |_| false), "a count of another ledger");
    }
}
