//! What happens to one value: one file a transform. An input of another type than expected, or a failure, drops the value.

use crate::event::{Country, Timestamp, json::Text};
use crate::plan::Action;

/// What a transform may depend on besides value, key and options.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// When the event happened.
    pub event_time: Timestamp,
    /// Where the subject is, if one country is known.
    pub country: Option<Country>,
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its replacement was appended to the output.
    Written,
    /// It goes; nothing was appended.
    Dropped,
}

/// Buffers of the transforms, cleared before each use.
#[derive(Default)]
pub struct Scratch {
    /// The decoded input.
    pub decoded: Vec<u8>,
    /// A transform's working space.
    pub work: Vec<u8>,
}

/// Transforms one scalar (or, for `null` and `redact`, any value) of a JSON document and appends the
/// replacement's JSON text. `Keep` appends the text as it is; `Drop` drops.
pub fn apply(_action: &Action, _input: Text<'_>, _context: &Context, _scratch: &mut Scratch, _out: &mut Vec<u8>) -> Fate {
    todo!()
}

/// Transforms a record key, which is bare text, and appends the new key.
pub fn apply_key(_action: &Action, _key: &[u8], _context: &Context, _scratch: &mut Scratch, _out: &mut Vec<u8>) -> Fate {
    todo!()
}
