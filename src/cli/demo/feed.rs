//! The demo's collector: a thread that sends events to the source topic, never far ahead of the slowest sink's reader.

use super::progress::Progress;
use crate::event::Timestamp;
use crate::kafka::mock::{Feed, MockError, Taken};
use crate::tooling::collector::Collector;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The events that were made before the start, so that one of them can be shown before and after: the feed sends them first.
pub(super) struct Prepared {
    /// Record key and value, in order.
    pub(super) events: Vec<(Vec<u8>, Vec<u8>)>,
    /// The collector, which goes on from there.
    pub(super) collector: Collector,
}

/// What the feed is told.
pub(super) struct Orders {
    /// The cluster's `bootstrap.servers`.
    pub(super) bootstrap: String,
    /// The source topic.
    pub(super) topic: String,
    /// How many events; none: until it is told to stop.
    pub(super) events: Option<u64>,
    /// Events a second; none: as fast as they are taken.
    pub(super) rate: Option<u32>,
}

/// Starts the thread. It ends after the last event is on the broker, or soon after `progress.end_feed()`.
pub(super) fn start(
    orders: Orders,
    prepared: Prepared,
    progress: Arc<Progress>,
) -> std::io::Result<JoinHandle<Result<(), MockError>>> {
    thread::Builder::new().name("demo-collector".into()).spawn(move || {
        let ended = send_all(&orders, prepared, &progress);
        progress.feed_ended();
        ended
    })
}

fn send_all(orders: &Orders, prepared: Prepared, progress: &Progress) -> Result<(), MockError> {
    let Prepared { events, mut collector } = prepared;
    let feed = Feed::connect(&orders.bootstrap)?;
    let pace = Pace::new(orders.rate);
    let mut value = Vec::with_capacity(4096);
    let mut first = events.iter();
    let mut sent = 0;
    while orders.events.is_none_or(|wanted| sent < wanted) && !progress.feed_ending() {
        pace.wait(sent);
        let now = Timestamp::now();
        let taken = if let Some((key, value)) = first.next() {
            send(&feed, orders, key, value, now, progress)?
        } else {
            value.clear();
            let made = collector.next(now, &mut value);
            send(&feed, orders, made.key, &value, now, progress)?
        };
        if !taken {
            break;
        }
        sent += 1;
    }
    feed.flush(Duration::from_secs(20))
}

/// Sends one event as soon as there is room for it; false where the demo stops first.
fn send(feed: &Feed, orders: &Orders, key: &[u8], value: &[u8], at: Timestamp, progress: &Progress) -> Result<bool, MockError> {
    while !progress.feed_ending() {
        if progress.has_room() && feed.send(&orders.topic, key, value, at)? == Taken::Yes {
            progress.produced(value.len());
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(false)
}

/// Keeps to a rate.
struct Pace {
    rate: Option<u32>,
    started: Instant,
}

impl Pace {
    fn new(rate: Option<u32>) -> Pace {
        Pace { rate, started: Instant::now() }
    }

    /// Waits until it is time for the event after `sent` others.
    fn wait(&self, sent: u64) {
        let Some(rate) = self.rate else { return };
        let due = self.started + Duration::from_secs_f64(sent as f64 / f64::from(rate.max(1)));
        let early = due.saturating_duration_since(Instant::now());
        // Short sleeps oversleep: going in small bursts keeps the average.
        if early > Duration::from_millis(2) {
            thread::sleep(early);
        }
    }
}
