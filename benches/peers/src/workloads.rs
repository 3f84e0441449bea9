//! The four workloads: what events look like, and what is asked.

use crate::rules::{Op, Rule, Task};
use privet::event::Timestamp;
use privet::tooling::collector::Collector;

const TRACK: &[Rule] = &[
    (&["userId"], Op::Pseudonym),
    (&["anonymousId"], Op::Pseudonym),
    (&["context", "traits", "email"], Op::Pseudonym),
    (&["context", "traits", "name"], Op::Drop),
    (&["context", "traits", "phone"], Op::Drop),
    (&["context", "device", "advertisingId"], Op::Drop),
    (&["context", "ip"], Op::Ip),
    (&["context", "page", "url"], Op::Url),
];

/// Eight sinks of which no two do the same.
const EIGHT: &[&[Rule]] = &[
    TRACK,
    &[(&["userId"], Op::Drop), (&["anonymousId"], Op::Drop), (&["context", "traits"], Op::Drop), (&["context", "ip"], Op::Drop)],
    &[(&["userId"], Op::Pseudonym), (&["context", "device"], Op::Drop), (&["context", "ip"], Op::Ip)],
    &[
        (&["context", "traits", "email"], Op::Drop),
        (&["context", "traits", "name"], Op::Drop),
        (&["context", "traits", "phone"], Op::Drop),
        (&["context", "ip"], Op::Drop),
    ],
    &[(&["context", "page", "url"], Op::Url), (&["context", "ip"], Op::Ip)],
    &[(&["properties"], Op::Drop), (&["context", "page", "url"], Op::Drop), (&["userId"], Op::Pseudonym)],
    &[(&["userId"], Op::Pseudonym), (&["anonymousId"], Op::Pseudonym), (&["context", "traits"], Op::Drop)],
    &[(&["context", "page"], Op::Drop), (&["context", "device"], Op::Drop), (&["anonymousId"], Op::Drop)],
];

const PAGE: &[Rule] = &[
    (&["userId"], Op::Pseudonym),
    (&["anonymousId"], Op::Pseudonym),
    (&["ip"], Op::Ip),
    (&["page", "url"], Op::Url),
    (&["page", "referrer"], Op::Drop),
];

const ORDER: &[Rule] = &[
    (&["customer", "id"], Op::Pseudonym),
    (&["customer", "email"], Op::Pseudonym),
    (&["customer", "name"], Op::Drop),
    (&["customer", "phone"], Op::Drop),
    (&["ip"], Op::Ip),
    (&["items", "*", "giftFor"], Op::Drop),
];

const TRACK_IDENTITIES: &[&str] = &["$.userId", "$.anonymousId"];

/// A task with its events.
pub type Workload = (Task, Vec<Vec<u8>>);

/// All of them.
pub fn workloads(now: Timestamp) -> Vec<Workload> {
    let task = |name, consent, identities, sinks: &[&[Rule]]| Task {
        name,
        consent,
        identities,
        sinks: sinks.iter().map(|rules| rules.to_vec()).collect(),
    };
    let track = track_events(now, 5_000);
    let eight = track.iter().take(2_000).cloned().collect();
    vec![
        (task("track", true, TRACK_IDENTITIES, &[TRACK]), track),
        (task("page views, 300 B", false, TRACK_IDENTITIES, &[PAGE]), (0..20_000).map(page_view).collect()),
        (task("orders, 20 KB, 200 items", false, &["$.customer.id"], &[ORDER]), (0..400).map(order).collect()),
        (task("track, 8 sinks", true, TRACK_IDENTITIES, EIGHT), eight),
    ]
}

fn track_events(now: Timestamp, count: usize) -> Vec<Vec<u8>> {
    let mut collector = Collector::new(1, 2_000);
    let make = |_| {
        let mut event = Vec::new();
        collector.track_event(now, &mut event);
        event
    };
    (0..count).map(make).collect()
}

fn page_view(number: usize) -> Vec<u8> {
    let (id, octet) = (number * 7919 % 100_000, number % 250);
    format!(
        r#"{{"type":"page","userId":"u{id:06}","anonymousId":"a-{id:06}-4e1f","timestamp":"2026-11-20T10:00:00Z","ip":"203.0.113.{octet}","page":{{"url":"https://shop.example/p/{id}?utm_source=news&email=u{id}%40x.io","path":"/p/{id}","title":"Product {id}","referrer":"https://www.example/"}}}}"#
    )
    .into_bytes()
}

fn order(number: usize) -> Vec<u8> {
    let item = |at: usize| {
        format!(
            r#"{{"sku":"S-{:05}","name":"Item {at}","qty":{},"price":{}.50,"taxed":true,"giftFor":"Person {at}"}}"#,
            at * 31 + number,
            at % 5 + 1,
            at + 10
        )
    };
    let items: Vec<String> = (0..200).map(item).collect();
    format!(
        r#"{{"orderId":"o-{number}","timestamp":"2026-11-20T10:00:00Z","customer":{{"id":"c{number:06}","email":"c{number}@x.io","name":"Some One","phone":"+49 30 123456"}},"ip":"203.0.113.9","items":[{}],"total":1234.50}}"#,
        items.join(",")
    )
    .into_bytes()
}
