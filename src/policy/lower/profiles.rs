//! `profiles`: complete field rules for `degrade`, which must not identify anyone.

use super::Cx;
use super::classes::{Classed, IDENTITY_CLASS, is_within, lineage};
use super::fields::{Rule, check_classes, check_inner, check_ties, known_classes, rules};
use super::inner::join;
use super::overlap::Steps;
use super::sinks::SinkDraft;
use super::streams::StreamDraft;
use super::templates::{Subject, read_fields};
use crate::event::Path;
use crate::policy::ast::{Source, Text};
use crate::policy::diagnostic::Code;
use std::collections::BTreeSet;

/// The class beneath which everything is a way to reach a person.
pub(super) const CONTACT_CLASS: &str = "user.contact";

/// Reads `profiles`, in the order of the policy.
pub(super) fn profiles<'a>(cx: &mut Cx<'a>, streams: &[StreamDraft<'a>], sinks: &[SinkDraft<'a>]) -> Vec<Vec<Rule<'a>>> {
    let policy = cx.policy;
    let mut profiles = Vec::with_capacity(policy.profiles.len());
    for (position, (name, profile)) in policy.profiles.iter().enumerate() {
        let served = served_streams(position, streams.len(), sinks);
        let fields = read_fields(cx, &profile.fields, false);
        let known = known_classes(served.iter().map(|stream| &streams[*stream]));
        let all = known_classes(streams.iter());
        check_classes(cx, &fields, &known, &all);
        let rules = rules(cx, &fields);
        let folds = served.iter().any(|stream| streams[*stream].folds);
        check_ties(cx, &rules, folds);
        check_inner(cx, &rules, &known, &all, folds);
        for rule in rules.iter().filter(|rule| rule.compiled.discloses()) {
            cx.diagnostics
                .error(Code::Disclosure, rule.span, "`disclose_sha256` is never part of a profile")
                .hint("a degraded event must not name its subject");
        }
        for stream in &served {
            check_releases(cx, name, &rules, &streams[*stream]);
        }
        profiles.push(rules);
    }
    profiles
}

/// The streams whose events the profile may meet; all of them while no sink uses it.
fn served_streams(profile: usize, streams: usize, sinks: &[SinkDraft<'_>]) -> BTreeSet<usize> {
    let used = sinks.iter().filter(|sink| sink.profile == Some(profile));
    let served: BTreeSet<usize> = used.flat_map(|sink| sink.streams.iter().copied()).collect();
    if served.is_empty() { (0..streams).collect() } else { served }
}

/// Reports rules under which a degraded event would still name its subject, each once.
fn check_releases(cx: &mut Cx<'_>, profile: &Text, rules: &[Rule<'_>], stream: &StreamDraft<'_>) {
    let identities: BTreeSet<&str> = identity_classes(stream);
    let personal: Vec<_> = stream.classed.iter().filter(|classed| names_a_person(classed.class, &identities)).collect();
    for (rule, places) in identifying(rules, stream) {
        let meets = |classed: &Classed<'_>| match &rule.subject {
            Subject::Path(_) => places.iter().any(|place| Steps::new(place, stream.folds).may_meet(&classed.steps)),
            Subject::Class(class) => {
                nearest(rules, classed.class) == Some(*class) || is_within(classed.class, class) && !places.is_empty()
            }
        };
        if let Some(classed) = personal.iter().find(|classed| meets(classed)) {
            cx.diagnostics
                .error(
                    Code::ProfileIdentifies,
                    rule.span,
                    format!("profile `{}` lets `{}` through with `{}`", profile.value, classed.class, rule.transform),
                )
                .hint("a degraded event must not name its subject: drop identity and contact classes, or make them coarse");
        }
    }
}

/// The rules after which a value can be linked to a person, also those inside JSON text, with the paths at which they
/// stand; a rule by class has paths only inside text.
fn identifying<'r, 'a>(rules: &'r [Rule<'a>], stream: &StreamDraft<'_>) -> Vec<(&'r Rule<'a>, Vec<Path>)> {
    let mut found = Vec::new();
    let mut open: Vec<(&Rule<'a>, Vec<Path>, bool)> =
        rules.iter().map(|rule| (rule, places_of(rule, None, rules, stream), false)).collect();
    while let Some((rule, places, inside)) = open.pop() {
        if let Some(inner) = rule.compiled.inner() {
            open.extend(inner.iter().map(|one| (one, places_of(one, Some(&places), rules, stream), true)));
        } else if rule.compiled.identifies() {
            let by_class_outside = !inside && matches!(rule.subject, Subject::Class(_));
            found.push((rule, if by_class_outside { Vec::new() } else { places }));
        }
    }
    found
}

/// The paths at which a rule stands: its own behind those of the text around it, or those of its class.
fn places_of(rule: &Rule<'_>, mounts: Option<&[Path]>, rules: &[Rule<'_>], stream: &StreamDraft<'_>) -> Vec<Path> {
    match (&rule.subject, mounts) {
        (Subject::Path(path), None) => vec![path.clone()],
        (Subject::Path(path), Some(mounts)) => mounts.iter().map(|mount| join(mount, path.segments())).collect(),
        (Subject::Class(class), None) => {
            let of_class = stream.classed.iter().filter(|classed| nearest(rules, classed.class) == Some(*class));
            of_class.map(|classed| stream.paths.path(classed.path).clone()).collect()
        }
        // Which places of the class lie in the text is not asked: it must not be let through in any.
        (Subject::Class(_), Some(mounts)) => mounts.to_vec(),
    }
}

/// The class among the rules that rules for a class: itself or the nearest ancestor.
fn nearest<'r>(rules: &'r [Rule<'_>], class: &str) -> Option<&'r str> {
    lineage(class).find_map(|name| {
        rules.iter().find_map(|rule| match rule.subject {
            Subject::Class(own) if own == name => Some(own),
            Subject::Class(_) | Subject::Path(_) => None,
        })
    })
}

fn names_a_person(class: &str, identities: &BTreeSet<&str>) -> bool {
    is_within(class, CONTACT_CLASS) || is_within(class, IDENTITY_CLASS) || identities.contains(class)
}

/// The classes that the identities of a stream have, whatever they are called.
pub(super) fn identity_classes<'a>(stream: &StreamDraft<'a>) -> BTreeSet<&'a str> {
    let classes = stream.written.subject.iter().filter_map(|subject| match &subject.value.source {
        Source::Path(path) => stream.class_of(&path.value),
        Source::Header(_) | Source::Key(_) => None,
    });
    classes.chain([IDENTITY_CLASS]).collect()
}
