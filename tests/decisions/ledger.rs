//! The ledger against a second reading of `design/decision.md` ("Several identities", "Cover", step 4) and `design/ledger.md`:
//! every combination of what a person's row, a device's row and a row that claims the device as an alias may say, through
//! the whole engine.

use super::kit::{NOW, at};
use jiff::ToSpan;
use privet::decode::Limits;
use privet::event::{Jurisdiction, Record, StreamId};
use privet::keys::KeySet;
use privet::ledger::{Feed, Ledger};
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy::compile;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The event happened so many days ago.
const EVENT: i64 = 30;

/// What a row says about the sink's one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    /// There is a row, and it is about something else.
    Silent,
    /// Granted, and last confirmed, so many days ago, to whom.
    Granted(i64, To),
    /// Granted without a time.
    GrantedSometime,
    /// Granted 60 days ago, until 5 days ago.
    Ended,
    /// Granted 80 days ago, confirmed 10 days ago (after the event), to whom.
    Confirmed(To),
    Denied,
    Withdrawn,
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// `vendors` is absent.
    Unsaid,
    All,
    Nobody,
    Acme,
    Others,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Party {
    First,
    Processor,
    /// A controller, disclosed so many days ago.
    Controller(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suppressed {
    Nobody,
    Person,
    Device,
    PersonForAnotherPurpose,
    DeviceForThisPurpose,
}

#[derive(Clone, Copy, Debug)]
struct World {
    party: Party,
    /// Whether the event names the person, and their row.
    person: Option<Option<Row>>,
    /// Whether the event names the device, and its own row.
    device: Option<Option<Row>>,
    /// Another person's row that has the device as an alias.
    claim: Option<Row>,
    suppressed: Suppressed,
}

/// What grants amount to, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    None,
    Expired,
    OutOfReach,
    Good,
}

fn oracle(world: &World) -> &'static str {
    if world.person.is_none() && world.device.is_none() {
        return "subject_unknown";
    }
    // Step 4. A device's suppression does not silence a person who is also named.
    let silenced = match world.suppressed {
        Suppressed::Nobody | Suppressed::PersonForAnotherPurpose => false,
        Suppressed::Person => world.person.is_some(),
        Suppressed::Device | Suppressed::DeviceForThisPurpose => world.person.is_none(),
    };
    if silenced {
        return "suppressed";
    }
    let person: Vec<Row> = world.person.flatten().into_iter().collect();
    let device: Vec<Row> = match world.device {
        Some(own) => own.into_iter().chain(world.claim).collect(),
        None => Vec::new(),
    };
    // "Any row's denial wins", the strictest first.
    for (row, reason) in
        [(Row::Unreadable, "signal_invalid"), (Row::Withdrawn, "consent_withdrawn"), (Row::Denied, "consent_denied")]
    {
        if person.contains(&row) || device.contains(&row) {
            return reason;
        }
    }
    // "A grant counts only from the first listed identity that has a row; a device's only where no person identity is present."
    let granting = if world.person.is_some() { person } else { device };
    match granting.iter().map(|row| strength(*row, world.party)).min().unwrap_or(Strength::None) {
        Strength::Good => "consent_granted",
        Strength::OutOfReach => "vendor_not_permitted",
        Strength::Expired => "consent_expired",
        Strength::None => "no_consent",
    }
}

fn strength(row: Row, party: Party) -> Strength {
    let (since, confirmed, to) = match row {
        Row::Granted(days, to) => (days, days, to),
        Row::Confirmed(to) => (80, 10, to),
        Row::Ended => return Strength::Expired,
        Row::Silent | Row::GrantedSometime | Row::Denied | Row::Withdrawn | Row::Unreadable => return Strength::None,
    };
    if since < EVENT {
        return Strength::None;
    }
    if confirmed > 90 {
        return Strength::Expired;
    }
    // What `*` meant when the event happened.
    let given = if confirmed >= EVENT { confirmed } else { since };
    let reaches = match (party, to) {
        (Party::First, _) => true,
        (_, To::Acme) => true,
        (_, To::Nobody | To::Others) => false,
        (Party::Processor, To::Unsaid | To::All) => true,
        (Party::Controller(_), To::Unsaid) => false,
        (Party::Controller(disclosed), To::All) => given <= disclosed,
    };
    if reaches { Strength::Good } else { Strength::OutOfReach }
}

fn days_ago(days: i64) -> String {
    at(NOW).checked_sub((days * 24).hours()).expect("in range").to_string()
}

