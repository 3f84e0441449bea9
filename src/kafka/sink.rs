//! The producer of one worker: records to the topics of the sinks, order kept, sizes respected.

use super::contract::{Outgoing, Sent};
use super::ender::Ender;
use super::errors::{Fault, Recovery, sentence};
use super::ffi;
use super::limits::SizeLimits;
use super::rebalance::ProducerEvents;
use super::settings::Settings;
use crate::telemetry::TransactionMeters;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer as _, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// A full queue means a slow broker; after this the batch is given up, so that the open transaction does not hold
/// back the readers of every sink.
const STALL: Duration = Duration::from_secs(2);

/// Between two attempts on a full queue: a request's worth of time at a fast broker.
const QUEUE_PAUSE: Duration = Duration::from_micros(200);

/// How long a question about a topic's partitions may take before it is asked again after a pause.
const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// What Kafka's record format adds at most to key, value and headers: a batch of one record (61 bytes) and its lengths.
const RECORD_OVERHEAD: usize = 61 + 40;

/// The same for each header.
const HEADER_OVERHEAD: usize = 10;

/// What is tried when a record is written.
const WRITING: &str = "writing";

/// What is known of a sink's topic.
pub(super) struct TopicFacts {
    handle: ffi::Topic,
    partitions: i32,
    /// Bytes of the largest batch that the topic takes.
    limit: usize,
}

/// One client, the thread that ends its batches, and the topics that it knows; dropped in that order, so that the
/// client is destroyed here.
pub(super) struct Inner {
    pub(super) ender: Ender,
    topics: Topics,
    pub(super) client: Arc<ThreadedProducer<ProducerEvents>>,
}

impl Inner {
    pub(super) fn new(ender: Ender, client: Arc<ThreadedProducer<ProducerEvents>>) -> Inner {
        Inner { ender, topics: Topics::default(), client }
    }
}

/// One worker's producer.
pub struct Producer {
    pub(super) settings: Settings,
    pub(super) worker: usize,
    pub(super) meters: TransactionMeters,
    /// `None` only after a rebuild that failed.
    pub(super) inner: Option<Inner>,
    pub(super) limits: Arc<SizeLimits>,
    /// Whether the process is asked to end: then nothing is waited for any more.
    pub(super) stop: Arc<AtomicBool>,
    /// Whether a batch is open.
    pub(super) open: bool,
    /// Whether the next batch must be written by a new producer; see `txn`.
    pub(super) suspect: bool,
    /// The largest record that the client takes.
    largest: usize,
}

/// A producer that has registered its transactional id, so that a dead predecessor is fenced. That waits for the
/// coordinator, unless `stop` is set.
pub fn producer(
    settings: &Settings,
    worker: usize,
    limits: Arc<SizeLimits>,
    meters: TransactionMeters,
    stop: Arc<AtomicBool>,
) -> Result<Producer, Fault> {
    let mut producer = Producer {
        settings: settings.clone(),
        worker,
        meters,
        inner: None,
        limits,
        stop,
        open: false,
        suspect: false,
        largest: 0,
    };
    producer.connect()?;
    Ok(producer)
}

impl Producer {
    /// The client; a fault after a rebuild that failed.
    pub(super) fn inner(&self) -> Result<&ThreadedProducer<ProducerEvents>, Fault> {
        self.inner.as_ref().map(|inner| &*inner.client).ok_or_else(gone)
    }

    /// The thread that ends its batches.
    pub(super) fn ender(&mut self) -> Result<&mut Ender, Fault> {
        self.inner.as_mut().map(|inner| &mut inner.ender).ok_or_else(gone)
    }

    pub(super) fn create(&mut self) -> Result<ThreadedProducer<ProducerEvents>, Fault> {
        let range = self.limits.range();
        self.largest = self.settings.largest_record(range);
        let config = self.settings.producer(self.worker, range);
        let stop = |error: KafkaError| Fault::own("starting the producer", Recovery::Stop, sentence(&error));
        config.create_with_context(ProducerEvents::new(self.settings.shows_debug())).map_err(stop)
    }

    pub(super) fn weigh(&mut self, record: &Outgoing<'_>) -> Result<Sent, Fault> {
        let limit = self.facts(record.topic)?.limit;
        Ok(if self.is_too_large(record, limit) { Sent::TooLarge } else { Sent::Taken })
    }

