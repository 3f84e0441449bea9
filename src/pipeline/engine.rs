//! One worker's engine: scan once, gather what the event says, then decide and encode for each sink.

use super::Verdict;
use super::join::Join;
use super::learn::Lessons;
use super::sift::Sifter;
use crate::consent::{self, Facts};
use crate::decide::{self, Decision, Truth};
use crate::decode::json::Scanner;
use crate::decode::{Limits, Refusal, Strings};
use crate::encode::{Encoded, Encoder, Touched};
use crate::event::{Jurisdiction, Places, Record, RuleId, SinkId, StreamId, Timestamp};
use crate::keys::subject::{DataKeys, Sealing};
use crate::ledger::{Digest, Ledger};
use crate::outcome::{Outcome, Reason};
use crate::plan::{KeyRule, Plan, PurposeNeed, Route, Sink, Stream, Tombstones};
use crate::transform::{self, Context, Fate};
use std::sync::Arc;

/// A verdict with what led to it, for those who ask why.
pub struct Judgement<'a> {
    /// The verdict.
    pub verdict: Verdict<'a>,
    /// The decision; `None` where the record could not be read or has no value.
    pub decision: Option<Decision>,
    /// The rules that met places of a released event, in document order.
    pub touched: &'a [Touched],
}

/// The stages and their scratch. All buffers are cleared before each record, and nothing is allocated for a record
/// once they have grown to the largest one.
pub struct Engine {
    scanner: Scanner,
    strings: Strings,
    sifter: Sifter,
    places: Places,
    consent: consent::Scratch,
    facts: Facts,
    encoder: Encoder,
    key: Vec<u8>,
    text: Vec<u8>,
    headers: Vec<u16>,
    refusal: Option<Refusal>,
    ledger: Option<Arc<Ledger>>,
    join: Join,
    looked_up: Vec<Digest>,
    has_keys: bool,
    lessons: Lessons,
}

impl Engine {
    /// An engine with empty scratch, for trying policies out: `encrypt` derives data keys from the root.
    pub fn new(limits: Limits) -> Engine {
        Engine::with_data_keys(limits, DataKeys::Derived)
    }

    /// An engine with empty scratch whose `encrypt` takes data keys from there.
    pub fn with_data_keys(limits: Limits, data_keys: DataKeys) -> Engine {
        let mut encoder = Encoder::default();
        encoder.scratch().sealing = Sealing::new(data_keys);
        Engine {
            scanner: Scanner::new(limits),
            strings: Strings::new(limits),
            sifter: Sifter::new(limits),
            places: Places::default(),
            consent: consent::Scratch::default(),
            facts: Facts::default(),
            encoder,
            key: Vec::new(),
            text: Vec::new(),
            headers: Vec::new(),
            refusal: None,
            ledger: None,
            join: Join::default(),
            looked_up: Vec::new(),
            has_keys: true,
            lessons: Lessons::default(),
        }
    }

    /// Gives the engine the ledger that it asks from now on; without one, streams with a ledger source are refused as stale.
    pub fn set_ledger(&mut self, ledger: Option<Arc<Ledger>>) {
        self.join = Join::default();
        self.ledger = ledger;
    }

    /// Says whether the plan's keys may be used for the records from here on. Where they may not, whatever needs one is
    /// quarantined: the rules of a sink, its record key, and, where there is a ledger, the question who the event is about.
    pub fn set_has_keys(&mut self, has_keys: bool) {
        self.has_keys = has_keys;
    }

    /// Whom the last record asked the ledger about: a change that concerns none of them changes no verdict on it.
    pub fn looked_up(&self) -> &[Digest] {
        &self.looked_up
    }

