//! Control values of one event, wherever the policy says they stand: a place in the value, a header, the key.

use crate::event::json::{Kind, Text, has_escapes};
use crate::event::{Capture, Record};
use crate::plan::Source;

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
    pub(super) fn values(self, source: &'e Source) -> impl Iterator<Item = Value<'e>> {
        let (slot, name, key) = match source {
            Source::Slot(slot) => (Some(*slot), None, None),
            Source::Header(name) => (None, Some(&**name), None),
            Source::Key => (None, None, self.record.key),
            Source::Ledger => (None, None, None),
        };
        let captures = if slot.is_some() { self.captures } else { &[] };
        let headers = if name.is_some() { self.record.headers } else { &[] };
        let captured = captures.iter().filter(move |capture| Some(capture.slot) == slot).map(move |capture| self.json(capture));
        let named = headers.iter().filter(move |header| name.is_some_and(|name| header.name.eq_ignore_ascii_case(name)));
        captured.chain(named.map(|header| Value::raw(header.value))).chain(key.map(|key| Value::raw(Some(key))))
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
            Value::Json(json) if !has_escapes(json.raw()) => json.raw().get(1..json.raw().len().saturating_sub(1)),
            Value::Json(json) => json.decode_into(buffer).then_some(&buffer[..]),
        }
    }
}
