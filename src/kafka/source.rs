//! The consumer of one worker: one member of the group, on the worker's own thread.

use super::contract::{Fetched, NextOffset, Polled, Source};
use super::errors::{Fault, Recovery, classify_poll, classify_read, sentence};
use super::ffi::{GroupMetadata, Message, Runs};
use super::rebalance::{Change, ConsumerEvents};
use super::settings::Settings;
use crate::event::{Header, Timestamp};
use crate::telemetry::Telemetry;
use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// How long a question about committed offsets may take before it is asked again after a pause, in which a request to
/// stop is seen.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(2);

/// How long the seek of all partitions may take: it only tells the fetchers where to go on.
const SEEK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an answer to a commit of offsets is waited for, where no transaction carries them.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long records are waited for before looking whether the group changed.
const LOOK: Duration = Duration::from_millis(50);

/// After so many bytes of records the same: a sink that takes little may take a long time for them.
const LOOK_BYTES: usize = 256 << 10;

/// A member of the group that reads the source topics.
pub struct Consumer {
    runs: Runs,
    consumer: Arc<BaseConsumer<ConsumerEvents>>,
    telemetry: Arc<Telemetry>,
    /// What the group gave and `accept` has not taken up yet.
    given: Option<TopicPartitionList>,
    owned: Vec<(Arc<str>, i32)>,
    is_paused: bool,
    /// Bytes shown since it was last looked whether the group changed.
    shown: usize,
}

/// A consumer that joins the group for these topics.
pub fn consumer(settings: &Settings, worker: usize, topics: &[Arc<str>], telemetry: Arc<Telemetry>) -> Result<Consumer, Fault> {
    let attempted = "starting the consumer";
    let stop = |error: &KafkaError| Fault::own(attempted, Recovery::Stop, sentence(error));
    let events = ConsumerEvents::new(telemetry.clone());
    let consumer: BaseConsumer<_> = settings.consumer(worker).create_with_context(events).map_err(|error| stop(&error))?;
    let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
    consumer.subscribe(&names).map_err(|error| stop(&error))?;
    let consumer = Arc::new(consumer);
    let none = || Fault::own(attempted, Recovery::Stop, "librdkafka makes no queue");
    let runs = Runs::new(&consumer).ok_or_else(none)?;
    Ok(Consumer { runs, consumer, telemetry, given: None, owned: Vec::new(), is_paused: false, shown: 0 })
}

impl Source for Consumer {
    type Membership = GroupMetadata;

    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(Fetched<'_>)) -> Result<Polled, Fault> {
        if !self.runs.is_at_hand() || self.shown >= LOOK_BYTES {
            self.shown = 0;
            // Without partitions only the group can bring anything.
            let events = if self.owned.is_empty() { wait } else { Duration::ZERO };
            let met = self.events(events)?;
            if met != Polled::Idle || self.owned.is_empty() {
                return Ok(met);
            }
        }
        let Some(message) = self.runs.next(wait.min(LOOK)) else { return Ok(Polled::Idle) };
        if message.code() == 0 {
            self.shown += message.value().map_or(0, <[u8]>::len);
            show(&message, take)?;
            return Ok(Polled::Record);
        }
        let fault = Fault { recovery: Recovery::Stop, ..Fault::refused("reading", message.code()) };
        match classify_read(fault.code) {
            None => {
                tracing::warn!(topic = message.topic(), partition = message.partition(), "{fault}");
                Ok(Polled::Idle)
            }
            Some(recovery) => Err(Fault { recovery, ..fault }),
        }
    }

    fn accept(&mut self) -> Result<(), Fault> {
        let Some(given) = self.given.clone() else { return Ok(()) };
        let attempted = "taking up the assignment";
        let passing = |error: KafkaError| Fault::passing(attempted, &error);
        let start = self.committed(given)?;
        self.runs.part();
        for place in start.elements() {
            if !self.runs.join(place.topic(), place.partition()) {
                return Err(Fault::own(attempted, Recovery::Abort, "librdkafka has no queue for a partition"));
            }
        }
        self.consumer.assign(&start).map_err(passing)?;
        self.given = None;
        self.owned = start.elements().iter().map(|place| (Arc::from(place.topic()), place.partition())).collect();
        Ok(())
    }

    fn release(&mut self) -> Result<(), Fault> {
        // The group may give them back, and librdkafka remembers who paused them.
        self.resume()?;
        self.runs.part();
        for (topic, partition) in self.owned.drain(..) {
            self.telemetry.end_lag(&topic, partition);
        }
        self.consumer.unassign().map_err(|error| Fault::own("giving partitions up", Recovery::Stop, sentence(&error)))
    }

    fn owns(&self, topic: &str, partition: i32) -> bool {
        self.owned.iter().any(|(owned, number)| *number == partition && **owned == *topic)
    }

    fn assignment(&self) -> Vec<(String, i32)> {
        let mut all: Vec<_> = self.owned.iter().map(|(topic, partition)| (topic.to_string(), *partition)).collect();
        all.sort();
        all
    }

    fn membership(&mut self) -> Result<GroupMetadata, Fault> {
        let none = || Fault::own("committing", Recovery::Abort, "this member has no generation in its group");
        GroupMetadata::of(self.consumer.client()).ok_or_else(none)
    }

    fn pause(&mut self) -> Result<(), Fault> {
        self.is_paused = true;
        let passing = |error: KafkaError| Fault::passing("pausing", &error);
        self.consumer.pause(&self.places()).map_err(passing)
    }

