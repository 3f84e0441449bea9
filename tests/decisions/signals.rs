//! Every signal in every state, on real events under real policies: the product, from the bytes to the verdict, against what
//! the table below says (written from `design/decision.md`, Signals) and the oracle makes of it.

use super::kit::at;
use super::oracle::{self, Basis, Party, Purpose, Said, Way, World};
use privet::decode::Limits;
use privet::event::{Record, StreamId};
use privet::keys::KeySet;
use privet::pipeline::Engine;
use privet::plan::Plan;
use privet::policy::compile;
use std::collections::BTreeMap;

// Strings made by an encoder written from the specifications, apart from the product. Vendor 755 registers purposes 1 and 7
// on consent and 9 on legitimate interest; all but OLD are of 2026-11-02, twenty days before now.
const GRANTED: &str = "CQtDjkAQtDjkAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA";
const PURPOSE_REFUSED: &str = "CQtDjkAQtDjkAEsABBDEEsFgAIAAAAAAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA";
const VENDOR_REFUSED: &str = "CQtDjkAQtDjkAEsABBDEEsFgAIIAAACAAAYgAEgCABIAgAA.IF5wAgAEgLzA";
const OLD: &str = "CQYnFYAQYnFYAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA";
const GPP_TC: &str = "DBABMA~CQtDjkAQtDjkAEsABBDEEsFgAIIAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA";
const GPP_OUT: &str = "DBABLA~CVVaAAAAAACA";
const GPP_IN: &str = "DBABLA~CVVqAAAAAACA";
const GPP_NOTICE: &str = "DBABLA~CZVqAAAAAACA";
const GPP_GPC: &str = "DBABLA~CVVqAAAAAACA.YA";

/// What a state of a signal says, by the basis of the purpose and the party behind the sink.
#[derive(Clone, Copy)]
enum Means {
    /// The same for whoever asks.
    Always(Said),
    /// Speaks through a key that only purposes on consent and legitimate interests have.
    Asked(Said),
    /// A TC string: for purposes on consent, and for those on legitimate interests; first-party sinks hear nothing.
    Tcf(Said, Said),
}

use Means::{Always, Asked, Tcf};

impl Means {
    fn to(self, basis: Basis, party: Party) -> Said {
        match (self, basis) {
            (Always(said), _) => said,
            (Asked(said), Basis::Consent | Basis::LegitimateInterests) => said,
            (Tcf(..), _) if party == Party::First => Said::Nothing,
            (Tcf(said, _), Basis::Consent) | (Tcf(_, said), Basis::LegitimateInterests) => said,
            (Asked(_) | Tcf(..), _) => Said::Nothing,
        }
    }
}

