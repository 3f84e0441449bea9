//! What a batch that is judged ahead will write: copies in one piece of memory, kept until the batch before has ended.

use crate::event::{Header, Timestamp};
use crate::kafka::{Fault, Outgoing, Recovery, Sent};
use std::ops::Range;

/// Beyond this a worker stops reading ahead and waits: with the largest record it is all the memory that judging ahead
/// takes. A commit takes some 50 ms, in which a worker writes less.
const FULL: usize = 16 << 20;

/// Memory that stays with what was emptied; more of it is given back.
pub(super) const RESIDUE: usize = FULL / 2;

/// Name and value of a header.
pub(super) type Named = (Range<usize>, Option<Range<usize>>);

/// Records that were not handed to a sink yet. It does not implement `Debug`: it holds personal data.
#[derive(Default)]
pub(super) struct Ahead {
    bytes: Vec<u8>,
    records: Vec<Kept>,
    /// Of each header, record after record.
    headers: Vec<Named>,
    /// The topics met so far, kept for the worker's life: a policy has few.
    topics: Vec<Box<str>>,
}

/// One record, as places in the bytes.
struct Kept {
    topic: usize,
    source_partition: i32,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    timestamp: Option<Timestamp>,
    headers: Range<usize>,
}

impl Ahead {
    /// Whether no more should be added, where so much memory is taken beside it.
    pub(super) fn is_full(&self, beside: usize) -> bool {
        self.bytes.len() + size_of_val(&*self.records) + size_of_val(&*self.headers) + beside >= FULL
    }

