//! Sample events under two plans: how many end otherwise, by sink and reason, and how many leave with other bytes.

use crate::event::{Position, Record, StreamId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::pipeline::{Engine, Ledger, Limits};
use crate::plan::Plan;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How an event ends at a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ending {
    /// How.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
}

impl Serialize for Ending {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut members = out.serialize_struct("Ending", 2)?;
        members.serialize_field("outcome", self.outcome.as_str())?;
        members.serialize_field("reason", self.reason.as_str())?;
        members.end()
    }
}

/// Events that end otherwise in one way at one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flip {
    /// The sink.
    pub sink: String,
    /// How many.
    pub events: usize,
    /// How they ended; absent: the sink is new.
    pub was: Option<Ending>,
    /// How they end; absent: the sink is gone.
    pub is: Option<Ending>,
}

/// Events that leave for a sink as before, with other bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rewrite {
    /// The sink.
    pub sink: String,
    /// How many.
    pub events: usize,
}

/// What one plan makes of one event at one sink. It does not implement `Debug`: it may hold personal data.
struct Ended {
    ending: Ending,
    value: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

/// Two plans and what sample events showed.
pub struct Decisions<'p> {
    sides: [Side<'p>; 2],
    /// The sinks of both, the old ones first.
    sinks: Vec<&'p str>,
    flips: BTreeMap<(usize, Option<Ending>, Option<Ending>), usize>,
    rewrites: BTreeMap<usize, usize>,
    events: usize,
}

struct Side<'p> {
    plan: &'p Plan,
    stream: StreamId,
    engine: Engine,
}

impl<'p> Decisions<'p> {
    /// Nothing shown yet. The stream of each side may have another number.
    pub fn new(old: (&'p Plan, StreamId), new: (&'p Plan, StreamId)) -> Decisions<'p> {
        let side = |(plan, stream)| {
            let mut engine = Engine::new(Limits::default());
            // Under a ledger that is not there nothing would pass on either side, and nothing would differ.
            engine.set_ledger(Some(Arc::new(Ledger::for_trial())));
            Side { plan, stream, engine }
        };
        let mut sinks: Vec<&str> = old.0.sinks.iter().map(|sink| &*sink.name).collect();
        for sink in &new.0.sinks {
            if !sinks.contains(&&*sink.name) {
                sinks.push(&sink.name);
            }
        }
        Decisions { sides: [side(old), side(new)], sinks, flips: BTreeMap::new(), rewrites: BTreeMap::new(), events: 0 }
    }

    /// Takes in one event.
    pub fn add(&mut self, event: &[u8], now: Timestamp) {
        self.events += 1;
        let [old, new] = &mut self.sides;
        let (before, after) = (old.judge(event, now), new.judge(event, now));
        for (position, sink) in self.sinks.iter().enumerate() {
            let of = |plan: &Plan, results: &[Ended]| plan.sink_named(sink).map(|id| results[id.index()].ending);
            let (was, is) = (of(old.plan, &before), of(new.plan, &after));
            if was != is {
                *self.flips.entry((position, was, is)).or_default() += 1;
                continue;
            }
            let (Some(one), Some(other)) = (old.plan.sink_named(sink), new.plan.sink_named(sink)) else { continue };
            let (one, other) = (&before[one.index()], &after[other.index()]);
            if one.value != other.value || one.key != other.key {
                *self.rewrites.entry(position).or_default() += 1;
            }
        }
    }

    /// How many events were taken in.
    pub fn events(&self) -> usize {
        self.events
    }

    /// What flips, by sink, the most frequent first.
    pub fn flips(&self) -> Vec<Flip> {
        let mut flips: Vec<(usize, Flip)> = self
            .flips
            .iter()
            .map(|((sink, was, is), events)| {
                (*sink, Flip { sink: self.sinks[*sink].to_owned(), events: *events, was: *was, is: *is })
            })
            .collect();
        flips.sort_by_key(|(sink, flip)| (*sink, std::cmp::Reverse(flip.events)));
        flips.into_iter().map(|(_, flip)| flip).collect()
    }

    /// What leaves with other bytes, by sink.
    pub fn rewrites(&self) -> Vec<Rewrite> {
        let rewrite = |(sink, events): (&usize, &usize)| Rewrite { sink: self.sinks[*sink].to_owned(), events: *events };
        self.rewrites.iter().map(rewrite).collect()
    }
}

impl Side<'_> {
    fn judge(&mut self, event: &[u8], now: Timestamp) -> Vec<Ended> {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        let mut results = Vec::with_capacity(self.plan.sinks.len());
        self.engine.evaluate(self.plan, self.stream, &record, now, &mut |_, verdict| {
            results.push(Ended {
                ending: Ending { outcome: verdict.outcome, reason: verdict.reason },
                value: verdict.value.map(<[u8]>::to_vec),
                key: verdict.key.map(<[u8]>::to_vec),
            });
        });
        results
    }
}
