//! A second reading of `design/decision.md`, "Order" and "One purpose", from its words alone: simple and slow.
//!
//! It knows nothing of plans and statements. A world is described in the contract's terms, and the answer is its words.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    Consent,
    Contract,
    LegalObligation,
    VitalInterests,
    PublicTask,
    LegitimateInterests,
}

/// What one source says about one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    /// A grant in the event without a time of its own.
    GrantedWithTheEvent,
    /// A grant with a time of its own, so many days before now.
    GrantedDaysAgo(i64),
    /// A grant with the event whose expiry has passed.
    GrantedAndEnded,
    Denied,
    DeniedDaysAgo(i64),
    Withdrawn,
    WithdrawnDaysAgo(i64),
    OptedOut,
    /// Global Privacy Control is on.
    Gpc,
    /// A TC string of so many days before now refuses the vendor.
    VendorRefusedDaysAgo(i64),
    /// A TC string permits legitimate interest: no grant, and no silence.
    InterestPermitted,
    Unreadable,
}

/// The vendor behind the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Party {
    First,
    Processor,
    /// A controller, disclosed so many days before now.
    ControllerDisclosedDaysAgo(i64),
    JointControllerDisclosedDaysAgo(i64),
    /// A controller of whom nobody was told.
    ControllerUndisclosed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    SameCountry,
    BothInTheEea,
    GroundWithoutEnd,
    GroundThatEnded,
    NoGround,
    PlaceNotRecognised,
}

#[derive(Clone, Debug)]
pub(crate) struct Purpose {
    pub(crate) basis: Basis,
    pub(crate) silence_deny: bool,
    pub(crate) special_categories: bool,
    /// Days after which a grant is too old.
    pub(crate) max_age_days: Option<i64>,
    pub(crate) sources: Vec<Said>,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) routed: bool,
    pub(crate) identities_contradict: bool,
    pub(crate) identified: bool,
    /// Whether the subject is suppressed for the sink's first purpose.
    pub(crate) suppressed: bool,
    /// Whether a ledger source is not ready and fresh.
    pub(crate) ledger_stale: bool,
    pub(crate) way: Way,
    /// What silence means where the subject is.
    pub(crate) silence_allows: bool,
    pub(crate) gpc_honoured: bool,
    pub(crate) party: Party,
    pub(crate) latest_wins: bool,
    /// Days before now at which the event happened.
    pub(crate) event_days_ago: i64,
    /// The purposes of the sink.
    pub(crate) purposes: Vec<Purpose>,
    /// `{any: […]}`
    pub(crate) any: bool,
    /// `denied`: the purposes of the profile, and the reasons.
    pub(crate) degrade: Option<(Vec<Purpose>, Vec<&'static str>)>,
}

pub(crate) type Verdict = (&'static str, &'static str);

/// The outcome and the reason.
pub(crate) fn decide(world: &World) -> Verdict {
    // 2.
    if !world.routed {
        return ("drop", "not_routed");
    }
    // 3.
    if world.identities_contradict {
        return ("quarantine", "subject_ambiguous");
    }
    if !world.identified {
        for purpose in &world.purposes {
            let asks = purpose.basis == Basis::Consent || purpose.basis == Basis::LegitimateInterests;
            if asks && purpose.sources.iter().all(|said| is_silence(world, *said)) {
                return ("drop", "subject_unknown");
            }
        }
    }
    // 4.
    if world.suppressed {
        return ("drop", "suppressed");
    }
    // 5.
    if world.ledger_stale {
        return ("drop", "ledger_stale");
    }
    // 6.
    let may_go = match world.way {
        Way::SameCountry | Way::BothInTheEea | Way::GroundWithoutEnd => true,
        Way::GroundThatEnded | Way::NoGround | Way::PlaceNotRecognised => false,
    };
    if !may_go {
        return ("drop", "transfer_not_permitted");
    }
    // 7.
    let answers: Vec<(bool, &str)> = world.purposes.iter().map(|purpose| one_purpose(world, purpose)).collect();
    let passes = if world.any { answers.iter().any(|(pass, _)| *pass) } else { answers.iter().all(|(pass, _)| *pass) };
    if passes {
        // 8.
        let mut reasons = answers.iter().filter(|(pass, _)| *pass).map(|(_, reason)| *reason);
        return ("allow", reasons.find(|reason| *reason != "not_required").unwrap_or("not_required"));
    }
    let reason = answers.iter().find(|(pass, _)| !pass).expect("one failed").1;
    if let Some((profile, on)) = &world.degrade {
        let listed = on.contains(&reason) && reason != "signal_invalid";
        if listed && !profile.is_empty() && profile.iter().all(|purpose| one_purpose(world, purpose).0) {
            return ("degrade", reason);
        }
    }
    ("drop", reason)
}

