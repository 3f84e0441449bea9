//! A collector of tracking events, invented but lifelike: the same seed gives the same events on every machine.
//!
//! It feeds `privet demo`, the examples, the tests and the benches. Everything personal in it belongs to nobody (see
//! `people`). The shape is that of Segment's libraries: `track` events of about 1.9 KB and smaller `page` events, with
//! page, device, traits, one to three products, a comment, a user agent and `consent.categoryPreferences`.

mod people;
mod random;
mod shop;

use crate::event::Timestamp;
use people::Person;
use random::Random;
use shop::Turn;

/// How many people visit the shop in the demo.
pub const PEOPLE: u32 = 2_000;

/// Shares in a thousand events.
const MALFORMED: u32 = 5;
const PAGES: u32 = 250;
const WITHOUT_CONSENT_OBJECT: u32 = 60;
const WITHOUT_LOCATION: u32 = 30;
const EMAIL_IN_URL: u32 = 80;
const WRAPPED_USER: u32 = 4;
const ESCAPED_NAME: u32 = 10;
/// Share with advertising consent in the reference workload.
const REFERENCE_ADVERTISING: u32 = 700;

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Something that somebody did.
    Track,
    /// A page that somebody saw.
    Page,
    /// Bytes that are not one JSON document, or not safely one: the proxy must set them aside.
    Malformed,
}

/// One event that was appended to the buffer, and the record key that goes with it.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    /// The account's id, else the browser's.
    pub key: &'a [u8],
    /// What it is.
    pub shape: Shape,
}

/// The collector: some people, and what they do next.
pub struct Collector {
    people: Vec<Person>,
    random: Random,
}

impl Collector {
    /// A collector for so many people (at least one).
    pub fn new(seed: u64, people: u32) -> Collector {
        let mut random = Random::new(seed);
        let people = (0..people.max(1)).map(|number| Person::invent(number, &mut random)).collect();
        Collector { people, random }
    }

    /// Appends the next event, received at `at`, to `out`: without line break, on one line.
    pub fn next(&mut self, at: Timestamp, out: &mut Vec<u8>) -> Made<'_> {
        let Collector { people, random } = self;
        let person = random.pick(people);
        let turn = Turn {
            email_in_url: random.per_mille(EMAIL_IN_URL),
            consent: (!random.per_mille(WITHOUT_CONSENT_OBJECT)).then_some(person.choices.advertising),
            located: !random.per_mille(WITHOUT_LOCATION),
            gpc: person.choices.gpc,
            wrapped_user: random.per_mille(WRAPPED_USER),
            escaped_name: random.per_mille(ESCAPED_NAME),
        };
        let start = out.len();
        let shape = if random.per_mille(PAGES) {
            shop::page(person, turn, at, random, out);
            Shape::Page
        } else {
            shop::track(person, turn, at, random, out);
            Shape::Track
        };
        let shape = if random.per_mille(MALFORMED) {
            spoil(start, random, out);
            Shape::Malformed
        } else {
            shape
        };
        Made { key: person.key().as_bytes(), shape }
    }

    /// Appends the next event of the reference workload "track": always a well-formed `track` event of a signed-in
    /// visitor with place and consent object, 70 % of them with advertising consent, the e-mail address in the page's query.
    pub fn track_event(&mut self, at: Timestamp, out: &mut Vec<u8>) -> Made<'_> {
        let Collector { people, random } = self;
        let person = random.pick(people);
        let turn = Turn {
            email_in_url: true,
            consent: Some(random.per_mille(REFERENCE_ADVERTISING)),
            located: true,
            gpc: false,
            wrapped_user: false,
            escaped_name: false,
        };
        shop::track(person, turn, at, random, out);
        Made { key: person.key().as_bytes(), shape: Shape::Track }
    }
}

