//! The bytes of one record that several sinks with the same rules get.

use super::{Encoded, Touched};
use crate::event::RuleId;
use crate::plan::Share;

/// What one group of sinks shares of one record.
#[derive(Default)]
struct Made {
    /// The record that it is of.
    record: u64,
    encoded: Option<Encoded>,
    out: Vec<u8>,
    /// Positions in the group's rules: each member has its own ids for them.
    applied: Vec<u32>,
    touched: Vec<(Option<u32>, bool)>,
}

/// What the groups of the plan share, in buffers that are reused.
#[derive(Default)]
pub(super) struct Shared {
    record: u64,
    groups: Vec<Made>,
    /// The group whose bytes were asked for last, if they were a group's.
    current: Option<usize>,
}

impl Shared {
    /// Forgets what was made of the last record.
    pub(super) fn begin_record(&mut self) {
        self.record += 1;
        self.current = None;
    }

    /// The bytes that were recalled or kept last.
    pub(super) fn current(&self) -> Option<&[u8]> {
        self.current.map(|group| &*self.groups[group].out)
    }

    /// The bytes at hand are no group's.
    pub(super) fn leave(&mut self) {
        self.current = None;
    }

    /// What another member of the group got of this record, with the rules that did it under this member's ids.
    pub(super) fn recall(&mut self, share: &Share, applied: &mut Vec<RuleId>, touched: &mut Vec<Touched>) -> Option<Encoded> {
        let group = usize::from(share.group);
        let made = self.groups.get(group).filter(|made| made.record == self.record)?;
        let encoded = made.encoded?;
        applied.extend(made.applied.iter().filter_map(|position| share.rule(*position)));
        let own = |position: Option<u32>| position.and_then(|position| share.rule(position));
        touched.extend(made.touched.iter().map(|(rule, removed)| Touched { rule: own(*rule), removed: *removed }));
        self.current = Some(group);
        Some(encoded)
    }

    /// Exchanges the group's bytes for a buffer, and a second time back.
    pub(super) fn swap(&mut self, share: &Share, out: &mut Vec<u8>) {
        std::mem::swap(&mut self.group(share).out, out);
    }

    fn group(&mut self, share: &Share) -> &mut Made {
        let group = usize::from(share.group);
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, Made::default);
        }
        &mut self.groups[group]
    }

    /// Keeps what became of a member's document; its bytes are in the group's buffer.
    pub(super) fn keep(&mut self, share: &Share, encoded: Encoded, applied: &[RuleId], touched: &[Touched]) {
        let record = self.record;
        let made = self.group(share);
        made.record = record;
        made.encoded = Some(encoded);
        made.applied.clear();
        made.applied.extend(applied.iter().filter_map(|rule| share.position(*rule)));
        made.touched.clear();
        let position = |rule: Option<RuleId>| rule.and_then(|rule| share.position(rule));
        made.touched.extend(touched.iter().map(|one| (position(one.rule), one.removed)));
        self.current = Some(usize::from(share.group));
    }
}
