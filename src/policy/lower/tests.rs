//! Policy text in; plan, or codes and lines, out.

use super::lower_at;
use crate::event::{PathId, Timestamp};
use crate::keys::KeySet;
use crate::plan::{Action, Plan, Route};
use crate::policy::diagnostic::{Diagnostics, Severity, SourceMap};
use crate::policy::read;

mod errors;
mod plans;
mod warnings;

/// The parts that a policy needs before the part under test; each may be replaced by writing it.
const PARTS: &[(&str, &str)] = &[
    ("controller", "controller: {name: Example Ltd, country: DE}"),
    ("purposes", "purposes: {operations: {legal_basis: contract, because: the service}}"),
    ("regimes", "regimes: [{in: [\"*\"], silence: deny}]"),
    ("streams", "streams: {web: {topics: [in], format: json, jurisdiction: {otherwise: DE}}}"),
    ("sinks", "sinks: {out: {topic: out, purposes: [operations]}}"),
];

/// A whole policy: the given text, then each part that it does not have.
pub(super) fn whole(text: &str) -> String {
    let has = |part: &str| text.lines().any(|line| line.starts_with(&format!("{part}:")));
    let parts = PARTS.iter().filter(|(part, _)| !has(part)).map(|(_, text)| *text);
    ["privet: 1", text].into_iter().chain(parts).collect::<Vec<_>>().join("\n")
}

/// What became of a policy at 2026-11-22.
pub(super) fn compiled(text: &str) -> (Option<Plan>, Diagnostics, SourceMap) {
    let source = SourceMap::new("policy.yaml", &whole(text));
    let mut diagnostics = Diagnostics::default();
    let document = read::read(&source, &mut diagnostics).expect("a YAML document");
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("time");
    let plan = lower_at(&document.policy, &source, &KeySet::demonstration(), now, &mut diagnostics);
    assert_eq!(plan.is_some(), !diagnostics.has_errors(), "{}", diagnostics.render(&source, false));
    (plan, diagnostics, source)
}

/// The plan of a policy without errors.
#[track_caller]
pub(super) fn plan(text: &str) -> Plan {
    let (plan, diagnostics, source) = compiled(text);
    plan.unwrap_or_else(|| panic!("{}", diagnostics.render(&source, false)))
}

/// Checks all diagnostics of one severity: each as `code@word`, the word being what stands at its place in the text.
#[track_caller]
pub(super) fn expect(text: &str, severity: Severity, expected: &[&str]) {
    let (_, diagnostics, source) = compiled(text);
    let found: Vec<String> = diagnostics
        .sorted()
        .iter()
        .filter(|one| one.severity == severity)
        .map(|one| format!("{}@{}", one.code, &source.text()[one.span.clone()]))
        .collect();
    assert_eq!(found, expected, "\n{}", diagnostics.render(&source, false));
    for one in diagnostics.sorted() {
        assert!(one.hint.as_ref().is_none_or(|hint| !hint.is_empty()));
    }
}

/// The only route of the first stream.
pub(super) fn route(plan: &Plan) -> &Route {
    &plan.streams[0].routes[0]
}

/// The rules of a route by path: `path action` with what is needed to tell actions apart.
pub(super) fn rules(plan: &Plan, route: &Route) -> Vec<String> {
    let stream =
        plan.streams.iter().find(|stream| stream.routes.iter().any(|other| std::ptr::eq(other, route))).expect("its stream");
    let mut lines: Vec<String> = (0..stream.index.path_count())
        .filter_map(|id| {
            let path = PathId(id as u16);
            let (_, rule) = route.rules.rule(path)?;
            let by = if rule.by_path { "path" } else { "class" };
            Some(format!("{} {} by {by}", stream.index.path(path), name(&rule.action)))
        })
        .collect();
    lines.sort();
    lines
}

/// An action in one word.
pub(super) fn name(action: &Action) -> String {
    match action {
        Action::Keep => "keep".into(),
        Action::Drop => "drop".into(),
        Action::Remove => "remove".into(),
        Action::Null => "null".into(),
        Action::Redact(text) => format!("redact({})", String::from_utf8_lossy(text)),
        Action::Mask { keep_last } => format!("mask({keep_last})"),
        Action::Pseudonym(_) => "pseudonym".into(),
        Action::TruncateIp { v4, v6 } => format!("truncate_ip({v4},{v6})"),
        Action::Url(_) => "url".into(),
        Action::EmailDomain => "email_domain".into(),
        Action::CoarsenGeo { decimals } => format!("coarsen_geo({decimals})"),
        Action::CoarsenTime(_) => "coarsen_time".into(),
        Action::Json(_) => "json".into(),
        Action::Filter(_) => "filter".into(),
        Action::Detect(_) => "detect".into(),
        Action::Prefix { keep } => format!("prefix({keep})"),
        Action::Bucket(edges) => format!("bucket({edges:?})"),
        Action::UserAgent => "user_agent".into(),
        Action::DiscloseSha256(_) => "disclose_sha256".into(),
        Action::PeriodPseudonym(rule) => format!("pseudonym per {:?}", rule.period),
        Action::Token(_) => "token".into(),
        Action::Encrypt(_) => "encrypt".into(),
    }
}
