//! Restarts that go on from a snapshot of the ledger, and snapshots that are of no use any more.

use rdkafka::admin::{AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::Isolation;
use super::kit::fixture::{PEOPLE, Scene, seq_of};
use super::kit::process::Privet;
use super::kit::wait_for;
use super::ledger::{PATIENCE, about, admin, asked_of_the_ledger, subjects, wait_on};

fn snapshots(privet: &Privet, result: &str) -> f64 {
    privet.metric("privet_ledger_snapshots_total", &[&format!("result=\"{result}\"")])
}

/// Events from `from` on, one a person, whoever gets an advertisement by them, and the log of the process.
fn round(scene: &Scene, from: u64, result: &str) -> (Vec<u64>, String) {
    let mut privet = scene.run();
    scene.produce(from..from + PEOPLE);
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(snapshots(&privet, result), 1.0, "{}", privet.log());
    wait_for("the snapshot", PATIENCE, || (snapshots(&privet, "written") >= 1.0 || result == "restored").then_some(()));
    assert!(subjects(&privet) >= PEOPLE as f64);
    assert!(privet.terminate().0.success());
    let rows = scene.kafka.read(&scene.topic("ads"), Isolation::Committed);
    let seqs = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value")));
    (seqs.filter(|seq| *seq >= from && *seq < from + PEOPLE).map(|seq| seq % PEOPLE).collect(), privet.log())
}

/// Who gets something where those below `withdrawn` do not: every fiftieth event is broken.
fn all_but(withdrawn: u64, from: u64) -> Vec<u64> {
    (0..PEOPLE).filter(|person| *person >= withdrawn && (from + person) % 50 != 49).collect()
}

fn sorted((mut people, log): (Vec<u64>, String)) -> (Vec<u64>, String) {
    people.sort_unstable();
    (people, log)
}

#[test]
fn a_restart_goes_on_from_its_snapshot_and_one_that_is_of_no_use_is_discarded_by_name() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = asked_of_the_ledger(kafka, "ledger-snapshot");
    let consent = scene.topic("consent");
    scene.more = format!("ledger: {{topic: {consent}, snapshot: {{path: ledger.snapshot}}}}\n");
    kafka.produce(&consent, (0..PEOPLE).map(|person| about(person, 1, "granted")));

    let mut privet = scene.run();
    privet.wait_ready();
    wait_for("the first snapshot", PATIENCE, || (snapshots(&privet, "written") == 1.0).then_some(()));
    assert!(privet.log().contains("no snapshot of the ledger yet"), "{}", privet.log());
    assert!(privet.terminate().0.success());
    let path = scene.path("ledger.snapshot");
    let first = std::fs::read(&path).expect("a snapshot");
    assert!(!first.windows(10).any(|part| part == b"canarybird"), "nobody is named in it");

    // What was withdrawn while nobody ran is read behind the snapshot.
    kafka.produce(&consent, (0..5).map(|person| about(person, 2, "withdrawn")));
    let (reached, log) = sorted(round(&scene, 0, "restored"));
    assert_eq!(reached, all_but(5, 0));
    assert!(log.contains("restored from its snapshot"), "{log}");

    // One byte is another.
    let mut broken = first.clone();
    broken[1_000] ^= 1;
    std::fs::write(&path, &broken).expect("it can be written");
    let (reached, log) = sorted(round(&scene, PEOPLE, "discarded"));
    assert_eq!(reached, all_but(5, PEOPLE));
    assert!(log.contains("changed, cut off"), "{log}");

    // Deletions may have been missed. What is not said is as by default.
    let keep_tombstones = |topic: &str, millis: &str| {
        let change =
            AlterConfig::new(ResourceSpecifier::Topic(topic)).set("cleanup.policy", "compact").set("delete.retention.ms", millis);
        let changed = wait_on(admin(kafka).alter_configs([&change], &AdminOptions::new())).expect("topics can be changed");
        changed.into_iter().for_each(|result| drop(result.expect("it was changed")));
    };
    keep_tombstones(&consent, "1000");
    std::fs::write(&path, &first).expect("it can be written");
    let (_, log) = round(&scene, 2 * PEOPLE, "discarded");
    assert!(log.contains("delete.retention.ms"), "{log}");

    // What follows it is gone.
    std::fs::write(&path, &first).expect("it can be written");
    kafka.produce(&consent, (0..PEOPLE).map(|person| about(person, 3, "granted")));
    let mut before = TopicPartitionList::new();
    for (partition, end) in kafka.ends(&consent) {
        before.add_partition_offset(&consent, partition, Offset::Offset(end - 1)).expect("an offset");
    }
    // Brokers delete no records of a topic that is compacted.
    kafka.set_topic(&consent, "cleanup.policy", "delete");
    wait_on(admin(kafka).delete_records(&before, &AdminOptions::new())).expect("records can be deleted");
    keep_tombstones(&consent, "86400000");
    let mut privet = scene.run();
    privet.wait_ready();
    assert!(privet.log().contains("does not reach from where it ends"), "{}", privet.log());
    assert_eq!(subjects(&privet), 2.0, "the last record of each partition is left");
    assert!(privet.terminate().0.success());

    // Another topic of the same name.
    std::fs::write(&path, &first).expect("it can be written");
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let deleted = wait_on(admin(kafka).delete_topics(&[&consent], &options)).expect("topics can be deleted");
    deleted.into_iter().for_each(|result| drop(result.expect("it was deleted")));
    wait_for("the topic to be gone", PATIENCE, || kafka.partitions(&consent).is_empty().then_some(()));
    kafka.create_topics_with(&[&consent], 2, &[("cleanup.policy", "compact")]);
    let mut privet = scene.run();
    privet.wait_ready();
    assert!(privet.log().contains("made anew since"), "{}", privet.log());
    assert_eq!(subjects(&privet), 0.0);
    assert!(privet.terminate().0.success());
    assert!(!scene.logs().contains("canarybird"), "nobody is named in the log");
}
