//! The cluster of the simulation: one group with generations, transactions with epochs, offsets that are pending until
//! theirs ends, and requests that arrive when their time has come. It checks what must never happen when it would.

use privet::kafka::{Fault, Recovery};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

pub(crate) const PARTITIONS: usize = 3;

/// A member that sends no heartbeat for so long is out of its group.
const SESSION: Duration = Duration::from_secs(6);

/// A member that does not answer a rebalance for so long is, too.
const REBALANCE: Duration = Duration::from_secs(45);

/// A transaction that stays open for longer is aborted, and its producer fenced.
const TRANSACTION: Duration = Duration::from_secs(10);

static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

thread_local! {
    static TIME: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// The simulation's clock.
pub(crate) fn now() -> Instant {
    *BASE + TIME.get()
}

/// Lets time pass.
pub(crate) fn pass(time: Duration) {
    TIME.set(TIME.get() + time);
}

/// SplitMix64: enough to pick schedules, and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// True so many times in a thousand.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1000) < per_mille
    }

    pub(crate) fn millis(&mut self, limit: usize) -> Duration {
        Duration::from_millis(self.below(limit) as u64)
    }
}

/// One record on its way through: where it is from, under which plan it was judged, and whether it is released or only
/// counted as seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) partition: usize,
    pub(crate) offset: i64,
    pub(crate) plan: u32,
    pub(crate) released: bool,
}

/// Whom records are about.
pub(crate) const SUBJECTS: usize = 24;

pub(crate) fn subject_of(partition: usize, offset: i64) -> usize {
    (partition + offset as usize) % SUBJECTS
}

/// Knowledge of consent may be so old.
pub(crate) const STALENESS: Duration = Duration::from_secs(2);

/// From one proof of freshness to the next.
const BARRIER: Duration = Duration::from_millis(250);

/// What one process knows of consent: what it applied, and as of when that is all there is.
#[derive(Debug, Default)]
struct Ledger {
    /// Withdrawals it has not applied yet: when it will, and whose.
    coming: Vec<(Duration, usize)>,
    /// When it applied a subject's withdrawal.
    applied: [Option<Duration>; SUBJECTS],
    /// How many it has applied.
    landed: u32,
    /// All that was acknowledged before then has been applied.
    fresh: Duration,
    /// Its brokers do not answer until then.
    cut_off: Option<Duration>,
    /// The process says that nothing is on its way to the brokers: what it applies is enforced at once.
    at_rest: bool,
}

/// What a member is told at its next poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Revoke { lost: bool },
    Assign(Vec<usize>),
}

#[derive(Debug, Default)]
struct Member {
    generation: i32,
    holds: Vec<usize>,
    told: Option<Told>,
    /// Waits for the next generation.
    joined: bool,
    last_seen: Duration,
    /// Its process sleeps or is gone: no heartbeat.
    silent: bool,
}

#[derive(Debug, Default)]
struct Transaction {
    epoch: u32,
    since: Option<Duration>,
    rows: Vec<Row>,
    offsets: Vec<(usize, i64)>,
}

/// A request on its way.
#[derive(Clone)]
pub(crate) enum Request {
    Offsets {
        member: u64,
        generation: i32,
        offsets: Vec<(usize, i64)>,
    },
    Commit,
    /// A commit that was sent twice: the second of them, when nobody waits for it any more.
    Straggler,
}

struct Arrival {
    at: Duration,
    /// Requests of one moment arrive as they were sent.
    order: usize,
    id: usize,
    epoch: u32,
    call: u64,
    request: Request,
}

