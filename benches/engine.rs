//! The engine beside a `serde_json` tree that does the same, on the reference workload "track".
//!
//! `cargo bench --bench engine` runs both sides in turns over the same events and prints medians and their ratio. Both
//! compute the same pseudonyms with the same HMAC code, and their outputs are compared first.
#![allow(clippy::print_stdout)] // a bench's result is what it prints

use privet::event::{Position, Record, SinkId, StreamId, Timestamp};
use privet::keys::{KeySet, MacKey};
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use privet::tooling::collector::Collector;
use serde_json::Value;
use std::time::Instant;

const POLICY: &str = include_str!("../examples/benchmark/policy.yaml");
const EVENTS: usize = 20_000;
const ROUNDS: usize = 15;

fn main() {
    let keys = KeySet::demonstration();
    let compiled = privet::policy::compile(POLICY, "examples/benchmark/policy.yaml", &keys);
    let plan = compiled.plan.expect("the benchmark's policy compiles");
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let mut collector = Collector::new(1, 2_000);
    let events: Vec<Vec<u8>> = (0..EVENTS).map(|_| track_event(&mut collector, now)).collect();
    let mut tree = Tree::new(&keys);
    let mut engine = Engine::new(Limits::default());
    compare(&plan, &mut engine, &mut tree, &events, now);

    let mut sides: [(&str, Vec<f64>); 2] = [("privet engine", Vec::new()), ("serde_json tree", Vec::new())];
    for _ in 0..ROUNDS {
        sides[0].1.push(rate(&events, |event| run_engine(&plan, &mut engine, event, now)));
        sides[1].1.push(rate(&events, |event| tree.run(event).map_or(0, |bytes| bytes.len())));
    }
    let bytes: usize = events.iter().map(Vec::len).sum();
    println!("workload track: {EVENTS} events of {} bytes on average, {ROUNDS} rounds in turns, medians", bytes / EVENTS);
    let medians = sides.map(|(name, rates)| (name, median(rates)));
    for (name, median) in medians {
        println!(
            "{name:<18} {median:>10.0} events/s {:>8.2} us/event   {:>6.2} x serde_json",
            1e6 / median,
            median / medians[1].1
        );
    }
}

fn track_event(collector: &mut Collector, at: Timestamp) -> Vec<u8> {
    let mut event = Vec::new();
    collector.track_event(at, &mut event);
    event
}

fn record(value: &[u8]) -> Record<'_> {
    Record { position: Position::default(), timestamp: None, key: None, value: Some(value), headers: &[] }
}

fn run_engine(plan: &Plan, engine: &mut Engine, event: &[u8], now: Timestamp) -> usize {
    let mut length = 0;
    engine.evaluate(plan, StreamId(0), &record(event), now, &mut |_: SinkId, verdict| {
        length += verdict.value.map_or(0, <[u8]>::len)
    });
    length
}

/// Both sides must release the same documents, or the figures mean nothing.
fn compare(plan: &Plan, engine: &mut Engine, tree: &mut Tree, events: &[Vec<u8>], now: Timestamp) {
    let mut released = 0;
    for event in events {
        let mut output = None;
        engine.evaluate(plan, StreamId(0), &record(event), now, &mut |_, verdict| output = verdict.value.map(<[u8]>::to_vec));
        let ours = output.map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("output is JSON"));
        let theirs = tree.run(event).map(|bytes| serde_json::from_slice::<Value>(&bytes).expect("output is JSON"));
        assert!(ours == theirs, "the two sides differ");
        released += usize::from(ours.is_some());
    }
    println!("both sides release the same {released} of {} events", events.len());
}

fn rate(events: &[Vec<u8>], mut side: impl FnMut(&[u8]) -> usize) -> f64 {
    let began = Instant::now();
    let total: usize = events.iter().map(|event| side(event)).sum();
    std::hint::black_box(total);
    events.len() as f64 / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// What a careful programmer would write with a tree.
struct Tree {
    user: MacKey,
    email: MacKey,
    text: Vec<u8>,
}

impl Tree {
    fn new(keys: &KeySet) -> Tree {
        Tree {
            user: keys.pseudonym_key("ads", Some("ads"), "user.unique_id"),
            email: keys.pseudonym_key("ads", Some("ads"), "user.contact.email"),
            text: Vec::new(),
        }
    }

    fn run(&mut self, event: &[u8]) -> Option<Vec<u8>> {
        let mut tree: Value = serde_json::from_slice(event).ok()?;
        let granted = tree.pointer("/context/consent/categoryPreferences/Advertising").and_then(Value::as_bool)?;
        if !granted {
            return None;
        }
        let identities = [("", "userId", &self.user), ("", "anonymousId", &self.user), ("/context/traits", "email", &self.email)];
        for (parent, member, key) in identities {
            let Some(Value::Object(members)) = tree.pointer_mut(parent) else { continue };
            match members.get_mut(member) {
                Some(Value::String(text)) => {
                    self.text.clear();
                    key.pseudonym(text.as_bytes(), &mut self.text);
                    *text = String::from_utf8_lossy(&self.text).into();
                }
                Some(_) => drop(members.shift_remove(member)),
                None => {}
            }
        }
        for (parent, member) in [("/context/traits", "name"), ("/context/traits", "phone"), ("/context/device", "advertisingId")]
        {
            if let Some(Value::Object(members)) = tree.pointer_mut(parent) {
                members.shift_remove(member);
            }
        }
        if let Some(value) = tree.pointer_mut("/context/ip") {
            *value = truncate(value.as_str()?)?.into();
        }
        if let Some(value) = tree.pointer_mut("/context/page/url") {
            *value = without_email(value.as_str()?).into();
        }
        serde_json::to_vec(&tree).ok()
    }
}

fn truncate(address: &str) -> Option<String> {
    Some(match address.parse().ok()? {
        std::net::IpAddr::V4(address) => std::net::Ipv4Addr::from(u32::from(address) & 0xFFFF_FF00).to_string(),
        std::net::IpAddr::V6(address) => std::net::Ipv6Addr::from(u128::from(address) & (u128::MAX << 80)).to_string(),
    })
}

fn without_email(url: &str) -> String {
    let without_fragment = url.split('#').next().unwrap_or_default();
    let Some((base, query)) = without_fragment.split_once('?') else { return without_fragment.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|parameter| parameter.split('=').next() != Some("email")).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}
