//! Everything that can be asked of the decoders, asked of any bytes: what they answer is collected, and what must always hold
//! is asserted. Fuzz targets call these functions with whatever they invent.

use super::encoder::{self, Ids, Publisher, Second, Tc, Vendors};
use privet::consent::strings::gcd::Gcd;
use privet::consent::strings::gpp::{CanadaSection, GppString, Section, UsSection};
use privet::consent::strings::tcf::{PublisherTc, Registration, Restrictions, TcString};
use privet::consent::strings::usp::UspString;
use privet::consent::strings::{Numbers, VendorSet};

/// A TC string as the encoder has it, or `None` where it is broken.
pub(crate) fn tcf(text: &[u8]) -> Option<Tc> {
    TcString::read(text).ok().map(|tc| of(&tc))
}

fn of(tc: &TcString<'_>) -> Tc {
    let core = &tc.core;
    let all = Numbers::of(1..=24);
    let registered = Registration {
        purposes: Numbers::of([1, 2, 3, 25]),
        legitimate_interests: all,
        flexible: all,
        ..Registration::default()
    };
    for vendor in [0, 1, 2, 755, 65535] {
        let asked = tc.vendor(vendor);
        for purpose in [0, 1, 2, 7, 24, 25, 255] {
            assert_eq!(asked.permits(&registered, purpose), tc.permits(vendor, &registered, purpose));
            let _ = (asked.may_use(&registered, purpose), asked.may_serve(&registered, purpose), tc.opted_in(purpose));
        }
    }
    assert!(tc.last_updated().is_some(), "36 bits are within the calendar");
    Tc {
        created: core.created,
        updated: core.last_updated,
        manager: core.cmp_id,
        manager_version: core.cmp_version,
        screen: core.consent_screen,
        language: core.consent_language,
        list: core.vendor_list_version,
        policy: core.policy_version,
        service_specific: core.is_service_specific,
        own_texts: core.use_non_standard_texts,
        features: numbers(core.special_features),
        consents: numbers(core.purpose_consents),
        interests: numbers(core.purpose_legitimate_interests),
        purpose_one: core.purpose_one_treatment,
        country: core.publisher_country,
        vendor_consents: vendors(&tc.vendor_consents),
        vendor_interests: vendors(&tc.vendor_legitimate_interests),
        restrictions: restrictions(&tc.restrictions),
        disclosed: tc.disclosed.as_ref().map(vendors),
        allowed: tc.allowed.as_ref().map(vendors),
        publisher: tc.publisher.as_ref().map(publisher),
    }
}

/// A Canadian section in the same form: what it does not have is false, `AA` or absent.
pub(crate) fn canada(section: &CanadaSection<'_>) -> Tc {
    for vendor in [0, 1, 65535] {
        assert_eq!(section.permits(vendor, 0).or(section.permits(vendor, 25)), None, "there are purposes 1 to 24");
    }
    Tc {
        created: section.created,
        updated: section.last_updated,
        manager: section.cmp_id,
        manager_version: section.cmp_version,
        screen: section.consent_screen,
        language: section.consent_language,
        list: section.vendor_list_version,
        policy: section.policy_version,
        service_specific: false,
        own_texts: section.use_non_standard_stacks,
        features: numbers(section.special_features),
        consents: numbers(section.purposes_express),
        interests: numbers(section.purposes_implied),
        purpose_one: false,
        country: *b"AA",
        vendor_consents: vendors(&section.vendors_express),
        vendor_interests: vendors(&section.vendors_implied),
        restrictions: restrictions(&section.restrictions),
        disclosed: section.disclosed.as_ref().map(vendors),
        allowed: None,
        publisher: section.publisher.as_ref().map(publisher),
    }
}

fn numbers(set: Numbers) -> Ids {
    set.iter().map(u16::from).collect()
}

/// Who is named, and that the ranges are in order and tell the same as the questions do.
fn vendors(set: &VendorSet<'_>) -> Vendors {
    let mut last = 0u32;
    let mut ids = Ids::new();
    for (start, end) in set.ranges() {
        assert!(last < u32::from(start) && start <= end, "ranges ascend and begin with 1 or above");
        assert!(set.contains(start) && set.contains(end));
        assert_eq!(set.contains(start - 1), last == u32::from(start) - 1 && last > 0);
        last = end.into();
        ids.extend(start..=end);
    }
    assert_eq!(set.is_empty(), ids.is_empty());
    assert!(!set.contains(0));
    assert_eq!(set.contains(u16::MAX), last == u32::from(u16::MAX));
    Vendors { ids, slack: 0, as_ranges: false }
}

