//! Warnings: what is allowed and probably not meant, or should be known before it runs.

use super::Cx;
use super::assemble::{Draft, RouteDraft};
use super::checks::{purposes_of, releases};
use super::classes::lineage;
use super::fields::Placed;
use super::overlap::Steps;
use super::profiles::identity_classes;
use super::regions::crosses_no_border;
use super::sinks::SinkDraft;
use super::streams::StreamDraft;
use super::templates::Subject;
use crate::event::{Country, CountrySet, Jurisdiction, Path, PurposeId};
use crate::plan::{Action, LegalBasis, Purpose, Scope, SignalKind, Silence, TimeUnit, VendorRole};
use crate::policy::ast::{OrNone, Source, Span};
use crate::policy::diagnostic::Code;

/// From how many decimals on a coordinate is a place to live or work: two are about a kilometre.
const TELLING_DECIMALS: u8 = 2;

/// Warnings that hold whatever else is wrong.
pub(super) fn of_policy(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for stream in &draft.streams {
        otherwise_allows(cx, draft, stream);
    }
    for sink in &draft.sinks {
        if let Some(vendor) = sink.vendor {
            towards_vendor(cx, draft, sink, vendor);
        }
    }
}

/// Warnings about rules at their places; only for a policy without errors.
pub(super) fn of_routes(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for (position, stream) in draft.streams.iter().enumerate() {
        untreated_classes(cx, draft, position, stream);
    }
    for (position, sink) in draft.sinks.iter().enumerate() {
        rules_without_places(cx, draft, position, sink);
    }
    for route in &draft.routes {
        let (stream, sink) = (&draft.streams[route.stream], &draft.sinks[route.sink]);
        scalar_rules_on_containers(cx, stream, sink, route);
        grounds_missing(cx, stream, sink, draft);
        trajectory(cx, stream, sink, route);
        nothing_grants(cx, draft, stream, sink);
        if sink.vendor.is_some() {
            kept_for_vendor(cx, stream, sink, route);
        }
    }
}

fn otherwise_allows(cx: &mut Cx<'_>, draft: &Draft<'_>, stream: &StreamDraft<'_>) {
    let Some(place) = &stream.place else { return };
    let Some(text) = stream.written.jurisdiction.as_ref().and_then(|rule| rule.value.otherwise.as_ref()) else { return };
    let regime = draft.regimes.iter().find(|regime| regime.regions.covers(&place.otherwise));
    if regime.is_some_and(|regime| regime.silence == Silence::Allow) {
        cx.diagnostics
            .warning(
                Code::OtherwiseOptOut,
                &text.span,
                format!("events that say nothing count as `{}`, where silence is yes", text.value),
            )
            .hint("an opt-in place is the safe choice");
    }
}

fn towards_vendor(cx: &mut Cx<'_>, draft: &Draft<'_>, sink: &SinkDraft<'_>, vendor: usize) {
    let policy = cx.policy;
    let (vendor_name, written) = &policy.vendors[vendor];
    let name = &sink.merged.name.value;
    if sink.unlisted == Scope::Keep {
        let span = sink.merged.unlisted().map_or(&sink.merged.name.span, |text| &text.span);
        cx.diagnostics
            .warning(Code::UnlistedToVendor, span, format!("sink `{name}` passes fields that nobody listed to a third party"))
            .hint("`unlisted: drop` and a rule for each field that is meant to go");
    }
    if let Some(key) = sink.record_key.as_ref().filter(|key| key.compiled.keeps()) {
        cx.diagnostics
            .warning(
                Code::KeyToVendor,
                &key.written.span,
                format!("sink `{name}` passes record keys as they are to a third party"),
            )
            .hint("use a pseudonym, or drop the key");
    }
    for header in identity_headers(draft, sink) {
        cx.diagnostics.warning(
            Code::KeyToVendor,
            header,
            format!("sink `{name}` passes a header that names the subject to a third party"),
        );
    }
    let speaks_tcf = |id: PurposeId| matches!(policy.purposes[id.index()].1.tcf, Some(OrNone::Some(_)));
    if written.tcf.is_none() && purposes_of(sink).any(speaks_tcf) {
        cx.diagnostics
            .warning(
                Code::VendorUnregistered,
                &vendor_name.span,
                format!("vendor `{}` has no TCF registration", vendor_name.value),
            )
            .hint("add `tcf: {id: …, purposes: […]}`, or `tcf: none` if it is not on the list");
    }
    if matches!(draft.vendors[vendor].role, VendorRole::Controller | VendorRole::JointController) {
        let span = sink.merged.purposes().map_or(&sink.merged.name.span, |purposes| &purposes.span);
        for purpose in purposes_of(sink).map(|id| &draft.purposes[id.index()]) {
            if purpose.basis != LegalBasis::Consent {
                cx.diagnostics.warning(
                    Code::BasisToController,
                    span,
                    format!("purpose `{}` goes to controller `{}` without consent", purpose.name, vendor_name.value),
                );
            }
        }
    }
}

