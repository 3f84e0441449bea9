//! The whole proxy, started in this process, against librdkafka's mock cluster: the real client and the real protocol
//! with errors injected where a broker would give them. The mock hides no voided record from readers and keeps no
//! offset that came in a transaction, and its groups now and then forget a member that joins while another does: what
//! is exact here is stated test by test, and restarts and several workers are left to `tests/kafka`, against Apache Kafka.

use privet::app::{Proxy, Start};
use privet::config::{Config, System};
use privet::event::{Header, Position, Record, Timestamp};
use privet::kafka::cluster::From;
use privet::keys::KeySet;
use privet::outcome::{Outcome, Reason};
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use privet::telemetry::{LogFormat, LogLevel, init_logging};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header as MessageHeader, Headers, Message, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contract, because: the shop must run}
  advertising: {legal_basis: consent, opt_outs: none}
regimes: [{in: [\"*\"], silence: deny}]
keys: {all: {}}
streams:
  web:
    topics: [events]
    format: json
    subject: [{kind: user_id, path: $.user}]
    jurisdiction: {otherwise: EEA}
    consent: [{signal: segment, path: $.consent, purposes: {advertising: Advertising}}]
sinks:
  warehouse:
    topic: warehouse
    purposes: [operations]
    unlisted: keep
    fields: {$.user: {pseudonym: {key: all}}, $.mail: drop}
    record_key: {pseudonym: {key: all}}
    headers: {keep: [trace]}
  ads: {topic: ads, purposes: [advertising], unlisted: drop, fields: {$.seq: keep}}
";

const PARTITIONS: i32 = 3;
const SOON: Duration = Duration::from_secs(40);

/// A cluster with the three topics, and the files of one proxy.
struct Stage {
    cluster: MockCluster<'static, DefaultProducerContext>,
    files: tempfile::TempDir,
    written: u64,
}

/// A record as a sink's reader sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    partition: i32,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp: Option<i64>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Stage {
    fn new(guarantee: &str) -> Stage {
        if std::env::var_os("PRIVET_TEST_LOG").is_some() {
            // A second test of the same run finds it set up.
            let _ = init_logging(LogFormat::Text, LogLevel::Debug);
        }
        let cluster = MockCluster::new(1).expect("cluster");
        for topic in ["events", "warehouse", "ads", "aside"] {
            cluster.create_topic(topic, PARTITIONS, 1).expect("topic");
        }
        let files = tempfile::tempdir().expect("folder");
        let stage = Stage { cluster, files, written: 0 };
        std::fs::write(stage.path("policy.yaml"), POLICY).expect("policy");
        KeySet::generate().expect("keys").save_new(&stage.path("keys.yaml")).expect("keys");
        let config = format!(
            "policy: policy.yaml\nkeys: {{provider: file, path: keys.yaml}}\ngroup: test\ninstance: a\nworkers: 1\nguarantee: {guarantee}\n\
             quarantine: {{topic: aside}}\ncommit: {{interval: 20ms}}\nkafka: {{bootstrap.servers: \"{}\"}}\n",
            stage.cluster.bootstrap_servers()
        );
        std::fs::write(stage.path("privet.yaml"), config).expect("configuration");
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn start(&self) -> Proxy {
        let config = Config::load(&self.path("privet.yaml"), &System).expect("configuration");
        let start = Start { create_topics: false, from: Some(From::Earliest) };
        let proxy = Proxy::start(&config, start).expect("the proxy starts");
        wait("readiness", || proxy.readiness().ready);
        proxy
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers()).set("group.id", "test");
        config.set("enable.auto.commit", "false");
        config
    }

    /// Writes events, keyed by person; every tenth is broken, every third has no consent.
    fn feed(&mut self, count: u64) {
        let producer: ThreadedProducer<DefaultProducerContext> =
            self.client().set("partitioner", "murmur2_random").create().expect("producer");
        for seq in self.written..self.written + count {
            let (key, value) = (key(seq), event(seq));
            let headers = OwnedHeaders::new().insert(MessageHeader { key: "trace", value: Some("t1") });
            let headers = headers.insert(MessageHeader { key: "secret", value: Some("s1") });
            let record = BaseRecord::to("events").key(&key).payload(&value).timestamp(time(seq)).headers(headers);
            producer.send(record).map_err(|(error, _)| error).expect("sent");
        }
        producer.flush(SOON).expect("flushed");
        self.written += count;
    }

    /// Every event has been judged in a batch that was committed.
    fn wait_committed(&self, proxy: &Proxy) {
        let counted = || -> u64 {
            let decisions = proxy.telemetry().decisions();
            decisions.iter().filter(|count| &*count.sink == "warehouse").map(|count| count.count).sum()
        };
        wait("every event to be committed", || {
            assert_eq!(proxy.failure(), None);
            counted() >= self.written
        });
    }

    fn committed(&self) -> i64 {
        let consumer: BaseConsumer = self.client().create().expect("consumer");
        let mut all = TopicPartitionList::new();
        all.add_partition_range("events", 0, PARTITIONS - 1);
        let committed = consumer.committed_offsets(all, SOON).expect("offsets");
        committed.elements().iter().map(|place| if let Offset::Offset(at) = place.offset() { at } else { 0 }).sum()
    }

    fn read(&self, topic: &str) -> Vec<Row> {
        let consumer: BaseConsumer = self.client().set("enable.partition.eof", "true").create().expect("consumer");
        let mut places = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            places.add_partition_offset(topic, partition, Offset::Beginning).expect("place");
        }
        consumer.assign(&places).expect("assigned");
        let (mut rows, mut ends) = (Vec::new(), 0);
        while ends < PARTITIONS {
            match consumer.poll(SOON).expect("an answer") {
                Ok(message) => rows.push(row(&message)),
                Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ends += 1,
                Err(error) => panic!("reading {topic}: {error}"),
            }
        }
        rows
    }

    /// The plan and what its engine makes of the events: the oracle for bytes, keys and headers.
    fn oracle(&self) -> BTreeMap<(&'static str, u64), Row> {
        let keys = KeySet::load(&self.path("keys.yaml")).expect("keys");
        let plan: Plan = privet::policy::compile(POLICY, "policy.yaml", &keys).plan.expect("plan");
        let mut engine = Engine::new(Limits::default());
        let mut rows = BTreeMap::new();
        for seq in 0..self.written {
            let (key, value) = (key(seq), event(seq));
            let header = |name, value: &'static str| Header { name, value: Some(value.as_bytes()) };
            let headers = [header("trace", "t1"), header("secret", "s1")];
            let at = Timestamp::from_millisecond(time(seq)).expect("time");
            let position = Position::default();
            let record = Record { position, timestamp: Some(at), key: Some(&key), value: Some(&value), headers: &headers };
            let stream = plan.stream_named("web").expect("stream");
            engine.evaluate(&plan, stream, &record, Timestamp::now(), &mut |sink, verdict| {
                if verdict.outcome.releases() {
                    let kept =
                        verdict.kept_headers(&record).map(|header| (header.name.to_owned(), header.value.map(<[u8]>::to_vec)));
                    let sink = ["warehouse", "ads"][sink.index()];
                    let (key, value) = (verdict.key.map(<[u8]>::to_vec), verdict.value.map(<[u8]>::to_vec));
                    let headers = kept.collect();
                    rows.insert((sink, seq), Row { partition: -1, key, value, timestamp: Some(time(seq)), headers });
                }
            });
        }
        rows
    }

    /// Each sink's rows against the oracle; `once` says that nothing may come twice.
    fn assert_delivered(&self, once: bool) {
        let oracle = self.oracle();
        for sink in ["warehouse", "ads"] {
            let mut times: BTreeMap<u64, u64> = BTreeMap::new();
            for row in self.read(sink) {
                let seq = seq_of(row.value.as_deref().expect("a value"));
                let expected = oracle.get(&(sink, seq)).unwrap_or_else(|| panic!("{sink} must not have event {seq}"));
                assert_eq!(Row { partition: -1, ..row }, *expected, "{sink}, event {seq}");
                *times.entry(seq).or_default() += 1;
            }
            let expected: Vec<u64> = oracle.keys().filter(|(of, _)| *of == sink).map(|(_, seq)| *seq).collect();
            assert_eq!(times.keys().copied().collect::<Vec<_>>(), expected, "{sink} has each event");
            assert!(!once || times.values().all(|times| *times == 1), "{sink} has each event once");
        }
    }
}

fn key(seq: u64) -> Vec<u8> {
    format!("person-{}", seq % 17).into_bytes()
}

fn event(seq: u64) -> Vec<u8> {
    let whole = format!(
        "{{\"seq\":{seq}, \"user\":\"u{}\",\"mail\":\"m{seq}@example.com\",\"consent\":{{\"Advertising\":{}}}}}",
        seq % 17,
        !seq.is_multiple_of(3)
    );
    let length = whole.len() - usize::from(seq % 10 == 9);
    whole.into_bytes()[..length].to_vec()
}

fn time(seq: u64) -> i64 {
    1_790_000_000_000 + seq as i64
}

fn seq_of(value: &[u8]) -> u64 {
    let tree: serde_json::Value = serde_json::from_slice(value).expect("JSON");
    tree["seq"].as_u64().expect("a number")
}

fn row(message: &rdkafka::message::BorrowedMessage<'_>) -> Row {
    let headers =
        message.headers().map(|headers| headers.iter().map(|h| (h.key.to_owned(), h.value.map(<[u8]>::to_vec))).collect());
    Row {
        partition: message.partition(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        timestamp: message.timestamp().to_millis(),
        headers: headers.unwrap_or_default(),
    }
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < SOON, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn metric(proxy: &Proxy, series: &str) -> f64 {
    let text = proxy.telemetry().render(Timestamp::now());
    let line = text.lines().find_map(|line| line.strip_prefix(series)).unwrap_or_else(|| panic!("no {series}"));
    line.trim().parse().expect("a number")
}

#[test]
fn sinks_get_the_engines_bytes_keys_headers_and_times() {
    let mut stage = Stage::new("exactly_once");
    stage.feed(600);
    let proxy = stage.start();
    stage.wait_committed(&proxy);
    stage.assert_delivered(true);
    let events = stage.read("events");
    let partition_of = |seq: u64| events.iter().find(|row| seq_or_none(row) == Some(seq)).map(|row| row.partition);
    for row in stage.read("ads").iter().take(20) {
        let seq = seq_of(row.value.as_deref().expect("a value"));
        assert_eq!(Some(row.partition), partition_of(seq), "without a key a record keeps its partition");
    }
    let decisions = proxy.telemetry().decisions();
    let of = |sink: &str, outcome, reason| -> u64 {
        let same = |count: &&privet::telemetry::DecisionCount| {
            &*count.sink == sink && (count.outcome, count.reason) == (outcome, reason)
        };
        decisions.iter().filter(same).map(|count| count.count).sum()
    };
    assert_eq!(of("warehouse", Outcome::Quarantine, Reason::Malformed), 60);
    assert_eq!(of("warehouse", Outcome::Allow, Reason::NotRequired), 540);
    // Of 0..600, 200 are multiples of three; 20 of those end in 9.
    assert_eq!(of("ads", Outcome::Drop, Reason::ConsentDenied), 180);
    assert_eq!(of("ads", Outcome::Allow, Reason::ConsentGranted), 360);
    let aside: usize = stage
        .read("aside")
        .iter()
        .map(|row| row.value.as_ref().map_or(0, |lines| lines.split(|byte| *byte == b'\n').count() - 1))
        .sum();
    assert_eq!(aside, 60, "each broken record is set aside once, for all sinks together");
    proxy.stop().expect("stopped");
}

fn seq_or_none(row: &Row) -> Option<u64> {
    let tree: serde_json::Value = serde_json::from_slice(row.value.as_deref()?).ok()?;
    tree["seq"].as_u64()
}

#[test]
fn a_drain_commits_what_is_open_and_is_quick() {
    let mut stage = Stage::new("at_least_once");
    stage.feed(4_000);
    let proxy = stage.start();
    wait("some events", || stage.committed() > 0);
    let telemetry = proxy.telemetry().clone();
    let begun = Instant::now();
    proxy.stop().expect("stopped");
    assert!(begun.elapsed() < Duration::from_secs(5), "drained in {:?}", begun.elapsed());
    // Offsets and sinks agree: what was committed is what can be read, and the rest is as it was.
    let counted: u64 = telemetry.decisions().iter().filter(|count| &*count.sink == "warehouse").map(|count| count.count).sum();
    assert_eq!(stage.committed(), counted as i64);
    let released = telemetry
        .decisions()
        .iter()
        .filter(|count| &*count.sink == "warehouse" && count.outcome.releases())
        .map(|count| count.count)
        .sum::<u64>();
    assert_eq!(stage.read("warehouse").len() as u64, released);
}

/// The mock shows voided records too, so that here nothing lost and nothing foreign is what can be held.
fn survives(api: RDKafkaApiKey, errors: &[RDKafkaRespErr], series: &str) {
    let mut stage = Stage::new("exactly_once");
    let proxy = stage.start();
    stage.cluster.request_errors(api, errors);
    stage.feed(300);
    stage.wait_committed(&proxy);
    stage.assert_delivered(false);
    let seen = metric(&proxy, series);
    assert!(seen >= 1.0, "{api:?} {errors:?}: {series} is {seen}");
    proxy.stop().expect("it did not give up");
}

const ABORTED: &str = "privet_transactions_total{result=\"aborted\"}";
const COMMITTED: &str = "privet_transactions_total{result=\"committed\"}";
const REBUILDS: &str = "privet_producer_rebuilds_total";

#[test]
fn a_stale_generation_aborts_rewinds_and_goes_on() {
    survives(RDKafkaApiKey::TxnOffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION], ABORTED);
}

#[test]
fn an_unknown_member_aborts_rewinds_and_goes_on() {
    survives(RDKafkaApiKey::TxnOffsetCommit, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID], ABORTED);
}

#[test]
fn a_sink_topic_that_refuses_for_a_while_holds_the_batch_back() {
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    survives(RDKafkaApiKey::AddPartitionsToTxn, &[refused, refused], ABORTED);
}

#[test]
fn a_coordinator_that_moves_is_waited_for() {
    let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
    survives(RDKafkaApiKey::EndTxn, &[moved, moved], COMMITTED);
}

#[test]
fn a_fenced_producer_is_made_anew_under_the_same_id() {
    survives(RDKafkaApiKey::AddOffsetsToTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH], REBUILDS);
}

