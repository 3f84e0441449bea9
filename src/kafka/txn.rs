//! The ends of a batch: transactions where each record counts once, acknowledged flushes where once or more will do.
//!
//! librdkafka has no transactions of the second version (KIP-890): an EndTxn that was delayed and tried again may end
//! a *later* transaction of the same producer epoch (KAFKA-17754). After a commit or an abort that took longer than a
//! request may, or of which any EndTxn went unanswered - timed out, or its connection broke - the producer is made anew
//! before anything else is written: its new epoch fences the straggler.

use super::contract::{NextOffset, Outgoing, Sent, Sink};
use super::ender::{End, Ender, How, is_uncertain};
use super::errors::{Attempt, Fault, Recovery};
use super::ffi::{self, GroupMetadata, NativeFault};
use super::rebalance::ProducerEvents;
use super::sink::{Inner, Producer};
use super::source::offset_list;
use crate::config::Guarantee;
use rdkafka::client::Client;
use rdkafka::producer::{Producer as _, PurgeConfig};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Wait as long as the transaction lives, as far as librdkafka keeps to that; see `ender`.
const UNBOUNDED: i32 = -1;

/// Registering waits for the broker to end what a predecessor left open.
const INIT_TIMEOUT: Duration = Duration::from_secs(30);

/// One attempt at it: a request to stop goes unseen for no longer.
const INIT_SLICE_MS: i32 = 500;

/// An abort only tells the coordinator; what is queued still is purged.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent before an abort has to become less within each of these slices.
const DRAIN_SLICE: Duration = Duration::from_millis(500);

/// A flush outside of transactions may take this long: a broker that is slower has a problem of its own.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);

/// How often one call is made again because librdkafka asks for it; it waits inside.
const MAX_RETRIES: usize = 10;

/// Between two of them.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

impl Producer {
    /// Makes the client and registers its id.
    pub(super) fn connect(&mut self) -> Result<(), Fault> {
        let producer = self.create()?;
        if self.settings.transactional_id(self.worker).is_some() {
            self.register(producer.client())?;
        }
        let client = Arc::new(producer);
        let timing = || (self.settings.quickest_retry(), self.settings.transaction_timeout());
        let ender = Ender::start(client.clone(), self.worker, self.transactional().then(timing))?;
        self.inner = Some(Inner::new(ender, client));
        (self.open, self.suspect) = (false, false);
        Ok(())
    }

    /// Registers the transactional id, over and over while the coordinator is being elected, unless asked to stop.
    fn register(&self, client: &Client<ProducerEvents>) -> Result<(), Fault> {
        let deadline = Instant::now() + INIT_TIMEOUT;
        loop {
            let Err(native) = ffi::init_transactions(client, INIT_SLICE_MS) else { return Ok(()) };
            let mut fault = Fault::of_transaction(Attempt::Init, native);
            if fault.recovery != Recovery::Retry {
                return Err(fault);
            }
            if self.stop.load(Ordering::Relaxed) || Instant::now() >= deadline {
                fault.recovery = Recovery::Rebuild;
                return Err(fault);
            }
            std::thread::sleep(RETRY_PAUSE);
        }
    }

    fn transactional(&self) -> bool {
        matches!(self.settings.guarantee(), Guarantee::ExactlyOnce)
    }

    fn client(&self) -> Result<&Client<ProducerEvents>, Fault> {
        Ok(self.inner()?.client())
    }

    /// Whether an answer to what took so long may have crossed a second attempt.
    fn is_late(&self, took: Duration) -> bool {
        self.transactional() && took >= self.settings.request_timeout()
    }

    /// Sends what is queued, to be voided with the rest. librdkafka purges requests that were made and not sent yet, and forgets that their
    /// sequence numbers were given: in a flood of withdrawals the next batch of such a partition is then refused
    /// (OUT_OF_ORDER_SEQUENCE_NUMBER), and the next but one waits for a new epoch. False where not everything was sent.
    fn drained(&self, until: Instant) -> bool {
        let Some(Inner { client: producer, .. }) = &self.inner else { return true };
        let mut left = producer.in_flight_count();
        while left > 0 {
            let slice = until.saturating_duration_since(Instant::now()).min(DRAIN_SLICE);
            if slice.is_zero() {
                return false;
            }
            if ffi::flush(producer.client(), slice.as_millis() as i32) {
                return true;
            }
            let before = std::mem::replace(&mut left, producer.in_flight_count());
            if left >= before {
                return false;
            }
        }
        true
    }

