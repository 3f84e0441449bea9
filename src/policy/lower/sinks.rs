//! `sinks`: what each serves, where it stands, and what it takes besides the value.

use super::Cx;
use super::fields::{Rule, check_classes, check_inner, check_ties, known_classes, rules};
use super::regions::{Regions, country, transfers};
use super::streams::StreamDraft;
use super::tcf;
use super::templates::MergedSink;
use super::topics::check_name;
use super::transforms::{self, Compiled};
use crate::event::{CountrySet, PurposeId, PurposeSet};
use crate::outcome::Reason;
use crate::plan::{Denied, EmptyParents, PurposeNeed, Scope, SinkLines, TcfNeed, Tombstones, Transfer, Vendor};
use crate::policy::ast::{self, Section, SinkPurposes, Spanned, Text, Transform};
use crate::policy::diagnostic::Code;

/// The header that Privet writes where a sink needs any of several purposes.
const PURPOSES_HEADER: &str = "privet-purposes";

/// A sink with every name resolved.
pub(super) struct SinkDraft<'a> {
    pub(super) merged: MergedSink<'a>,
    /// The streams that it takes, in the order of the policy's streams.
    pub(super) streams: Vec<usize>,
    pub(super) purposes: PurposeNeed,
    pub(super) vendor: Option<usize>,
    pub(super) destination: CountrySet,
    pub(super) transfers: Vec<Transfer>,
    pub(super) unlisted: Scope,
    pub(super) empty_parents: EmptyParents,
    pub(super) rules: Vec<Rule<'a>>,
    /// `None`: the record key does not go on.
    pub(super) record_key: Option<RecordKey<'a>>,
    pub(super) tombstones: Tombstones,
    pub(super) denied: Denied,
    /// The profile that it degrades to.
    pub(super) profile: Option<usize>,
    /// Where its parts stand.
    pub(super) lines: SinkLines,
    /// What a TC string must permit.
    pub(super) tcf: Vec<(PurposeId, TcfNeed)>,
}

/// How the record key goes on.
pub(super) struct RecordKey<'a> {
    pub(super) written: &'a Spanned<Transform>,
    pub(super) compiled: Compiled<'a>,
}

/// What the sinks are resolved against.
pub(super) struct Known<'d, 'a> {
    pub(super) regions: &'d Regions<'a>,
    pub(super) vendors: &'d [Vendor],
    pub(super) controller: &'d CountrySet,
    pub(super) streams: &'d [StreamDraft<'a>],
}

/// Resolves every sink, in the order of the policy; a faulty one keeps its place.
pub(super) fn sinks<'a>(cx: &mut Cx<'a>, merged: Vec<MergedSink<'a>>, known: &Known<'_, 'a>) -> Vec<SinkDraft<'a>> {
    merged.into_iter().map(|sink| one(cx, sink, known)).collect()
}

fn one<'a>(cx: &mut Cx<'a>, sink: MergedSink<'a>, known: &Known<'_, 'a>) -> SinkDraft<'a> {
    const SCOPES: &[(&str, Scope)] = &[("drop", Scope::Drop), ("keep", Scope::Keep)];
    const PARENTS: &[(&str, EmptyParents)] = &[("drop", EmptyParents::Drop), ("keep", EmptyParents::Keep)];
    const TOMBSTONES: &[(&str, Tombstones)] = &[("drop", Tombstones::Drop), ("pass", Tombstones::Pass)];
    match sink.topic() {
        Some(topic) => check_name(cx, topic),
        None => missing(cx, &sink, "topic"),
    }
    let policy = cx.policy;
    let vendor = sink.vendor().and_then(|name| cx.resolve(name, &policy.vendors, Section::Vendors));
    let streams = taken_streams(cx, &sink);
    let (destination, transfers) = destination(cx, &sink, vendor, known);
    let unlisted = cx.word_or(sink.unlisted(), SCOPES, Scope::Drop);
    let emptied = match unlisted {
        Scope::Drop => EmptyParents::Drop,
        Scope::Keep => EmptyParents::Keep,
    };
    if let Some(numbers) = sink.tcf() {
        cx.refuse_empty(&numbers.value, &numbers.span, "TCF purposes");
    }
    let own_classes = known_classes(streams.iter().map(|stream| &known.streams[*stream]));
    let all_classes = known_classes(known.streams.iter());
    check_classes(cx, &sink.fields, &own_classes, &all_classes);
    let rules = rules(cx, &sink.fields);
    let folds = streams.iter().any(|stream| known.streams[*stream].folds);
    check_ties(cx, &rules, folds);
    check_inner(cx, &rules, &own_classes, &all_classes, folds);
    let (denied, profile) = denied(cx, &sink);
    check_headers(cx, &sink);
    let mut draft = SinkDraft {
        lines: lines(cx, &sink),
        tcf: Vec::new(),
        purposes: purposes(cx, &sink),
        empty_parents: cx.word_or(sink.empty_parents(), PARENTS, emptied),
        record_key: sink.record_key().and_then(|written| record_key(cx, written)),
        tombstones: cx.word_or(sink.tombstones(), TOMBSTONES, Tombstones::Drop),
        streams,
        vendor,
        destination,
        transfers,
        unlisted,
        rules,
        denied,
        profile,
        merged: sink,
    };
    draft.tcf = tcf::needs(cx, &draft);
    draft
}

