//! The lexical grammar of RFC 8259: strings with escapes, numbers, literals. Every function takes the whole input and
//! an offset, and answers with the offset behind what it read, or the offset of the fault.

use wide::u8x16;

/// An offset at which the text is not JSON.
pub(super) type Fault = usize;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The high bit of the lowest byte that is a quote, a backslash or a control character (higher ones may be wrong).
#[inline]
fn special_bytes(word: u64) -> u64 {
    // A byte with its high bit set is none of the three, so one mask at the end serves all tests.
    let quote = (word ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let control = word.wrapping_sub(ONES * 0x20);
    (quote | backslash | control) & !word & HIGHS
}

/// The offset of the next quote, backslash or control character, or the input's end.
#[inline]
fn find_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let found = special_bytes(word);
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(byte) = text.get(at) {
        if *byte < 0x20 || *byte == b'"' || *byte == b'\\' {
            return at;
        }
        at += 1;
    }
    at
}

/// Reads the string whose opening quote is at `start`; answers with the byte behind it. UTF-8 is checked elsewhere.
pub(super) fn string(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start + 1;
    loop {
        at = find_special(text, at);
        match text.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = escape(text, at)?,
            _ => return Err(at),
        }
    }
}

/// Reads one escape; a surrogate must be a whole pair.
fn escape(text: &[u8], at: usize) -> Result<usize, Fault> {
    match text.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => {
            let code = hex4(text, at + 2).ok_or(at)?;
            match code {
                0xDC00..=0xDFFF => Err(at),
                0xD800..=0xDBFF if text.get(at + 6..at + 8) == Some(b"\\u") => match hex4(text, at + 8) {
                    Some(0xDC00..=0xDFFF) => Ok(at + 12),
                    _ => Err(at),
                },
                0xD800..=0xDBFF => Err(at),
                _ => Ok(at + 6),
            }
        }
        _ => Err(at),
    }
}

fn hex4(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    digits.iter().try_fold(0, |value, digit| Some(value << 4 | (*digit as char).to_digit(16)?))
}

/// Reads a number (RFC 8259, section 6).
#[inline]
pub(super) fn number(text: &[u8], start: usize) -> Result<usize, Fault> {
    match text.get(start..start + SHORT).and_then(|text| text.first_chunk()).and_then(short_number) {
        Some(length) => Ok(start + length),
        None => any_number(text, start),
    }
}

/// Bytes in which most numbers end.
const SHORT: usize = 16;

/// How long a number is that ends in so many bytes, if it has no exponent and nothing else is wrong with it.
#[inline(always)]
fn short_number(text: &[u8; SHORT]) -> Option<usize> {
    let bytes = u8x16::new(*text);
    // Below `0` the difference is large.
    let above = bytes - u8x16::splat(b'0');
    let digits = above.simd_eq(above.min(u8x16::splat(9))).to_bitmask();
    let sign = u32::from(text[0] == b'-');
    let whole = (digits >> sign).trailing_ones();
    let end = sign + whole;
    let has_leading_zero = whole > 1 && text[sign as usize] == b'0';
    if whole == 0 || has_leading_zero || end as usize >= SHORT {
        return None;
    }
    match text[end as usize] {
        b'.' => {
            let fraction = (digits >> (end + 1)).trailing_ones();
            let end = (end + 1 + fraction) as usize;
            (fraction > 0 && end < SHORT && text[end] | 0x20 != b'e').then_some(end)
        }
        b'e' | b'E' => None,
        _ => Some(end as usize),
    }
}

/// Any number, byte by byte.
fn any_number(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    if text.get(at) == Some(&b'-') {
        at += 1;
    }
    match text.get(at) {
        Some(b'0') => at += 1,
        Some(b'1'..=b'9') => at = digits(text, at)?,
        _ => return Err(at),
    }
    if text.get(at) == Some(&b'.') {
        at = digits(text, at + 1)?;
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = text.get(at) {
            at += 1;
        }
        at = digits(text, at)?;
    }
    Ok(at)
}

/// Reads one or more digits.
fn digits(text: &[u8], start: usize) -> Result<usize, Fault> {
    let mut at = start;
    while let Some(b'0'..=b'9') = text.get(at) {
        at += 1;
    }
    if at == start { Err(at) } else { Ok(at) }
}

