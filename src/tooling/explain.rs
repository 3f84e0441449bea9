//! One event explained: what was found, which step decided, which rule touched what. Nothing here is a value, or a
//! name, taken from the event.

use crate::event::{CountrySet, Jurisdiction, PathId, PurposeId, PurposeSet, Record, SinkId, StreamId, Timestamp};
use crate::outcome::{Outcome, Reason};
use crate::pipeline::{Decision, Engine, Facts, Judgement, Ledger, Limits, Statement, Step, Touched};
use crate::plan::{Plan, SinkLines, Source};
use jiff::Unit;
use serde::Serialize;
use std::sync::Arc;

/// Everything that led to the verdicts on one event.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The policy's hash, first 12 hex digits.
    pub policy: String,
    /// The stream.
    pub stream: String,
    /// Why the record could not be read and at which byte, if so; nothing below is known then.
    pub refused: Option<Refused>,
    /// What the event says, for all sinks alike.
    pub event: Option<EventFacts>,
    /// One a sink, in the policy's order.
    pub sinks: Vec<SinkExplanation>,
}

/// A record that cannot be read.
#[derive(Debug, Serialize)]
pub struct Refused {
    /// `malformed` or `limit_exceeded`.
    pub reason: &'static str,
    /// Byte offset at which that showed.
    pub at_byte: usize,
}

/// What an event says about its subject.
#[derive(Debug, Serialize)]
pub struct EventFacts {
    /// Whether an identity is present.
    pub identified: bool,
    /// Whether identities contradict each other.
    pub ambiguous: bool,
    /// When it happened.
    pub time: String,
    /// Where its subject is: country codes of ISO 3166, or what could not be told.
    pub jurisdictions: Vec<String>,
    /// Every statement found.
    pub statements: Vec<StatementFacts>,
    /// The purposes for which the subject is suppressed or erased.
    pub suppressed: Vec<String>,
    /// Whether the ledger is asked for and cannot be relied on.
    pub ledger_stale: bool,
}