    /// What the ledger is to learn from the last record.
    pub fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// Judges one record for every sink, in the order of the policy's sinks, one call each (also for sinks that do
    /// not take the stream: `not_routed`). Total: whatever the bytes, each sink gets one verdict. `now` is the clock.
    pub fn evaluate(
        &mut self,
        plan: &Plan,
        stream: StreamId,
        record: &Record<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(SinkId, Verdict<'_>),
    ) {
        self.encoder.set_tracing(false);
        self.judge(plan, stream, record, now, &mut |sink, judgement| each(sink, judgement.verdict));
    }

    /// The same, with what led to each verdict; [`Engine::facts`] and [`Engine::refusal`] hold the rest afterwards.
    pub fn explain(
        &mut self,
        plan: &Plan,
        stream: StreamId,
        record: &Record<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(SinkId, Judgement<'_>),
    ) {
        self.encoder.set_tracing(true);
        self.judge(plan, stream, record, now, each);
    }

    /// What the last record said; meaningless if it was refused or had no value.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The places of the last record that the plan's paths meet; meaningless if it was refused or had no value.
    pub fn places(&self) -> &Places {
        &self.places
    }

    /// Why the last record could not be read, if so.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Hands out and forgets how often each rule was applied since the last call.
    pub fn drain_field_counts(&mut self, each: impl FnMut(RuleId, u32)) {
        self.encoder.drain_counts(each);
    }

    /// The data keys that `encrypt` uses, with those that have to be written along.
    pub fn sealing(&mut self) -> &mut Sealing {
        &mut self.encoder.scratch().sealing
    }

    fn judge(
        &mut self,
        plan: &Plan,
        stream: StreamId,
        record: &Record<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(SinkId, Judgement<'_>),
    ) {
        let stream = plan.stream(stream);
        self.refusal = None;
        self.looked_up.clear();
        self.lessons.clear();
        self.encoder.begin_record();
        let Some(value) = record.value else {
            return self.tombstone(plan, stream, record, now, each);
        };
        if let Err(refusal) = self.scan(stream, value) {
            self.refusal = Some(refusal);
            for sink in plan.sink_ids() {
                each(sink, bare(Outcome::Quarantine, refusal.reason, None));
            }
            return;
        }
        consent::gather(plan, stream, record, value, &self.places.captures, now, &mut self.consent, &mut self.facts);
        let is_known = self.has_keys || self.ledger.is_none();
        let own = self.facts.statements.len();
        if is_known {
            self.join.ask(plan, stream, self.ledger.as_deref(), &self.consent, &mut self.facts, &mut self.looked_up);
        }
        if self.has_keys {
            self.learn(plan, stream, value, own, now);
            self.name_subject(plan, stream, record);
        }
        self.consent.forget();
        let stream_routed = is_routed(stream.when.as_ref(), value, &self.places, &mut self.text);
        let context = Context { event_time: self.facts.event_time, now, country: country(&self.facts) };
        let mut routes = stream.routes.iter().peekable();
        for sink in plan.sink_ids() {
            let Some(route) = routes.next_if(|route| route.sink == sink) else {
                each(sink, bare(Outcome::Drop, Reason::NotRouted, None));
                continue;
            };
            let routed = stream_routed && is_routed(route.when.as_ref(), value, &self.places, &mut self.text);
            if routed && !is_known {
                each(sink, bare(Outcome::Quarantine, Reason::KeyUnavailable, None));
                continue;
            }
            let decision = decide::decide(plan, stream, route, &self.facts, routed, now);
            each(sink, self.released(plan, route, record, value, &context, decision));
        }
        self.encoder.scratch().sealing.end_record();
    }

    /// Notes what the event's own signals say: the first `own` statements.
    fn learn(&mut self, plan: &Plan, stream: &Stream, value: &[u8], own: usize, now: Timestamp) {
        let (Some(learn), Some(ledger)) = (&stream.learn, &self.ledger) else { return };
        if is_routed(learn.when.as_ref(), value, &self.places, &mut self.text) {
            self.lessons.take((plan, stream, learn), ledger, &self.consent, (&self.facts, own), now);
        }
    }

    /// Says for whom values of the record are encrypted.
    fn name_subject(&mut self, plan: &Plan, stream: &Stream, record: &Record<'_>) {
        if let Some(keys) = plan.subject_keys.as_ref().filter(|_| stream.encrypts()) {
            let sealing = &mut self.encoder.scratch().sealing;
            sealing.begin_record(Some(keys), &stream.name, record.position);
            for (position, (_, kind, value)) in self.consent.identities(stream).enumerate() {
                if !self.join.has_erased(position) {
                    sealing.add_identity(kind, value);
                }
            }
        }
    }

    /// Finds the places of the stream's paths, also in JSON text that strings hold, and which elements of filtered arrays
    /// match.
    fn scan(&mut self, stream: &Stream, value: &[u8]) -> Result<(), Refusal> {
        let Engine { scanner, strings, sifter, places, .. } = self;
        let Stream { index, duplicates, .. } = stream;
        scanner.begin_record();
        scanner.scan(value, index, *duplicates, places)?;
        strings.scan(scanner, value, index, *duplicates, places)?;
        sifter.sift(scanner, value, index, *duplicates, places)
    }

    /// Makes the bytes that a decision releases.
    fn released<'a>(
        &'a mut self,
        plan: &'a Plan,
        route: &'a Route,
        record: &Record<'a>,
        value: &'a [u8],
        context: &Context,
        decision: Decision,
    ) -> Judgement<'a> {
        let rules = match decision.outcome {
            Outcome::Allow => &route.rules,
            Outcome::Degrade => match &route.degraded {
                Some(rules) => rules,
                None => return bare(Outcome::Quarantine, Reason::Internal, Some(decision)),
            },
            Outcome::Drop | Outcome::Quarantine => return bare(decision.outcome, decision.reason, Some(decision)),
        };
        let keyed = rules.is_keyed() || decision.outcome == Outcome::Allow && route.record_key.is_keyed();
        if keyed && !self.has_keys {
            return bare(Outcome::Quarantine, Reason::KeyUnavailable, Some(decision));
        }
        self.encoder.scratch().sealing.begin_sink();
        let encoded = self.encoder.encode(value, &self.places, rules, context);
        let sink = plan.sink(route.sink);
        let has_key = decision.outcome == Outcome::Allow && self.transform_key(&route.record_key, record.key, context);
        if route.encrypts() && self.encoder.scratch().sealing.unavailable().is_some() {
            return bare(Outcome::Quarantine, Reason::KeyUnavailable, Some(decision));
        }
        if encoded == Encoded::Empty {
            return Judgement { touched: self.encoder.touched(), ..bare(Outcome::Drop, Reason::Empty, Some(decision)) };
        }
        self.headers.clear();
        if decision.outcome == Outcome::Allow {
            self.headers.extend(kept_headers(sink, record));
        }
        let verdict = Verdict {
            outcome: decision.outcome,
            reason: decision.reason,
            value: Some(if encoded == Encoded::Unchanged { value } else { self.encoder.output() }),
            key: has_key.then_some(&self.key),
            headers: &self.headers,
            purposes: passed_purpose(plan, sink, &decision),
        };
        Judgement { verdict, decision: Some(decision), touched: self.encoder.touched() }
    }

    /// A record without a value: it ends, or its transformed key goes on (`scrub.md`, rule 10).
    fn tombstone(
        &mut self,
        plan: &Plan,
        stream: &Stream,
        record: &Record<'_>,
        now: Timestamp,
        each: &mut dyn FnMut(SinkId, Judgement<'_>),
    ) {
        // It names nobody: what would be encrypted goes.
        self.encoder.scratch().sealing.begin_record(None, &stream.name, record.position);
        let context = Context { event_time: record.timestamp.unwrap_or(now), now, country: None };
        let mut routes = stream.routes.iter().peekable();
        for sink in plan.sink_ids() {
            let Some(route) = routes.next_if(|route| route.sink == sink) else {
                each(sink, bare(Outcome::Drop, Reason::NotRouted, None));
                continue;
            };
            let may_pass = plan.sink(sink).tombstones == Tombstones::Pass;
            if may_pass && !self.has_keys && route.record_key.is_keyed() {
                each(sink, bare(Outcome::Quarantine, Reason::KeyUnavailable, None));
                continue;
            }
            let passes = may_pass && self.transform_key(&route.record_key, record.key, &context);
            let mut judgement = bare(if passes { Outcome::Allow } else { Outcome::Drop }, Reason::Empty, None);
            judgement.verdict.key = passes.then_some(&self.key);
            each(sink, judgement);
        }
    }

    /// Puts the sink's record key into the buffer; false if there is none.
    fn transform_key(&mut self, rule: &KeyRule, key: Option<&[u8]>, context: &Context) -> bool {
        self.key.clear();
        let Some(key) = key else { return false };
        match rule {
            KeyRule::Drop => false,
            KeyRule::Keep => {
                self.key.extend_from_slice(key);
                true
            }
            KeyRule::Transform { action, rule: _ } => {
                transform::apply_key(action, key, context, self.encoder.scratch(), &mut self.key) == Fate::Written
            }
        }
    }
}

/// A judgement that releases nothing.
fn bare<'a>(outcome: Outcome, reason: Reason, decision: Option<Decision>) -> Judgement<'a> {
    Judgement { verdict: Verdict::refused(outcome, reason), decision, touched: &[] }
}

fn is_routed(when: Option<&crate::plan::Condition>, value: &[u8], places: &Places, buffer: &mut Vec<u8>) -> bool {
    match when {
        None => true,
        Some(condition) => match decide::evaluate(condition, value, &places.captures, buffer) {
            Truth::True => true,
            Truth::False | Truth::Unknown => false,
        },
    }
}

/// The one country in which the subject is known to be, for transforms that depend on it.
fn country(facts: &Facts) -> Option<crate::event::Country> {
    match facts.jurisdictions.as_slice() {
        [Jurisdiction::Place { country, subdivision: _ }] => Some(*country),
        _ => None,
    }
}

fn kept_headers(sink: &Sink, record: &Record<'_>) -> impl Iterator<Item = u16> {
    let kept = move |name: &str| sink.headers.iter().any(|header| &**header == name);
    record
        .headers
        .iter()
        .take(usize::from(u16::MAX))
        .enumerate()
        .filter(move |(_, header)| kept(header.name))
        .map(|(position, _)| position as u16)
}

/// At a sink that needs one of several purposes, the one that passed.
fn passed_purpose<'a>(plan: &'a Plan, sink: &Sink, decision: &Decision) -> Option<&'a str> {
    match (&sink.purposes, decision.outcome) {
        (PurposeNeed::Any(_), Outcome::Allow) => decision.purpose.map(|purpose| &*plan.purpose(purpose).name),
        (PurposeNeed::Any(_) | PurposeNeed::All(_), _) => None,
    }
}
