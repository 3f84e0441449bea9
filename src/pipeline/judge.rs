//! The engine in a worker's hands: which plan a batch is judged under, what each verdict writes, what is set aside
//! and what is counted.

use super::Engine;
use super::learn::{Learner, Teaching};
use crate::decode::Limits;
use crate::event::{Header, Position, Record, SinkId, StreamId, Timestamp};
use crate::evidence::{Incident, QuarantineBatch, Recipient};
use crate::kafka::follow::{Standing, Watch};
use crate::kafka::{Fault, Fetched, Outgoing, Recovery, Sent};
use crate::keys::provider::Keyring;
use crate::keys::subject::DataKeys;
use crate::ledger::{Departing, Digest, Ledger};
use crate::outcome::{Outcome, Reason};
use crate::plan::Plan;
use crate::telemetry::{ConsentMeters, LocalCounts, Telemetry};
use arc_swap::ArcSwap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The header that says which purpose passed at a sink with `{any: …}`.
const PURPOSES_HEADER: &str = "privet-purposes";

/// Takes what one record, or the end of a batch, writes.
pub type Write<'w> = dyn FnMut(Outgoing<'_>) -> Result<Sent, Fault> + 'w;

/// What the delivery loop asks of the one who judges; a simulation brings its own.
///
/// At most two batches are known at a time: one that was closed and whose end is under way, and one that opened since.
pub trait Judge {
    /// A batch opens: the newest plan is taken up, and stays until the next batch.
    fn renew(&mut self);

    /// Whether decisions may be made and released at that moment: an error says what they rest on that is not fresh. Asked
    /// before each record, before a batch that was judged ahead is written, and before a batch is cut.
    fn sound(&mut self, now: Instant) -> Result<(), Fault>;

    /// Whether nothing has come to be known since the open batch began that would refuse what it releases: a withdrawal
    /// that landed meanwhile. Asked before a batch that was judged ahead is written, and before a batch is cut.
    fn stands(&mut self) -> bool;

    /// Judges one record and writes what each sink gets of it.
    fn judge(&mut self, record: &Fetched<'_>, write: &mut Write<'_>) -> Result<(), Fault>;

    /// The batch is about to be committed: writes what was kept back for its end. What is judged next is of another.
    fn close(&mut self, write: &mut Write<'_>) -> Result<(), Fault>;

    /// The batch that was closed was committed at that time.
    fn committed(&mut self, at: Instant);

    /// Whatever was not committed is void, closed or not, and its records will be read again. Of what was closed a commit may still
    /// be under way until [`Judge::settled`].
    fn aborted(&mut self);

    /// Nothing that was closed before can be committed any more: it was voided, or who wrote it is fenced.
    fn settled(&mut self);
}

/// The quarantine topic and whom its records are sealed to.
#[derive(Clone)]
pub struct Aside {
    /// The topic.
    pub topic: String,
    /// Without it only positions and reasons are written.
    pub recipient: Option<Recipient>,
}

/// What one worker knows of consent outside the events, and tells about it.
pub struct Knowledge {
    /// Consent and suppressions.
    pub ledger: Arc<Ledger>,
    /// Whether they are fresh.
    pub watch: Arc<Watch>,
    /// Hears when this worker has something on its way to the brokers, and up to which withdrawal that was judged with.
    pub meters: Arc<ConsentMeters>,
    /// Hears whom that is about.
    pub departing: Arc<Departing>,
    /// The worker's number.
    pub worker: usize,
    /// Hears what is to be learned from events.
    pub learner: Option<Learner>,
}

/// What is known of consent, and what the open batch has asked of it.
struct Asked {
    known: Knowledge,
    /// How many withdrawals had landed when the batch opened.
    since: u64,
    /// Whom released records of the batch asked about.
    subjects: Vec<Digest>,
    /// A batch was closed and its end is not known yet: what it holds may still be committed.
    is_closing: bool,
    /// Whether the meters were told that nothing is on its way.
    is_at_rest: bool,
    teaching: Option<Teaching>,
}

impl Asked {
    fn renew(&mut self) {
        self.since = self.known.ledger.restrictions();
        self.subjects.clear();
    }

