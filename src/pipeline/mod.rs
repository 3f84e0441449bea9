//! The order of the stages for one record: a synchronous core with its scratch.

use crate::decode::Limits;
use crate::event::{Header, Record, SinkId, StreamId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::plan::Plan;

/// How one (record, sink) ended, with the bytes that leave. Borrowed from the engine's scratch or the record.
/// It does not implement `Debug`: it may hold personal data.
#[derive(Clone, Copy)]
pub struct Verdict<'a> {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The sink's bytes on allow or degrade; `None` also for a tombstone that passes.
    pub value: Option<&'a [u8]>,
    /// The sink's record key on allow or degrade.
    pub key: Option<&'a [u8]>,
    /// The headers that pass, as positions in the record's headers.
    pub headers: &'a [u16],
    /// For header `privet-purposes`: the purpose that passed at a sink with `{any: …}`.
    pub purposes: Option<&'a str>,
}

impl<'a> Verdict<'a> {
    /// The headers that pass.
    pub fn kept_headers<'r>(&self, record: &'r Record<'_>) -> impl Iterator<Item = &'r Header<'r>> + use<'r, 'a> {
        let headers = record.headers;
        self.headers.iter().filter_map(move |position| headers.get(usize::from(*position)))
    }
}

/// One worker's engine: the stages and their scratch.
pub struct Engine {}

impl Engine {
    /// An engine with empty scratch.
    pub fn new(_limits: Limits) -> Engine {
        todo!()
    }

    /// Judges one record for every sink of its stream, in the order of the policy's sinks, one call each (also
    /// for sinks that do not take the stream: `not_routed`). Total: whatever the bytes, each sink gets one verdict.
    pub fn evaluate(
        &mut self,
        _plan: &Plan,
        _stream: StreamId,
        _record: &Record<'_>,
        _now: Timestamp,
        _each: &mut dyn FnMut(SinkId, Verdict<'_>),
    ) {
        todo!()
    }
}
