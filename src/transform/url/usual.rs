//! URLs as most are: http or https, visible ASCII, a plain host, a path and a query without other marks than theirs, no
//! fragment. They are looked at once, and what stays is copied in as few pieces as it has; all others are taken apart by
//! the grammar, which says the same of these.

use super::super::output::Output;
use super::names::Names;
use std::ops::Range;
use wide::u8x16;

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// URLs with more marks are not usual.
const MOST_MARKS: usize = 64;

/// Writes what stays of such a URL; `None`, with nothing written, where it is none.
pub(super) fn write(text: &[u8], names: &mut Names<'_>, out: &mut Output<'_>) -> Option<()> {
    let host = [&b"https://"[..], b"http://"].into_iter().find(|scheme| text.starts_with(scheme))?.len();
    let mut places = [0; MOST_MARKS];
    let marks = marks(text, &mut places)?;
    // The colon and both slashes of the scheme come first.
    let mut marks = marks.get(3..)?.iter().map(|at| usize::from(*at));
    let mut mark = marks.next();
    let host_end = mark.unwrap_or(text.len());
    if host_end == host || !text[host..host_end].iter().all(|byte| is_of_host(*byte)) {
        return None;
    }
    while let Some(at) = mark.filter(|at| text[*at] != b'?') {
        if !matches!(text[at], b'/' | b':' | b'@' | b'$' | b'<' | b'>') || at == host_end && text[at] != b'/' {
            return None;
        }
        mark = marks.next();
    }
    if mark.is_some() && marks.clone().any(|at| matches!(text[at], b';' | b'#')) {
        return None;
    }
    out.quote();
    let Some(question) = mark else {
        out.buffer().extend_from_slice(text);
        out.quote();
        return Some(());
    };
    let mut kept = Kept { text, run: 0..question + 1, out };
    let mut has_kept = false;
    let mut start = question + 1;
    loop {
        let (end, name_end, is_single) = piece(text, &mut marks);
        if names.release_named(&text[start..name_end], &text[start..end], is_single) {
            // The separator in front of the first is the question mark.
            kept.add(if has_kept { start - 1..end } else { start..end });
            has_kept = true;
        }
        if end == text.len() {
            break;
        }
        start = end + 1;
    }
    if !has_kept {
        kept.run.end -= 1;
    }
    kept.flush();
    out.quote();
    Some(())
}

/// Where the next parameter ends, where its name does (where what is before its first `=` can be read in one way only), and
/// whether all of it can.
fn piece(text: &[u8], marks: &mut impl Iterator<Item = usize>) -> (usize, usize, bool) {
    let (mut name_end, mut is_single) = (None, true);
    for at in marks {
        match text[at] {
            b'&' => return (at, name_end.unwrap_or(at), is_single),
            b'=' if name_end.is_none() && is_single => name_end = Some(at),
            b'=' | b'%' | b'?' | b'/' => is_single = false,
            _ => {}
        }
    }
    (text.len(), name_end.unwrap_or(text.len()), is_single)
}

/// What stays, as one run as long as nothing goes.
struct Kept<'t, 'w, 'o> {
    text: &'t [u8],
    run: Range<usize>,
    out: &'w mut Output<'o>,
}

impl Kept<'_, '_, '_> {
    fn add(&mut self, range: Range<usize>) {
        if range.start != self.run.end {
            self.flush();
            self.run.start = range.start;
        }
        self.run.end = range.end;
    }

    fn flush(&mut self) {
        self.out.buffer().extend_from_slice(&self.text[self.run.clone()]);
    }
}

/// Letters, digits and what else stands in most hosts.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Where bytes stand that may mean something (and some that mean nothing), if all are visible ASCII that no output escapes,
/// and not too many mean something.
fn marks<'p>(text: &[u8], places: &'p mut [u16; MOST_MARKS]) -> Option<&'p [u16]> {
    if text.len() > usize::from(u16::MAX) {
        return None;
    }
    let (blocks, rest) = text.as_chunks();
    let mut last = [b'a'; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let mut count = 0;
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let mut found = marks_of(block)?;
        while found != 0 {
            *places.get_mut(count)? = (number * BLOCK) as u16 + found.trailing_zeros() as u16;
            count += 1;
            found &= found - 1;
        }
    }
    Some(&places[..count])
}

/// The same of one block, as bits.
fn marks_of(block: &[u8; BLOCK]) -> Option<u64> {
    let (mut found, mut is_usual) = (0, true);
    for (quarter, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
        let bytes = u8x16::new(*bytes);
        let within = |first: u8, last: u8| {
            let above = bytes - u8x16::splat(first);
            above.simd_eq(above.min(u8x16::splat(last - first)))
        };
        let is = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
        is_usual &= (within(b'!', b'~') & !is(b'"') & !is(b'\\')).to_bitmask() == u32::from(u16::MAX);
        // `#$%&`, `:;<=>?@`, and the slash.
        let marks = (within(b'#', b'&') | within(b':', b'@') | is(b'/')).to_bitmask();
        found |= u64::from(marks) << (16 * quarter);
    }
    is_usual.then_some(found)
}