    /// Whether the topic takes no record of that size, also when asked again: its limit may have been raised.
    fn is_too_large(&mut self, record: &Outgoing<'_>, limit: usize) -> bool {
        let size = size(record);
        if size <= limit {
            return false;
        }
        let now = self.limits.of_met(record.topic);
        if now != limit {
            self.forget_topics();
        }
        size > now
    }

    /// A topic takes a record that this client, which was made before that was known, does not.
    fn has_outgrown(&self, record: &Outgoing<'_>) -> bool {
        self.settings.own_largest().is_none() && size(record) > self.largest
    }

    pub(super) fn write(&mut self, record: Outgoing<'_>) -> Result<Sent, Fault> {
        if self.weigh(&record)? == Sent::TooLarge {
            return Ok(Sent::TooLarge);
        }
        if self.has_outgrown(&record) {
            return Err(Fault::own(WRITING, Recovery::Rebuild, "a topic takes larger records than when the producer was made"));
        }
        let facts = self.facts(record.topic)?;
        // Without a key librdkafka would choose at random, and order would be lost.
        let partition = match record.key {
            Some(_) => None,
            None => Some(record.source_partition.rem_euclid(facts.partitions.max(1))),
        };
        let mut full_since: Option<Instant> = None;
        loop {
            match facts.handle.produce(&record, partition) {
                Ok(()) => return Ok(Sent::Taken),
                Err(code) if code == RDKafkaErrorCode::QueueFull as i32 => {
                    let since = *full_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > STALL {
                        return Err(Fault::own(WRITING, Recovery::Abort, "the queue has been full for two seconds"));
                    }
                    std::thread::sleep(QUEUE_PAUSE);
                }
                Err(code) if code == RDKafkaErrorCode::MessageSizeTooLarge as i32 => return Ok(Sent::TooLarge),
                // Whatever else refuses a record, the transaction itself knows better what is to be done.
                Err(code) => return Err(Fault::refused(WRITING, code)),
            }
        }
    }

    fn facts(&mut self, topic: &str) -> Result<&TopicFacts, Fault> {
        let Producer { inner, limits, .. } = self;
        let Inner { topics, client, .. } = inner.as_mut().ok_or_else(gone)?;
        if !topics.find(topic) {
            topics.add(topic, ask(client, topic, limits)?);
        }
        topics.found().ok_or_else(gone)
    }

    /// Forgets what is known of the topics: they may have changed.
    pub(super) fn forget_topics(&mut self) {
        if let Some(Inner { topics, .. }) = &mut self.inner {
            *topics = Topics::default();
        }
    }
}

/// What is known of the topics. Records come sink after sink in the order of the policy, so that the topic asked for is
/// mostly that of the last record or the one behind it.
#[derive(Default)]
struct Topics {
    known: Vec<(Box<str>, TopicFacts)>,
    last: usize,
}

impl Topics {
    fn find(&mut self, topic: &str) -> bool {
        let Topics { known, last } = self;
        let found = (*last..known.len()).chain(0..*last).find(|position| *known[*position].0 == *topic);
        *last = found.unwrap_or(*last);
        found.is_some()
    }

    fn add(&mut self, topic: &str, facts: TopicFacts) {
        self.last = self.known.len();
        self.known.push((topic.into(), facts));
    }

    /// What was found or added last.
    fn found(&self) -> Option<&TopicFacts> {
        self.known.get(self.last).map(|(_, facts)| facts)
    }
}

fn ask(client: &Arc<ThreadedProducer<ProducerEvents>>, topic: &str, limits: &SizeLimits) -> Result<TopicFacts, Fault> {
    let attempted = "asking for a topic's partitions";
    let metadata = client.client().fetch_metadata(Some(topic), METADATA_TIMEOUT);
    let metadata = metadata.map_err(|error| Fault::passing(attempted, &error))?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    let partitions = found.map_or(0, |found| found.partitions().len());
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    let handle = ffi::Topic::new(client, topic);
    match handle {
        Some(handle) if partitions > 0 => Ok(TopicFacts { handle, partitions, limit: limits.of(topic) }),
        _ => Err(Fault::own(attempted, Recovery::Abort, format!("topic `{topic}` has no partition"))),
    }
}

fn gone() -> Fault {
    Fault::own("writing", Recovery::Rebuild, "there is no producer")
}

fn size(record: &Outgoing<'_>) -> usize {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers = record.headers.iter().map(|header| header.name.len() + length(header.value) + HEADER_OVERHEAD);
    length(record.key) + length(record.value) + headers.sum::<usize>() + RECORD_OVERHEAD
}
