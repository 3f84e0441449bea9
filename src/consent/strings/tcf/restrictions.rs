//! Publisher restrictions: for one purpose and type, the vendors that it binds.

use crate::consent::strings::bits::{Bits, Reader};
use crate::consent::strings::vendors::VendorSet;
use crate::consent::strings::{Broken, Numbers};

/// What a restriction demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestrictionKind {
    /// 0: the purpose is flatly not allowed.
    NotAllowed,
    /// 1: consent is required.
    RequireConsent,
    /// 2: legitimate interest is required.
    RequireLegitimateInterest,
}

impl RestrictionKind {
    /// The number in the string.
    pub fn number(self) -> u8 {
        match self {
            Self::NotAllowed => 0,
            Self::RequireConsent => 1,
            Self::RequireLegitimateInterest => 2,
        }
    }

    fn of(number: u64) -> Result<Self, Broken> {
        match number {
            0 => Ok(Self::NotAllowed),
            1 => Ok(Self::RequireConsent),
            2 => Ok(Self::RequireLegitimateInterest),
            _ => Err(Broken::RestrictionType),
        }
    }
}

/// One record: a purpose and type may have several.
#[derive(Clone, Copy)]
pub struct Restriction<'a> {
    /// The purpose, 1 to 24.
    pub purpose: u8,
    /// What is demanded.
    pub kind: RestrictionKind,
    /// Of whom. The ids may lie beyond every vendor that exists.
    pub vendors: VendorSet<'a>,
}

impl<'a> Restriction<'a> {
    fn read(reader: &mut Reader<'a>, coding: Coding, sought: u16) -> Result<Self, Broken> {
        let purpose = reader.take(6)? as u8;
        let kind = RestrictionKind::of(reader.take(2)?)?;
        if !(1..=Numbers::MAX).contains(&purpose) {
            return Err(Broken::RestrictionPurpose);
        }
        let vendors = match coding {
            Coding::Entries => VendorSet::read_ranges(reader, u16::MAX, sought)?,
            Coding::Gaps => VendorSet::read_with_gaps(reader)?,
        };
        Ok(Self { purpose, kind, vendors })
    }

    /// Adds the purpose to those for which the vendor is bound, if it is.
    fn bind(&self, vendor: u16, bound: &mut [Numbers; 3]) {
        if self.vendors.contains(vendor) {
            bound[usize::from(self.kind.number())].insert(self.purpose);
        }
    }
}

/// How the vendors of a restriction are written.
#[derive(Clone, Copy, Default)]
pub(in crate::consent::strings) enum Coding {
    /// TCF: a count and entries of 16-bit ids.
    #[default]
    Entries,
    /// GPP's Canadian section: its range field.
    Gaps,
}

/// All restrictions of a string.
#[derive(Clone, Copy, Default)]
pub struct Restrictions<'a> {
    bits: Bits<'a>,
    start: usize,
    count: u16,
    coding: Coding,
    /// The vendor that was looked for while they were read, and what they bind it to; 0 for none.
    sought: u16,
    bound: [Numbers; 3],
}

impl<'a> Restrictions<'a> {
    /// `NumPubRestrictions` and the records.
    pub(in crate::consent::strings) fn read(reader: &mut Reader<'a>, coding: Coding, sought: u16) -> Result<Self, Broken> {
        let count = reader.take(12)? as u16;
        let (bits, start) = (reader.bits, reader.at);
        let mut bound = [Numbers::default(); 3];
        for _ in 0..count {
            Restriction::read(reader, coding, sought)?.bind(sought, &mut bound);
        }
        Ok(Self { bits, start, count, coding, sought, bound })
    }

    /// The records, in the order of the string.
    pub fn iter(&self) -> impl Iterator<Item = Restriction<'a>> {
        self.iter_seeking(0)
    }

    /// The same, with each record's answer about one vendor at hand.
    fn iter_seeking(&self, vendor: u16) -> impl Iterator<Item = Restriction<'a>> {
        let mut reader = Reader { bits: self.bits, at: self.start };
        // They were read once with success, so they are again.
        let coding = self.coding;
        (0..self.count).map_while(move |_| Restriction::read(&mut reader, coding, vendor).ok())
    }

    /// Whether both bind the same vendors, record by record.
    pub(in crate::consent::strings) fn names_the_same(&self, other: &Self) -> bool {
        let same = |(one, other): (Restriction<'_>, Restriction<'_>)| {
            (one.purpose, one.kind) == (other.purpose, other.kind) && one.vendors.ranges().eq(other.vendors.ranges())
        };
        self.count == other.count && self.iter().zip(other.iter()).all(same)
    }

    /// The purposes for which the vendor is bound, by kind: not allowed, consent, legitimate interest.
    pub(in crate::consent::strings) fn of_vendor(&self, vendor: u16) -> [Numbers; 3] {
        if vendor == self.sought {
            return self.bound;
        }
        let mut bound = [Numbers::default(); 3];
        self.iter_seeking(vendor).for_each(|restriction| restriction.bind(vendor, &mut bound));
        bound
    }
}
