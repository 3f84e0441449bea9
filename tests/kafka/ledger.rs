//! The ledger's topics as Apache Kafka keeps them: transaction markers, partitions that begin beyond zero, open
//! transactions, partitions that are added, brokers that fall silent, and topics that are made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::SOON;
use super::kit::absent;
use super::kit::broker::{Kafka, kafka};
use super::kit::client::{Input, Isolation, Row};
use super::kit::fixture::{PEOPLE, Scene, canaries, seq_of};
use super::kit::process::{Privet, privet};
use super::kit::wait_for;
use super::proxy::Proxy;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What is known of consent may be so old: the default.
const STALENESS: Duration = Duration::from_secs(2);

/// A scene whose configuration names a ledger; `more` stands beside its topic.
pub(super) fn scene(kafka: &'static Kafka, test: &str, partitions: i32, more: &str) -> Scene {
    let mut scene = Scene::new(kafka, test);
    scene.more = format!("ledger: {{topic: {}{more}}}\n", scene.topic("consent"));
    kafka.create_topics(&[&scene.topic("consent")], partitions);
    scene
}

pub(super) fn compact(scene: &Scene) {
    scene.kafka.set_topic(&scene.topic("consent"), "cleanup.policy", "compact");
}

/// The consent record of one person.
pub(super) fn row(person: &str, version: u64, state: &str) -> Input {
    let value = format!(
        r#"{{"identity":{{"kind":"user_id","value":"{person}"}},"version":{version},"purposes":{{"advertising":{{"state":"{state}","at":"2026-11-01T09:00:00Z"}}}}}}"#
    );
    Input { key: Some(format!("user_id:{person}").into_bytes()), value: Some(value.into_bytes()), ..Input::default() }
}

pub(super) fn admin(kafka: &Kafka) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &kafka.bootstrap).create().expect("an admin client can be made")
}

pub(super) fn wait_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made").block_on(future)
}

/// A producer with an open transaction that has written one row.
pub(super) fn open_transaction(kafka: &Kafka, topic: &str, partition: i32, id: &str, person: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.bootstrap)
        .set("transactional.id", format!("{topic}.{id}"))
        .create()
        .expect("a producer can be made");
    producer.init_transactions(PATIENCE).expect("an id can be registered");
    producer.begin_transaction().expect("a transaction can be opened");
    let Input { key, value, .. } = row(person, 1, "denied");
    let (key, value) = (key.expect("a key"), value.expect("a value"));
    let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&value);
    producer.send(record).map_err(|(error, _)| error).expect("a record is taken");
    producer.flush(PATIENCE).expect("it is written");
    producer
}

pub(super) fn subjects(privet: &Privet) -> f64 {
    privet.metric("privet_ledger_subjects", &[])
}

pub(super) fn written(scene: &Scene) -> i64 {
    scene.kafka.ends(&scene.topic("warehouse")).values().sum()
}

#[test]
fn markers_and_partitions_that_begin_beyond_zero_are_read_before_anything_is_judged() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-tails", 4, "");
    let topic = scene.topic("consent");
    let people = (0..3_000).map(|number| Input { partition: Some(0), ..row(&format!("p{number}"), 1, "granted") });
    kafka.produce(&topic, people);
    // The end of partition 0 is a marker, behind one more of a transaction that was voided.
    open_transaction(kafka, &topic, 0, "voided", "nobody").abort_transaction(PATIENCE).expect("aborted");
    open_transaction(kafka, &topic, 0, "counted", "somebody").commit_transaction(PATIENCE).expect("committed");
    // Partition 1 begins where it ends, at 5; partition 2 holds nothing but what was voided; partition 3 nothing at all.
    kafka.produce(&topic, (0..5).map(|number| Input { partition: Some(1), ..row(&format!("gone{number}"), 1, "granted") }));
    let mut before = TopicPartitionList::new();
    before.add_partition_offset(&topic, 1, Offset::Offset(5)).expect("an offset");
    wait_on(admin(kafka).delete_records(&before, &AdminOptions::new())).expect("records can be deleted");
    open_transaction(kafka, &topic, 2, "all", "nobody").abort_transaction(PATIENCE).expect("aborted");
    compact(&scene);
    scene.produce(0..300);

    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(subjects(&privet), 3_001.0, "committed rows, and only these");
    let log = privet.log();
    let (read, joined) = (log.find("the ledger was read"), log.find("assigned"));
    assert!(read.is_some() && read < joined, "it joins the group once the ledger was read:\n{log}");
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(300);
    assert!(!scene.logs().contains("user_id:p"), "whose rows were read is not in the log");
}

