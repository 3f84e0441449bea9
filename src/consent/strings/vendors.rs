//! A set of vendors as a string holds it: a bit a vendor, or ranges, which stay ranges.

use super::Broken;
use super::bits::{Bits, Reader};
use super::gpp::fibonacci::Gaps;

/// Vendors named by one section of a string. Checked as a whole when it was read: ranges ascend, do not overlap, and end at
/// or below the highest id that the section declares.
#[derive(Clone, Copy, Default)]
pub struct VendorSet<'a> {
    bits: Bits<'a>,
    /// The bit of vendor 1, or the first entry's first bit.
    start: usize,
    form: Form,
    /// The vendor that was looked for while the entries were read, and whether one of them names it; 0 for none.
    sought: u16,
    found: bool,
}

#[derive(Clone, Copy)]
enum Form {
    /// One bit a vendor, from vendor 1 to that one.
    Field(u16),
    /// That many entries of two 16-bit ids, or of one.
    Ranges(u16),
    /// That many entries of Fibonacci-coded distances.
    Gaps(u16),
}

impl<'a> VendorSet<'a> {
    /// `MaxVendorId`, `IsRangeEncoding`, then the bits or `NumEntries` and the entries (TC string format, "Vendor Consent Section").
    ///
    /// Entries are read one after another to be checked, and one more time for every vendor that is asked for, but for the one
    /// that is `sought` at once.
    pub(super) fn read(reader: &mut Reader<'a>, sought: u16) -> Result<Self, Broken> {
        let max = reader.take(16)? as u16;
        if reader.flag()? {
            return Self::read_ranges(reader, max, sought);
        }
        let start = reader.skip(usize::from(max))?;
        Ok(Self { bits: reader.bits, start, form: Form::Field(max), ..Self::default() })
    }

    /// `NumEntries` and the entries, none of which may name a vendor above `max`.
    pub(super) fn read_ranges(reader: &mut Reader<'a>, max: u16, sought: u16) -> Result<Self, Broken> {
        let count = reader.take(12)? as u16;
        let (bits, start) = (reader.bits, reader.at);
        let mut entries = Entries::new(bits, start, count);
        let (mut last, mut found) = (0, false);
        while let Some(entry) = entries.next() {
            // A start above the range before is not 0 either.
            if !(last < entry.start && entry.start <= entry.end && entry.end <= max) {
                return Err(entries.fault(entry, last, max));
            }
            found |= entry.start <= sought && sought <= entry.end;
            last = entry.end;
        }
        // Zero stands beyond the end of the text: such an entry broke the order above, and only the first can look like one.
        reader.skip(entries.at() - start)?;
        Ok(Self { bits, start, form: Form::Ranges(count), sought, found })
    }

    /// `MaxId`, a flag, then the bits or a Fibonacci range: the range field of GPP's Canadian section.
    pub(super) fn read_with_gaps(reader: &mut Reader<'a>) -> Result<Self, Broken> {
        let max = reader.take(16)? as u16;
        if !reader.flag()? {
            let start = reader.skip(usize::from(max))?;
            return Ok(Self { bits: reader.bits, start, form: Form::Field(max), ..Self::default() });
        }
        let mut gaps = Gaps::new(reader)?;
        let set = Self { bits: reader.bits, start: gaps.at, form: Form::Gaps(gaps.count), ..Self::default() };
        for range in gaps.by_ref() {
            if range?.1 > max {
                return Err(Broken::RangeExceedsMax);
            }
        }
        reader.at = gaps.at;
        Ok(set)
    }

    /// Whether the vendor is named.
    #[inline]
    pub fn contains(&self, vendor: u16) -> bool {
        match self.form {
            Form::Field(max) => (1..=max).contains(&vendor) && self.bits.bit(self.start + usize::from(vendor) - 1),
            Form::Ranges(_) if vendor == self.sought => self.found,
            // They ascend: the first that does not end below the vendor decides.
            Form::Ranges(count) => {
                let mut entries = Entries::new(self.bits, self.start, count);
                entries.find(|entry| entry.end >= vendor).is_some_and(|entry| entry.start <= vendor)
            }
            Form::Gaps(_) => self.ranges().find(|(_, end)| *end >= vendor).is_some_and(|(start, _)| start <= vendor),
        }
    }

    /// Whether no vendor is named.
    pub fn is_empty(&self) -> bool {
        self.ranges().next().is_none()
    }

