//! What one attempt to load a policy came to, as text and as data.

use crate::policy::{Compiled, Diagnostic, Severity, SourceMap};
use crate::telemetry::ReloadResult;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// What asked for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A file changed.
    File,
    /// `SIGHUP`.
    Signal,
    /// `POST /api/reload`.
    Request,
}

/// One fault or warning of the policy, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// `error` or `warning`.
    pub severity: &'static str,
    /// `P0103`.
    pub code: &'static str,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What one attempt came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `changed`, `unchanged` or `failed`.
    #[serde(serialize_with = "word")]
    pub result: ReloadResult,
    /// What asked for it.
    pub trigger: Trigger,
    /// When it ended.
    #[serde(serialize_with = "text")]
    pub at: Timestamp,
    /// The policy that runs after it, as its short hash.
    pub policy: String,
    /// One sentence.
    pub message: String,
    /// What the compiler found.
    pub diagnostics: Vec<Fault>,
    /// The same for a person, with excerpts.
    pub text: String,
}

/// What the compiler said about one policy.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) faults: Vec<Fault>,
    pub(super) text: String,
}

impl Findings {
    pub(super) fn of(compiled: &Compiled) -> Findings {
        let faults = compiled.diagnostics.sorted().into_iter().map(|one| fault(one, &compiled.source)).collect();
        Findings { faults, text: compiled.render(false) }
    }
}

fn fault(one: &Diagnostic, source: &SourceMap) -> Fault {
    let severity = match one.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let (line, column) = source.position(one.span.start);
    Fault { severity, code: one.code.as_str(), line, column, message: one.message.clone(), hint: one.hint.clone() }
}

fn word<S: Serializer>(result: &ReloadResult, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(result.as_str())
}

fn text<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}
