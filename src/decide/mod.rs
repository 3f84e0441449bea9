//! (plan, facts, time) → one outcome and one reason for a (record, sink). Pure: no I/O, no clock.

use crate::consent::Facts;
use crate::event::{Capture, PurposeId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::plan::{Condition, Plan, Route, Stream};

/// Which step of `decision.md` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// 2: `when` or the sink's list of streams.
    Routing,
    /// 3: identities.
    Identity,
    /// 6: transfer.
    Transfer,
    /// 7: a purpose did not pass.
    Purpose,
    /// 8: every purpose passed, or the profile's did.
    Released,
}

/// How one (record, sink) ends before its bytes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The step that decided.
    pub step: Step,
    /// The purpose that decided, where one did; with `{any: …}` the one that passed.
    pub purpose: Option<PurposeId>,
}

/// Three-valued truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Yes.
    True,
    /// No.
    False,
    /// Not to be known.
    Unknown,
}

/// Evaluates a `when` on the control values found in `value`.
pub fn evaluate(_condition: &Condition, _value: &[u8], _captures: &[Capture]) -> Truth {
    todo!()
}

/// Decides for one route of a stream; `routed` says whether both `when`s are true.
pub fn decide(_plan: &Plan, _stream: &Stream, _route: &Route, _facts: &Facts, _routed: bool, _now: Timestamp) -> Decision {
    todo!()
}
