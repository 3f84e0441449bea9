//! What an operator meets: set-aside records, health, and the size of an idle process.

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::{Input, Isolation};
use super::kit::fixture::{Scene, event, input, seq_of};
use super::kit::process::privet;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;

#[test]
fn a_quarantined_record_is_sealed_and_opens_with_the_identity() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "sealed");
    let identity = age::x25519::Identity::generate();
    scene.quarantine = Some(format!("{{topic: {}, recipient: {}}}", scene.topic("quarantine"), identity.to_public()));
    std::fs::write(scene.path("identity.txt"), identity.to_string().expose_secret()).expect("the identity can be written");
    scene.produce(0..500);
    let mut running = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(running.terminate().0.success());
    scene.assert_nothing_leaked();
    let sealed = kafka.read(&scene.topic("quarantine"), Isolation::Committed);
    assert!(!sealed.is_empty(), "something was set aside");
    let mut args = vec!["quarantine".to_owned(), "open".into(), "--identity".into(), scene.path("identity.txt")];
    for (n, row) in sealed.iter().enumerate() {
        let file = scene.path(&format!("sealed-{n}.age"));
        std::fs::write(&file, row.value.as_deref().expect("a value")).expect("a sealed record can be written");
        args.push(file);
    }
    let (code, out, said) = privet(&args.iter().map(String::as_str).collect::<Vec<_>>(), b"");
    assert_eq!(code, 0, "{said}");
    let text = String::from_utf8(out).expect("results are UTF-8");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let opened: BTreeSet<Vec<u8>> =
        lines.iter().map(|line| STANDARD.decode(line["value_base64"].as_str().expect("text")).expect("base64")).collect();
    let broken: BTreeSet<Vec<u8>> = (0..500).filter(|seq| seq % 50 == 49).map(event).collect();
    assert_eq!(opened, broken, "the broken events as they came");
    for line in &lines {
        assert_eq!([&line["reason"], &line["topic"]], ["malformed", &scene.topic("source")]);
        assert!(line["partition"].is_u64() && line["offset"].is_u64());
    }
}

#[test]
fn idle_it_is_healthy_and_small() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "idle");
    let mut privet = scene.run();
    privet.wait_ready();
    assert_eq!(privet.http("GET", "/livez", &[]).0, 200);
    let (ready, body) = privet.http("GET", "/readyz", &[]);
    assert_eq!(ready, 200, "{body}");
    let resident = privet.resident_kib();
    eprintln!("idle: {resident} KiB resident");
    assert!(resident < 60 * 1024, "an idle proxy of {resident} KiB");
    let (status, _) = privet.http("GET", "/api/policy", &[]);
    assert_eq!(status, 401, "the policy is shown only to those with the token");
    assert_eq!(privet.http("GET", "/api/policy", &[("Authorization", "Bearer hush")]).0, 200);
    assert!(privet.terminate().0.success());
}

#[test]
fn a_record_too_large_for_one_sink_is_set_aside_for_that_sink() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::new(kafka, "toolarge");
    scene.client_settings.push(("message.max.bytes".into(), "1000000".into()));
    // Within the limit of a record to read, beyond what the producer may send once it is keyed and framed.
    let large =
        String::from_utf8(event(1)).expect("text").replacen('{', &format!("{{\"filler\":\"{}\",", "x".repeat(1_020_000)), 1);
    kafka.produce(&scene.topic("source"), [Input { value: Some(large.into_bytes()), ..input(1) }]);
    scene.produce(2..200);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let seqs = |sink: &str| -> BTreeSet<u64> {
        let rows = kafka.read(&scene.topic(sink), Isolation::Committed);
        rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect()
    };
    let whole = |seq: &u64| seq % 50 != 49;
    assert!(seqs("warehouse").into_iter().eq((2..200).filter(whole)), "the warehouse has the rest, without the large one");
    assert!(
        seqs("ads").into_iter().eq((1..200).filter(whole).filter(|seq| !seq.is_multiple_of(3))),
        "the ad sink's small form of it passes"
    );
    assert!(privet.terminate().0.success());
    scene.assert_nothing_leaked();
}

/// A limit that is raised while the proxy runs is followed: by what it lets through, and by the producer itself.
#[test]
fn a_sink_topic_that_takes_more_than_before_gets_it() {
    let Some(kafka) = kafka("kafka") else { return };
    let mut scene = Scene::without_sinks(kafka, "raised");
    // With it, the producer would be made for the quarantine topic's larger records.
    scene.quarantine = None;
    kafka.create_topics_with(&[&scene.topic("warehouse"), &scene.topic("ads")], 4, &[("max.message.bytes", "100000")]);
    scene.produce(0..20);
    let mut privet = scene.run();
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    kafka.set_topic(&scene.topic("warehouse"), "max.message.bytes", "900000");
    let large =
        String::from_utf8(event(20)).expect("text").replacen('{', &format!("{{\"filler\":\"{}\",", "x".repeat(300_000)), 1);
    kafka.produce(&scene.topic("source"), [Input { value: Some(large.into_bytes()), ..input(20) }]);
    scene.produce(21..40);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    let rows = kafka.read(&scene.topic("warehouse"), Isolation::Committed);
    let seqs: BTreeSet<u64> = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect();
    assert!(seqs.into_iter().eq(0..40), "the large one is there, and each other once");
    assert_eq!(rows.len(), 40);
    assert!(privet.metric("privet_producer_rebuilds_total", &[]) >= 1.0, "the producer was made anew for it");
    assert!(privet.terminate().0.success());
}
