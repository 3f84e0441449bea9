//! Sums of the demo: outcomes by sink and reason, and whether they agree with what was sent and what was read back.

use crate::outcome::{Outcome, Reason};
use crate::telemetry::DecisionCount;
use std::collections::BTreeMap;

/// Outcomes of one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SinkTally {
    /// The sink's name.
    pub(super) name: Box<str>,
    /// How many events ended how and why.
    pub(super) counts: BTreeMap<(Outcome, Reason), u64>,
}

impl SinkTally {
    /// Events with this outcome.
    pub(super) fn with(&self, outcome: Outcome) -> u64 {
        self.counts.iter().filter(|((ended, _), _)| *ended == outcome).map(|(_, count)| count).sum()
    }

    /// Events decided.
    pub(super) fn decided(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Events whose bytes went to the sink's topic.
    pub(super) fn released(&self) -> u64 {
        self.counts.iter().filter(|((outcome, _), _)| outcome.releases()).map(|(_, count)| count).sum()
    }
}

/// Outcomes of all sinks, in the order of the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// One a sink, also where nothing is counted yet.
    pub(super) sinks: Vec<SinkTally>,
}

impl Tally {
    /// Sorts the proxy's counters by sink.
    pub(super) fn new(names: &[Box<str>], counts: &[DecisionCount]) -> Tally {
        let of = |name: &str| {
            let mine = counts.iter().filter(|count| &*count.sink == name && count.count > 0);
            let mut sums = BTreeMap::new();
            for count in mine {
                *sums.entry((count.outcome, count.reason)).or_insert(0) += count.count;
            }
            SinkTally { name: name.into(), counts: sums }
        };
        Tally { sinks: names.iter().map(|name| of(name)).collect() }
    }

    /// How many events are behind us at every sink: decided, and where released, also read.
    pub(super) fn settled(&self, read: &[u64]) -> u64 {
        let one = |(sink, read): (&SinkTally, &u64)| sink.decided().saturating_sub(sink.released().saturating_sub(*read));
        self.sinks.iter().zip(read).map(one).min().unwrap_or(0)
    }

    /// Every sum that is not as it must be, in words; none if all add up.
    pub(super) fn faults(&self, sent: u64, read: &[u64]) -> Vec<String> {
        let mut faults = Vec::new();
        for (sink, read) in self.sinks.iter().zip(read) {
            let (name, decided, released) = (&sink.name, sink.decided(), sink.released());
            if decided != sent {
                faults.push(format!("{name}: {sent} events were sent and {decided} were decided"));
            }
            if released != *read {
                faults.push(format!("{name}: {released} rows were released and {read} were read from its topic"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(sink: &str, outcome: Outcome, reason: Reason, count: u64) -> DecisionCount {
        DecisionCount { stream: "web".into(), sink: sink.into(), outcome, reason, count }
    }

    fn tally() -> Tally {
        let counts = [
            count("a", Outcome::Allow, Reason::ConsentGranted, 6),
            count("a", Outcome::Degrade, Reason::NoConsent, 3),
            count("a", Outcome::Quarantine, Reason::Malformed, 1),
            count("b", Outcome::Allow, Reason::ConsentGranted, 4),
            count("b", Outcome::Drop, Reason::ConsentDenied, 6),
        ];
        Tally::new(&["a".into(), "b".into(), "c".into()], &counts)
    }

    #[test]
    fn degraded_events_are_released_and_quarantined_ones_are_not() {
        let tally = tally();
        assert_eq!((tally.sinks[0].decided(), tally.sinks[0].released()), (10, 9));
        assert_eq!((tally.sinks[1].decided(), tally.sinks[1].released()), (10, 4));
        assert_eq!((tally.sinks[2].decided(), tally.sinks[2].released()), (0, 0));
        assert_eq!(tally.sinks[0].with(Outcome::Degrade), 3);
    }

    #[test]
    fn the_slowest_reader_settles() {
        let mut tally = tally();
        tally.sinks.pop();
        assert_eq!(tally.settled(&[9, 4]), 10);
        assert_eq!(tally.settled(&[9, 1]), 7);
        assert_eq!(tally.settled(&[0, 4]), 1);
    }

    #[test]
    fn every_sum_that_is_off_is_named() {
        let mut tally = tally();
        tally.sinks.pop();
        assert!(tally.faults(10, &[9, 4]).is_empty());
        assert_eq!(tally.faults(11, &[9, 5]).len(), 3);
    }
}
