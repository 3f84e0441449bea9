//! The engine as the properties ask it.

use privet::decode::Refusal;
use privet::decode::json::{Path, Scanner};
use privet::event::{Capture, Hit, Mark, Places, Position, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;

const UNTOUCHED: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: test}}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  any: {topics: [in], format: json, jurisdiction: {otherwise: EEA}}
sinks:
  all: {topic: out, purposes: [operations], unlisted: keep}
";

/// Wildcards and positions at every level: the automaton's widest sets.
const WIDE: &str = "privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: test}}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  any: {topics: [in], format: json, jurisdiction: {otherwise: EEA}}
sinks:
  all:
    topic: out
    purposes: [operations]
    unlisted: keep
    fields: {\"$..x\": drop, \"$.*.a\": drop, \"$[0]\": \"null\", \"$..[1].e\": drop, \"$.u[*]\": {mask: {keep_last: 1}}}
  two:
    topic: out.two
    purposes: [operations]
    unlisted: drop
    fields: {\"$..a\": keep, \"$.e\": keep, $.u: {json: {fields: {\"$..a\": drop}}}}
";

const RULES: &str = include_str!("policy.yaml");

/// How one record ended at one sink.
#[derive(Debug, PartialEq)]
pub struct Verdict {
    /// The sink.
    pub sink: String,
    /// The outcome.
    pub outcome: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// The bytes.
    pub value: Option<Vec<u8>>,
}

/// Plans and one engine for all of them: what one record leaves in the scratch, the next one meets.
pub struct Judge {
    plans: Vec<Plan>,
    engine: Engine,
    now: Timestamp,
    /// One a way in which this processor can read, and one that remembers nothing of the records before.
    scanners: Vec<Scanner>,
    places: Places,
}

/// What a scan found.
pub type Scanned = Result<(Vec<Mark>, Vec<Hit>, Vec<Capture>), Refusal>;

impl Judge {
    /// Compiles the plans.
    pub fn new() -> Judge {
        let plans = [UNTOUCHED, WIDE, RULES].map(|policy| {
            let compiled = privet::policy::compile(policy, "policy.yaml", &KeySet::demonstration());
            let faults = compiled.render(false);
            compiled.plan.unwrap_or_else(|| panic!("{faults}"))
        });
        let now = "2026-11-22T12:00:00Z".parse().expect("a time");
        let (engine, places) = (Engine::new(Limits::default()), Places::default());
        Judge { plans: plans.into(), engine, now, scanners: scanners(), places }
    }

    /// Forgets what the scans of earlier records left behind.
    pub fn forget(&mut self) {
        self.scanners = scanners();
    }

    /// Scans a record in every way that this processor has.
    pub fn scan(&mut self, plan: usize, input: &[u8]) -> Vec<Scanned> {
        let stream = self.plans[plan].stream(StreamId(0));
        let places = &mut self.places;
        let scan = |scanner: &mut Scanner| {
            scanner.begin_record();
            scanner.scan(input, &stream.index, stream.duplicates, places)?;
            Ok((places.marks.clone(), places.hits.clone(), places.captures.clone()))
        };
        self.scanners.iter_mut().map(scan).collect()
    }

    /// How many plans there are; the first has no rules.
    pub fn plans(&self) -> usize {
        self.plans.len()
    }

    /// The plan of `policy.yaml`.
    pub fn rules(&self) -> usize {
        self.plans.len() - 1
    }

    /// Judges one record for every sink of a plan.
    pub fn judge(&mut self, plan: usize, input: &[u8]) -> Vec<Verdict> {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(input), headers: &[] };
        let plan = &self.plans[plan];
        let mut verdicts = Vec::with_capacity(plan.sinks.len());
        self.engine.evaluate(plan, StreamId(0), &record, self.now, &mut |sink, verdict| {
            verdicts.push(Verdict {
                sink: plan.sink(sink).name.to_string(),
                outcome: verdict.outcome.as_str(),
                reason: verdict.reason.as_str(),
                value: verdict.value.map(<[u8]>::to_vec),
            });
        });
        verdicts
    }
}

fn scanners() -> Vec<Scanner> {
    let scanner = || Scanner::new(Limits::default());
    let ways = Path::available().into_iter().map(|path| scanner().with_path(path));
    ways.chain([scanner().without_memory()]).collect()
}

impl Default for Judge {
    fn default() -> Judge {
        Judge::new()
    }
}