#[test]
fn an_open_transaction_hides_withdrawals_and_so_holds_everything_up() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-open", 2, "");
    compact(&scene);
    scene.produce(0..100);
    let open = open_transaction(kafka, &scene.topic("consent"), 1, "open", "somebody");
    let mut privet = scene.run();
    std::thread::sleep(STALENESS * 2);
    assert_eq!(written(&scene), 0, "nothing is judged by what may be hidden");
    let (code, body) = privet.http("GET", "/readyz", &[]);
    assert!(code == 503 && body.contains("ledger"), "{code} {body}");
    open.commit_transaction(PATIENCE).expect("committed");
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert_eq!(subjects(&privet), 1.0);
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(100);
}

#[test]
fn a_partition_that_is_added_is_read_too() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-grows", 1, "");
    let topic = scene.topic("consent");
    compact(&scene);
    scene.produce(0..10);
    kafka.produce(&topic, [row("p0", 1, "granted")]);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let grown = wait_on(admin(kafka).create_partitions(&[NewPartitions::new(&topic, 3)], &AdminOptions::new()));
    grown.expect("partitions can be added").into_iter().for_each(|result| drop(result.expect("it was added")));
    let there = || (kafka.partitions(&topic).len() == 3).then_some(());
    wait_for("the partitions", PATIENCE, there);
    kafka.produce(&topic, (1..50).map(|number| Input { partition: Some(number % 3), ..row(&format!("p{number}"), 1, "denied") }));
    wait_for("the rows of all partitions", PATIENCE, || (subjects(&privet) == 50.0).then_some(()));
    scene.produce(10..20);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(20);
}

#[test]
fn while_the_ledgers_brokers_are_silent_nothing_passes_and_it_goes_on_by_itself() {
    let Some(kafka) = kafka("kafka") else { return };
    let Some(detour) = kafka.detour else {
        return absent("kafka/ledger-cut-off", "PRIVET_TEST_KAFKA names a cluster without a place for a proxy");
    };
    let proxy = Proxy::start(detour);
    let scene = scene(kafka, "ledger-silent", 2, &format!(", kafka: {{bootstrap.servers: \"{}\"}}", proxy.bootstrap));
    compact(&scene);
    scene.produce(0..10);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let mut next = 10;
    let feed = |next: &mut u64| {
        scene.produce(*next..*next + 5);
        *next += 5;
        std::thread::sleep(Duration::from_millis(50));
    };
    for outage in 0..2u64 {
        feed(&mut next);
        proxy.silence(true);
        if outage == 1 {
            proxy.cut_all();
        }
        let began = Instant::now();
        // The bound: what may be that old, one cut, and a second for two cores.
        while began.elapsed() < STALENESS + Duration::from_millis(100) + Duration::from_secs(1) {
            feed(&mut next);
        }
        let stopped = written(&scene);
        let (code, body) = privet.http("GET", "/readyz", &[]);
        assert!(code == 503 && body.contains("not proved fresh"), "{code} {body}");
        for _ in 0..12 {
            feed(&mut next);
        }
        assert_eq!(written(&scene), stopped, "outage {outage}: nothing passes, not even what would be voided");
        assert!(privet.metric("privet_ledger_freshness_seconds", &[]) > STALENESS.as_secs_f64());
        proxy.silence(false);
        let healed = Instant::now();
        wait_for("output after healing", PATIENCE, || (written(&scene) > stopped).then_some(()));
        assert!(healed.elapsed() < Duration::from_secs(5), "outage {outage}: it took {:?}", healed.elapsed());
    }
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(privet.terminate().0.success());
    scene.assert_exactly_once(next);
}

#[test]
fn a_ledger_made_anew_stops_the_process() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-anew", 2, "");
    let topic = scene.topic("consent");
    compact(&scene);
    scene.produce(0..10);
    kafka.produce(&topic, (0..20).map(|number| row(&format!("p{number}"), 1, "granted")));
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let deleted = wait_on(admin(kafka).delete_topics(&[&topic], &options)).expect("topics can be deleted");
    deleted.into_iter().for_each(|result| drop(result.expect("it was deleted")));
    wait_for("the topic to be gone", PATIENCE, || kafka.partitions(&topic).is_empty().then_some(()));
    kafka.create_topics_with(&[&topic], 2, &[("cleanup.policy", "compact")]);
    let status = privet.wait_exit(PATIENCE);
    assert_eq!(status.code(), Some(1), "{}", privet.log());
    let said = privet.log();
    assert!(said.contains("made anew") || said.contains("lost records"), "it says why:\n{said}");
}

