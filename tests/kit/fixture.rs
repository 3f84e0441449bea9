//! One test's own world: topics, a policy with two sinks, keys, a configuration, and events with words that must never come out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::broker::Kafka;
use super::client::{Input, Isolation, Row};
use super::process::{Privet, privet};
use super::{free_port, temp_root, wait_for};

/// People whose events the tests write; keys of records are their ids.
pub const PEOPLE: u64 = 97;

/// One test's topics and files.
pub struct Scene {
    /// The cluster.
    pub kafka: &'static Kafka,
    /// Its folder, kept after the run.
    pub dir: PathBuf,
    /// A prefix that no other test and no earlier run has.
    pub name: String,
    /// The admin port of the first instance.
    pub admin: u16,
    /// What stands under `kafka:` of the configuration beyond the bootstrap servers.
    pub client_settings: Vec<(String, String)>,
    /// `exactly_once` or `at_least_once`.
    pub guarantee: &'static str,
    /// The `quarantine:` line, if any.
    pub quarantine: Option<String>,
    /// Further lines of the configuration.
    pub more: String,
    /// Worker threads of one instance.
    pub workers: usize,
    /// What is logged.
    pub log_level: &'static str,
    /// The bytes of event `seq`, where they are not the fixture's.
    pub event: fn(u64) -> Vec<u8>,
    /// Variables of Privet's environment beyond the tests' own.
    pub environment: Vec<(String, String)>,
}

/// What every secret word begins with. Long, because pseudonyms and sealed bytes are random: four letters in any case
/// stand in one of some 50,000 pseudonyms by chance, ten in none that will ever be made here.
const CANARY: &str = "canarybird";

/// The secret words of event `seq`: they are in its refused fields, or in fields that are replaced.
pub fn canaries(seq: u64) -> [String; 4] {
    let person = seq % PEOPLE;
    let word = |what: &str, number: u64| format!("{CANARY}{what}{number}x");
    [word("user", person), word("mail", seq), word("note", seq), format!("203.0.113.{}", 100 + person)]
}

/// One tracking event. Every third has no advertising consent, every fiftieth is broken.
pub fn event(seq: u64) -> Vec<u8> {
    let [user, mail, note, ip] = canaries(seq);
    let advertising = !seq.is_multiple_of(3);
    let whole = format!(
        "{{\"seq\":{seq},\"userId\":\"{user}\",\"event\":\"Product Viewed\", \"context\":{{\"ip\":\"{ip}\",\
         \"consent\":{{\"categoryPreferences\":{{\"Advertising\":{advertising}}}}}}},\
         \"email\":\"{mail}@example.com\",\"properties\":{{\"price\":1.50e1,\"note\":\"{note}\"}}}}"
    );
    if seq % 50 == 49 { whole.as_bytes()[..whole.len() - 2].to_vec() } else { whole.into_bytes() }
}

/// The record of event `seq`: keyed by its person.
pub fn input(seq: u64) -> Input {
    let [user, ..] = canaries(seq);
    Input {
        key: Some(user.into_bytes()),
        value: Some(event(seq)),
        headers: vec![("x-user".to_owned(), format!("{CANARY}head{seq}x").into_bytes())],
        timestamp: Some(an_hour_ago() + i64::try_from(seq % 1000).expect("below 1000")),
        partition: None,
    }
}

/// One moment for the whole test binary.
fn an_hour_ago() -> i64 {
    static MOMENT: OnceLock<i64> = OnceLock::new();
    *MOMENT.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
        i64::try_from(now.as_millis()).expect("the clock is sane") - 3_600_000
    })
}

impl Scene {
    /// Topics with four partitions, a policy, keys and a configuration.
    pub fn new(kafka: &'static Kafka, test: &str) -> Self {
        let scene = Self::without_sinks(kafka, test);
        kafka.create_topics(&[&scene.topic("warehouse"), &scene.topic("ads"), &scene.topic("quarantine")], 4);
        scene
    }

