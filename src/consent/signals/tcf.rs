//! TCF: what a TC string permits the vendor behind each sink, by the sink's `tcf`.
//!
//! Looks at one text. Every TCF purpose of a purpose must be permitted to the vendor (its bit and the purpose's, on the basis
//! that it registered, under the publisher's restrictions), and every special feature opted in. A purpose on consent
//! is granted by consent alone, save where `tcf_li` admits legitimate interest; a purpose on legitimate interests must be
//! permitted as one. A cleared purpose bit denies, anything about the vendor refuses the vendor: one that is not on the list,
//! too. First-party sinks hear nothing, unless `publisher` reads the publisher segment for them. A missing text and
//! `gdpr_applies` 0 are silence. A string that cannot be read, or that the framework forbids to use, is broken for all.

use super::{Asker, Said, Value};
use crate::consent::Statement;
use crate::consent::source::Event;
use crate::consent::strings::Numbers;
use crate::consent::strings::tcf::{About, Basis, PublisherTc, Registration, TcString, Vendor};
use crate::event::PurposeId;
use crate::event::json::Kind;
use crate::plan::{LegalBasis, Plan, Sink, Source, TcfNeed, TcfVendor};

/// The options of the signal.
#[derive(Clone, Copy)]
pub(super) struct Options<'p> {
    pub(super) gdpr_applies: Option<&'p Source>,
    pub(super) publisher: bool,
}

pub(super) fn read(asker: Asker<'_>, options: Options<'_>, value: Value<'_>, buffer: &mut Vec<u8>, said: &mut Said<'_>) {
    if matches!(value, Value::Silent) || options.gdpr_applies.is_some_and(|flag| does_not_apply(flag, asker.event, buffer)) {
        return;
    }
    let string = value.bytes(buffer).map(|text| TcString::read_seeking(text, sought(asker)));
    speak(asker, string.and_then(Result::ok), options.publisher, said);
}

/// The vendor that is asked about first; 0 where there is none.
fn sought(Asker { plan, stream, event: _ }: Asker<'_>) -> u16 {
    let sinks = stream.routes.iter().map(|route| plan.sink(route.sink)).filter(|sink| !sink.tcf.is_empty());
    let mut vendors = sinks.filter_map(|sink| plan.vendor(sink.vendor?).tcf.as_ref());
    vendors.next().map_or(0, |registered| registered.id)
}

/// Writes down what a TC string, or one that cannot be read, says to every sink of the stream.
pub(super) fn speak(asker: Asker<'_>, string: Option<TcString<'_>>, publisher: bool, said: &mut Said<'_>) {
    let Asker { plan, stream, event: _ } = asker;
    let Some(string) = string.filter(|string| string.usable().is_ok()) else {
        for route in &stream.routes {
            plan.sink(route.sink).tcf.iter().for_each(|(purpose, _)| said.plain().invalid.insert(*purpose));
        }
        return;
    };
    let at = string.last_updated();
    for route in &stream.routes {
        let sink = plan.sink(route.sink);
        if sink.tcf.is_empty() {
            continue;
        }
        let out = match (sink.vendor, publisher, &string.publisher) {
            (None, false, _) | (None, true, None) => continue,
            (Some(_), _, _) | (None, true, Some(_)) => said.about(Some(route.sink), at, None),
        };
        match (sink.vendor, &string.publisher) {
            (Some(vendor), _) => to_vendor(plan, sink, plan.vendor(vendor).tcf.as_ref(), &string, out),
            (None, Some(publisher)) => to_publisher(plan, sink, publisher, &string, out),
            (None, None) => {}
        }
    }
}

/// Whether a flag is there and says that the GDPR does not apply, wherever it stands. Anything else leaves the string in force.
fn does_not_apply(flag: &Source, event: &Event<'_>, buffer: &mut Vec<u8>) -> bool {
    let mut said = false;
    for value in event.values(flag) {
        let off = match value {
            Value::Silent => continue,
            Value::Broken => false,
            Value::Json(json) => match json.kind() {
                Kind::False | Kind::Number => matches!(json.raw(), b"0" | b"false"),
                Kind::String => value.text(buffer).is_some_and(is_off),
                Kind::Null | Kind::True | Kind::Array | Kind::Object => false,
            },
            Value::Raw(text) => is_off(text),
        };
        if !off {
            return false;
        }
        said = true;
    }
    said
}

fn is_off(text: &str) -> bool {
    matches!(text, "0" | "false")
}

fn to_vendor(plan: &Plan, sink: &Sink, registered: Option<&TcfVendor>, string: &TcString<'_>, out: &mut Statement) {
    let Some(TcfVendor { id, purposes, legitimate_interests, flexible }) = registered else {
        return sink.tcf.iter().for_each(|(purpose, _)| out.vendor_refused.insert(*purpose));
    };
    let registration = Registration {
        purposes: Numbers::from_bits(*purposes),
        legitimate_interests: Numbers::from_bits(*legitimate_interests),
        flexible: Numbers::from_bits(*flexible),
        ..Registration::default()
    };
    let vendor = string.vendor(*id);
    for (id, need) in &sink.tcf {
        let ask = Ask { need, on_interest: plan.purpose(*id).basis == LegalBasis::LegitimateInterests, string };
        note(*id, ask.vendor(&vendor, &registration), ask.on_interest, out);
    }
}

fn to_publisher(plan: &Plan, sink: &Sink, publisher: &PublisherTc, string: &TcString<'_>, out: &mut Statement) {
    for (id, need) in &sink.tcf {
        let ask = Ask { need, on_interest: plan.purpose(*id).basis == LegalBasis::LegitimateInterests, string };
        note(*id, ask.publisher(publisher), ask.on_interest, out);
    }
}

