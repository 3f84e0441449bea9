//! Follows compacted topics: reads them whole before anything else happens, then as they grow, and proves how fresh
//! what it has read is.
//!
//! One thread, no group. Loading and living are the same loop: the ends of all partitions are listed, everything up to
//! them is applied, and so again. While loading the ends are the last stable offsets, twice: what was written while the
//! first were being reached is read too before anybody relies on it. From then on they are the high watermarks, asked for
//! every 250 ms: once they are reached, all that was acknowledged before the question has been applied. An open
//! transaction holds the reader of committed records before the high watermark, and so freshness with it.

mod barrier;
mod watch;

pub use watch::{Standing, Watch};

use super::errors::sentence;
use super::rebalance::log;
use super::settings::Settings;
use super::tail::{End, Event, Level, Row, Tail, Trouble};
use crate::config::Properties;
use barrier::{Places, Refused};
use rdkafka::Offset;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// From one question about ends to the next, once everything was read.
const BARRIER: Duration = Duration::from_millis(250);

/// How long an answer may take. Short against the staleness that is allowed, so that what heals is noticed in time.
const ANSWER: Duration = Duration::from_secs(1);

/// A barrier that is not reached within this is given up, so that a topic that was cut off or made anew shows.
const REACH: Duration = Duration::from_secs(5);

/// For so long a topic may seem to have fewer partitions than are read: a broker whose metadata lag says so.
const SHRUNK: Duration = Duration::from_secs(10);

/// The longest poll: a request to stop goes unseen for as long.
const WAIT: Duration = Duration::from_millis(50);

/// Rows between two reports of progress where rows come all the time.
const REPORT: u64 = 4096;

/// Rounds of reading to the end before anybody relies on what was read.
const ROUNDS: u32 = 2;

/// What rows are applied to. One code path: a row is applied the same way whether it was there at the start or came since.
pub trait Table: Send {
    /// Applies one row, in the order of its partition. An error ends the follower, and with it the process: a table that
    /// cannot take a row does not know what it says.
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String>;

    /// Everything that was acknowledged before that moment, in all topics that are followed together, has been applied.
    fn proved(&mut self, _as_of: Instant) {}

    /// The id that its topic must have, where rows were there before it was read; 0 where any will do.
    fn topic_id(&self) -> u128 {
        0
    }

    /// All rows before these offsets, by partition, have been applied, and none behind them. Said after each proof, and at the
    /// end.
    fn reached(&mut self, _next: &[i64], _is_end: bool) {}
}

/// One topic to follow.
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Where partitions begin of which a snapshot knows the start: partition and next offset. All others are read whole.
    pub from: Vec<(i32, i64)>,
    /// What its rows are applied to.
    pub table: Box<dyn Table>,
}

/// A running follower; dropping it ends its thread.
pub struct Follow {
    watch: Arc<Watch>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Follow {
    /// Starts to read `topics`, of the cluster that the configuration names, changed by `properties`; `name` is for
    /// messages and the client's id. That it fails later shows in `watch`.
    pub fn start(
        settings: &Settings,
        properties: &Properties,
        name: &'static str,
        topics: Vec<Topic>,
        watch: Arc<Watch>,
    ) -> Result<Follow, String> {
        let attempted = |error: &KafkaError| format!("starting to read the {name}: {}", sentence(error));
        let consumer: BaseConsumer<Events> =
            settings.follower(name, properties).create_with_context(Events(name)).map_err(|error| attempted(&error))?;
        let tail = Tail::new(consumer).ok_or_else(|| format!("starting to read the {name}: the consumer has no queue"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut follower = Follower::new(name, topics, watch.clone());
        let asked_to_stop = stop.clone();
        let work = move || {
            // A panic in a table is a fault of ours; without this the table would only grow stale, and nobody say why.
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| follower.run(&tail, &asked_to_stop)));
            if caught.is_err() {
                follower.fail(format!("reading the {name} panicked"));
            }
        };
        let thread = std::thread::Builder::new().name(format!("privet-{name}")).spawn(work).map_err(|error| error.to_string())?;
        Ok(Follow { watch, stop, thread: Some(thread) })
    }

    /// How it stands.
    pub fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere that was not caught.
            let _ = thread.join();
        }
    }
}