    /// The same, but only the source topic exists.
    pub fn without_sinks(kafka: &'static Kafka, test: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_millis();
        let name = format!("{test}-{now}-{}", std::process::id());
        let dir = temp_root().join("scenes").join(&name);
        std::fs::create_dir_all(&dir).expect("the scene's folder can be made");
        let quarantine = Some(format!("{{topic: {name}.quarantine}}"));
        let scene = Self {
            kafka,
            dir,
            name,
            admin: free_port(),
            client_settings: Vec::new(),
            guarantee: "exactly_once",
            quarantine,
            more: String::new(),
            workers: 1,
            log_level: "info",
            event,
            environment: Vec::new(),
        };
        kafka.create_topics(&[&scene.topic("source")], 4);
        let keys = scene.path("keys.json");
        let (code, _, said) = privet(&["keys", "generate", &keys], b"");
        assert_eq!(code, 0, "keys can be generated: {said}");
        scene.write_policy(&scene.policy());
        scene
    }

    /// A topic's whole name.
    pub fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// A file of this scene.
    pub fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().expect("a path of ours is text").to_owned()
    }

    /// The policy: a warehouse that keeps what nobody forbids, an ad sink that gets what is listed and needs consent.
    pub fn policy(&self) -> String {
        let [source, warehouse, ads] = ["source", "warehouse", "ads"].map(|name| self.topic(name));
        format!(
            "privet: 1
controller: {{name: Test, country: DE}}
purposes:
  operations: {{legal_basis: contract, because: the shop must run}}
  advertising: {{legal_basis: consent, opt_outs: none}}
regimes:
  - {{in: [\"*\"], silence: deny}}
keys: {{warehouse: {{}}, ads: {{}}}}
streams:
  web:
    topics: [{source}]
    format: json
    subject: [{{kind: user_id, path: $.userId}}]
    jurisdiction: {{otherwise: EEA}}
    consent:
      - {{signal: segment, path: $.context.consent.categoryPreferences, purposes: {{advertising: Advertising}}}}
    classes:
      user.contact.email: [$..email]
      user.device.ip_address: [$.context.ip]
      x.free_text: [$.properties.note]
sinks:
  warehouse:
    topic: {warehouse}
    purposes: [operations]
    unlisted: keep
    fields:
      user.unique_id: {{pseudonym: {{key: warehouse}}}}
      user.contact.email: drop
      user.device.ip_address: {{truncate_ip: {{v4: 24, v6: 48}}}}
      x.free_text: drop
    record_key: {{pseudonym: {{key: warehouse}}}}
  ads:
    topic: {ads}
    purposes: [advertising]
    unlisted: drop
    fields:
      user.unique_id: {{pseudonym: {{key: ads}}}}
      $.seq: keep
      $.event: keep
"
        )
    }

    /// Replaces the policy file in one step, as an editor or Kubernetes does.
    pub fn write_policy(&self, text: &str) {
        std::fs::write(self.dir.join("policy.yaml.new"), text).expect("the policy can be written");
        std::fs::rename(self.dir.join("policy.yaml.new"), self.dir.join("policy.yaml")).expect("the policy can be put in place");
    }

    /// The consumer group.
    pub fn group(&self) -> String {
        format!("{}.group", self.name)
    }

    /// Writes the configuration of one instance and gives its path.
    fn write_config(&self, instance: &str, admin: u16) -> PathBuf {
        let mut text = format!(
            "policy: policy.yaml\nkeys: {{provider: file, path: keys.json}}\ngroup: {}\ninstance: {instance}\nworkers: {}\n\
             guarantee: {}\nadmin: {{listen: \"127.0.0.1:{admin}\", token: hush}}\nlog: {{format: json, level: {}}}\nkafka:\n",
            self.group(),
            self.workers,
            self.guarantee,
            self.log_level
        );
        let own = |key: &str| self.client_settings.iter().any(|(name, _)| name == key);
        // Short, so that a killed instance's partitions are free again within seconds.
        for (key, value) in [("bootstrap.servers", self.kafka.bootstrap.as_str()), ("session.timeout.ms", "6000")] {
            if !own(key) {
                text.push_str(&format!("  {key}: \"{value}\"\n"));
            }
        }
        for (key, value) in &self.client_settings {
            text.push_str(&format!("  {key}: \"{value}\"\n"));
        }
        if let Some(quarantine) = &self.quarantine {
            text.push_str(&format!("quarantine: {quarantine}\n"));
        }
        text.push_str(&self.more);
        let path = self.dir.join(format!("{instance}.yaml"));
        std::fs::write(&path, text).expect("the configuration can be written");
        path
    }

    /// Starts the one instance of most tests, from the beginning of the source.
    pub fn run(&self) -> Privet {
        self.run_with("one", self.admin, &["--from", "earliest"])
    }

    /// Starts an instance by name with more arguments; its log is `NAME.log`, a later start's `NAME.2.log` and so on.
    pub fn run_with(&self, instance: &str, admin: u16, more: &[&str]) -> Privet {
        let config = self.write_config(instance, admin);
        let log = (1..).map(|n| self.dir.join(format!("{instance}.{n}.log"))).find(|path| !path.exists());
        Privet::start(&config, admin, &log.expect("numbers do not end"), more, &self.environment)
    }

    /// All that any instance has said.
    pub fn logs(&self) -> String {
        let entries = std::fs::read_dir(&self.dir).expect("the scene's folder is readable");
        let paths = entries.map(|entry| entry.expect("an entry is readable").path());
        let logs = paths.filter(|path| path.extension().is_some_and(|e| e == "log"));
        logs.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a log is readable")).into_owned()).collect()
    }

    /// What `privet filter` gives for these events at one sink: the oracle for bytes, one value an event that passes.
    pub fn filtered(&self, sink: &str, seqs: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for seq in seqs {
            lines.extend_from_slice(&(self.event)(seq));
            lines.push(b'\n');
        }
        let (policy, keys) = (self.path("policy.yaml"), self.path("keys.json"));
        let (code, out, said) = privet(&["filter", "--policy", &policy, "--keys", &keys, "--sink", sink], &lines);
        assert_eq!(code, 0, "privet filter works: {said}");
        out.split(|b| *b == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    }

    /// Writes events to the source topic.
    pub fn produce(&self, seqs: std::ops::Range<u64>) {
        self.kafka.produce(&self.topic("source"), seqs.map(input));
    }

    /// Waits until something has been read, judged and committed; a first start commits where it begins before that.
    pub fn wait_progress(&self, limit: Duration) {
        let committed = || self.kafka.committed(&self.group(), &self.topic("source")).values().sum::<i64>();
        wait_for("the first committed batch", limit, || (committed() > 0).then_some(()));
    }

    /// Each sink holds exactly what `privet filter` gives for the events `0..n`, each once, in order per person.
    pub fn assert_exactly_once(&self, n: u64) {
        self.assert_exactly(0..n);
    }

    /// The same for these events.
    pub fn assert_exactly(&self, seqs: impl Iterator<Item = u64> + Clone) {
        self.assert_exact(seqs.clone(), "warehouse", |seq| seq % 50 != 49);
        self.assert_exact(seqs, "ads", |seq| seq % 50 != 49 && !seq.is_multiple_of(3));
    }

    /// `passes` is said again here, in words of the test, so that a filter that is wrong in the same way shows.
    fn assert_exact(&self, seqs: impl Iterator<Item = u64> + Clone, sink: &str, passes: impl Fn(u64) -> bool) {
        let expected: Vec<u64> = seqs.clone().filter(|seq| passes(*seq)).collect();
        let bytes = self.filtered(sink, seqs);
        assert_eq!(bytes.len(), expected.len(), "{sink}: `privet filter` passes as many as the policy says");
        let oracle: BTreeMap<u64, Vec<u8>> = expected.into_iter().zip(bytes).collect();
        let mut seen: BTreeMap<u64, u64> = BTreeMap::new();
        let mut last: BTreeMap<u64, (i32, u64)> = BTreeMap::new();
        for row in self.kafka.read(&self.topic(sink), Isolation::Committed) {
            let value = row.value.as_deref().expect("no tombstones here");
            let seq = seq_of(value);
            *seen.entry(seq).or_default() += 1;
            assert_eq!(oracle.get(&seq).map(Vec::as_slice), Some(value), "{sink}: event {seq} has the bytes of `privet filter`");
            if let Some((partition, before)) = last.insert(seq % PEOPLE, (row.partition, seq)) {
                assert_eq!(partition, row.partition, "{sink}: a person's events stay in one partition");
                assert!(before < seq, "{sink}: event {before} came before {seq} of the same person");
            }
        }
        let doubled: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).take(10).collect();
        let lost: Vec<_> = oracle.keys().filter(|seq| !seen.contains_key(seq)).take(10).collect();
        assert!(doubled.is_empty(), "{sink}: doubled events (number, times): {doubled:?}");
        assert!(lost.is_empty(), "{sink}: lost {} events: {lost:?} …", oracle.len() - seen.len());
    }

    /// No secret word of a refused or replaced field is in any topic that Privet writes, also in what was aborted, nor in the logs.
    pub fn assert_nothing_leaked(&self) {
        for topic in ["warehouse", "ads", "quarantine"] {
            self.kafka.scan(&self.topic(topic), Isolation::Uncommitted, |row| assert_clean(topic, &row));
        }
        let logs = self.logs();
        assert!(!logs.contains(CANARY) && !logs.contains("203.0.113.1"), "a value of an event is in the log");
    }
}

/// The number of an event, as any sink's bytes show it.
pub fn seq_of(value: &[u8]) -> u64 {
    let text = std::str::from_utf8(value).expect("a sink's bytes are UTF-8");
    let tree: serde_json::Value = serde_json::from_str(text).expect("a sink's bytes are JSON");
    tree["seq"].as_u64().expect("every event has its number")
}

fn assert_clean(topic: &str, row: &Row) {
    let headers = row.headers.iter().flat_map(|(name, value)| [Some(name.as_bytes()), value.as_deref()]);
    for bytes in [row.key.as_deref(), row.value.as_deref()].into_iter().chain(headers).flatten() {
        for spelling in spellings() {
            let found = bytes.windows(spelling.len()).any(|window| window.eq_ignore_ascii_case(spelling.as_bytes()));
            assert!(!found, "{topic} partition {} offset {} holds a secret word", row.partition, row.offset);
        }
    }
}

/// The canary as it is, in hexadecimal, in a URL's and in JSON's escapes, and in Base64 at each of the three places it can
/// stand at; and the addresses.
fn spellings() -> &'static [String] {
    static SPELLINGS: OnceLock<Vec<String>> = OnceLock::new();
    SPELLINGS.get_or_init(|| {
        let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
        let base64 = (0..3).map(|before| {
            let text = STANDARD_NO_PAD.encode([" ".repeat(before).as_bytes(), CANARY.as_bytes()].concat());
            // The letters that no byte beside the canary has a part in.
            let (first, end) = ((before * 8).div_ceil(6), (before + CANARY.len()) * 8 / 6);
            text[first..end].to_owned()
        });
        let each = |form: fn(u8) -> String| CANARY.bytes().map(form).collect::<String>();
        let (percent, unicode) = (each(|byte| format!("%{byte:02x}")), each(|byte| format!("\\u{byte:04x}")));
        [CANARY.to_owned(), hex, percent, unicode, "203.0.113.1".to_owned()].into_iter().chain(base64).collect()
    })
}

#[test]
fn a_secret_word_is_found_in_hexadecimal_and_at_any_place_in_base64() {
    for before in 0..6 {
        let text = [&b"{\"user\":"[..before], CANARY.as_bytes(), b"7x\"}"].concat();
        let base64 = STANDARD_NO_PAD.encode(&text);
        assert!(spellings().iter().any(|spelling| base64.contains(spelling)), "{before} bytes before the word");
    }
    let hex: String = format!("{CANARY}7x").bytes().map(|byte| format!("{byte:02X}")).collect();
    assert!(spellings().iter().any(|spelling| hex.to_lowercase().contains(spelling)));
}
