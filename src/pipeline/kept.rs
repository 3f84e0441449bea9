//! The records of an open batch, kept in one piece of memory: what is judged again where consent is withdrawn before any of
//! it was written, without reading it from the brokers again.

use super::copies::Copies;
use crate::event::Timestamp;
use crate::kafka::{Fault, Fetched};
use std::ops::Range;
use std::time::Instant;

/// Records as they were read.
#[derive(Default)]
pub(super) struct Kept {
    /// Whether the open batch is kept from its first record on.
    is_on: bool,
    copies: Copies<Record>,
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

    /// The memory that what is kept takes.
    pub(super) fn size(&self) -> usize {
        self.copies.size()
    }

    pub(super) fn clear(&mut self) {
        self.is_on = false;
        self.copies.clear();
    }

    /// Keeps a copy of the record, which was read at that time.
    pub(super) fn push(&mut self, fetched: &Fetched<'_>, read: Instant) {
        let Fetched { topic, partition, offset, timestamp, key, value, headers, read: _ } = *fetched;
        let Kept { copies, .. } = self;
        let topic = copies.number(topic);
        let key = key.map(|key| copies.copy(key));
        let value = value.map(|value| copies.copy(value));
        let first = copies.next_header();
        let is_whole = headers(&mut |header| copies.copy_header(header));
        let headers = first..copies.next_header();
        copies.push(Record { topic, partition, offset, timestamp, key, value, headers, is_whole, read });
    }

    /// Shows every record in the order in which they came, until one is refused.
    pub(super) fn each(&self, show: &mut dyn FnMut(&Fetched<'_>) -> Result<(), Fault>) -> Result<(), Fault> {
        let Kept { copies, .. } = self;
        let bytes = |place: &Range<usize>| copies.bytes(place);
        copies.records().iter().try_for_each(|record| {
            show(&Fetched {
                topic: copies.topic(record.topic),
                partition: record.partition,
                offset: record.offset,
                timestamp: record.timestamp,
                key: record.key.as_ref().map(bytes),
                value: record.value.as_ref().map(bytes),
                headers: &|each| {
                    // A header that cannot be read is no header that is not there.
                    copies.headers(&record.headers).all(|header| header.map(&mut *each).is_some()) && record.is_whole
                },
                read: Some(record.read),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Header;
    use crate::kafka::Recovery;

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
