//! Digits as people group them: runs of digits with little between them.

/// A run of digits in a row of such runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// Its first byte.
    pub(super) start: usize,
    /// The byte behind its last.
    pub(super) end: usize,
    /// What stands between it and the run before; empty for the first.
    pub(super) gap: Gap,
    /// Whether no letter follows at once: `15kg` is no number of ours.
    pub(super) clean: bool,
}

impl Group {
    /// How many digits it has.
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// What stands between two runs of digits: which kinds of separator, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    /// The kinds.
    pub(super) kinds: u8,
    /// How many characters.
    pub(super) length: u8,
}

/// A blank of any width, or `%20`.
pub(super) const BLANK: u8 = 1;
/// A hyphen or dash.
pub(super) const DASH: u8 = 2;
/// A full stop.
pub(super) const DOT: u8 = 4;
/// A bracket.
pub(super) const BRACKET: u8 = 8;
/// A slash.
pub(super) const SLASH: u8 = 16;
/// A plus.
pub(super) const PLUS: u8 = 32;
/// An underscore.
pub(super) const UNDERSCORE: u8 = 64;

/// More separators than this end a row of runs.
const MOST_SEPARATORS: u8 = 3;

impl Gap {
    /// One separator of this kind.
    pub(super) fn is(self, kind: u8) -> bool {
        self.length == 1 && self.kinds == kind
    }

    /// Whether a separator of this kind is in it.
    pub(super) fn has(self, kind: u8) -> bool {
        self.kinds & kind != 0
    }
}

/// Reads the runs of digits from `start` on and returns where the last one ends.
pub(super) fn read(bytes: &[u8], start: usize, groups: &mut Vec<Group>) -> usize {
    let mut at = start;
    let mut gap = Gap::default();
    loop {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let end = at + digits;
        groups.push(Group { start: at, end, gap, clean: is_clean(&bytes[end..]) });
        let mut next = end;
        gap = Gap::default();
        while gap.length < MOST_SEPARATORS
            && let Some((kind, length)) = separator(&bytes[next..])
        {
            gap.kinds |= kind;
            gap.length += 1;
            next += length;
        }
        if gap.length == 0 || !bytes.get(next).is_some_and(u8::is_ascii_digit) {
            return end;
        }
        at = next;
    }
}

/// The separator that stands first, and its length in bytes.
pub(super) fn separator(bytes: &[u8]) -> Option<(u8, usize)> {
    Some(match bytes {
        [b' ' | b'\t', ..] => (BLANK, 1),
        [b'-', ..] => (DASH, 1),
        [b'.', ..] => (DOT, 1),
        [b'(' | b')', ..] => (BRACKET, 1),
        [b'/', ..] => (SLASH, 1),
        [b'+', ..] => (PLUS, 1),
        [b'_', ..] => (UNDERSCORE, 1),
        [b'%', b'2', b'0', ..] => (BLANK, 3),
        [b'&', b'n', b'b', b's', b'p', b';', ..] | [b'&', b'#', b'1', b'6', b'0', b';', ..] => (BLANK, 6),
        // No-break space.
        [0xC2, 0xA0, ..] => (BLANK, 2),
        // Spaces of General Punctuation, narrow no-break space.
        [0xE2, 0x80, 0x80..=0x8A | 0xAF, ..] => (BLANK, 3),
        // Hyphens and dashes of General Punctuation; minus.
        [0xE2, 0x80, 0x90..=0x95, ..] | [0xE2, 0x88, 0x92, ..] => (DASH, 3),
        // Ideographic space; full-width hyphen.
        [0xE3, 0x80, 0x80, ..] => (BLANK, 3),
        [0xEF, 0xBC, 0x8D, ..] => (DASH, 3),
        _ => return None,
    })
}

/// Whether what follows the digits leaves them a number: no letter but an extension's `x`, no `@`.
fn is_clean(rest: &[u8]) -> bool {
    match rest {
        [b'x' | b'X', next, ..] => next.is_ascii_digit(),
        [b'@', ..] | [b'%', b'4', b'0', ..] => false,
        [next, ..] => !next.is_ascii_alphabetic() && *next != b'_',
        [] => true,
    }
}

/// The digits of some groups, without what is between them.
pub(super) struct Digits {
    digits: [u8; MOST_DIGITS],
    length: usize,
}

/// The longest number of ours, a payment card's, has 19 digits; one more tells that it is too long.
pub(super) const MOST_DIGITS: usize = 20;

impl Digits {
    /// The digits of these groups; `None` where there are too many.
    pub(super) fn of(bytes: &[u8], groups: &[Group]) -> Option<Digits> {
        let mut all = Digits { digits: [0; MOST_DIGITS], length: 0 };
        for group in groups {
            all.push(&bytes[group.start..group.end])?;
        }
        Some(all)
    }

    /// Adds digits; `None` where there are too many.
    pub(super) fn push(&mut self, digits: &[u8]) -> Option<()> {
        let end = self.length + digits.len();
        self.digits.get_mut(self.length..end)?.copy_from_slice(digits);
        self.length = end;
        Some(())
    }

    /// As ASCII.
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}
