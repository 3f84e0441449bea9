//! Every series of the process, held by the recorder of `metrics-exporter-prometheus`; made from the table of names, so
//! that help, buckets and label keys come from there.
//!
//! The recorder is our own and not the global one: nothing but the handles made here can write to it. Two things that
//! it does not do are done here. A histogram of it keeps each observation until its upkeep sums them up, so a
//! [`Histogram`] here calls for that as soon as too many wait. And it cannot be read back, so what the status and the
//! ratio need is counted a second time beside it, in a [`Counted`].

use super::names::{CounterOf, GaugeOf, HistogramOf, Kind, TABLE};
use metrics::{Counter, Gauge, Key, KeyName, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Observations that may wait for the upkeep: 16 bytes each, and well below a millisecond to sum up.
const WAITING: usize = 1 << 14;

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);

/// The values of one series' labels, in the order of the table.
pub(super) type Values = Box<[Box<str>]>;

/// All series. Making a handle takes a lock; using one does not.
pub(super) struct Series {
    recorder: PrometheusRecorder,
    upkeep: Arc<Upkeep>,
    sums: Mutex<BTreeMap<(&'static str, Values), Arc<AtomicU64>>>,
}

impl Series {
    /// No series yet, all of the table described.
    pub(super) fn new() -> Series {
        let buckets = TABLE.iter().fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
            Kind::Counter | Kind::Gauge => builder,
            Kind::Histogram(bounds) => {
                let name = Matcher::Full(metric.name.to_owned());
                builder.set_buckets_for_metric(name, bounds).expect("a test holds that the table's bounds are not empty")
            }
        });
        let recorder = buckets.build_recorder();
        for metric in &TABLE {
            let (name, help) = (KeyName::from_const_str(metric.name), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram(_) => recorder.describe_histogram(name, None, help),
            }
        }
        let upkeep = Arc::new(Upkeep { handle: recorder.handle(), waiting: AtomicUsize::new(0) });
        Series { recorder, upkeep, sums: Mutex::default() }
    }

    /// The counter of those label values.
    pub(super) fn counter<const N: usize>(&self, of: &'static CounterOf<N>, values: [&str; N]) -> Counter {
        self.recorder.register_counter(&key(of.name, &of.labels, &values), &METADATA)
    }

    /// The counter of those label values, to be read back as well.
    pub(super) fn counted<const N: usize>(&self, of: &'static CounterOf<N>, values: [&str; N]) -> Counted {
        let own = (of.name, values.iter().map(|value| Box::from(*value)).collect());
        let sum = self.sums.lock().unwrap_or_else(PoisonError::into_inner).entry(own).or_default().clone();
        Counted { shown: self.counter(of, values), sum }
    }

    /// The gauge of those label values.
    pub(super) fn gauge<const N: usize>(&self, of: &'static GaugeOf<N>, values: [&str; N]) -> Gauge {
        self.recorder.register_gauge(&key(of.name, &of.labels, &values), &METADATA)
    }

    /// The histogram of those label values.
    pub(super) fn histogram<const N: usize>(&self, of: &'static HistogramOf<N>, values: [&str; N]) -> Histogram {
        let observations = self.recorder.register_histogram(&key(of.name, &of.labels, &values), &METADATA);
        Histogram { observations, upkeep: self.upkeep.clone() }
    }

    /// The label values and the sums of what was made by [`Series::counted`]; sorted.
    pub(super) fn sums<const N: usize>(&self, of: &'static CounterOf<N>) -> Vec<(Values, u64)> {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let of_name = sums.iter().filter(|((name, _), _)| *name == of.name);
        of_name.map(|((_, values), sum)| (values.clone(), sum.load(Ordering::Relaxed))).collect()
    }

    /// Everything in Prometheus' text exposition format 0.0.4. What waits is summed up first.
    pub(super) fn render(&self) -> String {
        self.upkeep.run();
        self.upkeep.handle.render()
    }
}

/// A counter that can also be read.
#[derive(Clone)]
pub(super) struct Counted {
    shown: Counter,
    sum: Arc<AtomicU64>,
}

impl Counted {
    /// Adds to it.
    pub(super) fn increment(&self, count: u64) {
        self.shown.increment(count);
        self.sum.fetch_add(count, Ordering::Relaxed);
    }
}

/// Observations counted by upper bound.
#[derive(Clone)]
pub(super) struct Histogram {
    observations: metrics::Histogram,
    upkeep: Arc<Upkeep>,
}

