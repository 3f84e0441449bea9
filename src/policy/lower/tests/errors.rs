//! Every error beyond form: its code, and the words at its place.

use super::{compiled, expect, plan};
use crate::policy::diagnostic::Severity;

#[track_caller]
fn errors(text: &str, expected: &[&str]) {
    expect(text, Severity::Error, expected);
}

const CONSENT: &str =
    "purposes: {ads: {legal_basis: consent, opt_outs: none, max_age: P1Y}, ops: {legal_basis: contract, because: x}}\n";
const VENDOR: &str = "vendors: {acme: {role: processor, country: US, transfers: [{from: [EEA], ground: scc}]}}\n";

/// A stream `web` with these keys more.
fn stream(keys: &str) -> String {
    format!("streams:\n  web:\n    topics: [in]\n    format: json\n    jurisdiction: {{otherwise: DE}}\n{keys}\n")
}

/// A sink `out` for `operations` with these keys more.
fn sink(keys: &str) -> String {
    format!("sinks:\n  out:\n    topic: out\n    purposes: [operations]\n{keys}\n")
}

#[test]
fn kinds_of_identity_that_keys_of_the_ledger_could_not_tell_apart() {
    for kind in ["\"a:b\"", "sha256", "digest"] {
        errors(&stream(&format!("    subject: [{{kind: {kind}, path: $.id}}]")), &[&format!("P0119@{kind}")]);
    }
}

#[test]
fn names_that_nobody_declared() {
    errors(&sink("    vendor: acme\n    streams: [web]"), &["P0202@acme"]);
    errors(&sink("    streams: [wbe]"), &["P0204@wbe"]);
    errors(&sink("    use: base"), &["P0207@base"]);
    errors("sinks: {out: {topic: out, purposes: [operation]}}", &["P0201@operation"]);
    errors(&sink("    denied: {degrade: anon, purposes: [operations], on: [no_consent]}"), &["P0208@anon"]);
    errors(&sink("    fields: {$.a: {pseudonym: {key: k}}}"), &["P0203@k"]);
    errors(&sink("    fields: {user.contact.email: drop}"), &["P0206@user.contact.email"]);
    errors("regimes: [{in: [EAA], silence: deny}, {in: [\"*\"], silence: deny}]", &["P0205@EAA"]);
    errors("controller: {name: x, country: ZZ}", &["P0210@ZZ"]);
    errors("controller: {name: x, country: EEA}", &["P0210@EEA"]);
    errors(&stream("    consent: [{signal: segment, path: $.c, purposes: {adds: Ads}}]"), &["P0201@adds"]);
}

#[test]
fn unknown_names_suggest_the_nearest() {
    let (_, diagnostics, _) = compiled("sinks: {out: {topic: out, purposes: [operation]}}");
    assert_eq!(diagnostics.sorted()[0].hint.as_deref(), Some("did you mean `operations`?"));
}

#[test]
fn everything_at_once() {
    let text = "regimes: [{in: [DE], silence: deny}]\n".to_owned()
        + "purposes: {operations: {legal_basis: contract}}\n"
        + &stream("    classes: {a.b: [$.x], c.d: [$.x]}")
        + &sink("    vendor: acme\n    fields: {nope: drop}");
    errors(&text, &["P0301@{in: [DE], silence: deny}", "P0302@contract", "P0317@$.x", "P0202@acme", "P0318@acme", "P0206@nope"]);
}

#[test]
fn a_basis_without_signals_says_why_and_maps_none() {
    errors("purposes: {operations: {legal_basis: contract}}", &["P0302@contract"]);
    for list in ["tcf: [1]", "tcf_li: [2]", "tcf_special_features: [1]", "opt_outs: [sale]", "consent_mode: [ad_storage]"] {
        errors(&format!("purposes: {{operations: {{legal_basis: public_task, because: law, {list}}}}}"), &["P0303@public_task"]);
    }
    plan("purposes: {operations: {legal_basis: contract, because: x, tcf: none, opt_outs: none, consent_mode: none}}");
}

#[test]
fn controllers_are_disclosed_and_dpf_is_american() {
    errors("vendors: {v: {role: controller, country: US}}", &["P0304@controller"]);
    errors("vendors: {v: {role: joint_controller, country: US}}", &["P0304@joint_controller"]);
    let dpf = |countries: &str| {
        format!("vendors: {{v: {{role: processor, countries: [{countries}], transfers: [{{from: [EEA], ground: dpf}}]}}}}")
    };
    plan(&dpf("US"));
    errors(&dpf("US, IN"), &["P0305@dpf"]);
    errors(&sink("    location: CA\n    transfers: [{from: [EEA], ground: dpf}]"), &["P0305@dpf"]);
}