    /// The vendors as ranges, first and last id, ascending and without overlap.
    pub fn ranges(&self) -> VendorRanges<'a> {
        let left = match self.form {
            Form::Field(max) => Left::Field { next: 1, max },
            Form::Ranges(count) => Left::Entries(Entries::new(self.bits, self.start, count)),
            Form::Gaps(count) => Left::Gaps(Gaps { bits: self.bits, at: self.start, count, last: 0 }),
        };
        VendorRanges { bits: self.bits, start: self.start, left }
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::Field(0)
    }
}

/// One entry of a range section.
#[derive(Clone, Copy)]
struct Entry {
    start: u16,
    end: u16,
}

/// The entries of a range section: `IsARange`, `StartOrOnlyVendorId` and, if it is one, `EndVendorId`.
///
/// Where an entry begins depends on the flag of the one before. So that this is a shift in a register and no look-up, the next
/// bits stand ready there, and the flag is not branched on, since nobody could guess it. Inlined by force: out of line the
/// state goes through memory, which takes longer than the rest.
#[derive(Clone, Copy)]
struct Entries<'a> {
    bits: Bits<'a>,
    /// The bits that come next, the first the highest.
    ready: u64,
    /// How many of them are right.
    have: u32,
    /// The character behind them.
    next: usize,
    count: u16,
}

impl<'a> Entries<'a> {
    /// The bits of an entry that is a range, and of one that is not.
    const RANGE: u32 = 33;
    const SINGLE: u32 = 17;

    fn new(bits: Bits<'a>, at: usize, count: u16) -> Self {
        let skip = (at % 6) as u32;
        let mut entries = Self { bits, ready: 0, have: 0, next: at / 6, count };
        entries.refill();
        entries.ready <<= skip;
        entries.have -= skip;
        entries
    }

    /// The next entry's first bit.
    fn at(&self) -> usize {
        self.next * 6 - self.have as usize
    }

    /// Adds five characters, for which there is room while an entry may be incomplete.
    #[inline(always)]
    fn refill(&mut self) {
        self.ready |= u64::from(self.bits.five(self.next)) << 34 >> self.have;
        self.have += 30;
        self.next += 5;
    }

    /// Why the entry just taken is none.
    #[cold]
    fn fault(&self, entry: Entry, last: u16, max: u16) -> Broken {
        if self.at() > self.bits.len() {
            Broken::Truncated
        } else if entry.start == 0 {
            Broken::VendorZero
        } else if entry.end < entry.start {
            Broken::RangeOrder
        } else if entry.end > max {
            Broken::RangeExceedsMax
        } else {
            debug_assert!(entry.start <= last, "there is no other fault");
            Broken::RangeUnsorted
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    #[inline(always)]
    fn next(&mut self) -> Option<Entry> {
        self.count = self.count.checked_sub(1)?;
        // Twice at the most; a loop would be slower.
        if self.have < Self::RANGE {
            self.refill();
        }
        if self.have < Self::RANGE {
            self.refill();
        }
        // All ones for a range, else none.
        let range = (self.ready as i64 >> 63) as u64;
        let start = (self.ready >> 47) as u16;
        let end = (self.ready >> 31) as u16;
        let width = Self::SINGLE + (range as u32 & (Self::RANGE - Self::SINGLE));
        self.ready <<= width;
        self.have -= width;
        Some(Entry { start, end: end & range as u16 | start & !range as u16 })
    }
}

/// The ranges of a [`VendorSet`].
pub struct VendorRanges<'a> {
    bits: Bits<'a>,
    start: usize,
    left: Left<'a>,
}

/// What is still to be shown.
enum Left<'a> {
    Field { next: u32, max: u16 },
    Entries(Entries<'a>),
    Gaps(Gaps<'a>),
}

impl Iterator for VendorRanges<'_> {
    type Item = (u16, u16);

    #[inline]
    fn next(&mut self) -> Option<(u16, u16)> {
        match &mut self.left {
            Left::Entries(entries) => entries.next().map(|entry| (entry.start, entry.end)),
            // They were read once with success, so they are again.
            Left::Gaps(gaps) => gaps.next().and_then(Result::ok),
            Left::Field { next, max } => {
                let set = |vendor: u32| self.bits.bit(self.start + vendor as usize - 1);
                let max = u32::from(*max);
                let first = (*next..=max).find(|vendor| set(*vendor))?;
                let end = (first + 1..=max).find(|vendor| !set(*vendor)).unwrap_or(max + 1);
                *next = end + 1;
                Some((first as u16, (end - 1) as u16))
            }
        }
    }
}
