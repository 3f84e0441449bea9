//! Shredding, from end to end: of a thousand people one is erased, and nobody reads what was encrypted for them any more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use privet::keys::KeySet;
use privet::keys::subject::RowKey;

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::{Input, Isolation};
use super::kit::fixture::Scene;
use super::kit::process::privet;
use super::kit::wait_for;

const PEOPLE: usize = 1000;
/// Who is erased.
const GONE: usize = 417;

fn policy(scene: &Scene) -> String {
    let [source, warehouse, ads] = ["source", "warehouse", "ads"].map(|name| scene.topic(name));
    format!(
        "privet: 1
controller: {{name: Test, country: DE}}
purposes:
  operations: {{legal_basis: contract, because: the shop must run}}
regimes:
  - {{in: [\"*\"], silence: deny}}
keys: {{warehouse: {{}}, ads: {{}}}}
streams:
  web:
    topics: [{source}]
    format: json
    subject: [{{kind: user_id, path: $.user}}]
    jurisdiction: {{otherwise: EEA}}
    classes: {{user.contact.email: [$.email]}}
sinks:
  warehouse:
    topic: {warehouse}
    purposes: [operations]
    fields: {{$.seq: keep, user.contact.email: {{encrypt: {{key: warehouse}}}}}}
  ads:
    topic: {ads}
    purposes: [operations]
    fields: {{$.seq: keep, user.contact.email: {{encrypt: {{key: ads}}}}, user.unique_id: {{encrypt: {{key: ads}}}}}}
"
    )
}

fn scene(test: &str) -> Option<Scene> {
    let kafka = kafka("kafka")?;
    let mut scene = Scene::new(kafka, test);
    scene.write_policy(&policy(&scene));
    scene.log_level = "trace";
    scene.more = format!("subject_keys: {{topic: {}}}\n", scene.topic("subject-keys"));
    kafka.create_topics_with(&[&scene.topic("subject-keys")], 4, &[("cleanup.policy", "compact")]);
    Some(scene)
}

/// One event of each person.
fn produce(scene: &Scene, seqs: std::ops::Range<usize>) {
    let event = |seq: usize| {
        let person = seq % PEOPLE;
        let value = format!("{{\"seq\":{seq},\"user\":\"u{person}\",\"email\":\"canarybird{person}x@example.org\"}}");
        Input { key: None, value: Some(value.into_bytes()), headers: Vec::new(), timestamp: None, partition: None }
    };
    scene.kafka.produce(&scene.topic("source"), seqs.map(event));
}

/// What a sink holds: event → its encrypted fields.
fn encrypted(scene: &Scene, sink: &str) -> BTreeMap<usize, Vec<String>> {
    let rows = scene.kafka.read(&scene.topic(sink), Isolation::Committed).into_iter();
    let fields = rows.map(|row| {
        let tree: serde_json::Value = serde_json::from_slice(&row.value.expect("a value")).expect("JSON");
        let texts = ["email", "user"].iter().filter_map(|name| tree[name].as_str().map(str::to_owned));
        (tree["seq"].as_u64().expect("a number") as usize, texts.collect::<Vec<_>>())
    });
    fields.collect()
}

/// Reads every encrypted field of both sinks back, and says whose events were read whole and of whose nothing was.
fn reveal(scene: &Scene, instance: &str) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let (keys, config) = (scene.path("keys.json"), scene.path(&format!("{instance}.yaml")));
    let (mut read, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for sink in ["warehouse", "ads"] {
        let fields: Vec<(usize, String)> =
            encrypted(scene, sink).into_iter().flat_map(|(seq, texts)| texts.into_iter().map(move |text| (seq, text))).collect();
        let input: String = fields.iter().map(|(_, text)| format!("{text}\n")).collect();
        let (_, out, said) = privet(&["reveal", "--key", &keys, "--config", &config], input.as_bytes());
        let out = String::from_utf8(out).expect("text");
        assert_eq!(out.lines().count(), fields.len(), "{said}");
        for ((seq, _), value) in fields.iter().zip(out.lines()) {
            let person = seq % PEOPLE;
            let expected = [format!("canarybird{person}x@example.org"), format!("u{person}")];
            match value {
                "" => drop(lost.insert(*seq)),
                value if expected.iter().any(|expected| expected == value) => drop(read.insert(*seq)),
                _ => panic!("event {seq} has another's value"),
            }
        }
    }
    (read, lost)
}

/// The record keys of one person's rows in the topic of subject keys.
fn rows_of(scene: &Scene, person: usize) -> BTreeSet<Vec<u8>> {
    let keys = KeySet::load(scene.path("keys.json").as_ref()).expect("the key file").subject_keys();
    let subject = keys.digest("user_id", format!("u{person}").as_bytes());
    let mut found = BTreeSet::new();
    scene.kafka.scan(&scene.topic("subject-keys"), Isolation::Committed, |row| {
        let key = row.key.expect("rows have keys");
        if RowKey::from_record_key(&key).expect("a row").subject == subject {
            found.insert(key);
        }
    });
    found
}

/// At trace level neither a value of an event nor anything of a key is in the log, the metrics, or the topic of subject keys.
fn assert_secrets_kept(scene: &Scene, privet: &super::kit::process::Privet) {
    let keys = std::fs::read_to_string(scene.path("keys.json")).expect("the key file");
    let keys: serde_json::Value = serde_json::from_str(&keys).expect("the key file");
    let secrets: Vec<&str> = keys["keys"].as_array().expect("keys").iter().filter_map(|key| key["secret"].as_str()).collect();
    assert_eq!(secrets.len(), 2);
    let mut rows = Vec::new();
    scene.kafka.scan(&scene.topic("subject-keys"), Isolation::Uncommitted, |row| {
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).expect("rows are text");
        rows.push((text(row.key), text(row.value)));
    });
    let (log, metrics) = (scene.logs(), privet.http("GET", "/metrics", &[]).1);
    for (place, text) in [("log", &log), ("metrics", &metrics)] {
        assert!(text.len() > 1000, "the {place} says something");
        assert!(!text.contains("canarybird") && !text.contains("u417"), "a value of an event is in the {place}");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "a root is in the {place}");
        let wrapped = |value: &str| value.rsplit('.').next().is_some_and(|part| !part.is_empty() && text.contains(part));
        assert!(!rows.iter().any(|(key, value)| text.contains(key) || wrapped(value)), "a row is in the {place}");
    }
    for (key, value) in &rows {
        assert!(!key.contains("canarybird") && !value.contains("canarybird"));
        assert!(!secrets.iter().any(|secret| value.contains(secret)));
    }
}

#[test]
fn of_a_thousand_people_one_is_erased_and_nobody_else() {
    let Some(scene) = scene("shred") else { return };
    produce(&scene, 0..2 * PEOPLE);
    let mut first = scene.run();
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let everyone: BTreeSet<usize> = (0..2 * PEOPLE).collect();
    assert_eq!(reveal(&scene, "one"), (everyone.clone(), BTreeSet::new()));
    assert_eq!(first.metric("privet_subject_keys", &[]) as usize, PEOPLE, "one key a person");

    assert_secrets_kept(&scene, &first);
    let gone = rows_of(&scene, GONE);
    assert_eq!(gone.len(), 1);
    let tombstone =
        |key: &Vec<u8>| Input { key: Some(key.clone()), value: None, headers: Vec::new(), timestamp: None, partition: None };
    scene.kafka.produce(&scene.topic("subject-keys"), gone.iter().map(tombstone));
    let theirs = BTreeSet::from([GONE, GONE + PEOPLE]);
    let others: BTreeSet<usize> = everyone.difference(&theirs).copied().collect();
    assert_eq!(reveal(&scene, "one"), (others.clone(), theirs.clone()));
    wait_for("the running process to drop the key", Duration::from_secs(10), || {
        (first.metric("privet_subject_keys", &[]) as usize == PEOPLE - 1).then_some(())
    });

    // A process that starts anew reads the topic: it has the others' keys, and makes the erased person a new one.
    assert!(first.terminate().0.success());
    let mut second = scene.run_with("one", scene.admin, &[]);
    second.wait_ready();
    assert_eq!(second.metric("privet_subject_keys", &[]) as usize, PEOPLE - 1);
    produce(&scene, 2 * PEOPLE..3 * PEOPLE);
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(second.metric("privet_subject_keys", &[]) as usize, PEOPLE, "one new key, all others are used again");
    let later: BTreeSet<usize> = (2 * PEOPLE..3 * PEOPLE).chain(others).collect();
    assert_eq!(reveal(&scene, "one"), (later, theirs), "what was encrypted before stays unreadable");
    assert!(rows_of(&scene, GONE).len() == 2 && rows_of(&scene, GONE).is_superset(&gone));
    assert!(second.terminate().0.success());
    scene.assert_nothing_leaked();
}

#[test]
fn keys_that_crashed_with_their_batch_are_made_anew_and_everything_is_read_back() {
    let Some(mut scene) = scene("shredcrash") else { return };
    scene.workers = 2;
    produce(&scene, 0..2 * PEOPLE);
    for _ in 0..3 {
        let mut privet = scene.run();
        scene.wait_progress(SOON);
        privet.kill_nine();
    }
    let mut last = scene.run();
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(last.terminate().0.success());
    assert_eq!(reveal(&scene, "one"), ((0..2 * PEOPLE).collect(), BTreeSet::new()));
}

#[test]
fn a_topic_that_forgets_by_age_is_refused_and_a_missing_one_made_compacted() {
    let Some(mut scene) = scene("shredtopic") else { return };
    let kept = scene.topic("aged");
    scene.kafka.create_topics_with(&[&kept], 1, &[("cleanup.policy", "compact,delete")]);
    scene.more = format!("subject_keys: {{topic: {kept}}}\n");
    let mut privet = scene.run();
    assert_eq!(privet.wait_exit(SOON).code(), Some(1));
    assert!(privet.log().contains(&kept) && privet.log().contains("cleanup.policy=compact"), "{}", privet.log());

    scene.more = format!("subject_keys: {{topic: {}}}\n", scene.topic("made"));
    let mut privet = scene.run();
    assert_eq!(privet.wait_exit(SOON).code(), Some(1));
    assert!(privet.log().contains("--create-topics"), "{}", privet.log());
    let mut privet = scene.run_with("one", scene.admin, &["--from", "earliest", "--create-topics"]);
    privet.wait_ready();
    drop(privet);
    // Starting again finds it as it must be.
    let mut privet = scene.run();
    privet.wait_ready();
}

#[test]
fn a_full_table_quarantines_new_people_and_goes_on_with_those_it_knows() {
    let Some(mut scene) = scene("shredfull") else { return };
    scene.more = format!("subject_keys: {{topic: {}, rows: 1000}}\n", scene.topic("subject-keys"));
    // A thousand people fill it; then one more, and somebody who is known.
    produce(&scene, 0..PEOPLE);
    let privet = scene.run();
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let stranger = |seq: usize, user: &str| {
        let value = format!("{{\"seq\":{seq},\"user\":\"{user}\",\"email\":\"canarybird7x@example.org\"}}");
        Input { key: None, value: Some(value.into_bytes()), headers: Vec::new(), timestamp: None, partition: None }
    };
    scene.kafka.produce(&scene.topic("source"), [stranger(PEOPLE, "nobody-yet"), stranger(PEOPLE + 7, "u7")]);
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    wait_for("the count of what was set aside", Duration::from_secs(10), || {
        let labels = ["outcome=\"quarantine\"", "reason=\"key_unavailable\""];
        (privet.metric("privet_decisions_total", &labels) as usize == 2).then_some(())
    });
    let seqs: BTreeSet<usize> = encrypted(&scene, "warehouse").into_keys().collect();
    assert!(seqs.contains(&(PEOPLE + 7)) && !seqs.contains(&PEOPLE));
}

#[test]
fn an_erasure_destroys_the_keys_of_whom_it_names() {
    let Some(mut scene) = scene("erase") else { return };
    scene.kafka.create_topics_with(&[&scene.topic("erasures")], 2, &[("cleanup.policy", "compact")]);
    scene.more.push_str(&format!("erasures: {{topic: {}}}\n", scene.topic("erasures")));
    produce(&scene, 0..PEOPLE);
    let mut first = scene.run();
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let record = |key: &str, value: Option<&str>| Input {
        key: Some(key.as_bytes().to_vec()),
        value: value.map(|value| value.as_bytes().to_vec()),
        headers: Vec::new(),
        timestamp: None,
        partition: None,
    };
    // One is erased; one is suppressed for one purpose; one record cannot be read; one erasure was taken back before anybody saw it.
    let written = [
        record("user_id:u417", Some("{}")),
        record("user_id:u418", Some("{\"purposes\":[\"advertising\"]}")),
        record("user_id:u419", Some("{no JSON")),
        // By the SHA-256 of the identity.
        record("sha256:user_id:11e4e6563a3718c16808ebe573bcc23aa77006a418cc7bb3106f27991acb1b6c", Some("{}")),
    ];
    scene.kafka.produce(&scene.topic("erasures"), written);
    let held = |privet: &super::kit::process::Privet| privet.metric("privet_subject_keys", &[]) as usize;
    wait_for("the key to be destroyed", Duration::from_secs(20), || (held(&first) == PEOPLE - 2).then_some(()));
    let others: BTreeSet<usize> = (0..PEOPLE).filter(|seq| ![GONE, 420].contains(seq)).collect();
    assert_eq!(reveal(&scene, "one"), (others.clone(), BTreeSet::from([GONE, 420])));
    assert!(first.terminate().0.success());

    // While nobody runs, one more is erased, and one is erased and is not any more.
    let written = [record("user_id:u5", Some("{}")), record("user_id:u6", Some("{}")), record("user_id:u6", None)];
    scene.kafka.produce(&scene.topic("erasures"), written);
    let mut second = scene.run_with("one", scene.admin, &[]);
    second.wait_ready();
    wait_for("the key to be destroyed after a start", Duration::from_secs(20), || (held(&second) == PEOPLE - 3).then_some(()));
    assert!(second.terminate().0.success());
    let others: BTreeSet<usize> = others.into_iter().filter(|seq| *seq != 5).collect();
    assert_eq!(reveal(&scene, "one"), (others, BTreeSet::from([5, GONE, 420])));
    scene.assert_nothing_leaked();
}