#[test]
fn a_domestic_ground_crosses_no_border() {
    let from = |from: &str| {
        format!("vendors: {{v: {{role: processor, country: FR, transfers: [{{from: [{from}], ground: domestic}}]}}}}")
    };
    plan(&from("DE"));
    plan(&from("EEA"));
    errors(&from("US-CA"), &["P0306@domestic"]);
    errors(&from("\"*\""), &["P0306@domestic"]);
}

#[test]
fn a_flexible_purpose_has_a_basis() {
    let tcf = |tcf: &str| format!("vendors: {{v: {{role: processor, country: US, tcf: {{id: 7, {tcf}}}}}}}");
    plan(&tcf("purposes: [2], legitimate_interests: [7], flexible: [2, 7]"));
    errors(&tcf("purposes: [2], flexible: [9]"), &["P0307@9"]);
}

#[test]
fn the_last_regime_is_everywhere() {
    errors("regimes: [{in: [EEA], silence: deny}]", &["P0301@{in: [EEA], silence: deny}"]);
    errors("regimes: [{in: [\"*\"], silence: deny}, {in: [EEA], silence: deny}]", &["P0301@{in: [EEA], silence: deny}"]);
    errors("regions: {EEA: [DE]}", &["P0212@EEA"]);
    errors("regions: {north: [DE, XX]}", &["P0205@XX"]);
}

#[test]
fn topics_never_meet() {
    let two = "sinks: {a: {topic: t, purposes: [operations]}, b: {topic: t, purposes: [operations]}}";
    errors(two, &["P0308@t"]);
    let pattern = |pattern: &str| stream("").replace("[in]", &format!("{{match: {pattern}}}"));
    errors(&pattern("\"ou.*\""), &["P0309@{match: \"ou.*\"}"]);
    errors(&pattern("\"o\""), &[]);
    errors(&pattern("\"privacy[.].+\""), &["P0309@{match: \"privacy[.].+\"}"; 5]);
    errors(&stream("").replace("[in]", "[out]"), &["P0309@[out]"]);
    errors(&sink("").replace("topic: out", "topic: privacy.consent"), &["P0309@privacy.consent"]);
    errors(&sink("").replace("topic: out", "topic: a/b"), &["P0121@a/b"]);
    let twice = "streams:\n  a: {topics: [in], format: json, jurisdiction: {otherwise: DE}}\n  b: {topics: {match: \"i.\"}, format: json, jurisdiction: {otherwise: DE}}";
    errors(twice, &["P0310@{match: \"i.\"}"]);
    errors(&pattern("\"(\""), &["P0321@\"(\""]);
    errors(&pattern("\"a|out.*\""), &["P0309@{match: \"a|out.*\"}"]);
}

#[test]
fn every_signal_maps_every_purpose_that_asks_for_one() {
    let with = |consent: &str| {
        CONSENT.to_owned() + &stream(&format!("    consent: [{consent}]")) + "sinks: {out: {topic: out, purposes: [ads, ops]}}"
    };
    plan(&with("{signal: segment, path: $.c, purposes: {ads: Ads}}"));
    plan(&with("{signal: segment, path: $.c, purposes: {ads: none}}"));
    errors(&with("{signal: segment, path: $.c, purposes: {ops: Ops}}"), &["P0311@{ops: Ops}"]);
    errors(&with("{signal: boolean, path: $.c, true_means: granted, purposes: {ops: x}}"), &["P0311@{ops: x}"]);
    plan(&with("{signal: gpc, path: $.g}"));
    errors(&with("{signal: gpc, path: $.g}").replace("opt_outs: none, ", ""), &["P0311@ads"]);
    errors(&with("{signal: segment, path: $.c}"), &["P0104@{signal: segment, path: $.c}"]);
    let unreached = with("{signal: segment, path: $.c, purposes: {ops: Ops}}").replace("[ads, ops]", "[ops]");
    plan(&unreached);
}

#[test]
fn purposes_of_a_degraded_event_are_mapped_too() {
    let text = CONSENT.to_owned()
        + "profiles: {p: {fields: {$.a: keep}}}\n"
        + &stream("    consent: [{signal: segment, path: $.c, purposes: {ops: Ops}}]")
        + "sinks: {out: {topic: out, purposes: [ops], denied: {degrade: p, purposes: [ads], on: [no_consent]}}}";
    errors(&text, &["P0311@{ops: Ops}"]);
}

