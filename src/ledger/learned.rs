//! What was learned from events: records of Privet's own, beside those of the consent platform, under keys `learned:kind:value`.
//!
//! They are apart so that neither overwrites the other, and no version of the platform's is ever stepped on. Anyone can send an event in
//! another's name: so a denial that was learned stays until a later grant of the platform's (or a tombstone), and a grant that was
//! learned counts only where nothing is denied. Records of one key are united, whatever their order: of each purpose a denial beats a
//! grant and a later time an earlier one, so that all who learn at once come to the same.

use super::record::{Consent, ConsentRecord, EVERY_PURPOSE, Identity, MOST_PURPOSES, Stated, Unreadable};
use super::row::{self, Refused, Said};
use super::shapes::{Choice, PurposeName, Reach, Shape};
use super::store::Store;
use super::{Applied, Digest, Full, HashBuffers, Ledger, Scratch};
use crate::event::Timestamp;
use std::borrow::Cow;

/// What keys of such records begin with. No policy can have a kind of that name.
pub(super) const PREFIX: &str = "learned:";

/// A grant that is there is confirmed anew no more often than this: what events say over and over is no news.
const CONFIRM_AFTER_S: i64 = 86_400;

/// One purpose of an event, to be learned. It does not implement `Debug`: with an identity it is personal data.
#[derive(Clone, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(Debug))]
pub struct Lesson {
    /// The purpose, by its name in the policy.
    pub purpose: Box<str>,
    /// What was said.
    pub state: Stated,
    /// When.
    pub at: Timestamp,
    /// Until when a grant holds.
    pub expires: Option<Timestamp>,
}

/// The key of the record of what was learned about somebody.
pub fn key(kind: &str, value: &str) -> Vec<u8> {
    format!("{PREFIX}{kind}:{value}").into_bytes()
}

/// Whom a record key of the consent topic is about: the key without what marks it as learned.
pub fn about(key: &[u8]) -> &[u8] {
    key.strip_prefix(PREFIX.as_bytes()).unwrap_or(key)
}

fn consent(lesson: &Lesson) -> Consent<'static> {
    let Lesson { purpose: _, state, at, expires } = lesson;
    match state {
        // What is said in an event is said to all who were disclosed by then.
        Stated::Granted => {
            Consent { state: *state, at: Some(*at), since: None, expires: *expires, vendors: Some(vec![EVERY_PURPOSE.into()]) }
        }
        Stated::Denied | Stated::Withdrawn => Consent { state: *state, at: Some(*at), since: None, expires: None, vendors: None },
    }
}

/// Of two things that were said about one purpose the one that holds.
fn later<'a>(one: Consent<'a>, other: Consent<'a>) -> Consent<'a> {
    let denies = |said: &Consent<'_>| said.state != Stated::Granted;
    match (denies(&one), denies(&other)) {
        (true, false) => one,
        (false, true) => other,
        // A denial without a time is never too old.
        (true, true) if (one.at.is_none(), one.at, one.state as u8) >= (other.at.is_none(), other.at, other.state as u8) => one,
        (true, true) => other,
        // Of two grants of one moment the one that ends first; none is the last of all.
        (false, false) => {
            let rank = |said: &Consent<'_>| (said.at, std::cmp::Reverse(said.expires.unwrap_or(Timestamp::MAX)));
            if rank(&one) >= rank(&other) { one } else { other }
        }
    }
}

fn unite<'a>(purposes: &mut Vec<(Cow<'a, str>, Consent<'a>)>, name: Cow<'a, str>, said: Consent<'a>) {
    match purposes.iter().position(|(known, _)| *known == name) {
        Some(at) => {
            let (name, known) = purposes.swap_remove(at);
            purposes.push((name, later(known, said)));
        }
        None => purposes.push((name, said)),
    }
}

