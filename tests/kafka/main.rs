//! Against Apache Kafka itself: one broker for this binary, each test its own topics and its own `privet`.

#[path = "../kit/mod.rs"]
mod kit;

#[path = "../faults/proxy.rs"]
#[allow(dead_code, reason = "shared with the scenarios of faults")]
mod proxy;

mod bound;
mod controller;
mod crash;
mod dsr;
mod exact;
mod learn;
mod ledger;
mod loading;
mod reload;
mod shred;
mod snapshot;
mod start;
mod watch;

use std::time::Duration;

use kit::client::Isolation;
use kit::fixture;

/// Longest wait for a few thousand events on two shared cores.
const SOON: Duration = Duration::from_secs(90);

/// The kit before anything else: what it writes it reads back, from all partitions.
#[test]
fn the_kit_reads_what_it_wrote() {
    let Some(kafka) = kit::broker::kafka("kafka") else { return };
    let topic = format!("kit-{}", std::process::id());
    kafka.create_topics(&[&topic], 4);
    kafka.produce(&topic, (0..1000).map(fixture::input));
    let rows = kafka.read(&topic, Isolation::Committed);
    assert_eq!(rows.len(), 1000);
    assert_eq!(kafka.ends(&topic).values().sum::<i64>(), 1000);
    assert_eq!(
        rows.iter().map(|row| row.partition).collect::<std::collections::BTreeSet<_>>().len(),
        4,
        "all partitions are used"
    );
    assert!(kafka.committed("nobody", &topic).is_empty());
}
