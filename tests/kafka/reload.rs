//! A policy changes while data flows: whole batches under one plan, and a bad policy changes nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::Isolation;
use super::kit::fixture::{Scene, seq_of};
use super::kit::process::Privet;
use super::kit::wait_for;

const TOKEN: (&str, &str) = ("Authorization", "Bearer hush");

fn stricter(scene: &Scene) -> String {
    let before = scene.policy();
    let after = before.replace("      x.free_text: drop\n", "      x.free_text: drop\n      $.properties.price: drop\n");
    assert_ne!(before, after);
    after
}

fn wait_reloaded(privet: &Privet, successful: f64, policy_hashes: &str) {
    wait_for("the reload to show", Duration::from_secs(20), || {
        let (_, body) = privet.http("GET", "/metrics", &[]);
        let shown = privet.metric("privet_policy_last_reload_successful", &[]) == successful;
        (shown && (policy_hashes.is_empty() || !body.contains(policy_hashes))).then_some(())
    });
}

/// The label of the policy that runs.
fn running_hash(privet: &Privet) -> String {
    let (_, body) = privet.http("GET", "/metrics", &[]);
    let line = body.lines().find(|line| line.starts_with("privet_policy_info{") && line.ends_with(" 1"));
    let label = line.and_then(|line| line.split("hash=\"").nth(1)).and_then(|rest| rest.split('"').next());
    label.expect("the policy that runs has a hash").to_owned()
}

#[test]
fn a_reload_while_data_flows_takes_effect_at_a_cut() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "reload");
    let old = by_seq(scene.filtered("warehouse", 0..9000));
    scene.produce(0..3000);
    let mut privet = scene.run();
    privet.wait_ready();
    let hash = running_hash(&privet);
    std::thread::scope(|scope| {
        scope.spawn(|| scene.produce(3000..6000));
        scene.write_policy(&stricter(&scene));
        wait_reloaded(&privet, 1.0, &format!("hash=\"{hash}\",version=\"1\"}} 1"));
        wait_for("another policy to run", SOON, || (running_hash(&privet) != hash).then_some(()));
    });
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    scene.produce(6000..9000);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.metric("privet_policy_reloads_total", &["result=\"changed\""]) >= 1.0);
    assert!(privet.terminate().0.success());
    let new = by_seq(scene.filtered("warehouse", 0..9000));
    let mut switched: BTreeMap<i32, u64> = BTreeMap::new();
    let rows = kafka.read(&scene.topic("warehouse"), Isolation::Committed);
    assert_eq!(rows.len(), 8820, "each event once");
    for row in rows {
        let value = row.value.expect("a value");
        let seq = seq_of(&value);
        if new.get(&seq) == Some(&value) {
            switched.entry(row.partition).or_insert(seq);
        } else {
            assert_eq!(old.get(&seq), Some(&value), "event {seq} has the bytes of one policy or the other");
            assert!(!switched.contains_key(&row.partition), "partition {} went back to the old policy", row.partition);
            assert!(seq < 6000, "event {seq} came after the reload");
        }
    }
    assert!(!switched.is_empty(), "the new policy was used");
    scene.assert_nothing_leaked();
}

fn by_seq(values: Vec<Vec<u8>>) -> BTreeMap<u64, Vec<u8>> {
    values.into_iter().map(|value| (seq_of(&value), value)).collect()
}

#[test]
fn a_bad_reload_changes_nothing_and_shows() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "badreload");
    scene.produce(0..1000);
    let mut privet = scene.run();
    privet.wait_ready();
    let hash = running_hash(&privet);
    scene.write_policy(&scene.policy().replace("purposes: [advertising]", "purposes: [advertizing]"));
    wait_reloaded(&privet, 0.0, "");
    let (status, answer) = privet.http("POST", "/api/reload", &[TOKEN]);
    assert!((400..500).contains(&status), "a bad policy is the caller's fault: {status}");
    assert!(answer.contains("advertizing") && answer.contains("P0"), "the answer holds the diagnostics: {answer}");
    assert_eq!(privet.http("POST", "/api/reload", &[]).0, 401, "without the token nothing is reloaded");
    assert_eq!(running_hash(&privet), hash, "the old policy goes on");
    assert_eq!(privet.metric("privet_policy_pending", &[]), 1.0, "the file differs from what runs");
    assert_eq!(privet.http("GET", "/readyz", &[]).0, 200, "a failed reload does not stop it");
    scene.write_policy(&scene.policy());
    scene.produce(1000..3000);
    privet.signal("HUP");
    wait_reloaded(&privet, 1.0, "");
    assert_eq!(privet.metric("privet_policy_pending", &[]), 0.0);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(3000);
    scene.assert_nothing_leaked();
}