    pub(super) fn clear(&mut self) {
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

    /// Keeps a copy of the record.
    pub(super) fn push(&mut self, record: &Outgoing<'_>) {
        let Outgoing { topic, source_partition, key, value, timestamp, headers } = *record;
        let topic = self.topic(topic);
        let key = key.map(|key| self.copy(key));
        let value = value.map(|value| self.copy(value));
        let first = self.headers.len();
        for Header { name, value } in headers {
            let name = self.copy(name.as_bytes());
            let value = value.map(|value| self.copy(value));
            self.headers.push((name, value));
        }
        let headers = first..self.headers.len();
        self.records.push(Kept { topic, source_partition, key, value, timestamp, headers });
    }

    /// Hands every record to `send`, in the order in which they came, and forgets them.
    pub(super) fn drain(&mut self, send: &mut dyn FnMut(Outgoing<'_>) -> Result<Sent, Fault>) -> Result<(), Fault> {
        let sent = self.hand_out(send);
        self.clear();
        sent
    }

    fn hand_out(&self, send: &mut dyn FnMut(Outgoing<'_>) -> Result<Sent, Fault>) -> Result<(), Fault> {
        let bytes = |place: &Range<usize>| &self.bytes[place.clone()];
        let mut headers: Vec<Header<'_>> = Vec::new();
        for Kept { topic, source_partition, key, value, timestamp, headers: named } in &self.records {
            headers.clear();
            headers.extend(self.headers[named.clone()].iter().map(|(name, value)| Header {
                name: std::str::from_utf8(bytes(name)).unwrap_or_default(),
                value: value.as_ref().map(bytes),
            }));
            let record = Outgoing {
                topic: &self.topics[*topic],
                source_partition: *source_partition,
                key: key.as_ref().map(bytes),
                value: value.as_ref().map(bytes),
                timestamp: *timestamp,
                headers: &headers,
            };
            match send(record)? {
                Sent::Taken => {}
                // It was asked whether it fits before it was judged to be sent. Judged again, it is set aside.
                Sent::TooLarge => {
                    let why = format!("topic `{}` takes no record of that size any more", self.topics[*topic]);
                    return Err(Fault::own("writing", Recovery::Abort, why));
                }
            }
        }
        Ok(())
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

/// The memory that a list holds, filled or not.
pub(super) fn held<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (String, i32, Option<Vec<u8>>, Option<Vec<u8>>, Option<Timestamp>, Vec<(String, Option<Vec<u8>>)>);

    fn drained(ahead: &mut Ahead) -> Vec<Row> {
        let mut rows = Vec::new();
        let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let sent = ahead.drain(&mut |record| {
            let headers = record.headers.iter().map(|header| (header.name.to_owned(), owned(header.value))).collect();
            let Outgoing { topic, source_partition, key, value, timestamp, headers: _ } = record;
            rows.push((topic.to_owned(), source_partition, owned(key), owned(value), timestamp, headers));
            Ok(Sent::Taken)
        });
        sent.unwrap();
        rows
    }

    #[test]
    fn what_was_kept_comes_out_whole_and_in_order_once() {
        let at = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        let headers = [Header { name: "a", value: Some(b"1") }, Header { name: "b", value: None }];
        let one = Outgoing {
            topic: "ads",
            source_partition: 3,
            key: Some(b"k"),
            value: Some(b"one"),
            timestamp: Some(at),
            headers: &headers,
        };
        let two = Outgoing { topic: "warehouse", source_partition: 0, key: None, value: None, timestamp: None, headers: &[] };
        let three = Outgoing { topic: "ads", value: Some(b""), key: Some(b""), ..two };
        let mut ahead = Ahead::default();
        for record in [one, two, three] {
            ahead.push(&record);
        }
        let text = |bytes: &str| Some(bytes.as_bytes().to_vec());
        let named = vec![("a".to_owned(), text("1")), ("b".to_owned(), None)];
        let expected = [
            ("ads".to_owned(), 3, text("k"), text("one"), Some(at), named),
            ("warehouse".to_owned(), 0, None, None, None, vec![]),
            ("ads".to_owned(), 0, text(""), text(""), None, vec![]),
        ];
        assert_eq!(drained(&mut ahead), expected);
        assert!(drained(&mut ahead).is_empty(), "once");
    }

    #[test]
    fn what_was_cleared_never_comes_out() {
        let mut ahead = Ahead::default();
        let record = Outgoing {
            topic: "ads",
            source_partition: 0,
            key: None,
            value: Some(b"secret"),
            timestamp: None,
            headers: &[Header { name: "h", value: None }],
        };
        ahead.push(&record);
        ahead.clear();
        ahead.push(&Outgoing { value: Some(b"x"), headers: &[], ..record });
        let rows = drained(&mut ahead);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].3.as_deref(), rows[0].5.len()), (Some(&b"x"[..]), 0));
    }

    #[test]
    fn a_refusal_or_a_size_that_is_not_taken_any_more_is_a_fault_and_forgets_the_rest() {
        let record = Outgoing { topic: "ads", source_partition: 0, key: None, value: Some(b"v"), timestamp: None, headers: &[] };
        let answers: [Result<Sent, Fault>; 2] = [Ok(Sent::TooLarge), Err(Fault::own("writing", Recovery::Abort, "full"))];
        for answer in answers {
            let mut ahead = Ahead::default();
            ahead.push(&record);
            ahead.push(&record);
            let mut asked = 0;
            let fault = ahead.drain(&mut |_| {
                asked += 1;
                answer.clone()
            });
            assert_eq!((fault.unwrap_err().recovery, asked), (Recovery::Abort, 1));
            assert!(drained(&mut ahead).is_empty());
        }
    }

    #[test]
    fn it_is_full_at_its_limit() {
        let mut ahead = Ahead::default();
        let value = vec![b'x'; FULL / 2];
        let record =
            Outgoing { topic: "ads", source_partition: 0, key: None, value: Some(&value), timestamp: None, headers: &[] };
        ahead.push(&record);
        assert!(!ahead.is_full(0) && ahead.is_full(FULL / 2));
        ahead.push(&record);
        assert!(ahead.is_full(0));
        ahead.clear();
        assert!(!ahead.is_full(0));
    }
}
