//! Fibonacci-coded numbers and ranges, as GPP writes section ids and Canadian vendors.

use crate::consent::strings::Broken;
use crate::consent::strings::bits::{Bits, Reader};

/// What each bit of a code stands for, first bit first. The last is the greatest below 2^16.
const WEIGHTS: [u32; 23] = weights();

const fn weights() -> [u32; 23] {
    let mut weights = [1; 23];
    weights[1] = 2;
    let mut at = 2;
    while at < weights.len() {
        weights[at] = weights[at - 1] + weights[at - 2];
        at += 1;
    }
    weights
}

/// What each byte of a code's 24 bits stands for: a bit at a time, every number would cost as many guesses as it has bits.
static SUMS: [[u32; 256]; 3] = sums();

const fn sums() -> [[u32; 256]; 3] {
    let mut sums = [[0; 256]; 3];
    let mut bit = 0;
    while bit < WEIGHTS.len() {
        let mut byte = 0;
        while byte < 256 {
            if byte >> (7 - bit % 8) & 1 == 1 {
                sums[bit / 8][byte] += WEIGHTS[bit];
            }
            byte += 1;
        }
        bit += 1;
    }
    sums
}

/// The number whose code begins at that bit, and where the code ends. Every code ends in the first two set bits in a row, and
/// the second of them counts for nothing; 0 has no code.
fn number(bits: Bits<'_>, at: usize) -> Result<(u32, usize), Broken> {
    let window = bits.window(at);
    let last = (window & window << 1).leading_zeros() as usize;
    // Zero stands beyond the end of the text, so an end that is found is there.
    if last >= WEIGHTS.len() {
        return Err(Broken::Fibonacci);
    }
    let code = (window & !(u64::MAX >> (last + 1))).to_be_bytes();
    let value = SUMS[0][usize::from(code[0])] + SUMS[1][usize::from(code[1])] + SUMS[2][usize::from(code[2])];
    Ok((value, at + last + 2))
}

/// A range as GPP codes it: a count of 12 bits, and for each item a flag, the distance from the id before and, where the flag
/// is set, the distance from there to the end. What it yields ascends by itself.
pub(in crate::consent::strings) struct Gaps<'a> {
    pub(in crate::consent::strings) bits: Bits<'a>,
    /// The next item's first bit.
    pub(in crate::consent::strings) at: usize,
    /// How many items are left.
    pub(in crate::consent::strings) count: u16,
    /// The last id so far.
    pub(in crate::consent::strings) last: u32,
}

impl<'a> Gaps<'a> {
    /// Takes the count; the items follow.
    pub(in crate::consent::strings) fn new(reader: &mut Reader<'a>) -> Result<Self, Broken> {
        let count = reader.take(12)? as u16;
        Ok(Self { bits: reader.bits, at: reader.at, count, last: 0 })
    }

    fn read(&mut self) -> Result<(u16, u16), Broken> {
        let is_range = self.bits.bit(self.at);
        let (distance, at) = number(self.bits, self.at + 1)?;
        let start = self.last + distance;
        let (length, at) = if is_range { number(self.bits, at)? } else { (0, at) };
        self.at = at;
        self.last = start + length;
        let end = u16::try_from(self.last).map_err(|_| Broken::Fibonacci)?;
        Ok((start as u16, end))
    }
}

impl Iterator for Gaps<'_> {
    type Item = Result<(u16, u16), Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        Some(self.read())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The bits as characters, padded with zero.
    pub(in crate::consent::strings::gpp) fn text(bits: &str) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<usize> = bits.bytes().filter(|bit| *bit != b' ').map(|bit| usize::from(bit == b'1')).collect();
        bits.chunks(6).map(|six| alphabet[six.iter().enumerate().map(|(at, bit)| bit << (5 - at)).sum::<usize>()]).collect()
    }

    #[test]
    fn the_codes_of_the_text() {
        for (code, value) in
            [("11", 1), ("011", 2), ("0011", 3), ("1011", 4), ("00011", 5), ("10011", 6), ("01011", 7), ("1010011", 17)]
        {
            let text = text(code);
            let bits = Bits::new(&text).expect("characters of the alphabet");
            assert_eq!(number(bits, 0), Ok((value, code.len())), "{code}");
        }
    }

    #[test]
    fn a_code_without_its_end_is_no_number() {
        for code in ["", "0", "1", "010101", "0000000000000000000000000000000000000011", "101010101010101010101010101010"] {
            let text = text(code);
            let bits = Bits::new(&text).expect("characters of the alphabet");
            assert_eq!(number(bits, 0), Err(Broken::Fibonacci), "{code}");
        }
    }

    #[test]
    fn distances_add_up_and_stay_within_sixteen_bits() {
        // 3, 5 to 8, 9.
        let text = text("000000000011 0 0011 1 011 0011 0 11");
        let mut reader = Reader::new(Bits::new(&text).expect("characters of the alphabet"));
        let gaps: Result<Vec<_>, _> = Gaps::new(&mut reader).expect("a count").collect();
        assert_eq!(gaps, Ok(vec![(3, 3), (5, 8), (9, 9)]));
        // 28657 and 46368 are the last two with a code of one set bit below 2^16.
        let ends = |code: &str| {
            let text = self::text(code);
            let mut reader = Reader::new(Bits::new(&text).expect("characters of the alphabet"));
            Gaps::new(&mut reader).expect("a count").collect::<Vec<_>>()
        };
        let (far, farther) = (format!("0 {}11", "0".repeat(21)), format!("0 {}11", "0".repeat(22)));
        assert_eq!(ends(&format!("000000000001 {far}")), [Ok((28657, 28657))]);
        assert_eq!(ends(&format!("000000000010 {farther} {farther}")), [Ok((46368, 46368)), Err(Broken::Fibonacci)]);
    }
}
