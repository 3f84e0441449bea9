//! What arrives: the bytes of `privet filter`, each event once, in order, with the source's time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::Isolation;
use super::kit::fixture::{Scene, event, input, seq_of};
use super::kit::wait_for;

#[test]
fn each_sink_gets_the_bytes_of_privet_filter_once_and_in_order() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "exact");
    scene.log_level = "trace";
    scene.produce(0..3000);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    scene.assert_exactly_once(3000);
    for row in kafka.read(&scene.topic("warehouse"), Isolation::Committed) {
        assert_eq!(row.timestamp, input(seq_of(row.value.as_deref().expect("a value"))).timestamp, "the source's time is kept");
        let key = row.key.as_deref().expect("the warehouse gets a key");
        assert!(key.starts_with(b"p1."), "the key is a pseudonym");
        assert_eq!(row.partition, java_partition(key, 4), "Java producers would choose this partition");
        assert!(row.headers.is_empty(), "no header was listed");
    }
    let source = kafka.read(&scene.topic("source"), Isolation::Committed);
    let came_from: BTreeMap<Vec<u8>, i32> = source.into_iter().map(|row| (row.value.expect("a value"), row.partition)).collect();
    for row in kafka.read(&scene.topic("ads"), Isolation::Committed) {
        let seq = seq_of(row.value.as_deref().expect("a value"));
        assert_eq!(Some(&row.partition), came_from.get(&event(seq)), "without a key, the source's partition");
        assert!(row.key.is_none() && row.headers.is_empty(), "the ad sink gets neither key nor headers");
    }
    let decisions = |labels: &[&str]| wait_metric(&privet, "privet_decisions_total", labels);
    assert_eq!(decisions(&["sink=\"ads\""]), 3000.0, "one outcome a record and sink");
    assert_eq!(decisions(&["sink=\"warehouse\""]), 3000.0);
    assert_eq!(decisions(&["sink=\"ads\"", "outcome=\"quarantine\"", "reason=\"malformed\""]), 60.0);
    assert_eq!(decisions(&["sink=\"ads\"", "outcome=\"drop\"", "reason=\"consent_denied\""]), 980.0);
    assert_eq!(wait_metric(&privet, "privet_records_total", &["stream=\"web\""]), 3000.0);
    assert!(privet.metric("privet_transactions_total", &["result=\"committed\""]) >= 1.0);
    let (status, took) = privet.terminate();
    assert!(status.success(), "SIGTERM ends it with 0: {status}");
    assert!(took < Duration::from_secs(5), "an idle drain took {took:?}");
    scene.assert_nothing_leaked();
}

/// Counts are shown at a cut, a moment after the offsets: waits until the sum stands still.
fn wait_metric(privet: &super::kit::process::Privet, name: &str, labels: &[&str]) -> f64 {
    let mut last = -1.0;
    wait_for(name, Duration::from_secs(10), || {
        let now = privet.metric(name, labels);
        let still = (now - last).abs() < 0.5 && now > 0.0;
        last = now;
        std::thread::sleep(Duration::from_millis(200));
        still.then_some(now)
    })
}

#[test]
fn a_restart_in_the_middle_goes_on_where_it_was() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "restart");
    scene.produce(0..1500);
    let mut first = scene.run();
    scene.wait_progress(SOON);
    assert!(first.terminate().0.success());
    scene.produce(1500..3000);
    // Offsets are there now: `--from` is not needed, nor does it matter.
    let mut second = scene.run_with("one", scene.admin, &[]);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(second.terminate().0.success());
    scene.assert_exactly_once(3000);
    scene.assert_nothing_leaked();
}

#[test]
fn sigterm_under_load_drains_in_less_than_five_seconds() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "drain");
    scene.produce(0..20_000);
    let mut first = scene.run();
    first.wait_ready();
    let (status, took) = first.terminate();
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(5), "the drain took {took:?}");
    let _second = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    scene.assert_exactly_once(20_000);
}

#[test]
fn at_least_once_loses_nothing_through_a_kill() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "atleast");
    scene.guarantee = "at_least_once";
    scene.produce(0..4000);
    let mut first = scene.run();
    scene.wait_progress(SOON);
    first.kill_nine();
    scene.produce(4000..8000);
    let _second = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let bytes = scene.filtered("warehouse", 0..8000);
    let oracle: BTreeMap<u64, Vec<u8>> = bytes.into_iter().map(|value| (seq_of(&value), value)).collect();
    let rows = kafka.read(&scene.topic("warehouse"), Isolation::Committed);
    let seen: BTreeSet<u64> = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect();
    assert!(oracle.keys().eq(seen.iter()), "every event at least once: {} of {}", seen.len(), oracle.len());
    for row in &rows {
        let value = row.value.as_ref().expect("a value");
        assert_eq!(oracle.get(&seq_of(value)), Some(value), "the bytes are those of `privet filter`");
    }
    scene.assert_nothing_leaked();
}

/// The partition that Apache Kafka's default partitioner gives a key: murmur2 with the seed 0x9747b28c, made positive.
fn java_partition(key: &[u8], partitions: u32) -> i32 {
    let positive = murmur2(key) & 0x7fff_ffff;
    i32::try_from(positive % partitions).expect("few partitions")
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).expect("keys are short");
    let words = data.chunks_exact(4);
    let rest = words.remainder();
    for word in words {
        let mut k = u32::from_le_bytes(word.try_into().expect("four bytes")).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// Values of Apache Kafka's own unit test of the function.
#[test]
fn the_oracle_of_partitions_agrees_with_apache_kafka() {
    let known: [(&[u8], i32); 5] = [
        (b"21", -973_932_308),
        (b"foobar", -790_332_482),
        (b"a-little-bit-long-string", -985_981_536),
        (b"a-little-bit-longer-string", -1_486_304_829),
        (b"abc", 479_470_107),
    ];
    for (key, hash) in known {
        assert_eq!(murmur2(key).cast_signed(), hash);
    }
}
