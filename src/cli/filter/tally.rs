//! The summary of `privet filter`: how many records ended how and why, by sink.

use crate::event::SinkId;
use crate::outcome::{Outcome, Reason};
use crate::plan::Plan;
use std::collections::BTreeMap;

/// Counts by sink, outcome and reason.
pub(super) struct Tally {
    sinks: Vec<BTreeMap<(Outcome, Reason), u64>>,
}

impl Tally {
    pub(super) fn new(plan: &Plan) -> Tally {
        Tally { sinks: plan.sinks.iter().map(|_| BTreeMap::new()).collect() }
    }

    pub(super) fn add(&mut self, sink: SinkId, outcome: Outcome, reason: Reason) {
        *self.sinks[sink.index()].entry((outcome, reason)).or_default() += 1;
    }

    /// How many (record, sink) were quarantined.
    pub(super) fn quarantined(&self) -> u64 {
        let rows = self.sinks.iter().flatten();
        rows.filter(|((outcome, _), _)| *outcome == Outcome::Quarantine).map(|(_, count)| count).sum()
    }

    /// Prints the counts to standard error, a line each, of one sink or of all.
    pub(super) fn print(&self, plan: &Plan, only: Option<SinkId>) {
        let wide = plan.sinks.iter().map(|sink| sink.name.len()).max().unwrap_or(0);
        for (index, counts) in self.sinks.iter().enumerate() {
            if only.is_some_and(|only| only.index() != index) {
                continue;
            }
            for ((outcome, reason), count) in counts {
                let sink = &plan.sinks[index].name;
                crate::cli::output::complain(format_args!(
                    "{sink:<wide$}  {:<10} {:<22} {count:>10}",
                    outcome.as_str(),
                    reason.as_str()
                ));
            }
        }
    }
}
