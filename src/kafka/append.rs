//! Appends single records without a transaction, each acknowledged by all replicas: what writes the ledger.
//!
//! Ledger writers use no transactions: an open one would hide the withdrawals behind it from every reader.

use super::errors::sentence;
use super::rebalance::log;
use super::settings::Settings;
use crate::config::Properties;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two attempts to hand a record over while the queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);

/// Writes records to topics, in order per partition, once each.
pub struct Appender {
    producer: ThreadedProducer<Reports>,
}

/// The first record that was given up, and how many were.
#[derive(Default)]
struct Reports(Mutex<(u64, Option<String>)>);

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka writer");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, _: ()) {
        if let Err((error, _)) = result {
            let mut reports = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            reports.0 += 1;
            reports.1.get_or_insert_with(|| sentence(error));
        }
    }
}

impl Appender {
    /// A writer to the cluster that the configuration names, changed by `properties`; `name` becomes part of its id.
    pub fn new(settings: &Settings, properties: &Properties, name: &str) -> Result<Appender, String> {
        let made = settings.appender(name, properties).create_with_context(Reports::default());
        made.map(|producer| Appender { producer }).map_err(|error| format!("starting to write: {}", sentence(&error)))
    }

    /// Hands one record over, waiting for room until `deadline`; `None` for a value is a tombstone. It is written when
    /// [`Appender::settle`] says so. What follows an earlier record under the same key names its `partition`: whoever wrote
    /// that one may choose partitions in another way, and order, like compaction, holds within a partition only.
    pub fn append(
        &self,
        topic: &str,
        partition: Option<i32>,
        key: &[u8],
        value: Option<&[u8]>,
        deadline: Instant,
    ) -> Result<(), String> {
        let mut record = BaseRecord::to(topic).key(key);
        (record.payload, record.partition) = (value, partition);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) if Instant::now() < deadline => {
                    record = back;
                    std::thread::sleep(FULL_PAUSE);
                }
                Err((error, _)) => return Err(format!("writing to `{topic}`: {}", sentence(&error))),
            }
        }
    }

    /// Waits until every record handed over was acknowledged by all replicas; an error where one was not.
    pub fn settle(&self, at_most: Duration) -> Result<(), String> {
        let flushed = self.producer.flush(at_most);
        let (lost, why) = std::mem::take(&mut *self.producer.context().0.lock().unwrap_or_else(PoisonError::into_inner));
        match (flushed, why) {
            (_, Some(why)) => Err(format!("{lost} records were not written: {why}")),
            (Err(error), None) => Err(format!("records are not acknowledged: {}", sentence(&error))),
            (Ok(()), None) => Ok(()),
        }
    }

    /// How many records are under way.
    pub fn pending(&self) -> usize {
        usize::try_from(self.producer.in_flight_count()).unwrap_or(0)
    }
}
