//! `fields` of a sink or profile: from rules by class and path to one rule a path of a stream.

use super::Cx;
use super::classes::{is_class_name, lineage, ties};
use super::conditions::on_elements;
use super::inner;
use super::overlap::Steps;
use super::paths::PathTable;
use super::streams::StreamDraft;
use super::templates::{Field, Subject, read_fields};
use super::transforms::{self, Compiled, KeyMaker};
use crate::event::{PathId, RuleId, SinkId};
use crate::plan::{Action, PlaceRule, RuleInfo};
use crate::policy::ast::{Section, Span, Transform};
use crate::policy::diagnostic::{Code, did_you_mean};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// One entry of `fields` with a checked transform.
pub(super) struct Rule<'a> {
    /// What it names.
    pub(super) subject: Subject<'a>,
    /// As written.
    pub(super) text: &'a str,
    /// Where it is written.
    pub(super) span: &'a Span,
    /// What is done.
    pub(super) compiled: Compiled<'a>,
    /// The transform's name.
    pub(super) transform: &'static str,
    /// Line in the policy.
    pub(super) line: u32,
    /// Whether it comes from a template.
    pub(super) inherited: bool,
}

/// A rule at a path of a stream.
pub(super) struct Placed {
    /// The path.
    pub(super) path: PathId,
    /// What the plan keeps.
    pub(super) rule: PlaceRule,
    /// The rule's position among the sink's; `None` where the class has no rule, and inside JSON text.
    pub(super) from: Option<usize>,
    /// The class of the place, where it has one.
    pub(super) class: Option<Rc<str>>,
    /// The rules inside, where the place holds JSON text.
    pub(super) inner: Option<Vec<Placed>>,
}

/// How many levels of JSON text in strings are read.
pub(super) const LEVELS: usize = 3;

/// Checks every transform; rules with faults are left out.
pub(super) fn rules<'a>(cx: &mut Cx<'a>, fields: &[Field<'a>]) -> Vec<Rule<'a>> {
    rules_at(cx, fields, 0)
}

/// The same, inside so many levels of JSON text.
fn rules_at<'a>(cx: &mut Cx<'a>, fields: &[Field<'a>], level: usize) -> Vec<Rule<'a>> {
    let mut rules = Vec::with_capacity(fields.len());
    for field in fields {
        let compiled = match field.transform {
            Transform::Json { fields: written } => {
                let inner = read_fields(cx, written, field.inherited);
                if level == LEVELS {
                    cx.diagnostics
                        .error(Code::TooDeep, field.transform_span, format!("`json` goes at most {LEVELS} levels deep"))
                        .hint("drop what is deeper");
                    continue;
                }
                Some(Compiled::Json(rules_at(cx, &inner, level + 1).into()))
            }
            Transform::Filter { when } => on_elements(cx, when).map(|filter| Compiled::Filter(Rc::new(filter))),
            transform => transforms::compile(cx, transform, field.transform_span),
        };
        let Some(compiled) = compiled else { continue };
        rules.push(Rule {
            subject: field.subject.clone(),
            text: field.text,
            span: field.span,
            compiled,
            transform: transforms::name(field.transform),
            line: cx.source.line(field.span),
            inherited: field.inherited,
        });
    }
    rules
}

/// Every class that rules for these streams may name, besides the built-in ones: declared classes and their ancestors.
pub(super) fn known_classes<'a, 's>(streams: impl Iterator<Item = &'s StreamDraft<'a>>) -> BTreeSet<&'a str>
where
    'a: 's,
{
    let declared = streams.flat_map(|stream| {
        let implied = stream.classed.iter().map(|classed| classed.class);
        stream.written.classes.iter().map(|(class, _)| class.value.as_str()).chain(implied)
    });
    declared.flat_map(lineage).chain([super::classes::IDENTITY_CLASS, super::templates::CONSENT_CLASS]).collect()
}

/// Reports rules for classes that do not exist there; inherited rules may name a class of any stream.
pub(super) fn check_classes(cx: &mut Cx<'_>, fields: &[Field<'_>], own: &BTreeSet<&str>, all: &BTreeSet<&str>) {
    check_class_rules(cx, fields.iter().map(|field| (&field.subject, field.span, field.inherited)), own, all);
}

fn check_class_rules<'r, 'a: 'r>(
    cx: &mut Cx<'_>,
    rules: impl Iterator<Item = (&'r Subject<'a>, &'r Span, bool)>,
    own: &BTreeSet<&str>,
    all: &BTreeSet<&str>,
) {
    let unread = |class: &str| {
        let policy = cx.policy;
        policy.is_unread(Section::Classes, class) || policy.unread.iter().any(|(section, _)| *section == Section::Streams)
    };
    let rules: Vec<_> = rules.filter(|(subject, _, _)| !matches!(subject, Subject::Class(class) if unread(class))).collect();
    for (subject, span, inherited) in rules {
        let Subject::Class(class) = *subject else { continue };
        let known = if inherited { all } else { own };
        if known.contains(class) {
            continue;
        }
        let hint = did_you_mean(class, known.iter().copied()).unwrap_or_else(|| {
            if is_class_name(class) && !all.contains(class) {
                "declare it under `classes` of a stream; a path begins with `$`".into()
            } else if is_class_name(class) {
                "only streams that this sink does not take declare it".into()
            } else {
                "a rule names a class, which is a dotted name, or a path, which begins with `$`".into()
            }
        });
        cx.diagnostics.error(Code::UnknownClass, span, format!("no stream of this sink has the class `{class}`")).hint(hint);
    }
}

/// Checks the rules inside JSON text as those outside: their classes, and their claims against each other.
pub(super) fn check_inner(cx: &mut Cx<'_>, rules: &[Rule<'_>], own: &BTreeSet<&str>, all: &BTreeSet<&str>, folds: bool) {
    for inner in rules.iter().filter_map(|rule| rule.compiled.inner()) {
        check_class_rules(cx, inner.iter().map(|rule| (&rule.subject, rule.span, rule.inherited)), own, all);
        check_ties(cx, inner, folds);
        check_inner(cx, inner, own, all, folds);
    }
}

