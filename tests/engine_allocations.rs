//! The engine allocates nothing for a record once its buffers have grown: held with an allocator that counts, from the
//! bytes to the bytes, whatever the control values are.

#[path = "kit/allocator.rs"]
mod allocator;

use allocator::ALLOCATIONS;
use privet::decode::Limits;
use privet::event::{Header, Record, StreamId, Timestamp};
use privet::keys::KeySet;
use privet::ledger::{Feed, Ledger};
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy;
use std::collections::BTreeSet;
use std::sync::Arc;

const POLICY: &str = r#"
privet: 1
controller: {name: Example Ltd, country: DE}
purposes:
  analytics:
    {legal_basis: consent, tcf: [1, 7], opt_outs: [targeted_advertising], consent_mode: [analytics_storage], max_age: P13M}
  statistics: {legal_basis: legitimate_interests, tcf: [9], opt_outs: none, consent_mode: none}
regimes:
  - {in: [EEA], silence: deny}
  - {in: [US-CA], silence: allow, gpc: true}
  - {in: ["*"], silence: deny}
vendors:
  acme: {role: processor, country: DE, tcf: {id: 755, purposes: [1, 7], legitimate_interests: [9]}, reviewed: 2026-03-01}
streams:
  web:
    topics: [events]
    format: json
    subject:
      - {kind: user_id, path: $.user, normalize: lower}
      - {kind: user_id, key: true, normalize: email}
      - {kind: device_id, header: x-device, names: device}
    time: {path: $.time, unit: rfc3339}
    jurisdiction: {country: $.country, region: $.region, otherwise: EEA}
    consent:
      - {signal: segment, path: $.preferences, purposes: {analytics: Analytics, statistics: none}}
      - {signal: boolean, path: $.objection, true_means: opted_out, lenient: true, purposes: {statistics: all, analytics: none}}
      - {signal: gpc, header: Sec-GPC}
      - {signal: tcf, path: $.tcf, gdpr_applies: $.gdpr, publisher: true}
      - {signal: gpp, path: $.gpp, sid: $.sid}
      - {signal: usp, path: $.usp}
      - {signal: consent_mode, path: $.gcs, gcd: advisory}
      - {signal: rudderstack, path: $.cm, provider: oneTrust, purposes: {analytics: C2, statistics: none}}
      - {signal: onetrust, path: $.cookie, purposes: {analytics: C2, statistics: none}}
      - {signal: mparticle, path: $.consent_state, purposes: {analytics: analytics, statistics: none}}
      - {signal: snowplow, path: $.contexts, purposes: {analytics: analytics, statistics: none}}
      - {signal: tealium, path: $.tealium, purposes: {analytics: analytics, statistics: none}}
    when: {not: {path: $.kind, in: [test, 0]}}
    classes: {user.contact.email: ["$..email"]}
sinks:
  vendor: {streams: [web], topic: out.vendor, vendor: acme, purposes: [analytics], fields: {$.kind: keep}}
  reach: {streams: [web], topic: out.reach, vendor: acme, purposes: [statistics], fields: {$.kind: keep}}
  house:
    topic: out.house
    purposes: [analytics]
    unlisted: drop
    fields: {$.kind: keep, $.user: keep}
    when: {any: [{path: $.kind, starts_with: or}, {path: $.kind, matches: "^v.ew$"}, {path: $.total, gt: 10}]}
    denied: {degrade: coarse, purposes: [statistics], on: [no_consent, consent_expired]}
  counts:
    topic: out.counts
    purposes: {any: [analytics, statistics]}
    unlisted: keep
    fields: {user: drop}
profiles:
  coarse: {fields: {$.kind: keep}}
"#;

