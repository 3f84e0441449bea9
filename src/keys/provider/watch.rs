//! How long keys may be used that a provider has given: until it has not answered for `max_age`.

use super::super::{KeyError, KeyFile, KeySet};
use super::{Clear, Provider};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A provider, and when it last gave what it was asked for. Workers ask [`Keyring::usable`] for each record; everything else
/// is for the control plane.
#[derive(Debug)]
pub struct Keyring {
    provider: Box<dyn Provider>,
    max_age: Option<Duration>,
    clock: Instant,
    /// Milliseconds of `clock` up to which keys may be used.
    until: AtomicU64,
    /// When the provider last answered, and why it has not since.
    last: Mutex<(Instant, Option<String>)>,
    /// The file that runs, where its roots are wrapped, and so no secret.
    runs: Mutex<Option<Arc<KeyFile>>>,
}

/// How it stands with the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The provider answers, or has nothing to answer.
    Fresh,
    /// It does not, and what it gave before is still used.
    Cached {
        /// Why it does not answer.
        why: String,
        /// How long they are used yet.
        left: Duration,
    },
    /// It does not, and what it gave is too old to be used.
    Expired {
        /// Why it does not answer.
        why: String,
    },
}

impl Keyring {
    /// The key file with roots in the clear: nobody has to be asked, and keys do not age.
    pub fn in_the_clear() -> Keyring {
        Keyring::new(Box::new(Clear), None)
    }

    /// Keys of a provider, each use of which is at most `max_age` after its last answer.
    pub fn new(provider: Box<dyn Provider>, max_age: Option<Duration>) -> Keyring {
        let max_age = max_age.filter(|_| provider.wraps());
        let until = AtomicU64::new(if max_age.is_some() { 0 } else { u64::MAX });
        let now = Instant::now();
        Keyring { provider, max_age, clock: now, until, last: Mutex::new((now, None)), runs: Mutex::default() }
    }

    /// Who keeps the roots.
    pub fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// The longest time that keys are used without an answer; `None` where they do not age.
    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    /// Opens a key file, and notes whether the provider answered.
    pub fn open(&self, file: &KeyFile) -> Result<KeySet, KeyError> {
        // What was asked before the moment of asking proves nothing about later.
        let asked = Instant::now();
        let opened = file.open(self.provider());
        match &opened {
            Ok(_) => self.proved(asked),
            // A file that is no key file of this provider says nothing about the provider.
            Err(fault) if fault.passes() => self.failed(fault.to_string()),
            Err(_) => {}
        }
        opened
    }

    /// From now on that file runs.
    pub fn adopt(&self, file: KeyFile) {
        let file = Some(file).filter(|file| file.wrapped_by().is_some()).map(Arc::new);
        *self.runs.lock().unwrap_or_else(PoisonError::into_inner) = file;
    }

    /// Asks for the keys of the file that runs once more, for the proof alone: whatever keeps it from being opened is noted.
    pub fn refresh(&self) -> Result<(), KeyError> {
        let Some(file) = self.runs.lock().unwrap_or_else(PoisonError::into_inner).clone() else { return Ok(()) };
        self.open(&file).map(drop).inspect_err(|fault| self.failed(fault.to_string()))
    }

    /// Whether keys may be used at that moment. Free of locks.
    pub fn usable(&self, now: Instant) -> bool {
        let until = self.until.load(Ordering::Acquire);
        until == u64::MAX || millis(now.saturating_duration_since(self.clock)) < until
    }

    /// How long ago the provider last answered; zero where it has nothing to answer.
    pub fn age(&self, now: Instant) -> Duration {
        let (at, _) = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if self.max_age.is_some() { now.saturating_duration_since(at) } else { Duration::ZERO }
    }

    /// How it stands.
    pub fn standing(&self, now: Instant) -> Standing {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, why) = &*last;
        let left = self.max_age.map_or(Duration::MAX, |most| most.saturating_sub(now.saturating_duration_since(*at)));
        let why = || why.clone().unwrap_or_else(|| "it was not asked in time".to_owned());
        match &last.1 {
            _ if !self.usable(now) => Standing::Expired { why: why() },
            None => Standing::Fresh,
            Some(_) => Standing::Cached { why: why(), left },
        }
    }

    fn proved(&self, asked: Instant) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Two may ask at a time; the later question counts.
        if last.0 <= asked {
            *last = (asked, None);
            if let Some(max_age) = self.max_age {
                self.until.store(millis(asked.saturating_duration_since(self.clock) + max_age), Ordering::Release);
            }
        }
    }

    fn failed(&self, why: String) {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(why);
    }
}

fn millis(time: Duration) -> u64 {
    // Below the value that stands for "always".
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(u64::MAX - 1)
}
