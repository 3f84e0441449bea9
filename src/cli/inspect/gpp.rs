//! A GPP string's sections with the names of their texts, and the same for people.

use super::lists::{Ids, demand, restricted, sorted};
use super::tcf::{day, letters};
use super::{Fault, row, tcf, usp};
use crate::consent::strings::gpp::{CanadaSection, Field, GppString, Part, Second, Section, UsSection, Values};
use crate::consent::strings::tcf::{PublisherTc, TcString};
use crate::consent::strings::usp::UspString;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use std::io::{self, Write};

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    ok: bool,
    section_ids: Vec<u16>,
    sections: Vec<Shown<'a>>,
}

/// A section that is known.
#[derive(serde::Serialize)]
struct Shown<'a> {
    id: u16,
    name: &'static str,
    encoded: &'a str,
    d: Members,
}

/// The fields of a section, in the order of its text.
struct Members(Vec<(&'static str, Member)>);

/// What a field holds: lists of vendors are written without a tree of them.
enum Member {
    Plain(Value),
    Ids(Option<Ids>),
    Restricted(Vec<super::lists::Restricted>),
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, member) in &self.0 {
            match member {
                Member::Plain(value) => map.serialize_entry(name, value)?,
                Member::Ids(ids) => map.serialize_entry(name, ids)?,
                Member::Restricted(list) => map.serialize_entry(name, list)?,
            }
        }
        map.end()
    }
}

impl<T: Into<Ids>> From<T> for Member {
    fn from(ids: T) -> Self {
        Self::Ids(Some(ids.into()))
    }
}

fn plain(value: impl Into<Value>) -> Member {
    Member::Plain(value.into())
}

fn values(values: Values) -> Member {
    let mut all: Vec<u8> = values.collect();
    if all.len() == 1 { plain(all.remove(0)) } else { plain(all) }
}

/// Writes the sections as one JSON object.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let gpp = GppString::read(text)?;
    let mut sections = Vec::new();
    for part in gpp.parts() {
        sections.extend(shown(&part)?);
    }
    let fields = Fields { ok: true, section_ids: gpp.parts().map(|part| part.id).collect(), sections };
    Ok(serde_json::to_writer(out, &fields)?)
}

fn shown<'a>(part: &Part<'a>) -> Result<Option<Shown<'a>>, Fault> {
    let d = match part.decode()? {
        Section::Tcf(tc) => europe(&tc)?,
        Section::Canada(section) => canada(&section)?,
        Section::Usp(usp) => privacy(&usp),
        Section::Us(section) => us(&section),
        Section::Unknown => return Ok(None),
    };
    // What was decoded is of the alphabet, so it is text.
    let encoded = std::str::from_utf8(part.text).unwrap_or_default();
    Ok(part.name().map(|name| Shown { id: part.id, name, encoded, d: Members(d) }))
}

fn europe(tc: &TcString<'_>) -> Result<Vec<(&'static str, Member)>, Fault> {
    let (core, own) = (&tc.core, tc.publisher.as_ref());
    Ok(vec![
        ("Version", plain(2)),
        ("Created", plain(core.created * 100)),
        ("LastUpdated", plain(core.last_updated * 100)),
        ("CmpId", plain(core.cmp_id)),
        ("CmpVersion", plain(core.cmp_version)),
        ("ConsentScreen", plain(core.consent_screen)),
        ("ConsentLanguage", plain(letters(core.consent_language))),
        ("VendorListVersion", plain(core.vendor_list_version)),
        ("PolicyVersion", plain(core.policy_version)),
        ("IsServiceSpecific", plain(core.is_service_specific)),
        ("UseNonStandardStacks", plain(core.use_non_standard_texts)),
        ("SpecialFeatureOptins", core.special_features.into()),
        ("PurposeConsents", core.purpose_consents.into()),
        ("PurposeLegitimateInterests", core.purpose_legitimate_interests.into()),
        ("PurposeOneTreatment", plain(core.purpose_one_treatment)),
        ("PublisherCountryCode", plain(letters(core.publisher_country))),
        ("VendorConsents", (&tc.vendor_consents).into()),
        ("VendorLegitimateInterests", (&tc.vendor_legitimate_interests).into()),
        ("PublisherRestrictions", Member::Restricted(sorted(&tc.restrictions)?)),
        ("PublisherConsents", Member::Ids(own.map(|own| own.consents.into()))),
        ("PublisherLegitimateInterests", Member::Ids(own.map(|own| own.legitimate_interests.into()))),
        ("NumCustomPurposes", plain(own.map(|own| own.custom_count))),
        ("PublisherCustomConsents", custom(own, |own| own.custom_consents)),
        ("PublisherCustomLegitimateInterests", custom(own, |own| own.custom_legitimate_interests)),
        ("VendorsAllowed", Member::Ids(tc.allowed.as_ref().map(Ids::from))),
        ("VendorsDisclosed", Member::Ids(tc.disclosed.as_ref().map(Ids::from))),
    ])
}

