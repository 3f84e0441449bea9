//! Compiled `when` conditions: tests on control values under three-valued logic.

use crate::event::SlotId;

/// A `when`, compiled.
#[derive(Clone, PartialEq)]
pub enum Condition {
    /// True if all are; false if any is false; else unknown.
    All(Vec<Condition>),
    /// False if all are; true if any is true; else unknown.
    Any(Vec<Condition>),
    /// Unknown stays unknown.
    Not(Box<Condition>),
    /// One test on the values that a slot's path meets.
    Test {
        /// The slot that collects the values.
        slot: SlotId,
        /// How several values count.
        each: Each,
        /// The test.
        test: Test,
    },
}

impl Condition {
    /// The same condition on other slots.
    #[must_use]
    pub fn with_slots(&self, slot_of: &mut impl FnMut(SlotId) -> SlotId) -> Condition {
        match self {
            Condition::All(parts) => Condition::All(parts.iter().map(|part| part.with_slots(slot_of)).collect()),
            Condition::Any(parts) => Condition::Any(parts.iter().map(|part| part.with_slots(slot_of)).collect()),
            Condition::Not(part) => Condition::Not(Box::new(part.with_slots(slot_of))),
            Condition::Test { slot, each, test } => Condition::Test { slot: slot_of(*slot), each: *each, test: test.clone() },
        }
    }
}

/// How several values at one path count. Without `each:` a path names one place; should it meet several
/// all the same (arrays, folded names), all must agree: [`Each::Agree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// Every value passes; none at all is unknown.
    All,
    /// At least one value passes; none at all is unknown.
    Any,
    /// All values give one answer; else unknown.
    Agree,
}

/// One test. All but `Exists` are unknown on a value that is missing or of another type.
#[derive(Clone)]
pub enum Test {
    /// The value equals the literal.
    Equals(Literal),
    /// The value equals one of the literals.
    In(Vec<Literal>),
    /// A value is (not) there; null counts as there.
    Exists(bool),
    /// A string begins with this text.
    StartsWith(Box<str>),
    /// A string matches; linear time.
    Matches(regex::Regex),
    /// A number is greater.
    Gt(f64),
    /// A number is less.
    Lt(f64),
}

impl PartialEq for Test {
    /// Patterns are compared as written.
    fn eq(&self, other: &Test) -> bool {
        match self {
            Test::Equals(literal) => matches!(other, Test::Equals(theirs) if literal == theirs),
            Test::In(literals) => matches!(other, Test::In(theirs) if literals == theirs),
            Test::Exists(wanted) => matches!(other, Test::Exists(theirs) if wanted == theirs),
            Test::StartsWith(text) => matches!(other, Test::StartsWith(theirs) if text == theirs),
            Test::Matches(pattern) => matches!(other, Test::Matches(theirs) if pattern.as_str() == theirs.as_str()),
            Test::Gt(bound) => matches!(other, Test::Gt(theirs) if bound == theirs),
            Test::Lt(bound) => matches!(other, Test::Lt(theirs) if bound == theirs),
        }
    }
}

/// A literal of a policy to compare with.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Text.
    Text(Box<str>),
    /// A number; compared by value.
    Number(f64),
    /// A boolean.
    Bool(bool),
}
