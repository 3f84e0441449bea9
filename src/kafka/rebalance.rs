//! What librdkafka calls back: a rebalance is noted here and answered by the delivery loop, on its own thread, before
//! the next poll. The group waits for that answer, so that a batch can be committed while its partitions are still owned.

use crate::telemetry::Telemetry;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::{DeliveryResult, ProducerContext};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the group asks for.
pub(super) enum Change {
    Assign(TopicPartitionList),
    Revoke { lost: bool },
}

/// The consumer's side.
pub(super) struct ConsumerEvents {
    telemetry: Arc<Telemetry>,
    change: Mutex<Option<Change>>,
    /// Set while the consumer closes: nobody polls any more, so that a revocation is answered at once.
    closing: AtomicBool,
}

impl ConsumerEvents {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> ConsumerEvents {
        ConsumerEvents { telemetry, change: Mutex::new(None), closing: AtomicBool::new(false) }
    }

    /// The change that the last poll met.
    pub(super) fn take(&self) -> Option<Change> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }
}

impl ClientContext for ConsumerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka consumer");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(report) = serde_json::from_slice::<ConsumerReport>(statistics) else { return };
        for (topic, report) in report.topics {
            for partition in report.partitions.into_values() {
                if partition.partition >= 0 && partition.consumer_lag >= 0 {
                    self.telemetry.lag(&topic, partition.partition).set(partition.consumer_lag as f64);
                }
            }
        }
    }
}

impl ConsumerContext for ConsumerEvents {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            if let Err(error) = consumer.unassign() {
                tracing::warn!(%error, "giving partitions up");
            }
            return;
        }
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assign(partitions.clone()),
            _ => Change::Revoke { lost: consumer.assignment_lost() },
        };
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::warn!(%error, "committing offsets");
        }
    }
}

/// The part of librdkafka's statistics that lag is read from (STATISTICS.md).
#[derive(Deserialize)]
struct ConsumerReport {
    #[serde(default)]
    topics: HashMap<String, TopicReport>,
}

#[derive(Deserialize)]
struct TopicReport {
    #[serde(default)]
    partitions: HashMap<String, PartitionReport>,
}

#[derive(Deserialize)]
struct PartitionReport {
    #[serde(default = "none")]
    partition: i32,
    #[serde(default = "unknown")]
    consumer_lag: i64,
}

fn none() -> i32 {
    -1
}

fn unknown() -> i64 {
    -1
}

/// The producer's side: what was not delivered, and how often requests timed out.
#[derive(Default)]
pub(super) struct ProducerEvents {
    failed: AtomicU64,
    last_code: AtomicI32,
    too_large: AtomicBool,
    timeouts: AtomicU64,
}

impl ProducerEvents {
    /// How many records were not delivered since the last call, and the last code.
    pub(super) fn take_failed(&self) -> Option<(u64, i32)> {
        let failed = self.failed.swap(0, Ordering::AcqRel);
        (failed > 0).then(|| (failed, self.last_code.load(Ordering::Acquire)))
    }

    /// Whether a broker refused a batch for its size since the last call.
    pub(super) fn take_too_large(&self) -> bool {
        self.too_large.swap(false, Ordering::AcqRel)
    }

    /// Requests that timed out or were tried again, since the producer was made.
    pub(super) fn timeouts(&self) -> u64 {
        self.timeouts.load(Ordering::Acquire)
    }
}

impl ClientContext for ProducerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }

    fn stats_raw(&self, statistics: &[u8]) {
        let Ok(report) = serde_json::from_slice::<ProducerReport>(statistics) else { return };
        let timeouts = report.brokers.into_values().map(|broker| broker.req_timeouts).sum();
        self.timeouts.store(timeouts, Ordering::Release);
    }
}

impl ProducerContext for ProducerEvents {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _opaque: ()) {
        let Err((error, _)) = result else { return };
        let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
        self.last_code.store(code, Ordering::Release);
        if super::errors::too_large(error) {
            self.too_large.store(true, Ordering::Release);
        }
        self.failed.fetch_add(1, Ordering::AcqRel);
    }
}

#[derive(Deserialize)]
struct ProducerReport {
    #[serde(default)]
    brokers: HashMap<String, BrokerReport>,
}

#[derive(Deserialize)]
struct BrokerReport {
    #[serde(default)]
    req_timeouts: u64,
}

/// librdkafka's own log lines: names of topics and brokers, never the content of a record.
pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    // One set of properties makes consumers and producers; that each ignores the other's is no news.
    if facility == "CONFWARN" {
        return;
    }
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
            tracing::error!(facility, "librdkafka: {message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(facility, "librdkafka: {message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(facility, "librdkafka: {message}"),
        RDKafkaLogLevel::Debug => tracing::debug!(facility, "librdkafka: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_read_from_the_statistics() {
        let telemetry = Arc::new(Telemetry::new());
        let events = ConsumerEvents::new(telemetry.clone());
        events.stats_raw(
            br#"{"name":"x","topics":{"events":{"topic":"events","partitions":{"3":{"partition":3,"consumer_lag":17},"-1":{"partition":-1,"consumer_lag":0},"4":{"partition":4,"consumer_lag":-1}}}}}"#,
        );
        let shown = telemetry.render("2026-11-22T00:00:00Z".parse().unwrap());
        let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("privet_lag_records{")).collect();
        assert_eq!(lines, [r#"privet_lag_records{topic="events",partition="3"} 17"#]);
    }

    #[test]
    fn timed_out_requests_are_summed_over_brokers() {
        let events = ProducerEvents::default();
        events.stats_raw(br#"{"brokers":{"a":{"req_timeouts":2,"x":1},"b":{"req_timeouts":3}}}"#);
        assert_eq!(events.timeouts(), 5);
    }
}
