//! The fences of `disclose_sha256`: contact data, to a vendor, on consent; and always said aloud.

use super::Cx;
use super::assemble::Draft;
use super::checks::purposes_of;
use super::classes::is_within;
use super::fields::Rule;
use super::profiles::CONTACT_CLASS;
use super::sinks::SinkDraft;
use crate::plan::LegalBasis;
use crate::policy::ast::Span;
use crate::policy::diagnostic::Code;

/// Checks every sink; profiles are checked where they are read.
pub(super) fn check(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for (position, sink) in draft.sinks.iter().enumerate() {
        if let Some(key) = sink.record_key.as_ref().filter(|key| key.compiled.discloses()) {
            refuse(cx, &key.written.span, "a record key is an identity, not contact data");
        }
        for (index, rule) in sink.rules.iter().enumerate() {
            inside(cx, rule);
            if rule.compiled.discloses() {
                one(cx, draft, (position, sink), (index, rule));
            }
        }
    }
}

/// Rules inside JSON text: what such text holds is not classed as the event is.
fn inside(cx: &mut Cx<'_>, rule: &Rule<'_>) {
    for inner in rule.compiled.inner().into_iter().flat_map(|rules| rules.iter()) {
        if inner.compiled.discloses() {
            refuse(cx, inner.span, "inside JSON text nothing says for certain that it is contact data");
        }
        inside(cx, inner);
    }
}

fn one(cx: &mut Cx<'_>, draft: &Draft<'_>, (position, sink): (usize, &SinkDraft<'_>), (index, rule): (usize, &Rule<'_>)) {
    let name = &sink.merged.name.value;
    if sink.vendor.is_none() {
        return refuse(cx, rule.span, &format!("sink `{name}` has no vendor that could ask for it"));
    }
    let on_consent = |id: crate::event::PurposeId| draft.purposes[id.index()].basis == LegalBasis::Consent;
    if let Some(other) = purposes_of(sink).find(|id| !on_consent(*id)) {
        let purpose = &draft.purposes[other.index()].name;
        return refuse(cx, rule.span, &format!("purpose `{purpose}` of sink `{name}` does not rest on consent"));
    }
    for route in draft.routes.iter().filter(|route| route.sink == position) {
        let stream = &draft.streams[route.stream];
        for placed in route.placed.iter().filter(|placed| placed.from == Some(index)) {
            let class = stream.class_at(placed.path);
            if !class.is_some_and(|class| is_within(class, CONTACT_CLASS)) {
                let path = stream.paths.path(placed.path);
                return refuse(cx, rule.span, &format!("`{path}` is not of a class beneath `{CONTACT_CLASS}`"));
            }
        }
    }
    cx.diagnostics
        .warning(Code::Discloses, rule.span, format!("sink `{name}` gets `{}` as good as readable", rule.text))
        .hint("whoever has a list of addresses turns a bare SHA-256 back; a pseudonym cannot be turned back without its key");
}

fn refuse(cx: &mut Cx<'_>, span: &Span, why: &str) {
    cx.diagnostics
        .error(Code::Disclosure, span, format!("`disclose_sha256` is not for this: {why}"))
        .hint("it is for contact classes, in sinks of vendors, for consent purposes; elsewhere use a pseudonym");
}
