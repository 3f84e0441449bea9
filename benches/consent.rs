//! What it costs to read consent strings, beside one HMAC, which is what a pseudonym costs.
//!
//! `cargo bench --bench consent` prints the fastest of many rounds: on shared hardware the others measure the neighbours. After
//! the strings it runs the reference workload "track" with a TC string in each event, where every person has consented: under a
//! policy that asks Segment's categories alone, and under one that reads the string in addition. Both let every event out with
//! the same bytes, which is checked, and both run in turns over the same events: what is left is what reading a string costs.
#![allow(clippy::print_stdout)] // a bench's result is what it prints

// Written from the text of the format; it makes the strings of people who have agreed.
#[allow(dead_code, unreachable_pub)]
#[path = "../tests/consent_strings/encoder.rs"]
mod encoder;

use encoder::{Ids, Tc, Vendors};
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
            let vendor = black_box(vendor);
            let Ok(tc) = TcString::read_seeking(black_box(text.as_bytes()), vendor) else { return 0 };
            let vendor = tc.vendor(vendor);
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
    for kind in [Kind::Fields, Kind::Ranges, Kind::Restrictions] {
        beside_the_workload(kind);
    }
}

const POLICY: &str = include_str!("../examples/benchmark/policy.yaml");
const EVENTS: usize = 10_000;
const TURNS: usize = 21;

/// How the strings of the workload are written.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A bit a vendor: what a consent manager writes after "accept all".
    Fields,
    /// Ranges: some vendors only.
    Ranges,
    /// Ranges, and a publisher that restricts others.
    Restrictions,
}

/// So many people, each with a string of their own: no branch is taken as it was the last time.
const PEOPLE: u64 = 64;
/// The vendor behind the sink, with consent in every string.
const VENDOR: u16 = 755;

/// The string of one person, all of whom agreed to purposes 1 to 4 and to the vendor.
fn string(kind: Kind, person: u64) -> String {
    let mut seed = person.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut vendors = |one_in: u64, as_ranges: bool| {
        let mut ids: Ids = (1..=950).filter(|_| random(one_in) == 0).collect();
        ids.insert(VENDOR);
        Vendors { ids, slack: 0, as_ranges }
    };
    let is_field = matches!(kind, Kind::Fields);
    let share = if is_field { 2 } else { 24 };
    let (vendor_consents, vendor_interests) = (vendors(share, !is_field), vendors(share, !is_field));
    let others = |mut set: Vendors| {
        set.ids.remove(&VENDOR);
        set
    };
    let restrictions = match kind {
        Kind::Fields | Kind::Ranges => Vec::new(),
        Kind::Restrictions => (2..=8).map(|purpose| (purpose, 0, others(vendors(100, true)))).collect(),
    };
    let disclosed = Some(Vendors { ids: (1..=950).collect(), slack: 0, as_ranges: true });
    // 2026-11-01 and the days after it, in tenths of a second.
    let day = 17_934_912_000 + person % 20 * 864_000;
    Tc {
        created: day,
        updated: day,
        manager: 300,
        manager_version: 2,
        screen: 1,
        language: *b"DE",
        list: 180,
        policy: 5,
        service_specific: true,
        own_texts: false,
        features: Ids::new(),
        consents: (1..=11).collect(),
        interests: (7..=11).collect(),
        purpose_one: false,
        country: *b"DE",
        vendor_consents,
        vendor_interests,
        restrictions,
        disclosed,
        allowed: None,
        publisher: None,
    }
    .encode(8, 0)
}

/// The workload's policy with a vendor behind the sink, and with or without a signal that reads the string in addition.
fn policy(reads: bool) -> Plan {
    let signal = if reads { "      - {signal: tcf, path: $.tc}\n    classes:" } else { "    classes:" };
    let vendors = format!(
        "vendors:\n  acme: {{role: processor, country: DE, reviewed: 2026-06-01, tcf: {{id: {VENDOR}, purposes: [1, 2, 3, 4]}}}}\nkeys:"
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
fn beside_the_workload(kind: Kind) {
    let plans = [policy(false), policy(true)];
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let strings: Vec<String> = (0..PEOPLE).map(|person| string(kind, person)).collect();
    let mut collector = Collector::new(1, 2_000);
    let event = |number: usize| {
        let mut event = Vec::new();
        collector.track_event(now, &mut event);
        let event = String::from_utf8(event).expect("JSON");
        // Everybody has agreed; the consent manager's string stands where a collector puts it.
        let string = &strings[number * 7 % strings.len()];
        format!("{{\"tc\":\"{string}\",{}", &event[1..]).replace("\"Advertising\":false", "\"Advertising\":true").into_bytes()
    };
    let events: Vec<Vec<u8>> = (0..EVENTS).map(event).collect();
    let mut engine = Engine::new(Limits::default());
    let outputs: Vec<Vec<Vec<u8>>> = plans.iter().map(|plan| released(plan, &mut engine, &events, now)).collect();
    assert_eq!(outputs[0].len(), EVENTS, "every event leaves");
    assert!(outputs[0] == outputs[1], "both sides release the same bytes");
    let mut ratios: Vec<f64> = Vec::new();
    let mut times: [Vec<f64>; 2] = Default::default();
    for turn in 0..TURNS {
        let mut this = [0.0; 2];
        for side in if turn % 2 == 0 { [0, 1] } else { [1, 0] } {
            this[side] = each(&plans[side], &mut engine, &events, now);
            times[side].push(this[side]);
        }
        ratios.push(this[1] / this[0]);
    }
    let at = |values: &mut Vec<f64>, part: f64| {
        values.sort_by(f64::total_cmp);
        values[(values.len() as f64 * part) as usize]
    };
    let length = strings.iter().map(String::len).sum::<usize>() / strings.len();
    let [unread, read] = &mut times;
    println!(
        "track, all consented, {kind:?} ({length} characters): {:.0} ns an event, {:.0} ns with the string read in addition: x {:.3} (medians of {TURNS} turns; quartiles {:.3} and {:.3})",
        at(unread, 0.5),
        at(read, 0.5),
        at(&mut ratios, 0.5),
        at(&mut ratios, 0.25),
        at(&mut ratios, 0.75),
    );
}

/// What leaves.
fn released(plan: &Plan, engine: &mut Engine, events: &[Vec<u8>], now: Timestamp) -> Vec<Vec<u8>> {
    let mut outputs = Vec::new();
    for event in events {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        engine.evaluate(plan, StreamId(0), &record, now, &mut |_, verdict| outputs.extend(verdict.value.map(<[u8]>::to_vec)));
    }
    outputs
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
