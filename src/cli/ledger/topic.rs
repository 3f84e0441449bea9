//! The ledger's topics as one command uses them: read whole, or written.

use super::feeds;
use crate::cli::output;
use crate::config::{Config, Properties};
use crate::event::Timestamp;
use crate::kafka::append::Appender;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::kafka::{Row, Settings};
use crate::ledger::{Applied, Change, ConsentRecord, Feed, Ledger};
use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long brokers may leave a question unanswered before the command gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Nothing is judged here: it is read once and that is all.
const NO_BOUND: Duration = Duration::from_secs(3600);

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(20);

/// The topics that a configuration names, and how to reach them.
pub(super) struct Topics {
    settings: Settings,
    properties: Properties,
    consent: String,
    all: Vec<(Feed, String)>,
}

/// The rows of the consent topic as they stand, by key.
pub(super) type Rows = BTreeMap<Vec<u8>, Found>;

/// What the topic says last under one key.
#[derive(Default)]
pub(super) struct Found {
    /// Where: what follows it must be written there too, or nobody knows which of the two comes last.
    pub(super) partition: i32,
    /// The value; `None` where it was deleted.
    pub(super) value: Option<Vec<u8>>,
    /// The highest version since it was deleted last, as the ledger counts: a record below it denies.
    pub(super) highest: u64,
}

impl Found {
    /// One more record of the key.
    pub(super) fn add(&mut self, partition: i32, key: &[u8], value: Option<&[u8]>) {
        let version = match value.map(|value| read(key, value)) {
            None => 0,
            Some(Ok(record)) => self.highest.max(record.version),
            Some(Err(_)) => self.highest,
        };
        *self = Found { partition, value: value.map(<[u8]>::to_vec), highest: version };
    }
}

/// A record as the ledger reads it: one under the key of somebody else is none.
pub(super) fn read<'a>(key: &[u8], value: &'a [u8]) -> Result<ConsentRecord<'a>, String> {
    let record = ConsentRecord::read(value).map_err(|why| why.to_string())?;
    if record.identity.is_key(key) { Ok(record) } else { Err("it is under the key of another identity".to_owned()) }
}

/// What applying every record came to.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) rows: u64,
    pub(super) undecodable: u64,
    /// Records whose key has one in another partition too.
    pub(super) split: u64,
    /// Keys whose version went back and that nothing has answered since.
    pub(super) regressions: u64,
    pub(super) took: Duration,
}

impl Topics {
    pub(super) fn of(config: &Config) -> anyhow::Result<Topics> {
        let ledger = config.ledger.as_ref().context("the configuration has no section `ledger`")?;
        let (settings, properties) = (Settings::new(config)?, ledger.kafka.clone());
        Ok(Topics { settings, properties, consent: ledger.topic.clone(), all: feeds(config) })
    }

    /// Every row, or only those under some keys.
    pub(super) fn read(&self, only: Option<BTreeSet<Vec<u8>>>) -> anyhow::Result<Rows> {
        let rows = Arc::new(Mutex::new(Rows::new()));
        let table = Collected { rows: rows.clone(), only };
        self.follow(vec![Topic { name: self.consent.clone(), from: Vec::new(), table: Box::new(table) }])?;
        let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(rows)
    }

    /// Applies every record of all feeds to a ledger, as `privet run` does.
    pub(super) fn apply(&self, ledger: &Arc<Ledger>) -> anyhow::Result<Counts> {
        let (counts, begun) = (Arc::new(Mutex::new(Counts::default())), Instant::now());
        let regressed = Arc::new(Mutex::new(BTreeSet::new()));
        let topics = self.all.iter().map(|(feed, name)| {
            let table =
                Box::new(Applying { feed: *feed, ledger: ledger.clone(), counts: counts.clone(), regressed: regressed.clone() });
            Topic { name: name.clone(), from: Vec::new(), table }
        });
        self.follow(topics.collect())?;
        let counts = *counts.lock().unwrap_or_else(PoisonError::into_inner);
        let regressed = regressed.lock().unwrap_or_else(PoisonError::into_inner);
        let regressions = regressed.iter().filter(|key: &&Vec<u8>| ledger.needs_denial(key)).count() as u64;
        Ok(Counts { regressions, took: begun.elapsed(), ..counts })
    }

