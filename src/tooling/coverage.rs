//! A policy held against sample events: paths that meet nothing, members that are in no class.
//!
//! What it says names members of the sample, because that is what its reader asks for; it never says a value.

use crate::event::json::Text;
use crate::event::{Path, PathId, Places, Position, Record, Segment, StreamId, Target, Timestamp};
use crate::pipeline::{Engine, Limits};
use crate::plan::{PathIndex, Plan};
use crate::policy::ast::{Policy, Source, Span, Spanned, Stream, When};
use crate::policy::{Code, Diagnostics};
use std::collections::{BTreeMap, HashSet};

/// How many places in no class are named: a sample whose member names are themselves data would name thousands.
const NAMED: usize = 50;
/// How many distinct places are counted at all.
const COUNTED: usize = 10_000;

/// What sample events of one stream showed.
pub struct Coverage<'p> {
    plan: &'p Plan,
    written: &'p Policy,
    stream: StreamId,
    engine: Engine,
    /// By [`PathId`]: whether some event has it.
    met: Vec<bool>,
    /// The paths that put a place into a class.
    classing: HashSet<PathId>,
    /// Places in no class, each with the number of events that have it.
    unclassed: BTreeMap<String, usize>,
    events: usize,
    unread: usize,
}

impl<'p> Coverage<'p> {
    /// Nothing shown yet.
    pub fn new(plan: &'p Plan, written: &'p Policy, stream: StreamId) -> Coverage<'p> {
        let index = &plan.stream(stream).index;
        let mut coverage = Coverage {
            plan,
            written,
            stream,
            engine: Engine::new(Limits::default()),
            met: vec![false; index.path_count()],
            classing: HashSet::new(),
            unclassed: BTreeMap::new(),
            events: 0,
            unread: 0,
        };
        if let Some((_, stream)) = coverage.written_stream() {
            let classing = stream.classes.iter().flat_map(|(_, paths)| paths).chain(implied(stream));
            coverage.classing = classing.filter_map(|path| id_of(index, &path.value)).collect();
        }
        coverage
    }

    /// Takes in one event.
    pub fn add(&mut self, event: &[u8], now: Timestamp) {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        self.events += 1;
        self.engine.evaluate(self.plan, self.stream, &record, now, &mut |_, _| ());
        if self.engine.refusal().is_some() {
            self.unread += 1;
            return;
        }
        let index = &self.plan.stream(self.stream).index;
        let places = self.engine.places();
        note_met(places, index, &mut self.met);
        let covered: Vec<(usize, usize)> = places
            .marks
            .iter()
            .filter(|mark| {
                places.hits_of(mark).iter().any(|hit| matches!(hit.target, Target::Path(id) if self.classing.contains(&id)))
            })
            .map(|mark| (mark.value as usize, mark.end as usize))
            .collect();
        let start = event.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        let end = event.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(start, |last| last + 1);
        let mut found = HashSet::new();
        let walk = Walk { base: event.as_ptr() as usize, covered: &covered };
        walk.leaves(Text::new(&event[start..end]), &mut Vec::new(), &mut found);
        for place in found {
            if self.unclassed.len() < COUNTED || self.unclassed.contains_key(&place) {
                *self.unclassed.entry(place).or_default() += 1;
            }
        }
    }

    /// Says it, each at the line of the policy that it is about.
    pub fn report(&self, diagnostics: &mut Diagnostics) {
        let Some((name, stream)) = self.written_stream() else { return };
        if self.unread > 0 {
            let found = format!("{} of {} sample events are not well-formed", self.unread, self.events);
            diagnostics.warning(Code::EventUnread, &name.span, found).hint("in `run` they would be quarantined");
        }
        let index = &self.plan.stream(self.stream).index;
        // A preset covers calls and fields that a sample need not have.
        let preset = stream.shape.as_ref().map(|shape| &shape.span);
        for path in self.paths(stream).into_iter().filter(|path| Some(&path.span) != preset) {
            if id_of(index, &path.value).is_some_and(|id| !self.met[id.index()]) {
                let found = format!("no sample event of stream `{}` has `{}`", name.value, path.value);
                diagnostics.warning(Code::PathUnmatched, &path.span, found);
            }
        }
        self.report_unclassed(&name.span, diagnostics);
    }

    /// All places in no class as one warning: there may be dozens, and each is one line.
    fn report_unclassed(&self, span: &Span, diagnostics: &mut Diagnostics) {
        let mut unclassed: Vec<(&String, &usize)> = self.unclassed.iter().collect();
        if unclassed.is_empty() {
            return;
        }
        unclassed.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let named = unclassed.iter().take(NAMED).map(|(place, count)| format!("{place} ({count})"));
        let mut places: Vec<String> = named.collect();
        places.extend(unclassed.len().checked_sub(NAMED).filter(|more| *more > 0).map(|more| format!("and {more} more")));
        let found = match unclassed.len() {
            1 => format!("one place of the {} sample events is in no class", self.events),
            count => format!("{count} places of the {} sample events are in no class", self.events),
        };
        diagnostics
            .warning(Code::MemberUnclassed, span, found)
            .hint(format!("in how many events each stands:\n{}", places.join("\n")));
    }

    fn written_stream(&self) -> Option<&'p (crate::policy::ast::Text, Stream)> {
        let name = &self.plan.stream(self.stream).name;
        self.written.streams.iter().find(|(written, _)| *written.value == **name)
    }

    /// Every path that the policy writes for this stream.
    fn paths(&self, stream: &'p Stream) -> Vec<Spanned<Path>> {
        let mut paths: Vec<Spanned<Path>> = stream.classes.iter().flat_map(|(_, paths)| paths).cloned().collect();
        paths.extend(implied(stream).cloned());
        paths.extend(stream.time.iter().filter_map(|time| path_of(&time.value.source)).cloned());
        if let Some(place) = &stream.jurisdiction {
            paths.extend([&place.value.country, &place.value.region].into_iter().flatten().filter_map(path_of).cloned());
        }
        stream.when.iter().for_each(|when| tested(when, &mut paths));
        let name = &self.plan.stream(self.stream).name;
        for (_, sink) in &self.written.sinks {
            let takes = sink.streams.as_ref().is_none_or(|streams| streams.value.iter().any(|taken| *taken.value == **name));
            if !takes {
                continue;
            }
            sink.when.iter().for_each(|when| tested(when, &mut paths));
            let written = sink.fields.iter().filter(|(field, _)| field.value.starts_with('$'));
            paths.extend(written.filter_map(|(field, _)| {
                Path::parse(&field.value).ok().map(|value| Spanned { value, span: field.span.clone() })
            }));
        }
        paths
    }
}

