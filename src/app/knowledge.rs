//! What is known outside the events: the ledger with its follower, read whole before any worker subscribes.

use super::dsr::Parts;
use super::forget::{self, Forgetter, Leaving};
use super::learn::Learning;
use super::shred::{Erased, Shredder};
use super::snapshots::{self, Due, Snapshots};
use super::subject_keys::SubjectKeys;
use crate::config::{self, Config, Properties};
use crate::control::Status;
use crate::event::Timestamp;
use crate::kafka::append::Appender;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::kafka::{Fault, Recovery, Row, Settings, compacted};
use crate::keys::KeySet;
use crate::ledger::{Applied, Change, Departing, Feed, Ledger};
use crate::pipeline;
use crate::plan::Plan;
use crate::telemetry::{ConsentMeters, LedgerFault, Telemetry};
use anyhow::anyhow;
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a worker that waits for the ledger looks.
const LOOK: Duration = Duration::from_millis(20);

/// Rows between two counts of subjects while many come.
const COUNT_EVERY: u64 = 4096;

/// How long a denial that is appended may take to be acknowledged before it is tried again.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The ledger of a running proxy.
pub(super) struct Knowledge {
    ledger: Arc<Ledger>,
    watch: Arc<Watch>,
    meters: Arc<ConsentMeters>,
    departing: Arc<Departing>,
    erased: Option<Arc<Erased>>,
    leaving: Option<Arc<Leaving>>,
    /// Held for its thread; it ends first, and with it the writer's queue.
    _follow: Follow,
    /// Hears what workers learn from events, where there is a topic of consent.
    learning: Option<(pipeline::Learner, Learning)>,
    /// It ends behind the follower, which takes the last snapshot.
    _snapshots: Option<Snapshots>,
    _writer: Writer,
    _shredder: Option<Shredder>,
    _forgetter: Option<Forgetter>,
}

impl Knowledge {
    /// Starts to read what the configuration names; `None` where it names nothing.
    pub(super) fn start(
        (config, keys): (&Config, &KeySet),
        settings: &Settings,
        create: bool,
        status: &Status,
        telemetry: &Telemetry,
        subject_keys: Option<&SubjectKeys>,
        live: &Arc<ArcSwap<Plan>>,
    ) -> anyhow::Result<Option<Knowledge>> {
        let named = topics(config);
        if named.is_empty() {
            return Ok(None);
        }
        let properties = config.ledger.as_ref().map(|ledger| ledger.kafka.clone()).unwrap_or_default();
        named.iter().try_for_each(|(feed, name)| compacted::ensure(settings, &properties, name, section(*feed), create))?;
        let watch = Watch::new(config.ledger.as_ref().map_or(config::Ledger::MAX_STALENESS, |ledger| ledger.max_staleness));
        let max_memory = config.ledger.as_ref().map_or(config::Ledger::MAX_MEMORY, |ledger| ledger.max_memory);
        let make = || Ledger::new(keys).within(max_memory);
        let meters = Arc::new(telemetry.consent(config.workers.count()));
        let departing = Arc::new(Departing::new(config.workers.count()));
        let Begun { ledger, mut from, mut due, snapshots } = begin(config.ledger.as_ref(), settings, make, &meters)?;
        let shredder = subject_keys.map(|keys| keys.shredder(settings, watch.clone())).transpose()?.flatten();
        let erased = shredder.as_ref().map(|(erased, _)| erased.clone());
        let forgotten = forgotten(config);
        let leaving = forgotten.is_some().then(|| Leaving::new(ledger.clone()));
        let (denials, queue) = channel();
        let mut fed = |feed: Feed, name: &str| {
            // What is erased and suppressed is never taken from a file.
            let (due, (from, topic_id)) = match feed {
                Feed::Consent => (due.take(), std::mem::take(&mut from)),
                Feed::Erasures => (None, (Vec::new(), 0)),
            };
            let (erased, leaving, topic) = (erased.clone(), leaving.clone(), name.into());
            let (ledger, watch, meters, denials) = (ledger.clone(), watch.clone(), meters.clone(), denials.clone());
            let departing = departing.clone();
            let fed = Fed { feed, topic, topic_id, ledger, watch, meters, departing, denials, erased, leaving, due, rows: 0 };
            Topic { name: name.to_owned(), from, table: Box::new(fed) }
        };
        let followed = named.into_iter().map(|(feed, name)| fed(feed, name)).collect();
        let learn =
            |section: &config::Ledger| Learning::start(settings, &properties, &section.topic, ledger.clone(), meters.clone());
        let learning = config.ledger.as_ref().map(learn).transpose()?;
        let writer = Writer::start(settings, &properties, queue, ledger.clone(), watch.clone())?;
        let follow = Follow::start(settings, &properties, "ledger", followed, watch.clone()).map_err(|why| anyhow!(why))?;
        let forget = |(topics, leaving)| Forgetter::start(settings, &properties, topics, leaving, watch.clone(), live.clone());
        let forgetter = forgotten.zip(leaving.clone()).map(forget).transpose()?;
        tell(&watch, status, telemetry);
        Ok(Some(Knowledge {
            ledger,
            watch,
            meters,
            departing,
            erased,
            leaving,
            _follow: follow,
            learning,
            _snapshots: snapshots,
            _writer: writer,
            _forgetter: forgetter,
            _shredder: shredder.map(|(_, shredder)| shredder),
        }))
    }

