//! Whom the batches that are on their way to the brokers release something about: whether a withdrawal that lands meanwhile
//! concerns what can no longer be called back.

use super::Digest;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// For each worker whom its batch that is being committed is about.
pub struct Departing {
    workers: Box<[Mutex<Subjects>]>,
}

/// The digests that were looked up for what is released.
#[derive(Default)]
struct Subjects {
    digests: Vec<Digest>,
    is_sorted: bool,
    is_known: bool,
}

impl Departing {
    /// Nothing is known of anybody's batch yet.
    pub fn new(workers: usize) -> Departing {
        Departing { workers: (0..workers).map(|_| Mutex::default()).collect() }
    }

    /// A batch of that worker may be about to leave: until it is said whom it is about, it is about everyone.
    pub fn begin(&self, worker: usize) {
        self.of(worker).is_known = false;
    }

    /// The batch is about these; they are taken, and other memory is left in their place.
    pub fn about(&self, worker: usize, digests: &mut Vec<Digest>) {
        let mut subjects = self.of(worker);
        std::mem::swap(&mut subjects.digests, digests);
        digests.clear();
        (subjects.is_sorted, subjects.is_known) = (false, true);
    }

    /// Whether the batch of that worker releases something about this digest.
    pub fn concerns(&self, worker: usize, digest: Digest) -> bool {
        let subjects = &mut *self.of(worker);
        if !subjects.is_sorted {
            // Most batches are never asked about.
            subjects.digests.sort_unstable();
            subjects.is_sorted = true;
        }
        !subjects.is_known || subjects.digests.binary_search(&digest).is_ok()
    }

    fn of(&self, worker: usize) -> MutexGuard<'_, Subjects> {
        self.workers[worker].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_about_everyone_until_it_is_said_whom() {
        let departing = Departing::new(2);
        assert!(departing.concerns(1, Digest(7)));
        let mut digests = vec![Digest(9), Digest(7), Digest(8)];
        departing.about(1, &mut digests);
        assert!(digests.is_empty());
        assert!(departing.concerns(1, Digest(7)) && !departing.concerns(1, Digest(6)));
        assert!(departing.concerns(0, Digest(6)), "another worker");
        departing.begin(1);
        assert!(departing.concerns(1, Digest(6)));
        departing.about(1, &mut vec![Digest(5)]);
        assert!(departing.concerns(1, Digest(5)) && !departing.concerns(1, Digest(7)));
    }
}
