//! Pseudonym, place and time together.

use super::super::Cx;
use super::super::assemble::RouteDraft;
use super::super::checks::releases;
use super::super::classes::lineage;
use super::super::fields::Placed;
use super::super::overlap::Steps;
use super::super::profiles::identity_classes;
use super::super::sinks::SinkDraft;
use super::super::streams::StreamDraft;
use crate::event::Path;
use crate::plan::{Action, Scope, TimeUnit};
use crate::policy::ast::Source;
use crate::policy::diagnostic::Code;

/// From how many decimals on a coordinate is a place to live or work: two are about a kilometre.
const TELLING_DECIMALS: u8 = 2;

/// One pseudonym for all events, where somebody was, and when: that is a trajectory, and it tells who somebody is.
pub(super) fn check(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, route: &RouteDraft) {
    let identities = identity_classes(stream);
    let of_class = |placed: &Placed, wanted: &dyn Fn(&str) -> bool| stream.class_at(placed.path).is_some_and(wanted);
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