impl Ledger {
    /// Applies a record of what was learned about the identity of the key `about`.
    pub(super) fn apply_learned(
        &self,
        key: &[u8],
        about: &[u8],
        value: Option<&[u8]>,
        scratch: &mut Scratch,
    ) -> Result<Applied, Full> {
        let digest = self.digests.of_key(about);
        self.save_part_of(digest, scratch);
        let old = self.learned.get(digest, |shape, words| {
            scratch.old_words.clear();
            scratch.old_words.extend_from_slice(words);
            shape
        });
        let old = old.and_then(|number| self.shapes.get(number));
        let Some(value) = value else {
            self.count_regressed(old.as_deref(), None);
            if self.learned.remove(digest) {
                self.recent.push([digest]);
            }
            return Ok(Applied::Removed);
        };
        let read = ConsentRecord::read(value).and_then(|record| match record.identity.is_key(key) {
            true => Ok(record),
            false => Err(Unreadable("what was learned, under the key of another identity")),
        });
        let before = old.as_deref().map(|shape| self.said_of(shape, &scratch.old_words)).unwrap_or_default();
        let (shape, applied) = match read {
            Err(Unreadable(why)) => (scratch.packer.refuse(Refused::Unreadable, 0, None), Some(Applied::Undecodable { why })),
            Ok(record) => self.join(record, before, value, scratch)?,
        };
        let number = self.shapes.shape(&shape)?;
        self.learned.put(digest, number, &scratch.packer.words)?;
        self.count_regressed(old.as_deref(), Some(&shape));
        let old = old.as_deref().map(|old| (old, &scratch.old_words[..]));
        let restricts = row::takes_away(old, (&shape, &scratch.packer.words));
        if restricts {
            self.recent.push([digest]);
        }
        Ok(applied.unwrap_or(if restricts { Applied::Restricted } else { Applied::Stored }))
    }

    /// Puts the union of a record and of what was known before into the packer, and says what is to be appended where the record
    /// is not all of it.
    fn join(
        &self,
        record: ConsentRecord<'_>,
        before: Vec<(Cow<'static, str>, Consent<'static>)>,
        value: &[u8],
        scratch: &mut Scratch,
    ) -> Result<(Shape, Option<Applied>), Full> {
        let plain = ConsentRecord { aliases: Vec::new(), jurisdiction: None, version: 0, evidence: Vec::new(), ..record };
        let alone = scratch.packer.pack(&plain, &self.shapes)?;
        let words = scratch.packer.words.clone();
        let mut all = plain.clone();
        for (name, said) in before {
            unite(&mut all.purposes, name, said);
        }
        if all.purposes.len() > MOST_PURPOSES {
            let why = "more than 64 purposes were learned";
            return Ok((scratch.packer.refuse(Refused::Unreadable, 0, None), Some(Applied::Undecodable { why })));
        }
        let mut shape = scratch.packer.pack(&all, &self.shapes)?;
        if shape == alone && scratch.packer.words == words {
            return Ok((shape, None));
        }
        shape.regressed = true;
        let record = if value.first() == Some(&b'{') { all.to_json() } else { all.to_protobuf() };
        Ok((shape, Some(Applied::Merged { record })))
    }

    /// What a row says, as a record would. What could not be read is said by no record.
    fn said_of(&self, shape: &Shape, words: &[u32]) -> Vec<(Cow<'static, str>, Consent<'static>)> {
        let one = |said: Said| {
            let Said { purpose, choice, reach, start, confirmed, expires } = said;
            let name = match purpose.index() {
                None => EVERY_PURPOSE.to_owned(),
                Some(index) => self.purpose_name(index)?.to_string(),
            };
            let state = match choice {
                Choice::Granted => Stated::Granted,
                Choice::Denied => Stated::Denied,
                Choice::Withdrawn => Stated::Withdrawn,
                Choice::Broken => return None,
            };
            let vendors = match reach {
                Reach::Processors => None,
                Reach::Nobody => Some(Vec::new()),
                Reach::Disclosed => Some(vec![EVERY_PURPOSE.into()]),
                Reach::Named(list) => Some(self.vendors(list)?.iter().map(|name| name.to_string().into()).collect()),
            };
            let since = start.filter(|_| start != confirmed);
            Some((name.into(), Consent { state, at: confirmed, since, expires, vendors }))
        };
        row::said(shape, words).filter_map(one).collect()
    }

