//! Wiring: the order in which everything starts, and in which it drains.
//!
//! Configuration → keys and policy → cluster checked → ledger begins to be read → admin server → reloader → subject keys
//! read whole → workers, each of which subscribes once the ledger was read. Whatever fails before the workers start has
//! written nothing.

mod dsr;
mod forget;
mod keeper;
mod knowledge;
mod learn;
mod shred;
mod snapshots;
mod subject_keys;

use crate::config::{self, Config};
use crate::control::admin::{self, Server, Sources};
use crate::control::dsr::Office;
use crate::control::reload::{self, ReloadHandle, Reloader};
use crate::control::{Readiness, Status, WorkerStatus};
use crate::event::Timestamp;
use crate::evidence::{MAX_BATCH_BYTES, Recipient};
use crate::kafka::cluster::{self, Found, From, Needs, Target};
use crate::kafka::compacted;
use crate::kafka::follow::Watch;
use crate::kafka::{self, Fault, Settings, SizeLimits};
use crate::keys::provider::Keyring;
use crate::pipeline::{Aside, Cut, Limits, Observer, PlanJudge, Worker};
use crate::plan::{Plan, TopicMatch};
use crate::policy::Files;
use crate::telemetry::Telemetry;
use anyhow::{Context, anyhow, bail};
use arc_swap::ArcSwap;
use dsr::Requests;
pub use dsr::{Record, Subject};
use keeper::Keeper;
pub use keeper::{keyring, keys_of};
use knowledge::Knowledge;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use subject_keys::SubjectKeys;
pub use subject_keys::subject_key_rows;

/// What sealing adds to a full batch of quarantined records, at most.
const SEALING: usize = 4 << 10;

/// What the command line says beyond the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Make the topics of sinks and quarantine that are missing.
    pub create_topics: bool,
    /// Where to begin source topics that the group never read.
    pub from: Option<From>,
}

/// The running proxy.
pub struct Proxy {
    stop: Arc<AtomicBool>,
    status: Arc<Status>,
    telemetry: Arc<Telemetry>,
    failed: Arc<Mutex<Option<String>>>,
    workers: Vec<JoinHandle<()>>,
    /// Held for its thread.
    reloader: Reloader,
    server: Option<Server>,
    subject_keys: Option<Arc<SubjectKeys>>,
    /// How the ledger stands.
    ledger: Option<Arc<Watch>>,
    /// Held for its threads.
    requests: Option<Requests>,
    /// Held for its thread.
    _keeper: Option<Keeper>,
}