/// Reads a number or a literal word, of which that is the first byte, and sees that nothing goes on behind it.
#[inline(always)]
pub(super) fn word(text: &[u8], start: usize, first: u8) -> Result<usize, Fault> {
    let end = match first {
        b't' => literal(text, start, b"true"),
        b'f' => literal(text, start, b"false"),
        b'n' => literal(text, start, b"null"),
        _ => number(text, start),
    }?;
    match text.get(end) {
        None | Some(b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') => Ok(end),
        Some(_) => Err(end),
    }
}

/// Whether a literal, or a number without an exponent, stands there within so many bytes, and a comma or a bracket right
/// behind it. How long it is differs from record to record: that is computed, since a guess would often be wrong.
#[inline(always)]
pub(super) fn is_short_word(text: &[u8], start: usize) -> bool {
    let Some(text) = text.get(start..).and_then(|text| text.first_chunk::<SHORT>()) else { return false };
    let length = if text[0] >= b'a' { literal_length(text) } else { number_length(text) };
    length > 0 && matches!(text[length % SHORT], b',' | b'}' | b']')
}

/// How long the literal is that stands there; 0 if there is none.
#[inline(always)]
fn literal_length(text: &[u8; SHORT]) -> usize {
    let word = u64::from_le_bytes(std::array::from_fn(|at| text[at]));
    let (four, five) = (word as u32, word << 24 >> 24);
    let is_four = four == u32::from_le_bytes(*b"true") || four == u32::from_le_bytes(*b"null");
    let is_five = five == u64::from_le_bytes(*b"false\0\0\0");
    4 * usize::from(is_four) + 5 * usize::from(is_five)
}

/// How long the number is that stands there; 0 if there is none. What may stand behind it is not looked at.
#[inline(always)]
fn number_length(text: &[u8; SHORT]) -> usize {
    let bytes = u8x16::new(*text);
    let run = |bits: u32| (!bits | 1 << SHORT).trailing_zeros();
    // Below `0` the difference is large.
    let above = bytes - u8x16::splat(b'0');
    let digits = above.simd_eq(above.min(u8x16::splat(9))).to_bitmask();
    let sign = u32::from(text[0] == b'-');
    let end = sign + run(digits >> sign);
    let has_dot = u32::from(text[end as usize % SHORT] == b'.');
    let fraction = run(digits >> (end + 1));
    let leads_with_zero = (text[sign as usize] == b'0') & (end > sign + 1);
    let is_number = (end > sign) & !leads_with_zero & (fraction >= has_dot);
    usize::from(is_number) * (end + has_dot * (1 + fraction)) as usize
}

/// Reads a literal word.
#[inline(always)]
fn literal<const LENGTH: usize>(text: &[u8], start: usize, word: &[u8; LENGTH]) -> Result<usize, Fault> {
    if text.get(start..start + LENGTH) == Some(word) { Ok(start + LENGTH) } else { Err(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_where_they_end_at_every_alignment() {
        for pad in 0..70 {
            let body = "x".repeat(pad);
            for tail in ["", "\\\\", "\\\"", "\\u00e9", "\\ud83d\\ude00", "é"] {
                let text = format!("\"{body}{tail}{body}\",\"");
                assert_eq!(string(text.as_bytes(), 0), Ok(text.len() - 2));
            }
            for tail in ["\\x", "\\ud800", "\\ud800\\u0041", "\\udc00", "\\u12g4", "\u{1}", "\n", "\\"] {
                assert!(string(format!("\"{body}{tail}").as_bytes(), 0).is_err());
            }
        }
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for text in ["0", "-0", "10", "1.5", "-1.5e+10", "1E5", "0.0", "0e0"] {
            assert_eq!(number(text.as_bytes(), 0), Ok(text.len()));
        }
        for text in ["", "-", "+1", ".5", "1.", "1e", "1e+", "-a"] {
            assert!(number(text.as_bytes(), 0).is_err(), "{text}");
        }
        assert_eq!(number(b"01", 0), Ok(1));
    }

    /// What is taken for a short word is one, with what may stand behind it.
    #[test]
    fn short_words_are_words() {
        let starts = ["true", "false", "null", "tru", "truest", "nul", "falsy", "fals", ""];
        let numbers = [
            "0",
            "-0",
            "-",
            "12.50",
            "01",
            "-01",
            "1.",
            ".5",
            "1.5.2",
            "1-2",
            "1e5",
            "-7.25",
            "123456789012345",
            "1234567890123456",
        ];
        for word_text in starts.iter().chain(&numbers) {
            for behind in [",", "}", "]", ":", " ", "e", "E1", "\"", ".", "-", "0", "x", ",,", "\u{0}"] {
                let text = format!("{word_text}{behind}{}", "#".repeat(20));
                let is_word = text.as_bytes().first().is_some_and(|first| word(text.as_bytes(), 0, *first).is_ok());
                let is_short = is_short_word(text.as_bytes(), 0);
                assert!(is_word || !is_short, "{text}");
                let is_usual = is_word && b",}]".contains(&behind.as_bytes()[0]) && !word_text.contains("e5");
                assert!(is_short || !is_usual || word_text.len() >= SHORT, "{text}");
                assert!(!is_short_word(&text.as_bytes()[..SHORT - 1], 0), "{text}");
            }
        }
    }

    /// A short number is seen at once, a long one byte by byte.
    #[test]
    fn numbers_end_at_the_same_place_whatever_stands_behind_them() {
        let numbers =
            ["0", "-0", "7", "41", "-305", "1.5", "-12.75", "0.0", "00", "-01", "1.", "-", "1.e5", "2e3", "2E-3", "1.25e+7"];
        let long = [
            "123456789012345",
            "1234567890123456",
            "12345678901234567",
            "123456789.12345",
            "123456789.1234567",
            "-0.1234567890123",
        ];
        for number_text in numbers.iter().chain(&long) {
            for behind in ["", ",", "}", "]", " ", "\n", ".", "e", "E", "+", "-", "x", "5", "\"", "/", ":", "é"] {
                let bare = format!("{number_text}{behind}");
                let padded = format!("{bare}{}", ",".repeat(40));
                assert_eq!(number(bare.as_bytes(), 0), any_number(bare.as_bytes(), 0), "{bare}");
                assert_eq!(number(padded.as_bytes(), 0), any_number(padded.as_bytes(), 0), "{bare}");
            }
        }
    }
}
