//! The real delivery loop against a cluster that is simulated, seed by seed: groups with generations, transactions with
//! epochs, requests that are lost, late or sent twice, processes that sleep, crash and come back. A seed replays.
//!
//! The cluster checks each commit when it takes effect: a transaction holds exactly the records over which it moves the
//! offsets, once, under one plan. It checks what is written and what is cut against consent, which subjects withdraw while
//! everything runs: nothing is released that its process knows to be withdrawn, or that was withdrawn longer ago than
//! knowledge may be old. In the end everything is there. `PRIVET_SIM_SCHEDULES` (200000) says how many schedules,
//! `PRIVET_SIM_SEED` where to begin; `PRIVET_SIM_SECONDS` (120) bounds the time, and what was run is printed.
#![allow(clippy::print_stdout, reason = "how many schedules were run, and what caught a mutation, is a result")]

mod clients;
mod cluster;

use clients::{Member, Mutation, Nobody, Producer, Recorder, Shared};
use cluster::{Cluster, PARTITIONS, SUBJECTS, now, pass, subject_of};
use privet::pipeline::{Cut, Worker};
use privet::telemetry::{Telemetry, TransactionMeters};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CUT: Cut = Cut { interval: Duration::from_millis(100), records: 6, bytes: usize::MAX };

/// Steps in which everything must be done once nothing goes wrong any more.
const PATIENCE: usize = 20_000;

/// One instance: a process with one worker, or none at the moment.
struct Instance {
    id: usize,
    worker: Option<Worker<Member, Producer, Recorder, Nobody>>,
    member: Rc<Cell<u64>>,
    /// In the simulation's time; a process that was stopped.
    wakes: Option<Instant>,
}

struct World {
    cluster: Shared,
    instances: Vec<Instance>,
    mutation: Mutation,
    meters: TransactionMeters,
}

impl World {
    fn new(seed: u64, mutation: Mutation, meters: &TransactionMeters) -> World {
        let mut cluster = Cluster::new(seed);
        let count = 1 + cluster.random.below(3);
        for length in &mut cluster.length {
            *length = cluster.random.below(12) as i64;
        }
        let cluster = Rc::new(RefCell::new(cluster));
        let instance = |id| Instance { id, worker: None, member: Rc::default(), wakes: None };
        let instances = (0..count).map(instance).collect();
        let mut world = World { cluster, instances, mutation, meters: meters.clone() };
        (0..count).for_each(|at| world.start(at));
        world
    }

    fn start(&mut self, at: usize) {
        let id = self.instances[at].id;
        // The id is registered before the group is joined, as `app` has it.
        let producer = Producer::new(&self.cluster, id, self.mutation);
        let (member, shown) = Member::new(&self.cluster, self.mutation);
        let parts = (member, producer, Recorder::new(&self.cluster, id, self.mutation));
        let worker = Worker::new(parts, Nobody, CUT, self.meters.clone(), Arc::default()).with_clock(now);
        let instance = &mut self.instances[at];
        (instance.worker, instance.member, instance.wakes) = (Some(worker), shown, None);
    }

    /// kill -9: nothing more is said, and what is on its way may arrive.
    fn crash(&mut self, at: usize) {
        let instance = &mut self.instances[at];
        (instance.worker, instance.wakes) = (None, None);
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.silence(instance.member.get(), true);
        cluster.gone(instance.id);
    }

    fn turn(&mut self, at: usize) {
        let Instance { worker, member, wakes, .. } = &mut self.instances[at];
        if wakes.is_some_and(|wakes| now() < wakes) {
            return pass(Duration::from_millis(20));
        }
        if wakes.take().is_some() {
            self.cluster.borrow_mut().silence(member.get(), false);
        }
        let gave_up = worker.as_mut().is_some_and(|worker| worker.once().is_err());
        if gave_up {
            self.crash(at);
        }
    }

    /// Something that happens to processes and topics.
    fn happen(&mut self) {
        let (what, at, time) = {
            let random = &mut self.cluster.borrow_mut().random;
            (random.below(11), random.below(self.instances.len()), random.millis(20_000))
        };
        match what {
            0 if self.instances[at].worker.is_some() => self.crash(at),
            0..=2 if self.instances[at].worker.is_none() => self.start(at),
            3 if self.instances[at].wakes.is_none() => {
                if let Some(mut worker) = self.instances[at].worker.take() {
                    worker.drain();
                }
            }
            4 if self.instances[at].worker.is_some() => {
                self.instances[at].wakes = Some(now() + time);
                self.cluster.borrow_mut().silence(self.instances[at].member.get(), true);
            }
            5 => self.cluster.borrow_mut().plan += 1,
            6 => {
                let cluster = &mut *self.cluster.borrow_mut();
                let (partition, more) = (cluster.random.below(PARTITIONS), cluster.random.below(6) as i64);
                cluster.length[partition] += more;
            }
            7 | 8 => self.withdraw(),
            9 => self.cluster.borrow_mut().cut_ledger_off(self.instances[at].id, time / 2),
            _ => pass(time / 10),
        }
    }

    fn withdraw(&mut self) {
        let cluster = &mut *self.cluster.borrow_mut();
        // Mostly of somebody whose records are on their way.
        let (partition, ahead) = (cluster.random.below(PARTITIONS), cluster.random.below(8) as i64);
        let subject = match cluster.random.chance(300) {
            true => cluster.random.below(SUBJECTS),
            false => subject_of(partition, cluster.committed[partition] + ahead),
        };
        cluster.withdraw(subject);
    }

