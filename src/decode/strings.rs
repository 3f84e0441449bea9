//! JSON text in strings: each string at a path whose rules say `json` is decoded once and scanned like a record.
//!
//! All levels are read here, before any sink is served; what is no JSON text of an object is not noted, and the encoder
//! drops what is not noted.

use super::json::Scanner;
use super::{Limits, Refusal};
use crate::event::json::unescape_into;
use crate::event::{InnerDocument, Mark, PathId, Places, RECORD, Target};
use crate::outcome::Reason;
use crate::plan::{Duplicates, PathIndex};

/// Reads the JSON text in the strings of a record; its buffers are reused.
pub struct Strings {
    limits: Limits,
    found: Places,
    /// The strings of the document at hand that are to be read: mark, path and where they stand.
    wanted: Vec<(u32, PathId, Mark)>,
    decoded: Vec<u8>,
}

/// What holds for one record.
#[derive(Clone, Copy)]
struct Reading<'a> {
    input: &'a [u8],
    index: &'a PathIndex,
    duplicates: Duplicates,
}

impl Strings {
    /// A reader with empty buffers.
    pub fn new(limits: Limits) -> Strings {
        Strings { limits, found: Places::default(), wanted: Vec::new(), decoded: Vec::new() }
    }

    /// Reads what `places` marks, and what is found there in turn. The places inside strings count as places of the
    /// record: together they stay within the limit, or the record is refused.
    pub fn scan(
        &mut self,
        scanner: &mut Scanner,
        input: &[u8],
        index: &PathIndex,
        duplicates: Duplicates,
        places: &mut Places,
    ) -> Result<(), Refusal> {
        places.inner.clear();
        if !index.has_inner() {
            return Ok(());
        }
        let reading = Reading { input, index, duplicates };
        let mut touched = places.marks.iter().filter(|mark| mark.hits > 0).count();
        self.scan_document(scanner, reading, RECORD, places, &mut touched)?;
        let mut next = 0;
        while next < places.inner.documents.len() {
            self.scan_document(scanner, reading, next as u32, places, &mut touched)?;
            next += 1;
        }
        Ok(())
    }

    /// Reads the strings of one document.
    fn scan_document(
        &mut self,
        scanner: &mut Scanner,
        reading: Reading<'_>,
        owner: u32,
        places: &mut Places,
        touched: &mut usize,
    ) -> Result<(), Refusal> {
        let Some(index) = index_of(reading.index, places, owner).filter(|index| index.has_inner()) else { return Ok(()) };
        self.collect(reading.input, index, owner, places);
        for position in 0..self.wanted.len() {
            let (mark, path, place) = self.wanted[position];
            let Some(inner) = index.inner(path) else { continue };
            let start = places.inner.text.len();
            if owner == RECORD {
                unescape_into(&reading.input[between_quotes(&place)], &mut places.inner.text);
            } else {
                self.unescape_within(owner, &place, places);
            }
            let text = &places.inner.text[start..];
            if !may_be_object(text) || scanner.scan(text, inner, reading.duplicates, &mut self.found).is_err() {
                places.inner.text.truncate(start);
                continue;
            }
            *touched += self.found.marks.iter().filter(|mark| mark.hits > 0).count();
            if *touched > self.limits.touched {
                return Err(Refusal { reason: Reason::LimitExceeded, at: place_in_record(places, owner, &place) });
            }
            self.note(owner, mark, path, start, places);
        }
        Ok(())
    }

    /// Lists the strings of a document that hold text for some path's rules.
    fn collect(&mut self, input: &[u8], index: &PathIndex, owner: u32, places: &Places) {
        self.wanted.clear();
        let (text, marks, hits) = match places.inner.documents.get(owner as usize) {
            None => (input, &places.marks[..], &places.hits[..]),
            Some(document) => (
                &places.inner.text[document.text.clone()],
                &places.inner.marks[document.marks.clone()],
                &places.inner.hits[document.hits.clone()],
            ),
        };
        for (position, mark) in marks.iter().enumerate().filter(|(_, mark)| mark.hits > 0 && text[mark.value as usize] == b'"') {
            for hit in &hits[mark.first_hit as usize..(mark.first_hit + mark.hits) as usize] {
                if let Target::Path(path) | Target::Elementwise(path) = hit.target
                    && index.inner(path).is_some()
                {
                    self.wanted.push((position as u32, path, *mark));
                }
            }
        }
    }

    /// Decodes a string of an inner document behind all text so far.
    fn unescape_within(&mut self, owner: u32, place: &Mark, places: &mut Places) {
        let base = places.inner.documents[owner as usize].text.start;
        let within = between_quotes(place);
        self.decoded.clear();
        unescape_into(&places.inner.text[base + within.start..base + within.end], &mut self.decoded);
        places.inner.text.extend_from_slice(&self.decoded);
    }