const EVENTS: &[&str] = &[
    r#"{"user":"U1","kind":"order","preferences":{"Analytics":true},"time":"2026-11-20T10:00:00.5+01:00","country":"US","region":"CA"}"#,
    r#"{"user":"\u00dc1","kind":"v\u0069ew","preferences":{"\u0041nalytics":true},"time":"2026-\u0031\u0031-20T10:00:00Z","country":"\u0055S"}"#,
    r#"{"user":7,"kind":"order","preferences":{"Analytics":1},"objection":"\u0074rue","time":"never","country":"Atlantis"}"#,
    r#"{"user":{"id":1},"kind":"order","preferences":[],"objection":{},"time":12,"country":3,"region":{}}"#,
    r#"[{"user":"u1","country":"DE"},{"user":"u2","country":"US","region":"CA"},{"country":"US","region":"ZZ","preferences":{}}]"#,
    r#"{"user":"u1","kind":"order","preferences":{"\u0041nalytics":true},"time":"2026-11-20 10:00:00Z","country":"FR"}"#,
    r#"{"user":"u1","kind":"order","preferences":"\u0041nalytics","country":"FR","region":"IDF"}"#,
    r#"{"user":"u1","kind":"order","tcf":"CQtAQoAQtAQoAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmACOAAgLzA.IF5wAQF5gA.cEAAAAAAAAA","gdpr":1}"#,
    r#"{"user":"u1","kind":"order","tcf":"CQtAQoAQtAQoAEsABBDEEsFgAIIAAACAAAYgF5wA","gdpr":"0"}"#,
    r#"{"user":"u1","kind":"order","tcf":"CQtAQoAQtAQoAEsABBDEEsFgAIAAAAAAAAYgF5wAQF5gAAAA.IF5wAQF5gA"}"#,
    r#"{"user":"u1","kind":"order","country":"US","region":"CA","gpp":"DBACLYA~CVVqAAAAAACA.QA~BVYAAACA","sid":[7,"8"],"usp":"1YNN"}"#,
    r#"{"user":"u1","kind":"order","gpp":"DBABMA~CQtAQoAQtAQoAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA","sid":"2"}"#,
    r#"{"user":"u1","kind":"order","gpp":"DBAB~A","usp":"1Y\u004eN"}"#,
    r#"{"user":"u1","kind":"order","gcs":"G1\u00311"}"#,
    r#"{"user":"u1","kind":"order","gcs":"13r3v3p3q5"}"#,
    r#"{"user":"u1","kind":"order","gcs":{"\u0061nalytics_storage":"gr\u0061nted"}}"#,
    r#"{"user":"u1","kind":"order","cm":{"provider":"\u006fneTrust","allowedConsentIds":["\u00432"],"deniedConsentIds":{"C\u0033":1}}}"#,
    r#"{"user":"u1","kind":"order","cookie":"OptanonConsent=isGpcEnabled%3D0%26groups%3DC1%253A1%252CC2%253A1; OptanonAlertBoxClosed=2026-11-01T10%3A00%3A00Z"}"#,
    r#"{"user":"u1","kind":"order","cookie":{"gro\u0075ps":{"C\u0032":1},"\u0061lertBoxClosed":true}}"#,
    r#"{"user":"u1","kind":"order","consent_state":{"g\u0064pr":{"\u0061nalytics":{"consent\u0065d":true,"timestamp_unixtime_ms":1763600000000},"ads":{"consented":false,"timestamp_unixtime_ms":1}},"ccpa":{"data_sale_opt_out":{"consented":true}}}}"#,
    r#"{"user":"u1","kind":"order","contexts":"{\"schema\":\"iglu:com.snowplowanalytics.snowplow/consent_preferences/jsonschema/1-0-0\",\"data\":{\"eventType\":\"allow_all\",\"basisForProcessing\":\"consent\"}}"}"#,
    r#"{"user":"u1","kind":"order","contexts":[{"sch\u0065ma":"iglu:com.snowplowanalytics.snowplow/consent_granted/jsonschema/1-0-0","data":{"expiry":"2027-01-01T00:00:00Z"}},{"schema":"iglu:com.snowplowanalytics.snowplow/consent_document/jsonschema/1-0-0","data":{"id":"analytics"}}]}"#,
    r#"{"user":"u1","kind":"order","tealium":{"policy":"gdpr","consent_categories":["\u0061nalytics"],"do_not_sell":"f\u0061lse"}}"#,
    r#"{"user":"u1","kind":"order","tealium":["analytics"]}"#,
    r#"{"kind":"test"}"#,
    r#"{"kind":"order","total":11.5,"time":"0000-00-00T00:00:00Z"}"#,
    r#"{"kind":"order","time":"9999-12-31T23:59:59Z","email":"a@x.io"}"#,
    r#"{"kind":"order","#,
    "",
];