#[test]
fn a_transactional_id_without_rights_stops_with_words() {
    let mut stage = Stage::new("exactly_once");
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    stage.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refused; 8]);
    stage.feed(1);
    let config = Config::load(&stage.path("privet.yaml"), &System).expect("configuration");
    let proxy = Proxy::start(&config, Start { create_topics: false, from: Some(From::Earliest) }).expect("checks pass");
    wait("a worker to give up", || proxy.failure().is_some());
    let why = proxy.failure().expect("a reason");
    assert!(why.contains("grant WRITE and DESCRIBE on transactional ids"), "{why}");
    assert!(proxy.stop().is_err());
}

/// What an error is answered with, as the metrics show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// The same call again: nothing is voided.
    Retry,
    /// The batch is voided, and its records are read again.
    Abort,
    /// The producer is made anew.
    Rebuild,
}

/// The request that an error answers, the error, and what becomes of the batch.
type Case = (RDKafkaApiKey, RDKafkaRespErr, Answer);

const UNKNOWN: &str = "privet_transactions_total{result=\"unknown\"}";

/// The table: each error that a broker may give to a request of a transaction, once, and what becomes of the batch.
/// Where the answer comes from: KIP-98, KIP-360 and KIP-447 for what fences and what is retried; librdkafka's transaction
/// manager for which of the others it lets a producer survive.
#[test]
fn every_error_of_a_transaction_is_answered_as_the_table_says() {
    use Answer::{Abort, Rebuild, Retry};
    use RDKafkaApiKey::{AddOffsetsToTxn, AddPartitionsToTxn, EndTxn, TxnOffsetCommit};
    use RDKafkaRespErr as Code;
    const TABLE: &[Case] = &[
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Retry),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, Retry),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, Retry),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, Retry),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, Abort),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_UNKNOWN, Abort),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Rebuild),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Rebuild),
        (AddPartitionsToTxn, Code::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Rebuild),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Retry),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, Retry),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, Retry),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, Retry),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Retry),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, Abort),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_UNKNOWN, Abort),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Rebuild),
        (AddOffsetsToTxn, Code::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Rebuild),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Retry),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, Retry),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, Retry),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Retry),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, Abort),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, Abort),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, Abort),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, Abort),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_UNKNOWN, Abort),
        (TxnOffsetCommit, Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Rebuild),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, Retry),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, Retry),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, Retry),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_UNKNOWN, Abort),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, Rebuild),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, Rebuild),
        (EndTxn, Code::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, Rebuild),
    ];
    // A cluster and a proxy of its own for each row; some at a time.
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let some = |rows: &'static [Case]| move || rows.iter().filter_map(answered_otherwise).collect::<Vec<_>>();
        let threads: Vec<_> = TABLE.chunks(TABLE.len().div_ceil(6)).map(|rows| scope.spawn(some(rows))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no row fails otherwise")).collect()
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What was seen, if it is not what the row says.
fn answered_otherwise((api, code, expected): &Case) -> Option<String> {
    let mut stage = Stage::new("exactly_once");
    let proxy = stage.start();
    stage.cluster.request_errors(*api, &[*code]);
    stage.feed(60);
    stage.wait_committed(&proxy);
    stage.assert_delivered(false);
    let seen = match (metric(&proxy, ABORTED) + metric(&proxy, UNKNOWN) > 0.0, metric(&proxy, REBUILDS) > 0.0) {
        (_, true) => Answer::Rebuild,
        (true, false) => Answer::Abort,
        (false, false) => Answer::Retry,
    };
    proxy.stop().expect("it did not give up");
    (seen != *expected).then(|| format!("{api:?} {code:?}: {seen:?}, and {expected:?} was expected"))
}

/// A coordinator that is being elected answers so for a while: whoever is asked to end then must not wait for it.
#[test]
fn a_stop_while_the_coordinator_is_elected_is_quick_and_no_failure() {
    let elected = RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
    let quick = |proxy: Proxy, when: &str| {
        let begun = Instant::now();
        proxy.stop().unwrap_or_else(|error| panic!("{when}: {error:#}"));
        assert!(begun.elapsed() < Duration::from_secs(5), "{when}: it took {:?}", begun.elapsed());
    };
    // Before the first worker has registered its id.
    let stage = Stage::new("exactly_once");
    stage.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[elected; 500]);
    let config = Config::load(&stage.path("privet.yaml"), &System).expect("configuration");
    let proxy = Proxy::start(&config, Start { create_topics: false, from: Some(From::Earliest) }).expect("checks pass");
    std::thread::sleep(Duration::from_millis(800));
    quick(proxy, "while registering");
    // Once partitions were given and nobody tells where they begin.
    let stage = Stage::new("exactly_once");
    let config = Config::load(&stage.path("privet.yaml"), &System).expect("configuration");
    let proxy = Proxy::start(&config, Start { create_topics: false, from: Some(From::Earliest) }).expect("checks pass");
    stage.cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[elected; 500]);
    wait("a stall", || proxy.readiness().reasons.iter().any(|reason| reason.contains("committed offsets")));
    quick(proxy, "while nobody tells committed offsets");
    // While a batch is being ended.
    let mut stage = Stage::new("exactly_once");
    let proxy = stage.start();
    stage.cluster.request_errors(RDKafkaApiKey::EndTxn, &[elected; 500]);
    stage.feed(300);
    std::thread::sleep(Duration::from_millis(800));
    quick(proxy, "while committing");
    // While a producer is made anew.
    let mut stage = Stage::new("exactly_once");
    let proxy = stage.start();
    stage.cluster.request_errors(RDKafkaApiKey::InitProducerId, &[elected; 500]);
    stage.cluster.request_errors(RDKafkaApiKey::EndTxn, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED]);
    stage.feed(300);
    std::thread::sleep(Duration::from_millis(1500));
    quick(proxy, "while the producer is made anew");
}

