//! What must hold at the end of every scenario, whatever was done to the processes, the broker and the network between.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::kit::client::Isolation;
use super::kit::fixture::{Scene, event};

/// Longest wait for the rest of a scenario's events on two shared cores.
const REST: Duration = Duration::from_secs(120);

/// Twice the timeout of a transaction, and the broker's round for it.
const OF_THE_DEAD: Duration = Duration::from_secs(25);

/// Everything that the load wrote arrived: each event at each sink exactly as the oracle says, once, in order per person;
/// what is broken is on the quarantine topic, once; offsets are those of the last record plus one; nothing leaked.
pub(crate) fn settled(scene: &Scene, events: Range<u64>) {
    drained(scene);
    assert_input(scene, &events);
    wait_for_the_dead(scene, &events);
    scene.assert_exactly(events.clone());
    assert_set_aside(scene, |value| !event_is_whole(value));
    scene.assert_nothing_leaked();
}

/// A process that died and did not come back under its name leaves a transaction open, which hides what was committed
/// behind it until its ten seconds are over: waits until as much is to be seen as there should be, or that time is long
/// past; what is missing then is lost.
fn wait_for_the_dead(scene: &Scene, events: &Range<u64>) {
    let expected = events.clone().filter(|seq| event_is_whole(&event(*seq))).count();
    let begun = Instant::now();
    loop {
        let mut seen = 0;
        scene.kafka.scan(&scene.topic("warehouse"), Isolation::Committed, |_| seen += 1);
        if seen >= expected || begun.elapsed() > OF_THE_DEAD {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// The group's offsets stand at the end of each source partition.
pub(crate) fn drained(scene: &Scene) {
    scene.kafka.wait_drained(&scene.group(), &scene.topic("source"), REST);
}

/// The tests' own producer is not what is under test: each event is in the source once.
pub(crate) fn assert_input(scene: &Scene, events: &Range<u64>) {
    let ends = scene.kafka.ends(&scene.topic("source"));
    assert_eq!(ends.values().sum::<i64>(), events.end.cast_signed(), "the load's own producer lost or doubled something");
    let mut last: BTreeMap<(i32, Vec<u8>), u64> = BTreeMap::new();
    scene.kafka.scan(&scene.topic("source"), Isolation::Committed, |row| {
        let value = String::from_utf8_lossy(row.value.as_deref().unwrap_or_default()).into_owned();
        let digits = value.split("\"seq\":").nth(1).and_then(|rest| rest.split(',').next());
        let Some(seq) = digits.and_then(|digits| digits.parse::<u64>().ok()) else { return };
        let before = last.insert((row.partition, row.key.unwrap_or_default()), seq);
        assert!(before.is_none_or(|before| before < seq), "the load's own producer wrote {before:?} before {seq}");
    });
}

/// Which events of the fixture are whole; the others end two bytes early.
pub(crate) fn event_is_whole(value: &[u8]) -> bool {
    value.ends_with(b"}}")
}

/// The positions on the quarantine topic are those of the source's records that cannot be judged, each once.
pub(crate) fn assert_set_aside(scene: &Scene, is_broken: impl Fn(&[u8]) -> bool) {
    let mut expected: BTreeMap<(i32, i64), u32> = BTreeMap::new();
    scene.kafka.scan(&scene.topic("source"), Isolation::Committed, |row| {
        if row.value.as_deref().is_some_and(&is_broken) {
            expected.insert((row.partition, row.offset), 1);
        }
    });
    let mut found: BTreeMap<(i32, i64), u32> = BTreeMap::new();
    scene.kafka.scan(&scene.topic("quarantine"), Isolation::Committed, |row| {
        let lines = String::from_utf8(row.value.expect("a value")).expect("positions are text");
        for line in lines.lines() {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
            let number = |name: &str| line[name].as_i64().unwrap_or_else(|| panic!("no {name} in {line}"));
            let partition = i32::try_from(number("partition")).expect("a partition");
            *found.entry((partition, number("offset"))).or_default() += 1;
        }
    });
    let differs = expected.iter().find(|(at, times)| found.get(at) != Some(times));
    let extra = found.keys().find(|at| !expected.contains_key(at));
    assert!(
        differs.is_none() && extra.is_none(),
        "{} records are broken, {} were set aside; first that differs: {differs:?}, first that should not be there: {extra:?}",
        expected.len(),
        found.values().sum::<u32>()
    );
}

#[test]
fn whole_and_broken_events_are_told_apart() {
    assert!(event_is_whole(&event(48)) && !event_is_whole(&event(49)));
}
