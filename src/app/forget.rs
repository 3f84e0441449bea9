//! Forgetting: the consent rows of who is erased are deleted from their topic. As with their data keys, every instance that
//! reads an erasure does so; that one may have done it before does no harm.
//!
//! The ledger knows people by digest only, so the topic is read again for the keys. A row is deleted in every partition
//! that has one under its key: where an older one was left, a fresh instance might find it standing.

use crate::config::Properties;
use crate::event::SubjectDigest;
use crate::kafka::append::Appender;
use crate::kafka::follow::{Follow, Standing, Table, Topic, Watch};
use crate::kafka::{Row, Settings};
use crate::ledger::record::{Format, Identity, Suppression};
use crate::ledger::{ConsentRecord, ErasedAs, Erasing, Ledger, learned};
use crate::plan::{Named, Plan};
use arc_swap::ArcSwap;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long what is written may take to be acknowledged before it is written again.
const ACKNOWLEDGED: Duration = Duration::from_secs(10);
/// Beyond the staleness that instances allow themselves: how far their clocks' pace and ours may differ.
const MARGIN: Duration = Duration::from_millis(500);
/// Between two looks at whether there is anything to do.
const PAUSE: Duration = Duration::from_millis(100);

/// Whose rows have to go. Fed by the one who follows both topics.
pub(super) struct Leaving {
    ledger: Arc<Ledger>,
    wanted: Mutex<Wanted>,
    /// How often something was asked for, and up to which of these it was done.
    asked: AtomicU64,
    done: AtomicU64,
    /// Whether everything was read once. Before, rows are not looked at: who is erased says whose have to be looked for.
    is_loaded: AtomicBool,
}

#[derive(Default)]
struct Wanted {
    people: HashSet<SubjectDigest>,
    /// Somebody was named by a hash: nobody knows whether they have a row.
    by_hash: bool,
    /// Rows that were looked at and stay; each change of theirs need not have the topic read again.
    left: HashSet<SubjectDigest>,
}

impl Wanted {
    fn take(&mut self) -> (HashSet<SubjectDigest>, bool) {
        (std::mem::take(&mut self.people), std::mem::take(&mut self.by_hash))
    }
}

impl Leaving {
    pub(super) fn new(ledger: Arc<Ledger>) -> Arc<Leaving> {
        Arc::new(Leaving {
            ledger,
            wanted: Mutex::default(),
            asked: AtomicU64::new(0),
            done: AtomicU64::new(0),
            is_loaded: AtomicBool::new(false),
        })
    }

    /// Somebody was erased.
    pub(super) fn erased(&self, who: ErasedAs) {
        match who {
            ErasedAs::Identity(subject) => drop(self.wanted().people.insert(subject)),
            ErasedAs::Hash(_) => self.wanted().by_hash = true,
        }
        self.asked.fetch_add(1, Ordering::AcqRel);
    }

    /// Both topics were read whole.
    pub(super) fn loaded(&self) {
        self.is_loaded.store(true, Ordering::Relaxed);
    }

    /// A consent record was applied: one that comes later for somebody erased goes as well.
    pub(super) fn applied(&self, key: &[u8]) {
        if !self.is_loaded.load(Ordering::Relaxed) {
            return;
        }
        let Some(erasing) = self.ledger.erasing(key) else { return };
        let (subject, mut wanted) = (self.ledger.subject_of(key), self.wanted());
        if erasing == Erasing::Alias && wanted.left.contains(&subject) {
            return;
        }
        wanted.people.insert(subject);
        drop(wanted);
        self.asked.fetch_add(1, Ordering::AcqRel);
    }

