//! Whether a text from a header, or from inside a string, is one JSON document (RFC 8259): checked without allocating, so
//! that the readers of JSON text may be trusted with it afterwards.

/// Consent containers are a few levels deep.
const MAX_DEPTH: usize = 64;

/// Whether the text is exactly one JSON value, white space around it aside.
pub(super) fn is_json(text: &[u8]) -> bool {
    let mut check = Check { text, at: 0 };
    std::str::from_utf8(text).is_ok() && check.value(0).is_some() && check.at == text.len()
}

struct Check<'t> {
    text: &'t [u8],
    at: usize,
}

impl Check<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A value with the white space around it.
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        self.space();
        match self.peek()? {
            b'{' => self.list(b'}', |check| {
                check.space();
                check.string()?;
                check.space();
                check.take(b':')?;
                check.value(depth + 1)
            })?,
            b'[' => self.list(b']', |check| check.value(depth + 1))?,
            b'"' => self.string()?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.number()?,
        }
        self.space();
        Some(())
    }

    /// What stands between brackets, with commas between.
    fn list(&mut self, close: u8, mut one: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.space();
        if self.take(close).is_some() {
            return Some(());
        }
        loop {
            one(self)?;
            self.space();
            if self.take(close).is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => return Some(()),
                b'\\' => self.escape()?,
                0..0x20 => return None,
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if self.take(b'e').or_else(|| self.take(b'E')).is_some() {
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            self.digits()?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::is_json;

    /// The oracle is `serde_json`, which reads RFC 8259 strictly.
    #[test]
    fn agrees_with_a_strict_parser() {
        let bits = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"a\"",
            "\"\\u00e9\\n\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\u{1}\"",
            "1",
            "-0.5e+3",
            "01",
            "-",
            "1.",
            "2e",
            "true",
            "nul",
            "null",
            " ",
            "\t",
            "é",
        ];
        let mut seed = 7_u64;
        let mut valid = 0;
        for round in 0..200_000 {
            let mut text = String::new();
            for _ in 0..=(round % 7) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(bits[(seed >> 33) as usize % bits.len()]);
            }
            let expected = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            assert_eq!(is_json(text.as_bytes()), expected, "{text:?}");
            valid += usize::from(expected);
        }
        assert!(valid > 2_000, "only {valid} texts were JSON");
    }

    #[test]
    fn depth_is_bounded() {
        assert!(is_json(format!("{}{}", "[".repeat(60), "]".repeat(60)).as_bytes()));
        assert!(!is_json(&b"[".repeat(60_000)));
        assert!(!is_json(b"\"\xff\""));
    }
}
