//! The worker's hands in the simulation: a member of the group, a producer, and a judge; and the faults that one could
//! build into the loop, so that it is seen that the simulation finds them.

use crate::cluster::{Cluster, Request, Row, Told, fault, now, pass, subject_of};
use privet::event::Timestamp;
use privet::kafka::{Fault, Fetched, NextOffset, Outgoing, Polled, Recovery, Sent, Sink, Source};
use privet::pipeline::{Judge, Observer, Write};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(crate) type Shared = Rc<RefCell<Cluster>>;

const TOPIC: &str = "events";

/// What a client does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Nothing.
    None,
    /// Records are sent after the commit was.
    CommitBeforeSend,
    /// After an abort it reads on where it was.
    NoSeekAfterAbort,
    /// The offset of the next record plus one.
    OffsetPlusOne,
    /// The offset of the last record.
    OffsetMinusOne,
    /// The generation at the time of the first commit.
    StaleGeneration,
    /// No generation at all, which fences nothing.
    NoGeneration,
    /// A producer goes on after a commit that may have been sent twice.
    NoRebuildAfterLateCommit,
    /// An abort that tells nobody.
    NoAbort,
    /// It goes on by what it knows, however old that is.
    NoFreshness,
    /// Nobody asks whether a withdrawal has landed since the batch was judged.
    NoSecondLook,
    /// Somebody asks before what was judged is written, and nobody once it is.
    NoLookAfterWriting,
    /// A withdrawal is called enforced while a batch that was judged before is being committed.
    EnforcedTooSoon,
}

/// One member of the group.
pub(crate) struct Member {
    cluster: Shared,
    mutation: Mutation,
    /// Whoever was thrown out of the group comes back as someone else.
    id: Rc<Cell<u64>>,
    owned: Vec<usize>,
    given: Option<Vec<usize>>,
    position: [i64; crate::cluster::PARTITIONS],
    first: Option<(u64, i32)>,
    is_paused: bool,
}

impl Member {
    pub(crate) fn new(cluster: &Shared, mutation: Mutation) -> (Member, Rc<Cell<u64>>) {
        let id = Rc::new(Cell::new(cluster.borrow_mut().join()));
        let shown = id.clone();
        let member = Member {
            cluster: cluster.clone(),
            mutation,
            id,
            owned: Vec::new(),
            given: None,
            position: Default::default(),
            first: None,
            is_paused: false,
        };
        (member, shown)
    }

    fn seek(&mut self, partitions: &[usize]) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.trip(30, "seek")?;
        for partition in partitions {
            self.position[*partition] = cluster.committed_offset(*partition)?;
        }
        Ok(())
    }

    fn next(&mut self) -> Option<(usize, i64)> {
        let cluster = &mut *self.cluster.borrow_mut();
        if self.owned.is_empty() || self.is_paused || cluster.random.chance(100) {
            return None;
        }
        let first = cluster.random.below(self.owned.len());
        let partition = (0..self.owned.len())
            .map(|at| self.owned[(first + at) % self.owned.len()])
            .find(|partition| self.position[*partition] < cluster.length[*partition])?;
        self.position[partition] += 1;
        Some((partition, self.position[partition] - 1))
    }
}

impl Source for Member {
    type Membership = (u64, i32);

    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(Fetched<'_>)) -> Result<Polled, Fault> {
        pass(Duration::from_micros(50));
        let told = {
            let cluster = &mut *self.cluster.borrow_mut();
            cluster.tick();
            cluster.trip(3, "poll")?;
            cluster.told(self.id.get())
        };
        match told {
            Some(Told::Revoke { lost }) => {
                self.given = None;
                return Ok(Polled::Revoked { lost });
            }
            Some(Told::Assign(partitions)) => {
                self.given = Some(partitions);
                return Ok(Polled::Assigned);
            }
            None => {}
        }
        let Some((partition, offset)) = self.next() else {
            pass(wait);
            self.cluster.borrow_mut().tick();
            return Ok(Polled::Idle);
        };
        let partition = partition as i32;
        take(Fetched {
            topic: TOPIC,
            partition,
            offset,
            timestamp: None,
            key: None,
            value: Some(&[]),
            headers: &|_| true,
            read: None,
        });
        Ok(Polled::Record)
    }

    fn accept(&mut self) -> Result<(), Fault> {
        let Some(given) = self.given.clone() else { return Ok(()) };
        self.seek(&given)?;
        (self.owned, self.given) = (given, None);
        Ok(())
    }

