//! Against Apache Kafka itself: one broker for this binary, each test its own topics and its own `privet`.

#[path = "../kit/mod.rs"]
mod kit;

use kit::client::Isolation;
use kit::fixture;

/// The kit before anything else: what it writes it reads back, key by key in order.
#[test]
fn the_kit_reads_what_it_wrote() {
    let Some(kafka) = kit::kafka("kafka") else { return };
    let topic = format!("kit-{}", std::process::id());
    kafka.create_topics(&[&topic], 4);
    kafka.produce(&topic, (0..1000).map(fixture::input));
    let rows = kafka.read(&topic, Isolation::Committed);
    assert_eq!(rows.len(), 1000);
    assert_eq!(kafka.ends(&topic).values().sum::<i64>(), 1000);
    assert!(
        rows.iter().map(|row| row.partition).collect::<std::collections::BTreeSet<_>>().len() == 4,
        "all partitions are used"
    );
    assert!(kafka.committed("nobody", &topic).is_empty());
}
