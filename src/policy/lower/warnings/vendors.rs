//! What reaches a third party beside the fields, and on which basis.

use super::super::Cx;
use super::super::assemble::Draft;
use super::super::checks::purposes_of;
use super::super::sinks::SinkDraft;
use crate::event::PurposeId;
use crate::plan::{LegalBasis, Scope, VendorRole};
use crate::policy::ast::{OrNone, Source, Span};
use crate::policy::diagnostic::Code;

/// What a sink's own keys say about a third party.
pub(super) fn check(cx: &mut Cx<'_>, draft: &Draft<'_>, sink: &SinkDraft<'_>, vendor: usize) {
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
