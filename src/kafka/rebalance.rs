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
                if let Some(lag) = partition.lag().filter(|_| partition.partition >= 0) {
                    self.telemetry.lag(&topic, partition.partition).set(lag as f64);
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
    /// What the fetcher does.
    #[serde(default)]
    fetch_state: String,
    /// The offset after the last record that the worker took; negative before the first.
    #[serde(default = "unknown")]
    app_offset: i64,
    /// The offset from which fetching went on; negative before it began.
    #[serde(default = "unknown")]
    next_offset: i64,
    /// The end of what a reader of committed records may read.
    #[serde(default = "unknown")]
    ls_offset: i64,
}

impl PartitionReport {
    /// Records that may be read and were not taken yet. librdkafka's own `consumer_lag` counts from the offset that the
    /// consumer committed, which does not move where offsets are committed by a producer's transaction. A partition that
    /// went to another member is reported on, with the numbers of its last fetch: it has no lag here.
    fn lag(&self) -> Option<i64> {
        if matches!(self.fetch_state.as_str(), "none" | "stopping" | "stopped") {
            return None;
        }
        let position = if self.app_offset >= 0 { self.app_offset } else { self.next_offset };
        (position >= 0 && self.ls_offset >= 0).then(|| (self.ls_offset - position).max(0))
    }
}

fn none() -> i32 {
    -1
}

fn unknown() -> i64 {
    -1
}

/// The producer's side: what was not delivered, and how the coordinator answered to the ends of transactions.
pub(super) struct ProducerEvents {
    /// Whether somebody asked for librdkafka's debug lines; else they are looked at here and go no further.
    shows_debug: bool,
    failed: AtomicU64,
    last_code: AtomicI32,
    too_large: AtomicBool,
    ended: AtomicU64,
    unanswered: AtomicBool,
}

impl ProducerEvents {
    pub(super) fn new(shows_debug: bool) -> ProducerEvents {
        ProducerEvents {
            shows_debug,
            failed: AtomicU64::new(0),
            last_code: AtomicI32::new(0),
            too_large: AtomicBool::new(false),
            ended: AtomicU64::new(0),
            unanswered: AtomicBool::new(false),
        }
    }

    /// How many records were not delivered since the last call, and the last code.
    pub(super) fn take_failed(&self) -> Option<(u64, i32)> {
        let failed = self.failed.swap(0, Ordering::AcqRel);
        (failed > 0).then(|| (failed, self.last_code.load(Ordering::Acquire)))
    }

    /// Whether a broker refused a batch for its size since the last call.
    pub(super) fn take_too_large(&self) -> bool {
        self.too_large.swap(false, Ordering::AcqRel)
    }

    /// How many ends of transactions were answered with success since the producer was made.
    pub(super) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether any request to end a transaction was sent and never answered since the producer was made: it timed out, or
    /// its connection broke. librdkafka sends it again, and the first one may still be under way.
    pub(super) fn has_unanswered_end(&self) -> bool {
        self.unanswered.load(Ordering::Acquire)
    }

    /// librdkafka tells of each answer to an EndTxn in one debug line (`debug=eos`), and nowhere else that it sends one
    /// again. Held by `an_end_that_was_cut_off_is_noticed_at_once`.
    fn note_end(&self, message: &str) {
        let Some((_, rest)) = message.split_once("EndTxn returned ") else { return };
        match rest.split(' ').next() {
            Some("NO_ERROR") => drop(self.ended.fetch_add(1, Ordering::AcqRel)),
            Some("_TRANSPORT" | "_TIMED_OUT" | "_TIMED_OUT_QUEUE") => self.unanswered.store(true, Ordering::Release),
            // Whatever else the coordinator said, it said: no request is under way.
            Some(_) | None => {}
        }
    }
}

impl ClientContext for ProducerEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "ENDTXN" {
            self.note_end(message);
        }
        let is_chatter = matches!(level, RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug);
        if self.shows_debug || !is_chatter {
            log(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
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
        let partition = |id: i32, app: i64, next: i64, end: i64| {
            format!(r#""{id}":{{"partition":{id},"app_offset":{app},"next_offset":{next},"ls_offset":{end},"consumer_lag":-1}}"#)
        };
        let partitions = [
            partition(3, 83, 100, 100),
            partition(4, -1001, 40, 100),
            partition(5, 100, 100, 99),
            partition(-1, 0, 0, 0),
            partition(6, -1001, -1001, 100),
            partition(7, 5, 5, -1001),
        ];
        events.stats_raw(format!(r#"{{"topics":{{"events":{{"partitions":{{{}}}}}}}}}"#, partitions.join(",")).as_bytes());
        let shown = telemetry.render("2026-11-22T00:00:00Z".parse().unwrap());
        let mut lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("privet_lag_records{")).collect();
        lines.sort_unstable();
        let lag = |partition, records| format!(r#"privet_lag_records{{topic="events",partition="{partition}"}} {records}"#);
        assert_eq!(lines, [lag(3, 17), lag(4, 60), lag(5, 0)]);
    }

    /// librdkafka goes on to report a partition that went to another member, with the numbers of the last fetch.
    #[test]
    fn a_partition_that_is_not_read_any_more_has_no_lag() {
        let telemetry = Arc::new(Telemetry::new());
        let events = ConsumerEvents::new(telemetry.clone());
        let partition = |id: i32, state: &str| {
            format!(r#""{id}":{{"partition":{id},"fetch_state":"{state}","app_offset":-1001,"next_offset":40,"ls_offset":100}}"#)
        };
        let partitions = [partition(0, "none"), partition(1, "stopping"), partition(2, "stopped"), partition(3, "active")];
        events.stats_raw(format!(r#"{{"topics":{{"events":{{"partitions":{{{}}}}}}}}}"#, partitions.join(",")).as_bytes());
        let shown = telemetry.render("2026-11-22T00:00:00Z".parse().unwrap());
        let lines: Vec<&str> = shown.lines().filter(|line| line.starts_with("privet_lag_records{")).collect();
        assert_eq!(lines, [r#"privet_lag_records{topic="events",partition="3"} 60"#]);
    }

    #[test]
    fn only_an_end_that_nobody_answered_is_one_that_may_be_under_way() {
        let line = |code: &str| format!("[thrd:main]: EndTxn returned {code} in state CommittingTransaction (may_retry=true)");
        let heard = |code: &str| {
            let events = ProducerEvents::new(false);
            events.log(RDKafkaLogLevel::Debug, "ENDTXN", &line(code));
            (events.ended(), events.has_unanswered_end())
        };
        assert_eq!(heard("NO_ERROR"), (1, false));
        for code in ["_TRANSPORT", "_TIMED_OUT", "_TIMED_OUT_QUEUE"] {
            assert_eq!(heard(code), (0, true), "{code}");
        }
        assert_eq!(heard("CONCURRENT_TRANSACTIONS"), (0, false), "an answer, although librdkafka asks again");
    }
}
