//! Snapshots of the ledger on disk: read at the start where one is of use, written from time to time and at the end.
//!
//! The follower's thread marks the moment; a thread of its own writes, so that reading goes on. The file appears whole or not at
//! all, and only its owner may read it.

use crate::config::{LedgerSnapshot, Properties};
use crate::event::Timestamp;
use crate::kafka::Settings;
use crate::kafka::about::{About, about};
use crate::ledger::snapshot::Expected;
use crate::ledger::{Ledger, Origin, Snapshot};
use crate::telemetry::{ConsentMeters, SnapshotResult};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A process that is asked to end waits so long for the last snapshot; then the one before stays.
const LAST: Duration = Duration::from_secs(4);

/// A snapshot of the end is not worth its time where one was taken so lately.
const RECENT: Duration = Duration::from_secs(10);

/// Bytes handed to the system at once.
const BUFFER: usize = 1 << 20;

/// Where the rows of a start come from.
pub(super) struct Start {
    /// The ledger, with the rows of the snapshot if it was of use.
    pub(super) ledger: Arc<Ledger>,
    /// Partition and next offset, as far as rows were restored.
    pub(super) from: Vec<(i32, i64)>,
    /// What the topic is; `None` where brokers do not tell, and so no snapshot can be taken.
    about: Option<About>,
}

/// Restores the ledger of `make` where the file is of use, and says so where it is not.
pub(super) fn start(
    make: impl Fn() -> Ledger,
    settings: &Settings,
    properties: &Properties,
    topic: &str,
    file: &LedgerSnapshot,
    meters: &ConsentMeters,
) -> Start {
    let whole = |about| Start { ledger: Arc::new(make()), from: Vec::new(), about };
    let about = match about(settings, properties, topic) {
        Ok(about) => about,
        Err(why) => {
            tracing::warn!("no snapshot of the ledger is read or taken: {why}");
            return whole(None);
        }
    };
    let input = match File::open(&file.path) {
        Ok(input) => BufReader::with_capacity(BUFFER, input),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            tracing::info!("there is no snapshot of the ledger yet: its topic is read whole");
            return whole(Some(about));
        }
        Err(fault) => {
            meters.snapshot(SnapshotResult::Discarded);
            tracing::warn!("the snapshot of the ledger cannot be opened ({}): its topic is read whole", fault.kind());
            return whole(Some(about));
        }
    };
    let About { cluster, id, delete_retention, ends } = about.clone();
    let expected = Expected { cluster, topic: topic.to_owned(), id, ends, delete_retention, now: Timestamp::now() };
    let (ledger, begun) = (make(), Instant::now());
    match ledger.restore(input, &expected) {
        Ok(next) => {
            meters.snapshot(SnapshotResult::Restored);
            let (subjects, seconds) = (ledger.subjects(), begun.elapsed().as_secs_f64());
            tracing::info!(subjects, seconds, "the ledger was restored from its snapshot; what follows it is read now");
            let from = next.into_iter().enumerate().map(|(at, next)| (i32::try_from(at).unwrap_or(i32::MAX), next)).collect();
            Start { ledger: Arc::new(ledger), from, about: Some(about) }
        }
        Err(why) => {
            meters.snapshot(SnapshotResult::Discarded);
            tracing::warn!("the snapshot of the ledger is discarded, and its topic is read whole: {why}");
            whole(Some(about))
        }
    }
}

impl Start {
    /// The id that the topic must have if rows were restored; 0 where any will do.
    pub(super) fn topic_id(&self) -> u128 {
        self.about.as_ref().filter(|_| !self.from.is_empty()).map_or(0, |about| about.id)
    }
}

/// Says when a snapshot is due, for the one who applies records.
pub(super) struct Due {
    ledger: Arc<Ledger>,
    topic: String,
    about: About,
    every: Duration,
    last: Option<Instant>,
    jobs: Sender<Snapshot>,
}

impl Due {
    /// All before `next` was applied. At the end a snapshot is taken unless one is young.
    pub(super) fn reached(&mut self, next: &[i64], is_end: bool) {
        let wait = if is_end { RECENT } else { self.every };
        if self.last.is_some_and(|last| last.elapsed() < wait) {
            return;
        }
        let About { cluster, id, delete_retention, ends: _ } = &self.about;
        let origin = Origin {
            cluster: cluster.clone(),
            topic: self.topic.clone(),
            id: *id,
            next: next.to_vec(),
            delete_retention: *delete_retention,
        };
        let Some(snapshot) = self.ledger.snapshot(&origin, Timestamp::now()) else { return };
        self.last = Some(Instant::now());
        // Whoever writes them lives as long as this.
        let _ = self.jobs.send(snapshot);
    }
}

