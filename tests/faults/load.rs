//! A generator of events at a steady rate, in order, until it is told to stop.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::kit::client::Input;
use super::kit::fixture::{Scene, input};

/// Events that are on their way to the source topic.
pub(crate) struct Load<'scope> {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicU64>,
    thread: Option<ScopedJoinHandle<'scope, ()>>,
}

/// A scenario that fails unwinds through the scope that waits for this thread: without an end it would wait for ever.
impl Drop for Load<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl<'scope> Load<'scope> {
    /// Begins with event 0, at `rate` events a second.
    pub(crate) fn start<'env>(scope: &'scope Scope<'scope, 'env>, scene: &'env Scene, rate: u64) -> Load<'scope> {
        Load::shaped(scope, scene, rate, input)
    }

    /// The same with records of another shape.
    pub(crate) fn shaped<'env>(
        scope: &'scope Scope<'scope, 'env>,
        scene: &'env Scene,
        rate: u64,
        shape: fn(u64) -> Input,
    ) -> Load<'scope> {
        let (stop, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (ends, counts) = (stop.clone(), made.clone());
        let thread = scope.spawn(move || {
            let begun = Instant::now();
            let paced = (0..).take_while(|seq: &u64| {
                while begun.elapsed().as_secs_f64() * (rate as f64) < *seq as f64 && !ends.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                !ends.load(Ordering::Relaxed)
            });
            let counted = paced.map(|seq| {
                counts.store(seq + 1, Ordering::Relaxed);
                shape(seq)
            });
            scene.kafka.produce(&scene.topic("source"), counted);
        });
        Load { stop, made, thread: Some(thread) }
    }

    /// Events made so far.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Stops, waits until the broker has all of them, and says which there are.
    pub(crate) fn finish(mut self) -> Range<u64> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().expect("a load is finished once").join().expect("the load is written");
        0..self.made.load(Ordering::Relaxed)
    }
}
