//! Process settings: `privet.yaml` as written → typed. Not the policy.
//!
//! Reading reports every fault at once, with its place; a setting of a later version is refused by name.

mod build;
mod expand;
mod grammar;
mod keys;
mod read;
#[cfg(test)]
mod tests;
mod units;
mod yaml;

pub use expand::{Lookup, System};
pub use grammar::schema;

use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that `privet run` is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The policy file.
    pub policy: PathBuf,
    /// The key file.
    pub keys: PathBuf,
    /// Who keeps the roots.
    pub key_provider: KeyProvider,
    /// The consumer group, and the first part of every transactional id.
    pub group: String,
    /// A name that no other live instance has; given, or the ordinal of a StatefulSet's host name.
    /// Always there with [`Guarantee::ExactlyOnce`].
    pub instance: Option<String>,
    /// How many threads.
    pub workers: Workers,
    /// What a crash may do.
    pub guarantee: Guarantee,
    /// Properties for librdkafka.
    pub kafka: Properties,
    /// Whether Kafka and the admin server may be reached without TLS from beyond loopback.
    pub allow_plaintext: bool,
    /// When a batch is cut.
    pub commit: Commit,
    /// Where records that could not be judged safely are set aside; without it they are only counted.
    pub quarantine: Option<Quarantine>,
    /// Consent per subject; none without it.
    pub ledger: Option<Ledger>,
    /// The topic of suppressions and erasures, on the cluster of the ledger; none without it.
    pub erasures: Option<String>,
    /// Wrapped keys per subject; where the policy encrypts and nothing is said, as by default.
    pub subject_keys: Option<SubjectKeys>,
    /// Requests of data subjects; none are taken without it.
    pub dsr: Option<Dsr>,
    /// The admin server; none without it.
    pub admin: Option<Admin>,
    /// What a record may be at most.
    pub limits: Limits,
    /// What is logged and how.
    pub log: Log,
}

/// Who keeps the roots of the key file.
#[derive(Clone, Debug)]
pub enum KeyProvider {
    /// The file itself.
    File,
    /// HashiCorp Vault's Transit engine has wrapped them.
    Vault {
        /// Which, and who asks.
        vault: Vault,
        /// How long keys are used that were not given again.
        max_age: Duration,
    },
    /// AWS KMS has wrapped them.
    AwsKms {
        /// Which key.
        kms: AwsKms,
        /// How long keys are used that were not given again.
        max_age: Duration,
    },
}

impl KeyProvider {
    /// Keys are used so long without being given again, unless something else is said.
    pub const MAX_AGE: Duration = Duration::from_secs(3600);
    /// One request may take so long, unless something else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(5);
}

/// A Transit key of HashiCorp Vault.
#[derive(Clone, Debug)]
pub struct Vault {
    /// `https://host:port`.
    pub address: String,
    /// The name of the Transit key.
    pub key: String,
    /// Where the engine is mounted.
    pub mount: String,
    /// What proves who asks.
    pub token: VaultToken,
    /// The namespace, of Vault Enterprise.
    pub namespace: Option<String>,
    /// Roots of trust besides the system's.
    pub ca: Option<PathBuf>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Where Vault's token is.
#[derive(Clone, Debug)]
pub enum VaultToken {
    /// In the configuration.
    Here(SecretString),
    /// In a file that somebody else keeps fresh.
    File(PathBuf),
}

/// A symmetric key of AWS KMS.
#[derive(Clone, Debug)]
pub struct AwsKms {
    /// Its id, ARN or alias.
    pub key_id: String,
    /// The region; as the environment says where none is given.
    pub region: Option<String>,
    /// Another address than the region's.
    pub endpoint: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

/// How many worker threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Workers {
    /// One a core.
    #[default]
    Auto,
    /// This many.
    Count(usize),
}

impl Workers {
    /// The number on this machine.
    pub fn count(self) -> usize {
        match self {
            Workers::Auto => std::thread::available_parallelism().map_or(1, usize::from),
            Workers::Count(count) => count,
        }
    }
}

/// What a crash may do to the sinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guarantee {
    /// Each record once, by transactions.
    #[default]
    ExactlyOnce,
    /// Each record once or more, in milliseconds.
    AtLeastOnce,
}

/// When a batch is cut: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Longest time it stays open.
    pub interval: Duration,
    /// Most records read.
    pub records: usize,
    /// Most bytes read.
    pub bytes: usize,
}