    fn sound(&mut self, now: Instant) -> Result<(), Fault> {
        if !self.is_closing {
            self.rest();
        }
        let watch = &self.known.watch;
        if watch.is_fresh(now) {
            return Ok(());
        }
        let recovery = match watch.standing(now) {
            Standing::Failed(_) => Recovery::Stop,
            Standing::Loading | Standing::Stale(_) | Standing::Fresh => Recovery::Abort,
        };
        Err(Fault::own("judging", recovery, format!("ledger: {}", watch.reason(now).unwrap_or_default())))
    }

    /// Nothing is on its way to the brokers any more: whatever lands from now on is asked about before anything leaves.
    fn settle(&mut self) {
        self.is_closing = false;
        self.rest();
    }

    fn rest(&mut self) {
        if !self.is_at_rest {
            self.is_at_rest = true;
            self.known.meters.at_rest(self.known.worker, Timestamp::now);
        }
    }

    /// Among those that the batch releases something about nobody has withdrawn since it opened.
    fn stands(&mut self) -> bool {
        let Asked { known: Knowledge { ledger, meters, departing, worker, .. }, since, subjects, is_at_rest, .. } = self;
        *is_at_rest = false;
        departing.begin(*worker);
        meters.leaving(*worker, *since);
        let landed = ledger.restrictions();
        if landed != *since {
            subjects.sort_unstable();
            if ledger.restricted_since(*since, |digest| subjects.binary_search(&digest).is_ok()) {
                self.rest();
                return false;
            }
            meters.leaving(*worker, landed);
        }
        true
    }
}

/// Judges by the plan that runs.
pub struct PlanJudge {
    live: Arc<ArcSwap<Plan>>,
    telemetry: Arc<Telemetry>,
    engine: Engine,
    limits: Limits,
    /// Where new data keys go.
    key_topic: Option<String>,
    aside: Option<(String, QuarantineBatch)>,
    under: Under,
    /// Under which plan the batch whose end is under way was judged, if another one runs since.
    before: Option<Under>,
    /// Kept between records for their memory: the headers of the record, and those that pass.
    read: Vec<Header<'static>>,
    headers: Vec<Header<'static>>,
    refused: Vec<(SinkId, Reason)>,
    last_partition: i32,
    clock: Clock,
    asked: Option<Asked>,
    /// Who says whether the plan's keys may be used; without it they may.
    keyring: Option<Arc<Keyring>>,
}

/// The time of judging, asked of the system once a millisecond: what depends on it counts in seconds.
struct Clock {
    read: Instant,
    time: Timestamp,
}

impl Clock {
    const TICK: Duration = Duration::from_millis(1);

    fn now(&mut self, read: Instant) -> Timestamp {
        if read.saturating_duration_since(self.read) >= Clock::TICK {
            *self = Clock { read, time: Timestamp::now() };
        }
        self.time
    }
}

/// What goes with one plan.
struct Under {
    plan: Arc<Plan>,
    counts: LocalCounts,
    /// Those of the batch that was closed.
    closed: LocalCounts,
    is_closed: bool,
    /// The stream of each topic met so far.
    streams: Vec<(Box<str>, StreamId)>,
}

impl Under {
    fn new(plan: Arc<Plan>, telemetry: &Arc<Telemetry>) -> Under {
        let counts = || LocalCounts::new(telemetry.clone(), plan.meter_names());
        let (counts, closed) = (counts(), counts());
        Under { plan, counts, closed, is_closed: false, streams: Vec::new() }
    }

    /// Puts the counts of the open batch aside until it is known what became of it.
    fn close(&mut self, engine: &mut Engine) {
        let Under { plan, counts, closed, is_closed, streams: _ } = self;
        engine.drain_field_counts(|rule, count| counts.fields(plan.rule(rule).sink, rule, u64::from(count)));
        std::mem::swap(counts, closed);
        *is_closed = true;
    }

