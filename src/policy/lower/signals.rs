//! `consent` of a stream: the sources of consent, and that each speaks about every purpose it must.

use super::Cx;
use super::paths::PathTable;
use super::streams::source;
use crate::event::{PurposeId, PurposeSet};
use crate::plan::{Categories, Purpose, Signal, SignalKind};
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
    stream.consent.iter().map(|written| one(cx, written, paths)).collect()
}

fn one<'a>(cx: &mut Cx<'a>, written: &'a Spanned<ast::Signal>, paths: &mut PathTable) -> SignalDraft<'a> {
    let line = cx.source.line(&written.span);
    let signal = &written.value;
    let from = match &signal.source {
        Some(from) => source(cx, from, paths, false),
        None => None,
    };
    let (kind, mentioned) = match signal.signal.value.as_str() {
        "gpc" => (gpc(cx, signal), None),
        "segment" => with_mapping(cx, written, |_, purposes| Some(SignalKind::Segment { purposes })),
        "boolean" => with_mapping(cx, written, |cx, purposes| boolean(cx, written, purposes)),
        _ => (not_yet(cx, &signal.signal), None),
    };
    if signal.source.is_none() && kind.is_some() && cx.sound {
        cx.diagnostics
            .error(Code::MissingKey, &written.span, format!("signal `{}` does not say where it stands", signal.signal.value))
            .hint("add `path: $.…` or `header: …`");
    }
    refuse_foreign_options(cx, signal);
    let doubtful = signal.purposes.iter().flat_map(|purposes| &purposes.value).any(|(name, _)| !is_declared(cx, &name.value));
    SignalDraft { signal: from.zip(kind).map(|(source, kind)| Signal { source, kind, line }), mentioned, doubtful, written }
}

fn is_declared(cx: &Cx<'_>, purpose: &str) -> bool {
    cx.policy.purposes.iter().any(|(known, _)| known.value == purpose)
}

fn not_yet(cx: &mut Cx<'_>, signal: &Text) -> Option<SignalKind> {
    const LATER: &[&str] =
        &["ledger", "tcf", "gpp", "usp", "consent_mode", "rudderstack", "onetrust", "mparticle", "snowplow", "tealium"];
    if LATER.contains(&signal.value.as_str()) {
        cx.diagnostics
            .error(Code::NotYet, &signal.span, format!("signal `{}` is not supported yet", signal.value))
            .hint("this version reads segment, boolean and gpc");
    } else {
        cx.word::<()>(signal, &[("segment", ()), ("boolean", ()), ("gpc", ())]);
    }
    None
}

fn gpc(cx: &mut Cx<'_>, signal: &ast::Signal) -> Option<SignalKind> {
    if let Some(purposes) = &signal.purposes {
        cx.diagnostics
            .error(Code::NotHere, &purposes.span, "`gpc` has fixed words and takes no `purposes`")
            .hint("it speaks to each purpose through that purpose's `opt_outs`");
    }
    refuse_boolean_options(cx, signal);
    Some(SignalKind::Gpc)
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

/// Options of signals that a later version brings would otherwise be ignored in silence.
fn refuse_foreign_options(cx: &mut Cx<'_>, signal: &ast::Signal) {
    for option in &signal.other {
        let message = format!("`{}` is not an option of signal `{}`", option.value, signal.signal.value);
        cx.diagnostics.error(Code::NotHere, &option.span, message);
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
                (None, "gpc") if opt_outs_unsaid(&policy.purposes[id.index()].1.opt_outs) => {
                    cx.diagnostics
                        .error(
                            Code::NotMapped,
                            &policy.purposes[id.index()].0.span,
                            format!(
                                "purpose `{}` does not say which opt-outs forbid it, but stream `{}` reads `gpc`",
                                purpose.name, stream.value
                            ),
                        )
                        .note(&draft.written.span, format!("it reaches sink `{sink}` from here"))
                        .hint("add `opt_outs: [sale, sharing, targeted_advertising]` as they apply, or `opt_outs: none`");
                }
                (Some(_) | None, _) => {}
            }
        }
    }
}

fn opt_outs_unsaid(opt_outs: &Option<OrNone<Vec<Text>>>) -> bool {
    opt_outs.is_none()
}