/// What one source says.
#[derive(Debug, Serialize)]
pub struct StatementFacts {
    /// The kind of signal.
    pub signal: &'static str,
    /// Line of the source in the policy.
    pub line: u32,
    /// Where it stands: the path, or the header, as the policy names it.
    pub source: String,
    /// The sink that it is about, where what it says depends on the vendor; absent: all.
    pub sink: Option<String>,
    /// Purpose → `granted`, `denied`, `withdrawn`, `opted_out`, `invalid` and the like: the strictest that is said.
    pub purposes: Vec<(String, &'static str)>,
    /// The statement's own time, where it has one.
    pub at: Option<String>,
    /// How old the statement is by its own time, in seconds, where it has one.
    pub age_seconds: Option<i64>,
    /// When its grants end.
    pub expires: Option<String>,
}

/// What happened at one sink.
#[derive(Debug, Serialize)]
pub struct SinkExplanation {
    /// The sink.
    pub sink: String,
    /// The outcome.
    pub outcome: &'static str,
    /// The reason.
    pub reason: &'static str,
    /// The step of the decision that decided.
    pub step: &'static str,
    /// The line of the policy that the step went by.
    pub line: Option<u32>,
    /// The purpose that decided, where one did.
    pub purpose: Option<String>,
    /// The line of that purpose in the policy.
    pub purpose_line: Option<u32>,
    /// The lines of the sources whose statements gave the reason.
    pub statements: Vec<u32>,
    /// The rules that met fields, in the event's order; of a released event only.
    pub fields: Vec<FieldExplanation>,
}

/// A rule that met a field.
#[derive(Debug, Serialize)]
pub struct FieldExplanation {
    /// The class or path that the rule names.
    pub rule: String,
    /// The field's class, or its path.
    pub class: String,
    /// The transform.
    pub transform: &'static str,
    /// Line of the rule in the policy; absent where it follows from a default.
    pub line: Option<u32>,
    /// Whether the field went, also where its transform did not apply to it.
    pub removed: bool,
}

/// Explains one record under a plan, with what a ledger knows, if there is one. `now` is the clock.
pub fn explain(plan: &Plan, ledger: Option<Arc<Ledger>>, stream: StreamId, record: &Record<'_>, now: Timestamp) -> Explanation {
    let mut engine = Engine::new(Limits::default());
    engine.set_ledger(ledger);
    let mut sinks = Vec::new();
    engine.explain(plan, stream, record, now, &mut |sink, judgement| sinks.push((sink, explain_sink(plan, sink, &judgement))));
    let refused = engine.refusal().map(|refusal| Refused { reason: refusal.reason.as_str(), at_byte: refusal.at });
    let readable = refused.is_none() && record.value.is_some();
    let sinks = sinks.into_iter().map(|(id, (mut sink, decision))| {
        if let Some(decision) = decision.filter(|_| readable) {
            sink.statements = witnesses(plan, stream, id, &decision, engine.facts());
        }
        sink
    });
    let sinks = sinks.collect();
    Explanation {
        policy: plan.hash.to_string(),
        stream: plan.stream(stream).name.to_string(),
        refused,
        event: readable.then(|| explain_facts(plan, stream, engine.facts(), now)),
        sinks,
    }
}

fn explain_facts(plan: &Plan, stream: StreamId, facts: &Facts, now: Timestamp) -> EventFacts {
    EventFacts {
        identified: facts.identified,
        ambiguous: facts.ambiguous,
        time: facts.event_time.round(Unit::Millisecond).unwrap_or(facts.event_time).to_string(),
        jurisdictions: facts.jurisdictions.iter().map(place).collect(),
        statements: facts.statements.iter().map(|statement| explain_statement(plan, stream, statement, now)).collect(),
        suppressed: suppressed(plan, facts),
        ledger_stale: facts.is_stale,
    }
}

fn suppressed(plan: &Plan, facts: &Facts) -> Vec<String> {
    let purposes = plan.purposes.iter().enumerate();
    let suppressed = purposes.filter(|(index, _)| facts.suppressed.contains(PurposeId(*index as u8)));
    suppressed.map(|(_, purpose)| purpose.name.to_string()).collect()
}

fn place(jurisdiction: &Jurisdiction) -> String {
    match jurisdiction {
        Jurisdiction::Place { country, subdivision: None } => country.as_str().to_owned(),
        Jurisdiction::Place { country: _, subdivision: Some(subdivision) } => subdivision.to_string(),
        Jurisdiction::AnyOf(countries) if countries == CountrySet::eea() => "some country of the EEA".to_owned(),
        Jurisdiction::AnyOf(countries) if *countries == CountrySet::eu() => "some country of the EU".to_owned(),
        Jurisdiction::AnyOf(countries) => {
            format!("any of {}", countries.iter().map(|country| country.as_str().to_owned()).collect::<Vec<_>>().join(" "))
        }
        Jurisdiction::Unrecognised => "not recognised".to_owned(),
    }
}

fn explain_statement(plan: &Plan, stream: StreamId, statement: &Statement, now: Timestamp) -> StatementFacts {
    let signal = &plan.stream(stream).signals[statement.signal];
    let sets = [
        (statement.invalid, "invalid"),
        (statement.opted_out, "opted_out"),
        (statement.gpc, "opted_out"),
        (statement.withdrawn, "withdrawn"),
        (statement.denied, "denied"),
        (statement.vendor_refused, "vendor refused"),
        (statement.granted, "granted"),
        (statement.permitted, "legitimate interest permitted"),
    ];
    let mut purposes = Vec::new();
    for (index, purpose) in plan.purposes.iter().enumerate() {
        let id = PurposeId(index as u8);
        if let Some((_, word)) = sets.iter().find(|(set, _)| set.contains(id)) {
            purposes.push((purpose.name.to_string(), *word));
        }
    }
    StatementFacts {
        signal: signal.kind.word(),
        line: signal.line,
        source: source(plan, stream, &signal.source),
        sink: statement.sink.map(|sink| plan.sink(sink).name.to_string()),
        purposes,
        at: statement.at.map(|at| at.to_string()),
        age_seconds: statement.at.map(|at| now.as_second() - at.as_second()),
        expires: statement.expires.map(|expires| expires.to_string()),
    }
}

/// Where a source stands, in the policy's words.
fn source(plan: &Plan, stream: StreamId, source: &Source) -> String {
    match source {
        Source::Slot(slot) => {
            let index = &plan.stream(stream).index;
            let mut paths = (0..index.path_count()).map(|id| PathId(id as u16));
            paths.find(|id| index.slots(*id).contains(slot)).map(|id| index.path(id).to_string()).unwrap_or_default()
        }
        Source::Header(name) => format!("header {name}"),
        Source::Key => "the record key".into(),
        Source::Ledger => "the ledger".into(),
    }
}

/// The lines of the sources whose statements about the deciding purpose are of the kind that the reason names.
fn witnesses(plan: &Plan, stream: StreamId, sink: SinkId, decision: &Decision, facts: &Facts) -> Vec<u32> {
    let Some(purpose) = decision.purpose else { return Vec::new() };
    let says = |statement: &&Statement| {
        let said: [(Reason, PurposeSet); 10] = [
            (Reason::SignalInvalid, statement.invalid),
            (Reason::OptedOut, statement.opted_out),
            (Reason::OptedOut, statement.gpc),
            (Reason::ConsentWithdrawn, statement.withdrawn),
            (Reason::ConsentDenied, statement.denied),
            (Reason::VendorNotPermitted, statement.vendor_refused),
            (Reason::VendorNotPermitted, statement.granted),
            (Reason::ConsentGranted, statement.granted),
            (Reason::ConsentExpired, statement.granted),
            (Reason::LegitimateInterests, statement.permitted),
        ];
        let about_it = statement.sink.is_none_or(|about| about == sink);
        about_it && said.iter().any(|(reason, set)| *reason == decision.reason && set.contains(purpose))
    };
    let mut lines: Vec<u32> =
        facts.statements.iter().filter(says).map(|statement| plan.stream(stream).signals[statement.signal].line).collect();
    lines.dedup();
    lines
}

fn explain_sink(plan: &Plan, sink: SinkId, judgement: &Judgement<'_>) -> (SinkExplanation, Option<Decision>) {
    let decision = judgement.decision;
    let purpose = decision.and_then(|decision| decision.purpose).map(|purpose| plan.purpose(purpose));
    let explanation = SinkExplanation {
        sink: plan.sink(sink).name.to_string(),
        outcome: judgement.verdict.outcome.as_str(),
        reason: judgement.verdict.reason.as_str(),
        step: judgement.decision.as_ref().map_or("reading the record", step_name),
        line: decision.map(|decision| line(&plan.sink(sink).lines, &decision)),
        purpose: purpose.map(|purpose| purpose.name.to_string()),
        purpose_line: purpose.map(|purpose| purpose.line),
        statements: Vec::new(),
        fields: judgement.touched.iter().map(|touched| explain_field(plan, touched)).collect(),
    };
    (explanation, decision)
}

/// The line of the policy that the deciding step goes by.
fn line(lines: &SinkLines, decision: &Decision) -> u32 {
    match (decision.step, decision.outcome) {
        (Step::Routing, _) => lines.when,
        (Step::Identity | Step::Suppression | Step::Ledger, _) => lines.name,
        (Step::Transfer, _) => lines.transfers,
        (Step::Released, Outcome::Degrade) => lines.denied,
        (Step::Purpose | Step::Released, _) => lines.purposes,
    }
}

fn step_name(decision: &Decision) -> &'static str {
    match decision.step {
        Step::Routing => "routing",
        Step::Identity => "identities",
        Step::Suppression => "suppression",
        Step::Ledger => "the state of the ledger",
        Step::Transfer => "transfer",
        Step::Purpose => "purposes",
        Step::Released => "release",
    }
}

fn explain_field(plan: &Plan, touched: &Touched) -> FieldExplanation {
    match touched.rule.map(|rule| plan.rule(rule)) {
        Some(rule) => FieldExplanation {
            rule: rule.subject.to_string(),
            class: rule.class.to_string(),
            transform: rule.transform,
            line: rule.line,
            removed: touched.removed,
        },
        None => FieldExplanation {
            rule: "a value where a rule expects an object".into(),
            class: String::new(),
            transform: "drop",
            line: None,
            removed: true,
        },
    }
}
