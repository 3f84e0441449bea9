//! `streams`: what is read from an event besides the fields that rules treat.

use super::Cx;
use super::classes::{Classed, classes};
use super::conditions::condition;
use super::overlap::Steps;
use super::paths::PathTable;
use super::regions::Regions;
use super::signals::{SignalDraft, signals};
use super::topics::topics;
use crate::event::{Country, Jurisdiction, Path, PathId, RegionSet, Subdivision};
use crate::plan::{
    Condition, Conflicts, Duplicates, Format, Learn, Named, Normalize, Source, SubjectRule, TimeFormat, TimeRule, TopicMatch,
    WherePaths,
};
use crate::policy::ast::{self, Text};
use crate::policy::diagnostic::Code;
use std::collections::HashMap;

/// A stream while its sinks still add paths to it.
pub(super) struct StreamDraft<'a> {
    pub(super) name: &'a Text,
    pub(super) written: &'a ast::Stream,
    pub(super) paths: PathTable,
    /// Whether names match folded.
    pub(super) folds: bool,
    pub(super) topics: Option<TopicMatch>,
    pub(super) duplicates: Duplicates,
    pub(super) subject: Vec<SubjectRule>,
    pub(super) time: Option<TimeRule>,
    pub(super) place: Option<WherePaths>,
    pub(super) signals: Vec<SignalDraft<'a>>,
    pub(super) conflicts: Conflicts,
    pub(super) learn: Option<Learn>,
    pub(super) when: Option<Condition>,
    /// Every path that has a class, and which.
    pub(super) classed: Vec<Classed<'a>>,
    /// The class of each such path.
    class_at: HashMap<PathId, &'a str>,
}

impl<'a> StreamDraft<'a> {
    /// The class that was declared for this very path, or follows from what it is.
    pub(super) fn class_at(&self, path: PathId) -> Option<&'a str> {
        self.class_at.get(&path).copied()
    }

    /// The class of a path's places: that of the most specific class path that names all of them.
    pub(super) fn class_of(&self, path: &Path) -> Option<&'a str> {
        let steps = Steps::new(path, self.folds);
        let covering = self.classed.iter().filter(|classed| classed.steps.covers(&steps));
        let most = covering.max_by(|a, b| self.paths.path(a.path).cmp_specificity(self.paths.path(b.path)));
        most.map(|classed| classed.class)
    }
}

/// The words of `normalize` that this version has.
pub(super) const NORMALIZE: &[(&str, Normalize)] =
    &[("none", Normalize::None), ("email", Normalize::Email), ("lower", Normalize::Lower)];

/// Reads `streams`, in the order of the policy; a faulty one keeps its place.
pub(super) fn streams<'a>(cx: &mut Cx<'a>, regions: &Regions<'a>) -> Vec<StreamDraft<'a>> {
    let policy = cx.policy;
    policy.streams.iter().map(|(name, stream)| one(cx, regions, name, stream)).collect()
}

fn one<'a>(cx: &mut Cx<'a>, regions: &Regions<'a>, name: &'a Text, stream: &'a ast::Stream) -> StreamDraft<'a> {
    let mut paths = PathTable::default();
    let folds = cx.word_or(stream.matching.as_ref(), &[("folded", true), ("exact", false)], true);
    let _: Option<Format> = cx.word(&stream.format, &[("json", Format::Json)]);
    let classed = classes(cx, stream, folds, &mut paths);
    StreamDraft {
        name,
        written: stream,
        folds,
        topics: topics(cx, &stream.topics),
        duplicates: cx.word_or(
            stream.duplicates.as_ref(),
            &[("quarantine", Duplicates::Quarantine), ("keep", Duplicates::Keep)],
            Duplicates::Quarantine,
        ),
        subject: stream.subject.iter().filter_map(|subject| identity(cx, &subject.value, &mut paths)).collect(),
        time: stream.time.as_ref().and_then(|time| time_rule(cx, &time.value, &mut paths)),
        place: place(cx, regions, name, stream, &mut paths),
        signals: signals(cx, stream, &mut paths),
        conflicts: cx.word_or(
            stream.conflicts.as_ref(),
            &[("denial_wins", Conflicts::DenialWins), ("latest_wins", Conflicts::LatestWins)],
            Conflicts::DenialWins,
        ),
        learn: learn(cx, stream, &mut paths),
        when: stream.when.as_ref().and_then(|when| condition(cx, when, &mut paths)),
        class_at: classed.iter().map(|one| (one.path, one.class)).collect(),
        classed,
        paths,
    }
}

/// What the ledger is to learn; that there is something to learn from.
fn learn(cx: &mut Cx<'_>, stream: &ast::Stream, paths: &mut PathTable) -> Option<Learn> {
    let ledger = stream.consent.iter().find(|signal| signal.value.signal.value == "ledger")?;
    let ast::Signal { learn, learn_when, .. } = &ledger.value;
    let said = learn.as_ref().map(|word| &word.span).or(learn_when.as_ref().map(|when| &when.span))?;
    if stream.consent.iter().all(|signal| signal.value.signal.value == "ledger") {
        cx.diagnostics
            .error(Code::NotHere, said, "the ledger is to learn from events, and no signal of the stream reads consent from them")
            .hint("add the signal in which events say it, or leave `learn` out");
    }
    let grants = cx.word_or(learn.as_ref(), &[("denials", false), ("all", true)], false);
    let when = learn_when.as_ref().map(|when| condition(cx, when, paths));
    // A condition with faults is none: nothing is learned then.
    Some(Learn { grants, when: when.map_or(Some(None), |when| when.map(Some))? })
}

