//! Tables in a text: the heading of the column that a value stands in.

use super::read::Words;
use super::{Near, classify_key};
use std::cell::{Cell, OnceCell};

/// Columns behind these have no heading for us.
const MOST_COLUMNS: usize = 32;
/// A first line that is longer heads no table.
const LONGEST_HEADING: usize = 1024;
/// A cell that is longer is a sentence.
const LONGEST_CELL: usize = 40;

/// The headings of a text's first line, and where in the rows the search is.
#[derive(Default)]
pub(in super::super) struct Table {
    heading: OnceCell<Option<Heading>>,
    cursor: Cell<Cursor>,
}

struct Heading {
    delimiter: u8,
    end: usize,
    columns: [Near; MOST_COLUMNS],
}

/// Where in the rows the search is. It only goes on, so that all questions together read the text once.
#[derive(Clone, Copy, Default)]
struct Cursor {
    at: usize,
    column: usize,
    quoted: bool,
}

impl Table {
    /// What the heading over the byte at `start` says.
    pub(super) fn column(&self, words: &Words<'_>, text: &str, start: usize) -> Near {
        let Some(heading) = self.heading.get_or_init(|| Heading::read(words, text)) else { return Near::Nothing };
        if start <= heading.end {
            return Near::Nothing;
        }
        let mut cursor = self.cursor.get();
        if cursor.at < heading.end || cursor.at > start {
            cursor = Cursor { at: heading.end, column: 0, quoted: false };
        }
        for byte in &text.as_bytes()[cursor.at..start] {
            match byte {
                b'\n' => cursor = Cursor { column: 0, quoted: false, ..cursor },
                b'"' => cursor.quoted = !cursor.quoted,
                byte if *byte == heading.delimiter && !cursor.quoted => cursor.column += 1,
                _ => {}
            }
        }
        cursor.at = start;
        self.cursor.set(cursor);
        heading.columns.get(cursor.column).copied().unwrap_or(Near::Nothing)
    }
}

impl Heading {
    /// The headings, if the first line has any that tells.
    fn read(words: &Words<'_>, text: &str) -> Option<Heading> {
        let end = memchr::memchr(b'\n', &text.as_bytes()[..text.len().min(LONGEST_HEADING)])?;
        let line = text[..end].trim_end_matches('\r');
        let count = |delimiter: u8| memchr::memchr_iter(delimiter, line.as_bytes()).count();
        let delimiter = [b'\t', b';', b'|', b','].into_iter().max_by_key(|delimiter| count(*delimiter))?;
        let mut columns = [Near::Nothing; MOST_COLUMNS];
        for (cell, slot) in line.split(char::from(delimiter)).zip(&mut columns) {
            let name = cell.trim_matches(['"', '\'', ' ', '*', '`']);
            if name.len() > LONGEST_CELL || name.contains([':', '=', '{', '<', '@']) || name.split(' ').count() > 3 {
                return None;
            }
            *slot = classify_key(words, name).unwrap_or(Near::Nothing);
        }
        columns.iter().any(|near| *near != Near::Nothing).then_some(Heading { delimiter, end, columns })
    }
}