impl Proxy {
    /// Starts everything. An error says what is wrong and what to do about it; nothing runs then.
    pub fn start(config: &Config, start: Start) -> anyhow::Result<Proxy> {
        let keyring = Arc::new(keyring(config)?);
        let files = Files { policy: config.policy.clone(), keys: config.keys.clone(), keyring: keyring.clone() };
        let (loaded, opened) = reload::load(&files)?;
        let keys = opened.adopt();
        for warning in &loaded.warnings {
            tracing::warn!(code = warning.code, line = warning.line, "policy: {}", warning.message);
        }
        let live = Arc::new(ArcSwap::new(loaded.plan.clone()));
        let settings = Settings::new(config)?;
        let aside = aside(config)?;
        let key_topic = key_topic(config, &loaded.plan);
        if let Some(topic) = &key_topic {
            compacted::ensure(&settings, &config::Properties::default(), topic, "`subject_keys`", start.create_topics)?;
        }
        if let Some(why) = without_ledger(config, &loaded.plan) {
            bail!(why);
        }
        let found = prepare(&settings, &loaded.plan, config, start)?;

        let telemetry = Arc::new(Telemetry::new());
        let count = config.workers.count();
        let status = Status::new(count);
        let subject_keys = key_topic.map(|_| SubjectKeys::start(&settings, config, &telemetry)).transpose()?.map(Arc::new);
        if let Some(keys) = &subject_keys {
            keys.tell(&status);
        }
        let knowledge = Knowledge::start(
            (config, &keys),
            &settings,
            start.create_topics,
            &status,
            &telemetry,
            subject_keys.as_deref(),
            &live,
        )?;
        drop(keys);
        let keeper = Keeper::start(keyring.clone(), &status, &telemetry)?;
        let requests = requests(config, &settings, start.create_topics, &telemetry, knowledge.as_ref(), &live)?;
        let admit = admit(settings.clone(), config.clone(), found.sources.clone(), start.create_topics);
        let reloader = Reloader::start(files, loaded, live.clone(), Box::new(admit), status.clone(), telemetry.clone())?;
        let server = admin_server(config, &status, &telemetry, reloader.handle(), requests.as_ref().map(Requests::office))?;

        if let Some(keys) = &subject_keys {
            keys.await_whole()?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(Mutex::new(None));
        let (config_of_all, telemetry_of_all) = (config.clone(), telemetry.clone());
        let ledger = knowledge.as_ref().map(Knowledge::watch);
        let hands = Hands {
            settings,
            found,
            config: config_of_all,
            live,
            aside,
            telemetry: telemetry_of_all,
            subject_keys: subject_keys.clone(),
            knowledge,
            keyring,
        };
        let hands = Arc::new(hands);
        let mut workers = Vec::with_capacity(count);
        for index in 0..count {
            let (hands, stop, failed, status) = (hands.clone(), stop.clone(), failed.clone(), status.worker(index));
            let work = move || work(index, &hands, status, stop, &failed);
            workers.push(std::thread::Builder::new().name(format!("privet-worker-{index}")).spawn(work)?);
        }
        tracing::info!(group = config.group, instance = config.instance, workers = count, "started");
        Ok(Proxy { stop, status, telemetry, failed, workers, reloader, server, subject_keys, ledger, requests, _keeper: keeper })
    }

    /// Whether every worker knows what it has to read.
    pub fn readiness(&self) -> Readiness {
        self.status.readiness()
    }

    /// Why a worker gave up, or what it relies on failed for good: the proxy cannot do all of its work any more.
    pub fn failure(&self) -> Option<String> {
        let worker = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        worker.or_else(|| self.subject_keys.as_ref()?.failure()).or_else(|| knowledge::failure(self.ledger.as_ref()?))
    }

    /// What is counted: decisions of committed batches, and everything else that is measured.
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Asks for reloads, and tells which policy runs.
    pub fn reload(&self) -> ReloadHandle {
        self.reloader.handle()
    }

    /// Where the admin server listens, if there is one.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Commits what is open, leaves the group, and ends; an error where a worker had given up.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.status.drain();
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers.drain(..) {
            if worker.join().is_err() {
                bail!("a worker panicked");
            }
        }
        drop(self.server.take());
        drop(self.requests.take());
        match self.failure() {
            None => Ok(()),
            Some(why) => Err(anyhow!(why)),
        }
    }
}

/// What every worker is made from.
struct Hands {
    settings: Settings,
    found: Found,
    config: Config,
    live: Arc<ArcSwap<Plan>>,
    aside: Option<Aside>,
    telemetry: Arc<Telemetry>,
    subject_keys: Option<Arc<SubjectKeys>>,
    knowledge: Option<Knowledge>,
    keyring: Arc<Keyring>,
}

/// One worker's life. That it gave up is kept for whoever watches, and ends the others.
fn work(index: usize, hands: &Hands, status: WorkerStatus, stop: Arc<AtomicBool>, failed: &Mutex<Option<String>>) {
    // A panic is a fault of ours: the open transaction is voided by the brokers, and the process must not go on without
    // a worker as if nothing had happened.
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| deliver(index, hands, status.clone(), stop)));
    let why = match caught {
        Ok(Ok(())) => return status.drained(),
        Ok(Err(fault)) => fault.to_string(),
        Err(_) => "panicked".to_owned(),
    };
    tracing::error!(worker = index, "stopped: {why}");
    status.stopped(&why);
    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(format!("worker {index} stopped: {why}"));
}

