//! The rules of the ledger, row by row.

use super::*;
use crate::event::Jurisdiction;
use crate::keys::KeySet;

fn ledger() -> Ledger {
    Ledger::new(&KeySet::demonstration())
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Applies a value under a key of the consent topic.
fn put(ledger: &Ledger, key: &str, value: Option<&str>) -> Applied {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key, value, timestamp: None })
}

/// Applies the consent record of `user_id:u1`, with these members besides its identity.
fn put_u1(ledger: &Ledger, members: &str) -> Applied {
    put(ledger, "user_id:u1", Some(&format!(r#"{{"identity":{{"kind":"user_id","value":"u1"}}{members}}}"#)))
}

fn suppress(ledger: &Ledger, key: &str, value: Option<&str>) -> Applied {
    let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
    ledger.apply(&Change { feed: Feed::Erasures, partition: 0, offset: 0, key, value, timestamp: None })
}

/// Per row that an identity leads to: purpose and choice.
fn found(ledger: &Ledger, kind: &str, value: &str) -> Vec<Vec<(String, Choice)>> {
    let mut rows = Rows::default();
    ledger.find(ledger.digests().of(kind, value), &mut rows);
    let name = |said: Said| said.purpose.index().map_or("*".to_owned(), |index| ledger.purpose_name(index).unwrap().to_string());
    (0..rows.len()).map(|row| rows.said(row).map(|said| (name(said), said.choice)).collect()).collect()
}

fn suppressed(ledger: &Ledger, kind: &str, value: &str) -> Vec<String> {
    let mut names = Vec::new();
    let plain = ledger.digests().of(kind, value);
    ledger.suppressions((kind, value), plain, &mut HashBuffers::default(), &mut Vec::new(), &mut |purpose| {
        let name = purpose.index().map(|index| ledger.purpose_name(index).unwrap().to_string());
        names.push(name.unwrap_or("*".into()));
    });
    names
}

const GRANTED: &str = r#","purposes":{"ads":{"state":"granted","at":"2026-11-01T09:00:00Z"}}"#;
const WITHDRAWN: &str = r#","purposes":{"ads":{"state":"withdrawn","at":"2026-11-19T18:00:00Z"}}"#;

#[test]
fn the_record_of_the_contract_is_held_as_it_says() {
    let ledger = ledger();
    let record = r#"{"identity":{"kind":"user_id","value":"97980cfea0067"},
        "aliases":[{"kind":"anonymous_id","value":"507f191e810c19729de860ea"}],
        "jurisdiction":"DE","version":12,
        "purposes":{"analytics":{"state":"granted","at":"2026-11-01T09:00:00Z","expires":"2027-12-01T00:00:00Z","vendors":["*"]},
                    "advertising":{"state":"withdrawn","at":"2026-11-19T18:00:00Z","since":null}},
        "evidence":{"notice":"privacy_v4","record_id":"8e2a"}}"#;
    assert!(put(&ledger, "user_id:97980cfea0067", Some(record)) == Applied::Restricted, "it holds a withdrawal");
    let held = ledger.held("user_id", "97980cfea0067").unwrap();
    assert_eq!((held.version, held.aliases, held.place), (12, 1, Jurisdiction::from_event(Some("DE"), None)));
    let analytics = held.purposes.iter().find(|held| held.purpose == "analytics").unwrap();
    assert_eq!(analytics.choice, Choice::Granted);
    assert_eq!(analytics.since, Some(at("2026-11-01T09:00:00Z")));
    assert_eq!(analytics.confirmed, analytics.since);
    assert_eq!(analytics.expires, Some(at("2027-12-01T00:00:00Z")));
    assert_eq!(analytics.vendors, Some(vec!["*".to_owned()]));
    let advertising = held.purposes.iter().find(|held| held.purpose == "advertising").unwrap();
    assert_eq!((advertising.choice, advertising.since), (Choice::Withdrawn, Some(at("2026-11-19T18:00:00Z"))));
    assert_eq!(found(&ledger, "anonymous_id", "507f191e810c19729de860ea").len(), 1);
    assert_eq!(ledger.subjects(), 1);
}

#[test]
fn the_last_offset_wins_whatever_the_times_say() {
    let ledger = ledger();
    assert!(put_u1(&ledger, WITHDRAWN) == Applied::Restricted);
    assert!(put_u1(&ledger, GRANTED) == Applied::Stored, "older by its time, later by its offset");
    assert_eq!(found(&ledger, "user_id", "u1"), [[("ads".into(), Choice::Granted)]]);
    assert!(put_u1(&ledger, WITHDRAWN) == Applied::Restricted);
    assert_eq!(found(&ledger, "user_id", "u1"), [[("ads".into(), Choice::Withdrawn)]]);
}

#[test]
fn a_tombstone_and_nobody_are_silence() {
    let ledger = ledger();
    put_u1(&ledger, &format!(r#"{WITHDRAWN},"aliases":[{{"kind":"device","value":"d1"}}]"#));
    assert_eq!(found(&ledger, "device", "d1").len(), 1);
    assert!(put(&ledger, "user_id:u1", None) == Applied::Removed);
    assert!(found(&ledger, "user_id", "u1").is_empty());
    assert!(found(&ledger, "device", "d1").is_empty());
    assert!(found(&ledger, "user_id", "u2").is_empty());
    assert_eq!(ledger.stats(), Stats { shapes: ledger.stats().shapes, purposes: 1, ..Stats::default() });
    assert!(put(&ledger, "user_id:u9", None) == Applied::Removed, "of nobody");
}

#[test]
fn what_cannot_be_read_denies_all_to_its_key() {
    let other = r#"{"identity":{"kind":"user_id","value":"u2"}}"#;
    for value in [
        "",
        "{",
        "[]",
        "null",
        "\u{1}\u{2}",
        r#"{"purposes":{}}"#,
        other,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposs":{}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"state":"maybe"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"at":"2026-11-01T09:00:00Z"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"state":"granted","at":"yesterday"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"state":"granted","expire":"2026-11-01T09:00:00Z"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"state":"denied"},"ads":{"state":"granted"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"*":{"state":"granted","at":"2026-11-01T09:00:00Z"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"":{"state":"denied"}}}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"version":-1}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"},"aliases":[{"kind":"a:b","value":"x"}]}"#,
        r#"{"identity":{"kind":"user_id","value":"u1"}} {}"#,
    ] {
        let ledger = ledger();
        put_u1(&ledger, GRANTED);
        let since = ledger.restrictions();
        let applied = put(&ledger, "user_id:u1", Some(value));
        assert!(matches!(applied, Applied::Undecodable { .. }), "{value}");
        assert_eq!(found(&ledger, "user_id", "u1"), [[("*".into(), Choice::Broken)]], "{value}");
        let u1 = ledger.digests().of("user_id", "u1");
        assert!(ledger.restricted_since(since, |digest| digest == u1), "{value}");
        assert!(put_u1(&ledger, GRANTED) == Applied::Stored, "the next one counts again");
    }
}

#[test]
fn a_record_without_a_key_stops_the_ledger() {
    for (feed, key) in [(Feed::Consent, None), (Feed::Erasures, None), (Feed::Consent, Some(&b""[..]))] {
        let change = Change { feed, partition: 0, offset: 0, key, value: Some(b"{}"), timestamp: None };
        assert!(matches!(ledger().apply(&change), Applied::Stop { .. }));
    }
}

#[test]
fn a_version_that_goes_backwards_denies_until_the_denial_that_every_instance_reads() {
    let record = |version: u64| format!(r#"{GRANTED},"version":{version}"#);
    let long = ledger();
    assert!(put_u1(&long, &record(12)) == Applied::Stored);
    assert!(put_u1(&long, &record(12)) == Applied::Stored, "the same again");
    let Applied::Regression { denial } = put_u1(&long, &record(11)) else { panic!("a regression") };
    assert_eq!(found(&long, "user_id", "u1"), [[("*".into(), Choice::Denied)]]);
    assert!(long.needs_denial(b"user_id:u1"));
    assert!(ConsentRecord::read(&denial).is_ok_and(|denial| denial.version == 13));
    let denial = String::from_utf8(denial).unwrap();
    put(&long, "user_id:u1", Some(&denial));
    assert!(!long.needs_denial(b"user_id:u1"));
    assert_eq!(long.held("user_id", "u1").unwrap().version, 13);

    // After compaction a fresh instance reads the last record alone.
    let fresh = ledger();
    put(&fresh, "user_id:u1", Some(&denial));
    assert_eq!(found(&fresh, "user_id", "u1"), found(&long, "user_id", "u1"));
    assert!(put_u1(&long, &record(13)) == Applied::Stored, "as high as the denial");
    // An uncounted record after a counted one goes backwards too.
    assert!(matches!(put_u1(&long, GRANTED), Applied::Regression { .. }));
    // What cannot be read keeps the count.
    put(&long, "user_id:u1", Some("{"));
    assert!(matches!(put_u1(&long, &record(12)), Applied::Regression { .. }));
    // A tombstone forgets it, as compaction does.
    put(&long, "user_id:u1", None);
    assert!(put_u1(&long, &record(1)) == Applied::Stored);
    assert!(put_u1(&long, &record(u64::MAX)) == Applied::Stored);
    assert_eq!(long.held("user_id", "u1").unwrap().version, u64::MAX);
}

#[test]
fn an_alias_leads_to_every_row_that_claims_it_and_is_given_up_again() {
    let ledger = ledger();
    let claim = |user: &str, alias: &str, members: &str| {
        let aliases = format!(r#""aliases":[{{"kind":"device","value":"{alias}"}}]"#);
        let value = format!(r#"{{"identity":{{"kind":"user_id","value":"{user}"}},{aliases}{members}}}"#);
        put(&ledger, &format!("user_id:{user}"), Some(&value))
    };
    let d1 = ledger.digests().of("device", "d1");
    assert!(claim("u1", "d1", GRANTED) == Applied::Stored);
    let since = ledger.restrictions();
    assert!(claim("u2", "d1", GRANTED) == Applied::Restricted, "two claim it: its grants count only where both agree");
    assert!(ledger.restricted_since(since, |digest| digest == d1));
    assert_eq!(found(&ledger, "device", "d1").len(), 2);
    assert_eq!(found(&ledger, "user_id", "u1").len(), 1);
    let since = ledger.restrictions();
    assert!(claim("u2", "d1", WITHDRAWN) == Applied::Restricted);
    assert!(ledger.restricted_since(since, |digest| digest == d1), "who looked up the alias is concerned");
    assert!(claim("u2", "d2", WITHDRAWN) == Applied::Restricted);
    assert_eq!((found(&ledger, "device", "d1").len(), found(&ledger, "device", "d2").len()), (1, 1));
    assert_eq!(ledger.stats().aliases, 2);
}

#[test]
fn an_alias_that_a_crowd_claims_is_the_same_when_the_crowd_is_gone() {
    let ledger = ledger();
    let claim = |user: usize, claims: bool| {
        let aliases = if claims { r#","aliases":[{"kind":"device","value":"kiosk"}]"# } else { "" };
        let value = format!(r#"{{"identity":{{"kind":"user_id","value":"{user}"}}{aliases}{GRANTED}}}"#);
        put(&ledger, &format!("user_id:{user}"), Some(&value));
    };
    let mut rows = Rows::default();
    let mut look = || {
        ledger.find(ledger.digests().of("device", "kiosk"), &mut rows);
        (rows.len(), rows.is_crowd())
    };
    (0..60).for_each(|user| claim(user, true));
    assert_eq!(look(), (60, false));
    claim(60, true);
    claim(61, true);
    assert_eq!(look(), (0, true));
    claim(3, false);
    assert_eq!(look(), (0, true));
    claim(4, false);
    assert_eq!(look(), (60, false));
}

#[test]
fn only_what_takes_something_away_concerns_open_batches() {
    let ledger = ledger();
    let grant = |rest: &str| format!(r#","purposes":{{"ads":{{"state":"granted","at":"2026-11-01T09:00:00Z"{rest}}}}}"#);
    let steps = [
        (grant(""), Applied::Stored, "a new grant"),
        (grant(""), Applied::Stored, "the same"),
        (grant(r#","since":"2026-10-01T00:00:00Z""#), Applied::Stored, "since longer"),
        (grant(""), Applied::Restricted, "since shorter"),
        (grant(r#","expires":"2027-01-01T00:00:00Z""#), Applied::Restricted, "an end"),
        (grant(r#","expires":"2027-02-01T00:00:00Z""#), Applied::Stored, "a later end"),
        (grant(r#","expires":"2027-01-01T00:00:00Z""#), Applied::Restricted, "an earlier end"),
        (grant(r#","vendors":["*"]"#), Applied::Stored, "everybody disclosed"),
        (grant(r#","vendors":["acme"]"#), Applied::Restricted, "one vendor"),
        (grant(r#","vendors":["*"]"#), Applied::Restricted, "the vendor may not have been disclosed"),
        (grant(r#","vendors":[]"#), Applied::Restricted, "nobody"),
        (grant(""), Applied::Stored, "processors"),
        (grant("") + r#","jurisdiction":"DE""#, Applied::Restricted, "a place"),
        (r#","jurisdiction":"DE""#.into(), Applied::Restricted, "nothing said any more"),
        (WITHDRAWN.to_owned() + r#","jurisdiction":"DE""#, Applied::Restricted, "a withdrawal"),
        (WITHDRAWN.to_owned() + r#","jurisdiction":"DE""#, Applied::Stored, "the same"),
    ];
    for (members, expected, what) in steps {
        assert!(put_u1(&ledger, &members) == expected, "{what}");
    }
}

#[test]
fn times_lose_only_towards_less_consent() {
    let ledger = ledger();
    let purpose = r#""state":"granted","at":"2026-11-05T09:00:00.9Z","since":"2026-11-01T09:00:00.0001Z","expires":"2027-11-01T09:00:00.9Z""#;
    put_u1(&ledger, &format!(r#","purposes":{{"ads":{{{purpose}}}}}"#));
    let held = &ledger.held("user_id", "u1").unwrap().purposes[0];
    assert_eq!(held.since, Some(at("2026-11-01T09:00:00.001Z")), "later");
    assert_eq!(held.confirmed, Some(at("2026-11-05T09:00:00Z")), "earlier");
    assert_eq!(held.expires, Some(at("2027-11-01T09:00:00Z")), "earlier");
    // What is not in 1970 to 2106 is as near to it as it may be.
    let odd = r#""state":"granted","at":"1969-01-01T00:00:00Z","expires":"2900-01-01T00:00:00Z""#;
    put_u1(&ledger, &format!(r#","purposes":{{"ads":{{{odd}}}}}"#));
    let held = &ledger.held("user_id", "u1").unwrap().purposes[0];
    assert_eq!(held.since, Some(at("1970-01-01T00:00:00Z")));
    assert_eq!(held.expires, Some(at("2106-02-07T06:28:15Z")));
    // Milliseconds stay, of every purpose.
    let names: Vec<String> = (0..8).map(|n| format!(r#""p{n}":{{"state":"denied","at":"2026-11-05T09:00:00.{n}Z"}}"#)).collect();
    put_u1(&ledger, &format!(r#","purposes":{{{}}}"#, names.join(",")));
    for held in ledger.held("user_id", "u1").unwrap().purposes {
        assert_eq!(held.since, Some(at(&format!("2026-11-05T09:00:00.{}Z", &held.purpose[1..]))));
    }
}

#[test]
fn who_is_suppressed_is_found_by_name_and_by_hash() {
    // By `printf ada@example.org | sha256sum`, `sha1sum`, `md5sum`.
    let hashes = [("sha256", SHA256_OF_ADA), ("sha1", SHA1_OF_ADA), ("md5", MD5_OF_ADA)];
    for (form, hash) in hashes {
        let ledger = ledger();
        assert!(suppressed(&ledger, "email", "ada@example.org").is_empty());
        let since = ledger.restrictions();
        assert!(suppress(&ledger, &format!("{form}:email:{hash}"), Some("{}")) == Applied::Restricted);
        assert!(ledger.restricted_since(since, |_| false), "nobody was looked up by that hash before");
        assert_eq!(suppressed(&ledger, "email", "ada@example.org"), ["*"], "{form}");
        assert_eq!(suppressed(&ledger, "email", " Ada@Example.org "), ["*"], "{form}");
        assert!(suppressed(&ledger, "user_id", "ada@example.org").is_empty(), "of another kind");
        assert!(suppressed(&ledger, "email", "bob@example.org").is_empty());
        // The same without the hash.
        let anonymous = ledger.digests().anonymous_key(format!("{form}:email:{}", hash.to_uppercase()).as_bytes());
        let anonymous = String::from_utf8(anonymous).unwrap();
        assert!(!anonymous.contains(hash));
        assert!(suppress(&ledger, &format!("{form}:email:{hash}"), None) == Applied::Removed);
        assert!(suppressed(&ledger, "email", "ada@example.org").is_empty());
        suppress(&ledger, &anonymous, Some(r#"{"purposes":["newsletter"]}"#));
        assert_eq!(suppressed(&ledger, "email", "ada@example.org"), ["newsletter"], "{anonymous}");
    }
    let ledger = ledger();
    suppress(&ledger, "user_id:u1", Some(r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":["a","b"],"request":"r"}"#));
    assert_eq!(suppressed(&ledger, "user_id", "u1"), ["a", "b"]);
    assert_eq!(suppressed(&ledger, "user_id", " U1 "), ["a", "b"], "as with a hash");
    assert_eq!(ledger.suppressed(), 1);
    let anonymous = ledger.digests().anonymous_key(b"user_id:u1");
    let anonymous = std::str::from_utf8(&anonymous).unwrap();
    suppress(&ledger, anonymous, None);
    assert_eq!(suppressed(&ledger, "user_id", "u1"), ["a", "b"], "a tombstone lifts what its own key said");
    // An erasure is made anonymous.
    suppress(&ledger, anonymous, Some("{}"));
    suppress(&ledger, "user_id:u1", None);
    assert_eq!(suppressed(&ledger, "user_id", "u1"), ["*"]);
    suppress(&ledger, anonymous, None);
    assert!(suppressed(&ledger, "user_id", "u1").is_empty());
}

#[test]
fn a_record_that_is_refused_keeps_the_old_names_and_the_place() {
    let members = format!(r#","version":5,"jurisdiction":"DE","aliases":[{{"kind":"cookie","value":"c1"}}]{GRANTED}"#);
    let regressed = format!(r#","version":4,"aliases":[{{"kind":"cookie","value":"c2"}}]{GRANTED}"#);
    for (members_then, choice) in [(r#","nonsense":1"#, Choice::Broken), (&*regressed, Choice::Denied)] {
        let ledger = ledger();
        put_u1(&ledger, &members);
        put_u1(&ledger, members_then);
        assert_eq!(found(&ledger, "cookie", "c1"), [[("*".to_owned(), choice)]]);
        assert_eq!(ledger.held("user_id", "u1").unwrap().place, Some(Jurisdiction::from_event(Some("DE"), None).unwrap()));
    }
}

const SHA256_OF_ADA: &str = "cfe00dde46ef942601ffafb9e2825e802858b460e586b8305b344c1eb826357d";
const SHA1_OF_ADA: &str = "3c1b5f0cb91772d027dcdde8fb749091db780cbb";
const MD5_OF_ADA: &str = "5bfcf2d8e394674550332640d72db509";

#[test]
fn a_suppression_that_cannot_be_read_is_one_for_everything() {
    for (key, value, who) in [
        ("user_id:u1", "{", "u1"),
        ("user_id:u1", r#"{"purposes":["a"],"for":"b"}"#, "u1"),
        ("user_id:u1", r#"{"identity":{"kind":"user_id","value":"u2"},"purposes":["a"]}"#, "u1"),
    ] {
        let ledger = ledger();
        assert!(matches!(suppress(&ledger, key, Some(value)), Applied::Undecodable { .. }), "{value}");
        assert_eq!(suppressed(&ledger, "user_id", who), ["*"], "{value}");
    }
    // A hash that is none is a name of that kind.
    let ledger = ledger();
    assert!(matches!(suppress(&ledger, "sha256:email:12", Some("{}")), Applied::Undecodable { .. }));
    assert_eq!(suppressed(&ledger, "sha256", "email:12"), ["*"]);
    assert!(suppress(&ledger, "user_id:u3", Some(r#"{"purposes":["a","*"]}"#)) == Applied::Restricted);
    assert_eq!(suppressed(&ledger, "user_id", "u3"), ["*"]);
}

#[test]
fn it_is_ready_when_told_so_and_stale_when_that_is_long_ago() {
    let ledger = ledger();
    let now = Instant::now();
    let second = Duration::from_secs(1);
    assert_eq!(ledger.state(now, 2 * second), State::NotReady);
    ledger.set_fresh(now);
    assert_eq!(ledger.state(now + 2 * second, 2 * second), State::Fresh(now));
    assert_eq!(ledger.state(now + 3 * second, 2 * second), State::Stale(now));
    assert!(ledger.is_ready());
    ledger.set_not_ready();
    assert_eq!(ledger.state(now, 2 * second), State::NotReady);
}

#[test]
fn rotation_keeps_everybody_found() {
    let mut keys = KeySet::generate().unwrap();
    let before = Digests::new(&keys).of("user_id", "u1");
    keys.rotate().unwrap();
    assert!(Digests::new(&keys).of("user_id", "u1") == before);
}

#[test]
fn memory_beyond_the_limit_stops_and_says_which_setting_it_is() {
    let grown = |limit: usize| {
        let ledger = Ledger::new(&KeySet::demonstration()).within(limit);
        let stopped = (0..100_000).find(|number| {
            let value = format!(r#"{{"identity":{{"kind":"user_id","value":"{number}"}}{GRANTED}}}"#);
            match put(&ledger, &format!("user_id:{number}"), Some(&value)) {
                Applied::Stored => false,
                Applied::Stop { why } => {
                    assert!(why.contains("ledger.max_memory"), "{why}");
                    true
                }
                _ => panic!("a grant is stored or it is not"),
            }
        });
        (stopped.is_some(), ledger.bytes())
    };
    // 512 parts of at least one chunk of 16 KiB each.
    let (stopped, bytes) = grown(6 << 20);
    assert!(stopped && bytes > 6 << 20 && bytes < 7 << 20, "{stopped} {bytes}");
    let (stopped, bytes) = grown(64 << 20);
    assert!(!stopped && bytes < 64 << 20, "{stopped} {bytes}");
}

/// Applies a value of `user_id:u1` in one partition.
fn put_at(ledger: &Ledger, partition: i32, members: Option<&str>) -> Applied {
    let value = members.map(|members| format!(r#"{{"identity":{{"kind":"user_id","value":"u1"}}{members}}}"#));
    let (key, value) = (Some(&b"user_id:u1"[..]), value.as_deref().map(str::as_bytes));
    ledger.apply(&Change { feed: Feed::Consent, partition, offset: 0, key, value, timestamp: None })
}

fn says(ledger: &Ledger) -> Vec<(String, Choice)> {
    found(ledger, "user_id", "u1").concat()
}

#[test]
fn a_key_in_two_partitions_has_no_last_record_and_is_denied_everything() {
    let versioned = |text: &str, version: u32| format!(r#","version":{version}{text}"#);
    // Neither counted, one counted, and two that are the same: in either order nobody knows which came last.
    for (one, other) in [
        (GRANTED.to_owned(), WITHDRAWN.to_owned()),
        (versioned(GRANTED, 3), WITHDRAWN.to_owned()),
        (versioned(GRANTED, 3), versioned(WITHDRAWN, 3)),
    ] {
        for [first, second] in [[(0, &one), (1, &other)], [(1, &other), (0, &one)]] {
            let ledger = ledger();
            put_at(&ledger, first.0, Some(first.1));
            assert!(put_at(&ledger, second.0, Some(second.1)) == Applied::Split { denies: true });
            assert_eq!(says(&ledger), [("*".into(), Choice::Denied)]);
            // A later one in either changes nothing; once one of the two is deleted, the next record of the other holds.
            assert!(put_at(&ledger, first.0, Some(GRANTED)) == Applied::Split { denies: true });
            assert!(put_at(&ledger, 1, None) == Applied::Split { denies: true });
            assert_eq!(says(&ledger), [("*".into(), Choice::Denied)]);
            assert!(put_at(&ledger, 0, Some(&versioned(GRANTED, 9))) == Applied::Stored);
            assert_eq!(says(&ledger), [("ads".into(), Choice::Granted)]);
            assert!(put_at(&ledger, 0, None) == Applied::Removed);
            assert!(ledger.splits().is_empty());
        }
    }
}

#[test]
fn of_counted_records_in_two_partitions_the_higher_version_holds_in_either_order() {
    let (old, new) = (format!(r#","version":3{GRANTED}"#), format!(r#","version":4{WITHDRAWN}"#));
    for [first, second] in [[(0, &old), (1, &new)], [(1, &new), (0, &old)]] {
        let ledger = ledger();
        put_at(&ledger, first.0, Some(first.1));
        assert!(put_at(&ledger, second.0, Some(second.1)) == Applied::Split { denies: false });
        assert_eq!(says(&ledger), [("ads".into(), Choice::Withdrawn)]);
        assert!(put_at(&ledger, 0, None) == Applied::Split { denies: false }, "the older record's tombstone takes nothing back");
        assert_eq!(says(&ledger), [("ads".into(), Choice::Withdrawn)]);
        assert!(put_at(&ledger, 1, None) == Applied::Removed);
    }
}

#[test]
fn a_record_that_cannot_be_read_in_another_partition_denies() {
    let ledger = ledger();
    put_at(&ledger, 0, Some(&format!(r#","version":3{GRANTED}"#)));
    let key = Some(&b"user_id:u1"[..]);
    let change = Change { feed: Feed::Consent, partition: 1, offset: 0, key, value: Some(b"{nonsense"), timestamp: None };
    assert!(matches!(ledger.apply(&change), Applied::Undecodable { .. }));
    assert!(put_at(&ledger, 0, Some(&format!(r#","version":4{GRANTED}"#))) == Applied::Split { denies: true });
    assert_eq!(says(&ledger), [("*".into(), Choice::Denied)]);
}

#[test]
fn the_denial_after_a_regression_says_all_that_the_row_knew() {
    let aliases = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!(r#"{{"kind":"device","value":"{name}"}}"#)).collect();
        format!(r#","aliases":[{}]"#, names.join(","))
    };
    for (place, expected) in [("DE", Some("DE")), ("US-CA", Some("?"))] {
        let running = ledger();
        put_u1(&running, &format!(r#","version":5,"jurisdiction":"DE"{}{GRANTED}"#, aliases(&["d1", "d2"])));
        let older = format!(r#","version":4,"jurisdiction":"{place}"{}{GRANTED}"#, aliases(&["d2", "d3"]));
        let Applied::Regression { denial } = put_u1(&running, &older) else { panic!("it went back") };
        let record = ConsentRecord::read(&denial).unwrap();
        assert_eq!((record.version, record.jurisdiction.as_deref()), (6, expected));
        assert!(!String::from_utf8_lossy(&denial).contains("d1"), "an older name is known by its digest only");
        // Whoever has only the denial, as compaction leaves it, denies the same people in the same place.
        let fresh = ledger();
        assert!(put(&fresh, "user_id:u1", Some(std::str::from_utf8(&denial).unwrap())) == Applied::Restricted);
        let (before, after) = (running.held("user_id", "u1").unwrap(), fresh.held("user_id", "u1").unwrap());
        assert_eq!((before.place, before.aliases), (after.place, after.aliases));
        for device in ["d1", "d2", "d3"] {
            assert_eq!(found(&fresh, "device", device), [[("*".into(), Choice::Denied)]], "{device}");
            assert_eq!(found(&running, "device", device), [[("*".into(), Choice::Denied)]], "{device}");
        }
        assert!(
            put(&running, "user_id:u1", Some(std::str::from_utf8(&denial).unwrap())) == Applied::Stored,
            "it takes nothing more"
        );
        assert!(!running.needs_denial(b"user_id:u1"));
        assert_eq!(running.held("user_id", "u1").unwrap().aliases, 3);
    }
}

#[test]
fn a_hold_suppresses_and_is_no_erasure_until_the_erasure_follows() {
    let ledger = ledger();
    let key = "sha256:email:438c4c7afe600cdf1e455c369bec76dc970fc8ca463447c7b387a347f3c79331";
    let is_erased = |ledger: &Ledger| ledger.erasure(key.as_bytes()).1;
    assert!(suppress(&ledger, key, Some(r#"{"hold":true}"#)) == Applied::Restricted);
    assert_eq!((suppressed(&ledger, "email", "ann@example.org"), is_erased(&ledger)), (vec!["*".to_owned()], false));
    suppress(&ledger, key, Some("{}"));
    assert!(is_erased(&ledger));
    suppress(&ledger, key, None);
    assert_eq!((suppressed(&ledger, "email", "ann@example.org"), is_erased(&ledger)), (vec![], false));
    // Nor is what cannot be read: it destroys nothing.
    suppress(&ledger, key, Some("{no JSON"));
    assert_eq!((suppressed(&ledger, "email", "ann@example.org"), is_erased(&ledger)), (vec!["*".to_owned()], false));
}

/// One record of a key: its members, or bytes that are none.
fn any_record() -> impl proptest::strategy::Strategy<Value = (u64, Option<String>)> {
    use proptest::prelude::*;
    (0..4u64, 0..8u8).prop_map(|(version, what)| {
        let members = match what {
            0 => return (version, None),
            1..=4 => GRANTED,
            _ => WITHDRAWN,
        };
        (version, Some(format!(r#","version":{version}{members}"#)))
    })
}

proptest::proptest! {
    /// However the records of two partitions meet: a running instance says what one says that starts later and finds the last
    /// record of each, in either order, or it denies everything.
    #[test]
    fn partitions_that_are_read_in_any_order_come_to_the_same_or_to_a_denial(
        mut one in proptest::collection::vec(any_record(), 1..4),
        mut other in proptest::collection::vec(any_record(), 1..4),
        order in proptest::collection::vec(proptest::bool::ANY, 8),
    ) {
        // Within a partition versions do not go back: that is another rule.
        one.sort_by_key(|(version, _)| *version);
        other.sort_by_key(|(version, _)| *version);
        let apply = |ledger: &Ledger, partition: i32, record: &Option<String>| {
            let value = match record {
                None => "{nonsense".to_owned(),
                Some(members) => format!(r#"{{"identity":{{"kind":"user_id","value":"u1"}}{members}}}"#),
            };
            let (key, value) = (Some(&b"user_id:u1"[..]), Some(value.as_bytes()));
            ledger.apply(&Change { feed: Feed::Consent, partition, offset: 0, key, value, timestamp: None });
        };
        let denies = |said: &[(String, Choice)]| matches!(said, [(name, Choice::Denied | Choice::Broken)] if name == "*");
        let [found, found_otherwise] = [[(0, &one), (1, &other)], [(1, &other), (0, &one)]].map(|partitions| {
            let ledger = ledger();
            partitions.into_iter().for_each(|(partition, records)| apply(&ledger, partition, &records.last().unwrap().1));
            says(&ledger)
        });
        proptest::prop_assert!(found == found_otherwise || denies(&found) && denies(&found_otherwise));
        let running = ledger();
        let (mut left, mut right) = (one.iter(), other.iter());
        for goes_left in order.into_iter().chain([true; 4]).chain([false; 4]) {
            if let Some((partition, record)) = if goes_left { left.next().map(|record| (0, record)) } else { right.next().map(|record| (1, record)) } {
                apply(&running, partition, &record.1);
            }
        }
        let now = says(&running);
        proptest::prop_assert!(now == found || denies(&now), "{:?} against {:?}", now, found);
    }
}

/// Whoever is erased stays so, whatever comes first: the erasure, or a rotation of the keys, or a root that is destroyed after it.
#[test]
fn rotating_keys_brings_nobody_back_in_either_order() {
    let mut keys = KeySet::generate().unwrap();
    let first = keys.keys().iter().find(|key| key.role() == crate::keys::Role::Root).unwrap().id().to_owned();
    // As they stand in the topic: by name, by a hash, and by the digest alone, which is all that stays of most.
    let hash = format!("sha256:email:{}", "b4".repeat(32));
    let named = |ledger: &Ledger, who: &str| String::from_utf8(ledger.digests().anonymous_key(who.as_bytes())).unwrap();
    let before = Ledger::new(&keys);
    let erased_before = [named(&before, "user_id:ann"), named(&before, &hash), "user_id:cleo".to_owned()];
    keys.rotate().unwrap();
    let between = Ledger::new(&keys);
    let erased_between = [named(&between, "user_id:bob"), "user_id:dora".to_owned()];
    keys.rotate().unwrap();
    keys.destroy(&first).unwrap();
    assert!(keys.keys().iter().filter(|key| key.role() == crate::keys::Role::Digests).count() == 1);

    let after = Ledger::new(&keys);
    for key in erased_before.iter().chain(&erased_between) {
        assert!(matches!(suppress(&after, key, Some("{}")), Applied::Restricted));
    }
    put(&after, "user_id:ann", Some(r#"{"identity":{"kind":"user_id","value":"ann"},"purposes":{}}"#));
    for who in ["ann", "bob", "cleo", "dora"] {
        assert_eq!(suppressed(&after, "user_id", who), ["*"], "{who}");
        assert!(after.is_erased("user_id", who), "{who}");
    }
    assert!(after.is_suppressed(hash.as_bytes()));
    assert!(suppressed(&after, "user_id", "emma").is_empty());
    assert!(
        before.digests().of("user_id", "ann") == after.digests().of("user_id", "ann"),
        "what the topics hold still means them"
    );
    let digests = keys.keys().iter().find(|key| key.role() == crate::keys::Role::Digests).unwrap().id().to_owned();
    assert!(keys.destroy(&digests).is_err(), "it is never taken away");
}
