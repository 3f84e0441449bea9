//! librdkafka's mock cluster inside this process, with a plain producer and a plain reader: what `privet demo` and tests run on.
//!
//! It speaks the real protocol over loopback, transactions and consumer groups included, but keeps only the newest
//! 5 MiB (and 100,000 records) of each partition, on no disk: a writer must not run ahead of its readers by more.

use crate::event::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

/// How many bytes of one partition the mock cluster keeps.
pub const KEPT_BYTES: usize = 5 << 20;

/// What can go wrong on the mock cluster.
#[derive(Debug, thiserror::Error)]
pub enum MockError {
    /// The cluster or a client of it did not start.
    #[error("the mock cluster did not start: {0}")]
    Start(#[source] KafkaError),
    /// A topic could not be made.
    #[error("topic `{topic}` could not be made on the mock cluster: {source}")]
    Topic {
        /// The topic.
        topic: String,
        /// librdkafka's words.
        source: KafkaError,
    },
    /// A record was not taken.
    #[error("the mock cluster did not take a record: {0}")]
    Write(#[source] KafkaError),
    /// Rows could not be read.
    #[error("topic `{topic}` could not be read: {source}")]
    Read {
        /// The topic.
        topic: String,
        /// librdkafka's words.
        source: KafkaError,
    },
}

/// A cluster of one broker. It ends with this value.
pub struct Cluster(MockCluster<'static, DefaultProducerContext>);

impl Cluster {
    /// Starts the broker on a free port of the loopback interface.
    pub fn start() -> Result<Cluster, MockError> {
        MockCluster::new(1).map(Cluster).map_err(MockError::Start)
    }

    /// The `bootstrap.servers` of its clients.
    pub fn bootstrap(&self) -> String {
        self.0.bootstrap_servers()
    }

    /// Makes a topic.
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), MockError> {
        let made = self.0.create_topic(topic, i32::from(partitions), 1);
        made.map_err(|source| MockError::Topic { topic: topic.to_owned(), source })
    }
}

/// A plain idempotent producer that spreads records by key as Java clients do.
pub struct Feed(ThreadedProducer<DefaultProducerContext>);

/// Whether a record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is on its way.
    Yes,
    /// The queue is full: wait, then the same call again.
    NotYet,
}

impl Feed {
    /// A producer of the cluster with this `bootstrap.servers`.
    pub fn connect(bootstrap: &str) -> Result<Feed, MockError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").set("partitioner", "murmur2_random");
        config.set("linger.ms", "5").set("log_level", "3");
        config.create().map(Feed).map_err(MockError::Start)
    }

    /// Hands one record over.
    pub fn send(&self, topic: &str, key: &[u8], value: &[u8], at: Timestamp) -> Result<Taken, MockError> {
        let record = BaseRecord::to(topic).key(key).payload(value).timestamp(at.as_millisecond());
        match self.0.send(record) {
            Ok(()) => Ok(Taken::Yes),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => Ok(Taken::NotYet),
            Err((error, _)) => Err(MockError::Write(error)),
        }
    }

    /// Waits until every record handed over is on the broker.
    pub fn flush(&self, at_most: Duration) -> Result<(), MockError> {
        self.0.flush(at_most).map_err(MockError::Write)
    }
}

/// A reader of one whole topic from its beginning, without a consumer group, under `read_committed`.
pub struct Tail {
    topic: String,
    consumer: BaseConsumer,
}

/// One row as a sink reads it. It does not implement `Debug`: it may hold personal data.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// The record key.
    pub key: Option<&'a [u8]>,
    /// The record value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl Tail {
    /// A reader of the topic's partitions 0 to `partitions`.
    pub fn open(bootstrap: &str, topic: &str, partitions: u16) -> Result<Tail, MockError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("group.id", "none").set("enable.auto.commit", "false");
        config.set("isolation.level", "read_committed").set("auto.offset.reset", "error").set("log_level", "3");
        // Rows are only counted: a small queue is enough, and keeps the process small.
        config.set("queued.max.messages.kbytes", "4096").set("fetch.queue.backoff.ms", "20").set("fetch.wait.max.ms", "100");
        let consumer: BaseConsumer = config.create().map_err(MockError::Start)?;
        let mut places = TopicPartitionList::new();
        for partition in 0..i32::from(partitions) {
            places.add_partition_offset(topic, partition, Offset::Offset(0)).map_err(MockError::Start)?;
        }
        consumer.assign(&places).map_err(MockError::Start)?;
        Ok(Tail { topic: topic.to_owned(), consumer })
    }

    /// Shows the next row to `each`, waiting for it `at_most` so long; false where none came.
    pub fn next(&self, at_most: Duration, each: impl FnOnce(Row<'_>)) -> Result<bool, MockError> {
        match self.consumer.poll(at_most) {
            None => Ok(false),
            Some(Ok(message)) => {
                each(Row { key: message.key(), value: message.payload() });
                Ok(true)
            }
            Some(Err(source)) => Err(MockError::Read { topic: self.topic.clone(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fed_is_read() {
        let cluster = Cluster::start().expect("cluster");
        cluster.create_topic("rows", 3).expect("topic");
        let feed = Feed::connect(&cluster.bootstrap()).expect("feed");
        let at = Timestamp::from_second(1_800_000_000).expect("time");
        for number in 0..300u32 {
            let key = format!("k{}", number % 7);
            assert_eq!(feed.send("rows", key.as_bytes(), &number.to_be_bytes(), at).expect("sent"), Taken::Yes);
        }
        feed.flush(Duration::from_secs(10)).expect("flushed");
        let tail = Tail::open(&cluster.bootstrap(), "rows", 3).expect("tail");
        let mut last = std::collections::HashMap::new();
        let mut seen = 0;
        while seen < 300 {
            let came = tail.next(Duration::from_secs(10), |row| {
                let number = u32::from_be_bytes(row.value.expect("value").try_into().expect("4 bytes"));
                let before = last.insert(row.key.expect("key").to_vec(), number);
                assert!(before.is_none_or(|before| before < number), "order per key");
            });
            assert!(came.expect("read"), "only {seen} rows came");
            seen += 1;
        }
        assert_eq!(last.len(), 7);
    }
}