fn deliver(index: usize, hands: &Hands, status: WorkerStatus, stop: Arc<AtomicBool>) -> Result<(), Fault> {
    let Hands { settings, found: Found { sources, limits }, config, live, aside, telemetry, subject_keys, knowledge, keyring } =
        hands;
    // A cold instance owns no partitions: others go on with them while it reads.
    if let Some(knowledge) = knowledge
        && !knowledge.wait(&stop)?
    {
        return Ok(());
    }
    let meters = telemetry.transactions();
    // The id is registered before the group is joined: whatever a predecessor left open is settled first.
    let sink = match kafka::producer(settings, index, limits.clone(), meters.clone(), stop.clone()) {
        // Asked to end while the coordinator was being elected: nothing was read yet.
        Err(fault) if stop.load(Ordering::Relaxed) => {
            tracing::info!(worker = index, "asked to end before it began: {fault}");
            return Ok(());
        }
        made => made?,
    };
    let source = kafka::consumer(settings, index, sources, telemetry.clone())?;
    let judge = PlanJudge::new(live.clone(), record_limits(&config.limits), aside.clone(), telemetry.clone());
    let judge = judge.with_keyring(keyring.clone());
    let judge = match subject_keys {
        Some(keys) => judge.with_data_keys(keys.topic(), keys.for_worker(index)),
        None => judge,
    };
    let judge = match knowledge {
        Some(knowledge) => judge.with_knowledge(knowledge.of_worker(index)),
        None => judge,
    };
    let config::Commit { interval, records, bytes } = config.commit;
    Worker::new((source, sink, judge), Health(status, index), Cut { interval, records, bytes }, meters, stop).run()
}

/// The worker's health, as the control plane shows it; the number is for the log.
struct Health(WorkerStatus, usize);

impl Observer for Health {
    fn beat(&self) {
        self.0.beat();
    }

    fn joining(&self) {
        self.0.joining();
    }

    fn assigned(&self, partitions: Vec<(String, i32)>) {
        tracing::info!(worker = self.1, partitions = partitions.len(), "assigned");
        self.0.assigned(partitions);
    }

    fn revoked(&self) {
        tracing::info!(worker = self.1, "revoked");
        self.0.revoked();
    }

    fn committed(&self, at: Timestamp) {
        self.0.committed(at);
    }

    fn stalled(&self, fault: &Fault) {
        self.0.stalled(&fault.to_string());
    }

    fn resumed(&self) {
        self.0.resumed();
    }
}

fn record_limits(limits: &config::Limits) -> Limits {
    let config::Limits { record_bytes, depth, members, name_bytes, touched } = *limits;
    Limits { record_bytes, depth, members, name_bytes, touched }
}

fn aside(config: &Config) -> anyhow::Result<Option<Aside>> {
    let Some(quarantine) = &config.quarantine else {
        tracing::warn!("no `quarantine`: records that cannot be judged are counted, and stay in the source topic only");
        return Ok(None);
    };
    let recipient = quarantine.recipient.as_deref().map(str::parse::<Recipient>).transpose();
    let recipient = recipient.context("`quarantine.recipient`")?;
    if recipient.is_none() {
        tracing::warn!("no `quarantine.recipient`: only positions and reasons of records set aside are written");
    }
    Ok(Some(Aside { topic: quarantine.topic.clone(), recipient }))
}

fn admin_server(
    config: &Config,
    status: &Arc<Status>,
    telemetry: &Arc<Telemetry>,
    reload: ReloadHandle,
    office: Option<Arc<Office>>,
) -> anyhow::Result<Option<Server>> {
    let Some(settings) = &config.admin else { return Ok(None) };
    let sources = Sources { status: status.clone(), telemetry: telemetry.clone(), reload: Some(reload), office };
    let mut settings = admin::Settings::new(settings, config.allow_plaintext);
    settings.dsr_token = config.dsr.as_ref().and_then(|dsr| dsr.token.clone());
    Ok(Some(Server::start(settings, sources)?))
}

fn prepare(settings: &Settings, plan: &Plan, config: &Config, start: Start) -> anyhow::Result<Found> {
    let sources = plan.streams.iter().filter_map(|stream| match &stream.topics {
        TopicMatch::Names(names) => Some(names.iter().map(ToString::to_string)),
        TopicMatch::Pattern(_) => None,
    });
    let by_pattern = |topic: &str| {
        let pattern = |stream: &&crate::plan::Stream| matches!(stream.topics, TopicMatch::Pattern(_));
        plan.streams.iter().filter(pattern).any(|stream| stream.topics.contains(topic))
    };
    let needs = Needs {
        sources: sources.flatten().collect(),
        pattern: &by_pattern,
        targets: targets(plan, config),
        create: start.create_topics,
        from: start.from,
    };
    let found = cluster::prepare(settings, &needs)?;
    if let Some(quarantine) = &config.quarantine {
        check_quarantine(&quarantine.topic, &found.limits)?;
    }
    Ok(found)
}

