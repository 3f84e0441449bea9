//! GPP: what the sections in force opt out of, and what their TC strings permit.
//!
//! Looks at one text, and at `sid` beside it for the sections in force; where that is absent, empty or cannot be read, or names
//! no section of the string, every section counts and the strictest wins. US sections and section 6 opt out of what they
//! say: an opt-out of 1, a notice that was not given (2), a value that nobody defined (3), Global Privacy Control. Not having
//! opted out is silence. Section 2 is a TC string, section 5 TCF Canada, in which express consent grants and implied consent is
//! silence. A section that is not known is broken where it counts; so is a string that cannot be read.

use super::tcf;
use super::{Asker, DECLARED, Said, Value, add, forbidden};
use crate::consent::source::Event;
use crate::consent::strings::Numbers;
use crate::consent::strings::gpp::{self, Agreement, CanadaSection, GppString, Section};
use crate::event::json::{Kind, Text};
use crate::event::{PurposeId, PurposeSet};
use crate::plan::{LegalBasis, OptOuts, Sink, Source};

/// How many sections may be in force for one event: there are 24, and one person falls under one or two laws.
const MAX_IN_FORCE: usize = 32;

/// All kinds of opt-out.
const ANY: OptOuts = OptOuts(u8::MAX);

/// The options of the signal.
#[derive(Clone, Copy)]
pub(super) struct Options<'p> {
    pub(super) sid: Option<&'p Source>,
    /// Purposes that do not say what they ask of TC strings: nobody knows that such a string permits them.
    pub(super) unmapped: PurposeSet,
}

pub(super) fn read(asker: Asker<'_>, options: Options<'_>, value: Value<'_>, buffer: &mut Vec<u8>, said: &mut Said<'_>) {
    let Asker { plan, stream: _, event } = asker;
    if matches!(value, Value::Silent) {
        return;
    }
    let in_force = options.sid.and_then(|sid| InForce::read(sid, event, buffer));
    let string = value.bytes(buffer).and_then(|text| GppString::read(text).ok());
    let Some(string) = string else { return broken(asker, options, said) };
    let in_force = in_force.filter(|ids| string.parts().any(|part| ids.contains(part.id)));
    for part in string.parts().filter(|part| in_force.as_ref().is_none_or(|ids| ids.contains(part.id))) {
        match part.decode() {
            Ok(Section::Us(section)) => add(&mut said.plain().opted_out, forbidden(plan, kinds(section.opt_outs()))),
            Ok(Section::Usp(section)) => match (section.ccpa_applies(), section.opted_out()) {
                (true, Some(true)) => add(&mut said.plain().opted_out, forbidden(plan, DECLARED)),
                (true, None) => add(&mut said.plain().invalid, forbidden(plan, DECLARED)),
                (false, _) | (true, Some(false)) => {}
            },
            Ok(Section::Tcf(string)) => {
                add(&mut said.plain().denied, options.unmapped.iter());
                tcf::speak(asker, Some(string), false, said);
            }
            Ok(Section::Canada(section)) => {
                add(&mut said.plain().denied, options.unmapped.iter());
                canada(asker, &section, said);
            }
            Ok(Section::Unknown) | Err(_) => broken(asker, options, said),
        }
    }
}

/// Nothing that the string might say is known.
fn broken(asker: Asker<'_>, options: Options<'_>, said: &mut Said<'_>) {
    add(&mut said.plain().invalid, forbidden(asker.plan, ANY).chain(options.unmapped.iter()));
    tcf::speak(asker, None, false, said);
}

fn kinds(out: gpp::OptOuts) -> OptOuts {
    let gpp::OptOuts { sale, sharing, targeted_advertising, sensitive_data, known_child } = out;
    let kinds = [
        (sale, OptOuts::SALE),
        (sharing, OptOuts::SHARING),
        (targeted_advertising, OptOuts::TARGETED_ADVERTISING),
        (sensitive_data, OptOuts::SENSITIVE_DATA),
        (known_child, OptOuts::KNOWN_CHILD),
    ];
    kinds.into_iter().filter(|(out, _)| *out).fold(OptOuts::default(), |all, (_, kind)| all.union(kind))
}

/// The sections that the event says are in force.
struct InForce {
    ids: [u16; MAX_IN_FORCE],
    count: usize,
}

