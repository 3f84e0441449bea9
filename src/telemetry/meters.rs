//! The process's handles by what they measure: transactions, lag, the policy, and the text of all of it.

use super::consent::ConsentMeters;
use super::dsr::DsrMeters;
use super::names::{
    BUILD_INFO, DECISIONS, KEY_EPOCH, KEYS_AGE, LAG, LEDGER_FRESHNESS, MINIMISATION, POLICY_INFO, POLICY_PENDING,
    POLICY_RELOAD_OK, POLICY_RELOAD_TIME, POLICY_RELOADS, PRODUCER_REBUILDS, QUARANTINED, READY, RECORD_BYTES, RELEASED_BYTES,
    SUBJECT_KEYS, SUBJECT_KEYS_LIMIT, TRANSACTION_SECONDS, TRANSACTIONS, VENDOR_REVIEW_AGE,
};
use super::series::{Histogram, Series, Values};
use crate::event::Timestamp;
use crate::outcome::{Outcome, Reason};
use metrics::{Counter, Gauge};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    /// What it wrote can be read.
    Committed,
    /// What it wrote is void, and its records are read again.
    Aborted,
    /// The broker did not say; a new producer with the same id settles it.
    Unknown,
}

impl TransactionResult {
    /// Every result.
    pub const ALL: [TransactionResult; 3] =
        [TransactionResult::Committed, TransactionResult::Aborted, TransactionResult::Unknown];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            TransactionResult::Committed => "committed",
            TransactionResult::Aborted => "aborted",
            TransactionResult::Unknown => "unknown",
        }
    }
}

/// How an attempt to reload the policy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// Another policy (or other keys) runs now.
    Changed,
    /// What was read is what runs already.
    Unchanged,
    /// The old one goes on.
    Failed,
}

impl ReloadResult {
    /// Every result.
    pub const ALL: [ReloadResult; 3] = [ReloadResult::Changed, ReloadResult::Unchanged, ReloadResult::Failed];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            ReloadResult::Changed => "changed",
            ReloadResult::Unchanged => "unchanged",
            ReloadResult::Failed => "failed",
        }
    }
}

/// The reasons for which a record is set aside: there from the start, so that an alert sees the first one.
const QUARANTINE_REASONS: [Reason; 6] = [
    Reason::Malformed,
    Reason::LimitExceeded,
    Reason::SubjectAmbiguous,
    Reason::SchemaUnknown,
    Reason::KeyUnavailable,
    Reason::Internal,
];

/// How many (record, sink) pairs of one stream and sink ended in one way, since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionCount {
    /// The stream.
    pub stream: Box<str>,
    /// The sink.
    pub sink: Box<str>,
    /// How they ended.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub count: u64,
}

/// All metrics of one process.
pub struct Telemetry {
    pub(super) series: Series,
    policy: PolicyMeters,
    running: Mutex<Running>,
    /// Asks how old the last proof of the ledger's freshness is.
    freshness: Mutex<Option<Age>>,
    /// Asks how long ago the root keys were last given.
    keys_age: Mutex<Option<Age>>,
}

/// How old something is, asked when it is shown.
type Age = Box<dyn Fn() -> Duration + Send>;

/// What is shown of the policy that runs; set to 0 when it ends, for the exporter cannot end a series.
#[derive(Default)]
struct Running {
    info: Option<Gauge>,
    /// The age of each vendor's last review, and when that was.
    reviews: Vec<(Gauge, Timestamp)>,
}

impl Running {
    fn end(self) {
        for gauge in self.info.iter().chain(self.reviews.iter().map(|(age, _)| age)) {
            gauge.set(0.0);
        }
    }
}

impl Telemetry {
    /// Metrics at zero; what counts events without labels from a policy is there from the start, so that a rate over
    /// it sees the first one.
    pub fn new() -> Telemetry {
        let series = Series::new();
        series.gauge(&BUILD_INFO, [env!("CARGO_PKG_VERSION")]).set(1.0);
        let policy = PolicyMeters {
            reloads: ReloadResult::ALL.map(|result| series.counter(&POLICY_RELOADS, [result.as_str()])),
            last_successful: series.gauge(&POLICY_RELOAD_OK, []),
            last_success: series.gauge(&POLICY_RELOAD_TIME, []),
            pending: series.gauge(&POLICY_PENDING, []),
        };
        for reason in QUARANTINE_REASONS {
            series.counter(&QUARANTINED, [reason.as_str()]).increment(0);
        }
        let telemetry =
            Telemetry { series, policy, running: Mutex::default(), freshness: Mutex::default(), keys_age: Mutex::default() };
        telemetry.transactions();
        telemetry
    }

    /// The meters of a worker's transactions; all workers share them.
    pub fn transactions(&self) -> TransactionMeters {
        TransactionMeters {
            ended: TransactionResult::ALL.map(|result| self.series.counter(&TRANSACTIONS, [result.as_str()])),
            seconds: self.series.histogram(&TRANSACTION_SECONDS, []),
            rebuilds: self.series.counter(&PRODUCER_REBUILDS, []),
        }
    }