/// What is asked of a string for one purpose of one sink.
struct Ask<'q, 's> {
    need: &'q TcfNeed,
    /// Whether the purpose rests on legitimate interests.
    on_interest: bool,
    string: &'q TcString<'s>,
}

/// What a string answers: nothing refused, or what was.
#[derive(Clone, Copy, Default)]
struct Refused {
    /// A purpose, or a special feature, by the person.
    purpose: bool,
    /// The vendor, by the person, its registration or a restriction.
    vendor: bool,
}

impl Ask<'_, '_> {
    fn vendor(&self, vendor: &Vendor, registration: &Registration) -> Refused {
        let core = &self.string.core;
        let mut refused = self.features();
        // A special feature alone names no purpose for which the vendor was let in.
        refused.vendor |= self.need.purposes == 0;
        for number in Numbers::from_bits(self.need.purposes).iter() {
            let admits = |basis| match basis {
                Basis::Consent => !self.on_interest,
                Basis::LegitimateInterest => self.on_interest || self.by_interest(number),
            };
            match vendor.permits(registration, number) {
                Ok(basis) if admits(basis) => {}
                Ok(_) => refused.vendor = true,
                Err(refusal) => match refusal.about() {
                    About::Purpose => refused.purpose = true,
                    About::Vendor | About::String => refused.vendor = true,
                },
            }
            // A cleared purpose bit is the person's no, whatever is wrong with the vendor besides.
            let consent = !self.on_interest && core.purpose_consents.contains(number);
            let interest = (self.on_interest || self.by_interest(number)) && core.purpose_legitimate_interests.contains(number);
            refused.purpose |= !consent && !interest;
        }
        refused
    }

    /// The publisher's own consent, which has no vendors and no restrictions.
    fn publisher(&self, publisher: &PublisherTc) -> Refused {
        let mut refused = self.features();
        // Nor is it a purpose to which the publisher was let in.
        refused.purpose |= self.need.purposes == 0;
        for number in Numbers::from_bits(self.need.purposes).iter() {
            // Legitimate interest is not possible for purposes 1 and 3 to 6 (TCF policies, from version 4).
            let interest = (self.on_interest || self.by_interest(number))
                && !matches!(number, 1 | 3..=6)
                && publisher.legitimate_interests.contains(number);
            // Where purpose 1 was not disclosed its bit says nothing.
            let was_asked = number != 1 || !self.string.core.purpose_one_treatment;
            let consent = !self.on_interest && was_asked && publisher.consents.contains(number);
            refused.purpose |= !consent && !interest;
        }
        refused
    }

    fn features(&self) -> Refused {
        let opted_in = Numbers::from_bits(self.need.features).iter().all(|feature| self.string.opted_in(feature).is_ok());
        Refused { purpose: !opted_in, vendor: false }
    }

    fn by_interest(&self, number: u8) -> bool {
        Numbers::from_bits(self.need.by_interest).contains(number)
    }
}

fn note(purpose: PurposeId, refused: Refused, on_interest: bool, out: &mut Statement) {
    if refused.purpose {
        out.denied.insert(purpose);
    }
    if refused.vendor {
        out.vendor_refused.insert(purpose);
    }
    if !refused.purpose && !refused.vendor {
        let permitted = if on_interest { &mut out.permitted } else { &mut out.granted };
        permitted.insert(purpose);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by an encoder written from the specification: purposes 1, 2 and 7 and special feature 1 are agreed to, vendor 755 has
    /// consent, and the publisher has it for purposes 1 and 7.
    const TC: &str = "CQtAQoAQtAQoAEsABBDEEsFoAMKAAACAAAYgF5wAQF5gXnABAXmAAA.IF5wAQF5gA.cEAAAAAAAAA";

    #[test]
    fn purpose_one_that_was_not_disclosed_lets_no_publisher_in() {
        let mut string = TcString::read(TC.as_bytes()).expect("a TC string");
        let need = TcfNeed { purposes: 0b1, by_interest: 0, features: 0 };
        for was_not_disclosed in [false, true] {
            string.core.purpose_one_treatment = was_not_disclosed;
            let publisher = string.publisher.as_ref().expect("a publisher segment");
            let refused = Ask { need: &need, on_interest: false, string: &string }.publisher(publisher);
            assert_eq!(refused.purpose, was_not_disclosed);
        }
    }

    /// The policy language demands purposes wherever a TC string is read, so no policy asks this way: the signal holds by itself.
    #[test]
    fn a_special_feature_alone_lets_nobody_in() {
        let string = TcString::read(TC.as_bytes()).expect("a TC string");
        let registration = Registration {
            purposes: Numbers::from_bits(0b100_0011),
            special_features: Numbers::from_bits(1),
            ..Registration::default()
        };
        let publisher = string.publisher.as_ref().expect("a publisher segment");
        let ask = |need: &TcfNeed| {
            let ask = Ask { need, on_interest: false, string: &string };
            let (vendor, publisher) = (ask.vendor(&string.vendor(755), &registration), ask.publisher(publisher));
            [vendor, publisher].map(|refused| (refused.purpose, refused.vendor))
        };
        let need = |purposes, features| TcfNeed { purposes, by_interest: 0, features };
        assert_eq!(ask(&need(0b1, 0b1)), [(false, false), (false, false)], "with a purpose beside it");
        assert_eq!(ask(&need(0, 0b1)), [(false, true), (true, false)]);
        assert_eq!(ask(&need(0, 0b11)), [(true, true), (true, false)], "feature 2 was not opted in");
    }
}