impl InForce {
    /// `None` where nothing is said, or anything that is no list of section ids.
    fn read(sid: &Source, event: &Event<'_>, buffer: &mut Vec<u8>) -> Option<InForce> {
        let mut found = InForce { ids: [0; MAX_IN_FORCE], count: 0 };
        for value in event.values(sid) {
            match value {
                Value::Silent => {}
                Value::Broken => return None,
                Value::Raw(text) => found.list(text.as_bytes())?,
                Value::Json(json) if json.kind() == Kind::Array => {
                    json.elements().try_for_each(|element| found.element(element, buffer))?;
                }
                Value::Json(json) => found.element(json, buffer)?,
            }
        }
        (found.count > 0).then_some(found)
    }

    fn element(&mut self, json: Text<'_>, buffer: &mut Vec<u8>) -> Option<()> {
        match json.kind() {
            Kind::Number => self.id(json.raw()),
            Kind::String => {
                buffer.clear();
                json.decode_into(buffer);
                self.list(buffer)
            }
            Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => None,
        }
    }

    /// `7`, `7,8`, as in the cookie `__gpp_sid`, or `7_8`, as in URLs.
    fn list(&mut self, text: &[u8]) -> Option<()> {
        text.split(|letter| matches!(letter, b',' | b'_')).try_for_each(|id| self.id(id.trim_ascii()))
    }

    /// -1 (none applies) and 0 (not determined yet) name no section.
    fn id(&mut self, text: &[u8]) -> Option<()> {
        let digits = text.iter().all(u8::is_ascii_digit);
        let id: u16 = digits.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten().filter(|id| *id > 0)?;
        *self.ids.get_mut(self.count)? = id;
        self.count += 1;
        Some(())
    }

    fn contains(&self, id: u16) -> bool {
        self.ids[..self.count].contains(&id)
    }
}

fn canada(Asker { plan, stream, event: _ }: Asker<'_>, section: &CanadaSection<'_>, said: &mut Said<'_>) {
    let at = crate::event::Timestamp::from_millisecond(section.last_updated as i64 * 100).ok();
    for route in &stream.routes {
        let sink = plan.sink(route.sink);
        let Some(vendor) = sink.vendor.filter(|_| !sink.tcf.is_empty()) else { continue };
        let out = said.about(Some(route.sink), at, None);
        match &plan.vendor(vendor).tcf {
            None => sink.tcf.iter().for_each(|(purpose, _)| out.vendor_refused.insert(*purpose)),
            Some(registered) => {
                let declared = Numbers::from_bits(registered.purposes | registered.legitimate_interests);
                for (purpose, agreed) in agreements(sink, registered.id, declared, section) {
                    let rests_on_interest = plan.purpose(purpose).basis == LegalBasis::LegitimateInterests;
                    match agreed {
                        Ok(Some(Agreement::Express | Agreement::Implied)) if rests_on_interest => out.permitted.insert(purpose),
                        Ok(Some(Agreement::Express)) => out.granted.insert(purpose),
                        Ok(Some(Agreement::Implied) | None) => {}
                        Err(Refused::Purpose) => out.denied.insert(purpose),
                        Err(Refused::Vendor) => out.vendor_refused.insert(purpose),
                    }
                }
            }
        }
    }
}

enum Refused {
    Purpose,
    Vendor,
}

/// How the person agreed to each purpose of a sink, all of its TCF purposes together.
fn agreements<'s>(
    sink: &'s Sink,
    vendor: u16,
    declared: Numbers,
    section: &'s CanadaSection<'s>,
) -> impl Iterator<Item = (PurposeId, Result<Option<Agreement>, Refused>)> {
    sink.tcf.iter().map(move |(purpose, need)| {
        if !Numbers::from_bits(need.features).iter().all(|feature| section.special_features.contains(feature)) {
            return (*purpose, Err(Refused::Purpose));
        }
        let mut weakest = None;
        let mut vendor_refused = false;
        for number in Numbers::from_bits(need.purposes).iter() {
            let chosen = section.purposes_express.contains(number) || section.purposes_implied.contains(number);
            match section.permits(vendor, number).filter(|_| declared.contains(number)) {
                _ if !chosen => return (*purpose, Err(Refused::Purpose)),
                None => vendor_refused = true,
                Some(Agreement::Implied) => weakest = Some(Agreement::Implied),
                Some(Agreement::Express) => weakest = weakest.or(Some(Agreement::Express)),
            }
        }
        (*purpose, if vendor_refused { Err(Refused::Vendor) } else { Ok(weakest) })
    })
}