    pub(super) fn writer(&self) -> anyhow::Result<Writer> {
        let appender = Appender::new(&self.settings, &self.properties, "ledger").map_err(|why| anyhow!(why))?;
        Ok(Writer { appender, topic: self.consent.clone() })
    }

    fn follow(&self, topics: Vec<Topic>) -> anyhow::Result<()> {
        follow(&self.settings, &self.properties, "ledger", topics)
    }
}

/// Follows until everything that was there was applied, and shows how far it is.
pub(in crate::cli) fn follow(
    settings: &Settings,
    properties: &Properties,
    name: &'static str,
    topics: Vec<Topic>,
) -> anyhow::Result<()> {
    let watch = Watch::new(NO_BOUND);
    let follow = Follow::start(settings, properties, name, topics, watch.clone());
    let _follow = follow.map_err(|why| anyhow!(why))?;
    let (bar, mut moved) = (bar("reading", 0), (Instant::now(), 0));
    loop {
        match watch.standing(Instant::now()) {
            Standing::Fresh | Standing::Stale(_) => break,
            Standing::Failed(why) => bail!(why),
            Standing::Loading => {}
        }
        let (done, total) = watch.progress();
        bar.set_length(total);
        bar.set_position(done);
        if done != moved.1 {
            moved = (Instant::now(), done);
        }
        if moved.0.elapsed() > PATIENCE {
            bail!("nothing comes from the topic of the {name}: {}", watch.reason(Instant::now()).unwrap_or_default());
        }
        std::thread::sleep(LOOK);
    }
    bar.finish_and_clear();
    Ok(())
}

/// A bar on a terminal, nothing elsewhere.
pub(super) fn bar(what: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos} of {human_len} ({per_sec}, {eta} left)");
    let bar = ProgressBar::new(total).with_message(what);
    if !output::colour_on_stderr() {
        bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
    }
    style.map(|style| bar.clone().with_style(style)).unwrap_or(bar)
}

/// Keeps what was said last under each key.
struct Collected {
    rows: Arc<Mutex<Rows>>,
    only: Option<BTreeSet<Vec<u8>>>,
}

impl Table for Collected {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Some(key) = row.key.filter(|key| self.only.as_ref().is_none_or(|only| only.contains(*key))) else { return Ok(()) };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.entry(key.to_vec()).or_default().add(row.partition, key, row.value);
        Ok(())
    }
}

/// Applies rows to a ledger and counts what came of them.
struct Applying {
    feed: Feed,
    ledger: Arc<Ledger>,
    counts: Arc<Mutex<Counts>>,
    /// Keys whose version went back at some point.
    regressed: Arc<Mutex<BTreeSet<Vec<u8>>>>,
}

impl Table for Applying {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Row { partition, offset, key, value, timestamp, .. } = *row;
        let timestamp = timestamp.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let applied = self.ledger.apply(&Change { feed: self.feed, partition, offset, key, value, timestamp });
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.rows += 1;
        match applied {
            Applied::Stored | Applied::Restricted | Applied::Removed | Applied::Merged { .. } => {}
            Applied::Split { .. } => counts.split += 1,
            Applied::Undecodable { .. } => counts.undecodable += 1,
            Applied::Regression { .. } => {
                let mut regressed = self.regressed.lock().unwrap_or_else(PoisonError::into_inner);
                regressed.insert(key.unwrap_or_default().to_vec());
            }
            Applied::Stop { why } => return Err(format!("the ledger cannot be held: {why}")),
        }
        Ok(())
    }
}

/// Writes consent records.
pub(super) struct Writer {
    appender: Appender,
    topic: String,
}

impl Writer {
    /// Hands over what follows `found`, or the first record of a key.
    pub(super) fn put(&self, found: Option<&Found>, key: &[u8], value: &[u8]) -> anyhow::Result<()> {
        let (partition, deadline) = (found.map(|found| found.partition), Instant::now() + PATIENCE);
        self.appender.append(&self.topic, partition, key, Some(value), deadline).map_err(|why| anyhow!(why))
    }

    /// Waits until everything was acknowledged by all replicas.
    pub(super) fn settle(&self) -> anyhow::Result<()> {
        self.appender.settle(PATIENCE).map_err(|why| anyhow!(why))
    }
}
