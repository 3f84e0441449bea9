//! Bits behind base64url characters, read where they stand: six a character, the first the most significant.

use super::Broken;

/// The six bits of each character of the alphabet, 0 for every other byte: [`Bits::new`] lets none of those in.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [0; 256];
    let mut at = 0;
    while at < alphabet.len() {
        values[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    values
}

/// Whether all bytes are characters of the alphabet. No branch in the loop, so that it is done many bytes at a time.
fn is_alphabet(text: &[u8]) -> bool {
    let known = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26 || byte.wrapping_sub(b'0') < 10 || byte == b'-' || byte == b'_';
    text.iter().fold(0, |unknown, byte| unknown | u8::from(!known(*byte))) == 0
}

#[cfg(test)]
thread_local! {
    /// How often bits were looked at: the measure of work in tests, since time depends on the machine.
    pub(super) static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Text of which every character is in the alphabet.
#[derive(Clone, Copy, Default)]
pub(super) struct Bits<'a> {
    text: &'a [u8],
}

impl<'a> Bits<'a> {
    /// How many bits from any place on [`Bits::window`] shows.
    pub(super) const WINDOW: usize = 43;

    /// The bits of a text; a character outside the alphabet breaks it.
    pub(super) fn new(text: &'a [u8]) -> Result<Self, Broken> {
        if is_alphabet(text) { Ok(Self { text }) } else { Err(Broken::Alphabet) }
    }

    /// How many bits there are.
    pub(super) fn len(self) -> usize {
        self.text.len() * 6
    }

    /// The bits from `at` on, left-aligned; at least [`Bits::WINDOW`] of them are right, and zero stands beyond the end.
    #[inline]
    pub(super) fn window(self, at: usize) -> u64 {
        let (first, skip) = (at / 6, at % 6);
        #[cfg(test)]
        READS.with(|reads| reads.set(reads.get() + 1));
        let value = match self.text.get(first..).and_then(<[u8]>::first_chunk::<8>) {
            Some(eight) => join(eight),
            None => self.tail(first),
        };
        value << (16 + skip)
    }

    /// The 48 bits from a character on that has fewer than seven behind it.
    #[cold]
    #[inline(never)]
    fn tail(self, first: usize) -> u64 {
        match self.text.last_chunk::<8>() {
            // The last eight, moved up over those that come before.
            Some(eight) => {
                let before = 8 - self.text.len().saturating_sub(first).min(8);
                join(eight) << (6 * before) & ((1 << 48) - 1)
            }
            None => (first..first + 8)
                .fold(0, |bits, at| bits << 6 | self.text.get(at).map_or(0, |byte| u64::from(VALUES[usize::from(*byte)]))),
        }
    }

    /// The 30 bits of five characters; zero stands beyond the end.
    #[inline(always)]
    pub(super) fn five(self, first: usize) -> u32 {
        #[cfg(test)]
        READS.with(|reads| reads.set(reads.get() + 1));
        match self.text.get(first..).and_then(<[u8]>::first_chunk::<5>) {
            Some(five) => {
                let value = |at: usize| u32::from(VALUES[usize::from(five[at])]);
                (value(0) << 6 | value(1)) << 18 | (value(2) << 6 | value(3)) << 6 | value(4)
            }
            None => (self.tail(first) >> 18) as u32,
        }
    }

    /// The `width` bits from `at` on; zero stands beyond the end, so the caller has looked where that is.
    #[inline]
    pub(super) fn get(self, at: usize, width: usize) -> u64 {
        debug_assert!((1..=Self::WINDOW).contains(&width) && at + width <= self.len());
        self.window(at) >> (64 - width)
    }

    /// The one bit at that place; unset beyond the end.
    #[inline]
    pub(super) fn bit(self, at: usize) -> bool {
        let (first, skip) = (at / 6, at % 6);
        #[cfg(test)]
        READS.with(|reads| reads.set(reads.get() + 1));
        self.text.get(first).is_some_and(|byte| VALUES[usize::from(*byte)] >> (5 - skip) & 1 == 1)
    }

    /// Whether no bit is set from `at` on.
    pub(super) fn is_zero_from(self, at: usize) -> bool {
        let begun = (at..at.next_multiple_of(6)).all(|place| !self.bit(place));
        begun && self.text.get(at.div_ceil(6)..).unwrap_or_default().iter().all(|byte| *byte == b'A')
    }
}

/// Eight characters as 48 bits; joined two by two, since each step of a chain would wait for the one before.
#[inline]
fn join(eight: &[u8; 8]) -> u64 {
    let value = |at: usize| u64::from(VALUES[usize::from(eight[at])]);
    let two = |at: usize| value(at) << 6 | value(at + 1);
    let four = |at: usize| two(at) << 12 | two(at + 2);
    four(0) << 24 | four(4)
}

/// The parts of a text between separators; at least one, and one more than there are separators.
pub(super) struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Parts<'a> {
    pub(super) fn new(text: &'a [u8], separator: u8) -> Self {
        Self { rest: Some(text), separator }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let at = memchr::memchr(self.separator, rest);
        self.rest = at.map(|at| &rest[at + 1..]);
        Some(&rest[..at.unwrap_or(rest.len())])
    }
}