    fn rewind(&mut self) -> Result<(), Fault> {
        if self.given.is_some() {
            self.resume()?;
            return self.accept();
        }
        if self.owned.is_empty() {
            return Ok(());
        }
        let places = self.committed(self.places())?;
        // Before the seek, which then has the last word about where to read on.
        self.resume()?;
        let mut said = None;
        self.runs.forget(|code| said = said.or(classify_read(code).map(|recovery| (code, recovery))));
        if let Some((code, recovery)) = said {
            return Err(Fault { recovery, ..Fault::refused("reading", code) });
        }
        let attempted = "going back to the committed offsets";
        let sought = self.consumer.seek_partitions(places, SEEK_TIMEOUT).map_err(|error| Fault::passing(attempted, &error))?;
        match sought.elements().iter().find_map(|place| place.error().err()) {
            None => Ok(()),
            Some(error) => Err(Fault::passing(attempted, &error)),
        }
    }

    fn commit(&mut self, offsets: &[NextOffset]) -> Result<(), Fault> {
        let attempted = "committing offsets";
        let list = offset_list(offsets)?;
        // On a thread of its own: librdkafka does not come back as long as the group's coordinator is away. A commit that is given
        // up and made after all only has records repeated.
        let (consumer, (answer, answered)) = (self.consumer.clone(), channel());
        let commit = move || {
            // Whoever waits no more needs no answer.
            let _ = answer.send(consumer.commit(&list, CommitMode::Sync));
        };
        let no_thread = |error: std::io::Error| Fault::own(attempted, Recovery::Stop, error.to_string());
        std::thread::Builder::new().name("privet-offsets".to_owned()).spawn(commit).map_err(no_thread)?;
        let late = |_| Fault::own(attempted, Recovery::Abort, "the group has not answered in time");
        let answer = answered.recv_timeout(COMMIT_TIMEOUT).map_err(late)?;
        answer.map_err(|error| Fault::passing(attempted, &error))
    }

    fn leave(&mut self) {
        self.consumer.context().close();
        for (topic, partition) in self.owned.drain(..) {
            self.telemetry.end_lag(&topic, partition);
        }
        self.consumer.unsubscribe();
    }
}

impl Consumer {
    /// What is no record: errors of the client, and changes of the assignment.
    fn events(&mut self, wait: Duration) -> Result<Polled, Fault> {
        match self.consumer.poll(wait) {
            Some(Ok(_)) => {
                // It cannot be shown: those behind it may have been shown already.
                Err(Fault::own("reading", Recovery::Abort, "a record came beside the queue of its partition"))
            }
            Some(Err(error)) => match classify_poll(&error) {
                None => {
                    tracing::warn!(%error, "reading");
                    Ok(Polled::Idle)
                }
                Some(recovery) => {
                    let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
                    Err(Fault { attempted: "reading", recovery, code, why: sentence(&error) })
                }
            },
            None => match self.consumer.context().take() {
                None => Ok(Polled::Idle),
                Some(Change::Assign(partitions)) => {
                    self.given = Some(partitions);
                    Ok(Polled::Assigned)
                }
                Some(Change::Revoke { lost }) => {
                    self.given = None;
                    Ok(Polled::Revoked { lost })
                }
            },
        }
    }

    fn places(&self) -> TopicPartitionList {
        let mut places = TopicPartitionList::with_capacity(self.owned.len());
        for (topic, partition) in &self.owned {
            places.add_partition(topic, *partition);
        }
        places
    }

    fn resume(&mut self) -> Result<(), Fault> {
        if !self.is_paused {
            return Ok(());
        }
        let passing = |error: KafkaError| Fault::passing("resuming", &error);
        self.consumer.resume(&self.places()).map_err(passing)?;
        self.is_paused = false;
        Ok(())
    }

    /// Where to read on: the committed offset, or the beginning for a partition that is new to a known topic. That a
    /// topic nobody committed anything for yet starts where the operator said is settled before any worker starts.
    fn committed(&self, places: TopicPartitionList) -> Result<TopicPartitionList, Fault> {
        let attempted = "asking for committed offsets";
        let passing = |error: &KafkaError| Fault::passing(attempted, error);
        let known = self.consumer.committed_offsets(places, OFFSETS_TIMEOUT).map_err(|error| passing(&error))?;
        let mut start = TopicPartitionList::with_capacity(known.count());
        for place in known.elements() {
            place.error().map_err(|error| passing(&error))?;
            let offset = match place.offset() {
                Offset::Offset(next) => Offset::Offset(next),
                _ => Offset::Beginning,
            };
            start.add_partition_offset(place.topic(), place.partition(), offset).map_err(|error| passing(&error))?;
        }
        Ok(start)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.consumer.context().close();
    }
}

/// Offsets as librdkafka takes them.
pub(super) fn offset_list(offsets: &[NextOffset]) -> Result<TopicPartitionList, Fault> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for NextOffset { topic, partition, next } in offsets {
        let added = list.add_partition_offset(topic, *partition, Offset::Offset(*next));
        added.map_err(|error| Fault::passing("committing offsets", &error))?;
    }
    Ok(list)
}

fn show(message: &Message<'_>, take: &mut dyn FnMut(Fetched<'_>)) -> Result<(), Fault> {
    let nameless = || Fault::own("reading", Recovery::Stop, "a record came without its topic");
    take(Fetched {
        topic: message.topic().ok_or_else(nameless)?,
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.millis().and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        key: message.key(),
        value: message.value(),
        headers: &|each| {
            // A name that is not text is on no list of names that pass, and no rule can read it.
            let Some(headers) = message.headers() else { return false };
            let named = headers.filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)));
            named.for_each(|(name, value)| each(Header { name, value }));
            true
        },
        read: None,
    });
    Ok(())
}
