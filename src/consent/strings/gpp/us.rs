//! A US section of GPP: two-bit values whose meaning differs by field, and what they opt out of.

use super::layouts::{Field, LAYOUTS, Layout, Second};
use crate::consent::strings::Broken;
use crate::consent::strings::bits::{Parts, Reader};
use crate::consent::strings::tcf::{once, segment};

/// A US section, decoded.
#[derive(Clone, Copy, Debug)]
pub struct UsSection {
    /// The section and version it is written in.
    pub layout: &'static Layout,
    /// The first six bits: the section's version, or that of the MSPA.
    pub version: u8,
    /// The core's values, the first in the highest two bits.
    values: u64,
    /// The values of the second segment, the first in the highest two bits, where there is one.
    sensitive: Option<u16>,
    /// Global Privacy Control, where the section has that segment; absent is unknown, not false.
    pub gpc: Option<bool>,
}

/// What a section opts out of, read so that doubt protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptOuts {
    /// Sale.
    pub sale: bool,
    /// Sharing, which is what California calls sharing for targeted advertising.
    pub sharing: bool,
    /// Targeted advertising.
    pub targeted_advertising: bool,
    /// Processing of any kind of sensitive data.
    pub sensitive_data: bool,
    /// Processing of a known child's data.
    pub known_child: bool,
}

impl OptOuts {
    /// Out of everything.
    pub const ALL: Self = Self { sale: true, sharing: true, targeted_advertising: true, sensitive_data: true, known_child: true };

    /// What either opts out of.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            sale: self.sale | other.sale,
            sharing: self.sharing | other.sharing,
            targeted_advertising: self.targeted_advertising | other.targeted_advertising,
            sensitive_data: self.sensitive_data | other.sensitive_data,
            known_child: self.known_child | other.known_child,
        }
    }

    fn out_of_advertising(&mut self, out: bool) {
        self.sale |= out;
        self.sharing |= out;
        self.targeted_advertising |= out;
    }
}

impl UsSection {
    /// Reads the section of that id; `None` for an id that is no US section.
    pub(super) fn read(id: u16, text: &[u8]) -> Option<Result<Self, Broken>> {
        let layouts = &LAYOUTS[LAYOUTS.partition_point(|layout| layout.id < id)..];
        layouts.first().filter(|layout| layout.id == id)?;
        Some(Self::read_as(layouts, id, text))
    }

    fn read_as(layouts: &'static [Layout], id: u16, text: &[u8]) -> Result<Self, Broken> {
        let mut segments = Parts::new(text, b'.');
        let mut reader = Reader::new(segment(segments.next())?);
        let version = reader.take(6)? as u8;
        // The version chooses the layout, never the length: a longer core of an older version is not the newer one.
        let of_version = |layout: &&Layout| layout.version.is_none_or(|known| known == version);
        let layout = layouts.iter().take_while(|layout| layout.id == id).find(of_version).ok_or(Broken::Version)?;
        let values = take_values(&mut reader, layout.values())?;
        reader.finish()?;
        let mut section = Self { layout, version, values, sensitive: None, gpc: None };
        for text in segments {
            section.read_second(Reader::new(segment(Some(text))?))?;
        }
        Ok(section)
    }

    fn read_second(&mut self, mut reader: Reader<'_>) -> Result<(), Broken> {
        match self.layout.second {
            Second::None => return Err(Broken::SegmentType),
            Second::Gpc => {
                if reader.take(2)? != 1 {
                    return Err(Broken::SegmentType);
                }
                once(&mut self.gpc, reader.flag()?)?;
            }
            Second::Sensitive => once(&mut self.sensitive, reader.take(16)? as u16)?,
        }
        reader.finish()
    }

    /// The fields of the core with their values, in the order of the string.
    pub fn fields(&self) -> impl Iterator<Item = (Field, Values)> {
        let mut left = self.values;
        self.layout.fields().map(move |(field, count)| {
            let values = Values { bits: left, count };
            // All 32 values in one field would shift by the whole width; there is no such layout.
            left <<= 2 * u32::from(count);
            (field, values)
        })
    }

    /// The values of the second segment, where the layout has one of that kind and the string has it.
    pub fn second_sensitive(&self) -> Option<Values> {
        self.sensitive.map(|values| Values { bits: u64::from(values) << 48, count: 8 })
    }

    /// What it opts out of. A value that the texts do not define, 3, protects; so does every provisional section.
    pub fn opt_outs(&self) -> OptOuts {
        if self.layout.is_provisional() {
            return OptOuts::ALL;
        }
        let mut out = OptOuts::default();
        let (mut has_sharing, mut has_targeting) = (false, false);
        for (field, mut values) in self.fields() {
            // Of a choice 1 is the protective value, of a notice 2 (it was not given); 3 is of both.
            let any = |values: &mut Values, protective: u8| values.any(|value| value == protective || value == 3);
            match field {
                Field::SaleOptOut => out.sale |= any(&mut values, 1),
                Field::SaleOptOutNotice => out.sale |= any(&mut values, 2),
                Field::SharingOptOut => {
                    has_sharing = true;
                    out.sharing |= any(&mut values, 1);
                }
                Field::SharingOptOutNotice => out.sharing |= any(&mut values, 2),
                Field::TargetedAdvertisingOptOut => {
                    has_targeting = true;
                    out.targeted_advertising |= any(&mut values, 1);
                }
                Field::TargetedAdvertisingOptOutNotice => out.targeted_advertising |= any(&mut values, 2),
                Field::SharingNotice | Field::ProcessingNotice => out.out_of_advertising(any(&mut values, 2)),
                Field::SensitiveDataProcessing => out.sensitive_data |= any(&mut values, 1),
                Field::SensitiveDataProcessingOptOutNotice
                | Field::SensitiveDataLimitUseNotice
                | Field::SensitiveDataOptOutNotice => out.sensitive_data |= any(&mut values, 2),
                Field::KnownChildSensitiveDataConsents => {
                    let no_consent = any(&mut values, 1);
                    out.known_child |= no_consent;
                    out.out_of_advertising(no_consent);
                }
                Field::PersonalDataConsents
                | Field::AdditionalDataProcessingConsent
                | Field::MspaCoveredTransaction
                | Field::MspaOptOutOptionMode
                | Field::MspaServiceProviderMode
                | Field::MspaMode => {}
            }
        }
        out.out_of_advertising(self.gpc == Some(true));
        // California has no targeted advertising and shares instead, the others the other way round: one thing, two names.
        match (has_sharing, has_targeting) {
            (true, false) => out.targeted_advertising |= out.sharing,
            (false, true) => out.sharing |= out.targeted_advertising,
            (true, true) | (false, false) => {}
        }
        out
    }
}

/// That many two-bit values, the first in the highest bits.
fn take_values(reader: &mut Reader<'_>, count: usize) -> Result<u64, Broken> {
    reader.need(2 * count)?;
    let first = count.min(16);
    let mut values = reader.take(2 * first)? << (64 - 2 * first);
    if count > first {
        values |= reader.take(2 * (count - first))? << (64 - 2 * count);
    }
    Ok(values)
}

/// The values of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Values {
    bits: u64,
    count: u8,
}

impl Iterator for Values {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.count = self.count.checked_sub(1)?;
        let value = (self.bits >> 62) as u8;
        self.bits <<= 2;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.count), Some(usize::from(self.count)))
    }
}

impl ExactSizeIterator for Values {}