/// What the broker keeps.
pub(crate) struct Cluster {
    pub(crate) random: Random,
    /// Whether anything may still go wrong.
    pub(crate) faulty: bool,
    pub(crate) plan: u32,
    /// Records of each source partition.
    pub(crate) length: [i64; PARTITIONS],
    pub(crate) committed: [i64; PARTITIONS],
    /// What a reader of committed records sees.
    pub(crate) sink: Vec<Row>,
    members: BTreeMap<u64, Member>,
    next_member: u64,
    /// A member that was thrown out while it slept, and until when it does not know.
    deaf: Option<(u64, Duration)>,
    generation: i32,
    rebalancing: Option<Duration>,
    /// When each subject's withdrawal was acknowledged.
    withdrawn: [Option<Duration>; SUBJECTS],
    ledgers: BTreeMap<usize, Ledger>,
    /// By process: about whom it has said that nothing which was judged before is committed any more.
    enforced: BTreeMap<usize, BTreeSet<usize>>,
    transactions: BTreeMap<usize, Transaction>,
    arrivals: Vec<Arrival>,
    sent: usize,
    /// By call: what became of it at the broker, once it is known there.
    pub(crate) ends: BTreeMap<u64, Result<(), Recovery>>,
    next_call: u64,
    /// Processes that have just voided what they wrote.
    pub(crate) voided: BTreeSet<usize>,
    /// How often such a batch was judged again from memory.
    pub(crate) judged_again: u64,
    /// The first thing that must never happen.
    pub(crate) violation: Option<String>,
}

pub(crate) fn fault(recovery: Recovery, why: &'static str) -> Fault {
    Fault::own("simulated", recovery, why)
}

impl Cluster {
    pub(crate) fn new(seed: u64) -> Cluster {
        TIME.set(Duration::ZERO);
        Cluster {
            random: Random(seed),
            faulty: true,
            plan: 0,
            length: [0; PARTITIONS],
            committed: [0; PARTITIONS],
            sink: Vec::new(),
            members: BTreeMap::new(),
            next_member: 0,
            deaf: None,
            generation: 0,
            rebalancing: None,
            withdrawn: [None; SUBJECTS],
            ledgers: BTreeMap::new(),
            enforced: BTreeMap::new(),
            transactions: BTreeMap::new(),
            arrivals: Vec::new(),
            sent: 0,
            ends: BTreeMap::new(),
            next_call: 0,
            voided: BTreeSet::new(),
            judged_again: 0,
            violation: None,
        }
    }

    /// A fault now and then.
    pub(crate) fn trip(&mut self, per_mille: usize, why: &'static str) -> Result<(), Fault> {
        if !self.faulty || !self.random.chance(per_mille) {
            return Ok(());
        }
        let recovery = if self.random.chance(250) { Recovery::Rebuild } else { Recovery::Abort };
        Err(fault(recovery, why))
    }

    fn violated(&mut self, what: String) {
        self.violation.get_or_insert(what);
    }

    /// For a schedule that does not end.
    pub(crate) fn state(&self) -> String {
        format!("members {:?}, rebalancing {:?}, transactions {:?}", self.members, self.rebalancing, self.transactions)
    }

    // The group.

    pub(crate) fn join(&mut self) -> u64 {
        self.next_member += 1;
        let member = Member { joined: true, generation: -1, last_seen: TIME.get(), ..Member::default() };
        self.members.insert(self.next_member, member);
        self.rebalance();
        self.next_member
    }

    pub(crate) fn leave(&mut self, member: u64) {
        if self.members.remove(&member).is_some() {
            self.rebalance();
        }
    }

    fn rebalance(&mut self) {
        self.rebalancing.get_or_insert(TIME.get());
        for member in self.members.values_mut() {
            // Nobody holds what nobody was told of.
            if member.holds.is_empty() || matches!(member.told, Some(Told::Assign(_))) {
                (member.joined, member.told) = (true, None);
                member.holds.clear();
            } else if !member.joined {
                member.told = Some(Told::Revoke { lost: false });
            }
        }
        self.assign();
    }

    fn assign(&mut self) {
        if self.rebalancing.is_none() || !self.members.values().all(|member| member.joined) {
            return;
        }
        self.rebalancing = None;
        self.generation += 1;
        let (count, first) = (self.members.len(), self.random.below(PARTITIONS));
        for (at, member) in self.members.values_mut().enumerate() {
            let holds: Vec<usize> = (0..PARTITIONS).filter(|partition| (partition + first) % count == at).collect();
            (member.generation, member.joined) = (self.generation, false);
            member.told = Some(Told::Assign(holds.clone()));
            member.holds = holds;
        }
    }