/// Takes one field after the other, and none past the end.
pub(super) struct Reader<'a> {
    /// What it reads.
    pub(super) bits: Bits<'a>,
    /// The next bit to read.
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    /// Begins with the first bit.
    pub(super) fn new(bits: Bits<'a>) -> Self {
        Self { bits, at: 0 }
    }

    /// Whether that many bits are left.
    pub(super) fn need(&self, width: usize) -> Result<(), Broken> {
        if width <= self.bits.len().saturating_sub(self.at) { Ok(()) } else { Err(Broken::Truncated) }
    }

    /// The next `width` bits, at most [`Bits::WINDOW`].
    #[inline]
    pub(super) fn take(&mut self, width: usize) -> Result<u64, Broken> {
        self.need(width)?;
        let value = self.bits.get(self.at, width);
        self.at += width;
        Ok(value)
    }

    /// The next bit.
    #[inline]
    pub(super) fn flag(&mut self) -> Result<bool, Broken> {
        Ok(self.take(1)? == 1)
    }

    /// Passes over bits; where they began.
    pub(super) fn skip(&mut self, width: usize) -> Result<usize, Broken> {
        self.need(width)?;
        let began = self.at;
        self.at += width;
        Ok(began)
    }

    /// Ends the reading: whatever follows must be padding, of any length, and padding is zero.
    pub(super) fn finish(self) -> Result<(), Broken> {
        if self.bits.is_zero_from(self.at) { Ok(()) } else { Err(Broken::TrailingBits) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_those_of_rfc_4648_section_5() {
        for byte in 0..=u8::MAX {
            let known = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            assert_eq!(is_alphabet(&[byte]), known, "{byte:#x}");
            assert_eq!(is_alphabet(&[b'A', byte, b'A']), known, "{byte:#x}");
        }
        let bits = Bits::new(b"AZaz09-_").expect("characters of the alphabet");
        let values: Vec<u64> = (0..8).map(|at| bits.get(at * 6, 6)).collect();
        assert_eq!(values, [0, 25, 26, 51, 52, 61, 62, 63]);
    }

    #[test]
    fn fields_straddle_characters_at_any_place() {
        // Shorter than a window's eight characters, as long, and longer.
        for length in [1, 2, 7, 8, 9, 15, 16, 40] {
            let text: Vec<u8> = (0..length).map(|n| b"Ag_x0-Zq"[n % 8]).collect();
            let bits = Bits::new(&text).expect("characters of the alphabet");
            let one = |at: usize| u64::from(bits.bit(at));
            for at in 0..bits.len() + 60 {
                let slowly = (at..at + Bits::WINDOW).fold(0, |value, place| value << 1 | one(place));
                assert_eq!(bits.window(at) >> (64 - Bits::WINDOW), slowly, "from {at} of {length} characters");
                for width in (1..=Bits::WINDOW).filter(|width| at + width <= bits.len()) {
                    assert_eq!(bits.get(at, width), slowly >> (Bits::WINDOW - width), "{width} bits at {at}");
                }
            }
        }
    }

    #[test]
    fn parts_are_one_more_than_separators() {
        let parts = |text: &'static str| Parts::new(text.as_bytes(), b'.').map(<[u8]>::len).collect::<Vec<_>>();
        assert_eq!(parts(""), [0]);
        assert_eq!(parts("."), [0, 0]);
        assert_eq!(parts("ab.c"), [2, 1]);
        assert_eq!(parts("ab..c."), [2, 0, 1, 0]);
    }

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut reader = Reader::new(Bits::new(b"__").expect("characters of the alphabet"));
        assert_eq!(reader.take(11), Ok(0x7ff));
        assert_eq!(reader.take(2), Err(Broken::Truncated));
        assert_eq!(reader.flag(), Ok(true));
        assert_eq!(reader.flag(), Err(Broken::Truncated));
        assert_eq!(reader.skip(1), Err(Broken::Truncated));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn padding_is_zero_and_of_any_length() {
        let ends = |text: &[u8], at| Reader { bits: Bits::new(text).expect("characters of the alphabet"), at }.finish();
        assert_eq!(ends(b"gAAAA", 1), Ok(()));
        assert_eq!(ends(b"gAAAA", 0), Err(Broken::TrailingBits));
        assert_eq!(ends(b"gAAAB", 1), Err(Broken::TrailingBits));
        assert_eq!(ends(b"B", 5), Err(Broken::TrailingBits));
        assert_eq!(ends(b"B", 6), Ok(()));
    }
}
