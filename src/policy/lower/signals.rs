//! `consent` of a stream: the sources of consent, and that each speaks about every purpose it must.

use super::Cx;
use super::paths::PathTable;
use super::streams::source;
use crate::event::{PurposeId, PurposeSet};
use crate::plan::{Categories, Purpose, Signal, SignalKind, Source};
use crate::policy::ast::{self, Named, OrNone, Section, Span, Spanned, Text};
use crate::policy::diagnostic::Code;

/// A source of consent with what it says about which purposes it knows.
pub(super) struct SignalDraft<'a> {
    /// The compiled source; `None` where it has faults.
    pub(super) signal: Option<Signal>,
    /// Purposes that it maps or excludes; `None` where it speaks through the purposes themselves (`opt_outs`).
    mentioned: Option<PurposeSet>,
    /// Whether a name in its mapping was unknown: then the one that is missing may be the one that is misspelt.
    doubtful: bool,
    /// Its name and place in the policy.
    written: &'a Spanned<ast::Signal>,
}

/// What a purpose is called in a signal.
type Mapping = Vec<(PurposeId, Categories)>;

/// Reads the sources of one stream.
pub(super) fn signals<'a>(cx: &mut Cx<'a>, stream: &'a ast::Stream, paths: &mut PathTable) -> Vec<SignalDraft<'a>> {
    let mut signals: Vec<SignalDraft<'a>> = stream.consent.iter().map(|written| one(cx, written, paths)).collect();
    part_providers(&mut signals);
    let ledgers: Vec<Text> =
        stream.consent.iter().map(|written| written.value.signal.clone()).filter(|word| word.value == "ledger").collect();
    cx.refuse_repeats(&ledgers);
    signals
}

fn one<'a>(cx: &mut Cx<'a>, written: &'a Spanned<ast::Signal>, paths: &mut PathTable) -> SignalDraft<'a> {
    let line = cx.source.line(&written.span);
    let signal = &written.value;
    let from = match &signal.source {
        Some(from) => source(cx, from, paths, false),
        None => None,
    };
    let (kind, mentioned) = match signal.signal.value.as_str() {
        "gpc" => (fixed(cx, signal, "opt_outs", SignalKind::Gpc), None),
        "consent_mode" => (fixed(cx, signal, "consent_mode", SignalKind::ConsentMode { gcd: signal.gcd.is_some() }), None),
        "usp" => (fixed(cx, signal, "opt_outs", SignalKind::Usp), None),
        "gpp" => {
            let sid = signal.sid.as_ref().and_then(|from| source(cx, from, paths, false));
            let unmapped = says_nothing_of_tcf(cx);
            (fixed(cx, signal, "opt_outs", SignalKind::Gpp { sid, unmapped }), None)
        }
        "tcf" => {
            let gdpr_applies = signal.gdpr_applies.as_ref().and_then(|from| source(cx, from, paths, false));
            let publisher = signal.publisher.unwrap_or(false);
            (fixed(cx, signal, "tcf", SignalKind::Tcf { gdpr_applies, publisher }), None)
        }
        "boolean" => with_mapping(cx, written, |cx, purposes| boolean(cx, written, purposes)),
        "segment" => with_mapping(cx, written, |_, purposes| Some(SignalKind::Segment { purposes })),
        "rudderstack" => with_mapping(cx, written, |cx, purposes| Some(rudderstack(cx, signal, purposes))),
        "onetrust" => with_mapping(cx, written, |cx, purposes| {
            let sale = forbidden_by_sale(cx, &purposes);
            Some(SignalKind::OneTrust { purposes, sale })
        }),
        "mparticle" => with_mapping(cx, written, |cx, purposes| {
            let sale = forbidden_by_sale(cx, &purposes);
            Some(SignalKind::MParticle { purposes, sale })
        }),
        "snowplow" => with_mapping(cx, written, |_, purposes| Some(SignalKind::Snowplow { purposes })),
        "tealium" => with_mapping(cx, written, |cx, purposes| {
            let sale = forbidden_by_sale(cx, &purposes);
            Some(SignalKind::Tealium { purposes, sale })
        }),
        "ledger" => {
            let signal = Signal { source: Source::Ledger, kind: SignalKind::Ledger, line };
            return SignalDraft { signal: Some(signal), mentioned: None, doubtful: false, written };
        }
        word => {
            cx.diagnostics.error(Code::UnknownWord, &signal.signal.span, format!("no signal is called `{word}`"));
            (None, None)
        }
    };
    if signal.source.is_none() && kind.is_some() && cx.sound {
        cx.diagnostics
            .error(Code::MissingKey, &written.span, format!("signal `{}` does not say where it stands", signal.signal.value))
            .hint("add `path: $.…` or `header: …`");
    }
    let doubtful = signal.purposes.iter().flat_map(|purposes| &purposes.value).any(|(name, _)| !is_declared(cx, &name.value));
    SignalDraft { signal: from.zip(kind).map(|(source, kind)| Signal { source, kind, line }), mentioned, doubtful, written }
}

