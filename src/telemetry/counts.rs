//! What one worker counts between two cuts: plain numbers in its own memory, handed over when the transaction commits
//! and forgotten when it aborts, so that the sums say what sinks can read, each record once.

use super::meters::Telemetry;
use super::names::{DECISIONS, FIELDS, LATENCY, QUARANTINED, RECORD_BYTES, RECORDS, RELEASED_BYTES};
use super::series::{Counted, Histogram};
use crate::event::{RuleId, SinkId, StreamId};
use crate::outcome::{Outcome, Reason};
use metrics::Counter;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How finely the time of reading is kept: well below the first bound at which a cut can matter.
const TICK: Duration = Duration::from_millis(2);

/// Ticks of one batch. A batch is cut every 100 ms; what is read after the last tick counts as read at it, which makes
/// the latency of a batch that is cut late look longer, never shorter.
const TICKS: usize = 64;

/// The names behind the ids of one plan; the only label values besides the words of outcome and reason.
#[derive(Clone, Debug, Default)]
pub struct PlanNames {
    /// By [`StreamId`].
    pub streams: Vec<Box<str>>,
    /// By [`SinkId`].
    pub sinks: Vec<Box<str>>,
    /// By [`RuleId`]: the class and the transform.
    pub rules: Vec<(Box<str>, &'static str)>,
}

/// One worker's counts under one plan. Counting neither allocates nor locks.
pub struct LocalCounts {
    telemetry: Arc<Telemetry>,
    names: PlanNames,
    records: Vec<u64>,
    record_bytes: Vec<u64>,
    released_bytes: Vec<u64>,
    /// By stream, sink, outcome, reason.
    decisions: Vec<u64>,
    /// By sink, rule.
    fields: Vec<u64>,
    ticks: Vec<Instant>,
    /// Released records by tick, sink.
    released: Vec<usize>,
    handles: Handles,
}

/// The shared counters; those of rare label values are made when they are first needed, at a cut.
struct Handles {
    records: Vec<Counter>,
    record_bytes: Vec<Counted>,
    released_bytes: Vec<Counted>,
    latency: Vec<Histogram>,
    decisions: Vec<Option<Counted>>,
    fields: Vec<Option<Counter>>,
    quarantined: Vec<Option<Counter>>,
}

impl LocalCounts {
    /// Counts at zero for the plan with those names.
    pub fn new(telemetry: Arc<Telemetry>, names: PlanNames) -> LocalCounts {
        let (streams, sinks) = (names.streams.len(), names.sinks.len());
        let decisions = streams * sinks * Outcome::ALL.len() * Reason::ALL.len();
        let fields = sinks * names.rules.len();
        let series = &telemetry.series;
        let handles = Handles {
            records: names.streams.iter().map(|stream| series.counter(&RECORDS, [stream])).collect(),
            record_bytes: names.streams.iter().map(|stream| series.counted(&RECORD_BYTES, [stream])).collect(),
            released_bytes: names.sinks.iter().map(|sink| series.counted(&RELEASED_BYTES, [sink])).collect(),
            latency: names.sinks.iter().map(|sink| series.histogram(&LATENCY, [sink])).collect(),
            decisions: vec![None; decisions],
            fields: vec![None; fields],
            quarantined: vec![None; Reason::ALL.len()],
        };
        LocalCounts {
            records: vec![0; streams],
            record_bytes: vec![0; streams],
            released_bytes: vec![0; sinks],
            decisions: vec![0; decisions],
            fields: vec![0; fields],
            ticks: Vec::with_capacity(TICKS),
            released: vec![0; TICKS * sinks],
            telemetry,
            names,
            handles,
        }
    }

    /// One record of a stream was read, its value so long, at that time.
    pub fn record(&mut self, stream: StreamId, value_bytes: usize, read: Instant) {
        self.records[stream.index()] += 1;
        self.record_bytes[stream.index()] += value_bytes as u64;
        let due = self.ticks.last().is_none_or(|last| read.saturating_duration_since(*last) >= TICK);
        if due && self.ticks.len() < TICKS {
            self.ticks.push(read);
        }
    }

    /// The record last read ended so for a sink, with so many bytes of value released to it (0 for none).
    pub fn decision(&mut self, stream: StreamId, sink: SinkId, outcome: Outcome, reason: Reason, released_bytes: usize) {
        let at = self.decision_index(stream, sink, outcome, reason);
        self.decisions[at] += 1;
        if outcome.releases() {
            self.released_bytes[sink.index()] += released_bytes as u64;
            let tick = self.ticks.len().saturating_sub(1);
            self.released[tick * self.names.sinks.len() + sink.index()] += 1;
        }
    }

    /// A rule treated so many fields of a record released to a sink.
    pub fn fields(&mut self, sink: SinkId, rule: RuleId, count: u64) {
        self.fields[sink.index() * self.names.rules.len() + rule.index()] += count;
    }

