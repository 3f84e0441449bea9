//! What an event says about consent: statements from each signal, the subject, the time and the place.

use crate::event::{Capture, Jurisdiction, PurposeSet, Record, Timestamp};
use crate::plan::Stream;

/// What one source says about one subject's purposes. Sets may overlap; the strictest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Which of the stream's signals spoke.
    pub signal: usize,
    /// Purposes granted.
    pub granted: PurposeSet,
    /// Purposes denied.
    pub denied: PurposeSet,
    /// Purposes opted out of.
    pub opted_out: PurposeSet,
    /// Purposes about which it is present but cannot be read.
    pub invalid: PurposeSet,
    /// The statement's own time.
    pub at: Option<Timestamp>,
    /// When a grant ends.
    pub expires: Option<Timestamp>,
}

/// Everything about one event that decisions depend on; the same for all sinks. Cleared between records.
#[derive(Default)]
pub struct Facts {
    /// Whether any identity is present.
    pub identified: bool,
    /// Identities contradict each other or are of no usable type.
    pub ambiguous: bool,
    /// One a source that spoke.
    pub statements: Vec<Statement>,
    /// Every jurisdiction that applies; never empty after [`gather`].
    pub jurisdictions: Vec<Jurisdiction>,
    /// When the event happened: its own time, else the record's, else `now`.
    pub event_time: Timestamp,
}

/// Buffers of [`gather`], reused from record to record.
#[derive(Default)]
pub struct Scratch {}

/// Reads what one event says. `value` is the record's JSON text that `captures` point into; `now` is the
/// clock. `facts` is cleared first; allocates only until buffers have grown.
pub fn gather(
    _plan: &crate::plan::Plan,
    _stream: &Stream,
    _record: &Record<'_>,
    _value: &[u8],
    _captures: &[Capture],
    _now: Timestamp,
    _scratch: &mut Scratch,
    _facts: &mut Facts,
) {
    todo!()
}