fn check_quarantine(topic: &str, limits: &SizeLimits) -> anyhow::Result<()> {
    let (limit, needed) = (limits.of(topic), MAX_BATCH_BYTES + SEALING);
    if limit < needed {
        bail!(
            "the quarantine topic `{topic}` takes no batch beyond {limit} bytes; set its max.message.bytes to {needed} or more"
        );
    }
    Ok(())
}

/// The topics that are written under a plan.
fn targets(plan: &Plan, config: &Config) -> Vec<Target> {
    let streams =
        |sink: usize| plan.streams.iter().filter(move |stream| stream.routes.iter().any(|route| route.sink.index() == sink));
    let names = |stream: &crate::plan::Stream| match &stream.topics {
        TopicMatch::Names(names) => names.iter().map(ToString::to_string).collect(),
        TopicMatch::Pattern(_) => Vec::new(),
    };
    let mut targets: Vec<Target> = Vec::new();
    for (index, sink) in plan.sinks.iter().enumerate() {
        let takes = streams(index).flat_map(names).collect();
        targets.push(Target { topic: sink.topic.to_string(), role: format!("sink `{}`", sink.name), takes });
    }
    if let Some(quarantine) = &config.quarantine {
        let takes = plan.streams.iter().flat_map(names).collect();
        targets.push(Target { topic: quarantine.topic.clone(), role: "`quarantine`".to_owned(), takes });
    }
    if let Some(dsr) = &config.dsr {
        targets.push(Target { topic: dsr.notices.clone(), role: "`dsr.notices`".to_owned(), takes: Vec::new() });
    }
    if let Some(topic) = key_topic(config, plan) {
        targets.push(Target { topic, role: "`subject_keys`".to_owned(), takes: Vec::new() });
    }
    targets
}

/// The topic of subject keys, where configuration or policy asks for them.
fn key_topic(config: &Config, plan: &Plan) -> Option<String> {
    let written = config.subject_keys.clone();
    written.or_else(|| plan.subject_keys.is_some().then(config::SubjectKeys::default)).map(|keys| keys.topic)
}

/// What takes requests of data subjects, where the configuration says so.
fn requests(
    config: &Config,
    settings: &Settings,
    create: bool,
    telemetry: &Telemetry,
    knowledge: Option<&Knowledge>,
    live: &Arc<ArcSwap<Plan>>,
) -> anyhow::Result<Option<Requests>> {
    // The configuration has `erasures` wherever it has `dsr`.
    let Some(knowledge) = knowledge.filter(|_| config.dsr.is_some()) else { return Ok(None) };
    Requests::start(config, settings, create, telemetry, knowledge.for_requests(config, live))
}

/// Why a policy cannot run for want of a ledger, if so.
fn without_ledger(config: &Config, plan: &Plan) -> Option<String> {
    let asks = plan.streams.iter().find(|stream| stream.ledger().is_some()).filter(|_| config.ledger.is_none())?;
    Some(format!(
        "stream `{}` asks the ledger, and the configuration has no section `ledger`, which is read at the start",
        asks.name
    ))
}

/// Whether the topics of a candidate policy are there; asked before it is swapped in.
fn admit(
    settings: Settings,
    config: Config,
    sources: Vec<Arc<str>>,
    create: bool,
) -> impl Fn(&Plan, &Plan) -> Result<(), String> + Send {
    move |running, candidate| {
        if key_topic(&config, candidate).is_some() && key_topic(&config, running).is_none() {
            return Err(
                "it encrypts, and the keys of subjects were not read at the start: set `subject_keys` in the configuration and \
                        restart"
                    .to_owned(),
            );
        }
        if let Some(why) = without_ledger(&config, candidate) {
            return Err(why);
        }
        let targets = targets(candidate, &config);
        cluster::check_targets(&settings, &sources, &targets, create).map_err(|error| error.to_string())
    }
}