fn plan(party: Party) -> Plan {
    let (vendor, sink) = match party {
        Party::First => (String::new(), ""),
        Party::Processor => ("vendors: {acme: {name: Acme, role: processor, country: DE, tcf: none}}\n".into(), "vendor: acme,"),
        Party::Controller(days) => {
            let since = &days_ago(days)[..10];
            let vendor = format!(
                "vendors: {{acme: {{name: Acme, role: controller, country: DE, disclosed_since: {since}, tcf: none}}}}\n"
            );
            (vendor, "vendor: acme,")
        }
    };
    let text = format!(
        "privet: 1
controller: {{name: Example Ltd, country: DE}}
purposes: {{ads: {{legal_basis: consent, max_age: P90D}}, other: {{legal_basis: consent}}}}
regimes: [{{in: [\"*\"], silence: deny}}]
{vendor}streams:
  web:
    topics: [in]
    format: json
    jurisdiction: {{otherwise: DE}}
    time: {{path: $.at}}
    subject: [{{kind: device, path: $.device, names: device}}, {{kind: user_id, path: $.user}}]
    consent: [{{signal: ledger}}]
sinks:
  out: {{topic: out, streams: [web], {sink} purposes: [ads], unlisted: keep}}
"
    );
    let compiled = compile(&text, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

fn purposes(row: Row) -> String {
    let vendors = |to| match to {
        To::Unsaid => "",
        To::All => r#","vendors":["*"]"#,
        To::Nobody => r#","vendors":[]"#,
        To::Acme => r#","vendors":["b","acme"]"#,
        To::Others => r#","vendors":["b","c"]"#,
    };
    let ads = match row {
        Row::Silent => return r#""other":{"state":"denied"}"#.into(),
        Row::Granted(days, to) => format!(r#""state":"granted","at":"{}"{}"#, days_ago(days), vendors(to)),
        Row::GrantedSometime => r#""state":"granted""#.into(),
        Row::Ended => format!(r#""state":"granted","at":"{}","expires":"{}""#, days_ago(60), days_ago(5)),
        Row::Confirmed(to) => {
            format!(r#""state":"granted","at":"{}","since":"{}"{}"#, days_ago(10), days_ago(80), vendors(to))
        }
        Row::Denied => r#""state":"denied""#.into(),
        Row::Withdrawn => format!(r#""state":"withdrawn","at":"{}""#, days_ago(3000)),
        Row::Unreadable => r#""state":"unsure""#.into(),
    };
    format!(r#""ads":{{{ads}}}"#)
}

fn judge(plan: &Plan, engine: &mut Engine, world: &World) -> &'static str {
    let ledger = Ledger::for_trial();
    let put = |kind: &str, value: &str, aliases: &str, row: Row| {
        let purposes = purposes(row);
        let json = format!(r#"{{"identity":{{"kind":"{kind}","value":"{value}"}}{aliases},"purposes":{{{purposes}}}}}"#);
        assert!(ledger.apply_json(Feed::Consent, json.as_bytes()).is_ok());
    };
    let d1 = r#","aliases":[{"kind":"device","value":"d1"}]"#;
    world.person.flatten().into_iter().for_each(|row| put("user_id", "u1", "", row));
    world.device.flatten().into_iter().for_each(|row| put("device", "d1", "", row));
    world.claim.into_iter().for_each(|row| match row {
        // Whose aliases cannot be read either.
        Row::Unreadable => {}
        row => put("user_id", "u2", d1, row),
    });
    let suppression = match world.suppressed {
        Suppressed::Nobody => None,
        Suppressed::Person => Some(r#"{"identity":{"kind":"user_id","value":"u1"}}"#),
        Suppressed::Device => Some(r#"{"identity":{"kind":"device","value":"d1"}}"#),
        Suppressed::PersonForAnotherPurpose => Some(r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":["other"]}"#),
        Suppressed::DeviceForThisPurpose => Some(r#"{"identity":{"kind":"device","value":"d1"},"purposes":["ads","x"]}"#),
    };
    suppression.into_iter().for_each(|json| assert!(ledger.apply_json(Feed::Erasures, json.as_bytes()).is_ok()));
    engine.set_ledger(Some(Arc::new(ledger)));
    let user = if world.person.is_some() { r#","user":"u1""# } else { "" };
    let device = if world.device.is_some() { r#","device":"d1""# } else { "" };
    let event = format!(r#"{{"at":"{}"{user}{device}}}"#, days_ago(EVENT));
    let record = Record { position: Default::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers: &[] };
    let mut reason = None;
    engine.evaluate(plan, StreamId(0), &record, at(NOW), &mut |_, verdict| {
        assert_eq!(verdict.outcome.releases(), verdict.reason.as_str() == "consent_granted", "{world:?}");
        reason = Some(verdict.reason.as_str());
    });
    reason.expect("one verdict for the one sink")
}

#[test]
fn every_row_of_a_person_a_device_and_who_claims_it() {
    let rows = [
        Row::Silent,
        Row::Granted(60, To::Unsaid),
        Row::Granted(60, To::All),
        Row::Granted(60, To::Nobody),
        Row::Granted(60, To::Acme),
        Row::Granted(60, To::Others),
        Row::Granted(EVENT, To::Acme),
        Row::Granted(EVENT - 1, To::Acme),
        Row::Granted(91, To::Acme),
        Row::GrantedSometime,
        Row::Ended,
        Row::Confirmed(To::Unsaid),
        Row::Confirmed(To::All),
        Row::Denied,
        Row::Withdrawn,
        Row::Unreadable,
    ];
    let or_not = || [None, Some(None)].into_iter().chain(rows.into_iter().map(|row| Some(Some(row))));
    let claims = [None, Some(Row::Silent), Some(Row::Granted(60, To::All)), Some(Row::Withdrawn)];
    let suppressions = [
        Suppressed::Nobody,
        Suppressed::Person,
        Suppressed::Device,
        Suppressed::PersonForAnotherPurpose,
        Suppressed::DeviceForThisPurpose,
    ];
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut engine = Engine::new(Limits::default());
    for party in [Party::First, Party::Processor, Party::Controller(70), Party::Controller(40)] {
        let plan = plan(party);
        for person in or_not() {
            for device in or_not() {
                for claim in claims {
                    // All of these beside one another would take minutes.
                    let some = if claim.is_none() { &suppressions[..] } else { &suppressions[..1] };
                    for suppressed in some.iter().copied() {
                        let world = World { party, person, device, claim, suppressed };
                        let expected = oracle(&world);
                        assert_eq!(judge(&plan, &mut engine, &world), expected, "{world:#?}");
                        *seen.entry(expected).or_default() += 1;
                    }
                }
            }
        }
    }
    let reasons = [
        "consent_denied",
        "consent_expired",
        "consent_granted",
        "consent_withdrawn",
        "no_consent",
        "signal_invalid",
        "subject_unknown",
        "suppressed",
        "vendor_not_permitted",
    ];
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), reasons);
    assert!(seen.values().sum::<usize>() > 10_000, "{seen:?}");
}

#[test]
fn only_a_row_that_may_grant_takes_the_place_of_the_assumed_one() {
    // The device is listed first; `otherwise` is DE.
    for (person, device, expected) in [
        (None, Some("FR"), &["FR"][..]),
        (Some(None), Some("FR"), &["DE", "FR"]),
        (Some(None), Some("DE"), &["DE"]),
        (Some(Some("US")), None, &["US"]),
        (Some(Some("US")), Some("FR"), &["FR", "US"]),
        (Some(Some("US")), Some("DE"), &["DE", "US"]),
    ] {
        let ledger = Ledger::for_trial();
        for (kind, value, place) in [("user_id", "u1", person.flatten()), ("device", "d1", device)] {
            let Some(place) = place else { continue };
            let json =
                format!(r#"{{"identity":{{"kind":"{kind}","value":"{value}"}},"jurisdiction":"{place}","purposes":{{}}}}"#);
            assert!(ledger.apply_json(Feed::Consent, json.as_bytes()).is_ok());
        }
        let mut engine = Engine::new(Limits::default());
        engine.set_ledger(Some(Arc::new(ledger)));
        let user = if person.is_some() { r#","user":"u1""# } else { "" };
        let event = format!(r#"{{"at":"{}","device":"d1"{user}}}"#, days_ago(EVENT));
        let record =
            Record { position: Default::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers: &[] };
        engine.evaluate(&plan(Party::First), StreamId(0), &record, at(NOW), &mut |_, _| {});
        assert_eq!(engine.facts().jurisdictions.len(), expected.len(), "{person:?} {device:?}");
        let places: BTreeSet<String> = engine.facts().jurisdictions.iter().map(|place| format!("{place:?}")).collect();
        let place = |country: &&str| format!("{:?}", Jurisdiction::from_event(Some(country), None).expect("a place"));
        assert_eq!(places, expected.iter().map(place).collect(), "{person:?} {device:?}");
    }
}
