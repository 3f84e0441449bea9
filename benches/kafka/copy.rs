//! The bare copy loop: what remains of a transactional proxy when it does nothing with the records.
#![allow(unsafe_code, reason = "the quick commit, as the proxy has it; the binding's own flushes in steps of 100 ms")]

use super::cpu::{Meter, Run};
use super::{Bench, CUT, SETTINGS};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

type Copier = ThreadedProducer<DefaultProducerContext>;

/// What one run copies.
struct Task {
    servers: String,
    source: String,
    sink: String,
    events: u64,
    group: String,
}

/// What `PRIVET_BENCH` says to the process that copies.
pub(crate) const MODE: &str = "copy-side";

/// One run, in a process of its own as the other side has one: what earlier runs left on the heap does not count.
pub(crate) fn run(bench: &Bench, pair: u64) -> Run {
    let task =
        [&bench.kafka.bootstrap, &bench.source, &bench.sink, &bench.events.to_string(), &format!("{}.copy.{pair}", bench.source)];
    let mut process = Command::new(std::env::current_exe().expect("this program has a path"));
    let output = process.env("PRIVET_BENCH", MODE).env("PRIVET_BENCH_TASK", task.map(String::as_str).join(" ")).output();
    let output = output.expect("the copy loop starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    let (rate, cost) = said.trim().split_once(' ').expect("two numbers");
    Run { rate: rate.parse().expect("a rate"), cost: cost.parse().expect("a cost") }
}

/// The other process: does it, and prints the two numbers.
pub(crate) fn main() {
    let task = std::env::var("PRIVET_BENCH_TASK").expect("a task");
    let [servers, source, sink, events, group] = *task.split(' ').collect::<Vec<_>>() else { panic!("five words") };
    let text = str::to_owned;
    let events = events.parse().expect("a number");
    let run = copy(&Task { servers: text(servers), source: text(source), sink: text(sink), events, group: text(group) });
    println!("{} {}", run.rate, run.cost);
}

/// From the first commit to the last but one.
fn copy(task: &Task) -> Run {
    let (consumer, producer) = clients(task);
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
            send(&producer, task, &message);
            next.insert(message.partition(), message.offset() + 1);
            read += 1;
        }
        let due = opened.is_some_and(|at| at.elapsed() >= CUT) || read == task.events;
        if due && opened.take().is_some() {
            commit(&producer, &consumer, task, &next);
            let meter = first.get_or_insert_with(|| Meter::start(std::process::id(), read));
            if read == task.events {
                return meter.stop();
            }
            meter.note(read);
        }
    }
}

fn clients(task: &Task) -> (BaseConsumer, Copier) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &task.servers).set_log_level(rdkafka::config::RDKafkaLogLevel::Error);
    for (name, value) in SETTINGS {
        config.set(*name, *value);
    }
    let mut reading = config.clone();
    reading.set("group.id", &task.group).set("auto.offset.reset", "earliest").set("enable.auto.commit", "false");
    reading.set("enable.auto.offset.store", "false").set("isolation.level", "read_committed");
    let consumer: BaseConsumer = reading.create().expect("a consumer");
    consumer.subscribe(&[&task.source]).expect("a subscription");
    let mut writing = config;
    writing.set("transactional.id", &task.group).set("partitioner", "murmur2_random").set("delivery.report.only.error", "true");
    let producer: Copier = writing.create().expect("a producer");
    producer.init_transactions(Duration::from_secs(30)).expect("transactions");
    (consumer, producer)
}

fn send(producer: &Copier, task: &Task, message: &rdkafka::message::BorrowedMessage<'_>) {
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&task.sink);
    (record.key, record.payload, record.timestamp) = (message.key(), message.payload(), message.timestamp().to_millis());
    // The queue is full now and then; as in the proxy, a short pause.
    while let Err((_, returned)) = producer.send(record) {
        record = returned;
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn commit(producer: &Copier, consumer: &BaseConsumer, task: &Task, next: &BTreeMap<i32, i64>) {
    let mut offsets = TopicPartitionList::new();
    for (partition, next) in next {
        offsets.add_partition_offset(&task.source, *partition, Offset::Offset(*next)).expect("an offset");
    }
    let member = consumer.group_metadata().expect("a member");
    producer.send_offsets_to_transaction(&offsets, &member, Duration::from_secs(30)).expect("offsets");
    // SAFETY: the handle is valid while the producer is borrowed; a returned error is non-null and ends the bench.
    let error = unsafe { rdkafka_sys::rd_kafka_commit_transaction(producer.client().native_ptr(), -1) };
    assert!(error.is_null(), "a transaction commits");
}
