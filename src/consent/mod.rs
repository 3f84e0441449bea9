//! What an event says about consent: statements from each signal, the subject, the time and the place.

mod place;
mod signals;
mod source;
pub mod strings;
mod subject;
#[cfg(test)]
mod tests;
mod time;

use crate::event::{Capture, Jurisdiction, PurposeId, PurposeSet, Record, SinkId, Timestamp};
use crate::plan::{Named, Plan, Stream};
use source::Event;

/// Whom a grant reaches besides the first party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cover {
    /// Processors, and every controller that was disclosed by then (`*`): what is said in an event is said to all.
    #[default]
    Disclosed,
    /// Processors.
    Processors,
    /// Nobody.
    Nobody,
    /// The vendors whose bits are set in [`Facts::vendors`] from this word on, in the order of the policy's vendors.
    Named(usize),
}

/// What one source says about one subject's purposes. Sets may overlap; the strictest counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Which of the stream's signals spoke.
    pub signal: usize,
    /// The one sink that it is about, where what is said depends on the vendor; else it is about all.
    pub sink: Option<SinkId>,
    /// Purposes granted, to the first party and to every vendor that was disclosed by then (`*`).
    pub granted: PurposeSet,
    /// Purposes for which legitimate interest is permitted: no grant, and more than silence.
    pub permitted: PurposeSet,
    /// Purposes denied.
    pub denied: PurposeSet,
    /// Purposes for which the vendor behind the sink is refused.
    pub vendor_refused: PurposeSet,
    /// Purposes granted once and taken back.
    pub withdrawn: PurposeSet,
    /// Purposes opted out of.
    pub opted_out: PurposeSet,
    /// Purposes opted out of by Global Privacy Control: counts where the regime honours it, is silence elsewhere.
    pub gpc: PurposeSet,
    /// Purposes about which it is present but cannot be read.
    pub invalid: PurposeSet,
    /// The statement's own time; of a ledger's grant, when it was last confirmed.
    pub at: Option<Timestamp>,
    /// Since when a ledger's grant stands without a break; absent: since `at`.
    pub since: Option<Timestamp>,
    /// The first moment at which its grants no longer hold.
    pub expires: Option<Timestamp>,
    /// Whom its grants reach.
    pub cover: Cover,
    /// The ledger's row that it is of, counted from 0 among those whose grants count; none for the event's own.
    pub row: Option<u16>,
}

impl Statement {
    /// Whether it says anything at all.
    pub fn is_silent(&self) -> bool {
        let Statement {
            signal: _,
            sink: _,
            granted,
            permitted,
            denied,
            vendor_refused,
            withdrawn,
            opted_out,
            gpc,
            invalid,
            at: _,
            since: _,
            expires: _,
            cover: _,
            row: _,
        } = self;
        let sets = [granted, permitted, denied, vendor_refused, withdrawn, opted_out, gpc, invalid];
        sets.into_iter().all(|set| set.is_empty())
    }

    /// Whether it says anything about the purpose; `gpc` tells whether Global Privacy Control is honoured.
    pub fn speaks_about(&self, purpose: PurposeId, gpc: bool) -> bool {
        let sets = [self.granted, self.permitted, self.denied, self.vendor_refused, self.withdrawn, self.opted_out, self.invalid];
        sets.into_iter().any(|set| set.contains(purpose)) || gpc && self.gpc.contains(purpose)
    }
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
    /// Whether the event itself names no place, and [`Facts::jurisdictions`] is the policy's `otherwise`.
    pub is_place_assumed: bool,
    /// When the event happened: its own time, else the record's, else `now`.
    pub event_time: Timestamp,
    /// How many rows of the ledger must all grant a purpose for it to be granted there: those of one identity.
    pub granting_rows: u16,
    /// Sets of vendors that grants name; see [`Cover::Named`].
    pub vendors: Vec<u64>,
    /// The purposes for which the subject is suppressed or erased.
    pub suppressed: PurposeSet,
    /// What decisions rest on cannot be asked: the ledger is missing or not ready.
    pub is_stale: bool,
}

/// Buffers of [`gather`], reused from record to record. It does not implement `Debug`: it holds identities.
#[derive(Default)]
pub struct Scratch {
    identities: subject::Identities,
    places: place::Found,
    text: Vec<u8>,
    signals: signals::Buffers,
}

impl Scratch {
    /// The identities of the last event, as the policy lists them, each under each of its kinds: whom it names, kind, value.
    pub fn identities<'s>(&'s self, stream: &'s Stream) -> impl Iterator<Item = (Named, &'s str, &'s str)> {
        self.identities.iter().flat_map(|(rule, value)| {
            let rule = &stream.subject[rule];
            rule.kinds.iter().map(move |kind| (rule.names, &**kind, value))
        })
    }

    /// Forgets who the last event was about.
    pub fn forget(&mut self) {
        self.identities.clear();
    }
}

/// Reads what one event says. Identities stay in `scratch` until [`Scratch::forget`], for the ledger to be asked. `value` is the record's JSON text that `captures` point into; `now` is the
/// clock. `facts` is cleared first; allocates only until buffers have grown.
#[expect(clippy::too_many_arguments, reason = "a stage of the pipeline: five inputs and two buffers that its caller owns")]
pub fn gather(
    plan: &Plan,
    stream: &Stream,
    record: &Record<'_>,
    value: &[u8],
    captures: &[Capture],
    now: Timestamp,
    scratch: &mut Scratch,
    facts: &mut Facts,
) {
    let event = Event { record, value, captures };
    let Scratch { identities, places, text, signals: buffers } = scratch;
    let Facts {
        identified,
        ambiguous,
        statements,
        jurisdictions,
        is_place_assumed,
        event_time,
        granting_rows,
        vendors,
        suppressed,
        is_stale,
    } = facts;
    (*granting_rows, *suppressed, *is_stale) = (0, PurposeSet::EMPTY, false);
    vendors.clear();
    (*identified, *ambiguous) = subject::identify(&event, &stream.subject, identities);
    *event_time = time::event_time(&event, stream.time.as_ref(), now, text);
    *is_place_assumed = place::locate(&event, &stream.place, places, jurisdictions);
    statements.clear();
    for signal in stream.signals.iter().enumerate() {
        signals::read(plan, stream, signal, &event, buffers, statements);
    }
    // The buffers keep their size and nothing of the person.
    places.clear();
    text.clear();
    buffers.clear();
}
