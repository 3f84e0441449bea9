//! What a policy without errors means.

use super::{plan, route, rules};
use crate::event::{Country, CountrySet, Jurisdiction, PathId, PurposeId, SinkId, VendorId};
use crate::keys::KeySet;
use crate::outcome::Reason;
use crate::plan::{
    Action, Conflicts, Denied, Duplicates, EmptyParents, Ground, KeyRule, Named, Plan, PurposeNeed, Scope, SignalKind, Silence,
    Tombstones, UrlParams,
};

/// The complete example of the language, without what this version lacks.
const EXAMPLE: &str = r#"
controller: {name: Example Ltd, country: DE}
purposes:
  analytics:
    label: Audience measurement
    legal_basis: consent
    tcf: [7, 8]
    opt_outs: [targeted_advertising]
    consent_mode: [analytics_storage]
    max_age: P13M
  advertising:
    legal_basis: consent
    tcf: [1, 2, 7]
    opt_outs: [sale, sharing, targeted_advertising, known_child]
    consent_mode: [ad_storage, ad_user_data, ad_personalization]
    silence: deny
    special_categories: []
  service_statistics: {legal_basis: legitimate_interests, tcf: none, opt_outs: none, consent_mode: none}
  fraud_prevention: {legal_basis: legal_obligation, because: "Payment services law, section 10"}
regions: {gpc_states: [US-CA, US-CO, US-CT]}
regimes:
  - {in: [EEA, GB, CH], silence: deny}
  - {in: [gpc_states], silence: allow, gpc: true}
  - {in: ["*"], silence: deny}
vendors:
  acme-ads:
    name: Acme Ads Ltd
    role: controller
    country: US
    disclosed_since: 2026-01-15
    tcf: {id: 755, purposes: [1, 2, 7], legitimate_interests: [9, 10], flexible: [9]}
    transfers:
      - {from: [EEA, GB], ground: scc, until: 2027-06-30}
    reviewed: 2026-03-01
keys:
  ads: {}
  crm: {shared: true}
streams:
  web:
    topics: [events.raw]
    format: json
    subject:
      - {kind: user_id, path: $.userId}
      - {kind: anonymous_id, path: $.anonymousId, names: device}
      - {kind: [user_id, device_id], path: $.properties.distinct_id}
    time: {path: $.timestamp, unit: rfc3339}
    jurisdiction: {country: $.context.location.country, region: $.context.location.region, otherwise: EEA}
    consent:
      - {signal: gpc, path: $.context.gpc}
      - {signal: segment, path: $.context.consent.categoryPreferences,
         purposes: {analytics: Analytics, advertising: Advertising, service_statistics: none}}
    when: {not: {path: $.context.test, exists: true}}
    classes:
      user.unique_id: [$.userId, $.anonymousId]
      user.contact.email: [$.context.traits.email, $..email]
      user.device.ip_address: [$.context.ip]
      user.location.precise: [$.context.location.latitude, $.context.location.longitude]
      page.url: [$.context.page.url, $.context.page.referrer]
      x.free_text: [$.properties.comment]
templates:
  vendor_default: {unlisted: drop, headers: {keep: [traceparent]}, fields: {page.url: {url: {keep_params: [utm_source]}}}}
profiles:
  anonymous:
    fields:
      user.device.ip_address: {truncate_ip: {v4: 16, v6: 32}}
      $.event: keep
      $.timestamp: {coarsen_time: {to: day}}
sinks:
  ads:
    use: vendor_default
    streams: [web]
    topic: events.ads
    vendor: acme-ads
    purposes: [advertising]
    tcf: [1, 2, 7]
    when: {all: [{path: $.event, in: [Order Completed, Product Viewed]}]}
    unlisted: drop
    fields:
      user.contact.email: {pseudonym: {key: ads}}
      user.unique_id: {pseudonym: {key: ads}}
      $.event: keep
      $.properties.order_id: keep
    consent_signal: keep
    record_key: {pseudonym: {key: ads}}
    headers: {keep: [content-type]}
    empty_parents: drop
    tombstones: drop
  warehouse:
    topic: clean.warehouse
    purposes: [analytics]
    location: US
    transfers: [{from: [EEA], ground: scc, until: 2028-01-01}]
    unlisted: keep
    fields: {user: drop, page.url: {url: {drop_params: [email, token]}}, x.free_text: drop, consent.signal: keep}
    denied: {degrade: anonymous, purposes: [service_statistics], on: [no_consent, consent_expired]}
