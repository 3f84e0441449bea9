//! The proxy while its keys are somebody else's: at the start, while they are not given, and afterwards.

use super::kit::process::privet;
use super::kit::vault::{Mood, StandIn};
use super::{TOKEN, configuration, keyring, settings};
use privet::app::{Proxy, Start};
use privet::config::{Config, System};
use privet::event::Timestamp;
use privet::kafka::cluster::From;
use privet::keys::{KeyFile, KeySet};
use privet::outcome::{Outcome, Reason};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {ops: {legal_basis: contract, because: the shop must run}}
regimes: [{in: [\"*\"], silence: deny}]
keys: {k: {}}
streams:
  web: {topics: [events], format: json, subject: [{kind: user_id, path: $.user}], jurisdiction: {otherwise: EEA}}
sinks:
  keyed: {topic: keyed, purposes: [ops], unlisted: drop, fields: {$.user: {pseudonym: {key: k}}, $.n: keep}}
  plain: {topic: plain, purposes: [ops], unlisted: drop, fields: {$.n: keep}}
  by_key: {topic: by_key, purposes: [ops], unlisted: drop, record_key: {pseudonym: {key: k}}, fields: {$.n: keep}}
";

const SOON: Duration = Duration::from_secs(40);

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < SOON, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Decisions by sink, outcome and reason.
fn decisions(proxy: &Proxy) -> BTreeMap<(String, Outcome, Reason), u64> {
    let counts = proxy.telemetry().decisions();
    counts.iter().map(|count| ((count.sink.to_string(), count.outcome, count.reason), count.count)).collect()
}

struct Stage {
    cluster: MockCluster<'static, DefaultProducerContext>,
    folder: tempfile::TempDir,
    vault: StandIn,
    sent: u64,
}

impl Stage {
    fn new(max_age: &str) -> Stage {
        let cluster = MockCluster::new(1).expect("cluster");
        for topic in ["events", "keyed", "plain", "by_key", "aside"] {
            cluster.create_topic(topic, 1, 1).expect("topic");
        }
        let (folder, vault) = (tempfile::tempdir().expect("a folder"), StandIn::start(TOKEN));
        std::fs::write(folder.path().join("policy.yaml"), POLICY).expect("written");
        let file = KeyFile::generate(keyring(settings(&vault)).provider()).expect("wrapped");
        file.save_new(&folder.path().join("keys.json")).expect("saved");
        configuration(folder.path(), &vault, max_age, &cluster.bootstrap_servers());
        Stage { cluster, folder, vault, sent: 0 }
    }

    fn start(&self) -> Proxy {
        let config = Config::load(&self.folder.path().join("privet.yaml"), &System).expect("configuration");
        let start = Start { create_topics: false, from: Some(From::Earliest) };
        let proxy = Proxy::start(&config, start).unwrap_or_else(|fault| panic!("{fault:#}"));
        wait("readiness", || proxy.readiness().ready);
        proxy
    }

    /// Writes so many events, and waits until they are judged and committed.
    fn feed(&mut self, proxy: &Proxy, count: u64) {
        let mut config = ClientConfig::new();
        let config = config.set("bootstrap.servers", self.cluster.bootstrap_servers());
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().expect("producer");
        for n in self.sent..self.sent + count {
            let value = format!("{{\"user\":\"u{n}\",\"n\":{n}}}");
            producer.send(BaseRecord::to("events").key("person").payload(&value)).map_err(|(error, _)| error).expect("sent");
        }
        producer.flush(SOON).expect("flushed");
        self.sent += count;
        let all = self.sent;
        let judged = || decisions(proxy).iter().filter(|((sink, _, _), _)| sink == "plain").map(|(_, count)| count).sum::<u64>();
        wait("all events to be judged", || judged() >= all);
    }
}

/// Cached keys serve while Vault is away, then what needs a key is set aside and what needs none goes on, then all goes on by
/// itself; nobody restarts anything.
#[test]
fn keys_that_are_not_given_serve_until_max_age_then_quarantine_then_recover() {
    let mut stage = Stage::new("3s");
    let proxy = stage.start();
    stage.feed(&proxy, 10);
    let of = |proxy: &Proxy, sink: &str, outcome, reason| {
        decisions(proxy).get(&(sink.to_owned(), outcome, reason)).copied().unwrap_or(0)
    };
    for sink in ["keyed", "plain", "by_key"] {
        assert_eq!(of(&proxy, sink, Outcome::Allow, Reason::NotRequired), 10, "{sink}");
    }

    stage.vault.set(Mood::Sealed);
    wait("a note", || proxy.readiness().notes.iter().any(|note| note.contains("keys: used for") && note.contains("sealed")));
    assert!(proxy.readiness().ready, "cached keys serve");
    wait("keys that are too old", || !proxy.readiness().ready);
    let reasons = proxy.readiness().reasons;
    assert!(reasons.iter().any(|why| why.contains("keys: too old") && why.contains("sealed")), "{reasons:?}");
    stage.feed(&proxy, 10);
    assert_eq!(of(&proxy, "plain", Outcome::Allow, Reason::NotRequired), 20, "needs no key");
    for sink in ["keyed", "by_key"] {
        let quarantined = of(&proxy, sink, Outcome::Quarantine, Reason::KeyUnavailable);
        let released = of(&proxy, sink, Outcome::Allow, Reason::NotRequired);
        assert_eq!((released, quarantined), (10, 10), "{sink}");
    }
    let text = proxy.telemetry().render(Timestamp::now());
    let age = text.lines().find_map(|line| line.strip_prefix("privet_keys_age_seconds ")).expect("the age of keys");
    assert!(age.parse::<f64>().expect("a number") >= 3.0, "{age}");

    stage.vault.set(Mood::Well);
    wait("readiness", || proxy.readiness().ready);
    stage.feed(&proxy, 10);
    for sink in ["keyed", "by_key"] {
        assert_eq!(of(&proxy, sink, Outcome::Allow, Reason::NotRequired), 20, "{sink}");
        assert_eq!(of(&proxy, sink, Outcome::Quarantine, Reason::KeyUnavailable), 10, "{sink}");
    }
    proxy.stop().expect("stopped");
}

/// A rotation while Vault is away changes nothing and is taken by itself when Vault is back.
#[test]
fn a_new_key_file_waits_for_vault() {
    let stage = Stage::new("1h");
    let proxy = stage.start();
    let path = stage.folder.path().join("keys.json");
    let mut file = KeyFile::load(&path).expect("read");
    file.rotate(keyring(settings(&stage.vault)).provider()).expect("rotated");
    stage.vault.set(Mood::Busy);
    file.save(&path).expect("saved");
    let handle = proxy.reload();
    let failed =
        |handle: &privet::control::reload::ReloadHandle| handle.last().is_some_and(|report| report.message.contains("429"));
    wait("a refusal", || failed(&handle));
    stage.vault.set(Mood::Well);
    wait("the new keys", || handle.last().is_some_and(|report| format!("{:?}", report.result) == "Changed"));
    proxy.stop().expect("stopped");
}

/// At the start there is nothing to serve with: words, exit code 1, nothing read. At the finest level of the log there is no secret.
#[test]
fn a_start_without_vault_ends_in_words_without_secrets() {
    let stage = Stage::new("1h");
    let config = stage.folder.path().join("privet.yaml");
    let run = || {
        let (code, out, said) = privet(&["run", "--config", config.to_str().expect("a plain name"), "--from", "earliest"], b"");
        assert!(out.is_empty());
        assert!(!said.contains("canary") && !said.contains("vault:v1"), "{said}");
        (code, said)
    };
    for (mood, words) in [(Mood::Sealed, "sealed or down (503)"), (Mood::Silent, "in time"), (Mood::Away, "no connection to")] {
        stage.vault.set(mood);
        let (code, said) = run();
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("keys.json: vault: ") && said.contains(words), "{mood:?}: {said}");
    }
    stage.vault.set(Mood::Well);
    std::fs::remove_file(stage.folder.path().join("keys.json")).expect("removed");
    KeySet::generate().expect("keys").save_new(&stage.folder.path().join("keys.json")).expect("saved");
    let (code, said) = run();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("in the clear") && said.contains("privet keys wrap"), "{said}");
}
