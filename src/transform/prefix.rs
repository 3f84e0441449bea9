//! `prefix`: the first characters of a text, such as a geohash or a postcode.

use super::output::Output;

/// Keeps `keep` characters and with the last of them its combining marks go: nothing of the rest stays.
pub(super) fn write(text: &str, keep: usize, out: &mut Output<'_>) -> Option<()> {
    let end = text.char_indices().nth(keep).map_or(text.len(), |(at, _)| at);
    out.quote();
    out.text(&text[..end]);
    out.quote();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_characters_not_bytes() {
        for (text, keep, expected) in [
            ("u4pruydqqvj", 5, "u4pru"),
            ("u4", 5, "u4"),
            ("é1234", 1, "é"),
            ("例え", 1, "例"),
            ("", 3, ""),
            ("SW1A 1AA", 4, "SW1A"),
        ] {
            let mut buffer = Vec::new();
            write(text, keep, &mut Output::bare(&mut buffer)).unwrap();
            assert_eq!(String::from_utf8(buffer).unwrap(), expected);
        }
    }
}