fn restrictions(all: &Restrictions<'_>) -> Vec<(u8, u8, Vendors)> {
    // Every record may name everybody, so only the first are collected; the decoder's own work is bounded elsewhere.
    all.iter().take(200).map(|one| (one.purpose, one.kind.number(), vendors(&one.vendors))).collect()
}

fn publisher(own: &PublisherTc) -> Publisher {
    let customs = |set| PublisherTc::custom(set).map(u16::from).collect();
    Publisher {
        consents: numbers(own.consents),
        interests: numbers(own.legitimate_interests),
        customs: own.custom_count,
        custom_consents: customs(own.custom_consents),
        custom_interests: customs(own.custom_legitimate_interests),
    }
}

/// A section of a GPP string, as the encoder would be asked for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shown {
    Tc(Tc),
    Canada(Tc),
    Usp(String),
    Us(u8, Vec<u8>, Second),
    Unknown,
}

/// The GPP string of those sections.
pub(crate) fn written(sections: &[(u16, Shown)], join: bool, pad: usize) -> String {
    let section = |section: &Shown| match section {
        Shown::Tc(tc) => tc.encode(pad, 0),
        Shown::Canada(tc) => tc.encode_canada(pad, 0),
        Shown::Usp(marks) => format!("1{marks}"),
        Shown::Us(version, values, second) => encoder::us(*version, values, *second, pad),
        Shown::Unknown => "BAAA.-_".into(),
    };
    let texts: Vec<(u16, String)> = sections.iter().map(|(id, shown)| (*id, section(shown))).collect();
    encoder::gpp(&texts, join, pad)
}

/// The sections of a GPP string, or `None` where it is broken.
pub(crate) fn gpp(text: &[u8]) -> Option<Vec<(u16, Shown)>> {
    let gpp = GppString::read(text).ok()?;
    let parts: Vec<_> = gpp.parts().collect();
    assert!(parts.windows(2).all(|two| two[0].id < two[1].id), "ids ascend");
    let sections = parts.into_iter().map(|part| {
        assert_eq!(gpp.part(part.id).map(|found| found.text), Some(part.text));
        let section = part.decode().expect("what was read once is read again");
        assert_eq!(part.name().is_none(), matches!(section, Section::Unknown));
        let shown = match section {
            Section::Tcf(tc) => Shown::Tc(of(&tc)),
            Section::Canada(section) => Shown::Canada(canada(&section)),
            Section::Usp(usp) => Shown::Usp([usp.notice, usp.opt_out_sale, usp.lspa_covered].map(|mark| mark.as_str()).concat()),
            Section::Us(section) => us(&section),
            Section::Unknown => Shown::Unknown,
        };
        (part.id, shown)
    });
    Some(sections.collect())
}

fn us(section: &UsSection) -> Shown {
    let values: Vec<u8> = section.fields().flat_map(|(_, values)| values).collect();
    assert!(values.iter().all(|value| *value <= 3));
    if section.gpc == Some(true) || section.layout.is_provisional() {
        let out = section.opt_outs();
        assert!(out.sale && out.sharing && out.targeted_advertising);
    }
    let second = match (section.gpc, section.second_sensitive()) {
        (Some(on), None) => Second::Gpc(on),
        (None, Some(values)) => Second::Sensitive(values.collect::<Vec<_>>().try_into().expect("eight values")),
        (None, None) => Second::Absent,
        (Some(_), Some(_)) => panic!("a section has one second segment"),
    };
    Shown::Us(section.version, values, second)
}

/// Whether the other two formats answer at all; `None` where they are broken.
pub(crate) fn usp(text: &[u8]) -> Option<Option<bool>> {
    let usp = UspString::read(text).ok()?;
    assert!(usp.sale_allowed() != Some(true) || usp.opted_out() == Some(false), "sale needs a choice");
    assert_eq!(usp.ccpa_applies(), text != b"1---");
    Some(usp.opted_out())
}

/// What the four types are effectively.
pub(crate) fn gcd(text: &[u8]) -> Option<[Option<bool>; 4]> {
    Gcd::read(text).ok().map(|gcd| gcd.types.map(|setting| setting.effective()))
}