    /// How often something was asked for so far.
    pub(super) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// Up to which of these it was done.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Acquire)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the rows are and where erasures are written.
#[derive(Clone)]
pub(super) struct Topics {
    pub(super) consent: String,
    pub(super) erasures: String,
}

/// Deletes rows, on a thread of its own, once both topics have been read whole.
pub(super) struct Forgetter {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Forgetter {
    /// Begins to delete the rows of whoever leaves. `watch` says how far the topics were read, `live` which kinds name devices.
    pub(super) fn start(
        settings: &Settings,
        properties: &Properties,
        topics: Topics,
        leaving: Arc<Leaving>,
        watch: Arc<Watch>,
        live: Arc<ArcSwap<Plan>>,
    ) -> std::io::Result<Forgetter> {
        let stop = Arc::new(AtomicBool::new(false));
        let (settings, properties) = (settings.clone(), properties.clone());
        let mut work = Work { settings, properties, topics, leaving, watch, live, stop: stop.clone(), appender: None };
        let thread = std::thread::Builder::new().name("privet-forgetter".to_owned()).spawn(move || work.run())?;
        Ok(Forgetter { stop, thread: Some(thread) })
    }
}

impl Drop for Forgetter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics nowhere; whose rows it did not come to is found again by the next start.
            let _ = thread.join();
        }
    }
}

/// What the thread works with.
struct Work {
    settings: Settings,
    properties: Properties,
    topics: Topics,
    leaving: Arc<Leaving>,
    watch: Arc<Watch>,
    live: Arc<ArcSwap<Plan>>,
    stop: Arc<AtomicBool>,
    appender: Option<Appender>,
}

impl Work {
    fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            // Before, the tombstone or the end of the erasure may stand later in its topic.
            if self.watch.fresh_as_of().is_some() && self.leaving.done() < self.leaving.asked() {
                let asked = self.leaving.asked();
                let (mut people, by_hash) = self.leaving.wanted().take();
                people.retain(|subject| self.leaving.ledger.has_row(*subject));
                let (begun, is_nobody) = (Instant::now(), people.is_empty() && !by_hash);
                match if is_nobody { Ok(()) } else { self.forget(by_hash) } {
                    Ok(()) => drop(self.leaving.done.fetch_max(asked, Ordering::AcqRel)),
                    Err(why) => {
                        tracing::error!("consent rows of somebody erased are not deleted yet: {why}");
                        let mut wanted = self.leaving.wanted();
                        wanted.people.extend(people);
                        wanted.by_hash |= by_hash;
                        drop(wanted);
                        std::thread::sleep(PAUSE * 10);
                    }
                }
                self.rest(begun + 2 * begun.elapsed());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Whoever writes about somebody erased again and again must not have us read all the time: half of it at most.
    fn rest(&self, until: Instant) {
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE);
        }
    }

    /// Reads the topic again and deletes what has to go. Other names first become erased themselves: once the row is gone nobody
    /// knows any more whose they were.
    fn forget(&mut self, by_hash: bool) -> Result<(), String> {
        let mut known = Instant::now();
        let rows = self.find(by_hash)?;
        if self.stop.load(Ordering::Relaxed) {
            return Err("asked to end".to_owned());
        }
        let Going { erasures, rows, left } = decide(&self.leaving.ledger, &self.live.load(), &rows);
        if !left.is_empty() {
            let why = "somebody erased stands as another name in rows of people who are not; whoever writes these rows must take it out";
            tracing::warn!(rows = left.len(), "{why}");
            self.leaving.wanted().left.extend(left);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let appender = match &mut self.appender {
            Some(appender) => appender,
            None => self.appender.insert(Appender::new(&self.settings, &self.properties, "forgetter")?),
        };
        let value = Suppression { at: Some(jiff::Timestamp::now()), ..Suppression::default() }.to_json();
        for key in &erasures {
            appender.append(&self.topics.erasures, None, key.as_bytes(), Some(&value), Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        if !erasures.is_empty() {
            known = Instant::now();
        }
        self.await_everywhere(known)?;
        let Some(appender) = &mut self.appender else { return Ok(()) };
        for (partition, key) in &rows {
            appender.append(&self.topics.consent, Some(*partition), key, None, Instant::now() + ACKNOWLEDGED)?;
        }
        appender.settle(ACKNOWLEDGED)?;
        tracing::info!(rows = rows.len(), other_names = erasures.len(), "consent rows of somebody erased are deleted");
        Ok(())
    }

    /// Waits until every instance has applied what was acknowledged before that moment, or judges nothing for being stale: else one
    /// might read that a row is gone before it reads that its people are erased, and take that for silence.
    fn await_everywhere(&self, known: Instant) -> Result<(), String> {
        self.rest(known + self.watch.max_staleness() + MARGIN);
        while self.watch.fresh_as_of().is_none_or(|fresh| fresh < known) {
            if self.stop.load(Ordering::Relaxed) {
                return Err("asked to end".to_owned());
            }
            std::thread::sleep(PAUSE);
        }
        if self.stop.load(Ordering::Relaxed) { Err("asked to end".to_owned()) } else { Ok(()) }
    }

    /// The rows that have to do with somebody erased.
    fn find(&self, by_hash: bool) -> Result<Found, String> {
        let found = Arc::new(Mutex::new(Found::new()));
        let table = Box::new(Looking { ledger: self.leaving.ledger.clone(), found: found.clone(), by_hash });
        let topics = vec![Topic { name: self.topics.consent.clone(), from: Vec::new(), table }];
        let follow = Follow::start(&self.settings, &self.properties, "rows of consent", topics, Watch::new(ACKNOWLEDGED))?;
        loop {
            match follow.watch().standing(Instant::now()) {
                Standing::Fresh | Standing::Stale(_) => break,
                Standing::Failed(why) => return Err(why),
                Standing::Loading if self.stop.load(Ordering::Relaxed) => break,
                Standing::Loading => std::thread::sleep(PAUSE),
            }
        }
        drop(follow);
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *found))
    }
}

