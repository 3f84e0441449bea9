//! A small reader of Rust sources: identifiers and punctuation with their lines, comments, strings and test-only items left out.

use std::path::{Path, PathBuf};

/// One identifier, or one character of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// The text, a single character for punctuation.
    pub(crate) text: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

/// What the product, as against its unit tests, consists of in one file.
pub(crate) struct Source {
    /// Tokens outside `#[cfg(test)]` items.
    pub(crate) tokens: Vec<Token>,
    /// Names of `#[cfg(test)] mod name;` declarations: files that are tests only.
    pub(crate) test_modules: Vec<String>,
}

/// Reads one file's text.
pub(crate) fn read(text: &str) -> Source {
    let all = tokenise(text);
    let mut tokens = Vec::new();
    let mut test_modules = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if starts_with(&all[at..], &["#", "[", "cfg", "(", "test", ")", "]"]) {
            let end = item_end(&all, at + 7);
            let item: Vec<&str> = all[at + 7..end].iter().map(|t| t.text.as_str()).collect();
            if let Some(place) = item.iter().position(|t| *t == "mod")
                && item.get(place + 2) == Some(&";")
            {
                test_modules.push(item[place + 1].to_owned());
            }
            at = end;
        } else {
            tokens.push(all[at].clone());
            at += 1;
        }
    }
    Source { tokens, test_modules }
}

/// True if the tokens begin with these texts.
pub(crate) fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

/// The paths that a `#[cfg(test)] mod name;` in `file` may mean.
pub(crate) fn module_files(file: &Path, name: &str) -> [PathBuf; 2] {
    let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let parent = file.parent().unwrap_or(Path::new(""));
    let dir = match stem {
        "mod" | "lib" | "main" => parent.to_owned(),
        other => parent.join(other),
    };
    [dir.join(format!("{name}.rs")), dir.join(name)]
}

/// The index after the item that begins at `at`: its closing brace, or its semicolon.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && tokens[at].text == "}" {
                    return at + 1;
                }
            }
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

fn tokenise(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < bytes.len() {
        let end = skip(bytes, at).unwrap_or(at);
        if end > at {
            line += count_lines(&bytes[at..end]);
            at = end;
            continue;
        }
        let byte = bytes[at];
        if byte.is_ascii_whitespace() {
            line += usize::from(byte == b'\n');
            at += 1;
        } else if is_word(byte) {
            let start = at;
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
            tokens.push(Token { text: text[start..at].to_owned(), line });
        } else {
            tokens.push(Token { text: char::from(byte).to_string(), line });
            at += 1;
        }
    }
    tokens
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b == b'\n').count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The end of the comment, string or character literal that begins at `at`, if one does.
fn skip(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(block_comment_end(bytes, at));
    }
    let before = at.checked_sub(1).map(|i| bytes[i]);
    let begins_word = before.is_none_or(|b| !is_word(b));
    if begins_word {
        for prefix in ["br", "cr", "r"] {
            if let Some(tail) = rest.strip_prefix(prefix.as_bytes()) {
                let hashes = tail.iter().take_while(|b| **b == b'#').count();
                if tail.get(hashes) == Some(&b'"') {
                    return Some(raw_string_end(bytes, at + prefix.len() + hashes + 1, hashes));
                }
            }
        }
    }
    match rest[0] {
        b'"' => Some(quoted_end(bytes, at + 1, b'"')),
        b'\'' => char_literal_end(bytes, at),
        _ => None,
    }
}

fn block_comment_end(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

fn raw_string_end(bytes: &[u8], mut at: usize, hashes: usize) -> usize {
    while at < bytes.len() {
        let tail = &bytes[at + 1..];
        if bytes[at] == b'"' && tail.len() >= hashes && tail[..hashes].iter().all(|b| *b == b'#') {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn quoted_end(bytes: &[u8], mut at: usize, quote: u8) -> usize {
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// A lifetime (`'a`) is no literal: there the quote is punctuation.
fn char_literal_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at + 1) == Some(&b'\\') {
        return Some(quoted_end(bytes, at + 1, b'\''));
    }
    let width = match bytes.get(at + 1)? {
        0x00..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    };
    (bytes.get(at + 1 + width) == Some(&b'\'')).then_some(at + 2 + width)
}
