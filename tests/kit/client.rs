//! Plain clients of the cluster: make topics, write, read everything there is, ask for committed offsets.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::broker::Kafka;

/// Longest wait for one answer of a broker that shares two cores with everything else.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a reader sees of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Committed records only.
    Committed,
    /// Aborted and open ones too: the Java default.
    Uncommitted,
}

/// One record as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Partition of the topic.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Record key.
    pub key: Option<Vec<u8>>,
    /// Record value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// One record to write.
#[derive(Debug, Clone, Default)]
pub struct Input {
    /// Where to; the key decides if absent.
    pub partition: Option<i32>,
    /// Record key.
    pub key: Option<Vec<u8>>,
    /// Record value.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Milliseconds since 1970; now if absent.
    pub timestamp: Option<i64>,
}

impl Kafka {
    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap).set_log_level(RDKafkaLogLevel::Critical);
        config
    }

    /// Makes topics with this many partitions, and as many replicas as the cluster has for each.
    pub fn create_topics(&self, names: &[&str], partitions: i32) {
        self.create_topics_with(names, partitions, &[]);
    }

    /// The same with settings of the topics.
    pub fn create_topics_with(&self, names: &[&str], partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client can be made");
        let topic = |name| {
            let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(self.replicas));
            settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value))
        };
        let topics: Vec<NewTopic<'_>> = names.iter().copied().map(topic).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        for result in runtime.block_on(admin.create_topics(&topics, &options)).expect("topics can be made") {
            result.expect("the topic is new");
        }
        for name in names {
            super::wait_for("the topic's leaders", PATIENCE, || {
                (self.partitions(name).len() == partitions as usize).then_some(())
            });
        }
    }

    /// Removes all topics of tests that are over.
    pub fn delete_topics(&self) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client can be made");
        let metadata = admin.inner().fetch_metadata(None, PATIENCE).expect("metadata can be read");
        let names: Vec<&str> =
            metadata.topics().iter().map(|topic| topic.name()).filter(|name| !name.starts_with("__")).collect();
        if names.is_empty() {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        for result in runtime.block_on(admin.delete_topics(&names, &options)).expect("topics can be removed") {
            result.expect("the topic is there");
        }
    }

    /// Changes one setting of a topic.
    pub fn set_topic(&self, topic: &str, name: &str, value: &str) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client can be made");
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let options = AdminOptions::new().request_timeout(Some(PATIENCE));
        for result in runtime.block_on(admin.alter_configs(&[change], &options)).expect("a topic can be changed") {
            result.expect("the setting is taken");
        }
    }

    /// The partitions of a topic, empty if there is none.
    pub fn partitions(&self, topic: &str) -> Vec<i32> {
        let client: BaseConsumer = self.client().create().expect("a consumer can be made");
        let metadata = client.fetch_metadata(Some(topic), PATIENCE).expect("metadata can be read");
        metadata.topics().iter().flat_map(|t| t.partitions().iter().filter(|p| p.leader() >= 0).map(|p| p.id())).collect()
    }

    /// The number of the broker that leads a partition, while one does.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let client: BaseConsumer = self.client().create().expect("a consumer can be made");
        let metadata = client.fetch_metadata(Some(topic), PATIENCE).expect("metadata can be read");
        let mut partitions = metadata.topics().iter().flat_map(|t| t.partitions());
        partitions.find(|p| p.id() == partition && p.leader() >= 0).map(|p| p.leader())
    }

    /// Writes records in order and waits until the broker has them all.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Input>) {
        let mut config = self.client();
        // Idempotent, so that a retry neither doubles nor reorders the tests' input.
        config.set("enable.idempotence", "true").set("linger.ms", "5").set("queue.buffering.max.kbytes", "262144");
        config.set("partitioner", "murmur2_random").set("message.max.bytes", "1048500");
        let producer: BaseProducer = config.create().expect("a producer can be made");
        for record in records {
            send(&producer, topic, &record);
        }
        producer.flush(PATIENCE * 4).expect("the broker takes everything");
    }

    /// Everything in a topic from the beginning to its end as it is now.
    pub fn read(&self, topic: &str, isolation: Isolation) -> Vec<Row> {
        let mut rows = Vec::new();
        self.scan(topic, isolation, |row| rows.push(row));
        rows
    }

    /// Calls `each` for everything in a topic up to its present end.
    pub fn scan(&self, topic: &str, isolation: Isolation, mut each: impl FnMut(Row)) {
        let partitions = self.partitions(topic);
        let level = match isolation {
            Isolation::Committed => "read_committed",
            Isolation::Uncommitted => "read_uncommitted",
        };
        let mut config = self.client();
        config.set("group.id", "kit-reader").set("isolation.level", level).set("enable.partition.eof", "true");
        config.set("enable.auto.commit", "false").set("fetch.wait.max.ms", "20").set("check.crcs", "true");
        let consumer: BaseConsumer = config.create().expect("a consumer can be made");
        let mut list = TopicPartitionList::new();
        for partition in &partitions {
            list.add_partition_offset(topic, *partition, Offset::Beginning).expect("an offset is valid");
        }
        consumer.assign(&list).expect("partitions can be assigned");
        let mut open: BTreeSet<i32> = partitions.into_iter().collect();
        let mut last = Instant::now();
        while !open.is_empty() {
            assert!(
                last.elapsed() < PATIENCE,
                "nothing came from {topic} for {PATIENCE:?}, partitions {open:?} are not at their end"
            );
            match consumer.poll(Duration::from_millis(100)) {
                None => continue,
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Err(error)) => panic!("reading {topic}: {error}"),
                Some(Ok(message)) => each(row(&message)),
            }
            last = Instant::now();
        }
    }

    /// What a group has committed on a topic: partition → offset of the next record to read.
    pub fn committed(&self, group: &str, topic: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.client().set("group.id", group).create().expect("a consumer can be made");
        let mut list = TopicPartitionList::new();
        for partition in self.partitions(topic) {
            list.add_partition(topic, partition);
        }
        let committed = match consumer.committed_offsets(list, PATIENCE) {
            Ok(list) => list,
            // An open transaction hides the group's offsets until it ends, and a fresh group's coordinator is elected first.
            Err(error) if is_passing(&error) => return BTreeMap::new(),
            Err(error) => panic!("asking for the offsets of {group}: {error}"),
        };
        let offsets = committed.elements_for_topic(topic).into_iter();
        offsets.filter_map(|e| if let Offset::Offset(at) = e.offset() { Some((e.partition(), at)) } else { None }).collect()
    }

    /// The end of each partition: the offset the next record will get.
    pub fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let consumer: BaseConsumer = self.client().create().expect("a consumer can be made");
        let end = |partition| match consumer.fetch_watermarks(topic, partition, PATIENCE) {
            Ok((_, end)) => Some(end),
            // A broker that has just come back does not lead the partition any more, or not yet.
            Err(error) if is_passing(&error) => None,
            Err(error) => panic!("asking where {topic} ends: {error}"),
        };
        let end = |partition| (partition, super::wait_for("a partition's end", PATIENCE, || end(partition)));
        self.partitions(topic).into_iter().map(end).collect()
    }

    /// Waits until the group has committed everything that is in the topic now, empty partitions aside.
    pub fn wait_drained(&self, group: &str, topic: &str, limit: Duration) {
        let ends: BTreeMap<i32, i64> = self.ends(topic).into_iter().filter(|(_, end)| *end > 0).collect();
        super::wait_for(&format!("{group} to commit all of {topic}"), limit, || {
            let committed = self.committed(group, topic);
            ends.iter().all(|(partition, end)| committed.get(partition) == Some(end)).then_some(())
        });
    }
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{
        AllBrokersDown, BrokerTransportFailure, CoordinatorLoadInProgress, CoordinatorNotAvailable, LeaderNotAvailable,
        NotCoordinator, NotLeaderForPartition, OperationTimedOut, RequestTimedOut, UnstableOffsetCommit,
    };
    let passing = [
        AllBrokersDown,
        BrokerTransportFailure,
        CoordinatorLoadInProgress,
        CoordinatorNotAvailable,
        LeaderNotAvailable,
        NotCoordinator,
        NotLeaderForPartition,
        OperationTimedOut,
        RequestTimedOut,
        UnstableOffsetCommit,
    ];
    error.rdkafka_error_code().is_some_and(|code| passing.contains(&code))
}

fn send(producer: &BaseProducer, topic: &str, input: &Input) {
    let headers =
        input.headers.iter().fold(OwnedHeaders::new(), |all, (key, value)| all.insert(Header { key, value: Some(value) }));
    let mut record: BaseRecord<'_, Vec<u8>, Vec<u8>> = BaseRecord::to(topic);
    record.key = input.key.as_ref();
    record.payload = input.value.as_ref();
    record.partition = input.partition;
    record.timestamp = input.timestamp;
    record.headers = (!input.headers.is_empty()).then_some(headers);
    loop {
        match producer.send(record) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                producer.poll(Duration::from_millis(10));
                record = back;
            }
            Err((error, _)) => panic!("writing to {topic}: {error}"),
        }
    }
    producer.poll(Duration::ZERO);
}

fn row(message: &rdkafka::message::BorrowedMessage<'_>) -> Row {
    let headers = message.headers().map(|all| all.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect());
    Row {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
    }
}
