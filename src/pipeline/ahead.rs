//! What a batch that is judged ahead will write: copies in one piece of memory, kept until the batch before has ended.

use super::copies::{Copies, FULL};
use crate::event::{Header, Timestamp};
use crate::kafka::{Fault, Outgoing, Recovery, Sent};
use std::ops::Range;

/// Records that were not handed to a sink yet.
#[derive(Default)]
pub(super) struct Ahead(Copies<Row>);

/// One record, as places in the bytes.
struct Row {
    topic: usize,
    source_partition: i32,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    timestamp: Option<Timestamp>,
    headers: Range<usize>,
}

impl Ahead {
    /// Whether no more should be added, where so much memory is taken beside it. Then a worker stops reading ahead and waits:
    /// a commit takes some 50 ms, in which it writes less.
    pub(super) fn is_full(&self, beside: usize) -> bool {
        self.0.size() + beside >= FULL
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps a copy of the record.
    pub(super) fn push(&mut self, record: &Outgoing<'_>) {
        let Outgoing { topic, source_partition, key, value, timestamp, headers } = *record;
        let Ahead(copies) = self;
        let topic = copies.number(topic);
        let key = key.map(|key| copies.copy(key));
        let value = value.map(|value| copies.copy(value));
        let first = copies.next_header();
        headers.iter().for_each(|header| copies.copy_header(*header));
        let headers = first..copies.next_header();
        copies.push(Row { topic, source_partition, key, value, timestamp, headers });
    }

    /// Hands every record to `send`, in the order in which they came, and forgets them.
    pub(super) fn drain(&mut self, send: &mut dyn FnMut(Outgoing<'_>) -> Result<Sent, Fault>) -> Result<(), Fault> {
        let sent = self.hand_out(send);
        self.clear();
        sent
    }

    fn hand_out(&self, send: &mut dyn FnMut(Outgoing<'_>) -> Result<Sent, Fault>) -> Result<(), Fault> {
        let Ahead(copies) = self;
        let bytes = |place: &Range<usize>| copies.bytes(place);
        let mut headers: Vec<Header<'_>> = Vec::new();
        for row in copies.records() {
            headers.clear();
            headers.extend(copies.headers(&row.headers).flatten());
            let topic = copies.topic(row.topic);
            let record = Outgoing {
                topic,
                source_partition: row.source_partition,
                key: row.key.as_ref().map(bytes),
                value: row.value.as_ref().map(bytes),
                timestamp: row.timestamp,
                headers: &headers,
            };
            match send(record)? {
                Sent::Taken => {}
                // It was asked whether it fits before it was judged to be sent. Judged again, it is set aside.
                Sent::TooLarge => {
                    let why = format!("topic `{topic}` takes no record of that size any more");
                    return Err(Fault::own("writing", Recovery::Abort, why));
                }
            }
        }
        Ok(())
    }
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
