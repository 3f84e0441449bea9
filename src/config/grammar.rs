//! Every setting of `privet.yaml`, declared once: what reading accepts, what the JSON Schema says, what the docs list.

use super::units;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One setting.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) required: bool,
    pub(super) help: &'static str,
}

/// What a setting's value looks like.
pub(super) enum Shape {
    /// Any text.
    Text,
    /// One of these words; the second list is known to the language and refused by this version.
    Word(&'static [&'static str], &'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds.
    Count(u64, u64),
    /// `auto` or a whole number within bounds.
    AutoOrCount(u64, u64),
    /// A duration within bounds, in milliseconds.
    Duration(u64, u64),
    /// A size within bounds, in bytes.
    Size(u64, u64),
    /// Settings of its own.
    Section(&'static [Key]),
    /// Names and values that librdkafka understands.
    Properties,
    /// The same, as changes to those of `kafka`.
    Overrides,
    /// Known to the language, and refused by this version.
    Later,
}

const fn key(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, required: false, help }
}

const fn must(name: &'static str, shape: Shape, help: &'static str) -> Key {
    Key { name, shape, required: true, help }
}

/// A worker is a thread with a consumer and a producer; more than this on one machine is a mistake.
const MAX_WORKERS: u64 = 256;
/// Below this the transaction markers outweigh the data.
const MIN_COMMIT_INTERVAL: u64 = 5;
/// Half of `transaction.timeout.ms`: a cut must be over long before the broker gives the transaction up.
const MAX_COMMIT_INTERVAL: u64 = 5_000;

/// The settings at the top of the file.
pub(super) const ROOT: &[Key] = &[
    must("policy", Shape::Text, "The policy file; relative to this file."),
    must("keys", Shape::Section(KEYS), "Where the root keys come from."),
    must("group", Shape::Text, "The consumer group, and the first part of every transactional id."),
    key(
        "instance",
        Shape::Text,
        "A name that no other live instance has and that a restart keeps. Default: the ordinal that ends a StatefulSet's host name (`privet-3` → `3`).",
    ),
    key("workers", Shape::AutoOrCount(1, MAX_WORKERS), "Threads, each with its own consumer and producer; `auto` is one a core."),
    key("guarantee", Shape::Word(&["exactly_once", "at_least_once"], &[]), "What a crash may do. Default: exactly_once."),
    must("kafka", Shape::Properties, "Any librdkafka property; `bootstrap.servers` at least."),
    key(
        "allow_plaintext",
        Shape::Bool,
        "Lets Kafka and the admin server be reached without TLS from beyond loopback. Default: false.",
    ),
    key("commit", Shape::Section(COMMIT), "When a batch is cut and committed: whichever comes first."),
    key("quarantine", Shape::Section(QUARANTINE), "Where records that could not be judged safely are set aside."),
    key("admin", Shape::Section(ADMIN), "The one port that is listened on."),
    key("limits", Shape::Section(LIMITS), "What a record may be at most; beyond it, it is quarantined."),
    key("log", Shape::Section(LOG), "What is logged and how."),
    key("ledger", Shape::Section(LEDGER), "Consent per subject, from a compacted topic; read whole before the first event."),
    key(
        "erasures",
        Shape::Section(ERASURES),
        "Suppressions and erasures, from a compacted topic; read whole before the first event.",
    ),
    key(
        "subject_keys",
        Shape::Section(SUBJECT_KEYS),
        "Wrapped keys per subject, from a compacted topic; read whole before the first event.",
    ),
    key("dsr", Shape::Section(DSR), "Requests of data subjects over HTTP (OpenDSR), at the admin server; needs `erasures`."),
    key("schema_registry", Shape::Later, "Schemas of formats other than JSON."),
    key("receipts", Shape::Later, "Receipts of decisions."),
    key("shadow", Shape::Later, "A candidate policy beside the running one."),
    key("traces", Shape::Later, "Traces over OTLP."),
];

