//! The records of an open batch, kept in one piece of memory: what is judged again where consent is withdrawn before any of
//! it was written, without reading it from the brokers again.

use super::ahead::{Named, RESIDUE, held};
use crate::event::{Header, Timestamp};
use crate::kafka::{Fault, Fetched};
use std::ops::Range;
use std::time::Instant;

/// Records as they were read. It does not implement `Debug`: it holds personal data.
#[derive(Default)]
pub(super) struct Kept {
    /// Whether the open batch is kept from its first record on.
    is_on: bool,
    bytes: Vec<u8>,
    records: Vec<Record>,
    /// Of each header, record after record.
    headers: Vec<Named>,
    /// The topics met so far, kept for the worker's life: a policy has few.
    topics: Vec<Box<str>>,
}

/// One record, as places in the bytes.
struct Record {
    topic: usize,
    partition: i32,
    offset: i64,
    timestamp: Option<Timestamp>,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Range<usize>,
    /// Whether its headers could be read.
    is_whole: bool,
    read: Instant,
}

impl Kept {
    /// A batch opens; whether its records are to be kept.
    pub(super) fn open(&mut self, is_on: bool) {
        self.clear();
        self.is_on = is_on;
    }

    /// Whether every record of the open batch is here.
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// The memory that what is kept takes, the places of records and headers included.
    pub(super) fn size(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.records) + size_of_val(&*self.headers)
    }

    pub(super) fn clear(&mut self) {
        self.is_on = false;
        self.bytes.clear();
        self.records.clear();
        self.headers.clear();
        if self.held() > RESIDUE {
            (self.bytes, self.records, self.headers) = Default::default();
        }
    }

    fn held(&self) -> usize {
        held(&self.bytes) + held(&self.records) + held(&self.headers)
    }

    /// Keeps a copy of the record, which was read at that time.
    pub(super) fn push(&mut self, fetched: &Fetched<'_>, read: Instant) {
        let Fetched { topic, partition, offset, timestamp, key, value, headers, read: _ } = *fetched;
        let topic = self.topic(topic);
        let key = key.map(|key| self.copy(key));
        let value = value.map(|value| self.copy(value));
        let first = self.headers.len();
        let is_whole = headers(&mut |Header { name, value }| {
            let name = self.copy(name.as_bytes());
            let value = value.map(|value| self.copy(value));
            self.headers.push((name, value));
        });
        let headers = first..self.headers.len();
        self.records.push(Record { topic, partition, offset, timestamp, key, value, headers, is_whole, read });
    }

    /// Shows every record in the order in which they came, until one is refused.
    pub(super) fn each(&self, show: &mut dyn FnMut(&Fetched<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let bytes = |place: &Range<usize>| &self.bytes[place.clone()];
        self.records.iter().try_for_each(|record| {
            let headers = &self.headers[record.headers.clone()];
            show(&Fetched {
                topic: &self.topics[record.topic],
                partition: record.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.as_ref().map(bytes),
                value: record.value.as_ref().map(bytes),
                headers: &|each| {
                    for (name, value) in headers {
                        let name = std::str::from_utf8(bytes(name)).unwrap_or_default();
                        each(Header { name, value: value.as_ref().map(bytes) });
                    }
                    record.is_whole
                },
                read: Some(record.read),
            })
        })
    }

    fn copy(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn topic(&mut self, topic: &str) -> usize {
        self.topics.iter().position(|known| **known == *topic).unwrap_or_else(|| {
            self.topics.push(topic.into());
            self.topics.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{ReadHeaders, Recovery};

    type Row = (String, i32, i64, Option<Timestamp>, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, bool);

    fn row(fetched: &Fetched<'_>) -> Row {
        let Fetched { topic, partition, offset, timestamp, key, value, headers, read: _ } = *fetched;
        let mut named = Vec::new();
        let is_whole = headers(&mut |header| named.push((header.name.to_owned(), header.value.map(<[u8]>::to_vec))));
        (topic.to_owned(), partition, offset, timestamp, key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec), named, is_whole)
    }

    fn rows(kept: &Kept) -> Vec<Row> {
        let mut rows = Vec::new();
        kept.each(&mut |fetched| {
            rows.push(row(fetched));
            Ok(())
        })
        .unwrap();
        rows
    }

    #[test]
    fn what_was_read_is_shown_again_as_it_came() {
        let at = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        let one = Fetched {
            topic: "web",
            partition: 3,
            offset: 7,
            timestamp: Some(at),
            key: Some(b"k"),
            value: Some(b"one"),
            headers: &|each| {
                each(Header { name: "a", value: Some(b"1") });
                each(Header { name: "b", value: None });
                true
            },
            read: None,
        };
        let two = Fetched {
            topic: "app",
            partition: 0,
            offset: 8,
            timestamp: None,
            key: Some(b""),
            value: None,
            headers: &|each| {
                each(Header { name: "c", value: Some(b"") });
                false
            },
            read: None,
        };
        let mut kept = Kept::default();
        kept.open(true);
        let now = Instant::now();
        kept.push(&one, now);
        kept.push(&two, now);
        assert_eq!(rows(&kept), [row(&one), row(&two)]);
        assert_eq!(rows(&kept).len(), 2, "as often as it is asked for");
        let mut shown = 0;
        let refused = kept.each(&mut |fetched| {
            assert_eq!(fetched.read, Some(now), "it is not read when it is shown");
            shown += 1;
            Err(Fault::own("judging", Recovery::Abort, "no"))
        });
        assert!(refused.is_err() && shown == 1);
        kept.open(true);
        assert!(rows(&kept).is_empty() && kept.size() == 0);
    }

    /// A thousand headers of a letter take more than their letters.
    #[test]
    fn what_is_kept_takes_the_memory_that_it_says() {
        fn headers<const COUNT: usize>(each: &mut dyn FnMut(Header<'static>)) -> bool {
            (0..COUNT).for_each(|_| each(Header { name: "a", value: Some(b"1") }));
            true
        }
        let cases: [(&[u8], &ReadHeaders<'static>); 3] =
            [(&[b'x'; 200], &headers::<0>), (&[b'x'; 200], &headers::<10>), (b"x", &headers::<1_000>)];
        for (value, headers) in cases {
            let value = Some(value);
            let record =
                Fetched { topic: "web", partition: 0, offset: 0, timestamp: None, key: None, value, headers, read: None };
            let mut kept = Kept::default();
            kept.open(true);
            while kept.size() < RESIDUE {
                kept.push(&record, Instant::now());
            }
            assert!(kept.held() <= 2 * kept.size() + 4096, "{} for {}", kept.held(), kept.size());
            kept.clear();
            assert!(kept.held() <= RESIDUE, "what one batch took is not kept for ever: {}", kept.held());
        }
    }

    #[test]
    fn a_batch_that_was_forgotten_is_not_whole_any_more() {
        let record = Fetched {
            topic: "web",
            partition: 0,
            offset: 0,
            timestamp: None,
            key: None,
            value: Some(b"v"),
            headers: &|_| true,
            read: None,
        };
        let mut kept = Kept::default();
        assert!(!kept.is_on());
        kept.open(true);
        kept.push(&record, Instant::now());
        kept.clear();
        assert!(!kept.is_on() && rows(&kept).is_empty());
    }
}