#[test]
fn a_boolean_says_what_true_means() {
    let signal = "{signal: boolean, path: $.c, purposes: {operations: x}}";
    errors(&stream(&format!("    consent: [{signal}]")), &[&format!("P0314@{signal}")]);
}

#[test]
fn a_vendor_registers_the_purposes_it_is_for() {
    let with = |tcf: &str, vendor: &str| {
        format!("purposes: {{ads: {{legal_basis: consent, max_age: P1Y, tcf: [{tcf}]}}}}\n")
            + &format!("vendors: {{v: {{role: processor, country: DE, tcf: {vendor}}}}}\n")
            + "sinks: {out: {topic: out, vendor: v, streams: [web], purposes: [ads]}}"
    };
    plan(&with("1, 2", "{id: 3, purposes: [2]}"));
    plan(&with("7", "{id: 3, purposes: [1], legitimate_interests: [7]}"));
    plan(&with("7", "none"));
    errors(&with("3, 4", "{id: 3, purposes: [1, 2]}"), &["P0312@[ads]"]);
    let own = with("3", "{id: 3, purposes: [1]}").replace("purposes: [ads]}", "purposes: [ads], tcf: [1]}");
    plan(&own);
}

#[test]
fn a_stream_says_which_law_holds() {
    let bare = "streams: {web: {topics: [in], format: json}}";
    errors(bare, &["P0313@web"]);
    let some = "streams: {web: {topics: [in], format: json, jurisdiction: {country: $.c}}}";
    errors(some, &["P0313@{country: $.c}"]);
    let at = |place: &str| stream("").replace("otherwise: DE", &format!("otherwise: {place}"));
    for place in ["EEA", "EU", "UK", "us-ca", "US-CA"] {
        plan(&at(place));
    }
    errors(&at("\"*\""), &["P0205@\"*\""]);
    errors(&at("Atlantis"), &["P0205@Atlantis"]);
    plan(&("regions: {dach: [DE, AT, CH]}\n".to_owned() + &at("dach")));
    errors(&("regions: {west: [DE, US-CA]}\n".to_owned() + &at("west")), &["P0205@west"]);
}

#[test]
fn a_first_party_sink_is_somewhere() {
    let bare = super::whole("").replace("controller: {name: Example Ltd, country: DE}\n", "");
    let source = crate::policy::compile(&bare, "p", &crate::keys::KeySet::demonstration());
    let codes: Vec<_> = source.diagnostics.sorted().iter().map(|one| one.code.as_str()).collect();
    assert_eq!(codes, ["P0319"]);
}

#[test]
fn a_sink_with_a_vendor_names_its_streams_and_leaves_countries_to_the_vendor() {
    errors(&(VENDOR.to_owned() + &sink("    vendor: acme")), &["P0318@acme"]);
    errors(&(VENDOR.to_owned() + &sink("    vendor: acme\n    streams: [web]\n    location: US")), &["P0119@US"]);
    errors(
        &(VENDOR.to_owned() + &sink("    vendor: acme\n    streams: [web]\n    transfers: [{from: [EEA], ground: scc}]")),
        &["P0119@{from: [EEA], ground: scc}"],
    );
}

#[test]
fn a_profile_identifies_nobody() {
    let with = |fields: &str| {
        "keys: {k: {}}\n".to_owned()
            + &stream("    subject: [{kind: u, path: $.id}]\n    classes: {user.contact.email: [$..email], x.y: [$.y]}")
            + &format!("profiles: {{p: {{fields: {{{fields}}}}}}}\n")
            + &sink("    denied: {degrade: p, purposes: [operations], on: [no_consent]}")
    };
    plan(&with("user.contact.email: email_domain, x.y: keep, $.event: keep, user: drop"));
    errors(&with("user.contact.email: keep"), &["P0315@user.contact.email"]);
    errors(&with("user: {pseudonym: {key: k}}"), &["P0315@user"]);
    errors(&with("user.unique_id: {pseudonym: {key: k}}"), &["P0315@user.unique_id"]);
    errors(&with("$.id: keep"), &["P0315@$.id"]);
    errors(&with("$.ID: keep"), &["P0315@$.ID"]);
    errors(&with("$.*: keep"), &["P0315@$.*"]);
    errors(&with("$.profile.email: keep"), &["P0315@$.profile.email"]);
    plan(&with("$.profile: keep"));
}

