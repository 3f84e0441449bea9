//! One attempt: read → compile → compare → swap. Whatever fails before the swap leaves everything as it was.

use super::report::{Findings, Report, Trigger};
use super::{Admit, RunningPolicy, restart};
use crate::control::Status;
use crate::plan::Plan;
use crate::policy::{Content, Files, Fingerprint};
use crate::telemetry::{ReloadResult, Telemetry};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A policy that only the world speaks against (brokers that are away, a topic that is missing) is tried again so soon,
/// and then after twice the time each, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Brokers that come back are noticed within it; asking them costs a few requests.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// Diagnostics logged one by one; the rest are in the endpoint's answer.
const LOGGED: usize = 20;

/// The version of the policy language that this program reads.
const LANGUAGE: &str = "1";

/// A fault of the compiler's own must not end reloading, nor the policy that runs.
const PANICKED: &str = "the compiler failed on this policy; please report it";

/// What an attempt reads, judges by and writes.
pub(super) struct Attempts {
    files: Files,
    live: Arc<ArcSwap<Plan>>,
    running: Arc<ArcSwap<RunningPolicy>>,
    admit: Admit,
    status: Arc<Status>,
    telemetry: Arc<Telemetry>,
    last: Arc<Mutex<Option<Report>>>,
    /// What was last tried in vain, so that polling does not try it again and again.
    refused: Option<Seen>,
    /// When it is tried again all the same, because the world may have changed, and after which pause.
    again: Option<(Instant, Duration)>,
}

/// What stood in the files, or why they could not be read.
#[derive(PartialEq, Eq)]
enum Seen {
    Content(Fingerprint),
    Unreadable(String),
}

/// Why an attempt failed.
struct Refusal {
    message: String,
    findings: Findings,
    /// Whether the same content may be taken later.
    passes: bool,
}

impl Refusal {
    fn plain(message: String) -> Refusal {
        Refusal { message, findings: Findings::default(), passes: false }
    }
}

impl Attempts {
    pub(super) fn new(
        files: Files,
        live: Arc<ArcSwap<Plan>>,
        running: Arc<ArcSwap<RunningPolicy>>,
        admit: Admit,
        (status, telemetry): (Arc<Status>, Arc<Telemetry>),
        last: Arc<Mutex<Option<Report>>>,
    ) -> Attempts {
        telemetry.policy().started(Timestamp::now());
        telemetry.policy().pending(false);
        announce(&telemetry, &running.load());
        Attempts { files, live, running, admit, status, telemetry, last, refused: None, again: None }
    }

    /// Compares the files with what runs, and tries what is new, or what the world may take by now. Says nothing where nothing is.
    pub(super) fn look(&mut self) {
        let content = self.files.read();
        let seen = match &content {
            Ok(content) => Seen::Content(content.fingerprint()),
            Err(fault) => Seen::Unreadable(fault.to_string()),
        };
        let as_running = seen == Seen::Content(self.running.load().fingerprint);
        let is_due = self.again.is_some_and(|(at, _)| Instant::now() >= at);
        let as_refused = self.refused.as_ref() == Some(&seen) && !is_due;
        let restored = as_running && self.refused.is_some();
        if restored || !(as_running || as_refused) {
            self.settle(Trigger::File, content.map_err(|fault| fault.to_string()));
        }
    }

    /// Tries what stands in the files now, also if it was tried before: what refused it may be gone.
    pub(super) fn try_now(&mut self, trigger: Trigger) -> Report {
        let content = self.files.read().map_err(|fault| fault.to_string());
        self.settle(trigger, content)
    }

    /// Judges the content, takes it or leaves it, and says so everywhere.
    fn settle(&mut self, trigger: Trigger, content: Result<Content, String>) -> Report {
        let seen = match &content {
            Ok(content) => Seen::Content(content.fingerprint()),
            Err(fault) => Seen::Unreadable(fault.clone()),
        };
        let verdict = content.map_err(Refusal::plain).and_then(|content| self.adopt(content));
        let at = Timestamp::now();
        let (result, message, findings, passes) = match verdict {
            Ok((result, findings)) => (result, message(result).to_owned(), findings, false),
            Err(Refusal { message, findings, passes }) => (ReloadResult::Failed, message, findings, passes),
        };
        let failed = result == ReloadResult::Failed;
        self.again = passes.then(|| self.next_try(&seen));
        self.refused = failed.then_some(seen);
        let policy = self.running.load().plan.hash.to_string();
        let report = Report { result, trigger, at, policy, message, diagnostics: findings.faults, text: findings.text };
        self.telemetry.policy().reloaded(result, at);
        self.telemetry.policy().pending(failed);
        // Whoever may ask whether the process is ready need not be one who may see the policy.
        let note = format!("the policy reload at {at} failed, and {} goes on; the log says why", report.policy);
        self.status.note_policy(failed.then_some(note));
        log(&report);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        report
    }

