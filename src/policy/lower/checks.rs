//! Errors that only the policy as a whole can show.

use super::Cx;
use super::assemble::{Draft, RouteDraft};
use super::disclosures;
use super::fields::Placed;
use super::signals::check_mapped;
use super::sinks::SinkDraft;
use crate::event::PurposeId;
use crate::plan::{Action, Denied, Purpose};
use crate::policy::ast::{OrNone, Span, VendorTcf};
use crate::policy::diagnostic::Code;

/// Special categories of GDPR Article 9, each with the parts of class names that stand for it; fideslang's among them.
const SPECIAL: &[(&str, &[&str])] = &[
    ("health", &["health", "health_and_medical", "medical"]),
    ("genetic", &["genetic", "genetics"]),
    ("biometric", &["biometric", "biometrics", "biometric_health"]),
    ("racial_or_ethnic_origin", &["race", "ethnicity", "racial_or_ethnic_origin", "race_ethnicity"]),
    ("political_opinions", &["political_opinion", "political_opinions", "political"]),
    ("religious_beliefs", &["religious_belief", "religious_beliefs", "religion"]),
    ("trade_union_membership", &["trade_union", "trade_union_membership"]),
    ("sexual_orientation", &["sexual_orientation", "sexual", "sex_life"]),
];

/// Finds what no part of the policy shows by itself.
pub(super) fn check(cx: &mut Cx<'_>, draft: &Draft<'_>, too_many_rules: bool) {
    check_signals(cx, draft);
    check_registrations(cx, draft);
    check_special_categories(cx, draft);
    disclosures::check(cx, draft);
    check_sizes(cx, draft, too_many_rules);
}

/// The purposes under which a sink may receive something, in its order.
pub(super) fn purposes_of<'d>(sink: &'d SinkDraft<'_>) -> impl Iterator<Item = PurposeId> + 'd {
    let degraded = match &sink.denied {
        Denied::Degrade { purposes, .. } => purposes.as_slice(),
        Denied::Drop => &[],
    };
    sink.purposes.purposes().iter().chain(degraded).copied()
}

fn check_signals(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    for (position, stream) in draft.streams.iter().enumerate() {
        let mut reaching: Vec<(PurposeId, &str)> = Vec::new();
        for route in draft.routes.iter().filter(|route| route.stream == position) {
            let sink = &draft.sinks[route.sink];
            for purpose in purposes_of(sink) {
                if reaching.iter().all(|(known, _)| *known != purpose) {
                    reaching.push((purpose, &sink.merged.name.value));
                }
            }
        }
        check_mapped(cx, stream.name, &stream.signals, &draft.purposes, &reaching);
    }
}

/// A purpose whose TCF purposes the vendor does not register can never be permitted for it.
fn check_registrations(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    let policy = cx.policy;
    for sink in &draft.sinks {
        let Some(vendor) = sink.vendor else { continue };
        let (name, written) = &policy.vendors[vendor];
        let Some(OrNone::Some(registered)) = &written.tcf else { continue };
        let span = sink.merged.purposes().map_or(&sink.merged.name.span, |purposes| &purposes.span);
        for id in sink.purposes.purposes() {
            let own = sink.merged.tcf().map(|list| &list.value);
            let needed = own.or_else(|| match &policy.purposes[id.index()].1.tcf {
                Some(OrNone::Some(numbers)) => Some(numbers),
                Some(OrNone::None(_)) | None => None,
            });
            let Some(needed) = needed.filter(|needed| !needed.is_empty()) else { continue };
            if !needed.iter().any(|number| registers(registered, number.value)) {
                cx.diagnostics
                    .error(
                        Code::NeverPasses,
                        span,
                        format!(
                            "purpose `{}` can never pass: vendor `{}` registers none of its TCF purposes",
                            draft.purposes[id.index()].name,
                            name.value
                        ),
                    )
                    .note(&registered.id.span, "its registration")
                    .hint("correct the registration, or the purpose's `tcf`");
            }
        }
    }
}

fn registers(vendor: &VendorTcf, purpose: u8) -> bool {
    vendor.purposes.iter().chain(&vendor.legitimate_interests).any(|known| known.value == purpose)
}

fn check_special_categories(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    check_category_words(cx, draft);
    for route in &draft.routes {
        let sink = &draft.sinks[route.sink];
        let span = sink.merged.purposes().map_or(&sink.merged.name.span, |purposes| &purposes.span);
        check_released(cx, draft, route, &route.placed, sink.purposes.purposes(), span);
        if let (Some(placed), Denied::Degrade { purposes, .. }) = (&route.degraded, &sink.denied) {
            check_released(cx, draft, route, placed, purposes, sink.merged.denied().map_or(span, |denied| &denied.span));
        }
    }
}