"#;

#[test]
fn the_example_of_the_language_becomes_a_plan() {
    let plan = plan(EXAMPLE);
    let stream = &plan.streams[0];
    assert_eq!(stream.routes.len(), 2);
    assert_eq!(
        rules(&plan, route(&plan)),
        [
            "$..email pseudonym by class",
            "$.anonymousId pseudonym by class",
            "$.context.consent.categoryPreferences keep by class",
            "$.context.gpc keep by class",
            "$.context.ip drop by class",
            "$.context.location.latitude drop by class",
            "$.context.location.longitude drop by class",
            "$.context.page.referrer url by class",
            "$.context.page.url url by class",
            "$.context.traits.email pseudonym by class",
            "$.event keep by path",
            "$.properties.comment drop by class",
            "$.properties.distinct_id pseudonym by class",
            "$.properties.order_id keep by path",
            "$.userId pseudonym by class",
        ]
    );
}

#[test]
fn every_part_of_the_example_is_in_the_plan() {
    let plan = plan(EXAMPLE);
    let ads = &plan.sinks[0];
    assert_eq!((&*ads.name, &*ads.topic, ads.vendor), ("ads", "events.ads", Some(VendorId(0))));
    assert_eq!(ads.purposes, PurposeNeed::All(vec![PurposeId(1)]));
    assert_eq!(ads.destination.iter().map(|country| country.as_str().to_owned()).collect::<Vec<_>>(), ["US"]);
    assert_eq!(ads.transfers[0].ground, Ground::Scc);
    // The day that `until` names is included.
    assert_eq!(ads.transfers[0].until.unwrap().to_string(), "2027-07-01T00:00:00Z");
    assert_eq!(plan.vendors[0].disclosed_since.unwrap().to_string(), "2026-01-15T00:00:00Z");
    assert_eq!(ads.headers, ["content-type".into()], "the sink's own keys stand before its template's");
    let Denied::Degrade { purposes, on } = &plan.sinks[1].denied else { panic!("the warehouse degrades") };
    assert_eq!(purposes, &[PurposeId(2)]);
    assert_eq!(on, &[Reason::NoConsent, Reason::ConsentExpired]);
    assert_eq!(
        plan.regimes.iter().map(|regime| regime.silence).collect::<Vec<_>>(),
        [Silence::Deny, Silence::Allow, Silence::Deny]
    );
    let advertising = &plan.purposes[1];
    assert_eq!(advertising.opt_outs.0, 1 | 2 | 4 | 32);
    assert!(advertising.silence_denies && !plan.purposes[0].silence_denies);
    let stream = &plan.streams[0];
    assert_eq!(stream.subject[2].kinds, ["user_id".into(), "device_id".into()]);
    assert_eq!(stream.subject[1].names, Named::Device);
    assert!(matches!(&stream.signals[0].kind, SignalKind::Gpc));
    let SignalKind::Segment { purposes } = &stream.signals[1].kind else { panic!("the second signal is segment") };
    let mapped: Vec<_> = purposes.iter().map(|(id, categories)| (*id, categories.names.clone(), categories.any)).collect();
    assert_eq!(mapped, [(PurposeId(0), vec!["Analytics".into()], false), (PurposeId(1), vec!["Advertising".into()], false)]);
}

#[test]
fn every_slot_belongs_to_one_use_of_one_path() {
    let plan = plan(EXAMPLE);
    let stream = &plan.streams[0];
    let mut filled: Vec<u16> =
        (0..stream.index.path_count()).flat_map(|id| stream.index.slots(PathId(id as u16)).iter().map(|slot| slot.0)).collect();
    filled.sort_unstable();
    // Three identities, time, country, region, two signals, the stream's test and the sink's.
    assert_eq!(filled, (0..10).collect::<Vec<u16>>());
    assert_eq!(stream.slots, 10);
}