/// GPC is an opt-out where the regime honours it, and nothing elsewhere. Of a place that is not recognised nobody
/// knows that it does not.
fn honours_gpc(world: &World) -> bool {
    world.gpc_honoured || world.way == Way::PlaceNotRecognised
}

fn is_silence(world: &World, said: Said) -> bool {
    said == Said::Nothing || said == Said::Gpc && !honours_gpc(world)
}

/// Whether it passes, and the reason.
fn one_purpose(world: &World, purpose: &Purpose) -> (bool, &'static str) {
    // "Which reason, where several apply", strictest first.
    const ORDER: [&str; 7] = [
        "signal_invalid",
        "opted_out",
        "consent_withdrawn",
        "consent_denied",
        "vendor_not_permitted",
        "consent_expired",
        "no_consent",
    ];
    match purpose.basis {
        Basis::Contract | Basis::LegalObligation | Basis::VitalInterests => return (true, "not_required"),
        Basis::Consent | Basis::PublicTask | Basis::LegitimateInterests => {}
    }
    let mut complaints: Vec<&str> = Vec::new();
    let mut granted = false;
    for said in &purpose.sources {
        match source(world, purpose, *said) {
            "" => {}
            "granted" => granted = true,
            complaint => complaints.push(complaint),
        }
    }
    let denials = &ORDER[..4];
    let mut failing: Vec<&str> = complaints.iter().copied().filter(|complaint| denials.contains(complaint)).collect();
    // Refused by the person or by the list, not only out of a grant's reach: a denial with the reason's place in the order.
    if complaints.contains(&"vendor_refused") {
        failing.push("vendor_not_permitted");
    }
    let needs_grant = match purpose.basis {
        Basis::Consent => true,
        // policy.md: with special categories "an explicit grant is needed".
        Basis::LegitimateInterests => purpose.special_categories,
        _ => false,
    };
    let silence_does = purpose.basis == Basis::Consent
        && world.silence_allows
        && world.way != Way::PlaceNotRecognised
        && !purpose.silence_deny
        && !purpose.special_categories
        && !complaints.contains(&"vendor_not_permitted");
    if needs_grant && !granted && !silence_does {
        failing.extend(complaints.iter().copied().filter(|complaint| ORDER[4..].contains(complaint)));
        failing.push("no_consent");
    }
    match ORDER.iter().find(|reason| failing.contains(reason)) {
        Some(reason) => (false, reason),
        None => (
            true,
            match purpose.basis {
                Basis::LegitimateInterests if !needs_grant => "legitimate_interests",
                Basis::PublicTask => "not_required",
                _ if granted => "consent_granted",
                _ => "silence_allows",
            },
        ),
    }
}

/// What one source amounts to: nothing, `granted`, or a complaint.
fn source(world: &World, purpose: &Purpose, said: Said) -> &'static str {
    match said {
        Said::Nothing | Said::InterestPermitted => "",
        Said::Unreadable => "signal_invalid",
        Said::OptedOut => "opted_out",
        Said::Gpc => {
            if honours_gpc(world) {
                "opted_out"
            } else {
                ""
            }
        }
        Said::Denied => "consent_denied",
        Said::Withdrawn => "consent_withdrawn",
        Said::DeniedDaysAgo(days) => {
            if is_beaten(world, purpose, days) {
                ""
            } else {
                "consent_denied"
            }
        }
        Said::WithdrawnDaysAgo(days) => {
            if is_beaten(world, purpose, days) {
                ""
            } else {
                "consent_withdrawn"
            }
        }
        Said::VendorRefusedDaysAgo(days) => {
            if is_beaten(world, purpose, days) {
                ""
            } else {
                "vendor_refused"
            }
        }
        Said::GrantedAndEnded => "consent_expired",
        Said::GrantedWithTheEvent => grant(world, purpose, world.event_days_ago),
        Said::GrantedDaysAgo(days) => grant(world, purpose, days),
    }
}

fn grant(world: &World, purpose: &Purpose, days_ago: i64) -> &'static str {
    if days_ago < world.event_days_ago {
        return ""; // It had not been given when the event happened.
    }
    if purpose.max_age_days.is_some_and(|max| days_ago > max) {
        return "consent_expired";
    }
    let covered = match world.party {
        Party::First | Party::Processor => true,
        Party::ControllerDisclosedDaysAgo(disclosed) | Party::JointControllerDisclosedDaysAgo(disclosed) => days_ago <= disclosed,
        Party::ControllerUndisclosed => false,
    };
    if covered { "granted" } else { "vendor_not_permitted" }
}

/// `latest_wins`: a grant with its own, not future, time may beat an older statement; a tie denies.
fn is_beaten(world: &World, purpose: &Purpose, days_ago: i64) -> bool {
    world.latest_wins
        && purpose.sources.iter().any(|said| match said {
            Said::GrantedDaysAgo(granted) => *granted >= 0 && *granted < days_ago && grant(world, purpose, *granted) == "granted",
            _ => false,
        })
}
