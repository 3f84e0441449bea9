//! What the slowest records cost: nanoseconds a byte of inputs that were made to be slow, beside the workload "track".
//!
//! `cargo bench --bench hostile` prints both, and what more sinks and more rules cost. Limits: 20 times the track workload a byte,
//! 3.5 times one sink for eight with other rules (HMACs aside), 1.5 times ten rules for a thousand. Then what `detect` costs with
//! texts that were made to be slow, beside a labelled corpus: at most five times as much a byte.
#![allow(clippy::print_stdout)] // a bench's result is what it prints

mod detect;
mod inputs;
mod texts;

use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use privet::tooling::collector::Collector;
use std::time::Instant;

const TRACK: &str = include_str!("../../examples/benchmark/policy.yaml");
const ROUNDS: usize = 9;

fn main() {
    let track = track_events();
    let base = nanoseconds_a_byte(&plan(TRACK), &track);
    println!("track: {base:.2} ns a byte\n\n| input of 1 MiB | ends in | ns a byte | x track |\n| --- | --- | --- | --- |");
    let hostile = plan(inputs::POLICY);
    let mut worst = 0.0f64;
    // `cargo bench --bench hostile -- look-alikes` measures the records of which the name holds that alone.
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    for (name, input) in
        inputs::inputs().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| name.contains(only.as_str())))
    {
        let reason = reason(&hostile, &input);
        let cost = nanoseconds_a_byte(&hostile, &[input]);
        worst = worst.max(cost / base);
        println!("| {name} | {reason} | {cost:.2} | {:.1} |", cost / base);
    }
    println!("\nworst: {worst:.1} x track (limit 20)\n");
    if only.is_some() {
        return;
    }
    println!("| as many as a record may hold | bytes | ns each |\n| --- | --- | --- |");
    for (name, count, input) in inputs::crowded() {
        let bytes = input.len();
        let cost = nanoseconds_a_byte(&hostile, &[input]) * bytes as f64 / count as f64;
        println!("| {name} | {bytes} | {cost:.0} |");
    }
    println!();
    ratio("eight sinks with other rules / one, no HMAC", &sinks(1), &sinks(8), &track, 3.5);
    ratio("1,000 rules / ten", &rules(10), &rules(1_000), &track, 1.5);
    detect::measure();
}

fn track_events() -> Vec<Vec<u8>> {
    let mut collector = Collector::new(1, 2_000);
    let make = |_| {
        let mut event = Vec::new();
        collector.track_event(now(), &mut event);
        event
    };
    (0..4_000).map(make).collect()
}

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().expect("a time")
}

fn plan(policy: &str) -> Plan {
    let compiled = privet::policy::compile(policy, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

fn run(plan: &Plan, engine: &mut Engine, event: &[u8], each: &mut dyn FnMut(&'static str)) {
    let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
    engine.evaluate(plan, StreamId(0), &record, now(), &mut |_, verdict| each(verdict.reason.as_str()));
}

fn reason(plan: &Plan, input: &[u8]) -> &'static str {
    let mut last = "";
    run(plan, &mut Engine::new(Limits::default()), input, &mut |reason| last = reason);
    last
}

/// The median over rounds, each long enough for the clock.
fn nanoseconds_a_byte(plan: &Plan, events: &[Vec<u8>]) -> f64 {
    let mut engine = Engine::new(Limits::default());
    let bytes: usize = events.iter().map(Vec::len).sum();
    let mut costs: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            events.iter().for_each(|event| run(plan, &mut engine, event, &mut |_| {}));
            began.elapsed().as_nanos() as f64 / bytes as f64
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[ROUNDS / 2]
}

fn ratio(name: &str, fewer: &str, more: &str, events: &[Vec<u8>], limit: f64) {
    let (fewer, more) = (plan(fewer), plan(more));
    let mut ratios: Vec<f64> =
        (0..ROUNDS).map(|_| nanoseconds_a_byte(&more, &events[..1_000]) / nanoseconds_a_byte(&fewer, &events[..1_000])).collect();
    ratios.sort_by(f64::total_cmp);
    println!("{name}: {:.2} (limit {limit})", ratios[ROUNDS / 2]);
}

/// The head of a policy over track events.
const HEAD: &str = r#"privet: 1
controller: {name: B, country: DE}
purposes: {use: {legal_basis: contract, because: bench}}
regimes: [{in: ["*"], silence: deny}]
streams:
  s:
    topics: [in]
    format: json
    jurisdiction: {otherwise: EEA}
    subject: [{kind: user_id, path: $.userId}, {kind: anonymous_id, path: $.anonymousId, names: device}]
    time: {path: $.timestamp, unit: rfc3339}
sinks:
"#;

/// Rules of eight sinks, of which no two do the same; the first is the track workload's without its HMACs.
const EIGHT: [&str; 8] = [
    "$.userId: drop, $.context.traits.email: email_domain, $.context.traits.name: drop, $.context.traits.phone: drop, \
     $.context.device.advertisingId: drop, $.context.ip: {truncate_ip: {v4: 24, v6: 48}}, $.context.page.url: {url: {drop_params: [email]}}",
    "$.context.traits: drop, $.context.ip: drop",
    "$.context.device: drop, $.context.ip: {truncate_ip: {v4: 16, v6: 32}}",
    "$.context.traits.email: drop, $.context.traits.name: drop, $.context.traits.phone: {mask: {keep_last: 2}}",
    "$.context.page.url: {url: {drop_params: []}}",
    "$.properties: drop, $.context.page.url: drop",
    "$.userId: {mask: {keep_last: 2}}, $.context.traits: drop",
    "$.context.page: drop, $.context.device: drop, $.timestamp: {coarsen_time: {to: hour}}",
];

fn sinks(count: usize) -> String {
    let sinks = EIGHT[..count].iter().enumerate().map(|(number, rules)| {
        format!("  s{number}: {{topic: o{number}, purposes: [use], unlisted: keep, fields: {{user.unique_id: keep, {rules}}}}}\n")
    });
    HEAD.to_owned() + &sinks.collect::<String>()
}

fn rules(count: usize) -> String {
    let more = (7..count).map(|number| match number % 4 {
        0 => format!("$.context.traits.extra{number}: drop"),
        1 => format!("$.properties.field{number}: drop"),
        2 => format!("\"$..deep{number}\": drop"),
        _ => format!("\"$.properties.products[*].p{number}\": drop"),
    });
    let rules: Vec<String> = std::iter::once(EIGHT[0].to_owned()).chain(more).collect();
    format!("{HEAD}  s: {{topic: o, purposes: [use], unlisted: keep, fields: {{user.unique_id: keep, {}}}}}\n", rules.join(", "))
}