fn plan(text: &str) -> Plan {
    let compiled = policy::compile(text, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn nothing_is_allocated_for_a_record_after_warm_up() {
    let plan = plan(POLICY);
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let long_ago = now.checked_sub(jiff::Span::new().hours(24 * 900)).expect("a time");
    let header = |name, value| Header { name, value };
    let headers: &[&[Header<'_>]] = &[
        &[],
        &[header("X-Device", Some(b"d1")), header("sec-gpc", Some(b"1"))],
        &[header("x-device", Some(b"\xff")), header("Sec-GPC", Some(b"nonsense")), header("Sec-GPC", None)],
    ];
    let mut engine = Engine::new(Limits::default());
    let mut ends = BTreeSet::new();
    let mut pass = |seen: &mut dyn FnMut(&str, &str)| {
        for event in EVENTS {
            for headers in headers {
                for key in [None, Some(b" U1 ".as_slice()), Some(b"\xff")] {
                    for timestamp in [None, Some(long_ago)] {
                        let value = Some(event.as_bytes());
                        let record = Record { position: Default::default(), timestamp, key, value, headers };
                        engine.evaluate(&plan, StreamId(0), &record, now, &mut |_, verdict| {
                            seen(verdict.outcome.as_str(), verdict.reason.as_str());
                        });
                    }
                }
            }
        }
    };
    pass(&mut |outcome, reason| {
        ends.insert(format!("{outcome} {reason}"));
    });
    let before = ALLOCATIONS.get();
    pass(&mut |_, _| {});
    assert_eq!(ALLOCATIONS.get() - before, 0);
    // The events are worth something only if they end in many ways.
    for end in [
        "allow consent_granted",
        "allow legitimate_interests",
        "degrade no_consent",
        "drop consent_denied",
        "drop consent_expired",
        "drop not_routed",
        "drop opted_out",
        "drop signal_invalid",
        "drop subject_unknown",
        "drop transfer_not_permitted",
        "drop vendor_not_permitted",
        "quarantine malformed",
        "quarantine subject_ambiguous",
    ] {
        assert!(ends.contains(end), "no event ends in {end}: {ends:?}");
    }
}

/// Eight sinks: allow-lists, text in strings, filters, rules that two of them share, transforms that give up.
const EIGHT: &str = r#"
privet: 1
controller: {name: Example Ltd, country: DE}
purposes: {ops: {legal_basis: contract, because: tests}}
regimes: [{in: ["*"], silence: deny}]
keys: {own: {}, common: {shared: true}}
streams:
  web:
    topics: [events]
    format: json
    jurisdiction: {otherwise: DE}
    classes: {user.contact.email: ["$..email"], user.device.ip_address: [$.ip]}
sinks:
  one: {topic: o1, purposes: [ops], unlisted: keep, fields: {user.contact.email: drop, user.device.ip_address: {truncate_ip: {v4: 24, v6: 48}}}}
  two: {topic: o2, purposes: [ops], unlisted: keep, fields: {user.contact.email: drop, user.device.ip_address: {truncate_ip: {v4: 24, v6: 48}}}}
  three: {topic: o3, purposes: [ops], unlisted: drop, fields: {$.kind: keep, $.items: keep, "$.items[*].note": drop}}
  four: {topic: o4, purposes: [ops], unlisted: keep, fields: {$.p: {json: {fields: {$.x: drop, $.p: {json: {fields: {$.x: {mask: {keep_last: 1}}}}}}}}}}
  five: {topic: o5, purposes: [ops], unlisted: drop, fields: {$.p: {json: {fields: {$.k: keep}}}}}
  six: {topic: o6, purposes: [ops], unlisted: keep, fields: {user.contact.email: {pseudonym: {key: own, normalize: email}}, $.p: {json: {fields: {$.x: {pseudonym: {key: common}}}}}}}
  seven: {topic: o7, purposes: [ops], unlisted: keep, empty_parents: drop, fields: {$.url: {url: {drop_params: [email]}}, "$.items[*].at": {coarsen_time: {to: hour}}, $.kind: email_domain}}
  eight: {topic: o8, purposes: [ops], unlisted: keep, fields: {user.contact.email: keep, user.device.ip_address: keep, $.items: {filter: {when: {path: $.at, matches: "^2026"}}}, $.p: {json: {fields: {$.k: {filter: {when: {path: $.email, starts_with: b}}}}}}}}
"#;

const FAN_OUT: &[&str] = &[
    r#"{"kind":"order","email":"a@x.io","ip":"203.0.113.7","items":[{"note":"n","at":"2026-11-20T10:00:00Z","sku":1},{"note":2}]}"#,
    r#"{"kind":"o","p":"{\"x\":1,\"k\":2,\"p\":\"{\\\"x\\\":\\\"secret\\\",\\\"email\\\":1}\"}","url":"https://x/?email=1&b=2"}"#,
    r#"{"p":["{\"k\":1}","{\"k\"","[1]",7,{"x":1}],"ip":["1.2.3.4","x",null],"url":"javascript:1"}"#,
    r#"{"p":"{\"k\":[{\"email\":\"b@x.io\"},{\"EM\\u0041IL\":1}]}","items":[{"at":"never"},{"at":7},[]],"kind":7}"#,
    r#"{"\u0435mail":"a","E.mail":1,"a.email":"\u0061@x.io","items":[]}"#,
    r#"{"p":"{\"k\":1,\"k\":2}","kind":"x@y.z"}"#,
    r#"[{"email":"a@x.io"},["x"]]"#,
    r#""a@x.io""#,
    r#"{"kind":1,"kind":2}"#,
    "{",
];

#[test]
fn nothing_is_allocated_for_eight_sinks_after_warm_up() {
    let plan = plan(EIGHT);
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let mut engine = Engine::new(Limits::default());
    let mut bytes = BTreeSet::new();
    let mut pass = |seen: &mut dyn FnMut(u16, Option<&[u8]>)| {
        for event in FAN_OUT {
            let record =
                Record { position: Default::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers: &[] };
            engine.evaluate(&plan, StreamId(0), &record, now, &mut |sink, verdict| seen(sink.0, verdict.value));
        }
    };
    pass(&mut |sink, value| {
        bytes.insert((sink, value.map(<[u8]>::to_vec)));
    });
    let before = ALLOCATIONS.get();
    pass(&mut |_, _| {});
    assert_eq!(ALLOCATIONS.get() - before, 0);
    for sink in 0..8 {
        let outputs = bytes.iter().filter(|(of, value)| *of == sink && value.is_some()).count();
        assert!(outputs >= 2, "sink {sink} gets {outputs} different outputs");
    }
    let text =
        |sink: u16, wanted: &str| bytes.iter().any(|(of, value)| *of == sink && value.as_deref() == Some(wanted.as_bytes()));
    assert!(text(7, r#"{"p":"{\"k\":[{}]}","items":[],"kind":7}"#), "arrays are filtered, also in text");
    assert!(text(4, r#"{"p":"{\"k\":2}"}"#), "text is taken apart: {}", {
        let mine = bytes.iter().filter(|(of, _)| *of == 4).filter_map(|(_, value)| value.as_deref());
        mine.map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
    });
}

const ASKING: &str = r#"
privet: 1
controller: {name: Example Ltd, country: DE}
purposes: {ads: {legal_basis: consent}, stats: {legal_basis: legitimate_interests}, ops: {legal_basis: contract, because: tests}}
regimes: [{in: ["*"], silence: deny}]
vendors: {acme: {name: Acme, role: controller, country: DE, disclosed_since: 2026-01-01, tcf: none}}
streams:
  web:
    topics: [events]
    format: json
    jurisdiction: {otherwise: DE}
    subject:
      - {kind: user_id, path: $.user}
      - {kind: [email, crm_id], path: $.email, normalize: email}
      - {kind: device, path: $.device, names: device}
    consent: [{signal: ledger}]
sinks:
  one: {topic: o1, purposes: [ads], unlisted: keep, fields: {user.unique_id: drop}}
  two: {topic: o2, purposes: [ads], vendor: acme, streams: [web], unlisted: keep, fields: {user.unique_id: drop}, record_key: drop}
  three: {topic: o3, purposes: [stats], unlisted: keep, fields: {user.unique_id: drop}}
  four: {topic: o4, purposes: [ops], unlisted: keep, fields: {user.unique_id: drop}}
"#;

/// Rows, aliases of one and of two rows and of a crowd, vendors by name, versions that go backwards, records that cannot be read;
/// suppressions by name and by every hash.
fn asked() -> Ledger {
    let ledger = Ledger::for_trial();
    let put = |feed, json: &str| drop(ledger.apply_json(feed, json.as_bytes()));
    let granted =
        r#"{"ads":{"state":"granted","at":"2026-11-01T09:00:00.125Z","expires":"2027-11-01T09:00:00Z","vendors":["acme","b"]}}"#;
    put(
        Feed::Consent,
        &format!(
            r#"{{"identity":{{"kind":"user_id","value":"u1"}},"jurisdiction":"DE","version":3,"aliases":[{{"kind":"device","value":"d1"}}],"purposes":{granted}}}"#
        ),
    );
    put(
        Feed::Consent,
        &format!(
            r#"{{"identity":{{"kind":"user_id","value":"u2"}},"jurisdiction":"XX","aliases":[{{"kind":"device","value":"d1"}}],"purposes":{granted}}}"#
        ),
    );
    put(
        Feed::Consent,
        r#"{"identity":{"kind":"email","value":"a@x.io"},"purposes":{"ads":{"state":"withdrawn","at":"2026-11-02T09:00:00Z"},"stats":{"state":"denied"}}}"#,
    );
    put(Feed::Consent, r#"{"identity":{"kind":"crm_id","value":"b@x.io"},"version":7}"#);
    put(Feed::Consent, r#"{"identity":{"kind":"crm_id","value":"b@x.io"},"version":6}"#);
    put(Feed::Consent, r#"{"identity":{"kind":"user_id","value":"u3"},"purpose":{}}"#);
    for number in 0..70 {
        put(
            Feed::Consent,
            &format!(
                r#"{{"identity":{{"kind":"user_id","value":"c{number}"}},"aliases":[{{"kind":"device","value":"kiosk"}}]}}"#
            ),
        );
    }
    put(Feed::Erasures, r#"{"identity":{"kind":"user_id","value":"u4"}}"#);
    put(Feed::Erasures, r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":["other","stats"]}"#);
    // By `printf c@x.io | sha256sum` and its like.
    for (format, hash) in [("sha256", SHA256_OF_C), ("sha1", SHA1_OF_C), ("md5", MD5_OF_C)] {
        put(Feed::Erasures, &format!(r#"{{"identity":{{"kind":"email","value":"{hash}","format":"{format}"}}}}"#));
    }
    ledger
}

const SHA256_OF_C: &str = "1d897cdd8c8c3a2bc42615db085b99fa7aa9ecc7c0d4f32063de07acb56f42b6";
const SHA1_OF_C: &str = "6db2499d356b262cb664815bc947fd3eeb1c37f5";
const MD5_OF_C: &str = "02a8485c216651837b508a5f5e1277cf";

#[test]
fn nothing_is_allocated_to_ask_the_ledger_after_warm_up() {
    let compiled = policy::compile(ASKING, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    let plan = compiled.plan.unwrap_or_else(|| panic!("{said}"));
    let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
    let mut engine = Engine::new(Limits::default());
    engine.set_ledger(Some(Arc::new(asked())));
    let events = [
        r#"{"x":1,"user":"u1"}"#,
        r#"{"x":1,"user":"u1","device":"d1"}"#,
        r#"{"x":1,"user":"u1","email":" A@x.io "}"#,
        r#"{"x":1,"email":"B@X.io"}"#,
        r#"{"x":1,"email":"C@X.io","device":"d7"}"#,
        r#"{"x":1,"device":"d1"}"#,
        r#"{"x":1,"device":"kiosk"}"#,
        r#"{"x":1,"user":"u3"}"#,
        r#"{"x":1,"user":"u4","device":"d1"}"#,
        r#"{"x":1,"user":"nobody"}"#,
        r#"{"x":1}"#,
    ];
    let mut ends = BTreeSet::new();
    let mut pass = |seen: &mut dyn FnMut(&str, &str)| {
        for event in events {
            let record =
                Record { position: Default::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers: &[] };
            engine.evaluate(&plan, StreamId(0), &record, now, &mut |_, verdict| {
                seen(verdict.outcome.as_str(), verdict.reason.as_str());
            });
        }
    };
    pass(&mut |outcome, reason| {
        ends.insert(format!("{outcome} {reason}"));
    });
    let before = ALLOCATIONS.get();
    pass(&mut |_, _| {});
    assert_eq!(ALLOCATIONS.get() - before, 0);
    for end in [
        "allow consent_granted",
        "allow legitimate_interests",
        "allow not_required",
        "drop consent_denied",
        "drop consent_withdrawn",
        "drop no_consent",
        "drop signal_invalid",
        "drop subject_unknown",
        "drop suppressed",
        "drop transfer_not_permitted",
    ] {
        assert!(ends.contains(end), "no event ends in {end}: {ends:?}");
    }
}