fn is_declared(cx: &Cx<'_>, purpose: &str) -> bool {
    cx.policy.purposes.iter().any(|(known, _)| known.value == purpose)
}

/// A signal whose words are fixed: it speaks through a key of each purpose.
fn fixed(cx: &mut Cx<'_>, signal: &ast::Signal, key: &str, kind: SignalKind) -> Option<SignalKind> {
    if let Some(purposes) = &signal.purposes {
        cx.diagnostics
            .error(Code::NotHere, &purposes.span, format!("`{}` has fixed words and takes no `purposes`", signal.signal.value))
            .hint(format!("it speaks to each purpose through that purpose's `{key}`"));
    }
    refuse_boolean_options(cx, signal);
    Some(kind)
}

fn rudderstack(cx: &mut Cx<'_>, signal: &ast::Signal, mut purposes: Mapping) -> SignalKind {
    if let Some(any) = signal.resolution.as_ref().and_then(|word| cx.word(word, &[("all", false), ("any", true)])) {
        purposes.iter_mut().for_each(|(_, categories)| categories.any = any);
    }
    let provider = signal.provider.as_ref().map(|provider| provider.value.as_str().into());
    SignalKind::RudderStack { purposes, provider, elsewhere: Vec::new() }
}

/// The purposes that somebody who opted out of the sale of their data has forbidden: those whose `opt_outs` say so, and of
/// those the signal is mapped to the ones that do not say.
fn forbidden_by_sale(cx: &Cx<'_>, mapped: &Mapping) -> PurposeSet {
    let forbids = |(index, (_, purpose)): (usize, &(Text, ast::Purpose))| {
        let id = PurposeId(index as u8);
        let forbidden = match &purpose.opt_outs {
            Some(OrNone::Some(words)) => {
                words.iter().any(|word| matches!(&*word.value, "sale" | "sharing" | "targeted_advertising"))
            }
            Some(OrNone::None(_)) => false,
            None => mapped.iter().any(|(known, _)| *known == id),
        };
        forbidden.then_some(id)
    };
    cx.policy.purposes.iter().take(PurposeSet::CAPACITY).enumerate().filter_map(forbids).collect()
}

/// Purposes that ask for a signal and do not say what they ask of TC strings.
fn says_nothing_of_tcf(cx: &Cx<'_>) -> PurposeSet {
    let purposes = cx.policy.purposes.iter().take(PurposeSet::CAPACITY).enumerate();
    let unsaid = purposes.filter(|(_, (_, purpose))| {
        purpose.tcf.is_none() && matches!(&*purpose.legal_basis.value, "consent" | "legitimate_interests")
    });
    unsaid.map(|(index, _)| PurposeId(index as u8)).collect()
}

