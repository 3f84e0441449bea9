//! Which paths may meet the same place, and which paths hold all places of another.
//!
//! Names are compared folded where the stream folds. Array transparency and dotted names are left out: they widen all
//! paths alike, and two paths that only meet through them are of different length or kind, so one of them is more specific.

use crate::event::{Path, Selector};
use crate::plan::fold;
use std::collections::HashSet;

/// A path prepared for comparison.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Steps(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Step {
    descendant: bool,
    selects: Selects,
}

/// What a step selects, or what an edge of a document is labelled with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Selects {
    Name(Box<str>),
    Index(u32),
    Any,
}

impl Steps {
    /// Prepares a path; `folded` is false under `match: exact`.
    pub(super) fn new(path: &Path, folded: bool) -> Steps {
        let step = |segment: &crate::event::Segment| Step {
            descendant: segment.descendant,
            selects: match &segment.selector {
                Selector::Name(name) if folded => {
                    let mut plain = String::with_capacity(name.len());
                    fold::fold_case(name, &mut plain);
                    Selects::Name(plain.into())
                }
                Selector::Name(name) => Selects::Name(name.clone()),
                Selector::Index(index) => Selects::Index(*index),
                Selector::Wildcard => Selects::Any,
            },
        };
        Steps(path.segments().iter().map(step).collect())
    }

    /// Whether some place is named by both.
    pub(super) fn may_meet(&self, other: &Steps) -> bool {
        if self.ends_elsewhere(other) {
            return false;
        }
        if self.is_straight() && other.is_straight() {
            return self.0.len() == other.0.len()
                && self.0.iter().zip(&other.0).all(|(ours, theirs)| ours.selects.meets(&theirs.selects));
        }
        let labels = labels(self, other);
        let mut seen = HashSet::from([(0, 0)]);
        let mut open = vec![(0, 0)];
        while let Some((ours, theirs)) = open.pop() {
            if (ours, theirs) == (self.0.len(), other.0.len()) {
                return true;
            }
            for label in &labels {
                for next_ours in self.next(ours, label) {
                    for next_theirs in other.next(theirs, label) {
                        if seen.insert((next_ours, next_theirs)) {
                            open.push((next_ours, next_theirs));
                        }
                    }
                }
            }
        }
        false
    }