impl Default for Commit {
    /// 100 ms is where transactions stop costing throughput. 50,000 records and 64 MiB, which one worker does not reach
    /// in that time, bound what is read again after an abort.
    fn default() -> Commit {
        Commit { interval: Duration::from_millis(100), records: 50_000, bytes: 64 << 20 }
    }
}

/// Where records that could not be judged safely are set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The topic.
    pub topic: String,
    /// The age recipient; without it only positions and reasons are written.
    pub recipient: Option<String>,
}

/// Consent per subject, from a compacted topic.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The topic.
    pub topic: String,
    /// How old knowledge of consent may be.
    pub max_staleness: Duration,
    /// Most bytes of memory that it may take.
    pub max_memory: usize,
    /// Where its rows are kept for the next start; nowhere without it.
    pub snapshot: Option<LedgerSnapshot>,
    /// What differs from `kafka` for the cluster that has this topic and that of the erasures.
    pub kafka: Properties,
}

/// The file from which a restart goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSnapshot {
    /// The file.
    pub path: PathBuf,
    /// From one to the next.
    pub every: Duration,
}

impl LedgerSnapshot {
    /// Writing ten million subjects takes seconds, and reading ten minutes of changes again less.
    pub const EVERY: Duration = Duration::from_secs(600);
}

impl Ledger {
    /// What is known of consent may be so old, unless something else is said.
    pub const MAX_STALENESS: Duration = Duration::from_secs(2);
    /// Some 80 million subjects with two timed purposes.
    pub const MAX_MEMORY: usize = 4 << 30;
}

/// The topic of wrapped keys per subject, on the cluster of the sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectKeys {
    /// The topic.
    pub topic: String,
    /// Most rows held in memory.
    pub rows: usize,
}

impl SubjectKeys {
    /// The topic, unless another is named.
    pub const TOPIC: &str = "privacy.subject-keys";
    /// Ten million subjects are about 1.1 GB.
    pub const ROWS: usize = 10_000_000;
}

impl Default for SubjectKeys {
    fn default() -> SubjectKeys {
        SubjectKeys { topic: SubjectKeys::TOPIC.to_owned(), rows: SubjectKeys::ROWS }
    }
}

/// Requests of data subjects over HTTP.
#[derive(Clone, Debug)]
pub struct Dsr {
    /// The domain that signs.
    pub domain: String,
    /// PEM file with its certificate.
    pub certificate: PathBuf,
    /// PEM file with the key of that certificate.
    pub key: PathBuf,
    /// Where controllers fetch the certificate.
    pub certificate_url: String,
    /// How the controller is called in answers.
    pub controller_id: String,
    /// A bearer token for these requests only.
    pub token: Option<SecretString>,
    /// What is known of each request: a compacted topic on the cluster of the ledger.
    pub topic: String,
    /// What each sink has to erase: a topic on the cluster of the sinks.
    pub notices: String,
    /// From the end of its hold to when a request is expected to be completed.
    pub within: Duration,
    /// For so long an erasure suppresses only, and can be cancelled.
    pub hold: Duration,
    /// Type of identity as OpenDSR names it → kinds of the policy, where the configuration says so.
    pub identities: BTreeMap<String, Vec<String>>,
    /// Which controllers may be told by a call that the status of a request has changed.
    pub callbacks: Option<Callbacks>,
}

/// Whom requests may have called back.
#[derive(Clone, Debug)]
pub struct Callbacks {
    /// Names of hosts, with a port where it is not that of HTTPS.
    pub hosts: Vec<String>,
    /// PEM file with the authorities whose certificates are believed; `None`: those of the system.
    pub ca: Option<PathBuf>,
}

impl Dsr {
    /// The topic of requests, unless another is named.
    pub const TOPIC: &str = "privacy.requests";
    /// The topic of notices, unless another is named.
    pub const NOTICES: &str = "privacy.erasure-notices";
    /// A request is handled by itself within seconds; a day is for what has to heal first.
    pub const WITHIN: Duration = Duration::from_secs(86_400);
    /// The types of identity of OpenDSR, section 5.1, each with the kind that it names unless another is configured.
    pub const IDENTITIES: [(&str, &str); 11] = [
        ("controller_customer_id", "user_id"),
        ("email", "email"),
        ("android_advertising_id", "android_advertising_id"),
        ("android_id", "android_id"),
        ("fire_advertising_id", "fire_advertising_id"),
        ("ios_advertising_id", "ios_advertising_id"),
        ("ios_vendor_id", "ios_vendor_id"),
        ("microsoft_advertising_id", "microsoft_advertising_id"),
        ("microsoft_publisher_id", "microsoft_publisher_id"),
        ("roku_publisher_id", "roku_publisher_id"),
        ("roku_advertising_id", "roku_advertising_id"),
    ];
}

