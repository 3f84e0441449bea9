//! The delivery loop against a small cluster in memory that keeps the rules of transactions and groups, and fails
//! where a script or a seed says.

use super::pace::MOST_HASTE;
use super::*;
use crate::event::Header;
use crate::kafka::{NextOffset, Outgoing, Sent};
use crate::pipeline::judge::Write;
use crate::telemetry::Telemetry;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

const TOPIC: &str = "events";
const CUT: Cut = Cut { interval: Duration::from_secs(3600), records: 4, bytes: usize::MAX };

/// The calls that may be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Call {
    Begin,
    Send,
    Fits,
    Membership,
    Commit,
    /// The commit takes effect, but its answer is lost.
    CommitUnheard,
    Abort,
    Rebuild,
    Rewind,
    Accept,
    SourceCommit,
}

#[derive(Default)]
struct Cluster {
    /// Source records by partition; the value is the record's number.
    log: BTreeMap<i32, Vec<u64>>,
    committed: BTreeMap<i32, i64>,
    position: BTreeMap<i32, i64>,
    owned: BTreeSet<i32>,
    given: Option<BTreeSet<i32>>,
    changes: VecDeque<Change>,
    /// What a `read_committed` reader of the sink sees.
    visible: Vec<u64>,
    pending: Vec<u64>,
    open: bool,
    /// What came of the batch that is being ended, and how often it is asked for before it is told.
    ending: Option<(u64, Result<(), Fault>)>,
    /// How often that is for the next batches.
    slow: u64,
    faults: BTreeMap<Call, VecDeque<(u64, Recovery)>>,
    calls: BTreeMap<Call, u64>,
    turn: usize,
    /// Another member owns the partitions, although this one has not released them.
    lost: bool,
    left: bool,
    paused: bool,
    /// The sink takes no batch of more records; 0 is any.
    most: usize,
    /// Records handed out so far.
    fetched: u64,
    /// For how long the last abort was to go on sending what was queued.
    sends_on: Option<Duration>,
    abort_takes: Duration,
}

#[derive(Clone)]
enum Change {
    Assign(BTreeSet<i32>),
    Revoke { lost: bool },
}

impl Cluster {
    fn fails(&mut self, call: Call) -> Result<(), Fault> {
        let made = self.calls.entry(call).or_default();
        *made += 1;
        let now = *made;
        match self.faults.get_mut(&call) {
            Some(script) if script.front().is_some_and(|(at, _)| *at <= now) => {
                let (_, recovery) = script.pop_front().unwrap();
                Err(Fault::own("simulated", recovery, format!("{call:?}")))
            }
            _ => Ok(()),
        }
    }

    fn commit_offsets(&mut self, offsets: &[NextOffset]) {
        assert!(!self.lost, "committed what another member owns");
        for NextOffset { topic, partition, next } in offsets {
            assert_eq!(&**topic, TOPIC);
            assert!(self.owned.contains(partition), "offsets of a partition that is not owned");
            let before = self.committed.insert(*partition, *next).unwrap_or(0);
            assert!(before <= *next, "committed offsets went back");
        }
    }
}

type Shared = Rc<RefCell<Cluster>>;

struct FakeSource(Shared);

impl Source for FakeSource {
    type Membership = ();

