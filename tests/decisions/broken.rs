//! Every signal in every way in which it can be broken: at a place, in a header, in one event of a batch, under a name spelled
//! otherwise or spread over dots. Silence is yes here, and another source says yes, so that only the broken signal stands
//! between the event and the sink.

use super::kit::{NOW, at};
use privet::decode::Limits;
use privet::event::{Header, Record, StreamId};
use privet::keys::KeySet;
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy::compile;

/// Vendor 755 may process for purposes 1 and 7; made by an encoder written from the specification.
const TC: &str = "CQtDjkAQtDjkAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA";
const GPP: &str = "DBABLA~CVVqAAAAAACA";
/// `BAAA…`: TCF 1.1, which is no consent since 2020-09-30.
const TC_1: &str = "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA";

/// One signal: what the policy says of it, a value that is no denial, and values that nobody can read.
struct Row {
    name: &'static str,
    options: &'static str,
    sound: String,
    broken: Vec<String>,
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string")
}

/// What no signal that is a text can be, and what a text can never be beside its sound form.
fn odd_texts(sound: &str) -> Vec<String> {
    let mut odd: Vec<String> =
        ["7", "true", "false", "[]", "{}", "[null]", "\" \"", "\"null\"", "\"undefined\""].map(String::from).into();
    let spoiled = [
        format!("{sound} "),
        format!(" {sound}"),
        format!("{sound}\n"),
        format!("{sound}\u{0}"),
        format!("{sound}="),
        format!("%{:02X}{}", sound.as_bytes()[0], &sound[1..]),
        quoted(sound),
        format!("[{}]", quoted(sound)),
        format!("{sound},{sound}"),
        format!("{sound}{}", "A".repeat(65_537)),
        format!("\u{ff21}{}", &sound[1..]),
    ];
    odd.extend(spoiled.iter().map(|text| quoted(text)));
    odd.push(format!("[{}]", quoted(sound)));
    odd
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| quoted(text)).collect()
}