#[test]
fn rules_know_their_place_in_the_policy() {
    let plan = plan(EXAMPLE);
    let stream = &plan.streams[0];
    let info = |path: &str| {
        let id = (0..stream.index.path_count()).map(|id| PathId(id as u16)).find(|id| stream.index.path(*id).to_string() == path);
        let (_, rule) = route(&plan).rules.rule(id.unwrap()).unwrap();
        let info = plan.rule(rule.rule);
        (info.subject.to_string(), info.class.to_string(), info.transform, info.line)
    };
    let line = |text: &str| super::whole(EXAMPLE).lines().position(|line| line.contains(text)).map(|at| at as u32 + 1);
    assert_eq!(
        info("$..email"),
        ("user.contact.email".into(), "user.contact.email".into(), "pseudonym", line("user.contact.email: {pseudonym"))
    );
    assert_eq!(
        info("$.event"),
        ("$.event".into(), "$.event".into(), "keep", line("      $.properties.order_id").map(|line| line - 1))
    );
    assert_eq!(info("$.context.ip"), ("$.context.ip".into(), "user.device.ip_address".into(), "drop", None));
    let info: Vec<_> =
        plan.rules.iter().filter(|rule| rule.sink == SinkId(1) && &*rule.subject == "user").map(|rule| &*rule.class).collect();
    assert!(info.contains(&"user.contact.email") && info.contains(&"user.unique_id"), "{info:?}");
}

/// One stream with an identity in the record key and an e-mail address in the value, and these rules in sink `out`.
fn with_rules(fields: &str) -> Plan {
    plan(&format!(
        "keys: {{k: {{}}, all: {{shared: true}}}}\n\
         streams:\n  web:\n    topics: [in]\n    format: json\n    jurisdiction: {{otherwise: DE}}\n\
         \x20   subject: [{{kind: u, path: $.id}}, {{kind: u, key: true}}]\n\
         \x20   classes: {{user.contact.email: [$.email, $..mail], user.name: [$.name]}}\n\
         sinks:\n  out: {{topic: out, purposes: [operations], unlisted: keep, {fields}}}\n  other: {{topic: other, purposes: [operations], {fields}}}"
    ))
}

#[test]
fn the_nearest_class_rules_and_a_path_beats_it() {
    let plan = with_rules("fields: {user: drop, user.contact: email_domain, $.name: keep, $.x: \"null\"}");
    assert_eq!(
        rules(&plan, route(&plan)),
        [
            "$..mail email_domain by class",
            "$.email email_domain by class",
            "$.id drop by class",
            "$.name keep by path",
            "$.x null by path",
        ]
    );
    let stream = &plan.streams[0];
    let name =
        (0..stream.index.path_count()).map(|id| PathId(id as u16)).find(|id| stream.index.path(*id).to_string() == "$.name");
    let (_, beneath) = route(&plan).rules.shadowed_rule(name.unwrap()).expect("the class rule stays beneath");
    assert!(matches!(beneath.action, Action::Drop));
}