/// The identity and consent paths, which are in classes of their own.
fn implied(stream: &Stream) -> impl Iterator<Item = &Spanned<Path>> {
    let identities = stream.subject.iter().filter_map(|subject| path_of(&subject.value.source));
    identities.chain(stream.consent.iter().filter_map(|signal| path_of(signal.value.source.as_ref()?)))
}

fn path_of(source: &Source) -> Option<&Spanned<Path>> {
    match source {
        Source::Path(path) => Some(path),
        Source::Header(_) | Source::Key(_) => None,
    }
}

fn tested(when: &Spanned<When>, paths: &mut Vec<Spanned<Path>>) {
    match &when.value {
        When::All(parts) | When::Any(parts) => parts.iter().for_each(|part| tested(part, paths)),
        When::Not(part) => tested(part, paths),
        When::Test { path, .. } => paths.push(path.clone()),
    }
}

fn id_of(index: &PathIndex, path: &Path) -> Option<PathId> {
    (0..index.path_count()).map(|id| PathId(id as u16)).find(|id| index.path(*id) == path)
}

fn note_met(places: &Places, index: &PathIndex, met: &mut [bool]) {
    for hit in &places.hits {
        if let Target::Path(id) = hit.target {
            met[id.index()] = true;
        }
    }
    let slots: HashSet<_> = places.captures.iter().map(|capture| capture.slot).collect();
    for id in (0..index.path_count()).map(|id| PathId(id as u16)) {
        met[id.index()] |= index.slots(id).iter().any(|slot| slots.contains(slot));
    }
}

/// Looks for scalars outside of what a class covers.
struct Walk<'c> {
    /// The address of the event's first byte: parts of it are slices of the same bytes.
    base: usize,
    covered: &'c [(usize, usize)],
}

impl Walk<'_> {
    fn leaves(&self, value: Text<'_>, way: &mut Vec<Segment>, found: &mut HashSet<String>) {
        let start = value.raw().as_ptr() as usize - self.base;
        if self.covered.iter().any(|(from, to)| (*from..*to).contains(&start)) {
            return;
        }
        if value.kind().is_scalar() {
            found.insert(Path::from_segments(way.clone()).to_string());
            return;
        }
        for (name, member) in value.members() {
            way.push(Segment::name(&name.decoded()));
            self.leaves(member, way, found);
            way.pop();
        }
        for element in value.elements() {
            way.push(Segment { descendant: false, selector: crate::event::Selector::Wildcard });
            self.leaves(element, way, found);
            way.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::policy::compile;

    const POLICY: &str = "\
privet: 1
controller: {name: Test, country: DE}
purposes:
  operations: {legal_basis: contract, because: test}
regimes:
  - {in: ['*'], silence: deny}
streams:
  web:
    topics: [in]
    subject: [{kind: user_id, path: $.userId}]
    time: {path: $.sent}
    jurisdiction: {country: $.nowhere, otherwise: EEA}
    classes:
      user.contact.email: [$.user.email, $..mail]
      page.url: ['$.pages[*].url']
sinks:
  one:
    topic: out
    purposes: [operations]
    fields: {$.event: keep, $.evnt: keep, user: drop, page.url: drop}
";

    #[test]
    fn paths_without_events_and_members_without_class_are_named() {
        let compiled = compile(POLICY, "p.yaml", &KeySet::demonstration());
        let plan = compiled.plan.as_ref().expect("a plan");
        let mut coverage = Coverage::new(plan, &compiled.written, StreamId(0));
        let now = Timestamp::UNIX_EPOCH;
        coverage.add(br#"{"event":"a","userId":"u","user":{"Email":"x","age":7},"pages":[{"url":"u","title":"t"}]}"#, now);
        coverage.add(br#" {"event":"a","sent":"2026-01-01T00:00:00Z","user":{"age":8},"a.b":[[1]]} "#, now);
        coverage.add(b"{", now);
        let mut diagnostics = Diagnostics::default();
        coverage.report(&mut diagnostics);
        let said: Vec<(&str, &str)> = diagnostics.sorted().iter().map(|one| (&POLICY[one.span.clone()], &*one.message)).collect();
        let places = diagnostics.sorted()[0].hint.clone().expect("the places");
        let places: Vec<&str> = places.lines().skip(1).collect();
        assert_eq!(places, ["$.event (2)", "$.user.age (2)", "$.pages[*].title (1)", "$.sent (1)", "$['a.b'][*][*] (1)"]);
        assert_eq!(
            said,
            [
                ("web", "5 places of the 3 sample events are in no class"),
                ("web", "1 of 3 sample events are not well-formed"),
                ("$.nowhere", "no sample event of stream `web` has `$.nowhere`"),
                ("$..mail", "no sample event of stream `web` has `$..mail`"),
                ("$.evnt", "no sample event of stream `web` has `$.evnt`"),
            ]
        );
    }
}