    /// What the member is told; one that is not of the group any more has lost what it had.
    pub(crate) fn told(&mut self, member: u64) -> Option<Told> {
        match self.members.get_mut(&member) {
            // Its own thread hears of it with a heartbeat, some time after its process woke.
            None if self.deaf.is_some_and(|(of, until)| of == member && TIME.get() < until) => None,
            None => Some(Told::Revoke { lost: true }),
            Some(member) => member.told.take(),
        }
    }

    /// The member gives up what it held; whoever was thrown out joins as someone new.
    pub(crate) fn released(&mut self, member: u64) -> u64 {
        match self.members.get_mut(&member) {
            None => return self.join(),
            Some(member) => {
                (member.joined, member.told) = (true, None);
                member.holds.clear();
            }
        }
        self.assign();
        member
    }

    pub(crate) fn generation_of(&self, member: u64) -> Option<i32> {
        self.members.get(&member).map(|member| member.generation).filter(|generation| *generation >= 0)
    }

    /// The member's process sleeps or is gone, or lives again. While it lives a thread of its own sends heartbeats.
    pub(crate) fn silence(&mut self, member: u64, silent: bool) {
        match self.members.get_mut(&member) {
            Some(member) => (member.silent, member.last_seen) = (silent, TIME.get()),
            None if !silent => self.deaf = Some((member, TIME.get() + self.random.millis(500))),
            None => {}
        }
    }

    // Consent.

    /// A process begins: it has read all there is before it does anything else.
    pub(crate) fn open_ledger(&mut self, id: usize) {
        let now = TIME.get();
        let applied = self.withdrawn.map(|at| at.map(|_| now));
        self.ledgers.insert(id, Ledger { applied, fresh: now, ..Ledger::default() });
    }

    /// A subject withdraws consent; each process hears of it in its own time, or once its brokers answer again.
    pub(crate) fn withdraw(&mut self, subject: usize) {
        let now = TIME.get();
        if self.withdrawn[subject].replace(now).is_some() {
            return;
        }
        for ledger in self.ledgers.values_mut() {
            let after = self.random.millis(300);
            ledger.coming.push((ledger.cut_off.unwrap_or(now).max(now) + after, subject));
        }
    }

    /// The brokers of a process's ledger do not answer for a while.
    pub(crate) fn cut_ledger_off(&mut self, id: usize, time: Duration) {
        let Some(ledger) = self.ledgers.get_mut(&id) else { return };
        let until = TIME.get() + time;
        ledger.cut_off = Some(until);
        for (at, _) in &mut ledger.coming {
            *at = until.max(*at);
        }
    }

    fn read_ledgers(&mut self) {
        let now = TIME.get();
        for (id, ledger) in &mut self.ledgers {
            let Ledger { coming, applied, landed, at_rest, .. } = ledger;
            coming.retain(|(at, subject)| {
                if *at <= now {
                    applied[*subject].get_or_insert(*at);
                    *landed += 1;
                    if *at_rest {
                        self.enforced.entry(*id).or_default().insert(*subject);
                    }
                }
                *at > now
            });
            ledger.cut_off = ledger.cut_off.filter(|until| *until > now);
            // A proof is about the moment of its question; it waits for all that was acknowledged before.
            if ledger.cut_off.is_none() && coming.is_empty() && now > ledger.fresh + BARRIER {
                ledger.fresh = now;
            }
        }
    }

    /// Whether a process may rely on what it knows.
    pub(crate) fn knows(&mut self, id: usize) -> bool {
        self.read_ledgers();
        self.ledgers.get(&id).is_some_and(|ledger| TIME.get() <= ledger.fresh + STALENESS)
    }

    /// How many withdrawals a process has applied.
    pub(crate) fn landed(&mut self, id: usize) -> u32 {
        self.read_ledgers();
        self.ledgers.get(&id).map_or(0, |ledger| ledger.landed)
    }

    /// Whether a process knows that the subject has withdrawn.
    pub(crate) fn denies(&mut self, id: usize, subject: usize) -> bool {
        self.read_ledgers();
        self.ledgers.get(&id).is_some_and(|ledger| ledger.applied[subject].is_some())
    }