    /// A broker that refused a size knows another limit than we do.
    fn look_at_sizes(&mut self) {
        if self.client().is_ok_and(|client| client.context().take_too_large()) {
            tracing::warn!("a broker refused a batch for its size; limits of the sink topics are read again");
            self.limits.refresh();
        }
    }
}

impl Sink<GroupMetadata> for Producer {
    fn carries_offsets(&self) -> bool {
        self.transactional()
    }

    fn begin(&mut self) -> Result<(), Fault> {
        if self.suspect {
            tracing::info!("requests of the transaction before may be missing or still under way: the producer is made anew");
            self.rebuild()?;
        }
        let client = self.client()?;
        if self.transactional() {
            again(Attempt::Begin, None, || ffi::begin_transaction(client))?;
        }
        self.open = true;
        Ok(())
    }

    fn send(&mut self, record: Outgoing<'_>) -> Result<Sent, Fault> {
        self.write(record)
    }

    fn fits(&mut self, record: &Outgoing<'_>) -> Result<Sent, Fault> {
        self.weigh(record)
    }

    fn end(&mut self, offsets: &[NextOffset], membership: GroupMetadata, bound: Option<Duration>) -> Result<(), Fault> {
        let (how, bound) = match self.transactional() {
            true => (How::Commit { offsets: offset_list(offsets)?, membership }, bound),
            false => (How::Flush, Some(bound.unwrap_or(FLUSH_TIMEOUT))),
        };
        let deadline = bound.map(|bound| Instant::now() + bound);
        self.ender()?.begin(End { how, deadline })
    }

    fn settled(&mut self, wait: Duration) -> Option<Result<Instant, Fault>> {
        let ended = match self.ender() {
            Ok(ender) => ender.settled(wait)?,
            Err(fault) => return Some(Err(fault)),
        };
        let took = ended.at.saturating_duration_since(ended.started);
        // Also where it failed: the abort that follows ends the transaction, not the request.
        self.suspect |= ended.is_uncertain || self.is_late(took);
        Some(ended.result.map(|()| {
            self.open = false;
            ended.at
        }))
    }

    fn abort(&mut self, bound: Option<Duration>, send_on: Duration) -> Result<(), Fault> {
        self.look_at_sizes();
        self.forget_topics();
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        if !self.transactional() {
            // There is no transaction to void: what was queued is dropped, and read and written again.
            return self.rebuild();
        }
        let deadline = Instant::now() + bound.unwrap_or(ABORT_TIMEOUT);
        // Otherwise some partition may miss sequence numbers, which a new producer does not.
        let is_drained = self.drained(deadline.min(Instant::now() + send_on));
        if !is_drained {
            tracing::debug!("not all that was queued was sent before the abort: the producer is made anew");
        }
        self.suspect |= !is_drained;
        let client = self.client()?;
        let (started, ended) = (Instant::now(), client.context().ended());
        again(Attempt::Abort, Some(deadline), || ffi::abort_transaction(client, remaining(Some(deadline))))?;
        client.context().take_failed();
        let took = started.elapsed();
        self.suspect |= is_uncertain(client.context(), ended, took >= self.settings.quickest_retry()) || self.is_late(took);
        Ok(())
    }

    fn rebuild(&mut self) -> Result<(), Fault> {
        self.look_at_sizes();
        self.forget_topics();
        self.meters.rebuilt();
        if let Some(old) = self.inner.take() {
            old.client.purge(PurgeConfig::default().queue().inflight());
        }
        self.connect()
    }
}

/// Milliseconds until the deadline, at least 1; without one, as long as the transaction lives.
pub(super) fn remaining(deadline: Option<Instant>) -> i32 {
    deadline.map_or(UNBOUNDED, |deadline| {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis();
        i32::try_from(left).unwrap_or(i32::MAX).max(1)
    })
}

