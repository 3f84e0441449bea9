//! The pieces of a query: what stands between `&`, `;`, and the `&amp;` of links copied out of HTML.

/// The pieces of the text in order, each with the separator before it; the first has none.
pub(super) fn pieces(text: &str) -> Pieces<'_> {
    Pieces { separator: "", rest: Some(text) }
}

/// See [`pieces`].
pub(super) struct Pieces<'a> {
    separator: &'a str,
    rest: Option<&'a str>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let separator = self.separator;
        let Some(at) = memchr::memchr2(b'&', b';', rest.as_bytes()) else {
            self.rest = None;
            return Some((separator, rest));
        };
        let length = separator_length(&rest.as_bytes()[at..]);
        self.separator = &rest[at..at + length];
        self.rest = Some(&rest[at + length..]);
        Some((separator, &rest[..at]))
    }
}

fn separator_length(text: &[u8]) -> usize {
    match text.get(..5) {
        Some(entity) if entity.eq_ignore_ascii_case(b"&amp;") => 5,
        Some(_) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_every_separator() {
        let found: Vec<_> = pieces("a=1&b;c&AMP;d=&").collect();
        assert_eq!(found, [("", "a=1"), ("&", "b"), (";", "c"), ("&AMP;", "d="), ("&", "")]);
        assert_eq!(pieces("").collect::<Vec<_>>(), [("", "")]);
    }
}
