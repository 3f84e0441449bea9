//! The table of metrics: each name declared once, with its help, its kind and its closed list of label keys.
//! What the handles in this module's neighbours can write is what stands here, and nothing else.

/// How a metric is written and read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations counted by upper bound, in seconds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// The word of the exposition format's `# TYPE` line.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name, with its unit.
    pub name: &'static str,
    /// One sentence for people.
    pub help: &'static str,
    /// How it is written and read.
    pub kind: Kind,
    /// The label keys, in order.
    pub labels: &'static [&'static str],
}

/// A declared counter; the number of labels is part of the type, so that a handle cannot leave one out.
pub(super) struct CounterOf<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    help: &'static str,
}

/// A declared gauge.
pub(super) struct GaugeOf<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    help: &'static str,
}

/// A declared histogram.
pub(super) struct HistogramOf<const N: usize> {
    pub(super) name: &'static str,
    pub(super) labels: [&'static str; N],
    help: &'static str,
    bounds: &'static [f64],
}

impl<const N: usize> CounterOf<N> {
    const fn row(&'static self) -> Metric {
        Metric { name: self.name, help: self.help, kind: Kind::Counter, labels: &self.labels }
    }
}

impl<const N: usize> GaugeOf<N> {
    const fn row(&'static self) -> Metric {
        Metric { name: self.name, help: self.help, kind: Kind::Gauge, labels: &self.labels }
    }
}

impl<const N: usize> HistogramOf<N> {
    const fn row(&'static self) -> Metric {
        Metric { name: self.name, help: self.help, kind: Kind::Histogram(self.bounds), labels: &self.labels }
    }
}

/// From half a commit interval of `at_least_once` to the point at which a transaction has timed out.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// Steps of an eighth at most from 10 ms to 2.5 s: a quantile that is read from them, straight between two bounds as Prometheus does, is
/// within a tenth of what was measured, whether a machine is idle or busy.
const ENFORCEMENT_SECONDS: &[f64] = &[
    0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.011, 0.0125, 0.014, 0.016, 0.018, 0.02, 0.0225, 0.025,
    0.028, 0.0315, 0.035, 0.04, 0.045, 0.05, 0.056, 0.063, 0.07, 0.08, 0.09, 0.1, 0.11, 0.125, 0.14, 0.16, 0.18, 0.2, 0.225,
    0.25, 0.28, 0.315, 0.35, 0.4, 0.45, 0.5, 0.56, 0.63, 0.7, 0.77, 0.85, 0.95, 1.0, 1.1, 1.25, 1.4, 1.6, 1.8, 2.0, 2.25, 2.5,
    3.0, 4.0, 5.0, 10.0, 15.0,
];

/// From the seconds that an erasure takes by itself to the month that the law gives.
const DSR_SECONDS_BOUNDS: &[f64] =
    &[0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 21_600.0, 86_400.0, 604_800.0, 2_592_000.0];

pub(super) static RECORDS: CounterOf<1> = CounterOf {
    name: "privet_records_total",
    help: "Records read and judged, counted when their transaction commits.",
    labels: ["stream"],
};
pub(super) static RECORD_BYTES: CounterOf<1> =
    CounterOf { name: "privet_record_bytes_total", help: "Bytes of the values of those records.", labels: ["stream"] };
pub(super) static DECISIONS: CounterOf<4> = CounterOf {
    name: "privet_decisions_total",
    help: "How records ended, one for every record and sink; a drop by policy is not an error.",
    labels: ["stream", "sink", "outcome", "reason"],
};
pub(super) static FIELDS: CounterOf<3> = CounterOf {
    name: "privet_fields_total",
    help: "Fields that a rule treated in released records.",
    labels: ["sink", "class", "transform"],
};
pub(super) static RELEASED_BYTES: CounterOf<1> =
    CounterOf { name: "privet_released_bytes_total", help: "Bytes of the values released to a sink.", labels: ["sink"] };
pub(super) static QUARANTINED: CounterOf<1> = CounterOf {
    name: "privet_quarantined_total",
    help: "Decisions that set a record aside because it could not be judged safely.",
    labels: ["reason"],
};
pub(super) static MINIMISATION: GaugeOf<1> = GaugeOf {
    name: "privet_minimisation_ratio",
    help: "Bytes released to a sink over bytes read, since the start.",
    labels: ["sink"],
};
pub(super) static LATENCY: HistogramOf<1> = HistogramOf {
    name: "privet_latency_seconds",
    help: "From reading a record to its release being committed.",
    labels: ["sink"],
    bounds: SECONDS,
};
pub(super) static TRANSACTIONS: CounterOf<1> =
    CounterOf { name: "privet_transactions_total", help: "Transactions by how they ended.", labels: ["result"] };
pub(super) static TRANSACTION_SECONDS: HistogramOf<0> = HistogramOf {
    name: "privet_transaction_seconds",
    help: "From a transaction's first record to its end.",
    labels: [],
    bounds: SECONDS,
};
pub(super) static LAG: GaugeOf<2> = GaugeOf {
    name: "privet_lag_records",
    help: "Records between the committed offset and the end of an assigned source partition; 0 for one that went elsewhere.",
    labels: ["topic", "partition"],
};
pub(super) static PRODUCER_REBUILDS: CounterOf<0> = CounterOf {
    name: "privet_producer_rebuilds_total",
    help: "Producers thrown away after a fatal or uncertain error and made anew.",
    labels: [],
};
pub(super) static POLICY_INFO: GaugeOf<2> = GaugeOf {
    name: "privet_policy_info",
    help: "1 for the policy that runs, 0 for one that ran: its hash, and the version of the language it is written in.",
    labels: ["hash", "version"],
};
pub(super) static POLICY_RELOADS: CounterOf<1> =
    CounterOf { name: "privet_policy_reloads_total", help: "Reloads of the policy by how they ended.", labels: ["result"] };
pub(super) static POLICY_RELOAD_OK: GaugeOf<0> = GaugeOf {
    name: "privet_policy_last_reload_successful",
    help: "1 if the last attempt to load the policy succeeded.",
    labels: [],
};
pub(super) static POLICY_RELOAD_TIME: GaugeOf<0> = GaugeOf {
    name: "privet_policy_last_reload_success_timestamp_seconds",
    help: "When the policy was last loaded, in seconds since 1970.",
    labels: [],
};
pub(super) static POLICY_PENDING: GaugeOf<0> =
    GaugeOf { name: "privet_policy_pending", help: "1 if the policy or key files differ from what runs.", labels: [] };
pub(super) static VENDOR_REVIEW_AGE: GaugeOf<1> = GaugeOf {
    name: "privet_vendor_review_age_seconds",
    help: "Time since a vendor's assessment was last looked at; absent or 0 where the policy gives no date.",
    labels: ["vendor"],
};
pub(super) static SUBJECT_KEYS: GaugeOf<0> = GaugeOf {
    name: "privet_subject_keys",
    help: "Keys of subjects that are held, also those that this process has made and not committed yet.",
    labels: [],
};
pub(super) static SUBJECT_KEYS_LIMIT: GaugeOf<0> = GaugeOf {
    name: "privet_subject_keys_limit",
    help: "Most keys of subjects that may be held; at the limit records of new subjects are quarantined.",
    labels: [],
};
pub(super) static KEY_EPOCH: GaugeOf<1> = GaugeOf {
    name: "privet_key_epoch",
    help: "Which root of the key set is active, counted from 1; a rotation adds one.",
    labels: ["key"],
};
pub(super) static KEYS_AGE: GaugeOf<0> = GaugeOf {
    name: "privet_keys_age_seconds",
    help: "How long ago whoever keeps the root keys last gave them; beyond `keys.max_age` what needs a key is quarantined.",
    labels: [],
};
pub(super) static LEDGER_SUBJECTS: GaugeOf<0> =
    GaugeOf { name: "privet_ledger_subjects", help: "Subjects that the ledger has a row of.", labels: [] };
pub(super) static LEDGER_MEMORY: GaugeOf<0> = GaugeOf {
    name: "privet_ledger_memory_bytes",
    help: "About the memory that the ledger takes; at `ledger.max_memory` the process stops.",
    labels: [],
};
pub(super) static LEDGER_FRESHNESS: GaugeOf<0> = GaugeOf {
    name: "privet_ledger_freshness_seconds",
    help: "Age of the last proof that the ledger holds everything; before the first, the time since the start.",
    labels: [],
};
pub(super) static LEDGER_LEARNED: CounterOf<1> = CounterOf {
    name: "privet_ledger_learned_total",
    help: "What events said about a purpose that went into the ledger.",
    labels: ["said"],
};
pub(super) static LEDGER_SNAPSHOTS: CounterOf<1> = CounterOf {
    name: "privet_ledger_snapshots_total",
    help: "Snapshots of the ledger by what became of them.",
    labels: ["result"],
};
pub(super) static LEDGER_FAULTS: CounterOf<1> = CounterOf {
    name: "privet_ledger_faults_total",
    help: "Records of the ledger that deny because something is wrong with them.",
    labels: ["kind"],
};
pub(super) static ENFORCEMENT: HistogramOf<0> = HistogramOf {
    name: "privet_consent_enforcement_seconds",
    help: "From a withdrawal being written to no event judged without it being committed any more.",
    labels: [],
    bounds: ENFORCEMENT_SECONDS,
};
pub(super) static SUPPRESSED: GaugeOf<0> =
    GaugeOf { name: "privet_suppressed_subjects", help: "Identities suppressed, for some purpose or all.", labels: [] };
pub(super) static DSR_SECONDS: HistogramOf<1> = HistogramOf {
    name: "privet_dsr_seconds",
    help: "From a data subject's request being received to its being completed, by the instance that completed it.",
    labels: ["type"],
    bounds: DSR_SECONDS_BOUNDS,
};
pub(super) static DSR_REQUESTS: CounterOf<1> = CounterOf {
    name: "privet_dsr_requests_total",
    help: "Calls of the OpenDSR interface that ask to change something, by what became of them.",
    labels: ["result"],
};
pub(super) static DSR_CALLBACKS: CounterOf<1> = CounterOf {
    name: "privet_dsr_callbacks_total",
    help: "Calls that tell a controller of its request's new status, by what became of them.",
    labels: ["result"],
};
pub(super) static DSR_OPEN: GaugeOf<0> =
    GaugeOf { name: "privet_dsr_open", help: "Requests of data subjects that are neither completed nor cancelled.", labels: [] };
pub(super) static DSR_OVERDUE: GaugeOf<0> = GaugeOf {
    name: "privet_dsr_overdue",
    help: "Open requests of data subjects whose expected time of completion has passed.",
    labels: [],
};
pub(super) static READY: GaugeOf<0> =
    GaugeOf { name: "privet_ready", help: "1 if the process should be given work; /readyz gives the reasons.", labels: [] };
pub(super) static BUILD_INFO: GaugeOf<1> =
    GaugeOf { name: "privet_build_info", help: "1 for the build that runs.", labels: ["version"] };

/// Every metric, in the order in which they are shown.
pub static TABLE: [Metric; 37] = [
    RECORDS.row(),
    RECORD_BYTES.row(),
    DECISIONS.row(),
    FIELDS.row(),
    RELEASED_BYTES.row(),
    QUARANTINED.row(),
    MINIMISATION.row(),
    LATENCY.row(),
    TRANSACTIONS.row(),
    TRANSACTION_SECONDS.row(),
    LAG.row(),
    PRODUCER_REBUILDS.row(),
    POLICY_INFO.row(),
    POLICY_RELOADS.row(),
    POLICY_RELOAD_OK.row(),
    POLICY_RELOAD_TIME.row(),
    POLICY_PENDING.row(),
    VENDOR_REVIEW_AGE.row(),
    SUBJECT_KEYS.row(),
    SUBJECT_KEYS_LIMIT.row(),
    KEY_EPOCH.row(),
    KEYS_AGE.row(),
    LEDGER_SUBJECTS.row(),
    LEDGER_MEMORY.row(),
    LEDGER_FRESHNESS.row(),
    LEDGER_FAULTS.row(),
    LEDGER_SNAPSHOTS.row(),
    LEDGER_LEARNED.row(),
    ENFORCEMENT.row(),
    SUPPRESSED.row(),
    DSR_SECONDS.row(),
    DSR_REQUESTS.row(),
    DSR_CALLBACKS.row(),
    DSR_OPEN.row(),
    DSR_OVERDUE.row(),
    READY.row(),
    BUILD_INFO.row(),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The names and labels of the design's list ("Metrics"), those of later issues marked.
    const CONTRACT: &[(&str, &[&str], bool)] = &[
        ("privet_records_total", &["stream"], true),
        ("privet_record_bytes_total", &["stream"], true),
        ("privet_decisions_total", &["stream", "sink", "outcome", "reason"], true),
        ("privet_fields_total", &["sink", "class", "transform"], true),
        ("privet_released_bytes_total", &["sink"], true),
        ("privet_policy_info", &["hash", "version"], true),
        ("privet_policy_reloads_total", &["result"], true),
        ("privet_policy_last_reload_successful", &[], true),
        ("privet_policy_last_reload_success_timestamp_seconds", &[], true),
        ("privet_policy_pending", &[], true),
        ("privet_ledger_subjects", &[], true),
        ("privet_ledger_freshness_seconds", &[], true),
        ("privet_consent_enforcement_seconds", &[], true),
        ("privet_transactions_total", &["result"], true),
        ("privet_transaction_seconds", &[], true),
        ("privet_latency_seconds", &["sink"], true),
        ("privet_lag_records", &["topic", "partition"], true),
        ("privet_producer_rebuilds_total", &[], true),
        ("privet_quarantined_total", &["reason"], true),
        ("privet_shadow_differences_total", &["sink", "from", "to"], false),
        ("privet_dsr_seconds", &["type"], true),
        ("privet_suppressed_subjects", &[], true),
        ("privet_key_epoch", &["key"], true),
        ("privet_vendor_review_age_seconds", &["vendor"], true),
        ("privet_minimisation_ratio", &["sink"], true),
        ("privet_build_info", &["version"], true),
        // An addition: an alert needs to see what /readyz says.
        ("privet_ready", &[], true),
        // An addition: a table that fills up is seen before it is full.
        ("privet_subject_keys", &[], true),
        ("privet_subject_keys_limit", &[], true),
        // What is written in people's names is counted.
        ("privet_ledger_learned_total", &["said"], true),
        // A snapshot that is never written, or never of use, shows.
        ("privet_ledger_snapshots_total", &["result"], true),
        // An addition: a provider that does not answer is seen before `max_age` is over.
        ("privet_keys_age_seconds", &[], true),
        // The same of the ledger.
        ("privet_ledger_memory_bytes", &[], true),
        // Another: an undecodable record and a version that went backwards are to be counted.
        ("privet_ledger_faults_total", &["kind"], true),
        // Additions: a refused request is to be counted, and one that is late to be seen.
        ("privet_dsr_requests_total", &["result"], true),
        ("privet_dsr_callbacks_total", &["result"], true),
        ("privet_dsr_open", &[], true),
        ("privet_dsr_overdue", &[], true),
    ];

    #[test]
    fn the_table_is_the_contracts_list() {
        let declared: BTreeMap<_, _> = TABLE.iter().map(|metric| (metric.name, metric.labels)).collect();
        let wanted: BTreeMap<_, _> = CONTRACT.iter().filter(|row| row.2).map(|row| (row.0, row.1)).collect();
        assert_eq!(declared, wanted);
        assert_eq!(declared.len(), TABLE.len(), "a name is declared twice");
    }

    #[test]
    fn names_follow_the_conventions_of_their_kind() {
        for metric in &TABLE {
            let counts = metric.name.ends_with("_total");
            assert_eq!(counts, metric.kind == Kind::Counter, "{}", metric.name);
            assert!(metric.help.ends_with('.'), "{}: the help is a sentence", metric.name);
            if let Kind::Histogram(bounds) = metric.kind {
                assert!(metric.name.ends_with("_seconds"), "{}", metric.name);
                assert!(!bounds.is_empty(), "{}", metric.name);
                assert!(bounds.is_sorted_by(|a, b| a < b), "{}", metric.name);
            }
        }
    }
}
