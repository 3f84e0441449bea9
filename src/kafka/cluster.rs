//! Before any worker starts: are the brokers there, are the topics, where does a group begin that never read before?
//! Everything that is wrong is said at once, with what to do about it.

use super::errors::{Fault, sentence};
use super::limits::{SizeLimits, block_on};
use super::rebalance::log;
use super::settings::Settings;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A cluster that does not answer within this is not there; the process ends and its supervisor tries again.
const TIMEOUT: Duration = Duration::from_secs(15);

/// One attempt of many within it, and how long is listened for what went wrong.
const ATTEMPT: Duration = Duration::from_secs(3);
const ATTEMPT_POLLS: usize = 20;
const ATTEMPT_POLL: Duration = Duration::from_millis(10);

/// How often the partitions of topics just made are asked for, and the pause between.
const CREATED_CHECKS: usize = 50;
const CREATED_PAUSE: Duration = Duration::from_millis(100);

/// Between two questions to a coordinator that is being found.
const COORDINATOR_PAUSE: Duration = Duration::from_millis(200);

/// The partition count and replication of a new topic are the broker's business where nothing else is said.
const BROKER_DEFAULT: i32 = -1;

/// Where a group begins that has committed nothing for a topic yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the oldest record.
    Earliest,
    /// With what comes next.
    Latest,
}

/// A topic that is written.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name.
    pub topic: String,
    /// Who writes it, for messages: ``sink `ads` ``.
    pub role: String,
    /// Whether a source topic's records go there; a new topic gets as many partitions as the widest of them.
    pub takes: Vec<String>,
}

/// What a process needs of the cluster.
pub struct Needs<'a> {
    /// Source topics by name.
    pub sources: Vec<String>,
    /// Whether a further topic is a source, by the pattern of a stream.
    pub pattern: &'a dyn Fn(&str) -> bool,
    /// The topics of sinks and quarantine.
    pub targets: Vec<Target>,
    /// Whether missing target topics are made.
    pub create: bool,
    /// Where to begin a topic that the group never read.
    pub from: Option<From>,
}

/// What the cluster turned out to have.
pub struct Found {
    /// The source topics.
    pub sources: Vec<Arc<str>>,
    /// The size limits of the target topics.
    pub limits: Arc<SizeLimits>,
}

/// Why the cluster cannot be used; one line a fault.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ClusterError(pub Vec<String>);

/// Checks everything, makes what may be made, and settles where the group begins.
pub fn prepare(settings: &Settings, needs: &Needs<'_>) -> Result<Found, ClusterError> {
    let asker = Asker::connect(settings)?;
    let topics = asker.topics()?;
    let mut faults = Vec::new();
    let sources = sources(needs, &topics, &mut faults);
    faults.extend(written(&sources, &needs.targets, &topics, needs.create));
    if !faults.is_empty() {
        return Err(ClusterError(faults));
    }
    let topics = asker.complete(settings, &needs.targets, topics)?;
    asker.begin(settings.group(), &sources, &topics, needs.from)?;
    let targets: Vec<&str> = needs.targets.iter().map(|target| target.topic.as_str()).collect();
    Ok(Found { sources, limits: SizeLimits::of_topics(settings, &targets) })
}

/// Checks, while the process runs, that the topics of another policy can be written.
pub fn check_targets(settings: &Settings, sources: &[Arc<str>], targets: &[Target], create: bool) -> Result<(), ClusterError> {
    let asker = Asker::connect(settings)?;
    let topics = asker.topics()?;
    let faults = written(sources, targets, &topics, create);
    if !faults.is_empty() {
        return Err(ClusterError(faults));
    }
    asker.complete(settings, targets, topics).map(|_| ())
}

/// What is wrong with the topics that are written.
fn written(sources: &[Arc<str>], targets: &[Target], topics: &BTreeMap<String, i32>, create: bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, Target { topic, role, .. }) in targets.iter().enumerate() {
        if sources.iter().any(|source| **source == **topic) {
            faults.push(format!("topic `{topic}` of {role} is also a source topic: its output would be read again"));
        }
        if let Some(other) = targets[..at].iter().find(|other| other.topic == *topic) {
            faults.push(format!("topic `{topic}` belongs to {} and to {role}: each needs its own", other.role));
        }
        if !create && !topics.contains_key(topic) {
            faults.push(format!("topic `{topic}` of {role} does not exist, or may not be described; `--create-topics` makes it"));
        }
    }
    faults
}

