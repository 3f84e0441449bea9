//! Calls controllers when the status of their requests has changed, on a thread of its own: nothing waits for them. What a controller
//! knows stands in the request's record, so that after a restart, or where an instance is gone, another one tells it the rest.

use super::book::Entry;
use super::record::Callback;
use super::registrar::Registrar;
use super::work::is_left_alone;
use crate::control::dsr::{Address, CallError, Caller, Office, Stage};
use crate::telemetry::CallbackResult;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at what is to be told.
const PAUSE: Duration = Duration::from_millis(200);

/// After a call in vain its host is left alone for so long, and then for twice as long each time.
const FIRST_REST: Duration = Duration::from_secs(2);

/// A host that is back is called within it.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// Who could not be told for so long can ask for the status.
const GIVE_UP: Duration = Duration::from_secs(86_400);

/// A host that could not be told.
struct Rest {
    until: Instant,
    last: Duration,
}

/// What the thread works with.
pub(super) struct Callbacks {
    registrar: Arc<Registrar>,
    office: Arc<Office>,
    caller: Arc<Caller>,
    stop: Arc<AtomicBool>,
    /// By host: they are as few as the configuration names.
    resting: HashMap<String, Rest>,
}

impl Callbacks {
    pub(super) fn new(registrar: Arc<Registrar>, office: Arc<Office>, caller: Arc<Caller>, stop: Arc<AtomicBool>) -> Callbacks {
        Callbacks { registrar, office, caller, stop, resting: HashMap::new() }
    }

    pub(super) fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            // Before everything was read, what is known may have been told already.
            if self.registrar.watch.fresh_as_of().is_some() {
                let mine = |entry: &Entry| entry.is_own || is_left_alone(entry, Timestamp::now());
                for entry in self.registrar.book.untold().into_iter().filter(mine) {
                    entry.record.callbacks.iter().for_each(|callback| self.tell(&entry, callback));
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Tells one controller of one request, if it is time for that.
    fn tell(&mut self, entry: &Entry, Callback { url, told }: &Callback) {
        let (id, stage) = (&entry.record.id, entry.record.stage);
        if *told == stage || self.stop.load(Ordering::Relaxed) {
            return;
        }
        let address = Address::parse(url);
        let host = address.as_ref().map_or("", Address::host).to_owned();
        if self.resting.get(&host).is_some_and(|rest| Instant::now() < rest.until) {
            return;
        }
        let called = match (&address, self.office.callback(url, id, &entry.record.account())) {
            (Some(address), Some(answer)) => {
                let signature = answer.signature.as_deref().unwrap_or_default();
                self.caller.call(address, self.office.signer.domain(), signature, &answer.body)
            }
            (None, _) => Err(CallError::Forbidden),
            // Why it cannot be signed is in the log already.
            (Some(_), None) => return,
        };
        let noted = match called {
            Ok(()) => {
                self.resting.remove(&host);
                self.office.meters.called(CallbackResult::Delivered);
                self.registrar.note_told(id, url, Some(stage))
            }
            Err(why) => self.not_told(entry, url, host, why),
        };
        if let Err(why) = noted {
            // It is told once more then, which does no harm.
            tracing::warn!(request = id, "what a controller was told is not written down: {why}");
        }
    }

    fn not_told(&mut self, entry: &Entry, url: &str, host: String, why: CallError) -> Result<(), String> {
        let id = &entry.record.id;
        self.office.meters.called(CallbackResult::Failed);
        let last = self.resting.get(&host).map_or(FIRST_REST, |rest| (rest.last * 2).min(LONGEST_REST));
        self.resting.insert(host.clone(), Rest { until: Instant::now() + last, last });
        // Whom nobody may call any more is not waited for.
        if why == CallError::Forbidden || entry.since.elapsed() > GIVE_UP {
            self.office.meters.called(CallbackResult::Abandoned);
            tracing::error!(
                request = id,
                host,
                "a controller was not told of its request's status, and is not called any more: {why}"
            );
            return self.registrar.note_told(id, url, None::<Stage>);
        }
        tracing::warn!(request = id, host, "a controller was not told of its request's status yet: {why}");
        Ok(())
    }
}
