//! The first look at a record: where its strings, brackets, colons, commas and scalars begin, 64 bytes at a time.
//!
//! A block of 64 bytes becomes one bit a byte for each class of byte, so that which quote is escaped and what stands
//! inside strings is a matter of a few operations on words, whatever the lengths of names and values; the walk then
//! goes from one position to the next and never searches. How a block is classified depends on the processor and is
//! chosen at run time; everything behind that is the same for all.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// As far as the walk looks ahead.
pub(super) const AHEAD: usize = 8;
/// What stands behind the last position, so that whole vectors can be looked at up to there.
const PADDING: usize = 16;
/// White space stands behind the last byte, so that the last block is whole.
const FILLER: u8 = b' ';

/// The classes of the bytes of one block; bit n is byte n.
#[derive(Clone, Copy)]
struct Classes {
    /// Quotes.
    quotes: u64,
    /// Backslashes.
    backslashes: u64,
    /// Brackets, braces, colons, commas; may hold control characters too, which the walk refuses.
    operators: u64,
    /// White space (RFC 8259, section 2).
    blanks: u64,
    /// Bytes below 0x20.
    controls: u64,
    /// Bytes above 0x7F.
    beyond_ascii: u64,
}

/// How blocks are classified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Sixteen bytes a step, with what every processor of the architecture has.
    Portable,
    /// 32 bytes a step.
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    /// 64 bytes a step.
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
}

impl Path {
    /// All that this processor can run, the portable one first.
    pub fn available() -> Vec<Path> {
        #[cfg(target_arch = "x86_64")]
        let more = x86::available();
        #[cfg(not(target_arch = "x86_64"))]
        let more = [];
        [Path::Portable].into_iter().chain(more).collect()
    }
}

/// The structure of one record; buffers are reused.
pub(super) struct Structure {
    path: Path,
    /// Positions of interest in order; behind the last, the record's length, and room for one block more.
    positions: Vec<u32>,
    /// The byte at each of them, 0 behind the last.
    bytes: Vec<u8>,
    count: usize,
    /// Backslashes, a word a block; only those up to the last block that has one.
    backslashes: Vec<u64>,
    /// The first control character inside a string, or the end of a record that ends inside one.
    fault: Option<usize>,
}

impl Structure {
    pub(super) fn new() -> Structure {
        let path = Path::available().pop().unwrap_or(Path::Portable);
        Structure { path, positions: Vec::new(), bytes: Vec::new(), count: 0, backslashes: Vec::new(), fault: None }
    }

    /// Goes another way from now on; for comparisons.
    pub(super) fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    /// Reads a record of at most `u32::MAX` bytes; answers with the offset of the first byte that is not UTF-8, if any.
    pub(super) fn read(&mut self, input: &[u8]) -> Result<(), usize> {
        let room = input.len() + 2 * BLOCK;
        if self.positions.len() < room {
            self.positions.resize(room, 0);
            self.bytes.resize(room, 0);
        }
        self.backslashes.clear();
        self.fault = None;
        let beyond_ascii = match self.path {
            Path::Portable => portable::read(self, input),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2(path) => path.read(self, input),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512(path) => path.read(self, input),
        };
        if let Some(behind) = self.positions[self.count..].first_chunk_mut() {
            *behind = [input.len() as u32; PADDING];
        }
        if let Some(behind) = self.bytes[self.count..].first_chunk_mut() {
            *behind = [0; PADDING];
        }
        match input.get(beyond_ascii.clone()) {
            Some(text) if simdutf8::basic::from_utf8(text).is_err() => {
                Err(beyond_ascii.start + std::str::from_utf8(text).err().map_or(0, |fault| fault.valid_up_to()))
            }
            _ => Ok(()),
        }
    }

    /// The positions in order, and behind them the record's length as often as [`PADDING`] says.
    pub(super) fn positions(&self) -> &[u32] {
        &self.positions[..self.count + PADDING]
    }

    /// The bytes at [`Structure::positions`], 0 behind the last.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.count + PADDING]
    }

    /// Whether the record has backslashes at all.
    pub(super) fn has_backslashes(&self) -> bool {
        !self.backslashes.is_empty()
    }

    /// The first control character inside a string, or the end of a record that ends inside one.
    pub(super) fn fault(&self) -> Option<usize> {
        self.fault
    }

    /// Whether a backslash stands in the range, which is not empty.
    pub(super) fn has_backslash(&self, range: Range<usize>) -> bool {
        let Range { start, end } = range;
        let (first, last) = (start / BLOCK, end / BLOCK);
        let from = u64::MAX << (start % BLOCK);
        let until = !(u64::MAX << (end % BLOCK));
        let word = |block: usize| self.backslashes.get(block).copied().unwrap_or(0);
        if first == last {
            return word(first) & from & until != 0;
        }
        let between = self.backslashes.get(first + 1..last.min(self.backslashes.len())).unwrap_or_default();
        word(first) & from != 0 || word(last) & until != 0 || between.iter().any(|word| *word != 0)
    }
}

