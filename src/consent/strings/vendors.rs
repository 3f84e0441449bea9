//! A set of vendors as a string holds it: a bit a vendor, or ranges, which stay ranges.

use super::Broken;
use super::bits::{Bits, Reader};
use super::gpp::fibonacci::Gaps;

/// Vendors named by one section of a string. Checked as a whole when it was read: ranges ascend, do not overlap, and end at
/// or below the highest id that the section declares.
#[derive(Clone, Copy)]
pub struct VendorSet<'a> {
    bits: Bits<'a>,
    /// The bit of vendor 1, or the first entry's first bit.
    start: usize,
    form: Form,
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
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Broken> {
        let max = reader.take(16)? as u16;
        if reader.flag()? {
            return Self::read_ranges(reader, max);
        }
        let start = reader.skip(usize::from(max))?;
        Ok(Self { bits: reader.bits, start, form: Form::Field(max) })
    }

    /// `NumEntries` and the entries, none of which may name a vendor above `max`.
    pub(super) fn read_ranges(reader: &mut Reader<'a>, max: u16) -> Result<Self, Broken> {
        let count = reader.take(12)? as u16;
        let (bits, start) = (reader.bits, reader.at);
        let mut last = 0;
        for _ in 0..count {
            let entry = Entry::at(bits, reader.at);
            reader.skip(entry.width)?;
            entry.check(last, max)?;
            last = entry.end;
        }
        Ok(Self { bits, start, form: Form::Ranges(count) })
    }

    /// `MaxId`, a flag, then the bits or a Fibonacci range: the range field of GPP's Canadian section.
    pub(super) fn read_with_gaps(reader: &mut Reader<'a>) -> Result<Self, Broken> {
        let max = reader.take(16)? as u16;
        if !reader.flag()? {
            let start = reader.skip(usize::from(max))?;
            return Ok(Self { bits: reader.bits, start, form: Form::Field(max) });
        }
        let mut gaps = Gaps::new(reader)?;
        let set = Self { bits: reader.bits, start: gaps.at, form: Form::Gaps(gaps.count) };
        while let Some(range) = gaps.next() {
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
            // They ascend: the first that does not end below the vendor decides.
            Form::Ranges(_) | Form::Gaps(_) => {
                self.ranges().find(|(_, end)| *end >= vendor).is_some_and(|(start, _)| start <= vendor)
            }
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
            Form::Ranges(count) => Left::Entries { at: self.start, count },
            Form::Gaps(count) => Left::Gaps(Gaps { bits: self.bits, at: self.start, count, last: 0 }),
        };
        VendorRanges { bits: self.bits, start: self.start, left }
    }
}

/// One entry of a range section.
#[derive(Clone, Copy)]
struct Entry {
    start: u16,
    end: u16,
    /// How many bits it takes.
    width: usize,
}

impl Entry {
    /// `IsARange`, `StartOrOnlyVendorId` and, if it is one, `EndVendorId`.
    #[inline]
    fn at(bits: Bits<'_>, at: usize) -> Self {
        let window = bits.window(at);
        let (start, end) = ((window >> 47) as u16, (window >> 31) as u16);
        if window >> 63 == 1 { Self { start, end, width: 33 } } else { Self { start, end: start, width: 17 } }
    }

    fn check(self, last: u16, max: u16) -> Result<(), Broken> {
        if self.start == 0 {
            Err(Broken::VendorZero)
        } else if self.end < self.start {
            Err(Broken::RangeOrder)
        } else if self.end > max {
            Err(Broken::RangeExceedsMax)
        } else if self.start <= last {
            Err(Broken::RangeUnsorted)
        } else {
            Ok(())
        }
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
    Entries { at: usize, count: u16 },
    Gaps(Gaps<'a>),
}

impl Iterator for VendorRanges<'_> {
    type Item = (u16, u16);

    #[inline]
    fn next(&mut self) -> Option<(u16, u16)> {
        match &mut self.left {
            Left::Entries { count: 0, .. } => None,
            Left::Entries { at, count } => {
                let entry = Entry::at(self.bits, *at);
                *at += entry.width;
                *count -= 1;
                Some((entry.start, entry.end))
            }
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