fn canada(section: &CanadaSection<'_>) -> Result<Vec<(&'static str, Member)>, Fault> {
    let own = section.publisher.as_ref();
    Ok(vec![
        ("Version", plain(1)),
        ("Created", plain(section.created * 100)),
        ("LastUpdated", plain(section.last_updated * 100)),
        ("CmpId", plain(section.cmp_id)),
        ("CmpVersion", plain(section.cmp_version)),
        ("ConsentScreen", plain(section.consent_screen)),
        ("ConsentLanguage", plain(letters(section.consent_language))),
        ("VendorListVersion", plain(section.vendor_list_version)),
        ("TcfPolicyVersion", plain(section.policy_version)),
        ("UseNonStandardStacks", plain(section.use_non_standard_stacks)),
        ("SpecialFeatureExpressConsent", section.special_features.into()),
        ("PurposesExpressConsent", section.purposes_express.into()),
        ("PurposesImpliedConsent", section.purposes_implied.into()),
        ("VendorExpressConsent", (&section.vendors_express).into()),
        ("VendorImpliedConsent", (&section.vendors_implied).into()),
        ("PubRestrictions", Member::Restricted(restricted(&section.restrictions)?)),
        ("PubPurposesExpressConsent", Member::Ids(own.map(|own| own.consents.into()))),
        ("PubPurposesImpliedConsent", Member::Ids(own.map(|own| own.legitimate_interests.into()))),
        ("NumCustomPurposes", plain(own.map(|own| own.custom_count))),
        ("CustomPurposesExpressConsent", custom(own, |own| own.custom_consents)),
        ("CustomPurposesImpliedConsent", custom(own, |own| own.custom_legitimate_interests)),
        ("DisclosedVendors", Member::Ids(section.disclosed.as_ref().map(Ids::from))),
    ])
}

fn custom(own: Option<&PublisherTc>, set: impl Fn(&PublisherTc) -> u64) -> Member {
    Member::Ids(own.map(|own| PublisherTc::custom(set(own)).collect()))
}

fn privacy(usp: &UspString) -> Vec<(&'static str, Member)> {
    let UspString { notice, opt_out_sale, lspa_covered } = usp;
    vec![
        ("Version", plain(1)),
        ("Notice", plain(notice.as_str())),
        ("OptOutSale", plain(opt_out_sale.as_str())),
        ("LspaCovered", plain(lspa_covered.as_str())),
    ]
}

fn us(section: &UsSection) -> Vec<(&'static str, Member)> {
    let version = if section.layout.is_provisional() { "MspaVersion" } else { "Version" };
    let mut members = vec![(version, plain(section.version))];
    members.extend(section.fields().map(|(field, found)| (field.name(), values(found))));
    match section.layout.second {
        Second::None => {}
        Second::Gpc => members.push(("Gpc", plain(section.gpc))),
        Second::Sensitive => {
            let found = section.second_sensitive().map_or(plain(Value::Null), values);
            members.push(("SensitiveDataProcessing", found));
        }
    }
    members
}

/// Writes what a person asks of a GPP string.
pub(super) fn print(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let gpp = GppString::read(text)?;
    let ids: Vec<String> = gpp.parts().map(|part| part.id.to_string()).collect();
    let count = if ids.len() == 1 { "1 section".to_owned() } else { format!("{} sections", ids.len()) };
    writeln!(out, "GPP string, {count}: {}", ids.join(", "))?;
    for part in gpp.parts() {
        writeln!(out, "\nsection {}, {}", part.id, part.name().unwrap_or("not known, skipped"))?;
        match part.decode()? {
            Section::Tcf(tc) => tcf::print_fields(&tc, out)?,
            Section::Canada(section) => print_canada(&section, out)?,
            Section::Usp(usp) => usp::print_fields(&usp, out)?,
            Section::Us(section) => print_us(&section, out)?,
            Section::Unknown => {}
        }
    }
    Ok(())
}