    /// Waits until everything was read and is proved fresh; false where the process was asked to stop before.
    pub(super) fn wait(&self, stop: &AtomicBool) -> Result<bool, Fault> {
        loop {
            match self.watch.standing(Instant::now()) {
                Standing::Fresh => return Ok(true),
                Standing::Failed(why) => return Err(Fault::own("reading the ledger", Recovery::Stop, why)),
                Standing::Loading | Standing::Stale(_) => {}
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// How it stands.
    pub(super) fn watch(&self) -> Arc<Watch> {
        self.watch.clone()
    }

    /// What handling requests of data subjects needs of it.
    pub(super) fn for_requests(&self, config: &Config, live: &Arc<ArcSwap<Plan>>) -> Parts {
        Parts {
            ledger: self.ledger.clone(),
            watch: self.watch.clone(),
            enforced: self.meters.clone(),
            leaving: self.leaving.clone(),
            erased: self.erased.clone(),
            live: live.clone(),
            properties: config.ledger.as_ref().map(|ledger| ledger.kafka.clone()).unwrap_or_default(),
        }
    }

    /// What one worker's judge needs of it.
    pub(super) fn of_worker(&self, worker: usize) -> pipeline::Knowledge {
        let (ledger, watch, meters) = (self.ledger.clone(), self.watch.clone(), self.meters.clone());
        let learner = self.learning.as_ref().map(|(learner, _)| learner.clone());
        let departing = self.departing.clone();
        pipeline::Knowledge { ledger, watch, meters, departing, worker, learner }
    }
}

/// Shows how fresh the ledger is, and why nothing is judged where it is not.
fn tell(watch: &Arc<Watch>, status: &Status, telemetry: &Telemetry) {
    let asked = watch.clone();
    telemetry.ledger_age(move || asked.age(Instant::now()));
    let asked = watch.clone();
    status.needs(move || asked.reason(Instant::now()).map(|why| format!("ledger: {why}")));
}

/// Why a ledger can no longer be relied on, if so: the process cannot go on.
pub(super) fn failure(watch: &Watch) -> Option<String> {
    match watch.standing(Instant::now()) {
        Standing::Failed(why) => Some(format!("ledger: {why}")),
        Standing::Loading | Standing::Fresh | Standing::Stale(_) => None,
    }
}

/// The ledger as it begins.
struct Begun {
    ledger: Arc<Ledger>,
    /// Where the topic of consent is read on, and the id that it must have then.
    from: (Vec<(i32, i64)>, u128),
    due: Option<Due>,
    snapshots: Option<Snapshots>,
}

/// An empty ledger, or one with the rows of its snapshot.
fn begin(
    section: Option<&config::Ledger>,
    settings: &Settings,
    make: impl Fn() -> Ledger,
    meters: &Arc<ConsentMeters>,
) -> std::io::Result<Begun> {
    let Some((section, file)) = section.and_then(|section| Some((section, section.snapshot.as_ref()?))) else {
        return Ok(Begun { ledger: Arc::new(make()), from: (Vec::new(), 0), due: None, snapshots: None });
    };
    let start = snapshots::start(make, settings, &section.kafka, &section.topic, file, meters);
    let (due, snapshots) = Snapshots::begin(&start, &section.topic, file, meters.clone())?.unzip();
    let from = (start.from.clone(), start.topic_id());
    Ok(Begun { ledger: start.ledger, from, due, snapshots })
}

/// The topics that feed a ledger.
fn topics(config: &Config) -> Vec<(Feed, &str)> {
    let consent = config.ledger.iter().map(|ledger| (Feed::Consent, ledger.topic.as_str()));
    let erasures = config.erasures.iter().map(|topic| (Feed::Erasures, topic.as_str()));
    consent.chain(erasures).collect()
}

/// The topics of whose rows go, where there are rows and erasures.
fn forgotten(config: &Config) -> Option<forget::Topics> {
    let (ledger, erasures) = (config.ledger.as_ref()?, config.erasures.as_ref()?);
    Some(forget::Topics { consent: ledger.topic.clone(), erasures: erasures.clone() })
}

fn section(feed: Feed) -> &'static str {
    match feed {
        Feed::Consent => "`ledger`",
        Feed::Erasures => "`erasures`",
    }
}

/// The topic of one feed, as it is applied: the same way while loading and afterwards.
struct Fed {
    feed: Feed,
    topic: Box<str>,
    topic_id: u128,
    ledger: Arc<Ledger>,
    watch: Arc<Watch>,
    meters: Arc<ConsentMeters>,
    departing: Arc<Departing>,
    denials: Sender<Denial>,
    /// Who hears of erasures, where there are keys to be destroyed.
    erased: Option<Arc<Erased>>,
    /// When a snapshot of the rows is due.
    due: Option<Due>,
    /// Who hears of erasures and of rows, where there are rows to be deleted.
    leaving: Option<Arc<Leaving>>,
    rows: u64,
}

impl Fed {
    /// Says who is erased, and who is not any more. A record that cannot be read suppresses, and destroys nothing.
    fn erase(&self, key: &[u8]) {
        if self.feed == Feed::Consent {
            return self.leaving.iter().for_each(|leaving| leaving.applied(key));
        }
        match self.ledger.erasure(key) {
            (named, true) => {
                self.leaving.iter().for_each(|leaving| leaving.erased(named));
                self.erased.iter().for_each(|erased| erased.add(named));
            }
            (named, false) => self.erased.iter().for_each(|erased| erased.lift(named)),
        }
    }

    /// A row that denies because of a fault holds names as well.
    fn denied(&self, key: &[u8]) {
        if let (Feed::Consent, Some(leaving)) = (self.feed, &self.leaving) {
            leaving.applied(key);
        }
    }

    fn wrong(&self, fault: LedgerFault, row: &Row<'_>, why: &str) {
        self.meters.fault(fault);
        let Row { topic, partition, offset, .. } = *row;
        tracing::error!(topic, partition, offset, kind = fault.as_str(), "a record of the ledger denies its subject: {why}");
    }
}

impl Table for Fed {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Row { partition, offset, key, value, .. } = *row;
        let timestamp = row.timestamp.and_then(|millis| Timestamp::from_millisecond(millis).ok());
        let before = self.ledger.restrictions();
        match self.ledger.apply(&Change { feed: self.feed, partition, offset, key, value, timestamp }) {
            Applied::Stored | Applied::Restricted | Applied::Removed => self.erase(key.unwrap_or_default()),
            Applied::Undecodable { why } => {
                self.wrong(LedgerFault::Undecodable, row, why);
                self.denied(key.unwrap_or_default());
            }
            Applied::Regression { denial } => {
                self.wrong(LedgerFault::Regression, row, "its version went backwards; a denial is appended");
                self.denied(key.unwrap_or_default());
                let key = key.unwrap_or_default().to_vec();
                // The writer lives as long as this table does.
                let _ = self.denials.send(Denial { topic: self.topic.clone(), partition, key, value: denial });
            }
            Applied::Merged { record } => {
                self.denied(key.unwrap_or_default());
                let key = key.unwrap_or_default().to_vec();
                let _ = self.denials.send(Denial { topic: self.topic.clone(), partition, key, value: record });
            }
            Applied::Split { denies: true } => {
                self.wrong(LedgerFault::Split, row, "its key has a record in another partition too, and neither is the last");
                self.denied(key.unwrap_or_default());
            }
            Applied::Split { denies: false } => {
                self.meters.fault(LedgerFault::Split);
                tracing::error!(topic = row.topic, partition, offset, "a key of the ledger has records in several partitions");
                if value.is_some() {
                    self.denied(key.unwrap_or_default());
                }
            }
            Applied::Stop { why } => return Err(why.to_owned()),
        }
        let landed = self.ledger.restrictions();
        // What was withdrawn before this process judged anything is no delay of its own.
        if let Some(written) = timestamp.filter(|_| landed != before && self.watch.fresh_as_of().is_some()) {
            let concerns = |worker| self.ledger.restricted_since(before, |digest| self.departing.concerns(worker, digest));
            self.meters.landed(landed, written, Timestamp::now(), concerns);
        }
        self.rows += 1;
        if self.rows.is_multiple_of(COUNT_EVERY) {
            self.meters.holds(self.ledger.subjects(), self.ledger.suppressed(), self.ledger.bytes());
        }
        Ok(())
    }

    fn proved(&mut self, as_of: Instant) {
        self.ledger.set_fresh(as_of);
        self.leaving.iter().for_each(|leaving| leaving.loaded());
        self.meters.holds(self.ledger.subjects(), self.ledger.suppressed(), self.ledger.bytes());
    }

    fn topic_id(&self) -> u128 {
        self.topic_id
    }

    fn reached(&mut self, next: &[i64], is_end: bool) {
        if let Some(due) = &mut self.due {
            due.reached(next, is_end);
        }
    }
}

/// A denial to be appended where a version went backwards. It holds a record key, and prints nothing.
struct Denial {
    topic: Box<str>,
    /// Where the row is: elsewhere it would not follow it.
    partition: i32,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// Appends denials, on a thread of its own: once everything was read, and only where nobody has done it before.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(
        settings: &Settings,
        properties: &Properties,
        queue: Receiver<Denial>,
        ledger: Arc<Ledger>,
        watch: Arc<Watch>,
    ) -> anyhow::Result<Writer> {
        let (settings, properties, stop) = (settings.clone(), properties.clone(), Arc::new(AtomicBool::new(false)));
        let asked = stop.clone();
        let work = move || {
            let mut appender = None;
            loop {
                let denial = match queue.recv_timeout(LOOK * 5) {
                    Ok(denial) => denial,
                    Err(RecvTimeoutError::Timeout) if !asked.load(Ordering::Relaxed) => continue,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
                };
                // Until then the denial may stand later in the topic already.
                while !watch.is_fresh(Instant::now()) && !asked.load(Ordering::Relaxed) {
                    std::thread::sleep(LOOK);
                }
                while ledger.needs_denial(&denial.key) && !asked.load(Ordering::Relaxed) {
                    match deny(&mut appender, &settings, &properties, &denial) {
                        Ok(()) => break,
                        Err(why) => tracing::error!("a denial is not appended yet: {why}"),
                    }
                    std::thread::sleep(LOOK * 50);
                }
            }
        };
        let thread = std::thread::Builder::new().name("privet-denials".to_owned()).spawn(work)?;
        Ok(Writer { stop, thread: Some(thread) })
    }
}

/// The writer's client is made when it is needed first: mostly it never is.
fn deny(appender: &mut Option<Appender>, settings: &Settings, properties: &Properties, denial: &Denial) -> Result<(), String> {
    let writer = match appender {
        Some(writer) => writer,
        None => appender.insert(Appender::new(settings, properties, "denials")?),
    };
    writer.append(&denial.topic, Some(denial.partition), &denial.key, Some(&denial.value), Instant::now() + ACKNOWLEDGED)?;
    writer.settle(ACKNOWLEDGED)
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; a denial that was not appended is found again by the next start.
            let _ = thread.join();
        }
    }
}