#[test]
fn a_ledger_that_is_missing_or_forgets_is_refused_by_name() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "ledger-missing");
    scene.more = format!("ledger: {{topic: {}}}\nerasures: {{topic: {}}}\n", scene.topic("consent"), scene.topic("erasures"));
    let mut privet = scene.run();
    assert_eq!(privet.wait_exit(PATIENCE).code(), Some(1));
    assert!(privet.log().contains(&scene.topic("consent")) && privet.log().contains("--create-topics"), "{}", privet.log());
    kafka.create_topics_with(&[&scene.topic("consent")], 1, &[("cleanup.policy", "delete")]);
    let mut privet = scene.run_with("two", scene.admin, &["--from", "earliest", "--create-topics"]);
    assert_eq!(privet.wait_exit(PATIENCE).code(), Some(1));
    assert!(privet.log().contains("cleanup.policy"), "{}", privet.log());
    compact(&scene);
    scene.produce(0..50);
    let mut privet = scene.run_with("three", scene.admin, &["--from", "earliest", "--create-topics"]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(!kafka.partitions(&scene.topic("erasures")).is_empty(), "it was made");
    assert!(privet.terminate().0.success());
    let rows = kafka.read(&scene.topic("consent"), Isolation::Committed);
    assert!(rows.is_empty(), "nobody writes to the ledger unasked");
}

/// `privet ledger` with the scene's configuration: exit code, standard output, standard error.
fn ledger(scene: &Scene, args: &[&str], input: &str) -> (i32, String, String) {
    let config = scene.path("one.yaml");
    let (code, out, said) = privet(&[&["ledger", "--config", &config], args].concat(), input.as_bytes());
    (code, String::from_utf8(out).expect("results are text"), said)
}

#[test]
fn records_are_written_read_withdrawn_and_taken_out_by_the_command_line() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-cli", 3, "");
    compact(&scene);
    scene.produce(0..10);
    let mut running = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);

    let csv = "kind,value,purpose,state,at,version\n\
               user_id,u1,advertising,granted,2026-11-01T09:00:00Z,4\n\
               user_id,u1,analytics,granted,2026-11-01T09:00:00Z,4\n\
               user_id,u2,advertising,granted,2026-11-01T09:00:00Z,1\n";
    let dry = ledger(&scene, &["import", "--format", "csv", "--dry-run"], csv);
    assert!(dry.0 == 0 && dry.2.contains("2 records are in order"), "{dry:?}");
    let (code, _, said) = ledger(&scene, &["import", "--format", "csv"], csv);
    assert!(code == 0 && said.contains("2 records were written"), "{said}");
    let broken = ledger(&scene, &["import"], "{\"identity\":{}}\n");
    assert!(broken.0 == 1 && broken.2.contains("nothing was written"), "{broken:?}");
    wait_for("both rows", PATIENCE, || (subjects(&running) == 2.0).then_some(()));

    let (code, out, said) = ledger(&scene, &["withdraw", "user_id:u1", "--purpose", "advertising"], "");
    assert_eq!(code, 0, "{said}");
    let (code, got, said) = ledger(&scene, &["get", "user_id:u1"], "");
    assert_eq!((code, &got), (0, &out), "{said}");
    let record: serde_json::Value = serde_json::from_str(&got).expect("JSON");
    assert_eq!((&record["version"], &record["purposes"]["analytics"]["state"]), (&5.into(), &"granted".into()));
    assert_eq!(record["purposes"]["advertising"]["state"], "withdrawn");
    let measured = || running.metric("privet_consent_enforcement_seconds_count", &[]) >= 1.0;
    wait_for("the withdrawal to be enforced", PATIENCE, || measured().then_some(()));

    let (code, out, said) = ledger(&scene, &["export"], "");
    assert_eq!((code, out.lines().count()), (0, 2), "{said}");
    let (code, _, said) = ledger(&scene, &["get", "user_id:u3"], "");
    assert!(code == 1 && said.contains("no record"), "{said}");

    // A version that goes backwards: the process denies, and appends a denial that every instance will read.
    let back = row("u1", 2, "granted");
    let (code, _, said) = ledger(&scene, &["put"], &String::from_utf8_lossy(back.value.as_deref().expect("a value")));
    assert!(code == 1 && said.contains("version 2 is not above 5"), "{said}");
    let places = || -> BTreeSet<i32> {
        let rows = kafka.read(&scene.topic("consent"), Isolation::Committed);
        rows.iter().filter(|row| row.key == back.key).map(|row| row.partition).collect()
    };
    let partition = places().first().copied();
    kafka.produce(&scene.topic("consent"), [Input { partition, ..back.clone() }]);
    let denied = || {
        let (_, got, _) = ledger(&scene, &["get", "user_id:u1"], "");
        let record: serde_json::Value = serde_json::from_str(&got).expect("JSON");
        (record["version"] == 6 && record["purposes"]["*"]["state"] == "denied").then_some(())
    };
    wait_for("the denial", PATIENCE, denied);
    assert_eq!(running.metric("privet_ledger_faults_total", &["kind=\"regression\""]), 1.0);
    let (code, stats, said) = ledger(&scene, &["stats"], "");
    assert!(stats.contains("versions that went back"), "{stats}");
    assert!(stats.lines().any(|line| line.starts_with("subjects") && line.ends_with(" 2")), "{stats}");
    assert_eq!(code, 0, "what went back is answered: {said}");
    assert_eq!(places().len(), 1, "what follows a record is where it is");
    assert!(running.terminate().0.success());
    assert!(!scene.logs().contains("user_id:u1"), "nobody is named in the log");
}

