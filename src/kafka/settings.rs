//! Configuration → librdkafka's properties: what Privet changes from the defaults, what it insists on.

use super::errors::sentence;
use crate::config::{Config, Guarantee, Place, Properties};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use std::time::Duration;

/// Long enough for a broker to move a coordinator, short enough that a worker that hangs does not hold back the
/// readers of every sink for long: an open transaction pins what they may read.
const TRANSACTION_TIMEOUT_MS: u64 = 10_000;

/// How far below the transaction's timeout librdkafka keeps its own timeouts.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(100);

/// librdkafka's default of `retry.backoff.ms`.
const RETRY_BACKOFF_MS: u64 = 100;

/// The same of `retry.backoff.max.ms`.
const RETRY_BACKOFF_MAX_MS: u64 = 1_000;

/// What the consumer changes from librdkafka's defaults, unless the configuration says otherwise.
const CONSUMER: &[(&str, &str)] = &[
    // The default waits a second after the queue was full, which shows as a stall.
    ("fetch.queue.backoff.ms", "20"),
    // A worker's share of memory; the default of 64 MiB is meant for one consumer a process.
    ("queued.max.messages.kbytes", "16384"),
    // A cut comes every 100 ms: a fetch need not wait longer for company.
    ("fetch.wait.max.ms", "100"),
    // A batch damaged on disk or on the way must not be judged as if it were an event.
    ("check.crcs", "true"),
    // Partitions are spread over all workers, also where topics have few.
    ("partition.assignment.strategy", "roundrobin"),
];

/// What the producer changes from librdkafka's defaults, unless the configuration says otherwise.
const PRODUCER: &[(&str, &str)] = &[
    // The default is 1 GiB a producer.
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "200000"),
    // Batches are cut by time anyway; a little company makes requests fewer.
    ("linger.ms", "10"),
    ("compression.type", "lz4"),
];

/// What a follower of compacted topics changes from librdkafka's defaults, unless the configuration says otherwise.
const FOLLOWER: &[(&str, &str)] = &[
    // Questions about ends wait behind a fetch that waits for company: for no longer than this.
    ("fetch.wait.max.ms", "50"),
    ("fetch.queue.backoff.ms", "5"),
    ("queued.max.messages.kbytes", "16384"),
    ("check.crcs", "true"),
    // What heals shows soon: nothing is judged until it does.
    ("reconnect.backoff.max.ms", "1000"),
];

/// How often librdkafka reports numbers; lag is read from them.
const STATISTICS_MS: &str = "5000";

/// Why the properties of the configuration cannot be used; one line a fault, without values.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SettingsError(Vec<String>);

/// Everything the clients of one process are made from. It does not implement `Debug`: it holds credentials.
#[derive(Clone)]
pub struct Settings {
    properties: Properties,
    group: String,
    client: String,
    guarantee: Guarantee,
    /// By worker; empty where no transaction is used.
    ids: Vec<String>,
}

impl Settings {
    /// Checks every property by itself, so that all faults are reported at once.
    pub fn new(config: &Config) -> Result<Settings, SettingsError> {
        let mut faults = Vec::new();
        let own = config.ledger.iter().flat_map(|ledger| ledger.kafka.iter().map(|pair| (&ledger.kafka, pair)));
        for (properties, (name, value)) in config.kafka.iter().map(|pair| (&config.kafka, pair)).chain(own) {
            if let Err(error) = ClientConfig::new().set(name, value).create_native_config() {
                let line = properties.place(name).map_or(0, |Place { line, .. }| line);
                faults.push(format!("`kafka.{name}` (line {line}): {}", sentence(&error)));
            }
        }
        if !faults.is_empty() {
            return Err(SettingsError(faults));
        }
        let instance = config.instance.as_deref().unwrap_or("0");
        let ids = match config.guarantee {
            Guarantee::ExactlyOnce => (0..config.workers.count()).filter_map(|worker| config.transactional_id(worker)).collect(),
            Guarantee::AtLeastOnce => Vec::new(),
        };
        Ok(Settings {
            properties: config.kafka.clone(),
            group: config.group.clone(),
            client: format!("privet-{instance}"),
            guarantee: config.guarantee,
            ids,
        })
    }

    /// The consumer group.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The servers asked first, for messages.
    pub(super) fn servers(&self) -> &str {
        self.properties.get("bootstrap.servers").unwrap_or_default()
    }