/// Writes snapshots, on a thread of its own.
pub(super) struct Snapshots {
    /// Until when the last one may be written, once the process ends.
    deadline: Arc<OnceLock<Instant>>,
    is_idle: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// Begins; `None` where brokers do not tell enough about the topic.
    pub(super) fn begin(
        start: &Start,
        topic: &str,
        file: &LedgerSnapshot,
        meters: Arc<ConsentMeters>,
    ) -> io::Result<Option<(Due, Snapshots)>> {
        let Some(about) = start.about.clone() else { return Ok(None) };
        let (jobs, queue) = channel::<Snapshot>();
        let (deadline, is_idle) = (Arc::new(OnceLock::<Instant>::new()), Arc::new(AtomicBool::new(true)));
        let (until, idle, path) = (deadline.clone(), is_idle.clone(), file.path.clone());
        let work = move || {
            while let Ok(snapshot) = queue.recv() {
                idle.store(false, Ordering::Relaxed);
                let begun = Instant::now();
                match write(&snapshot, &path, || until.get().is_none_or(|until| Instant::now() < *until)) {
                    Ok(bytes) => {
                        meters.snapshot(SnapshotResult::Written);
                        tracing::info!(bytes, seconds = begun.elapsed().as_secs_f64(), "a snapshot of the ledger was written");
                    }
                    Err(fault) => {
                        meters.snapshot(SnapshotResult::Failed);
                        tracing::error!("no snapshot of the ledger was written; the one before stays: {fault}");
                    }
                }
                idle.store(true, Ordering::Relaxed);
            }
        };
        let thread = std::thread::Builder::new().name("privet-snapshots".to_owned()).spawn(work)?;
        // One that was restored is as good as one that was taken just now.
        let last = (!start.from.is_empty()).then(Instant::now);
        let due = Due { ledger: start.ledger.clone(), topic: topic.to_owned(), about, every: file.every, last, jobs };
        Ok(Some((due, Snapshots { deadline, is_idle, thread: Some(thread) })))
    }
}

impl Drop for Snapshots {
    fn drop(&mut self) {
        // The one who applies records has ended before, and with it the queue.
        let _ = self.deadline.set(Instant::now() + LAST);
        if let Some(thread) = self.thread.take() {
            if !self.is_idle.load(Ordering::Relaxed) {
                tracing::info!("the last snapshot of the ledger is being written");
            }
            // It panics nowhere; a snapshot that was not written is one that is not there.
            let _ = thread.join();
        }
    }
}

/// Writes beside the file, and puts it in its place once it is on the disk. How many bytes it has.
fn write(snapshot: &Snapshot, path: &Path, go_on: impl Fn() -> bool) -> io::Result<u64> {
    let part = beside(path);
    // Of a process that was killed; a link that somebody put there is removed, not followed.
    match fs::remove_file(&part) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
        Ok(()) | Err(_) => {}
    }
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let mut out = snapshot.write(BufWriter::with_capacity(BUFFER, file), go_on)?;
        out.flush()?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        fs::rename(&part, path)?;
        // The directory's entry too; where a system cannot do it the file is there all the same.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(bytes)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::ledger::{Change, Feed};
    use std::os::unix::fs::PermissionsExt as _;

    fn snapshot(people: usize) -> Snapshot {
        let ledger = Arc::new(Ledger::new(&KeySet::demonstration()));
        for person in 0..people {
            let key = format!("user_id:u{person}");
            let value = format!(r#"{{"identity":{{"kind":"user_id","value":"u{person}"}},"purposes":{{}}}}"#);
            let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
            ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key, value, timestamp: None });
        }
        let origin =
            Origin { cluster: "c".into(), topic: "t".into(), id: 1, next: vec![1], delete_retention: Duration::from_secs(60) };
        ledger.snapshot(&origin, Timestamp::now()).unwrap()
    }

    #[test]
    fn the_file_is_its_owners_alone_and_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.snapshot");
        // What somebody left there is neither followed nor written to.
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "untouched").unwrap();
        std::os::unix::fs::symlink(&elsewhere, beside(&path)).unwrap();
        let bytes = write(&snapshot(3), &path, || true).unwrap();
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "untouched");
        let about = fs::metadata(&path).unwrap();
        assert_eq!((about.len(), about.permissions().mode() & 0o777), (bytes, 0o600));
        let before = fs::read(&path).unwrap();
        assert!(write(&snapshot(3), &path, || false).is_err());
        assert_eq!(fs::read(&path).unwrap(), before, "the one before stays");
        assert!(!beside(&path).exists());
        assert!(write(&snapshot(1), &folder.path().join("no/such/folder/file"), || true).is_err());
    }
}
