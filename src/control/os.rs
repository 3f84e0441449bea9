//! Signals of the operating system: `SIGTERM` and `SIGINT` drain, a second one ends at once, `SIGHUP` reloads.

use super::reload::{ReloadHandle, Trigger};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether the process has been asked to end; shared by everything that must.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Not asked yet.
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Asks; true if nobody had.
    pub fn request(&self) -> bool {
        let first = !std::mem::replace(&mut *self.locked(), true);
        self.0.1.notify_all();
        first
    }

    /// Whether somebody has asked.
    pub fn requested(&self) -> bool {
        *self.locked()
    }

    /// Waits until somebody asks.
    pub fn wait(&self) {
        let asked = self.0.1.wait_while(self.locked(), |asked| !*asked);
        drop(asked.unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits until somebody asks, but no longer than that; true if somebody has.
    pub fn wait_for(&self, limit: Duration) -> bool {
        let waited = self.0.1.wait_timeout_while(self.locked(), limit, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn locked(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes over the signals for the rest of the process's life. Without a reloader `SIGHUP` is logged and ignored: a
/// closed terminal must not end a proxy.
pub fn watch_signals(stop: Stop, reload: Option<ReloadHandle>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // Taken over before this returns, so that no signal meets the default action.
    let signals = {
        let _context = runtime.enter();
        Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        }
    };
    let serve = move || runtime.block_on(serve(signals, stop, reload));
    std::thread::Builder::new().name("privet-signals".to_owned()).spawn(serve)?;
    Ok(())
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

async fn serve(mut signals: Signals, stop: Stop, reload: Option<ReloadHandle>) {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => end(&stop, "SIGTERM", 15),
            _ = signals.interrupt.recv() => end(&stop, "SIGINT", 2),
            _ = signals.hangup.recv() => hang_up(reload.as_ref()),
        }
    }
}

fn end(stop: &Stop, name: &str, number: i32) {
    if stop.request() {
        tracing::info!(signal = name, "draining; a second signal ends at once");
        return;
    }
    tracing::warn!(signal = name, "ended without draining; the open transactions are aborted by the brokers");
    // What a shell reports for a process that a signal ended.
    std::process::exit(128 + number);
}

fn hang_up(reload: Option<&ReloadHandle>) {
    match reload.map(|reload| reload.request(Trigger::Signal)) {
        Some(Ok(())) => {}
        Some(Err(busy)) => tracing::warn!(%busy, "SIGHUP"),
        None => tracing::warn!("SIGHUP: there is no policy file to reload"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_asked_for_once_and_wakes_who_waits() {
        let stop = Stop::new();
        assert!(!stop.wait_for(Duration::from_millis(1)));
        let waiting = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait()
        });
        assert!(stop.request());
        assert!(!stop.request());
        waiting.join().unwrap();
        assert!(stop.requested());
    }

    /// The signals of a process are its own only; one test takes them over for all of them.
    #[test]
    fn sigterm_asks_for_a_stop_and_sighup_alone_does_not() {
        let stop = Stop::new();
        watch_signals(stop.clone(), None).unwrap();
        signal_hook::low_level::raise(signal_hook::consts::SIGHUP).unwrap();
        assert!(!stop.wait_for(Duration::from_millis(200)));
        signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
        assert!(stop.wait_for(Duration::from_secs(10)));
    }
}
