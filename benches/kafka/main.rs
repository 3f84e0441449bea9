//! `privet run` beside a bare copy loop: one worker each, same broker, same topics, same settings, in turns.
//!
//! `make bench-kafka` starts Apache Kafka as the tests do, writes the reference workload "track" once, and lets both
//! sides read all of it, pair after pair. The bare loop copies every record unread to the sink's topic in
//! transactions of the same length, with the same quick commit; Privet judges, edits and writes. A rate runs from
//! the first commit to the last but one: neither start nor joining the group counts, nor who knows sooner that there is no more
//! to read. Beside it stands the processor time that the side's own process used for an event, all of its threads together.
//! `PRIVET_BENCH_EVENTS` (600000) and `PRIVET_BENCH_PAIRS` (15) change the size. `PRIVET_BENCH=commits` tells instead how long
//! commits take on a quiet stream, `PRIVET_BENCH=guarantees` what exactly once costs beside at least once,
//! `PRIVET_BENCH=scaling` how throughput moves with workers, partitions, sinks and the commit interval.
#![allow(missing_docs, clippy::print_stdout)]

#[path = "../../tests/kit/mod.rs"]
mod kit;

mod copy;
mod cpu;
mod delivery;
mod scaling;

use cpu::{Meter, Run};
use kit::broker::{Kafka, kafka};
use kit::client::Input;
use kit::process::Privet;
use privet::event::Timestamp;
use privet::keys::KeySet;
use privet::tooling::collector::Collector;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The allocator of the program, for the bare loop too: it gains a sixth by it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const POLICY: &str = include_str!("../../examples/benchmark/policy.yaml");
const PARTITIONS: i32 = 4;
const LIMIT: Duration = Duration::from_secs(300);
const LONG_ENOUGH: Duration = Duration::from_secs(10);

/// What both sides give librdkafka beyond its defaults.
pub(crate) const SETTINGS: &[(&str, &str)] = &[
    ("fetch.queue.backoff.ms", "20"),
    ("queued.max.messages.kbytes", "16384"),
    ("fetch.wait.max.ms", "100"),
    ("check.crcs", "true"),
    ("queue.buffering.max.kbytes", "65536"),
    ("queue.buffering.max.messages", "200000"),
    ("linger.ms", "10"),
    ("compression.type", "lz4"),
    ("transaction.timeout.ms", "10000"),
];

/// Between two cuts, on both sides.
pub(crate) const CUT: Duration = Duration::from_millis(100);

pub(crate) struct Bench {
    pub(crate) kafka: &'static Kafka,
    pub(crate) source: String,
    pub(crate) sink: String,
    pub(crate) events: u64,
    /// The first of them.
    pub(crate) samples: Vec<Vec<u8>>,
    dir: PathBuf,
    partitions: i32,
}

/// How a `privet run` is set up beyond the reference workload.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) workers: u64,
    pub(crate) partitions: u64,
    pub(crate) sinks: u64,
    /// Between two commits, in milliseconds.
    pub(crate) interval: u64,
}

fn main() {
    let mode = std::env::var("PRIVET_BENCH").unwrap_or_default();
    if mode == copy::MODE {
        return copy::main();
    }
    let Some(kafka) = kafka("bench-kafka") else { return };
    let events = number("PRIVET_BENCH_EVENTS", 600_000);
    if mode == "scaling" {
        return scaling::scaling(kafka, events);
    }
    let bench = Bench::new(kafka, events, PARTITIONS);
    match mode.as_str() {
        "commits" => return delivery::commits(&bench),
        "guarantees" => return delivery::guarantees(&bench),
        "" | "copy" => {}
        other => panic!("PRIVET_BENCH={other} is none of copy, commits, guarantees, scaling"),
    }
    let pairs = number("PRIVET_BENCH_PAIRS", 15);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!(
        "workload track, {} events, {pairs} pairs in turns; one worker each, {cores} cores shared with the broker",
        bench.events
    );
    let (mut privets, mut copies) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        // Whoever goes second finds the broker's caches warmer: take turns.
        let (privet, copy) = match pair % 2 {
            0 => (bench.privet(pair), copy::run(&bench, pair)),
            _ => {
                let copy = copy::run(&bench, pair);
                (bench.privet(pair), copy)
            }
        };
        show(&format!("pair {:>2}:", pair + 1), privet, copy, privet.rate / copy.rate);
        privets.push(privet);
        copies.push(copy);
    }
    let ratios: Vec<f64> = privets.iter().zip(&copies).map(|(privet, copy)| privet.rate / copy.rate).collect();
    show("median: ", middle(&privets), middle(&copies), median(ratios.clone()));
    let (low, high) = interval(ratios);
    println!("the median ratio lies between {low:.3} and {high:.3} (95 %, by order statistics)");
}

fn show(what: &str, privet: Run, copy: Run, ratio: f64) {
    println!(
        "{what} privet run {:>9.0} events/s ({:>5.2} µs), bare copy {:>9.0} events/s ({:>5.2} µs), ratio {ratio:.3}",
        privet.rate, privet.cost, copy.rate, copy.cost
    );
}

