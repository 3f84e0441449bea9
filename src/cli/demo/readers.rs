//! The demo's sinks: a thread each that reads the sink's topic as the sink would and counts.

use super::progress::Progress;
use crate::kafka::mock::{MockError, Tail};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// One sink to read.
pub(super) struct Reading {
    /// Its position among the sinks.
    pub(super) sink: usize,
    /// Its topic.
    pub(super) topic: String,
    /// How many partitions that has.
    pub(super) partitions: u16,
    /// The bytes that the example event must have there; none if it must not come.
    pub(super) example: Option<Vec<u8>>,
}

/// Starts the thread. It ends soon after `progress.stop()`.
pub(super) fn start(
    bootstrap: &str,
    reading: Reading,
    progress: Arc<Progress>,
) -> anyhow::Result<JoinHandle<Result<(), MockError>>> {
    let tail = Tail::open(bootstrap, &reading.topic, reading.partitions)?;
    let name = format!("demo-{}", reading.topic);
    Ok(thread::Builder::new().name(name).spawn(move || {
        while !progress.stopping() {
            tail.next(Duration::from_millis(50), |row| {
                let seen = &progress.read[reading.sink];
                seen.bytes.fetch_add(row.value.map_or(0, <[u8]>::len) as u64, Ordering::Relaxed);
                if reading.example.is_some() && row.value == reading.example.as_deref() {
                    seen.example.store(true, Ordering::Relaxed);
                }
                seen.rows.fetch_add(1, Ordering::Release);
            })?;
        }
        Ok(())
    })?)
}
