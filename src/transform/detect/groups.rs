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
    // In a query a plus is a blank: `tel=%2B49+30+123456`.
    let in_query = matches!(&bytes[..start], [.., b'='] | [.., b'%', b'2', b'B' | b'b' | b'8']);
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
            gap.kinds |= if in_query && kind == PLUS { BLANK } else { kind };
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
        [b'%', rest @ ..] => return escaped(rest),
        [b'&', rest @ ..] => return entity(rest),
        [0xC2..=0xEF, ..] => return wide(bytes),
        _ => return None,
    })
}

/// A separator in escapes of a URL, behind the `%`.
fn escaped(rest: &[u8]) -> Option<(u8, usize)> {
    Some(match rest {
        [b'2', b'0', ..] => (BLANK, 3),
        [b'2', b'D' | b'd', ..] => (DASH, 3),
        [b'2', b'8' | b'9', ..] => (BRACKET, 3),
        [b'2', b'E' | b'e', ..] => (DOT, 3),
        [b'C' | b'c', b'2', b'%', b'A' | b'a', b'0', ..] => (BLANK, 6),
        // Spaces and hyphens of General Punctuation, of which nothing else stands between digits.
        [b'E' | b'e', b'2', b'%', b'8', b'0', b'%', b'8' | b'A' | b'a', _, ..] => (BLANK, 9),
        [b'E' | b'e', b'2', b'%', b'8', b'0', b'%', b'9', _, ..] => (DASH, 9),
        _ => return None,
    })
}

/// A blank or hyphen as an entity of HTML, behind the `&`.
fn entity(rest: &[u8]) -> Option<(u8, usize)> {
    const ENTITIES: &[(&[u8], u8)] = &[
        (b"nbsp;", BLANK),
        (b"#160;", BLANK),
        (b"#xa0;", BLANK),
        (b"#xA0;", BLANK),
        (b"thinsp;", BLANK),
        (b"#8201;", BLANK),
        (b"#x2009;", BLANK),
        (b"#8239;", BLANK),
        (b"#x202f;", BLANK),
        (b"#x202F;", BLANK),
        (b"ensp;", BLANK),
        (b"emsp;", BLANK),
        (b"numsp;", BLANK),
        (b"#32;", BLANK),
        (b"#x20;", BLANK),
        (b"ndash;", DASH),
        (b"#8209;", DASH),
        (b"#8211;", DASH),
        (b"hyphen;", DASH),
        (b"dash;", DASH),
        (b"#45;", DASH),
        (b"shy;", BLANK),
        (b"#173;", BLANK),
    ];
    ENTITIES.iter().find(|(name, _)| rest.starts_with(name)).map(|(name, kind)| (*kind, name.len() + 1))
}

/// A separator beyond ASCII. Signs without width stand for blanks: they part digits no more than those do.
fn wide(bytes: &[u8]) -> Option<(u8, usize)> {
    Some(match bytes {
        // No-break space, soft hyphen; middle dot.
        [0xC2, 0xA0 | 0xAD, ..] => (BLANK, 2),
        [0xC2, 0xB7, ..] => (DOT, 2),
        // Spaces of General Punctuation, zero-width ones, marks of direction, narrow no-break space.
        [0xE2, 0x80, 0x80..=0x8F | 0xAA..=0xAF, ..] => (BLANK, 3),
        // Mathematical space, word joiner, isolates.
        [0xE2, 0x81, 0x9F | 0xA0 | 0xA6..=0xA9, ..] => (BLANK, 3),
        // Hyphens and dashes of General Punctuation; hyphen bullet; minus.
        [0xE2, 0x80, 0x90..=0x95, ..] | [0xE2, 0x81, 0x83, ..] | [0xE2, 0x88, 0x92, ..] => (DASH, 3),
        // Ideographic space; the long vowel of Katakana, typed for a hyphen; small hyphens.
        [0xE3, 0x80, 0x80, ..] => (BLANK, 3),
        [0xE3, 0x83, 0xBC, ..] => (DASH, 3),
        [0xEF, 0xB9, 0x98 | 0xA3, ..] => (DASH, 3),
        // Full-width forms; the byte order mark as a space without width.
        [0xEF, 0xBC, 0x8D, ..] => (DASH, 3),
        [0xEF, 0xBC, 0x8E, ..] => (DOT, 3),
        [0xEF, 0xBC, 0x88 | 0x89, ..] => (BRACKET, 3),
        [0xEF, 0xBC, 0x8F, ..] => (SLASH, 3),
        [0xEF, 0xBB, 0xBF, ..] => (BLANK, 3),
        _ => return None,
    })
}

/// Whether what follows the digits leaves them a number: no letter but an extension's `x`, no `@`.
fn is_clean(rest: &[u8]) -> bool {
    match rest {
        [b'x' | b'X', next, ..] => next.is_ascii_digit(),
        [b'@', ..] | [b'%', b'4', b'0', ..] => false,
        [b'&', ..] => !(rest.starts_with(b"&#64;") || rest.starts_with(b"&commat;")),
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
