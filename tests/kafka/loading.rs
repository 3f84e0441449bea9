//! A ledger that changes while it is being read for the first time; `PRIVET_LOADING_RECORDS` says of how many records it is.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::SOON;
use super::kit::broker::{Kafka, kafka};
use super::kit::client::{Input, Isolation};
use super::kit::fixture::{PEOPLE, seq_of};
use super::kit::wait_for;
use super::ledger::{PATIENCE, about, admin, asked_of_the_ledger, open_transaction, row, subjects, wait_on, written};

/// Records of people who have no events: few by default, five millions in `make loading`.
fn strangers() -> u64 {
    std::env::var("PRIVET_LOADING_RECORDS").ok().map_or(5_000, |number| number.parse().expect("a number"))
}

fn at(partition: i32, input: Input) -> Input {
    Input { partition: Some(partition), ..input }
}

fn grow(kafka: &Kafka, topic: &str, partitions: usize) {
    let grown = wait_on(admin(kafka).create_partitions(&[NewPartitions::new(topic, partitions)], &AdminOptions::new()));
    grown.expect("partitions can be added").into_iter().for_each(|result| drop(result.expect("it was added")));
    wait_for("the partitions", PATIENCE, || (kafka.partitions(topic).len() == partitions).then_some(()));
}

/// What a reader that waits for the last record, or for the high watermark, would wait for without end.
fn leave_tails(kafka: &Kafka, topic: &str, open: i32, empty: i32) {
    for partition in kafka.partitions(topic).into_iter().filter(|partition| ![open, empty].contains(partition)) {
        let id = |what: &str| format!("{what}{partition}");
        open_transaction(kafka, topic, partition, &id("voided"), "nobody").abort_transaction(PATIENCE).expect("aborted");
        open_transaction(kafka, topic, partition, &id("counted"), "somebody").abort_transaction(PATIENCE).expect("aborted");
    }
    kafka.produce(topic, (0..7).map(|number| at(empty, row(&format!("gone{number}"), 1, "granted"))));
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(topic, empty, Offset::Offset(7)).expect("an offset");
    // Of a topic that is compacted only Kafka lets nobody delete records.
    kafka.set_topic(topic, "cleanup.policy", "delete");
    let deleted = wait_on(admin(kafka).delete_records(&before, &AdminOptions::new())).expect("records can be deleted");
    assert!(deleted.elements().iter().all(|place| place.error().is_ok()), "they were");
    kafka.set_topic(topic, "cleanup.policy", "compact");
}

/// An open transaction holds the first proof back for as long as it is open: meanwhile partitions are added, with rows, a marker at
/// one's end, and a row in two partitions. Beside them stand partitions that end with markers, and one that is empty and begins at 7.
#[test]
fn partitions_that_are_added_while_it_is_read_are_read_before_anything_is_judged() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = asked_of_the_ledger(kafka, "ledger-grows-early");
    let (consent, strangers) = (scene.topic("consent"), strangers());
    grow(kafka, &consent, 4);
    kafka.produce(&consent, (0..PEOPLE).map(|person| at(0, about(person, 1, "granted"))));
    let place = |number: u64| [0, 2, 1][number as usize % 3];
    kafka.produce(&consent, (0..strangers).map(|number| at(place(number), row(&format!("{number:016x}"), 1, "granted"))));
    leave_tails(kafka, &consent, 1, 3);
    let open = open_transaction(kafka, &consent, 1, "open", "somebody");
    scene.produce(0..PEOPLE);
    let began = Instant::now();
    let mut privet = scene.run();
    // While millions are read that is in the middle of it; while few are, soon behind their end.
    wait_for("the admin server", SOON, || privet.log().contains("admin server listens").then_some(()));
    wait_for("the first rows", SOON, || (privet.log().contains("the ledger was read") || subjects(&privet) > 0.0).then_some(()));
    grow(kafka, &consent, 6);
    // Person 1 withdrew where the key would go now, with a version; of person 2 nobody can say which record is the last.
    kafka.produce(&consent, [at(4, about(1, 2, "withdrawn")), at(5, about(2, 1, "granted"))]);
    open_transaction(kafka, &consent, 5, "voided", "nobody").abort_transaction(PATIENCE).expect("aborted");
    wait_for("all rows", SOON, || privet.log().contains("the ledger was read").then_some(()));
    let read = began.elapsed().as_secs_f64();
    eprintln!("{strangers} records and more: read {read:.1} s after the start, {:.0} a second", strangers as f64 / read);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(written(&scene), 0, "nothing is judged before everything was read");
    let (code, body) = privet.http("GET", "/readyz", &[]);
    assert!(code == 503 && body.contains("ledger"), "{code} {body}");
    open.commit_transaction(PATIENCE).expect("committed");

    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(subjects(&privet), (strangers + PEOPLE + 1) as f64, "all of it, and what the transaction brought");
    assert_eq!(privet.metric("privet_ledger_faults_total", &["kind=\"split\""]), 2.0);
    let rows = kafka.read(&scene.topic("ads"), Isolation::Committed);
    let mut reached: Vec<u64> = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect();
    reached.sort_unstable();
    let expected: Vec<u64> = (0..PEOPLE).filter(|seq| seq % 50 != 49 && ![1, 2].contains(seq)).collect();
    assert_eq!(reached, expected);
    assert!(privet.terminate().0.success());
}