    fn poll(&mut self, _wait: Duration, take: &mut dyn FnMut(Fetched<'_>)) -> Result<Polled, Fault> {
        let next = {
            let cluster = &mut *self.0.borrow_mut();
            match cluster.changes.pop_front() {
                Some(Change::Assign(partitions)) => {
                    cluster.given = Some(partitions);
                    return Ok(Polled::Assigned);
                }
                Some(Change::Revoke { lost }) => {
                    cluster.lost = lost;
                    return Ok(Polled::Revoked { lost });
                }
                None => {}
            }
            if cluster.paused {
                return Ok(Polled::Idle);
            }
            let owned: Vec<i32> = cluster.owned.iter().copied().collect();
            cluster.turn += 1;
            let turn = cluster.turn;
            let ready = (0..owned.len()).map(|at| owned[(at + turn / 3) % owned.len()]).find_map(|partition| {
                let position = cluster.position[&partition];
                cluster.log[&partition].get(position as usize).map(|number| (partition, position, *number))
            });
            if let Some((partition, position, _)) = ready {
                cluster.position.insert(partition, position + 1);
                cluster.fetched += 1;
            }
            ready
        };
        let Some((partition, offset, number)) = next else { return Ok(Polled::Idle) };
        let value = number.to_be_bytes();
        take(Fetched {
            topic: TOPIC,
            partition,
            offset,
            timestamp: None,
            key: None,
            value: Some(&value),
            headers: &|_| true,
            read: None,
        });
        Ok(Polled::Record)
    }

    fn accept(&mut self) -> Result<(), Fault> {
        let cluster = &mut *self.0.borrow_mut();
        cluster.fails(Call::Accept)?;
        if let Some(given) = cluster.given.take() {
            for partition in &given {
                cluster.position.insert(*partition, cluster.committed.get(partition).copied().unwrap_or(0));
            }
            cluster.owned = given;
        }
        Ok(())
    }

    fn release(&mut self) -> Result<(), Fault> {
        let cluster = &mut *self.0.borrow_mut();
        cluster.owned.clear();
        (cluster.lost, cluster.paused) = (false, false);
        Ok(())
    }

    fn owns(&self, topic: &str, partition: i32) -> bool {
        topic == TOPIC && self.0.borrow().owned.contains(&partition)
    }

    fn assignment(&self) -> Vec<(String, i32)> {
        self.0.borrow().owned.iter().map(|partition| (TOPIC.to_owned(), *partition)).collect()
    }

    fn membership(&mut self) -> Result<(), Fault> {
        self.0.borrow_mut().fails(Call::Membership)
    }

    fn pause(&mut self) -> Result<(), Fault> {
        self.0.borrow_mut().paused = true;
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Fault> {
        self.0.borrow_mut().fails(Call::Rewind)?;
        self.0.borrow_mut().paused = false;
        if self.0.borrow().given.is_some() {
            return self.accept();
        }
        let cluster = &mut *self.0.borrow_mut();
        for partition in &cluster.owned {
            cluster.position.insert(*partition, cluster.committed.get(partition).copied().unwrap_or(0));
        }
        Ok(())
    }

    fn commit(&mut self, offsets: &[NextOffset]) -> Result<(), Fault> {
        let cluster = &mut *self.0.borrow_mut();
        cluster.fails(Call::SourceCommit)?;
        cluster.commit_offsets(offsets);
        Ok(())
    }

    fn leave(&mut self) {
        self.0.borrow_mut().left = true;
    }
}

struct FakeSink {
    cluster: Shared,
    transactional: bool,
}

impl Sink<()> for FakeSink {
    fn carries_offsets(&self) -> bool {
        self.transactional
    }

    fn begin(&mut self) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.fails(Call::Begin)?;
        assert!(!cluster.open && cluster.ending.is_none(), "a batch within a batch");
        assert!(cluster.pending.is_empty());
        cluster.open = true;
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<Sent, Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        assert!(cluster.open && cluster.ending.is_none(), "written outside of a batch");
        cluster.fails(Call::Send)?;
        let number = u64::from_be_bytes(record.value.unwrap().try_into().unwrap());
        match self.transactional {
            true => cluster.pending.push(number),
            false => cluster.visible.push(number),
        }
        Ok(Sent::Taken)
    }

    fn fits(&mut self, _record: &Outgoing<'_>) -> Result<Sent, Fault> {
        self.cluster.borrow_mut().fails(Call::Fits)?;
        Ok(Sent::Taken)
    }

    fn end(&mut self, offsets: &[NextOffset], _membership: (), _bound: Option<Duration>) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        assert!(cluster.open && cluster.ending.is_none(), "nothing to commit");
        let slow = cluster.most > 0 && cluster.pending.len() > cluster.most;
        let too_slow = || Err(Fault::own("simulated", Recovery::Abort, "the transaction has timed out"));
        let result = if slow { too_slow() } else { cluster.fails(Call::Commit) }.and_then(|()| {
            cluster.open = false;
            let written = std::mem::take(&mut cluster.pending);
            cluster.visible.extend(written);
            if self.transactional {
                cluster.commit_offsets(offsets);
            }
            cluster.fails(Call::CommitUnheard)
        });
        cluster.ending = Some((cluster.slow, result));
        Ok(())
    }

    fn settled(&mut self, wait: Duration) -> Option<Result<Instant, Fault>> {
        let cluster = &mut *self.cluster.borrow_mut();
        let (left, _) = cluster.ending.as_mut().expect("asked only while a batch is being ended");
        // Who waits for longer than a look is told.
        if *left > 0 && wait < Duration::from_millis(10) {
            *left -= 1;
            return None;
        }
        cluster.ending.take().map(|(_, result)| result.map(|()| Instant::now()))
    }

    fn abort(&mut self, _bound: Option<Duration>, send_on: Duration) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.sends_on = Some(send_on);
        std::thread::sleep(cluster.abort_takes);
        assert!(cluster.ending.is_none(), "aborted while it is being ended");
        // Who asks once more is told that nothing is open, whatever became of it.
        if std::mem::take(&mut cluster.open) {
            cluster.fails(Call::Abort)?;
        }
        cluster.pending.clear();
        Ok(())
    }

    fn rebuild(&mut self) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.fails(Call::Rebuild)?;
        (cluster.open, cluster.pending, cluster.ending) = (false, Vec::new(), None);
        Ok(())
    }
}

/// Writes each record at once, but every fifth only at the end of the batch, as quarantine does.
#[derive(Default)]
struct FakeJudge {
    kept: Vec<u64>,
    counted: u64,
    closed: Option<u64>,
    renewed: usize,
    committed: Rc<RefCell<u64>>,
    known: Rc<RefCell<Known>>,
}

/// What the judge's decisions rest on.
#[derive(Default)]
struct Known {
    stale: bool,
    /// It will never be fresh again.
    lost: bool,
    /// A withdrawal has landed that the open batch did not know.
    withdrawn: bool,
    /// So often another one lands while a batch is judged again.
    more: u32,
    /// One lands right after the next look.
    lands_after_a_look: bool,
    /// Bytes that each record writes besides.
    padding: usize,
}

