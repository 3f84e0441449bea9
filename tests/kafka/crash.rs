//! What crashes may do: nothing that a reader of committed records can see.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::SOON;
use super::kit::broker::{Kafka, kafka};
use super::kit::fixture::Scene;
use super::kit::{free_port, wait_for};

/// A number from the environment, for the long forms (`make kill9`, `make soak`).
fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} must be a number")),
        Err(_) => otherwise,
    }
}

/// SplitMix64's step: moments to kill at need no more.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn kill_nine_at_a_random_moment_loses_nothing_and_doubles_nothing() {
    let Some(kafka) = kafka("kafka") else { return };
    let events = number("PRIVET_KILL9_EVENTS", 20_000);
    let rounds = number("PRIVET_KILL9_ROUNDS", 1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    let seed = number("PRIVET_KILL9_SEED", now);
    for round in 0..rounds {
        let moment = mix(seed.wrapping_add(round));
        eprintln!("round {} of {rounds}, {events} events, PRIVET_KILL9_SEED={}", round + 1, seed.wrapping_add(round));
        one_round(kafka, events, moment);
    }
}

/// Events flow in while the proxy is killed when a random share of them has gone through, and started again.
fn one_round(kafka: &'static Kafka, events: u64, random: u64) {
    let mut scene = Scene::new(kafka, "kill9");
    // The rest come while it runs, and while it is down.
    let half = events / 2;
    scene.produce(0..half);
    scene.workers = 2;
    let mut first = scene.run();
    let share = i64::try_from(random % half.max(1) * 9 / 10).expect("a count of events fits");
    let source = scene.topic("source");
    std::thread::scope(|scope| {
        scope.spawn(|| scene.produce(half..events));
        wait_for("the moment to kill", SOON * 4, || {
            let done: i64 = kafka.committed(&scene.group(), &source).values().sum();
            (done >= share).then_some(())
        });
        // Somewhere inside the next batch, or the one after.
        std::thread::sleep(Duration::from_millis(random >> 32 & 0xff));
        first.kill_nine();
        let done: i64 = kafka.committed(&scene.group(), &source).values().sum();
        eprintln!("killed with {done} of {events} events committed");
    });
    let mut second = scene.run();
    kafka.wait_drained(&scene.group(), &source, SOON * 4);
    assert!(second.terminate().0.success());
    scene.assert_exactly_once(events);
    scene.assert_nothing_leaked();
}

#[test]
fn two_instances_share_a_group_and_one_takes_over_when_the_other_dies() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "shared");
    scene.produce(0..2000);
    let mut one = scene.run();
    one.wait_ready();
    let mut two = scene.run_with("two", free_port(), &["--from", "earliest"]);
    two.wait_ready();
    scene.produce(2000..6000);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    wait_for("both to have worked", Duration::from_secs(15), || {
        let worked = |p: &super::kit::process::Privet| p.metric("privet_records_total", &[]) > 0.0;
        (worked(&one) && worked(&two)).then_some(())
    });
    one.kill_nine();
    scene.produce(6000..8000);
    kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
    assert!(two.terminate().0.success());
    scene.assert_exactly_once(8000);
    scene.assert_nothing_leaked();
}

/// A process that sleeps through its session wakes up with a batch of the past: it must not be seen.
#[test]
fn a_process_stopped_for_longer_than_its_session_is_fenced() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = Scene::new(kafka, "stopped");
    let source = scene.topic("source");
    scene.produce(0..4000);
    let mut one = scene.run();
    scene.wait_progress(SOON);
    one.signal("STOP");
    let mut two = scene.run_with("two", free_port(), &["--from", "earliest"]);
    // The session of 6 s must end first; then all partitions are the second one's.
    two.wait_ready();
    scene.produce(4000..6000);
    kafka.wait_drained(&scene.group(), &source, SOON);
    one.signal("CONT");
    scene.produce(6000..8000);
    kafka.wait_drained(&scene.group(), &source, SOON);
    assert!(one.terminate().0.success(), "it goes on, or ends in order");
    assert!(two.terminate().0.success());
    scene.assert_exactly_once(8000);
    scene.assert_nothing_leaked();
}
