//! The policy's life while the process runs: watched, compiled again, and swapped whole. One thread does all of it, so
//! that a file change, `SIGHUP` and `POST /api/reload` at the same moment are three attempts one after the other.

mod attempt;
mod report;
mod restart;
#[cfg(test)]
mod tests;

pub use report::{Fault, Report, Trigger};

use super::Status;
use crate::plan::Plan;
use crate::policy::{Content, Files, Fingerprint, Opened, ReadError};
use crate::telemetry::Telemetry;
use arc_swap::ArcSwap;
use attempt::Attempts;
use jiff::Timestamp;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use report::Findings;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A change is looked at when the files have been quiet for so long: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(200);

/// Or at the latest so long after the first event, should they never be quiet.
const PATIENCE: Duration = Duration::from_secs(2);

/// The files are compared this often even without an event: some file systems send none, and a watched folder may
/// itself be replaced. Two small files are read each time.
const POLL: Duration = Duration::from_secs(5);

/// Requests that may wait; an attempt takes milliseconds, so that more is a flood.
const WAITING: usize = 16;

/// Asks the world (the brokers) whether the candidate can run: (running, candidate) → why not.
pub type Admit = Box<dyn Fn(&Plan, &Plan) -> Result<(), String> + Send>;

/// The policy that runs, with what people ask about it.
pub struct RunningPolicy {
    /// What the workers read.
    pub plan: Arc<Plan>,
    /// The text that it was compiled from.
    pub text: String,
    /// The compiler's warnings.
    pub warnings: Vec<Fault>,
    /// Since when it runs.
    pub since: Timestamp,
    fingerprint: Fingerprint,
    keys: Fingerprint,
    key_epoch: usize,
}

impl RunningPolicy {
    fn new(plan: Arc<Plan>, content: &Content, findings: &Findings) -> RunningPolicy {
        RunningPolicy {
            plan,
            text: content.text().to_owned(),
            warnings: findings.faults.clone(),
            since: Timestamp::now(),
            fingerprint: content.fingerprint(),
            keys: content.keys_fingerprint(),
            key_epoch: content.key_epoch(),
        }
    }
}

/// Why the policy cannot be loaded at the start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The policy has errors.
    #[error("the policy {file} has errors\n\n{text}")]
    Policy {
        /// The file.
        file: PathBuf,
        /// What the compiler found, for a person.
        text: String,
    },
}

/// Reads and compiles the policy for the start; warnings are in the result. What was read is for whoever else needs its keys.
pub fn load(files: &Files) -> Result<(RunningPolicy, Opened), LoadError> {
    let opened = files.read()?.open()?;
    let compiled = opened.compile();
    let findings = Findings::of(&compiled);
    match compiled.plan {
        Some(plan) => {
            let plan = Arc::new(Plan { before_rotations: opened.before_rotations(), ..plan });
            Ok((RunningPolicy::new(plan, opened.content(), &findings), opened))
        }
        None => Err(LoadError::Policy { file: files.policy.clone(), text: findings.text }),
    }
}

enum Command {
    Changed,
    Try(Trigger, Option<oneshot::Sender<Report>>),
    Stop,
}

/// Asks for reloads and tells what runs; cheap to copy.
#[derive(Clone)]
pub struct ReloadHandle {
    commands: SyncSender<Command>,
    running: Arc<ArcSwap<RunningPolicy>>,
    last: Arc<Mutex<Option<Report>>>,
}

/// Too many reloads wait already, or the process ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many reloads wait already, or the process ends")]
pub struct Busy;

impl ReloadHandle {
    /// Reloads and waits for what came of it.
    pub async fn reload(&self, trigger: Trigger) -> Result<Report, Busy> {
        let (answer, report) = oneshot::channel();
        self.commands.try_send(Command::Try(trigger, Some(answer))).map_err(|_| Busy)?;
        report.await.map_err(|_| Busy)
    }

    /// Asks for a reload without waiting.
    pub fn request(&self, trigger: Trigger) -> Result<(), Busy> {
        self.commands.try_send(Command::Try(trigger, None)).map_err(|_| Busy)
    }