/// Makes a call until it is not retriable any more. What is still open after the last attempt, or the deadline, has
/// an unknown end: only a new producer settles it.
pub(super) fn again(
    attempt: Attempt,
    deadline: Option<Instant>,
    mut call: impl FnMut() -> Result<(), NativeFault>,
) -> Result<(), Fault> {
    let mut attempts = 0;
    loop {
        let Err(native) = call() else { return Ok(()) };
        let mut fault = Fault::of_transaction(attempt, native);
        if fault.recovery != Recovery::Retry {
            return Err(fault);
        }
        attempts += 1;
        let late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if late || attempts >= MAX_RETRIES {
            fault.recovery = Recovery::Rebuild;
            return Err(fault);
        }
        std::thread::sleep(RETRY_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Lookup, System};
    use crate::kafka::source::{Consumer, consumer};
    use crate::kafka::{Polled, Settings, SizeLimits, Source as _, producer};
    use crate::telemetry::Telemetry;
    use rdkafka::ClientConfig;
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    use rdkafka::mocking::{MockCluster, MockCoordinator};
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use std::path::Path;

    /// A producer and a group on a mock cluster, where requests to end a transaction meet what they are told to.
    struct Stage {
        cluster: MockCluster<'static, DefaultProducerContext>,
        sink: super::Producer,
        group: Consumer,
    }

    impl Stage {
        fn new() -> Stage {
            Stage::of(1)
        }

        /// The last broker coordinates the group, the first one transactions.
        fn of(brokers: i32) -> Stage {
            let cluster = MockCluster::new(brokers).expect("cluster");
            cluster.create_topic("ads", 1, 1).expect("topic");
            cluster.coordinator(MockCoordinator::Transaction("privet-g-a-0".into()), 1).expect("a coordinator");
            cluster.coordinator(MockCoordinator::Group("g".into()), brokers).expect("a coordinator");
            let text = format!(
                "policy: p\nkeys: {{provider: file, path: k}}\ngroup: g\ninstance: a\nworkers: 1\n\
                 kafka: {{bootstrap.servers: \"{}\", socket.timeout.ms: 800, transaction.timeout.ms: 1000}}\n",
                cluster.bootstrap_servers()
            );
            let lookup: &dyn Lookup = &System;
            let settings = Settings::new(&Config::parse(&text, Path::new("c.yaml"), lookup).unwrap()).unwrap();
            let limits = SizeLimits::of_topics(&settings, &["ads"]);
            let telemetry = Arc::new(Telemetry::new());
            let sink = producer(&settings, 0, limits, telemetry.transactions(), Arc::default()).unwrap();
            let mut group = consumer(&settings, 0, &["ads".into()], telemetry).unwrap();
            while group.poll(Duration::from_secs(1), &mut |_| ()).unwrap() != Polled::Assigned {}
            group.accept().unwrap();
            Stage { cluster, sink, group }
        }

        /// Writes one record, and waits until it is on the broker, so that there is something to end.
        fn write(&mut self) {
            self.sink.begin().unwrap();
            let record =
                Outgoing { topic: "ads", source_partition: 0, key: None, value: Some(b"v"), timestamp: None, headers: &[] };
            assert_eq!(self.sink.send(record).unwrap(), Sent::Taken);
            assert!(ffi::flush(self.sink.client().unwrap(), 10_000));
        }

        /// Whether the producer is suspect after an abort that met these errors.
        fn aborted(&mut self, errors: &[RDKafkaRespErr]) -> bool {
            self.write();
            self.cluster.request_errors(RDKafkaApiKey::EndTxn, errors);
            self.sink.abort(None, Duration::from_secs(2)).unwrap();
            self.sink.suspect
        }

        /// The same after a commit.
        fn committed(&mut self, errors: &[RDKafkaRespErr]) -> bool {
            self.write();
            self.cluster.request_errors(RDKafkaApiKey::EndTxn, errors);
            self.end();
            self.sink.settled(Duration::from_secs(20)).expect("an answer").unwrap();
            self.sink.suspect
        }

        fn end(&mut self) {
            let membership = self.group.membership().unwrap();
            self.sink.end(&[NextOffset { topic: "ads".into(), partition: 0, next: 1 }], membership, None).unwrap();
        }
    }

    const CUT_OFF: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT;
    const ELECTED: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;

    /// An EndTxn that was tried again may arrive late and end the next transaction of the same epoch (KAFKA-17754),
    /// whether it was to commit or to abort.
    #[test]
    fn after_an_end_that_took_too_long_the_producer_is_made_anew() {
        let mut stage = Stage::new();
        assert!(!stage.aborted(&[]) && !stage.committed(&[]), "an answer in time is believed");
        assert!(!stage.aborted(&[ELECTED]) && !stage.committed(&[ELECTED]), "so is one that was given at the second attempt");
        assert!(stage.aborted(&[ELECTED; 8]), "one that came later than a request may take is not");
        assert!(stage.committed(&[ELECTED; 8]));
        assert!(!stage.committed(&[]), "a new producer has no past");
    }

    /// The mock cluster closes the connection instead of answering. librdkafka connects and asks again within a fraction
    /// of a second, and says so nowhere but in a debug line.
    #[test]
    fn an_end_that_was_cut_off_is_noticed_at_once() {
        let mut stage = Stage::new();
        assert!(stage.aborted(&[CUT_OFF]), "the request may be anywhere");
        assert!(stage.committed(&[CUT_OFF]));
        assert!(stage.committed(&[ELECTED, CUT_OFF]), "also where another attempt was answered before");
        assert!(!stage.committed(&[]), "a new producer has no past");
    }

    /// While the group's coordinator is away librdkafka does not come back from putting offsets into the transaction, not for any
    /// timeout. The producer is made anew, and what its predecessor wrote is void.
    #[test]
    fn an_end_that_librdkafka_does_not_come_back_from_is_given_up() {
        let mut stage = Stage::of(2);
        stage.write();
        stage.cluster.broker_down(2).unwrap();
        stage.end();
        let answer = std::iter::repeat_with(|| stage.sink.settled(Duration::from_millis(500))).take(60).find_map(|answer| answer);
        assert_eq!(answer.expect("an answer").unwrap_err().recovery, Recovery::Rebuild);
        stage.cluster.broker_up(2).unwrap();
        stage.sink.rebuild().unwrap();
        stage.write();
        stage.end();
        let answer = std::iter::repeat_with(|| stage.sink.settled(Duration::from_millis(500))).take(60).find_map(|answer| answer);
        answer.expect("an answer").expect("the new producer's commit");
    }

    /// Where a broker is slow, what is queued when a batch is voided is not sent, but for what is under way.
    #[test]
    fn of_what_is_queued_when_it_is_voided_no_more_is_sent_than_it_is_told_to() {
        let sent = |send_on: u64| {
            let mut stage = Stage::new();
            stage.sink.begin().unwrap();
            stage.cluster.broker_round_trip_time(1, Duration::from_millis(100)).unwrap();
            // A batch each, of which five may be under way.
            let value = vec![b'v'; 700_000];
            for _ in 0..30 {
                let (topic, value) = ("ads", Some(&value[..]));
                let record = Outgoing { topic, source_partition: 0, key: None, value, timestamp: None, headers: &[] };
                assert_eq!(stage.sink.send(record).unwrap(), Sent::Taken);
            }
            // Whether the abort itself goes well does not matter here: the client's patience is short.
            let _ = stage.sink.abort(None, Duration::from_millis(send_on));
            stage.cluster.broker_round_trip_time(1, Duration::ZERO).unwrap();
            let client: BaseConsumer = ClientConfig::new()
                .set("bootstrap.servers", stage.cluster.bootstrap_servers())
                .set("group.id", "none")
                .create()
                .unwrap();
            client.fetch_watermarks("ads", 0, Duration::from_secs(10)).unwrap().1
        };
        let (few, all) = (sent(50), sent(20_000));
        assert!(few <= 10 && all > 10, "{few} and {all} of 30");
    }

    fn retriable() -> NativeFault {
        NativeFault { code: -185, text: String::new(), fatal: false, retriable: true, requires_abort: false }
    }

    #[test]
    fn a_retriable_error_is_the_same_call_again() {
        let mut calls = 0;
        let result = again(Attempt::Commit, None, || {
            calls += 1;
            if calls < 3 { Err(retriable()) } else { Ok(()) }
        });
        assert_eq!((result, calls), (Ok(()), 3));
    }

    #[test]
    fn past_its_deadline_a_commit_has_an_unknown_end() {
        let deadline = Some(Instant::now());
        let fault = again(Attempt::Commit, deadline, || Err(retriable())).unwrap_err();
        assert_eq!(fault.recovery, Recovery::Rebuild);
        assert_eq!(remaining(deadline), 1);
        assert_eq!(remaining(None), -1);
    }

    #[test]
    fn an_abortable_error_is_not_tried_again() {
        let mut calls = 0;
        let fault = again(Attempt::SendOffsets, None, || {
            calls += 1;
            Err(NativeFault { code: 22, text: String::new(), fatal: false, retriable: false, requires_abort: true })
        })
        .unwrap_err();
        assert_eq!((fault.recovery, calls), (Recovery::Abort, 1));
    }
}