    /// What a crash may do.
    pub fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    /// Beyond this a commit's answer may have crossed a second attempt (KAFKA-17754); see `txn`.
    pub(super) fn request_timeout(&self) -> Duration {
        let by_transaction = self.transaction_timeout().saturating_sub(TIMEOUT_MARGIN);
        self.number("socket.timeout.ms").map_or(by_transaction, Duration::from_millis)
    }

    /// After so long without an end the broker voids a transaction.
    pub(super) fn transaction_timeout(&self) -> Duration {
        Duration::from_millis(self.number("transaction.timeout.ms").unwrap_or(TRANSACTION_TIMEOUT_MS))
    }

    /// librdkafka sends nothing again sooner than this: `retry.backoff.ms`, at most its maximum, shaken by a fifth.
    pub(super) fn quickest_retry(&self) -> Duration {
        let backoff = self.number("retry.backoff.ms").unwrap_or(RETRY_BACKOFF_MS);
        let most = self.number("retry.backoff.max.ms").unwrap_or(RETRY_BACKOFF_MAX_MS);
        Duration::from_millis(backoff.min(most) * 3 / 4)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.properties.get(name).and_then(|value| value.parse().ok())
    }

    /// Whether the configuration asks for librdkafka's debug lines.
    pub(super) fn shows_debug(&self) -> bool {
        self.properties.get("debug").is_some()
    }

    /// For questions about topics and groups, without joining one.
    pub(super) fn admin(&self) -> ClientConfig {
        let mut config = self.common("admin");
        config.set("group.id", &self.group).set("enable.auto.commit", "false").set("isolation.level", "read_committed");
        config
    }

    /// For questions about topics of a cluster that may be another one.
    pub(super) fn admin_of(&self, properties: &Properties) -> ClientConfig {
        self.elsewhere("admin", &[], properties)
    }

    pub(super) fn consumer(&self, worker: usize) -> ClientConfig {
        let mut config = self.common(&worker.to_string());
        self.defaults(&mut config, CONSUMER);
        config.set("group.id", &self.group).set("statistics.interval.ms", STATISTICS_MS);
        config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("isolation.level", "read_committed").set("auto.offset.reset", "error");
        config
    }

    /// For reading compacted topics whole; `name` becomes part of the client's id. It joins no group, and needs one's name
    /// for its queue only.
    pub(super) fn follower(&self, name: &str, properties: &Properties) -> ClientConfig {
        let mut config = self.elsewhere(name, FOLLOWER, properties);
        config.set("group.id", &self.group).set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
        config.set("isolation.level", "read_committed").set("auto.offset.reset", "error").set("enable.partition.eof", "true");
        config
    }

    /// For writing single records without a transaction: each is acknowledged by all replicas.
    pub(super) fn appender(&self, name: &str, properties: &Properties) -> ClientConfig {
        let mut config = self.elsewhere(name, &[("linger.ms", "1"), ("compression.type", "lz4")], properties);
        config.set("enable.idempotence", "true").set("acks", "all").set("partitioner", "murmur2_random");
        config
    }

    /// A client of a cluster that may be another one: its properties are those of `kafka`, changed by its own.
    fn elsewhere(&self, part: &str, defaults: &[(&str, &str)], properties: &Properties) -> ClientConfig {
        let mut config = self.common(part);
        self.defaults(&mut config, defaults);
        for (name, value) in properties.iter() {
            config.set(name, value);
        }
        config
    }

    /// The largest record that a producer made under these limits takes; the configuration may say less than the topics do.
    pub(super) fn largest_record(&self, (largest, _): (usize, usize)) -> usize {
        self.own_largest().unwrap_or(largest.clamp(1_000, 1_000_000_000))
    }

    /// What the configuration says of it.
    pub(super) fn own_largest(&self) -> Option<usize> {
        self.properties.get("message.max.bytes").and_then(|value| value.parse().ok())
    }