    /// The lag of one source partition. Keep the handle for as long as the partition is assigned.
    pub fn lag(&self, topic: &str, partition: i32) -> Gauge {
        self.series.gauge(&LAG, [topic, itoa::Buffer::new().format(partition)])
    }

    /// Says that a partition went elsewhere: its lag is no longer this process's.
    pub fn end_lag(&self, topic: &str, partition: i32) {
        self.lag(topic, partition).set(0.0);
    }

    /// Every decision that was committed, counted; sorted by stream, sink and words.
    pub fn decisions(&self) -> Vec<DecisionCount> {
        let counted = self.series.sums(&DECISIONS).into_iter();
        let count = |(labels, count): (Values, u64)| {
            let [stream, sink, outcome, reason] = &*labels else { return None };
            let (outcome, reason) = (Outcome::from_word(outcome)?, Reason::from_word(reason)?);
            Some(DecisionCount { stream: stream.clone(), sink: sink.clone(), outcome, reason, count })
        };
        counted.filter_map(count).collect()
    }

    /// The meters of reloading.
    pub fn policy(&self) -> &PolicyMeters {
        &self.policy
    }

    /// Says which policy runs: its hash, the version of its language, and when its vendors were last reviewed.
    pub fn policy_runs(&self, hash: &str, version: &str, reviews: Vec<(Box<str>, Timestamp)>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *running).end();
        let info = self.series.gauge(&POLICY_INFO, [hash, version]);
        info.set(1.0);
        let age = |(vendor, reviewed): (Box<str>, Timestamp)| (self.series.gauge(&VENDOR_REVIEW_AGE, [&vendor]), reviewed);
        *running = Running { info: Some(info), reviews: reviews.into_iter().map(age).collect() };
    }

    /// The meters of a ledger that so many workers judge by. There are none before this is called.
    pub fn consent(&self, workers: usize) -> ConsentMeters {
        ConsentMeters::new(&self.series, workers)
    }

    /// The meters of requests of data subjects; there are none before this is called.
    pub fn dsr(&self) -> DsrMeters {
        DsrMeters::new(&self.series)
    }

    /// Says how to ask how old the last proof of the ledger's freshness is.
    pub fn ledger_age(&self, age: impl Fn() -> Duration + Send + 'static) {
        *self.freshness.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(age));
    }

    /// Which root of the key set is active, counted from 1.
    pub fn key_epoch(&self, epoch: usize) {
        self.series.gauge(&KEY_EPOCH, ["root"]).set(epoch as f64);
    }

    /// Says how to ask how long ago whoever keeps the root keys last gave them.
    pub fn keys_age(&self, age: impl Fn() -> Duration + Send + 'static) {
        *self.keys_age.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(age));
    }

    /// Whether the process should be given work.
    pub fn ready(&self, ready: bool) {
        self.series.gauge(&READY, []).set(if ready { 1.0 } else { 0.0 });
    }

    /// The gauge of keys of subjects that are held, of so many at most.
    pub fn subject_keys(&self, limit: usize) -> Gauge {
        self.series.gauge(&SUBJECT_KEYS_LIMIT, []).set(limit as f64);
        self.series.gauge(&SUBJECT_KEYS, [])
    }

    /// Everything in Prometheus' text exposition format.
    pub fn render(&self, now: Timestamp) -> String {
        self.derive_minimisation();
        self.derive_review_ages(now);
        if let Some(age) = &*self.freshness.lock().unwrap_or_else(PoisonError::into_inner) {
            self.series.gauge(&LEDGER_FRESHNESS, []).set(age().as_secs_f64());
        }
        if let Some(age) = &*self.keys_age.lock().unwrap_or_else(PoisonError::into_inner) {
            self.series.gauge(&KEYS_AGE, []).set(age().as_secs_f64());
        }
        self.series.render()
    }

    fn derive_minimisation(&self) {
        let read: u64 = self.series.sums(&RECORD_BYTES).iter().map(|(_, bytes)| bytes).sum();
        if read == 0 {
            return;
        }
        for (labels, released) in self.series.sums(&RELEASED_BYTES) {
            if let [sink] = &*labels {
                self.series.gauge(&MINIMISATION, [sink]).set(released as f64 / read as f64);
            }
        }
    }

    fn derive_review_ages(&self, now: Timestamp) {
        for (age, reviewed) in &self.running.lock().unwrap_or_else(PoisonError::into_inner).reviews {
            age.set((now.as_second() - reviewed.as_second()) as f64);
        }
    }
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry::new()
    }
}

/// What a worker measures about its transactions.
#[derive(Clone)]
pub struct TransactionMeters {
    ended: [Counter; 3],
    seconds: Histogram,
    rebuilds: Counter,
}

impl TransactionMeters {
    /// One transaction ended, so long after its first record.
    pub fn ended(&self, result: TransactionResult, took: Duration) {
        self.ended[result as usize].increment(1);
        self.seconds.record_many(took.as_secs_f64(), 1);
    }

    /// One producer was made anew.
    pub fn rebuilt(&self) {
        self.rebuilds.increment(1);
    }
}