    /// Hands everything over: the transaction was committed at that time.
    pub fn commit(&mut self, committed: Instant) {
        hand_over(&mut self.records, &self.handles.records, Counter::increment);
        hand_over(&mut self.record_bytes, &self.handles.record_bytes, Counted::increment);
        hand_over(&mut self.released_bytes, &self.handles.released_bytes, Counted::increment);
        self.hand_over_decisions();
        self.hand_over_fields();
        self.hand_over_latency(committed);
    }

    /// Forgets everything since the last cut: the transaction was aborted, and its records are read again.
    pub fn abort(&mut self) {
        self.records.fill(0);
        self.record_bytes.fill(0);
        self.released_bytes.fill(0);
        self.decisions.fill(0);
        self.fields.fill(0);
        self.ticks.clear();
        self.released.fill(0);
    }

    fn decision_index(&self, stream: StreamId, sink: SinkId, outcome: Outcome, reason: Reason) -> usize {
        let pair = stream.index() * self.names.sinks.len() + sink.index();
        (pair * Outcome::ALL.len() + outcome as usize) * Reason::ALL.len() + reason as usize
    }

    fn hand_over_decisions(&mut self) {
        for (at, count) in self.decisions.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            let (rest, reason) = (at / Reason::ALL.len(), Reason::ALL[at % Reason::ALL.len()]);
            let (pair, outcome) = (rest / Outcome::ALL.len(), Outcome::ALL[rest % Outcome::ALL.len()]);
            let handle = self.handles.decisions[at].get_or_insert_with(|| {
                let stream = &self.names.streams[pair / self.names.sinks.len()];
                let sink = &self.names.sinks[pair % self.names.sinks.len()];
                self.telemetry.series.counted(&DECISIONS, [stream, sink, outcome.as_str(), reason.as_str()])
            });
            handle.increment(*count);
            if outcome == Outcome::Quarantine {
                let series = &self.telemetry.series;
                let quarantined = &mut self.handles.quarantined[reason as usize];
                quarantined.get_or_insert_with(|| series.counter(&QUARANTINED, [reason.as_str()])).increment(*count);
            }
            *count = 0;
        }
    }

    fn hand_over_fields(&mut self) {
        for (at, count) in self.fields.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            let handle = self.handles.fields[at].get_or_insert_with(|| {
                let sink = &self.names.sinks[at / self.names.rules.len()];
                let (class, transform) = &self.names.rules[at % self.names.rules.len()];
                self.telemetry.series.counter(&FIELDS, [sink, class, transform])
            });
            handle.increment(*count);
            *count = 0;
        }
    }

    fn hand_over_latency(&mut self, committed: Instant) {
        let sinks = self.names.sinks.len();
        for (tick, read) in self.ticks.iter().enumerate() {
            let seconds = committed.saturating_duration_since(*read).as_secs_f64();
            for (count, latency) in self.released[tick * sinks..][..sinks].iter_mut().zip(&self.handles.latency) {
                if *count > 0 {
                    latency.record_many(seconds, *count);
                    *count = 0;
                }
            }
        }
        self.ticks.clear();
    }
}

