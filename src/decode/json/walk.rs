//! The way through a record from one position of its structure to the next: scalars and member names.

use super::names::{Entry, Look, Names, has_control};
use super::structure::{AHEAD, Structure};
use super::text;
use crate::decode::{Limits, Refusal};
use crate::event::json::Kind;
use crate::outcome::Reason;
use std::ops::Range;

pub(super) fn malformed(at: usize) -> Refusal {
    Refusal { reason: Reason::Malformed, at }
}

/// The bracket that ends what another opened: both pairs are two apart.
#[inline(always)]
pub(super) fn close_of(open: u8) -> u8 {
    open + 2
}

/// What comes next in a record: bytes of its structure, and where they are.
#[derive(Clone, Copy)]
pub(super) struct Next<'a> {
    bytes: u64,
    at: &'a [u32; AHEAD],
    /// How many of `at` were passed.
    passed: usize,
}

/// A name with its colon.
const NAME: u64 = u32::from_le_bytes([b'"', b'"', b':', 0]) as u64;
/// Both quotes of a string, and a comma.
const STRING_AND_COMMA: u64 = u32::from_le_bytes([b'"', b'"', b',', 0]) as u64;
/// A comma, behind one position.
const COMMA_BEHIND: u64 = u16::from_le_bytes([0, b',']) as u64;
/// What stands between two objects of an array.
const BETWEEN_OBJECTS: u64 = u32::from_le_bytes([b'}', b',', b'{', 0]) as u64;
/// Both quotes of a string.
const STRING: u64 = u16::from_le_bytes([b'"', b'"']) as u64;

impl Next<'_> {
    /// Behind the end of the record.
    const NOTHING: Next<'static> = Next { bytes: 0, at: &[u32::MAX; AHEAD], passed: 0 };

    /// The first byte; 0 at the record's end.
    #[inline(always)]
    pub(super) fn byte(&self) -> u8 {
        self.bytes as u8
    }

    /// Where it is.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.place(0)
    }

    /// Whether an object ends and the next begins.
    #[inline(always)]
    pub(super) fn is_between_objects(&self) -> bool {
        self.bytes & 0xFF_FFFF == BETWEEN_OBJECTS
    }

    /// Where the first but `index` is.
    #[inline(always)]
    fn place(&self, index: usize) -> usize {
        self.at[(self.passed + index) % AHEAD] as usize
    }

    /// What comes behind `count` of them, of which the first `AHEAD` can be seen from one place.
    #[inline(always)]
    pub(super) fn behind(self, count: usize) -> Self {
        Next { bytes: self.bytes >> (8 * count), passed: self.passed + count, ..self }
    }
}

/// A scalar that was read.
pub(super) struct Scalar {
    pub(super) kind: Kind,
    /// The byte behind it.
    pub(super) end: usize,
    /// How many positions it takes.
    pub(super) positions: usize,
}

/// A place in the structure of a record.
pub(super) struct Walk<'a> {
    pub(super) input: &'a [u8],
    structure: &'a Structure,
    positions: &'a [u32],
    bytes: &'a [u8],
    has_backslashes: bool,
    pub(super) limits: Limits,
    /// How many positions were passed.
    passed: u32,
}

