//! Which elements of arrays match the filters that are about them: each element is read as a document of its own, so
//! that a path of a filter counts from there.

use crate::decide::{self, Truth};
use crate::decode::json::Scanner;
use crate::decode::{Limits, Refusal, index_of, place_in_record};
use crate::event::{Hit, Mark, Places, RECORD, Sifted, SiftedArray, Target};
use crate::outcome::Reason;
use crate::plan::{Duplicates, Filters, PathIndex};

/// How often the bytes of the largest record may be read again for filters: an element inside elements of a filtered
/// array inside another is read once for each of them, and nobody writes batches this deep.
const READ_AGAIN: usize = 8;

/// Asks the filters of a stream about one record; its buffers are reused.
pub(super) struct Sifter {
    limits: Limits,
    /// What the element at hand holds.
    found: Places,
    /// The marks of the elements of the array at hand.
    elements: Vec<Mark>,
    /// Strings with escapes that a condition tests.
    text: Vec<u8>,
    /// Bytes read again for the record at hand.
    read: usize,
}

/// One document of a record: its owner's number, its text and what was found in it.
#[derive(Clone, Copy)]
struct Document<'a> {
    number: u32,
    text: &'a [u8],
    marks: &'a [Mark],
    hits: &'a [Hit],
}

/// What holds for one record.
struct Record<'a> {
    input: &'a [u8],
    places: &'a Places,
    duplicates: Duplicates,
}

impl<'a> Record<'a> {
    /// The record itself, or text in one of its strings.
    fn document(&self, number: u32) -> Document<'a> {
        let Places { marks, hits, inner, .. } = self.places;
        match inner.documents.get(number as usize) {
            None => Document { number, text: self.input, marks, hits },
            Some(found) => Document {
                number,
                text: &inner.text[found.text.clone()],
                marks: &inner.marks[found.marks.clone()],
                hits: &inner.hits[found.hits.clone()],
            },
        }
    }
}

impl Sifter {
    /// A sifter with empty buffers.
    pub(super) fn new(limits: Limits) -> Sifter {
        Sifter { limits, found: Places::default(), elements: Vec::new(), text: Vec::new(), read: 0 }
    }

    /// Notes in `places` which elements match, for the record and for the JSON text in its strings.
    pub(super) fn sift(
        &mut self,
        scanner: &mut Scanner,
        input: &[u8],
        index: &PathIndex,
        duplicates: Duplicates,
        places: &mut Places,
    ) -> Result<(), Refusal> {
        if !index.has_filters() {
            return Ok(());
        }
        self.read = 0;
        let mut sifted = std::mem::take(&mut places.sifted);
        sifted.clear();
        let record = Record { input, places, duplicates };
        let inner = 0..record.places.inner.documents.len() as u32;
        let mut documents = std::iter::once(RECORD).chain(inner);
        let done = documents.try_for_each(|number| {
            let Some(index) = index_of(index, places, number).filter(|index| index.has_filters()) else { return Ok(()) };
            self.document(scanner, &record, record.document(number), index, &mut sifted)
        });
        places.sifted = sifted;
        done
    }

    fn document(
        &mut self,
        scanner: &mut Scanner,
        record: &Record<'_>,
        document: Document<'_>,
        index: &PathIndex,
        sifted: &mut Sifted,
    ) -> Result<(), Refusal> {
        let Document { number, text, marks, hits } = document;
        for (position, mark) in marks.iter().enumerate().filter(|(_, mark)| mark.hits > 0 && text[mark.value as usize] == b'[') {
            for hit in &hits[mark.first_hit as usize..(mark.first_hit + mark.hits) as usize] {
                let Target::Path(path) = hit.target else { continue };
                let Some(filters) = index.filters(path) else { continue };
                self.list(marks, position);
                // Every element is a place of the plan; were one not marked, the encoder would find no answer and drop.
                if self.elements.len() != mark.count as usize {
                    continue;
                }
                let first = sifted.matches.len() as u32;
                sifted.arrays.push(SiftedArray { owner: number, mark: position as u32, path, elements: mark.count, first });
                self.ask(scanner, record, document, filters, &mut sifted.matches)?;
            }
        }
        Ok(())
    }

    /// Lists the elements of an array.
    fn list(&mut self, marks: &[Mark], array: usize) {
        self.elements.clear();
        let mut next = array + 1;
        while next < marks[array].next as usize {
            self.elements.push(marks[next]);
            next = marks[next].next as usize;
        }
    }

    /// Answers every condition for each of the elements listed.
    fn ask(
        &mut self,
        scanner: &mut Scanner,
        record: &Record<'_>,
        document: Document<'_>,
        filters: &Filters,
        matches: &mut Vec<bool>,
    ) -> Result<(), Refusal> {
        let (first, count) = (matches.len(), self.elements.len());
        matches.resize(first + count * filters.conditions.len(), false);
        for (position, mark) in self.elements.iter().enumerate() {
            let at = |_| Refusal { reason: Reason::LimitExceeded, at: place_in_record(record.places, document.number, mark) };
            let element = &document.text[mark.value as usize..mark.end as usize];
            self.read += element.len();
            if self.read > self.limits.record_bytes.saturating_mul(READ_AGAIN) {
                return Err(at(()));
            }
            // The record was read already: what is wrong with a part of it can only be that too much of it is asked for.
            scanner.scan(element, &filters.index, record.duplicates, &mut self.found).map_err(|_| at(()))?;
            for (number, condition) in filters.conditions.iter().enumerate() {
                let truth = decide::evaluate(condition, element, &self.found.captures, &mut self.text);
                matches[first + number * count + position] = match truth {
                    Truth::True => true,
                    Truth::False | Truth::Unknown => false,
                };
            }
        }
        Ok(())
    }
}
