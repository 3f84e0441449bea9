//! The follower against librdkafka's mock cluster: loading, living, proving. What only Apache Kafka does (markers, empty
//! partitions that begin beyond zero, open transactions) is in `tests/kafka/ledger.rs`.

use super::*;
use crate::config::{Config, System};
use crate::event::Timestamp;
use crate::kafka::mock::{Cluster, Feed};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

const SOON: Duration = Duration::from_secs(5);

type Rows = Arc<Mutex<BTreeMap<Vec<u8>, Option<Vec<u8>>>>>;

struct Kept(Rows);

impl Table for Kept {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        if row.value == Some(b"too much") {
            return Err("there is no room".to_owned());
        }
        let key = format!("{}/{}", row.topic, String::from_utf8_lossy(row.key.unwrap_or_default()));
        self.0.lock().unwrap().insert(key.into_bytes(), row.value.map(<[u8]>::to_vec));
        Ok(())
    }
}

fn settings(cluster: &Cluster) -> Settings {
    let text = format!(
        "policy: p\nkeys: {{provider: file, path: k}}\ngroup: shop\ninstance: a\nworkers: 1\nkafka: {{bootstrap.servers: \"{}\"}}\n",
        cluster.bootstrap()
    );
    Settings::new(&Config::parse(&text, Path::new("c.yaml"), &System).unwrap()).unwrap()
}

fn topic(name: &str, rows: &Rows) -> Topic {
    Topic { name: name.to_owned(), from: Vec::new(), table: Box::new(Kept(rows.clone())) }
}

fn follow(cluster: &Cluster, topics: Vec<Topic>) -> Follow {
    let watch = Watch::new(Duration::from_secs(2));
    Follow::start(&settings(cluster), &Properties::default(), "ledger", topics, watch).unwrap()
}

fn wait(what: &str, mut check: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < SOON, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn feed(cluster: &Cluster, topic: &str, rows: impl IntoIterator<Item = (String, String)>) {
    let feed = Feed::connect(&cluster.bootstrap()).unwrap();
    for (key, value) in rows {
        feed.send(topic, key.as_bytes(), value.as_bytes(), Timestamp::UNIX_EPOCH).unwrap();
    }
    feed.flush(SOON).unwrap();
}

#[test]
fn everything_is_read_before_it_is_fresh_and_what_comes_is_applied_before_the_next_proof() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("consent", 3).unwrap();
    cluster.create_topic("erasures", 2).unwrap();
    feed(&cluster, "consent", (0..5_000).map(|n| (format!("k{n}"), "1".to_owned())));
    let rows = Rows::default();
    let follow = follow(&cluster, vec![topic("consent", &rows), topic("erasures", &rows)]);
    wait("the first proof", || {
        let fresh = follow.watch().is_fresh(Instant::now());
        assert!(!fresh || rows.lock().unwrap().len() == 5_000, "fresh before all was read");
        fresh
    });
    let acknowledged = {
        feed(&cluster, "consent", [("k7".to_owned(), "2".to_owned())]);
        feed(&cluster, "erasures", [("gone".to_owned(), "x".to_owned())]);
        Instant::now()
    };
    wait("a proof after the withdrawal", || follow.watch().fresh_as_of().is_some_and(|moment| moment > acknowledged));
    let rows = rows.lock().unwrap();
    assert_eq!(rows[&b"consent/k7"[..]].as_deref(), Some(&b"2"[..]));
    assert!(rows.contains_key(&b"erasures/gone"[..]));
}

/// One that reads nothing yet: what it makes of answers.
fn follower(rows: &Rows) -> Follower {
    let mut follower = Follower::new("ledger", vec![topic("consent", rows)], Watch::new(Duration::from_secs(2)));
    follower.places.grow(0, 3, |_| None);
    follower
}

#[test]
fn fewer_partitions_hold_it_up_and_fail_it_only_where_they_last() {
    let (mut follower, now) = (follower(&Rows::default()), Instant::now());
    follower.fewer(0, now);
    follower.fewer(0, now + SHRUNK / 2);
    assert!(!follower.failed && follower.watch.note().is_some_and(|note| note.contains("fewer")));
    follower.fewer(0, now + SHRUNK);
    assert!(follower.failed);
}

