//! Section 5 of GPP, TCF Canada v1: like a TC string, with express and implied consent in place of two bases.
//!
//! Ranges are Fibonacci-coded, as the reference library has written them since mid-2026. Strings from before, with plain
//! ranges, cannot always be told from these; where one is not well formed as Fibonacci, it is broken.

use crate::consent::strings::bits::{Bits, Parts, Reader};
use crate::consent::strings::tcf::{Coding, PublisherTc, Restrictions, letters, once, segment};
use crate::consent::strings::{Broken, Numbers, VendorSet};

/// A section 5, decoded over its text.
#[derive(Clone)]
pub struct CanadaSection<'a> {
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
    /// `TcfPolicyVersion`
    pub policy_version: u8,
    /// `UseNonStandardStacks`
    pub use_non_standard_stacks: bool,
    /// `SpecialFeatureExpressConsent`
    pub special_features: Numbers,
    /// `PurposesExpressConsent`
    pub purposes_express: Numbers,
    /// `PurposesImpliedConsent`
    pub purposes_implied: Numbers,
    /// `VendorExpressConsent`
    pub vendors_express: VendorSet<'a>,
    /// `VendorImpliedConsent`
    pub vendors_implied: VendorSet<'a>,
    /// `PubRestrictions`: type 1 demands express consent, type 2 implied.
    pub restrictions: Restrictions<'a>,
    /// The segment of disclosed vendors, where there is one.
    pub disclosed: Option<VendorSet<'a>>,
    /// The publisher's own consent, express and implied in place of the two bases.
    pub publisher: Option<PublisherTc>,
}

/// How the person agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Expressly.
    Express,
    /// By implication.
    Implied,
}

impl<'a> CanadaSection<'a> {
    /// Reads the section's text.
    pub fn read(text: &'a [u8]) -> Result<Self, Broken> {
        let mut segments = Parts::new(text, b'.');
        let mut section = Self::read_core(segment(segments.next())?)?;
        for text in segments {
            section.read_segment(segment(Some(text))?)?;
        }
        Ok(section)
    }

    fn read_core(bits: Bits<'a>) -> Result<Self, Broken> {
        let mut reader = Reader::new(bits);
        if reader.take(6)? != 1 {
            return Err(Broken::Version);
        }
        let section = Self {
            created: reader.take(36)?,
            last_updated: reader.take(36)?,
            cmp_id: reader.take(12)? as u16,
            cmp_version: reader.take(12)? as u16,
            consent_screen: reader.take(6)? as u8,
            consent_language: letters(reader.take(12)?)?,
            vendor_list_version: reader.take(12)? as u16,
            policy_version: reader.take(6)? as u8,
            use_non_standard_stacks: reader.flag()?,
            special_features: Numbers::from_field(reader.take(12)?, 12),
            purposes_express: Numbers::from_field(reader.take(24)?, 24),
            purposes_implied: Numbers::from_field(reader.take(24)?, 24),
            vendors_express: VendorSet::read_with_gaps(&mut reader)?,
            vendors_implied: VendorSet::read_with_gaps(&mut reader)?,
            restrictions: Restrictions::read(&mut reader, Coding::Gaps)?,
            disclosed: None,
            publisher: None,
        };
        reader.finish()?;
        Ok(section)
    }

    fn read_segment(&mut self, bits: Bits<'a>) -> Result<(), Broken> {
        let mut reader = Reader::new(bits);
        match reader.take(3)? {
            1 => once(&mut self.disclosed, VendorSet::read_with_gaps(&mut reader)?)?,
            3 => once(&mut self.publisher, PublisherTc::read(&mut reader)?)?,
            _ => return Err(Broken::SegmentType),
        }
        reader.finish()
    }

    /// How the person agreed that the vendor process for the purpose: the purpose's bit and the vendor's bit of one kind, and
    /// no restriction that demands the other kind or forbids the purpose.
    pub fn permits(&self, vendor: u16, purpose: u8) -> Option<Agreement> {
        let [forbidden, express, implied] = self.restrictions.of_vendor(vendor).map(|set| set.contains(purpose));
        let disclosed = self.disclosed.as_ref().is_none_or(|set| set.contains(vendor));
        if forbidden || !disclosed {
            None
        } else if !implied && self.purposes_express.contains(purpose) && self.vendors_express.contains(vendor) {
            Some(Agreement::Express)
        } else if !express && self.purposes_implied.contains(purpose) && self.vendors_implied.contains(vendor) {
            Some(Agreement::Implied)
        } else {
            None
        }
    }
}