impl Judge for FakeJudge {
    fn renew(&mut self) {
        assert!(self.kept.is_empty() && self.counted == 0, "something was left from the batch before");
        self.renewed += 1;
        let known = &mut *self.known.borrow_mut();
        known.withdrawn = known.more > 0;
        known.more = known.more.saturating_sub(1);
    }

    fn sound(&mut self, _now: Instant) -> Result<(), Fault> {
        if self.known.borrow().lost {
            return Err(Fault::own("judging", Recovery::Stop, "lost"));
        }
        match self.known.borrow().stale {
            true => Err(Fault::own("judging", Recovery::Abort, "stale")),
            false => Ok(()),
        }
    }

    fn stands(&mut self) -> bool {
        let known = &mut *self.known.borrow_mut();
        let stands = !known.withdrawn;
        known.withdrawn |= std::mem::take(&mut known.lands_after_a_look);
        stands
    }

    fn judge(&mut self, record: &Fetched<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        assert!(!self.known.borrow().stale, "judged by what is stale");
        let number = u64::from_be_bytes(record.value.unwrap().try_into().unwrap());
        self.counted += 1;
        match number % 5 {
            0 => self.kept.push(number),
            _ => write_number(number, &vec![0; self.known.borrow().padding], write)?,
        }
        Ok(())
    }

    fn close(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        assert_eq!(self.closed, None, "closed while another batch is being ended");
        std::mem::take(&mut self.kept).into_iter().try_for_each(|number| write_number(number, &[], write))?;
        self.closed = Some(std::mem::take(&mut self.counted));
        Ok(())
    }

    fn committed(&mut self, _at: Instant) {
        *self.committed.borrow_mut() += self.closed.take().expect("only what was closed is committed");
    }

    fn aborted(&mut self) {
        self.kept.clear();
        (self.counted, self.closed) = (0, None);
    }

    fn settled(&mut self) {}
}

fn write_number(number: u64, padding: &[u8], write: &mut Write<'_>) -> Result<(), Fault> {
    let value = number.to_be_bytes();
    let headers = &[Header { name: "padding", value: Some(padding) }];
    let out = Outgoing { topic: "sink", source_partition: 0, key: None, value: Some(&value), timestamp: None, headers };
    assert_eq!(write(out)?, Sent::Taken);
    Ok(())
}

/// Counts the signs of life.
#[derive(Default)]
struct Nobody(Rc<RefCell<u64>>);

impl Observer for Nobody {
    fn beat(&self) {
        *self.0.borrow_mut() += 1;
    }
    fn joining(&self) {}
    fn assigned(&self, _: Vec<(String, i32)>) {}
    fn revoked(&self) {}
    fn committed(&self, _: Timestamp) {}
    fn stalled(&self, _: &Fault) {}
    fn resumed(&self) {}
}

type TestWorker = Worker<FakeSource, FakeSink, FakeJudge, Nobody>;

struct Stage {
    cluster: Shared,
    worker: TestWorker,
    counted: Rc<RefCell<u64>>,
    beats: Rc<RefCell<u64>>,
    known: Rc<RefCell<Known>>,
    telemetry: Telemetry,
}

/// A worker with three partitions of ten records each, number `100 * partition + offset`.
fn stage(transactional: bool) -> Stage {
    let mut cluster = Cluster::default();
    for partition in 0..3 {
        cluster.log.insert(partition, (0..10).map(|offset| 100 * partition as u64 + offset).collect());
    }
    cluster.changes.push_back(Change::Assign([0, 1, 2].into()));
    let cluster = Rc::new(RefCell::new(cluster));
    let counted = Rc::new(RefCell::new(0));
    let known = Rc::<RefCell<Known>>::default();
    let judge = FakeJudge { committed: counted.clone(), known: known.clone(), ..FakeJudge::default() };
    let sink = FakeSink { cluster: cluster.clone(), transactional };
    let telemetry = Telemetry::new();
    let meters = telemetry.transactions();
    let beats = Rc::new(RefCell::new(0));
    let observer = Nobody(beats.clone());
    let mut worker = Worker::new((FakeSource(cluster.clone()), sink, judge), observer, CUT, meters, Arc::default());
    worker.first_pause = Duration::ZERO;
    Stage { cluster, worker, counted, beats, known, telemetry }
}

impl Stage {
    fn fail(&self, call: Call, at: u64, recovery: Recovery) {
        self.cluster.borrow_mut().faults.entry(call).or_default().push_back((at, recovery));
    }

    fn turns(&mut self, turns: usize) -> Result<(), Fault> {
        for _ in 0..turns {
            if let Err(fault) = self.worker.step() {
                self.worker.recover(fault)?;
            }
        }
        Ok(())
    }

    /// Ends with cuts by time, so that no record waits for the drain, whose faults only a restart makes good.
    fn finish(&mut self) -> Result<(), Fault> {
        self.turns(150)?;
        self.worker.pace.cut.interval = Duration::ZERO;
        self.turns(150)?;
        self.worker.drain();
        Ok(())
    }

