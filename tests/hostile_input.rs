//! Records of 1 MiB that were made to be slow or large: each ends, none costs more memory than a few times its size, and
//! what the engine keeps does not grow with the number of them. Their time is measured by `cargo bench --bench hostile`.

#[path = "kit/allocator.rs"]
mod allocator;

#[path = "../benches/hostile/inputs.rs"]
mod inputs;

use allocator::{HELD, PEAK};
use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::outcome::{Outcome, Reason};
use privet::pipeline::{Engine, Limits};

/// What one engine may hold: places, names, decoded text and one output, each in the order of the record, vectors grown by
/// doubling.
const MOST: isize = 48 << 20;

#[test]
fn hostile_records_end_in_bounded_memory() {
    let compiled = privet::policy::compile(inputs::POLICY, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{said}"));
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let crowded = inputs::crowded().map(|(name, _, input)| (name, input));
    let all: Vec<_> = inputs::inputs().into_iter().chain(crowded).collect();
    let mut engine = Engine::new(Limits::default());
    let mut after_first = 0;
    for round in 0..2 {
        for (name, input) in &all {
            assert!(input.len() <= inputs::SIZE, "{name} is too long to be read: {}", input.len());
            let (before, mut verdicts) = (HELD.get(), 0);
            PEAK.set(before);
            let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(input), headers: &[] };
            engine.evaluate(&plan, StreamId(0), &record, now, &mut |_, verdict| {
                verdicts += 1;
                let refused = verdict.outcome == Outcome::Quarantine;
                assert_eq!(refused, verdict.reason == Reason::LimitExceeded, "{name} is JSON");
                assert_eq!(refused || verdict.outcome == Outcome::Drop, verdict.value.is_none(), "{name}");
            });
            assert_eq!(verdicts, 2, "{name}");
            assert!(PEAK.get() - before < MOST, "{name} takes {} bytes at its peak", PEAK.get() - before);
        }
        if round == 0 {
            after_first = HELD.get();
        }
    }
    assert!(HELD.get() - after_first < 1 << 20, "the engine grows from round to round by {}", HELD.get() - after_first);
}
