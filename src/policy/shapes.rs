//! Presets for known event shapes: who an event is about, when it happened, and which of its fields are of which class.
//!
//! A preset fills in what its stream leaves out: `subject` and `time` as a whole, `classes` class by class and path by path.
//! Presets never change once released: another version is another word.

use super::ast::{Policy, Source, Span, Spanned, Stream, Subject, Text, Time};
use crate::event::Path;

/// What a shape says.
struct Shape {
    word: &'static str,
    /// Kind, path, and whether it names a device.
    subject: &'static [(&'static str, &'static str, bool)],
    time: (&'static str, &'static str),
    classes: &'static [(&'static str, &'static [&'static str])],
}

/// Segment's spec, version 2 of its payloads: identify, track, page, screen, group and alias calls alike.
const SEGMENT: Shape = Shape {
    word: "segment@1",
    subject: &[("user_id", "$.userId", false), ("anonymous_id", "$.anonymousId", true)],
    time: ("$.timestamp", "rfc3339"),
    classes: &[
        ("user.unique_id", &["$.userId", "$.anonymousId", "$.previousId"]),
        ("user.name", NAMES),
        ("user.contact.email", &["$.context.traits.email", "$.traits.email", "$.properties.email"]),
        ("user.contact.phone", &["$.context.traits.phone", "$.traits.phone", "$.properties.phone"]),
        ("user.contact.address", &["$.context.traits.address", "$.traits.address"]),
        ("user.device.id", &["$.context.device.id", "$.context.device.advertisingId", "$.context.device.token"]),
        ("user.device.ip_address", &["$.context.ip"]),
        ("user.device.user_agent", &["$.context.userAgent", "$.context.userAgentData"]),
        ("user.location.precise", &["$.context.location.latitude", "$.context.location.longitude"]),
        ("page.url", URLS),
        ("page.title", &["$.context.page.title", "$.properties.title"]),
        ("x.event_id", &["$.messageId"]),
    ],
};

const NAMES: &[&str] = &[
    "$.context.traits.name",
    "$.context.traits.firstName",
    "$.context.traits.lastName",
    "$.context.traits.username",
    "$.traits.name",
    "$.traits.firstName",
    "$.traits.lastName",
    "$.traits.username",
];

const URLS: &[&str] = &[
    "$.context.page.url",
    "$.context.page.path",
    "$.context.page.search",
    "$.context.page.referrer",
    "$.context.referrer.url",
    "$.properties.url",
    "$.properties.path",
    "$.properties.search",
    "$.properties.referrer",
];

/// RudderStack's event spec: Segment's, with an identity and an address of its own.
const RUDDERSTACK: Shape = Shape {
    word: "rudderstack@1",
    subject: &[("user_id", "$.userId", false), ("anonymous_id", "$.anonymousId", true)],
    time: ("$.originalTimestamp", "rfc3339"),
    classes: &[
        ("user.unique_id", &["$.userId", "$.anonymousId", "$.previousId", "$.rudderId", "$.context.traits.userId"]),
        ("user.name", NAMES),
        ("user.contact.email", &["$.context.traits.email", "$.traits.email", "$.properties.email"]),
        ("user.contact.phone", &["$.context.traits.phone", "$.traits.phone", "$.properties.phone"]),
        ("user.contact.address", &["$.context.traits.address", "$.traits.address"]),
        ("user.device.id", &["$.context.device.id", "$.context.device.advertisingId", "$.context.device.token"]),
        ("user.device.ip_address", &["$.context.ip", "$.request_ip"]),
        ("user.device.user_agent", &["$.context.userAgent", "$.context.userAgentData"]),
        ("user.location.precise", &["$.context.location.latitude", "$.context.location.longitude"]),
        ("page.url", URLS),
        ("page.title", &["$.context.page.title", "$.properties.title"]),
        ("x.event_id", &["$.messageId"]),
    ],
};

/// mParticle's event batch: many events of one person, with one consent.
const MPARTICLE: Shape = Shape {
    word: "mparticle@1",
    subject: &[
        ("customer_id", "$.user_identities.customer_id", false),
        ("mpid", "$.mpid", false),
        ("mp_device_id", "$.mp_deviceid", true),
    ],
    time: ("$.timestamp_unixtime_ms", "ms"),
    classes: &[
        ("user.unique_id", &["$.mpid", "$.mp_deviceid", "$.user_identities", "$.user_identities.customer_id"]),
        ("user.contact.email", &["$.user_identities.email"]),
        ("user.attributes", &["$.user_attributes"]),
        ("user.device", &["$.device_info"]),
        ("user.device.ip_address", &["$.ip"]),
        ("user.device.user_agent", &["$.device_info.http_header_user_agent"]),
        ("user.location.precise", &["$.events[*].data.location"]),
        ("x.custom_attributes", &["$.events[*].data.custom_attributes"]),
        ("x.event_id", &["$.source_request_id", "$.batch_id"]),
    ],
};

