use super::*;
use crate::keys::KeySet;
use std::collections::BTreeMap;

fn subject(number: u64) -> SubjectDigest {
    // Few places, so that rows stand in each other's way.
    let mut digest = [0u8; 16];
    digest[..8].copy_from_slice(&(number % 7 * 0x2000_0000_0000_0000).to_be_bytes());
    digest[8..].copy_from_slice(&(number * 0x100).to_be_bytes());
    SubjectDigest(digest)
}

fn row(number: u64, id: u8) -> Row {
    let key = RowKey { subject: subject(number), id: KeyId::from_bytes([id; ID_BYTES]) };
    Row { key, root: 7, wrapped: [id; WRAPPED_BYTES] }
}

fn written(row: &Row) -> (Vec<u8>, Vec<u8>) {
    let (mut key, mut value) = (Vec::new(), Vec::new());
    row.key.write(&mut key);
    KeySet::demonstration().subject_keys().active().write(row, &[], &mut value);
    (key, value)
}

/// Rows are found after any order of puts and removals, as a map finds them.
#[test]
fn answers_as_a_map_does() {
    let table = SubjectTable::new(10_000);
    let mut model: BTreeMap<(u64, u8), ()> = BTreeMap::new();
    let mut random = 1u64;
    for _ in 0..20_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (number, id) = (random >> 40 & 0x3f, (random >> 33 & 3) as u8);
        if random >> 60 < 8 {
            assert!(table.put(&row(number, id), STORED));
            model.insert((number, id), ());
        } else {
            let had = model.remove(&(number, id)).is_some();
            assert_eq!(table.remove(&row(number, id).key, |_| true), had);
        }
        assert_eq!(table.len(), model.len());
        let mut found: Vec<u8> = Vec::new();
        table.each(&subject(number), |_, row| found.push(row.wrapped[0]));
        found.sort_unstable();
        let expected: Vec<u8> = model.range((number, 0)..=(number, 255)).map(|((_, id), ())| *id).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_full_table_refuses_and_forgets_nothing() {
    let table = SubjectTable::new(2);
    assert!(table.add(&row(1, 1), 3));
    assert!(table.add(&row(2, 1), 3));
    assert!(!table.add(&row(3, 1), 3));
    let (key, value) = written(&row(4, 1));
    assert_eq!(table.apply(&key, Some(&value)), Applied::Full);
    assert_eq!(table.len(), 2);
    let (key, value) = written(&row(2, 1));
    assert_eq!(table.apply(&key, Some(&value)), Applied::Stored(subject(2)), "a row that is there needs no room");
    assert_eq!(table.apply(&key, None), Applied::Destroyed(true));
    assert!(table.add(&row(3, 1), 3));
}

#[test]
fn a_row_is_its_workers_own_until_it_is_committed_and_nobodys_once_destroyed() {
    let table = SubjectTable::new(10);
    let seen = |worker| {
        let mut seen = 0;
        table.usable(&subject(1), worker, |_, _| seen += 1);
        seen
    };
    let one = row(1, 1);
    table.add(&one, 1);
    assert_eq!((seen(1), seen(2)), (1, 0));
    table.confirm(&one.key, 2);
    assert_eq!(seen(2), 0, "another worker's commit says nothing about it");
    table.confirm(&one.key, 1);
    assert_eq!((seen(1), seen(2)), (1, 1));
    table.withdraw(&one.key, 1);
    assert_eq!(seen(2), 1, "it is stored");
    let (key, value) = written(&one);
    assert_eq!(table.apply(&key, None), Applied::Destroyed(true));
    table.confirm(&one.key, 1);
    assert_eq!((seen(1), table.len()), (0, 0), "a commit does not bring back what was destroyed");

    let other = row(1, 2);
    table.add(&other, 1);
    assert_eq!(table.apply(&key, Some(&value)), Applied::Stored(subject(1)));
    let (other_key, other_value) = written(&other);
    table.apply(&other_key, Some(&other_value));
    table.withdraw(&other.key, 1);
    assert_eq!(seen(2), 2, "the topic has it, whatever the worker thinks of its batch");
    assert_eq!(table.rows_of(&subject(1)).len(), 2);
}

#[test]
fn what_is_no_row_is_told_and_its_key_is_not_used() {
    let table = SubjectTable::new(10);
    let (key, value) = written(&row(1, 1));
    table.apply(&key, Some(&value));
    for broken in [&b""[..], b"s1.demo", b"s1.demo.AAAA", b"s2.demo.AAAA", &[0xff; 80], &[b'x'; 4096]] {
        table.apply(&key, Some(&value));
        assert_eq!(table.apply(&key, Some(broken)), Applied::Undecodable(RowError::Value));
        assert!(table.is_empty());
    }
    for broken in [&b""[..], b"u1", &[b'A'; 39], &[0xff; 38]] {
        assert_eq!(table.apply(broken, Some(&value)), Applied::Undecodable(RowError::Key));
        assert_eq!(table.apply(broken, None), Applied::Undecodable(RowError::Key));
    }
}

/// The stated size: what is allocated for rows, slot by slot.
#[test]
fn memory_is_as_stated() {
    let table = SubjectTable::new(1_000_000);
    for number in 0..200_000u64 {
        let mut digest = [0u8; 16];
        digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        digest[15] = number as u8;
        let key = RowKey { subject: SubjectDigest(digest), id: KeyId::from_bytes([0; ID_BYTES]) };
        assert!(table.put(&Row { key, root: 0, wrapped: [0; WRAPPED_BYTES] }, STORED));
    }
    let slots: usize = table.shards.iter().map(|shard| shard.read().unwrap().slots.capacity()).sum();
    assert!(slots * SLOT_BYTES <= SubjectTable::bytes_for(200_000));
    const { assert!(SLOT_BYTES <= 84, "the documentation says how much a row takes") };
}
