//! Every warning of `check`: its code, and the words at its place. It is 2026-11-22.

use super::expect;
use crate::policy::diagnostic::Severity;

#[track_caller]
fn warnings(text: &str, expected: &[&str]) {
    expect(text, Severity::Error, &[]);
    expect(text, Severity::Warning, expected);
}

/// A stream and a sink of a vendor in Germany; `fields` and `keys` are the sink's, `classes` the stream's.
fn to_vendor(classes: &str, fields: &str, keys: &str) -> String {
    format!(
        "vendors: {{v: {{role: processor, country: DE, reviewed: 2026-11-01}}}}\n\
         keys: {{k: {{}}}}\n\
         streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}, subject: [{{kind: u, path: $.id}}, {{kind: h, header: who}}], \
         time: {{path: $.at}}, classes: {{{classes}}}}}}}\n\
         sinks: {{out: {{topic: out, vendor: v, streams: [web], purposes: [operations], fields: {{{fields}}}{keys}}}}}\n"
    )
}

#[test]
fn a_policy_without_doubts_has_none() {
    warnings("", &[]);
    warnings(&to_vendor("page.url: [$.url]", "page.url: {url: {keep_params: []}}, $.event: keep", ""), &[]);
}

#[test]
fn what_reaches_a_third_party_unseen() {
    warnings(&to_vendor("", "", ", unlisted: keep"), &["P1001@keep"]);
    warnings(&to_vendor("x.a: [$.c.a]", "x.a: drop, $.c: keep", ""), &["P1002@$.c"]);
    warnings(&to_vendor("", "\"$.c.*\": keep", ""), &["P1002@\"$.c.*\""]);
    let filter = "$.c: {filter: {when: {path: $.ok, equals: true}}}";
    warnings(&to_vendor("", filter, ""), &["P1002@$.c"]);
    warnings(&to_vendor("", &format!("{filter}, \"$.c[*]\": drop, \"$.c[*].n\": keep"), ""), &[]);
    warnings(&to_vendor("", "", ", record_key: keep"), &["P1003@keep"]);
    warnings(&to_vendor("", "", ", record_key: {pseudonym: {key: k}}"), &[]);
    warnings(&to_vendor("", "", ", headers: {keep: [trace, who]}"), &["P1003@who"]);
    warnings(&to_vendor("x.free_text: [$.t]", "x.free_text: keep", ""), &["P1013@x.free_text"]);
    warnings(&to_vendor("user.location.precise: [$.t]", "user.location: keep", ""), &["P1013@user.location"]);
    warnings(&to_vendor("user.location.precise: [$.t]", "user.location: {coarsen_geo: {decimals: 1}}", ""), &[]);
}

#[test]
fn a_vendor_without_registration_under_tcf_purposes() {
    let text = |tcf: &str| {
        format!(
            "purposes: {{ads: {{legal_basis: consent, tcf: [1], silence: deny, max_age: P1Y}}}}\n\
                 vendors: {{v: {{role: processor, country: DE{tcf}}}}}\n\
                 streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}, consent: [{{signal: segment, path: $.c, purposes: {{ads: Ads}}}}]}}}}\n\
                 sinks: {{out: {{topic: out, vendor: v, streams: [web], purposes: [ads]}}}}"
        )
    };
    warnings(&text(""), &["P1004@v"]);
    warnings(&text(", tcf: none"), &[]);
    warnings(&text(", tcf: {id: 3, purposes: [1]}"), &[]);
}

#[test]
fn classes_and_rules_that_do_nothing() {
    warnings(&to_vendor("x.a: [$.a], x.b: [$.b]", "x.a: keep", ""), &["P1005@x.b"]);
    warnings(&to_vendor("x.a: [$.a]", "x: drop", ""), &[]);
    warnings(&to_vendor("x.a: [$.a]", "x: drop, x.a: keep", ""), &["P1006@x"]);
    warnings(&to_vendor("x.a: [$.c.a]", "x.a: drop, $.c: {mask: {keep_last: 4}}", ""), &["P1006@$.c"]);
    let no_identity = "sinks: {out: {topic: out, purposes: [operations], fields: {user.unique_id: drop}}}";
    warnings(no_identity, &["P1006@user.unique_id"]);
}

#[test]
fn parts_that_never_act() {
    warnings(
        "regimes: [{in: [EEA], silence: deny}, {in: [DE], silence: allow}, {in: [\"*\"], silence: deny}]",
        &["P1006@{in: [DE], silence: allow}"],
    );
    warnings("purposes: {operations: {legal_basis: contract, because: x, max_age: P1Y}}", &["P1006@P1Y"]);
}

#[test]
fn grounds_that_are_missing_or_end() {
    let text = |jurisdiction: &str, transfer: &str| {
        format!(
            "regimes: [{{in: [EEA, CH, US-CA], silence: deny}}, {{in: [\"*\"], silence: deny}}]\n\
                 streams: {{web: {{topics: [in], format: json, jurisdiction: {{{jurisdiction}}}}}}}\n\
                 sinks: {{out: {{topic: out, purposes: [operations], location: US, transfers: [{transfer}]}}}}"
        )
    };
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: scc}"), &[]);
    warnings(&text("country: $.c, otherwise: EEA", "{from: [EEA], ground: scc}"), &["P1007@out"]);
    warnings(&text("country: $.c, otherwise: EEA", "{from: [EEA, CH], ground: scc}"), &[]);
    warnings(&text("otherwise: US", ""), &[]);
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: scc, until: 2026-12-20}"), &["P1008@2026-12-20"]);
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: scc, until: 2027-01-20}"), &[]);
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: scc, until: 2026-11-22}"), &["P1008@2026-11-22"]);
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: scc, until: 2026-11-21}"), &["P1007@out", "P1008@2026-11-21"]);
    warnings(&text("otherwise: EEA", "{from: [EEA], ground: derogation}"), &["P1009@derogation"]);
}