fn sources(needs: &Needs<'_>, topics: &BTreeMap<String, i32>, faults: &mut Vec<String>) -> Vec<Arc<str>> {
    for name in needs.sources.iter().filter(|name| !topics.contains_key(*name)) {
        faults.push(format!("source topic `{name}` does not exist, or may not be described"));
    }
    // Kafka's own topics begin so; a pattern as wide as `.*` does not mean them.
    let internal = |name: &String| name.starts_with("__");
    let wanted = |name: &String| needs.sources.contains(name) || (!internal(name) && (needs.pattern)(name));
    let found: Vec<Arc<str>> = topics.keys().filter(|name| wanted(name)).map(|name| Arc::from(name.as_str())).collect();
    if found.is_empty() && faults.is_empty() {
        faults.push("no topic matches any stream's pattern".to_owned());
    }
    found
}

fn create(settings: &Settings, missing: &[&Target], topics: &BTreeMap<String, i32>) -> Result<(), ClusterError> {
    let one = |fault: String| ClusterError(vec![fault]);
    let mut config = settings.admin();
    config.remove("group.id");
    let client: AdminClient<DefaultClientContext> =
        config.create().map_err(|error| one(format!("starting the admin client: {}", sentence(&error))))?;
    let new: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|target| {
            let widest = target.takes.iter().filter_map(|source| topics.get(source)).max();
            NewTopic::new(&target.topic, widest.copied().unwrap_or(BROKER_DEFAULT), TopicReplication::Fixed(BROKER_DEFAULT))
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let answers = block_on(client.create_topics(&new, &options))
        .ok_or_else(|| one("making topics: no thread to wait on".to_owned()))?
        .map_err(|error| one(format!("making topics: {}", sentence(&error))))?;
    let refused = answers.into_iter().filter_map(|answer| match answer {
        Ok(topic) => {
            tracing::info!(topic, "topic made");
            None
        }
        Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => None,
        Err((topic, code)) => Some(format!("topic `{topic}` cannot be made: {code}")),
    });
    match refused.collect::<Vec<_>>() {
        faults if faults.is_empty() => Ok(()),
        faults => Err(ClusterError(faults)),
    }
}

/// Whether a coordinator is only not there yet.
fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator, OperationTimedOut, WaitingForCoordinator,
    };
    matches!(
        error.rdkafka_error_code(),
        Some(CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator | WaitingForCoordinator | OperationTimedOut)
    )
}

/// A client that asks and does not join.
struct Asker {
    consumer: BaseConsumer<AskerEvents>,
    servers: String,
}

/// Keeps the thing that went wrong which says most: more than the timeout that follows.
#[derive(Default)]
struct AskerEvents {
    worst: Mutex<Option<Trouble>>,
}

/// What the client said, and how much that tells.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Trouble {
    tells: Tells,
    why: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Tells {
    /// No broker is there.
    Little,
    /// A broker is not there, and why.
    Something,
    /// A broker is there and does not let us in: waiting does not help.
    Everything,
}

impl ClientContext for AskerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // The same text comes as an error, and is reported once, with what to do.
        if !matches!(level, RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning) {
            log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let tells = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed) => Tells::Everything,
            Some(RDKafkaErrorCode::AllBrokersDown) => Tells::Little,
            _ => Tells::Something,
        };
        let trouble = Trouble { tells, why: format!("{}: {reason}", sentence(&error)) };
        let mut worst = self.worst.lock().unwrap_or_else(PoisonError::into_inner);
        if worst.as_ref().is_none_or(|known| known.tells <= tells) {
            *worst = Some(trouble);
        }
    }
}

impl ConsumerContext for AskerEvents {}

impl Asker {
    fn connect(settings: &Settings) -> Result<Asker, ClusterError> {
        let made = settings.admin().create_with_context(AskerEvents::default());
        let consumer = made.map_err(|error| ClusterError(vec![format!("`kafka` properties: {}", sentence(&error))]))?;
        Ok(Asker { consumer, servers: settings.servers().to_owned() })
    }

    /// Every topic that may be described, with its number of partitions.
    fn topics(&self) -> Result<BTreeMap<String, i32>, ClusterError> {
        let metadata = self.metadata()?;
        let count = |partitions: usize| i32::try_from(partitions).unwrap_or(i32::MAX);
        let topics = metadata.topics().iter().filter(|topic| !topic.partitions().is_empty());
        Ok(topics.map(|topic| (topic.name().to_owned(), count(topic.partitions().len()))).collect())
    }