#[test]
fn an_id_that_is_not_said_does_not_hide_another_topic() {
    let mut follower = follower(&Rows::default());
    for id in [0, 7, 0, 7] {
        follower.compare(&[("consent".to_owned(), id)]);
        assert!(!follower.failed);
    }
    follower.compare(&[("consent".to_owned(), 0)]);
    follower.compare(&[("consent".to_owned(), 8)]);
    assert!(follower.failed);
}

#[test]
fn a_row_that_comes_again_replaces_nothing() {
    let rows = Rows::default();
    let mut follower = follower(&rows);
    let row = |partition, offset, value| {
        let (key, value) = (Some(&b"k"[..]), Some(value));
        Event::Row(Row { topic: "consent", partition, offset, timestamp: None, key, value })
    };
    follower.take(row(1, 4, b"granted"));
    follower.take(row(1, 5, b"withdrawn"));
    follower.take(row(1, 4, b"granted"));
    assert_eq!(rows.lock().unwrap()[&b"consent/k"[..]].as_deref(), Some(&b"withdrawn"[..]));
    assert_eq!(follower.rows, 2);
    follower.take(row(0, 0, b"granted"));
    assert_eq!(follower.rows, 3, "another partition has offsets of its own");
}

#[test]
fn a_snapshot_is_continued_where_it_ends() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("consent", 1).unwrap();
    feed(&cluster, "consent", (0..10).map(|n| (format!("k{n}"), "1".to_owned())));
    let rows = Rows::default();
    let follow = follow(&cluster, vec![Topic { from: vec![(0, 6)], ..topic("consent", &rows) }]);
    wait("the first proof", || follow.watch().is_fresh(Instant::now()));
    let keys: Vec<String> = rows.lock().unwrap().keys().map(|key| String::from_utf8_lossy(key).into_owned()).collect();
    assert_eq!(keys, ["consent/k6", "consent/k7", "consent/k8", "consent/k9"]);
}

#[test]
fn a_snapshot_that_goes_on_beyond_the_end_is_a_topic_cut_off() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("consent", 1).unwrap();
    feed(&cluster, "consent", [("k".to_owned(), "1".to_owned())]);
    let rows = Rows::default();
    let follow = follow(&cluster, vec![Topic { from: vec![(0, 6)], ..topic("consent", &rows) }]);
    wait("the failure", || matches!(follow.watch().standing(Instant::now()), Standing::Failed(_)));
    assert!(rows.lock().unwrap().is_empty());
}

#[test]
fn a_topic_that_is_not_there_keeps_it_loading_and_is_named() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("other", 1).unwrap();
    let rows = Rows::default();
    let follow = follow(&cluster, vec![topic("other", &rows), Topic { name: "no:such".to_owned(), ..topic("", &rows) }]);
    wait("the note", || follow.watch().note().is_some_and(|note| note.contains("no:such")));
    assert_eq!(follow.watch().standing(Instant::now()), Standing::Loading);
}

#[test]
fn a_table_that_cannot_take_a_row_ends_it() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("consent", 1).unwrap();
    feed(&cluster, "consent", [("k".to_owned(), "too much".to_owned())]);
    let rows = Rows::default();
    let follow = follow(&cluster, vec![topic("consent", &rows)]);
    wait("the failure", || {
        eprintln!("{:?} {:?} {:?}", follow.watch().standing(Instant::now()), follow.watch().note(), follow.watch().progress());
        std::thread::sleep(Duration::from_millis(300));
        matches!(follow.watch().standing(Instant::now()), Standing::Failed(why) if why.contains("no room"))
    });
}

#[test]
fn brokers_that_are_gone_leave_it_stale() {
    let cluster = Cluster::start().unwrap();
    cluster.create_topic("consent", 1).unwrap();
    let rows = Rows::default();
    let follow = follow(&cluster, vec![topic("consent", &rows)]);
    wait("the first proof", || follow.watch().is_fresh(Instant::now()));
    drop(cluster);
    let gone = Instant::now();
    wait("staleness", || matches!(follow.watch().standing(Instant::now()), Standing::Stale(_)));
    assert!(gone.elapsed() < Duration::from_secs(4), "{:?}", gone.elapsed());
}