const KEYS: &[Key] = &[
    must(
        "provider",
        Shape::Word(&["file", "vault", "aws-kms"], &[]),
        "Who keeps them: the file, or a service that has wrapped them.",
    ),
    must("path", Shape::Text, "The key file; relative to this file."),
    key(
        "max_age",
        Shape::Duration(1_000, 7 * 24 * 3_600_000),
        "With `vault` and `aws-kms`: how long keys are used that were not given again; then whatever needs one is quarantined. Default: 1h.",
    ),
    key("vault", Shape::Section(VAULT), "With `provider: vault`: HashiCorp Vault's Transit engine."),
    key("aws_kms", Shape::Section(AWS_KMS), "With `provider: aws-kms`: AWS Key Management Service."),
];

/// One request to a provider may take this long; below it a far region does not answer, above it a start seems to hang.
const REQUEST_TIME: (u64, u64) = (100, 60_000);

const VAULT: &[Key] = &[
    must("address", Shape::Text, "`https://host:port`; `http` to loopback only, unless `allow_plaintext`."),
    must("key", Shape::Text, "The name of the Transit key; of an AEAD type, such as aes256-gcm96."),
    key("mount", Shape::Text, "Where the Transit engine is mounted. Default: transit."),
    key(
        "token",
        Shape::Text,
        "The token, best as `${file:/path}`; renewed when half of its time is over. Either this or `token_file`.",
    ),
    key(
        "token_file",
        Shape::Text,
        "A file that somebody else keeps a valid token in, such as Vault Agent; relative to this file.",
    ),
    key("namespace", Shape::Text, "The namespace, of Vault Enterprise."),
    key("ca", Shape::Text, "PEM file with roots of trust, besides the system's; relative to this file."),
    key("timeout", Shape::Duration(REQUEST_TIME.0, REQUEST_TIME.1), "How long one request may take. Default: 5s."),
];

const AWS_KMS: &[Key] = &[
    must("key_id", Shape::Text, "The key: its id, its ARN, or `alias/…`; symmetric."),
    key("region", Shape::Text, "The region. Default: what the environment says (AWS_REGION, the profile, the machine)."),
    key("endpoint", Shape::Text, "Another address than the region's; `http` to loopback only, unless `allow_plaintext`."),
    key("timeout", Shape::Duration(REQUEST_TIME.0, REQUEST_TIME.1), "How long one request may take. Default: 5s."),
];

const COMMIT: &[Key] = &[
    key(
        "interval",
        Shape::Duration(MIN_COMMIT_INTERVAL, MAX_COMMIT_INTERVAL),
        "From one cut to the next; what comes after a lull is cut at once. Default: 100ms.",
    ),
    key("records", Shape::Count(1, 1_000_000), "Most records read in one batch. Default: 50000."),
    key("bytes", Shape::Size(1 << 10, 1 << 30), "Most bytes read in one batch. Default: 64MiB."),
];

const QUARANTINE: &[Key] = &[
    must("topic", Shape::Text, "The topic."),
    key("recipient", Shape::Text, "An age recipient (`age1…`); without it only positions and reasons are written."),
];

/// Below this the rounds of an idle cluster would look stale; above it a withdrawal would act too late to speak of a bound.
const STALENESS: (u64, u64) = (500, 60_000);

/// Less than this is what an empty one takes; more than this no machine has.
const LEAST_MEMORY: u64 = 16 << 20;
const MOST_MEMORY: u64 = 16 << 40;

const LEDGER: &[Key] = &[
    must("topic", Shape::Text, "The topic."),
    key(
        "max_staleness",
        Shape::Duration(STALENESS.0, STALENESS.1),
        "What is known of consent may be so old; beyond it nothing is judged and nothing committed until it is fresh. Default: 2s.",
    ),
    key(
        "max_memory",
        Shape::Size(LEAST_MEMORY, MOST_MEMORY),
        "What the ledger may take; a record beyond it stops the process, since what it says cannot be kept. Default: 4GiB.",
    ),
    key(
        "snapshot",
        Shape::Section(SNAPSHOT),
        "A file from which a restart goes on; without it every start reads the topic whole.",
    ),
    key(
        "kafka",
        Shape::Overrides,
        "What differs from `kafka` for the topics of `ledger` and `erasures`, e.g. their `bootstrap.servers` on another cluster.",
    ),
];