fn pseudonym_of(plan: &Plan, route: usize, path: &str) -> String {
    let stream = &plan.streams[0];
    let id = (0..stream.index.path_count()).map(|id| PathId(id as u16)).find(|id| stream.index.path(*id).to_string() == path);
    let (_, rule) = stream.routes[route].rules.rule(id.unwrap()).unwrap();
    let Action::Pseudonym(pseudonym) = &rule.action else { panic!("{path} has a pseudonym") };
    let mut out = Vec::new();
    pseudonym.key.pseudonym(b"x", &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_pseudonym_belongs_to_key_sink_and_class() {
    let keys = KeySet::demonstration();
    let expected = |name: &str, sink: Option<&str>, class: &str| {
        let mut out = Vec::new();
        keys.pseudonym_key(name, sink, class).pseudonym(b"x", &mut out);
        String::from_utf8(out).unwrap()
    };
    let plan = with_rules("fields: {user: {pseudonym: {key: k}}, $.name: {pseudonym: {key: all}}, $.x: {pseudonym: {key: k}}}");
    // The class is that of the place, also where the rule names an ancestor.
    assert_eq!(pseudonym_of(&plan, 0, "$.email"), expected("k", Some("out"), "user.contact.email"));
    assert_eq!(pseudonym_of(&plan, 1, "$.email"), expected("k", Some("other"), "user.contact.email"));
    assert_eq!(pseudonym_of(&plan, 0, "$.id"), expected("k", Some("out"), "user.unique_id"));
    // A rule by path on a path that has a class; a shared key leaves the sink out.
    assert_eq!(pseudonym_of(&plan, 0, "$.name"), expected("all", None, "user.name"));
    assert_eq!(pseudonym_of(&plan, 0, "$.name"), pseudonym_of(&plan, 1, "$.name"));
    // A place without a class.
    assert_eq!(pseudonym_of(&plan, 0, "$.x"), expected("k", Some("out"), "$.x"));
}

#[test]
fn the_record_key_has_the_class_of_its_identity() {
    let keys = KeySet::demonstration();
    let plan = with_rules("record_key: {pseudonym: {key: k}}");
    let KeyRule::Transform { action: Action::Pseudonym(pseudonym), rule } = &route(&plan).record_key else {
        panic!("a pseudonym")
    };
    let (mut got, mut expected) = (Vec::new(), Vec::new());
    pseudonym.key.pseudonym(b"x", &mut got);
    keys.pseudonym_key("k", Some("out"), "user.unique_id").pseudonym(b"x", &mut expected);
    assert_eq!(got, expected);
    assert_eq!((&*plan.rule(*rule).subject, &*plan.rule(*rule).class), ("record_key", "user.unique_id"));
    assert!(matches!(route(&with_rules("record_key: drop")).record_key, KeyRule::Drop));
    assert!(matches!(route(&with_rules("tombstones: pass")).record_key, KeyRule::Drop));
    assert!(matches!(route(&with_rules("record_key: keep")).record_key, KeyRule::Keep));
}

#[test]
fn an_identity_is_classed_otherwise_by_name_and_not_by_chance() {
    let classed = |classes: &str| {
        let text = format!(
            "streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}, subject: [{{kind: e, path: $.a.mail}}], classes: {{{classes}}}}}}}\n\
             sinks: {{out: {{topic: out, purposes: [operations], fields: {{user.unique_id: \"null\"}}}}}}"
        );
        let plan = plan(&text);
        rules(&plan, route(&plan))
    };
    assert_eq!(classed("x.y: [$.b]"), ["$.a.mail null by class", "$.b drop by class"]);
    assert_eq!(classed("x.y: [$.a.mail]"), ["$.a.mail drop by class"]);
    assert_eq!(classed("x.y: [$..MAIL]"), ["$..MAIL drop by class"]);
    assert_eq!(classed("x.y: ['$..*']"), ["$..[*] drop by class", "$.a.mail null by class"]);
}

#[test]
fn templates_are_filled_in_key_by_key() {
    let plan = plan(
        "templates:\n  base: {unlisted: keep, tombstones: pass, headers: {keep: [a]}, fields: {$.a: drop, $.b: drop, class.of.nobody: drop}}\n\
         streams: {web: {topics: [in], format: json, jurisdiction: {otherwise: DE}}, app: {topics: [app], format: json, jurisdiction: {otherwise: DE}, classes: {class.of.nobody: [$.n]}}}\n\
         sinks:\n  out: {use: base, streams: [web], topic: out, purposes: [operations], fields: {\"$['a']\": keep, $.c: \"null\"}}",
    );
    assert_eq!(rules(&plan, route(&plan)), ["$.a keep by path", "$.b drop by path", "$.c null by path"]);
    assert_eq!(route(&plan).rules.unlisted, Scope::Keep);
    assert_eq!(route(&plan).rules.empty_parents, EmptyParents::Keep);
    assert_eq!(plan.sinks[0].tombstones, Tombstones::Pass);
    assert_eq!(plan.sinks[0].headers, ["a".into()]);
    assert!(plan.streams[1].routes.is_empty(), "the sink names its streams");
}

#[test]
fn defaults_are_the_safe_ones() {
    let plan = plan(
        "streams: {web: {topics: [in], format: json, jurisdiction: {otherwise: DE}, consent: [{signal: gpc, path: $.gpc}]}}",
    );
    let route = route(&plan);
    assert_eq!(route.rules.unlisted, Scope::Drop);
    assert_eq!(route.rules.empty_parents, EmptyParents::Drop);
    assert!(matches!(route.record_key, KeyRule::Drop));
    assert_eq!(plan.sinks[0].tombstones, Tombstones::Drop);
    assert!(matches!(plan.sinks[0].denied, Denied::Drop));
    assert!(plan.sinks[0].headers.is_empty());
    assert_eq!(rules(&plan, route), ["$.gpc drop by class"]);
    assert_eq!(plan.streams[0].conflicts, Conflicts::DenialWins);
    assert_eq!(plan.streams[0].duplicates, Duplicates::Quarantine);
}

#[test]
fn topic_patterns_match_the_whole_name() {
    let plan = plan("streams: {web: {topics: {match: \"a|b.+\"}, format: json, jurisdiction: {otherwise: DE}}}");
    let topics = &plan.streams[0].topics;
    for (topic, belongs) in [("a", true), ("bc", true), ("ab", false), ("xa", false), ("b", false), ("out", false)] {
        assert_eq!(topics.contains(topic), belongs, "{topic}");
    }
}

#[test]
fn otherwise_is_a_place_or_a_group() {
    let at = |place: &str| {
        plan(&format!("streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: {place}}}}}}}")).streams[0]
            .place
            .otherwise
    };
    assert_eq!(at("EEA"), Jurisdiction::AnyOf(*CountrySet::eea()));
    assert_eq!(at("UK"), Jurisdiction::country(Country::parse("GB").unwrap()));
    let Jurisdiction::Place { country, subdivision: Some(_) } = at("US-CA") else { panic!("a part of a country") };
    assert_eq!(country.as_str(), "US");
}

#[test]
fn a_redaction_is_json_text_and_parameters_are_folded() {
    let plan = plan(
        "sinks: {out: {topic: out, purposes: [operations], fields: {$.a: {redact: {with: 'say \"é\"'}}, $.u: {url: {drop_params: [Email, \"User[x]\"], fragment: keep, schemes: [App]}}}}}",
    );
    assert_eq!(rules(&plan, route(&plan)), [r#"$.a redact("say \"é\"") by path"#, "$.u url by path"]);
    let url = route(&plan).rules.iter().find_map(|(_, rule)| match &rule.action {
        Action::Url(url) => Some(url.clone()),
        _ => None,
    });
    let url = url.unwrap();
    let UrlParams::Drop(names) = &url.params else { panic!("names to drop") };
    let names: Vec<&str> = names.iter().map(|param| &*param.name).collect();
    assert_eq!((names, url.keep_fragment, url.schemes.as_slice()), (vec!["email", "user"], true, &["app".into()][..]));
}

#[test]
fn paths_beyond_sixteen_bits_are_refused_by_name() {
    let classes: String = (0..16_000).map(|id| format!("$.a.b{id}, ")).collect();
    let (plan, diagnostics, _) = super::compiled(&format!(
        "streams: {{web: {{topics: [in], format: json, jurisdiction: {{otherwise: DE}}, classes: {{x.y: [{classes}]}}}}}}"
    ));
    assert!(plan.is_none());
    let codes: Vec<_> = diagnostics.sorted().iter().map(|one| one.code.as_str()).collect();
    assert!(codes.contains(&"P0322"), "{codes:?}");
}
