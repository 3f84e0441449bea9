//! What happens to brokers: one alone that is bounced, one of three that is bounced, coordinators that move.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::kit::broker::{Bounce, Kafka};
use super::kit::fixture::Scene;
use super::kit::wait_for;
use super::load::Load;
use super::process::wait_further;
use super::proxy::{Act, Rule, api};
use super::{Stage, check};

/// A transaction that was to be ended has ended by then, markers included.
const ENDED: Duration = Duration::from_millis(700);

/// The broker ends in order, then at once, and comes back. Privet reaches it again once it leads its partitions: a broker
/// alone that is asked to void a transaction sooner calls it voided without a marker in any partition that it does not know
/// to be its own yet (seen on Kafka 4.3.1, in dumps of its logs), and the producer's next commit makes those records count.
/// No client can see that or mend it, and where others know the leaders it does not happen. For the same reason no request to end
/// a transaction is under way when the broker goes: one that is half-way through it finishes as it starts, before it knows a
/// partition, and offsets stay pending for ever. Transactions are open then, written to and with offsets. That brokers go in
/// the midst of an end is for [`a_broker_of_three_that_is_bounced`].
pub(crate) fn a_broker_that_is_bounced(stage: &mut Stage) {
    let Some((mut scene, proxy)) = stage.detour("bounce") else { return };
    // Nor may the coordinator void it of its own accord while it starts.
    scene.client_settings.push(("transaction.timeout.ms".to_owned(), "60000".to_owned()));
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 2_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for round in 0..2 * stage.length {
            std::thread::sleep(stage.dice.time(0, 400));
            let bounce = if round % 2 == 0 { Bounce::Hard } else { Bounce::Clean };
            let act = Act::Delay(Duration::from_secs(10));
            proxy.rule(Rule { api: api::END_TXN, act, after: 0, times: u64::MAX });
            std::thread::sleep(ENDED);
            if !stage.kafka.stop(bounce) {
                super::kit::absent("faults/bounce", "PRIVET_TEST_KAFKA names a cluster that is not ours to bounce");
                break;
            }
            proxy.silence(true);
            std::thread::sleep(stage.dice.time(200, 1_500));
            stage.kafka.start_again();
            proxy.calm();
            proxy.silence(false);
            done = wait_further(&scene, done);
            stage.count("bounces", 1);
        }
        assert!(done > 0 && privet.is_running(), "it gave up:\n{}", privet.log());
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
}

/// One of three brokers ends in order or at once, each time the one that coordinates the transactions, coordinates the group,
/// leads a partition of a sink or of the source, and comes back while the others go on. Nobody is kept away from anything.
pub(crate) fn a_broker_of_three_that_is_bounced(stage: &mut Stage) {
    let Some(kafka) = stage.three_brokers() else { return };
    let scene = stage.scene_of(kafka, "three");
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 2_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        let (first, first_is_hard) = (stage.dice.below(4), stage.dice.below(2));
        for round in 0..2 * stage.length {
            std::thread::sleep(stage.dice.time(0, 600));
            let (role, number) = victim(stage, &scene, first + round);
            // As many of each; over the seeds each role meets both.
            let is_hard = (first_is_hard + round + round / 4).is_multiple_of(2);
            kafka.stop_broker(number, if is_hard { Bounce::Hard } else { Bounce::Clean });
            stage.count(if is_hard { "killed" } else { "ended" }, 1);
            stage.count(role, 1);
            // Shorter and longer than it takes the others to notice that a broker was killed.
            std::thread::sleep(stage.dice.time(100, 5_000));
            if stage.dice.below(2) == 0 {
                done = wait_further(&scene, done);
            }
            kafka.start_broker(number);
            done = wait_further(&scene, done);
            // With two of three away nothing could be written, which is another scenario.
            kafka.wait_whole();
            done = wait_further(&scene, done);
        }
        assert!(done > 0 && privet.is_running(), "it gave up:\n{}", privet.log());
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
    kafka.delete_topics();
}