    /// One producer serves all topics: it takes a record as large as the most generous of them takes, and batches as
    /// the strictest demands.
    pub(super) fn producer(&self, worker: usize, (largest, smallest): (usize, usize)) -> ClientConfig {
        let mut config = self.common(&worker.to_string());
        self.defaults(&mut config, PRODUCER);
        let largest = self.largest_record((largest, smallest)).to_string();
        let smallest = smallest.clamp(1_000, 1_000_000).to_string();
        self.defaults(&mut config, &[("message.max.bytes", &largest), ("batch.size", &smallest)]);
        config.set("enable.idempotence", "true").set("acks", "all").set("delivery.report.only.error", "true");
        config.set("partitioner", "murmur2_random");
        if let Some(id) = self.ids.get(worker) {
            // How transactions end is told in debug lines only; `rebalance` reads them, and shows what was asked for.
            let debug = self.properties.get("debug").map_or_else(|| "eos".to_owned(), |asked| format!("{asked},eos"));
            config.set("debug", debug).set_log_level(RDKafkaLogLevel::Debug);
            self.defaults(&mut config, &[("transaction.timeout.ms", &TRANSACTION_TIMEOUT_MS.to_string())]);
            config.set("transactional.id", id);
        }
        config
    }

    /// The id that fences a worker's producer, for messages.
    pub(super) fn transactional_id(&self, worker: usize) -> Option<&str> {
        self.ids.get(worker).map(String::as_str)
    }

    fn common(&self, part: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", format!("{}-{part}", self.client));
        for (name, value) in self.properties.iter() {
            config.set(name, value);
        }
        config.set_log_level(if self.shows_debug() { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Warning });
        config
    }

    fn defaults(&self, config: &mut ClientConfig, defaults: &[(&str, &str)]) {
        for (name, value) in defaults {
            if self.properties.get(name).is_none() {
                config.set(*name, *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Lookup, System};
    use std::path::Path;

    const SIZES: (usize, usize) = (2_000_000, 50_000);

    fn settings(kafka: &str) -> Result<Settings, SettingsError> {
        let text = format!(
            "policy: p\nkeys: {{provider: file, path: k}}\ngroup: shop\ninstance: a\nworkers: 2\nkafka:\n  bootstrap.servers: \"localhost:1\"\n{kafka}"
        );
        let lookup: &dyn Lookup = &System;
        Settings::new(&Config::parse(&text, Path::new("c.yaml"), lookup).unwrap())
    }

    #[test]
    fn guarantees_cannot_be_configured_away_and_defaults_can() {
        let settings = settings("  linger.ms: 3\n  client.id: mine\n").unwrap();
        let consumer = settings.consumer(1);
        assert_eq!(consumer.get("enable.auto.commit"), Some("false"));
        assert_eq!(consumer.get("isolation.level"), Some("read_committed"));
        assert_eq!(consumer.get("auto.offset.reset"), Some("error"));
        assert_eq!(consumer.get("check.crcs"), Some("true"));
        assert_eq!(consumer.get("group.id"), Some("shop"));
        let producer = settings.producer(1, SIZES);
        assert_eq!(producer.get("linger.ms"), Some("3"));
        assert_eq!(producer.get("client.id"), Some("mine"));
        assert_eq!(producer.get("transactional.id"), Some("shop.a.1"));
        assert_eq!(producer.get("transaction.timeout.ms"), Some("10000"));
        assert_eq!(producer.get("partitioner"), Some("murmur2_random"));
        assert_eq!(producer.get("queue.buffering.max.kbytes"), Some("65536"));
    }

    #[test]
    fn every_property_that_librdkafka_refuses_is_named_without_its_value() {
        let error = settings("  security.protocol: hunter2\n  linger.ms: soon\n  no.such: x\n").err().unwrap().to_string();
        for name in ["kafka.security.protocol", "kafka.linger.ms", "kafka.no.such"] {
            assert!(error.contains(name), "{error}");
        }
        assert!(!error.contains("hunter2") && !error.contains("soon"), "{error}");
    }

    #[test]
    fn the_clients_librdkafka_makes_of_them_start() {
        let settings = settings("").unwrap();
        settings.consumer(0).create::<rdkafka::consumer::BaseConsumer>().unwrap();
        settings.producer(0, SIZES).create::<rdkafka::producer::BaseProducer>().unwrap();
        assert_eq!(settings.producer(0, SIZES).get("message.max.bytes"), Some("2000000"));
        assert_eq!(settings.producer(0, SIZES).get("batch.size"), Some("50000"));
        assert_eq!(settings.request_timeout(), Duration::from_millis(9_900));
    }
}
