//! The TC string of IAB's Transparency and Consent Framework, version 2: core, disclosed and allowed vendors, publisher TC.
//!
//! [`TcString::read`] checks the whole string once and decodes what has a fixed place; vendors and restrictions stay where
//! they are and are asked for. Version 1 is refused: such strings have been invalid since 2020-09-30.

mod permit;
mod restrictions;
#[cfg(test)]
mod tests;

pub use permit::{About, Basis, Permit, Refusal, Registration, Vendor};
pub(super) use restrictions::Coding;
pub use restrictions::{Restriction, RestrictionKind, Restrictions};

use super::bits::{Bits, Parts, Reader};
use super::vendors::VendorSet;
use super::{Broken, MAX_INPUT, Numbers};
use crate::event::Timestamp;

/// A TC string, decoded over its text.
#[derive(Clone)]
pub struct TcString<'a> {
    /// The fields of the core that have a fixed place.
    pub core: Core,
    /// `VendorConsents`
    pub vendor_consents: VendorSet<'a>,
    /// `VendorLegitimateInterests`
    pub vendor_legitimate_interests: VendorSet<'a>,
    /// `PublisherRestrictions`
    pub restrictions: Restrictions<'a>,
    /// The segment of disclosed vendors, where there is one.
    pub disclosed: Option<VendorSet<'a>>,
    /// The segment of allowed vendors, where there is one: removed in TCF 2.3, and nothing is derived from it.
    pub allowed: Option<VendorSet<'a>>,
    /// The publisher's own consent, where there is one.
    pub publisher: Option<PublisherTc>,
}

/// The fields of the core string that have a fixed place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// `Created`, in tenths of a second since 1970.
    pub created: u64,
    /// `LastUpdated`, in tenths of a second since 1970.
    pub last_updated: u64,
    /// `CmpId`
    pub cmp_id: u16,
    /// `CmpVersion`
    pub cmp_version: u16,
    /// `ConsentScreen`
    pub consent_screen: u8,
    /// `ConsentLanguage`, two letters.
    pub consent_language: [u8; 2],
    /// `VendorListVersion`
    pub vendor_list_version: u16,
    /// `TcfPolicyVersion`: 2 and 3 are TCF 2.0 and 2.1, 4 is 2.2, 5 is 2.3.
    pub policy_version: u8,
    /// `IsServiceSpecific`
    pub is_service_specific: bool,
    /// `UseNonStandardTexts`
    pub use_non_standard_texts: bool,
    /// `SpecialFeatureOptIns`
    pub special_features: Numbers,
    /// `PurposesConsent`
    pub purpose_consents: Numbers,
    /// `PurposesLITransparency`
    pub purpose_legitimate_interests: Numbers,
    /// `PurposeOneTreatment`
    pub purpose_one_treatment: bool,
    /// `PublisherCC`, two letters.
    pub publisher_country: [u8; 2],
}

/// The publisher TC segment: consent given to the publisher itself, never to a vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublisherTc {
    /// `PubPurposesConsent`
    pub consents: Numbers,
    /// `PubPurposesLITransparency`
    pub legitimate_interests: Numbers,
    /// `NumCustomPurposes`, at most 63.
    pub custom_count: u8,
    /// `CustomPurposesConsent`: the field's first bit is custom purpose 1 and here the lowest bit.
    pub custom_consents: u64,
    /// `CustomPurposesLITransparency`, the same way.
    pub custom_legitimate_interests: u64,
}

impl<'a> TcString<'a> {
    /// Reads a TC string. Whatever is well formed is read, also what a rule forbids to use: see [`TcString::usable`].
    pub fn read(text: &'a [u8]) -> Result<Self, Broken> {
        Self::read_seeking(text, 0)
    }

    /// The same for one who is going to ask about that vendor above all: what the string says of it is noted on the way, and
    /// need not be looked for in ranges a second time. Others may be asked about as ever.
    pub fn read_seeking(text: &'a [u8], vendor: u16) -> Result<Self, Broken> {
        if text.len() > MAX_INPUT {
            return Err(Broken::TooLong);
        }
        let mut segments = Parts::new(text, b'.');
        let mut tc = Self::read_core(segment(segments.next())?, vendor)?;
        for text in segments {
            tc.read_segment(segment(Some(text))?, vendor)?;
        }
        Ok(tc)
    }