/// Members of the event, and what they mean.
fn states() -> Vec<(String, Means)> {
    let text = |name: &str, value: &str| format!(r#""{name}":"{value}""#);
    let preferences = |kind: &str| {
        format!(
            r#""sp":{{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{{"schema":"iglu:com.snowplowanalytics.snowplow/consent_preferences/jsonschema/1-0-0","data":{{"eventType":"{kind}","basisForProcessing":"consent","consentScopes":[]}}}}}}"#
        )
    };
    let mparticle = |consented: &str, day: &str| {
        format!(r#""mp":{{"gdpr":{{"c":{{"consented":{consented},"timestamp_unixtime_ms":{day}}}}}}}"#)
    };
    let onetrust = |on: u8, closed: &str| format!(r#""ot":{{"groups":"C:{on}","alertBoxClosed":"{closed}"}}"#);
    // 2026-11-02 and 2025-10-18, both at noon.
    let (recent, old) = ("1793620800000", "1760788800000");
    vec![
        (String::new(), Always(Said::Nothing)),
        ("\"gpc\":true".into(), Asked(Said::Gpc)),
        ("\"gpc\":false".into(), Asked(Said::Nothing)),
        ("\"gpc\":\"maybe\"".into(), Asked(Said::Unreadable)),
        (text("tc", GRANTED), Tcf(Said::GrantedDaysAgo(20), Said::InterestPermitted)),
        (text("tc", PURPOSE_REFUSED), Tcf(Said::DeniedDaysAgo(20), Said::DeniedDaysAgo(20))),
        (text("tc", VENDOR_REFUSED), Tcf(Said::VendorRefusedDaysAgo(20), Said::VendorRefusedDaysAgo(20))),
        (text("tc", OLD), Tcf(Said::GrantedDaysAgo(417), Said::InterestPermitted)),
        (text("tc", ""), Asked(Said::Nothing)),
        (text("tc", &GRANTED[..40]), Asked(Said::Unreadable)),
        (format!("{},\"gdpr\":0", text("tc", &GRANTED[..40])), Asked(Said::Nothing)),
        (text("gpp", GPP_TC), Tcf(Said::GrantedDaysAgo(20), Said::InterestPermitted)),
        (text("gpp", GPP_OUT), Asked(Said::OptedOut)),
        (text("gpp", GPP_NOTICE), Asked(Said::OptedOut)),
        (text("gpp", GPP_GPC), Asked(Said::OptedOut)),
        (text("gpp", GPP_IN), Asked(Said::Nothing)),
        (text("gpp", "DBABLA~"), Asked(Said::Unreadable)),
        (text("usp", "1NYN"), Asked(Said::OptedOut)),
        (text("usp", "1YNN"), Asked(Said::Nothing)),
        (text("usp", "1---"), Asked(Said::Nothing)),
        (text("usp", "1Y-N"), Asked(Said::Unreadable)),
        (text("cm", "G101"), Asked(Said::GrantedWithTheEvent)),
        (text("cm", "G110"), Asked(Said::Denied)),
        (text("cm", "G11-"), Asked(Said::Nothing)),
        (text("cm", "13t3t3t3t5"), Asked(Said::Nothing)),
        (text("cm", "13r3p3r3r5"), Asked(Said::Denied)),
        (text("cm", "G1"), Asked(Said::Unreadable)),
        (r#""rs":{"allowedConsentIds":["C"]}"#.into(), Always(Said::GrantedWithTheEvent)),
        (r#""rs":{"allowedConsentIds":["C"],"deniedConsentIds":["C"]}"#.into(), Always(Said::Denied)),
        (r#""rs":{"allowedConsentIds":["D"]}"#.into(), Always(Said::Nothing)),
        (r#""rs":["C"]"#.into(), Always(Said::Unreadable)),
        (onetrust(1, "2026-11-02T12:00:00Z"), Always(Said::GrantedDaysAgo(20))),
        (onetrust(0, "2026-11-02T12:00:00Z"), Always(Said::DeniedDaysAgo(20))),
        (onetrust(1, "2025-10-18T12:00:00Z"), Always(Said::GrantedDaysAgo(400))),
        (onetrust(1, ""), Always(Said::Nothing)),
        (r#""ot":{}"#.into(), Always(Said::Denied)),
        (r#""ot":"tampered""#.into(), Always(Said::Unreadable)),
        (mparticle("true", recent), Always(Said::GrantedDaysAgo(20))),
        (mparticle("false", recent), Always(Said::DeniedDaysAgo(20))),
        (mparticle("true", old), Always(Said::GrantedDaysAgo(400))),
        (r#""mp":{"gdpr":{}}"#.into(), Always(Said::Nothing)),
        (r#""mp":{"ccpa":{"data_sale_opt_out":{"consented":true}}}"#.into(), Always(Said::OptedOut)),
        (r#""mp":{"ccpa":{"data_sale_opt_out":{"consented":false}}}"#.into(), Always(Said::Nothing)),
        (r#""mp":{"gdpr":{"c":{"consented":"yes"}}}"#.into(), Always(Said::Unreadable)),
        (preferences("allow_all"), Always(Said::GrantedWithTheEvent)),
        (preferences("deny_all"), Always(Said::Denied)),
        (preferences("withdrawn"), Always(Said::Withdrawn)),
        (preferences("implicit_consent"), Always(Said::Nothing)),
        (preferences("expired"), Always(Said::GrantedAndEnded)),
        (preferences("allow_most"), Always(Said::Unreadable)),
        (r#""te":{"policy":"gdpr","consent_categories":["c"]}"#.into(), Always(Said::GrantedWithTheEvent)),
        (r#""te":{"policy":"gdpr","consent_categories":[]}"#.into(), Always(Said::Denied)),
        (r#""te":{"policy":"ccpa","do_not_sell":true}"#.into(), Always(Said::OptedOut)),
        (r#""te":{"policy":"ccpa","do_not_sell":false}"#.into(), Always(Said::Nothing)),
        (r#""te":{"consent_categories":7}"#.into(), Always(Said::Unreadable)),
        (r#""se":{"C":true}"#.into(), Always(Said::GrantedWithTheEvent)),
        (r#""se":{"C":false}"#.into(), Always(Said::Denied)),
        (r#""se":{}"#.into(), Always(Said::Denied)),
        (r#""se":{"C":"yes"}"#.into(), Always(Said::Unreadable)),
        ("\"yes\":true".into(), Always(Said::GrantedWithTheEvent)),
        ("\"yes\":false".into(), Always(Said::Denied)),
        ("\"yes\":1".into(), Always(Said::Unreadable)),
        ("\"no\":true".into(), Always(Said::OptedOut)),
        ("\"no\":false".into(), Always(Said::Nothing)),
        ("\"no\":7".into(), Always(Said::Unreadable)),
    ]
}

/// What a second source says beside the first.
fn seconds() -> [(&'static str, Said); 4] {
    [
        ("", Said::Nothing),
        (",\"second\":true", Said::GrantedWithTheEvent),
        (",\"second\":false", Said::Denied),
        // 2026-11-07 at noon, fifteen days before now.
        (r#","third":{"gdpr":{"c":{"consented":true,"timestamp_unixtime_ms":1794052800000}}}"#, Said::GrantedDaysAgo(15)),
    ]
}

fn policy(world: &World) -> String {
    let (basis, keys) = match world.purposes[0].basis {
        Basis::Consent => ("consent", ", tcf: [1, 7], opt_outs: [sale], consent_mode: [analytics_storage], max_age: P90D"),
        Basis::LegitimateInterests => ("legitimate_interests", ", tcf: [9], opt_outs: [sale], consent_mode: [analytics_storage]"),
        Basis::PublicTask => ("public_task", ", because: test"),
        Basis::Contract => ("contract", ", because: test"),
        Basis::LegalObligation => ("legal_obligation", ", because: test"),
        Basis::VitalInterests => ("vital_interests", ", because: test"),
    };
    let (country, transfers) = match world.way {
        Way::SameCountry => ("JP", ""),
        Way::BothInTheEea => ("IS", ""),
        Way::GroundWithoutEnd => ("US", "{from: [JP], ground: scc}"),
        Way::GroundThatEnded => ("US", "{from: [JP], ground: scc, until: 2026-11-21}"),
        Way::NoGround => ("US", "{from: [EEA], ground: scc}"),
        Way::PlaceNotRecognised => ("JP", "{from: ['*'], ground: scc}"),
    };
    // Days before now, at midnight: 2026-09-23 is sixty, 2026-11-17 five.
    let role = match world.party {
        Party::First => None,
        Party::Processor => Some("processor"),
        Party::ControllerDisclosedDaysAgo(60) => Some("controller, disclosed_since: 2026-09-23"),
        Party::JointControllerDisclosedDaysAgo(5) => Some("joint_controller, disclosed_since: 2026-11-17"),
        Party::ControllerDisclosedDaysAgo(_) | Party::JointControllerDisclosedDaysAgo(_) | Party::ControllerUndisclosed => {
            panic!("no such party in this test")
        }
    };
    let registration = "tcf: {id: 755, purposes: [1, 7], legitimate_interests: [9]}";
    let (vendors, behind) = match role {
        Some(role) => (
            format!("vendors: {{v: {{role: {role}, country: {country}, {registration}, transfers: [{transfers}]}}}}\n"),
            "streams: [web], vendor: v".to_owned(),
        ),
        None => (String::new(), format!("location: {country}, transfers: [{transfers}]")),
    };
    format!(
        "privet: 1
controller: {{name: Test, country: JP}}
purposes: {{p: {{legal_basis: {basis}{keys}}}}}
regimes: [{{in: ['*'], silence: {silence}, gpc: {gpc}}}]
{vendors}streams:
  web:
    topics: [in]
    subject: [{{kind: user, path: $.user}}]
    time: {{path: $.time}}
    jurisdiction: {{country: $.country, otherwise: JP}}
    conflicts: {conflicts}
    consent:
      - {{signal: gpc, path: $.gpc}}
      - {{signal: tcf, path: $.tc, gdpr_applies: $.gdpr}}
      - {{signal: gpp, path: $.gpp, sid: $.sid}}
      - {{signal: usp, path: $.usp}}
      - {{signal: consent_mode, path: $.cm, gcd: advisory}}
      - {{signal: rudderstack, path: $.rs, purposes: {{p: C}}}}
      - {{signal: onetrust, path: $.ot, purposes: {{p: C}}}}
      - {{signal: mparticle, path: $.mp, purposes: {{p: c}}}}
      - {{signal: snowplow, path: $.sp, purposes: {{p: s}}}}
      - {{signal: tealium, path: $.te, purposes: {{p: c}}}}
      - {{signal: segment, path: $.se, purposes: {{p: C}}}}
      - {{signal: boolean, path: $.yes, true_means: granted, purposes: {{p: x}}}}
      - {{signal: boolean, path: $.no, true_means: opted_out, purposes: {{p: all}}}}
      - {{signal: boolean, path: $.second, true_means: granted, purposes: {{p: x}}}}
      - {{signal: mparticle, path: $.third, purposes: {{p: c}}}}
sinks: {{out: {{topic: out, purposes: [p], unlisted: keep, {behind}}}}}
",
        silence = if world.silence_allows { "allow" } else { "deny" },
        gpc = world.gpc_honoured,
        conflicts = if world.latest_wins { "latest_wins" } else { "denial_wins" },
    )
}

fn event(world: &World, state: &str, second: &str) -> String {
    let country = match world.way {
        Way::BothInTheEea => "FR",
        Way::PlaceNotRecognised => "XX",
        Way::SameCountry | Way::GroundWithoutEnd | Way::GroundThatEnded | Way::NoGround => "JP",
    };
    let time = match world.event_days_ago {
        10 => "2026-11-12T12:00:00Z",
        100 => "2026-08-14T12:00:00Z",
        other => panic!("no event of {other} days ago in this test"),
    };
    let user = if world.identified { ",\"user\":\"u1\"" } else { "" };
    let comma = if state.is_empty() { "" } else { "," };
    format!(r#"{{"country":"{country}","time":"{time}"{user}{comma}{state}{second}}}"#)
}

fn plan(world: &World) -> Plan {
    let text = policy(world);
    let compiled = compile(&text, "policy.yaml", &KeySet::demonstration());
    let said = compiled.render(false);
    compiled.plan.unwrap_or_else(|| panic!("{said}{text}"))
}

/// Runs one event through the whole engine.
fn judge(plan: &Plan, engine: &mut Engine, event: &str) -> oracle::Verdict {
    let value = Some(event.as_bytes());
    let record = Record { position: Default::default(), timestamp: None, key: None, value, headers: &[] };
    let mut verdict = ("", "");
    engine.evaluate(plan, StreamId(0), &record, at(super::kit::NOW), &mut |_, judged| {
        verdict = (judged.outcome.as_str(), judged.reason.as_str());
    });
    verdict
}

fn worlds() -> impl Iterator<Item = World> {
    let bases = [
        Basis::Consent,
        Basis::LegitimateInterests,
        Basis::PublicTask,
        Basis::Contract,
        Basis::LegalObligation,
        Basis::VitalInterests,
    ];
    let ways = [
        Way::SameCountry,
        Way::BothInTheEea,
        Way::GroundWithoutEnd,
        Way::GroundThatEnded,
        Way::NoGround,
        Way::PlaceNotRecognised,
    ];
    let parties =
        [Party::First, Party::Processor, Party::ControllerDisclosedDaysAgo(60), Party::JointControllerDisclosedDaysAgo(5)];
    let regimes = [(false, true), (true, true), (true, false)];
    let each = bases.into_iter().flat_map(move |basis| ways.into_iter().map(move |way| (basis, way)));
    let each = each.flat_map(move |(basis, way)| parties.into_iter().map(move |party| (basis, way, party)));
    each.flat_map(move |(basis, way, party)| {
        regimes.into_iter().map(move |(silence_allows, gpc_honoured)| World {
            routed: true,
            identities_contradict: false,
            identified: true,
            suppressed: false,
            ledger_stale: false,
            way,
            silence_allows,
            gpc_honoured,
            party,
            latest_wins: false,
            event_days_ago: 10,
            purposes: vec![Purpose {
                basis,
                silence_deny: false,
                special_categories: false,
                max_age_days: Some(90),
                sources: Vec::new(),
            }],
            any: false,
            degrade: None,
        })
    })
}

/// Every signal in every state, alone and beside a second source, under every basis, regime, party and way.
#[test]
fn every_signal_in_every_state() {
    let (states, mut engine) = (states(), Engine::new(Limits::default()));
    let mut verdicts: BTreeMap<oracle::Verdict, usize> = BTreeMap::new();
    for mut world in worlds() {
        let (basis, party) = (world.purposes[0].basis, world.party);
        // Where the way is barred everything ends alike: one way of settling conflicts is enough to see it.
        let open = matches!(world.way, Way::SameCountry);
        for latest_wins in if open { &[false, true][..] } else { &[false][..] } {
            world.latest_wins = *latest_wins;
            let plan = plan(&world);
            for (members, means) in &states {
                for (beside, second) in seconds().into_iter().take(if open { 4 } else { 1 }) {
                    for (identified, event_days_ago) in [(true, 10), (false, 10), (true, 100)] {
                        (world.identified, world.event_days_ago) = (identified, event_days_ago);
                        world.purposes[0].sources = vec![means.to(basis, party), second];
                        let expected = oracle::decide(&world);
                        let event = event(&world, members, beside);
                        let found = judge(&plan, &mut engine, &event);
                        assert_eq!(found, expected, "{event}\n{world:#?}");
                        *verdicts.entry(found).or_default() += 1;
                    }
                }
            }
        }
    }
    let cases: usize = verdicts.values().sum();
    assert!(cases >= 100_000, "only {cases} cases");
    for reason in [
        "consent_granted",
        "legitimate_interests",
        "not_required",
        "silence_allows",
        "no_consent",
        "consent_denied",
        "consent_withdrawn",
        "consent_expired",
        "opted_out",
        "signal_invalid",
        "vendor_not_permitted",
        "transfer_not_permitted",
        "subject_unknown",
    ] {
        assert!(verdicts.keys().any(|(_, known)| *known == reason), "no case ends in {reason}: {verdicts:?}");
    }
}

/// A sink that asks for a signal never gets an event in which that signal cannot be read, whatever else is said and wherever.
#[test]
fn an_undecodable_signal_never_reaches_a_sink_that_needs_it() {
    let (states, mut engine) = (states(), Engine::new(Limits::default()));
    let broken: Vec<_> = states
        .iter()
        .filter(|(_, means)| matches!(means, Always(Said::Unreadable) | Asked(Said::Unreadable)))
        .map(|(members, _)| members)
        .collect();
    assert!(broken.len() >= 13, "a state for every signal");
    for world in worlds().filter(|world| matches!(world.purposes[0].basis, Basis::Consent | Basis::LegitimateInterests)) {
        let plan = plan(&world);
        for members in &broken {
            for (beside, _) in seconds() {
                let event = event(&world, members, beside);
                let (outcome, reason) = judge(&plan, &mut engine, &event);
                assert_eq!(outcome, "drop", "{event}");
                assert!(matches!(reason, "signal_invalid" | "transfer_not_permitted"), "{event}: {reason}");
            }
        }
    }
}

/// Whatever stands where consent is expected, there is one verdict, and no panic. Bytes are changed, cut, doubled and moved; what
/// was a grant may only stay one if the engine still reads a grant there, which the matrix above holds.
#[test]
fn whatever_the_bytes_there_is_a_verdict() {
    let (states, mut engine) = (states(), Engine::new(Limits::default()));
    let world = worlds().next().expect("a world");
    let plan = plan(&world);
    let mut seed = 0x5851_f42d_4c95_7f2d_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    const BITS: [&str; 18] =
        ["", "%", "%25", "&", ";", "=", "~", ".", ":", ",", "{", "]", "\\u0041", "\\\\", "null", "9", "A", "\u{e9}"];
    let mut verdicts: BTreeMap<oracle::Verdict, usize> = BTreeMap::new();
    for _ in 0..10_000 {
        let members = &states[random(states.len())].0;
        let mut event = event(&world, members, "").into_bytes();
        // Only inside the members that speak of consent: the rest is the scanner's, and others test it.
        let start = event.len() - members.len() - 1;
        for _ in 0..=random(3) {
            let at = start + random(event.len() - start);
            let end = (at + random(6)).min(event.len() - 1).max(at);
            event.splice(at..end, BITS[random(BITS.len())].bytes());
        }
        *verdicts.entry(judge(&plan, &mut engine, &String::from_utf8_lossy(&event))).or_default() += 1;
    }
    assert!(!verdicts.contains_key(&("", "")), "an event without a verdict");
    assert!(verdicts.len() >= 6, "the mutations are not telling: {verdicts:?}");
}
