//! Where a transform writes: JSON text, or the bare text of a record key.

use crate::event::json::write_escaped;
use std::io::Write;

/// Appends to the caller's buffer in one of two forms.
pub(super) struct Output<'a> {
    out: &'a mut Vec<u8>,
    is_json: bool,
    /// The input's own text had no escapes.
    is_clean: bool,
}

impl<'a> Output<'a> {
    /// Strings are quoted and escaped.
    pub(super) fn json(out: &'a mut Vec<u8>) -> Output<'a> {
        Output { out, is_json: true, is_clean: false }
    }

    /// The same, where it is known whether the input had escapes: if not, no [`part`](Output::part) of it needs any.
    pub(super) fn json_like(is_clean: bool, out: &'a mut Vec<u8>) -> Output<'a> {
        Output { out, is_json: true, is_clean }
    }

    /// Text as it is.
    pub(super) fn bare(out: &'a mut Vec<u8>) -> Output<'a> {
        Output { out, is_json: false, is_clean: true }
    }

    /// How much the buffer holds.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    /// What was appended since `len` was `length`.
    pub(super) fn since(&self, length: usize) -> &[u8] {
        &self.out[length..]
    }

    /// Takes back what was appended since `len` was `length`.
    pub(super) fn truncate(&mut self, length: usize) {
        self.out.truncate(length);
    }

    /// The quote at either end of a string.
    pub(super) fn quote(&mut self) {
        if self.is_json {
            self.out.push(b'"');
        }
    }

    /// A part of a string, between two quotes.
    pub(super) fn text(&mut self, text: &str) {
        if self.is_json { write_escaped(text, self.out) } else { self.out.extend_from_slice(text.as_bytes()) }
    }

    /// The same, of the input's own text or of what never needs escapes.
    pub(super) fn part(&mut self, text: &str) {
        if self.is_clean { self.out.extend_from_slice(text.as_bytes()) } else { self.text(text) }
    }

    /// A part of a string that is known to need no escapes.
    pub(super) fn plain(&mut self, text: std::fmt::Arguments<'_>) {
        // A vector takes every write.
        let _ = self.out.write_fmt(text);
    }

    /// The bytes behind the last quote, for what appends plain text itself.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        self.out
    }
}