    /// What the loop promises: each record once, order by partition, offsets at the end, counts that agree.
    fn assert_exactly_once(&self, what: &str) {
        let cluster = self.cluster.borrow();
        let mut seen = cluster.visible.clone();
        seen.sort_unstable();
        let expected: Vec<u64> = cluster.log.values().flatten().copied().collect();
        assert_eq!(seen, expected, "each record once: {what}");
        for (partition, log) in &cluster.log {
            let of = |number: &&u64| **number / 100 == *partition as u64 && !number.is_multiple_of(5);
            let order: Vec<u64> = cluster.visible.iter().filter(of).copied().collect();
            assert!(order.is_sorted(), "order of partition {partition}: {what}");
            assert_eq!(cluster.committed.get(partition).copied(), Some(log.len() as i64), "last processed + 1: {what}");
        }
        assert_eq!(*self.counted.borrow(), expected.len() as u64, "counts are of what was committed: {what}");
        assert!(cluster.left, "it left the group: {what}");
    }
}

#[test]
fn every_record_arrives_once_and_offsets_follow() {
    let mut stage = stage(true);
    stage.finish().unwrap();
    stage.assert_exactly_once("no fault");
}

/// Brokers that are away for long must not be asked for the same records again and again.
#[test]
fn nothing_is_fetched_in_a_long_pause() {
    let mut stage = stage(true);
    stage.worker.first_pause = LONG_PAUSE;
    stage.fail(Call::Commit, 1, Recovery::Abort);
    while stage.worker.rewind_at.is_none() {
        stage.turns(1).unwrap();
    }
    let before = stage.cluster.borrow().fetched;
    stage.turns(50).unwrap();
    assert_eq!(stage.cluster.borrow().fetched, before, "records were fetched to be dropped");
    // What the group gives meanwhile waits as well.
    stage.cluster.borrow_mut().changes.extend([Change::Revoke { lost: false }, Change::Assign([0, 1, 2].into())]);
    stage.turns(50).unwrap();
    assert_eq!(stage.cluster.borrow().fetched, before);
    std::thread::sleep(LONG_PAUSE);
    stage.finish().unwrap();
    stage.assert_exactly_once("after a long pause");
}

/// What cannot be written within the time of a transaction must not be tried in the same portion for ever.
#[test]
fn batches_shrink_until_a_slow_sink_takes_them() {
    let mut stage = stage(true);
    stage.cluster.borrow_mut().most = 1;
    stage.turns(200).unwrap();
    assert!(!stage.cluster.borrow().visible.is_empty(), "it stands still");
    stage.cluster.borrow_mut().most = 0;
    stage.finish().unwrap();
    stage.assert_exactly_once("after a slow sink");
    assert!(stage.worker.pace.most > 1, "and grow again");
}

#[test]
fn offsets_move_only_with_a_cut() {
    let mut stage = stage(true);
    stage.turns(4).unwrap();
    assert!(stage.cluster.borrow().committed.is_empty() && stage.cluster.borrow().visible.is_empty());
    stage.turns(1).unwrap();
    let cluster = stage.cluster.borrow();
    assert_eq!(cluster.visible.len(), 4);
    assert_eq!(cluster.committed.values().sum::<i64>(), 4);
}

#[test]
fn after_any_single_fault_nothing_is_lost_or_doubled() {
    let calls = [
        Call::Begin,
        Call::Send,
        Call::Fits,
        Call::Membership,
        Call::Commit,
        Call::CommitUnheard,
        Call::Abort,
        Call::Rebuild,
        Call::Rewind,
        Call::Accept,
    ];
    for call in calls {
        for at in 1..12 {
            for (recovery, slow) in [(Recovery::Abort, 0), (Recovery::Rebuild, 0), (Recovery::Abort, 3), (Recovery::Rebuild, 3)] {
                let mut stage = stage(true);
                stage.cluster.borrow_mut().slow = slow;
                stage.fail(call, at, recovery);
                // An abort or a rebuild happens only after another fault.
                stage.fail(Call::Commit, at, if call == Call::Rebuild { Recovery::Rebuild } else { Recovery::Abort });
                stage.finish().unwrap();
                if call != Call::CommitUnheard {
                    stage.assert_exactly_once(&format!("{call:?} {at} {recovery:?} {slow}"));
                    continue;
                }
                // The commit took effect although it was called a fault: counts are lost, records are not.
                let wanted: Vec<u64> = stage.cluster.borrow().log.values().flatten().copied().collect();
                let mut seen = stage.cluster.borrow().visible.clone();
                seen.sort_unstable();
                assert_eq!(seen, wanted, "{call:?} {at} {recovery:?} {slow}");
            }
        }
    }
}

#[test]
fn schedules_of_faults_and_rebalances_from_a_seed() {
    for seed in 0..3_000u64 {
        let mut random = Random(seed);
        let mut stage = stage(true);
        stage.cluster.borrow_mut().slow = random.below(6) as u64;
        for _ in 0..random.below(5) {
            const CALLS: [Call; 8] =
                [Call::Begin, Call::Send, Call::Fits, Call::Membership, Call::Commit, Call::Abort, Call::Rewind, Call::Accept];
            let call = CALLS[random.below(CALLS.len())];
            let recovery = if random.below(3) == 0 { Recovery::Rebuild } else { Recovery::Abort };
            stage.fail(call, 1 + random.below(20) as u64, recovery);
        }
        for _ in 0..random.below(4) {
            stage.turns(random.below(25)).unwrap();
            let lost = random.below(2) == 0;
            let next = if random.below(2) == 0 { [0, 1, 2].into() } else { [random.below(3) as i32].into() };
            let mut cluster = stage.cluster.borrow_mut();
            cluster.changes.push_back(Change::Revoke { lost });
            cluster.changes.push_back(Change::Assign(next));
        }
        stage.turns(30).unwrap();
        let mut cluster = stage.cluster.borrow_mut();
        cluster.changes.push_back(Change::Revoke { lost: false });
        cluster.changes.push_back(Change::Assign([0, 1, 2].into()));
        drop(cluster);
        stage.finish().unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        stage.assert_exactly_once(&format!("seed {seed}"));
    }
}

