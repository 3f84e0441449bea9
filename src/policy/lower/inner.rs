//! `json`: the rules that hold inside a string that is JSON text.
//!
//! The text's root stands where the string stands. So its own `fields` hold there, and so does what reaches into that
//! place from outside: paths of classes, and rules by path such as `$..token`. Rules from inside beat those from outside.

use super::classes::{Classed, lineage};
use super::fields::{LEVELS, Placed, Rule, RuleTable, action};
use super::overlap::Steps;
use super::paths::PathTable;
use super::streams::StreamDraft;
use super::templates::Subject;
use super::transforms::KeyMaker;
use crate::event::{Path, PathId};
use crate::plan::{Action, PlaceRule};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// How many rules inside text one sink may come to: those that find each other through `..` multiply by the level.
const MOST_PLACED: usize = 30_000;

/// Lays the rules inside JSON text out, for every place among `placed` whose rule is `json`.
pub(super) fn place<'a>(
    stream: &mut StreamDraft<'a>,
    rules: &[Rule<'a>],
    (sink, scope): (&str, usize),
    table: &mut RuleTable,
    keys: &mut KeyMaker<'_>,
    placed: &mut [Placed],
) {
    let StreamDraft { paths, classed, folds, .. } = stream;
    let mut classes: Vec<(Path, &Classed<'a>)> = classed.iter().map(|one| (paths.path(one.path).clone(), one)).collect();
    classes.sort_by(|(a, _), (b, _)| b.cmp_specificity(a));
    let mut layout = Layout { sink, scope, folds: *folds, classes, around: Vec::new(), table, keys, count: 0 };
    layout.enter(&Path::default(), rules);
    for placed in placed {
        let Some(rule) = placed.from.map(|from| &rules[from]) else { continue };
        let Some(own) = rule.compiled.inner() else { continue };
        let mount = paths.path(placed.path).clone();
        placed.inner = Some(layout.text(&mount, rule.text, own, paths.inner(placed.path), 1));
    }
    paths.crowded |= layout.count > MOST_PLACED;
}

/// The rules of one document, or text, around the one that is laid out.
struct Around<'r, 'a> {
    /// By path, each with its path from the record's root; the most specific first.
    by_path: Vec<(Path, &'r Rule<'a>)>,
    by_class: HashMap<&'a str, &'r Rule<'a>>,
}

struct Layout<'r, 'a, 'k> {
    sink: &'r str,
    scope: usize,
    folds: bool,
    /// The paths of classes, the most specific first.
    classes: Vec<(Path, &'r Classed<'a>)>,
    /// The record's rules, then those of each text, outermost first.
    around: Vec<Around<'r, 'a>>,
    table: &'r mut RuleTable,
    keys: &'r mut KeyMaker<'k>,
    count: usize,
}

/// The places of one text: each with its rule and its path from the record's root.
#[derive(Default)]
struct Found<'r, 'a> {
    places: Vec<(Placed, Option<&'r Rule<'a>>, Path)>,
    /// The paths that have a rule, by path or by class.
    taken: HashSet<(PathId, bool)>,
}

/// Where a rule stands inside a text.
struct Spot<'s> {
    id: PathId,
    /// The same place from the record's root.
    full: &'s Path,
    by_path: bool,
    inherited: bool,
}