/// The admin server.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The bearer token.
    pub token: Option<SecretString>,
    /// TLS.
    pub tls: Option<Tls>,
    /// Names by which it is reached, besides addresses, `localhost` and the names of its certificate.
    pub hosts: Vec<String>,
}

/// TLS of the admin server, by PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// Client certificates signed by this stand for the token.
    pub client_ca: Option<PathBuf>,
}

/// What a record may be at most; see `decode::Limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record value.
    pub record_bytes: usize,
    /// Containers inside containers.
    pub depth: usize,
    /// Members of one object.
    pub members: usize,
    /// Bytes of one decoded member name.
    pub name_bytes: usize,
    /// Places that rules or control paths touch in one record.
    pub touched: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { record_bytes: 1 << 20, depth: 128, members: 10_000, name_bytes: 8 << 10, touched: 10_000 }
    }
}

/// What is logged and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// True: one JSON object a line. False: text for people.
    pub json: bool,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Log {
        Log { json: true, level: "info".to_owned() }
    }
}

/// Properties for librdkafka. `Debug` shows names only: any value may be a secret.
#[derive(Clone, Default)]
pub struct Properties(BTreeMap<String, (Place, SecretString)>);

impl Properties {
    /// Properties from pairs, as a program that embeds the proxy has them.
    pub fn from_pairs<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Properties {
        let place = Place { line: 0, column: 0 };
        Properties(pairs.into_iter().map(|(name, value)| (name.to_owned(), (place, value.to_owned().into()))).collect())
    }

    /// Names and values, for the Kafka client alone.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, (_, value))| (name.as_str(), value.expose_secret()))
    }

    /// One value, for the Kafka client alone.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(_, value)| value.expose_secret())
    }

    /// Where a property was written.
    pub fn place(&self, name: &str) -> Option<Place> {
        self.0.get(name).map(|(place, _)| *place)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// A place in the file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// One fault in the file; never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub at: Place,
    /// What is wrong.
    pub what: String,
}

impl Problem {
    pub(crate) fn new(at: Place, what: impl Into<String>) -> Problem {
        Problem { at, what: what.into() }
    }
}

/// Why a configuration cannot be used; its text is one line a fault.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no configuration {}: name the file with `--config FILE`", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("{}: {}", .0.display(), .1)]
    Unreadable(PathBuf, std::io::ErrorKind),
    /// What it says is wrong.
    #[error("{}", list(.0, .1))]
    Wrong(PathBuf, Vec<Problem>),
}

fn list(file: &Path, problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|Problem { at, what }| format!("{}:{}:{}: {what}", file.display(), at.line, at.column)).collect();
    lines.join("\n")
}

impl Config {
    /// Reads a file; paths in it are relative to it.
    pub fn load(path: &Path, lookup: &dyn Lookup) -> Result<Config, ConfigError> {
        let unread = |fault: std::io::Error| match fault.kind() {
            std::io::ErrorKind::NotFound => ConfigError::Missing(path.to_owned()),
            kind => ConfigError::Unreadable(path.to_owned(), kind),
        };
        let text = std::fs::read_to_string(path).map_err(unread)?;
        Config::parse(&text, path, lookup)
    }

    /// Reads the text of the file of that name.
    pub fn parse(text: &str, path: &Path, lookup: &dyn Lookup) -> Result<Config, ConfigError> {
        let base = path.parent().unwrap_or(Path::new(""));
        let mut problems = Vec::new();
        let config = match yaml::read(text) {
            Ok(tree) => build::config(tree, base, lookup, &mut problems),
            Err(problem) => {
                problems.push(problem);
                None
            }
        };
        problems.sort();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError::Wrong(path.to_owned(), problems)),
        }
    }

    /// `<group>.<instance>.<worker>`: stable over restarts and independent of the number of workers.
    pub fn transactional_id(&self, worker: usize) -> Option<String> {
        self.instance.as_ref().map(|instance| format!("{}.{instance}.{worker}", self.group))
    }
}