/// The broker that has a role: all four in turns.
fn victim(stage: &mut Stage, scene: &Scene, round: u64) -> (&'static str, i32) {
    let partition = i32::try_from(stage.dice.below(4)).expect("one of four");
    let leader = |topic: &str| {
        let leader = || scene.kafka.leader(&scene.topic(topic), partition);
        wait_for("a leader", Duration::from_secs(30), leader)
    };
    match round % 4 {
        0 => ("of them the transaction's coordinator", coordinator(scene.kafka, Kind::Transaction, &transactional_id(scene))),
        1 => ("of them a sink's leader", leader("warehouse")),
        2 => ("of them the group's coordinator", coordinator(scene.kafka, Kind::Group, &scene.group())),
        _ => ("of them a source's leader", leader("source")),
    }
}

/// Coordinators go to another broker in order, because theirs ends, and back again while all are alive, since Kafka gives a
/// partition back to the broker that should lead it.
pub(crate) fn coordinators_that_move(stage: &mut Stage) {
    let Some(kafka) = stage.three_brokers() else { return };
    let scene = stage.scene_of(kafka, "moves");
    let events = std::thread::scope(|scope| {
        let load = Load::start(scope, &scene, 2_000);
        let mut privet = scene.run();
        let mut done = wait_further(&scene, 0);
        for round in 0..2 * stage.length {
            let (kind, id) = match round % 2 {
                0 => (Kind::Transaction, transactional_id(&scene)),
                _ => (Kind::Group, scene.group()),
            };
            let home = coordinator(kafka, kind, &id);
            let moved = |is_home: bool| {
                wait_for("the coordinator to move", Duration::from_secs(60), || {
                    ((coordinator(kafka, kind, &id) == home) == is_home).then_some(())
                });
            };
            std::thread::sleep(stage.dice.time(0, 400));
            kafka.stop_broker(home, Bounce::Clean);
            moved(false);
            done = wait_further(&scene, done);
            kafka.start_broker(home);
            moved(true);
            done = wait_further(&scene, done);
            kafka.wait_whole();
            stage.count("moves", 2);
        }
        assert!(done > 0 && privet.is_running(), "it gave up:\n{}", privet.log());
        let events = load.finish();
        check::drained(&scene);
        assert!(privet.terminate().0.success());
        events
    });
    stage.count_events(&events);
    check::settled(&scene, events);
    kafka.delete_topics();
}

/// What a broker coordinates; its key type in FindCoordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Group = 0,
    Transaction = 1,
}

fn transactional_id(scene: &Scene) -> String {
    format!("{}.one.0", scene.group())
}

/// The broker that coordinates a group or a transactional id, waited for while it moves.
fn coordinator(kafka: &Kafka, kind: Kind, id: &str) -> i32 {
    wait_for("a coordinator", Duration::from_secs(60), || {
        kafka.bootstrap.split(',').find_map(|address| find_coordinator(address, kind, id).ok().flatten())
    })
}

/// FindCoordinator, version 1 (Kafka protocol guide): key and type; throttle time, error, message, node, host, port.
fn find_coordinator(address: &str, kind: Kind, id: &str) -> std::io::Result<Option<i32>> {
    let mut broker = TcpStream::connect(address)?;
    broker.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut request = vec![0, super::proxy::api::FIND_COORDINATOR as u8, 0, 1, 0, 0, 0, 1, 0xff, 0xff];
    request.extend(u16::try_from(id.len()).expect("an id is short").to_be_bytes());
    request.extend(id.as_bytes());
    request.push(kind as u8);
    broker.write_all(&u32::try_from(request.len()).expect("a request is short").to_be_bytes())?;
    broker.write_all(&request)?;
    let mut length = [0; 4];
    broker.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    broker.read_exact(&mut answer)?;
    let short = |at: usize| i16::from_be_bytes([answer[at], answer[at + 1]]);
    if short(8) != 0 {
        return Ok(None);
    }
    let node = 12 + usize::try_from(short(10)).unwrap_or(0);
    Ok(Some(i32::from_be_bytes([answer[node], answer[node + 1], answer[node + 2], answer[node + 3]])))
}
