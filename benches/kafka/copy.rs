//! The bare copy loop: what remains of a transactional proxy when it does nothing with the records.
#![allow(unsafe_code, reason = "the quick commit, as the proxy has it; the binding's own flushes in steps of 100 ms")]

use super::cpu::{Meter, Run};
use super::{Bench, CUT, SETTINGS};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Copier = ThreadedProducer<DefaultProducerContext>;

/// From the first commit to the last.
pub(crate) fn run(bench: &Bench, pair: u64) -> Run {
    let (consumer, producer) = clients(bench, pair);
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    let (mut read, mut opened, mut first) = (0u64, None::<Instant>, None::<Meter>);
    loop {
        let wait = opened.map_or(Duration::from_millis(100), |at| CUT.saturating_sub(at.elapsed()));
        if let Some(message) = consumer.poll(wait) {
            let message = message.expect("a record");
            if opened.is_none() {
                producer.begin_transaction().expect("a transaction opens");
                opened = Some(Instant::now());
            }
            send(&producer, bench, &message);
            next.insert(message.partition(), message.offset() + 1);
            read += 1;
        }
        let due = opened.is_some_and(|at| at.elapsed() >= CUT) || read == bench.events;
        if due && opened.take().is_some() {
            commit(&producer, &consumer, bench, &next);
            let meter = first.get_or_insert_with(|| Meter::start(std::process::id(), read));
            if read == bench.events {
                return meter.stop(read);
            }
        }
    }
}

fn clients(bench: &Bench, pair: u64) -> (BaseConsumer, Copier) {
    let group = format!("{}.copy.{pair}", bench.source);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &bench.kafka.bootstrap).set_log_level(rdkafka::config::RDKafkaLogLevel::Error);
    for (name, value) in SETTINGS {
        config.set(*name, *value);
    }
    let mut reading = config.clone();
    reading.set("group.id", &group).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    reading.set("enable.auto.offset.store", "false").set("isolation.level", "read_committed");
    let consumer: BaseConsumer = reading.create().expect("a consumer");
    consumer.subscribe(&[&bench.source]).expect("a subscription");
    let mut writing = config;
    writing.set("transactional.id", &group).set("partitioner", "murmur2_random").set("delivery.report.only.error", "true");
    let producer: Copier = writing.create().expect("a producer");
    producer.init_transactions(Duration::from_secs(30)).expect("transactions");
    (consumer, producer)
}

fn send(producer: &Copier, bench: &Bench, message: &rdkafka::message::BorrowedMessage<'_>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&bench.sink);
    (record.key, record.payload, record.timestamp) = (message.key(), message.payload(), message.timestamp().to_millis());
    // The queue is full now and then; as in the proxy, a short pause.
    while let Err((_, returned)) = producer.send(record) {
        record = returned;
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn commit(producer: &Copier, consumer: &BaseConsumer, bench: &Bench, next: &BTreeMap<i32, i64>) {
    let mut offsets = TopicPartitionList::new();
    for (partition, next) in next {
        offsets.add_partition_offset(&bench.source, *partition, Offset::Offset(*next)).expect("an offset");
    }
    let member = consumer.group_metadata().expect("a member");
    producer.send_offsets_to_transaction(&offsets, &member, Duration::from_secs(30)).expect("offsets");
    // SAFETY: the handle is valid while the producer is borrowed; a returned error is non-null and ends the bench.
    let error = unsafe { rdkafka_sys::rd_kafka_commit_transaction(producer.client().native_ptr(), -1) };
    assert!(error.is_null(), "a transaction commits");
}