/// What is carried from block to block.
#[derive(Clone, Copy, Default)]
struct Carried {
    /// The next block's first byte is escaped: 1, else 0.
    escaped: u64,
    /// All ones inside a string, else 0.
    in_string: u64,
    /// The last byte was part of a scalar outside strings: 1, else 0.
    in_scalar: u64,
}

impl Structure {
    /// Reads the whole record; answers with the stretch that must be checked for UTF-8: from the first byte beyond ASCII to
    /// the end of the block that has the last. The steps are the processor's: `classify` a block, tell the `parity` of a word
    /// (see [`parity`]), and `note` the positions of its bits (see [`note`]). Inlined, so that they and what is made of them
    /// are compiled for the same processor; what is carried from block to block stays in registers.
    #[inline(always)]
    fn read_blocks(
        &mut self,
        input: &[u8],
        classify: impl Fn(&[u8; BLOCK]) -> Classes,
        parity: impl Fn(u64) -> u64,
        note: impl Fn(usize, &[u8; BLOCK], u64, &mut [u32; BLOCK], &mut [u8; BLOCK]),
    ) -> Range<usize> {
        let Structure { path: _, positions, bytes, count: noted, backslashes, fault } = self;
        // As long as each other, so that one look tells whether there is room in both.
        let room = positions.len().min(bytes.len());
        let (positions, bytes) = (&mut positions[..room], &mut bytes[..room]);
        let (blocks, rest) = input.as_chunks::<BLOCK>();
        let mut last = [FILLER; BLOCK];
        let (mut carried, mut count, mut to_check) = (Carried::default(), 0, 0..0);
        for number in 0..blocks.len() + usize::from(!rest.is_empty()) {
            let block = blocks.get(number).unwrap_or_else(|| {
                // Not before the others: it is the last to come out of memory.
                last[..rest.len()].copy_from_slice(rest);
                &last
            });
            let (base, classes) = (number * BLOCK, classify(block));
            let Classes { quotes, beyond_ascii, .. } = classes;
            if beyond_ascii != 0 {
                let start = if to_check.end == 0 { base + beyond_ascii.trailing_zeros() as usize } else { to_check.start };
                to_check = start..base + BLOCK;
            }
            let mut escaped = 0;
            if classes.backslashes | carried.escaped != 0 {
                (escaped, carried.escaped) = escapes(backslashes, base, classes.backslashes, carried.escaped);
            }
            let (bits, faults) = carried.starts(Classes { quotes: quotes & !escaped, ..classes }, &parity);
            if faults != 0 && fault.is_none() {
                *fault = Some(base + faults.trailing_zeros() as usize);
            }
            let ahead = count..count + BLOCK;
            if let (Some(positions), Some(bytes)) = (positions.get_mut(ahead.clone()), bytes.get_mut(ahead))
                && let (Some(positions), Some(bytes)) = (positions.first_chunk_mut(), bytes.first_chunk_mut())
            {
                note(base, block, bits, positions, bytes);
            }
            count += bits.count_ones() as usize;
        }
        if carried.in_string != 0 && fault.is_none() {
            *fault = Some(input.len());
        }
        *noted = count;
        to_check.start..to_check.end.min(input.len())
    }
}

impl Carried {
    /// Which bytes of a block begin something, and which are control characters inside strings. Its quotes are those that are
    /// not escaped.
    #[inline(always)]
    fn starts(&mut self, classes: Classes, parity: &impl Fn(u64) -> u64) -> (u64, u64) {
        let Classes { quotes, operators, blanks, controls, backslashes: _, beyond_ascii: _ } = classes;
        // From each opening quote up to, and without, the closing one.
        let strings = parity(quotes) ^ self.in_string;
        self.in_string = ((strings as i64) >> 63) as u64;
        let scalars = !(operators | blanks | strings | quotes);
        let starts = scalars & !(scalars << 1 | self.in_scalar);
        self.in_scalar = scalars >> 63;
        ((operators & !strings) | quotes | starts, controls & strings)
    }
}

/// Notes where backslashes are; answers with the bytes of the block that they escape, and whether they escape the next
/// block's first: 1, else 0.
#[cold]
fn escapes(noted: &mut Vec<u64>, base: usize, backslashes: u64, carried: u64) -> (u64, u64) {
    if backslashes != 0 {
        noted.resize(base / BLOCK, 0);
        noted.push(backslashes);
    }
    // The first of a run escapes the second, whatever that is; the third escapes the fourth.
    let (mut escaped, mut next) = (carried, 0);
    let mut left = backslashes & !escaped;
    while left != 0 {
        let first = left & left.wrapping_neg();
        escaped |= first << 1;
        next = first >> 63;
        left &= !(first | first << 1);
    }
    (escaped, next)
}