    /// The record that says what is known to be learned about somebody, `more`, and these lessons; `None` where they are no news.
    pub fn learn<'a>(
        &self,
        (kind, value): (&str, &str),
        more: Option<&ConsentRecord<'a>>,
        lessons: &[Lesson],
    ) -> Option<ConsentRecord<'a>> {
        let digest = self.digests.of(kind, value);
        // Of whom is erased nothing is written down any more.
        let mut is_erased = false;
        let mut note = |purpose: PurposeName| is_erased |= purpose == PurposeName::EVERY;
        self.suppressions((kind, value), digest, &mut HashBuffers::default(), &mut Vec::new(), &mut note);
        if is_erased || !lessons.iter().any(|lesson| self.is_news(digest, &lesson.purpose, lesson.state, lesson.at)) {
            return None;
        }
        let known = self.learned.get(digest, |shape, words| (shape, words.to_vec()));
        let known = known.and_then(|(number, words)| Some(self.said_of(&*self.shapes.get(number)?, &words)));
        let mut purposes: Vec<(Cow<'a, str>, Consent<'a>)> = known.unwrap_or_default();
        for (name, said) in more.iter().flat_map(|record| &record.purposes) {
            unite(&mut purposes, name.clone(), said.clone());
        }
        for lesson in lessons {
            unite(&mut purposes, lesson.purpose.to_string().into(), consent(lesson));
        }
        purposes.sort_by(|(one, _), (other, _)| one.cmp(other));
        let identity = Identity { kind: PREFIX.trim_end_matches(':').into(), value: format!("{kind}:{value}").into() };
        let record = ConsentRecord { identity, aliases: vec![], jurisdiction: None, version: 0, purposes, evidence: vec![] };
        Some(record).filter(|record| more.is_none_or(|more| more.purposes != record.purposes))
    }

    /// Whether learning it would change an answer. Cheap: it is asked for every event that says something.
    pub fn is_news(&self, digest: Digest, purpose: &str, state: Stated, at: Timestamp) -> bool {
        let purpose = self.shapes.known_purpose(purpose);
        let own = self.about(&self.rows, digest, purpose);
        let learned = self.about(&self.learned, digest, purpose);
        match state {
            Stated::Denied | Stated::Withdrawn => {
                let stands = learned.denial.is_some_and(|denied| !is_superseded(denied, own.grant));
                !stands && !is_superseded(Some(at), own.grant)
            }
            Stated::Granted => {
                let fresh = |grant: Option<(Timestamp, Option<Timestamp>)>| {
                    grant.is_some_and(|(confirmed, expires)| {
                        let is_young = confirmed.as_second() + CONFIRM_AFTER_S >= at.as_second();
                        is_young && expires.is_none_or(|expires| expires > at)
                    })
                };
                own.denial.is_none() && learned.denial.is_none() && !fresh(own.grant) && !fresh(learned.grant)
            }
        }
    }

    fn about(&self, store: &Store, digest: Digest, purpose: Option<PurposeName>) -> About {
        let read = |number: u32, words: &[u32]| {
            let mut about = About::default();
            // A row that cannot be read denies.
            let Some(shape) = self.shapes.get(number) else { return About { denial: Some(None), grant: None } };
            for said in row::said(&shape, words) {
                if said.purpose != PurposeName::EVERY && Some(said.purpose) != purpose {
                    continue;
                }
                match said.choice {
                    Choice::Granted => about.grant = said.confirmed.map(|confirmed| (confirmed, said.expires)),
                    Choice::Denied | Choice::Withdrawn | Choice::Broken => about.denial = Some(said.start),
                }
            }
            about
        };
        store.get(digest, read).unwrap_or_default()
    }
}

/// What a row says about one purpose: a denial and its time, a grant with when it was confirmed last and its end.
#[derive(Default)]
struct About {
    denial: Option<Option<Timestamp>>,
    grant: Option<(Timestamp, Option<Timestamp>)>,
}

fn is_superseded(denied: Option<Timestamp>, grant: Option<(Timestamp, Option<Timestamp>)>) -> bool {
    supersedes(grant.map(|(confirmed, _)| confirmed), denied)
}

