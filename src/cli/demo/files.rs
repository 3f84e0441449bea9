//! The demo's files: the policy with its tests, the configuration, keys and events, to run it on or to go on from.

use crate::event::Timestamp;
use crate::keys::KeySet;
use crate::tooling::collector::{Collector, PEOPLE};
use age::secrecy::ExposeSecret;
use anyhow::Context;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// The demo's policy.
pub(super) const POLICY: &str = include_str!("../../../examples/track/policy.yaml");
/// Its tests.
const TESTS: &str = include_str!("../../../examples/track/track.test.yaml");
/// Where the configuration sets aside what cannot be judged.
pub(super) const QUARANTINE_TOPIC: &str = "privacy.quarantine";
/// How many events `--write` leaves.
const EVENTS: usize = 1_000;

/// What `privet.yaml` says besides the usual.
pub(super) struct Setting<'a> {
    /// `bootstrap.servers`.
    pub(super) bootstrap: &'a str,
    /// Where the admin server listens.
    pub(super) admin: &'a str,
    /// `json` or `text`, and the level.
    pub(super) log: (&'a str, &'a str),
    /// The longest time a batch stays open, where it is not the default.
    pub(super) commit: Option<&'a str>,
}

/// Makes a directory that only its owner may enter; its parents too.
pub(super) fn make_private(directory: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("making the directory {}", directory.display()))
}

/// Writes policy, keys, the quarantine's identity and configuration: what the proxy needs. Refuses to overwrite any.
pub(super) fn write_proxy(directory: &Path, setting: &Setting<'_>) -> anyhow::Result<()> {
    write_new(directory, "policy.yaml", POLICY.as_bytes())?;
    let keys = directory.join("keys.yaml");
    let saved = KeySet::generate().and_then(|made| made.save_new(&keys));
    saved.with_context(|| format!("writing {}", keys.display()))?;
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let text = format!("# public key: {recipient}\n{}\n", identity.to_string().expose_secret());
    write_new(directory, "quarantine.key", text.as_bytes())?;
    write_new(directory, "privet.yaml", configuration(setting, &recipient.to_string()).as_bytes())
}

/// Writes what a person goes on with: the policy's tests and events to filter.
pub(super) fn write_material(directory: &Path, seed: u64) -> anyhow::Result<()> {
    write_new(directory, "track.test.yaml", TESTS.as_bytes())?;
    let mut collector = Collector::new(seed, PEOPLE);
    let mut lines = Vec::with_capacity(EVENTS * 2048);
    for _ in 0..EVENTS {
        collector.next(Timestamp::now(), &mut lines);
        lines.push(b'\n');
    }
    write_new(directory, "events.ndjson", &lines)
}

/// What to type next.
pub(super) fn what_next(directory: &Path) -> String {
    let (dir, privet) = (directory.display(), program());
    format!(
        "\
Wrote to {dir}:
  policy.yaml        who gets what; open it first
  track.test.yaml    what it promises, as tests
  events.ndjson      {EVENTS} invented events to try it on
  privet.yaml        the configuration of the proxy
  keys.yaml          fresh keys for pseudonyms, readable by you only
  quarantine.key     opens what the proxy sets aside; in earnest, keep it on another machine

Type next:
  {privet} check {dir}/policy.yaml
  {privet} test {dir}
  {privet} filter --policy {dir}/policy.yaml --keys {dir}/keys.yaml --sink ads < {dir}/events.ndjson
  head -1 {dir}/events.ndjson | {privet} explain --policy {dir}/policy.yaml -

With a Kafka at localhost:9092 that has the topic events.raw:
  {privet} run --config {dir}/privet.yaml --create-topics --from earliest
"
    )
}

/// How this program was called, to be called so again.
pub(super) fn program() -> String {
    std::env::args_os().next().map_or("privet".into(), |name| name.to_string_lossy().into_owned())
}

fn configuration(setting: &Setting<'_>, recipient: &str) -> String {
    let Setting { bootstrap, admin, log: (format, level), commit } = setting;
    let commit = commit.map_or(String::new(), |interval| format!("commit: {{interval: {interval}}}\n"));
    format!(
        "\
# The proxy's settings; what may go where is in the policy. Every option: examples/full/privet.yaml.
policy: policy.yaml
keys: {{provider: file, path: keys.yaml}}
group: privet-demo
instance: demo                 # a name that no other live instance of this group has
workers: 1
kafka: {{bootstrap.servers: \"{bootstrap}\"}}
quarantine: {{topic: {QUARANTINE_TOPIC}, recipient: {recipient}}}
admin: {{listen: \"{admin}\"}}
log: {{format: {format}, level: {level}}}
{commit}"
    )
}

/// Writes a file that only its owner may read; refuses to overwrite one.
fn write_new(directory: &Path, name: &str, content: &[u8]) -> anyhow::Result<()> {
    let path = directory.join(name);
    anyhow::ensure!(!path.exists(), "{} is there already, and nothing is overwritten: name a new directory", path.display());
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let written = opened.and_then(|mut file| file.write_all(content));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, System};

    #[test]
    fn the_files_are_read_by_what_reads_them() {
        let directory = tempfile::tempdir().expect("a directory");
        let setting =
            Setting { bootstrap: "localhost:9092", admin: "127.0.0.1:9600", log: ("text", "warn"), commit: Some("50ms") };
        write_proxy(directory.path(), &setting).expect("written");
        write_material(directory.path(), 1).expect("written");
        KeySet::load(&directory.path().join("keys.yaml")).expect("keys");
        let config = Config::load(&directory.path().join("privet.yaml"), &System).expect("configuration");
        assert_eq!(config.group, "privet-demo");
        let events = fs::read_to_string(directory.path().join("events.ndjson")).expect("events");
        assert_eq!(events.lines().count(), EVENTS);
        assert!(write_proxy(directory.path(), &setting).is_err(), "nothing may be overwritten");
    }
}
