//! `classes` of a stream: which path is of which data category, declared or implied, and that no place has two.

use super::Cx;
use super::overlap::Steps;
use super::paths::PathTable;
use super::templates::CONSENT_CLASS;
use crate::event::{Path, PathId, Segment};
use crate::policy::ast::{self, Source, Span, Text};
use crate::policy::diagnostic::Code;
use std::collections::HashMap;

/// The class of identities.
pub(super) const IDENTITY_CLASS: &str = "user.unique_id";

/// A path that has a class.
pub(super) struct Classed<'a> {
    /// The path.
    pub(super) path: PathId,
    /// The path, for comparisons.
    pub(super) steps: Steps,
    /// Its class.
    pub(super) class: &'a str,
    /// Where the path is written.
    span: &'a Span,
}

/// The class itself, then its ancestors, nearest first.
pub(super) fn lineage(class: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(class), |name| name.rfind('.').map(|dot| &name[..dot]))
}

/// Whether a class is another or lies beneath it.
pub(super) fn is_within(class: &str, ancestor: &str) -> bool {
    lineage(class).any(|name| name == ancestor)
}

/// Reads `classes` and adds the paths that have a class by what they are.
pub(super) fn classes<'a>(cx: &mut Cx<'a>, stream: &'a ast::Stream, folds: bool, paths: &mut PathTable) -> Vec<Classed<'a>> {
    let mut classed = Vec::new();
    for (class, written) in &stream.classes {
        check_name(cx, class);
        cx.refuse_empty(written, &class.span, "paths");
        for path in written {
            let id = paths.intern(&path.value);
            let steps = Steps::new(&path.value, folds);
            classed.push(Classed { path: id, steps, class: &class.value, span: &path.span });
        }
    }
    let identities = stream.subject.iter().map(|subject| (Some(&subject.value.source), IDENTITY_CLASS));
    let signals = stream.consent.iter().flat_map(|signal| {
        let ast::Signal { source, gdpr_applies, sid, .. } = &signal.value;
        [source.as_ref(), gdpr_applies.as_ref(), sid.as_ref()].map(|source| (source, CONSENT_CLASS))
    });
    for (source, class) in identities.chain(signals) {
        match source {
            // The whole event is not a consent field: its members of the signal's names are.
            Some(Source::Path(path)) if path.value.segments().is_empty() && class == CONSENT_CLASS => {}
            Some(Source::Path(path)) => imply(&mut classed, paths, &path.value, &path.span, class, folds),
            Some(Source::Header(_) | Source::Key(_)) | None => {}
        }
    }
    for (path, span) in whole_event_fields(stream) {
        imply(&mut classed, paths, &path, span, CONSENT_CLASS, folds);
    }
    check_ties(cx, &classed);
    classed
}

/// Gives a control path its class, unless it is classed otherwise: by itself, or by a path such as `$..email` that was
/// written for fields of its name. A wildcard at the end names whatever is there and says nothing about identities.
fn imply<'a>(classed: &mut Vec<Classed<'a>>, paths: &mut PathTable, path: &Path, span: &'a Span, class: &'a str, folds: bool) {
    let steps = Steps::new(path, folds);
    let otherwise = |known: &Classed<'_>| known.steps == steps || (known.steps.ends_in_name() && known.steps.covers(&steps));
    if !classed.iter().any(otherwise) {
        classed.push(Classed { path: paths.intern(path), steps, class, span });
    }
}

/// The consent fields of signals that read the whole event (`$`).
fn whole_event_fields(stream: &ast::Stream) -> impl Iterator<Item = (Path, &Span)> {
    const TEALIUM: &[&str] = &["consent_categories", "consent_categories_granted", "policy", "do_not_sell"];
    const SNOWPLOW: &[&str] = &[
        "unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1",
        "unstruct_event_com_snowplowanalytics_snowplow_consent_granted_1",
        "unstruct_event_com_snowplowanalytics_snowplow_consent_withdrawn_1",
        "contexts_com_snowplowanalytics_snowplow_consent_document_1",
    ];
    let whole = stream.consent.iter().filter_map(|signal| match &signal.value.source {
        Some(Source::Path(path)) if path.value.segments().is_empty() => Some((&*signal.value.signal.value, &path.span)),
        Some(Source::Path(_) | Source::Header(_) | Source::Key(_)) | None => None,
    });
    whole.flat_map(|(signal, span)| {
        let names = match signal {
            "tealium" => TEALIUM,
            "snowplow" => SNOWPLOW,
            _ => &[],
        };
        names.iter().map(move |name| (Path::from_segments(vec![Segment::name(name)]), span))
    })
}

fn check_name(cx: &mut Cx<'_>, class: &Text) {
    if !is_class_name(&class.value) {
        cx.diagnostics
            .error(Code::BadText, &class.span, format!("`{}` is not the name of a class", class.value))
            .hint("classes are dotted names of letters, digits, `_` and `-`, such as user.contact.email");
    }
}

/// Whether a text may name a class.
pub(super) fn is_class_name(text: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '-'));
    text.split('.').all(part)
}

/// Reports places that have two classes of equal right.
fn check_ties(cx: &mut Cx<'_>, classed: &[Classed<'_>]) {
    let written: Vec<&Steps> = classed.iter().map(|one| &one.steps).collect();
    for (later, earlier) in ties(&written) {
        let (later, earlier) = (&classed[later], &classed[earlier]);
        if later.class == earlier.class {
            continue;
        }
        cx.diagnostics
            .error(Code::Tie, later.span, format!("a place may be both `{}` and `{}`", earlier.class, later.class))
            .note(earlier.span, "equally specific")
            .hint("make one of the two paths more specific");
    }
}

/// Pairs of equally specific paths that may name the same place, as (later, earlier) positions.
pub(super) fn ties(paths: &[&Steps]) -> Vec<(usize, usize)> {
    /// Only paths of one shape tie, and only those with one name at the end can meet.
    type Key<'s> = (Vec<(bool, u8)>, Option<&'s str>);
    let mut groups: HashMap<Key<'_>, Vec<usize>> = HashMap::new();
    let mut found = Vec::new();
    for (later, steps) in paths.iter().enumerate() {
        let peers = groups.entry((steps.shape(), steps.last_name())).or_default();
        found.extend(peers.iter().filter(|earlier| paths[**earlier].may_meet(steps)).map(|earlier| (later, *earlier)));
        peers.push(later);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lineage_goes_up_by_whole_parts() {
        assert_eq!(lineage("user.contact.email").collect::<Vec<_>>(), ["user.contact.email", "user.contact", "user"]);
        assert!(is_within("user.contact.email", "user.contact"));
        assert!(!is_within("user.contacts", "user.contact"));
    }
}
