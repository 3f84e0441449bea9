//! JSON text in a string: edited by its own rules, and written anew only where something changed.

use super::{Edit, Left, is_hollow};
use crate::event::json::write_escaped;
use crate::event::{Mark, PathId};
use crate::plan::{EmptyParents, Scope, SinkRules};

/// What became of the text.
enum Text {
    /// It stays as it is.
    Unchanged,
    /// It is in the encoder's output.
    Written,
    /// Nothing of it is left.
    Gone,
}

impl<'a> Edit<'a, '_> {
    /// Edits the text that the string at a mark holds. A string that holds no JSON text of an object goes.
    pub(super) fn inside(&mut self, at: usize, path: Option<PathId>, rules: &'a SinkRules, scope: Scope) -> Left {
        let found = path.and_then(|path| self.places.inner.find(self.owner, at as u32, path));
        let Some((owner, document)) = found else { return Left::Removed };
        let inner = &self.places.inner;
        let input = &inner.text[document.text.clone()];
        let Some(root) = inner.marks.get(document.marks.start).filter(|_| !document.marks.is_empty()) else {
            let stays = scope == Scope::Keep || is_hollow(input.trim_ascii_start(), scope);
            return if stays { Left::Kept } else { Left::Removed };
        };
        let waiting = self.encoder.waiting.pop().unwrap_or_default();
        let outside = std::mem::replace(&mut self.encoder.out, waiting);
        self.encoder.out.clear();
        let text = Edit {
            input,
            places: self.places,
            owner,
            marks: &inner.marks[document.marks.clone()],
            hits: &inner.hits[document.hits.clone()],
            rules,
            context: self.context,
            encoder: &mut *self.encoder,
            cursor: 0,
            listed: 0,
            sifting: None,
        }
        .text(root, scope);
        let inside = std::mem::replace(&mut self.encoder.out, outside);
        let mark = self.marks[at];
        let left = match text {
            Text::Unchanged => Left::Kept,
            Text::Gone => Left::Removed,
            Text::Written => self.write_string(&mark, &inside),
        };
        self.encoder.waiting.push(inside);
        left
    }

    /// Edits the whole of a text.
    fn text(mut self, root: &Mark, scope: Scope) -> Text {
        let left = self.value(0, scope);
        let stays = match left {
            Left::Kept => true,
            Left::Emptied => self.rules.empty_parents == EmptyParents::Keep,
            Left::Removed => false,
        };
        match left {
            Left::Emptied | Left::Removed if is_hollow(&self.input[root.value as usize..], scope) => Text::Unchanged,
            Left::Emptied | Left::Removed if !stays => Text::Gone,
            Left::Kept if self.cursor == 0 && self.encoder.out.is_empty() => Text::Unchanged,
            Left::Kept | Left::Emptied | Left::Removed => {
                self.flush(self.input.len());
                Text::Written
            }
        }
    }

    /// Writes a text as the string in place of a value.
    fn write_string(&mut self, mark: &Mark, text: &[u8]) -> Left {
        // Edited text is made of the scanned text and of what transforms write, so it is UTF-8; if not, it goes.
        let Ok(text) = std::str::from_utf8(text) else { return Left::Removed };
        self.flush(mark.value as usize);
        self.encoder.out.push(b'"');
        write_escaped(text, &mut self.encoder.out);
        self.encoder.out.push(b'"');
        self.cursor = mark.end as usize;
        Left::Kept
    }
}
