//! What happens to processes: killed, stopped, joined, replaced.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use super::kit::client::Isolation;
use super::kit::fixture::{PEOPLE, Scene, seq_of};
use super::kit::process::Privet;
use super::kit::{free_port, wait_for};
use super::load::Load;
use super::{Stage, check};

/// How long a start and its first commit may take while others join and leave.
const SOON: Duration = Duration::from_secs(60);

const FROM: &[&str] = &["--from", "earliest"];

pub(crate) fn committed(scene: &Scene) -> i64 {
    scene.kafka.committed(&scene.group(), &scene.topic("source")).values().sum()
}

/// Waits until more is committed than was.
pub(crate) fn wait_further(scene: &Scene, than: i64) -> i64 {
    wait_for("another commit", SOON, || Some(committed(scene)).filter(|now| *now > than))
}

/// At 6,000 events a second, over and over: started, killed somewhere in the work, or before it has come to any.
pub(crate) fn kill_nine_loop(stage: &mut Stage) {
    let mut scene = stage.scene("kills");
    scene.workers = 2;
    let kills = 4 * stage.length;
    let mut early = 0;
    let (events, written, committed) = std::thread::scope(|scope| {
        // More than the 5,000 that are promised, so that also what was committed before the last kill, seconds behind, is as many.
        let (load, begun) = (Load::start(scope, &scene, 6_000), Instant::now());
        let mut done = 0;
        for _ in 0..kills {
            let mut privet = scene.run();
            if stage.dice.below(4) == 0 {
                std::thread::sleep(stage.dice.time(0, 2_500));
                early += 1;
            } else {
                done = wait_further(&scene, done);
                std::thread::sleep(stage.dice.time(0, 600));
            }
            privet.kill_nine();
        }
        let seconds = begun.elapsed().as_secs_f64();
        let (written, committed) = (load.made() as f64 / seconds, done as f64 / seconds);
        eprintln!(
            "{kills} kills in {seconds:.0} s: {written:.0} events a second written, {committed:.0} committed before the last"
        );
        (load.finish(), written, committed)
    });
    stage.count("kills", kills);
    stage.count("of them at no certain moment of a start", early);
    stage.tally.rates.insert("events a second written", written as u64);
    stage.tally.rates.insert("events a second committed", committed as u64);
    let mut last = scene.run();
    check::settled(&scene, events.clone());
    stage.count_events(&events);
    assert!(last.terminate().0.success());
}

/// A process that sleeps through its session wakes up with a batch of the past.
pub(crate) fn stopped_beyond_the_session(stage: &mut Stage) {
    let scene = stage.scene("sleeps");
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        let mut one = scene.run();
        let mut done = wait_further(&scene, 0);
        let mut two = scene.run_with("two", free_port(), FROM);
        two.wait_ready();
        for _ in 0..stage.length {
            std::thread::sleep(stage.dice.time(0, 500));
            one.signal("STOP");
            // The session ends after two seconds; then the other one owns everything.
            std::thread::sleep(stage.dice.time(2_500, 4_000));
            done = wait_further(&scene, done);
            one.signal("CONT");
            done = wait_further(&scene, done);
            stage.count("sleeps", 1);
        }
        std::thread::sleep(Duration::from_secs(1));
        let events = load.finish();
        check::drained(&scene);
        assert!(one.terminate().0.success() && two.terminate().0.success(), "both go on");
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// One to six instances, of which one comes, leaves or dies every second or so.
pub(crate) fn members_come_and_go(stage: &mut Stage) {
    let scene = stage.scene("churn");
    let mut all: Vec<Privet> = vec![scene.run_with("i0", scene.admin, FROM)];
    let mut names = 1;
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        all[0].wait_ready();
        let until = Instant::now() + Duration::from_secs(9 * stage.length);
        while Instant::now() < until {
            std::thread::sleep(stage.dice.time(500, 1_300));
            let comes = all.len() < 2 || (all.len() < 6 && stage.dice.below(2) == 0);
            if comes {
                all.push(scene.run_with(&format!("i{names}"), free_port(), FROM));
                names += 1;
                stage.count("joins", 1);
                continue;
            }
            let at = usize::try_from(stage.dice.below(all.len() as u64)).expect("an index");
            let mut one = all.swap_remove(at);
            assert!(one.is_running(), "an instance gave up:\n{}", one.log());
            if stage.dice.below(3) == 0 {
                one.kill_nine();
                stage.count("kills", 1);
            } else {
                stage.count("leaves", 1);
                // One that has not come as far as its signals yet may end of the signal itself.
                let young = !one.log().contains("\"started\"");
                let (status, took) = one.terminate();
                // A broker that answers nothing for five seconds lets nobody drain: nothing is lost by it, but it is counted.
                let is_late = one.log().contains("not drained in time");
                stage.count("of them not drained in time", u64::from(is_late));
                assert!(status.success() || young || is_late, "{status}:\n{}", one.log());
                assert!(took < Duration::from_secs(8), "an instance took {took:?} to leave");
            }
        }
        load.finish()
    });
    stage.count_events(&events);
    eprintln!("{names} instances in all, {} at the end", all.len());
    let counted = |what: &str| stage.tally.counts.get(what).copied().unwrap_or(0);
    let (leaves, late) = (counted("leaves"), counted("of them not drained in time"));
    assert!(late <= 1 + leaves / 10, "{late} of {leaves} that were told to leave were not drained in time");
    check::settled(&scene, events);
    for one in &mut all {
        assert!(one.terminate().0.success(), "{}", one.log());
    }
}