/// Reports rules by path that claim the same place with equal right.
pub(super) fn check_ties(cx: &mut Cx<'_>, rules: &[Rule<'_>], folds: bool) {
    let by_path: Vec<(&Rule<'_>, Steps)> = rules
        .iter()
        .filter_map(|rule| match &rule.subject {
            Subject::Path(path) => Some((rule, Steps::new(path, folds))),
            Subject::Class(_) => None,
        })
        .collect();
    let steps: Vec<&Steps> = by_path.iter().map(|(_, steps)| steps).collect();
    for (later, earlier) in ties(&steps) {
        let (later, earlier) = (by_path[later].0, by_path[earlier].0);
        if !later.compiled.same_effect(&earlier.compiled) {
            cx.diagnostics
                .error(
                    Code::Tie,
                    later.span,
                    format!("`{}` and `{}` may name the same place, with different rules", earlier.text, later.text),
                )
                .note(earlier.span, "equally specific")
                .hint("make one of the two paths more specific");
        }
    }
}

/// Lays the rules of a sink (or profile) out over the paths of one stream.
pub(super) fn place<'a>(
    stream: &mut StreamDraft<'a>,
    rules: &[Rule<'a>],
    (sink, sink_id): (&str, SinkId),
    table: &mut RuleTable,
    keys: &mut KeyMaker<'_>,
) -> Vec<Placed> {
    let mut placed = Vec::new();
    let by_class: HashMap<&str, usize> = rules
        .iter()
        .enumerate()
        .filter_map(|(position, rule)| match rule.subject {
            Subject::Class(class) => Some((class, position)),
            Subject::Path(_) => None,
        })
        .collect();
    let scope = table.new_scope(sink_id);
    for classed in &stream.classed {
        let from = lineage(classed.class).find_map(|class| by_class.get(class).copied());
        let rule = from.map(|position| &rules[position]);
        let action = rule.map_or(Action::Drop, |rule| action(rule, classed.path, &mut stream.paths, keys, (sink, classed.class)));
        let id = match rule {
            Some(rule) => table.id(scope, rule.text, classed.class, rule.transform, Some(rule.line)),
            None => table.id(scope, &stream.paths.path(classed.path).to_string(), classed.class, "drop", None),
        };
        placed.push(Placed {
            path: classed.path,
            rule: PlaceRule { action, by_path: false, inherited: false, rule: id },
            from,
            class: Some(classed.class.into()),
            inner: None,
        });
    }
    for (position, rule) in rules.iter().enumerate() {
        let Subject::Path(path) = &rule.subject else { continue };
        let id = stream.paths.intern(path);
        let declared = stream.class_at(id);
        let text = path.to_string();
        let class = declared.unwrap_or(&text);
        let action = action(rule, id, &mut stream.paths, keys, (sink, class));
        let info = table.id(scope, rule.text, class, rule.transform, Some(rule.line));
        placed.push(Placed {
            path: id,
            rule: PlaceRule { action, by_path: true, inherited: false, rule: info },
            from: Some(position),
            class: declared.map(Rc::from),
            inner: None,
        });
    }
    if rules.iter().any(|rule| rule.compiled.inner().is_some()) {
        inner::place(stream, rules, (sink, scope), table, keys, &mut placed);
    }
    placed
}

/// What a rule does at one path of a table.
pub(super) fn action(
    rule: &Rule<'_>,
    path: PathId,
    paths: &mut PathTable,
    keys: &mut KeyMaker<'_>,
    (sink, class): (&str, &str),
) -> Action {
    match rule.compiled.filter() {
        Some(filter) => Action::Filter(paths.filter(path, filter)),
        None => rule.compiled.action(keys, sink, class),
    }
}

/// Every rule of the plan, each once per place where it is used and class that it meets.
#[derive(Default)]
pub(super) struct RuleTable {
    rules: Vec<RuleInfo>,
    ids: HashMap<(usize, Box<str>, Box<str>), RuleId>,
    /// The sink of each scope.
    scopes: Vec<SinkId>,
}

impl RuleTable {
    /// A namespace for the rules of one sink on one stream.
    pub(super) fn new_scope(&mut self, sink: SinkId) -> usize {
        self.scopes.push(sink);
        self.scopes.len() - 1
    }

    /// The id of a rule, made at need.
    pub(super) fn id(&mut self, scope: usize, subject: &str, class: &str, transform: &'static str, line: Option<u32>) -> RuleId {
        let key = (scope, subject.into(), class.into());
        if let Some(known) = self.ids.get(&key) {
            return *known;
        }
        let id = RuleId(u16::try_from(self.rules.len()).unwrap_or(u16::MAX));
        let sink = self.scopes[scope];
        self.rules.push(RuleInfo { sink, subject: subject.into(), class: class.into(), transform, line });
        self.ids.insert(key, id);
        id
    }

    /// Whether there are more rules than a plan can number.
    pub(super) fn overflows(&self) -> bool {
        self.rules.len() > usize::from(u16::MAX)
    }

    /// All rules; positions are [`RuleId`]s.
    pub(super) fn into_rules(self) -> Vec<RuleInfo> {
        self.rules
    }
}