/// A worker that has handed over a first batch of four, whose end takes long, and judged two records ahead.
fn ahead(transactional: bool) -> Stage {
    let mut stage = stage(transactional);
    stage.cluster.borrow_mut().slow = 1000;
    stage.turns(5 + 2).unwrap();
    let cluster = stage.cluster.borrow();
    assert!(cluster.ending.is_some() && cluster.pending.is_empty());
    assert_eq!(cluster.position.values().sum::<i64>(), 4 + 2);
    drop(cluster);
    stage
}

impl Stage {
    /// The batch that is being ended has ended, and so will all others at once.
    fn answer(&self, result: Result<(), Fault>) {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.slow = 0;
        let (_, ended) = cluster.ending.take().expect("a batch is being ended");
        cluster.ending = Some((0, ended.and(result)));
    }

    fn written(&self) -> (usize, usize, i64) {
        let cluster = self.cluster.borrow();
        (cluster.visible.len(), cluster.pending.len(), cluster.committed.values().sum())
    }
}

#[test]
fn what_is_judged_ahead_is_written_when_the_batch_before_is_committed() {
    for transactional in [true, false] {
        let mut stage = ahead(transactional);
        assert_eq!(*stage.counted.borrow(), 0, "nothing is counted before it is known what became of it");
        stage.answer(Ok(()));
        stage.turns(1).unwrap();
        assert_eq!(*stage.counted.borrow(), 4);
        let cluster = stage.cluster.borrow();
        assert!(cluster.open, "a batch of its own");
        assert_eq!(cluster.committed.values().sum::<i64>(), 4, "and offsets of its own");
        drop(cluster);
        stage.finish().unwrap();
        stage.assert_exactly_once("judged ahead");
    }
}

#[test]
fn a_full_batch_waits_for_the_one_before() {
    let mut stage = ahead(true);
    stage.turns(2).unwrap();
    assert_eq!(stage.cluster.borrow().position.values().sum::<i64>(), 4 + 4);
    // The fifth would be one more than a batch may hold; waiting longer than a look brings the answer.
    stage.worker.step().unwrap();
    assert_eq!(stage.cluster.borrow().position.values().sum::<i64>(), 4 + 4);
    assert_eq!(*stage.counted.borrow(), 4, "the first is committed");
    assert!(stage.cluster.borrow().ending.is_some(), "and the second is cut at once");
    stage.finish().unwrap();
    stage.assert_exactly_once("full");
}

#[test]
fn a_batch_that_is_void_takes_what_was_judged_after_it_with_it() {
    for recovery in [Recovery::Abort, Recovery::Rebuild] {
        let mut stage = stage(true);
        stage.cluster.borrow_mut().slow = 1000;
        stage.fail(Call::Commit, 1, recovery);
        stage.turns(5 + 2).unwrap();
        stage.answer(Ok(()));
        stage.turns(1).unwrap();
        let (visible, _, committed) = stage.written();
        assert_eq!((visible, committed), (0, 0), "{recovery:?}");
        stage.finish().unwrap();
        stage.assert_exactly_once("void");
    }
}

#[test]
fn a_fault_in_what_is_judged_ahead_does_not_void_the_batch_before() {
    let mut stage = stage(true);
    stage.cluster.borrow_mut().slow = 1000;
    stage.fail(Call::Fits, 1, Recovery::Abort);
    // The fault comes with the first record that is judged ahead and writes at once.
    while !stage.cluster.borrow().calls.contains_key(&Call::Fits) {
        stage.turns(1).unwrap();
    }
    assert_eq!(stage.written(), (4, 0, 4));
    assert_eq!(*stage.counted.borrow(), 4, "what was committed counts");
    assert!(!stage.cluster.borrow().open);
    stage.finish().unwrap();
    stage.assert_exactly_once("a fault ahead");
}

#[test]
fn a_revocation_lets_the_batch_end_and_forgets_what_was_judged_ahead() {
    for lost in [false, true] {
        let mut stage = ahead(true);
        stage.cluster.borrow_mut().changes.push_back(Change::Revoke { lost });
        stage.turns(1).unwrap();
        assert_eq!(stage.written(), (4, 0, 4), "lost: {lost}");
        assert!(stage.cluster.borrow().owned.is_empty() && !stage.cluster.borrow().open);
        stage.cluster.borrow_mut().changes.push_back(Change::Assign([0, 1, 2].into()));
        stage.finish().unwrap();
        stage.assert_exactly_once("revoked");
    }
}

#[test]
fn what_was_decided_long_ago_is_judged_anew() {
    let mut stage = ahead(true);
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.worker.stall = Duration::ZERO;
    stage.answer(Ok(()));
    stage.turns(1).unwrap();
    assert_eq!(stage.written(), (4, 0, 4), "the batch before counts, and nothing was written after it");
    assert!(!stage.cluster.borrow().open);
    stage.worker.stall = end::STALL;
    stage.finish().unwrap();
    stage.assert_exactly_once("judged anew");
}