fn hand_over<H>(counts: &mut [u64], handles: &[H], increment: fn(&H, u64)) {
    for (count, handle) in counts.iter_mut().zip(handles) {
        increment(handle, *count);
        *count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: StreamId = StreamId(0);
    const APP: StreamId = StreamId(1);
    const ADS: SinkId = SinkId(0);
    const WAREHOUSE: SinkId = SinkId(1);

    fn counts(telemetry: &Arc<Telemetry>) -> LocalCounts {
        let names = PlanNames {
            streams: vec!["web".into(), "app".into()],
            sinks: vec!["ads".into(), "warehouse".into()],
            rules: vec![("user.contact.email".into(), "pseudonym"), ("user.contact.email".into(), "drop")],
        };
        LocalCounts::new(telemetry.clone(), names)
    }

    /// Lines that are not zero, without help; sorted.
    fn shown(telemetry: &Telemetry, name: &str) -> Vec<String> {
        let text = telemetry.render("2026-11-22T00:00:00Z".parse().unwrap());
        let lines = text.lines().filter(|line| line.starts_with(name) && !line.ends_with(" 0"));
        let mut shown: Vec<_> = lines.map(str::to_owned).collect();
        shown.sort();
        shown
    }

    #[test]
    fn what_is_committed_is_shown_under_its_names() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let start = Instant::now();
        counts.record(APP, 1000, start);
        counts.decision(APP, ADS, Outcome::Drop, Reason::NoConsent, 0);
        counts.decision(APP, WAREHOUSE, Outcome::Degrade, Reason::ConsentGranted, 250);
        counts.fields(WAREHOUSE, RuleId(1), 2);
        counts.commit(start + Duration::from_millis(80));
        assert_eq!(
            shown(&telemetry, "privet_decisions_total"),
            [
                r#"privet_decisions_total{stream="app",sink="ads",outcome="drop",reason="no_consent"} 1"#,
                r#"privet_decisions_total{stream="app",sink="warehouse",outcome="degrade",reason="consent_granted"} 1"#,
            ]
        );
        assert_eq!(shown(&telemetry, "privet_records_total"), [r#"privet_records_total{stream="app"} 1"#]);
        assert_eq!(shown(&telemetry, "privet_record_bytes"), [r#"privet_record_bytes_total{stream="app"} 1000"#]);
        assert_eq!(shown(&telemetry, "privet_released_bytes"), [r#"privet_released_bytes_total{sink="warehouse"} 250"#]);
        assert_eq!(shown(&telemetry, "privet_minimisation"), [r#"privet_minimisation_ratio{sink="warehouse"} 0.25"#]);
        let fields = r#"privet_fields_total{sink="warehouse",class="user.contact.email",transform="drop"} 2"#;
        assert_eq!(shown(&telemetry, "privet_fields"), [fields]);
        assert_eq!(shown(&telemetry, "privet_latency_seconds_sum"), [r#"privet_latency_seconds_sum{sink="warehouse"} 0.08"#]);
        assert_eq!(shown(&telemetry, "privet_latency_seconds_count"), [r#"privet_latency_seconds_count{sink="warehouse"} 1"#]);
    }

    #[test]
    fn a_second_commit_adds_nothing_twice() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let start = Instant::now();
        for _ in 0..2 {
            counts.record(WEB, 10, start);
            counts.decision(WEB, ADS, Outcome::Allow, Reason::ConsentGranted, 5);
            counts.commit(start);
            counts.commit(start);
        }
        assert_eq!(shown(&telemetry, "privet_records_total"), [r#"privet_records_total{stream="web"} 2"#]);
        assert_eq!(shown(&telemetry, "privet_latency_seconds_count"), [r#"privet_latency_seconds_count{sink="ads"} 2"#]);
    }

    #[test]
    fn what_is_aborted_is_never_shown() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let start = Instant::now();
        counts.record(WEB, 10, start);
        counts.decision(WEB, ADS, Outcome::Allow, Reason::ConsentGranted, 5);
        counts.fields(ADS, RuleId(0), 1);
        counts.abort();
        counts.commit(start);
        for name in ["privet_records", "privet_decisions", "privet_released", "privet_fields", "privet_latency_seconds_count"] {
            assert!(shown(&telemetry, name).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_quarantined_record_is_counted_by_reason() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let now = Instant::now();
        counts.record(WEB, 10, now);
        counts.decision(WEB, ADS, Outcome::Quarantine, Reason::Malformed, 0);
        counts.decision(WEB, WAREHOUSE, Outcome::Quarantine, Reason::Malformed, 0);
        counts.commit(now);
        assert_eq!(shown(&telemetry, "privet_quarantined"), [r#"privet_quarantined_total{reason="malformed"} 2"#]);
    }

    #[test]
    fn latency_runs_from_each_records_own_reading() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let start = Instant::now();
        for at in [0, 50] {
            counts.record(WEB, 10, start + Duration::from_millis(at));
            counts.decision(WEB, ADS, Outcome::Allow, Reason::NotRequired, 5);
        }
        counts.commit(start + Duration::from_millis(100));
        let buckets = shown(&telemetry, r#"privet_latency_seconds_bucket{sink="ads",le="0.0"#);
        assert_eq!(buckets, [r#"privet_latency_seconds_bucket{sink="ads",le="0.05"} 1"#]);
        let above = shown(&telemetry, r#"privet_latency_seconds_bucket{sink="ads",le="0.1"#);
        assert_eq!(above, [r#"privet_latency_seconds_bucket{sink="ads",le="0.1"} 2"#]);
    }

    #[test]
    fn more_ticks_than_fit_look_late_and_lose_nothing() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let start = Instant::now();
        for at in 0..200 {
            counts.record(WEB, 1, start + TICK * at);
            counts.decision(WEB, ADS, Outcome::Allow, Reason::NotRequired, 1);
        }
        counts.commit(start + TICK * 200);
        assert_eq!(shown(&telemetry, "privet_latency_seconds_count"), [r#"privet_latency_seconds_count{sink="ads"} 200"#]);
    }

    #[test]
    fn every_outcome_and_reason_has_its_own_place() {
        let telemetry = Arc::new(Telemetry::new());
        let mut counts = counts(&telemetry);
        let now = Instant::now();
        counts.record(WEB, 1, now);
        let mut expected = Vec::new();
        for stream in [WEB, APP] {
            for sink in [ADS, WAREHOUSE] {
                for outcome in Outcome::ALL {
                    for reason in Reason::ALL {
                        counts.decision(stream, sink, outcome, *reason, 0);
                        let stream = ["web", "app"][stream.index()];
                        let sink = ["ads", "warehouse"][sink.index()];
                        expected.push(format!(
                            r#"privet_decisions_total{{stream="{stream}",sink="{sink}",outcome="{outcome}",reason="{reason}"}} 1"#
                        ));
                    }
                }
            }
        }
        counts.commit(now);
        expected.sort();
        assert_eq!(shown(&telemetry, "privet_decisions_total"), expected);
    }
}