    /// Where `other` may stand at the places of this path and go on below: positions of its steps, in order. Arrays are
    /// transparent to it.
    pub(super) fn below(&self, other: &Steps) -> Vec<usize> {
        let labels = labels(self, other);
        let mut seen = HashSet::from([(0, 0)]);
        let mut open = vec![(0, 0)];
        let mut found = Vec::new();
        while let Some((ours, theirs)) = open.pop() {
            if ours == self.0.len() && theirs < other.0.len() {
                found.push(theirs);
            }
            for label in &labels {
                for next_ours in self.next(ours, label) {
                    // A step by position or wildcard takes the element itself; one by name looks into it.
                    let by_name = matches!(other.0.get(theirs).map(|step| &step.selects), Some(Selects::Name(_)));
                    let through_array = (by_name && !matches!(label, Selects::Name(_))).then_some(theirs);
                    for next_theirs in other.next(theirs, label).chain(through_array) {
                        if seen.insert((next_ours, next_theirs)) {
                            open.push((next_ours, next_theirs));
                        }
                    }
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// Whether every place that `other` names is certainly named by this path as well.
    pub(super) fn covers(&self, other: &Steps) -> bool {
        covers(&self.0, &other.0)
    }

    /// Whether `other` certainly names places inside this path's places.
    pub(super) fn holds(&self, other: &Steps) -> bool {
        (0..other.0.len()).any(|end| covers(&self.0, &other.0[..end]))
    }

    /// Whether the last step selects by name: a path that was written for a field, not for whatever is there.
    pub(super) fn ends_in_name(&self) -> bool {
        self.last_name().is_some()
    }

    /// What decides about specificity: equal shapes tie (see `Path::cmp_specificity`).
    pub(super) fn shape(&self) -> Vec<(bool, u8)> {
        let kind = |step: &Step| match step.selects {
            Selects::Name(_) => 2,
            Selects::Index(_) => 1,
            Selects::Any => 0,
        };
        self.0.iter().map(|step| (step.descendant, kind(step))).collect()
    }

    /// The name at the end, if there is one: paths that end in different names never meet.
    pub(super) fn last_name(&self) -> Option<&str> {
        match &self.0.last()?.selects {
            Selects::Name(name) => Some(name),
            Selects::Index(_) | Selects::Any => None,
        }
    }

    /// The cheap and common no: both end in names, and the names differ.
    fn ends_elsewhere(&self, other: &Steps) -> bool {
        match (self.0.last(), other.0.last()) {
            (Some(ours), Some(theirs)) => !ours.selects.meets(&theirs.selects),
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// Whether every step goes down by exactly one level.
    fn is_straight(&self) -> bool {
        self.0.iter().all(|step| !step.descendant)
    }

    /// Where an edge with that label leads from a position; nowhere, on, or (below `..`) also back to the same.
    fn next(&self, at: usize, label: &Selects) -> impl Iterator<Item = usize> {
        let step = self.0.get(at);
        let stays = step.is_some_and(|step| step.descendant).then_some(at);
        let moves = step.is_some_and(|step| step.selects.covers(label)).then_some(at + 1);
        stays.into_iter().chain(moves)
    }
}

impl Selects {
    fn meets(&self, other: &Selects) -> bool {
        match (self, other) {
            (Selects::Any, _) | (_, Selects::Any) => true,
            (Selects::Name(ours), Selects::Name(theirs)) => ours == theirs,
            (Selects::Index(ours), Selects::Index(theirs)) => ours == theirs,
            (Selects::Name(_), Selects::Index(_)) | (Selects::Index(_), Selects::Name(_)) => false,
        }
    }

    fn covers(&self, other: &Selects) -> bool {
        *self == Selects::Any || self == other
    }
}

/// Every label on which two paths could tell edges apart: the names and indices of both, and `Any` for all others.
fn labels(ours: &Steps, theirs: &Steps) -> HashSet<Selects> {
    ours.0.iter().chain(&theirs.0).map(|step| step.selects.clone()).chain([Selects::Any]).collect()
}

/// Answers from the ends of both paths backwards, so that the work is the product of their lengths whatever the `..`.
fn covers(ours: &[Step], theirs: &[Step]) -> bool {
    // By position in `theirs`: whether what is left of `ours` covers what is left from there.
    let mut after: Vec<bool> = (0..=theirs.len()).map(|at| at == theirs.len()).collect();
    for step in ours.iter().rev() {
        let mut here = vec![false; theirs.len() + 1];
        for at in (0..theirs.len()).rev() {
            let selected = step.selects.covers(&theirs[at].selects) && after[at + 1];
            here[at] = if step.descendant { selected || here[at + 1] } else { selected && !theirs[at].descendant };
        }
        after = here;
    }
    after[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Steps {
        Steps::new(&Path::parse(text).expect("test path"), true)
    }

    #[test]
    fn paths_meet_where_one_document_could_satisfy_both() {
        for (one, other) in [
            ("$..email", "$.user.email"),
            ("$..a..b", "$..c..b"),
            ("$.*.id", "$.user.*"),
            ("$.userId", "$.USERID"),
            ("$", "$"),
            ("$.a[*]", "$.a[3]"),
        ] {
            assert!(steps(one).may_meet(&steps(other)), "{one} meets {other}");
            assert!(steps(other).may_meet(&steps(one)), "{other} meets {one}");
        }
    }

    #[test]
    fn paths_that_no_document_satisfies_together_do_not_meet() {
        for (one, other) in
            [("$.a.x", "$.b.x"), ("$.a.x", "$.a.y"), ("$..a.b", "$..c.b"), ("$.a[0]", "$.a[1]"), ("$", "$.a"), ("$.a.b", "$.b")]
        {
            assert!(!steps(one).may_meet(&steps(other)), "{one} does not meet {other}");
        }
        let exact = |text| Steps::new(&Path::parse(text).unwrap(), false);
        assert!(!exact("$.userId").may_meet(&exact("$.USERID")));
    }

    #[test]
    fn a_path_goes_on_below_a_place_from_where_it_may_stand_there() {
        for (mount, path, from) in [
            ("$.payload", "$..email", vec![0]),
            ("$.payload", "$.payload.email", vec![1]),
            ("$.payload", "$.PAYLOAD..email", vec![1]),
            ("$.payload", "$.payload", vec![]),
            ("$.payload", "$.other.email", vec![]),
            ("$..payload", "$..payload.email", vec![0, 1]),
            ("$.items[*].body", "$.items.body.email", vec![2]),
            ("$.items[*].body", "$.items[*].body.email", vec![3]),
            ("$.*", "$.*", vec![]),
            ("$.a.b", "$.*..x", vec![1]),
        ] {
            assert_eq!(steps(mount).below(&steps(path)), from, "{path} below {mount}");
        }
    }

    #[test]
    fn a_path_covers_what_it_always_names() {
        for (wide, narrow) in [("$..email", "$.user.email"), ("$..email", "$..email"), ("$.*.x", "$.a.x"), ("$..*", "$.a[0]")] {
            assert!(steps(wide).covers(&steps(narrow)), "{wide} covers {narrow}");
        }
        for (one, other) in [("$.user.email", "$..email"), ("$.a", "$.a.b"), ("$.*", "$..x"), ("$..a.b", "$.a..b")] {
            assert!(!steps(one).covers(&steps(other)), "{one} does not cover {other}");
        }
        // As many ways to cut the path as there are, and an answer at once.
        let deep = format!("${}.y", ".x".repeat(60));
        assert!(!steps(&format!("${}.z", "..*".repeat(30))).covers(&steps(&deep)));
        assert!(steps(&format!("${}.y", "..*".repeat(30))).covers(&steps(&deep)));
        assert!(steps("$.context").holds(&steps("$.context.ip")));
        assert!(steps("$").holds(&steps("$.a")));
        assert!(!steps("$.context.ip").holds(&steps("$.context.ip")));
    }
}