    /// Notes the document that was found.
    fn note(&mut self, owner: u32, mark: u32, path: PathId, start: usize, places: &mut Places) {
        let inner = &mut places.inner;
        let (marks, hits) = (inner.marks.len(), inner.hits.len());
        inner.marks.extend_from_slice(&self.found.marks);
        inner.hits.extend_from_slice(&self.found.hits);
        inner.documents.push(InnerDocument {
            owner,
            mark,
            path,
            text: start..inner.text.len(),
            marks: marks..inner.marks.len(),
            hits: hits..inner.hits.len(),
        });
    }
}

/// The automaton of a document: that of its path in its owner's.
pub fn index_of<'a>(index: &'a PathIndex, places: &Places, document: u32) -> Option<&'a PathIndex> {
    match places.inner.documents.get(document as usize) {
        None => Some(index),
        Some(found) => index_of(index, places, found.owner)?.inner(found.path),
    }
}

/// A string's text between its quotes.
fn between_quotes(place: &Mark) -> std::ops::Range<usize> {
    place.value as usize + 1..(place.end as usize).saturating_sub(1)
}

/// Where in the record the place stands; for a place in text, where the string of the record begins that holds it.
pub fn place_in_record(places: &Places, owner: u32, place: &Mark) -> usize {
    match places.inner.documents.get(owner as usize) {
        None => place.value as usize,
        Some(document) => {
            let marks = match places.inner.documents.get(document.owner as usize) {
                None => &places.marks[..],
                Some(above) => &places.inner.marks[above.marks.clone()],
            };
            place_in_record(places, document.owner, &marks[document.mark as usize])
        }
    }
}

/// Whether the text begins and ends as an object does, and a colon comes behind the first name; most that is none is seen here.
fn may_be_object(text: &[u8]) -> bool {
    let [b'{', inside @ .., b'}'] = text.trim_ascii() else { return false };
    match inside.trim_ascii_start() {
        [] => true,
        [b'"', name @ ..] => memchr::memchr(b'"', name).is_some_and(|quote| {
            let is_escaped = name[..quote].last() == Some(&b'\\');
            is_escaped || name[quote + 1..].trim_ascii_start().first() == Some(&b':')
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Path;
    use proptest::prelude::*;

    fn index(paths: &[&str]) -> PathIndex {
        PathIndex::build(paths.iter().map(|path| (Path::parse(path).expect("a path"), Vec::new())).collect(), true)
    }

    fn scan(limits: Limits, input: &str) -> Result<Places, Refusal> {
        let mut outer = index(&["$..p"]);
        let mut inner = index(&["$.email", "$.p"]);
        inner.set_inner(PathId(1), index(&["$.email"]));
        outer.set_inner(PathId(0), inner);
        let mut scanner = Scanner::new(limits);
        let mut places = Places::default();
        scanner.scan(input.as_bytes(), &outer, Duplicates::Quarantine, &mut places)?;
        Strings::new(limits).scan(&mut scanner, input.as_bytes(), &outer, Duplicates::Quarantine, &mut places)?;
        Ok(places)
    }

    #[test]
    fn text_in_text_is_found_with_its_owner() {
        let places =
            scan(Limits::default(), r#"{"a":{"p":"{\"p\":\"{\\\"email\\\":1}\"}"},"p":" {\"email\":2}","q":{"p":"[]"}}"#)
                .expect("read");
        let found: Vec<(u32, &str)> = places
            .inner
            .documents
            .iter()
            .map(|one| (one.owner, std::str::from_utf8(&places.inner.text[one.text.clone()]).expect("text")))
            .collect();
        assert_eq!(found, [(RECORD, r#"{"p":"{\"email\":1}"}"#), (RECORD, r#" {"email":2}"#), (0, r#"{"email":1}"#)]);
        let deep = &places.inner.documents[2];
        assert_eq!(places.inner.find(0, deep.mark, deep.path), Some((2, deep)));
        assert_eq!(places.inner.find(1, deep.mark, deep.path), None);
    }

    #[test]
    fn what_is_clearly_no_object_is_seen_at_once() {
        for text in ["", "{", "}", "{\"}", "{x}", "{\"a}", "{\"a\"}", "{\"a\" 1}", "[{}]", "{\"a\":1", "{}x", "1"] {
            assert!(!may_be_object(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_object_may_be_one(name in r#"([a{}:,\[\]\n ]|\\["\\n])*"#, space in "[ \n\r\t]{0,2}", value in "[0-9]|\\{\\}|\"\"|null") {
            let name = name.replace('\n', "\\n");
            for text in [format!("{{{space}}}"), format!("{space}{{{space}\"{name}\"{space}:{space}{value}{space}}}{space}")] {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
                prop_assert!(may_be_object(text.as_bytes()), "{}", text);
            }
        }
    }

    #[test]
    fn places_in_text_count_as_places_of_the_record() {
        let limits = Limits { touched: 3, ..Limits::default() };
        let text = r#""{\"email\":1}""#;
        assert!(scan(limits, &format!(r#"{{"p":{text},"x":[1]}}"#)).is_ok());
        let refusal = scan(limits, &format!(r#"{{"a":{{"p":{text}}},"p":{text}}}"#)).err().expect("refused");
        assert_eq!((refusal.reason, refusal.at), (Reason::LimitExceeded, 31));
    }
}
