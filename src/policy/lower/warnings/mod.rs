//! Warnings: what is allowed and probably not meant, or should be known before it runs.

mod denied;
mod places;
mod trajectory;
mod transfers;
mod vendors;

use super::Cx;
use super::assemble::Draft;
use super::sinks::SinkDraft;
use super::streams::StreamDraft;
use crate::event::PurposeId;
use crate::plan::{Categories, LegalBasis, Purpose, SignalKind, Silence};
use crate::policy::diagnostic::Code;

/// Warnings that hold whatever else is wrong.
pub(super) fn of_policy(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for stream in &draft.streams {
        otherwise_allows(cx, draft, stream);
    }
    for sink in &draft.sinks {
        denied::check(cx, draft, sink);
        if let Some(vendor) = sink.vendor {
            vendors::check(cx, draft, sink, vendor);
        }
    }
}

/// Warnings about rules at their places; only for a policy without errors.
pub(super) fn of_routes(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for position in 0..draft.streams.len() {
        places::of_stream(cx, draft, position);
    }
    for (position, sink) in draft.sinks.iter().enumerate() {
        places::rules_without_places(cx, draft, position, sink);
    }
    for route in &draft.routes {
        let (stream, sink) = (&draft.streams[route.stream], &draft.sinks[route.sink]);
        transfers::grounds_missing(cx, stream, sink, draft);
        trajectory::check(cx, stream, sink, route);
        nothing_grants(cx, draft, stream, sink);
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

/// A consent purpose that no signal of the stream can grant, where silence is never yes.
fn nothing_grants(cx: &mut Cx<'_>, draft: &Draft<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>) {
    let silence_allows = draft.regimes.iter().any(|regime| regime.silence == Silence::Allow);
    let stays_silent = |purpose: &Purpose| !silence_allows || purpose.silence_denies || !purpose.special_categories.is_empty();
    let granted = |id: PurposeId| {
        let maps = |purposes: &[(PurposeId, Categories)]| purposes.iter().any(|(known, _)| *known == id);
        stream.signals.iter().filter_map(|draft| draft.signal.as_ref()).any(|signal| match &signal.kind {
            SignalKind::Gpc | SignalKind::Usp => false,
            SignalKind::Tcf { publisher, .. } => tcf_may_grant(draft, sink, id, *publisher),
            SignalKind::Gpp { .. } => tcf_may_grant(draft, sink, id, false),
            SignalKind::ConsentMode { .. } => !draft.purposes[id.index()].consent_mode.is_empty(),
            SignalKind::Boolean { true_grants, purposes, .. } => *true_grants && maps(purposes),
            SignalKind::Segment { purposes }
            | SignalKind::RudderStack { purposes, .. }
            | SignalKind::OneTrust { purposes, .. }
            | SignalKind::MParticle { purposes, .. }
            | SignalKind::Snowplow { purposes }
            | SignalKind::Tealium { purposes, .. } => maps(purposes),
            SignalKind::Ledger => true,
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

/// Whether a TC string can permit the purpose at the sink: to a registered vendor, or to the publisher itself.
fn tcf_may_grant(draft: &Draft<'_>, sink: &SinkDraft<'_>, id: PurposeId, publisher: bool) -> bool {
    let asked = sink.tcf.iter().any(|(known, _)| *known == id);
    asked && sink.vendor.map_or(publisher, |vendor| draft.vendors[vendor].tcf.is_some())
}