/// Headers that pass and that a stream of the sink reads as an identity.
fn identity_headers<'d>(draft: &'d Draft<'_>, sink: &'d SinkDraft<'_>) -> impl Iterator<Item = &'d Span> {
    let names = |header: &str| {
        let subjects = sink.streams.iter().flat_map(|stream| &draft.streams[*stream].written.subject);
        subjects
            .filter_map(|subject| match &subject.value.source {
                Source::Header(name) => Some(name.value.as_str()),
                Source::Path(_) | Source::Key(_) => None,
            })
            .any(|name| name == header)
    };
    sink.merged.headers().iter().filter(move |header| names(&header.value)).map(|header| &header.span)
}

fn untreated_classes(cx: &mut Cx<'_>, draft: &Draft<'_>, position: usize, stream: &StreamDraft<'_>) {
    let routes: Vec<&RouteDraft> = draft.routes.iter().filter(|route| route.stream == position).collect();
    let treated = |class: &str| {
        let mut placed = routes.iter().flat_map(|route| route.placed.iter().chain(route.degraded.iter().flatten()));
        placed.any(|placed| {
            placed.from.is_some() && stream.classed.iter().any(|classed| classed.path == placed.path && classed.class == class)
        })
    };
    for (class, _) in stream.written.classes.iter().filter(|(class, _)| !routes.is_empty() && !treated(&class.value)) {
        cx.diagnostics
            .warning(Code::ClassUntreated, &class.span, format!("no sink has a rule for class `{}`", class.value))
            .hint("it is dropped everywhere; say `drop` in a sink if that is meant");
    }
}

/// Rules by class that meet no path, or only paths that a nearer rule takes.
fn rules_without_places(cx: &mut Cx<'_>, draft: &Draft<'_>, position: usize, sink: &SinkDraft<'_>) {
    for (index, rule) in sink.rules.iter().enumerate() {
        let Subject::Class(class) = rule.subject else { continue };
        let mut routes = draft.routes.iter().filter(|route| route.sink == position);
        let applies = routes.any(|route| route.placed.iter().any(|placed| placed.from == Some(index)));
        if !applies && !rule.inherited && rule.text == class {
            cx.diagnostics
                .warning(Code::NeverApplies, rule.span, format!("the rule for `{class}` can never apply"))
                .hint("no path of the sink's streams has this class, or a nearer rule takes each of them");
        }
    }
}

/// Rules for single values at places that hold other places: what stands there is an object and is removed whole.
fn scalar_rules_on_containers(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, route: &RouteDraft) {
    for placed in &route.placed {
        let Some(rule) = placed.from.map(|from| &sink.rules[from]).filter(|rule| rule.compiled.wants_scalar()) else { continue };
        let path = stream.paths.path(placed.path);
        let steps = Steps::new(path, stream.folds);
        if stream.classed.iter().any(|classed| steps.holds(&classed.steps)) {
            cx.diagnostics
                .warning(
                    Code::NeverApplies,
                    rule.span,
                    format!("`{}` can never apply at `{path}`: that place holds other fields", rule.transform),
                )
                .hint("it works on single values; an object there is removed whole");
        }
    }
}