/// A scene in which nothing but the ledger says who may be advertised to.
pub(super) fn asked_of_the_ledger(kafka: &'static Kafka, test: &str) -> Scene {
    let scene = scene(kafka, test, 2, "");
    compact(&scene);
    let segment = "signal: segment, path: $.context.consent.categoryPreferences, purposes: {advertising: Advertising}";
    assert!(scene.policy().contains(segment), "the policy of scenes has changed");
    scene.write_policy(&scene.policy().replace(segment, "signal: ledger"));
    scene
}

/// The consent record of a person of the scenes' events.
pub(super) fn about(person: u64, version: u64, state: &str) -> Input {
    let [user, ..] = canaries(person);
    row(&user, version, state)
}

#[test]
fn a_policy_that_asks_a_ledger_that_is_not_configured_is_refused() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = asked_of_the_ledger(kafka, "ledger-unconfigured");
    scene.more.clear();
    let mut privet = scene.run();
    assert_eq!(privet.wait_exit(PATIENCE).code(), Some(1));
    assert!(privet.log().contains("`ledger`"), "{}", privet.log());
}

/// 300 withdrawals a second beside events: nothing about a person that was read after the bound is released, and what is
/// measured agrees with what is seen.
#[test]
fn withdrawals_under_load_act_within_the_published_bound() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = asked_of_the_ledger(kafka, "ledger-bound");
    kafka.set_topic(&scene.topic("ads"), "message.timestamp.type", "LogAppendTime");
    let (consent, source) = (scene.topic("consent"), scene.topic("source"));
    kafka.produce(&consent, (0..PEOPLE).map(|person| about(person, 1, "granted")));
    scene.produce(0..PEOPLE);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &source, SOON);
    let reached = |rows: &[Row]| rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect::<BTreeSet<_>>();
    let first = reached(&kafka.read(&scene.topic("ads"), Isolation::Committed));
    assert_eq!(first.len() as u64, (0..PEOPLE).filter(|seq| seq % 50 != 49).count() as u64, "grants of the ledger release");

    // Meanwhile people withdraw who have no events: the flood in which those who have some must not be lost.
    let stop = AtomicBool::new(false);
    let (mut produced, mut withdrawn) = (Vec::new(), BTreeMap::new());
    let last = std::thread::scope(|threads| {
        let flood = || {
            for round in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let strangers = (0..300).map(|number| row(&format!("s{round}-{number}"), 1, "withdrawn"));
                kafka.produce(&consent, strangers);
                std::thread::sleep(Duration::from_millis(500));
            }
        };
        threads.spawn(flood);
        let mut next = PEOPLE;
        for person in 0..40u64 {
            let until = next + PEOPLE;
            produced.push((next..until, millis_now()));
            scene.produce(next..until);
            next = until;
            kafka.produce(&consent, [about(person, 2, "withdrawn")]);
            withdrawn.insert(person, millis_now());
        }
        std::thread::sleep(Duration::from_secs(1));
        produced.push((next..next + PEOPLE, millis_now()));
        scene.produce(next..next + PEOPLE);
        kafka.wait_drained(&scene.group(), &source, SOON);
        stop.store(true, Ordering::Relaxed);
        next + PEOPLE
    });
    let measured = privet.metric("privet_consent_enforcement_seconds_count", &[]);
    assert!(measured >= 40.0, "measured {measured} withdrawals");
    let within = privet.metric("privet_consent_enforcement_seconds_bucket", &["le=\"0.85\""]);
    // One commit that two busy cores hold up shows in a whole round of 300 at once: two rounds of some 45 may.
    assert!(within >= measured * 0.95, "{within} of {measured} within the bound, as the process measures it");
    assert!(privet.terminate().0.success());

    // 250 ms, one cut of 100 ms, and half a second of two cores that also run the broker.
    let bound = 250 + 100 + 500;
    let rows = kafka.read(&scene.topic("ads"), Isolation::Committed);
    let seen = reached(&rows);
    for row in &rows {
        let seq = seq_of(row.value.as_deref().expect("a value"));
        let Some(at) = withdrawn.get(&(seq % PEOPLE)) else { continue };
        let appended = row.timestamp.expect("a time");
        assert!(appended <= at + bound, "event {seq} was written {} ms after the withdrawal", appended - at);
    }
    for (seqs, at) in &produced {
        for seq in seqs.clone().filter(|seq| seq % 50 != 49) {
            match withdrawn.get(&(seq % PEOPLE)) {
                None => assert!(seen.contains(&seq), "event {seq} of somebody who agrees was held back"),
                Some(withdrawn) if *at > withdrawn + bound => assert!(!seen.contains(&seq), "event {seq} came after the bound"),
                Some(_) => {}
            }
        }
    }
    assert_eq!(kafka.committed(&scene.group(), &source).values().sum::<i64>(), i64::try_from(last).expect("few"));
    // What was voided is clean of what was known, too: nothing written carries an event of after the bound.
    scene.assert_nothing_leaked();
}