#[test]
fn reviews_grow_old_after_twelve_months() {
    let reviewed = |date: &str| format!("vendors: {{v: {{role: processor, country: DE, reviewed: {date}}}}}");
    warnings(&reviewed("2025-11-23"), &[]);
    warnings(&reviewed("2025-11-21"), &["P1010@2025-11-21"]);
}

#[test]
fn otherwise_should_not_be_where_silence_is_yes() {
    let at = |place: &str| {
        format!(
            "regimes: [{{in: [US-CA], silence: allow}}, {{in: [\"*\"], silence: deny}}]\n\
                 streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: {place}}}}}}}\n\
                 sinks: {{out: {{topic: out, purposes: [operations], transfers: [{{from: [US], ground: adequacy}}]}}}}"
        )
    };
    warnings(&at("US-CA"), &["P1011@US-CA"]);
    warnings(&at("US"), &[]);
}

#[test]
fn a_pseudonym_with_place_and_time_is_a_trajectory() {
    let with = |fields: &str| to_vendor("user.location.precise: [$.lat]", fields, "");
    let pseudonym = "user.unique_id: {pseudonym: {key: k}}";
    let coarse = "user.location: {coarsen_geo: {decimals: 3}}";
    warnings(&with(&format!("{pseudonym}, {coarse}, $.at: keep")), &["P1012@user.unique_id"]);
    warnings(&with(&format!("{pseudonym}, {coarse}, $.at: {{coarsen_time: {{to: hour}}}}")), &["P1012@user.unique_id"]);
    warnings(&with(&format!("{pseudonym}, {coarse}, $.at: {{coarsen_time: {{to: day}}}}")), &[]);
    warnings(&with(&format!("{pseudonym}, {coarse}")), &[]);
    warnings(&with(&format!("{pseudonym}, user.location: {{coarsen_geo: {{decimals: 1}}}}, $.at: keep")), &[]);
    warnings(&with(&format!("user.unique_id: drop, {coarse}, $.at: keep")), &[]);
}

#[test]
fn consent_that_never_ages_or_is_never_given() {
    let text = |purpose: &str, mapped: &str| {
        format!(
            "purposes: {{ads: {{legal_basis: consent{purpose}}}}}\n\
                 streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}, consent: [{{signal: segment, path: $.c, purposes: {{ads: {mapped}}}}}]}}}}\n\
                 sinks: {{out: {{topic: out, purposes: [ads]}}}}"
        )
    };
    warnings(&text(", max_age: P13M", "Ads"), &[]);
    warnings(&text("", "Ads"), &["P1014@ads"]);
    warnings(&text(", max_age: P13M", "none"), &["P1016@[ads]"]);
}

#[test]
fn other_bases_towards_a_controller() {
    let role = |role: &str| {
        format!(
            "vendors: {{v: {{role: {role}, country: DE, disclosed_since: 2026-01-01}}}}\n\
                 sinks: {{out: {{topic: out, vendor: v, streams: [web], purposes: [operations]}}}}"
        )
    };
    warnings(&role("controller"), &["P1015@[operations]"]);
    warnings(&role("processor"), &[]);
}

/// A first-party sink with these purposes and keys, on a stream with these signals.
fn asking(signals: &str, purposes: &str, keys: &str) -> String {
    format!(
        "purposes: {{ads: {{legal_basis: consent, tcf: [1], opt_outs: [sale], max_age: P1Y}}, \
         reach: {{legal_basis: legitimate_interests, tcf: none, opt_outs: none}}, ops: {{legal_basis: contract, because: x}}}}\n\
         profiles: {{p: {{fields: {{$.n: keep}}}}}}\n\
         streams: {{web: {{topics: [in], jurisdiction: {{otherwise: DE}}, consent: [{signals}]}}}}\n\
         sinks: {{out: {{topic: out, purposes: [{purposes}]{keys}}}}}\n"
    )
}

#[test]
fn a_list_for_tc_strings_that_nothing_reads() {
    let boolean = "{signal: boolean, path: $.c, true_means: granted, purposes: {ads: all, reach: none}}";
    warnings(&asking(boolean, "ads", ", tcf: [1, 2]"), &["P1006@[1, 2]"]);
    let both = format!("{boolean}, {{signal: tcf, path: $.tc}}");
    warnings(&asking(&both, "ads", ", tcf: [1, 2]"), &[]);
    let gpp = format!("{boolean}, {{signal: gpp, path: $.gpp}}");
    warnings(&asking(&gpp, "ads", ", tcf: [1, 2]"), &[]);
}

#[test]
fn a_degradation_that_nothing_leads_to() {
    let boolean = "{signal: boolean, path: $.c, true_means: granted, purposes: {ads: all, reach: all}}";
    let degrade = |on: &str| format!(", denied: {{degrade: p, purposes: [ops], on: [{on}]}}");
    let never = |purposes: &str, on: &str| {
        let written = format!("P1006@{{degrade: p, purposes: [ops], on: [{on}]}}");
        warnings(&asking(boolean, purposes, &degrade(on)), &[&written]);
    };
    never("ops", "no_consent, consent_denied");
    never("reach", "no_consent");
    never("ads", "opted_out");
    never("ads", "consent_withdrawn, vendor_not_permitted");
    for on in ["no_consent", "consent_expired", "consent_denied", "opted_out, consent_denied"] {
        warnings(&asking(boolean, "ads", &degrade(on)), &[]);
    }
    let usp = format!("{boolean}, {{signal: usp, path: $.usp}}");
    warnings(&asking(&usp, "ads", &degrade("opted_out")), &[]);
}