/// Places that an event may name and from which nothing may be sent to the sink.
fn grounds_missing(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, draft: &Draft<'_>) {
    let Some(place) = &stream.place else { return };
    let mut places = match place.otherwise {
        Jurisdiction::AnyOf(countries) => countries.iter().map(Jurisdiction::country).collect(),
        Jurisdiction::Place { .. } | Jurisdiction::Unrecognised => vec![place.otherwise],
    };
    if place.country.is_some() || place.region.is_some() {
        for regions in draft.regimes.iter().map(|regime| &regime.regions).filter(|regions| !regions.is_everywhere()) {
            places.extend(regions.countries().iter().map(Jurisdiction::country));
            let parts = regions.subdivisions().iter();
            places.extend(parts.map(|part| Jurisdiction::Place { country: part.country, subdivision: Some(*part) }));
        }
    }
    let missing: CountrySet = places.iter().filter(|place| !may_go(cx, sink, place)).filter_map(country_of).collect();
    if missing.is_empty() || sink.destination.is_empty() {
        return;
    }
    let to: Vec<Country> = sink.destination.iter().collect();
    let to: Vec<&str> = to.iter().map(Country::as_str).collect();
    cx.diagnostics
        .warning(
            Code::GroundMissing,
            &sink.merged.name.span,
            format!(
                "sink `{}` is in {} and has no ground for subjects in {}",
                sink.merged.name.value,
                to.join(", "),
                listed(&missing)
            ),
        )
        .hint(format!("their events of stream `{}` are dropped; add `transfers` if they should go", stream.name.value));
}

fn country_of(place: &Jurisdiction) -> Option<Country> {
    match place {
        Jurisdiction::Place { country, .. } => Some(*country),
        Jurisdiction::AnyOf(_) | Jurisdiction::Unrecognised => None,
    }
}

fn may_go(cx: &Cx<'_>, sink: &SinkDraft<'_>, from: &Jurisdiction) -> bool {
    let near = country_of(from).is_some_and(|from| sink.destination.iter().all(|to| crosses_no_border(from, to)));
    near || sink.transfers.iter().any(|ground| ground.until.is_none_or(|until| cx.now < until) && ground.from.covers(from))
}

/// Country codes, the EEA as one where all of it is there.
fn listed(countries: &CountrySet) -> String {
    let eea = CountrySet::eea();
    let whole = eea.is_subset(countries);
    let rest: Vec<Country> = countries.iter().filter(|country| !(whole && eea.contains(*country))).collect();
    let names = whole.then_some("EEA").into_iter().chain(rest.iter().map(Country::as_str));
    super::words::shortened(names)
}

/// One pseudonym for all events, where somebody was, and when: that is a trajectory, and it tells who somebody is.
fn trajectory(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, route: &RouteDraft) {
    let identities = identity_classes(stream);
    let of_class = |placed: &Placed, wanted: &dyn Fn(&str) -> bool| {
        stream.classed.iter().any(|classed| classed.path == placed.path && wanted(classed.class))
    };
    let pseudonym = route.placed.iter().find(|placed| {
        matches!(placed.rule.action, Action::Pseudonym(_)) && of_class(placed, &|class| identities.contains(class))
    });
    let located = route.placed.iter().any(|placed| is_telling(&placed.rule.action) && of_class(placed, &is_location));
    let Some(rule) = pseudonym.and_then(|placed| placed.from).map(|from| &sink.rules[from]) else { return };
    if located && time_passes(stream, sink, route) {
        cx.diagnostics
            .warning(
                Code::Trajectory,
                rule.span,
                format!("sink `{}` gets a stable pseudonym with location and time", sink.merged.name.value),
            )
            .hint("together they are a trajectory, which identifies; coarsen the location or the time");
    }
}

fn is_location(class: &str) -> bool {
    lineage(class).any(|part| part.rsplit('.').next() == Some("location"))
}

/// Whether a location stays precise enough to follow somebody.
fn is_telling(action: &Action) -> bool {
    match action {
        Action::CoarsenGeo { decimals } => *decimals >= TELLING_DECIMALS,
        other => releases(other),
    }
}

/// Whether the event's own time reaches the sink finer than by the day.
fn time_passes(stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, route: &RouteDraft) -> bool {
    let Some(time) = &stream.written.time else { return sink.unlisted == Scope::Keep };
    let Source::Path(path) = &time.value.source else { return sink.unlisted == Scope::Keep };
    match effective(stream, route, &path.value) {
        Some(Action::CoarsenTime(TimeUnit::Day | TimeUnit::Week | TimeUnit::Month)) => false,
        Some(action) => releases(action),
        None => sink.unlisted == Scope::Keep,
    }
}