    fn release(&mut self) -> Result<(), Fault> {
        self.owned.clear();
        self.is_paused = false;
        let id = self.cluster.borrow_mut().released(self.id.get());
        self.id.set(id);
        Ok(())
    }

    fn owns(&self, topic: &str, partition: i32) -> bool {
        topic == TOPIC && self.owned.contains(&(partition as usize))
    }

    fn assignment(&self) -> Vec<(String, i32)> {
        self.owned.iter().map(|partition| (TOPIC.to_owned(), *partition as i32)).collect()
    }

    fn membership(&mut self) -> Result<(u64, i32), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.trip(10, "membership")?;
        // A member that was thrown out does not know it yet: it says what it was.
        let own = (self.id.get(), cluster.generation_of(self.id.get()).unwrap_or(0));
        let first = *self.first.get_or_insert(own);
        Ok(match self.mutation {
            Mutation::StaleGeneration => first,
            Mutation::NoGeneration => (self.id.get(), -1),
            _ => own,
        })
    }

    fn pause(&mut self) -> Result<(), Fault> {
        self.is_paused = true;
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), Fault> {
        self.is_paused = false;
        if self.given.is_some() {
            return self.accept();
        }
        if self.mutation == Mutation::NoSeekAfterAbort {
            return Ok(());
        }
        let owned = self.owned.clone();
        self.seek(&owned)
    }

    fn commit(&mut self, _offsets: &[NextOffset]) -> Result<(), Fault> {
        unreachable!("the producer carries the offsets")
    }

    fn leave(&mut self) {
        self.cluster.borrow_mut().leave(self.id.get());
    }
}

/// One producer.
pub(crate) struct Producer {
    cluster: Shared,
    mutation: Mutation,
    id: usize,
    epoch: u32,
    open: bool,
    /// A commit may have been sent twice.
    suspect: bool,
    /// A record was not taken.
    refused: bool,
    ending: Option<Ending>,
    /// With [`Mutation::CommitBeforeSend`].
    held: Vec<Row>,
}

struct Ending {
    call: u64,
    /// Who asks before then is not answered.
    answer: Instant,
    /// The answer never comes; after a while the client says so.
    unheard: Option<Instant>,
}

impl Producer {
    pub(crate) fn new(cluster: &Shared, id: usize, mutation: Mutation) -> Producer {
        let epoch = cluster.borrow_mut().register(id);
        let cluster = cluster.clone();
        Producer { cluster, mutation, id, epoch, open: false, suspect: false, refused: false, ending: None, held: Vec::new() }
    }

    fn produce(&mut self, row: Row) {
        self.refused |= !self.cluster.borrow_mut().produce(self.id, self.epoch, row);
    }
}

impl Sink<(u64, i32)> for Producer {
    fn carries_offsets(&self) -> bool {
        true
    }

    fn begin(&mut self) -> Result<(), Fault> {
        assert!(!self.open && self.ending.is_none(), "a batch within a batch");
        if self.suspect && self.mutation != Mutation::NoRebuildAfterLateCommit {
            self.rebuild()?;
        }
        self.suspect = false;
        self.cluster.borrow_mut().trip(10, "begin")?;
        (self.open, self.refused) = (true, false);
        Ok(())
    }

