//! Section 5 of GPP, TCF Canada v1: like a TC string, with express and implied consent in place of two bases.
//!
//! Ranges are Fibonacci-coded, as the reference library has written them since mid-2026. Before, it wrote plain ranges, and
//! nothing in a string tells which. One that is not well formed as Fibonacci is broken. One that is well formed both ways and
//! names others when read the old way is ambiguous and permits nothing: one in 350 of the old strings would otherwise grant
//! to vendors that nobody agreed to.

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
    /// Whether it can be read the old way too, and then says something else: it permits nothing.
    pub ambiguous: bool,
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
            vendors_express: VendorSet::default(),
            vendors_implied: VendorSet::default(),
            restrictions: Restrictions::default(),
            disclosed: None,
            publisher: None,
            ambiguous: false,
        };
        let start = reader.at;
        let read = |coding| Lists::read(Reader { bits, at: start }, coding);
        let lists = read(Coding::Gaps)?;
        let ambiguous = read(Coding::Entries).is_ok_and(|old| !lists.names_the_same(&old));
        let Lists { express, implied, restrictions } = lists;
        Ok(Self { vendors_express: express, vendors_implied: implied, restrictions, ambiguous, ..section })
    }

    fn read_segment(&mut self, bits: Bits<'a>) -> Result<(), Broken> {
        let mut reader = Reader::new(bits);
        match reader.take(3)? {
            1 => {
                let start = reader.at;
                let read = |coding| {
                    let mut reader = Reader { bits, at: start };
                    let set = read_vendors(&mut reader, coding)?;
                    reader.finish().map(|()| set)
                };
                let disclosed = read(Coding::Gaps)?;
                self.ambiguous |= read(Coding::Entries).is_ok_and(|old| !disclosed.ranges().eq(old.ranges()));
                once(&mut self.disclosed, disclosed)
            }
            3 => {
                once(&mut self.publisher, PublisherTc::read(&mut reader)?)?;
                reader.finish()
            }
            _ => Err(Broken::SegmentType),
        }
    }

    /// How the person agreed that the vendor process for the purpose: the purpose's bit and the vendor's bit of one kind, and
    /// no restriction that demands the other kind or forbids the purpose. An ambiguous section permits nothing.
    pub fn permits(&self, vendor: u16, purpose: u8) -> Option<Agreement> {
        let [forbidden, express, implied] = self.restrictions.of_vendor(vendor).map(|set| set.contains(purpose));
        let disclosed = self.disclosed.as_ref().is_none_or(|set| set.contains(vendor));
        if forbidden || !disclosed || self.ambiguous {
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

/// The end of the core, which can be read in two ways.
struct Lists<'a> {
    express: VendorSet<'a>,
    implied: VendorSet<'a>,
    restrictions: Restrictions<'a>,
}

impl<'a> Lists<'a> {
    fn read(mut reader: Reader<'a>, coding: Coding) -> Result<Self, Broken> {
        let lists = Self {
            express: read_vendors(&mut reader, coding)?,
            implied: read_vendors(&mut reader, coding)?,
            restrictions: Restrictions::read(&mut reader, coding, 0)?,
        };
        reader.finish().map(|()| lists)
    }

    fn names_the_same(&self, old: &Self) -> bool {
        self.express.ranges().eq(old.express.ranges())
            && self.implied.ranges().eq(old.implied.ranges())
            && self.restrictions.names_the_same(&old.restrictions)
    }
}

/// `MaxId`, a flag, and the vendors as bits or ranges.
fn read_vendors<'a>(reader: &mut Reader<'a>, coding: Coding) -> Result<VendorSet<'a>, Broken> {
    match coding {
        Coding::Gaps => VendorSet::read_with_gaps(reader),
        Coding::Entries => VendorSet::read(reader, 0),
    }
}