/// What librdkafka calls back; the name of what is followed is for messages.
struct Events(&'static str);

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "reading the {}", self.0);
    }
}

impl ConsumerContext for Events {}

/// The question that is under way, or what became of it.
enum Round {
    /// Nothing was asked; from this moment on it may be.
    Rest(Instant),
    /// Asked at that moment.
    Asked(Instant),
    /// Reading up to the ends that were asked for at that moment.
    Reaching(Instant),
}

struct Follower {
    name: &'static str,
    topics: Vec<Topic>,
    /// The id of each topic, 0 where it is not known.
    ids: Vec<u128>,
    places: Places,
    watch: Arc<Watch>,
    round: Round,
    /// Counts questions, so that a late answer is known as one.
    tag: usize,
    /// Rounds of loading that are still to come.
    left: u32,
    /// Since when brokers list fewer partitions of a topic than are read.
    shrunk: Option<Instant>,
    failed: bool,
    /// The topic of the last row: rows come in runs.
    last: usize,
    rows: u64,
}

impl Follower {
    fn new(name: &'static str, topics: Vec<Topic>, watch: Arc<Watch>) -> Follower {
        Follower {
            name,
            ids: topics.iter().map(|topic| topic.table.topic_id()).collect(),
            places: Places::new(topics.len()),
            topics,
            watch,
            round: Round::Rest(Instant::now()),
            tag: 0,
            left: ROUNDS,
            shrunk: None,
            failed: false,
            last: 0,
            rows: 0,
        }
    }

