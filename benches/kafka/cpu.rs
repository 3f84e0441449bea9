//! Processor time of a process, read from `/proc`: what a side costs is steadier than its rate where neighbours are noisy.

use std::time::{Duration, Instant};

/// Ticks of a second in `/proc` (`USER_HZ`), the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of processor time that the process has used so far; 0 where there is no `/proc`.
pub(crate) fn seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // Fields 14 and 15 of proc(5), counted after the name, which may hold anything.
    let Some((_, rest)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks = |at: usize| rest.split_ascii_whitespace().nth(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / TICKS
}

/// How one side did.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    /// Events a second.
    pub(crate) rate: f64,
    /// Microseconds of processor time an event, of the side's own process.
    pub(crate) cost: f64,
}

/// What is measured from the first commit on.
pub(crate) struct Meter {
    process: u32,
    first: Mark,
    last: Mark,
}

/// How many events were committed at a moment, and the seconds of processor time that were used by then.
#[derive(Clone, Copy)]
struct Mark {
    at: Instant,
    used: f64,
    events: u64,
}

impl Meter {
    /// So many events were committed before.
    pub(crate) fn start(process: u32, events: u64) -> Meter {
        let first = Mark { at: Instant::now(), used: seconds(process), events };
        Meter { process, first, last: first }
    }

    /// So many are now.
    pub(crate) fn note(&mut self, events: u64) {
        if events > self.last.events {
            self.last = Mark { at: Instant::now(), used: seconds(self.process), events };
        }
    }

    pub(crate) fn has_run_for(&self, time: Duration) -> bool {
        self.first.at.elapsed() >= time
    }

    /// Up to the last that was noted.
    pub(crate) fn stop(&self) -> Run {
        assert!(self.last.events > self.first.events, "too few events: all were committed at once");
        let events = (self.last.events - self.first.events) as f64;
        let seconds = self.last.at.duration_since(self.first.at).as_secs_f64();
        Run { rate: events / seconds, cost: (self.last.used - self.first.used) * 1e6 / events }
    }
}
