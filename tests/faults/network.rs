//! What happens between Privet and the broker; and records that are no events.

use std::time::{Duration, Instant};

use super::kit::client::Input;
use super::kit::fixture::{event, input};
use super::kit::process::Privet;
use super::load::Load;
use super::process::{committed, wait_further};
use super::proxy::{Act, Proxy, Rule, api};
use super::{Dice, Stage, check};

/// Requests that a worker makes all the time, and those of a group and a producer that begin anew.
const ALL: &[i16] = &[
    api::PRODUCE,
    api::FETCH,
    api::METADATA,
    api::OFFSET_FETCH,
    api::FIND_COORDINATOR,
    api::JOIN_GROUP,
    api::HEARTBEAT,
    api::SYNC_GROUP,
    api::INIT_PRODUCER_ID,
    api::ADD_PARTITIONS,
    api::ADD_OFFSETS,
    api::END_TXN,
    api::TXN_OFFSET_COMMIT,
];

/// Those that no batch ends without.
const OF_A_BATCH: &[i16] =
    &[api::PRODUCE, api::FETCH, api::HEARTBEAT, api::ADD_PARTITIONS, api::ADD_OFFSETS, api::TXN_OFFSET_COMMIT, api::END_TXN];

/// Connections end before a request or instead of its answer, one API after the other; all at once; and a network that
/// swallows everything for a while.
pub(crate) fn connections_cut(stage: &mut Stage) {
    let Some((scene, proxy)) = stage.detour("cuts") else { return };
    let mut cuts = 0;
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for round in 0..8 * stage.length {
            let of = if stage.dice.below(4) == 0 { ALL } else { OF_A_BATCH };
            let (api, act) = (stage.dice.pick(of), stage.dice.pick(&[Act::CutBefore, Act::CutAfter]));
            proxy.rule(Rule { api, act, after: stage.dice.below(3), times: 1 + stage.dice.below(2) });
            cuts += u64::from(proxy.wait_met(api, 1, Duration::from_secs(2)));
            if round % 8 == 3 {
                proxy.cut_all();
            }
            if round % 8 == 5 {
                proxy.silence(true);
                std::thread::sleep(stage.dice.time(300, 1_500));
                proxy.silence(false);
            }
            proxy.calm();
        }
        done = wait_further(&scene, done);
        assert!(done > 0 && privet.is_running(), "it gave up:\n{}", privet.log());
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count("cuts", cuts);
    assert!(cuts >= 4 * stage.length, "only {cuts} connections were cut");
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// KAFKA-17754: a request to end a transaction is lost on the way, sent again and answered; and the first one arrives
/// while the next transaction is open. Nothing of it may be taken: the epoch that it carries must be one of the past.
pub(crate) fn late_ends_of_transactions(stage: &mut Stage) {
    let Some((scene, proxy)) = stage.detour("late") else { return };
    let mut answers = Vec::new();
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        let mut privet = scene.run();
        wait_further(&scene, 0);
        for _ in 0..5 * stage.length {
            proxy.rule(Rule { api: api::END_TXN, act: Act::Steal, after: stage.dice.below(4), times: 1 });
            assert!(proxy.wait_met(api::END_TXN, 1, Duration::from_secs(20)), "no transaction ended:\n{}", privet.log());
            // The next transaction's partitions are put into it with its first records.
            let before = proxy.seen(api::ADD_PARTITIONS);
            super::kit::wait_for("the next transaction", Duration::from_secs(20), || {
                (proxy.seen(api::ADD_PARTITIONS) > before).then_some(())
            });
            std::thread::sleep(stage.dice.time(0, 40));
            answers.extend(proxy.deliver());
            proxy.calm();
        }
        let rebuilt = privet.metric("privet_producer_rebuilds_total", &[]);
        assert!(rebuilt >= (5 * stage.length) as f64, "the producer was made anew {rebuilt} times only");
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count("late ends", answers.len() as u64);
    eprintln!("late requests were answered with {answers:?}");
    assert!(answers.iter().all(|code| *code != 0), "a late request ended a transaction: {answers:?}");
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// The request arrives when its sender has given up waiting, and has sent it again.
pub(crate) fn ends_that_time_out(stage: &mut Stage) {
    let Some((mut scene, proxy)) = stage.detour("timeouts") else { return };
    scene.client_settings.push(("socket.timeout.ms".into(), "1500".into()));
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 2_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for _ in 0..2 * stage.length {
            let act = Act::Delay(stage.dice.time(1_600, 2_600));
            proxy.rule(Rule { api: api::END_TXN, act, after: stage.dice.below(4), times: 1 });
            assert!(proxy.wait_met(api::END_TXN, 1, Duration::from_secs(20)), "no transaction ended:\n{}", privet.log());
            done = wait_further(&scene, done);
            proxy.calm();
            stage.count("ends held", 1);
        }
        assert!(privet.metric("privet_producer_rebuilds_total", &[]) >= stage.length as f64, "nobody noticed");
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// Answers that make a batch void: some in truth, some although the broker has committed it.
pub(crate) fn forced_aborts(stage: &mut Stage) {
    let Some((scene, proxy)) = stage.detour("aborts") else { return };
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 3_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for _ in 0..stage.length {
            for code in VOID {
                answer(stage, proxy, api::ADD_OFFSETS, *code, &mut privet);
                done = wait_further(&scene, done);
            }
            for code in UNKNOWN {
                answer(stage, proxy, api::END_TXN, *code, &mut privet);
                done = wait_further(&scene, done);
            }
            // More producers than six within a minute are more than a disturbance, and end the process: it starts again.
            let (status, _) = privet.terminate();
            assert!(status.success(), "{}", privet.log());
            privet = scene.run();
            done = wait_further(&scene, done);
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

/// Kafka's codes for: an error without a name, a transaction in another state, a coordinator that moved, one that loads.
const VOID: &[i16] = &[-1, 51, 16, 14];

/// The same for an end that the broker has carried out: an error without a name, a code that no client knows yet.
const UNKNOWN: &[i16] = &[-1, 14, 999];

fn answer(stage: &mut Stage, proxy: &Proxy, api: i16, code: i16, privet: &mut Privet) {
    proxy.rule(Rule { api, act: Act::Answer(code), after: stage.dice.below(4), times: 1 });
    let met = proxy.wait_met(api, 1, Duration::from_secs(20));
    stage.count("false answers", 1);
    assert!(met && privet.is_running(), "with {code} for {api} it stood still:\n{}", privet.log());
    proxy.calm();
}

/// Every second record is no event, in some way of its own; the others arrive all the same.
pub(crate) fn a_flood_of_broken_records(stage: &mut Stage) {
    let scene = stage.scene("flood");
    let mut privet = scene.run();
    let events = std::thread::scope(|scope| {
        let load = Load::shaped(scope, &scene, 4_000, flood);
        std::thread::sleep(Duration::from_secs(3 * stage.length));
        load.finish()
    });
    stage.count_events(&events);
    check::drained(&scene);
    check::assert_input(&scene, &events);
    scene.assert_exactly(events.step_by(2));
    check::assert_set_aside(&scene, |value| !check::event_is_whole(value) || value.starts_with(b"{{"));
    scene.assert_nothing_leaked();
    assert!(privet.terminate().0.success());
}

fn flood(seq: u64) -> Input {
    let Input { value, .. } = input(seq - seq % 2);
    let whole = value.expect("a value");
    let half = whole[..whole.len() / 2].to_vec();
    let broken = match seq / 2 % 6 {
        0 => half,
        1 => [&half[..], &[0xff, 0xfe], &half].concat(),
        2 => "[".repeat(5_000).into_bytes(),
        3 => b"12 13".to_vec(),
        4 => [&b"{"[..], &whole].concat(),
        _ => vec![0; 300],
    };
    Input { value: Some(if seq.is_multiple_of(2) { whole } else { broken }), ..input(seq) }
}

/// A broker that takes records far more slowly than they are read, and a backlog larger than what a worker may hold.
/// Memory stays below the formula of `docs/delivery.md` and a tenth of it, the worker goes on at the pace of the sink, and catches up.
pub(crate) fn a_slow_sink_with_a_backlog(stage: &mut Stage) {
    let Some((mut scene, proxy)) = stage.detour("slow") else { return };
    const MIB: u64 = 1 << 20;
    let (fetch_queue, fetch, write_queue) = (4 * MIB, MIB / 2, 8 * MIB);
    for (key, bytes) in [
        ("queued.max.messages.kbytes", fetch_queue >> 10),
        ("max.partition.fetch.bytes", fetch),
        ("queue.buffering.max.kbytes", write_queue >> 10),
    ] {
        scene.client_settings.push((key.to_owned(), bytes.to_string()));
    }
    let (base, judged_ahead, quarantine, partitions) = (30_000_000, 16 * MIB, 1_000_000, 4);
    let scratch = 2 * MIB;
    let formula = base + 2 * fetch_queue + partitions * fetch + write_queue + judged_ahead + quarantine + scratch;
    // What was freed goes back at once, so that resident is what is held and not what the allocator keeps for later.
    for name in ["MIMALLOC_PURGE_DELAY", "MIMALLOC_ARENA_EAGER_COMMIT"] {
        scene.environment.push((name.to_owned(), "0".to_owned()));
    }
    let events = 45_000 * stage.length;
    scene.event = bulky;
    scene.kafka.produce(&scene.topic("source"), (0..events).map(|seq| Input { value: Some(bulky(seq)), ..input(seq) }));
    proxy.throttle(SLOW);
    let mut privet = scene.run();
    let mut done = wait_further(&scene, 0);
    let (mut highest, mut steps) = (0, 0);
    let (begun, least, most) = (Instant::now(), Duration::from_secs(10), Duration::from_secs(60 * stage.length));
    while begun.elapsed() < most && (steps < 2 * stage.length || begun.elapsed() < least) {
        highest = highest.max(privet.resident_kib() << 10);
        let now = committed(&scene);
        steps += u64::from(now > done);
        done = done.max(now);
        std::thread::sleep(Duration::from_millis(50));
    }
    let bound = formula + formula / 10;
    eprintln!(
        "{} MiB resident at most, {} by the formula; {done} of {events} committed in {steps} steps",
        highest >> 20,
        formula >> 20
    );
    assert!(highest < bound, "{} MiB resident, {} by the formula", highest >> 20, bound >> 20);
    assert!(done < events.cast_signed(), "the sink was not slow");
    assert!(steps >= 2, "it stands still");
    proxy.throttle(0);
    check::settled(&scene, 0..events);
    stage.count_events(&(0..events));
    let transactions = |result: &str| privet.metric("privet_transactions_total", &[result]);
    eprintln!("{} committed, {} aborted", transactions("result=\"committed\""), transactions("result=\"aborted\""));
    assert!(privet.terminate().0.success());
}

/// Bytes a second: what the worker judges in a tenth of a second takes longer to write than a transaction may.
const SLOW: u64 = 800_000;

/// An event with a kilobyte that does not compress to nothing.
fn bulky(seq: u64) -> Vec<u8> {
    let mut dice = Dice::new(seq);
    let filler: String = (0..64).map(|_| format!("{:016x}", dice.below(u64::MAX))).collect();
    let text = String::from_utf8(event(seq)).expect("text");
    text.replacen('{', &format!("{{\"filler\":\"{filler}\","), 1).into_bytes()
}
