//! Filtered arrays: of the elements those stay that match, each edited by the rules deeper down.

use super::{Edit, Left};
use crate::event::json::Kind;
use crate::event::{NO_MARK, PathId};
use crate::plan::Scope;

impl Edit<'_, '_> {
    /// Edits the value that a filter met. What is no array is not what the filter is about, and goes.
    pub(super) fn filtered(&mut self, at: usize, kind: Kind, path: Option<PathId>, condition: u16, scope: Scope) -> Left {
        match kind {
            Kind::Array => self.array(at, path, condition),
            Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::String | Kind::Object => {
                let passed = self.sifting.is_some() && self.sifting == path && self.is_element(at);
                if passed { self.container(at, kind, scope) } else { Left::Removed }
            }
        }
    }

    fn array(&mut self, at: usize, path: Option<PathId>, condition: u16) -> Left {
        let places = self.places;
        let passing = path.and_then(|path| places.sifted.find(self.owner, at as u32, path, condition));
        let Some(passing) = passing else { return Left::Removed };
        if passing.is_empty() {
            return Left::Kept;
        }
        let around = std::mem::replace(&mut self.sifting, path);
        let left = self.splice(at, Some(passing));
        self.sifting = around;
        left
    }

    /// Whether the value stands in an array. Arrays are transparent, so the rule of an array meets its elements once more;
    /// those have passed it.
    fn is_element(&self, at: usize) -> bool {
        let parent = self.marks[at].parent;
        parent != NO_MARK && self.input[self.marks[parent as usize].value as usize] == b'['
    }
}