    /// A process says whether anything is on its way to the brokers that withdrawals which it applies from now on would concern;
    /// those that it has applied are enforced.
    pub(crate) fn enforced(&mut self, id: usize, at_rest: bool) {
        self.read_ledgers();
        if let Some(ledger) = self.ledgers.get_mut(&id) {
            ledger.at_rest = at_rest;
        }
        let denied: Vec<usize> = (0..SUBJECTS).filter(|subject| self.denies(id, *subject)).collect();
        self.enforced.entry(id).or_default().extend(denied);
    }

    /// What is written, or about to be committed, must agree with what its process knows now, and with whatever was
    /// acknowledged longer ago than knowledge may be old.
    fn check_consent(&mut self, id: usize, rows: &[Row], when: &str) {
        self.read_ledgers();
        for row in rows.iter().filter(|row| row.released) {
            let subject = subject_of(row.partition, row.offset);
            if self.denies(id, subject) {
                self.violated(format!("{when} although its process knew of the withdrawal: {row:?}"));
            }
            if self.withdrawn[subject].is_some_and(|at| TIME.get() > at + STALENESS) {
                self.violated(format!("{when} {STALENESS:?} after the withdrawal: {row:?}"));
            }
        }
    }

    /// The batch is cut: from here on it is in the hands of the brokers.
    pub(crate) fn check_cut(&mut self, id: usize) {
        let rows = self.transactions.get(&id).map(|transaction| transaction.rows.clone()).unwrap_or_default();
        self.check_consent(id, &rows, "cut");
    }

    // Transactions.

    /// Where to read on. While a transaction holds offsets of the partition there is no answer.
    pub(crate) fn committed_offset(&self, partition: usize) -> Result<i64, Fault> {
        let pending = |transaction: &Transaction| transaction.offsets.iter().any(|(of, _)| *of == partition);
        match self.transactions.values().any(pending) {
            true => Err(fault(Recovery::Abort, "offsets are unstable")),
            false => Ok(self.committed[partition]),
        }
    }

    /// A producer registers its id: what was open is aborted, and whoever used the id before is fenced.
    pub(crate) fn register(&mut self, id: usize) -> u32 {
        let transaction = self.transactions.entry(id).or_default();
        *transaction = Transaction { epoch: transaction.epoch + 1, ..Transaction::default() };
        transaction.epoch
    }

    /// Whether the record was taken; not from a producer that is fenced.
    pub(crate) fn produce(&mut self, id: usize, epoch: u32, row: Row) -> bool {
        self.check_consent(id, &[row], "written");
        let Some(transaction) = self.transactions.get_mut(&id).filter(|open| open.epoch == epoch) else { return false };
        transaction.since.get_or_insert(TIME.get());
        transaction.rows.push(row);
        true
    }

    pub(crate) fn abort(&mut self, id: usize, epoch: u32) -> Result<(), Fault> {
        let Some(transaction) = self.transactions.get_mut(&id).filter(|open| open.epoch == epoch) else {
            return Err(fault(Recovery::Rebuild, "fenced"));
        };
        *transaction = Transaction { epoch, ..Transaction::default() };
        Ok(())
    }

    pub(crate) fn call(&mut self) -> u64 {
        self.next_call += 1;
        self.next_call
    }

    /// A request will arrive then.
    pub(crate) fn send(&mut self, after: Duration, (id, epoch, call): (usize, u32, u64), request: Request) {
        self.sent += 1;
        self.arrivals.push(Arrival { at: TIME.get() + after, order: self.sent, id, epoch, call, request });
    }

    /// A process is gone: what it has not sent yet it never will.
    pub(crate) fn gone(&mut self, id: usize) {
        if self.random.chance(500) {
            let unsent = |arrival: &&Arrival| arrival.id == id && !matches!(arrival.request, Request::Straggler);
            let unsent: Vec<u64> = self.arrivals.iter().filter(unsent).map(|arrival| arrival.call).collect();
            self.arrivals.retain(|arrival| !unsent.contains(&arrival.call));
        }
    }

