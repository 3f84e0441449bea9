//! How long a withdrawal takes until nothing judged without it is committed any more: as a reader of the sink sees it, and as the process
//! says it. A thousand people withdraw every second beside a stream of events.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use super::SOON;
use super::kit::broker::{Kafka, kafka};
use super::kit::client::Input;
use super::kit::fixture::{PEOPLE, Scene, input};
use super::kit::process::Privet;
use super::ledger::{PATIENCE, about, asked_of_the_ledger, row};

/// Of whom there are events, all the time.
const WATCHED: u64 = 20;

/// Between two events of one of them: how exactly the end of what is released can be seen.
const EVERY: Duration = Duration::from_millis(10);

/// They stay withdrawn, and then granted, for so long.
const HALF: Duration = Duration::from_millis(800);

/// The flood of the others.
const A_SECOND: u64 = 1_000;

fn client(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.bootstrap).set_log_level(RDKafkaLogLevel::Critical);
    config.set("enable.idempotence", "true").set("linger.ms", "0").set("partitioner", "murmur2_random");
    config
}

fn send(producer: &BaseProducer, topic: &str, record: &Input) {
    let (key, value) = (record.key.as_deref().expect("a key"), record.value.as_deref().expect("a value"));
    producer.send(BaseRecord::to(topic).key(key).payload(value)).map_err(|(error, _)| error).expect("a record is taken");
    producer.poll(Duration::ZERO);
}

/// Writes until it is asked to stop: events of the watched, and withdrawals of others.
fn feed(scene: &Scene, stop: &AtomicBool) {
    let producer: BaseProducer = client(scene.kafka).create().expect("a producer can be made");
    let (source, consent, begun) = (scene.topic("source"), scene.topic("consent"), Instant::now());
    let mut strangers = 0;
    for round in 1.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        (0..WATCHED).for_each(|person| send(&producer, &source, &input(round * PEOPLE + person)));
        while strangers < begun.elapsed().as_millis() as u64 * A_SECOND / 1_000 {
            send(&producer, &consent, &row(&format!("stranger{strangers}"), 1, "withdrawn"));
            strangers += 1;
        }
        std::thread::sleep(EVERY);
    }
    producer.flush(PATIENCE).expect("everything is written");
}

/// The number of an event, without reading the rest: a reader that lags would see too late.
fn quick_seq_of(value: &[u8]) -> u64 {
    let at = value.windows(6).position(|part| part == b"\"seq\":").expect("every event has its number") + 6;
    value[at..].iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |number, byte| number * 10 + u64::from(byte - b'0'))
}

/// Notes who reaches the sink at which moment, as a reader of committed records sees it.
fn watch(scene: &Scene, stop: &AtomicBool, seen: &Mutex<BTreeMap<u64, Vec<Instant>>>) {
    let mut config = client(scene.kafka);
    config.set("group.id", "watch").set("isolation.level", "read_committed").set("fetch.wait.max.ms", "5");
    let consumer: BaseConsumer = config.create().expect("a consumer can be made");
    let mut places = TopicPartitionList::new();
    for partition in scene.kafka.partitions(&scene.topic("ads")) {
        places.add_partition_offset(&scene.topic("ads"), partition, Offset::End).expect("an offset");
    }
    consumer.assign(&places).expect("assigned");
    while !stop.load(Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(5)) else { continue };
        let now = Instant::now();
        let person = quick_seq_of(message.payload().expect("a value")) % PEOPLE;
        seen.lock().expect("nobody panicked").entry(person).or_default().push(now);
    }
}

/// The cumulative histogram of the process: upper bound → how many.
fn exported(privet: &Privet) -> Vec<(f64, f64)> {
    let (_, text) = privet.http("GET", "/metrics", &[]);
    let buckets = text.lines().filter_map(|line| line.strip_prefix("privet_consent_enforcement_seconds_bucket{le=\""));
    let bucket = |line: &str| {
        let (bound, count) = line.split_once("\"} ")?;
        Some((if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? }, count.parse().ok()?))
    };
    buckets.filter_map(bucket).collect()
}

/// The 99th percentile as Prometheus takes it: straight between two bounds.
fn p99(buckets: &[(f64, f64)]) -> f64 {
    let wanted = buckets.last().map_or(0.0, |(_, all)| all * 0.99);
    let mut before = (0.0, 0.0);
    for &(bound, count) in buckets {
        if count >= wanted {
            return before.0 + (bound - before.0) * (wanted - before.1) / (count - before.1).max(1.0);
        }
        before = (bound, count);
    }
    f64::INFINITY
}

