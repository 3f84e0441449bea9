//! What it costs to read consent strings, beside one HMAC, which is what a pseudonym costs.
//!
//! `cargo bench --bench consent` prints the fastest of many rounds: on shared hardware the others measure the neighbours. After
//! the strings it runs the reference workload "track" with a TC string in each event, under a policy that reads it and under one
//! that does not, in turns over the same events: what reading consent adds to an event.
#![allow(clippy::print_stdout)] // a bench's result is what it prints

use privet::consent::strings::Numbers;
use privet::consent::strings::gpp::{GppString, Section};
use privet::consent::strings::tcf::{Registration, TcString};
use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use privet::tooling::collector::Collector;
use std::hint::black_box;
use std::time::Instant;

/// What they are, a vendor that each names, and the strings: three of the shared conformance vectors.
const TCF: [(&str, u16, &str); 3] = [
    (
        "TC string of bit fields, 289 characters",
        438,
        "CQb6BYAQb6BYAACABlELC3E8ABDAAAAAABpYG1v_________________________________________________________________________________________________________________________________________________gQUAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAAAAACAAAAAAAABAAAAgAAAAAAAACAAAAAAAAAAAAAAAAAAAAAAASAAAABAA.eEyrQCAagIAA",
    ),
    (
        "TC string of ranges, 357 characters",
        129,
        "CPM9aMAPM9aMAAK__ESRI1Ft3oAAAEKgAACYCFQLIAAgAnABUAG4APABHACUAM4AagB0ADyAHwAmwBPAF-AMQAywBnAGiANQA2wBvAHAAOUAdAB1ADvAHkAfoBAAELAIcAioBGAEdAJAAkYBJgExAJoAmwBOwCfAKCAUQBUwCrAK6AWABZQC0ALmAXYBgQDCAMaAZABmQDOANOAaoBrwDZAOKAcgB0wDsAO2Ad4B4ADyAHpAPYA-YB9gH7AP8BA4CCgINAQgBCgVFgNAA6ACIAKgAVoAwYB2AHaASsAnwBTwCpgG0AOkAkgBKQC1wGwANnAd0BFYCO4EegJPATgAn-BQ4CooAAAA.IAAo",
    ),
    (
        "TC string of restrictions and segments, 1,118 characters",
        137,
        "CQdPtwAQdPtwAAfAA9FRAAFkAAAAAAAAAJAgCKvms8xtFlr13ovGwbmZNIOsUuW2uThnMF21Q1_YEU1eCU16IZRAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAIAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAgAAAAAAACAAQAAQAyAD0AAMAAwAEAAOAAkABYADYAIAAkABWAC4AMwAcAB4AEIAJIATABTACsALYAYgBnADUANwAdgA9gCAAIUARQBHACXAE0AUAApQBWAFeALgAvwBhAGKAMoAzQBoAG-AOIA5AB0gDsAPYAfYA_gEFAIQAhQBFACOAEgAJIASgAmABNQCcAJ6AUIBRACkAFOAKkAVcArQCugFqAW8AugC7AF6AL-AYIBhwDGAMeAZYBmQDOAM-AaIBpQDUANaAbYBvADhAHMSgAgrlKQAoATgBpBW0FcQ.IJeAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAAAAAAAAAAAQ",
    ),
];

/// The same of GPP: one section of the US, and several.
const GPP: [(&str, &str); 2] = [
    ("GPP string of usnat", "DBABLA~BkWqVhZCqiA.YA"),
    (
        "GPP string of 5 sections, 238 characters",
        "DBAFMZMz~CQHuB4AQHuB4AAKAA3ELhtEgAHgBHAPAAAAAEuwAQEugAAABGgCwBlAEdAZyA8MCDIFWAQ1gihBICCxcFkwA.fJQaA6rYAOAA~BP8CLTLP8FcR11ULRhFRodBgeGYHYJQiZgB0VEZzc6WiecHb4AIUkYAJIAN8AJJ1Lw.IGhwDCE1JiwDCMKMoNRNGSsEMQY~BoSaQlmagA~BqKBQkKZgA.YA~BmJEllQA.QA",
    ),
];

const ROUNDS: usize = 400;
const CALLS: usize = 500;

