//! `privet inspect tcf --decide`: may this vendor process for this purpose, by this string and this registration?

use super::{MAX_QUESTION, row};
use crate::consent::strings::Numbers;
use crate::consent::strings::tcf::{Basis, Permit, Refusal, Registration, TcString};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io;

/// A question; other members are left aside.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    #[serde(borrow)]
    tc: Cow<'a, str>,
    vendor: u16,
    purpose: Option<u8>,
    special_feature: Option<u8>,
    special_purpose: Option<u8>,
    gvl: Option<Registered>,
}

/// What the vendor registered on the Global Vendor List.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Registered {
    consent_purposes: Vec<u8>,
    li_purposes: Vec<u8>,
    flexible_purposes: Vec<u8>,
    special_features: Vec<u8>,
    special_purposes: Vec<u8>,
}

impl Registered {
    fn registration(&self) -> Registration {
        let of = |numbers: &[u8]| Numbers::of(numbers.iter().copied());
        Registration {
            purposes: of(&self.consent_purposes),
            legitimate_interests: of(&self.li_purposes),
            flexible: of(&self.flexible_purposes),
            special_features: of(&self.special_features),
            special_purposes: of(&self.special_purposes),
        }
    }
}

/// The answer to one question.
#[derive(Serialize)]
pub(super) struct Answer {
    allowed: bool,
    reason: Cow<'static, str>,
    basis: Option<&'static str>,
}

impl Answer {
    fn no(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { allowed: false, reason: reason.into(), basis: None }
    }

    fn of(permit: Permit) -> Self {
        match permit {
            Ok(Basis::Consent) => Self { allowed: true, reason: "consent".into(), basis: Some("consent") },
            Ok(Basis::LegitimateInterest) => {
                Self { allowed: true, reason: "legitimate-interest".into(), basis: Some("legitimate-interest") }
            }
            Err(rule) => Self::no(rule.name()),
        }
    }
}

/// Answers a question; whatever cannot be read is not allowed, and says why without showing a value.
pub(super) fn answer(text: &[u8]) -> Answer {
    if text.len() > MAX_QUESTION {
        return Answer::no("the question is too long");
    }
    let question: Question<'_> = match serde_json::from_slice(text) {
        Ok(question) => question,
        Err(fault) => return Answer::no(format!("no question: {:?} error at column {}", fault.classify(), fault.column())),
    };
    match TcString::read(question.tc.as_bytes()) {
        Ok(tc) => decide(&question, &tc),
        Err(broken) => Answer::no(format!("invalid: {broken}")),
    }
}

fn decide(question: &Question<'_>, tc: &TcString<'_>) -> Answer {
    if let Err(rule) = tc.usable() {
        return Answer::no(rule.name());
    }
    let Some(registered) = &question.gvl else { return Answer::no("vendor-not-in-gvl") };
    let (vendor, registered) = (tc.vendor(question.vendor), registered.registration());
    match (question.purpose, question.special_feature, question.special_purpose) {
        (Some(purpose), None, None) => match vendor.permits(&registered, purpose) {
            Err(Refusal::NotDeclared) => Answer::no("purpose-not-declared"),
            permit => Answer::of(permit),
        },
        (None, Some(feature), None) => match vendor.may_use(&registered, feature) {
            Ok(()) => Answer { allowed: true, reason: "special-feature".into(), basis: None },
            Err(Refusal::NotDeclared) => Answer::no("special-feature-not-declared"),
            Err(rule) => Answer::no(rule.name()),
        },
        (None, None, Some(purpose)) => match vendor.may_serve(&registered, purpose) {
            Ok(_) => Answer { reason: "special-purpose-disclosed".into(), ..Answer::of(Ok(Basis::LegitimateInterest)) },
            Err(Refusal::NotDeclared) => Answer::no("special-purpose-not-declared"),
            Err(Refusal::NotDisclosed) => Answer::no("special-purpose-not-disclosed"),
            Err(rule) => Answer::no(rule.name()),
        },
        _ => Answer::no("no question: one of purpose, specialFeature and specialPurpose is asked"),
    }
}

/// Writes the answer for people.
pub(super) fn print(answer: &Answer, out: &mut Vec<u8>) -> io::Result<()> {
    row(out, if answer.allowed { "allowed" } else { "not allowed" }, &answer.reason)
}