#[test]
fn a_drain_commits_what_was_judged_ahead_too() {
    let mut stage = ahead(true);
    stage.worker.drain();
    assert_eq!(stage.written(), (6, 0, 6));
    assert_eq!(*stage.counted.borrow(), 6);
    assert!(stage.cluster.borrow().left);
}

#[test]
fn a_drain_does_not_write_what_was_decided_long_ago() {
    let mut stage = ahead(true);
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.worker.stall = Duration::ZERO;
    stage.worker.drain();
    assert_eq!(stage.written(), (4, 0, 4), "the batch before counts, and nothing was written after it");
    assert_eq!(*stage.counted.borrow(), 4);
    let cluster = stage.cluster.borrow();
    assert!(!cluster.open && cluster.left);
}

#[test]
fn knowledge_that_is_lost_while_it_is_waited_for_ends_the_worker() {
    let mut stage = stage(true);
    stage.turns(8).unwrap();
    stage.known.borrow_mut().stale = true;
    stage.turns(8).unwrap();
    assert!(stage.worker.rewind_at.is_some(), "it waits");
    stage.known.borrow_mut().lost = true;
    std::thread::sleep(UNSOUND_LOOK);
    let fault = stage.turns(8).expect_err("nothing will come any more");
    assert_eq!(fault.recovery, Recovery::Stop);
}

#[test]
fn nothing_is_judged_or_cut_while_knowledge_is_stale_and_it_goes_on_by_itself() {
    for turns in [0, 2, 3] {
        let mut stage = stage(true);
        stage.turns(turns).unwrap();
        stage.known.borrow_mut().stale = true;
        let beats = *stage.beats.borrow();
        stage.worker.pace.cut.interval = Duration::ZERO;
        stage.turns(50).unwrap();
        assert_eq!(stage.written(), (0, 0, 0), "after {turns} turns");
        assert!(!stage.cluster.borrow().open, "what was open is void");
        assert!(*stage.beats.borrow() > beats, "it shows that it lives");
        assert_eq!(stage.worker.faults, 0, "waiting for knowledge makes no pause longer");
        stage.known.borrow_mut().stale = false;
        stage.worker.rewind_at = stage.worker.rewind_at.map(|_| Instant::now());
        stage.finish().unwrap();
        stage.assert_exactly_once("stale for a while");
    }
}

#[test]
fn a_withdrawal_while_a_batch_is_open_has_it_judged_again() {
    let mut stage = stage(true);
    stage.turns(3).unwrap();
    stage.known.borrow_mut().withdrawn = true;
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.turns(1).unwrap();
    assert_eq!(stage.written(), (0, 0, 0), "void");
    assert_eq!((stage.worker.pace.haste, stage.worker.faults), (1, 0), "at once, and sooner cut");
    assert_eq!(stage.cluster.borrow().sends_on, Some(SEND_WITHDRAWN), "as little as can be is sent of what is withdrawn");
    stage.worker.pace.cut.records = 1;
    stage.finish().unwrap();
    stage.assert_exactly_once("a withdrawal");
    assert_eq!(stage.worker.pace.haste, 0, "haste ends after a while");
}

#[test]
fn what_was_judged_ahead_of_a_withdrawal_is_never_written() {
    for drains in [false, true] {
        let mut stage = ahead(true);
        stage.known.borrow_mut().withdrawn = true;
        stage.answer(Ok(()));
        match drains {
            true => stage.worker.drain(),
            false => stage.turns(1).unwrap(),
        }
        assert_eq!(stage.written(), (4, 0, 4), "the batch before counts, and nothing was written after it");
        assert!(!stage.cluster.borrow().open);
        if !drains {
            stage.finish().unwrap();
            stage.assert_exactly_once("a withdrawal after judging ahead");
        }
    }
}

/// Where people withdraw all the time a batch is judged again from memory: nothing was written that would have to be voided, and
/// nothing is read again.
#[test]
fn a_batch_that_is_kept_is_judged_again_from_memory() {
    for more in [0, 3] {
        let mut stage = stage(true);
        stage.worker.pace.beware(Instant::now());
        stage.turns(4).unwrap();
        assert!(stage.worker.batch.records() > 1 && !stage.cluster.borrow().open, "nothing is written before it is cut");
        let renewed = stage.worker.judge.renewed;
        (stage.known.borrow_mut().withdrawn, stage.known.borrow_mut().more) = (true, more);
        stage.worker.pace.cut.interval = Duration::ZERO;
        stage.turns(1).unwrap();
        assert_eq!(stage.worker.judge.renewed, renewed + 1 + more as usize);
        assert_eq!(stage.worker.pace.haste, more, "a batch for which one round was not enough is followed by smaller ones");
        stage.finish().unwrap();
        stage.assert_exactly_once("judged again from memory");
        let calls = |call| stage.cluster.borrow().calls.get(&call).copied().unwrap_or(0);
        assert_eq!((calls(Call::Abort), calls(Call::Rewind)), (0, 0));
    }
}

