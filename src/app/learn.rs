//! Writes what was learned from events to the ledger's topic, on a thread of its own and without transactions: an open one would
//! hide withdrawals.

use crate::config::Properties;
use crate::kafka::Settings;
use crate::kafka::append::Appender;
use crate::ledger::learned::key;
use crate::ledger::record::Stated;
use crate::ledger::{ConsentRecord, Ledger};
use crate::pipeline::{Learner, Told};
use crate::telemetry::ConsentMeters;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long records may take to be acknowledged before they are written again.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

/// Between two looks at whether the process ends, and two attempts.
const LOOK: Duration = Duration::from_millis(100);
const PAUSE: Duration = Duration::from_secs(1);

/// Events whose lessons are written at once.
const AT_ONCE: usize = 512;

/// What was written is kept beside what was applied for so long: it is applied within a fraction of it.
const KEPT: Duration = Duration::from_secs(30);

/// Writes lessons for as long as it is held.
pub(super) struct Learning {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Work {
    settings: Settings,
    properties: Properties,
    topic: String,
    ledger: Arc<Ledger>,
    meters: Arc<ConsentMeters>,
    /// Made when it is needed first: mostly nothing is learned.
    appender: Option<Appender>,
    /// The last records by key. What is not applied yet must not be lost by a record that replaces it.
    written: HashMap<Vec<u8>, (Instant, ConsentRecord<'static>)>,
    stop: Arc<AtomicBool>,
}

impl Learning {
    /// Begins; what workers tell the learner goes to that topic.
    pub(super) fn start(
        settings: &Settings,
        properties: &Properties,
        topic: &str,
        ledger: Arc<Ledger>,
        meters: Arc<ConsentMeters>,
    ) -> std::io::Result<(Learner, Learning)> {
        let (learner, waiting) = Learner::new();
        let stop = Arc::new(AtomicBool::new(false));
        let (settings, properties, topic) = (settings.clone(), properties.clone(), topic.to_owned());
        let mut work =
            Work { settings, properties, topic, ledger, meters, appender: None, written: HashMap::new(), stop: stop.clone() };
        let thread = std::thread::Builder::new().name("privet-learning".to_owned()).spawn(move || work.run(&waiting))?;
        Ok((learner, Learning { stop, thread: Some(thread) }))
    }
}

impl Drop for Learning {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; an event whose lesson was not written was not committed either.
            let _ = thread.join();
        }
    }
}

impl Work {
    fn run(&mut self, waiting: &Receiver<Told>) {
        loop {
            let first = match waiting.recv_timeout(LOOK) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::Relaxed) => continue,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            };
            let told: Vec<Told> = [first].into_iter().chain(waiting.try_iter().take(AT_ONCE)).collect();
            self.write(&told);
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            told.into_iter().for_each(Told::done);
        }
    }

    /// Writes what is news until it is acknowledged, or the process ends.
    fn write(&mut self, told: &[Told]) {
        self.written.retain(|_, (at, _)| at.elapsed() < KEPT);
        let (mut records, mut states) = (Vec::new(), Vec::new());
        for Told { kind, value, lessons, .. } in told {
            let key = key(kind, value);
            let before = self.written.get(&key).map(|(_, record)| record);
            let Some(record) = self.ledger.learn((kind, value), before, lessons) else { continue };
            records.push((key.clone(), record.to_protobuf()));
            states.extend(lessons.iter().map(|lesson| lesson.state));
            self.written.insert(key, (Instant::now(), record));
        }
        while !records.is_empty() && !self.stop.load(Ordering::Relaxed) {
            match self.append(&records) {
                Ok(()) => break,
                Err(why) => tracing::error!("what events say is not in the ledger's topic yet: {why}"),
            }
            std::thread::sleep(PAUSE);
        }
        states.iter().for_each(|state: &Stated| self.meters.learned(*state == Stated::Granted));
    }

    fn append(&mut self, records: &[(Vec<u8>, Vec<u8>)]) -> Result<(), String> {
        let appender = match &mut self.appender {
            Some(appender) => appender,
            None => self.appender.insert(Appender::new(&self.settings, &self.properties, "learning")?),
        };
        for (key, value) in records {
            appender.append(&self.topic, None, key, Some(value), Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)
    }
}
