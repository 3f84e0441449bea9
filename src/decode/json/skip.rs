//! Containers in which no path of the plan ends or goes on: checked like everything else, and nothing more.

use super::names::{Names, Siblings};
use super::walk::{NAME_POSITIONS, Next, Walk, close_of, malformed};
use crate::decode::Refusal;
use crate::outcome::Reason;

/// An open container.
struct Open {
    /// The bracket that ends it.
    close: u8,
    names: Siblings,
    /// A value was read: a comma stands before the next.
    begun: bool,
}

/// Checks containers; its stack is reused.
#[derive(Default)]
pub(super) struct Skipper {
    open: Vec<Open>,
}

impl Skipper {
    /// Checks the container that begins at the walk's next position, inside `depth` others. `counts` tells whether two equal names in one object make the record malformed.
    pub(super) fn skip(&mut self, names: &mut Names, walk: &mut Walk<'_>, depth: usize, counts: bool) -> Result<(), Refusal> {
        self.open.clear();
        let mut current = self.enter(names, walk, walk.next(), depth)?;
        let mut next = walk.next();
        loop {
            // Behind a value or an opening bracket: close what ends here.
            while next.byte() == current.close {
                if current.is_object() && names.close(walk.input, current.names) {
                    return Err(malformed(next.at()));
                }
                walk.pass(next.behind(1));
                match self.open.pop() {
                    Some(outer) => current = outer,
                    None => return Ok(()),
                }
                next = walk.next();
                current.begun = true;
            }
            if current.begun {
                if next.byte() != b',' {
                    return Err(malformed(next.at()));
                }
                walk.pass(next.behind(1));
                next = walk.next();
            }
            current.begun = true;
            if current.is_object() {
                if names.count(&current.names) >= walk.limits.members {
                    return Err(Refusal { reason: Reason::LimitExceeded, at: next.at() });
                }
                let member = walk.member(next, names)?;
                names.add(&mut current.names, member.entry(counts));
                next = next.behind(NAME_POSITIONS);
            }
            if matches!(next.byte(), b'{' | b'[') {
                self.open.push(current);
                current = self.enter(names, walk, next, depth)?;
                next = walk.next();
            } else {
                next = next.behind(walk.scalar(next)?.positions);
            }
        }
    }

    /// Opens the container that comes next.
    fn enter(&self, names: &Names, walk: &mut Walk<'_>, next: Next<'_>, depth: usize) -> Result<Open, Refusal> {
        // The innermost is not on the stack.
        if depth + self.open.len() >= walk.limits.depth {
            return Err(Refusal { reason: Reason::LimitExceeded, at: next.at() });
        }
        walk.pass(next.behind(1));
        Ok(Open { close: close_of(next.byte()), names: names.open(), begun: false })
    }
}

impl Open {
    #[inline(always)]
    fn is_object(&self) -> bool {
        self.close == b'}'
    }
}