impl Histogram {
    /// Adds `count` observations of one value, in seconds.
    pub(super) fn record_many(&self, seconds: f64, count: usize) {
        self.observations.record_many(seconds, count);
        self.upkeep.wait(count);
    }
}

/// Sums up observations before they pile up, on the thread that made the last of them: so their number is bounded even
/// where nobody scrapes.
struct Upkeep {
    handle: PrometheusHandle,
    waiting: AtomicUsize,
}

impl Upkeep {
    fn wait(&self, count: usize) {
        if self.waiting.fetch_add(count, Ordering::Relaxed) + count >= WAITING {
            self.run();
        }
    }

    fn run(&self) {
        self.waiting.store(0, Ordering::Relaxed);
        self.handle.run_upkeep();
    }
}

fn key(name: &'static str, labels: &[&'static str], values: &[&str]) -> Key {
    let labels: Vec<Label> = labels.iter().zip(values).map(|(label, value)| Label::new(*label, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}

#[cfg(test)]
mod tests {
    use super::super::names::{DECISIONS, LAG, TRANSACTION_SECONDS};
    use super::*;

    fn lines(series: &Series, name: &str) -> Vec<String> {
        series.render().lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
    }

    #[test]
    fn counters_of_equal_labels_are_one() {
        let series = Series::new();
        let values = ["web", "ads", "drop", "no_consent"];
        series.counted(&DECISIONS, values).increment(2);
        series.counted(&DECISIONS, values).increment(3);
        let expected = r#"privet_decisions_total{stream="web",sink="ads",outcome="drop",reason="no_consent"} 5"#;
        assert_eq!(lines(&series, "privet_decisions_total"), [expected]);
        assert_eq!(series.sums(&DECISIONS), [(values.map(Box::from).into(), 5)]);
    }

    #[test]
    fn what_is_shown_has_the_help_and_the_kind_of_the_table() {
        let series = Series::new();
        series.histogram(&TRANSACTION_SECONDS, []).record_many(1.0, 1);
        let expected = [
            "# HELP privet_transaction_seconds From a transaction's first record to its end.",
            "# TYPE privet_transaction_seconds histogram",
        ];
        assert_eq!(lines(&series, "# "), expected);
    }

    #[test]
    fn buckets_are_cumulative_and_their_bounds_inclusive() {
        let series = Series::new();
        let histogram = series.histogram(&TRANSACTION_SECONDS, []);
        histogram.record_many(0.25, 4);
        histogram.record_many(60.0, 1);
        let shown = lines(&series, "privet_transaction_seconds");
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="0.1"} 0"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="0.25"} 4"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="15"} 4"#.to_owned()));
        assert!(shown.contains(&r#"privet_transaction_seconds_bucket{le="+Inf"} 5"#.to_owned()));
        assert!(shown.contains(&"privet_transaction_seconds_sum 61".to_owned()));
        assert!(shown.contains(&"privet_transaction_seconds_count 5".to_owned()));
    }

    #[test]
    fn observations_do_not_pile_up_where_nobody_scrapes() {
        let series = Series::new();
        let histogram = series.histogram(&TRANSACTION_SECONDS, []);
        for _ in 0..10 * WAITING {
            histogram.record_many(0.5, 1);
            assert!(series.upkeep.waiting.load(Ordering::Relaxed) < WAITING);
        }
        let expected = format!("privet_transaction_seconds_count {}", 10 * WAITING);
        assert_eq!(lines(&series, "privet_transaction_seconds_count"), [expected]);
    }

    #[test]
    fn a_label_value_cannot_break_out_of_its_quotes() {
        let series = Series::new();
        series.gauge(&LAG, ["a\"b\\c\nd", "0"]).set(7.0);
        assert_eq!(lines(&series, "privet_lag"), [r#"privet_lag_records{topic="a\"b\\c\nd",partition="0"} 7"#]);
        for hostile in ["\\", "\\\"", "\\\n\"", "\\\\\"", "\"} 1\nprivet_ready 1"] {
            let series = Series::new();
            series.gauge(&LAG, [hostile, "0"]).set(7.0);
            let shown = series.render();
            let mut value = shown.lines().nth(2).unwrap().strip_prefix(r#"privet_lag_records{topic=""#).unwrap().chars();
            while let Some(character) = value.next().filter(|character| *character != '"') {
                if character == '\\' {
                    value.next();
                }
            }
            assert_eq!(value.as_str(), r#",partition="0"} 7"#, "{hostile:?} in {shown}");
        }
    }
}