/// What reloading measures.
pub struct PolicyMeters {
    reloads: [Counter; 3],
    last_successful: Gauge,
    last_success: Gauge,
    pending: Gauge,
}

impl PolicyMeters {
    /// The policy was loaded at the start.
    pub fn started(&self, now: Timestamp) {
        self.last_successful.set(1.0);
        self.last_success.set(now.as_second() as f64);
    }

    /// One attempt to reload ended.
    pub fn reloaded(&self, result: ReloadResult, now: Timestamp) {
        self.reloads[result as usize].increment(1);
        match result {
            ReloadResult::Changed | ReloadResult::Unchanged => self.started(now),
            ReloadResult::Failed => self.last_successful.set(0.0),
        }
    }

    /// Whether the files differ from what runs.
    pub fn pending(&self, differs: bool) {
        self.pending.set(if differs { 1.0 } else { 0.0 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(telemetry: &Telemetry, now: &str, name: &str) -> Vec<String> {
        let text = telemetry.render(now.parse().unwrap());
        let mut shown: Vec<_> = text.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect();
        shown.sort();
        shown
    }

    const NOW: &str = "2026-11-22T00:00:00Z";

    #[test]
    fn a_policy_that_no_longer_runs_is_shown_as_0() {
        let telemetry = Telemetry::new();
        telemetry.policy_runs("aaaaaaaaaaaa", "1", vec![("old".into(), "2026-11-01T00:00:00Z".parse().unwrap())]);
        telemetry.policy_runs("bbbbbbbbbbbb", "1", vec![("acme".into(), "2026-11-21T00:00:00Z".parse().unwrap())]);
        let info = [
            r#"privet_policy_info{hash="aaaaaaaaaaaa",version="1"} 0"#,
            r#"privet_policy_info{hash="bbbbbbbbbbbb",version="1"} 1"#,
        ];
        assert_eq!(shown(&telemetry, NOW, "privet_policy_info"), info);
        let ages =
            [r#"privet_vendor_review_age_seconds{vendor="acme"} 86400"#, r#"privet_vendor_review_age_seconds{vendor="old"} 0"#];
        assert_eq!(shown(&telemetry, NOW, "privet_vendor_review"), ages);
    }

    #[test]
    fn a_policy_that_runs_again_is_shown_as_1() {
        let telemetry = Telemetry::new();
        let reviewed = || vec![("acme".into(), "2026-11-21T00:00:00Z".parse().unwrap())];
        for hash in ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "aaaaaaaaaaaa", "aaaaaaaaaaaa"] {
            telemetry.policy_runs(hash, "1", reviewed());
        }
        let info = [
            r#"privet_policy_info{hash="aaaaaaaaaaaa",version="1"} 1"#,
            r#"privet_policy_info{hash="bbbbbbbbbbbb",version="1"} 0"#,
        ];
        assert_eq!(shown(&telemetry, NOW, "privet_policy_info"), info);
        let ages = shown(&telemetry, NOW, "privet_vendor_review");
        assert_eq!(ages, [r#"privet_vendor_review_age_seconds{vendor="acme"} 86400"#]);
    }

    #[test]
    fn the_lag_of_a_partition_that_went_elsewhere_is_0() {
        let telemetry = Telemetry::new();
        telemetry.lag("events", 0).set(5.0);
        telemetry.lag("events", 1).set(7.0);
        telemetry.end_lag("events", 0);
        let lag =
            [r#"privet_lag_records{topic="events",partition="0"} 0"#, r#"privet_lag_records{topic="events",partition="1"} 7"#];
        assert_eq!(shown(&telemetry, NOW, "privet_lag"), lag);
    }

    #[test]
    fn a_failed_reload_keeps_the_time_of_the_last_good_one() {
        let telemetry = Telemetry::new();
        telemetry.policy().started("2026-11-22T00:00:00Z".parse().unwrap());
        telemetry.policy().reloaded(ReloadResult::Failed, "2026-11-22T01:00:00Z".parse().unwrap());
        assert_eq!(shown(&telemetry, NOW, "privet_policy_last_reload_successful"), ["privet_policy_last_reload_successful 0"]);
        let time = "privet_policy_last_reload_success_timestamp_seconds";
        assert_eq!(shown(&telemetry, NOW, time), [format!("{time} 1795305600")]);
        let failed = r#"privet_policy_reloads_total{result="failed"} 1"#.to_owned();
        assert!(shown(&telemetry, NOW, "privet_policy_reloads").contains(&failed));
    }

    #[test]
    fn transactions_are_there_from_the_start_and_counted_by_result() {
        let telemetry = Telemetry::new();
        telemetry.transactions().ended(TransactionResult::Aborted, Duration::from_millis(30));
        let expected = [
            r#"privet_transactions_total{result="aborted"} 1"#,
            r#"privet_transactions_total{result="committed"} 0"#,
            r#"privet_transactions_total{result="unknown"} 0"#,
        ];
        assert_eq!(shown(&telemetry, NOW, "privet_transactions_total"), expected);
    }
}