fn print_us(section: &UsSection, out: &mut Vec<u8>) -> io::Result<()> {
    let opted_out = section.opt_outs();
    let words = [
        ("sale", opted_out.sale),
        ("sharing", opted_out.sharing),
        ("targeted advertising", opted_out.targeted_advertising),
        ("sensitive data", opted_out.sensitive_data),
        ("known child", opted_out.known_child),
    ];
    let words: Vec<&str> = words.iter().filter(|(_, out)| *out).map(|(word, _)| *word).collect();
    row(out, "opted out, where it is in force", if words.is_empty() { "of nothing".into() } else { words.join(", ") })?;
    if section.layout.is_provisional() {
        row(out, "provisional", "the section's text is not settled, so it opts out of everything")?;
    }
    row(out, "version", section.version)?;
    let seconds = section.second_sensitive().map(|found| (Field::SensitiveDataProcessing, found));
    let mut lists = false;
    for (field, found) in section.fields().chain(seconds) {
        lists |= found.len() > 1;
        row(out, field.name(), in_words(field, found))?;
    }
    match (section.layout.second, section.gpc) {
        (Second::None | Second::Sensitive, _) => {}
        (Second::Gpc, None) => row(out, "Gpc", "no such segment: not known")?,
        (Second::Gpc, Some(on)) => row(out, "Gpc", on)?,
    }
    if lists {
        row(out, "in lists", "0 does not apply, 1 no consent or opted out, 2 consent or did not opt out, 3 is not defined")?;
    }
    Ok(())
}

/// The value of a field with what it means; of several the numbers alone.
fn in_words(field: Field, found: Values) -> String {
    let values: Vec<u8> = found.collect();
    match values[..] {
        [value] => match meaning(field, value) {
            Some(meaning) => format!("{value}, {meaning}"),
            None => value.to_string(),
        },
        _ => values.iter().map(u8::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// What a value means, where the section texts say it alike.
fn meaning(field: Field, value: u8) -> Option<&'static str> {
    let words = match field {
        Field::SharingNotice
        | Field::SaleOptOutNotice
        | Field::SharingOptOutNotice
        | Field::TargetedAdvertisingOptOutNotice
        | Field::SensitiveDataProcessingOptOutNotice
        | Field::SensitiveDataLimitUseNotice
        | Field::ProcessingNotice
        | Field::SensitiveDataOptOutNotice => ["does not apply", "given", "not given"],
        Field::SaleOptOut | Field::SharingOptOut | Field::TargetedAdvertisingOptOut => {
            ["does not apply", "opted out", "did not opt out"]
        }
        Field::KnownChildSensitiveDataConsents | Field::PersonalDataConsents | Field::AdditionalDataProcessingConsent => {
            ["does not apply", "no consent", "consent"]
        }
        Field::MspaCoveredTransaction => ["not defined", "yes", "no"],
        Field::MspaOptOutOptionMode | Field::MspaServiceProviderMode => ["does not apply", "yes", "no"],
        Field::SensitiveDataProcessing | Field::MspaMode => return None,
    };
    Some(words.get(usize::from(value)).copied().unwrap_or("not defined"))
}

fn print_canada(section: &CanadaSection<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    row(out, "may be used", if section.ambiguous { "no: the old way of writing reads it as something else" } else { "yes" })?;
    row(out, "created, last updated", format_args!("{}, {}", day(section.created), day(section.last_updated)))?;
    row(out, "consent manager", format_args!("{}, version {}", section.cmp_id, section.cmp_version))?;
    row(out, "vendor list, policy", format_args!("{}, {}", section.vendor_list_version, section.policy_version))?;
    row(out, "special features, express", Ids::from(section.special_features))?;
    row(out, "purposes, express consent", Ids::from(section.purposes_express))?;
    row(out, "purposes, implied consent", Ids::from(section.purposes_implied))?;
    row(out, "vendors, express consent", Ids::from(&section.vendors_express))?;
    row(out, "vendors, implied consent", Ids::from(&section.vendors_implied))?;
    for one in restricted(&section.restrictions)? {
        let demand = demand(one.kind, ["express consent demanded", "implied consent demanded"]);
        row(out, &format!("restriction of purpose {}", one.purpose), format_args!("{demand}: vendors {}", one.vendors))?;
    }
    let disclosed = section.disclosed.as_ref().map_or_else(|| "no such segment".into(), |set| Ids::from(set).to_string());
    row(out, "vendors disclosed", disclosed)?;
    if let Some(own) = &section.publisher {
        row(out, "publisher's own, express", Ids::from(own.consents))?;
        row(out, "publisher's own, implied", Ids::from(own.legitimate_interests))?;
    }
    Ok(())
}