#[test]
fn a_special_category_is_listed_by_the_purpose() {
    let with = |category: &str, class: &str, rule: &str| {
        format!("purposes: {{operations: {{legal_basis: consent, max_age: P1Y, special_categories: [{category}]}}}}\n")
            + &stream(&format!("    classes: {{{class}: [$.d]}}"))
            + &sink(&format!("    fields: {{{class}: {rule}}}"))
    };
    plan(&with("health", "user.health_and_medical.diagnosis", "keep"));
    plan(&with("", "user.health_and_medical", "drop"));
    plan(&with("", "user.contact.phone", "keep"));
    errors(&with("", "user.health", "keep"), &["P0316@[operations]"]);
    errors(&with("health", "user.biometric", "{mask: {keep_last: 2}}"), &["P0316@[operations]"]);
    errors(&with("helth", "user.name", "keep"), &["P0106@helth"]);
    plan(&with("", "user.biometric", "{redact: {with: x}}"));
}

#[test]
fn two_equal_claims_to_one_place() {
    let classes = |classes: &str| stream(&format!("    classes: {{{classes}}}"));
    errors(&classes("a: [$.x], b: [$.x]"), &["P0317@$.x"]);
    errors(&classes("a: [$.Email], b: [$.email]"), &["P0317@$.email"]);
    errors(&classes("a: [$..a..x], b: [$..b..x]"), &["P0317@$..b..x"]);
    plan(&classes("a: [$.x.id], b: [$.y.id], c: [$..id], d: [\"$.*.id\"]"));
    plan(&classes("a: [$.x, $.z], b: [$.y]"));
    plan(&(classes("a: [$.Email], b: [$.email]").replace("    classes", "    match: exact\n    classes")));
    errors(&sink("    fields: {$.a.x: keep, \"$.*.y\": keep, $.A.x: drop}"), &["P0317@$.A.x"]);
    plan(&sink("    fields: {$.a.x: keep, $.A.x: keep}"));
    errors(&sink("    fields: {$.a: keep, \"$['a']\": drop}"), &["P0213@\"$['a']\""]);
}

#[test]
fn conditions_mean_something() {
    let when = |when: &str| sink(&format!("    when: {when}"));
    plan(&when("{path: $.e, matches: \"^a+$\"}"));
    errors(&when("{path: '$.e[*].x', equals: 1}"), &["P0320@'$.e[*].x'"]);
    plan(&when("{path: '$.e[*].x', each: any, equals: 1}"));
    errors(&when("{not: {path: $.e, matches: \"(?=a)\"}}"), &["P0321@\"(?=a)\""]);
    errors(&when("{path: $.e, matches: \"(a{1000}){1000}\"}"), &["P0321@\"(a{1000}){1000}\""]);
}

#[test]
fn a_sink_degrades_only_for_what_a_purpose_may_lack() {
    let with = |on: &str| {
        "profiles: {p: {fields: {$.a: keep}}}\n".to_owned()
            + &sink(&format!("    denied: {{degrade: p, purposes: [operations], on: [{on}]}}"))
    };
    plan(&with("no_consent, consent_denied, consent_withdrawn, consent_expired, opted_out, vendor_not_permitted"));
    errors(&with("signal_invalid"), &["P0209@signal_invalid"]);
    errors(&with("transfer_not_permitted"), &["P0209@transfer_not_permitted"]);
    errors(&with("no_consnt"), &["P0209@no_consnt"]);
}

#[test]
fn transforms_have_options_that_mean_something() {
    let rule = |rule: &str| sink(&format!("    fields: {{$.a: {rule}}}"));
    errors(&rule("{url: {}}"), &["P0104@{url: {}}"]);
    plan(&rule("{url: {drop_params: []}}"));
    errors(&rule("{url: {keep_params: [\"a[b]\"]}}"), &["P0121@\"a[b]\""]);
    plan(&rule("{url: {drop_params: [\"a[b]\"]}}"));
    errors(&rule("{url: {keep_params: [a], schemes: [\"1x\"]}}"), &["P0121@\"1x\""]);
    errors(&sink("    record_key: null"), &["P0106@null"]);
    errors(&sink("    headers: {keep: [privet-purposes]}"), &["P0212@privet-purposes"]);
}

#[test]
fn a_consent_rule_is_said_once() {
    errors(&sink("    consent_signal: keep\n    fields: {consent.signal: drop}"), &["P0213@keep"]);
}

#[test]
fn a_list_says_a_name_once() {
    errors("sinks: {out: {topic: out, purposes: [operations, operations]}}", &["P0213@operations"]);
    errors(&sink("    streams: [web, web]"), &["P0213@web"]);
}