/// Where a control value stands; only identities stand in the record key.
pub(super) fn source(cx: &mut Cx<'_>, source: &ast::Source, paths: &mut PathTable, key_allowed: bool) -> Option<Source> {
    match source {
        ast::Source::Path(path) => Some(Source::Slot(paths.slot(&path.value))),
        ast::Source::Header(name) if name.value.is_empty() => {
            cx.diagnostics.error(Code::Empty, &name.span, "a header has no name");
            None
        }
        ast::Source::Header(name) => {
            paths.note_header();
            Some(Source::Header(name.value.as_str().into()))
        }
        ast::Source::Key(_) if key_allowed => Some(Source::Key),
        ast::Source::Key(span) => {
            cx.diagnostics
                .error(Code::NotHere, span, "only an identity can stand in the record key")
                .hint("use `path` or `header`");
            None
        }
    }
}

fn identity(cx: &mut Cx<'_>, subject: &ast::Subject, paths: &mut PathTable) -> Option<SubjectRule> {
    let source = source(cx, &subject.source, paths, true);
    cx.refuse_repeats(&subject.kinds);
    for kind in subject.kinds.iter().filter(|kind| kind.value.is_empty()) {
        cx.diagnostics.error(Code::Empty, &kind.span, "a kind of identity has no name");
    }
    // The keys of the ledger's topics say `kind:value`, and `sha256:…` and its like in place of both.
    let is_taken = |kind: &str| kind.contains(':') || matches!(kind, "digest" | "learned" | "sha256" | "sha1" | "md5");
    for kind in subject.kinds.iter().filter(|kind| is_taken(&kind.value)) {
        cx.diagnostics
            .error(Code::NotHere, &kind.span, format!("`{}` cannot be a kind of identity", kind.value))
            .hint("a kind has no colon, and is not one of `digest`, `learned`, `sha256`, `sha1` and `md5`");
    }
    Some(SubjectRule {
        kinds: subject.kinds.iter().map(|kind| kind.value.as_str().into()).collect(),
        source: source?,
        names: cx.word_or(subject.names.as_ref(), &[("person", Named::Person), ("device", Named::Device)], Named::Person),
        normalize: cx.word_or(subject.normalize.as_ref(), NORMALIZE, Normalize::None),
    })
}

fn time_rule(cx: &mut Cx<'_>, time: &ast::Time, paths: &mut PathTable) -> Option<TimeRule> {
    const UNITS: &[(&str, TimeFormat)] = &[
        ("rfc3339", TimeFormat::Rfc3339),
        ("ms", TimeFormat::Millis),
        ("s", TimeFormat::Seconds),
        ("snowplow", TimeFormat::Snowplow),
    ];
    let source = source(cx, &time.source, paths, false);
    let format = cx.word_or(time.unit.as_ref(), UNITS, TimeFormat::Rfc3339);
    Some(TimeRule { source: source?, format })
}

fn place(cx: &mut Cx<'_>, regions: &Regions<'_>, name: &Text, stream: &ast::Stream, paths: &mut PathTable) -> Option<WherePaths> {
    let missing = |cx: &mut Cx<'_>, span: &ast::Span| {
        cx.diagnostics
            .error(
                Code::OtherwiseMissing,
                span,
                format!("stream `{}` does not say where subjects are when the event does not", name.value),
            )
            .hint("add `jurisdiction: {otherwise: EEA}`, or the place whose law is to hold");
    };
    let Some(rule) = &stream.jurisdiction else {
        missing(cx, &name.span);
        return None;
    };
    let country = rule.value.country.as_ref().and_then(|from| source(cx, from, paths, false));
    let region = rule.value.region.as_ref().and_then(|from| source(cx, from, paths, false));
    let Some(otherwise) = &rule.value.otherwise else {
        missing(cx, &rule.span);
        return None;
    };
    Some(WherePaths { country, region, otherwise: otherwise_place(cx, regions, otherwise)? })
}

/// A country, a part of one, or a group of whole countries of which the strictest holds.
fn otherwise_place(cx: &mut Cx<'_>, regions: &Regions<'_>, text: &Text) -> Option<Jurisdiction> {
    if let Some(country) = Country::parse(&text.value) {
        return Some(Jurisdiction::country(country));
    }
    if let Some(part) = Subdivision::parse(&text.value) {
        return Some(Jurisdiction::Place { country: part.country, subdivision: Some(part) });
    }
    let Some(set) = regions.find(&text.value) else {
        regions.report_unknown(cx, text);
        return None;
    };
    if whole_countries(&set) {
        return Some(Jurisdiction::AnyOf(*set.countries()));
    }
    cx.diagnostics
        .error(Code::UnknownRegion, &text.span, format!("`{}` is not a place that a subject can be in", text.value))
        .hint("name a country, a part of one, or a group of whole countries such as EEA");
    None
}

fn whole_countries(set: &RegionSet) -> bool {
    !set.is_everywhere() && set.subdivisions().is_empty() && !set.countries().is_empty()
}
