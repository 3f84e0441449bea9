//! Records copied into one piece of memory, each as places in it: what may not be written yet, and what may be judged again.

use crate::event::Header;
use std::ops::Range;

/// Beyond this no more should be added: with the largest record it is what records that are put aside may hold.
pub(super) const FULL: usize = 16 << 20;

/// So much memory stays with what was emptied; where batches of several makes left more, all of it is given back.
const STAYS: usize = FULL + FULL / 4;

/// Name and value of a header.
type Named = (Range<usize>, Option<Range<usize>>);

/// Records of one kind, with the bytes that they are places in. It does not implement `Debug`: it holds personal data.
pub(super) struct Copies<R> {
    bytes: Vec<u8>,
    records: Vec<R>,
    /// Of each header, record after record.
    headers: Vec<Named>,
    /// The topics met so far, kept for the worker's life: a policy has few.
    topics: Vec<Box<str>>,
}

impl<R> Default for Copies<R> {
    fn default() -> Copies<R> {
        Copies { bytes: Vec::new(), records: Vec::new(), headers: Vec::new(), topics: Vec::new() }
    }
}

impl<R> Copies<R> {
    /// The memory that what is copied takes, the places of records and headers included.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.records) + size_of_val(&*self.headers)
    }

    /// The memory that is held, filled or not.
    fn held(&self) -> usize {
        let Copies { bytes, records, headers, topics: _ } = self;
        bytes.capacity() + records.capacity() * size_of::<R>() + headers.capacity() * size_of::<Named>()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.headers.clear();
        if self.held() > STAYS {
            (self.bytes, self.records, self.headers) = Default::default();
        }
    }

    /// Adds a record, whose places were copied before.
    pub(super) fn push(&mut self, record: R) {
        make_room(&mut self.records, 1);
        self.records.push(record);
    }

    /// In the order in which they came.
    pub(super) fn records(&self) -> &[R] {
        &self.records
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        make_room(&mut self.bytes, bytes.len());
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    pub(super) fn bytes(&self, place: &Range<usize>) -> &[u8] {
        &self.bytes[place.clone()]
    }

    /// Where the next header will stand.
    pub(super) fn next_header(&self) -> usize {
        self.headers.len()
    }

    pub(super) fn copy_header(&mut self, Header { name, value }: Header<'_>) {
        let name = self.copy(name.as_bytes());
        let value = value.map(|value| self.copy(value));
        make_room(&mut self.headers, 1);
        self.headers.push((name, value));
    }

    /// The headers at those places; `None` for one whose name is not what was copied.
    pub(super) fn headers(&self, places: &Range<usize>) -> impl Iterator<Item = Option<Header<'_>>> {
        self.headers[places.clone()].iter().map(|(name, value)| {
            let name = std::str::from_utf8(self.bytes(name)).ok()?;
            Some(Header { name, value: value.as_ref().map(|value| self.bytes(value)) })
        })
    }

    /// The number of a topic.
    pub(super) fn number(&mut self, topic: &str) -> usize {
        self.topics.iter().position(|known| **known == *topic).unwrap_or_else(|| {
            self.topics.push(topic.into());
            self.topics.len() - 1
        })
    }

    pub(super) fn topic(&self, number: usize) -> &str {
        &self.topics[number]
    }
}

/// Grows a list by a quarter: what doubles would hold twice what it is filled with.
fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 4).max(1024));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand headers of a letter take more than their letters.
    #[test]
    fn what_is_copied_takes_the_memory_that_it_says() {
        for (value, headers) in [(200, 0), (200, 10), (1, 1_000)] {
            let value = vec![b'x'; value];
            let mut copies = Copies::default();
            let fill = |copies: &mut Copies<[Range<usize>; 2]>| {
                while copies.size() < FULL {
                    let (value, first) = (copies.copy(&value), copies.next_header());
                    (0..headers).for_each(|_| copies.copy_header(Header { name: "a", value: Some(b"1") }));
                    copies.push([value, first..copies.next_header()]);
                }
            };
            fill(&mut copies);
            assert!(copies.held() <= copies.size() / 4 * 5 + (1 << 20), "{} for {}", copies.held(), copies.size());
            let held = copies.held();
            copies.clear();
            fill(&mut copies);
            assert_eq!(copies.held(), held, "batches of one make allocate once");
        }
    }

    #[test]
    fn what_batches_of_several_makes_left_is_given_back() {
        let mut copies = Copies::<()>::default();
        copies.copy(&vec![0; FULL]);
        copies.clear();
        assert!(copies.held() >= FULL);
        while copies.next_header() * size_of::<Named>() < FULL {
            copies.copy_header(Header { name: "", value: None });
        }
        copies.clear();
        assert_eq!(copies.held(), 0);
    }
}
