//! The start: what is missing or wrong is said by name, and what can be made is made.

use std::time::Duration;

use super::SOON;
use super::kit::broker::{PASSWORD, USER, kafka};
use super::kit::fixture::Scene;
use super::kit::{absent, free_port};

/// How long a start may take to find that it cannot go on.
const REFUSAL: Duration = Duration::from_secs(60);

#[test]
fn a_sink_topic_that_is_missing_is_named() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::without_sinks(kafka, "missing");
    kafka.create_topics(&[&scene.topic("warehouse"), &scene.topic("quarantine")], 4);
    let mut privet = scene.run();
    let status = privet.wait_exit(REFUSAL);
    assert_eq!(status.code(), Some(1), "{}", privet.log());
    let said = privet.log();
    assert!(
        said.contains(&scene.topic("ads")) && said.contains("--create-topics"),
        "it says what is missing and what to do:\n{said}"
    );
    assert!(kafka.partitions(&scene.topic("ads")).is_empty(), "nothing was made unasked");
}

#[test]
fn create_topics_makes_what_is_missing_with_the_sources_partitions() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::without_sinks(kafka, "create");
    scene.produce(0..500);
    let mut privet = scene.run_with("one", scene.admin, &["--from", "earliest", "--create-topics"]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.terminate().0.success());
    assert_eq!(kafka.partitions(&scene.topic("ads")), [0, 1, 2, 3]);
    scene.assert_exactly_once(500);
}

#[test]
fn without_offsets_it_asks_where_to_begin() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "nowhere");
    scene.produce(0..100);
    let mut privet = scene.run_with("one", scene.admin, &[]);
    let status = privet.wait_exit(REFUSAL);
    assert_eq!(status.code(), Some(1), "{}", privet.log());
    assert!(privet.log().contains("--from"), "it says what to do:\n{}", privet.log());
    assert!(kafka.ends(&scene.topic("warehouse")).values().all(|end| *end == 0), "nothing was written");
}

#[test]
fn a_broker_that_does_not_answer_is_said() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "nobroker");
    let nowhere = format!("127.0.0.1:{}", free_port());
    scene.client_settings.push(("bootstrap.servers".into(), nowhere.clone()));
    let mut privet = scene.run();
    let status = privet.wait_exit(REFUSAL);
    assert_eq!(status.code(), Some(1), "{}", privet.log());
    assert!(privet.log().contains(&nowhere), "it says which broker:\n{}", privet.log());
}

fn secured(scene: &mut Scene, password: &str) -> bool {
    let Some(secure) = &scene.kafka.secure else {
        absent("kafka/tls-and-scram", "PRIVET_TEST_KAFKA names a cluster without the kit's guarded listener");
        return false;
    };
    let ca = secure.ca.to_str().expect("a path of ours is text");
    let settings = [
        ("bootstrap.servers", secure.bootstrap.as_str()),
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanisms", "SCRAM-SHA-512"),
        ("sasl.username", USER),
        ("sasl.password", password),
        ("ssl.ca.location", ca),
    ];
    scene.client_settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    true
}

#[test]
fn tls_and_scram_carry_the_same_bytes() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "secure");
    if !secured(&mut scene, PASSWORD) {
        return;
    }
    scene.produce(0..1000);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(1000);
    scene.assert_nothing_leaked();
    assert!(!scene.logs().contains(PASSWORD), "the password is not in the log");
}

#[test]
fn a_wrong_password_is_said_and_not_shown() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "password");
    if !secured(&mut scene, "not-the-password") {
        return;
    }
    let mut privet = scene.run();
    let status = privet.wait_exit(REFUSAL);
    assert_eq!(status.code(), Some(1), "{}", privet.log());
    let said = privet.log();
    assert!(said.to_lowercase().contains("authentication"), "it says that the login failed:\n{said}");
    assert!(!said.contains("not-the-password"), "the password is not in the log");
}
