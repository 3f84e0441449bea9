//! What a policy without errors means.

use super::{plan, route, rules};

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
