//! A ledger that changes while it is being read for the first time.

use std::time::Duration;

use rdkafka::admin::{AdminOptions, NewPartitions};
use rdkafka::producer::Producer as _;

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::{Input, Isolation};
use super::kit::fixture::{PEOPLE, seq_of};
use super::kit::wait_for;
use super::ledger::{PATIENCE, about, admin, asked_of_the_ledger, open_transaction, subjects, wait_on, written};

/// An open transaction holds the first proof back for as long as it is open: meanwhile partitions are added, with rows, a marker at
/// one's end, and a row in two partitions.
#[test]
fn partitions_that_are_added_while_it_is_read_are_read_before_anything_is_judged() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = asked_of_the_ledger(kafka, "ledger-grows-early");
    let consent = scene.topic("consent");
    let at = |partition: i32, input: Input| Input { partition: Some(partition), ..input };
    kafka.produce(&consent, (0..PEOPLE).map(|person| at(0, about(person, 1, "granted"))));
    let open = open_transaction(kafka, &consent, 1, "open", "somebody");
    scene.produce(0..PEOPLE);
    let mut privet = scene.run();
    wait_for("the first rows", PATIENCE, || privet.log().contains("the ledger was read").then_some(()));
    let grown = wait_on(admin(kafka).create_partitions(&[NewPartitions::new(&consent, 5)], &AdminOptions::new()));
    grown.expect("partitions can be added").into_iter().for_each(|result| drop(result.expect("it was added")));
    wait_for("the partitions", PATIENCE, || (kafka.partitions(&consent).len() == 5).then_some(()));
    // Person 1 withdrew where the key would go now, with a version; of person 2 nobody can say which record is the last.
    kafka.produce(&consent, [at(3, about(1, 2, "withdrawn")), at(4, about(2, 1, "granted"))]);
    open_transaction(kafka, &consent, 4, "voided", "nobody").abort_transaction(PATIENCE).expect("aborted");
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(written(&scene), 0, "nothing is judged before everything was read");
    assert_eq!(privet.http("GET", "/readyz", &[]).0, 503);
    open.commit_transaction(PATIENCE).expect("committed");

    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(subjects(&privet), (PEOPLE + 1) as f64, "all of it, and what the transaction brought");
    assert_eq!(privet.metric("privet_ledger_faults_total", &["kind=\"split\""]), 2.0);
    let rows = kafka.read(&scene.topic("ads"), Isolation::Committed);
    let mut reached: Vec<u64> = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect();
    reached.sort_unstable();
    let expected: Vec<u64> = (0..PEOPLE).filter(|seq| seq % 50 != 49 && ![1, 2].contains(seq)).collect();
    assert_eq!(reached, expected);
    assert!(privet.terminate().0.success());
}
