//! The values behind the metric names: atomics that workers add to, and the text that Prometheus reads.
//!
//! Small and our own because a worker counts by itself and hands its sums over at a cut (a histogram takes `n` equal
//! observations at once and keeps nothing but its buckets), and because series of an old policy or of a partition
//! that went elsewhere must end. `docs/decisions/0004-metrics-registry.md` has the comparison.

use super::names::{CounterOf, GaugeOf, HistogramOf, Kind, Metric, TABLE};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number that only grows.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Clone, Default)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Observations counted by upper bound.
#[derive(Clone)]
pub struct Histogram(Arc<Buckets>);

struct Buckets {
    bounds: &'static [f64],
    /// One more than `bounds`: the last has no bound.
    counts: Box<[AtomicU64]>,
    /// The bits of an `f64`.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Histogram {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Histogram(Arc::new(Buckets { bounds, counts, sum: AtomicU64::new(0) }))
    }

    /// Adds `count` observations of one value, in seconds.
    pub fn observe(&self, seconds: f64, count: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < seconds);
        self.0.counts[bucket].fetch_add(count, Ordering::Relaxed);
        let add = |bits| Some((f64::from_bits(bits) + seconds * count as f64).to_bits());
        // `add` never answers `None`, so that the update always succeeds.
        let _ = self.0.sum.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// How many observations there were.
    pub fn count(&self) -> u64 {
        self.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

/// The values of one series' labels, in the order of the table.
type Values = Box<[Box<str>]>;
type Series<H> = Mutex<BTreeMap<(&'static str, Values), H>>;

/// All series. Making a handle takes a lock; using one does not.
#[derive(Default)]
pub(super) struct Registry {
    counters: Series<Counter>,
    gauges: Series<Gauge>,
    histograms: Series<Histogram>,
}

impl Registry {
    /// The counter of those label values.
    pub(super) fn counter<const N: usize>(&self, of: &'static CounterOf<N>, values: [&str; N]) -> Counter {
        locked(&self.counters).entry(key(of.name, &values)).or_default().clone()
    }

    /// The gauge of those label values.
    pub(super) fn gauge<const N: usize>(&self, of: &'static GaugeOf<N>, values: [&str; N]) -> Gauge {
        locked(&self.gauges).entry(key(of.name, &values)).or_default().clone()
    }

    /// The histogram of those label values.
    pub(super) fn histogram<const N: usize>(&self, of: &'static HistogramOf<N>, values: [&str; N]) -> Histogram {
        locked(&self.histograms).entry(key(of.name, &values)).or_insert_with(|| Histogram::new(of.bounds)).clone()
    }

    /// Ends one series of a gauge.
    pub(super) fn end_gauge<const N: usize>(&self, of: &'static GaugeOf<N>, values: [&str; N]) {
        locked(&self.gauges).remove(&key(of.name, &values));
    }

    /// Ends every series of a gauge.
    pub(super) fn end_gauges<const N: usize>(&self, of: &'static GaugeOf<N>) {
        locked(&self.gauges).retain(|(name, _), _| *name != of.name);
    }

    /// The label values and the sums of a counter.
    pub(super) fn counted<const N: usize>(&self, of: &'static CounterOf<N>) -> Vec<(Values, u64)> {
        let counters = locked(&self.counters);
        counters
            .iter()
            .filter(|((name, _), _)| *name == of.name)
            .map(|((_, values), counter)| (values.clone(), counter.get()))
            .collect()
    }

    /// Everything in Prometheus' text exposition format 0.0.4, sorted.
    pub(super) fn render(&self) -> String {
        let mut out = String::with_capacity(16 << 10);
        for metric in &TABLE {
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "# HELP {} {}\n# TYPE {} {}", metric.name, metric.help, metric.name, metric.kind.as_str());
            match metric.kind {
                Kind::Counter => each(&self.counters, metric, |values, counter| {
                    line(&mut out, metric, "", values, None, counter.get());
                }),
                Kind::Gauge => each(&self.gauges, metric, |values, gauge| {
                    line(&mut out, metric, "", values, None, Number(gauge.get()));
                }),
                Kind::Histogram(_) => each(&self.histograms, metric, |values, histogram| {
                    render_histogram(&mut out, metric, values, histogram);
                }),
            }
        }
        out
    }
}

fn each<H: Clone>(series: &Series<H>, metric: &Metric, mut write: impl FnMut(&Values, &H)) {
    for ((_, values), handle) in locked(series).iter().filter(|((name, _), _)| *name == metric.name) {
        write(values, handle);
    }
}

fn render_histogram(out: &mut String, metric: &Metric, values: &Values, histogram: &Histogram) {
    let mut below = 0;
    for (index, count) in histogram.0.counts.iter().enumerate() {
        below += count.load(Ordering::Relaxed);
        let bound = histogram.0.bounds.get(index).copied().unwrap_or(f64::INFINITY);
        line(out, metric, "_bucket", values, Some(bound), below);
    }
    line(out, metric, "_sum", values, None, Number(f64::from_bits(histogram.0.sum.load(Ordering::Relaxed))));
    line(out, metric, "_count", values, None, below);
}

fn line(out: &mut String, metric: &Metric, suffix: &str, values: &Values, bound: Option<f64>, number: impl Display) {
    let _ = write!(out, "{}{suffix}", metric.name);
    let mut between = '{';
    for (label, value) in metric.labels.iter().zip(values) {
        let _ = write!(out, "{between}{label}=\"");
        escape(out, value);
        out.push('"');
        between = ',';
    }
    if let Some(bound) = bound {
        let _ = write!(out, "{between}le=\"{}\"", Number(bound));
        between = ',';
    }
    if between == ',' {
        out.push('}');
    }
    let _ = writeln!(out, " {number}");
}

/// A label value may hold anything; three characters are escaped in it.
fn escape(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

/// A number as Prometheus spells it.
struct Number(f64);

impl Display for Number {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == f64::INFINITY { out.write_str("+Inf") } else { write!(out, "{}", self.0) }
    }
}

fn key(name: &'static str, values: &[&str]) -> (&'static str, Values) {
    (name, values.iter().map(|value| Box::from(*value)).collect())
}

/// A panic elsewhere does not make numbers worse.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::names::{DECISIONS, LAG, TRANSACTION_SECONDS};
    use super::*;

    fn lines(registry: &Registry, name: &str) -> Vec<String> {
        registry.render().lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    #[test]
    fn counters_of_equal_labels_are_one() {
        let registry = Registry::default();
        let values = ["web", "ads", "drop", "no_consent"];
        registry.counter(&DECISIONS, values).add(2);
        registry.counter(&DECISIONS, values).add(3);
        let expected = r#"privet_decisions_total{stream="web",sink="ads",outcome="drop",reason="no_consent"} 5"#;
        assert_eq!(lines(&registry, "privet_decisions_total"), [expected]);
    }

    #[test]
    fn buckets_are_cumulative_and_their_bounds_inclusive() {
        let registry = Registry::default();
        let histogram = registry.histogram(&TRANSACTION_SECONDS, []);
        histogram.observe(0.1, 4);
        histogram.observe(60.0, 1);
        let shown = lines(&registry, "privet_transaction_seconds");
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="0.05"} 0"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="0.1"} 4"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="15"} 4"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="+Inf"} 5"#.to_owned()));
        assert!(shown.contains(&"privet_transaction_seconds_sum 60.4".to_owned()));
        assert!(shown.contains(&"privet_transaction_seconds_count 5".to_owned()));
    }

    #[test]
    fn a_label_value_cannot_break_out_of_its_quotes() {
        let registry = Registry::default();
        registry.gauge(&LAG, ["a\"b\\c\nd", "0"]).set(7.0);
        assert_eq!(lines(&registry, "privet_lag"), [r#"privet_lag_records{topic="a\"b\\c\nd",partition="0"} 7"#]);
    }

    #[test]
    fn an_ended_series_is_not_shown() {
        let registry = Registry::default();
        registry.gauge(&LAG, ["events", "0"]).set(1.0);
        registry.gauge(&LAG, ["events", "1"]).set(2.0);
        registry.end_gauge(&LAG, ["events", "0"]);
        assert_eq!(lines(&registry, "privet_lag"), [r#"privet_lag_records{topic="events",partition="1"} 2"#]);
        registry.end_gauges(&LAG);
        assert!(lines(&registry, "privet_lag").is_empty());
    }
}
