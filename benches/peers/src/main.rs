//! The engine beside its peers: one run, the sides in turns, medians, ratios. `make bench-peers`.
//!
//! Sides that do the whole work must release the same documents as the engine, which is checked first. `--without-vrl`
//! leaves VRL out of the run.

mod remap;
mod rules;
mod sides;
mod workloads;

use privet::event::Timestamp;
use privet::keys::KeySet;
use sides::{Bound, Privet, SerdeTree, Shared, Side, SonicTree, Splice};
use std::time::Instant;
use workloads::Workload;

const ROUNDS: usize = 11;

fn main() {
    let keys = KeySet::demonstration();
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    println!("| workload | side | events/s | µs an event | privet is |\n| --- | --- | --- | --- | --- |");
    for workload in workloads::workloads(now) {
        measure(&workload, &keys, now);
    }
}

fn measure((task, events): &Workload, keys: &KeySet, now: Timestamp) {
    let mut sides: Vec<Box<dyn Side>> = vec![
        Box::new(Privet::new(&task.policy(), keys, now)),
        Box::new(SerdeTree(Shared::new(task, keys))),
        Box::new(SonicTree(Shared::new(task, keys))),
        Box::new(remap::Vrl::new(task, keys)),
        Box::new(Splice::new(task, keys)),
        Box::new(Bound::new(task, events, keys)),
    ];
    let (first, others) = sides.split_at_mut(1);
    for side in others.iter_mut().filter(|side| side.is_exact()) {
        compare(&mut *first[0], &mut **side, events);
    }
    let mut rates: Vec<Vec<f64>> = sides.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for (side, rates) in sides.iter_mut().zip(&mut rates) {
            rates.push(rate(&mut **side, events));
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(median).collect();
    let bytes = events.iter().map(Vec::len).sum::<usize>() / events.len();
    for (side, rate) in sides.iter().zip(&medians) {
        println!("| {} ({bytes} B) | {} | {rate:.0} | {:.2} | {:.2} × |", task.name, side.name(), 1e6 / rate, medians[0] / rate);
    }
}

/// Both sides release the same documents, or the figures mean nothing.
fn compare(ours: &mut dyn Side, theirs: &mut dyn Side, events: &[Vec<u8>]) {
    for event in events.iter().take(400) {
        assert!(documents(ours, event) == documents(theirs, event), "{} releases another document than privet", theirs.name());
    }
}

fn documents(side: &mut dyn Side, event: &[u8]) -> Vec<(usize, serde_json::Value)> {
    let mut found = Vec::new();
    side.run(event, &mut |sink, bytes| found.push((sink, serde_json::from_slice(bytes).expect("output is JSON"))));
    found
}

fn rate(side: &mut dyn Side, events: &[Vec<u8>]) -> f64 {
    let began = Instant::now();
    let mut total = 0;
    for event in events {
        side.run(event, &mut |_, bytes| total += bytes.len());
    }
    std::hint::black_box(total);
    events.len() as f64 / began.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
