//! Containers in which no path of the plan ends or goes on: checked like everything else, and nothing more.

use super::names::{Entry, Names};
use super::text;
use crate::decode::{Limits, Refusal};
use crate::outcome::Reason;

/// An open container.
struct Open {
    object: bool,
    /// Where its names begin, and whether two of them had the same hash.
    names: usize,
    met: bool,
    count: usize,
}

/// Checks containers; its stack is reused.
#[derive(Default)]
pub(super) struct Skipper {
    open: Vec<Open>,
}

/// What holds for one container and all in it.
pub(super) struct Skip<'a> {
    pub(super) input: &'a [u8],
    pub(super) limits: &'a Limits,
    /// How many containers are open around it.
    pub(super) depth: usize,
    /// Whether two equal names in one object make the record malformed.
    pub(super) counts: bool,
}

impl Skipper {
    /// Checks the container whose bracket is at `start`; answers with the byte behind it.
    pub(super) fn skip(&mut self, names: &mut Names, skip: &Skip<'_>, start: usize) -> Result<usize, Refusal> {
        self.open.clear();
        let mut at = self.enter(names, skip, start)?;
        loop {
            // Here begins a value of the innermost container, or the container ends without one.
            if !self.is_close(skip.input, at) {
                at = self.value(names, skip, at)?;
                if let Some(b'{' | b'[') = skip.input.get(at) {
                    at = self.enter(names, skip, at)?;
                    continue;
                }
                at = scalar(skip.input, at)?;
            }
            match self.leave(names, skip, at)? {
                (end, true) => return Ok(end),
                (next, false) => at = next,
            }
        }
    }

    /// Opens the container whose bracket is at `at`; answers with its first byte that is no white space.
    fn enter(&mut self, names: &Names, skip: &Skip<'_>, at: usize) -> Result<usize, Refusal> {
        if skip.depth + self.open.len() >= skip.limits.depth {
            return Err(Refusal { reason: Reason::LimitExceeded, at });
        }
        let object = skip.input.get(at) == Some(&b'{');
        self.open.push(Open { object, names: names.mark(), met: false, count: 0 });
        Ok(text::skip_space(skip.input, at + 1))
    }

    #[inline]
    fn is_close(&self, input: &[u8], at: usize) -> bool {
        let object = self.open.last().is_some_and(|open| open.object);
        input.get(at) == Some(if object { &b'}' } else { &b']' })
    }

    /// Past the member's name, if the innermost container is an object: where the value begins.
    #[inline]
    fn value(&mut self, names: &mut Names, skip: &Skip<'_>, at: usize) -> Result<usize, Refusal> {
        match self.open.last_mut() {
            Some(open) if open.object => member(open, names, skip, at),
            _ => Ok(at),
        }
    }

    /// Behind a value: closes what ends here. Answers with the next value's place, or the skipped container's end and true.
    #[inline]
    fn leave(&mut self, names: &mut Names, skip: &Skip<'_>, mut at: usize) -> Result<(usize, bool), Refusal> {
        loop {
            at = text::skip_space(skip.input, at);
            if self.is_close(skip.input, at) {
                let Some(closed) = self.open.pop() else { return Err(malformed(at)) };
                if closed.object && names.close(skip.input, closed.names, closed.met) {
                    return Err(malformed(at));
                }
                at += 1;
                if self.open.is_empty() {
                    return Ok((at, true));
                }
            } else if skip.input.get(at) == Some(&b',') {
                let next = text::skip_space(skip.input, at + 1);
                // A comma is followed by a value; `is_close` must not take the bracket for an empty container.
                return if self.is_close(skip.input, next) { Err(malformed(next)) } else { Ok((next, false)) };
            } else {
                return Err(malformed(at));
            }
        }
    }
}

/// Reads one member's name and colon.
#[inline]
fn member(open: &mut Open, names: &mut Names, skip: &Skip<'_>, start: usize) -> Result<usize, Refusal> {
    open.count += 1;
    if open.count > skip.limits.members {
        return Err(Refusal { reason: Reason::LimitExceeded, at: start });
    }
    if skip.input.get(start) != Some(&b'"') {
        return Err(malformed(start));
    }
    let (place, unescaped, traits, end) = match names.plain(skip.input, start + 1) {
        Some((end, traits)) => ((start + 1, end - start - 1), false, traits, end + 1),
        None => {
            let read = text::string(skip.input, start).map_err(malformed)?;
            let inner = &skip.input[start + 1..read.end - 1];
            if read.escaped {
                let place = names.unescape(inner);
                (place, true, names.traits(names.unescaped(place)), read.end)
            } else {
                ((start + 1, inner.len()), false, names.traits(inner), read.end)
            }
        }
    };
    if place.1 > skip.limits.name_bytes {
        return Err(Refusal { reason: Reason::LimitExceeded, at: start });
    }
    if traits.control || traits.beyond_ascii && names.has_c1_control(skip.input, place, unescaped) {
        return Err(malformed(start));
    }
    let (first, len) = (place.0 as u32, place.1 as u32);
    open.met |= names.add(open.names, Entry { hash: traits.hash, start: first, len, unescaped, counts: skip.counts });
    let colon = text::skip_space(skip.input, end);
    if skip.input.get(colon) != Some(&b':') {
        return Err(malformed(colon));
    }
    Ok(text::skip_space(skip.input, colon + 1))
}

/// Reads a value that is no container.
#[inline]
fn scalar(input: &[u8], at: usize) -> Result<usize, Refusal> {
    let end = match input.get(at) {
        Some(b'"') => text::string(input, at).map(|read| read.end),
        Some(b't') => text::literal(input, at, b"true"),
        Some(b'f') => text::literal(input, at, b"false"),
        Some(b'n') => text::literal(input, at, b"null"),
        _ => text::number(input, at),
    };
    end.map_err(malformed)
}

fn malformed(at: usize) -> Refusal {
    Refusal { reason: Reason::Malformed, at }
}