    fn stream(&mut self, topic: &str) -> Option<StreamId> {
        if let Some((_, stream)) = self.streams.iter().find(|(known, _)| **known == *topic) {
            return Some(*stream);
        }
        let at = self.plan.streams.iter().position(|stream| stream.topics.contains(topic))?;
        let stream = StreamId(u16::try_from(at).ok()?);
        self.streams.push((topic.into(), stream));
        Some(stream)
    }
}

impl PlanJudge {
    /// A judge that takes up whatever plan is in `live` when a batch opens.
    pub fn new(live: Arc<ArcSwap<Plan>>, limits: Limits, aside: Option<Aside>, telemetry: Arc<Telemetry>) -> PlanJudge {
        PlanJudge {
            under: Under::new(live.load_full(), &telemetry),
            before: None,
            live,
            telemetry,
            engine: Engine::with_data_keys(limits, DataKeys::Nowhere),
            limits,
            key_topic: None,
            aside: aside.map(|Aside { topic, recipient }| (topic, QuarantineBatch::new(recipient))),
            read: Vec::new(),
            headers: Vec::new(),
            refused: Vec::new(),
            last_partition: 0,
            clock: Clock { read: Instant::now(), time: Timestamp::now() },
            asked: None,
            keyring: None,
        }
    }

    /// The same judge, which also judges by what is known of consent, and not at all while that is not fresh.
    pub fn with_knowledge(mut self, known: Knowledge) -> PlanJudge {
        self.engine.set_ledger(Some(known.ledger.clone()));
        let teaching = known.learner.clone().map(Teaching::new);
        self.asked = Some(Asked { known, since: 0, subjects: Vec::new(), is_closing: false, is_at_rest: false, teaching });
        self
    }

    /// The same judge, which uses the plan's keys only while the keyring says that they may be used.
    pub fn with_keyring(self, keyring: Arc<Keyring>) -> PlanJudge {
        PlanJudge { keyring: Some(keyring), ..self }
    }

    /// Takes data keys for `encrypt` from there, and writes new ones to that topic with the records of their first use.
    /// Without it a policy that encrypts quarantines.
    pub fn with_data_keys(self, topic: impl Into<String>, data_keys: DataKeys) -> PlanJudge {
        let mut engine = Engine::with_data_keys(self.limits, data_keys);
        engine.set_ledger(self.asked.as_ref().map(|asked| asked.known.ledger.clone()));
        PlanJudge { engine, key_topic: Some(topic.into()), ..self }
    }

    /// Writes the data keys that the record has needed for the first time.
    fn write_keys(&mut self, partition: i32, write: &mut Write<'_>) -> Result<(), Fault> {
        let Some(topic) = &self.key_topic else { return Ok(()) };
        self.engine.sealing().take_rows(|key, value| {
            let (key, value) = (Some(key), Some(value));
            match write(Outgoing { topic, source_partition: partition, key, value, timestamp: None, headers: &[] })? {
                Sent::Taken => Ok(()),
                Sent::TooLarge => {
                    let why = format!("topic `{topic}` takes no record of that size; raise its max.message.bytes");
                    Err(Fault::own("writing a subject's key", Recovery::Stop, why))
                }
            }
        })
    }

    /// Sets the record aside for the sinks that refused it as not to be judged, once where all did for one reason.
    fn set_aside(&mut self, stream: StreamId, topic: &str, record: &Record<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        let Some((_, first)) = self.refused.first().copied() else { return Ok(()) };
        let plan = self.under.plan.clone();
        let stream = &*plan.stream(stream).name;
        let by_all = self.refused.len() == plan.sinks.len() && self.refused.iter().all(|(_, reason)| *reason == first);
        if by_all {
            return self.add(&Incident { stream, sink: None, topic, reason: first }, record, write);
        }
        for at in 0..self.refused.len() {
            let (sink, reason) = self.refused[at];
            let sink = Some(&*plan.sink(sink).name);
            self.add(&Incident { stream, sink, topic, reason }, record, write)?;
        }
        Ok(())
    }