#[test]
fn at_least_once_delivers_without_transactions() {
    let mut stage = Stage::new("at_least_once");
    stage.feed(400);
    let proxy = stage.start();
    stage.wait_committed(&proxy);
    stage.assert_delivered(true);
    proxy.stop().expect("stopped");
}

#[test]
fn without_a_beginning_nothing_starts() {
    let mut stage = Stage::new("exactly_once");
    stage.feed(1);
    let config = Config::load(&stage.path("privet.yaml"), &System).expect("configuration");
    let refusal = Proxy::start(&config, Start::default()).err().expect("refused").to_string();
    assert!(refusal.contains("`--from earliest`") && refusal.contains("topic `events`"), "{refusal}");
}

#[test]
fn topics_that_are_missing_are_all_named() {
    let stage = Stage::new("exactly_once");
    let policy = POLICY.replace("topic: warehouse", "topic: nowhere").replace("topics: [events]", "topics: [elsewhere]");
    std::fs::write(stage.path("policy.yaml"), policy).expect("policy");
    let config = Config::load(&stage.path("privet.yaml"), &System).expect("configuration");
    let refusal = Proxy::start(&config, Start::default()).err().expect("refused").to_string();
    assert!(refusal.contains("topic `nowhere` of sink `warehouse`") && refusal.contains("--create-topics"), "{refusal}");
    assert!(refusal.contains("source topic `elsewhere`"), "{refusal}");
}