    /// The policy that runs.
    pub fn running(&self) -> Arc<RunningPolicy> {
        self.running.load_full()
    }

    /// What the last attempt came to; `None` before the first.
    pub fn last(&self) -> Option<Report> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The reload thread.
pub struct Reloader {
    handle: ReloadHandle,
    thread: Option<JoinHandle<()>>,
}

impl Reloader {
    /// Watches the files of the policy that runs. `live` is what the workers read at each cut; it holds the plan of
    /// `loaded` already.
    pub fn start(
        files: Files,
        loaded: RunningPolicy,
        live: Arc<ArcSwap<Plan>>,
        admit: Admit,
        status: Arc<Status>,
        telemetry: Arc<Telemetry>,
    ) -> std::io::Result<Reloader> {
        let (commands, received) = sync_channel(WAITING);
        let noticed = Arc::new(AtomicBool::new(false));
        let watcher = watch(&files, commands.clone(), noticed.clone());
        let running = Arc::new(ArcSwap::from_pointee(loaded));
        let last = Arc::new(Mutex::new(None));
        let handle = ReloadHandle { commands, running: running.clone(), last: last.clone() };
        let attempts = Attempts::new(files, live, running, admit, (status, telemetry), last);
        let thread = std::thread::Builder::new().name("privet-reload".to_owned()).spawn(move || {
            serve(&received, attempts, &noticed);
            drop(watcher);
        })?;
        Ok(Reloader { handle, thread: Some(thread) })
    }

    /// A handle for others.
    pub fn handle(&self) -> ReloadHandle {
        self.handle.clone()
    }
}

impl Drop for Reloader {
    /// Ends the thread after the attempt it is in.
    fn drop(&mut self) {
        // Where the thread is gone already there is nobody to tell.
        let _ = self.handle.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// `noticed` says that a change waits among the commands already.
fn serve(commands: &Receiver<Command>, mut attempts: Attempts, noticed: &AtomicBool) {
    let mut first_event: Option<Instant> = None;
    let mut wait = POLL;
    loop {
        match commands.recv_timeout(wait) {
            Ok(Command::Changed) => {
                noticed.store(false, Ordering::Release);
                let first = *first_event.get_or_insert_with(Instant::now);
                wait = QUIET.min(PATIENCE.saturating_sub(first.elapsed()));
            }
            Ok(Command::Try(trigger, answer)) => {
                let report = attempts.try_now(trigger);
                (first_event, wait) = (None, POLL);
                if let Some(answer) = answer {
                    // Whoever asked may have gone; the report is in the log and the status.
                    let _ = answer.send(report);
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                attempts.look();
                (first_event, wait) = (None, POLL);
            }
            Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Watches the folders, not the files: editors and Kubernetes replace the file (or a link above it), and a watch on a
/// file stays with the one that was replaced. Without a watcher the polling still finds every change.
fn watch(files: &Files, commands: SyncSender<Command>, noticed: Arc<AtomicBool>) -> Option<RecommendedWatcher> {
    let told = move |event: notify::Result<notify::Event>| {
        let matters = event.is_ok_and(|event| !matches!(event.kind, EventKind::Access(_)));
        // One that waits stands for all, so that a busy folder leaves room for those who ask. A full queue is a queue that
        // will be looked at; polling covers the rest.
        if matters && !noticed.swap(true, Ordering::AcqRel) && commands.try_send(Command::Changed).is_err() {
            noticed.store(false, Ordering::Release);
        }
    };
    let started = notify::recommended_watcher(told).and_then(|mut watcher| {
        for folder in folders(files) {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    });
    started.inspect_err(|fault| tracing::warn!(%fault, every = ?POLL, "no file events; the policy is polled")).ok()
}

/// The folders of the files as named, and of what they are links to.
fn folders(files: &Files) -> BTreeSet<PathBuf> {
    let parent = |path: &Path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let named = [&files.policy, &files.keys];
    let real = named.iter().filter_map(|path| path.canonicalize().ok()).map(|path| parent(&path));
    named.iter().map(|path| parent(path)).chain(real).collect()
}