/// What a run came to.
struct Measured {
    /// The delays that were seen, in order.
    delays: Vec<Duration>,
    /// The histogram that was exported meanwhile.
    buckets: Vec<(f64, f64)>,
}

/// Runs it for a time.
fn measure(test: &str, time: Duration) -> Option<Measured> {
    let kafka = kafka("kafka")?;
    let scene = asked_of_the_ledger(kafka, test);
    let (consent, source) = (scene.topic("consent"), scene.topic("source"));
    kafka.produce(&consent, (0..WATCHED).map(|person| about(person, 1, "granted")));
    let mut privet = scene.run();
    scene.produce(0..WATCHED);
    kafka.wait_drained(&scene.group(), &source, SOON);
    let (stop, seen) = (AtomicBool::new(false), Mutex::new(BTreeMap::new()));
    let mut withdrawn: Vec<(u64, Instant, Instant)> = Vec::new();
    let before = std::thread::scope(|threads| {
        threads.spawn(|| feed(&scene, &stop));
        threads.spawn(|| watch(&scene, &stop, &seen));
        // What a cold start costs is no part of it.
        std::thread::sleep(Duration::from_secs(2));
        let before = exported(&privet);
        let producer: BaseProducer = client(kafka).create().expect("a producer can be made");
        let (begun, mut version, mut due) = (Instant::now(), 1, VecDeque::new());
        let pause = HALF * 2 / WATCHED as u32;
        let mut person = 0;
        while begun.elapsed() < time || !due.is_empty() {
            while let Some((who, since)) = due.front().copied().filter(|(_, since): &(u64, Instant)| since.elapsed() >= HALF) {
                due.pop_front();
                version += 1;
                withdrawn.push((who, since, Instant::now()));
                send(&producer, &consent, &about(who, version, "granted"));
            }
            if begun.elapsed() < time {
                version += 1;
                // The record's own time is that of this moment, and what is exported is measured from it.
                due.push_back((person, Instant::now()));
                send(&producer, &consent, &about(person, version, "withdrawn"));
                person = (person + 1) % WATCHED;
            }
            producer.poll(pause);
            std::thread::sleep(pause / 2);
        }
        producer.flush(PATIENCE).expect("everything is written");
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        before
    });
    let after = exported(&privet);
    assert!(privet.terminate().0.success());
    let seen = seen.into_inner().expect("nobody panicked");
    let delay = |(who, since, until): &(u64, Instant, Instant)| {
        let late = seen.get(who).into_iter().flatten().filter(|at| *at > since && *at < until).max();
        late.map_or(Duration::ZERO, |at| *at - *since)
    };
    let mut delays: Vec<Duration> = withdrawn.iter().map(delay).collect();
    delays.sort_unstable();
    let buckets = after.iter().zip(&before).map(|((bound, after), (_, before))| (*bound, after - before)).collect();
    Some(Measured { delays, buckets })
}

/// The short form: how long it takes depends on what else this machine does, that it ends does not.
#[test]
fn a_thousand_withdrawals_a_second_are_enforced_and_counted() {
    let Some(Measured { delays, buckets }) = measure("ledger-flood", Duration::from_secs(4)) else { return };
    assert!(delays.len() >= 20, "{} withdrawals of people who have events", delays.len());
    assert!(delays.iter().all(|delay| *delay < HALF), "somebody got events until they agreed again: {delays:?}");
    let counted = buckets.last().expect("a histogram").1;
    assert!(counted >= 2_000.0, "{counted} withdrawals were measured");
    assert!(p99(&buckets).is_finite());
}

/// The long form: what is exported is what is seen. `PRIVET_BOUND_SECONDS` says for how long.
#[test]
#[ignore = "a measurement: cargo test --release --test kafka -- --ignored --nocapture agrees_with"]
fn what_is_exported_agrees_with_what_is_seen() {
    let seconds = std::env::var("PRIVET_BOUND_SECONDS").ok().map_or(60, |number| number.parse().expect("a number"));
    let Some(Measured { delays, buckets }) = measure("ledger-agrees", Duration::from_secs(seconds)) else { return };
    let (seen, exported) = (delays[delays.len() * 99 / 100].as_secs_f64(), p99(&buckets));
    eprintln!(
        "{} seen, median {:.0} ms, 99th percentile {:.0} ms, most {:.0} ms; {} exported, 99th percentile {:.0} ms",
        delays.len(),
        delays[delays.len() / 2].as_secs_f64() * 1e3,
        seen * 1e3,
        delays.last().expect("some").as_secs_f64() * 1e3,
        buckets.last().expect("a histogram").1,
        exported * 1e3
    );
    assert!((exported - seen).abs() <= 0.1 * exported, "{exported} s exported, {seen} s seen");
}