/// Every purpose under which a place of a special category is released must list that category.
fn check_released(
    cx: &mut Cx<'_>,
    draft: &Draft<'_>,
    route: &RouteDraft,
    placed: &[Placed],
    purposes: &[PurposeId],
    span: &Span,
) {
    for placed in placed {
        if let Some(inner) = &placed.inner {
            check_released(cx, draft, route, inner, purposes, span);
        }
        // Text with rules inside is of its own class as a whole.
        if !releases(&placed.rule.action) && placed.inner.is_none() {
            continue;
        }
        let Some(class) = placed.class.as_deref() else { continue };
        let Some(category) = category_of(class, &draft.purposes) else { continue };
        for purpose in purposes.iter().map(|id| &draft.purposes[id.index()]) {
            if !purpose.special_categories.iter().any(|listed| **listed == *category) {
                cx.diagnostics
                    .error(
                        Code::SpecialCategory,
                        span,
                        format!(
                            "sink `{}` receives `{class}`, of the special category `{category}`, which purpose `{}` does not list",
                            draft.sinks[route.sink].merged.name.value, purpose.name
                        ),
                    )
                    .hint(format!("drop the class here, or add `special_categories: [{category}]` to the purpose"));
            }
        }
    }
}

/// Whether anything of a value leaves.
pub(super) fn releases(action: &Action) -> bool {
    match action {
        Action::Drop | Action::Remove | Action::Null | Action::Redact(_) => false,
        Action::Keep
        | Action::Mask { .. }
        | Action::Pseudonym(_)
        | Action::TruncateIp { .. }
        | Action::Url(_)
        | Action::EmailDomain
        | Action::CoarsenGeo { .. }
        | Action::CoarsenTime(_)
        | Action::Detect(_)
        | Action::Prefix { .. }
        | Action::Bucket(_)
        | Action::UserAgent
        | Action::DiscloseSha256(_)
        | Action::PeriodPseudonym(_)
        | Action::Token(_)
        | Action::Filter(_)
        | Action::Encrypt(_)
        | Action::Json(_) => true,
    }
}

/// The special category of a class: one of Article 9, or one that a purpose declares and the class names.
fn category_of<'p>(class: &str, purposes: &'p [Purpose]) -> Option<&'p str> {
    let has = |part: &str| class.split('.').any(|own| own == part);
    let listed = || purposes.iter().flat_map(|purpose| &purpose.special_categories).map(|listed| &**listed);
    if let Some((word, _)) = SPECIAL.iter().find(|(_, parts)| parts.iter().any(|part| has(part))) {
        return Some(word);
    }
    listed().find(|word| has(word))
}

/// A category that no class could be of protects nothing: most likely it is misspelt.
fn check_category_words(cx: &mut Cx<'_>, draft: &Draft<'_>) {
    let policy = cx.policy;
    for (_, purpose) in &policy.purposes {
        for word in &purpose.special_categories {
            let known = SPECIAL.iter().any(|(category, _)| *category == word.value);
            let mut classes = draft.streams.iter().flat_map(|stream| &stream.classed).map(|classed| classed.class);
            if known || classes.any(|class| class.split('.').any(|part| part == word.value)) {
                continue;
            }
            let words = SPECIAL.iter().map(|(category, _)| *category);
            let near = crate::policy::diagnostic::did_you_mean(&word.value, words.clone());
            let hint = near
                .unwrap_or_else(|| format!("one of: {}, or a part of the name of a class", words.collect::<Vec<_>>().join(", ")));
            cx.diagnostics
                .error(Code::UnknownWord, &word.span, format!("no special category is called `{}`", word.value))
                .hint(hint);
        }
    }
}

/// A plan numbers its things with 16 bits.
fn check_sizes(cx: &mut Cx<'_>, draft: &Draft<'_>, too_many_rules: bool) {
    let policy = cx.policy;
    let most = usize::from(u16::MAX);
    let counted = [
        (policy.vendors.get(most).map(|(name, _)| &name.span), "vendors"),
        (policy.streams.get(most).map(|(name, _)| &name.span), "streams"),
        (policy.sinks.get(most).map(|(name, _)| &name.span), "sinks"),
    ];
    for (span, what) in counted {
        if let Some(span) = span {
            cx.diagnostics.error(Code::TooMany, span, format!("a policy has at most {most} {what}"));
        }
    }
    for stream in draft.streams.iter().filter(|stream| stream.paths.overflows()) {
        cx.diagnostics
            .error(
                Code::TooMany,
                &stream.name.span,
                format!("the paths of stream `{}` are too many for one plan", stream.name.value),
            )
            .hint("30,000 steps in all, with the paths of its sinks and profiles; use `..` or `*` where they repeat");
    }
    if too_many_rules && let Some(sink) = draft.sinks.first() {
        cx.diagnostics
            .error(Code::TooMany, &sink.merged.name.span, format!("the sinks have more than {most} rules together"))
            .hint("name ancestors of classes instead of every class");
    }
}