const SNAPSHOT: &[Key] = &[
    must("path", Shape::Text, "The file; relative to this file. Encrypted; of use to this key set only."),
    key("every", Shape::Duration(10_000, 86_400_000), "From one to the next; one more is written at the end. Default: 10m."),
];

const ERASURES: &[Key] = &[must("topic", Shape::Text, "The topic; on the cluster of `ledger`.")];

/// Beyond this many rows the table takes more memory than machines have.
const MOST_ROWS: u64 = 1_000_000_000;

const SUBJECT_KEYS: &[Key] = &[
    key("topic", Shape::Text, "The topic; on the cluster of the sinks. Default: privacy.subject-keys."),
    key(
        "rows",
        Shape::Count(1_000, MOST_ROWS),
        "Most keys held, 110 bytes each; beyond it no new subject is encrypted for. Default: 10000000.",
    ),
];

/// From an hour to a quarter of a year; the law gives a month, and two more in hard cases (GDPR, Article 12(3)).
const WITHIN: (u64, u64) = (3_600_000, 90 * 86_400_000);

const DSR: &[Key] = &[
    must("domain", Shape::Text, "The domain that signs, and at which requests are received; the certificate is issued for it."),
    must("certificate", Shape::Text, "PEM file with the certificate of an RSA key, its issuers after it."),
    must("key", Shape::Text, "PEM file with that key; every answer is signed with it."),
    key(
        "certificate_url",
        Shape::Text,
        "Where controllers fetch the certificate. Default: `https://DOMAIN/opendsr/v3/certificate`, which this server answers.",
    ),
    key("controller_id", Shape::Text, "How the controller is called in answers. Default: the group."),
    key("token", Shape::Text, "A bearer token that opens this interface and nothing else; the admin's opens it too."),
    key("topic", Shape::Text, "What is known of each request; compacted, on the cluster of `ledger`. Default: privacy.requests."),
    key("notices", Shape::Text, "What each sink has to erase; on the cluster of the sinks. Default: privacy.erasure-notices."),
    key(
        "within",
        Shape::Duration(WITHIN.0, WITHIN.1),
        "From the end of its `hold` to when a request is expected to be completed; later, it is overdue. Default: 1d.",
    ),
    key(
        "hold",
        Shape::Duration(0, 30 * 86_400_000),
        "For so long an erasure suppresses only, and can be cancelled; then it destroys, and cannot. Default: 0s.",
    ),
    key(
        "identities",
        Shape::Section(IDENTITIES),
        "Types of identity as OpenDSR names them → kinds of the policy, separated by commas.",
    ),
    key(
        "callbacks",
        Shape::Section(CALLBACKS),
        "Which controllers may have themselves called (`status_callback_urls`); without it such requests are refused.",
    ),
];

const CALLBACKS: &[Key] = &[
    must(
        "hosts",
        Shape::Text,
        "Names of hosts, separated by commas; a port other than 443 behind a colon. Nobody else is called.",
    ),
    key("ca", Shape::Text, "PEM file with the authorities of their certificates. Default: those of the system."),
];