    fn read_core(bits: Bits<'a>, vendor: u16) -> Result<Self, Broken> {
        let mut reader = Reader::new(bits);
        let core = Core::read(&mut reader)?;
        let vendor_consents = VendorSet::read(&mut reader, vendor)?;
        let vendor_legitimate_interests = VendorSet::read(&mut reader, vendor)?;
        let restrictions = Restrictions::read(&mut reader, Coding::Entries, vendor)?;
        reader.finish()?;
        Ok(Self {
            core,
            vendor_consents,
            vendor_legitimate_interests,
            restrictions,
            disclosed: None,
            allowed: None,
            publisher: None,
        })
    }

    /// One of the segments after the core, which come in any order and once each.
    fn read_segment(&mut self, bits: Bits<'a>, vendor: u16) -> Result<(), Broken> {
        let mut reader = Reader::new(bits);
        match reader.take(3)? {
            1 => once(&mut self.disclosed, VendorSet::read(&mut reader, vendor)?)?,
            2 => once(&mut self.allowed, VendorSet::read(&mut reader, vendor)?)?,
            3 => once(&mut self.publisher, PublisherTc::read(&mut reader)?)?,
            _ => return Err(Broken::SegmentType),
        }
        reader.finish()
    }

    /// When consent was last given or changed; the text keeps days only. `None` cannot happen for 36 bits and is silence.
    pub fn last_updated(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.core.last_updated as i64 * 100).ok()
    }
}

/// The bits of a segment, which has at least one character.
pub(super) fn segment(text: Option<&[u8]>) -> Result<Bits<'_>, Broken> {
    match text {
        None | Some([]) => Err(Broken::EmptySegment),
        Some(text) => Bits::new(text),
    }
}

pub(super) fn once<T>(place: &mut Option<T>, found: T) -> Result<(), Broken> {
    match place.replace(found) {
        None => Ok(()),
        Some(_) => Err(Broken::DuplicateSegment),
    }
}

impl Core {
    /// How many bits they take.
    const WIDTH: usize = 213;

    fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        // The version says how to read the rest, so it is judged before the length.
        if reader.take(6)? != 2 {
            return Err(Broken::Version);
        }
        let start = reader.skip(Self::WIDTH - 6)?;
        // Few and wide reads: a field is then a shift away.
        let read = |at: usize, width: usize| reader.bits.get(start - 6 + at, width);
        let (manager, list, choices, rest) = (read(78, 42), read(120, 18), read(138, 38), read(176, 37));
        let core = Self {
            created: read(6, 36),
            last_updated: read(42, 36),
            cmp_id: (manager >> 30) as u16,
            cmp_version: (manager >> 18 & 0xfff) as u16,
            consent_screen: (manager >> 12 & 0x3f) as u8,
            consent_language: letters(manager & 0xfff)?,
            vendor_list_version: (list >> 6) as u16,
            policy_version: (list & 0x3f) as u8,
            is_service_specific: choices >> 37 & 1 == 1,
            use_non_standard_texts: choices >> 36 & 1 == 1,
            special_features: Numbers::from_field(choices >> 24 & 0xfff, 12),
            purpose_consents: Numbers::from_field(choices & 0xff_ffff, 24),
            purpose_legitimate_interests: Numbers::from_field(rest >> 13, 24),
            purpose_one_treatment: rest >> 12 & 1 == 1,
            publisher_country: letters(rest & 0xfff)?,
        };
        // Ids 0 and 1 are never assigned: such a string comes from no consent manager.
        if core.cmp_id < 2 { Err(Broken::CmpId) } else { Ok(core) }
    }
}

impl PublisherTc {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let consents = Numbers::from_field(reader.take(24)?, 24);
        let legitimate_interests = Numbers::from_field(reader.take(24)?, 24);
        let custom_count = reader.take(6)? as u8;
        let custom_consents = custom(reader, custom_count)?;
        let custom_legitimate_interests = custom(reader, custom_count)?;
        Ok(Self { consents, legitimate_interests, custom_count, custom_consents, custom_legitimate_interests })
    }

    /// The custom purposes of one of its two sets, ascending.
    pub fn custom(set: u64) -> impl Iterator<Item = u8> {
        (1..=63u8).filter(move |number| set >> (number - 1) & 1 == 1)
    }
}

/// A field of as many bits as there are custom purposes, at most 63: more than a window shows at once.
fn custom(reader: &mut Reader<'_>, count: u8) -> Result<u64, Broken> {
    let start = reader.skip(usize::from(count))?;
    let bit = |number: u8| u64::from(reader.bits.bit(start + usize::from(number))) << number;
    Ok((0..count).map(bit).sum())
}

/// Two letters of six bits, A is 0.
pub(super) fn letters(field: u64) -> Result<[u8; 2], Broken> {
    let letter = |value: u64| if value < 26 { Ok(b'A' + value as u8) } else { Err(Broken::Letter) };
    Ok([letter(field >> 6)?, letter(field & 63)?])
}
