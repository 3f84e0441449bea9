//! `overlap` of keys: after a rotation the pseudonym under the root before stands beside the new one, in a member of its own.
//!
//! The name of that member is the policy's to give, so it belongs to Privet alone: an event that brings such a member of its
//! own loses it, else somebody could say whose old pseudonym is whose new one.

use super::Cx;
use super::fields::{Placed, RuleTable};
use super::overlap::Steps;
use super::streams::StreamDraft;
use crate::event::{Path, PathId, Segment, Selector, SinkId};
use crate::plan::{Action, PlaceRule};
use crate::policy::diagnostic::Code;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A suffix is part of a name, and no longer than one.
const MOST_SUFFIX: usize = 32;

/// Checks every `overlap`, where it is declared.
pub(super) fn check(cx: &mut Cx<'_>) {
    let policy = cx.policy;
    for overlap in policy.keys.iter().filter_map(|(_, key)| key.overlap.as_ref()) {
        cx.duration(&overlap.value.duration);
        let suffix = &overlap.value.suffix;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if suffix.value.is_empty() || suffix.value.len() > MOST_SUFFIX || !suffix.value.bytes().all(plain) {
            cx.diagnostics
                .error(Code::BadText, &suffix.span, format!("`{}` is not the end of a name", suffix.value))
                .hint(format!("it is 1 to {MOST_SUFFIX} letters, digits, `_` and `-`"));
        }
    }
}

/// Keeps the names of such members free at every place of a sink where one may be written. Where a path does not say the name,
/// as behind a wildcard, none is written.
pub(super) fn reserve(
    cx: &mut Cx<'_>,
    stream: &mut StreamDraft<'_>,
    (sink, rules): (SinkId, &[super::fields::Rule<'_>]),
    table: &mut RuleTable,
    placed: &mut Vec<Placed>,
) {
    let mut reserved: BTreeMap<PathId, (Path, usize)> = BTreeMap::new();
    for placed in placed.iter_mut() {
        let Some(from) = placed.from else { continue };
        let Some(suffix) = rules[from].compiled.overlap_suffix() else { continue };
        match beside(stream.paths.path(placed.path), suffix) {
            Some(path) => drop(reserved.insert(stream.paths.intern(&path), (path, from))),
            None => placed.rule.action.forget_overlap(),
        }
    }
    if reserved.is_empty() {
        return;
    }
    let scope = table.new_scope(sink);
    for (id, (path, from)) in reserved {
        if let Some(other) = placed.iter().find(|other| would_open(stream, &path, other)).and_then(|other| other.from) {
            cx.diagnostics
                .error(Code::Tie, rules[other].span, format!("`{path}` is where the pseudonym under the root before is written"))
                .note(rules[from].span, "whose key has an `overlap`")
                .hint("choose another `suffix`");
            continue;
        }
        let text = path.to_string();
        let rule = table.id(scope, &text, &text, "drop", None);
        let rule = PlaceRule { action: Action::Remove, by_path: true, inherited: false, rule };
        placed.push(Placed { path: id, rule, from: None, class: None, inner: None });
    }
}

/// Whether a rule claims a reserved place with equal or better right, or names something inside it. What only `..` leads inside is
/// left to [`Action::Remove`]: such a rule was written for other places.
fn would_open(stream: &StreamDraft<'_>, reserved: &Path, other: &Placed) -> bool {
    if other.from.is_none() || !other.rule.by_path {
        return false;
    }
    let path = stream.paths.path(other.path);
    let (ours, theirs) = (Steps::new(reserved, stream.folds), Steps::new(path, stream.folds));
    let claims = path.cmp_specificity(reserved) != Ordering::Less && ours.may_meet(&theirs);
    let is_straight = path.segments().iter().all(|segment| !segment.descendant);
    claims || is_straight && !ours.below(&theirs).is_empty()
}

/// The path of the member beside.
fn beside(path: &Path, suffix: &str) -> Option<Path> {
    let (last, before) = path.segments().split_last()?;
    let Selector::Name(name) = &last.selector else { return None };
    let last = Segment { selector: Selector::Name(format!("{name}{suffix}").into()), ..last.clone() };
    Some(Path::from_segments(before.iter().cloned().chain([last]).collect()))
}
