use super::encrypt::PREFIX;
use super::*;
use crate::event::Position;
use crate::keys::RevealError;
use std::sync::Arc;

/// A topic of subject keys, a table that follows it, and workers.
struct World {
    keys: KeySet,
    subject_keys: Arc<SubjectKeys>,
    table: Arc<SubjectTable>,
    topic: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl World {
    fn new(capacity: usize) -> World {
        let keys = KeySet::generate().unwrap();
        let subject_keys = Arc::new(keys.subject_keys());
        World { keys, subject_keys, table: Arc::new(SubjectTable::new(capacity)), topic: Vec::new() }
    }

    fn worker(&self, worker: u16) -> Sealing {
        Sealing::new(DataKeys::Kept { table: self.table.clone(), worker })
    }

    fn subject(&self, name: &str) -> SubjectDigest {
        self.subject_keys.digest("user_id", name.as_bytes())
    }

    /// One value of one record.
    fn seal(&self, sealing: &mut Sealing, offset: i64, who: &[&str], value: &str) -> Option<String> {
        sealing.begin_record(Some(&self.subject_keys), "web", Position { partition: 0, offset });
        who.iter().for_each(|name| sealing.add_identity("user_id", name));
        sealing.begin_sink();
        let key = self.keys.encrypt_key("k", Some("out"), "user.contact.email");
        let mut out = Vec::new();
        sealing.seal(&key, value.as_bytes(), &mut b"left over".to_vec(), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    fn commit(&mut self, sealing: &mut Sealing) {
        let topic = &mut self.topic;
        sealing
            .take_rows(|key, value| -> Result<(), ()> {
                topic.push((key.to_vec(), Some(value.to_vec())));
                Ok(())
            })
            .unwrap();
        sealing.close_batch();
        sealing.committed();
    }

    /// What the topic's follower makes of everything in it.
    fn follow(&self, table: &SubjectTable) {
        for (key, value) in &self.topic {
            table.apply(key, value.as_deref());
        }
    }

    /// Destroys a subject's keys.
    fn shred(&mut self, who: &str) {
        for row in self.table.rows_of(&self.subject(who)) {
            let mut key = Vec::new();
            row.write(&mut key);
            self.topic.push((key, None));
        }
        self.follow(&self.table);
    }

    fn reveal(&self, text: &str) -> Result<String, RevealError> {
        let mut rows = RowSet::default();
        for (key, value) in &self.topic {
            rows.apply(key, value.as_deref());
        }
        let value = self.keys.reveal_encrypted(text, &self.keys.subject_keys(), &rows)?;
        Ok(String::from_utf8(value.to_vec()).unwrap())
    }
}

#[test]
fn a_value_is_read_back_until_its_subject_is_erased_and_others_stay() {
    let mut world = World::new(100);
    let mut worker = world.worker(1);
    let ann = world.seal(&mut worker, 1, &["ann"], "ann@example.org").unwrap();
    let bob = world.seal(&mut worker, 2, &["bob"], "bob@example.org").unwrap();
    let both = world.seal(&mut worker, 3, &["bob", "ann"], "together").unwrap();
    world.commit(&mut worker);
    assert_eq!(world.topic.len(), 2, "one data key a subject");
    assert_eq!(world.reveal(&ann).as_deref(), Ok("ann@example.org"));
    assert_eq!(world.reveal(&both).as_deref(), Ok("together"));
    world.shred("ann");
    assert_eq!(world.reveal(&ann), Err(RevealError::Erased));
    assert_eq!(world.reveal(&both), Err(RevealError::Erased), "one erased identity suffices");
    assert_eq!(world.reveal(&bob).as_deref(), Ok("bob@example.org"));
    // A restarted process reads the topic from its beginning.
    let again = Arc::new(SubjectTable::new(100));
    world.follow(&again);
    assert_eq!((again.len(), again.rows_of(&world.subject("ann")).len()), (1, 0));
    // Somebody who comes back is somebody new: what was encrypted before stays unreadable.
    let anew = world.seal(&mut worker, 4, &["ann"], "ann@example.org").unwrap();
    world.commit(&mut worker);
    assert_eq!(world.reveal(&anew).as_deref(), Ok("ann@example.org"));
    assert_eq!(world.reveal(&ann), Err(RevealError::Erased));
}

#[test]
fn a_replay_gives_the_same_bytes_and_everything_else_other_ones() {
    let mut world = World::new(100);
    let mut worker = world.worker(1);
    let first = world.seal(&mut worker, 1, &["ann"], "x").unwrap();
    world.commit(&mut worker);
    let table = Arc::new(SubjectTable::new(100));
    world.follow(&table);
    let mut restarted = Sealing::new(DataKeys::Kept { table, worker: 2 });
    assert_eq!(world.seal(&mut restarted, 1, &["ann"], "x").unwrap(), first);
    let others = [
        world.seal(&mut restarted, 2, &["ann"], "x").unwrap(),
        world.seal(&mut restarted, 1, &["ann"], "y").unwrap(),
        world.seal(&mut restarted, 1, &["bob"], "x").unwrap(),
    ];
    // Neither nonce nor the names of keys show who it is or that it is the same text: no eight characters are shared.
    let body = |text: &str| text.rsplit('.').next().unwrap().to_owned();
    for other in &others {
        let (one, other) = (body(&first), body(other));
        // The first character alone counts the keys.
        assert!((2..one.len() - 8).all(|at| !other.contains(&one[at..at + 8])));
    }
}

#[test]
fn a_key_of_a_void_batch_is_forgotten_and_of_a_committed_one_shared() {
    let mut world = World::new(100);
    let (mut one, mut two) = (world.worker(1), world.worker(2));
    world.seal(&mut one, 1, &["ann"], "x").unwrap();
    assert_eq!(world.table.len(), 1);
    one.close_batch();
    world.seal(&mut one, 2, &["bob"], "x").unwrap();
    one.aborted();
    assert_eq!(world.table.len(), 0, "the batch that was closed and the one after it");
    let mine = world.seal(&mut one, 1, &["ann"], "x").unwrap();
    let theirs = world.seal(&mut two, 1, &["ann"], "x").unwrap();
    assert_ne!(mine, theirs, "each has made a key: nobody uses one that may never be stored");
    world.commit(&mut one);
    world.commit(&mut two);
    assert_eq!((world.reveal(&mine).as_deref(), world.reveal(&theirs).as_deref()), (Ok("x"), Ok("x")));
    let (mine, theirs) = (world.seal(&mut one, 2, &["ann"], "x"), world.seal(&mut two, 2, &["ann"], "x"));
    assert_eq!(mine, theirs, "of two keys that are stored all take the same");
    world.shred("ann");
    assert_eq!(world.table.len(), 0, "both rows");
}

#[test]
fn a_full_table_or_none_says_so_and_encrypts_nothing_new() {
    let mut world = World::new(1);
    let mut worker = world.worker(1);
    world.seal(&mut worker, 1, &["ann"], "x").unwrap();
    world.commit(&mut worker);
    assert!(world.seal(&mut worker, 2, &["bob"], "x").is_none());
    assert_eq!(worker.unavailable(), Some(Unavailable::Full));
    assert!(world.seal(&mut worker, 3, &["ann"], "x").is_some(), "who has a key keeps it");
    assert_eq!(worker.unavailable(), None);
    assert!(world.seal(&mut worker, 4, &[], "x").is_none());
    assert_eq!(worker.unavailable(), None, "nobody to encrypt for is no failure");
    let mut nowhere = Sealing::new(DataKeys::Nowhere);
    assert!(world.seal(&mut nowhere, 1, &["ann"], "x").is_none());
    assert_eq!(nowhere.unavailable(), Some(Unavailable::NoTable));
    let many: Vec<String> = (0..17).map(|number| format!("u{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(world.seal(&mut worker, 5, &many, "x").is_none());
    assert_eq!(worker.unavailable(), Some(Unavailable::TooManySubjects));
}

#[test]
fn rotation_keeps_what_was_written_and_destruction_ends_it() {
    let mut world = World::new(100);
    let mut worker = world.worker(1);
    let old = world.seal(&mut worker, 1, &["ann"], "x").unwrap();
    world.commit(&mut worker);
    let first = world.keys.keys()[0].id().to_owned();
    world.keys.rotate().unwrap();
    world.subject_keys = Arc::new(world.keys.subject_keys());
    let new = world.seal(&mut worker, 2, &["ann"], "y").unwrap();
    world.commit(&mut worker);
    assert_eq!(world.topic.len(), 1, "the data key is wrapped under the old root, which can be read");
    assert_eq!((world.reveal(&old).as_deref(), world.reveal(&new).as_deref()), (Ok("x"), Ok("y")));
    world.keys.destroy(&first).unwrap();
    world.subject_keys = Arc::new(world.keys.subject_keys());
    assert_eq!(world.reveal(&old), Err(RevealError::Destroyed));
    assert_eq!(world.reveal(&new), Err(RevealError::Erased), "its data key cannot be unwrapped any more");
    let newest = world.seal(&mut worker, 3, &["ann"], "z").unwrap();
    world.commit(&mut worker);
    assert_eq!(world.topic.len(), 2, "so another is made");
    assert_eq!(world.reveal(&newest).as_deref(), Ok("z"));
}

#[test]
fn what_was_changed_moved_or_of_another_topic_is_not_revealed() {
    let mut world = World::new(100);
    let mut worker = world.worker(1);
    let made = world.seal(&mut worker, 1, &["ann"], "canary").unwrap();
    world.commit(&mut worker);
    let parts: Vec<&str> = made.split('.').collect();
    let other = world.keys.encrypt_key("k", Some("else"), "user.contact.email");
    let mut elsewhere = Vec::new();
    worker.begin_record(Some(&world.subject_keys), "web", Position::default());
    worker.add_identity("user_id", "ann");
    worker.seal(&other, b"x", &mut Vec::new(), &mut elsewhere).unwrap();
    let elsewhere = String::from_utf8(elsewhere).unwrap();
    let moved = format!("{PREFIX}{}.{}.{}", parts[1], elsewhere.split('.').nth(2).unwrap(), parts[3]);
    assert_eq!(world.reveal(&moved), Err(RevealError::NotAuthentic));
    for at in 0..parts[3].len() {
        let mut changed = parts[3].as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = format!("{PREFIX}{}.{}.{}", parts[1], parts[2], String::from_utf8(changed).unwrap());
        assert!(world.reveal(&changed).is_err(), "character {at}");
    }
    for broken in ["", "e1.", "e1.x", "t1.a.b.c", "e1.a.b.c.d", &format!("{PREFIX}{}.{}.", parts[1], parts[2])] {
        assert!(world.reveal(broken).is_err(), "{broken}");
    }
    world.topic.clear();
    assert_eq!(world.reveal(&made), Err(RevealError::Erased));
}

#[test]
fn rows_do_not_pass_for_each_others() {
    let mut world = World::new(100);
    let mut worker = world.worker(1);
    let ann = world.seal(&mut worker, 1, &["ann"], "x").unwrap();
    world.seal(&mut worker, 2, &["bob"], "x").unwrap();
    world.commit(&mut worker);
    let (first, second) = (world.topic[0].1.clone(), world.topic[1].1.clone());
    (world.topic[0].1, world.topic[1].1) = (second, first);
    assert_eq!(world.reveal(&ann), Err(RevealError::Erased), "a wrapped key is bound to its row");
}
