//! What delivery costs: how long a commit takes where little flows, and what exactly once costs where much does.

use super::cpu::Run;
use super::{Bench, between_commits, interval, kit, median, middle, number};
use kit::client::Input;
use kit::process::Privet;
use std::time::{Duration, Instant};

/// Records a second of the quiet stream: fewer than there are intervals, so that each comes after a lull and is a transaction
/// of its own.
const QUIET: u64 = 5;

/// One record after the other, `PRIVET_BENCH_SECONDS` (60) long: how long each transaction took, from its first record read
/// to its answer, and how long a record waited from being read to being committed.
pub(crate) fn commits(bench: &Bench) {
    let seconds = number("PRIVET_BENCH_SECONDS", 60);
    let privet = bench.start("quiet", "exactly_once", "latest");
    let (before, waited) = (Histogram::of(&privet, TRANSACTIONS), Histogram::of(&privet, LATENCY));
    let begun = Instant::now();
    let paced = (0..seconds * QUIET).map(|n| {
        std::thread::sleep((begun + Duration::from_millis(n * 1000 / QUIET)).saturating_duration_since(Instant::now()));
        Input { value: Some(bench.samples[n as usize % bench.samples.len()].clone()), ..Input::default() }
    });
    bench.kafka.produce(&bench.source, paced);
    std::thread::sleep(Duration::from_secs(1));
    for (what, before, after) in [
        ("a transaction", before, Histogram::of(&privet, TRANSACTIONS)),
        ("read to committed", waited, Histogram::of(&privet, LATENCY)),
    ] {
        let during = after.since(&before);
        println!("{what}: p50 {}, p99 {}, of {}", during.quantile(0.5), during.quantile(0.99), during.count());
    }
    bench.end(privet);
}

const TRANSACTIONS: &str = "privet_transaction_seconds";
const LATENCY: &str = "privet_latency_seconds";

/// Both guarantees over the same backlog, in turns.
pub(crate) fn guarantees(bench: &Bench) {
    let pairs = number("PRIVET_BENCH_PAIRS", 9);
    let (mut exact, mut least) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let mut run = |guarantee: &str| {
            let privet = bench.start(&format!("{guarantee}.{pair}"), guarantee, "earliest");
            let run = between_commits(privet.id(), bench.events, || privet.metric("privet_records_total", &[]) as u64);
            bench.end(privet);
            run
        };
        // Whoever goes second finds the broker's caches warmer: take turns.
        let order = if pair % 2 == 0 { ["exactly_once", "at_least_once"] } else { ["at_least_once", "exactly_once"] };
        let [first, second] = order.map(&mut run);
        let (once, more) = if pair % 2 == 0 { (first, second) } else { (second, first) };
        show(&format!("pair {:>2}:", pair + 1), once, more, once.rate / more.rate);
        exact.push(once);
        least.push(more);
    }
    let ratios: Vec<f64> = exact.iter().zip(&least).map(|(once, more)| once.rate / more.rate).collect();
    show("median: ", middle(&exact), middle(&least), median(ratios.clone()));
    let (low, high) = interval(ratios);
    println!("the median ratio lies between {low:.3} and {high:.3} (95 %, by order statistics)");
}

fn show(what: &str, exact: Run, least: Run, ratio: f64) {
    println!("{what} exactly once {:>9.0} events/s, at least once {:>9.0} events/s, ratio {ratio:.3}", exact.rate, least.rate);
}

/// Counts by upper bound, summed over series, as Prometheus shows them.
struct Histogram(Vec<(f64, f64)>);

impl Histogram {
    fn of(privet: &Privet, name: &str) -> Histogram {
        let (_, body) = privet.http("GET", "/metrics", &[]);
        let mut bounds: Vec<(f64, f64)> = Vec::new();
        for line in body.lines().filter(|line| line.starts_with(&format!("{name}_bucket"))) {
            let bound = line.split("le=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a bucket has a bound");
            let bound = bound.parse().unwrap_or(f64::INFINITY);
            let count: f64 = line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a bucket has a count");
            match bounds.iter_mut().find(|(known, _)| known.total_cmp(&bound).is_eq()) {
                Some((_, sum)) => *sum += count,
                None => bounds.push((bound, count)),
            }
        }
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        Histogram(bounds)
    }

    fn since(&self, before: &Histogram) -> Histogram {
        let of = |bound: f64| before.0.iter().find(|(known, _)| known.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count);
        Histogram(self.0.iter().map(|(bound, count)| (*bound, count - of(*bound))).collect())
    }

    fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The bucket that holds it.
    fn quantile(&self, share: f64) -> String {
        let rank = self.count() * share;
        let at = self.0.iter().position(|(_, count)| *count >= rank).unwrap_or(0);
        let milliseconds = |at: usize| self.0.get(at).map_or(0.0, |(bound, _)| bound * 1000.0);
        let from = at.checked_sub(1).map_or(0.0, milliseconds);
        format!("between {from} and {} ms", milliseconds(at))
    }
}