/// Makes the event that begins at `start` one of the broken kinds that turn up in real topics.
fn spoil(start: usize, random: &mut Random, out: &mut Vec<u8>) {
    let middle = start + (out.len() - start) / 2;
    match random.below(6) {
        // Cut off: a producer's buffer was too small. (Back to a character's first byte, so that it stays text.)
        0 => {
            let cut = (start..middle).rev().find(|at| out[*at].is_ascii()).unwrap_or(start);
            out.truncate(cut);
        }
        // A trailing comma.
        1 => {
            out.pop();
            out.extend_from_slice(b",}");
        }
        // A number that JSON does not have.
        2 => {
            out.pop();
            out.extend_from_slice(br#","score":NaN}"#);
        }
        // Two documents in one record.
        3 => out.extend_from_slice(br#"{"type":"track","event":"Product Viewed"}"#),
        // The same member twice: readers disagree about which one counts.
        4 => {
            out.pop();
            out.extend_from_slice(br#","anonymousId":"00000000-0000-4000-8000-000000000000"}"#);
        }
        // Half of a surrogate pair.
        _ => {
            out.pop();
            out.extend_from_slice(br#","mood":"\ud83d"}"#);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn at() -> Timestamp {
        "2026-11-20T10:02:12.340Z".parse().expect("test time")
    }

    fn events(seed: u64, count: usize) -> Vec<(Vec<u8>, Shape, Vec<u8>)> {
        let mut collector = Collector::new(seed, PEOPLE);
        let event = |_| {
            let mut out = Vec::new();
            let made = collector.next(at(), &mut out);
            let (shape, key) = (made.shape, made.key.to_vec());
            (out, shape, key)
        };
        (0..count).map(event).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_events() {
        assert!(events(1, 50) == events(1, 50));
        assert!(events(1, 50) != events(2, 50));
    }

    #[test]
    fn events_are_json_on_one_line_unless_they_say_so() {
        for (bytes, shape, key) in events(3, 6_000) {
            assert!(!bytes.contains(&b'\n'));
            assert!(std::str::from_utf8(&bytes).is_ok());
            assert!(!key.is_empty());
            let read: Result<Value, _> = serde_json::from_slice(&bytes);
            match shape {
                Shape::Track | Shape::Page => {
                    let value = read.expect("well-formed");
                    let text = String::from_utf8_lossy(&key);
                    assert!(value["anonymousId"] == *text || value["userId"] == *text || value["userId"]["id"] == *text);
                }
                // serde_json lets one of two equal members win; that is the one broken kind it reads.
                Shape::Malformed => {
                    assert!(read.is_err() || String::from_utf8_lossy(&bytes).matches("\"anonymousId\":").count() == 2)
                }
            }
        }
    }

    #[test]
    fn the_mix_is_as_stated() {
        let events = events(4, 6_000);
        let total = events.len() as f64;
        let well_formed = events.iter().filter(|(_, shape, _)| *shape != Shape::Malformed);
        let read: Vec<Value> = well_formed.map(|(bytes, ..)| serde_json::from_slice(bytes).expect("well-formed")).collect();
        let share = |test: &dyn Fn(&Value) -> bool| read.iter().filter(|value| test(value)).count() as f64 / total;
        let categories = |value: &Value| value["context"]["consent"]["categoryPreferences"].clone();
        let near = |got: f64, want: f64, what: &str| assert!((got - want).abs() < 0.03, "{what}: {got}");
        near(share(&|value| categories(value)["Advertising"] == true), 0.70 * 0.94, "advertising");
        near(share(&|value| categories(value)["Analytics"] == true), 0.85 * 0.94, "analytics");
        near(share(&|value| value["context"]["consent"].is_null()), 0.06, "no consent object");
        near(share(&|value| value["context"]["gpc"] == true), 0.018, "gpc");
        near(share(&|value| value["type"] == "page"), 0.25, "pages");
        near(share(&|value| value["context"]["location"]["country"] == "DE"), 0.30 * 0.97, "from Germany");
        let malformed = events.iter().filter(|(_, shape, _)| *shape == Shape::Malformed).count();
        assert!((12..=55).contains(&malformed), "{malformed} malformed of 6,000");
    }

    #[test]
    fn no_event_is_larger_than_the_demo_reckons_with() {
        let largest = events(8, 6_000).iter().map(|(bytes, ..)| bytes.len()).max();
        assert!(largest.is_some_and(|largest| largest < 2_600), "{largest:?} bytes");
    }

    #[test]
    fn a_person_is_the_same_in_every_event() {
        let mut emails = std::collections::HashMap::new();
        for (bytes, shape, key) in events(5, 8_000) {
            if shape == Shape::Malformed {
                continue;
            }
            let value: Value = serde_json::from_slice(&bytes).expect("well-formed");
            let email = value["context"]["traits"]["email"].as_str().expect("an address").to_owned();
            assert_eq!(emails.entry(key).or_insert_with(|| email.clone()), &email);
        }
        assert!(emails.len() > 1_900, "{} people", emails.len());
    }

    #[test]
    fn the_reference_workload_is_as_the_issue_says() {
        let mut collector = Collector::new(6, PEOPLE);
        let (mut bytes, mut consented) = (0, 0);
        let count = 4_000;
        for _ in 0..count {
            let mut out = Vec::new();
            assert_eq!(collector.track_event(at(), &mut out).shape, Shape::Track);
            bytes += out.len();
            let value: Value = serde_json::from_slice(&out).expect("well-formed");
            let products = value["properties"]["products"].as_array().expect("products").len();
            assert!((1..=3).contains(&products));
            assert!(value["context"]["page"]["url"].as_str().expect("url").contains("email="));
            consented += usize::from(value["context"]["consent"]["categoryPreferences"]["Advertising"] == true);
            for place in ["/context/traits/email", "/context/traits/name", "/context/device/advertisingId", "/context/ip"] {
                assert!(value.pointer(place).is_some_and(Value::is_string), "{place}");
            }
        }
        let mean = bytes / count;
        assert!((1_850..=1_950).contains(&mean), "{mean} bytes an event");
        assert!((2_680..=2_920).contains(&consented), "{consented} of {count} with consent");
    }
}