fn values(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

fn described(name: &str, data: &str) -> String {
    format!(r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/{name}/jsonschema/1-0-0","data":{data}}}"#)
}

fn strings() -> Vec<Row> {
    let with = |sound: &str, more: Vec<String>| [odd_texts(sound), more].concat();
    let cut = |text: &str| (1..text.len()).map(|end| quoted(&text[..end])).collect::<Vec<_>>();
    vec![
        Row {
            name: "gpc",
            options: "",
            sound: "false".into(),
            broken: values(&[
                "2",
                "-1",
                "1.0",
                "1e0",
                "[]",
                "{}",
                "[1]",
                "\"yes\"",
                "\"TRUE\"",
                "\" 1\"",
                "\"on\"",
                "\"null\"",
                "\"\\\"1\\\"\"",
            ]),
        },
        Row {
            name: "tcf",
            options: "",
            sound: quoted(TC),
            broken: with(
                TC,
                [
                    texts(&[
                        TC_1,
                        GPP,
                        "1YNN",
                        "COtybn4PA_zT4KjACBENAPCIAEBAAECAAIAAAAAAAAAA",
                        &format!("{TC}.",),
                        &format!("{TC}.A"),
                    ]),
                    cut(&TC[..52]),
                ]
                .concat(),
            ),
        },
        Row {
            name: "gpp",
            options: "",
            sound: quoted(GPP),
            broken: with(
                GPP,
                [
                    texts(&[
                        "DBABLA",
                        "DBABLA~",
                        "~",
                        "DBABLA~~",
                        "DBABLA~CVVqAAAAAACA~CVVqAAAAAACA",
                        "DBABLA~CVVqAAAAAACA.",
                        TC,
                        "1YNN",
                        "DBABMA~1YNN",
                        "DBACLYA~CVVqAAAAAACA",
                        "DBACLYA~CVVqAAAAAACA.QA~",
                    ]),
                    cut(&GPP[..10]),
                ]
                .concat(),
            ),
        },
        Row {
            name: "usp",
            options: "",
            sound: quoted("1YNN"),
            broken: with(
                "1YNN",
                texts(&[
                    "1Y-N", "1N-N", "1--N", "1--Y", "2YNN", "0YNN", "1yNN", "1YnN", "1YN", "1Y", "1", "1YNNN", "YNN1", "1XNN",
                    "1YXN", "1YNX", "----",
                ]),
            ),
        },
        Row {
            name: "consent_mode",
            options: "",
            sound: r#"{"analytics_storage":"granted"}"#.into(),
            broken: [
                values(&["7", "true", "[]", "[\"G111\"]"]),
                texts(&[
                    "G1",
                    "G11",
                    "G1111",
                    "G211",
                    "g111",
                    "G1x1",
                    "G1 1",
                    "granted",
                    "denied",
                    "13r3r3r3r5",
                    "%47111",
                    " G111",
                    "{\"analytics_storage\":\"granted\"}",
                ]),
                values(&[
                    r#"{"analytics_storage":true}"#,
                    r#"{"analytics_storage":1}"#,
                    r#"{"analytics_storage":"yes"}"#,
                    r#"{"analytics_storage":"granted "}"#,
                    r#"{"analytics_storage":["granted"]}"#,
                    r#"{"analytics_storage":{}}"#,
                ]),
            ]
            .concat(),
        },
        Row {
            name: "consent_mode",
            options: ", gcd: advisory",
            sound: quoted("13r3r3r3r5"),
            broken: texts(&["1", "13", "13r", "13r3r3r", "13r3r3r3r", "13rr3r3r5", "13r3r3r3r5 ", "1-r3r3r3r5"]),
        },
    ]
}

fn containers() -> Vec<Row> {
    let preferences = |data: &str| described("unstruct_event", &described("consent_preferences", data));
    let sound = preferences(r#"{"eventType":"allow_all","basisForProcessing":"consent","consentScopes":[]}"#);
    let beside = |name: &str, data: &str, document: &str| {
        format!(r#"{{"unstruct_event":{},"contexts":[{}]}}"#, described(name, data), described("consent_document", document))
    };
    vec![
        Row {
            name: "segment",
            options: ", purposes: {p: C}",
            sound: r#"{"C":true}"#.into(),
            broken: values(&[
                "7",
                "true",
                "[]",
                "\"C\"",
                "[{\"C\":true}, 7]",
                r#""{\"C\":true}""#,
                r#"{"C":"yes"}"#,
                r#"{"C":"true"}"#,
                r#"{"C":1}"#,
                r#"{"C":[true]}"#,
                r#"{"C":{}}"#,
                r#"{"C":true,"c":"no"}"#,
            ]),
        },
        Row {
            name: "boolean",
            options: ", true_means: granted, purposes: {p: x}",
            sound: "true".into(),
            broken: values(&[
                "1",
                "0",
                "[true]",
                "[]",
                "\"true\"",
                "\"yes\"",
                "\"false\"",
                r#"{"x":1}"#,
                r#"{"x":"true"}"#,
                r#"{"x":[true]}"#,
                r#"{"x":true,"X":7}"#,
            ]),
        },
        Row {
            name: "boolean",
            options: ", true_means: opted_out, lenient: true, purposes: {p: x}",
            sound: "false".into(),
            broken: values(&[
                "1",
                "2",
                "[false]",
                "\"no\"",
                "\"FALSE\"",
                "\" false\"",
                r#"{"x":0}"#,
                r#"{"x":"off"}"#,
                r#"{"x":{}}"#,
            ]),
        },
        Row {
            name: "rudderstack",
            options: ", provider: oneTrust, purposes: {p: C}",
            sound: r#"{"provider":"oneTrust","allowedConsentIds":["C"]}"#.into(),
            broken: values(&[
                "7",
                "true",
                "[]",
                "\"C\"",
                r#"["C"]"#,
                r#"{"allowedConsentIds":"C"}"#,
                r#"{"allowedConsentIds":7}"#,
                r#"{"allowedConsentIds":true}"#,
                r#"{"allowedConsentIds":[["C"]]}"#,
                r#"{"allowedConsentIds":["C",null]}"#,
                r#"{"allowedConsentIds":["C",{}]}"#,
                r#"{"allowedConsentIds":["C"],"deniedConsentIds":7}"#,
                r#"{"allowedConsentIds":["C"],"deniedConsentIds":"C"}"#,
                r#"{"allowedConsentIds":["C"],"DENIEDCONSENTIDS":[[]]}"#,
                r#"{"allowedConsentIds":["C"],"AllowedConsentIds":7}"#,
                r#"{"allowedConsentIds":{"C":7}}"#,
                r#"{"allowedConsentIds":{"C":{}}}"#,
                r#"{"allowedConsentIds":{"C":["x"]}}"#,
                r#"{"provider":"iubenda","allowedConsentIds":["C"]}"#,
                r#"{"provider":7,"allowedConsentIds":["C"]}"#,
                r#"{"provider":[],"allowedConsentIds":["C"]}"#,
            ]),
        },
        Row {
            name: "onetrust",
            options: ", purposes: {p: C}",
            sound: r#"{"groups":"C:1","alertBoxClosed":"2026-11-02T12:00:00Z"}"#.into(),
            broken: values(&[
                "7",
                "true",
                "[]",
                "\"yes\"",
                "\"C\"",
                r#"["C:1"]"#,
                r#"{"groups":7,"alertBoxClosed":true}"#,
                r#"{"groups":["C"],"alertBoxClosed":true}"#,
                r#"{"groups":"C","alertBoxClosed":true}"#,
                r#"{"groups":"C:yes","alertBoxClosed":true}"#,
                r#"{"groups":"C:","alertBoxClosed":true}"#,
                r#"{"groups":"C:3","alertBoxClosed":true}"#,
                r#"{"groups":{"C":"on"},"alertBoxClosed":true}"#,
                r#"{"groups":"C:1","Groups":"C:0","alertBoxClosed":true}"#,
                r#"{"groups":"C:1","alertBoxClosed":"yesterday"}"#,
                r#"{"groups":"C:1","alertBoxClosed":"2026-13-45"}"#,
                r#"{"groups":"C:1","alertBoxClosed":{}}"#,
                r#"{"groups":"C:1","alertBoxClosed":7}"#,
                r#"{"groups":"C:1","alertBoxClosed":true,"isGpcEnabled":"maybe"}"#,
                r#"{"groups":"C:1","alertBoxClosed":true,"isGpcEnabled":[1]}"#,
                r#"{"groups":"C:1","alertBoxClosed":true,"AwaitingReconsent":"maybe"}"#,
                r#""OptanonConsent=groups=C%3A1; OptanonConsent=groups=C%3A0; OptanonAlertBoxClosed=1""#,
                r#""groups=C%3Aon&AlertBoxClosed=1""#,
                r#""groups=C%253Aon&AlertBoxClosed=1""#,
                r#""OptanonConsent=%67roups%3DC%253A1%26isGpcEnabled%3Dmaybe; OptanonAlertBoxClosed=1""#,
                r#""groups=C:1&groups=C:1&AlertBoxClosed=1""#,
                r#""groups=C:1&GROUPS=C:0&AlertBoxClosed=1""#,
                r#""groups=C:1&AlertBoxClosed=soon""#,
                r#""OptanonConsent=groups=C:1; OptanonAlertBoxClosed=01.11.2026""#,
            ]),
        },
        Row {
            name: "mparticle",
            options: ", purposes: {p: c}",
            sound: r#"{"gdpr":{"c":{"consented":true}}}"#.into(),
            broken: values(&[
                "7",
                "true",
                "[]",
                "\"c\"",
                r#"{"gdpr":7}"#,
                r#"{"gdpr":[]}"#,
                r#"{"gdpr":"c"}"#,
                r#"{"gdpr":{"c":true}}"#,
                r#"{"gdpr":{"c":[]}}"#,
                r#"{"gdpr":{"c":{}}}"#,
                r#"{"gdpr":{"c":{"consented":1}}}"#,
                r#"{"gdpr":{"c":{"consented":"true"}}}"#,
                r#"{"gdpr":{"c":{"consented":null}}}"#,
                r#"{"gdpr":{"c":{"consented":true,"timestamp_unixtime_ms":"soon"}}}"#,
                r#"{"gdpr":{"c":{"consented":true,"timestamp_unixtime_ms":{}}}}"#,
                r#"{"gdpr":{"c":{"consented":true},"C":7}}"#,
                r#"{"gdpr":{"c":{"consented":true}},"GDPR":7}"#,
                r#"{"gdpr":{"c":{"consented":true,"Consented":"no"}}}"#,
                r#"{"gdpr":{"c":{"consented":true}},"ccpa":7}"#,
                r#"{"gdpr":{"c":{"consented":true}},"ccpa":{"data_sale_opt_out":{"consented":"yes"}}}"#,
                r#"{"gdpr":{"c":{"consented":true}},"CCPA":{"Data_Sale_Opt_Out":true}}"#,
            ]),
        },
        Row {
            name: "snowplow",
            options: ", purposes: {p: s}",
            sound: sound.clone(),
            broken: [
                values(&[
                    "7",
                    "true",
                    "\"x\"",
                    "\"{\"",
                    "\"7\"",
                    "\"true\"",
                    "[7]",
                    "[true]",
                    "[[\"x\"]]",
                    "\"[7]\"",
                    r#"{"contexts":"{"}"#,
                    r#"{"contexts":7}"#,
                    r#"{"unstruct_event":[true]}"#,
                ]),
                [
                    r#"{"eventType":"allow_most","basisForProcessing":"consent"}"#,
                    r#"{"eventType":7,"basisForProcessing":"consent"}"#,
                    r#"{"basisForProcessing":"consent"}"#,
                    r#"{"eventType":"allow_all","basisForProcessing":7}"#,
                    r#"{"EventType":"deny_all","basisForProcessing":"consent"}"#,
                    r#"{"eventType":"allow_selected","basisForProcessing":"consent"}"#,
                    r#"{"eventType":"allow_selected","basisForProcessing":"consent","consentScopes":"s"}"#,
                    r#"{"eventType":"allow_selected","basisForProcessing":"consent","consentScopes":["s",7]}"#,
                    r#"{"eventType":"allow_selected","basisForProcessing":"consent","consentScopes":["s",null]}"#,
                ]
                .iter()
                .map(|data| preferences(data))
                .collect(),
                vec![
                    sound.replace("consent_preferences/jsonschema/1-0-0", "consent_preferences/jsonschema/2-0-0"),
                    sound.replace("consent_preferences/jsonschema/1-0-0", "consent_preferences/jsonschema"),
                    described("consent_preferences", "7"),
                    described("consent_preferences", "[]"),
                    r#"{"schema":"iglu:com.snowplowanalytics.snowplow/consent_withdrawn/jsonschema/1-0-0"}"#.into(),
                    described("contexts", "7"),
                    described("contexts", "\"x\""),
                    r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0"}"#.into(),
                    format!(r#"{{"schema":7,"data":{}}}"#, described("consent_withdrawn", "{}")),
                    // What is encoded twice, or once more inside.
                    quoted(&quoted(&described("consent_preferences", r#"{"eventType":"deny_all"}"#))),
                    format!("[{}]", quoted(&described("consent_withdrawn", r#"{"all":true}"#))),
                    described("contexts", &format!("[{}]", quoted(&described("consent_withdrawn", r#"{"all":true}"#)))),
                    described("unstruct_event", &quoted(&described("consent_withdrawn", r#"{"all":true}"#))),
                    beside("consent_granted", r#"{"expiry":"never"}"#, r#"{"id":"s"}"#),
                    beside("consent_granted", r#"{"expiry":7}"#, r#"{"id":"s"}"#),
                    beside("consent_granted", "{}", "7"),
                    beside("consent_withdrawn", r#"{"all":false}"#, r#"{"id":7.5}"#),
                    beside("consent_withdrawn", r#"{"all":false}"#, r#"{"id":{}}"#),
                    beside("consent_withdrawn", r#"{"all":false}"#, r#"{"id":null}"#),
                    beside("consent_withdrawn", r#"{"all":false}"#, r#"{"id":""}"#),
                    beside("consent_withdrawn", r#"{"all":false}"#, r#"{"version":"5"}"#),
                    r#"{"contexts_com_snowplowanalytics_snowplow_consent_withdrawn_1":[7]}"#.into(),
                    r#"{"unstruct_event_com_snowplowanalytics_snowplow_consent_withdrawn_2":{}}"#.into(),
                    r#"{"unstruct_event_com_snowplowanalytics_snowplow_consent_withdrawn_1":"x"}"#.into(),
                ],
            ]
            .concat(),
        },
        Row {
            name: "tealium",
            options: ", purposes: {p: c}",
            sound: r#"{"policy":"gdpr","consent_categories":["c"]}"#.into(),
            broken: values(&[
                "7",
                "true",
                "[7]",
                "[\"c\",null]",
                "[[\"c\"]]",
                "\"c\"",
                r#"{"consent_categories":7}"#,
                r#"{"consent_categories":{"c":true}}"#,
                r#"{"consent_categories":["c",7]}"#,
                r#"{"consent_categories":["c"],"consent_categories_granted":7}"#,
                r#"{"policy":"lgpd","consent_categories":["c"]}"#,
                r#"{"policy":7,"consent_categories":["c"]}"#,
                r#"{"policy":{},"consent_categories":["c"]}"#,
                r#"{"consent_categories":["c"],"do_not_sell":"maybe"}"#,
                r#"{"consent_categories":["c"],"do_not_sell":[true]}"#,
                r#"{"consent_categories":["c"],"Do_Not_Sell":7}"#,
                r#"{"consent_categories":["c"],"Consent_Categories":7}"#,
                r#"{"consent_categories":["c"],"CONSENT_CATEGORIES":[]}"#,
            ]),
        },
    ]
}

fn plan(row: &Row, source: &str, silence: &str) -> Plan {
    let Row { name, options, .. } = row;
    let text = format!(
        "privet: 1
controller: {{name: Test, country: US}}
purposes: {{p: {{legal_basis: consent, tcf: [1, 7], opt_outs: [sale], consent_mode: [analytics_storage]}}}}
regimes: [{{in: ['*'], silence: {silence}, gpc: true}}]
vendors: {{v: {{role: processor, country: US, tcf: {{id: 755, purposes: [1, 7]}}}}}}
streams:
  web:
    topics: [in]
    jurisdiction: {{otherwise: US}}
    consent:
      - {{signal: {name}, {source}{options}}}
      - {{signal: boolean, path: $.second, true_means: granted, purposes: {{p: all}}}}
sinks: {{out: {{topic: out, streams: [web], vendor: v, purposes: [p], unlisted: keep}}}}
"
    );
    let compiled = compile(&text, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}{text}"))
}

fn judge(plan: &Plan, event: &str, header: Option<&[u8]>) -> (&'static str, &'static str) {
    let header = [Header { name: "X-Consent", value: header }];
    let headers = if header[0].value.is_some() { &header[..] } else { &[] };
    let record = Record { position: Default::default(), timestamp: None, key: None, value: Some(event.as_bytes()), headers };
    let mut verdict = ("", "");
    Engine::new(Limits::default()).evaluate(plan, StreamId(0), &record, at(NOW), &mut |_, judged| {
        verdict = (judged.outcome.as_str(), judged.reason.as_str());
    });
    verdict
}

fn rows() -> Vec<Row> {
    strings().into_iter().chain(containers()).collect()
}

const INVALID: (&str, &str) = ("drop", "signal_invalid");

#[test]
fn every_signal_is_there() {
    let names: std::collections::BTreeSet<&str> = rows().iter().map(|row| row.name).collect();
    assert_eq!(names.len(), 12, "the signals of `docs/signals.md` and `docs/consent.md`: {names:?}");
    for row in rows() {
        let allowed =
            judge(&plan(&row, "path: $.x.c", "allow"), &format!(r#"{{"x":{{"c":{}}},"second":true}}"#, row.sound), None);
        assert_eq!(allowed, ("allow", "consent_granted"), "{}: {}", row.name, row.sound);
    }
}

#[test]
fn what_is_broken_at_its_place_lets_nothing_through() {
    let mut passing = Vec::new();
    for row in rows() {
        let (named, batch) = (plan(&row, "path: $.x.c", "allow"), plan(&row, "path: '$.batch[*].c'", "allow"));
        let sound = &row.sound;
        for broken in &row.broken {
            let ways = [
                (&named, format!(r#"{{"x":{{"c":{broken}}},"second":true}}"#)),
                (&named, format!(r#"{{"second":true,"x":{{"\u0063":{broken}}}}}"#)),
                (&named, format!(r#"{{"X":{{"C":{broken}}},"second":true}}"#)),
                (&named, format!(r#"{{"x.c":{broken},"n":1,"second":true}}"#)),
                (&named, format!(r#"{{"x":{{"c":{sound}}},"/x/c":{broken},"second":true}}"#)),
                (&named, format!(r#"{{"x":[{{"c":{sound}}},{{"c":{broken}}}],"second":true}}"#)),
                (&named, format!(r#"[{{"x":{{"c":{sound}}},"second":true}},{{"x":{{"c":{broken}}}}}]"#)),
                (&batch, format!(r#"{{"batch":[{{"c":{broken}}},{{"c":{sound}}}],"second":true}}"#)),
                (&batch, format!(r#"{{"batch":[{{"c":{sound}}},{{"c":null}},[{{"c":{broken}}}]],"second":true}}"#)),
            ];
            let mut verdicts = ways.iter().map(|(plan, event)| (judge(plan, event, None), event));
            // One way for each value is enough to read.
            passing.extend(
                verdicts
                    .find(|(verdict, _)| *verdict != INVALID)
                    .map(|(verdict, event)| format!("{}: {verdict:?}: {event}", row.name)),
            );
        }
        // A part of the value that stands under a name of its own.
        for spread in ["x.c.part", "/x/c/part", "X.C.part"] {
            let event = format!(r#"{{"x":{{"c":{sound}}},"{spread}":1,"second":true}}"#);
            assert_eq!(judge(&named, &event, None), INVALID, "{}: {event}", row.name);
        }
    }
    let passing: Vec<String> = passing.into_iter().map(|one| one.chars().take(400).collect()).collect();
    assert!(passing.is_empty(), "{} pass\n{}", passing.len(), passing.join("\n"));
}

#[test]
fn what_is_broken_in_a_header_lets_nothing_through() {
    let mut passing = Vec::new();
    for row in rows() {
        let plan = plan(&row, "header: x-consent", "allow");
        let text = |json: &str| serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
        for broken in &row.broken {
            let header = text(broken);
            // A header is text: in it `1` and `"1"`, or `true` and `"true"`, are the same.
            let reads_as_text = match row.name {
                "gpc" => matches!(&*header, "1"),
                "boolean" => {
                    matches!(&*header, "true" | "false") || matches!(&*header, "1" | "0") && row.options.contains("lenient")
                }
                "snowplow" | "tealium" | "segment" | "consent_mode" | "onetrust" => {
                    broken.starts_with('"') && header.starts_with(['{', '['])
                }
                _ => false,
            };
            let verdict = judge(&plan, r#"{"second":true,"n":1}"#, Some(header.as_bytes()));
            // Groups in brackets are text in which no category has its name: that is a denial.
            let denied = row.name == "onetrust" && header.starts_with('[') && verdict == ("drop", "consent_denied");
            if verdict != INVALID && !reads_as_text && !denied {
                passing.push(format!("{}: {}: {verdict:?}", row.name, header.chars().take(200).collect::<String>()));
            }
        }
        for bytes in [b"\xff".as_slice(), b"\x80abc", b"{\xc3\x28}"] {
            assert_eq!(judge(&plan, r#"{"second":true,"n":1}"#, Some(bytes)), INVALID, "{}: {bytes:?}", row.name);
        }
    }
    assert!(passing.is_empty(), "{} pass\n{}", passing.len(), passing.join("\n"));
}

/// What is spelled otherwise, left open or said of something else may deny and never grants.
#[test]
fn what_is_not_said_in_so_many_words_is_no_yes() {
    let of = |name: &str| containers().into_iter().find(|row| row.name == name).expect("the signal");
    for (name, value) in [
        ("mparticle", r#"{"GDPR":{"c":{"consented":true}}}"#),
        ("mparticle", r#"{"gdpr":{"C":{"consented":true}}}"#),
        ("mparticle", r#"{"gdpr":{"c":{"consented":true,"Consented":false}}}"#),
        ("mparticle", r#"{"ccpa":{"c":{"consented":true}}}"#),
        ("rudderstack", r#"{"allowedConsentIds":["c"]}"#),
        ("rudderstack", r#"{"AllowedConsentIds":["C"]}"#),
        ("rudderstack", r#"{"allowedConsentIds":{"C":0}}"#),
        ("rudderstack", r#"{"allowedConsentIds":{"C":"false"}}"#),
        ("rudderstack", r#"{"allowedConsentIds":{"C":""}}"#),
        ("rudderstack", r#"{"allowedConsentIds":{"C":null}}"#),
        ("onetrust", r#"{"Groups":"C:1","alertBoxClosed":true}"#),
        ("onetrust", r#"{"groups":"C:1","note":"AlertBoxClosed"}"#),
        ("snowplow", r#"{"eventType":"allow_all"}"#),
        ("snowplow", r#"{"eventType":"allow_all","basisForProcessing":""}"#),
        ("snowplow", r#"{"eventType":"allow_all","basisForProcessing":"CONSENT"}"#),
        ("snowplow", r#"{"EventType":"allow_all","basisForProcessing":"consent"}"#),
        ("tealium", r#"{"Consent_Categories":["c"]}"#),
        ("tealium", r#"{"policy":"ccpa","consent_categories":["c"]}"#),
        ("segment", r#"{"c":true}"#),
        ("boolean", r#"{"X":true}"#),
    ] {
        let event = format!(r#"{{"x":{{"c":{value}}}}}"#);
        let (outcome, reason) = judge(&plan(&of(name), "path: $.x.c", "deny"), &event, None);
        assert_eq!(outcome, "drop", "{name}: {event}: {reason}");
    }
}

/// A member of an event that happens to be called `schema` hides nothing of what stands beside it.
#[test]
fn a_schema_of_something_else_hides_no_withdrawal() {
    let snowplow = containers().into_iter().find(|row| row.name == "snowplow").expect("the signal");
    let plan = plan(&snowplow, "path: $", "allow");
    let withdrawn = r#""unstruct_event_com_snowplowanalytics_snowplow_consent_withdrawn_1":{"all":true}"#;
    for schema in ["\"iglu:com.acme/order/jsonschema/1-0-0\"", "\"public\"", "\"\"", "null"] {
        let event = format!(r#"{{"schema":{schema},{withdrawn},"second":true}}"#);
        assert_eq!(judge(&plan, &event, None), ("drop", "consent_withdrawn"), "{event}");
    }
    let event = r#"{"schema":"public","data":{"a":1},"second":true}"#;
    assert_eq!(judge(&plan, event, None), ("allow", "consent_granted"));
}
