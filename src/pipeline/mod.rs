//! The order of the stages for one record: a synchronous core with its scratch, and the loop that delivers.

mod ahead;
mod batch;
mod copies;
mod engine;
mod join;
mod judge;
mod kept;
mod learn;
mod sift;
mod worker;

pub use crate::consent::{Facts, Statement};
pub use crate::decide::{Decision, Step};
pub use crate::decode::Limits;
pub use crate::encode::Touched;
pub use crate::ledger::{Applied, Feed, Ledger};
pub use batch::Cut;
pub use engine::{Engine, Judgement};
pub use judge::{Aside, Judge, Knowledge, PlanJudge, Write};
pub use learn::{Learner, Lessons, Told};
pub use worker::{Observer, Worker};

use crate::event::{Header, Record};
use crate::outcome::{Outcome, Reason};

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
    /// A verdict that releases nothing.
    fn refused(outcome: Outcome, reason: Reason) -> Verdict<'a> {
        Verdict { outcome, reason, value: None, key: None, headers: &[], purposes: None }
    }

    /// The headers that pass.
    pub fn kept_headers<'r>(&self, record: &'r Record<'_>) -> impl Iterator<Item = &'r Header<'r>> + use<'r, 'a> {
        let headers = record.headers;
        self.headers.iter().filter_map(move |position| headers.get(usize::from(*position)))
    }
}
