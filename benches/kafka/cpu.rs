//! Processor time of a process, read from `/proc`: what a side costs is steadier than its rate where neighbours are noisy.

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
    begun: std::time::Instant,
    used: f64,
    before: u64,
}

impl Meter {
    /// So many events were committed before.
    pub(crate) fn start(process: u32, before: u64) -> Meter {
        Meter { process, begun: std::time::Instant::now(), used: seconds(process), before }
    }

    /// So many are now.
    pub(crate) fn stop(&self, events: u64) -> Run {
        let events = (events - self.before) as f64;
        let seconds = (self.begun.elapsed().as_secs_f64(), seconds(self.process) - self.used);
        Run { rate: events / seconds.0, cost: seconds.1 * 1e6 / events }
    }
}
