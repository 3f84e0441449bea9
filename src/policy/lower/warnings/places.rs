//! Classes and rules at the places of a stream: what no sink treats, what cannot apply, what goes out whole.

use super::super::Cx;
use super::super::assemble::{Draft, RouteDraft};
use super::super::fields::Placed;
use super::super::overlap::Steps;
use super::super::paths::elements_of;
use super::super::sinks::SinkDraft;
use super::super::streams::StreamDraft;
use super::super::templates::Subject;
use crate::event::PathId;
use crate::plan::Action;
use crate::policy::diagnostic::Code;
use std::collections::{HashMap, HashSet};

/// A stream's paths, for questions about which lies in which.
struct Holding<'d, 'a> {
    stream: &'d StreamDraft<'a>,
    /// By path, where it was asked: whether a classified place lies in it. Sinks ask about the same paths again.
    classified: HashMap<PathId, bool>,
}

impl Holding<'_, '_> {
    /// Whether a classified place lies in the path's places.
    fn classified(&mut self, path: PathId) -> bool {
        let stream = self.stream;
        *self.classified.entry(path).or_insert_with(|| {
            let steps = Steps::new(stream.paths.path(path), stream.folds);
            stream.classed.iter().any(|classed| steps.holds(&classed.steps))
        })
    }
}

/// Checks all routes of one stream.
pub(super) fn of_stream(cx: &mut Cx<'_>, draft: &Draft<'_>, position: usize) {
    let stream = &draft.streams[position];
    let routes: Vec<&RouteDraft> = draft.routes.iter().filter(|route| route.stream == position).collect();
    untreated_classes(cx, stream, &routes);
    let mut holding = Holding { stream, classified: HashMap::new() };
    for route in routes {
        let sink = &draft.sinks[route.sink];
        scalar_rules_on_containers(cx, sink, route, &mut holding);
        if sink.vendor.is_some() {
            kept_for_vendor(cx, sink, route, &mut holding);
        }
    }
}

fn untreated_classes(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, routes: &[&RouteDraft]) {
    let placed = routes.iter().flat_map(|route| route.placed.iter().chain(route.degraded.iter().flatten()));
    let treated: HashSet<&str> =
        placed.filter(|placed| placed.from.is_some()).filter_map(|placed| stream.class_at(placed.path)).collect();
    if routes.is_empty() {
        return;
    }
    // What a preset classes is dropped where nobody asks for it, and that is what a preset is for.
    let preset = stream.written.shape.as_ref().map(|shape| &shape.span);
    let own = stream.written.classes.iter().filter(|(class, _)| Some(&class.span) != preset);
    for (class, _) in own.filter(|(class, _)| !treated.contains(class.value.as_str())) {
        cx.diagnostics
            .warning(Code::ClassUntreated, &class.span, format!("no sink has a rule for class `{}`", class.value))
            .hint("it is dropped everywhere; say `drop` in a sink if that is meant");
    }
}

/// Rules by class that meet no path, or only paths that a nearer rule takes.
pub(super) fn rules_without_places(cx: &mut Cx<'_>, draft: &Draft<'_>, position: usize, sink: &SinkDraft<'_>) {
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
fn scalar_rules_on_containers(cx: &mut Cx<'_>, sink: &SinkDraft<'_>, route: &RouteDraft, holding: &mut Holding<'_, '_>) {
    for placed in &route.placed {
        let Some(rule) = placed.from.map(|from| &sink.rules[from]).filter(|rule| rule.compiled.wants_scalar()) else { continue };
        if holding.classified(placed.path) {
            let path = holding.stream.paths.path(placed.path);
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

/// Containers, precise location and free text that go to a third party as they are.
fn kept_for_vendor(cx: &mut Cx<'_>, sink: &SinkDraft<'_>, route: &RouteDraft, holding: &mut Holding<'_, '_>) {
    let name = &sink.merged.name.value;
    let stream = holding.stream;
    let all: Vec<Steps> = route.placed.iter().map(|placed| Steps::new(stream.paths.path(placed.path), stream.folds)).collect();
    for (placed, steps) in route.placed.iter().zip(&all) {
        let Some(rule) = placed.from.map(|from| &sink.rules[from]).filter(|rule| rule.compiled.keeps()) else { continue };
        let path = stream.paths.path(placed.path);
        // A place is a container where other paths lead into it, or where it stands for whatever is there.
        let filters = rule.compiled.filter().is_some();
        let contains = !steps.ends_in_name() || holding.classified(placed.path) || all.iter().any(|other| steps.holds(other));
        let whole = if filters { !elements_are_ruled(stream, route, placed.path) } else { contains };
        if whole {
            cx.diagnostics
                .warning(Code::ContainerToVendor, rule.span, format!("sink `{name}` passes all of `{path}` to a third party"))
                .hint("what is added to it later goes too; name the fields instead");
        }
        if let Some(class) = stream.class_at(placed.path).filter(|class| is_revealing(class)) {
            cx.diagnostics
                .warning(Code::PreciseToVendor, rule.span, format!("sink `{name}` passes `{class}` as it is to a third party"))
                .hint("coarsen or drop it");
        }
    }
}

/// Whether a rule by path says what becomes of each element of the arrays at a path, so that a filter there releases none whole.
fn elements_are_ruled(stream: &StreamDraft<'_>, route: &RouteDraft, path: PathId) -> bool {
    let elements = elements_of(stream.paths.path(path));
    let ruled = |placed: &Placed| {
        placed.rule.by_path && !matches!(placed.rule.action, Action::Keep) && *stream.paths.path(placed.path) == elements
    };
    route.placed.iter().any(ruled)
}

/// Precise location and free text, as classes usually call them.
fn is_revealing(class: &str) -> bool {
    const PARTS: &[&str] =
        &["precise", "latitude", "longitude", "coordinates", "gps", "free_text", "freetext", "comment", "comments"];
    class.split('.').any(|part| PARTS.contains(&part))
}