/// Writes down the positions of the bits and the bytes there: eight at a time, of which those behind the last are
/// overwritten later.
#[inline(always)]
fn note(base: usize, block: &[u8; BLOCK], mut bits: u64, positions: &mut [u32; BLOCK], bytes: &mut [u8; BLOCK]) {
    let count = bits.count_ones() as usize;
    let eights = positions.as_chunks_mut::<8>().0.iter_mut().zip(bytes.as_chunks_mut::<8>().0);
    for (positions, bytes) in eights.take(count.div_ceil(8)) {
        for (position, byte) in positions.iter_mut().zip(bytes) {
            let bit = bits.trailing_zeros();
            *position = base as u32 + bit;
            *byte = block[bit as usize % BLOCK];
            bits &= bits.wrapping_sub(1);
        }
    }
}

/// Bit n of the result is the parity of the bits up to n.
#[inline(always)]
fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a reading gives: positions with their bytes, the fault, and which offsets have a backslash.
    type Read = (Vec<(usize, u8)>, Option<usize>, Vec<usize>);

    fn read(path: Path, input: &[u8]) -> Read {
        let mut structure = Structure::new();
        structure.set_path(path);
        // A longer record first: nothing of it may be left.
        structure.read(&[b"[\"\\\\ ".repeat(40), b"\"]".to_vec()].concat()).expect("ASCII");
        let _ = structure.read(input);
        let positions = structure.positions()[..structure.count].iter().map(|position| *position as usize);
        let found = positions.zip(structure.bytes().iter().copied()).collect();
        let backslashes = (0..input.len()).filter(|at| structure.has_backslash(*at..*at + 1)).collect();
        (found, structure.fault(), backslashes)
    }

    /// The same, one byte after another.
    fn slowly(input: &[u8]) -> Read {
        let (mut found, mut fault, mut in_string, mut escaped, mut in_scalar) = (Vec::new(), None, false, false, false);
        for (at, byte) in input.iter().copied().enumerate() {
            let was_escaped = escaped;
            escaped = byte == b'\\' && !was_escaped;
            let is_quote = byte == b'"' && !was_escaped;
            let is_operator = b"{}[],:\x0C\x1A".contains(&byte);
            let is_scalar = !in_string && !is_quote && !is_operator && !b" \n\r\t".contains(&byte);
            if is_quote || !in_string && is_operator || is_scalar && !in_scalar {
                found.push((at, byte));
            }
            in_scalar = is_scalar;
            if in_string && byte < 0x20 {
                fault = fault.or(Some(at));
            }
            in_string ^= is_quote;
        }
        let backslashes = (0..input.len()).filter(|at| input[*at] == b'\\').collect();
        (found, fault.or(in_string.then_some(input.len())), backslashes)
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            4 => proptest::sample::select(br#""\{}[],: 0eAz."#.to_vec()),
            1 => proptest::sample::select(b"\n\r\t\x00\x01\x02\x0C\x1A\x1F\x7F/".to_vec()),
            1 => any::<u8>(),
        ];
        // Runs of one byte, so that escapes and strings cross the blocks.
        let run = (byte, prop_oneof![4 => 1..4_usize, 1 => 1..150_usize]);
        proptest::collection::vec(run, 0..120)
            .prop_map(|runs| runs.into_iter().flat_map(|(byte, count)| std::iter::repeat_n(byte, count)).collect())
    }

    proptest! {
        #[test]
        fn every_path_reads_what_a_byte_by_byte_reader_reads(input in bytes()) {
            let expected = slowly(&input);
            for path in Path::available() {
                prop_assert_eq!(&read(path, &input), &expected, "{:?}", path);
            }
        }
    }

    #[test]
    fn the_first_byte_that_is_not_utf8_is_found() {
        for before in [0, 1, 60, 63, 64, 65, 200] {
            for valid in ["", "\u{e9}", "\u{20ac}x"] {
                for broken in [&b"\xFF"[..], b"\xC3", b"\xE2\x82", b"\xED\xA0\x80", b"\xC0\xAF"] {
                    let text = [" ".repeat(before).as_bytes(), valid.as_bytes(), broken, b" ".repeat(70).as_slice()].concat();
                    for path in Path::available() {
                        let mut structure = Structure::new();
                        structure.set_path(path);
                        assert_eq!(structure.read(&text), Err(before + valid.len()), "{path:?}");
                        assert_eq!(structure.read(&text[..before + valid.len()]), Ok(()), "{path:?}");
                    }
                }
            }
        }
    }
}