    fn fits(&mut self, _record: &Outgoing<'_>) -> Result<Sent, Fault> {
        self.cluster.borrow_mut().trip(5, "fits").map(|()| Sent::Taken)
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<Sent, Fault> {
        assert!(self.open && self.ending.is_none(), "written outside of a batch");
        self.cluster.borrow_mut().trip(5, "send")?;
        let row = read(record.value.expect("a row"));
        match self.mutation {
            Mutation::CommitBeforeSend => self.held.push(row),
            _ => self.produce(row),
        }
        Ok(Sent::Taken)
    }

    fn end(&mut self, offsets: &[NextOffset], (member, generation): (u64, i32), _bound: Option<Duration>) -> Result<(), Fault> {
        assert!(self.open && self.ending.is_none(), "nothing to end");
        let skew = match self.mutation {
            Mutation::OffsetPlusOne => 1,
            Mutation::OffsetMinusOne => -1,
            _ => 0,
        };
        let offsets = offsets.iter().map(|place| (place.partition as usize, place.next + skew)).collect();
        let cluster = &mut *self.cluster.borrow_mut();
        cluster.trip(5, "end")?;
        cluster.check_cut(self.id);
        let call = cluster.call();
        let from = (self.id, self.epoch, call);
        let (first, second) = (cluster.random.millis(30), cluster.random.millis(30));
        let mut answer = first + second + cluster.random.millis(30);
        let mut unheard = None;
        let what = if cluster.faulty { cluster.random.below(1000) } else { 1000 };
        if self.refused {
            cluster.ends.insert(call, Err(Recovery::Rebuild));
        } else if what < 20 {
            cluster.ends.insert(call, Err(Recovery::Abort));
        } else {
            cluster.send(first, from, Request::Offsets { member, generation, offsets });
            match what {
                // The commit is lost on its way.
                20..60 => unheard = Some(now() + Duration::from_secs(10)),
                // Its answer is; it may come late, too.
                60..100 => {
                    unheard = Some(now() + Duration::from_secs(10));
                    let late = cluster.random.millis(20_000);
                    cluster.send(first + late, from, Request::Commit);
                }
                // It is sent twice.
                100..140 => {
                    self.suspect = true;
                    let late = second + cluster.random.millis(5_000);
                    cluster.send(first + second, from, Request::Commit);
                    cluster.send(first + late, from, Request::Straggler);
                }
                // It takes long.
                140..180 => {
                    let late = cluster.random.millis(8_000);
                    answer += late;
                    cluster.send(first + late, from, Request::Commit);
                }
                _ => cluster.send(first + second, from, Request::Commit),
            }
        }
        self.ending = Some(Ending { call, answer: now() + answer, unheard });
        Ok(())
    }

    fn settled(&mut self, wait: Duration) -> Option<Result<Instant, Fault>> {
        let Ending { call, answer, unheard } = *self.ending.as_ref().expect("asked only while a batch ends");
        let when = unheard.unwrap_or(answer);
        let left = when.saturating_duration_since(now());
        pass(left.min(wait));
        let cluster = self.cluster.clone();
        let cluster = &mut *cluster.borrow_mut();
        cluster.tick();
        if left > wait {
            return None;
        }
        self.ending = None;
        let lost = || Err(fault(Recovery::Rebuild, "no answer"));
        let result = match (unheard, cluster.ends.remove(&call)) {
            (_, Some(Err(recovery))) => Err(fault(recovery, "refused")),
            (Some(_), _) | (None, None) => lost(),
            (None, Some(Ok(()))) => Ok(now()),
        };
        if result.is_ok() {
            self.open = false;
        }
        for row in std::mem::take(&mut self.held) {
            self.refused |= !cluster.produce(self.id, self.epoch, row);
        }
        Some(result)
    }

    fn abort(&mut self, _bound: Option<Duration>, _send_on: Duration) -> Result<(), Fault> {
        assert!(self.ending.is_none(), "aborted while it ends");
        self.held.clear();
        if !std::mem::take(&mut self.open) || self.mutation == Mutation::NoAbort {
            return Ok(());
        }
        let cluster = &mut *self.cluster.borrow_mut();
        pass(cluster.random.millis(20));
        cluster.tick();
        cluster.trip(50, "abort")?;
        cluster.voided.insert(self.id);
        cluster.abort(self.id, self.epoch)
    }

    fn rebuild(&mut self) -> Result<(), Fault> {
        let cluster = &mut *self.cluster.borrow_mut();
        pass(cluster.random.millis(50));
        cluster.tick();
        if cluster.faulty && cluster.random.chance(100) {
            return Err(fault(Recovery::Rebuild, "register"));
        }
        self.epoch = cluster.register(self.id);
        (self.open, self.suspect, self.refused, self.ending) = (false, false, false, None);
        self.held.clear();
        Ok(())
    }
}

/// Writes each record, every fifth only at the end of the batch, as quarantine does; says under which plan, and whether
/// its subject lets it be released.
pub(crate) struct Recorder {
    cluster: Shared,
    mutation: Mutation,
    id: usize,
    plan: u32,
    kept: Vec<Row>,
    /// A batch was closed and may still be committed.
    is_closing: bool,
    /// Withdrawals that had landed when the batch opened, and whether it released anything.
    landed: u32,
    subjects: Vec<usize>,
    /// With [`Mutation::NoLookAfterWriting`]: nothing was judged since somebody asked.
    was_asked: bool,
}

impl Recorder {
    pub(crate) fn new(cluster: &Shared, id: usize, mutation: Mutation) -> Recorder {
        cluster.borrow_mut().open_ledger(id);
        Recorder {
            cluster: cluster.clone(),
            mutation,
            id,
            plan: 0,
            kept: Vec::new(),
            is_closing: false,
            landed: 0,
            subjects: Vec::new(),
            was_asked: false,
        }
    }
}

impl Judge for Recorder {
    fn renew(&mut self) {
        assert!(self.kept.is_empty(), "something was left from the batch before");
        let cluster = &mut *self.cluster.borrow_mut();
        (self.plan, self.landed) = (cluster.plan, cluster.landed(self.id));
        self.subjects.clear();
    }