fn main() {
    let key = KeySet::demonstration().pseudonym_key("ads", Some("ads"), "user.unique_id");
    let hmac = fastest(|| u64::from(key.mac(black_box(b"97980cfea0067507f191e810c1972"))[0]));
    println!("fastest of {ROUNDS} rounds of {CALLS} calls");
    show("one HMAC", hmac, hmac);
    let registered = Registration {
        purposes: Numbers::of([1, 2, 3, 4]),
        legitimate_interests: Numbers::of([7, 9, 10]),
        flexible: Numbers::of([2, 7]),
        ..Registration::default()
    };
    for (name, vendor, text) in TCF {
        assert!(TcString::read(text.as_bytes()).is_ok_and(|tc| tc.vendor_consents.contains(vendor)), "{name}");
        let four = || {
            let Ok(tc) = TcString::read(black_box(text.as_bytes())) else { return 0 };
            let vendor = tc.vendor(black_box(vendor));
            [1, 2, 7, 9].into_iter().map(|purpose| u64::from(vendor.permits(&registered, purpose).is_ok())).sum()
        };
        show(&format!("{name}, four purposes"), fastest(four), hmac);
    }
    for (name, text) in GPP {
        assert!(GppString::read(text.as_bytes()).is_ok(), "{name}");
        let opt_outs = || {
            let Ok(gpp) = GppString::read(black_box(text.as_bytes())) else { return 0 };
            let sale = |section: Section<'_>| matches!(section, Section::Us(us) if us.opt_outs().sale);
            gpp.parts().filter(|part| part.id >= 7).filter_map(|part| part.decode().ok()).map(|one| u64::from(sale(one))).sum()
        };
        show(&format!("{name}, opt-outs"), fastest(opt_outs), hmac);
    }
    for (name, vendor, text) in TCF {
        beside_the_workload(name, vendor, text);
    }
}

const POLICY: &str = include_str!("../examples/benchmark/policy.yaml");
const EVENTS: usize = 10_000;
const TURNS: usize = 21;

/// The workload's policy with a vendor behind the sink, and with or without a signal that reads the string.
fn policy(vendor: u16, reads: bool) -> Plan {
    let signal = if reads { "      - {signal: tcf, path: $.tc}\n    classes:" } else { "    classes:" };
    let vendors = format!(
        "vendors:\n  acme: {{role: processor, country: DE, reviewed: 2026-06-01, tcf: {{id: {vendor}, purposes: [1, 2, 3, 4]}}}}\nkeys:"
    );
    let text = POLICY
        .replace("opt_outs: none", "tcf: [1, 2, 3, 4], opt_outs: none")
        .replace("keys: {ads: {}}", &format!("{vendors} {{ads: {{}}}}"))
        .replace("    topic: bench.ads\n", "    topic: bench.ads\n    streams: [track]\n    vendor: acme\n")
        .replace("    classes:", signal);
    let compiled = privet::policy::compile(&text, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

/// What reading the string adds to an event: the median of the ratios of turns.
fn beside_the_workload(name: &str, vendor: u16, string: &str) {
    let plans = [policy(vendor, false), policy(vendor, true)];
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let mut collector = Collector::new(1, 2_000);
    let event = |_| {
        let mut event = Vec::new();
        collector.track_event(now, &mut event);
        // The consent manager's string, where a collector puts it.
        let member = format!("{{\"tc\":\"{string}\",");
        [member.as_bytes(), &event[1..]].concat()
    };
    let events: Vec<Vec<u8>> = (0..EVENTS).map(event).collect();
    let mut engine = Engine::new(Limits::default());
    let mut ratios: Vec<f64> = Vec::new();
    let mut best = [f64::INFINITY; 2];
    for turn in 0..TURNS {
        let mut times = [0.0; 2];
        for side in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            times[side] = each(&plans[side], &mut engine, &events, now);
            best[side] = best[side].min(times[side]);
        }
        ratios.push(times[1] / times[0]);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "track with a {name}: {:.0} ns an event, {:.0} ns if it is read: {:+.1} % (median of {TURNS} turns; quartiles {:+.1} and {:+.1} %)",
        best[0],
        best[1],
        (ratios[TURNS / 2] - 1.0) * 100.0,
        (ratios[TURNS / 4] - 1.0) * 100.0,
        (ratios[TURNS * 3 / 4] - 1.0) * 100.0,
    );
}

/// Nanoseconds an event.
fn each(plan: &Plan, engine: &mut Engine, events: &[Vec<u8>], now: Timestamp) -> f64 {
    let (began, mut released) = (Instant::now(), 0_usize);
    for event in events {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        engine.evaluate(plan, StreamId(0), &record, now, &mut |_, verdict| released += verdict.value.map_or(0, <[u8]>::len));
    }
    black_box(released);
    began.elapsed().as_nanos() as f64 / events.len() as f64
}

/// Nanoseconds a call, in the fastest round.
fn fastest(mut call: impl FnMut() -> u64) -> f64 {
    let mut round = || {
        let began = Instant::now();
        black_box((0..CALLS).map(|_| call()).sum::<u64>());
        began.elapsed().as_nanos() as f64 / CALLS as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn show(name: &str, nanoseconds: f64, hmac: f64) {
    println!("{name:<76} {nanoseconds:>7.0} ns  {:>5.2} x HMAC", nanoseconds / hmac);
}