const ALL: [Shape; 3] = [SEGMENT, RUDDERSTACK, MPARTICLE];

/// Fills in what the streams of a policy leave to their shapes.
pub(super) fn expand(policy: &mut Policy) {
    for (_, stream) in &mut policy.streams {
        let shape =
            stream.shape.as_ref().and_then(|text| Some((ALL.iter().find(|shape| shape.word == text.value)?, text.span.clone())));
        if let Some((shape, span)) = shape {
            fill(stream, shape, &span);
        }
    }
}

fn fill(stream: &mut Stream, shape: &Shape, span: &Span) {
    let text = |value: &str| Text { value: value.to_owned(), span: span.clone() };
    let place = |value: &str| {
        let value = Path::parse(value).expect("a preset's paths are paths: a test reads them all");
        Spanned { value, span: span.clone() }
    };
    if stream.subject.is_empty() {
        let identity = |(kind, path, device): &(&str, &str, bool)| Subject {
            kinds: vec![text(kind)],
            source: Source::Path(place(path)),
            names: device.then(|| text("device")),
            normalize: None,
        };
        let identities = shape.subject.iter().map(|one| Spanned { value: identity(one), span: span.clone() });
        stream.subject = identities.collect();
    }
    if stream.time.is_none() {
        let (path, unit) = shape.time;
        stream.time =
            Some(Spanned { value: Time { source: Source::Path(place(path)), unit: Some(text(unit)) }, span: span.clone() });
    }
    let own: Vec<Path> = stream.classes.iter().flat_map(|(_, paths)| paths).map(|path| path.value.clone()).collect();
    for (class, paths) in shape.classes {
        if stream.classes.iter().any(|(known, _)| known.value == *class) {
            continue;
        }
        let left: Vec<Spanned<Path>> = paths.iter().map(|path| place(path)).filter(|path| !own.contains(&path.value)).collect();
        if !left.is_empty() {
            stream.classes.push((text(class), left));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;
    use crate::policy::compile;

    fn policy(shape: &str, more: &str, sink: &str) -> String {
        format!(
            "privet: 1
controller: {{name: Test, country: DE}}
purposes: {{ops: {{legal_basis: contract, because: test}}}}
regimes: [{{in: ['*'], silence: deny}}]
streams:
  web: {{topics: [in], shape: {shape}, jurisdiction: {{otherwise: DE}}{more}}}
sinks:
  house: {{topic: out, purposes: [ops], unlisted: keep, fields: {{{sink}}}}}
"
        )
    }

    #[test]
    fn every_preset_compiles_without_a_word() {
        for shape in ALL {
            let text = policy(shape.word, "", "user: drop");
            let compiled = compile(&text, "p.yaml", &KeySet::demonstration());
            assert_eq!(compiled.render(false), "", "{}", shape.word);
            let stream = &compiled.plan.expect("a plan").streams[0];
            assert_eq!(stream.subject.len(), shape.subject.len());
            assert!(stream.time.is_some());
        }
    }

    #[test]
    fn own_lines_stand_before_the_preset() {
        let own = ", subject: [{kind: account, path: $.account}], time: {path: $.at}, \
                   classes: {user.contact.email: [$.mail], x.address: [$.context.ip]}";
        let text = policy("segment@1", own, "user: drop, x: drop");
        let compiled = compile(&text, "p.yaml", &KeySet::demonstration());
        assert_eq!(compiled.render(false), "");
        let stream = &compiled.written.streams[0].1;
        assert_eq!(stream.subject.len(), 1);
        let paths = |class: &str| {
            let found = stream.classes.iter().find(|(name, _)| name.value == class);
            found.map(|(_, paths)| paths.iter().map(|path| path.value.to_string()).collect::<Vec<_>>()).unwrap_or_default()
        };
        assert_eq!(paths("user.contact.email"), ["$.mail"]);
        assert_eq!(paths("x.address"), ["$.context.ip"]);
        assert!(paths("user.device.ip_address").is_empty(), "its one path has a class of the author's");
        assert_eq!(paths("user.contact.phone").len(), 3);
    }
}