    fn add(&mut self, incident: &Incident<'_>, record: &Record<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        self.last_partition = record.position.partition;
        let Some((_, batch)) = &mut self.aside else { return Ok(()) };
        if batch.add(incident, record).is_ok() {
            return Ok(());
        }
        self.seal(write)?;
        let Some((_, batch)) = &mut self.aside else { return Ok(()) };
        let full = |_| Fault::own("setting a record aside", Recovery::Stop, "an empty batch has no room for it");
        batch.add(incident, record).map_err(full)
    }

    fn seal(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        let attempted = "setting records aside";
        let Some((topic, batch)) = &mut self.aside else { return Ok(()) };
        if batch.is_empty() {
            return Ok(());
        }
        let sealed = batch.seal().map_err(|error| Fault::own(attempted, Recovery::Stop, error.to_string()))?;
        let source_partition = self.last_partition;
        let record = Outgoing { topic, source_partition, key: None, value: Some(&sealed), timestamp: None, headers: &[] };
        match write(record)? {
            Sent::Taken => Ok(()),
            Sent::TooLarge => {
                let why = format!("topic `{topic}` takes no record of {} bytes; raise its max.message.bytes", sealed.len());
                Err(Fault::own(attempted, Recovery::Stop, why))
            }
        }
    }
}

impl PlanJudge {
    /// A record whose headers cannot be read, of a stream that reads them: no sink gets it.
    fn refuse(&mut self, stream: StreamId, fetched: &Fetched<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        let PlanJudge { under: Under { plan, counts, .. }, refused, .. } = self;
        refused.clear();
        counts.record(stream, fetched.value.map_or(0, <[u8]>::len), fetched.read.unwrap_or_else(Instant::now));
        for sink in plan.sink_ids() {
            counts.decision(stream, sink, Outcome::Quarantine, Reason::Malformed, 0);
            refused.push((sink, Reason::Malformed));
        }
        self.set_aside(stream, fetched.topic, &record_of(fetched, &[]), write)
    }
}

impl Judge for PlanJudge {
    fn renew(&mut self) {
        // Before anything is judged: a withdrawal between the two is counted rather than missed.
        if let Some(asked) = &mut self.asked {
            asked.renew();
        }
        let newest = self.live.load();
        if !Arc::ptr_eq(&newest, &self.under.plan) {
            let before = std::mem::replace(&mut self.under, Under::new(newest.clone(), &self.telemetry));
            if before.is_closed {
                self.before = Some(before);
            }
        }
    }

    fn sound(&mut self, now: Instant) -> Result<(), Fault> {
        self.asked.as_mut().map_or(Ok(()), |asked| asked.sound(now))
    }

    fn stands(&mut self) -> bool {
        self.asked.as_mut().is_none_or(Asked::stands)
    }