/// Several RudderStack sources each read their own provider: about the others' events each is silent.
fn part_providers(signals: &mut [SignalDraft<'_>]) {
    let providers: Vec<Option<Box<str>>> = signals.iter().map(|draft| provider_of(draft.signal.as_ref())).collect();
    for (position, draft) in signals.iter_mut().enumerate() {
        if let Some(SignalKind::RudderStack { elsewhere, .. }) = draft.signal.as_mut().map(|signal| &mut signal.kind) {
            let others = providers.iter().enumerate().filter(|(other, _)| *other != position);
            *elsewhere = others.filter_map(|(_, provider)| provider.clone()).collect();
        }
    }
}

fn provider_of(signal: Option<&Signal>) -> Option<Box<str>> {
    match &signal?.kind {
        SignalKind::RudderStack { provider, .. } => provider.clone(),
        SignalKind::Gpc
        | SignalKind::Boolean { .. }
        | SignalKind::Segment { .. }
        | SignalKind::ConsentMode { .. }
        | SignalKind::Gpp { .. }
        | SignalKind::Tcf { .. }
        | SignalKind::Usp
        | SignalKind::OneTrust { .. }
        | SignalKind::MParticle { .. }
        | SignalKind::Snowplow { .. }
        | SignalKind::Tealium { .. }
        | SignalKind::Ledger => None,
    }
}

fn boolean(cx: &mut Cx<'_>, written: &Spanned<ast::Signal>, purposes: Mapping) -> Option<SignalKind> {
    let true_grants = match &written.value.true_means {
        Some(word) => cx.word(word, &[("granted", true), ("opted_out", false)]),
        None => {
            cx.diagnostics
                .error(Code::TrueMeansMissing, &written.span, "a boolean signal does not say what `true` means")
                .hint("add `true_means: granted` or `true_means: opted_out`");
            None
        }
    };
    Some(SignalKind::Boolean { true_grants: true_grants?, lenient: written.value.lenient.unwrap_or(false), purposes })
}

/// Reads the purposes of a signal whose words are not fixed, and then the signal.
fn with_mapping<'a>(
    cx: &mut Cx<'a>,
    written: &'a Spanned<ast::Signal>,
    kind: impl FnOnce(&mut Cx<'a>, Mapping) -> Option<SignalKind>,
) -> (Option<SignalKind>, Option<PurposeSet>) {
    if written.value.signal.value != "boolean" {
        refuse_boolean_options(cx, &written.value);
    }
    let Some(purposes) = &written.value.purposes else {
        cx.diagnostics
            .error(
                Code::MissingKey,
                &written.span,
                format!("signal `{}` does not say what its words mean", written.value.signal.value),
            )
            .hint("add `purposes: {purpose: its name there}`");
        return (None, None);
    };
    let (mapping, mentioned) = read_mapping(cx, &purposes.value);
    (kind(cx, mapping), Some(mentioned))
}

fn read_mapping(cx: &mut Cx<'_>, purposes: &Named<ast::Categories>) -> (Mapping, PurposeSet) {
    let policy = cx.policy;
    let mut mapping = Vec::new();
    let mut mentioned = PurposeSet::EMPTY;
    for (name, categories) in purposes {
        let found = cx.resolve(name, &policy.purposes, Section::Purposes);
        let Some(id) = found.filter(|id| *id < PurposeSet::CAPACITY) else { continue };
        let id = PurposeId(id as u8);
        mentioned.insert(id);
        let (names, any) = match categories {
            ast::Categories::None(_) => continue,
            ast::Categories::All(names) => (names, false),
            ast::Categories::Any(names) => (names, true),
        };
        check_categories(cx, names, &name.span);
        mapping.push((id, Categories { names: names.iter().map(|text| text.value.as_str().into()).collect(), any }));
    }
    (mapping, mentioned)
}

/// No category at all would be granted by every event.
fn check_categories(cx: &mut Cx<'_>, names: &[Text], span: &Span) {
    cx.refuse_empty(names, span, "categories");
    cx.refuse_repeats(names);
    for name in names.iter().filter(|name| name.value.is_empty()) {
        cx.diagnostics.error(Code::Empty, &name.span, "a category has no name").hint("write `none` if the signal says nothing");
    }
}

fn refuse_boolean_options(cx: &mut Cx<'_>, signal: &ast::Signal) {
    let named = [("true_means", signal.true_means.is_some()), ("lenient", signal.lenient.is_some())];
    for (option, _) in named.iter().filter(|(_, set)| *set) {
        let message = format!("`{option}` is an option of `boolean`, not of `{}`", signal.signal.value);
        cx.diagnostics.error(Code::NotHere, &signal.signal.span, message);
    }
}

/// Reports purposes that can reach a sink from the stream and about which a signal says neither yes nor `none`.
pub(super) fn check_mapped(
    cx: &mut Cx<'_>,
    stream: &Text,
    signals: &[SignalDraft<'_>],
    purposes: &[Purpose],
    reaching: &[(PurposeId, &str)],
) {
    let policy = cx.policy;
    for draft in signals.iter().filter(|draft| !draft.doubtful) {
        for (id, sink) in reaching {
            let purpose = &purposes[id.index()];
            if !purpose.basis.needs_signal() {
                continue;
            }
            match (draft.mentioned, draft.written.value.signal.value.as_str()) {
                (Some(mentioned), word) if !mentioned.contains(*id) => {
                    let at = draft.written.value.purposes.as_ref().map_or(&draft.written.span, |purposes| &purposes.span);
                    cx.diagnostics
                        .error(
                            Code::NotMapped,
                            at,
                            format!(
                                "signal `{word}` says nothing about purpose `{}`, which `{stream}` feeds to sink `{sink}`",
                                purpose.name,
                                stream = stream.value
                            ),
                        )
                        .hint(format!("map it to its name there, or exclude it: `{}: none`", purpose.name));
                }
                (None, word) => {
                    let Some((key, hint)) = unsaid(word, &policy.purposes[id.index()].1) else { continue };
                    cx.diagnostics
                        .error(
                            Code::NotMapped,
                            &policy.purposes[id.index()].0.span,
                            format!(
                                "purpose `{}` does not say its `{key}`, but stream `{}` reads `{word}`",
                                purpose.name, stream.value
                            ),
                        )
                        .note(&draft.written.span, format!("it reaches sink `{sink}` from here"))
                        .hint(format!("add `{hint}` as they apply, or `{key}: none`"));
                }
                (Some(_), _) => {}
            }
        }
    }
}

/// The key of a purpose through which a signal with fixed words speaks, where the purpose does not say it.
fn unsaid(signal: &str, purpose: &ast::Purpose) -> Option<(&'static str, &'static str)> {
    match signal {
        "gpc" | "usp" | "gpp" if purpose.opt_outs.is_none() => {
            Some(("opt_outs", "opt_outs: [sale, sharing, targeted_advertising]"))
        }
        "tcf" if purpose.tcf.is_none() => Some(("tcf", "tcf: [7, 8]")),
        "consent_mode" if purpose.consent_mode.is_none() => Some(("consent_mode", "consent_mode: [analytics_storage]")),
        _ => None,
    }
}
