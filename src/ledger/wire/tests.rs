//! `prost` writes and reads the same messages, derived here from the same file.

use super::super::record::Format;
use super::*;
use proptest::prelude::*;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

const FILE: &str = include_str!("../../../proto/privet/v1/consent.proto");

mod oracle {
    use std::collections::BTreeMap;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Identity {
        #[prost(string, tag = "1")]
        pub(super) kind: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Timestamp {
        #[prost(int64, tag = "1")]
        pub(super) seconds: i64,
        #[prost(int32, tag = "2")]
        pub(super) nanos: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Vendors {
        #[prost(string, repeated, tag = "1")]
        pub(super) names: Vec<String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Consent {
        #[prost(int32, tag = "1")]
        pub(super) state: i32,
        #[prost(message, optional, tag = "2")]
        pub(super) at: Option<Timestamp>,
        #[prost(message, optional, tag = "3")]
        pub(super) since: Option<Timestamp>,
        #[prost(message, optional, tag = "4")]
        pub(super) expires: Option<Timestamp>,
        #[prost(message, optional, tag = "5")]
        pub(super) vendors: Option<Vendors>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ConsentRecord {
        #[prost(message, optional, tag = "1")]
        pub(super) identity: Option<Identity>,
        #[prost(message, repeated, tag = "2")]
        pub(super) aliases: Vec<Identity>,
        #[prost(string, tag = "3")]
        pub(super) jurisdiction: String,
        #[prost(uint64, tag = "4")]
        pub(super) version: u64,
        #[prost(btree_map = "string, message", tag = "5")]
        pub(super) purposes: BTreeMap<String, Consent>,
        #[prost(btree_map = "string, string", tag = "6")]
        pub(super) evidence: BTreeMap<String, String>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct HashedIdentity {
        #[prost(string, tag = "1")]
        pub(super) kind: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
        #[prost(int32, tag = "3")]
        pub(super) format: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Suppression {
        #[prost(message, optional, tag = "1")]
        pub(super) identity: Option<HashedIdentity>,
        #[prost(string, repeated, tag = "2")]
        pub(super) purposes: Vec<String>,
        #[prost(message, optional, tag = "3")]
        pub(super) at: Option<Timestamp>,
        #[prost(string, tag = "4")]
        pub(super) request: String,
        #[prost(bool, tag = "5")]
        pub(super) hold: bool,
    }
}

/// `message.field = number` and `enum.word = number` of the file.
fn numbers() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = Vec::new();
    for line in FILE.lines().map(|line| line.split("//").next().unwrap_or("").trim()) {
        let words: Vec<&str> = line.trim_end_matches(['{', ';']).split_whitespace().collect();
        match words[..] {
            ["message" | "enum", name] => open.push(name),
            ["}"] => drop(open.pop()),
            [.., name, "=", number] if !open.is_empty() => {
                found.insert(format!("{}.{name} = {number}", open.join(".")));
            }
            _ => {}
        }
    }
    found
}

/// The numbers that this reader and `prost`'s were written by.
#[test]
fn the_file_says_the_numbers_that_are_read() {
    let expected = "
        ConsentRecord.identity = 1, ConsentRecord.aliases = 2, ConsentRecord.jurisdiction = 3, ConsentRecord.version = 4,
        ConsentRecord.purposes = 5, ConsentRecord.evidence = 6, Identity.kind = 1, Identity.value = 2,
        Consent.state = 1, Consent.at = 2, Consent.since = 3, Consent.expires = 4, Consent.vendors = 5,
        Consent.State.unspecified = 0, Consent.State.granted = 1, Consent.State.denied = 2, Consent.State.withdrawn = 3,
        Vendors.names = 1, Suppression.identity = 1, Suppression.purposes = 2, Suppression.at = 3, Suppression.request = 4,
        Suppression.hold = 5, HashedIdentity.kind = 1, HashedIdentity.value = 2, HashedIdentity.format = 3, HashedIdentity.Format.raw = 0,
        HashedIdentity.Format.sha256 = 1, HashedIdentity.Format.sha1 = 2, HashedIdentity.Format.md5 = 3,
        HashedIdentity.Format.digest = 4";
    let expected: BTreeSet<String> = expected.split(',').map(|entry| entry.trim().to_owned()).collect();
    assert_eq!(numbers(), expected);
}

fn time() -> impl Strategy<Value = Option<oracle::Timestamp>> {
    let time =
        (-10_000_000i64..10_000_000_000, 0..1_000_000_000).prop_map(|(seconds, nanos)| oracle::Timestamp { seconds, nanos });
    prop::option::of(time)
}

fn one_consent() -> impl Strategy<Value = oracle::Consent> {
    let vendors = prop::option::of(prop::collection::vec("[a-z*]{1,4}", 0..3).prop_map(|names| oracle::Vendors { names }));
    (1..4, time(), time(), time(), vendors).prop_map(|(state, at, since, expires, vendors)| oracle::Consent {
        state,
        at,
        since,
        expires,
        vendors,
    })
}

fn an_identity() -> impl Strategy<Value = oracle::Identity> {
    ("[a-zé_]{1,9}", "\\PC{1,40}").prop_map(|(kind, value)| oracle::Identity { kind, value })
}

fn a_record() -> impl Strategy<Value = oracle::ConsentRecord> {
    let purposes = prop::collection::btree_map("[a-z]{1,9}", one_consent(), 0..4);
    let evidence = prop::collection::btree_map("[a-z]{0,9}", "\\PC{0,9}", 0..3);
    (an_identity(), prop::collection::vec(an_identity(), 0..3), "[A-Z-]{0,5}", any::<u64>(), purposes, evidence).prop_map(
        |(identity, aliases, jurisdiction, version, purposes, evidence)| {
            let identity = Some(identity);
            oracle::ConsentRecord { identity, aliases, jurisdiction, version, purposes, evidence }
        },
    )
}

fn as_oracle(record: &ConsentRecord<'_>) -> oracle::ConsentRecord {
    let identity =
        |identity: &Identity<'_>| oracle::Identity { kind: identity.kind.to_string(), value: identity.value.to_string() };
    let time = |time: Timestamp| {
        let nanoseconds = time.as_nanosecond();
        let seconds = nanoseconds.div_euclid(1_000_000_000) as i64;
        oracle::Timestamp { seconds, nanos: nanoseconds.rem_euclid(1_000_000_000) as i32 }
    };
    let consent = |consent: &Consent<'_>| oracle::Consent {
        state: match consent.state {
            Stated::Granted => 1,
            Stated::Denied => 2,
            Stated::Withdrawn => 3,
        },
        at: consent.at.map(time),
        since: consent.since.map(time),
        expires: consent.expires.map(time),
        vendors: consent
            .vendors
            .as_ref()
            .map(|names| oracle::Vendors { names: names.iter().map(|name| name.to_string()).collect() }),
    };
    oracle::ConsentRecord {
        identity: Some(identity(&record.identity)),
        aliases: record.aliases.iter().map(identity).collect(),
        jurisdiction: record.jurisdiction.as_deref().unwrap_or_default().to_owned(),
        version: record.version,
        purposes: record.purposes.iter().map(|(name, said)| (name.to_string(), consent(said))).collect(),
        evidence: record.evidence.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
    }
}

proptest! {
    #[test]
    fn it_reads_what_prost_writes_and_the_other_way_round(record in a_record()) {
        let bytes = record.encode_to_vec();
        let read = match super::super::ConsentRecord::read(&bytes) {
            Ok(read) => read,
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        prop_assert_eq!(as_oracle(&read), record.clone());
        prop_assert_eq!(oracle::ConsentRecord::decode(&write_consent(&read)[..]).unwrap(), record.clone());
        // The same by way of JSON.
        let json = read.to_json();
        let again = super::super::ConsentRecord::read(&json).map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(as_oracle(&again), record);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // Whatever is read here, `prost` reads as well.
        if let Ok(record) = consent(&bytes) {
            prop_assert_eq!(oracle::ConsentRecord::decode(&bytes[..]).unwrap(), as_oracle(&record));
        }
        if suppression(&bytes).is_ok() {
            prop_assert!(oracle::Suppression::decode(&bytes[..]).is_ok());
        }
    }

    #[test]
    fn a_message_that_was_cut_or_changed_reads_as_prost_reads_it_or_not(
        record in a_record(), cut in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let bytes = record.encode_to_vec();
        let at = cut.index(bytes.len());
        let mut changed = bytes.clone();
        changed[at] = byte;
        for message in [&bytes[..at], &changed] {
            if let Ok(record) = consent(message) {
                prop_assert_eq!(oracle::ConsentRecord::decode(message).unwrap(), as_oracle(&record));
            }
        }
    }
}

#[test]
fn suppressions_are_read_and_written() {
    let identity = oracle::HashedIdentity { kind: "email".into(), value: "ab".repeat(32), format: 1 };
    let at = Some(oracle::Timestamp { seconds: 1_790_000_000, nanos: 5 });
    let message = oracle::Suppression {
        identity: Some(identity),
        purposes: vec!["a".into(), "b".into()],
        at,
        request: "r1".into(),
        hold: true,
    };
    let bytes = message.encode_to_vec();
    let read = suppression(&bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(read.identity.as_ref().map(|identity| identity.format), Some(Format::Sha256));
    assert_eq!(read.at.map(Timestamp::as_nanosecond), Some(1_790_000_000_000_000_005));
    assert_eq!(read.to_protobuf(), bytes);
    let json = read.to_json();
    assert!(super::super::Suppression::read(&json).is_ok_and(|again| again == read));
}

#[test]
fn what_proto3_would_let_pass_is_refused() {
    let identity = oracle::Identity { kind: "k".into(), value: "v".into() };
    let granted = oracle::Consent { state: 1, ..Default::default() };
    let good = oracle::ConsentRecord {
        identity: Some(identity),
        purposes: BTreeMap::from([("a".to_owned(), granted)]),
        version: 3,
        ..Default::default()
    };
    let good = good.encode_to_vec();
    assert!(super::super::ConsentRecord::read(&good).is_ok());
    let with = |more: &[u8]| [&good[..], more].concat();
    for (what, bytes) in [
        ("no identity", good[5..].to_vec()),
        ("a second identity", with(&[0x0A, 0])),
        ("a second version", with(&[0x20, 9])),
        ("the same purpose again", with(&[0x2A, 7, 0x0A, 1, b'a', 0x12, 2, 0x08, 2])),
        ("a purpose without a state", with(&[0x2A, 5, 0x0A, 1, b'b', 0x12, 0])),
        ("a state from the future", with(&[0x2A, 7, 0x0A, 1, b'b', 0x12, 2, 0x08, 4])),
        ("an unknown field", with(&[0x38, 1])),
        ("a field of another type", with(&[0x22, 1, b'9'])),
        ("a group", with(&[0x7B, 0x7C])),
        ("a fixed field", with(&[0x45, 0, 0, 0, 0])),
        ("a text that is none", with(&[0x1A, 1, 0xFF])),
        ("a time of a billion nanoseconds", with(&[0x2A, 13, 0x0A, 1, b'b', 0x12, 8, 0x08, 1, 0x12, 4, 0x10, 0x80, 0x94, 0xEB])),
    ] {
        assert!(super::super::ConsentRecord::read(&bytes).is_err(), "{what}");
    }
}