pub(super) fn millis_now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    i64::try_from(now.as_millis()).expect("the clock is sane")
}

/// What does not fit must not be left out: the process stops and says why, at the start and later, and lets nothing through.
#[test]
fn a_ledger_that_does_not_fit_stops_the_process() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-cap", 2, ", max_memory: 16MiB");
    compact(&scene);
    scene.produce(0..50);
    let people = |from: u64, to: u64| (from..to).map(|number| row(&format!("p{number}"), 1, "granted"));
    kafka.produce(&scene.topic("consent"), people(0, 5_000));
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let used = privet.metric("privet_ledger_memory_bytes", &[]);
    assert!(used > 0.0 && used < 16e6, "{used}");
    let before = written(&scene);
    kafka.produce(&scene.topic("consent"), people(5_000, 400_000));
    assert_eq!(privet.wait_exit(SOON).code(), Some(1));
    assert!(privet.log().contains("ledger.max_memory"), "{}", privet.log());
    scene.produce(50..100);
    let mut again = scene.run_with("two", scene.admin, &["--from", "earliest"]);
    assert_eq!(again.wait_exit(SOON).code(), Some(1));
    assert!(again.log().contains("ledger.max_memory") && !again.log().contains("assigned"), "{}", again.log());
    assert_eq!(written(&scene), before, "nothing is judged by a part of it");
}

/// How fast a ledger is read from a broker on this machine; `PRIVET_LEDGER_RECORDS` says of how many people. The figure is
/// in `benches/RESULTS.md`.
#[test]
#[ignore = "a measurement: cargo test --release --test kafka -- --ignored --nocapture how_fast"]
fn how_fast_a_ledger_is_read() {
    let Some(kafka) = kafka("kafka") else { return };
    let people = std::env::var("PRIVET_LEDGER_RECORDS").ok().map_or(1_000_000, |number| number.parse::<i32>().expect("a number"));
    let mut scene = scene(kafka, "ledger-load", 4, "");
    scene.workers = 1;
    compact(&scene);
    kafka.produce(&scene.topic("consent"), (0..people).map(|number| row(&format!("{number:016x}"), 1, "granted")));
    let begun = Instant::now();
    let mut privet = scene.run();
    privet.wait_ready();
    eprintln!(
        "{people} people: ready {:.1} s after the start, {} MiB",
        begun.elapsed().as_secs_f64(),
        privet.resident_kib() >> 10
    );
    assert_eq!(subjects(&privet), f64::from(people));
    assert!(privet.terminate().0.success());
    eprintln!("{}", ledger(&scene, &["stats"], "").1);
}