/// A withdrawal that lands while a batch that is kept is written voids what was written, and nothing is read again.
#[test]
fn a_batch_that_is_kept_is_voided_and_judged_again_without_the_way_back() {
    for abort in [None, Some(Recovery::Abort), Some(Recovery::Rebuild)] {
        let mut stage = stage(true);
        stage.worker.pace.beware(Instant::now());
        stage.turns(4).unwrap();
        stage.known.borrow_mut().lands_after_a_look = true;
        if let Some(recovery) = abort {
            stage.fail(Call::Abort, 1, recovery);
        }
        stage.worker.pace.cut.interval = Duration::ZERO;
        stage.turns(1).unwrap();
        let calls = |stage: &Stage, call| stage.cluster.borrow().calls.get(&call).copied().unwrap_or(0);
        if abort.is_none() {
            assert!(stage.worker.is_ending, "it is on its way");
            assert_eq!((calls(&stage, Call::Abort), stage.worker.pace.haste), (1, 1));
            assert_eq!(stage.cluster.borrow().sends_on, Some(SEND_WITHDRAWN));
        }
        stage.finish().unwrap();
        stage.assert_exactly_once("voided while it was written");
        assert_eq!(calls(&stage, Call::Rewind) == 0, abort.is_none());
        assert_eq!(calls(&stage, Call::Rebuild) > 0, abort.is_some(), "what an abort that failed left open is fenced");
        let shown = stage.telemetry.render(Timestamp::now());
        let (aborted, unknown) = if abort.is_none() { (1, 0) } else { (0, 1) };
        for (result, count) in [("aborted", aborted), ("unknown", unknown)] {
            assert!(shown.contains(&format!("privet_transactions_total{{result=\"{result}\"}} {count}\n")), "{shown}");
        }
    }
}

/// Aborts that take long are nobody's fault: what is voided for a withdrawal is judged again at once, whatever the time.
#[test]
fn a_withdrawal_is_no_fault_where_aborts_are_slow() {
    let mut stage = stage(true);
    stage.worker.pace.beware(Instant::now());
    stage.turns(4).unwrap();
    stage.known.borrow_mut().lands_after_a_look = true;
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.worker.stall = Duration::from_millis(20);
    stage.cluster.borrow_mut().abort_takes = Duration::from_millis(40);
    stage.turns(1).unwrap();
    let most = stage.worker.pace.most;
    assert_eq!((stage.worker.faults, most), (0, usize::MAX));
    stage.finish().unwrap();
    stage.assert_exactly_once("aborts are slow");
}

/// Asked to stop, a worker does not judge a batch again and again; with a deadline, until then.
#[test]
fn who_is_asked_to_stop_judges_nothing_again() {
    for (bound, again) in [(None, 0), (Some(DRAIN_BOUND), 1), (Some(Duration::ZERO), 0)] {
        let mut stage = stage(true);
        stage.worker.pace.beware(Instant::now());
        stage.turns(4).unwrap();
        stage.known.borrow_mut().withdrawn = true;
        let renewed = stage.worker.judge.renewed;
        stage.worker.stop.store(true, Ordering::Relaxed);
        assert_eq!(stage.worker.cut(bound).is_ok(), again > 0);
        assert_eq!(stage.worker.judge.renewed, renewed + again, "{bound:?}");
    }
}

/// What was refused when it was read may be released when it is judged again: a batch that becomes more than is kept is read again.
#[test]
fn a_batch_that_grows_while_it_is_judged_again_does_not_outgrow_its_memory() {
    let mut stage = stage(true);
    stage.worker.pace.beware(Instant::now());
    stage.turns(4).unwrap();
    stage.known.borrow_mut().withdrawn = true;
    stage.known.borrow_mut().padding = 17 << 20;
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.turns(1).unwrap();
    assert_eq!((stage.written(), stage.worker.faults), ((0, 0, 0), 0));
    assert!(stage.worker.rewind_at.is_some(), "it goes back");
    stage.known.borrow_mut().padding = 0;
    stage.finish().unwrap();
    stage.assert_exactly_once("a batch that grew");
}

/// It has to end some time.
#[test]
fn a_batch_that_is_never_judged_in_time_is_voided() {
    let mut stage = stage(true);
    stage.worker.pace.beware(Instant::now());
    stage.turns(4).unwrap();
    (stage.known.borrow_mut().withdrawn, stage.known.borrow_mut().more) = (true, MOST_ROUNDS);
    stage.worker.pace.cut.interval = Duration::ZERO;
    stage.turns(1).unwrap();
    assert_eq!((stage.written(), stage.worker.pace.haste), ((0, 0, 0), MOST_HASTE));
    assert!(stage.worker.rewind_at.is_some());
    stage.finish().unwrap();
    stage.assert_exactly_once("given up and read again");
}

#[test]
fn a_flood_of_withdrawals_makes_batches_small_and_stops_none() {
    let mut stage = stage(true);
    stage.worker.pace.cut.interval = Duration::from_millis(160);
    for haste in 1..10 {
        stage.known.borrow_mut().withdrawn = true;
        assert!(stage.worker.vouch().is_err());
        assert_eq!(stage.worker.pace.haste, haste.min(MOST_HASTE));
    }
    let Cut { interval, records, .. } = stage.worker.pace.cut();
    assert_eq!((interval, records), (Duration::from_millis(5), 1), "never below what a transaction costs, nor below a record");
}