/// OpenDSR, section 5.1.
const IDENTITIES: &[Key] = &[
    key("controller_customer_id", Shape::Text, "Default: user_id."),
    key("email", Shape::Text, "Default: email."),
    key("android_advertising_id", Shape::Text, "Default: android_advertising_id."),
    key("android_id", Shape::Text, "Default: android_id."),
    key("fire_advertising_id", Shape::Text, "Default: fire_advertising_id."),
    key("ios_advertising_id", Shape::Text, "Default: ios_advertising_id."),
    key("ios_vendor_id", Shape::Text, "Default: ios_vendor_id."),
    key("microsoft_advertising_id", Shape::Text, "Default: microsoft_advertising_id."),
    key("microsoft_publisher_id", Shape::Text, "Default: microsoft_publisher_id."),
    key("roku_publisher_id", Shape::Text, "Default: roku_publisher_id."),
    key("roku_advertising_id", Shape::Text, "Default: roku_advertising_id."),
];

const ADMIN: &[Key] = &[
    must("listen", Shape::Text, "Address and port, e.g. `127.0.0.1:9600`."),
    key("token", Shape::Text, "The bearer token for whatever changes state or shows policy."),
    key("tls", Shape::Section(TLS), "TLS for the admin server."),
    key(
        "hosts",
        Shape::Text,
        "Names by which it is reached, separated by commas, besides addresses, `localhost` and the names of its certificate; `*.` stands for one label.",
    ),
];

const TLS: &[Key] = &[
    must("certificate", Shape::Text, "PEM file with the certificate chain."),
    must("key", Shape::Text, "PEM file with the private key."),
    key("client_ca", Shape::Text, "PEM file; client certificates signed by it stand for the token."),
];

const LIMITS: &[Key] = &[
    key("record_bytes", Shape::Size(1 << 10, 16 << 20), "Bytes of a record value. Default: 1MiB."),
    key("depth", Shape::Count(1, 1_024), "Containers inside containers. Default: 128."),
    key("members", Shape::Count(1, 1_000_000), "Members of one object. Default: 10000."),
    key("name_bytes", Shape::Size(1, 64 << 10), "Bytes of one decoded member name. Default: 8KiB."),
    key("touched", Shape::Count(1, 1_000_000), "Places that rules touch in one record. Default: 10000."),
];

const LOG: &[Key] = &[
    key("format", Shape::Word(&["json", "text"], &[]), "Default: json."),
    key("level", Shape::Word(&["error", "warn", "info", "debug", "trace"], &[]), "Default: info."),
];

/// The JSON Schema (draft 2020-12) of `privet.yaml`, for editors.
pub fn schema() -> Value {
    let mut top = section(ROOT);
    if let Value::Object(object) = &mut top {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("privet.yaml"));
    }
    top
}

fn section(keys: &'static [Key]) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let Some(mut value) = shape(&key.shape) else { continue };
        if let Value::Object(object) = &mut value {
            object.insert("description".to_owned(), json!(key.help));
        }
        properties.insert(key.name.to_owned(), value);
    }
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
}

fn shape(shape: &'static Shape) -> Option<Value> {
    const EXPANDED: &str = r"\$\{";
    Some(match shape {
        Shape::Text => json!({"type": "string", "minLength": 1}),
        Shape::Word(words, _) => json!({"enum": words}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Shape::AutoOrCount(least, most) => {
            json!({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": least, "maximum": most}]})
        }
        Shape::Duration(least, most) => {
            json!({"type": "string", "pattern": format!("^[0-9]+ ?(ms|s|m|h|d)$|{EXPANDED}"), "$comment": between(duration_text(*least), duration_text(*most))})
        }
        Shape::Size(least, most) => {
            json!({"type": "string", "pattern": format!("^[0-9]+ ?(B|KiB|MiB|GiB|kB|MB|GB)$|{EXPANDED}"), "$comment": between(units::show_size(*least), units::show_size(*most))})
        }
        Shape::Section(keys) => section(keys),
        Shape::Properties => {
            json!({"type": "object", "required": ["bootstrap.servers"], "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
        Shape::Overrides => {
            json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
        Shape::Later => return None,
    })
}

pub(super) fn duration_text(millis: u64) -> String {
    units::show_duration(Duration::from_millis(millis))
}

fn between(least: String, most: String) -> String {
    format!("from {least} to {most}")
}
