//! Events and policies in miniature, for the tests of this stage; and what holds for the stage as a whole.

use super::{Facts, Scratch, gather};
use crate::event::{Capture, CountrySet, Header, Jurisdiction, PurposeId, Record, SlotId, Timestamp};
use crate::plan::{
    Categories, Conflicts, ConsentTypes, Duplicates, Format, LegalBasis, Named, Normalize, OptOuts, PathIndex, Plan, PolicyHash,
    Purpose, Signal, SignalKind, Source, Stream, SubjectRule, TimeRule, TopicMatch, WherePaths,
};
use std::rc::Rc;

/// The time at which every case is judged.
pub(super) const NOW: &str = "2026-11-22T00:00:00Z";

pub(super) fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

pub(super) fn categories(names: &[&str], any: bool) -> Categories {
    Categories { names: names.iter().map(|name| (*name).into()).collect(), any }
}

pub(super) fn subject(kinds: &[&str], source: Source) -> SubjectRule {
    let kinds = kinds.iter().map(|kind| (*kind).into()).collect();
    SubjectRule { kinds, source, names: Named::Person, normalize: Normalize::None }
}

pub(super) fn purpose(basis: LegalBasis) -> Purpose {
    Purpose {
        name: "a purpose".into(),
        label: None,
        basis,
        opt_outs: OptOuts::default(),
        consent_mode: ConsentTypes::default(),
        silence_denies: false,
        special_categories: Vec::new(),
        max_age: None,
        line: 1,
    }
}

/// One event under one policy. What is configured must be configured before the first clone.
#[derive(Clone)]
pub(super) struct Case {
    policy: Rc<(Plan, Stream)>,
    value: Vec<u8>,
    captures: Vec<Capture>,
    headers: Vec<(&'static str, &'static [u8])>,
    key: Option<Vec<u8>>,
    record_time: Option<Timestamp>,
}

impl Case {
    pub(super) fn new() -> Case {
        let plan = Plan {
            hash: PolicyHash::default(),
            controller: CountrySet::default(),
            purposes: Vec::new(),
            regimes: Vec::new(),
            vendors: Vec::new(),
            streams: Vec::new(),
            sinks: Vec::new(),
            rules: Vec::new(),
            subject_keys: None,
            before_rotations: Vec::new(),
        };
        let stream = Stream {
            name: "web".into(),
            topics: TopicMatch::Names(Vec::new()),
            format: Format::Json,
            index: PathIndex::build(Vec::new(), true),
            reads_headers: true,
            slots: 3,
            duplicates: Duplicates::Quarantine,
            subject: Vec::new(),
            time: None,
            place: WherePaths { country: None, region: None, otherwise: Jurisdiction::Unrecognised },
            signals: Vec::new(),
            conflicts: Conflicts::DenialWins,
            learn: None,
            when: None,
            routes: Vec::new(),
        };
        let (value, captures, headers) = (Vec::new(), Vec::new(), Vec::new());
        Case { policy: Rc::new((plan, stream)), value, captures, headers, key: None, record_time: None }
    }

    fn configure(mut self, change: impl FnOnce(&mut Plan, &mut Stream)) -> Case {
        let (plan, stream) = Rc::get_mut(&mut self.policy).expect("configured before it is cloned");
        change(plan, stream);
        self
    }

    pub(super) fn purposes(self, purposes: Vec<Purpose>) -> Case {
        self.configure(|plan, _| plan.purposes = purposes)
    }

    pub(super) fn subject(self, rule: SubjectRule) -> Case {
        self.configure(|_, stream| stream.subject.push(rule))
    }

    pub(super) fn time(self, rule: TimeRule) -> Case {
        self.configure(|_, stream| stream.time = Some(rule))
    }

    pub(super) fn place(self, rule: WherePaths) -> Case {
        self.configure(|_, stream| stream.place = rule)
    }

    pub(super) fn signal(self, source: Source, kind: SignalKind) -> Case {
        self.configure(|_, stream| stream.signals.push(Signal { source, kind, line: 1 }))
    }

    /// Adds a control value as decoding would find it, with other text around it.
    pub(super) fn capture(mut self, slot: u16, json: &str) -> Case {
        self.value.extend_from_slice(b" ,");
        let start = self.value.len();
        self.value.extend_from_slice(json.as_bytes());
        self.captures.push(Capture { slot: SlotId(slot), span: start..self.value.len() });
        self
    }

