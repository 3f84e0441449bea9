//! Subject keys as the proxy runs them: the topic is read whole before the first event, then followed; new keys go there
//! with the records of their first use.

use super::shred::{Erased, Job, Shredder};
use crate::config::{self, Config, Properties};
use crate::control::Status;
use crate::kafka::Row;
use crate::kafka::Settings;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::keys::subject::{Applied, DataKeys, RowSet, SubjectTable};
use crate::telemetry::Telemetry;
use anyhow::{anyhow, bail};
use metrics::Gauge;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Nothing depends on how fresh the keys are: whoever's key was made elsewhere meanwhile gets a second one. The bound is
/// for those who look at the process.
const MAX_STALENESS: Duration = Duration::from_secs(10);
/// Between two looks at a topic that is being read.
const LOOK: Duration = Duration::from_millis(20);
/// Between two reports on it.
const REPORT: Duration = Duration::from_secs(5);

/// The table of subject keys and who feeds it.
pub(super) struct SubjectKeys {
    table: Arc<SubjectTable>,
    topic: String,
    follow: Follow,
    erased: Arc<Erased>,
    /// Whose keys are to be destroyed, until somebody takes that on.
    waiting: Mutex<Option<Receiver<Job>>>,
}

impl SubjectKeys {
    /// Begins to read the topic.
    pub(super) fn start(settings: &Settings, config: &Config, telemetry: &Telemetry) -> anyhow::Result<SubjectKeys> {
        let config::SubjectKeys { topic, rows } = config.subject_keys.clone().unwrap_or_default();
        let table = Arc::new(SubjectTable::new(rows));
        let (erased, waiting) = Erased::nobody();
        let feed = Feed { table: table.clone(), erased: erased.clone(), held: telemetry.subject_keys(rows), undecodable: 0 };
        let topics = vec![Topic { name: topic.clone(), from: Vec::new(), table: Box::new(feed) }];
        let watch = Watch::new(MAX_STALENESS);
        let follow =
            Follow::start(settings, &Properties::default(), "subject keys", topics, watch).map_err(|why| anyhow!(why))?;
        Ok(SubjectKeys { table, topic, follow, erased, waiting: Mutex::new(Some(waiting)) })
    }

    /// Lets the process be unready while they are read, and once they cannot be followed any more.
    pub(super) fn tell(&self, status: &Status) {
        let watch = self.follow.watch().clone();
        status.needs(move || match watch.standing(Instant::now()) {
            Standing::Loading | Standing::Failed(_) => watch.reason(Instant::now()).map(|why| format!("subject keys: {why}")),
            Standing::Fresh | Standing::Stale(_) => None,
        });
    }

    /// The topic, for those who check that what is written can be written.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Where a worker takes data keys from.
    pub(super) fn for_worker(&self, index: usize) -> DataKeys {
        match u16::try_from(index + 1) {
            Ok(worker) if worker < u16::MAX => DataKeys::Kept { table: self.table.clone(), worker },
            // The configuration allows far fewer workers.
            Ok(_) | Err(_) => DataKeys::Nowhere,
        }
    }

    /// Whom the follower of erasures tells who is erased, and what destroys their keys, for as long as it is held. `erasures` says
    /// how far they were read.
    pub(super) fn shredder(&self, settings: &Settings, erasures: Arc<Watch>) -> std::io::Result<Option<(Arc<Erased>, Shredder)>> {
        let Some(waiting) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(None) };
        let watches = [erasures, self.follow.watch().clone()];
        let shredder = Shredder::start(settings, &self.topic, (self.table.clone(), self.erased.clone()), watches, waiting)?;
        Ok(Some((self.erased.clone(), shredder)))
    }

    /// Why keys can no longer be relied on, if so: the process cannot go on.
    pub(super) fn failure(&self) -> Option<String> {
        match self.follow.watch().standing(Instant::now()) {
            Standing::Failed(why) => Some(why),
            Standing::Loading | Standing::Fresh | Standing::Stale(_) => None,
        }
    }

    /// Waits until everything that is in the topic has been read.
    pub(super) fn await_whole(&self) -> anyhow::Result<()> {
        await_whole(self.follow.watch(), &self.topic)?;
        let (rows, capacity) = (self.table.len(), self.table.capacity());
        tracing::info!(rows, capacity, at_most_mib = SubjectTable::bytes_for(capacity) >> 20, "subject keys are there");
        Ok(())
    }
}

/// Every row that is left in the topic that a configuration names, for those who read values back.
pub fn subject_key_rows(config: &Config) -> anyhow::Result<RowSet> {
    let topic = config.subject_keys.clone().unwrap_or_default().topic;
    let rows = Arc::new(Mutex::new(RowSet::default()));
    let topics = vec![Topic { name: topic.clone(), from: Vec::new(), table: Box::new(Reading(rows.clone())) }];
    let watch = Watch::new(MAX_STALENESS);
    let (settings, properties) = (Settings::new(config)?, Properties::default());
    let follow = Follow::start(&settings, &properties, "subject keys", topics, watch).map_err(|why| anyhow!(why))?;
    await_whole(follow.watch(), &topic)?;
    drop(follow);
    let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(std::mem::take(&mut *rows))
}

/// Gathers rows to read values back with.
struct Reading(Arc<Mutex<RowSet>>);

impl Table for Reading {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        // What cannot be read back is said value by value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(row.key.unwrap_or_default(), row.value);
        Ok(())
    }
}

fn await_whole(watch: &Watch, topic: &str) -> anyhow::Result<()> {
    let mut reported = Instant::now();
    loop {
        match watch.standing(Instant::now()) {
            Standing::Fresh | Standing::Stale(_) => break,
            Standing::Failed(why) => bail!("reading the subject keys of topic `{}`: {why}", topic),
            Standing::Loading => {}
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            let (done, total) = watch.progress();
            tracing::info!(done, total, note = watch.note(), "reading subject keys");
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Applies the topic's rows to the table.
struct Feed {
    table: Arc<SubjectTable>,
    erased: Arc<Erased>,
    held: Gauge,
    undecodable: u64,
}

impl Table for Feed {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        match self.table.apply(row.key.unwrap_or_default(), row.value) {
            Applied::Stored(subject) => self.erased.stored(subject, row.value.unwrap_or_default()),
            Applied::Destroyed(_) => {}
            Applied::Undecodable(fault) => {
                self.undecodable += 1;
                // The first says what is wrong; a topic full of them must not fill the log.
                if self.undecodable.is_power_of_two() {
                    let (partition, offset, so_far) = (row.partition, row.offset, self.undecodable);
                    tracing::warn!(partition, offset, so_far, "a record of the topic of subject keys cannot be read: {fault}");
                }
            }
            Applied::Full => {
                return Err(format!("it has more than {} rows; raise `subject_keys.rows`", self.table.capacity()));
            }
        }
        self.held.set(self.table.len() as f64);
        Ok(())
    }
}
