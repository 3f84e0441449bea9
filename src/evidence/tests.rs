//! Sealing and opening, there and back.

use super::*;
use crate::event::{Header, Position, Record, Timestamp};
use crate::outcome::Reason;
use age::secrecy::ExposeSecret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const HEADERS: [Header<'static>; 2] = [Header { name: "tr\"ace", value: Some(b"1") }, Header { name: "empty", value: None }];

fn record(value: Option<&[u8]>) -> Record<'_> {
    let timestamp: Timestamp = "2026-11-22T10:35:45Z".parse().unwrap();
    Record {
        position: Position { partition: 3, offset: 12 },
        timestamp: Some(timestamp),
        key: Some(b"u1"),
        value,
        headers: &HEADERS,
    }
}

fn incident(sink: Option<&'static str>) -> Incident<'static> {
    Incident { stream: "web", sink, topic: "events.raw", reason: Reason::Malformed }
}

fn pair() -> (Recipient, Identities) {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public().to_string().parse().unwrap();
    let file = format!("# a comment\n{}\n", identity.to_string().expose_secret());
    (recipient, Identities::read(file.as_bytes()).unwrap())
}

fn sealed(recipient: &Recipient, value: &[u8]) -> Vec<u8> {
    let mut batch = QuarantineBatch::new(Some(recipient.clone()));
    batch.add(&incident(None), &record(Some(value))).unwrap();
    batch.seal().unwrap()
}

#[test]
fn a_batch_comes_back_line_by_line() {
    let (recipient, identities) = pair();
    let mut batch = QuarantineBatch::new(Some(recipient));
    batch.add(&incident(None), &record(Some(b"{\"email\":"))).unwrap();
    batch.add(&incident(Some("ads")), &record(None)).unwrap();
    assert_eq!(batch.len(), 2);
    let sealed = batch.seal().unwrap();
    assert!(batch.is_empty());
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"));
    assert!(!sealed.windows(5).any(|window| window == b"email" || window == b"malfo"));
    let opened = open(&sealed, &identities).unwrap();
    assert_eq!(
        std::str::from_utf8(&opened).unwrap(),
        concat!(
            r#"{"stream":"web","sink":"*","topic":"events.raw","partition":3,"offset":12,"reason":"malformed","#,
            r#""timestamp":"2026-11-22T10:35:45Z","key_base64":"dTE=","#,
            r#""headers":[["tr\"ace","MQ=="],["empty",null]],"value_base64":"eyJlbWFpbCI6"}"#,
            "\n",
            r#"{"stream":"web","sink":"ads","topic":"events.raw","partition":3,"offset":12,"reason":"malformed","#,
            r#""timestamp":"2026-11-22T10:35:45Z","key_base64":"dTE=","#,
            r#""headers":[["tr\"ace","MQ=="],["empty",null]],"value_base64":null}"#,
            "\n"
        )
    );
}

#[test]
fn without_a_recipient_only_position_and_reason_are_taken() {
    let mut batch = QuarantineBatch::new(None);
    batch.add(&incident(Some("ads")), &record(Some(b"secret"))).unwrap();
    let line = batch.seal().unwrap();
    let expected = r#"{"stream":"web","sink":"ads","topic":"events.raw","partition":3,"offset":12,"reason":"malformed"}"#;
    assert_eq!(std::str::from_utf8(&line).unwrap(), format!("{expected}\n"));
    assert_eq!(*open(&line, &pair().1).unwrap(), line);
}

#[test]
fn only_the_identity_opens_and_only_what_was_sealed() {
    let (recipient, identities) = pair();
    let good = sealed(&recipient, b"x");
    assert_eq!(open(&good, &pair().1).unwrap_err(), OpenError::OtherRecipient);
    for at in [30, good.len() / 2, good.len() - 1] {
        let mut changed = good.clone();
        changed[at] ^= 1;
        assert!(open(&changed, &identities).is_err(), "changed at {at}");
    }
    assert_eq!(open(&good[..good.len() - 1], &identities).unwrap_err(), OpenError::Damaged);
    assert_eq!(open(b"something else", &identities).unwrap_err(), OpenError::Damaged);
    let foreign = age::encrypt(&recipient.0, b"\x1b[2J").unwrap();
    assert_eq!(open(&foreign, &identities).unwrap_err(), OpenError::Content);
}

#[test]
fn a_batch_is_bounded_and_a_giant_leaves_its_position() {
    let (recipient, identities) = pair();
    let mut batch = QuarantineBatch::new(Some(recipient));
    let large = vec![b'x'; 300_000];
    batch.add(&incident(None), &record(Some(&large))).unwrap();
    batch.add(&incident(None), &record(Some(&large))).unwrap();
    assert_eq!(batch.add(&incident(None), &record(Some(&large))), Err(Full));
    assert_eq!(batch.len(), 2);
    let value = batch.seal().unwrap();
    assert!(value.len() < 1_048_588);
    assert_eq!(open(&value, &identities).unwrap().iter().filter(|byte| **byte == b'\n').count(), 2);

    let giant = vec![b'x'; 2 * MAX_BATCH_BYTES];
    batch.add(&incident(None), &record(Some(&giant))).unwrap();
    let opened = open(&batch.seal().unwrap(), &identities).unwrap();
    assert!(opened.ends_with(b"\"reason\":\"malformed\",\"omitted\":true}\n"));

    // Names of nothing but escapes, headers of nothing but names: the bound must hold at the edge too.
    let names = "\u{1}".repeat(1000);
    let headers: Vec<_> = (0..150).map(|_| Header { name: &names, value: Some(b"1") }).collect();
    let odd = Record { headers: &headers, ..record(Some(b"x")) };
    let mut added = 0;
    while batch.add(&incident(None), &odd).is_ok() {
        added += 1;
    }
    assert_eq!(added, 1);
    assert!(batch.seal().unwrap().len() < MAX_BATCH_BYTES + 1000);
}

#[test]
fn an_aborted_transaction_leaves_nothing() {
    let mut batch = QuarantineBatch::new(Some(pair().0));
    batch.add(&incident(None), &record(Some(b"x"))).unwrap();
    batch.clear();
    assert!(batch.is_empty());
}

#[test]
fn batches_are_found_however_they_left_kafka() {
    let (recipient, identities) = pair();
    let (one, two) = (sealed(&recipient, b"one"), sealed(&recipient, b"two"));
    let framed: Vec<u8> = [&one, &two]
        .into_iter()
        .flat_map(|batch| (batch.len() as u32).to_be_bytes().into_iter().chain(batch.iter().copied()))
        .collect();
    let encoded = format!("{}\n{}\n", STANDARD.encode(&one), STANDARD.encode(&two)).into_bytes();
    for file in [framed, [one.clone(), two.clone()].concat(), [&*one, b"\n", &two, b"\n"].concat(), encoded] {
        let found = split(&file).unwrap();
        assert_eq!(found.len(), 2);
        for (batch, value) in found.iter().zip([STANDARD.encode("one"), STANDARD.encode("two")]) {
            let lines = open(batch, &identities).unwrap();
            assert!(String::from_utf8_lossy(&lines).contains(&format!("\"value_base64\":\"{value}\"")));
        }
    }
    assert_eq!(split(b"\n ").unwrap().len(), 0);
    assert_eq!(split(b"not base64!").unwrap_err(), OpenError::Damaged);
    assert_eq!(split(b"{\"stream\":\"web\"}\n{\"stream\":\"web\"}\n").unwrap().len(), 1);
}

#[test]
fn a_recipient_is_checked_and_a_secret_not_repeated() {
    let identity = age::x25519::Identity::generate();
    let error = identity.to_string().expose_secret().parse::<Recipient>().unwrap_err();
    assert_eq!(error, RecipientError::Secret);
    assert_eq!("age1xyz".parse::<Recipient>().unwrap_err(), RecipientError::Form);
    assert_eq!("ssh-ed25519 AAAA".parse::<Recipient>().unwrap_err(), RecipientError::Form);
    assert!(matches!(Identities::read(b"# nothing\n".as_slice()), Err(IdentityError::Empty)));
    let wrong = Identities::read(b"AGE-SECRET-KEY-1WRONG\n".as_slice()).err().unwrap();
    assert!(!wrong.to_string().contains("WRONG"));
}