    /// When content that the world refused just now is tried again, and after which pause.
    fn next_try(&self, seen: &Seen) -> (Instant, Duration) {
        let before = self.again.filter(|_| self.refused.as_ref() == Some(seen));
        let pause = before.map_or(FIRST_PAUSE, |(_, pause)| (pause * 2).min(LONGEST_PAUSE));
        (Instant::now() + pause, pause)
    }

    /// Compiles the content and, if nothing speaks against it, lets it run.
    fn adopt(&self, content: Content) -> Result<(ReloadResult, Findings), Refusal> {
        let running = self.running.load_full();
        if content.fingerprint() == running.fingerprint {
            return Ok((ReloadResult::Unchanged, Findings::default()));
        }
        let opened = content.open().map_err(|fault| Refusal { passes: fault.passes(), ..Refusal::plain(fault.to_string()) })?;
        let compile = || {
            let compiled = opened.compile();
            let before_rotations = compiled.plan.as_ref().map(|_| opened.before_rotations());
            (compiled, before_rotations.unwrap_or_default())
        };
        let compiled = catch_unwind(AssertUnwindSafe(compile));
        let (compiled, before_rotations) = compiled.map_err(|_| Refusal::plain(PANICKED.to_owned()))?;
        let findings = Findings::of(&compiled);
        let Some(plan) = compiled.plan else {
            let errors = findings.faults.iter().filter(|fault| fault.severity == "error").count();
            let message = format!("the policy has {errors} error{}", if errors == 1 { "" } else { "s" });
            return Err(Refusal { message, findings, passes: false });
        };
        if let Some(message) = restart::needed(&running.plan, &plan) {
            return Err(Refusal { message, findings, passes: false });
        }
        if let Err(message) = (self.admit)(&running.plan, &plan) {
            return Err(Refusal { message, findings, passes: true });
        }
        let plan = Plan { before_rotations, ..plan };
        let next = RunningPolicy::new(Arc::new(plan), opened.content(), &findings);
        let same = next.plan.hash == running.plan.hash && next.keys == running.keys;
        // Also where the meaning is the same: lines may have moved, and explanations point at them.
        announce(&self.telemetry, &next);
        self.live.store(next.plan.clone());
        opened.adopt();
        self.running.store(Arc::new(next));
        Ok((if same { ReloadResult::Unchanged } else { ReloadResult::Changed }, findings))
    }
}

fn message(result: ReloadResult) -> &'static str {
    match result {
        ReloadResult::Changed => "the new policy takes effect at each worker's next cut",
        ReloadResult::Unchanged => "the policy and its keys are those that run",
        ReloadResult::Failed => "the old policy goes on",
    }
}

/// Tells the metrics which policy runs.
fn announce(telemetry: &Telemetry, running: &RunningPolicy) {
    let plan = &running.plan;
    telemetry.key_epoch(running.key_epoch);
    let reviewed = plan.vendors.iter().filter_map(|vendor| Some((vendor.name.clone(), vendor.reviewed?)));
    telemetry.policy_runs(&plan.hash.to_string(), LANGUAGE, reviewed.collect());
}

fn log(report: &Report) {
    let (trigger, policy, message) = (report.trigger, &report.policy, &report.message);
    match report.result {
        ReloadResult::Changed => tracing::info!(%policy, ?trigger, "policy reloaded"),
        ReloadResult::Unchanged => tracing::info!(%policy, ?trigger, "policy unchanged"),
        ReloadResult::Failed => tracing::error!(%policy, ?trigger, cause = %message, "policy reload failed; the old one goes on"),
    }
    for fault in report.diagnostics.iter().take(LOGGED) {
        let (line, column, code) = (fault.line, fault.column, fault.code);
        match fault.severity {
            "error" => tracing::error!(line, column, code, fault = %fault.message, "policy"),
            _ => tracing::warn!(line, column, code, fault = %fault.message, "policy"),
        }
    }
}