/// Whether a grant of the platform's was confirmed after a denial that was learned. A tie denies.
pub(super) fn supersedes(confirmed: Option<Timestamp>, denied: Option<Timestamp>) -> bool {
    confirmed.zip(denied).is_some_and(|(confirmed, denied)| confirmed > denied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::ledger::{Change, Feed, Rows};
    use proptest::prelude::*;

    fn ledger() -> Ledger {
        Ledger::new(&KeySet::demonstration())
    }

    fn at(hour: u8) -> Timestamp {
        format!("2026-11-20T{hour:02}:00:00Z").parse().unwrap()
    }

    fn lesson(purpose: &str, state: Stated, hour: u8) -> Lesson {
        Lesson { purpose: purpose.into(), state, at: at(hour), expires: None }
    }

    fn apply(ledger: &Ledger, key: &[u8], value: Option<&[u8]>) -> Applied {
        ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key: Some(key), value, timestamp: None })
    }

    /// The record of one lesson, by whoever knows nothing.
    fn record_of(lessons: &[Lesson]) -> Vec<u8> {
        ledger().learn(("user_id", "u1"), None, lessons).unwrap().to_protobuf()
    }

    fn teach(ledger: &Ledger, lessons: &[Lesson]) -> bool {
        let Some(record) = ledger.learn(("user_id", "u1"), None, lessons) else { return false };
        apply(ledger, &key("user_id", "u1"), Some(&record.to_json()));
        true
    }

    fn platform(ledger: &Ledger, purposes: &str) {
        let value = format!(r#"{{"identity":{{"kind":"user_id","value":"u1"}},"version":1,"purposes":{{{purposes}}}}}"#);
        apply(ledger, b"user_id:u1", Some(value.as_bytes()));
    }

    fn granted(purpose: &str, hour: u8) -> String {
        format!(r#""{purpose}":{{"state":"granted","at":"{}"}}"#, at(hour))
    }

    /// What was learned and counts: purpose, choice, and the row that a grant is of.
    fn learned(ledger: &Ledger) -> Vec<(String, Choice, Option<usize>)> {
        let mut rows = Rows::default();
        ledger.find(ledger.digests().of("user_id", "u1"), &mut rows);
        let mut all = Vec::new();
        rows.learned(&mut |said, row| {
            let name = said.purpose.index().map_or("*".to_owned(), |index| ledger.purpose_name(index).unwrap().to_string());
            all.push((name, said.choice, row));
        });
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    #[test]
    fn a_denial_that_was_learned_is_lifted_only_by_a_later_grant_of_the_platform() {
        let ledger = ledger();
        platform(&ledger, &granted("ads", 9));
        assert!(teach(&ledger, &[lesson("ads", Stated::Withdrawn, 10)]));
        assert_eq!(learned(&ledger), [("ads".into(), Choice::Withdrawn, None)]);
        assert!(!teach(&ledger, &[lesson("ads", Stated::Denied, 11)]), "it is denied already");
        assert!(!teach(&ledger, &[lesson("ads", Stated::Granted, 12)]), "no event takes a denial back");
        platform(&ledger, &granted("ads", 10));
        assert_eq!(learned(&ledger).len(), 1, "a tie denies");
        platform(&ledger, &granted("ads", 13));
        assert!(learned(&ledger).is_empty(), "the person said yes later");
        assert!(!teach(&ledger, &[lesson("ads", Stated::Denied, 12)]), "an old event read again");
        assert!(teach(&ledger, &[lesson("ads", Stated::Denied, 14)]));
        assert_eq!(learned(&ledger), [("ads".into(), Choice::Denied, None)]);
        apply(&ledger, b"user_id:u1", None);
        assert_eq!(learned(&ledger).len(), 1, "a tombstone of the platform's record leaves it");
        apply(&ledger, &key("user_id", "u1"), None);
        assert!(learned(&ledger).is_empty());
    }

    #[test]
    fn a_grant_that_was_learned_counts_where_nothing_is_denied() {
        let ledger = ledger();
        assert!(teach(&ledger, &[lesson("ads", Stated::Granted, 9), lesson("mail", Stated::Granted, 9)]));
        assert_eq!(learned(&ledger), [("ads".into(), Choice::Granted, Some(0)), ("mail".into(), Choice::Granted, Some(0))]);
        assert!(!teach(&ledger, &[lesson("ads", Stated::Granted, 20)]), "confirmed within a day: no news");
        platform(&ledger, r#""ads":{"state":"withdrawn","at":"2026-01-01T00:00:00Z"}"#);
        assert_eq!(learned(&ledger), [("mail".into(), Choice::Granted, Some(0))], "however old the denial is");
        assert!(!teach(&ledger, &[lesson("ads", Stated::Granted, 21)]));
        platform(&ledger, r#""*":{"state":"denied"}"#);
        assert!(learned(&ledger).is_empty());
        platform(&ledger, &granted("mail", 10));
        assert_eq!(learned(&ledger), [("ads".into(), Choice::Granted, Some(0))], "the platform's own is younger");
    }

    #[test]
    fn one_who_is_somebodys_alias_gets_no_grant_by_an_event() {
        let ledger = ledger();
        let value = r#"{"identity":{"kind":"email","value":"e"},"aliases":[{"kind":"user_id","value":"u1"}],"purposes":{}}"#;
        apply(&ledger, b"email:e", Some(value.as_bytes()));
        teach(&ledger, &[lesson("ads", Stated::Granted, 9), lesson("mail", Stated::Denied, 9)]);
        assert_eq!(learned(&ledger), [("mail".into(), Choice::Denied, None)]);
    }

    #[test]
    fn of_the_erased_nothing_is_written_down() {
        let ledger = ledger();
        let erase = Change {
            feed: Feed::Erasures,
            partition: 0,
            offset: 0,
            key: Some(b"user_id:u1"),
            value: Some(b"{}"),
            timestamp: None,
        };
        ledger.apply(&erase);
        assert!(ledger.learn(("user_id", "u1"), None, &[lesson("ads", Stated::Denied, 9)]).is_none());
    }

    #[test]
    fn what_a_record_lacks_holds_on_and_is_appended() {
        let ledger = ledger();
        let (one, other) = (record_of(&[lesson("ads", Stated::Denied, 9)]), record_of(&[lesson("mail", Stated::Denied, 9)]));
        let key = key("user_id", "u1");
        assert!(apply(&ledger, &key, Some(&one)) == Applied::Restricted);
        let Applied::Merged { record } = apply(&ledger, &key, Some(&other)) else { panic!("it lacks a denial") };
        assert_eq!(learned(&ledger).len(), 2, "both hold meanwhile");
        assert!(ledger.needs_denial(&key));
        assert!(apply(&ledger, &key, Some(&record)) == Applied::Stored);
        assert!(!ledger.needs_denial(&key));
        let fresh = self::ledger();
        apply(&fresh, &key, Some(&record));
        assert_eq!(learned(&fresh), learned(&ledger), "as compaction leaves it");
        assert!(matches!(apply(&ledger, &key, Some(b"{nonsense")), Applied::Undecodable { .. }));
        assert_eq!(learned(&ledger), [("*".into(), Choice::Broken, None)]);
    }

    fn some_lesson() -> impl Strategy<Value = Lesson> {
        let state = prop_oneof![Just(Stated::Granted), Just(Stated::Denied), Just(Stated::Withdrawn)];
        (0..3u8, state, 0..5u8, prop::option::of(20..24u8)).prop_map(|(purpose, state, hour, expires)| {
            let expires = expires.filter(|_| state == Stated::Granted).map(at);
            Lesson { purpose: format!("p{purpose}").into(), state, at: at(hour), expires }
        })
    }

    proptest! {
        /// Whoever learns what in whatever order: once what is missing was appended, every order comes to the same.
        #[test]
        fn records_come_to_the_same_in_every_order(
            (lessons, shuffled) in prop::collection::vec(some_lesson(), 1..8)
                .prop_flat_map(|lessons| (Just(lessons.clone()), Just(lessons).prop_shuffle()))
        ) {
            let after = |lessons: &[Lesson]| {
                let (running, key) = (ledger(), key("user_id", "u1"));
                let mut last = Vec::new();
                for lesson in lessons {
                    last = record_of(std::slice::from_ref(lesson));
                    if let Applied::Merged { record } = apply(&running, &key, Some(&last)) {
                        assert!(!matches!(apply(&running, &key, Some(&record)), Applied::Merged { .. }));
                        last = record;
                    }
                }
                let fresh = ledger();
                apply(&fresh, &key, Some(&last));
                let shown = |ledger: &Ledger| {
                    let (number, words) = ledger.learned.get(ledger.digests.of("user_id", "u1"), |shape, words| (shape, words.to_vec())).unwrap();
                    let mut said: Vec<String> = ledger.said_of(&ledger.shapes.get(number).unwrap(), &words).into_iter()
                        .map(|(name, said)| format!("{name} {:?} {:?} {:?} {:?}", said.state, said.at, said.since, said.expires)).collect();
                    said.sort();
                    said
                };
                assert_eq!(shown(&running), shown(&fresh), "a fresh instance reads the last record alone");
                shown(&fresh)
            };
            prop_assert_eq!(after(&lessons), after(&shuffled));
        }
    }
}
