//! Control values of one event, wherever the policy says they stand: a place in the value, a header, the key.

use crate::event::json::{Kind, Text};
use crate::event::{Capture, Header, Record, SlotId};
use crate::plan::Source;
use std::slice::Iter;

/// The event as this stage sees it.
#[derive(Clone, Copy)]
pub(super) struct Event<'e> {
    pub(super) record: &'e Record<'e>,
    /// The JSON text that captures point into.
    pub(super) value: &'e [u8],
    pub(super) captures: &'e [Capture],
}

/// One control value.
#[derive(Clone, Copy)]
pub(super) enum Value<'e> {
    /// Null or an empty string: as good as missing.
    Silent,
    /// A value of the event's document, neither null nor an empty string.
    Json(Text<'e>),
    /// The text of a header or of the record key; not empty.
    Raw(&'e str),
    /// Bytes that are not text.
    Broken,
}

impl<'e> Event<'e> {
    /// All values at a source, in order. Header names are compared without regard to case: gateways
    /// change it, and an opt-out under another spelling must not go unseen.
    #[inline]
    pub(super) fn values(self, source: &'e Source) -> Values<'e> {
        let nothing = Values { event: self, slot: SlotId(0), captures: [].iter(), name: "", headers: [].iter(), key: None };
        match source {
            Source::Slot(slot) => Values { slot: *slot, captures: self.captures.iter(), ..nothing },
            Source::Header(name) => Values { name, headers: self.record.headers.iter(), ..nothing },
            Source::Key => Values { key: self.record.key, ..nothing },
            Source::Ledger => nothing,
        }
    }

    fn json(self, capture: &Capture) -> Value<'e> {
        let Some(text) = self.value.get(capture.span.clone()) else { return Value::Broken };
        let text = Text::new(text);
        match text.kind() {
            Kind::Null => Value::Silent,
            Kind::String if text.raw().len() <= 2 => Value::Silent,
            Kind::True | Kind::False | Kind::Number | Kind::String | Kind::Array | Kind::Object => Value::Json(text),
        }
    }
}

/// See [`Event::values`].
pub(super) struct Values<'e> {
    event: Event<'e>,
    slot: SlotId,
    captures: Iter<'e, Capture>,
    name: &'e str,
    headers: Iter<'e, Header<'e>>,
    key: Option<&'e [u8]>,
}

impl<'e> Iterator for Values<'e> {
    type Item = Value<'e>;

    #[inline]
    fn next(&mut self) -> Option<Value<'e>> {
        let Values { event, slot, captures, name, headers, key } = self;
        if let Some(capture) = captures.find(|capture| capture.slot == *slot) {
            return Some(event.json(capture));
        }
        if let Some(header) = headers.find(|header| header.name.eq_ignore_ascii_case(name)) {
            return Some(Value::raw(header.value));
        }
        key.take().map(|key| Value::raw(Some(key)))
    }
}

impl<'e> Value<'e> {
    fn raw(bytes: Option<&'e [u8]>) -> Value<'e> {
        match bytes.map(std::str::from_utf8) {
            None | Some(Ok("")) => Value::Silent,
            Some(Ok(text)) => Value::Raw(text),
            Some(Err(_)) => Value::Broken,
        }
    }

    /// The text of a string, a header or the key; `None` for values of other kinds. It stands where it was found, or, where it
    /// has escapes, decoded in `buffer`, which is cleared first.
    pub(super) fn text<'b>(self, buffer: &'b mut Vec<u8>) -> Option<&'b str>
    where
        'e: 'b,
    {
        std::str::from_utf8(self.bytes(buffer)?).ok()
    }

    /// The same, for those who know each byte that they take.
    pub(super) fn bytes<'b>(self, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]>
    where
        'e: 'b,
    {
        buffer.clear();
        match self {
            Value::Silent | Value::Broken => None,
            Value::Raw(text) => Some(text.as_bytes()),
            Value::Json(json) if json.kind() != Kind::String => None,
            Value::Json(json) => match json.plain_string() {
                Some(text) => Some(text),
                None => json.decode_into(buffer).then_some(&buffer[..]),
            },
        }
    }
}