/// Where the parts of a sink stand that decide.
fn lines(cx: &Cx<'_>, sink: &MergedSink<'_>) -> SinkLines {
    let name = cx.source.line(&sink.name.span);
    let line = |span: Option<&ast::Span>| span.map_or(name, |span| cx.source.line(span));
    let grounds = sink.transfers().first().map(|one| &one.span).or(sink.location().map(|text| &text.span));
    let vendor = sink.vendor().and_then(|vendor| cx.policy.vendors.iter().find(|(known, _)| known.value == vendor.value));
    SinkLines {
        name,
        when: line(sink.when().map(|when| &when.span)),
        transfers: line(vendor.map(|(name, _)| &name.span).or(grounds)),
        purposes: line(sink.purposes().map(|purposes| &purposes.span)),
        denied: line(sink.denied().map(|denied| &denied.span)),
    }
}

fn missing(cx: &mut Cx<'_>, sink: &MergedSink<'_>, key: &str) {
    if cx.sound {
        cx.diagnostics.error(Code::MissingKey, &sink.name.span, format!("sink `{}` has no `{key}`", sink.name.value));
    }
}

/// A sink without a vendor takes every stream unless it names some; one with a vendor names them.
fn taken_streams(cx: &mut Cx<'_>, sink: &MergedSink<'_>) -> Vec<usize> {
    let policy = cx.policy;
    let Some(named) = sink.streams() else {
        if let Some(vendor) = sink.vendor() {
            cx.diagnostics
                .error(
                    Code::StreamsMissing,
                    &vendor.span,
                    format!("sink `{}` has a vendor and does not name its streams", sink.name.value),
                )
                .hint("add `streams: […]`, so that a new stream never reaches a third party by itself");
        }
        return (0..policy.streams.len()).collect();
    };
    cx.refuse_empty(&named.value, &named.span, "streams");
    cx.refuse_repeats(&named.value);
    let resolve = |name: &Text| cx.resolve(name, &policy.streams, Section::Streams);
    let mut streams: Vec<usize> = named.value.iter().filter_map(resolve).collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

fn purposes(cx: &mut Cx<'_>, sink: &MergedSink<'_>) -> PurposeNeed {
    let Some(written) = sink.purposes() else {
        missing(cx, sink, "purposes");
        return PurposeNeed::All(Vec::new());
    };
    let (SinkPurposes::All(names) | SinkPurposes::Any(names)) = &written.value;
    cx.refuse_empty(names, &written.span, "purposes");
    let resolved = purpose_ids(cx, names);
    match &written.value {
        SinkPurposes::All(_) => PurposeNeed::All(resolved),
        SinkPurposes::Any(_) => PurposeNeed::Any(resolved),
    }
}

fn purpose_ids(cx: &mut Cx<'_>, names: &[Text]) -> Vec<PurposeId> {
    let policy = cx.policy;
    cx.refuse_repeats(names);
    let found = names.iter().filter_map(|name| cx.resolve(name, &policy.purposes, Section::Purposes));
    found.filter(|id| *id < PurposeSet::CAPACITY).map(|id| PurposeId(id as u8)).collect()
}

/// Where a sink's data goes and on what grounds: the vendor's, or the first party's own.
fn destination(
    cx: &mut Cx<'_>,
    sink: &MergedSink<'_>,
    vendor: Option<usize>,
    known: &Known<'_, '_>,
) -> (CountrySet, Vec<Transfer>) {
    if let Some(name) = sink.vendor() {
        let spans = [
            ("location", sink.location().map(|text| &text.span)),
            ("transfers", sink.transfers().first().map(|transfer| &transfer.span)),
        ];
        for (key, span) in spans {
            if let Some(span) = span {
                cx.diagnostics
                    .error(Code::NotHere, span, format!("`{key}` belongs to vendor `{}`, not to its sink", name.value))
                    .hint("countries and grounds of a third party are said once, under `vendors`");
            }
        }
        let Some(vendor) = vendor.map(|position| &known.vendors[position]) else { return Default::default() };
        let grounds =
            vendor.transfers.iter().map(|one| Transfer { from: one.from.clone(), ground: one.ground, until: one.until });
        return (vendor.countries, grounds.collect());
    }
    let place = match sink.location() {
        Some(text) => country(cx, text).into_iter().collect(),
        None => *known.controller,
    };
    if sink.location().is_none() && cx.policy.controller.is_none() && cx.sound {
        cx.diagnostics
            .error(
                Code::ControllerMissing,
                &sink.name.span,
                format!("nothing says in which country sink `{}` is", sink.name.value),
            )
            .hint("add `controller: {name: …, country: …}` to the policy, or `location` to the sink");
    }
    let grounds = transfers(cx, known.regions, sink.transfers(), &place);
    (place, grounds)
}

fn record_key<'a>(cx: &mut Cx<'a>, written: &'a Spanned<Transform>) -> Option<RecordKey<'a>> {
    match &written.value {
        Transform::Drop => None,
        Transform::Null => {
            cx.diagnostics
                .error(Code::UnknownWord, &written.span, "a record key cannot be `null`")
                .hint("`drop` sends the record without a key");
            None
        }
        transform => {
            let compiled = transforms::compile(cx, transform, &written.span)?;
            Some(RecordKey { written, compiled })
        }
    }
}

fn check_headers(cx: &mut Cx<'_>, sink: &MergedSink<'_>) {
    cx.refuse_repeats(sink.headers());
    for header in sink.headers() {
        if header.value == PURPOSES_HEADER {
            cx.diagnostics
                .error(Code::Reserved, &header.span, format!("`{PURPOSES_HEADER}` is a header that Privet writes"))
                .hint("an event's own header of that name would pass for Privet's");
        }
    }
}

/// The reasons for which a purpose may not pass and an event may still go on, coarser.
const DEGRADES_ON: &[Reason] = &[
    Reason::NoConsent,
    Reason::ConsentDenied,
    Reason::ConsentWithdrawn,
    Reason::ConsentExpired,
    Reason::OptedOut,
    Reason::VendorNotPermitted,
];

fn denied(cx: &mut Cx<'_>, sink: &MergedSink<'_>) -> (Denied, Option<usize>) {
    let policy = cx.policy;
    let Some(written) = sink.denied() else { return (Denied::Drop, None) };
    match &written.value {
        ast::Denied::Drop => (Denied::Drop, None),
        ast::Denied::Degrade { profile, purposes, on } => {
            let profile = cx.resolve(profile, &policy.profiles, Section::Profiles);
            cx.refuse_empty(purposes, &written.span, "purposes");
            cx.refuse_empty(on, &written.span, "reasons");
            cx.refuse_repeats(on);
            let purposes = purpose_ids(cx, purposes);
            let on = on.iter().filter_map(|word| reason(cx, word)).collect();
            (Denied::Degrade { purposes, on }, profile)
        }
    }
}

fn reason(cx: &mut Cx<'_>, word: &Text) -> Option<Reason> {
    let reason = Reason::from_word(&word.value).filter(|reason| DEGRADES_ON.contains(reason));
    if reason.is_none() {
        let words = DEGRADES_ON.iter().map(|reason| reason.as_str());
        let message = match Reason::from_word(&word.value) {
            Some(Reason::SignalInvalid) => "an event is never degraded for a signal that cannot be read".to_owned(),
            Some(_) => format!("`{}` is not a reason for which a purpose does not pass", word.value),
            None => format!("no reason is called `{}`", word.value),
        };
        let near = crate::policy::diagnostic::did_you_mean(&word.value, words.clone());
        let hint = near.unwrap_or_else(|| format!("one of: {}", words.collect::<Vec<_>>().join(", ")));
        cx.diagnostics.error(Code::UnknownReason, &word.span, message).hint(hint);
    }
    reason
}
