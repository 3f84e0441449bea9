//! `detect`: personal data inside free text. One pass over the text finds where something may begin; a validator
//! behind each such place decides, by the standard that made the number and by the words in front of it.
//!
//! The text is read once from left to right. What looks back (the local part of an e-mail address, the words before a
//! number) looks back a bounded way, and never behind the last find. Nothing is allocated but the list of finds.

mod context;
mod email;
mod escaped;
mod groups;
mod letters;
mod national;
mod network;
mod numbers;
mod phone;
mod replace;
mod scan;
mod script;
mod secrets;
#[cfg(test)]
mod tests;
mod wide;

use crate::plan::{DetectRule, Label};
use groups::Group;
pub(super) use replace::write;

/// What a find is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// One of the closed list.
    Label(Label),
    /// The policy's own pattern of that position.
    Pattern(u16),
}

/// A place in a text, in bytes, at borders of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Find {
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
    /// What it is.
    pub what: What,
}

/// The lists that a search fills; cleared before each use.
#[derive(Default)]
pub struct Finder {
    finds: Vec<Find>,
    groups: Vec<Group>,
}

impl Finder {
    /// Searches a text. Finds do not overlap and stand in the text's order.
    pub fn search(&mut self, text: &str, rule: &DetectRule) -> &[Find] {
        self.finds.clear();
        self.groups.clear();
        if !rule.find.is_empty() {
            scan::run(text, rule, &mut self.finds, &mut self.groups);
        }
        if !rule.patterns.is_empty() {
            self.patterns(text, rule);
        }
        &self.finds
    }

    /// The policy's own patterns. Where finds overlap the earlier one stays, and grows by what the later one covers: no
    /// part of any find is left.
    fn patterns(&mut self, text: &str, rule: &DetectRule) {
        for (position, pattern) in rule.patterns.iter().enumerate() {
            let what = What::Pattern(position as u16);
            let found = pattern.regex.find_iter(text).filter(|found| !found.is_empty());
            self.finds.extend(found.map(|found| Find { start: found.start(), end: found.end(), what }));
        }
        self.finds.sort_unstable_by_key(|find| (find.start, std::cmp::Reverse(find.end)));
        let mut kept = 0;
        for at in 0..self.finds.len() {
            let find = self.finds[at];
            match self.finds[..kept].last_mut() {
                Some(last) if find.start < last.end => last.end = last.end.max(find.end),
                _ => {
                    self.finds[kept] = find;
                    kept += 1;
                }
            }
        }
        self.finds.truncate(kept);
    }
}