impl<'a> Walk<'a> {
    /// Before the first position.
    pub(super) fn new(input: &'a [u8], structure: &'a Structure, limits: Limits) -> Walk<'a> {
        let (positions, bytes) = (structure.positions(), structure.bytes());
        Walk { input, structure, positions, bytes, has_backslashes: structure.has_backslashes(), limits, passed: 0 }
    }

    /// What comes next.
    #[inline(always)]
    pub(super) fn next(&self) -> Next<'a> {
        let ahead = self.passed as usize..self.passed as usize + AHEAD;
        let bytes = self.bytes.get(ahead.clone()).and_then(|bytes| bytes.first_chunk::<AHEAD>());
        let at = self.positions.get(ahead).and_then(|positions| positions.first_chunk::<AHEAD>());
        match (bytes, at) {
            (Some(bytes), Some(at)) => Next { bytes: u64::from_le_bytes(*bytes), at, passed: 0 },
            _ => Next::NOTHING,
        }
    }

    /// Passes what was looked at.
    #[inline(always)]
    pub(super) fn pass(&mut self, next: Next<'_>) {
        self.passed += next.passed as u32;
    }

    /// Reads a value that is no container.
    #[inline(always)]
    pub(super) fn scalar(&self, next: Next<'_>) -> Result<Scalar, Refusal> {
        if next.bytes & 0xFFFF != STRING {
            return self.word(next.byte(), next.at());
        }
        let (open, close) = (next.at(), next.place(1));
        if self.has_backslashes && self.structure.has_backslash(open..close) {
            text::string(self.input, open).map_err(malformed)?;
        }
        Ok(Scalar { kind: Kind::String, end: close + 1, positions: 2 })
    }

    /// Passes a scalar and the comma behind it, if that is what comes next; both together, since nothing else happens at
    /// most values.
    #[inline(always)]
    pub(super) fn pass_scalar_and_comma(&mut self, next: Next<'_>) -> Result<bool, Refusal> {
        if next.bytes & 0xFF_FFFF == STRING_AND_COMMA {
            let (open, close) = (next.at(), next.place(1));
            if self.has_backslashes && self.structure.has_backslash(open..close) {
                text::string(self.input, open).map_err(malformed)?;
            }
            self.pass(next.behind(3));
            return Ok(true);
        }
        let is_word = next.bytes & 0xFF00 == COMMA_BEHIND && !matches!(next.byte(), b'"' | b'{' | b'[');
        if is_word {
            self.word(next.byte(), next.at())?;
            self.pass(next.behind(2));
        }
        Ok(is_word)
    }

    /// Where the position before the next is.
    #[inline(always)]
    pub(super) fn last(&self) -> usize {
        self.positions.get((self.passed as usize).wrapping_sub(1)).map_or(0, |at| *at as usize)
    }

    // ---- many positions at once -----------------------------------------------------------------------------

    /// How many positions were passed.
    pub(super) fn passed(&self) -> usize {
        self.passed as usize
    }

    /// How many stand before it.
    pub(super) fn passed_before(&self, next: Next<'_>) -> usize {
        self.passed() + next.passed
    }

    /// Passes so many.
    pub(super) fn pass_all(&mut self, count: u32) {
        self.passed += count;
    }

    /// The bytes that come next, and where they are; more than there are, as [`Structure::bytes`] says.
    #[inline(always)]
    pub(super) fn ahead(&self) -> (&'a [u8], &'a [u32]) {
        let passed = self.passed();
        (self.bytes.get(passed..).unwrap_or_default(), self.positions.get(passed..).unwrap_or_default())
    }

    /// Where the position before the next is, and those behind it.
    #[inline(always)]
    pub(super) fn since_last(&self) -> &'a [u32] {
        self.positions.get(self.passed().saturating_sub(1)..).unwrap_or_default()
    }

    /// Some of all the bytes, and where they are.
    pub(super) fn between(&self, range: Range<usize>) -> (&'a [u8], &'a [u32]) {
        (self.bytes.get(range.clone()).unwrap_or_default(), self.positions.get(range).unwrap_or_default())
    }

    /// Whether a number or a literal comes so many positions later.
    #[inline(always)]
    pub(super) fn has_word(&self, later: usize) -> bool {
        let (_, positions) = self.ahead();
        let start = positions.get(later).map_or(usize::MAX, |at| *at as usize);
        text::is_short_word(self.input, start) || self.end_of_word(later).is_some()
    }

    /// The byte behind the number or literal that comes so many positions later, if there is one.
    #[inline(always)]
    pub(super) fn end_of_word(&self, later: usize) -> Option<usize> {
        let (bytes, positions) = self.ahead();
        text::word(self.input, *positions.get(later)? as usize, *bytes.get(later)?).ok()
    }

    /// Whether a backslash stands before what comes so many positions later.
    #[inline(always)]
    pub(super) fn has_backslash_before(&self, later: usize) -> bool {
        let (_, positions) = self.ahead();
        self.has_backslashes
            && match (positions.first(), positions.get(later)) {
                (Some(from), Some(until)) if from < until => self.structure.has_backslash(*from as usize..*until as usize),
                _ => true,
            }
    }

    /// Whether the string that comes so many positions later has a broken escape.
    pub(super) fn is_broken(&self, later: usize) -> bool {
        let (_, positions) = self.ahead();
        let Some([open, close]) = positions.get(later..).and_then(|quotes| quotes.first_chunk()) else { return true };
        let (open, close) = (*open as usize, *close as usize);
        self.structure.has_backslash(open..close) && text::string(self.input, open).is_err()
    }

    // ---- words and names ------------------------------------------------------------------------------------

    /// Reads a number or a literal.
    fn word(&self, byte: u8, at: usize) -> Result<Scalar, Refusal> {
        let end = text::word(self.input, at, byte).map_err(malformed)?;
        Ok(Scalar { kind: Kind::of(byte), end, positions: 1 })
    }

    /// Where a member's name stands without its quotes, if one with its colon comes next.
    #[inline(always)]
    pub(super) fn name(&self, next: Next<'_>) -> Option<(usize, usize)> {
        (next.bytes & 0xFF_FFFF == NAME).then(|| (next.at() + 1, next.place(1)))
    }

    /// Reads a member's name and colon.
    #[inline(always)]
    pub(super) fn member(&self, next: Next<'_>, names: &mut Names) -> Result<Member, Refusal> {
        if next.bytes & 0xFF_FFFF != NAME {
            return Err(malformed(next.place(if next.bytes & 0xFFFF == STRING { 2 } else { 0 })));
        }
        let (start, close) = (next.at(), next.place(1));
        if self.has_backslashes && self.structure.has_backslash(start..close) {
            // Field by field, so that the common way below is not led through memory for the sake of this one.
            let Member { place, unescaped, look } = self.unescaped(start, names)?;
            return Ok(Member { place, unescaped, look });
        }
        let look = names.look(self.input, start + 1, close);
        if !look.is_plain || close - start - 1 > self.limits.name_bytes {
            self.closer(&self.input[start + 1..close], start)?;
        }
        Ok(Member { place: (start + 1, close - start - 1), unescaped: false, look })
    }

    #[cold]
    fn unescaped(&self, start: usize, names: &mut Names) -> Result<Member, Refusal> {
        let end = text::string(self.input, start).map_err(malformed)?;
        let place = names.unescape(&self.input[start + 1..end - 1]);
        let decoded = names.unescaped(place);
        self.closer(decoded, start)?;
        Ok(Member { place, unescaped: true, look: Look { is_plain: false, ..names.look_long(decoded) } })
    }

    /// A closer look at a name that is long, or not only of common letters.
    #[cold]
    fn closer(&self, decoded: &[u8], start: usize) -> Result<(), Refusal> {
        if decoded.len() > self.limits.name_bytes {
            return Err(Refusal { reason: Reason::LimitExceeded, at: start });
        }
        if has_control(decoded) { Err(malformed(start)) } else { Ok(()) }
    }
}

/// Positions that a member's name takes.
pub(super) const NAME_POSITIONS: usize = 3;

/// A member name that was read.
#[derive(Clone, Copy)]
pub(super) struct Member {
    /// Where it stands decoded, in the record or among the unescaped names, and how many bytes it has.
    place: (usize, usize),
    unescaped: bool,
    pub(super) look: Look,
}

impl Member {
    /// The decoded name.
    #[inline(always)]
    pub(super) fn decoded<'a>(&self, input: &'a [u8], names: &'a Names) -> &'a [u8] {
        if self.unescaped { names.unescaped(self.place) } else { &input[self.place.0..self.place.0 + self.place.1] }
    }

    #[inline(always)]
    pub(super) fn entry(&self, counts: bool) -> Entry {
        Entry::new(self.look.hash, self.place, self.unescaped, counts)
    }
}