    fn sound(&mut self, _now: Instant) -> Result<(), Fault> {
        // Writing a batch takes time, in which withdrawals land.
        let time = {
            let random = &mut self.cluster.borrow_mut().random;
            if random.chance(200) { random.millis(30) } else { Duration::ZERO }
        };
        pass(time);
        if !self.is_closing {
            self.cluster.borrow_mut().enforced(self.id, true);
        }
        let knows = self.mutation == Mutation::NoFreshness || self.cluster.borrow_mut().knows(self.id);
        if knows { Ok(()) } else { Err(fault(Recovery::Abort, "the ledger is stale")) }
    }

    fn stands(&mut self) -> bool {
        let cluster = &mut *self.cluster.borrow_mut();
        let landed = cluster.landed(self.id) != self.landed;
        let touched = landed && self.subjects.iter().any(|subject| cluster.denies(self.id, *subject));
        // Whatever lands from here on is not asked about before the batch leaves.
        cluster.enforced(self.id, touched || self.mutation == Mutation::EnforcedTooSoon);
        let is_passed = std::mem::replace(&mut self.was_asked, true) && self.mutation == Mutation::NoLookAfterWriting;
        !touched || is_passed || self.mutation == Mutation::NoSecondLook
    }

    fn judge(&mut self, record: &Fetched<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        let (partition, offset) = (record.partition as usize, record.offset);
        let subject = subject_of(partition, offset);
        self.was_asked = false;
        let released = {
            let cluster = &mut *self.cluster.borrow_mut();
            let was_voided = cluster.voided.remove(&self.id);
            cluster.judged_again += u64::from(was_voided && record.read.is_some());
            !cluster.denies(self.id, subject)
        };
        if released {
            self.subjects.push(subject);
        }
        let row = Row { partition, offset, plan: self.plan, released };
        match row.offset % 5 {
            4 => self.kept.push(row),
            _ => write_row(row, write)?,
        }
        Ok(())
    }

    fn close(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        self.is_closing = self.mutation != Mutation::EnforcedTooSoon;
        std::mem::take(&mut self.kept).into_iter().try_for_each(|row| write_row(row, write))
    }

    fn committed(&mut self, _at: Instant) {
        self.settled();
    }

    fn aborted(&mut self) {
        self.kept.clear();
    }

    fn settled(&mut self) {
        self.is_closing = false;
        self.cluster.borrow_mut().enforced(self.id, true);
    }
}

fn write_row(row: Row, write: &mut Write<'_>) -> Result<(), Fault> {
    let mut value = [0; 21];
    value[..8].copy_from_slice(&(row.partition as u64).to_be_bytes());
    value[8..16].copy_from_slice(&row.offset.to_be_bytes());
    value[16..20].copy_from_slice(&row.plan.to_be_bytes());
    value[20] = row.released.into();
    let out = Outgoing { topic: "sink", source_partition: 0, key: None, value: Some(&value), timestamp: None, headers: &[] };
    write(out).map(drop)
}

fn read(value: &[u8]) -> Row {
    let partition = u64::from_be_bytes(value[..8].try_into().expect("8 bytes")) as usize;
    let offset = i64::from_be_bytes(value[8..16].try_into().expect("8 bytes"));
    let plan = u32::from_be_bytes(value[16..20].try_into().expect("4 bytes"));
    Row { partition, offset, plan, released: value[20] != 0 }
}

pub(crate) struct Nobody;

impl Observer for Nobody {
    fn beat(&self) {}
    fn joining(&self) {}
    fn assigned(&self, _: Vec<(String, i32)>) {}
    fn revoked(&self) {}
    fn committed(&self, _: Timestamp) {}
    fn stalled(&self, _: &Fault) {}
    fn resumed(&self) {}
}