/// Partition and key → what stands there last, for rows that have to do with somebody erased.
type Found = HashMap<(i32, Vec<u8>), Vec<u8>>;

/// Looks through rows for those of somebody erased.
struct Looking {
    ledger: Arc<Ledger>,
    found: Arc<Mutex<Found>>,
    /// Whether somebody was named by a hash: then other names are asked for by name, for the ledger has their digests only.
    by_hash: bool,
}

impl Looking {
    fn concerns(&self, key: &[u8], value: &[u8]) -> bool {
        let by_hash =
            |record: &ConsentRecord<'_>| record.aliases.iter().any(|alias| self.ledger.is_erased(&alias.kind, &alias.value));
        self.ledger.erasing(key).is_some() || (self.by_hash && ConsentRecord::read(value).as_ref().is_ok_and(by_hash))
    }
}

impl Table for Looking {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Some(key) = row.key else { return Ok(()) };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        match row.value.filter(|value| self.concerns(key, value)) {
            Some(value) => drop(found.insert((row.partition, key.to_vec()), value.to_vec())),
            None if found.is_empty() => {}
            None => drop(found.remove(&(row.partition, key.to_vec()))),
        }
        Ok(())
    }
}

/// What is to be written.
#[derive(Default)]
struct Going {
    /// Keys of the topic of erasures.
    erasures: BTreeSet<String>,
    /// Rows, where they stand.
    rows: BTreeSet<(i32, Vec<u8>)>,
    /// Whose rows stay although somebody erased is another name in them.
    left: HashSet<SubjectDigest>,
}

