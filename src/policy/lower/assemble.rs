//! The order in which a policy gets its meaning, and the frozen plan at the end of it.

use super::classes::IDENTITY_CLASS;
use super::conditions::condition;
use super::fields::{Placed, Rule, RuleTable, place};
use super::profiles::profiles;
use super::purposes::purposes;
use super::regions::{regimes, regions};
use super::rotation;
use super::signals::SignalDraft;
use super::sinks::{Known, SinkDraft, sinks};
use super::streams::{StreamDraft, streams};
use super::templates::merge;
use super::topics::check_topics;
use super::transforms::KeyMaker;
use super::vendors::{controller, vendors};
use super::{Cx, checks};
use crate::event::{CountrySet, SinkId};
use crate::keys::KeySet;
use crate::plan::{
    Action, Condition, EmptyParents, Format, KeyRule, PathIndex, Plan, PolicyHash, Purpose, Regime, Route, Scope, Sink,
    SinkRules, Stream, Vendor, share_rules,
};
use crate::policy::ast::Source;
use std::sync::Arc;

/// A policy with every name resolved; parts with faults are absent.
pub(super) struct Draft<'a> {
    pub(super) purposes: Vec<Purpose>,
    pub(super) regimes: Vec<Regime>,
    pub(super) vendors: Vec<Vendor>,
    pub(super) streams: Vec<StreamDraft<'a>>,
    pub(super) sinks: Vec<SinkDraft<'a>>,
    pub(super) routes: Vec<RouteDraft>,
    controller: CountrySet,
    rules: RuleTable,
}

/// What one sink takes of one stream.
pub(super) struct RouteDraft {
    /// The stream's position.
    pub(super) stream: usize,
    /// The sink's position.
    pub(super) sink: usize,
    /// The rules of an allowed event.
    pub(super) placed: Vec<Placed>,
    /// The rules of a degraded one.
    pub(super) degraded: Option<Vec<Placed>>,
    when: Option<Condition>,
    record_key: KeyRule,
}

/// Resolves and checks everything.
pub(super) fn draft<'a>(cx: &mut Cx<'a>) -> Draft<'a> {
    let purposes = purposes(cx);
    let regions = regions(cx);
    let regimes = regimes(cx, &regions);
    let controller = controller(cx);
    let vendors = vendors(cx, &regions);
    let mut streams = streams(cx, &regions);
    rotation::check(cx);
    let merged = merge(cx);
    check_topics(cx, &streams, &merged);
    let known = Known { regions: &regions, vendors: &vendors, controller: &controller, streams: &streams };
    let sinks = sinks(cx, merged, &known);
    let profiles = profiles(cx, &streams, &sinks);
    let mut rules = RuleTable::default();
    let routes = routes(cx, &mut streams, &sinks, &profiles, &mut rules);
    let draft = Draft { purposes, regimes, vendors, streams, sinks, routes, controller, rules };
    checks::check(cx, &draft, draft.rules.overflows());
    draft
}

/// Every (stream, sink) that takes it, streams first: the order of a stream's routes is that of the sinks.
fn routes<'a>(
    cx: &mut Cx<'a>,
    streams: &mut [StreamDraft<'a>],
    sinks: &[SinkDraft<'a>],
    profiles: &[Vec<Rule<'a>>],
    rules: &mut RuleTable,
) -> Vec<RouteDraft> {
    let mut keys = KeyMaker::new(cx.keys);
    let mut routes = Vec::new();
    for (position, stream) in streams.iter_mut().enumerate() {
        for (sink_position, sink) in sinks.iter().enumerate().filter(|(_, sink)| sink.streams.contains(&position)) {
            let name = (sink.merged.name.value.as_str(), SinkId(sink_position as u16));
            let when = sink.merged.when().and_then(|when| condition(cx, when, &mut stream.paths));
            let record_key = record_key(cx, stream, sink, name.1, rules, &mut keys);
            let mut lay_out = |of: &[Rule<'a>], stream: &mut StreamDraft<'a>, rules: &mut RuleTable| {
                let mut placed = place(stream, of, name, rules, &mut keys);
                rotation::reserve(cx, stream, (name.1, of), rules, &mut placed);
                placed
            };
            let placed = lay_out(&sink.rules, stream, rules);
            let mut degraded = sink.profile.map(|profile| lay_out(&profiles[profile], stream, rules));
            // A profile shows less than the sink's own rules: no pair of pseudonyms either.
            degraded.iter_mut().flatten().for_each(|placed| placed.rule.action.forget_overlap());
            routes.push(RouteDraft { stream: position, sink: sink_position, placed, degraded, when, record_key });
        }
    }
    routes
}

fn record_key<'a>(
    cx: &Cx<'a>,
    stream: &StreamDraft<'a>,
    sink: &SinkDraft<'a>,
    id: SinkId,
    rules: &mut RuleTable,
    keys: &mut KeyMaker<'_>,
) -> KeyRule {
    let Some(key) = &sink.record_key else { return KeyRule::Drop };
    let class = key_class(stream);
    let scope = rules.new_scope(id);
    let line = cx.source.line(&key.written.span);
    match key.compiled.action(keys, &sink.merged.name.value, class) {
        Action::Keep => KeyRule::Keep,
        action => {
            let name = super::transforms::name(&key.written.value);
            KeyRule::Transform { action, rule: rules.id(scope, "record_key", class, name, Some(line)) }
        }
    }
}

/// The class of the record key: that of the identity which stands there. Where the event names the same kind of identity
/// at a path too, both have the class of that path, so that both get the same pseudonym.
fn key_class<'a>(stream: &StreamDraft<'a>) -> &'a str {
    let subjects = &stream.written.subject;
    let in_key = subjects.iter().find(|subject| matches!(subject.value.source, Source::Key(_)));
    let class = in_key.and_then(|identity| {
        let same_kind = |kinds: &[crate::policy::ast::Text]| {
            kinds.iter().any(|kind| identity.value.kinds.iter().any(|other| other.value == kind.value))
        };
        subjects.iter().filter(|subject| same_kind(&subject.value.kinds)).find_map(|subject| match &subject.value.source {
            Source::Path(path) => stream.class_of(&path.value),
            Source::Header(_) | Source::Key(_) => None,
        })
    });
    class.unwrap_or(IDENTITY_CLASS)
}