    fn judge(&mut self, fetched: &Fetched<'_>, write: &mut Write<'_>) -> Result<(), Fault> {
        let Some(stream) = self.under.stream(fetched.topic) else {
            let why = format!("no stream of the policy takes topic `{}`", fetched.topic);
            return Err(Fault::own("judging", Recovery::Stop, why));
        };
        let mut all_headers = lend(std::mem::take(&mut self.read));
        let reads_headers = self.under.plan.stream(stream).reads_headers;
        if reads_headers && !(fetched.headers)(&mut |header| all_headers.push(header)) {
            return self.refuse(stream, fetched, write);
        }
        let record = record_of(fetched, &all_headers);
        self.refused.clear();
        let read = Instant::now();
        let now = self.clock.now(read);
        self.engine.set_has_keys(self.keyring.as_ref().is_none_or(|keyring| keyring.usable(read)));
        let PlanJudge { engine, under: Under { plan, counts, .. }, headers, refused, .. } = self;
        counts.record(stream, fetched.value.map_or(0, <[u8]>::len), fetched.read.unwrap_or(read));
        let (mut written, mut released) = (Ok(()), false);
        engine.evaluate(plan, stream, &record, now, &mut |sink, verdict| {
            if written.is_err() {
                return;
            }
            let (mut outcome, mut reason, mut bytes) = (verdict.outcome, verdict.reason, 0);
            if outcome.releases() {
                released = true;
                let mut passed = lend(std::mem::take(headers));
                passed.extend(verdict.kept_headers(&record).copied());
                let purposes =
                    verdict.purposes.map(|purposes| Header { name: PURPOSES_HEADER, value: Some(purposes.as_bytes()) });
                passed.extend(purposes);
                bytes = verdict.value.map_or(0, <[u8]>::len);
                let topic = &plan.sink(sink).topic;
                let (key, value, source_partition) = (verdict.key, verdict.value, fetched.partition);
                match write(Outgoing { topic, source_partition, key, value, timestamp: fetched.timestamp, headers: &passed }) {
                    Ok(Sent::Taken) => {}
                    Ok(Sent::TooLarge) => (outcome, reason, bytes) = (Outcome::Quarantine, Reason::LimitExceeded, 0),
                    Err(fault) => written = Err(fault),
                }
                *headers = lend(passed);
            }
            counts.decision(stream, sink, outcome, reason, bytes);
            if outcome == Outcome::Quarantine {
                refused.push((sink, reason));
            }
        });
        // Also where writing failed half-way: what was written before may only be voided.
        if let Some(asked) = self.asked.as_mut().filter(|_| released) {
            asked.subjects.extend_from_slice(self.engine.looked_up());
        }
        written?;
        let teaching = self.asked.as_mut().and_then(|asked| asked.teaching.as_mut());
        if let Some(teaching) = teaching.filter(|_| !self.engine.lessons().is_empty()) {
            teaching.tell(self.engine.lessons(), fetched.read.is_some())?;
        }
        self.write_keys(fetched.partition, write)?;
        if !self.refused.is_empty() && !reads_headers {
            // Nobody looked at them, and what is set aside is the whole record.
            (fetched.headers)(&mut |header| all_headers.push(header));
        }
        self.set_aside(stream, fetched.topic, &record_of(fetched, &all_headers), write)?;
        self.read = lend(all_headers);
        Ok(())
    }

    fn close(&mut self, write: &mut Write<'_>) -> Result<(), Fault> {
        if let Some(asked) = &mut self.asked {
            // First of all: until then it is about everyone.
            asked.known.departing.about(asked.known.worker, &mut asked.subjects);
            asked.teaching.as_mut().map_or(Ok(()), |teaching| teaching.settle())?;
        }
        self.seal(write)?;
        self.under.close(&mut self.engine);
        self.engine.sealing().close_batch();
        if let Some(asked) = &mut self.asked {
            asked.is_closing = true;
        }
        Ok(())
    }

    fn committed(&mut self, at: Instant) {
        if let Some(asked) = &mut self.asked {
            // At once, not with the next record: it has arrived, and nothing else is on its way.
            asked.settle();
        }
        self.engine.sealing().committed();
        match self.before.take() {
            Some(mut before) => before.closed.commit(at),
            None => {
                self.under.closed.commit(at);
                self.under.is_closed = false;
            }
        }
    }

    fn aborted(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.subjects.clear();
        }
        self.before = None;
        self.engine.drain_field_counts(|_, _| {});
        self.engine.sealing().aborted();
        self.under.counts.abort();
        self.under.closed.abort();
        self.under.is_closed = false;
        if let Some((_, batch)) = &mut self.aside {
            batch.clear();
        }
    }

    fn settled(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.settle();
        }
    }
}

fn record_of<'r, 'a: 'r>(fetched: &Fetched<'a>, headers: &'r [Header<'r>]) -> Record<'r> {
    let Fetched { topic: _, partition, offset, timestamp, key, value, headers: _, read: _ } = *fetched;
    Record { position: Position { partition, offset }, timestamp, key, value, headers }
}

/// The same memory, empty, for headers of another lifetime.
fn lend<'to>(mut headers: Vec<Header<'_>>) -> Vec<Header<'to>> {
    headers.clear();
    headers.into_iter().map(|_| Header { name: "", value: None }).collect()
}

#[cfg(test)]
mod tests;
