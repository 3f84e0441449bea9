//! A TC string's fields, with the names of the conformance vectors, and the same for people.

use super::lists::{Ids, Restricted, demand, sorted};
use super::{Fault, row};
use crate::consent::strings::tcf::{PublisherTc, TcString};
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write};

/// The fields, in the order of the vectors.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    ok: bool,
    version: u8,
    created: u64,
    last_updated: u64,
    cmp_id: u16,
    cmp_version: u16,
    consent_screen: u8,
    consent_language: String,
    vendor_list_version: u16,
    policy_version: u8,
    is_service_specific: bool,
    use_non_standard_texts: bool,
    special_feature_optins: Ids,
    purpose_consents: Ids,
    purpose_legitimate_interests: Ids,
    purpose_one_treatment: bool,
    publisher_country_code: String,
    vendor_consents: Ids,
    vendor_legitimate_interests: Ids,
    publisher_restrictions: Vec<Restricted>,
    vendors_disclosed: Option<Ids>,
    vendors_allowed: Option<Ids>,
    #[serde(rename = "publisherTC")]
    publisher: Option<Publisher>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Publisher {
    consents: Ids,
    legitimate_interests: Ids,
    num_custom_purposes: u8,
    custom_consents: Ids,
    custom_legitimate_interests: Ids,
}

/// Two letters as text.
pub(super) fn letters(letters: [u8; 2]) -> String {
    letters.iter().copied().map(char::from).collect()
}

/// The day of a time in tenths of a second.
pub(super) fn day(deciseconds: u64) -> String {
    let at = i64::try_from(deciseconds).ok().and_then(|at| Timestamp::from_millisecond(at.checked_mul(100)?).ok());
    at.map_or_else(|| "beyond the calendar".into(), |at| at.strftime("%Y-%m-%d").to_string())
}

impl Fields {
    fn of(tc: &TcString<'_>) -> Result<Self, Fault> {
        let core = &tc.core;
        Ok(Self {
            ok: true,
            version: 2,
            created: core.created * 100,
            last_updated: core.last_updated * 100,
            cmp_id: core.cmp_id,
            cmp_version: core.cmp_version,
            consent_screen: core.consent_screen,
            consent_language: letters(core.consent_language),
            vendor_list_version: core.vendor_list_version,
            policy_version: core.policy_version,
            is_service_specific: core.is_service_specific,
            use_non_standard_texts: core.use_non_standard_texts,
            special_feature_optins: core.special_features.into(),
            purpose_consents: core.purpose_consents.into(),
            purpose_legitimate_interests: core.purpose_legitimate_interests.into(),
            purpose_one_treatment: core.purpose_one_treatment,
            publisher_country_code: letters(core.publisher_country),
            vendor_consents: (&tc.vendor_consents).into(),
            vendor_legitimate_interests: (&tc.vendor_legitimate_interests).into(),
            publisher_restrictions: sorted(&tc.restrictions)?,
            vendors_disclosed: tc.disclosed.as_ref().map(Ids::from),
            vendors_allowed: tc.allowed.as_ref().map(Ids::from),
            publisher: tc.publisher.as_ref().map(Publisher::of),
        })
    }
}

impl Publisher {
    fn of(tc: &PublisherTc) -> Self {
        Self {
            consents: tc.consents.into(),
            legitimate_interests: tc.legitimate_interests.into(),
            num_custom_purposes: tc.custom_count,
            custom_consents: PublisherTc::custom(tc.custom_consents).collect(),
            custom_legitimate_interests: PublisherTc::custom(tc.custom_legitimate_interests).collect(),
        }
    }
}

/// Writes the fields as one JSON object.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    Ok(serde_json::to_writer(out, &Fields::of(&TcString::read(text)?)?)?)
}

/// Writes what a person asks of a TC string.
pub(super) fn print(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let tc = TcString::read(text)?;
    writeln!(out, "TC string, version 2")?;
    print_fields(&tc, out)
}

/// Writes its fields without a title.
pub(super) fn print_fields(tc: &TcString<'_>, out: &mut Vec<u8>) -> Result<(), Fault> {
    let fields = Fields::of(tc)?;
    print_core(tc, &fields, out)?;
    Ok(print_segments(&fields, out)?)
}

fn print_core(tc: &TcString<'_>, fields: &Fields, out: &mut Vec<u8>) -> io::Result<()> {
    match tc.usable() {
        Ok(()) => row(out, "may be used", "yes")?,
        Err(rule) => row(out, "may be used", format_args!("no: {rule} ({})", rule.name()))?,
    }
    row(out, "created, last updated", format_args!("{}, {}", day(tc.core.created), day(tc.core.last_updated)))?;
    row(out, "consent manager", format_args!("{}, version {}", fields.cmp_id, fields.cmp_version))?;
    row(out, "screen, language", format_args!("{}, {}", fields.consent_screen, fields.consent_language))?;
    row(out, "vendor list, policy", format_args!("{}, {}", fields.vendor_list_version, fields.policy_version))?;
    row(out, "scope", if fields.is_service_specific { "this service" } else { "global" })?;
    row(out, "texts", if fields.use_non_standard_texts { "not the standard ones" } else { "standard" })?;
    row(out, "publisher's country", &fields.publisher_country_code)?;
    row(out, "purpose 1", if fields.purpose_one_treatment { "was not disclosed" } else { "was disclosed" })?;
    row(out, "special features opted in", &fields.special_feature_optins)?;
    row(out, "purposes, consent", &fields.purpose_consents)?;
    row(out, "purposes, legitimate interest", &fields.purpose_legitimate_interests)?;
    row(out, "vendors, consent", &fields.vendor_consents)?;
    row(out, "vendors, legitimate interest", &fields.vendor_legitimate_interests)?;
    for one in &fields.publisher_restrictions {
        let demand = demand(one.kind, ["consent demanded", "legitimate interest demanded"]);
        row(out, &format!("restriction of purpose {}", one.purpose), format_args!("{demand}: vendors {}", one.vendors))?;
    }
    Ok(())
}

fn print_segments(fields: &Fields, out: &mut Vec<u8>) -> io::Result<()> {
    let segment = |ids: &Option<Ids>| ids.as_ref().map_or_else(|| "no such segment".into(), Ids::to_string);
    row(out, "vendors disclosed", segment(&fields.vendors_disclosed))?;
    if fields.vendors_allowed.is_some() {
        row(out, "vendors allowed (retired)", segment(&fields.vendors_allowed))?;
    }
    match &fields.publisher {
        None => row(out, "publisher's own consent", "no such segment"),
        Some(own) => {
            row(out, "publisher's own, consent", &own.consents)?;
            row(out, "publisher's own, leg. interest", &own.legitimate_interests)?;
            let (consents, interests) = (&own.custom_consents, &own.custom_legitimate_interests);
            row(
                out,
                &format!("custom purposes ({})", own.num_custom_purposes),
                format_args!("{consents}; leg. interest {interests}"),
            )
        }
    }
}