impl<'r, 'a: 'r> Layout<'r, 'a, '_> {
    fn enter(&mut self, mount: &Path, rules: &'r [Rule<'a>]) {
        let mut around = Around { by_path: Vec::new(), by_class: HashMap::new() };
        for rule in rules {
            match &rule.subject {
                Subject::Path(path) => around.by_path.push((join(mount, path.segments()), rule)),
                Subject::Class(class) => {
                    around.by_class.insert(class, rule);
                }
            }
        }
        around.by_path.sort_by_key(|(path, _)| Reverse(path.segments().len()));
        around.by_path.sort_by(|(a, _), (b, _)| b.cmp_specificity(a));
        self.around.push(around);
    }

    /// Lays out the rules of the text that stands at `mount`, with `own` its own.
    fn text(&mut self, mount: &Path, name: &str, own: &'r [Rule<'a>], paths: &mut PathTable, level: usize) -> Vec<Placed> {
        let mut placed = Found::default();
        let steps = Steps::new(mount, self.folds);
        for rule in own {
            let Subject::Path(path) = &rule.subject else { continue };
            let full = join(mount, path.segments());
            let spot = Spot { id: paths.intern(path), full: &full, by_path: true, inherited: false };
            self.put(&spot, Some(rule), name, self.declared(&full), (paths, &mut placed));
        }
        let reaching: Vec<(Path, &'r Rule<'a>)> =
            self.around.iter().rev().flat_map(|around| &around.by_path).map(|(path, rule)| (path.clone(), *rule)).collect();
        for (path, rule) in &reaching {
            for suffix in self.suffixes(&steps, path) {
                let full = join(mount, suffix.segments());
                let spot = Spot { id: paths.intern(&suffix), full: &full, by_path: true, inherited: true };
                self.put(&spot, Some(rule), name, self.declared(&full), (paths, &mut placed));
            }
        }
        self.enter(mount, own);
        for (path, class) in self.classes.iter().map(|(path, one)| (path.clone(), one.class)).collect::<Vec<_>>() {
            for suffix in self.suffixes(&steps, &path) {
                let full = join(mount, suffix.segments());
                let (rule, inherited) = self.rule_of(class);
                let spot = Spot { id: paths.intern(&suffix), full: &full, by_path: false, inherited };
                self.put(&spot, rule, name, Some(class), (paths, &mut placed));
            }
        }
        for (placed, rule, full) in &mut placed.places {
            let Some((rule, inner)) = rule.and_then(|rule| Some((rule, rule.compiled.inner()?))) else { continue };
            // Deeper text is beyond the levels that are read: its place goes.
            if level < LEVELS && self.count <= MOST_PLACED {
                placed.inner = Some(self.text(full, rule.text, inner, paths.inner(placed.path), level + 1));
            }
        }
        self.around.pop();
        placed.places.into_iter().map(|(placed, _, _)| placed).collect()
    }

    /// Notes a rule at a place, unless a better one stands there already.
    fn put(
        &mut self,
        spot: &Spot<'_>,
        rule: Option<&'r Rule<'a>>,
        name: &str,
        class: Option<&str>,
        (paths, placed): (&mut PathTable, &mut Found<'r, 'a>),
    ) {
        if !placed.taken.insert((spot.id, spot.by_path)) {
            return;
        }
        self.count += 1;
        let text = spot.full.to_string();
        let of_class = class.unwrap_or(&text);
        let action = rule.map_or(Action::Drop, |rule| action(rule, spot.id, paths, self.keys, (self.sink, of_class)));
        let id = match rule {
            Some(rule) if spot.inherited => self.table.id(self.scope, rule.text, of_class, rule.transform, Some(rule.line)),
            Some(rule) => {
                let subject = format!("{name} json {}", rule.text);
                self.table.id(self.scope, &subject, of_class, rule.transform, Some(rule.line))
            }
            None => self.table.id(self.scope, &text, of_class, "drop", None),
        };
        let rule_there = PlaceRule { action, by_path: spot.by_path, inherited: spot.inherited, rule: id };
        let there = Placed { path: spot.id, rule: rule_there, from: None, class: class.map(Rc::from), inner: None };
        placed.places.push((there, rule, spot.full.clone()));
    }

    /// What a path from outside means inside: its last steps, from where it may stand at the text on.
    fn suffixes(&self, mount: &Steps, path: &Path) -> Vec<Path> {
        let below = mount.below(&Steps::new(path, self.folds));
        below.into_iter().map(|from| Path::from_segments(path.segments()[from..].to_vec())).collect()
    }

    /// The class that is declared for this very place.
    fn declared(&self, full: &Path) -> Option<&'a str> {
        let steps = Steps::new(full, self.folds);
        self.classes.iter().find(|(_, one)| one.steps == steps).map(|(_, one)| one.class)
    }

    /// The rule for a class inside the innermost text, and whether it stands outside it.
    fn rule_of(&self, class: &str) -> (Option<&'r Rule<'a>>, bool) {
        let mut levels = self.around.iter().rev();
        let found = |around: &Around<'r, 'a>| lineage(class).find_map(|name| around.by_class.get(name).copied());
        match levels.next().and_then(found) {
            Some(rule) => (Some(rule), false),
            None => (levels.find_map(found), true),
        }
    }
}

/// A path from the record's root to a place inside the text at `mount`.
pub(super) fn join(mount: &Path, rest: &[crate::event::Segment]) -> Path {
    Path::from_segments(mount.segments().iter().chain(rest).cloned().collect())
}
