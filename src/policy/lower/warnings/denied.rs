//! `denied` and `tcf` of sinks that can never apply.

use super::super::Cx;
use super::super::assemble::Draft;
use super::super::sinks::SinkDraft;
use crate::outcome::Reason;
use crate::plan::{Denied, LegalBasis, Purpose, SignalKind};
use crate::policy::diagnostic::Code;

/// What a sink says that nothing can lead to.
pub(super) fn check(cx: &mut Cx<'_>, draft: &Draft<'_>, sink: &SinkDraft<'_>) {
    let streams = sink.streams.iter().map(|stream| &draft.streams[*stream]);
    let signals: Vec<&SignalKind> =
        streams.flat_map(|stream| &stream.signals).filter_map(|draft| draft.signal.as_ref()).map(|signal| &signal.kind).collect();
    let reads_tcf = signals.iter().any(|kind| matches!(kind, SignalKind::Tcf { .. } | SignalKind::Gpp { .. }));
    if let (Some(list), false) = (sink.merged.own_tcf(), reads_tcf) {
        cx.diagnostics
            .warning(Code::NeverApplies, &list.span, format!("`tcf` of sink `{}` can never apply", sink.merged.name.value))
            .hint("none of its streams reads TC strings: add `{signal: tcf, path: …}` to `consent`");
    }
    let (Denied::Degrade { on, .. }, Some(written)) = (&sink.denied, sink.merged.denied()) else { return };
    let purposes: Vec<&Purpose> = sink.purposes.purposes().iter().map(|id| &draft.purposes[id.index()]).collect();
    if on.is_empty()
        || purposes.is_empty()
        || on.iter().any(|reason| may_fail(*reason, &purposes, &signals, sink.vendor.is_some()))
    {
        return;
    }
    cx.diagnostics
        .warning(Code::NeverApplies, &written.span, format!("`denied` of sink `{}` can never apply", sink.merged.name.value))
        .hint("none of its purposes can fail for any of these reasons");
}

/// Whether some purpose may fail for the reason, given what the streams read.
fn may_fail(reason: Reason, purposes: &[&Purpose], signals: &[&SignalKind], vendor: bool) -> bool {
    let asks = |purpose: &&Purpose| match purpose.basis {
        LegalBasis::Consent | LegalBasis::LegitimateInterests | LegalBasis::PublicTask => true,
        LegalBasis::Contract | LegalBasis::LegalObligation | LegalBasis::VitalInterests => false,
    };
    let needs_grant = |purpose: &&Purpose| {
        purpose.basis == LegalBasis::Consent
            || purpose.basis == LegalBasis::LegitimateInterests && !purpose.special_categories.is_empty()
    };
    let any = |says: fn(&SignalKind) -> bool| signals.iter().any(|kind| says(kind));
    if !purposes.iter().any(asks) {
        return false;
    }
    let withdraws = any(|kind| matches!(kind, SignalKind::Snowplow { .. } | SignalKind::Ledger));
    let ages = purposes.iter().any(|purpose| needs_grant(purpose) && (withdraws || purpose.max_age.is_some()));
    let possible = [
        (Reason::NoConsent, purposes.iter().any(needs_grant)),
        (Reason::ConsentExpired, ages),
        (Reason::ConsentWithdrawn, withdraws),
        (Reason::ConsentDenied, any(denies)),
        (Reason::OptedOut, any(opts_out)),
        (Reason::VendorNotPermitted, vendor),
    ];
    possible.iter().any(|(known, possible)| *known == reason && *possible)
}

fn denies(kind: &SignalKind) -> bool {
    match kind {
        SignalKind::Boolean { true_grants, .. } => *true_grants,
        SignalKind::Segment { .. }
        | SignalKind::Tcf { .. }
        | SignalKind::Gpp { .. }
        | SignalKind::ConsentMode { .. }
        | SignalKind::RudderStack { .. }
        | SignalKind::OneTrust { .. }
        | SignalKind::MParticle { .. }
        | SignalKind::Snowplow { .. }
        | SignalKind::Tealium { .. }
        | SignalKind::Ledger => true,
        SignalKind::Gpc | SignalKind::Usp => false,
    }
}

fn opts_out(kind: &SignalKind) -> bool {
    match kind {
        SignalKind::Boolean { true_grants, .. } => !*true_grants,
        SignalKind::Gpc
        | SignalKind::Usp
        | SignalKind::Gpp { .. }
        | SignalKind::OneTrust { .. }
        | SignalKind::MParticle { .. }
        | SignalKind::Tealium { .. } => true,
        SignalKind::Segment { .. }
        | SignalKind::Tcf { .. }
        | SignalKind::ConsentMode { .. }
        | SignalKind::RudderStack { .. }
        | SignalKind::Snowplow { .. }
        | SignalKind::Ledger => false,
    }
}