/// Which rows go, and who is erased with them.
///
/// A person's erasure covers the other names in their own row, and the one row that has them for another name: it is theirs. A
/// device's erasure covers its own row and devices; several people may share it, and none of them is silenced by it.
fn decide(ledger: &Ledger, plan: &Plan, found: &Found) -> Going {
    let mut going = Going::default();
    let is_person = |kind: &str| !is_device(plan, kind);
    for ((partition, key), value) in found {
        let about = learned::about(key);
        let text = std::str::from_utf8(about).unwrap_or_default();
        let Some((kind, name)) = text.split_once(':') else { continue };
        let record = ConsentRecord::read(value).ok().filter(|record| record.identity.is_key(key));
        let aliases: &[Identity<'_>] = record.as_ref().map_or(&[], |record| &record.aliases);
        let is_erased = |alias: &&Identity<'_>| ledger.is_erased(&alias.kind, &alias.value);
        // A name that is written as a digest may be a device's.
        let is_known = |alias: &Identity<'_>| alias.kind != Format::Digest.as_str() && is_person(&alias.kind);
        let is_theirs = |alias: &Identity<'_>| is_known(alias) && ledger.is_of_one_row(&alias.kind, &alias.value);
        let covers_people = if ledger.is_erased(kind, name) {
            is_person(kind)
        } else if aliases.iter().filter(is_erased).any(is_theirs) {
            true
        } else {
            going.left.insert(ledger.subject_of(key));
            continue;
        };
        let digest = |identity: &[u8]| format!("digest:{}", ledger.digests().of_key(identity).to_hex());
        let named = |alias: &Identity<'_>| format!("digest:{}", ledger.digests().of_alias(&alias.kind, &alias.value).to_hex());
        let covered = aliases.iter().filter(|alias| covers_people || !is_person(&alias.kind)).map(named);
        going.erasures.extend(covered);
        if covers_people {
            // Also those of a record that cannot be read: they are known from the one before.
            going.erasures.extend(ledger.alias_keys(about));
            going.erasures.insert(digest(about));
        }
        going.rows.insert((*partition, key.clone()));
    }
    going.erasures.retain(|key| !ledger.erasure(key.as_bytes()).1);
    going
}

/// Whether a kind of identity names devices wherever the policy names it.
fn is_device(plan: &Plan, kind: &str) -> bool {
    let rules = plan.streams.iter().flat_map(|stream| &stream.subject);
    let mut named = rules.filter(|rule| rule.kinds.iter().any(|own| **own == *kind)).map(|rule| rule.names).peekable();
    named.peek().is_some() && named.all(|names| names == Named::Device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::ledger::{Change, Feed};
    use crate::policy;

    const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: b}}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  web:
    topics: [t]
    format: json
    subject: [{kind: user_id, path: $.u}, {kind: email, path: $.e}, {kind: device, path: $.d, names: device}]
    jurisdiction: {otherwise: EEA}
sinks: {s: {topic: s, purposes: [operations], unlisted: keep}}
";

    fn plan() -> Plan {
        policy::compile(POLICY, "policy.yaml", &KeySet::demonstration()).plan.expect("a policy")
    }

    /// Consent rows as (partition, identity, aliases), and erasures, applied as they come.
    fn decided(rows: &[(i32, &str, &[&str])], erased: &[&str]) -> (Vec<(i32, String)>, Vec<String>, usize) {
        let ledger = Arc::new(Ledger::new(&KeySet::demonstration()));
        let (mut looking, found) = {
            let found = Arc::new(Mutex::new(Found::new()));
            (Looking { ledger: ledger.clone(), found: found.clone(), by_hash: true }, found)
        };
        let identity = |text: &str| {
            let (kind, value) = text.split_once(':').unwrap();
            format!(r#"{{"kind":"{kind}","value":"{value}"}}"#)
        };
        let value = |who: &str, aliases: &[&str]| {
            let aliases: Vec<String> = aliases.iter().map(|alias| identity(alias)).collect();
            format!(
                r#"{{"identity":{},"aliases":[{}],"purposes":{{"a":{{"state":"denied"}}}}}}"#,
                identity(who),
                aliases.join(",")
            )
        };
        let change = |feed, partition, key: &str, value: &str| {
            let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
            ledger.apply(&Change { feed, partition, offset: 0, key, value, timestamp: None });
        };
        rows.iter().for_each(|(partition, who, aliases)| change(Feed::Consent, *partition, who, &value(who, aliases)));
        erased.iter().for_each(|key| change(Feed::Erasures, 0, key, "{}"));
        for (partition, who, aliases) in rows {
            let value = value(who, aliases);
            let (key, value) = (Some(who.as_bytes()), Some(value.as_bytes()));
            let row = Row { topic: "t", partition: *partition, offset: 0, timestamp: None, key, value };
            looking.apply(&row).unwrap();
        }
        let found = found.lock().unwrap();
        let going = decide(&ledger, &plan(), &found);
        let named: Vec<&str> =
            rows.iter().flat_map(|(_, who, aliases)| [*who].into_iter().chain(aliases.iter().copied())).collect();
        let name = |key: &String| {
            let is = |who: &&&str| format!("digest:{}", ledger.digests().of_key(who.as_bytes()).to_hex()) == *key;
            named.iter().find(is).map_or_else(|| key.clone(), |who| (*who).to_owned())
        };
        let mut erasures: Vec<String> = going.erasures.iter().map(name).collect();
        erasures.sort();
        let rows = going.rows.into_iter().map(|(partition, key)| (partition, String::from_utf8(key).unwrap()));
        (rows.collect(), erasures, going.left.len())
    }

    fn rows(rows: &[(i32, &str)]) -> Vec<(i32, String)> {
        rows.iter().map(|(partition, key)| (*partition, (*key).to_owned())).collect()
    }

    #[test]
    fn a_persons_erasure_covers_their_other_names_and_every_partition_with_their_row() {
        let table: &[(i32, &str, &[&str])] =
            &[(0, "user_id:ann", &["email:ann@x", "device:d1"]), (1, "user_id:ann", &["email:ann@x"]), (0, "user_id:bob", &[])];
        let (going, erasures, left) = decided(table, &["user_id:ann"]);
        assert_eq!(going, rows(&[(0, "user_id:ann"), (1, "user_id:ann")]));
        assert_eq!((erasures, left), (vec!["device:d1".to_owned(), "email:ann@x".to_owned()], 0));
        // By a hash of the name (`printf ann | sha256sum`): afterwards the digest says so too.
        let (going, erasures, _) = decided(&[(0, "user_id:ann", &[])], &[HASH]);
        assert_eq!((going, erasures), (rows(&[(0, "user_id:ann")]), vec!["user_id:ann".to_owned()]));
    }

    const HASH: &str = "sha256:user_id:49915e0d7d4b402e3017d010bc1c0e83cac6c797d6c16e66340fe3268693a6a1";

    #[test]
    fn a_person_is_found_by_another_name_that_is_theirs_alone() {
        let table: &[(i32, &str, &[&str])] = &[(0, "user_id:ann", &["email:ann@x", "device:d1"])];
        let (going, erasures, left) = decided(table, &["email:ann@x"]);
        assert_eq!((going, left), (rows(&[(0, "user_id:ann")]), 0));
        assert_eq!(erasures, ["device:d1", "user_id:ann"]);
        // By a hash of that name (`printf ann@x | sha256sum`).
        let hash = "sha256:email:1910ee9900e5730f4b5c7244728fe9f790a4f1e65b8d702c6733aaf227e7419b";
        assert_eq!(decided(table, &[hash]).0, rows(&[(0, "user_id:ann")]));
        let shared: &[(i32, &str, &[&str])] = &[(0, "user_id:ann", &["email:us@x"]), (1, "user_id:bob", &["email:us@x"])];
        assert_eq!(decided(shared, &["email:us@x"]), (Vec::new(), Vec::new(), 2), "it is nobody's alone");
    }

    #[test]
    fn a_devices_erasure_silences_no_person() {
        let table: &[(i32, &str, &[&str])] =
            &[(0, "user_id:ann", &["device:d1"]), (0, "device:d1", &["user_id:ann", "device:d2"]), (0, "device:d2", &[])];
        let (going, erasures, left) = decided(table, &["device:d1"]);
        assert_eq!((going, left), (rows(&[(0, "device:d1")]), 1));
        assert_eq!(erasures, ["device:d2"]);
        // A kind that no stream names is taken for a person's.
        let (_, erasures, _) = decided(&[(0, "loyalty:7", &["user_id:ann"])], &["loyalty:7"]);
        assert_eq!(erasures, ["user_id:ann"]);
    }

    #[test]
    fn rows_are_looked_for_where_there_may_be_any() {
        let ledger = Arc::new(Ledger::new(&KeySet::demonstration()));
        let leaving = Leaving::new(ledger.clone());
        let apply = |feed, key: &[u8], value: Option<&[u8]>| {
            ledger.apply(&Change { feed, partition: 0, offset: 0, key: Some(key), value, timestamp: None });
        };
        apply(Feed::Erasures, b"user_id:ann", Some(b"{}"));
        leaving.erased(ledger.erasure(b"user_id:ann").0);
        assert_eq!((leaving.asked(), leaving.wanted().take().0.len()), (1, 1));
        let row = br#"{"identity":{"kind":"user_id","value":"ann"},"purposes":{"a":{"state":"denied"}}}"#;
        apply(Feed::Consent, b"user_id:ann", Some(row));
        leaving.applied(b"user_id:ann");
        assert_eq!(leaving.asked(), 1, "while loading, who is erased is looked for, not every row looked at");
        leaving.loaded();
        leaving.applied(b"user_id:ann");
        assert_eq!((leaving.asked(), leaving.wanted().take().0.len()), (2, 1), "a row that comes later goes too");
        apply(Feed::Consent, b"user_id:ann", None);
        leaving.applied(b"user_id:ann");
        assert_eq!(leaving.asked(), 3, "whether a row is left is asked when it is looked for");
        assert!(leaving.wanted().take().0.into_iter().all(|subject| !ledger.has_row(subject)));
        leaving.erased(ledger.erasure(HASH.as_bytes()).0);
        assert_eq!((leaving.asked(), leaving.wanted().by_hash), (4, true));
    }
}

#[cfg(test)]
mod tests_of_what_was_learned {
    use super::*;
    use crate::keys::KeySet;
    use crate::ledger::{Change, Feed};
    use crate::policy;

    const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  ops: {legal_basis: contract, because: it is}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  web:
    topics: [events]
    format: json
    subject: [{kind: user_id, path: $.user}, {kind: device, path: $.device, names: device}]
    jurisdiction: {otherwise: EEA}
sinks:
  out: {topic: out, purposes: [ops], unlisted: keep, fields: {user.unique_id: drop}}
";

    fn apply(ledger: &Ledger, feed: Feed, key: &str, value: Option<&str>) {
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        ledger.apply(&Change { feed, partition: 0, offset: 0, key, value, timestamp: None });
    }

    /// Applies a row, and puts it where it is found again.
    fn row(ledger: &Ledger, found: &mut Found, key: &str, more: &str) {
        let (kind, value) = key.split_once(':').unwrap();
        let text =
            format!(r#"{{"identity":{{"kind":"{kind}","value":"{value}"}}{more},"purposes":{{"ads":{{"state":"denied"}}}}}}"#);
        apply(ledger, Feed::Consent, key, Some(&text));
        if ledger.erasing(key.as_bytes()).is_some() {
            found.insert((0, key.as_bytes().to_vec()), text.into_bytes());
        }
    }

    #[test]
    fn what_was_learned_about_somebody_erased_goes_too_and_names_that_are_digests_are_understood() {
        let keys = KeySet::demonstration();
        let plan = policy::compile(POLICY, "policy.yaml", &keys).plan.unwrap();
        let ledger = Arc::new(Ledger::new(&keys));
        let digest = |kind: &str, value: &str| format!("digest:{}", ledger.digests().of(kind, value).to_hex());
        apply(&ledger, Feed::Erasures, "user_id:ann", Some("{}"));
        let mut found = Found::new();
        let email = &digest("email", "a@b.c")["digest:".len()..];
        let alias = format!(r#","aliases":[{{"kind":"digest","value":"{email}"}}]"#);
        row(&ledger, &mut found, "user_id:ann", &alias);
        row(&ledger, &mut found, "learned:user_id:ann", "");
        row(&ledger, &mut found, "learned:user_id:bob", "");
        row(&ledger, &mut found, "user_id:learned", "");
        let Going { erasures, rows, left } = decide(&ledger, &plan, &found);
        let gone: Vec<&[u8]> = rows.iter().map(|(_, key)| &key[..]).collect();
        assert_eq!(gone, [&b"learned:user_id:ann"[..], b"user_id:ann"]);
        // Ann is erased already, by name; her other name is known by its digest alone, and is not hashed once more.
        assert_eq!(erasures.into_iter().collect::<Vec<_>>(), [digest("email", "a@b.c")]);
        assert!(left.is_empty());

        // One row's tombstone does not let the other be forgotten about.
        let leaving = Leaving::new(ledger.clone());
        let who = ledger.subject_of(b"user_id:ann");
        leaving.erased(ErasedAs::Identity(who));
        apply(&ledger, Feed::Consent, "user_id:ann", None);
        assert!(ledger.has_row(who));
        apply(&ledger, Feed::Consent, "learned:user_id:ann", None);
        assert!(!ledger.has_row(who));
        leaving.loaded();
        drop(leaving.wanted().take());
        apply(&ledger, Feed::Consent, "learned:user_id:ann", Some(r#"{"identity":{"kind":"learned","value":"user_id:ann"}}"#));
        leaving.applied(b"learned:user_id:ann");
        assert!(leaving.wanted().people.contains(&who), "one that is written late goes as well");
    }
}
