//! A restored ledger is the one that read everything; a file that cannot be that is discarded by name.

use super::*;
use crate::keys::KeySet;
use crate::ledger::{Applied, Change, Feed, HashBuffers, Held, Rows};
use proptest::prelude::*;
use std::cell::Cell;

const PEOPLE: usize = 6;
const PARTITIONS: i32 = 3;

fn ledger() -> Arc<Ledger> {
    Arc::new(Ledger::new(&KeySet::demonstration()))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOON: &str = "2026-11-22T12:00:00Z";
const DAY: Duration = Duration::from_secs(86_400);

fn origin(next: &[i64]) -> Origin {
    Origin { cluster: "c1".into(), topic: "consent".into(), id: 77, next: next.to_vec(), delete_retention: DAY }
}

/// What the topic is an hour later, with room behind every offset.
fn expected() -> Expected {
    let (cluster, topic) = ("c1".into(), "consent".into());
    let ends = vec![(0, 1_000); PARTITIONS as usize];
    Expected { cluster, topic, id: 77, ends, delete_retention: DAY, now: at("2026-11-22T13:00:00Z") }
}

/// One record of a history: partition, key, value.
type Written = (i32, String, Option<Vec<u8>>);

fn apply(ledger: &Ledger, written: &Written, offset: usize) -> Applied {
    let (partition, key, value) = written;
    let (key, value, offset) = (Some(key.as_bytes()), value.as_deref(), offset as i64);
    ledger.apply(&Change { feed: Feed::Consent, partition: *partition, offset, key, value, timestamp: None })
}

/// What can be asked about one of them: what is held, their rows, whether they wait for a denial or are a crowd, and their partitions.
type Known = (Option<Held>, Vec<String>, bool, Option<Vec<i32>>);

/// All that can be asked of a ledger about the people of these histories.
fn known(ledger: &Ledger) -> Vec<Known> {
    let names = (0..PEOPLE).map(|person| ("user_id", format!("u{person}")));
    let devices = (0..PEOPLE).map(|device| ("device", format!("d{device}")));
    let mut rows = Rows::default();
    let one = |(kind, value): (&str, String)| {
        let digest = ledger.digests().of(kind, &value);
        ledger.find(digest, &mut rows);
        let name = |said: &crate::ledger::Said| said.purpose.index().map(|index| ledger.purpose_name(index).unwrap());
        let place = |row| rows.place(row).map(|place| crate::ledger::row::place_text(&place));
        let row = |row| {
            let said: Vec<String> = rows
                .said(row)
                .map(|said| {
                    let vendors = match said.reach {
                        crate::ledger::Reach::Named(list) => ledger.vendors(list).map(|names| names.to_vec()),
                        _ => None,
                    };
                    format!(
                        "{:?} {:?} {vendors:?} {:?} {:?} {:?}",
                        name(&said),
                        said.choice,
                        said.start,
                        said.confirmed,
                        said.expires
                    )
                })
                .collect();
            format!("{:?} {said:?}", place(row))
        };
        let mut found: Vec<String> = (0..rows.len()).map(row).collect();
        found.sort();
        let key = format!("{kind}:{value}");
        let split = ledger.splits().get(&digest).map(|places| places.iter().copied().collect());
        (ledger.held(kind, &value), found, ledger.needs_denial(key.as_bytes()) || rows.is_crowd(), split)
    };
    names.chain(devices).map(one).collect()
}

fn written() -> impl Strategy<Value = Written> {
    let value = (0..10u8, 0..4u64, 0..PEOPLE, 0..3usize, 0..4u8, any::<bool>());
    (0..PEOPLE, prop::bool::weighted(0.1), value).prop_map(|(person, strays, (what, version, device, state, place, json))| {
        let partition = (person as i32 + i32::from(strays)) % PARTITIONS;
        let value = match what {
            0 => None,
            1 => Some(b"{nonsense".to_vec()),
            _ => {
                let state = ["granted", "denied", "withdrawn"][state];
                let vendors = if what == 2 { format!(r#","vendors":["v{device}","v{version}"]"#) } else { String::new() };
                let place = ["", r#","jurisdiction":"DE""#, r#","jurisdiction":"US-CA""#, r#","jurisdiction":"XX""#][place as usize];
                let text = format!(
                    r#"{{"identity":{{"kind":"user_id","value":"u{person}"}},"aliases":[{{"kind":"device","value":"d{device}"}}],
                    "version":{version}{place},"purposes":{{"ads":{{"state":"{state}","at":"2026-11-0{}T09:00:00.123Z"{vendors}}},"p{what}":{{"state":"granted","at":"2026-11-01T09:00:00Z"}}}}}}"#,
                    1 + version
                );
                let record = crate::ledger::ConsentRecord::read(text.as_bytes()).unwrap();
                Some(if json { record.to_json() } else { record.to_protobuf() })
            }
        };
        (partition, format!("user_id:u{person}"), value)
    })
}

proptest! {
    /// For every history and every moment of it: what a snapshot of that moment holds, taken while the rest arrives, and the rest
    /// behind it, is what reading everything comes to.
    #[test]
    fn a_snapshot_and_the_tail_are_the_whole(history in prop::collection::vec(written(), 1..120), cut in 0usize..120) {
        let running = ledger();
        let mut cut = cut.min(history.len());
        (0..cut).for_each(|at| drop(apply(&running, &history[at], at)));
        // A denial that has to be appended keeps it from being taken: then a little later.
        let mut snapshot = running.snapshot(&origin(&[1, 2, 3]), at(NOON));
        while snapshot.is_none() && cut < history.len() {
            apply(&running, &history[cut], cut);
            cut += 1;
            snapshot = running.snapshot(&origin(&[1, 2, 3]), at(NOON));
        }
        prop_assume!(snapshot.is_some());
        let snapshot = snapshot.unwrap();
        prop_assert!(running.snapshot(&origin(&[]), at(NOON)).is_none(), "one at a time");
        let next = Cell::new(cut);
        let file = snapshot.write(Vec::new(), || {
            if next.get() < history.len() {
                apply(&running, &history[next.get()], next.get());
                next.set(next.get() + 1);
            }
            true
        });
        drop(snapshot);
        let restored = ledger();
        prop_assert_eq!(restored.restore(&file.unwrap()[..], &expected()), Ok(vec![1, 2, 3]));
        let whole = ledger();
        (0..cut).for_each(|at| drop(apply(&whole, &history[at], at)));
        prop_assert_eq!(known(&restored), known(&whole), "at the cut");
        prop_assert_eq!(restored.stats().aliases, whole.stats().aliases);
        for (at, record) in history.iter().enumerate().skip(cut) {
            prop_assert!(apply(&restored, record, at) == apply(&whole, record, at), "record {}", at);
        }
        prop_assert_eq!(known(&restored), known(&whole));
        prop_assert_eq!(restored.subjects(), whole.subjects());
    }
}

fn granted(person: &str) -> Written {
    let value = format!(
        r#"{{"identity":{{"kind":"user_id","value":"{person}"}},"version":3,"purposes":{{"ads":{{"state":"granted","at":"2026-11-01T09:00:00Z"}}}}}}"#
    );
    (0, format!("user_id:{person}"), Some(value.into_bytes()))
}

fn taken(ledger: &Arc<Ledger>) -> Vec<u8> {
    ledger.snapshot(&origin(&[10, 0, 0]), at(NOON)).unwrap().write(Vec::new(), || true).unwrap()
}

#[test]
fn whoever_is_erased_after_a_snapshot_does_not_come_back_by_it_nor_by_other_keys() {
    let running = ledger();
    apply(&running, &granted("u1"), 0);
    apply(&running, &granted("u2"), 1);
    let file = taken(&running);
    // The erasure as it lands: suppressed, and the row's tombstone.
    let suppress = |ledger: &Ledger| {
        let (key, value) = (Some(&b"user_id:u1"[..]), Some(&b"{}"[..]));
        ledger.apply(&Change { feed: Feed::Erasures, partition: 0, offset: 0, key, value, timestamp: None });
        apply(ledger, &(0, "user_id:u1".to_owned(), None), 10);
    };
    let mut keys = KeySet::demonstration();
    keys.rotate().unwrap();
    for keys in [KeySet::demonstration(), keys] {
        let restored = Arc::new(Ledger::new(&keys));
        assert_eq!(restored.restore(&file[..], &expected()), Ok(vec![10, 0, 0]), "rotation does not touch the ledger's root");
        assert_eq!(restored.subjects(), 2);
        assert!(!restored.is_ready(), "nothing is judged before the rest was read");
        suppress(&restored);
        assert!(restored.held("user_id", "u1").is_none() && restored.held("user_id", "u2").is_some());
        let mut purposes = 0;
        let plain = restored.digests().of("user_id", "u1");
        restored.suppressions(("user_id", "u1"), plain, &mut HashBuffers::default(), &mut Vec::new(), &mut |_| purposes += 1);
        assert_eq!(purposes, 1);
        let again = taken(&restored);
        let fresh = ledger();
        fresh.restore(&again[..], &expected()).unwrap();
        assert!(fresh.held("user_id", "u1").is_none(), "nor is anything of them in the next snapshot");
        assert_eq!(fresh.suppressed(), 0, "suppressions are read from their topic");
    }
}

#[test]
fn a_snapshot_of_something_else_is_discarded_with_its_reason() {
    let running = ledger();
    apply(&running, &granted("u1"), 0);
    let file = taken(&running);
    let of = |change: fn(&mut Expected)| {
        let mut expected = expected();
        change(&mut expected);
        ledger().restore(&file[..], &expected).unwrap_err()
    };
    assert_eq!(of(|expected| expected.cluster = "c2".into()), Discarded::OtherCluster);
    assert_eq!(of(|expected| expected.topic = "other".into()), Discarded::OtherTopic);
    assert_eq!(of(|expected| expected.id = 78), Discarded::OtherTopic, "made anew");
    assert_eq!(of(|expected| expected.ends.truncate(2)), Discarded::OtherTopic, "fewer partitions");
    assert_eq!(of(|expected| expected.ends[0] = (11, 20)), Discarded::OffsetsGone, "what follows was deleted");
    assert_eq!(of(|expected| expected.ends[0] = (0, 9)), Discarded::OffsetsGone, "it was cut off");
    assert_eq!(of(|expected| expected.now = at("2026-11-23T00:00:01Z")), Discarded::TooOld, "12 hours and a second");
    assert_eq!(of(|expected| expected.delete_retention = DAY / 13), Discarded::TooOld);
    assert_eq!(of(|expected| expected.now = at("2026-11-22T11:59:59Z")), Discarded::OfTheFuture);
    assert_eq!(
        of(|expected| (expected.delete_retention, expected.now) = (DAY * 30, at("2026-11-23T00:00:01Z"))),
        Discarded::TooOld
    );
    assert_eq!(ledger().restore(&b""[..], &expected()), Err(Discarded::Form));
    assert_eq!(ledger().restore(&file[..file.len() - 1], &expected()), Err(Discarded::NotAuthentic));
    let mut changed = file.clone();
    changed[70] ^= 1;
    assert_eq!(ledger().restore(&changed[..], &expected()), Err(Discarded::NotAuthentic));
    let other = Arc::new(Ledger::new(&KeySet::generate().unwrap()));
    assert_eq!(other.restore(&file[..], &expected()), Err(Discarded::NotAuthentic), "another key set");
    let small = Ledger::new(&KeySet::demonstration()).within(1_000);
    assert_eq!(small.restore(&file[..], &expected()), Err(Discarded::NoRoom));
    let mut more = expected();
    more.ends.push((0, 5));
    assert_eq!(ledger().restore(&file[..], &more), Ok(vec![10, 0, 0]), "partitions that were added are read whole");
}

#[test]
fn nothing_that_a_file_shows_is_anybodys_name_or_digest() {
    let running = ledger();
    apply(&running, &granted("somebody"), 0);
    let file = taken(&running);
    let digest = running.digests().of("user_id", "somebody").0.to_le_bytes();
    for hidden in [&b"somebody"[..], b"user_id", b"ads", &digest[..]] {
        assert!(!file.windows(hidden.len()).any(|part| part == hidden));
    }
}

#[test]
fn while_a_denial_is_not_in_the_topic_no_snapshot_is_taken() {
    let running = ledger();
    apply(&running, &granted("u1"), 0);
    let (_, key, value) = granted("u1");
    let older = String::from_utf8(value.unwrap()).unwrap().replace(r#""version":3"#, r#""version":2"#);
    let Applied::Regression { denial } = apply(&running, &(0, key.clone(), Some(older.into_bytes())), 1) else { panic!() };
    assert!(running.snapshot(&origin(&[2, 0, 0]), at(NOON)).is_none());
    apply(&running, &(0, key, Some(denial)), 2);
    assert!(running.snapshot(&origin(&[3, 0, 0]), at(NOON)).is_some());
}

#[test]
fn one_that_takes_too_long_is_given_up_and_another_can_be_taken() {
    let running = ledger();
    (0..2_000).for_each(|number| drop(apply(&running, &granted(&format!("u{number}")), number)));
    let snapshot = running.snapshot(&origin(&[9, 0, 0]), at(NOON)).unwrap();
    assert!(snapshot.write(Vec::new(), || false).is_err());
    drop(snapshot);
    let restored = ledger();
    assert!(restored.restore(&taken(&running)[..], &expected()).is_ok());
    assert_eq!(restored.subjects(), 2_000);
}