    fn run(&mut self, tail: &Tail<Events>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) && !self.failed {
            let now = Instant::now();
            let wait = self.turn(tail, now);
            if !tail.poll(wait, &mut |event| self.take(event)) || self.rows.is_multiple_of(REPORT) {
                let (done, total) = self.places.progress();
                self.watch.reading(done, total);
            }
            if self.places.passed() {
                self.pass(Instant::now());
            }
        }
        if !self.failed && self.left == 0 {
            self.tell_reached(true);
        }
    }

    fn tell_reached(&mut self, is_end: bool) {
        for (at, topic) in self.topics.iter_mut().enumerate() {
            topic.table.reached(self.places.positions(at), is_end);
        }
    }

    /// Asks what is due to be asked; how long there is nothing more to do.
    fn turn(&mut self, tail: &Tail<Events>, now: Instant) -> Duration {
        match self.round {
            Round::Rest(until) if now >= until => self.ask(tail, now),
            Round::Rest(until) => return (until - now).min(WAIT),
            // The client gives an answer, or says that there is none, within a bound of its own.
            Round::Asked(at) if now.duration_since(at) > 2 * ANSWER => self.hold_up("brokers do not answer".to_owned()),
            Round::Reaching(at) if self.left == 0 && now.duration_since(at) > REACH => {
                self.hold_up("what brokers list as acknowledged cannot be read: a transaction may be open".to_owned());
            }
            Round::Asked(_) | Round::Reaching(_) => {}
        }
        WAIT
    }

    fn ask(&mut self, tail: &Tail<Events>, now: Instant) {
        // The moment before anything is asked: what is acknowledged later is not claimed to be known.
        if !self.look(tail, now) {
            return;
        }
        self.tag += 1;
        self.round = Round::Asked(now);
        self.places.ask();
        let names: Vec<&str> = self.topics.iter().map(|topic| topic.name.as_str()).collect();
        let places: Vec<(&str, i32)> = self.places.all().map(|(topic, partition, _)| (names[topic], partition)).collect();
        let level = if self.left > 0 { Level::Committed } else { Level::Uncommitted };
        tail.ask_ends(&places, level, ANSWER, self.tag);
        tail.ask_ids(&names, ANSWER);
    }

    /// Looks for the partitions of every topic, and takes up those that are new; whether all are there.
    fn look(&mut self, tail: &Tail<Events>, now: Instant) -> bool {
        let mut grew = false;
        for at in 0..self.topics.len() {
            let Topic { name, from, .. } = &self.topics[at];
            let (known, found) = (self.places.partitions(at), tail.partitions(name, ANSWER));
            match found {
                Ok(found) if found < known => {
                    // Its id says at once whether it is another topic.
                    tail.ask_ids(&[name], ANSWER);
                    self.fewer(at, now);
                    return false;
                }
                Ok(found) if found > known => {
                    let start = |partition| from.iter().find(|(place, _)| *place == partition).map(|(_, next)| *next);
                    self.places.grow(at, found, start);
                    grew = true;
                }
                Ok(_) => {}
                Err(trouble) => {
                    let text = format!("topic `{name}`: {}", trouble.text);
                    self.trouble(&Trouble { text, ..trouble });
                    return false;
                }
            }
        }
        self.shrunk = None;
        if grew {
            self.assign(tail);
        }
        !self.failed
    }

    /// Brokers list fewer partitions than are read: one that lags, or the topic is another.
    fn fewer(&mut self, topic: usize, now: Instant) {
        let name = &self.topics[topic].name;
        let since = *self.shrunk.get_or_insert(now);
        if now.duration_since(since) < SHRUNK {
            self.hold_up(format!("topic `{name}` is listed with fewer partitions than were read"));
        } else {
            self.fail(format!("topic `{name}` was made anew: it has fewer partitions than were read"));
        }
    }

    fn take(&mut self, event: Event<'_>) {
        if self.failed {
            return;
        }
        match event {
            Event::Row(row) => {
                let Some(topic) = self.topic(row.topic) else { return };
                // Applied once already: an older word must not replace a newer one.
                if self.places.position(topic, row.partition).is_some_and(|next| row.offset < next) {
                    return;
                }
                if let Err(why) = self.topics[topic].table.apply(&row) {
                    return self.fail(format!("the {} cannot be held: {why}", self.name));
                }
                self.rows += 1;
                self.places.reached(topic, row.partition, row.offset + 1);
            }
            Event::End { topic, partition, offset } => {
                if let Some(topic) = self.topic(&topic) {
                    self.places.reached(topic, partition, offset);
                }
            }
            Event::Ends { tag, ends } if tag == self.tag => match ends {
                Ok(ends) => self.set_barrier(&ends),
                Err(trouble) => self.trouble(&trouble),
            },
            // Late, and of no use any more: another question is under way.
            Event::Ends { .. } => {}
            Event::Ids(Ok(ids)) => self.compare(&ids),
            // A cluster may have no ids to show; a topic made anew also ends before what was read of the old one.
            Event::Ids(Err(trouble)) => tracing::debug!(code = trouble.code, "ids of topics: {}", trouble.text),
            Event::Error(trouble) => match fatal(trouble.code) {
                Some(what) => self.fail(format!("the {} cannot be followed: {what}: {}", self.name, trouble.text)),
                None => tracing::warn!(code = trouble.code, "reading the {}: {}", self.name, trouble.text),
            },
        }
    }

    fn topic(&mut self, name: &str) -> Option<usize> {
        if self.topics.get(self.last).is_none_or(|topic| topic.name != name) {
            self.last = self.topics.iter().position(|topic| topic.name == name)?;
        }
        Some(self.last)
    }

    fn compare(&mut self, ids: &[(String, u128)]) {
        for (name, id) in ids {
            let Some(at) = self.topic(name) else { continue };
            match (self.ids[at], *id) {
                // Whoever does not say it takes nothing back that is known.
                (_, 0) => {}
                (0, id) => self.ids[at] = id,
                (known, id) if known == id => {}
                _ => return self.fail(format!("topic `{name}` was made anew: what was read of it counts no more")),
            }
        }
    }

    /// The ends that were listed become what is to be reached.
    fn set_barrier(&mut self, ends: &[End]) {
        let Round::Asked(at) = self.round else { return };
        let mut listed = Vec::with_capacity(ends.len());
        for End { topic, partition, offset } in ends {
            let Some(number) = self.topic(topic) else { continue };
            match offset {
                Ok(offset) => listed.push((number, *partition, *offset)),
                Err(code) => {
                    let text = format!("partition {partition} of `{topic}` lists no end (code {code})");
                    return self.trouble(&Trouble { code: *code, text });
                }
            }
        }
        match self.places.set(&listed) {
            Ok(()) => self.round = Round::Reaching(at),
            Err(Refused::Incomplete) => self.hold_up("not every partition lists its end".to_owned()),
            Err(Refused::Truncated { topic, partition }) => {
                let name = &self.topics[topic].name;
                let why =
                    format!("partition {partition} of `{name}` ends before what was read of it: it was cut off or made anew");
                self.fail(why);
            }
        }
    }

    /// Everything up to the ends was applied.
    fn pass(&mut self, now: Instant) {
        let Round::Reaching(at) = self.round else { return };
        self.places.lift();
        if self.watch.set_note(None) {
            tracing::info!("the {} can be followed again", self.name);
        }
        if self.left > 0 {
            self.left -= 1;
            self.round = Round::Rest(now);
            if self.left == 0 {
                tracing::info!(rows = self.rows, "the {} was read", self.name);
            }
            return;
        }
        for topic in &mut self.topics {
            topic.table.proved(at);
        }
        self.watch.proved(at);
        self.tell_reached(false);
        self.round = Round::Rest((at + BARRIER).max(now));
    }

    fn trouble(&mut self, trouble: &Trouble) {
        match fatal(trouble.code) {
            Some(what) => self.fail(format!("the {} cannot be followed: {what}: {}", self.name, trouble.text)),
            None => self.hold_up(trouble.text.clone()),
        }
    }

    /// What was asked has no answer that helps: said once, and asked again.
    fn hold_up(&mut self, why: String) {
        if self.watch.set_note(Some(why.clone())) {
            tracing::warn!("the {} cannot be proved fresh: {why}", self.name);
        }
        self.places.lift();
        self.round = Round::Rest(Instant::now() + BARRIER);
    }

    fn fail(&mut self, why: String) {
        tracing::error!("{why}");
        self.failed = true;
        self.watch.fail(why);
    }

    fn assign(&mut self, tail: &Tail<Events>) {
        let mut list = TopicPartitionList::new();
        for (topic, partition, next) in self.places.all() {
            // Nothing was read yet: the first offset may be any.
            let offset = if next == 0 { Offset::Beginning } else { Offset::Offset(next) };
            // It refuses negative offsets only.
            let _ = list.add_partition_offset(&self.topics[topic].name, partition, offset);
        }
        if let Err(error) = tail.assign(&list) {
            self.fail(format!("taking up the partitions of the {}: {}", self.name, sentence(&error)));
        }
    }
}

/// Codes after which nothing that was read can be relied on, or nothing more will come: what they mean.
fn fatal(code: i32) -> Option<&'static str> {
    use super::errors::code::{
        AUTO_OFFSET_RESET, BAD_COMPRESSION, BAD_MSG, FATAL, LOG_TRUNCATION, NOT_IMPLEMENTED, TOPIC_AUTHORIZATION_FAILED,
    };
    match code {
        AUTO_OFFSET_RESET => Some("records were deleted before they were read, or the topic was made anew"),
        LOG_TRUNCATION => Some("the topic lost records that were read"),
        BAD_MSG | BAD_COMPRESSION | NOT_IMPLEMENTED => Some("a stored batch is damaged, or of an unknown format"),
        TOPIC_AUTHORIZATION_FAILED => Some("the right to read the topic is missing"),
        FATAL => Some("the client cannot go on"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