    fn metadata(&self) -> Result<Metadata, ClusterError> {
        let asked = Instant::now();
        loop {
            let error = match self.consumer.fetch_metadata(None, ATTEMPT) {
                Ok(metadata) => return Ok(metadata),
                Err(error) => error,
            };
            // What went wrong waits in the consumer's queue until somebody polls.
            for _ in 0..ATTEMPT_POLLS {
                let _ = self.consumer.poll(ATTEMPT_POLL);
            }
            let trouble = self.consumer.context().worst.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let hopeless = trouble.as_ref().is_some_and(|trouble| trouble.tells == Tells::Everything);
            if hopeless || asked.elapsed() > TIMEOUT {
                let why = trouble.map_or_else(|| sentence(&error), |trouble| trouble.why);
                return Err(ClusterError(vec![format!(
                    "no broker of `kafka.bootstrap.servers` ({}) answers: {why} (look at the address, at security.protocol, and at the \
                     credentials)",
                    self.servers,
                )]));
            }
        }
    }

    /// Makes the topics that are missing.
    fn complete(
        &self,
        settings: &Settings,
        targets: &[Target],
        topics: BTreeMap<String, i32>,
    ) -> Result<BTreeMap<String, i32>, ClusterError> {
        let missing: Vec<&Target> = targets.iter().filter(|target| !topics.contains_key(&target.topic)).collect();
        if missing.is_empty() {
            return Ok(topics);
        }
        create(settings, &missing, &topics)?;
        self.wait_for(&missing)
    }

    fn wait_for(&self, made: &[&Target]) -> Result<BTreeMap<String, i32>, ClusterError> {
        for _ in 0..CREATED_CHECKS {
            let topics = self.topics()?;
            if made.iter().all(|target| topics.contains_key(&target.topic)) {
                return Ok(topics);
            }
            std::thread::sleep(CREATED_PAUSE);
        }
        Err(ClusterError(vec!["topics were made and do not show up".to_owned()]))
    }

    /// Asks again while the group's coordinator is being found: the first group of a cluster waits for its topic.
    fn patiently<T>(&self, mut ask: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
        let asked = Instant::now();
        loop {
            match ask() {
                Err(error) if is_passing(&error) && asked.elapsed() < TIMEOUT => std::thread::sleep(COORDINATOR_PAUSE),
                answer => return answer,
            }
        }
    }

    /// A topic of which the group has committed nothing begins where the operator says, and that is committed at
    /// once, for every partition: so that a partition without a commit is always one that is new, and begins at its
    /// beginning, whichever worker gets it and whenever.
    fn begin(
        &self,
        group: &str,
        sources: &[Arc<str>],
        topics: &BTreeMap<String, i32>,
        from: Option<From>,
    ) -> Result<(), ClusterError> {
        let one = |fault: String| ClusterError(vec![fault]);
        let asked = |error: KafkaError| one(Fault::passing("asking for the group's offsets", &error).to_string());
        let mut all = TopicPartitionList::new();
        for source in sources {
            all.add_partition_range(source, 0, topics.get(&**source).copied().unwrap_or(1) - 1);
        }
        let committed = self.patiently(|| self.consumer.committed_offsets(all.clone(), TIMEOUT)).map_err(asked)?;
        let mut start = TopicPartitionList::new();
        let mut faults = Vec::new();
        for source in sources {
            let places = committed.elements_for_topic(source);
            if let Some(error) = places.iter().find_map(|place| place.error().err()) {
                return Err(asked(error));
            }
            if places.iter().any(|place| matches!(place.offset(), Offset::Offset(_))) {
                continue;
            }
            let Some(from) = from else {
                faults.push(format!(
                    "group `{group}` has read nothing of topic `{source}` yet: say where it begins, `--from earliest` or `--from latest`"
                ));
                continue;
            };
            for place in &places {
                let (low, high) = self.consumer.fetch_watermarks(source, place.partition(), TIMEOUT).map_err(asked)?;
                let offset = Offset::Offset(if from == From::Earliest { low } else { high });
                start.add_partition_offset(source, place.partition(), offset).map_err(asked)?;
            }
        }
        if !faults.is_empty() {
            return Err(ClusterError(faults));
        }
        if start.count() > 0 {
            self.commit_start(&start)?;
        }
        Ok(())
    }

    /// Fails where the group has members already: then one of them has settled it.
    fn commit_start(&self, start: &TopicPartitionList) -> Result<(), ClusterError> {
        let Err(error) = self.patiently(|| self.consumer.commit(start, CommitMode::Sync)) else { return Ok(()) };
        let committed = self.patiently(|| self.consumer.committed_offsets(start.clone(), TIMEOUT));
        let settled = committed.is_ok_and(|all| all.elements().iter().any(|place| matches!(place.offset(), Offset::Offset(_))));
        if settled {
            return Ok(());
        }
        Err(ClusterError(vec![Fault::passing("committing where the group begins", &error).to_string()]))
    }
}
