//! What is measured of data subjects' requests: how they were answered, how many are open or late, how long they took.

use super::names::{DSR_CALLBACKS, DSR_OPEN, DSR_OVERDUE, DSR_REQUESTS, DSR_SECONDS};
use super::series::{Histogram, Series};
use metrics::{Counter, Gauge};
use std::time::Duration;

/// What became of a call that asks to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DsrResult {
    /// A new request was written down.
    Accepted,
    /// The same request again: nothing changed.
    Repeated,
    /// A request was cancelled.
    Cancelled,
    /// It cannot be read, contradicts what is known, or comes too late.
    Refused,
    /// It is too large.
    Oversized,
    /// Without the right token.
    Unauthorised,
    /// It could not be written down.
    Unavailable,
}

impl DsrResult {
    /// Every result.
    pub const ALL: [DsrResult; 7] = [
        DsrResult::Accepted,
        DsrResult::Repeated,
        DsrResult::Cancelled,
        DsrResult::Refused,
        DsrResult::Oversized,
        DsrResult::Unauthorised,
        DsrResult::Unavailable,
    ];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            DsrResult::Accepted => "accepted",
            DsrResult::Repeated => "repeated",
            DsrResult::Cancelled => "cancelled",
            DsrResult::Refused => "refused",
            DsrResult::Oversized => "oversized",
            DsrResult::Unauthorised => "unauthorised",
            DsrResult::Unavailable => "unavailable",
        }
    }
}

/// What became of a call to a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackResult {
    /// It was told.
    Delivered,
    /// It was not; it is tried again.
    Failed,
    /// It was not, for so long that it is not tried any more.
    Abandoned,
}

impl CallbackResult {
    /// Every result.
    pub const ALL: [CallbackResult; 3] = [CallbackResult::Delivered, CallbackResult::Failed, CallbackResult::Abandoned];

    /// The label's value.
    pub fn as_str(self) -> &'static str {
        match self {
            CallbackResult::Delivered => "delivered",
            CallbackResult::Failed => "failed",
            CallbackResult::Abandoned => "abandoned",
        }
    }
}

/// The meters of one process.
pub struct DsrMeters {
    /// By type, in the order of [`DsrMeters::TYPES`].
    seconds: [Histogram; 3],
    results: [Counter; 7],
    callbacks: [Counter; 3],
    open: Gauge,
    overdue: Gauge,
}

impl DsrMeters {
    /// The types of requests, as OpenDSR names them.
    pub const TYPES: [&str; 3] = ["erasure", "access", "portability"];

    pub(super) fn new(series: &Series) -> DsrMeters {
        DsrMeters {
            seconds: DsrMeters::TYPES.map(|kind| series.histogram(&DSR_SECONDS, [kind])),
            results: DsrResult::ALL.map(|result| series.counter(&DSR_REQUESTS, [result.as_str()])),
            callbacks: CallbackResult::ALL.map(|result| series.counter(&DSR_CALLBACKS, [result.as_str()])),
            open: series.gauge(&DSR_OPEN, []),
            overdue: series.gauge(&DSR_OVERDUE, []),
        }
    }

    /// One call was answered.
    pub fn answered(&self, result: DsrResult) {
        self.results[result as usize].increment(1);
    }

    /// A controller was called.
    pub fn called(&self, result: CallbackResult) {
        self.callbacks[result as usize].increment(1);
    }

    /// A request of one of [`DsrMeters::TYPES`] was completed, so long after it was received.
    pub fn completed(&self, kind: &str, took: Duration) {
        if let Some(seconds) = DsrMeters::TYPES.iter().position(|known| *known == kind).map(|at| &self.seconds[at]) {
            seconds.record_many(took.as_secs_f64(), 1);
        }
    }

    /// How many requests are open, and how many of these are late.
    pub fn stand(&self, open: usize, overdue: usize) {
        self.open.set(open as f64);
        self.overdue.set(overdue as f64);
    }
}