    /// All that has become due: requests that arrive, transactions and members whose time is over.
    pub(crate) fn tick(&mut self) {
        let now = TIME.get();
        let due = |arrivals: &[Arrival]| {
            let due = arrivals.iter().enumerate().filter(|(_, arrival)| arrival.at <= now);
            due.min_by_key(|(_, arrival)| (arrival.at, arrival.order)).map(|(at, _)| at)
        };
        while let Some(at) = due(&self.arrivals) {
            let arrival = self.arrivals.swap_remove(at);
            self.arrive(arrival);
        }
        for transaction in self.transactions.values_mut() {
            if transaction.since.is_some_and(|since| now > since + TRANSACTION) {
                *transaction = Transaction { epoch: transaction.epoch + 1, ..Transaction::default() };
            }
        }
        let late = self.rebalancing.is_some_and(|since| now > since + REBALANCE);
        let gone = |member: &Member| (member.silent && now > member.last_seen + SESSION) || (late && !member.joined);
        let before = self.members.len();
        self.members.retain(|_, member| !gone(member));
        if self.members.len() < before {
            self.rebalancing = None;
            self.rebalance();
        }
    }

    fn arrive(&mut self, Arrival { id, epoch, call, request, .. }: Arrival) {
        let is_dead = self.ends.get(&call).is_some_and(Result::is_err);
        let fenced = self.transactions.get(&id).is_none_or(|transaction| transaction.epoch != epoch);
        let end = match request {
            _ if is_dead => return,
            Request::Straggler => {
                if !fenced {
                    self.commit(id);
                }
                return;
            }
            _ if fenced => Some(Err(Recovery::Rebuild)),
            Request::Offsets { member, generation, offsets } => {
                self.put_offsets(id, (member, generation), offsets).err().map(Err)
            }
            Request::Commit => {
                self.commit(id);
                Some(Ok(()))
            }
        };
        if let Some(end) = end {
            self.ends.insert(call, end);
        }
    }

    /// The coordinator of the group looks at member and generation; without a generation it looks at nothing.
    fn put_offsets(&mut self, id: usize, (member, generation): (u64, i32), offsets: Vec<(usize, i64)>) -> Result<(), Recovery> {
        let known =
            self.members.get(&member).is_some_and(|known| known.generation == generation && generation == self.generation);
        if !known && generation >= 0 {
            return Err(Recovery::Abort);
        }
        let transaction = self.transactions.entry(id).or_default();
        transaction.since.get_or_insert(TIME.get());
        transaction.offsets = offsets;
        Ok(())
    }

    /// The transaction counts: it must hold each record from the committed offset up to the new one, once and under one plan.
    fn commit(&mut self, id: usize) {
        let Some(transaction) = self.transactions.get_mut(&id) else { return };
        let epoch = transaction.epoch;
        let Transaction { rows, offsets, .. } = std::mem::replace(transaction, Transaction { epoch, ..Transaction::default() });
        let about = |row: &Row| subject_of(row.partition, row.offset);
        self.read_ledgers();
        let is_enforced = |row: &&Row| row.released && self.enforced.get(&id).is_some_and(|all| all.contains(&about(row)));
        if let Some(row) = rows.iter().find(is_enforced).copied() {
            self.violated(format!("committed although its process had called the withdrawal enforced: {row:?}"));
        }
        let mut expected: Vec<(usize, i64)> = Vec::new();
        for (partition, next) in &offsets {
            if *next < self.committed[*partition] {
                self.violated(format!("offsets of partition {partition} went back to {next}"));
            }
            expected.extend((self.committed[*partition]..*next).map(|offset| (*partition, offset)));
        }
        let mut written: Vec<(usize, i64)> = rows.iter().map(|row| (row.partition, row.offset)).collect();
        expected.sort_unstable();
        written.sort_unstable();
        if written != expected {
            self.violated(format!("a transaction of {written:?} moves the offsets over {expected:?}"));
        }
        if rows.windows(2).any(|pair| pair[0].plan != pair[1].plan) {
            self.violated(format!("a transaction under two plans: {rows:?}"));
        }
        for (partition, next) in offsets {
            self.committed[partition] = next;
        }
        self.sink.extend(rows);
    }
}