/// While records are there to be read no poll is idle; a supervisor must not take a worker that waits for one that hangs.
#[test]
fn a_worker_that_waits_to_go_back_shows_that_it_lives() {
    let mut stage = stage(true);
    stage.fail(Call::Begin, 1, Recovery::Abort);
    stage.worker.first_pause = LONG_PAUSE - Duration::from_millis(1);
    stage.turns(2).unwrap();
    assert!(stage.worker.rewind_at.is_some());
    let before = *stage.beats.borrow();
    stage.turns(3).unwrap();
    assert_eq!(stage.cluster.borrow().position.values().sum::<i64>(), 1 + 3, "each poll met a record");
    assert!(*stage.beats.borrow() > before);
}

#[test]
fn a_drain_after_a_batch_that_failed_writes_nothing_more() {
    for recovery in [Recovery::Abort, Recovery::Rebuild] {
        let mut stage = ahead(true);
        stage.answer(Err(Fault::own("committing", recovery, "simulated")));
        stage.worker.drain();
        let cluster = stage.cluster.borrow();
        assert!(!cluster.open && cluster.left && cluster.pending.is_empty());
        assert_eq!(*stage.counted.borrow(), 0);
    }
}

#[test]
fn a_plan_is_taken_up_by_the_batch_that_is_judged_ahead() {
    let mut stage = stage(true);
    stage.cluster.borrow_mut().slow = 1000;
    stage.turns(5).unwrap();
    assert_eq!(stage.worker.judge.renewed, 1);
    stage.turns(2).unwrap();
    assert_eq!(stage.worker.judge.renewed, 2, "once, with its first record, while the batch before is being ended");
    stage.answer(Ok(()));
    stage.turns(1).unwrap();
    assert_eq!(stage.worker.judge.renewed, 2, "and not again when it is written: one batch, one plan");
}

#[test]
fn a_revocation_settles_the_batch_before_the_partitions_go() {
    let mut stage = stage(true);
    stage.turns(3).unwrap();
    stage.cluster.borrow_mut().changes.push_back(Change::Revoke { lost: false });
    stage.turns(1).unwrap();
    let cluster = stage.cluster.borrow();
    assert_eq!((cluster.visible.len(), cluster.committed.values().sum::<i64>()), (2, 2));
    assert!(cluster.owned.is_empty());
}

#[test]
fn partitions_that_were_lost_take_nothing_with_them() {
    let mut stage = stage(true);
    stage.turns(3).unwrap();
    stage.cluster.borrow_mut().changes.push_back(Change::Revoke { lost: true });
    stage.turns(1).unwrap();
    assert!(stage.cluster.borrow().visible.is_empty() && stage.cluster.borrow().committed.is_empty());
    stage.cluster.borrow_mut().changes.push_back(Change::Assign([0, 1, 2].into()));
    stage.finish().unwrap();
    stage.assert_exactly_once("lost");
}

#[test]
fn a_batch_with_a_partition_that_is_gone_is_void_as_a_whole() {
    let mut stage = stage(true);
    stage.turns(4).unwrap();
    let first = *stage.cluster.borrow().position.iter().find(|(_, position)| **position > 0).unwrap().0;
    stage.cluster.borrow_mut().owned.remove(&first);
    stage.turns(2).unwrap();
    assert!(!stage.cluster.borrow().committed.contains_key(&first));
    assert!(stage.cluster.borrow().visible.iter().all(|number| number / 100 != first as u64));
}

#[test]
fn at_least_once_commits_only_what_was_acknowledged() {
    for call in [Call::Commit, Call::SourceCommit, Call::Send] {
        for at in 1..6 {
            let mut stage = stage(false);
            stage.fail(call, at, Recovery::Abort);
            stage.finish().unwrap();
            let cluster = stage.cluster.borrow();
            let seen: BTreeSet<u64> = cluster.visible.iter().copied().collect();
            assert_eq!(seen, cluster.log.values().flatten().copied().collect(), "{call:?} {at}: nothing is lost");
            assert!(cluster.committed.iter().all(|(partition, next)| *next == cluster.log[partition].len() as i64));
        }
    }
}

#[test]
fn a_fault_to_stop_for_stops() {
    let mut stage = stage(true);
    stage.fail(Call::Begin, 1, Recovery::Stop);
    assert_eq!(stage.finish().unwrap_err().recovery, Recovery::Stop);
}

#[test]
fn a_producer_made_anew_too_often_gives_up_with_the_reason() {
    let mut stage = stage(true);
    for _ in 0..MAX_REBUILDS + 1 {
        stage.fail(Call::Commit, 1, Recovery::Rebuild);
    }
    let fault = stage.finish().unwrap_err();
    assert_eq!(fault.recovery, Recovery::Stop);
    assert!(fault.to_string().contains("giving up"), "{fault}");
}

#[test]
fn pauses_double_and_end_at_the_longest() {
    let pauses: Vec<u128> = (1..12).map(|faults| pause(FIRST_PAUSE, faults).as_millis()).collect();
    assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]);
    assert_eq!(pause(FIRST_PAUSE, u32::MAX), LONGEST_PAUSE);
}

/// SplitMix64: enough to pick schedules, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