    pub(super) fn header(mut self, name: &'static str, value: &'static [u8]) -> Case {
        self.headers.push((name, value));
        self
    }

    pub(super) fn key(mut self, key: &[u8]) -> Case {
        self.key = Some(key.to_vec());
        self
    }

    pub(super) fn record_time(mut self, time: &str) -> Case {
        self.record_time = Some(at(time));
        self
    }

    pub(super) fn gather_into(&self, scratch: &mut Scratch, facts: &mut Facts) {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| Header { name, value: Some(value) }).collect();
        let record = Record {
            position: Default::default(),
            timestamp: self.record_time,
            key: self.key.as_deref(),
            value: Some(&self.value),
            headers: &headers,
        };
        let (plan, stream) = &*self.policy;
        gather(plan, stream, &record, &self.value, &self.captures, at(NOW), scratch, facts);
    }

    pub(super) fn facts(&self) -> Facts {
        let (mut scratch, mut facts) = (Scratch::default(), Facts::default());
        self.gather_into(&mut scratch, &mut facts);
        facts
    }

    /// What all statements together say about the first purposes, in words.
    pub(super) fn said(&self, purposes: usize) -> Vec<String> {
        let facts = self.facts();
        let words = |purpose| {
            let said = facts.statements.iter().flat_map(|statement| {
                let sets = [
                    ("granted", statement.granted),
                    ("denied", statement.denied),
                    ("withdrawn", statement.withdrawn),
                    ("opted_out", statement.opted_out),
                    ("gpc", statement.gpc),
                    ("invalid", statement.invalid),
                ];
                sets.into_iter().filter(|(_, set)| set.contains(purpose)).map(|(word, _)| word)
            });
            said.collect::<Vec<_>>().join(" ")
        };
        (0..purposes as u8).map(PurposeId).map(words).collect()
    }
}

fn slot(index: u16) -> Source {
    Source::Slot(SlotId(index))
}

fn grant(source: Source) -> (Source, SignalKind) {
    (source, SignalKind::Boolean { true_grants: true, lenient: false, purposes: vec![(PurposeId(0), categories(&[], false))] })
}

#[test]
fn one_event_does_not_bleed_into_the_next() {
    let (source, kind) = grant(slot(1));
    let place = WherePaths { country: Some(slot(2)), region: None, otherwise: Jurisdiction::Unrecognised };
    let empty = Case::new().subject(subject(&["user_id"], slot(0))).signal(source, kind).place(place);
    let full = empty
        .clone()
        .capture(0, "\"u1\"")
        .capture(0, "\"u2\"")
        .capture(1, "true")
        .capture(2, "\"DE\"")
        .record_time("2026-01-01T00:00:00Z");
    let (mut scratch, mut facts) = (Scratch::default(), Facts::default());
    full.gather_into(&mut scratch, &mut facts);
    assert!(facts.identified && facts.ambiguous && facts.statements.len() == 1);
    empty.gather_into(&mut scratch, &mut facts);
    assert!(!facts.identified && !facts.ambiguous && facts.statements.is_empty());
    assert_eq!((facts.jurisdictions, facts.event_time), (vec![Jurisdiction::Unrecognised], at(NOW)));
}

#[test]
fn each_signal_is_a_statement_of_its_own() {
    let ((first, yes), (second, no)) = (grant(slot(0)), grant(slot(1)));
    let facts = Case::new().signal(first, yes).signal(second, no).capture(1, "false").capture(0, "true").facts();
    let said: Vec<_> = facts.statements.iter().map(|said| (said.signal, said.granted.0, said.denied.0)).collect();
    assert_eq!(said, [(0, 1, 0), (1, 0, 1)]);
}

#[test]
fn a_span_outside_the_value_is_broken_and_no_panic() {
    let (source, kind) = grant(slot(0));
    let mut case = Case::new().signal(source, kind).subject(subject(&["user_id"], slot(0)));
    case.captures.push(Capture { slot: SlotId(0), span: 5..90 });
    assert_eq!(case.said(1), ["invalid"]);
    assert!(case.facts().ambiguous);
}