/// Two instances are replaced one after the other while a stricter policy is put in place: each event has the bytes of
/// one policy or the other, and what came after the change was complete has the new one's.
pub(crate) fn rolling_upgrade_with_another_policy(stage: &mut Stage) {
    let scene = stage.scene("rolling");
    let before = scene.policy();
    let stricter = before.replace("      x.free_text: drop\n", "      x.free_text: drop\n      $.properties.price: drop\n");
    assert_ne!(before, stricter);
    let ports = [free_port(), free_port()];
    let mut both = ["a", "b"].map(|name| scene.run_with(name, ports[usize::from(name == "b")], FROM));
    let (events, settled_from) = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        for one in &mut both {
            one.wait_ready();
        }
        let mut done = wait_further(&scene, 0);
        for (at, name) in ["a", "b"].into_iter().enumerate() {
            std::thread::sleep(stage.dice.time(100, 700));
            if at == 0 {
                scene.write_policy(&stricter);
            }
            let (status, took) = both[at].terminate();
            assert!(status.success() && took < Duration::from_secs(6), "{status} after {took:?}");
            both[at] = scene.run_with(name, ports[at], FROM);
            both[at].wait_ready();
            done = wait_further(&scene, done);
            stage.count("replaced", 1);
        }
        let from = load.made();
        std::thread::sleep(Duration::from_millis(500));
        (load.finish(), from)
    });
    stage.count_events(&events);
    check::drained(&scene);
    check::assert_input(&scene, &events);
    let new = by_seq(scene.filtered("warehouse", events.clone()));
    scene.write_policy(&before);
    let old = by_seq(scene.filtered("warehouse", events.clone()));
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut seen = 0;
    for row in scene.kafka.read(&scene.topic("warehouse"), Isolation::Committed) {
        let value = row.value.expect("a value");
        let seq = seq_of(&value);
        assert!(new.get(&seq) == Some(&value) || (seq < settled_from && old.get(&seq) == Some(&value)), "event {seq}");
        let is_next = last.insert(seq % PEOPLE, seq).is_none_or(|earlier| earlier < seq);
        assert!(is_next, "event {seq} is doubled, or late");
        seen += 1;
    }
    assert_eq!(seen, new.len(), "each event once");
    scene.assert_nothing_leaked();
    assert!(both.iter_mut().all(|one| one.terminate().0.success()));
}

fn by_seq(values: Vec<Vec<u8>>) -> BTreeMap<u64, Vec<u8>> {
    values.into_iter().map(|value| (seq_of(&value), value)).collect()
}

/// The wall clock of the proxy's machine is set: half an hour ahead, five seconds back, an hour back, and a day ahead, where the
/// broker refuses what is set aside, since its time lies in the future; then that day back, and another one. Nothing waits for it.
pub(crate) fn a_clock_that_jumps(stage: &mut Stage) {
    let Some(library) = clock_library() else { return };
    let mut scene = stage.scene("clock");
    let file = scene.path("clock");
    std::fs::write(&file, [0; 8]).expect("the clock can be made");
    // In place: the process has the file in its memory.
    let clock = std::fs::File::options().write(true).open(&file).expect("the clock can be opened");
    let set = |seconds: i64| clock.write_all_at(&seconds.to_le_bytes(), 0).expect("the clock can be set");
    scene.environment = vec![("LD_PRELOAD".to_owned(), library), ("PRIVET_CLOCK".to_owned(), file.clone())];
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 2_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for _ in 0..stage.length {
            for seconds in [1_800, 1_795, -1_800, 86_400, 0, -86_400, 0] {
                set(seconds);
                stage.count("jumps", 1);
                std::thread::sleep(stage.dice.time(300, 1_800));
                if seconds < 86_400 {
                    done = wait_further(&scene, done);
                    wait_for("a commit by the clock that was set", SOON, || is_last_commit_by(&privet, seconds).then_some(()));
                    done = wait_further(&scene, done);
                }
                assert!(privet.is_running(), "it gave up:\n{}", privet.log());
            }
        }
        assert!(done > 0);
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// Whether the last commit that `/api/status` tells of was by a clock that is off by so much.
fn is_last_commit_by(privet: &Privet, seconds: i64) -> bool {
    let (_, body) = privet.http("GET", "/api/status", &[]);
    let status: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let Some(at) = status["workers"][0]["last_commit"].as_str() else { return false };
    let at: privet::event::Timestamp = at.parse().expect("a time");
    (at.as_second() - privet::event::Timestamp::now().as_second() - seconds).abs() < 60
}

/// The library that sets the clock, compiled once; none where there is no C compiler, which is noted.
fn clock_library() -> Option<String> {
    let source = super::kit::package_root().join("tests/faults/clock.c");
    let library = super::kit::temp_root().join("clock.so");
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).args(["-ldl", "-pthread"]);
    match compiler.output() {
        Ok(run) if run.status.success() => Some(library.to_str().expect("a path of ours is text").to_owned()),
        Ok(run) => panic!("clock.c: {}", String::from_utf8_lossy(&run.stderr)),
        Err(why) => {
            super::kit::skip("faults/clock", &format!("there is no C compiler: {why}"));
            None
        }
    }
}