impl Bench {
    fn new(kafka: &'static Kafka, events: u64, partitions: i32) -> Bench {
        let name = format!("bench-{}-{partitions}", std::process::id());
        let (source, sink) = (format!("{name}.track"), format!("{name}.ads"));
        kafka.create_topics(&[&source, &sink], partitions);
        let dir = kit::temp_root().join(&name);
        std::fs::create_dir_all(&dir).expect("the bench's folder can be made");
        let policy = POLICY.replace("bench.track", &source).replace("bench.ads", &sink);
        std::fs::write(dir.join("policy.yaml"), policy).expect("the policy can be written");
        KeySet::generate().expect("keys").save_new(&dir.join("keys.yaml")).expect("the keys can be written");
        let at: Timestamp = Timestamp::now();
        let mut collector = Collector::new(1, 2_000);
        let (mut bytes, mut samples) = (0, Vec::new());
        let records = (0..events).map(|_| {
            let mut value = Vec::new();
            let key = collector.track_event(at, &mut value).key.to_vec();
            bytes += value.len();
            if samples.len() < 200 {
                samples.push(value.clone());
            }
            Input { key: Some(key), value: Some(value), headers: Vec::new(), timestamp: None, partition: None }
        });
        kafka.produce(&source, records);
        println!("{} bytes an event on average", bytes as u64 / events);
        Bench { kafka, source, sink, events, samples, dir, partitions }
    }

    /// A `privet run` of its own group, over all events.
    fn privet(&self, pair: u64) -> Run {
        let privet = self.start(&pair.to_string(), "exactly_once", "earliest");
        let run = between_commits(privet.id(), self.events, || privet.metric("privet_records_total", &[]) as u64);
        self.end(privet);
        run
    }

    /// A `privet run` of that shape and a group of its own, over all events; each sink has keys, and so bytes, of its own.
    pub(crate) fn shaped(&self, shape: &Shape) -> Run {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let name = format!("shaped.{}", RUNS.fetch_add(1, Ordering::Relaxed));
        let topics: Vec<String> = (0..shape.sinks).map(|sink| format!("{}.{name}.{sink}", self.sink)).collect();
        self.kafka.create_topics(&topics.iter().map(String::as_str).collect::<Vec<_>>(), self.partitions);
        let (head, sink) = POLICY.split_once("sinks:\n").expect("the policy has sinks");
        let mut policy = head.replace("bench.track", &self.source) + "sinks:\n";
        for (number, topic) in topics.iter().enumerate() {
            policy += &sink.replace("  ads:\n", &format!("  ads{number}:\n")).replace("bench.ads", topic);
        }
        std::fs::write(self.dir.join("shaped.yaml"), policy).expect("the policy can be written");
        let privet = self.launch(&name, "exactly_once", "earliest", "shaped.yaml", shape);
        let run = between_commits(privet.id(), self.events, || privet.metric("privet_records_total", &[]) as u64);
        self.end(privet);
        run
    }

    /// Starts one whose group has this name, and waits until it is ready.
    pub(crate) fn start(&self, name: &str, guarantee: &str, from: &str) -> Privet {
        let shape = Shape { workers: 1, partitions: self.partitions as u64, sinks: 1, interval: CUT.as_millis() as u64 };
        self.launch(name, guarantee, from, "policy.yaml", &shape)
    }

    fn launch(&self, name: &str, guarantee: &str, from: &str, policy: &str, shape: &Shape) -> Privet {
        let admin = kit::free_port();
        let Shape { workers, interval, .. } = shape;
        let mut config = format!(
            "policy: {policy}\nkeys: {{provider: file, path: keys.yaml}}\ngroup: {}.{name}\ninstance: bench\nworkers: {workers}\n\
             guarantee: {guarantee}\ncommit: {{interval: {interval}ms}}\nadmin: {{listen: \"127.0.0.1:{admin}\"}}\nlog: {{level: info}}\n\
             kafka:\n  bootstrap.servers: \"{}\"\n",
            self.source, self.kafka.bootstrap
        );
        // A second worker of a group hears within a heartbeat that it is wanted; by then all would be done.
        for (name, value) in SETTINGS.iter().chain(&[("heartbeat.interval.ms", "300")]) {
            config.push_str(&format!("  {name}: \"{value}\"\n"));
        }
        let path = self.dir.join("privet.yaml");
        std::fs::write(&path, config).expect("the configuration can be written");
        let log = self.dir.join(format!("privet.{name}.log"));
        let mut privet = Privet::start(&path, admin, &log, &["--from", from], &[]);
        privet.wait_ready();
        privet
    }

    pub(crate) fn end(&self, mut privet: Privet) {
        assert!(privet.terminate().0.success(), "privet ends well:\n{}", privet.log());
    }
}

/// From the first commit that is seen to the last before all is done, or ten seconds have gone.
pub(crate) fn between_commits(process: u32, events: u64, done: impl Fn() -> u64) -> Run {
    let begun = Instant::now();
    let mut first = None;
    loop {
        let count = done();
        if count > 0 {
            let meter: &mut Meter = first.get_or_insert_with(|| Meter::start(process, count));
            if count >= events || meter.has_run_for(LONG_ENOUGH) {
                return meter.stop();
            }
            meter.note(count);
        }
        assert!(begun.elapsed() < LIMIT, "{count} of {events} events after {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}

pub(crate) fn middle(runs: &[Run]) -> Run {
    let of = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
    Run { rate: of(|run| run.rate), cost: of(|run| run.cost) }
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Between which of the sorted numbers the median lies with 95 % certainty: as many heads as tails, by the normal
/// approximation of the binomial; all of them where they are few.
pub(crate) fn interval(mut numbers: Vec<f64>) -> (f64, f64) {
    numbers.sort_by(f64::total_cmp);
    let count = numbers.len() as f64;
    let low = (count / 2.0 - 0.98 * count.sqrt()).floor().max(0.0) as usize;
    (numbers[low], numbers[numbers.len() - 1 - low])
}