    /// One schedule; an error says what was violated.
    fn run(&mut self) -> Result<(), String> {
        let (steps, withdrawals) = {
            let random = &mut self.cluster.borrow_mut().random;
            // In some schedules people withdraw all the time.
            (20 + random.below(140), if random.chance(250) { 150 } else { 0 })
        };
        for _ in 0..steps {
            let (at, happens, withdraws) = {
                let random = &mut self.cluster.borrow_mut().random;
                (random.below(self.instances.len()), random.chance(40), random.chance(withdrawals))
            };
            if happens {
                self.happen();
            }
            if withdraws {
                self.withdraw();
            }
            self.turn(at);
            self.check()?;
        }
        self.cluster.borrow_mut().faulty = false;
        for step in 0..PATIENCE {
            let at = step % self.instances.len();
            if self.instances[at].worker.is_none() {
                self.start(at);
            }
            self.turn(at);
            self.check()?;
            let cluster = self.cluster.borrow();
            if cluster.committed == cluster.length {
                return complete(&cluster);
            }
        }
        let cluster = self.cluster.borrow();
        let (committed, length) = (cluster.committed, cluster.length);
        Err(format!("{committed:?} of {length:?} after {PATIENCE} steps without a fault: {}", cluster.state()))
    }

    fn check(&self) -> Result<(), String> {
        self.cluster.borrow_mut().violation.take().map_or(Ok(()), Err)
    }
}

/// Each record once, and in the order of its partition but for those that are kept back to the end of their batch.
fn complete(cluster: &Cluster) -> Result<(), String> {
    for (partition, length) in cluster.length.iter().enumerate() {
        let seen: Vec<i64> = cluster.sink.iter().filter(|row| row.partition == partition).map(|row| row.offset).collect();
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        if sorted != (0..*length).collect::<Vec<_>>() {
            return Err(format!("partition {partition} of {length} records arrived as {seen:?}"));
        }
        if !seen.iter().filter(|offset| *offset % 5 != 4).is_sorted() {
            return Err(format!("partition {partition} is out of order: {seen:?}"));
        }
    }
    Ok(())
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// How many schedules were run.
#[derive(Default)]
struct Searched {
    schedules: u64,
    /// Of them: batches that were voided when they had been written, and judged again from memory.
    judged_again: u64,
    /// The first that violates something, and what.
    violated: Option<String>,
}

/// So many schedules from a seed on, up to the first that violates something.
fn search(first: u64, count: u64, until: Instant, mutation: Mutation) -> Searched {
    let meters = Telemetry::new().transactions();
    let mut searched = Searched::default();
    for seed in first..first + count {
        let mut world = World::new(seed, mutation, &meters);
        let run = world.run();
        searched.schedules += 1;
        searched.judged_again += world.cluster.borrow().judged_again;
        if let Err(what) = run {
            searched.violated = Some(format!("PRIVET_SIM_SEED={seed} PRIVET_SIM_SCHEDULES=1: {what}"));
            break;
        }
        if Instant::now() > until {
            break;
        }
    }
    searched
}

#[test]
fn no_schedule_loses_doubles_reorders_or_mixes_plans() {
    let (first, count) = (number("PRIVET_SIM_SEED", 1), number("PRIVET_SIM_SCHEDULES", 200_000));
    let until = Instant::now() + Duration::from_secs(number("PRIVET_SIM_SECONDS", 120));
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64).min(count);
    let (done, again) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (share, done, again) = (count / threads + u64::from(thread < count % threads), &done, &again);
            scope.spawn(move || {
                let searched = search(first + thread * count.div_ceil(threads), share, until, Mutation::None);
                done.fetch_add(searched.schedules, Ordering::Relaxed);
                again.fetch_add(searched.judged_again, Ordering::Relaxed);
                assert_eq!(searched.violated, None);
            });
        }
    });
    let (done, again) = (done.into_inner(), again.into_inner());
    println!(
        "{done} of {count} schedules from seed {first}; {again} batches were voided when written and judged again from memory"
    );
    assert!(done >= count.min(1_000), "too slow to say anything: {done} schedules");
    assert!(done < 50_000 || again > 0, "no batch was voided when it had been written");
}

/// A simulation that finds nothing says nothing unless it finds what is wrong. Each with the seed to begin at: what takes
/// a rare schedule to show begins shortly before the first one that shows it.
#[test]
fn each_mutation_of_the_loop_is_caught() {
    let mutations = [
        (Mutation::CommitBeforeSend, 1),
        (Mutation::NoSeekAfterAbort, 1),
        (Mutation::OffsetPlusOne, 1),
        (Mutation::OffsetMinusOne, 1),
        (Mutation::StaleGeneration, 1),
        (Mutation::NoGeneration, 1),
        (Mutation::NoRebuildAfterLateCommit, 1),
        (Mutation::NoAbort, 1),
        (Mutation::NoFreshness, 1),
        (Mutation::NoSecondLook, 1),
        (Mutation::NoLookAfterWriting, 1),
        (Mutation::EnforcedTooSoon, 1),
    ];
    // Schedules are counted, not timed: a slow machine finds the same.
    let far = Instant::now() + Duration::from_secs(3600);
    for (mutation, first) in mutations {
        let Searched { schedules, violated, .. } = search(first, 200_000, far, mutation);
        let caught = violated.unwrap_or_else(|| panic!("{mutation:?} was not caught by {schedules} schedules"));
        println!("{mutation:?} was caught by schedule {schedules} from seed {first}: {caught}");
    }
}

#[test]
fn a_seed_replays() {
    let meters = Telemetry::new().transactions();
    let run = |seed| {
        let mut world = World::new(seed, Mutation::None, &meters);
        world.run().expect("no violation");
        let cluster = world.cluster.borrow();
        (cluster.sink.clone(), cluster.committed, cluster.plan)
    };
    for seed in 1..50 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
}
