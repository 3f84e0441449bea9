//! Consent strings, read in place to the bit: TCF, GPP, US Privacy and Consent Mode's `gcd`.
//!
//! The decoders borrow the text, allocate nothing and do work in proportion to the input's length, which is bounded before
//! anything else is looked at. What is not exactly what a format says is [`Broken`]: the caller denies. They decide nothing
//! about an event; what they answer is what a string permits.
#![forbid(unsafe_code)]

mod bits;
pub mod gcd;
pub mod gpp;
#[cfg(test)]
mod hostile;
pub mod tcf;
pub mod usp;
mod vendors;

pub use vendors::{VendorRanges, VendorSet};

/// The longest text that a decoder looks at, in bytes (`decision.md`, One purpose): real strings have a few hundred.
pub const MAX_INPUT: usize = 64 << 10;

/// Why a text is not the consent string it should be. The names are printed; they hold nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Longer than [`MAX_INPUT`].
    #[error("longer than 64 KiB")]
    TooLong,
    /// A character outside `A-Za-z0-9-_`, padding included.
    #[error("a character outside the base64url alphabet")]
    Alphabet,
    /// A segment without a character.
    #[error("an empty segment")]
    EmptySegment,
    /// The bits end before the last field does.
    #[error("the bits end before the last field")]
    Truncated,
    /// Bits that are set after the last field.
    #[error("bits are set after the last field")]
    TrailingBits,
    /// A version that is not read.
    #[error("a version that is not read")]
    Version,
    /// A segment of a type that does not exist, or a second core.
    #[error("a segment of an unknown type")]
    SegmentType,
    /// Two segments of one type.
    #[error("two segments of one type")]
    DuplicateSegment,
    /// A language or country that is not two letters.
    #[error("a language or country that is not two letters")]
    Letter,
    /// A consent manager's id that is never assigned.
    #[error("an id of a consent manager that is never assigned")]
    CmpId,
    /// Vendor 0.
    #[error("vendor 0")]
    VendorZero,
    /// A range that ends before it starts.
    #[error("a range that ends before it starts")]
    RangeOrder,
    /// Ranges that overlap or do not ascend.
    #[error("ranges that overlap or do not ascend")]
    RangeUnsorted,
    /// A vendor above the section's highest.
    #[error("a vendor above the section's highest id")]
    RangeExceedsMax,
    /// A text that is not of the format's shape at all.
    #[error("not of the format's shape")]
    Shape,
    /// A header of another type than the format's.
    #[error("a header of another type")]
    HeaderType,
    /// A number that its code writes in no way, or one beyond 16 bits.
    #[error("a Fibonacci number that does not end or is beyond 16 bits")]
    Fibonacci,
    /// Not as many sections as the header lists, or an empty one.
    #[error("not as many sections as the header lists")]
    SectionCount,
    /// A restriction of the type that does not exist.
    #[error("a restriction of an unknown type")]
    RestrictionType,
    /// A restriction of a purpose that does not exist.
    #[error("a restriction of a purpose outside 1 to 24")]
    RestrictionPurpose,
}

/// A set of purposes, special features or alike by their numbers, 1 to 24: number 1 is the lowest bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers(u32);

impl Numbers {
    /// The highest number that a set can hold.
    pub const MAX: u8 = 24;

    /// The set of those numbers; a number outside 1 to 24 is left out.
    pub fn of(numbers: impl IntoIterator<Item = u8>) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }

    /// The set of which those bits say what is in it, the lowest for number 1; bits beyond 24 are left out.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits & ((1 << Self::MAX) - 1))
    }

    /// Adds a number; one outside 1 to 24 changes nothing.
    pub fn insert(&mut self, number: u8) {
        if (1..=Self::MAX).contains(&number) {
            self.0 |= 1 << (number - 1);
        }
    }

    /// Whether the number is in the set.
    pub fn contains(self, number: u8) -> bool {
        (1..=Self::MAX).contains(&number) && self.0 >> (number - 1) & 1 == 1
    }

    /// Whether it holds nothing.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (1..=Self::MAX).filter(move |number| self.contains(*number))
    }

    /// From a bit field of that width whose first, most significant bit is number 1.
    fn from_field(field: u64, width: u32) -> Self {
        debug_assert!(width <= u32::from(Self::MAX));
        // The field's bits, first bit first, become bits from the lowest up.
        Self((field as u32).reverse_bits() >> (32 - width))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_is_number_one() {
        let set = Numbers::from_field(0b1000_0000_0001, 12);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 12]);
        let set = Numbers::from_field(1 << 23 | 1 << 22 | 1, 24);
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 2, 24]);
    }

    #[test]
    fn numbers_out_of_bounds_are_never_in_a_set() {
        let mut set = Numbers::of([0, 25, 255]);
        assert!(set.is_empty());
        set.insert(24);
        assert!(set.contains(24) && !set.contains(0) && !set.contains(25) && !set.contains(32) && !set.contains(56));
    }
}