/// Freezes a draft without errors.
pub(super) fn plan(draft: Draft<'_>, keys: &KeySet) -> Plan {
    let Draft { purposes, regimes, vendors, streams, sinks, routes, controller, rules } = draft;
    let mut by_stream: Vec<Vec<RouteDraft>> = streams.iter().map(|_| Vec::new()).collect();
    for route in routes {
        by_stream[route.stream].push(route);
    }
    let streams: Vec<Stream> =
        streams.into_iter().zip(by_stream).filter_map(|(stream, routes)| freeze_stream(stream, routes, &sinks)).collect();
    Plan {
        hash: PolicyHash::default(),
        controller,
        purposes,
        regimes,
        vendors,
        subject_keys: streams.iter().any(Stream::encrypts).then(|| Arc::new(keys.subject_keys())),
        streams,
        sinks: sinks.into_iter().map(freeze_sink).collect(),
        rules: rules.into_rules(),
        before_rotations: Vec::new(),
    }
}

/// `None` only where the stream had errors, and then there is no plan.
fn freeze_stream(stream: StreamDraft<'_>, routes: Vec<RouteDraft>, sinks: &[SinkDraft<'_>]) -> Option<Stream> {
    let slots = stream.paths.slot_count();
    let passes_headers = |route: &RouteDraft| !sinks[route.sink].merged.headers().is_empty();
    let reads_headers = stream.paths.has_headers() || routes.iter().any(passes_headers);
    let mut index = stream.paths.into_index(stream.folds);
    for route in &routes {
        set_elementwise(&mut index, &route.placed);
        set_elementwise(&mut index, route.degraded.as_deref().unwrap_or_default());
    }
    let mut routes: Vec<Route> = routes.into_iter().map(|route| freeze_route(&index, route, sinks)).collect();
    share_rules(&mut routes);
    Some(Stream {
        name: stream.name.value.as_str().into(),
        topics: stream.topics?,
        format: Format::Json,
        reads_headers,
        slots,
        duplicates: stream.duplicates,
        subject: stream.subject,
        time: stream.time,
        place: stream.place?,
        signals: stream.signals.into_iter().filter_map(|SignalDraft { signal, .. }| signal).collect(),
        conflicts: stream.conflicts,
        learn: stream.learn,
        when: stream.when,
        routes,
        index,
    })
}

fn freeze_route(index: &PathIndex, route: RouteDraft, sinks: &[SinkDraft<'_>]) -> Route {
    let sink = &sinks[route.sink];
    Route {
        sink: SinkId(route.sink as u16),
        when: route.when,
        rules: lay_out(index, route.placed, sink.unlisted, sink.empty_parents),
        degraded: route.degraded.map(|placed| lay_out(index, placed, Scope::Drop, EmptyParents::Drop)),
        record_key: route.record_key,
    }
}

/// Notes the paths at which arrays of scalars are treated element by element.
fn set_elementwise(index: &mut PathIndex, placed: &[Placed]) {
    for placed in placed {
        if placed.rule.action.is_elementwise() || placed.inner.is_some() {
            index.set_elementwise(placed.path);
        }
        if let (Some(inner), Some(index)) = (&placed.inner, index.inner_mut(placed.path)) {
            set_elementwise(index, inner);
        }
    }
}

fn lay_out(index: &PathIndex, placed: Vec<Placed>, unlisted: Scope, empty_parents: EmptyParents) -> SinkRules {
    let rules = placed.into_iter().map(|Placed { path, mut rule, inner, from: _, class: _ }| {
        if let (Some(inner), Some(index)) = (inner, index.inner(path)) {
            rule.action = Action::Json(Arc::new(lay_out(index, inner, unlisted, empty_parents)));
        }
        (path, rule)
    });
    SinkRules::build(index, unlisted, empty_parents, rules.collect())
}

fn freeze_sink(sink: SinkDraft<'_>) -> Sink {
    let text = |text: Option<&crate::policy::ast::Text>| text.map(|text| text.value.as_str().into()).unwrap_or_default();
    Sink {
        name: text(Some(sink.merged.name)),
        topic: text(sink.merged.topic()),
        vendor: sink.vendor.map(|position| crate::event::VendorId(position as u16)),
        destination: sink.destination,
        transfers: sink.transfers,
        purposes: sink.purposes,
        headers: sink.merged.headers().iter().map(|header| header.value.as_str().into()).collect(),
        tombstones: sink.tombstones,
        denied: sink.denied,
        tcf: sink.tcf,
        lines: sink.lines,
    }
}
