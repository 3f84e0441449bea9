//! (plan, facts, time) → one outcome and one reason for a (record, sink). Pure: no I/O, no clock.

mod condition;
mod purpose;
mod regime;
mod transfer;

pub use condition::evaluate;

use crate::consent::Facts;
use crate::event::{PurposeId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::plan::{Denied, Plan, PurposeNeed, Route, Sink, Stream};
use purpose::Question;
use regime::Ruling;

/// Which step of `decision.md` decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// 2: `when` or the sink's list of streams.
    Routing,
    /// 3: identities.
    Identity,
    /// 4: suppressed or erased.
    Suppression,
    /// 5: the ledger cannot be relied on.
    Ledger,
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

/// Decides for one route of a stream, in the order of `decision.md`; `routed` says whether both `when`s are true.
/// Step 1 is `decode`'s, tombstones are `pipeline`'s.
pub fn decide(plan: &Plan, stream: &Stream, route: &Route, facts: &Facts, routed: bool, now: Timestamp) -> Decision {
    let sink = plan.sink(route.sink);
    if !routed {
        return refuse(Reason::NotRouted, Step::Routing, None);
    }
    if facts.ambiguous {
        return Decision { outcome: Outcome::Quarantine, ..refuse(Reason::SubjectAmbiguous, Step::Identity, None) };
    }
    let question = Question {
        plan,
        facts,
        sink: route.sink,
        vendor: sink.vendor.map(|vendor| (vendor, plan.vendor(vendor))),
        ruling: Ruling::of(plan, &facts.jurisdictions),
        conflicts: stream.conflicts,
        now,
    };
    if let Some(purpose) = unknown_to(&question, sink) {
        return refuse(Reason::SubjectUnknown, Step::Identity, Some(purpose));
    }
    if let Some(purpose) = sink.purposes.purposes().iter().copied().find(|purpose| facts.suppressed.contains(*purpose)) {
        return refuse(Reason::Suppressed, Step::Suppression, Some(purpose));
    }
    if facts.is_stale {
        return refuse(Reason::LedgerStale, Step::Ledger, None);
    }
    if !transfer::permitted(sink, &facts.jurisdictions, now) {
        return refuse(Reason::TransferNotPermitted, Step::Transfer, None);
    }
    match judge_all(&question, &sink.purposes) {
        Ok((reason, purpose)) => Decision { outcome: Outcome::Allow, reason, step: Step::Released, purpose: Some(purpose) },
        Err((reason, purpose)) if degrades(&question, sink, route, reason) => {
            Decision { outcome: Outcome::Degrade, reason, step: Step::Released, purpose }
        }
        Err((reason, purpose)) => refuse(reason, Step::Purpose, purpose),
    }
}

fn refuse(reason: Reason, step: Step, purpose: Option<PurposeId>) -> Decision {
    Decision { outcome: Outcome::Drop, reason, step, purpose }
}

/// Nobody to look up: the first purpose of the sink that asks for a signal and about which none in the event speaks.
fn unknown_to(question: &Question<'_>, sink: &Sink) -> Option<PurposeId> {
    if question.facts.identified {
        return None;
    }
    let silent = |id: &PurposeId| question.plan.purpose(*id).basis.needs_signal() && !question.is_answered(*id);
    sink.purposes.purposes().iter().copied().find(silent)
}

/// Steps 7 and 8: the reason of the first purpose that passes otherwise than as `not_required`, or that of the
/// first in the sink's order that fails. A sink without purposes serves none.
fn judge_all(question: &Question<'_>, need: &PurposeNeed) -> Result<(Reason, PurposeId), (Reason, Option<PurposeId>)> {
    let all = match need {
        PurposeNeed::All(_) => true,
        PurposeNeed::Any(_) => false,
    };
    let (mut passed, mut failed) = (None, None);
    for id in need.purposes() {
        match question.judge(*id) {
            Ok(reason) if passed.is_none_or(|(first, _)| first == Reason::NotRequired && reason != first) => {
                passed = Some((reason, *id));
            }
            Ok(_) => {}
            Err(reason) if all => return Err((reason, Some(*id))),
            Err(reason) => failed = failed.or(Some((reason, Some(*id)))),
        }
    }
    passed.ok_or(failed.unwrap_or((Reason::NoConsent, None)))
}

/// Whether a refusal for this reason lets the sink's profile through: the reason is listed, is no broken signal, and
/// every purpose of the profile passes. A profile without purposes would release for none.
fn degrades(question: &Question<'_>, sink: &Sink, route: &Route, reason: Reason) -> bool {
    match &sink.denied {
        Denied::Drop => false,
        Denied::Degrade { purposes, on } => {
            route.degraded.is_some()
                && reason != Reason::SignalInvalid
                && on.contains(&reason)
                && !purposes.is_empty()
                && purposes.iter().all(|id| question.judge(*id).is_ok() && !question.facts.suppressed.contains(*id))
        }
    }
}