/// What is done at a path: the strongest rule that names it, else the nearest container's.
fn effective<'d>(stream: &StreamDraft<'_>, route: &'d RouteDraft, path: &Path) -> Option<&'d Action> {
    let steps = Steps::new(path, stream.folds);
    let named = |placed: &&Placed, holds: bool| {
        let other = Steps::new(stream.paths.path(placed.path), stream.folds);
        if holds { other.holds(&steps) } else { other.covers(&steps) }
    };
    let strength = |a: &&Placed, b: &&Placed| {
        let specific = stream.paths.path(a.path).cmp_specificity(stream.paths.path(b.path));
        a.rule.by_path.cmp(&b.rule.by_path).then(specific)
    };
    let at = route.placed.iter().filter(|placed| named(placed, false)).max_by(strength);
    let around = || {
        let containers = route.placed.iter().filter(|placed| named(placed, true));
        containers.max_by_key(|placed| stream.paths.path(placed.path).segments().len())
    };
    at.or_else(around).map(|placed| &placed.rule.action)
}

/// A consent purpose that no signal of the stream can grant, where silence is never yes.
fn nothing_grants(cx: &mut Cx<'_>, draft: &Draft<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>) {
    let silence_allows = draft.regimes.iter().any(|regime| regime.silence == Silence::Allow);
    let stays_silent = |purpose: &Purpose| !silence_allows || purpose.silence_denies || !purpose.special_categories.is_empty();
    let granted = |id: PurposeId| {
        stream.signals.iter().filter_map(|draft| draft.signal.as_ref()).any(|signal| match &signal.kind {
            SignalKind::Gpc => false,
            SignalKind::Boolean { true_grants, purposes, .. } => *true_grants && purposes.iter().any(|(known, _)| *known == id),
            SignalKind::Segment { purposes } => purposes.iter().any(|(known, _)| *known == id),
        })
    };
    let span = sink.merged.purposes().map_or(&sink.merged.name.span, |purposes| &purposes.span);
    for id in sink.purposes.purposes() {
        let purpose = &draft.purposes[id.index()];
        if purpose.basis == LegalBasis::Consent && stays_silent(purpose) && !granted(*id) {
            cx.diagnostics
                .warning(
                    Code::NothingGrants,
                    span,
                    format!("nothing in stream `{}` can grant purpose `{}`", stream.name.value, purpose.name),
                )
                .hint("map it in a signal under `consent`; until then its events are dropped here");
        }
    }
}

/// Containers, precise location and free text that go to a third party as they are.
fn kept_for_vendor(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, route: &RouteDraft) {
    let name = &sink.merged.name.value;
    for placed in &route.placed {
        let Some(rule) = placed.from.map(|from| &sink.rules[from]).filter(|rule| rule.compiled.keeps()) else { continue };
        let path = stream.paths.path(placed.path);
        if is_container(stream, route, path) {
            cx.diagnostics
                .warning(Code::ContainerToVendor, rule.span, format!("sink `{name}` passes all of `{path}` to a third party"))
                .hint("what is added to it later goes too; name the fields instead");
        }
        let class = stream.classed.iter().find(|classed| classed.path == placed.path).map(|classed| classed.class);
        if class.is_some_and(is_revealing) {
            cx.diagnostics
                .warning(
                    Code::PreciseToVendor,
                    rule.span,
                    format!("sink `{name}` passes `{}` as it is to a third party", class.unwrap_or_default()),
                )
                .hint("coarsen or drop it");
        }
    }
}

/// Whether other paths of the stream lead into a place, or it stands for whatever is there.
fn is_container(stream: &StreamDraft<'_>, route: &RouteDraft, path: &Path) -> bool {
    let steps = Steps::new(path, stream.folds);
    let holds = |other: crate::event::PathId| steps.holds(&Steps::new(stream.paths.path(other), stream.folds));
    !steps.ends_in_name()
        || stream.classed.iter().any(|classed| holds(classed.path))
        || route.placed.iter().any(|placed| holds(placed.path))
}

/// Precise location and free text, as classes usually call them.
fn is_revealing(class: &str) -> bool {
    const PARTS: &[&str] =
        &["precise", "latitude", "longitude", "coordinates", "gps", "free_text", "freetext", "comment", "comments"];
    class.split('.').any(|part| PARTS.contains(&part))
}
